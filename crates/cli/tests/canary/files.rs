//! What stands in files.

use std::{
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use crate::{
    sink::{Sink, is_key_file},
    stage::Caught,
};

/// The files and folders below a folder. What vanishes meanwhile is passed over.
pub(crate) fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(all(&path));
        }
        found.push(path);
    }
    found
}

/// What is in the files below a folder, and their names. Master keys are left out of the file that is theirs.
pub(crate) fn below(folder: &Path) -> Caught {
    let mut found = Caught::new();
    for path in all(folder) {
        let name = path.file_name().unwrap();
        found.push((Sink::FileNames, name.as_bytes().to_vec()));
        let Ok(bytes) = fs::read(&path) else { continue };
        let sink = Sink::of_file(path.strip_prefix(folder).unwrap());
        if sink == Sink::Wal {
            // Its pages have a head each, and it has one.
            found.push((sink, bytes.get(32..).unwrap_or_default().to_vec()));
        } else if name.to_str().is_some_and(is_key_file) {
            // Also from what is to take its place, which whoever is killed leaves until the next rotation.
            found.push((sink, keys(&bytes).1));
        } else {
            found.push((sink, bytes));
        }
    }
    found
}

/// The master keys in a file, and the rest of it.
pub(crate) fn keys(file: &[u8]) -> (Vec<String>, Vec<u8>) {
    let is_key = |line: &&[u8]| line.len() == 64 && line.iter().all(u8::is_ascii_hexdigit);
    let (keys, rest): (Vec<&[u8]>, Vec<&[u8]>) = file.split(|byte| *byte == b'\n').partition(is_key);
    let keys = keys.into_iter().map(|key| String::from_utf8(key.to_vec()).unwrap());
    (keys.collect(), rest.join(&b'\n'))
}
