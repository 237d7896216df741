//! Files that are named in a configuration. No error repeats a name: a key may have been pasted in its place.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::Path,
};

use crate::system;

/// The largest that is read, in bytes: nothing that is configured here is as large.
const MOST: u64 = 1024 * 1024;

/// What is in a file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = read(path).map_err(|error| system::of_reading(&error).to_owned())?;
    if bytes.len() as u64 > MOST { Err("it is larger than 1 MiB".to_owned()) } else { Ok(bytes) }
}

/// The text that is in a file.
pub(super) fn text(path: &Path) -> Result<String, String> {
    String::from_utf8(bytes(path)?).map_err(|_| "it is no text".to_owned())
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        // A device has no end.
        return Err(if metadata.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::Unsupported }.into());
    }
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
