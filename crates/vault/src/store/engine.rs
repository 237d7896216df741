//! The store over SQL: what both engines do alike.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use super::{
    Alike, Batch, Committed, ConnectionRow, Counts, DocumentChange, DocumentRow, DocumentsOf,
    DocumentsWritten, EntryRow, Fill, GrantRow, Head, KeyRow, Lease, MAX_ALIKE, Marks, Rewrap, Snapshot,
    Store, StoreError, StoreErrorKind, Turn, VaultRow,
    commit::{self, Locked},
    document,
    fill::Filling,
    link::Pool,
    postgres::Listening,
    schema,
    snapshot::View,
    sqlite,
    table::{Table as _, VAULT, select, vault},
    value::{Columns, Value, only, values},
};

/// A store in a SQL database.
pub(super) struct SqlStore {
    pool: Pool,
    hints: Hints,
}

/// What tells that it is time to look at the head again.
pub(super) enum Hints {
    /// SQLite tells nobody.
    Clock,
    /// PostgreSQL tells whoever listens.
    Listening(Listening),
}

impl SqlStore {
    pub(super) fn new(pool: Pool, hints: Hints) -> Self {
        Self { pool, hints }
    }

    #[cfg(test)]
    pub(super) fn pool(&self) -> &Pool {
        &self.pool
    }

