//! Writing: a batch, new wraps, a lease.

use async_trait::async_trait;

use super::{
    Batch, Change, Committed, ConnectionRow, Head, KeyRow, Lease, Rewrap, StoreError, StoreErrorKind, Turn,
    link::{Pool, Transaction},
    table::{Table, insert, update},
    value::{Value, values},
};

/// Applies a batch.
pub(super) async fn commit(pool: &Pool, batch: &Batch) -> Result<Committed, StoreError> {
    apply_all(pool.write().await?, batch).await
}

/// A transaction that has what every other writer waits for.
pub(super) struct Locked(Transaction);

impl Locked {
    pub(super) async fn begin(pool: &Pool) -> Result<Self, StoreError> {
        let mut transaction = pool.write().await?;
        // SQLite's transaction is the only one that writes; this locks PostgreSQL's row, and is nothing to SQLite.
        transaction.execute("UPDATE keyway_head SET seq = seq", values![]).await?;
        Ok(Self(transaction))
    }
}

#[async_trait]
impl Turn for Locked {
    async fn commit(self: Box<Self>, batch: &Batch) -> Result<Committed, StoreError> {
        apply_all(self.0, batch).await
    }
}

/// What returns early drops the transaction, and so undoes it.
async fn apply_all(mut transaction: Transaction, batch: &Batch) -> Result<Committed, StoreError> {
    let head = head_after(batch)?;
    // First, since it locks: whoever writes waits here, and sees then that the head has moved.
    let moved = transaction
        .execute(
            "UPDATE keyway_head SET seq = $1, mac = $2, changed = $3 WHERE seq = $4 AND mac = $5 AND changed = $6",
            values![head.seq, &head.mac, head.changed, batch.after.seq, &batch.after.mac, batch.after.changed],
        )
        .await?;
    if moved != 1 {
        return Ok(Committed::HeadMoved);
    }
    put(&mut transaction, &batch.entries).await?;
    for change in &batch.changes {
        if !apply(&mut transaction, change).await? {
            return Ok(Committed::RowMoved);
        }
    }
    if !batch.changes.is_empty() {
        transaction.notify().await?;
    }
    transaction.commit().await?;
    Ok(Committed::Done)
}

/// Where the head stands after a batch, if the batch fits together.
fn head_after(batch: &Batch) -> Result<Head, StoreError> {
    let numbered = batch.entries.iter().zip(batch.after.seq + 1..).all(|(entry, seq)| entry.seq == seq);
    batch.head().filter(|_| numbered).ok_or_else(|| {
        StoreError::new(StoreErrorKind::Invalid).because("entries that do not follow the head")
    })
}

/// Adds rows, many with one statement.
pub(super) async fn put<T: Table>(transaction: &mut Transaction, rows: &[T]) -> Result<(), StoreError> {
    for some in rows.chunks(transaction.places() / T::COLUMNS.len()) {
        let values = some.iter().flat_map(Table::values).collect();
        // A trigger of somebody's may keep rows out without a word.
        if transaction.execute(insert::<T>(some.len()), values).await? != some.len() as u64 {
            return Err(StoreError::new(StoreErrorKind::Damaged)
                .because("something in it keeps rows from being written"));
        }
    }
    Ok(())
}

