//! What a store says of its vault at one moment.

use crate::{
    Error, KeyError, KeyId, KeySource, KnownKey, MasterKey,
    error::tampered,
    roots::{Roots, same},
    seal::{Binding, Ring, key_of},
    store::{EntryRow, Head, KeyRow, Store, VaultRow},
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

/// Takes the keys that a vault needs from their source.
pub(crate) async fn unlock(
    store: &dyn Store,
    source: &dyn KeySource,
    mut state: State,
) -> Result<(State, Ring), Error> {
    loop {
        let ring = ring_from(source, &state.row, &state.keys).await;
        if ring.is_err() {
            // A rotation may have ended since, and its old key may be gone.
            let now = State::read(store).await?;
            if now.head.changed != state.head.changed {
                state = now;
                continue;
            }
        }
        return Ok((state, ring?));
    }
}

/// The keys that a vault's row and its keys' rows need.
pub(crate) async fn ring_from(
    source: &dyn KeySource,
    row: &VaultRow,
    rows: &[KeyRow],
) -> Result<Ring, Error> {
    let masters = source.keys(&known(rows)?).await?;
    ring_of(rows, &masters, row)
}

/// What is derived from a vault's root secret.
pub(crate) fn roots_of(ring: &Ring, row: &VaultRow) -> Result<Roots, Error> {
    let secret = ring.open(&Binding::root(row), &row.root).map_err(|_| tampered("the vault's root"))?;
    Ok(Roots::new(&secret))
}

pub(crate) fn known(rows: &[KeyRow]) -> Result<Vec<KnownKey>, Error> {
    let in_use = rows.iter().filter(|row| row.is_in_use());
    in_use
        .map(|row| {
            let id = KeyId::parse(&row.id).ok_or_else(|| tampered("a key's row"))?;
            Ok(KnownKey { id, wrapped: row.wrapped.clone() })
        })
        .collect()
}

/// Tells whether a key's row is as it was written.
pub(crate) fn authentic_key(roots: &Roots, row: &KeyRow) -> bool {
    same(&roots.key(row), &row.mac)
}

/// The ring of all keys that records may be under. Each of them must be there.
fn ring_of(rows: &[KeyRow], masters: &[MasterKey], vault: &VaultRow) -> Result<Ring, Error> {
    let mut needed: Vec<KeyId> = known(rows)?.into_iter().map(|key| key.id).collect();
    let root = key_of(&vault.root).map_err(|_| tampered("the vault's root"))?;
    needed.push(root);
    for needed in needed.iter().copied() {
        if !masters.iter().any(|key| key.id() == needed) {
            let there: Vec<String> = masters.iter().map(|key| key.id().to_string()).collect();
            let there = match there.as_slice() {
                [] => "none is there".to_owned(),
                [one] => format!("the one that is there is {one}"),
                several => format!("those that are there are {}", several.join(", ")),
            };
            return Err(wrong(needed, &there).into());
        }
    }
    // The root is always under the active key: both change in one batch.
    if !rows.iter().any(|row| row.is_active() && row.id == root.to_string()) {
        return Err(tampered("which key is the active one"));
    }
    // A source may hold others: retired ones, or those of another vault. Nothing is under them.
    Ok(Ring::new(masters.iter().filter(|key| needed.contains(&key.id())), root))
}

pub(crate) fn wrong(needed: KeyId, there: &str) -> KeyError {
    KeyError::Wrong { needed, there: there.to_owned() }
}

/// Tells whether a head is that of the chain's end. `end` are the last two entries, or the only one, and all that stand
/// behind the head.
pub(crate) fn is_end(roots: &Roots, head: &Head, end: &[EntryRow]) -> bool {
    let before = if head.seq == 1 { &[][..] } else { end.first().map_or(&[][..], |entry| &entry.mac) };
    end.last().is_some_and(|entry| {
        entry.seq == head.seq && same(&entry.mac, &head.mac) && same(&roots.entry(before, entry), &entry.mac)
    })
}
