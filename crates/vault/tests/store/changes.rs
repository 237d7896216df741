//! Whoever waits for changes is told, by whatever process they are made.

use std::time::{Duration, Instant};

use keyway_vault::{Change, Committed};
use tokio::time::timeout;

use crate::{
    engines::{self, Engine, Place},
    rows::commit,
};

on_both_engines!(
    a_change_of_another_store_is_noticed_within_a_second,
    what_is_past_is_told_at_once,
    uses_wake_nobody,
    waiting_may_be_dropped_at_any_time,
    many_wait_at_once,
    a_fill_is_a_change,
    a_store_closes_while_somebody_waits,
);

/// A second, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(20);

fn change() -> Vec<Change> {
    vec![Change::PutRoot(vec![1])]
}

async fn a_change_of_another_store_is_noticed_within_a_second(place: Place) {
    let (reader, writer) = (place.vault().await, place.store().await);
    for seq in 2..6 {
        let waiting = tokio::spawn({
            let reader = reader.clone();
            async move {
                let changed = reader.changed(seq - 1).await.unwrap();
                (changed, Instant::now())
            }
        });
        tokio::task::yield_now().await;
        assert_eq!(commit(&*writer, change()).await, Committed::Done);
        let committed = Instant::now();
        let (changed, noticed) = timeout(SOON, waiting).await.unwrap().unwrap();
        assert_eq!(changed, seq);
        assert!(noticed.saturating_duration_since(committed) < SOON);
    }
}

async fn what_is_past_is_told_at_once(place: Place) {
    let store = place.vault().await;
    commit(&*store, change()).await;
    assert_eq!(store.changed(0).await.unwrap(), 2);
    assert_eq!(store.changed(1).await.unwrap(), 2);
}

async fn uses_wake_nobody(place: Place) {
    let store = place.vault().await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.changed(1).await.unwrap() }
    });
    for _ in 0..3 {
        assert_eq!(commit(&*store, vec![]).await, Committed::Done);
    }
    assert!(timeout(Duration::from_millis(300), store.changed(1)).await.is_err());
    assert!(!waiting.is_finished());
    commit(&*store, change()).await;
    assert_eq!(timeout(SOON, waiting).await.unwrap().unwrap(), 5);
}

async fn waiting_may_be_dropped_at_any_time(place: Place) {
    let store = place.vault().await;
    for micros in 0..120 {
        timeout(Duration::from_micros(micros * 50), store.changed(1)).await.unwrap_err();
    }
    if place.engine == Engine::Postgres {
        let server = keyway_postgres::shared().unwrap();
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        let until = Instant::now() + SOON;
        // The server may need a moment to see that somebody is gone.
        loop {
            let listening: u32 = server.execute(&place.address, sql).parse().unwrap();
            if listening <= 1 {
                break;
            }
            assert!(Instant::now() < until, "{listening} connections listen");
        }
    }
    let writer = place.store().await;
    let waiting = tokio::spawn(async move { store.changed(1).await.unwrap() });
    commit(&*writer, change()).await;
    assert_eq!(timeout(SOON, waiting).await.unwrap().unwrap(), 2);
}

async fn many_wait_at_once(place: Place) {
    let (store, writer) = (place.vault().await, place.store().await);
    let waiting: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.changed(1).await.unwrap() })
        })
        .collect();
    tokio::task::yield_now().await;
    commit(&*writer, change()).await;
    for waiting in waiting {
        assert_eq!(timeout(SOON, waiting).await.unwrap().unwrap(), 2);
    }
}

async fn a_fill_is_a_change(place: Place) {
    let store = place.store().await;
    let waiting = tokio::spawn(async move { store.changed(0).await.unwrap() });
    place.vault().await;
    assert_eq!(timeout(SOON, waiting).await.unwrap().unwrap(), 1);
}

async fn a_store_closes_while_somebody_waits(place: Place) {
    let store = place.vault().await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.changed(1).await }
    });
    timeout(Duration::from_millis(300), store.changed(1)).await.unwrap_err();
    timeout(SOON, store.close()).await.expect("it closes");
    assert!(timeout(SOON, waiting).await.expect("it ends").unwrap().is_err());
}

/// What `NOTIFY` would have said is seen all the same: here the change is made past the store, without one.
#[test]
fn n49_a_lost_notification_is_made_good() {
    engines::run(Engine::Postgres, |place: Place| async move {
        let store = place.vault().await;
        let server = keyway_postgres::shared().unwrap();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.changed(1).await.unwrap() }
        });
        timeout(Duration::from_millis(100), store.changed(1)).await.unwrap_err();
        server.execute(&place.address, "UPDATE keyway_head SET changed = 7, seq = 7");
        assert_eq!(timeout(SOON, waiting).await.unwrap().unwrap(), 7);
    });
}

#[test]
fn n49_a_listener_that_was_ended_listens_again() {
    engines::run(Engine::Postgres, |place: Place| async move {
        let (store, writer) = (place.vault().await, place.store().await);
        let server = keyway_postgres::shared().unwrap();
        let ended = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
             WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        for seq in 2..5 {
            let waiting = tokio::spawn({
                let store = store.clone();
                async move { store.changed(seq - 1).await.unwrap() }
            });
            while server.execute(&place.address, ended) == "0" {}
            commit(&*writer, change()).await;
            assert_eq!(timeout(SOON, waiting).await.unwrap().unwrap(), seq);
        }
    });
}
