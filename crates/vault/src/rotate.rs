//! Another master key for everything, while everything goes on.

use crate::{
    Actor, Error, KeyId, Vault,
    audit::{Event, RowMark, What, now},
    encoding::hex,
    error::tampered,
    name::fill,
    scope::is_authentic,
    seal::{Binding, Ring},
    store::{Change, ConnectionRow, KeyRow, Lease, Rewrap},
    vault::key_row,
};

/// How far a rotation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Connections that are under the new key now.
    pub done: u64,
    /// Connections that were to be done when this run began.
    pub of: u64,
}

/// What came of a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotated {
    /// The key that everything is under now.
    pub key: KeyId,
    /// The keys that nothing is under any more since this run.
    pub retired: Vec<KeyId>,
    /// The keys that nothing is under any more, and the source still holds: somebody has to take them away by hand.
    pub to_forget: Vec<KeyId>,
    /// Connections that this run brought under the new key.
    pub rewrapped: u64,
    /// Whether this run went on with one that had not ended.
    pub resumed: bool,
}

/// How many connections are done in one transaction.
const BATCH: u32 = 500;
/// How long the right to rotate lasts without a sign of life, in milliseconds.
const LEASE_MS: i64 = 30_000;

impl Vault {
    /// Brings everything under another master key. Records are not opened: their data keys are wrapped anew.
    ///
    /// Others go on reading and writing meanwhile. When it is stopped at any instant, calling it again goes on where it
    /// was. One rotates at a time.
    ///
    /// # Errors
    /// [`Error::Rotating`] when somebody else is at it. [`Error::Tampered`] names the first connection that is not as it was
    /// written; all others are done then, and the old key stays.
    pub async fn rotate(
        &self,
        actor: &Actor,
        progress: impl FnMut(Progress) + Send,
    ) -> Result<Rotated, Error> {
        let mut holder = [0; 16];
        fill(&mut holder);
        let lease = Lease { name: "rotation", holder: hex(&holder), ms: LEASE_MS };
        if !self.0.store.lease(&lease).await? {
            return Err(Error::Rotating);
        }
        let rotated = self.rotate_under(&lease, actor, progress).await;
        // It runs out by itself where this fails.
        let _ = self.0.store.release(&lease).await;
        rotated
    }

