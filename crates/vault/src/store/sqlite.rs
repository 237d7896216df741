//! `SQLite`: one file, which nobody else may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Sqlite,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    StoreError, StoreErrorKind,
    engine::{Hints, SqlStore},
    link::{Pool, values},
    schema,
};

/// Opens a file that is there.
pub(super) async fn open(path: &Path) -> Result<SqlStore, StoreError> {
    check(path)?;
    let pool = pool(path)?;
    schema::require(&pool).await?;
    finish(pool).await
}

/// Makes the file, unless there is one that is empty, or Keyway's.
pub(super) async fn create(path: &Path) -> Result<SqlStore, StoreError> {
    match make(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check(path)?,
        Err(error) => return Err(unusable(path, &format!("cannot be made ({})", error.kind()))),
    }
    let pool = pool(path)?;
    if schema::version(&pool).await?.is_none() {
        let others =
            pool.row("SELECT count(*) FROM sqlite_schema", values![], |columns| columns.take::<i64>());
        if others.await? != Some(0) {
            return Err(unusable(path, "is the database of something else"));
        }
    } else {
        schema::require(&pool).await?;
    }
    schema::migrate(&pool).await?;
    finish(pool).await
}

/// Where others' changes are looked for: `SQLite` wakes nobody, and a look costs some microseconds.
pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Moves the write-ahead log into the file and empties it, so that what was deleted is in neither.
pub(super) async fn truncate_wal(pool: &Pool) -> Result<(), StoreError> {
    let Pool::Sqlite { write, .. } = pool else { return Ok(()) };
    let writer = Pool::Sqlite { read: write.clone(), write: write.clone() };
    let busy =
        writer.row("PRAGMA wal_checkpoint(TRUNCATE)", values![], |columns| columns.take::<i64>()).await?;
    if busy == Some(0) {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::Busy)
        .because("others read it; what was deleted is in its log until they are done"))
}

async fn finish(pool: Pool) -> Result<SqlStore, StoreError> {
    let Pool::Sqlite { write, .. } = &pool else { return Ok(SqlStore::new(pool, Hints::Clock)) };
    let writer = Pool::Sqlite { read: write.clone(), write: write.clone() };
    let mode = writer.row("PRAGMA journal_mode", values![], |columns| columns.take::<String>()).await?;
    if mode.as_deref() != Some("wal") {
        return Err(StoreError::new(StoreErrorKind::Unusable)
            .because("this file system does not carry a write-ahead log; use another, or PostgreSQL"));
    }
    Ok(SqlStore::new(pool, Hints::Clock))
}

fn pool(path: &Path) -> Result<Pool, StoreError> {
    // Absolute, so that it is no `file:` URL, whatever its name.
    let path = std::path::absolute(path).map_err(|_| unusable(path, "is no path"))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        // An acknowledged commit survives a loss of power; `fullfsync` is what that takes on macOS.
        .synchronous(SqliteSynchronous::Full)
        .pragma("fullfsync", "ON")
        .pragma("secure_delete", "ON")
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .busy_timeout(WAIT)
        .disable_statement_logging();
    // A process that reads a file which it may not write must get as far as reading.
    let read = options.clone().pragma("query_only", "ON");
    let write = options.journal_mode(SqliteJournalMode::Wal);
    Ok(Pool::Sqlite {
        read: connections(8).connect_lazy_with(read),
        write: connections(1).connect_lazy_with(write),
    })
}

/// How long to wait for a connection, and for another process to be done with writing.
const WAIT: Duration = Duration::from_secs(5);

fn connections(most: u32) -> PoolOptions<Sqlite> {
    // A connection is a file that is open: it does not break, and is not worth closing.
    PoolOptions::new()
        .max_connections(most)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}

fn check(path: &Path) -> Result<(), StoreError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(StoreError::new(StoreErrorKind::Missing)
                .because(format!("there is no file {}", path.display())));
        }
        Err(error) => return Err(unusable(path, &format!("cannot be opened ({})", error.kind()))),
    };
    if metadata.is_symlink() {
        return Err(unusable(path, "is a symbolic link; give the file that it leads to"));
    }
    if !metadata.is_file() {
        return Err(unusable(path, "is no file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(unusable(path, &format!("is open to others: `chmod 600 {}`", path.display())));
        }
    }
    Ok(())
}

fn make(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true);
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        folder.mode(0o700);
        file.mode(0o600);
    }
    folder.create(&parent)?;
    file.open(path)?.sync_all()?;
    // The name must survive a loss of power too.
    #[cfg(unix)]
    File::open(parent)?.sync_all()?;
    Ok(())
}

fn unusable(path: &Path, why: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unusable).because(format!("{} {why}", path.display()))
}
