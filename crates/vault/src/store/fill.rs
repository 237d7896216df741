//! Filling an empty store, in one transaction.

use async_trait::async_trait;

use super::{
    Fill, Rows, StoreError, StoreErrorKind,
    commit::put,
    link::{Pool, Transaction},
    table::{VAULT, vault},
    value::values,
};

/// A transaction that fills.
pub(super) struct Filling {
    transaction: Transaction,
    /// What went wrong. PostgreSQL answers `COMMIT` after an error with a rollback, and calls that a success.
    failed: Option<StoreError>,
}

impl Filling {
    /// Begins one, if there is no vault.
    pub(super) async fn begin(pool: &Pool) -> Result<Self, StoreError> {
        let mut transaction = pool.write().await?;
        if transaction.rows(VAULT, values![], vault).await?.is_empty() {
            return Ok(Self { transaction, failed: None });
        }
        Err(StoreError::new(StoreErrorKind::NotEmpty))
    }

    async fn insert(&mut self, rows: Rows) -> Result<(), StoreError> {
        match rows {
            Rows::Vault(vault, head) => {
                let added = self
                    .transaction
                    .execute(
                        "INSERT INTO keyway_vault (one, id, created_at, root) VALUES (1, $1, $2, $3) \
                         ON CONFLICT DO NOTHING",
                        values![&vault.id, vault.created_at, &vault.root],
                    )
                    .await?;
                // Somebody else filled it since this began.
                if added != 1 {
                    return Err(StoreError::new(StoreErrorKind::NotEmpty));
                }
                self.transaction
                    .execute(
                        "INSERT INTO keyway_head (one, seq, mac, changed) VALUES (1, $1, $2, $3)",
                        values![head.seq, &head.mac, head.changed],
                    )
                    .await?;
                Ok(())
            }
            Rows::Keys(rows) => put(&mut self.transaction, &rows).await,
            Rows::Connections(rows) => put(&mut self.transaction, &rows).await,
            Rows::Grants(rows) => put(&mut self.transaction, &rows).await,
            Rows::Documents(rows) => put(&mut self.transaction, &rows).await,
            Rows::Entries(rows) => put(&mut self.transaction, &rows).await,
        }
    }
}

#[async_trait]
impl Fill for Filling {
    async fn put(&mut self, rows: Rows) -> Result<(), StoreError> {
        let done = self.insert(rows).await;
        if let Err(error) = &done {
            self.failed.get_or_insert_with(|| error.clone());
        }
        done
    }

    async fn finish(mut self: Box<Self>) -> Result<(), StoreError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.transaction.notify().await?;
        self.transaction.commit().await
    }
}
