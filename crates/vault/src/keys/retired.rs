//! Where the keys go that are taken out of a key file.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use zeroize::Zeroizing;

use super::{
    KeyError, MasterKey,
    private::{self, LIMIT, Lock},
    text,
};

/// The file beside a key file: `<name>.retired`.
pub(super) fn beside(keys: &Path) -> PathBuf {
    let mut path = keys.as_os_str().to_owned();
    path.push(".retired");
    path.into()
}

/// Adds a key, for whoever holds the lock of the key file. It is on the disk when this returns.
///
/// `false` when it cannot be: the file is somebody else's, a link, full, or cannot be written. A process that is killed at
/// any step leaves the file as it was, or with the key.
pub(super) fn keep(path: &Path, key: &MasterKey) -> bool {
    let Ok(lock) = Lock::take(path) else { return false };
    let before = match private::read(path) {
        Ok(before) => before,
        Err(KeyError::Missing(_)) => Zeroizing::new(HEAD.into()),
        Err(_) => return false,
    };
    let line = text::write(key);
    if before
        .split(|byte| *byte == b'\n')
        .any(|there| there.trim_ascii().eq_ignore_ascii_case(line.as_bytes()))
    {
        // Whoever added it may have been killed before its name was sure to stay.
        return private::sync_folder(path).is_ok();
    }
    let end = if before.ends_with(b"\n") { "" } else { "\n" };
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    let about = format!("{end}# The key {}, taken out of the key file at {now}\n", key.id());
    let after = private::joined([&before, about.as_bytes(), line.as_bytes(), b"\n"]);
    after.len() as u64 <= LIMIT && lock.replace(&after).is_ok()
}

const HEAD: &str = "\
# Master keys of Keyway that rotations took out of the key file beside this one. Keyway itself never reads them.
# Backups, exports and copies of the database that were made before need them, and so does another vault that had the same
# key file. Whoever has one of these, and its key from here, can read every credential in it.
# Delete this file when none of those matters any more, or at once when a key was rotated because somebody else had it.
";
