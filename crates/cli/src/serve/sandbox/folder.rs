//! The sandbox's folder, and what it remembers from one start to the next.

use std::{
    fs::{self, DirBuilder, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::certificate;
use crate::{
    exit::Failure,
    system,
    vault::{Folder as Usual, usual},
};

/// The sandbox's folder: nobody else works with it.
pub(super) struct Folder {
    path: PathBuf,
    /// Held for as long as it is open.
    _lock: File,
}

/// What is remembered. The grants and the API token stand here in clear, because the demonstration is to show the same ones
/// again; nothing else of Keyway keeps one. A port is 0 before the first start.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Memory {
    /// Where the stand-ins were.
    pub(super) port: u16,
    /// Where the connect pages were.
    pub(super) connect_port: u16,
    /// Where the made-up platform was.
    pub(super) platform_port: u16,
    /// The token of the REST API.
    pub(super) api_token: Option<String>,
    /// When the certificate ends, in seconds since 1970.
    pub(super) certificate_until: Option<u64>,
    pub(super) grants: Vec<Kept>,
}

/// A grant of the demonstration.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) provider: String,
    pub(super) method: String,
    pub(super) connection: String,
    pub(super) token: String,
}

const MEMORY: &str = "sandbox.json";

impl Folder {
    /// Opens a folder, and makes it where it is not there yet.
    ///
    /// # Errors
    /// When it cannot be made, or another sandbox works with it.
    pub(super) fn open(given: Option<&Path>) -> Result<Self, Failure> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => usual(Usual::Data)
                .map_err(|_| Failure::because("this user has no home folder; name a folder with --dir"))?
                .join("sandbox"),
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let unusable =
            |error| Failure::Because(format!("--dir takes a folder: {}", system::of_making(&error)));
        builder.create(&path).map_err(unusable)?;
        let lock = File::create(path.join("lock")).map_err(unusable)?;
        if !locked(&lock) {
            return Err(Failure::because(
                "a sandbox runs in this folder already; stop it, or name another folder with --dir",
            ));
        }
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is remembered; nothing at the first start.
    pub(super) fn memory(&self) -> Result<Memory, Failure> {
        let text = match fs::read_to_string(self.path.join(MEMORY)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Memory::default()),
            other => other.map_err(|error| Self::unreadable(system::of_reading(&error)))?,
        };
        // The parser's own error would quote it.
        serde_json::from_str(&text).map_err(|_| Self::unreadable("it is not what was written"))
    }

    fn unreadable(why: &str) -> Failure {
        Failure::Because(format!("{MEMORY} in the sandbox's folder: {why}; remove the folder to begin anew"))
    }

    /// Remembers.
    pub(super) fn remember(&self, memory: &Memory) -> Result<(), Failure> {
        let failed = || Failure::because("the sandbox's folder cannot be written to");
        let text = serde_json::to_string_pretty(memory).map_err(|_| failed())?;
        certificate::write(&self.path.join(MEMORY), &text).map_err(|_| failed())
    }
}

#[cfg(unix)]
fn locked(file: &File) -> bool {
    rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
}

/// Two sandboxes in one folder would only take each other's stand-ins away.
#[cfg(not(unix))]
fn locked(_: &File) -> bool {
    true
}
