//! How many sessions a second a vault makes and opens: each is a document inserted, found by its mark, and replaced.
//!
//! `just bench-documents` makes it, on SQLite and, where it is installed, on PostgreSQL. Nothing here fails.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use keyway_vault::{Actor, Database, Documents, KeyFile, NewDocument, Vault};

/// How many a caller makes, one after the other.
const SESSIONS: usize = 200;
/// As long as a session is.
const TEXT: [u8; 1500] = [b'x'; 1500];

#[tokio::main]
async fn main() {
    println!(
        "{:>11} {:>8} {:>10} {:>12} {:>12} {:>12}",
        "engine", "callers", "sessions/s", "insert p50", "insert p99", "replace p99"
    );
    let folder = tempfile::tempdir().unwrap();
    measure("SQLite", &Database::sqlite(folder.path().join("keyway.db"))).await;
    if let Some(server) = keyway_postgres::shared() {
        measure("PostgreSQL", &server.database().parse().unwrap()).await;
    }
}

async fn measure(engine: &str, database: &Database) {
    let actor = Actor::parse("bench").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyFile::create(folder.path().join("master.key")).unwrap());
    let vault = Vault::init(database.create().await.unwrap(), keys, &actor).await.unwrap();
    for callers in [1, 8, 64] {
        let began = Instant::now();
        let tasks: Vec<_> = (0..callers).map(|_| tokio::spawn(sessions(vault.documents()))).collect();
        let (mut inserts, mut replaces) = (Vec::new(), Vec::new());
        for task in tasks {
            let (some, others) = task.await.unwrap();
            inserts.extend(some);
            replaces.extend(others);
        }
        let count = u32::try_from(inserts.len()).unwrap();
        let rate = f64::from(count) / began.elapsed().as_secs_f64();
        inserts.sort_unstable();
        replaces.sort_unstable();
        let at = |times: &[Duration], hundredth: usize| {
            format!("{:.2} ms", times[times.len() * hundredth / 100].as_secs_f64() * 1e3)
        };
        println!(
            "{engine:>11} {callers:>8} {rate:>10.0} {:>12} {:>12} {:>12}",
            at(&inserts, 50),
            at(&inserts, 99),
            at(&replaces, 99)
        );
    }
    vault.close().await;
}

/// What each insert and each replace took.
async fn sessions(documents: Documents) -> (Vec<Duration>, Vec<Duration>) {
    let (mut inserts, mut replaces) = (Vec::new(), Vec::new());
    for _ in 0..SESSIONS {
        let (id, mark) = (format!("ses_{:032x}", fastrand::u128(..)), fastrand::u128(..).to_be_bytes());
        let expires_at = Some(SystemTime::now() + Duration::from_secs(1800));
        let new = NewDocument {
            kind: "session",
            id: &id,
            tenant: None,
            mark: Some(&mark),
            expires_at,
            text: &TEXT,
        };
        let began = Instant::now();
        assert!(documents.insert(new).await.unwrap());
        inserts.push(began.elapsed());
        let made = documents.by_mark("session", &mark).await.unwrap().unwrap();
        let began = Instant::now();
        assert!(documents.replace(&made, &TEXT, expires_at).await.unwrap().is_some());
        replaces.push(began.elapsed());
    }
    (inserts, replaces)
}
