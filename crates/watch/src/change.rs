//! What came of an edit.

use std::sync::Arc;

use keyway_core::{Id, LoadError, Registry};

/// What came of an edit in the directory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Change {
    /// The directory was loaded anew. The lists are sorted, and all empty when an edit was taken back.
    Reloaded {
        /// The registry from now on.
        registry: Arc<Registry>,
        /// The providers that are new.
        added: Vec<Id>,
        /// The providers whose descriptor, fixtures or logo differ.
        changed: Vec<Id>,
        /// The providers that are gone.
        removed: Vec<Id>,
    },
    /// The directory is broken: the registry stays as it was.
    Kept(Arc<LoadError>),
}
