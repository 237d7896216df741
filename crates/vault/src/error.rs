//! Why the vault did not do what it was asked for.

use crate::{KeyError, StoreError};

/// The vault did not do what it was asked for. Nothing is half done; and where nothing is said of it, nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The tenant has nothing of this id. It is the same error when another tenant has.
    #[error("there is no such connection or grant")]
    NotFound,
    /// Somebody else changed it at the same time, again and again. Trying again may help.
    #[error("somebody else changes it at the same time; try again")]
    Conflict,
    /// There is no vault in this database.
    #[error("there is no vault in this database yet")]
    NoVault,
    /// The master key is missing, or not the right one. Nothing was read or changed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record is not as it was written: somebody changed, moved or put back an old one. It is not used.
    #[error("{what} is not as it was written; `verify` says more")]
    Tampered {
        /// Which: a connection, a grant, the audit log, and its id.
        what: String,
    },
    /// A stored credential cannot be used as the provider is described today, and nothing was sent: it needs a new key.
    #[error("this connection needs a new key: {why}")]
    NeedsKey {
        /// Why, and never a value.
        why: String,
    },
    /// What was checked, or was to be replaced, is a key that the connection does not have any more. Nothing was changed.
    #[error("the connection has another key by now, and nothing was changed")]
    Replaced,
    /// The new key belongs to another account than the connection.
    #[error("this key belongs to another account than the connection's")]
    OtherAccount,
    /// There is a connection with this id already.
    #[error("there is a connection with this id already")]
    Exists,
    /// What was given is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// Somebody else rotates keys at this moment.
    #[error("keys are being rotated by somebody else; if none is at it, it can go on in at most 30 seconds")]
    Rotating,
    /// A use cannot be written to the audit log: too many wait to be written already. Nothing should be sent.
    #[error("the audit log cannot be written at this moment; nothing was sent")]
    Audit,
    /// A file is not an export, is cut off, or was changed. Nothing was imported.
    #[error("this export cannot be imported: {0}")]
    Import(String),
    /// A file or stream could not be read or written.
    #[error("{0}")]
    Io(String),
}

/// Something is not as it was written.
pub(crate) fn tampered(what: &str) -> Error {
    Error::Tampered { what: what.to_owned() }
}
