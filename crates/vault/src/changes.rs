//! What changed of connections, and which of them nobody looked at for long.

use std::time::SystemTime;

use crate::{ConnectionId, Entry, Error, Scope, Tenant, Vault, audit::millis, error::tampered, roots::same};

/// The most that is read together.
const MAX_PAGE: usize = 1000;

/// A connection that nobody checked for long.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// Whose it is.
    pub tenant: Tenant,
    /// The connection.
    pub id: ConnectionId,
    /// The provider's id when it was saved.
    pub provider: String,
}

impl Vault {
    /// Changes of connections of all tenants after an entry of the audit log, in order; at most `limit`, and at most 1,000. It
    /// passes over uses and grants without reading them. Each comes by its number and for itself: one that is not as it was
    /// written, or whose predecessor is gone, is [`Error::Tampered`], and those after it are shown. Whether one of them is gone,
    /// [`verify`](Self::verify) says.
    pub async fn changes(&self, after: i64, limit: usize) -> Result<Vec<(i64, Result<Entry, Error>)>, Error> {
        self.changes_of(None, after, limit).await
    }

    /// Active connections whose last check, or where there was none their making, is before a time: the oldest first, without
    /// the first `skip`; at most `limit`, and at most 1,000. Those of the providers in `without` are left out. Each comes by what
    /// its row has for an id, and for itself: one that makes no sense is [`Error::Tampered`]. Whether the others are as they were
    /// written is seen when they are opened.
    pub async fn due(
        &self,
        before: SystemTime,
        without: &[String],
        skip: usize,
        limit: usize,
    ) -> Result<Vec<(String, Result<Due, Error>)>, Error> {
        let skip = u32::try_from(skip).unwrap_or(u32::MAX);
        let rows = self.0.store.due(millis(before), without, skip, page(limit)).await?;
        let due = rows.into_iter().map(|row| {
            let one = match (Tenant::parse(&row.tenant), ConnectionId::parse(&row.id)) {
                (Ok(tenant), Ok(id)) => Ok(Due { tenant, id, provider: row.provider }),
                _ => Err(tampered(&format!("connection {}", row.id))),
            };
            (row.id, one)
        });
        Ok(due.collect())
    }

    async fn changes_of(
        &self,
        tenant: Option<&Tenant>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<(i64, Result<Entry, Error>)>, Error> {
        let tenant = tenant.map(Tenant::as_str);
        let rows = self.0.store.changes(tenant, after.max(0), page(limit)).await?;
        let entries = rows.into_iter().map(|(row, before)| {
            let before = if row.seq == 1 { Some(Vec::new()) } else { before };
            let is_authentic =
                before.is_some_and(|before| same(&self.0.roots.entry(&before, &row), &row.mac));
            let is_asked_for = tenant.is_none_or(|tenant| row.tenant.as_deref() == Some(tenant));
            let entry = if is_authentic && is_asked_for {
                Entry::read(&row)
            } else {
                Err(tampered(&format!("entry {} of the audit log", row.seq)))
            };
            (row.seq, entry)
        });
        Ok(entries.collect())
    }
}

impl Scope {
    /// Changes of the tenant's connections, as [`Vault::changes`].
    pub async fn changes(&self, after: i64, limit: usize) -> Result<Vec<(i64, Result<Entry, Error>)>, Error> {
        self.vault.changes_of(Some(&self.tenant), after, limit).await
    }
}

fn page(limit: usize) -> u32 {
    u32::try_from(limit.min(MAX_PAGE)).unwrap_or_default()
}
