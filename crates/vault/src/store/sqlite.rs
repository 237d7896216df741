//! SQLite: one file, which nobody else may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, Sqlite, SqliteConnection,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    StoreError, StoreErrorKind,
    fault::{Stage, fault},
    link::Pool,
    same_file::SameFile,
    schema,
    value::only,
    value::values,
};

/// Opens a file that is there.
pub(super) async fn open(path: &Path) -> Result<Pool, StoreError> {
    check(path)?;
    let pool = pool(path)?;
    schema::require(&pool).await?;
    finish(pool).await
}

/// Makes the file, unless there is one that is empty, or Keyway's.
pub(super) async fn create(path: &Path) -> Result<Pool, StoreError> {
    match make(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check(path)?,
        Err(error) => return Err(unusable(path, &format!("cannot be made ({})", error.kind()))),
    }
    let pool = pool(path)?;
    // In this order: who makes it at the same time makes all tables at once.
    let tables = pool.row("SELECT count(*) FROM sqlite_schema", values![], only::<i64>);
    let empty = tables.await? == Some(0);
    match schema::version(&pool).await? {
        Some(_) => schema::require(&pool).await?,
        None if empty => schema::migrate(&pool).await?,
        None => return Err(unusable(path, "is the database of something else")),
    }
    finish(pool).await
}

/// Where others' changes are looked for: SQLite wakes nobody, and a look costs some microseconds.
pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Moves the write-ahead log into the file and empties it, so that what was deleted is in neither.
pub(super) async fn truncate_wal(pool: &Pool) -> Result<(), StoreError> {
    let Pool::Sqlite { write, .. } = pool else { return Ok(()) };
    // On a connection of its own, which waits for nobody: the writers' one would keep them waiting with it.
    let options = write.connect_options().as_ref().clone().busy_timeout(Duration::ZERO);
    let mut connection = options.connect().await.map_err(|error| fault(&error, Stage::Running))?;
    let busy =
        sqlx::query_scalar::<_, i64>("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await;
    let busy = busy.map_err(|error| fault(&error, Stage::Running));
    let _ = connection.close().await;
    if busy? == 0 {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::Busy)
        .because("others read it; what was deleted is in its log until they are done"))
}

async fn finish(pool: Pool) -> Result<Pool, StoreError> {
    // Of the connection that asked for it: others notice when they read next.
    let mode = pool.writer().row("PRAGMA journal_mode", values![], only::<String>).await?;
    if mode.as_deref() != Some("wal") {
        return Err(StoreError::new(StoreErrorKind::Unusable)
            .because("this file system does not carry a write-ahead log; use another, or PostgreSQL"));
    }
    Ok(pool)
}

fn pool(path: &Path) -> Result<Pool, StoreError> {
    // Absolute, so that it is no `file:` URL, whatever its name.
    let path = std::path::absolute(path).map_err(|_| unusable(path, "is no path"))?;
    let options = SqliteConnectOptions::new()
        .filename(&path)
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
        file: SameFile::at(&path),
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
        // After a failed write SQLite may have rolled back by itself. sqlx does not learn of that, and would take the
        // connection to be in a transaction for ever.
        .before_acquire(|connection: &mut SqliteConnection, _| {
            Box::pin(async move { Ok(!connection.is_in_transaction()) })
        })
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

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;
    use crate::store::engine::{Hints, SqlStore};
    use crate::store::{Batch, Committed, EntryRow, Head, Rows, Store as _, VaultRow};

    /// A file in a folder of its own, which goes when the test ends.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            Self(env::temp_dir().join(format!("keyway-sqlite-{name}-{}", process::id())))
        }

        fn file(&self) -> PathBuf {
            self.0.join("vault.db")
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    #[test]
    fn every_connection_is_set_to_be_durable_and_careful() {
        block_on(async {
            let place = Place::new("settings");
            drop(create(&place.file()).await.unwrap());
            let pool = pool(&place.file()).unwrap();
            for (pool, writes) in [(pool.writer(), true), (pool, false)] {
                for (pragma, value) in [
                    ("PRAGMA synchronous", 2),
                    ("PRAGMA fullfsync", 1),
                    ("PRAGMA secure_delete", 1),
                    ("PRAGMA foreign_keys", 1),
                    ("PRAGMA busy_timeout", 5000),
                    ("PRAGMA temp_store", 2),
                    ("PRAGMA trusted_schema", 0),
                    ("PRAGMA cell_size_check", 1),
                    ("PRAGMA query_only", i64::from(!writes)),
                ] {
                    let found = pool.row(pragma, values![], only::<i64>).await.unwrap();
                    assert_eq!(found, Some(value), "{pragma}, writes: {writes}");
                }
                let mode = pool.row("PRAGMA journal_mode", values![], only::<String>);
                assert_eq!(mode.await.unwrap().as_deref(), Some("wal"));
            }
        });
    }

    fn batch(after: &Head, bytes: usize) -> Batch {
        let seq = after.seq + 1;
        let body = "x".repeat(bytes);
        let entry =
            EntryRow { seq, at: 0, tenant: None, connection: None, kind: "saved".into(), body, mac: vec![] };
        Batch { after: after.clone(), entries: vec![entry], changes: vec![] }
    }

    /// As on a full disk: SQLite gives the same error where it may add no page.
    #[test]
    fn n46_a_full_database_takes_nothing_and_recovers() {
        block_on(async {
            let place = Place::new("full");
            let store = SqlStore::new(create(&place.file()).await.unwrap(), Hints::Clock);
            let mut fill = store.fill().await.unwrap();
            let mut head = Head { seq: 1, mac: vec![], changed: 1 };
            let vault = VaultRow { id: "v".into(), created_at: 0, root: vec![] };
            fill.put(Rows::Vault(vault, head.clone())).await.unwrap();
            fill.finish().await.unwrap();

            let writer = store.pool().writer();
            writer.row("PRAGMA max_page_count = 60", values![], |_| Ok(())).await.unwrap();
            let error = loop {
                match store.commit(&batch(&head, 10_000)).await {
                    Ok(committed) => assert_eq!(committed, Committed::Done),
                    Err(error) => break error,
                }
                head.seq += 1;
            };
            assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
            assert!(head.seq > 3);
            assert_eq!(store.vault().await.unwrap().unwrap().1, head);
            assert_eq!(i64::try_from(store.entries(0, 99).await.unwrap().len()).unwrap(), head.seq - 1);
            writer.row("PRAGMA max_page_count = 100000", values![], |_| Ok(())).await.unwrap();
            assert_eq!(store.commit(&batch(&head, 10_000)).await.unwrap(), Committed::Done);
        });
    }
}
