//! What a reader sees while others write.

use keyway_vault::{Change, Committed};

use crate::{
    engines::Place,
    rows::{self, commit, everything, insert},
};

on_both_engines!(a_snapshot_does_not_change, a_reader_sees_all_of_a_batch_or_nothing);

async fn a_snapshot_does_not_change(place: Place) {
    let (store, writer) = (place.vault().await, place.store().await);
    commit(&*store, vec![insert(rows::connection("acme", "c1"))]).await;
    let mut view = store.snapshot().await.unwrap();
    let changes = vec![
        Change::Delete { tenant: "acme".into(), id: "c1".into(), from: 1 },
        insert(rows::connection("acme", "c2")),
        Change::InsertGrant(rows::grant("acme", "g1", "c2")),
        Change::PutKey(rows::key("k2", "active", 2)),
        Change::PutRoot(vec![1]),
    ];
    assert_eq!(commit(&*writer, changes).await, Committed::Done);
    let (vault, head) = view.vault().await.unwrap().unwrap();
    assert_eq!((vault, head), (rows::vault(), rows::head(2, 2)));
    assert_eq!(view.keys().await.unwrap().len(), 1);
    assert_eq!(view.connections(None, 9).await.unwrap(), [rows::connection("acme", "c1")]);
    assert_eq!(view.grants(None, 9).await.unwrap(), []);
    assert_eq!(view.entries(0, 9).await.unwrap().len(), 2);
    drop(view);
    let mut view = store.snapshot().await.unwrap();
    assert_eq!(view.connections(None, 9).await.unwrap(), [rows::connection("acme", "c2")]);
}

async fn a_reader_sees_all_of_a_batch_or_nothing(place: Place) {
    let (store, writer) = (place.vault().await, place.store().await);
    let writing = tokio::spawn(async move {
        for round in 0..40 {
            let pair = ["a", "b"].map(|name| insert(rows::connection("acme", &format!("{name}{round}"))));
            assert_eq!(commit(&*writer, pair.into()).await, Committed::Done);
        }
    });
    while !writing.is_finished() {
        let rows = store.connections("acme", None, 999).await.unwrap();
        assert_eq!(rows.len() % 2, 0, "half a batch");
        let (_, head) = store.vault().await.unwrap().unwrap();
        assert_eq!(head, rows::head(head.seq, head.seq));
    }
    writing.await.unwrap();
    assert!(everything(&*store).await.contains("\"b39\""));
}
