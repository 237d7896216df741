//! What a vault says of itself, what it wrote down, and that something changed.

use serde::Serialize;

use crate::{
    Anchor, Entry, Error, KeyId, Tenant, Vault,
    audit::rfc3339,
    error::tampered,
    roots::same,
    store::{Counts, KeyRow, Lease},
};

/// How a vault stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultStatus {
    /// The vault's id.
    pub id: String,
    /// The engine: `SQLite` or `PostgreSQL`.
    pub engine: &'static str,
    /// Where master keys come from, for a person.
    pub source: String,
    /// The keys, the oldest first.
    pub keys: Vec<KeyStatus>,
    /// Numbers of rows.
    pub counts: Counts,
    /// Where the audit log stands.
    pub anchor: Anchor,
}

/// How a master key stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeyStatus {
    /// The id.
    pub id: String,
    /// `active`; `decrypt`, while a rotation away from it has not ended; or `retired`.
    pub state: String,
    /// When it was made, as RFC 3339 in UTC.
    pub created_at: String,
    /// Connections that are under it.
    pub connections: u64,
}

/// The most audit entries that are read together.
const MAX_PAGE: u32 = 1000;

impl Vault {
    /// Says how the vault stands.
    pub async fn status(&self) -> Result<VaultStatus, Error> {
        let store = &self.0.store;
        let mut keys = Vec::new();
        for KeyRow { id, state, created_at, .. } in store.keys().await? {
            let connections = store.count_under_key(&id).await?;
            keys.push(KeyStatus { id, state, created_at: rfc3339(created_at), connections });
        }
        Ok(VaultStatus {
            id: self.id().to_owned(),
            engine: store.engine(),
            source: self.0.source.describe(),
            keys,
            counts: store.counts().await?,
            anchor: self.anchor().await?,
        })
    }

    /// Writes a little into the database, to find out whether it takes changes. Nothing else in it is another afterwards.
    ///
    /// # Errors
    /// Why it does not, or cannot be reached.
    pub async fn try_write(&self) -> Result<(), Error> {
        // A lease that is over at once, and of which nobody asks who had it.
        let lease = Lease { name: "trial", holder: String::new(), ms: 0 };
        self.0.store.lease(&lease).await?;
        Ok(())
    }

    /// The key under which records are sealed now.
    pub fn active_key(&self) -> KeyId {
        self.ring().active()
    }

    /// Entries of the audit log after a number, in order, of all tenants and of the vault itself; at most `limit`, and at most
    /// 1,000. Each is checked against the one before it, and the last one against the head.
    ///
    /// # Errors
    /// [`Error::Tampered`] names the first entry that is gone, or not as it was written: with a smaller `limit`, those before
    /// it can be read.
    pub async fn audit(&self, after: i64, limit: u32) -> Result<Vec<Entry>, Error> {
        self.entries(None, after, limit).await
    }

    pub(crate) async fn entries(
        &self,
        tenant: Option<&Tenant>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Entry>, Error> {
        let damaged = |seq: i64| tampered(&format!("entry {seq} of the audit log"));
        let tenant = tenant.map(Tenant::as_str);
        let most = usize::try_from(limit.min(MAX_PAGE)).unwrap_or_default();
        // Those of one tenant have gaps, and each entry is bound to the one before, whoever's that is: all are read.
        let page = if tenant.is_some() { MAX_PAGE } else { limit.min(MAX_PAGE) };
        let mut view = self.0.store.snapshot().await?;
        let (_, head) = view.vault().await?.ok_or(Error::NoVault)?;
        let (mut seq, mut mac) = (after.max(0), Vec::new());
        if seq > 0 {
            match view.entries(seq - 1, 1).await?.pop() {
                Some(row) if row.seq == seq => mac = row.mac,
                None if seq > head.seq => return Ok(Vec::new()),
                _ => return Err(damaged(seq)),
            }
        }
        let mut found = Vec::new();
        while found.len() < most {
            let rows = view.entries(seq, page).await?;
            if rows.is_empty() {
                if seq < head.seq {
                    return Err(damaged(seq + 1));
                }
                return if same(&mac, &head.mac) { Ok(found) } else { Err(damaged(seq)) };
            }
            for row in rows {
                if row.seq != seq + 1 || !same(&self.0.roots.entry(&mac, &row), &row.mac) {
                    return Err(damaged(seq + 1));
                }
                if tenant.is_none_or(|tenant| row.tenant.as_deref() == Some(tenant)) {
                    found.push(Entry::read(&row)?);
                }
                (seq, mac) = (row.seq, row.mac);
                if found.len() == most {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Waits until anything but uses was written after the audit entry `after`, by whatever process; returns the number of
    /// the last such entry. What changed is in the [`audit`](Self::audit) log. May be dropped at any time.
    ///
    /// # Errors
    /// When the database does not say, within some seconds: what was read before may not hold any more.
    pub async fn changed(&self, after: i64) -> Result<i64, Error> {
        let changed = self.0.store.changed(after).await?;
        self.0.epoch.learn(changed);
        Ok(changed)
    }

    /// A number that is another one once a row changed: a connection, a grant, a key. Uses do not move it.
    ///
    /// Whoever keeps something that was read notes this number before reading, and reads again once it moved. It moves with a
    /// change of this process before the call returns that made it, also where it is not known whether it was made; with
    /// those of others when [`changed`](Self::changed) returns with them, so somebody has to wait there. It moves sometimes
    /// where nothing changed. It is of this vault and its clones, and begins anew with each process.
    pub fn epoch(&self) -> u64 {
        self.0.epoch.now()
    }
}
