//! Where a vault is kept, as people write it.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use sqlx::postgres::PgConnectOptions;

use super::{
    Store, StoreError, StoreErrorKind,
    engine::{Hints, SqlStore},
    link::Pool,
    postgres::{self, Listening},
    sqlite,
};

/// A database: `sqlite:PATH`, `postgres:URL` or `postgresql://…`.
///
/// A PostgreSQL that is neither on loopback nor on a Unix socket is reached over TLS, and its certificate checked
/// (`verify-full`), unless the address says another `sslmode`.
///
/// # Security
/// `Debug` and `Display` show neither user nor password; no error repeats the address.
#[derive(Clone)]
pub struct Database(Engine);

#[derive(Clone)]
enum Engine {
    Sqlite(PathBuf),
    /// With how many connections a process has at most.
    Postgres(Box<PgConnectOptions>, u32),
}

impl Database {
    /// A SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Engine::Sqlite(path.into()))
    }

    /// The same database, with at most so many connections at a time, and one that listens for changes; without, 16 and one. At
    /// least 4: whoever writes also reads. It is of no matter to SQLite.
    #[must_use]
    pub fn connections(self, most: u32) -> Self {
        match self.0 {
            Engine::Postgres(options, _) => Self(Engine::Postgres(options, most.max(4))),
            engine @ Engine::Sqlite(_) => Self(engine),
        }
    }

    /// Opens what is there. Older tables become those of today when a vault is opened with its key.
    ///
    /// # Errors
    /// [`StoreErrorKind::Missing`] when there is nothing of Keyway, [`StoreErrorKind::Newer`] when a newer Keyway made it,
    /// [`StoreErrorKind::Unusable`] when it is no database, or a file that others may read or write.
    pub async fn open(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match &self.0 {
            Engine::Sqlite(path) => sqlite_store(sqlite::open(path).await?),
            Engine::Postgres(options, most) => postgres_store(postgres::open(options, *most).await?),
        })
    }

    /// Makes the file (for its owner alone, and its folder too when that is not there) or the tables, and opens it. Takes
    /// what is there already when it is Keyway's, or an empty file: whether there is a vault is for [`Store::fill`] to say.
    ///
    /// # Errors
    /// As [`open`](Self::open), but for `Missing`.
    pub async fn create(&self) -> Result<Arc<dyn Store>, StoreError> {
        Ok(match &self.0 {
            Engine::Sqlite(path) => sqlite_store(sqlite::create(path).await?),
            Engine::Postgres(options, most) => postgres_store(postgres::create(options, *most).await?),
        })
    }
}

fn sqlite_store(pool: Pool) -> Arc<dyn Store> {
    Arc::new(SqlStore::new(pool, Hints::Clock))
}

fn postgres_store((pool, listening): (Pool, Listening)) -> Arc<dyn Store> {
    Arc::new(SqlStore::new(pool, Hints::Listening(listening)))
}

impl FromStr for Database {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let unusable = |why: String| StoreError::new(StoreErrorKind::Unusable).because(why);
        if let Some(path) = text.strip_prefix("sqlite:") {
            // `sqlite:///srv/vault.db` and `sqlite://vault.db` are what other programs want to see.
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path == ":memory:" {
                return Err(unusable("`sqlite:` must be followed by the path of a file".into()));
            }
            if path.contains(['?', '\0']) {
                return Err(unusable("`sqlite:PATH` takes no parameters, and no `?` in the path".into()));
            }
            return Ok(Self::sqlite(path));
        }
        let address = match text.strip_prefix("postgres:") {
            // `postgres:postgres://…` is `postgres:URL`, word for word.
            Some(url) if url.starts_with("postgres://") || url.starts_with("postgresql://") => url,
            Some(url) if url.starts_with("//") => text,
            _ if text.starts_with("postgresql://") => text,
            _ => {
                return Err(unusable(
                    "a database is written `sqlite:PATH` or `postgres://USER@HOST/NAME`".into(),
                ));
            }
        };
        let options = postgres::options(address).map_err(|why| {
            unusable(format!("the address of the PostgreSQL database cannot be read: {why}"))
        })?;
        Ok(Self(Engine::Postgres(Box::new(options), postgres::CONNECTIONS)))
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Engine::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Engine::Postgres(options, _) => {
                let name = options.get_database().unwrap_or_default();
                match options.get_socket() {
                    Some(socket) => write!(f, "postgres:{}/{name}", socket.display()),
                    None => write!(f, "postgres://{}:{}/{name}", options.get_host(), options.get_port()),
                }
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Database;

    /// An embedder opens it from a task of its own.
    #[test]
    fn what_opens_may_move_between_threads() {
        fn movable(_: impl Send) {}
        let database = Database::sqlite("vault.db");
        movable(database.open());
        movable(database.create());
    }
}
