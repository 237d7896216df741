//! A file that is its owner's alone: read without a gap between look and use, replaced whole or not at all.

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, OFlags, flock},
    process::geteuid,
};
use zeroize::Zeroizing;

use super::KeyError;

/// The largest file that is read, in bytes.
pub(super) const LIMIT: u64 = 64 * 1024;
/// How long another process may hold the lock. It needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// Reads a file. What is checked is the file that was opened, so that nobody can put another one in its place meanwhile.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let shown = path.display();
    let io = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => KeyError::Missing(format!("the file {shown} does not exist")),
        // The error of a link that is not followed says "too many levels", or something else, as the system has it.
        _ if path.is_symlink() => {
            KeyError::Unsafe(format!("the file {shown} is a symbolic link; name the file that it leads to"))
        }
        _ => KeyError::Malformed(format!("the file {shown}: {error}")),
    };
    // A pipe must not block.
    let file = OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(path).map_err(io)?;
    let before = file.metadata().map_err(io)?;
    check(&before).map_err(|why| KeyError::Unsafe(format!("the file {shown} {why}")))?;
    if before.len() > LIMIT {
        let most = LIMIT / 1024;
        return Err(KeyError::Malformed(format!("the file {shown} is larger than {most} KiB")));
    }
    // Space for all of it at once: what a buffer leaves behind when it grows is not zeroised.
    let mut content = Zeroizing::new(Vec::with_capacity(usize::try_from(LIMIT).unwrap_or_default() + 1));
    let mut bounded = (&file).take(LIMIT + 1);
    step();
    bounded.read_to_end(&mut content).map_err(io)?;
    let after = file.metadata().map_err(io)?;
    // Not the time of its status: that changes when another file takes its place, and this one is still whole.
    let stamp = |of: &Metadata| (of.len(), of.mtime(), of.mtime_nsec());
    if stamp(&before) != stamp(&after) || content.len() as u64 != after.len() {
        return Err(KeyError::Malformed(format!(
            "the file {shown} was written to while it was read; try again"
        )));
    }
    Ok(content)
}

/// The right to replace a file: an exclusive lock on the file that will take its place.
///
/// That file stands beside the other, as `<name>.new`. A process that is killed loses its lock; what it leaves there is
/// written over by the next one. Whoever waited for a lock on a file that took its place meanwhile begins anew.
pub(super) struct Lock<'a> {
    path: &'a Path,
    beside: PathBuf,
    file: File,
    moved: bool,
}

impl<'a> Lock<'a> {
    pub(super) fn take(path: &'a Path) -> io::Result<Self> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let start = Instant::now();
        loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(flags(OFlags::NONBLOCK))
                .open(&beside)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", beside.display())))?;
            let found = file.metadata()?;
            check(&found).map_err(|why| io::Error::other(format!("{} {why}", beside.display())))?;
            step();
            let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
            match locked {
                Ok(()) if !names(&beside, &found)? => {}
                // Left by a process that was killed when it had just made the file: both names are the same file's.
                Ok(()) if names(path, &found)? => fs::remove_file(&beside)?,
                // Somebody gave another file this name, to have it written over.
                Ok(()) if file.metadata()?.nlink() != 1 => {
                    let shown = beside.display();
                    return Err(io::Error::other(format!("{shown} has a second name; remove it")));
                }
                Ok(()) => return Ok(Self { path, beside, file, moved: false }),
                Err(rustix::io::Errno::WOULDBLOCK) => thread::sleep(PAUSE),
                Err(error) => return Err(error.into()),
            }
            if start.elapsed() > PATIENCE {
                return Err(io::Error::other("another process keeps it locked"));
            }
        }
    }

    /// Puts `content` in the file's place, at once: a process that is killed at any step leaves the old or the new one.
    pub(super) fn replace(mut self, content: &[u8]) -> io::Result<()> {
        self.fill(content)?;
        fs::rename(&self.beside, self.path)?;
        self.moved = true;
        step();
        sync_folder(self.path)
    }

    /// Makes the file, with `content`, where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when there is one after all.
    pub(super) fn create(self, content: &[u8]) -> io::Result<()> {
        self.fill(content)?;
        // Unlike a renaming, a second name never takes the place of another file. `drop` takes the first one away.
        fs::hard_link(&self.beside, self.path)?;
        step();
        sync_folder(self.path)
    }

    fn fill(&self, content: &[u8]) -> io::Result<()> {
        let mut file = &self.file;
        step();
        file.set_len(0)?;
        step();
        let (first, rest) = content.split_at(content.len() / 2);
        file.write_all(first)?;
        step();
        file.write_all(rest)?;
        step();
        file.sync_all()?;
        step();
        Ok(())
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // Under the lock, so that it is nobody else's yet. Where that fails, the next one writes over it.
        if !self.moved {
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// Makes the folder of a file, and those above it, for their owner alone.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let missing: Vec<&Path> = folder.ancestors().take_while(|above| !above.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // The topmost last: a folder is found again after a loss of power when the one above it is kept.
    missing.into_iter().try_for_each(sync_folder)
}

/// Pieces as one text, of which no other copy is made.
pub(super) fn joined<const N: usize>(pieces: [&[u8]; N]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum()));
    for piece in pieces {
        text.extend_from_slice(piece);
    }
    text
}

fn flags(more: OFlags) -> i32 {
    (OFlags::NOFOLLOW | more).bits().cast_signed()
}

/// What is wrong with a file that a key would be in.
fn check(found: &Metadata) -> Result<(), String> {
    let mode = found.mode() & 0o7777;
    let (own, owner) = (geteuid().as_raw(), found.uid());
    if !found.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if owner != own && owner != 0 {
        return Err(format!(
            "belongs to the user {owner}; it must belong to whoever runs this (user {own}), or to root"
        ));
    }
    if mode & 0o077 != 0 {
        return Err(format!("may be used by others than its owner (mode {mode:04o}); run `chmod 600` on it"));
    }
    Ok(())
}

/// Tells whether a path names this very file.
fn names(path: &Path, file: &Metadata) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the names of a file's folder outlast a loss of power.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Between any two steps a process may be killed, or another one come in; tests look at what they leave.
fn step() {
    #[cfg(test)]
    tests::STEP.with_borrow_mut(|look| look());
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    thread_local! {
        /// What happens between two steps of this thread.
        pub(in super::super) static STEP: RefCell<Box<dyn FnMut()>> = RefCell::new(Box::new(|| {}));
    }
}
