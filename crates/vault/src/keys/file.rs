//! Master keys in a file.

use std::{
    io::{self, ErrorKind},
    ops::Range,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{
    KeyError, KeyId, KeySource, KnownKey, MasterKey, NewKey,
    private::{self, Lock, joined},
    retired,
    text::{self, MAX_KEYS, Numbered},
};

/// A file of master keys: one a line as 64 hex digits, in either case, the newest one first. Blank lines and lines that begin
/// with `#` are passed over; there are at most 16 keys and 64 KiB. On Unix alone, where a file says who may use it.
///
/// It is a regular file, not a link, that its owner alone may use (mode 0600 or less), and its owner is root or whoever runs
/// this; otherwise it is not read.
///
/// It is changed by putting another file in its place, which is written beside it as `<name>.new`, under a lock, and is
/// complete on the disk before: whenever a process is killed, the file is the old or the new one, and two processes lose
/// neither's key. So its folder must be writable for that, and comments are kept.
///
/// A key that is forgotten goes to [`KeyFile::retired`], and is in one of the two files at every step.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file at a path. It is read when keys are asked for.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Makes a file with a new key in it, and its folder (mode 0700) where there is none. A file that is there already and
    /// holds a key is left as it is, and its key is the one to use. Blocks while the disk writes.
    ///
    /// # Errors
    /// [`KeyError::Exists`] when there is something else, [`KeyError::Unsafe`] when others may use it, and
    /// [`KeyError::NotKept`] when it cannot be made. Nothing that was there is ever written over.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, KeyError> {
        let this = Self::at(path);
        this.make()?;
        Ok(this)
    }

    /// Makes the file, as [`KeyFile::create`] does. `false` when it is there already and holds a key: another vault may use
    /// it too.
    ///
    /// # Errors
    /// As [`KeyFile::create`].
    pub fn make(&self) -> Result<bool, KeyError> {
        match self.try_make() {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match self.read() {
                Ok(_) => Ok(false),
                Err(error @ KeyError::Unsafe(_)) => Err(error),
                Err(error) => Err(KeyError::Exists(format!(
                    "{} is there and is left as it is, and cannot be used: {error}",
                    self.describe()
                ))),
            },
            Err(error) => Err(self.not_kept(&error)),
        }
    }

    /// Where the keys are that were taken out of this one: `<name>.retired`, a file of the same form. Nothing here reads it;
    /// a person does, who needs an older key once more, and deletes it when nobody will. It takes 64 KiB.
    pub fn retired(&self) -> PathBuf {
        retired::beside(&self.path)
    }

    fn try_make(&self) -> io::Result<()> {
        if self.path.symlink_metadata().is_ok() {
            return Err(ErrorKind::AlreadyExists.into());
        }
        private::make_folder(&self.path)?;
        let lines = [HEAD, &text::write(&MasterKey::generate()), "\n"];
        Lock::take(&self.path)?.create(&joined(lines.map(str::as_bytes)))
    }

    pub(super) fn read(&self) -> Result<Content, KeyError> {
        let text = private::read(&self.path)?;
        Content::read(text, &self.path)
    }

    pub(super) fn fresh_key(&self, known: &[KeyId]) -> Result<MasterKey, KeyError> {
        if let Some(key) = self.read()?.take_unknown(known) {
            return Ok(key);
        }
        let lock = Lock::take(&self.path).map_err(|error| self.not_kept(&error))?;
        // Another process may have made one meanwhile.
        let mut content = self.read()?;
        if let Some(key) = content.take_unknown(known) {
            return Ok(key);
        }
        if content.keys.len() >= MAX_KEYS {
            return Err(KeyError::NotKept(format!(
                "{} holds {MAX_KEYS} keys already; take those away that nothing is sealed with any more",
                self.describe()
            )));
        }
        let fresh = MasterKey::generate();
        lock.replace(&content.with_first(&fresh)).map_err(|error| self.not_kept(&error))?;
        Ok(fresh)
    }

    pub(super) fn without(&self, id: KeyId) -> Result<bool, KeyError> {
        if self.read()?.line_of(id).is_none() {
            return Ok(true);
        }
        match self.take_away(id)? {
            Ok(kept) => Ok(kept),
            // The file is there to be read: a mounted secret, another user's folder.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::ResourceBusy
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(self.not_kept(&error)),
        }
    }

    /// Moves a key to the retired ones; `false` when they cannot take it, and it is where it was.
    fn take_away(&self, id: KeyId) -> Result<io::Result<bool>, KeyError> {
        let lock = match Lock::take(&self.path) {
            Ok(lock) => lock,
            Err(error) => return Ok(Err(error)),
        };
        let content = self.read()?;
        let Some(line) = content.line_of(id) else { return Ok(Ok(true)) };
        if content.keys.len() == 1 {
            return Err(KeyError::NotKept(format!("{} would be left without a key", self.describe())));
        }
        // First: whoever is killed in between leaves it in both.
        if !retired::keep(&self.retired(), &line.key) {
            return Ok(Ok(false));
        }
        Ok(lock.replace(&content.without(line)).map(|()| true))
    }

    fn not_kept(&self, error: &io::Error) -> KeyError {
        KeyError::NotKept(format!("{} cannot be written: {error}", self.describe()))
    }

    /// Does what may wait for a disk where that keeps nobody else waiting.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || work(&this))
            .await
            .map_err(|_| KeyError::Malformed(format!("{} was not read to its end", self.describe())))?
    }
}

