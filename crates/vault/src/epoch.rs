//! A number that moves when rows change, for whoever keeps something that was read.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::store::Batch;

/// Counts changes of rows as this process comes to know of them.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    count: AtomicU64,
    /// [`Head::changed`](crate::Head::changed) of the last change that moved it.
    told: AtomicI64,
}

/// Moves the epoch when it is dropped: what was sent to the database may be done, also where nobody waits for the answer.
pub(crate) struct Moving<'e>(&'e Epoch);

impl Epoch {
    pub(crate) fn now(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Held while a batch is committed; nothing for one that changes no row.
    pub(crate) fn moving(&self, batch: &Batch) -> Option<Moving<'_>> {
        (!batch.changes.is_empty()).then(|| Moving(self))
    }

    /// A batch of this process is done, and the epoch has moved since.
    pub(crate) fn done(&self, batch: &Batch) {
        if let Some(head) = batch.head().filter(|_| !batch.changes.is_empty()) {
            self.told.store(head.changed, Ordering::Release);
        }
    }

    /// Rows changed, and the last change is this one. Nothing moves for one of this process: it did already.
    pub(crate) fn learn(&self, changed: i64) {
        if self.told.swap(changed, Ordering::AcqRel) != changed {
            self.step();
        }
    }

    fn step(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        self.0.step();
    }
}
