//! How the command ends.

use std::process::ExitCode;

use keyway::{
    LoadError, NotFound, VerdictKind,
    vault::{Error, KeyError, StoreError},
};
use keyway_testkit::FixturesError;

/// The exit status: a part of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The credential is valid, the request was answered, or what was asked for was shown.
    Done = 0,
    /// A usage error, or a fault of our own.
    Failed = 1,
    /// The values were refused before anything was sent.
    Refused = 2,
    Invalid = 3,
    Forbidden = 4,
    RateLimited = 5,
    Unavailable = 6,
    Unknown = 7,
    /// Something in the vault is not as it was written.
    Damaged = 8,
}

impl From<VerdictKind> for Exit {
    fn from(kind: VerdictKind) -> Self {
        match kind {
            VerdictKind::Valid => Self::Done,
            VerdictKind::Invalid => Self::Invalid,
            VerdictKind::Forbidden => Self::Forbidden,
            VerdictKind::RateLimited => Self::RateLimited,
            VerdictKind::Unavailable => Self::Unavailable,
            VerdictKind::Unknown => Self::Unknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it is for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Says what is wrong, and never a value.
    Because(String),
    /// A kept key cannot be used any more; nothing was sent. Says why.
    NeedsKey(String),
    /// Something in the vault is not as it was written. Says what.
    Damaged(String),
    /// The person pressed Ctrl-C or Esc at a question.
    Cancelled,
}

impl Failure {
    pub(crate) fn because(text: impl Into<String>) -> Self {
        Self::Because(text.into())
    }

    /// How the command ends then.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Because(_) | Self::Cancelled => Exit::Failed,
            Self::NeedsKey(_) => Exit::Refused,
            Self::Damaged(_) => Exit::Damaged,
        }
    }
}

impl From<NotFound> for Failure {
    fn from(error: NotFound) -> Self {
        Self::because(error.to_string())
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let count = error.problems().len();
        let problems = if count == 1 { "a problem".to_owned() } else { format!("{count} problems") };
        Self::Because(format!("the providers cannot be used: {problems}\n{error}"))
    }
}

impl From<FixturesError> for Failure {
    fn from(error: FixturesError) -> Self {
        Self::because(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Tampered { .. } => Self::Damaged(error.to_string()),
            Error::NeedsKey { .. } => Self::NeedsKey(error.to_string()),
            _ => Self::Because(error.to_string()),
        }
    }
}

impl From<keyway_hub::Error> for Failure {
    fn from(error: keyway_hub::Error) -> Self {
        match error {
            keyway_hub::Error::Vault(error) => error.into(),
            other => Self::Because(other.to_string()),
        }
    }
}

impl From<keyway_connect::Error> for Failure {
    fn from(error: keyway_connect::Error) -> Self {
        match error {
            keyway_connect::Error::Vault(error) => error.into(),
            other => Self::Because(other.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Error::from(error).into()
    }
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Error::from(error).into()
    }
}
