//! Connections to PostgreSQL: which of them are used again, and why there is none.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions as _, Error, PgConnection, PgPool, Postgres, Transaction,
    error::DatabaseError,
    pool::PoolConnectionMetadata,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
    query::Query,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::{
    StoreError, StoreErrorKind,
    fault::{Stage, fault},
};

/// How long to wait for a connection.
pub(super) const WAIT: Duration = Duration::from_secs(5);
/// How long to look for the reason why there was none.
const REASON: Duration = Duration::from_secs(1);

/// Connections to a server, made as they are needed, and used again.
#[derive(Clone)]
pub(super) struct Sessions {
    pool: PgPool,
    spent: Arc<Spent>,
    server: Arc<Server>,
}

/// Whether the server is there, as far as it is known.
struct Server {
    is_away: AtomicBool,
    /// For the one who finds out whether it is there again. All others would wait for nothing.
    trial: Semaphore,
}

/// Which connections are not used again. A session keeps what was so when it began: one that may not write does not learn that
/// the server takes changes again.
pub(super) struct Spent {
    began: Instant,
    /// Those that were made before, in milliseconds since `began`.
    before: AtomicU64,
}

impl Sessions {
    /// At most so many at a time.
    pub(super) fn new(options: &PgConnectOptions, most: u32) -> Self {
        let spent = Arc::new(Spent { began: Instant::now(), before: AtomicU64::new(0) });
        let of_pool = Arc::clone(&spent);
        let pool = PgPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(WAIT)
            .before_acquire(move |_: &mut PgConnection, session| {
                let is_good = !of_pool.is(&session);
                Box::pin(async move { Ok(is_good) })
            })
            .connect_lazy_with(options.clone());
        let server = Arc::new(Server { is_away: AtomicBool::new(false), trial: Semaphore::new(1) });
        Self { pool, spent, server }
    }

    /// Begins a transaction; beside it comes where to note what its connection said.
    pub(super) async fn begin(
        &self,
        sql: &'static str,
    ) -> Result<(Transaction<'static, Postgres>, Arc<Spent>), StoreError> {
        let _trial = self.server.trial()?;
        match self.pool.begin_with(sql).await {
            Ok(transaction) => {
                self.server.answered();
                Ok((transaction, Arc::clone(&self.spent)))
            }
            Err(error) => Err(self.fault(error).await),
        }
    }

    /// Reads rows with one statement.
    pub(super) async fn rows(
        &self,
        query: Query<'_, Postgres, <Postgres as sqlx::Database>::Arguments>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let _trial = self.server.trial()?;
        match query.fetch_all(&self.pool).await {
            Ok(rows) => {
                self.server.answered();
                Ok(rows)
            }
            Err(error) => Err(self.fault(error).await),
        }
    }

    /// Somebody waited for an answer, and none came.
    pub(super) fn silent(&self) {
        if Stage::of(&self.pool) == Stage::Running {
            self.server.is_away.store(true, Ordering::Relaxed);
        }
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    async fn fault(&self, error: Error) -> StoreError {
        let stage = Stage::of(&self.pool);
        // The pool tries again and again, and keeps to itself what the server said.
        if matches!(error, Error::PoolTimedOut) && stage == Stage::Running {
            let options = self.pool.connect_options();
            match timeout(REASON, options.connect()).await {
                Ok(Err(error @ Error::Database(_))) => {
                    self.server.answered();
                    return fault(&error, stage);
                }
                Ok(Ok(_)) => self.server.answered(),
                _ => self.silent(),
            }
        }
        self.spent.note(&error);
        fault(&error, stage)
    }
}

impl Server {
    /// Lets everybody pass while the server answers, and one at a time while it does not.
    fn trial(&self) -> Result<Option<SemaphorePermit<'_>>, StoreError> {
        if !self.is_away.load(Ordering::Relaxed) {
            return Ok(None);
        }
        self.trial.try_acquire().map(Some).map_err(|_| {
            StoreError::new(StoreErrorKind::Unavailable).because("it did not answer a moment ago")
        })
    }

    fn answered(&self) {
        if self.is_away.load(Ordering::Relaxed) {
            self.is_away.store(false, Ordering::Relaxed);
        }
    }
}

impl Spent {
    /// Notes what a connection said: where the server takes no changes or ends connections, those that there are by now are
    /// closed, and not used again.
    pub(super) fn note(&self, error: &Error) {
        /// Where the server still takes no changes, those who read do not connect anew each time that somebody writes.
        const ONCE_IN: u64 = 1000;
        let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
        if code == "25006" || code.starts_with("57P") || code.starts_with("08") {
            let (now, before) = (self.now(), self.before.load(Ordering::Relaxed));
            if before == 0 || now >= before + ONCE_IN {
                self.before.store(now, Ordering::Relaxed);
            }
        }
    }

    /// Whether a connection is one of those.
    fn is(&self, session: &PoolConnectionMetadata) -> bool {
        let age = u64::try_from(session.age.as_millis()).unwrap_or(u64::MAX);
        self.now().saturating_sub(age) <= self.before.load(Ordering::Relaxed)
    }

    /// From 1 on: 0 is never.
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }
}
