//! Where a vault's key comes from, as it was said.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keyway::vault::{Error, KeyError, KeySource, KeyVariable};

use super::transit;
use crate::exit::Failure;

/// Where a vault's key comes from.
pub(crate) struct Key {
    pub(super) source: Arc<dyn KeySource>,
    /// The file that it is in, where it is in one.
    file: Option<PathBuf>,
    /// What was typed as its place.
    typed: Option<String>,
}

/// The longest name of a variable: 64 hex digits are a key that was pasted in its place.
const MAX_NAME: usize = 60;

/// No key is shorter, in characters.
const SHORT: usize = 12;

impl Key {
    /// Reads `file:PATH`, `env:NAME` or `transit:URL`. What was typed is not repeated: it may be the key itself.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = || {
            Failure::because(
                "--key (or KEYWAY_KEY_SOURCE) says where the key comes from: file:PATH, env:NAME, or \
                 transit:https://HOST:8200/MOUNT/NAME; never the key itself",
            )
        };
        let (kind, place) = text.split_once(':').filter(|(_, place)| !place.is_empty()).ok_or_else(wrong)?;
        match kind {
            "file" => Ok(Self { typed: Some(place.to_owned()), ..Self::file(Path::new(place))? }),
            "env" if is_name(place) => Ok(Self { typed: Some(place.to_owned()), ..Self::variable(place) }),
            "transit" => Ok(Self { source: transit::source(place)?, file: None, typed: None }),
            _ => Err(wrong()),
        }
    }

    pub(super) fn variable(name: &str) -> Self {
        Self { source: Arc::new(KeyVariable::named(name)), file: None, typed: None }
    }

    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere there are no files of keys")]
    pub(super) fn file(path: &Path) -> Result<Self, Failure> {
        let source = Arc::new(keyway::vault::KeyFile::at(path));
        Ok(Self { source, file: Some(path.to_owned()), typed: None })
    }

    #[cfg(not(unix))]
    pub(super) fn file(_: &Path) -> Result<Self, Failure> {
        Err(Failure::because(
            "this system does not say who may read a file, so a key is not kept in one; give it by a variable, with \
             --key env:NAME (or in KEYWAY_KEY), or use transit:URL",
        ))
    }

    /// The failure without what was typed as the key's place: the key itself may have been pasted there.
    pub(super) fn unsaid(&self, failure: Failure) -> Failure {
        let Some(typed) = &self.typed else { return failure };
        let unsaid = |text: String| {
            let text = text.replace(&format!("the file {typed}"), "the file that --key names");
            let text = text.replace(&format!("the variable {typed}"), "the variable that --key names");
            // A short one is no key, and may be a part of other words.
            if typed.len() >= SHORT { text.replace(typed, "…") } else { text }
        };
        match failure {
            Failure::Because(text) => Failure::Because(unsaid(text)),
            Failure::NeedsKey(text) => Failure::NeedsKey(unsaid(text)),
            Failure::Damaged(text) => Failure::Damaged(unsaid(text)),
            Failure::Cancelled => Failure::Cancelled,
        }
    }

    /// Makes the key's file where there is none. Tells whether the key was there already, so that another vault may use it.
    pub(super) fn make(&self) -> Result<bool, KeyError> {
        #[cfg(unix)]
        if let Some(file) = &self.file {
            return Ok(!keyway::vault::KeyFile::at(file).make()?);
        }
        // A key service makes one for each vault.
        Ok(self.source.keeps())
    }

    /// What comes of an error, with where to look when it is for want of a key that a rotation took out of the file.
    pub(super) fn failed(&self, error: Error) -> Failure {
        let wants = matches!(error, Error::Key(KeyError::Missing(_) | KeyError::Wrong { .. }));
        if !(wants && self.retired().is_some_and(|file| file.is_file())) {
            return error.into();
        }
        // Not its whole name, which may have been typed.
        Failure::Because(format!(
            "{error}. Keys that a rotation took out of the key file are beside it, in the one that ends with `.retired`: put \
             the line of this key into a key file of its own (mode 0600), and name that with --key file:…"
        ))
    }

    /// The file of the keys that rotations took out of its own, where it is in one.
    pub(super) fn retired(&self) -> Option<PathBuf> {
        #[cfg(unix)]
        return self.file.as_ref().map(|file| keyway::vault::KeyFile::at(file).retired());
        #[cfg(not(unix))]
        None
    }

    /// The file that it is in, where it is in one.
    pub(super) fn file_name(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_said_itself() {
        let hex = "c0ffee".repeat(11);
        for wrong in
            ["", "canary", "env:", "env:canary-7", "env:7canary", "KEYWAY_KEY", &hex, &format!("env:{hex}")]
        {
            let Err(Failure::Because(said)) = Key::parse(wrong) else { panic!("{wrong}") };
            assert!(said.contains("never the key itself") && !said.contains("canary"), "{said}");
            assert!(!said.contains("c0ffee"), "{said}");
        }
        assert_eq!(Key::parse("env:KEYWAY_KEY").unwrap().source.describe(), "the variable KEYWAY_KEY");
    }
}
