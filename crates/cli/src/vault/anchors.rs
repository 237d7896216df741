//! A file that is told of every commit where the audit log stands, a line each.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::PathBuf,
};

use keyway::vault::{Anchor, AnchorSink, Error};

use crate::{output, system};

/// The file. Its name is not repeated: a key may have been pasted in its place.
#[derive(Debug, Clone)]
pub(crate) struct AnchorFile {
    path: PathBuf,
}

/// Longer than some of the longest lines, in bytes.
const TAIL: u64 = 4096;
/// The most that is read to look at all of it, in bytes: three million lines.
const MOST: u64 = 256 * 1024 * 1024;

impl AnchorFile {
    pub(super) fn at(path: &OsStr) -> Self {
        Self { path: path.into() }
    }

    /// All of its anchors.
    ///
    /// # Errors
    /// Also when there is no such file: what is looked at would pass for being as the anchors say.
    pub(super) fn all(&self) -> Result<Vec<Anchor>, Error> {
        self.read(MOST)?.ok_or_else(|| Error::Io("--anchors: there is no such file".to_owned()))
    }

    /// The anchors in the last bytes, so many at the most; `None` where there is no file. A line that is cut off was never
    /// finished, and says nothing.
    fn read(&self, most: u64) -> Result<Option<Vec<Anchor>>, Error> {
        let text = match self.text(most) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Error::Io(format!(
                    "--anchors takes a file's name: {}",
                    system::of_reading(&error)
                )));
            }
        };
        let anchors: Vec<Anchor> = text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        if anchors.is_empty() && !text.trim().is_empty() {
            return Err(Error::Io("--anchors: there are no anchors in this file".to_owned()));
        }
        Ok(Some(anchors))
    }

    /// Whether the file's folder is there, so that the file can be made.
    fn has_folder(&self) -> bool {
        match self.path.parent() {
            Some(folder) => folder.as_os_str().is_empty() || folder.is_dir(),
            None => true,
        }
    }

    fn text(&self, most: u64) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let of_file = file.metadata()?;
        if !of_file.is_file() {
            // A device has no end.
            return Err(
                if of_file.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::Unsupported }.into()
            );
        }
        file.seek(SeekFrom::Start(of_file.len().saturating_sub(most)))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn append(&self, anchor: &Anchor) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        // One write, so that the lines of two processes do not mix.
        let start = if ends_within_a_line(&mut file)? { "\n" } else { "" };
        file.write_all(format!("{start}{anchor}\n").as_bytes())?;
        file.sync_data()
    }
}

/// The disk was full once, or the power went.
fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl AnchorSink for AnchorFile {
    fn anchor(&self, anchor: &Anchor) {
        if self.append(anchor).is_err() {
            output::note(&format!(
                "The file of --anchors cannot be written. What was asked for is done; the audit log stands at {anchor}"
            ));
        }
    }

    fn last(&self) -> Result<Option<Anchor>, Error> {
        let Some(anchors) = self.read(TAIL)? else {
            if self.has_folder() {
                return Ok(None);
            }
            return Err(Error::Io(
                "--anchors: the file's folder is not there; nothing was changed".to_owned(),
            ));
        };
        // Two processes may have written in another order than they committed.
        Ok(anchors.into_iter().max_by_key(Anchor::seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(seq: i64) -> Anchor {
        format!("{seq}:{}", "ab".repeat(32)).parse().unwrap()
    }

    #[test]
    fn lines_are_added_and_the_last_one_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors");
        let file = AnchorFile::at(path.as_os_str());
        assert_eq!(file.last().unwrap(), None);
        assert!(file.all().is_err(), "there is no file yet");
        for seq in [1, 2, 4, 3] {
            file.anchor(&anchor(seq));
        }
        assert_eq!(file.last().unwrap(), Some(anchor(4)));
        assert_eq!(file.all().unwrap().len(), 4);
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o777,
            0o600
        );

        // The power went while a line was written.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}5:abab")).unwrap();
        assert_eq!(file.last().unwrap(), Some(anchor(4)));
        file.anchor(&anchor(6));
        assert_eq!(file.last().unwrap(), Some(anchor(6)));
        assert_eq!(file.all().unwrap().len(), 5);
    }

    #[test]
    fn the_end_of_a_long_file_is_enough_and_something_else_is_no_file_of_anchors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchors");
        let file = AnchorFile::at(path.as_os_str());
        let text: String = (1..500).flat_map(|seq| [anchor(seq).to_string(), "\n".to_owned()]).collect();
        std::fs::write(&path, text).unwrap();
        assert_eq!(file.last().unwrap(), Some(anchor(499)));
        std::fs::write(&path, "sk_canary\n").unwrap();
        let said = file.last().unwrap_err().to_string();
        assert!(said.contains("no anchors") && !said.contains("canary"), "{said}");
    }
}
