//! A file that has to stay the one that was opened.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{StoreError, StoreErrorKind};

/// A file, as it was when it was opened. Another one may be put in its place while it is open: what is written then is gone
/// with the old one, and what others write is not seen.
#[derive(Debug, Clone)]
pub(super) struct SameFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl SameFile {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), identity: identity(path) }
    }

    /// Makes sure that it still is. It is asked before each use, which it costs a microsecond.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.identity == identity(&self.path) {
            return Ok(());
        }
        Err(StoreError::new(StoreErrorKind::Unusable)
            .because("its file was taken away, or another one is in its place, since it was opened"))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Elsewhere a file that is open cannot be replaced.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|_| (0, 0))
}
