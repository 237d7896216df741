//! What an engine's error means for the caller.

use sqlx::{Pool, error::DatabaseError, sqlite::SqliteError};

use super::{
    StoreError,
    StoreErrorKind::{self, Busy, Damaged, Full, Invalid, ReadOnly, Unavailable, Uncertain, Unusable},
};

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Getting a connection, or a statement on one; all connections are in use.
    Crowded,
    /// Getting a connection, or a statement on one.
    Running,
    /// `COMMIT`: whatever breaks the connection now leaves it open whether it is done.
    Committing,
}

impl Stage {
    /// That of getting a connection of a pool.
    pub(super) fn of<DB: sqlx::Database>(pool: &Pool<DB>) -> Self {
        let crowded = pool.size() >= pool.options().get_max_connections() && pool.num_idle() == 0;
        if crowded { Self::Crowded } else { Self::Running }
    }
}

/// Translates an error. Of the engine's words only codes are kept: the words may hold rows, addresses or names.
pub(super) fn fault(error: &sqlx::Error, stage: Stage) -> StoreError {
    use sqlx::Error;
    let lost = if stage == Stage::Committing { Uncertain } else { Unavailable };
    let says = |kind, detail: &str| StoreError::new(kind).because(detail);
    match error {
        Error::Database(error) => engine(error.as_ref(), stage),
        Error::PoolTimedOut if stage == Stage::Crowded => says(Busy, "all connections to it are in use"),
        Error::PoolTimedOut => says(Unavailable, "it did not answer in time"),
        Error::Io(error) => says(lost, &error.kind().to_string()),
        Error::PoolClosed => says(Unavailable, "it was closed"),
        Error::Protocol(_) | Error::WorkerCrashed | Error::BeginFailed => StoreError::new(lost),
        Error::Tls(_) => says(
            Unusable,
            "no TLS connection that can be trusted (`sslmode` and `sslrootcert` in its address say what is asked for)",
        ),
        Error::Encode(_) | Error::InvalidArgument(_) => StoreError::new(Invalid),
        Error::RowNotFound
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::ColumnNotFound(_)
        | Error::ColumnDecode { .. }
        | Error::Decode(_)
        | Error::AnyDriverError(_) => says(Damaged, "a column holds something else than it should"),
        Error::Migrate(_) => says(Unusable, "its tables are not those that Keyway made"),
        _ => StoreError::new(Unusable),
    }
}

fn engine(error: &dyn DatabaseError, stage: Stage) -> StoreError {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        let (kind, says) = sqlite(code.parse().unwrap_or_default(), stage);
        return StoreError::new(kind).because(format!("SQLite {code}, {says}"));
    }
    let (kind, says) = postgres(&code, stage);
    StoreError::new(kind).because(format!("PostgreSQL {code}, {says}"))
}

/// By SQLite's extended result code (<https://www.sqlite.org/rescode.html>).
fn sqlite(code: u32, stage: Stage) -> (StoreErrorKind, &'static str) {
    match (code & 0xff, code) {
        (5 | 6, _) => (Busy, "another process writes to it"),
        (8, _) => (ReadOnly, "the file or its folder cannot be written"),
        // `IOERR_WRITE`: a quota, a limit on the size of files, or the disk. SQLite says `FULL` for a full disk alone.
        (13, _) | (10, 778) => (Full, "a write failed"),
        // `IOERR_DATA` and `IOERR_CORRUPTFS`.
        (11, _) | (10, 8202 | 8458) => (Damaged, "the file is damaged"),
        (10, _) if stage == Stage::Committing => (Uncertain, "the disk failed"),
        (10, _) => (Unavailable, "the disk failed"),
        (7, _) => (Unavailable, "no memory left"),
        (14, _) => (Unusable, "the file, or one beside it, cannot be opened"),
        (26, _) => (Unusable, "the file is no SQLite database"),
        (3 | 23, _) => (Unusable, "permission is refused"),
        (18, _) => (Invalid, "a value is too long"),
        (19 | 20, _) => (Damaged, "a row does not fit to the others"),
        _ => (Unusable, "a statement failed"),
    }
}

/// By PostgreSQL's SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
fn postgres(code: &str, stage: Stage) -> (StoreErrorKind, &'static str) {
    let lost = if stage == Stage::Committing { Uncertain } else { Unavailable };
    match code {
        "53100" => (Full, "the disk is full"),
        "53200" => (Unavailable, "no memory left"),
        "53300" => (
            Busy,
            "it has too many connections: raise its `max_connections`, or have each process take fewer",
        ),
        "57P03" => (Unavailable, "it starts or stops"),
        "25006" => (ReadOnly, "this is a standby, or set to take no changes"),
        "40001" | "40P01" => (Busy, "others changed the same at the same time"),
        "55P03" | "57014" => (Busy, "a lock or a statement took too long"),
        "22021" => (Invalid, "a text with a NUL"),
        "54000" => (Invalid, "a value is too long"),
        "42501" => (Unusable, "permission is refused"),
        "3D000" => (Unusable, "there is no such database"),
        "42P01" | "42703" => (Unusable, "a table or column is missing"),
        "XX001" | "XX002" => (Damaged, "its files are damaged"),
        "58030" => (lost, "its disk failed"),
        _ => match code.get(..2) {
            Some("08" | "57") => (lost, "the connection was ended"),
            Some("28") => (Unusable, "the user or the password is refused"),
            Some("23") => (Damaged, "a row does not fit to the others"),
            _ => (Unusable, "a statement failed"),
        },
    }
}
