//! Why a gateway could not be opened or ended.

/// Why a gateway could not be opened, or not be ended as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The vault says no.
    #[error(transparent)]
    Vault(#[from] keyway_vault::Error),
    /// The way to the providers could not be set up.
    #[error(transparent)]
    Http(#[from] keyway_http::Error),
    /// A text is not what it should be. It is not repeated.
    #[error("{0}")]
    Setting(&'static str),
    /// A socket cannot be used.
    #[error("the listener cannot be used: {0}")]
    Listener(std::io::ErrorKind),
}
