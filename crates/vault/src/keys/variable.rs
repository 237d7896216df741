//! Master keys in a variable of the environment.

use std::{env, ffi::OsString};

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::{
    KeyError, KeyId, KeySource, KnownKey, MasterKey, NewKey,
    text::{self, HOW_TO_MAKE},
};

/// A variable of the environment with master keys: 64 hex digits each, in either case, separated by commas, the newest first.
///
/// It is read when keys are asked for, and cannot be changed from here: a new key is put before the others by whoever starts
/// the process, and an old one is taken out by them.
///
/// # Security
/// Whoever may look at the process sees its environment, and so do its children. A file, or a key service, is better.
#[derive(Debug, Clone)]
pub struct KeyVariable {
    name: String,
}

impl KeyVariable {
    /// The variable of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    fn read(&self, value: Option<OsString>) -> Result<Vec<MasterKey>, KeyError> {
        let place = self.describe();
        let missing = |what: &str| {
            let how = format!("make a key with {HOW_TO_MAKE} and set {} to it", self.name);
            Err(KeyError::Missing(format!("{place} {what}; {how}")))
        };
        let Some(value) = value else { return missing("is not set") };
        let value = Zeroizing::new(value.into_encoded_bytes());
        if value.trim_ascii().is_empty() {
            return missing("is empty");
        }
        let pieces = (1..).zip(value.split(|byte| *byte == b','));
        let keys = text::read_all(pieces, |number| format!("key {number} of {place}"))?;
        Ok(keys.into_iter().map(|piece| piece.key).collect())
    }

    fn unknown(&self, keys: Vec<MasterKey>, known: &[KeyId]) -> Result<NewKey, KeyError> {
        match keys.into_iter().find(|key| !known.contains(&key.id())) {
            Some(key) => Ok(NewKey { key, wrapped: None }),
            None => Err(KeyError::NotKept(format!(
                "{place} cannot be changed from here, and holds no key that is new to the database: make one with \
                 {HOW_TO_MAKE}, put it before the others as {name}=NEW,OLD, and start again",
                place = self.describe(),
                name = self.name,
            ))),
        }
    }
}

#[async_trait]
impl KeySource for KeyVariable {
    fn describe(&self) -> String {
        format!("the variable {}", self.name)
    }

    async fn keys(&self, _known: &[KnownKey]) -> Result<Vec<MasterKey>, KeyError> {
        self.read(env::var_os(&self.name))
    }

    async fn fresh(&self, known: &[KeyId]) -> Result<NewKey, KeyError> {
        self.unknown(self.read(env::var_os(&self.name))?, known)
    }

    async fn forget(&self, _id: KeyId) -> Result<bool, KeyError> {
        Ok(false)
    }
}
