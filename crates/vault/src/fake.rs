//! FAKE, until the database has them: changes of all tenants, what is due for a check, and who leads.

use std::time::{Duration, SystemTime};

use crate::{Actor, ConnectionId, Entry, Error, Lease, Status, Tenant, Vault, encoding::hex, name::fill};

/// The lead of something that one process does at a time.
#[derive(Debug)]
pub struct Lead {
    vault: Vault,
    lease: Lease,
}

impl Lead {
    /// Goes on for the same time again, from now. `false` when somebody else leads by now.
    pub async fn prolong(&self) -> Result<bool, Error> {
        Ok(self.vault.0.store.lease(&self.lease).await?)
    }

    /// Gives it back.
    pub async fn release(self) -> Result<(), Error> {
        Ok(self.vault.0.store.release(&self.lease).await?)
    }
}

impl Vault {
    /// Changes of connections of all tenants after an entry of the audit log, in order; at most `limit`, and at most 1,000.
    pub async fn changes(&self, after: i64, limit: usize) -> Result<Vec<Entry>, Error> {
        let entries = self.audit(after, 1000).await?;
        Ok(entries.into_iter().filter(|one| one.kind.starts_with("connection.")).take(limit).collect())
    }

    /// Active connections whose last check, or creation, was before a time, the oldest first; at most `limit`.
    pub async fn due(
        &self,
        before: SystemTime,
        limit: usize,
    ) -> Result<Vec<(Tenant, ConnectionId, String)>, Error> {
        let actor = Actor::parse("due").map_err(|error| Error::Invalid(error.to_string()))?;
        let mut found = Vec::new();
        for entry in self.changes(0, 1000).await? {
            let (Some(tenant), Some(id)) = (&entry.tenant, &entry.connection) else { continue };
            let (Ok(tenant), Ok(id)) = (Tenant::parse(tenant), ConnectionId::parse(id)) else { continue };
            if entry.kind != "connection.created" {
                continue;
            }
            match self.tenant(&tenant, &actor).get(&id).await {
                Ok(one) => {
                    let at = one.checked_at.unwrap_or(one.created_at);
                    if one.status == Status::Active && at < before {
                        found.push((at, (tenant, id, one.provider)));
                    }
                }
                Err(Error::NotFound) => {}
                Err(_) => {
                    let provider = entry.what.provider.clone().unwrap_or_default();
                    found.push((SystemTime::UNIX_EPOCH, (tenant, id, provider)));
                }
            }
        }
        found.sort_by_key(|(at, _)| *at);
        Ok(found.into_iter().map(|(_, one)| one).take(limit).collect())
    }

    /// Leads something for a time, unless another process does.
    pub async fn lead(&self, name: &'static str, time: Duration) -> Result<Option<Lead>, Error> {
        let mut holder = [0; 16];
        fill(&mut holder);
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let lease = Lease { name, holder: hex(&holder), ms };
        let is_ours = self.0.store.lease(&lease).await?;
        Ok(is_ours.then(|| Lead { vault: self.clone(), lease }))
    }
}
