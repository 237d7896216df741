//! What changed of connections, and which of them nobody looked at for long.

use std::time::SystemTime;

use crate::{ConnectionId, Entry, Error, Scope, Tenant, Vault, audit::millis, error::tampered, roots::same};

/// The most that is read together.
const MAX_PAGE: usize = 1000;

impl Vault {
    /// Changes of connections of all tenants after an entry of the audit log, in order; at most `limit`, and at most 1,000. It
    /// passes over uses and grants without reading them. Each entry is checked against the one before it; whether one of them
    /// is gone, [`verify`](Self::verify) says.
    ///
    /// # Errors
    /// [`Error::Tampered`] names the first entry that is not as it was written.
    pub async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Entry>, Error> {
        self.changes_of(None, after, limit).await
    }

    /// Active connections whose last check, or where there was none their making, is before a time: the oldest first; at most
    /// `limit`, and at most 1,000. With the provider that each was saved for; those of the providers in `without` are left out.
    ///
    /// # Errors
    /// [`Error::Tampered`] when a row makes no sense. Whether the others are as they were written is seen when they are
    /// opened.
    pub async fn due(
        &self,
        before: SystemTime,
        without: &[String],
        limit: usize,
    ) -> Result<Vec<(Tenant, ConnectionId, String)>, Error> {
        let rows = self.0.store.due(millis(before), without, page(limit)).await?;
        let due = rows.into_iter().map(|row| {
            let damaged = |_| tampered(&format!("connection {}", row.id));
            let tenant = Tenant::parse(&row.tenant).map_err(damaged)?;
            Ok((tenant, ConnectionId::parse(&row.id).map_err(damaged)?, row.provider))
        });
        due.collect()
    }

    async fn changes_of(
        &self,
        tenant: Option<&Tenant>,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        let tenant = tenant.map(Tenant::as_str);
        let rows = self.0.store.changes(tenant, after.max(0), page(limit)).await?;
        let entries = rows.into_iter().map(|(row, before)| {
            let before = if row.seq == 1 { Some(Vec::new()) } else { before };
            let is_authentic =
                before.is_some_and(|before| same(&self.0.roots.entry(&before, &row), &row.mac));
            let is_asked_for = tenant.is_none_or(|tenant| row.tenant.as_deref() == Some(tenant));
            if is_authentic && is_asked_for {
                Entry::read(&row)
            } else {
                Err(tampered(&format!("entry {} of the audit log", row.seq)))
            }
        });
        entries.collect()
    }
}

impl Scope {
    /// Changes of the tenant's connections, as [`Vault::changes`].
    pub async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Entry>, Error> {
        self.vault.changes_of(Some(&self.tenant), after, limit).await
    }
}

fn page(limit: usize) -> u32 {
    u32::try_from(limit.min(MAX_PAGE)).unwrap_or_default()
}