    async fn head_changed(&self) -> Result<Option<i64>, StoreError> {
        self.pool.row("SELECT changed FROM keyway_head", values![], only).await
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("engine", &self.engine()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqlStore {
    fn engine(&self) -> &'static str {
        match self.pool {
            Pool::Sqlite { .. } => "SQLite",
            Pool::Postgres(_) => "PostgreSQL",
        }
    }

    async fn vault(&self) -> Result<Option<(VaultRow, Head)>, StoreError> {
        self.pool.row(VAULT, values![], vault).await
    }

    async fn upgrade(&self) -> Result<(), StoreError> {
        schema::upgrade(&self.pool).await
    }

    async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        self.pool.rows(select::<KeyRow>("ORDER BY created_at, id"), values![], KeyRow::read).await
    }

    async fn connection(&self, tenant: &str, id: &str) -> Result<Option<ConnectionRow>, StoreError> {
        let sql = select::<ConnectionRow>("WHERE tenant = $1 AND id = $2");
        self.pool.row(sql, values![tenant, id], ConnectionRow::read).await
    }

    async fn connections(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        let sql = select::<ConnectionRow>("WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3");
        let values = values![tenant, after.unwrap_or_default(), i64::from(limit)];
        self.pool.rows(sql, values, ConnectionRow::read).await
    }

    async fn connections_of(
        &self,
        tenant: &str,
        owner: &[u8],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        let sql =
            select::<ConnectionRow>("WHERE tenant = $1 AND owner_mark = $2 AND id > $3 ORDER BY id LIMIT $4");
        let values = values![tenant, owner, after.unwrap_or_default(), i64::from(limit)];
        self.pool.rows(sql, values, ConnectionRow::read).await
    }

    async fn due(
        &self,
        before: i64,
        without: &[String],
        skip: u32,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        // One list, however many there are: SQLite takes no more than 1,000 conditions in a row.
        let others: Vec<String> = (4..without.len() + 4).map(|place| format!("${place}")).collect();
        let others = match &*others {
            [] => String::new(),
            others => format!("AND provider NOT IN ({}) ", others.join(", ")),
        };
        let sql = select::<ConnectionRow>(&format!(
            "WHERE status = 'active' AND coalesce(checked_at, created_at) < $1 {others}\
             ORDER BY coalesce(checked_at, created_at), id LIMIT $2 OFFSET $3"
        ));
        let mut values = values![before, i64::from(limit), i64::from(skip)];
        values.extend(without.iter().map(Value::from));
        self.pool.rows(sql, values, ConnectionRow::read).await
    }

    async fn alike(&self, tenant: &str, marks: &Marks) -> Result<Alike, StoreError> {
        // One statement, and so one state of the rows. No account is alike to none: `= NULL` holds for no row.
        let owned = if marks.owner.is_some() { "AND owner_mark = $5" } else { "" };
        let sql = format!(
            "SELECT mark, id FROM (SELECT 'secret' AS mark, id FROM keyway_connections \
             WHERE tenant = $1 AND secret_mark = $2 {owned} ORDER BY id LIMIT $4) AS secrets \
             UNION ALL SELECT mark, id FROM (SELECT 'account' AS mark, id FROM keyway_connections \
             WHERE tenant = $1 AND account_mark = $3 {owned} ORDER BY id LIMIT $4) AS accounts ORDER BY 2"
        );
        let mut values = values![tenant, &marks.secret, &marks.account, i64::from(MAX_ALIKE)];
        if marks.owner.is_some() {
            values.extend(values![&marks.owner]);
        }
        let read = |columns: &mut Columns<'_>| Ok((columns.take::<String>()?, columns.take::<String>()?));
        let mut alike = Alike::default();
        for (mark, id) in self.pool.rows(sql, values, read).await? {
            if mark == "secret" { &mut alike.secret } else { &mut alike.account }.push(id);
        }
        Ok(alike)
    }

    async fn grant_by_hash(&self, hash: &[u8]) -> Result<Option<GrantRow>, StoreError> {
        self.pool.row(select::<GrantRow>("WHERE hash = $1"), values![hash], GrantRow::read).await
    }

    async fn grant(&self, tenant: &str, id: &str) -> Result<Option<GrantRow>, StoreError> {
        let sql = select::<GrantRow>("WHERE tenant = $1 AND id = $2");
        self.pool.row(sql, values![tenant, id], GrantRow::read).await
    }

    async fn grants(
        &self,
        tenant: &str,
        connection: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<GrantRow>, StoreError> {
        let (after, limit) = (after.unwrap_or_default(), i64::from(limit));
        let (sql, values) = match connection {
            Some(connection) => (
                "WHERE tenant = $1 AND connection = $2 AND id > $3 ORDER BY id LIMIT $4",
                values![tenant, connection, after, limit],
            ),
            None => ("WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3", values![tenant, after, limit]),
        };
        self.pool.rows(select::<GrantRow>(sql), values, GrantRow::read).await
    }

    async fn entries(&self, after: i64, limit: u32) -> Result<Vec<EntryRow>, StoreError> {
        let sql = select::<EntryRow>("WHERE seq > $1 ORDER BY seq LIMIT $2");
        self.pool.rows(sql, values![after, i64::from(limit)], EntryRow::read).await
    }

    async fn changes(
        &self,
        tenant: Option<&str>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(EntryRow, Option<Vec<u8>>)>, StoreError> {
        // Word for word as in the indexes, or they are of no use.
        let whose = if tenant.is_some() { "AND tenant = $3" } else { "" };
        let sql = format!(
            "SELECT {}, (SELECT before.mac FROM keyway_entries AS before WHERE before.seq = keyway_entries.seq - 1) \
             FROM keyway_entries WHERE substr(kind, 1, 11) = 'connection.' AND seq > $1 {whose} ORDER BY seq LIMIT $2",
            EntryRow::COLUMNS.join(", ")
        );
        let mut values = values![after, i64::from(limit)];
        values.extend(tenant.map(Value::from));
        self.pool.rows(sql, values, |columns| Ok((EntryRow::read(columns)?, columns.take()?))).await
    }

    async fn document(&self, kind: &str, id: &str) -> Result<Option<DocumentRow>, StoreError> {
        let sql = select::<DocumentRow>("WHERE kind = $1 AND id = $2");
        self.pool.row(sql, values![kind, id], DocumentRow::read).await
    }

    async fn document_by_mark(&self, kind: &str, mark: &[u8]) -> Result<Option<DocumentRow>, StoreError> {
        let sql = select::<DocumentRow>("WHERE kind = $1 AND mark = $2");
        self.pool.row(sql, values![kind, mark], DocumentRow::read).await
    }

    async fn documents(
        &self,
        kind: &str,
        of: DocumentsOf<'_>,
        after: Option<&str>,
        limit: u32,
        now: i64,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        document::list(&self.pool, kind, of, after, limit, now).await
    }

    async fn write_documents(
        &self,
        changes: &[DocumentChange],
        now: i64,
        sweep: u32,
    ) -> Result<DocumentsWritten, StoreError> {
        document::write(&self.pool, changes, now, sweep).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        commit::commit(&self.pool, batch).await
    }

    async fn turn(&self) -> Result<Option<Box<dyn Turn>>, StoreError> {
        Ok(Some(Box::new(Locked::begin(&self.pool).await?)))
    }

    async fn under_key(
        &self,
        key: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        let sql = select::<ConnectionRow>("WHERE key = $1 AND id > $2 ORDER BY id LIMIT $3");
        let values = values![key, after.unwrap_or_default(), i64::from(limit)];
        self.pool.rows(sql, values, ConnectionRow::read).await
    }

    async fn count_under_key(&self, key: &str) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM keyway_connections WHERE key = $1";
        let count = self.pool.row(sql, values![key], only::<i64>).await?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    async fn rewrap(&self, lease: &Lease, rows: &[Rewrap]) -> Result<Option<u64>, StoreError> {
        commit::rewrap(&self.pool, lease, rows).await
    }

    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        commit::lease(&self.pool, lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        commit::release(&self.pool, lease).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM keyway_connections), \
             (SELECT count(*) FROM keyway_grants WHERE revoked_at IS NULL), \
             (SELECT count(DISTINCT tenant) FROM keyway_connections)";
        let counts = self
            .pool
            .row(sql, values![], |columns| {
                Ok(Counts {
                    connections: columns.take::<i64>()?.unsigned_abs(),
                    grants: columns.take::<i64>()?.unsigned_abs(),
                    tenants: columns.take::<i64>()?.unsigned_abs(),
                })
            })
            .await?;
        Ok(counts.unwrap_or_default())
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Ok(Box::new(View::begin(&self.pool).await?))
    }

    async fn fill(&self) -> Result<Box<dyn Fill>, StoreError> {
        Ok(Box::new(Filling::begin(&self.pool).await?))
    }

    async fn changed(&self, after: i64) -> Result<i64, StoreError> {
        /// Whoever relies on being told must learn soon that nobody tells: a server may be gone without a word.
        const LOOK: Duration = Duration::from_secs(2);
        loop {
            let look = timeout(LOOK, self.head_changed()).await.unwrap_or_else(|_| {
                Err(StoreError::new(StoreErrorKind::Unavailable).because("it did not answer in time"))
            });
            match look? {
                Some(changed) if changed != after => return Ok(changed),
                _ => match &self.hints {
                    Hints::Clock => sqlite::pause().await,
                    Hints::Listening(listening) => listening.hint().await,
                },
            }
        }
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        sqlite::truncate_wal(&self.pool).await
    }

    async fn close(&self) {
        if let Hints::Listening(listening) = &self.hints {
            listening.close().await;
        }
        self.pool.close().await;
    }
}