    async fn rotate_under(
        &self,
        lease: &Lease,
        actor: &Actor,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<Rotated, Error> {
        let resumed = self.0.store.keys().await?.iter().any(|row| row.state == KeyRow::DECRYPT);
        if !resumed {
            self.begin(actor).await?;
        }
        let ring = self.reload_keys().await?;
        let rows = self.0.store.keys().await?;
        let old: Vec<&KeyRow> = rows.iter().filter(|row| row.state == KeyRow::DECRYPT).collect();
        let mut all = 0;
        for row in &old {
            all += self.0.store.count_under_key(&row.id).await?;
        }
        let (mut rewrapped, mut damaged) = (0, None);
        for row in &old {
            let mut after: Option<String> = None;
            loop {
                let rows = self.0.store.under_key(&row.id, after.as_deref(), BATCH).await?;
                let Some(last) = rows.last() else { break };
                after = Some(last.id.clone());
                let mut wraps = Vec::with_capacity(rows.len());
                for row in &rows {
                    match self.rewrapped(&ring, row) {
                        Some(wrap) => wraps.push(wrap),
                        None => damaged = damaged.or_else(|| Some(row.id.clone())),
                    }
                }
                rewrapped += self.0.store.rewrap(lease, &wraps).await?.ok_or(Error::Rotating)?;
                progress(Progress { done: rewrapped, of: all });
            }
        }
        if let Some(id) = damaged {
            return Err(tampered(&format!("connection {id}")));
        }
        let mut retired = Vec::new();
        for row in old {
            let id = KeyId::parse(&row.id).ok_or_else(|| tampered("a key's row"))?;
            self.retire(row, id, actor).await?;
            retired.push(id);
        }
        // The old wraps are in the log of the database; what cannot be taken away now goes a little later.
        let _ = self.0.store.scrub().await;
        let before = rows.iter().filter(|row| !row.is_in_use()).filter_map(|row| KeyId::parse(&row.id));
        let to_forget = self.forget(before.chain(retired.iter().copied()).collect()).await;
        Ok(Rotated { key: ring.active(), retired, to_forget, rewrapped, resumed })
    }

    /// Makes another key the active one. From then on nothing new is under the old one: whoever writes notices that the
    /// audit log moved, and reads the keys again.
    async fn begin(&self, actor: &Actor) -> Result<(), Error> {
        let mut write = self.write().await?;
        loop {
            let rows = self.0.store.keys().await?;
            let known: Vec<KeyId> = rows.iter().filter_map(|row| KeyId::parse(&row.id)).collect();
            let fresh = self.0.source.fresh(&known).await?;
            let id = fresh.key.id();
            let (vault, _) = self.0.store.vault().await?.ok_or(Error::NoVault)?;
            let binding = Binding::root(&vault);
            let root = self.open_record(&binding, &vault.root, "the vault's root").await?;
            let root = Ring::new([&fresh.key], id).seal(&binding, &root);
            let roots = &self.0.roots;
            let mut keys = vec![key_row(roots, id, KeyRow::ACTIVE, now(), fresh.wrapped)];
            for row in rows.into_iter().filter(KeyRow::is_active) {
                let id = KeyId::parse(&row.id).ok_or_else(|| tampered("a key's row"))?;
                keys.push(key_row(roots, id, KeyRow::DECRYPT, row.created_at, row.wrapped));
            }
            let what = What {
                actor: Some(actor.to_string()),
                key: Some(id.to_string()),
                rows: keys.iter().map(RowMark::key).collect(),
                ..What::default()
            };
            let mut changes: Vec<Change> = keys.into_iter().map(Change::PutKey).collect();
            changes.push(Change::PutRoot(root));
            if write.commit(changes, vec![Event::of_vault("rotation.started", &what)]).await? {
                return Ok(());
            }
        }
    }

    fn rewrapped(&self, ring: &Ring, row: &ConnectionRow) -> Option<Rewrap> {
        if !is_authentic(self, row) {
            return None;
        }
        Some(Rewrap {
            id: row.id.clone(),
            version: row.version,
            from: row.key.clone(),
            key: ring.active().to_string(),
            credential: ring.rewrap(&Binding::credential(row), &row.credential).ok()?,
            details: ring.rewrap(&Binding::details(row), &row.details).ok()?,
        })
    }

    /// Takes retired keys out of their source, and with them those of rotations that were stopped before they came to that.
    /// Returns those that are still there: everything is under another key all the same.
    async fn forget(&self, retired: Vec<KeyId>) -> Vec<KeyId> {
        let Ok(held) = self.0.source.keys(&[]).await else { return retired };
        let mut left = Vec::new();
        for id in retired.into_iter().filter(|id| held.iter().any(|key| key.id() == *id)) {
            if !matches!(self.0.source.forget(id).await, Ok(true)) {
                left.push(id);
            }
        }
        left
    }

    async fn retire(&self, row: &KeyRow, id: KeyId, actor: &Actor) -> Result<(), Error> {
        let retired = key_row(&self.0.roots, id, KeyRow::RETIRED, row.created_at, None);
        let what = What {
            actor: Some(actor.to_string()),
            key: Some(row.id.clone()),
            rows: vec![RowMark::key(&retired)],
            ..What::default()
        };
        let mut write = self.write().await?;
        loop {
            let event = Event::of_vault("key.retired", &what);
            if write.commit(vec![Change::RetireKey(retired.clone())], vec![event]).await? {
                return Ok(());
            }
        }
    }
}
