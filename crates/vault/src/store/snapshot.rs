//! Reading what does not change meanwhile.

use async_trait::async_trait;

use super::{
    ConnectionRow, DocumentRow, EntryRow, GrantRow, Head, KeyRow, Snapshot, StoreError, VaultRow,
    link::{Pool, Transaction},
    table::{Table as _, VAULT, select, vault},
    value::values,
};

/// A transaction that only reads.
pub(super) struct View(Transaction);

impl View {
    /// Begins one, and fixes what it sees.
    pub(super) async fn begin(pool: &Pool) -> Result<Self, StoreError> {
        let mut view = Self(pool.snapshot().await?);
        // Both engines take the view with the first statement, not with `BEGIN`.
        view.vault().await?;
        Ok(view)
    }
}

#[async_trait]
impl Snapshot for View {
    async fn vault(&mut self) -> Result<Option<(VaultRow, Head)>, StoreError> {
        Ok(self.0.rows(VAULT, values![], vault).await?.pop())
    }

    async fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError> {
        self.0.rows(select::<KeyRow>("ORDER BY created_at, id"), values![], KeyRow::read).await
    }

    async fn connections(
        &mut self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        let values = values![after.unwrap_or_default(), i64::from(limit)];
        self.0.rows(select::<ConnectionRow>(BY_ID), values, ConnectionRow::read).await
    }

    async fn grants(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<GrantRow>, StoreError> {
        let values = values![after.unwrap_or_default(), i64::from(limit)];
        self.0.rows(select::<GrantRow>(BY_ID), values, GrantRow::read).await
    }

    async fn documents(
        &mut self,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        let (kind, id) = after.unwrap_or_default();
        let sql = select::<DocumentRow>("WHERE (kind, id) > ($1, $2) ORDER BY kind, id LIMIT $3");
        self.0.rows(sql, values![kind, id, i64::from(limit)], DocumentRow::read).await
    }

    async fn entries(&mut self, after: i64, limit: u32) -> Result<Vec<EntryRow>, StoreError> {
        let sql = select::<EntryRow>("WHERE seq > $1 ORDER BY seq LIMIT $2");
        self.0.rows(sql, values![after, i64::from(limit)], EntryRow::read).await
    }
}

const BY_ID: &str = "WHERE id > $1 ORDER BY id LIMIT $2";
