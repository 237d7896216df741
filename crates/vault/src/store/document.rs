//! Documents in the database: what is kept of one, and many changes in one transaction.

use serde::{Deserialize, Serialize};

use super::{
    StoreError,
    commit::add,
    link::{Pool, Transaction},
    table::{Table, select},
    value::{Columns, Value, values},
};
use crate::encoding::as_base64;

/// A document as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentRow {
    /// What it is.
    pub kind: String,
    /// The id, unique among those of its kind.
    pub id: String,
    /// Whose it is; `None`: the platform's.
    pub tenant: Option<String>,
    /// A second name, unique among those of its kind.
    #[serde(with = "as_base64::maybe")]
    pub mark: Option<Vec<u8>>,
    /// Counts the changes of this row, from 1.
    pub version: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// From then on it is not there any more, in milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// The text, sealed, and bound to all of the above.
    #[serde(with = "as_base64")]
    pub record: Vec<u8>,
}

/// One change of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentChange {
    /// Adds one, unless there is one of its kind with this id or mark.
    Insert(DocumentRow),
    /// Replaces one that has the version before this one's, and has not ended.
    Replace(DocumentRow),
    /// Removes one that has this version, and has not ended.
    Remove {
        /// What it is.
        kind: String,
        /// The document.
        id: String,
        /// The version that is removed.
        version: i64,
    },
}

impl DocumentChange {
    /// Which document it is of.
    pub fn key(&self) -> (&str, &str) {
        match self {
            Self::Insert(row) | Self::Replace(row) => (&row.kind, &row.id),
            Self::Remove { kind, id, .. } => (kind, id),
        }
    }
}

/// What came of changes of documents that were written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentsWritten {
    /// Of each change whether it was done.
    pub done: Vec<bool>,
    /// How many documents that had ended were taken away.
    pub swept: u64,
}

/// Whose documents are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentsOf<'o> {
    /// Everybody's.
    All,
    /// The platform's: those of no tenant.
    Platform,
    /// A tenant's.
    Tenant(&'o str),
}

impl Table for DocumentRow {
    const NAME: &'static str = "keyway_documents";
    const COLUMNS: &'static [&'static str] =
        &["kind", "id", "tenant", "mark", "version", "created_at", "expires_at", "record"];

    fn values(&self) -> Vec<Value<'_>> {
        values![
            &self.kind,
            &self.id,
            &self.tenant,
            &self.mark,
            self.version,
            self.created_at,
            self.expires_at,
            &self.record,
        ]
    }

    fn read(columns: &mut Columns<'_>) -> Result<Self, sqlx::Error> {
        Ok(Self {
            kind: columns.take()?,
            id: columns.take()?,
            tenant: columns.take()?,
            mark: columns.take()?,
            version: columns.take()?,
            created_at: columns.take()?,
            expires_at: columns.take()?,
            record: columns.take()?,
        })
    }
}

/// Documents of a kind that have not ended at `now`, sorted by id.
pub(super) async fn list(
    pool: &Pool,
    kind: &str,
    of: DocumentsOf<'_>,
    after: Option<&str>,
    limit: u32,
    now: i64,
) -> Result<Vec<DocumentRow>, StoreError> {
    let (whose, tenant) = match of {
        DocumentsOf::All => ("", None),
        DocumentsOf::Platform => ("AND tenant IS NULL", None),
        DocumentsOf::Tenant(tenant) => ("AND tenant = $5", Some(tenant)),
    };
    let sql = select::<DocumentRow>(&format!(
        "WHERE kind = $1 AND id > $2 AND (expires_at IS NULL OR expires_at > $3) {whose} ORDER BY id LIMIT $4"
    ));
    let mut values = values![kind, after.unwrap_or_default(), now, i64::from(limit)];
    values.extend(tenant.map(Value::from));
    pool.rows(sql, values, DocumentRow::read).await
}

/// Writes changes in one transaction, and takes away up to `sweep` documents that have ended.
pub(super) async fn write(
    pool: &Pool,
    changes: &[DocumentChange],
    now: i64,
    sweep: u32,
) -> Result<DocumentsWritten, StoreError> {
    let mut transaction = pool.write().await?;
    let mut done = Vec::with_capacity(changes.len());
    for change in changes {
        done.push(apply(&mut transaction, change, now).await? == 1);
    }
    // Last, so that what is locked by it waits for nobody.
    let swept = if sweep == 0 { 0 } else { take_away(&mut transaction, now, sweep).await? };
    transaction.commit().await?;
    Ok(DocumentsWritten { done, swept })
}

async fn apply(transaction: &mut Transaction, change: &DocumentChange, now: i64) -> Result<u64, StoreError> {
    match change {
        DocumentChange::Insert(row) => {
            let added = add(transaction, row).await?;
            // What has ended and is still there is in nobody's way.
            if added == 0 && free(transaction, row, now).await? > 0 {
                return add(transaction, row).await;
            }
            Ok(added)
        }
        DocumentChange::Replace(row) => {
            transaction
                .execute(
                    "UPDATE keyway_documents SET version = $1, expires_at = $2, record = $3 \
                     WHERE kind = $4 AND id = $5 AND version = $6 AND (expires_at IS NULL OR expires_at > $7)",
                    values![row.version, row.expires_at, &row.record, &row.kind, &row.id, row.version - 1, now],
                )
                .await
        }
        DocumentChange::Remove { kind, id, version } => {
            transaction
                .execute(
                    "DELETE FROM keyway_documents WHERE kind = $1 AND id = $2 AND version = $3 \
                     AND (expires_at IS NULL OR expires_at > $4)",
                    values![kind, id, *version, now],
                )
                .await
        }
    }
}

/// Takes away what has ended, and has the id or the mark of a new one.
async fn free(transaction: &mut Transaction, row: &DocumentRow, now: i64) -> Result<u64, StoreError> {
    transaction
        .execute(
            "DELETE FROM keyway_documents WHERE kind = $1 AND (id = $2 OR mark = $3) AND expires_at <= $4",
            values![&row.kind, &row.id, &row.mark, now],
        )
        .await
}

async fn take_away(transaction: &mut Transaction, now: i64, most: u32) -> Result<u64, StoreError> {
    let sql = match transaction {
        Transaction::Sqlite(_) => {
            "DELETE FROM keyway_documents WHERE rowid IN \
             (SELECT rowid FROM keyway_documents WHERE expires_at <= $1 LIMIT $2)"
        }
        // Another process may be at it too. As an array, or the whole table would be read.
        Transaction::Postgres(..) => {
            "DELETE FROM keyway_documents WHERE ctid = ANY (ARRAY \
             (SELECT ctid FROM keyway_documents WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED))"
        }
    };
    transaction.execute(sql, values![now, i64::from(most)]).await
}
