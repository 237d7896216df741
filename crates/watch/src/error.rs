//! What can go wrong at the start; later nothing ends the watching.

use keyway_core::LoadError;

/// Why a directory is not watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The directory is broken, and there is no good registry to keep. See [`Watch::even_if_broken`](crate::Watch::even_if_broken).
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The system gives no thread.
    #[error("the system gives no thread to watch with")]
    Thread,
}
