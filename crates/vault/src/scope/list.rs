//! A tenant's connections, listed.

use super::{MAX_PAGE, Scope};
use crate::{Connection, ConnectionId, Error, KeyError, Page, store::ConnectionRow};

impl Scope {
    /// Connections, sorted by id, from the one after `after` on; at most `limit`, and at most 1,000.
    ///
    /// # Errors
    /// [`Error::Tampered`] names the first one that is not as it was written; [`page`](Self::page) shows the others.
    pub async fn list(&self, after: Option<&ConnectionId>, limit: usize) -> Result<Vec<Connection>, Error> {
        self.page(after.map(ConnectionId::as_str), limit).await?.all("connection")
    }

    /// Connections of one of the tenant's users, as [`list`](Self::list).
    pub async fn list_of(
        &self,
        end_user: &str,
        after: Option<&ConnectionId>,
        limit: usize,
    ) -> Result<Vec<Connection>, Error> {
        self.page_of(end_user, after.map(ConnectionId::as_str), limit).await?.all("connection")
    }

    /// A part of the connections, from the one after the id `after` on; of at most `limit`, and at most 1,000. One that is not as
    /// it was written keeps none of the others from being seen.
    pub async fn page(&self, after: Option<&str>, limit: usize) -> Result<Page<Connection>, Error> {
        let limit = limit.min(MAX_PAGE);
        let rows = self.vault.0.store.connections(self.tenant.as_str(), after, whole(limit)).await?;
        self.shown_all(rows, limit).await
    }

    /// A part of the connections of one of the tenant's users, as [`page`](Self::page).
    pub async fn page_of(
        &self,
        end_user: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<Connection>, Error> {
        let (owner, limit) = (self.owner_mark(end_user), limit.min(MAX_PAGE));
        let tenant = self.tenant.as_str();
        let rows = self.vault.0.store.connections_of(tenant, &owner, after, whole(limit)).await?;
        self.shown_all(rows, limit).await
    }

    async fn shown_all(&self, rows: Vec<ConnectionRow>, limit: usize) -> Result<Page<Connection>, Error> {
        let mut page = Page::of(limit, rows.iter().map(|row| &row.id));
        for row in rows {
            let id = row.id.clone();
            match self.listed(row).await {
                Ok(one) => page.whole.push(one),
                // It was removed since it was read.
                Err(Error::NotFound) => {}
                Err(Error::Tampered { what }) if what == format!("connection {id}") => page.damaged.push(id),
                // Nobody has its key: an old one was put back. Where it is this process that has not the right keys, that is said.
                Err(Error::Key(KeyError::Wrong { .. })) if self.vault.reload_keys().await.is_ok() => {
                    page.damaged.push(id);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(page)
    }

    async fn listed(&self, row: ConnectionRow) -> Result<Connection, Error> {
        self.check(&row)?;
        let row = self.with_key(row).await?;
        self.shown(&row).await
    }
}

fn whole(limit: usize) -> u32 {
    u32::try_from(limit).unwrap_or_default()
}
