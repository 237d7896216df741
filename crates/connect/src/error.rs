//! Why the control plane does not start.

use std::io;

/// The control plane cannot be set up, or cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something was set that cannot be.
    #[error("{0}")]
    Setting(&'static str),
    /// The look cannot be shown.
    #[error("`{field}` {why}")]
    Look {
        /// Which part of it, as the REST API names it.
        field: &'static str,
        /// Why; never the value.
        why: &'static str,
    },
    /// The listener cannot be used.
    #[error("the listener cannot be used: {0}")]
    Listener(io::ErrorKind),
    /// The vault did not do it.
    #[error(transparent)]
    Vault(#[from] keyway_vault::Error),
}
