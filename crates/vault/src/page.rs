//! Lists come in parts.

use crate::{Error, error::tampered};

/// A part of a list, sorted by id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// What is as it was written; that may be less than was asked for, or nothing, before the end.
    pub whole: Vec<T>,
    /// The ids of what is not, and is not shown.
    pub damaged: Vec<String>,
    /// The id after which the next part begins; none: this is the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A part whose rows, at most `limit`, have these ids; nothing is in it yet.
    pub(crate) fn of<'i>(limit: usize, ids: impl ExactSizeIterator<Item = &'i String>) -> Self {
        // What is left out of a part is read, and does not end the list.
        let is_full = ids.len() >= limit;
        let next = if is_full { ids.last().cloned() } else { None };
        Self { whole: Vec::new(), damaged: Vec::new(), next }
    }

    /// What is in it, where all of that is as it was written; `what` each is.
    pub(crate) fn all(self, what: &str) -> Result<Vec<T>, Error> {
        match self.damaged.first() {
            None => Ok(self.whole),
            Some(id) => Err(tampered(&format!("{what} {id}"))),
        }
    }
}
