//! One way to run SQL, whatever the engine: two typed pools, one set of texts.
//!
//! Not sqlx's `Any` driver: it takes its options as a URL, so that SQLite's settings would be made after connecting, where
//! the pool hides what went wrong; and it cannot listen. Rows are read as `AnyRow`, which both engines' become.

use std::sync::Arc;

use sqlx::{
    AssertSqlSafe, Database, Encode, Postgres, Sqlite, SqlitePool, Transaction as Typed, Type, any::AnyRow,
    query::Query,
};

use super::{
    StoreError, StoreErrorKind,
    fault::{Stage, fault},
    same_file::SameFile,
    sessions::{Sessions, Spent},
    value::{Columns, Value, values},
};

/// What changes are told on, by PostgreSQL.
pub(super) const CHANNEL: &str = "keyway";

/// The connections to a database.
pub(super) enum Pool {
    /// SQLite has one writer at a time: ours queue for one connection, and do not fight over its lock.
    Sqlite { read: SqlitePool, write: SqlitePool, file: SameFile },
    /// PostgreSQL.
    Postgres(Sessions),
}

/// A transaction. Dropped, it is rolled back.
pub(super) enum Transaction {
    Sqlite(Typed<'static, Sqlite>),
    Postgres(Typed<'static, Postgres>, Arc<Spent>),
}

/// Who waits for a lock longer than this is told that the database is busy. Durable is not left to the server's settings.
const POSTGRES_WRITE: &str =
    "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '5s'; SET LOCAL synchronous_commit = on";

impl Pool {
    /// Begins to write.
    pub(super) async fn write(&self) -> Result<Transaction, StoreError> {
        self.check()?;
        match self {
            Self::Sqlite { write, .. } => write
                .begin_with("BEGIN IMMEDIATE")
                .await
                .map(Transaction::Sqlite)
                .map_err(|error| fault(&error, Stage::of(write))),
            Self::Postgres(sessions) => sessions.begin(POSTGRES_WRITE).await.map(Transaction::postgres),
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite { file, .. } => file.check(),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// The connection that writes, for what is said of it or by it alone.
    pub(super) fn writer(&self) -> Self {
        match self {
            Self::Sqlite { write, file, .. } => {
                Self::Sqlite { read: write.clone(), write: write.clone(), file: file.clone() }
            }
            Self::Postgres(sessions) => Self::Postgres(sessions.clone()),
        }
    }

    /// Begins to read what does not change meanwhile. The view is that of the first statement.
    pub(super) async fn snapshot(&self) -> Result<Transaction, StoreError> {
        self.check()?;
        match self {
            Self::Sqlite { read, .. } => read
                .begin_with("BEGIN")
                .await
                .map(Transaction::Sqlite)
                .map_err(|error| fault(&error, Stage::of(read))),
            Self::Postgres(sessions) => sessions
                .begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                .await
                .map(Transaction::postgres),
        }
    }

    /// Reads rows with one statement.
    pub(super) async fn rows<T>(
        &self,
        sql: impl Into<String>,
        values: Vec<Value<'_>>,
        read: impl Fn(&mut Columns<'_>) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        self.check()?;
        check(&values)?;
        let (rows, stage) = match self {
            Self::Sqlite { read, .. } => {
                (any(bound::<Sqlite>(sql.into(), &values).fetch_all(read).await), Stage::of(read))
            }
            Self::Postgres(sessions) => {
                (any(Ok(sessions.rows(bound::<Postgres>(sql.into(), &values)).await?)), Stage::Running)
            }
        };
        decode(rows, stage, read)
    }

    /// Reads one row, or none.
    pub(super) async fn row<T>(
        &self,
        sql: impl Into<String>,
        values: Vec<Value<'_>>,
        read: impl Fn(&mut Columns<'_>) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.rows(sql, values, read).await?.pop())
    }

    /// Somebody waited for an answer, and none came.
    pub(super) fn silent(&self) {
        if let Self::Postgres(sessions) = self {
            sessions.silent();
        }
    }

    /// Closes all connections.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(sessions) => sessions.close().await,
        }
    }
}

impl Transaction {
    fn postgres((transaction, spent): (Typed<'static, Postgres>, Arc<Spent>)) -> Self {
        Self::Postgres(transaction, spent)
    }

    /// What a statement's error says to the caller, and of the connection.
    fn fault(&self, error: &sqlx::Error) -> StoreError {
        if let Self::Postgres(_, spent) = self {
            spent.note(error);
        }
        fault(error, Stage::Running)
    }

    /// Reads rows.
    pub(super) async fn rows<T>(
        &mut self,
        sql: impl Into<String>,
        values: Vec<Value<'_>>,
        read: impl Fn(&mut Columns<'_>) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StoreError> {
        check(&values)?;
        let rows = match self {
            Self::Sqlite(transaction) => {
                any(bound::<Sqlite>(sql.into(), &values).fetch_all(&mut **transaction).await)
            }
            Self::Postgres(transaction, _) => {
                any(bound::<Postgres>(sql.into(), &values).fetch_all(&mut **transaction).await)
            }
        };
        let rows = rows.map_err(|error| self.fault(&error))?;
        decode(Ok(rows), Stage::Running, read)
    }

    /// Changes rows. Returns how many.
    pub(super) async fn execute(
        &mut self,
        sql: impl Into<String>,
        values: Vec<Value<'_>>,
    ) -> Result<u64, StoreError> {
        check(&values)?;
        self.run(sql.into(), &values).await.map_err(|error| self.fault(&error))
    }

    /// Changes rows that refer to others: none when those are not there. The transaction is of no use then.
    pub(super) async fn execute_referring(
        &mut self,
        sql: impl Into<String>,
        values: Vec<Value<'_>>,
    ) -> Result<u64, StoreError> {
        check(&values)?;
        match self.run(sql.into(), &values).await {
            Err(sqlx::Error::Database(error)) if error.is_foreign_key_violation() => Ok(0),
            done => done.map_err(|error| self.fault(&error)),
        }
    }

    async fn run(&mut self, sql: String, values: &[Value<'_>]) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => {
                let done = bound::<Sqlite>(sql, values).execute(&mut **transaction).await?;
                Ok(done.rows_affected())
            }
            Self::Postgres(transaction, _) => {
                let done = bound::<Postgres>(sql, values).execute(&mut **transaction).await?;
                Ok(done.rows_affected())
            }
        }
    }

    /// Wakes those who wait for changes, once this is committed. SQLite's look by themselves.
    pub(super) async fn notify(&mut self) -> Result<(), StoreError> {
        if let Self::Postgres(..) = self {
            self.rows("SELECT pg_notify($1, '')", values![CHANNEL], |_| Ok(())).await?;
        }
        Ok(())
    }

    /// Makes it durable.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction, spent) => {
                transaction.commit().await.inspect_err(|error| spent.note(error))
            }
        }
        .map_err(|error| fault(&error, Stage::Committing))
    }

    /// How many places a statement best has when it adds many rows. Both engines allow far more.
    pub(super) fn places(&self) -> usize {
        match self {
            // It looks each place up among all before it.
            Self::Sqlite(_) => 512,
            // Each statement is a round trip.
            Self::Postgres(..) => 8192,
        }
    }

    /// The engine's clock, as an expression: milliseconds since 1970.
    pub(super) fn now(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            Self::Postgres(..) => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }
}

/// PostgreSQL refuses a NUL in a text, and SQLite cuts there in places: neither sees one.
fn check(values: &[Value<'_>]) -> Result<(), StoreError> {
    if values.iter().any(|value| matches!(value, Value::Text(Some(text)) if text.contains('\0'))) {
        return Err(StoreError::new(StoreErrorKind::Invalid).because("a text with a NUL"));
    }
    Ok(())
}

/// Rows of either engine as one type.
fn any<R>(rows: Result<Vec<R>, sqlx::Error>) -> Result<Vec<AnyRow>, sqlx::Error>
where
    for<'r> AnyRow: TryFrom<&'r R, Error = sqlx::Error>,
{
    rows?.iter().map(AnyRow::try_from).collect()
}

/// A statement with its values. The texts are this module's own: constants, and names and numbers of columns.
fn bound<'v, DB>(sql: String, values: &[Value<'v>]) -> Query<'v, DB, DB::Arguments>
where
    DB: Database,
    Option<i64>: Encode<'v, DB> + Type<DB>,
    Option<&'v str>: Encode<'v, DB> + Type<DB>,
    Option<&'v [u8]>: Encode<'v, DB> + Type<DB>,
{
    let statement = sqlx::query::<DB>(AssertSqlSafe(sql));
    values.iter().fold(statement, |statement, value| match *value {
        Value::Int(value) => statement.bind(value),
        Value::Text(value) => statement.bind(value),
        Value::Bytes(value) => statement.bind(value),
    })
}

fn decode<T>(
    rows: Result<Vec<AnyRow>, sqlx::Error>,
    stage: Stage,
    read: impl Fn(&mut Columns<'_>) -> Result<T, sqlx::Error>,
) -> Result<Vec<T>, StoreError> {
    rows.and_then(|rows| rows.iter().map(|row| read(&mut Columns::of(row))).collect())
        .map_err(|error| fault(&error, stage))
}
