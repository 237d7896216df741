//! What a directory holds, as far as loading it goes.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, DirEntry},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, ErrorKind, Read as _},
    path::Path,
};

/// The files of a provider's folder that loading it reads, or looks for.
const FILES: [&str; 4] = ["provider.yaml", "provider.yml", "fixtures.yaml", "logo.svg"];

/// More of a file than is ever loaded.
const LONGEST: u64 = 1024 * 1024;

/// What a directory held at a moment: a digest of what would be loaded, by the name of its folder. Two that are equal are
/// loaded alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(Result<BTreeMap<OsString, u64>, ErrorKind>);

impl Snapshot {
    /// Of a directory with nothing in it.
    pub(crate) fn empty() -> Self {
        Self(Ok(BTreeMap::new()))
    }

    /// Takes one of a directory.
    pub(crate) fn of(directory: &Path) -> Self {
        let digests = || {
            let mut digests = BTreeMap::new();
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                digests.extend(digest(&entry).map(|digest| (entry.file_name(), digest)));
            }
            Ok(digests)
        };
        Self(digests().map_err(|error: io::Error| error.kind()))
    }

    /// Tells whether a folder held the same in both.
    pub(crate) fn agrees(&self, other: &Self, folder: &str) -> bool {
        let digest = |snapshot: &Self| snapshot.0.as_ref().ok()?.get(OsStr::new(folder)).copied();
        digest(self) == digest(other)
    }
}

/// The digest of what loading looks at in an entry of the directory; `None` where it looks at nothing.
fn digest(entry: &DirEntry) -> Option<u64> {
    let path = entry.path();
    if entry.file_name().as_encoded_bytes().starts_with(b".") {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    if !path.is_dir() {
        // A descriptor beside the folders is a fault, whatever it holds, and a link that leads nowhere is one.
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        let leads_nowhere = path.is_symlink() && !path.exists();
        return (is_yaml || leads_nowhere).then(|| hasher.finish());
    }
    let mut is_there = false;
    for name in FILES {
        let content = content(&path.join(name));
        is_there |= !matches!(content, Err(ErrorKind::NotFound));
        content.hash(&mut hasher);
    }
    is_there.then(|| hasher.finish())
}

/// A file's content; `Ok(None)` for what is no file.
fn content(path: &Path) -> Result<Option<Vec<u8>>, ErrorKind> {
    let read = || {
        fs::symlink_metadata(path)?;
        // A link that leads nowhere is there all the same; a pipe or a device has no end.
        if !fs::metadata(path).is_ok_and(|file| file.is_file()) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    read().map_err(|error: io::Error| error.kind())
}
