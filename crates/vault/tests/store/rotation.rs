//! Leases run by the engine's clock, and wraps are replaced only while one is held.

use std::time::{Duration, Instant};

use keyway_vault::{Change, Committed};

use crate::{
    engines::Place,
    rows::{self, commit, insert, lease, rewrap},
};

on_both_engines!(a_lease_has_one_holder, a_lease_runs_out, wraps_are_replaced_where_they_are_as_they_were);

async fn a_lease_has_one_holder(place: Place) {
    let (first, second) = (place.vault().await, place.store().await);
    assert!(first.lease(&lease("a", 60_000)).await.unwrap());
    assert!(!second.lease(&lease("b", 60_000)).await.unwrap());
    assert!(second.lease(&lease("a", 60_000)).await.unwrap(), "prolonged");
    second.release(&lease("b", 0)).await.unwrap();
    assert!(!second.lease(&lease("b", 60_000)).await.unwrap(), "what is not one's own is not given back");
    let mut other = lease("b", 60_000);
    other.name = "another";
    assert!(second.lease(&other).await.unwrap());
    first.release(&lease("a", 0)).await.unwrap();
    assert!(second.lease(&lease("b", 60_000)).await.unwrap());
}

async fn a_lease_runs_out(place: Place) {
    let store = place.vault().await;
    let start = Instant::now();
    assert!(store.lease(&lease("a", 150)).await.unwrap());
    while !store.lease(&lease("b", 60_000)).await.unwrap() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never runs out");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(start.elapsed() > Duration::from_millis(100), "it was taken while it ran");
    assert_eq!(store.rewrap(&lease("a", 60_000), &[]).await.unwrap(), None);
    assert!(!store.lease(&lease("a", 60_000)).await.unwrap());
}

async fn wraps_are_replaced_where_they_are_as_they_were(place: Place) {
    let store = place.vault().await;
    let mut under_other = rows::connection("acme", "c3");
    under_other.key = "k0".into();
    let mut newer = rows::connection("other", "c4");
    newer.version = 2;
    let changes = vec![
        insert(rows::connection("acme", "c1")),
        insert(rows::connection("other", "c2")),
        insert(under_other.clone()),
        insert(newer.clone()),
    ];
    assert_eq!(commit(&*store, changes).await, Committed::Done);
    let wraps = [rewrap("c1", 1), rewrap("c2", 1), rewrap("c3", 1), rewrap("c4", 1), rewrap("c5", 1)];

    assert_eq!(store.rewrap(&lease("a", 60_000), &wraps).await.unwrap(), None, "nobody holds it");
    assert!(store.lease(&lease("b", 60_000)).await.unwrap());
    assert_eq!(store.rewrap(&lease("a", 60_000), &wraps).await.unwrap(), None, "somebody else holds it");
    assert_eq!(store.count_under_key("k2").await.unwrap(), 0);
    store.release(&lease("b", 0)).await.unwrap();

    assert!(store.lease(&lease("a", 0)).await.unwrap());
    assert_eq!(store.rewrap(&lease("a", 60_000), &wraps).await.unwrap(), None, "it ran out");

    assert!(store.lease(&lease("a", 60_000)).await.unwrap());
    let head = store.vault().await.unwrap();
    assert_eq!(store.rewrap(&lease("a", 600_000), &wraps).await.unwrap(), Some(2));
    assert_eq!(store.vault().await.unwrap(), head, "no entry is written");
    assert_eq!(store.rewrap(&lease("a", 600_000), &wraps).await.unwrap(), Some(0));
    let mut expected = rows::connection("acme", "c1");
    expected.key = "k2".into();
    expected.credential = vec![8; 9];
    expected.details = vec![9; 8];
    assert_eq!(store.connection("acme", "c1").await.unwrap().unwrap(), expected);
    assert_eq!(store.connection("acme", "c3").await.unwrap().unwrap(), under_other);
    assert_eq!(store.connection("other", "c4").await.unwrap().unwrap(), newer);
    let under: Vec<_> = store.under_key("k1", None, 9).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(under, ["c4"]);

    // A version is compared, not a key: who changed the row since it was read here is not undone.
    let update = Change::Update { row: Box::new(expected), from: 1 };
    assert_eq!(commit(&*store, vec![update]).await, Committed::Done);
}
