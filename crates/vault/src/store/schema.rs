//! The tables, and how older ones become those of today.

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migrate, MigrateError, Migration, MigrationType},
};

use super::{
    StoreError, StoreErrorKind,
    fault::{Stage, fault},
    link::{Pool, Transaction},
    table::{VAULT, vault},
    value::{only, values},
};

/// A step: its text for SQLite, and for PostgreSQL. Once published, a step never changes.
const STEPS: &[(&str, &str)] = &[
    (include_str!("../../migrations/sqlite-1.sql"), include_str!("../../migrations/postgres-1.sql")),
    (include_str!("../../migrations/sqlite-2.sql"), include_str!("../../migrations/postgres-2.sql")),
];

/// Where sqlx keeps which steps were taken. Its usual name might be taken by the database's owner.
const TABLE: &str = "keyway_migrations";

/// Any number, the same for all processes: `keyway` in ASCII.
const LOCK: i64 = 0x6b65_7977_6179;

/// The step that the tables are at; `None` when there are none.
pub(super) async fn version(pool: &Pool) -> Result<Option<i64>, StoreError> {
    let sql = match pool {
        Pool::Sqlite { .. } => {
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'keyway_migrations'"
        }
        Pool::Postgres(_) => "SELECT count(*) FROM pg_class WHERE oid = to_regclass('keyway_migrations')",
    };
    if pool.row(sql, values![], only::<i64>).await? == Some(0) {
        return Ok(None);
    }
    pool.row("SELECT max(version) FROM keyway_migrations", values![], only).await.map(Option::flatten)
}

/// Makes sure that there are tables, and no newer ones. Older ones in which there is a vault stay as they are until its key is
/// known to be the right one; then comes [`upgrade`].
pub(super) async fn require(pool: &Pool) -> Result<(), StoreError> {
    if is_today(pool).await? || pool.row(VAULT, values![], vault).await?.is_some() {
        return Ok(());
    }
    migrate(pool).await
}

/// Makes older tables those of today.
pub(super) async fn upgrade(pool: &Pool) -> Result<(), StoreError> {
    if is_today(pool).await? { Ok(()) } else { migrate(pool).await }
}

async fn is_today(pool: &Pool) -> Result<bool, StoreError> {
    let today = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    match version(pool).await? {
        None => Err(StoreError::new(StoreErrorKind::Missing)),
        Some(version) if version > today => Err(StoreError::new(StoreErrorKind::Newer)),
        Some(version) => Ok(version == today),
    }
}

/// Takes all steps that were not taken yet, in one transaction; others wait, and find it done.
pub(super) async fn migrate(pool: &Pool) -> Result<(), StoreError> {
    let mut transaction = pool.write().await?;
    let steps = STEPS.iter().zip(1..).map(|((sqlite, postgres), version)| {
        let sql = if matches!(transaction, Transaction::Sqlite(_)) { sqlite } else { postgres };
        Migration::new(version, "".into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let steps: Vec<_> = steps.collect();
    if let Transaction::Postgres(..) = transaction {
        transaction.rows("SELECT pg_advisory_xact_lock($1)", values![LOCK], |_| Ok(())).await?;
    }
    match &mut transaction {
        Transaction::Sqlite(transaction) => apply(&mut **transaction, &steps).await,
        Transaction::Postgres(transaction, _) => apply(&mut **transaction, &steps).await,
    }
    .map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            fault(&error, Stage::Running)
        }
        error => fault(&error.into(), Stage::Running),
    })?;
    transaction.commit().await
}

/// Not sqlx's `Migrator`: its lock is the session's, and would be given back before our transaction ends.
async fn apply<C: Migrate>(connection: &mut C, steps: &[Migration]) -> Result<(), MigrateError> {
    connection.ensure_migrations_table(TABLE).await?;
    let taken = connection.list_applied_migrations(TABLE).await?;
    for step in steps.iter().skip(taken.len()) {
        connection.apply(TABLE, step).await?;
    }
    Ok(())
}
