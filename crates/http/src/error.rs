//! What can go wrong.

use keyway_core::TransportError;

/// Why a request got no answer, or why there is no client to send it.
///
/// No message holds a value, a path or a query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request may not carry this credential. Nothing was sent.
    #[error(transparent)]
    Authorize(#[from] keyway_core::Error),
    /// No answer came.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Setup(&'static str),
}
