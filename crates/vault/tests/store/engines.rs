//! Where the cases run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use keyway_vault::{Database, Rows, Store};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::rows;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// A database of the case's own, with the tables and nothing in them.
pub(crate) struct Place {
    pub(crate) engine: Engine,
    /// As people write it.
    pub(crate) address: String,
    pub(crate) database: Database,
    folder: Folder,
}

impl Place {
    fn new(engine: Engine) -> Option<Self> {
        let folder = Folder::new();
        let address = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.path().join("vault.db").display()),
            Engine::Postgres => keyway_postgres::shared()?.database(),
        };
        let database = address.parse().unwrap();
        Some(Self { engine, address, database, folder })
    }

    /// The SQLite file.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("vault.db")
    }

    /// A store over it.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        self.database.create().await.unwrap()
    }

    /// Runs SQL as somebody else who can write the database.
    pub(crate) async fn run(&self, sql: &'static str) {
        match self.engine {
            Engine::Sqlite => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file());
                let mut connection = options.connect().await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
            Engine::Postgres => {
                let mut connection = sqlx::PgConnection::connect(&self.address).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
            }
        }
    }

    /// A store with a vault in it: one key, the head at the first entry.
    pub(crate) async fn vault(&self) -> Arc<dyn Store> {
        let store = self.store().await;
        let mut fill = store.fill().await.unwrap();
        fill.put(Rows::Vault(rows::vault(), rows::head(1, 1))).await.unwrap();
        fill.put(Rows::Keys(vec![rows::key("k1", "active", 1)])).await.unwrap();
        fill.put(Rows::Entries(vec![rows::entry(1, None)])).await.unwrap();
        fill.finish().await.unwrap();
        store
    }
}

/// Runs a case on a database of its own, if the engine is there.
pub(crate) fn run<F: Future<Output = ()>>(engine: Engine, case: impl FnOnce(Place) -> F) {
    if let Some(place) = Place::new(engine) {
        block_on(case(place));
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A temporary folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static FOLDERS: AtomicU32 = AtomicU32::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("keyway-store-{}-{number}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