/// Does one change. `false` when the row is not as it should be.
async fn apply(transaction: &mut Transaction, change: &Change) -> Result<bool, StoreError> {
    let done = match change {
        Change::Insert(row) => add(transaction, row.as_ref()).await?,
        Change::Update { row, from } => {
            replace(transaction, row.as_ref(), &row.tenant, &row.id, *from).await?
        }
        Change::Delete { tenant, id, from } => {
            transaction
                .execute(
                    "DELETE FROM keyway_grants WHERE tenant = $1 AND connection = $2",
                    values![tenant, id],
                )
                .await?;
            transaction
                .execute(
                    "DELETE FROM keyway_connections WHERE tenant = $1 AND id = $2 AND version = $3",
                    values![tenant, id, *from],
                )
                .await?
        }
        Change::InsertGrant(row) => add(transaction, row).await?,
        Change::UpdateGrant { row, from } => replace(transaction, row, &row.tenant, &row.id, *from).await?,
        Change::DeleteGrant { tenant, id, from } => {
            transaction
                .execute(
                    "DELETE FROM keyway_grants WHERE tenant = $1 AND id = $2 AND version = $3",
                    values![tenant, id, *from],
                )
                .await?
        }
        Change::PutKey(row) => {
            let sql = format!(
                "{} ON CONFLICT (id) DO UPDATE SET state = excluded.state, created_at = excluded.created_at, \
                 wrapped = excluded.wrapped, mac = excluded.mac",
                insert::<KeyRow>(1)
            );
            transaction.execute(sql, row.values()).await?
        }
        Change::RetireKey(row) => {
            // Whoever seals under a key moves the head, which is locked: nothing comes under it meanwhile.
            let sql = update::<KeyRow>(|next| {
                format!(
                    "id = ${next} AND NOT EXISTS (SELECT 1 FROM {} WHERE key = ${next})",
                    ConnectionRow::NAME
                )
            });
            transaction.execute(sql, with(row, [(&row.id).into()])).await?
        }
        Change::PutRoot(root) => {
            transaction.execute("UPDATE keyway_vault SET root = $1", values![root]).await?
        }
    };
    Ok(done == 1)
}

/// Adds a row, unless there is one of its id, or what it refers to is not there.
pub(super) async fn add<T: Table>(transaction: &mut Transaction, row: &T) -> Result<u64, StoreError> {
    let sql = format!("{} ON CONFLICT DO NOTHING", insert::<T>(1));
    transaction.execute_referring(sql, row.values()).await
}

async fn replace<T: Table>(
    transaction: &mut Transaction,
    row: &T,
    tenant: &str,
    id: &str,
    from: i64,
) -> Result<u64, StoreError> {
    let sql =
        update::<T>(|next| format!("tenant = ${next} AND id = ${} AND version = ${}", next + 1, next + 2));
    transaction.execute_referring(sql, with(row, [tenant.into(), id.into(), from.into()])).await
}

fn with<'v, T: Table, const N: usize>(row: &'v T, more: [Value<'v>; N]) -> Vec<Value<'v>> {
    let mut values = row.values();
    values.extend(more);
    values
}

/// Replaces wraps while a lease is held, and prolongs it.
pub(super) async fn rewrap(pool: &Pool, lease: &Lease, rows: &[Rewrap]) -> Result<Option<u64>, StoreError> {
    let mut transaction = pool.write().await?;
    let now = transaction.now();
    let held = transaction
        .execute(
            format!(
                "UPDATE keyway_leases SET expires_at = {now} + $1 \
                 WHERE name = $2 AND holder = $3 AND expires_at > {now}"
            ),
            values![lease.ms, lease.name, &lease.holder],
        )
        .await?;
    if held != 1 {
        return Ok(None);
    }
    let mut replaced = 0;
    for row in rows {
        replaced += transaction
            .execute(
                "UPDATE keyway_connections SET key = $1, credential = $2, details = $3 \
                 WHERE id = $4 AND version = $5 AND key = $6",
                values![&row.key, &row.credential, &row.details, &row.id, row.version, &row.from],
            )
            .await?;
    }
    transaction.commit().await?;
    Ok(Some(replaced))
}

/// Takes or prolongs a lease.
pub(super) async fn lease(pool: &Pool, lease: &Lease) -> Result<bool, StoreError> {
    let mut transaction = pool.write().await?;
    let now = transaction.now();
    let taken = transaction
        .execute(
            format!(
                "INSERT INTO keyway_leases (name, holder, expires_at) VALUES ($1, $2, {now} + $3) \
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at \
                 WHERE keyway_leases.holder = excluded.holder OR keyway_leases.expires_at <= {now}"
            ),
            values![lease.name, &lease.holder, lease.ms],
        )
        .await?;
    transaction.commit().await?;
    Ok(taken == 1)
}

/// Gives a lease back.
pub(super) async fn release(pool: &Pool, lease: &Lease) -> Result<(), StoreError> {
    let mut transaction = pool.write().await?;
    transaction
        .execute(
            "DELETE FROM keyway_leases WHERE name = $1 AND holder = $2",
            values![lease.name, &lease.holder],
        )
        .await?;
    transaction.commit().await
}
