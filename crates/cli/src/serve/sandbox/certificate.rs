//! A throw-away certificate for this machine.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::NamedTempFile;

use crate::exit::Failure;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// For how many days a certificate is good.
const DAYS: u32 = 90;
/// What it is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The files of a certificate.
pub(super) struct Files {
    /// What a client trusts.
    pub(super) authority: PathBuf,
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

/// What is in them.
struct Texts {
    authority: String,
    cert: String,
    key: String,
}

/// Makes a certificate in `folder`, unless the one that is there is good for another day: `until` is when that one ends.
/// Returns the files, and when this one ends.
pub(super) fn files(
    folder: &Path,
    until: Option<SystemTime>,
    now: SystemTime,
) -> Result<(Files, SystemTime), Failure> {
    let path = |name| folder.join(name);
    let files = Files { authority: path("ca.pem"), cert: path("cert.pem"), key: path("cert.key") };
    let all_there = [&files.authority, &files.cert, &files.key].iter().all(|file| file.is_file());
    if let Some(until) = until.filter(|until| all_there && now + DAY < *until) {
        return Ok((files, until));
    }
    let until = now + DAYS * DAY;
    let texts =
        make(now, until).map_err(|_| Failure::because("no certificate can be made on this machine"))?;
    [(&files.authority, &texts.authority), (&files.cert, &texts.cert), (&files.key, &texts.key)]
        .into_iter()
        .try_for_each(|(file, text)| write(file, text))
        .map_err(|_| Failure::because("the certificate cannot be written into the folder of --dir"))?;
    Ok((files, until))
}

/// An authority that signs one certificate, after which its key is gone: whoever trusts it trusts nothing else.
fn make(now: SystemTime, until: SystemTime) -> Result<Texts, Error> {
    // Clocks differ a little.
    let (from, until) = ((now - DAY).into(), until.into());
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Keyway's sandbox on this machine");
    (authority.not_before, authority.not_after) = (from, until);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let issuer = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&issuer)?.pem();

    let mut params = CertificateParams::new(NAMES.map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, NAMES[0]);
    (params.not_before, params.not_after) = (from, until);
    // Python's `ssl` is strict about this.
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, &Issuer::from_params(&authority, &issuer))?;
    Ok(Texts { authority: authority_pem, cert: cert.pem(), key: key.serialize_pem() })
}

/// Writes a file that its owner alone may read, in one step.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_certificate_is_kept_until_the_day_before_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let (paths, until) = files(folder.path(), None, now).unwrap();
        let read = || fs::read_to_string(&paths.cert).unwrap();
        let first = read();
        for (later, is_new) in [(DAYS - 2, false), (DAYS - 1, true), (DAYS + 1, true)] {
            let (_, again) = files(folder.path(), Some(until), now + later * DAY).unwrap();
            assert_eq!(read() != first, is_new, "after {later} days");
            assert_eq!(again != until, is_new, "after {later} days");
            fs::write(&paths.cert, &first).unwrap();
        }
        fs::remove_file(&paths.key).unwrap();
        files(folder.path(), Some(until), now).unwrap();
        assert_ne!(read(), first, "one without its key is of no use");
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&paths.key.metadata().unwrap().permissions()) & 0o777,
            0o600
        );
    }
}
