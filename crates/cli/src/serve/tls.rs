//! The certificate and its key: files that are read again when they change.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use keyway_hub::{Tls, TlsError};

use super::file;

/// A certificate that follows its files. A pair that cannot be used leaves the one before in use.
pub(super) struct Certificate {
    pub(super) tls: Tls,
    cert: PathBuf,
    key: PathBuf,
    /// What the files held when they were last looked at: a hash, since one of them is a key.
    seen: u64,
}

/// A key of the configuration, and what is wrong with it.
type Wrong = (&'static str, String);

/// What the files hold.
struct Pair {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// Says which key of the configuration is wrong, and how.
    pub(super) fn read(cert: PathBuf, key: PathBuf) -> Result<Self, Wrong> {
        let pair = Pair::read(&cert, &key)?;
        let tls = Tls::from_pem(&pair.cert, &pair.key).map_err(wrong)?;
        Ok(Self { tls, cert, key, seen: seen(&Ok(pair)) })
    }

    /// Reads the files again if they changed since the last look.
    pub(super) fn look(&mut self) {
        let pair = Pair::read(&self.cert, &self.key);
        let now = seen(&pair);
        if now != self.seen {
            self.seen = now;
            self.take(pair);
        }
    }

    /// Reads the files again.
    pub(super) fn reload(&mut self) {
        let pair = Pair::read(&self.cert, &self.key);
        self.seen = seen(&pair);
        self.take(pair);
    }

    fn take(&self, pair: Result<Pair, Wrong>) {
        let taken = pair.and_then(|pair| self.tls.reload(&pair.cert, &pair.key).map_err(wrong));
        match taken {
            Ok(()) => tracing::info!("the certificate was read again, and is in use"),
            Err((key, why)) => {
                tracing::error!("the new certificate cannot be used, and the old one stays: {key}: {why}");
            }
        }
    }
}

fn wrong(error: TlsError) -> Wrong {
    let key = if matches!(error, TlsError::Certificate) { "tls.cert" } else { "tls.key" };
    (key, error.to_string())
}

impl Pair {
    fn read(cert: &Path, key: &Path) -> Result<Self, Wrong> {
        let read = |path, name| file::bytes(path).map_err(|why| (name, why));
        Ok(Self { cert: read(cert, "tls.cert")?, key: read(key, "tls.key")? })
    }
}

fn seen(pair: &Result<Pair, Wrong>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match pair {
        Ok(pair) => (&pair.cert, &pair.key).hash(&mut hasher),
        Err(why) => why.hash(&mut hasher),
    }
    hasher.finish()
}
