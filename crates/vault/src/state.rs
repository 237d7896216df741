//! What a store says of its vault at one moment.

use crate::{
    Error,
    roots::{Roots, same},
    store::{EntryRow, Head, KeyRow, Store, VaultRow},
    vault::{authentic_key, tampered},
};

/// The vault's row, its keys, and the end of its audit log: of one moment, whatever others write meanwhile.
pub(crate) struct State {
    pub(crate) row: VaultRow,
    pub(crate) head: Head,
    pub(crate) keys: Vec<KeyRow>,
    /// The last two entries, and what stands behind the head, where nothing should.
    end: Vec<EntryRow>,
}

impl State {
    pub(crate) async fn read(store: &dyn Store) -> Result<Self, Error> {
        let mut view = store.snapshot().await?;
        let (row, head) = view.vault().await?.ok_or(Error::NoVault)?;
        let keys = view.keys().await?;
        let end = view.entries(head.seq.saturating_sub(2).max(0), 3).await?;
        Ok(Self { row, head, keys, end })
    }

    /// Checks that the keys' rows are as they were written, and that the head is that of the chain's end.
    pub(crate) fn check(&self, roots: &Roots) -> Result<(), Error> {
        if let Some(row) = self.keys.iter().find(|row| !authentic_key(roots, row)) {
            return Err(tampered(&format!("the row of key {}", row.id)));
        }
        if is_end(roots, &self.head, &self.end) { Ok(()) } else { Err(tampered("the audit log's end")) }
    }
}

/// Tells whether a head is that of the chain's end. `end` are the last two entries, or the only one, and all that stand
/// behind the head.
pub(crate) fn is_end(roots: &Roots, head: &Head, end: &[EntryRow]) -> bool {
    let before = if head.seq == 1 { &[][..] } else { end.first().map_or(&[][..], |entry| &entry.mac) };
    end.last().is_some_and(|entry| {
        entry.seq == head.seq && same(&entry.mac, &head.mac) && same(&roots.entry(before, entry), &entry.mac)
    })
}