#[async_trait]
impl KeySource for KeyFile {
    fn describe(&self) -> String {
        place_of(&self.path)
    }

    async fn keys(&self, _known: &[KnownKey]) -> Result<Vec<MasterKey>, KeyError> {
        let content = self.blocking(Self::read).await?;
        Ok(content.keys.into_iter().map(|line| line.key).collect())
    }

    async fn fresh(&self, known: &[KeyId]) -> Result<NewKey, KeyError> {
        let known = known.to_vec();
        let key = self.blocking(move |this| this.fresh_key(&known)).await?;
        Ok(NewKey { key, wrapped: None })
    }

    async fn forget(&self, id: KeyId) -> Result<bool, KeyError> {
        self.blocking(move |this| this.without(id)).await
    }
}

const HEAD: &str = "\
# A master key of Keyway. Whoever has it and the database can read every stored credential; without it, nobody can.
# Keep a copy of it apart from the database and from the database's backups.
# One key a line, the newest first. An older one is needed until nothing is sealed with it any more: then a rotation moves it
# to the file beside this one that ends with `.retired`.
";

/// What a file holds.
pub(super) struct Content {
    text: Zeroizing<Vec<u8>>,
    pub(super) keys: Vec<Numbered>,
}

impl Content {
    fn read(text: Zeroizing<Vec<u8>>, path: &Path) -> Result<Self, KeyError> {
        if text.starts_with(b"\xef\xbb\xbf") || text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff")
        {
            let what = "begins with a byte order mark; save it as plain text without one";
            return Err(KeyError::Malformed(format!("{} {what}", place_of(path))));
        }
        let lines = lines(&text).map(|(number, range)| (number, &text[range]));
        let keys = text::read_all(lines.filter(|(_, line)| is_key(line)), |number| {
            format!("line {number} of {}", place_of(path))
        })?;
        if keys.is_empty() {
            return Err(KeyError::Missing(format!("{} holds none", place_of(path))));
        }
        Ok(Self { text, keys })
    }

    fn line_of(&self, id: KeyId) -> Option<&Numbered> {
        self.keys.iter().find(|line| line.key.id() == id)
    }

    fn take_unknown(&mut self, known: &[KeyId]) -> Option<MasterKey> {
        let index = self.keys.iter().position(|line| !known.contains(&line.key.id()))?;
        Some(self.keys.remove(index).key)
    }

    /// The same with one more line, before the first key.
    fn with_first(&self, key: &MasterKey) -> Zeroizing<Vec<u8>> {
        let at =
            self.lines().find(|(_, line)| is_key(&self.text[line.clone()])).map_or(0, |(_, line)| line.start);
        joined([&self.text[..at], text::write(key).as_bytes(), b"\n", &self.text[at..]])
    }

    /// The same without the line of a key.
    fn without(&self, key: &Numbered) -> Zeroizing<Vec<u8>> {
        let gone = self.lines().find(|(number, _)| *number == key.number).map_or(0..0, |(_, line)| line);
        joined([&self.text[..gone.start], &self.text[gone.end..]])
    }

    fn lines(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        lines(&self.text)
    }
}

/// The lines of a text, numbered from 1, each with its end of line.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut start = 0;
    text.split_inclusive(|byte| *byte == b'\n').zip(1..).map(move |(line, number)| {
        let range = start..start + line.len();
        start = range.end;
        (number, range)
    })
}

fn is_key(line: &[u8]) -> bool {
    !matches!(line.trim_ascii().first(), None | Some(b'#'))
}

fn place_of(path: &Path) -> String {
    format!("the file {}", path.display())
}
