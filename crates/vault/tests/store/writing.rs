//! A batch is done or not, and only where it fits.

use keyway_vault::{Change, Committed, StoreErrorKind};

use crate::{
    engines::{Engine, Place},
    rows::{self, commit, insert},
};

on_both_engines!(
    a_grant_is_removed_in_its_version_alone,
    a_batch_whose_last_change_fails_leaves_nothing,
    the_head_is_compared,
    versions_are_compared,
    uses_move_the_head_and_change_nothing,
    a_batch_that_does_not_fit_together_is_refused,
    a_key_in_use_is_not_retired,
    n49_a_nul_is_refused,
    n43_what_a_trigger_keeps_out_is_not_acknowledged,
);

async fn a_batch_whose_last_change_fails_leaves_nothing(place: Place) {
    let store = place.vault().await;
    let first =
        vec![insert(rows::connection("acme", "c1")), Change::InsertGrant(rows::grant("acme", "g1", "c1"))];
    assert_eq!(commit(&*store, first).await, Committed::Done);
    let before = rows::everything(&*store).await;
    let missing = rows::connection("acme", "none");
    let mut same_hash = rows::grant("acme", "g9", "c1");
    same_hash.hash = rows::grant("acme", "g1", "c1").hash;
    for last in [
        insert(rows::connection("acme", "c1")),
        Change::Update { row: Box::new(missing.clone()), from: 1 },
        Change::Delete { tenant: "acme".into(), id: "none".into(), from: 1 },
        Change::InsertGrant(rows::grant("acme", "g1", "c1")),
        Change::InsertGrant(rows::grant("acme", "g2", "none")),
        Change::InsertGrant(same_hash),
        Change::UpdateGrant { row: rows::grant("acme", "none", "c1"), from: 1 },
        Change::RetireKey(rows::key("none", "retired", 1)),
        Change::RetireKey(rows::key("k1", "retired", 1)),
    ] {
        let said = format!("{last:?}");
        let mut updated = rows::connection("acme", "c1");
        updated.version = 2;
        let changes = vec![
            Change::PutRoot(vec![1]),
            Change::PutKey(rows::key("k2", "active", 2)),
            insert(rows::connection("acme", "c2")),
            Change::Update { row: Box::new(updated), from: 1 },
            last,
        ];
        assert_eq!(commit(&*store, changes).await, Committed::RowMoved, "{said}");
        assert_eq!(rows::everything(&*store).await, before, "{said}");
    }
}

async fn the_head_is_compared(place: Place) {
    let store = place.vault().await;
    let mut other_mac = rows::head(1, 1);
    other_mac.mac[0] ^= 1;
    for after in [rows::head(0, 0), rows::head(2, 1), rows::head(1, 0), other_mac] {
        let batch = rows::batch(&after, vec![insert(rows::connection("acme", "c1"))]);
        assert_eq!(store.commit(&batch).await.unwrap(), Committed::HeadMoved, "{after:?}");
    }
    let batch = rows::batch(&rows::head(1, 1), vec![insert(rows::connection("acme", "c1"))]);
    assert_eq!(store.commit(&batch).await.unwrap(), Committed::Done);
    assert_eq!(store.commit(&batch).await.unwrap(), Committed::HeadMoved);
    assert_eq!(store.entries(0, 9).await.unwrap().len(), 2);
}

async fn versions_are_compared(place: Place) {
    let store = place.vault().await;
    let first =
        vec![insert(rows::connection("acme", "c1")), Change::InsertGrant(rows::grant("acme", "g1", "c1"))];
    assert_eq!(commit(&*store, first).await, Committed::Done);

    let mut row = rows::connection("acme", "c1");
    row.version = 2;
    row.status = "needs_key".into();
    let update = |from| Change::Update { row: Box::new(row.clone()), from };
    assert_eq!(commit(&*store, vec![update(2)]).await, Committed::RowMoved);
    assert_eq!(commit(&*store, vec![update(1)]).await, Committed::Done);
    assert_eq!(commit(&*store, vec![update(1)]).await, Committed::RowMoved);
    assert_eq!(store.connection("acme", "c1").await.unwrap().unwrap(), row);

    let mut grant = rows::grant("acme", "g1", "c1");
    grant.version = 2;
    grant.revoked_at = Some(9);
    let revoke = |from| Change::UpdateGrant { row: grant.clone(), from };
    assert_eq!(commit(&*store, vec![revoke(3)]).await, Committed::RowMoved);
    assert_eq!(commit(&*store, vec![revoke(1)]).await, Committed::Done);
    assert_eq!(store.grant("acme", "g1").await.unwrap().unwrap(), grant);

    let delete = |from| Change::Delete { tenant: "acme".into(), id: "c1".into(), from };
    assert_eq!(commit(&*store, vec![delete(1)]).await, Committed::RowMoved);
    assert!(store.grant("acme", "g1").await.unwrap().is_some(), "its grants stay with it");
    assert_eq!(commit(&*store, vec![delete(2)]).await, Committed::Done);
    assert_eq!(store.connection("acme", "c1").await.unwrap(), None);
    assert_eq!(store.grant("acme", "g1").await.unwrap(), None);
    assert_eq!(store.grant_by_hash(&grant.hash).await.unwrap(), None);
}

async fn uses_move_the_head_and_change_nothing(place: Place) {
    let store = place.vault().await;
    let mut batch = rows::batch(&rows::head(1, 1), vec![]);
    batch.entries = (2..=500).map(|seq| rows::entry(seq, Some("acme"))).collect();
    assert_eq!(store.commit(&batch).await.unwrap(), Committed::Done);
    assert_eq!(store.vault().await.unwrap().unwrap().1, rows::head(500, 1));
    let batch = rows::batch(&rows::head(500, 1), vec![Change::PutRoot(vec![5])]);
    assert_eq!(store.commit(&batch).await.unwrap(), Committed::Done);
    assert_eq!(store.vault().await.unwrap().unwrap().1, rows::head(501, 501));
    assert_eq!(store.entries(0, 999).await.unwrap().len(), 501);
}

async fn a_batch_that_does_not_fit_together_is_refused(place: Place) {
    let store = place.vault().await;
    let before = rows::everything(&*store).await;
    for numbers in [&[][..], &[3], &[1], &[2, 4], &[2, 2]] {
        let mut batch = rows::batch(&rows::head(1, 1), vec![]);
        batch.entries = numbers.iter().map(|seq| rows::entry(*seq, None)).collect();
        let error = store.commit(&batch).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{numbers:?}: {error}");
    }
    assert_eq!(rows::everything(&*store).await, before);
}

async fn a_key_in_use_is_not_retired(place: Place) {
    let store = place.vault().await;
    let first = vec![insert(rows::connection("acme", "c1")), Change::PutKey(rows::key("k2", "active", 2))];
    assert_eq!(commit(&*store, first).await, Committed::Done);
    let retire = |id| vec![Change::RetireKey(rows::key(id, "retired", 3))];
    assert_eq!(commit(&*store, retire("k1")).await, Committed::RowMoved);
    assert_eq!(commit(&*store, retire("k2")).await, Committed::Done);
    let delete = Change::Delete { tenant: "acme".into(), id: "c1".into(), from: 1 };
    assert_eq!(commit(&*store, vec![delete]).await, Committed::Done);
    assert_eq!(commit(&*store, retire("k1")).await, Committed::Done);
    assert_eq!(store.keys().await.unwrap(), [rows::key("k1", "retired", 3), rows::key("k2", "retired", 3)]);
}

async fn n49_a_nul_is_refused(place: Place) {
    let store = place.vault().await;
    let before = rows::everything(&*store).await;
    let mut row = rows::connection("acme", "c1");
    row.origins.push('\0');
    let mut batch = rows::batch(&rows::head(1, 1), vec![insert(rows::connection("acme", "c0")), insert(row)]);
    let errors = [
        store.commit(&batch).await.unwrap_err(),
        {
            batch.changes.clear();
            batch.entries[0].body = "\0".into();
            store.commit(&batch).await.unwrap_err()
        },
        store.connection("acme\0", "c1").await.unwrap_err(),
        store.grant("acme\0", "g1").await.unwrap_err(),
        store.lease(&rows::lease("a\0", 9)).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), StoreErrorKind::Invalid, "{error}");
    }
    assert_eq!(rows::everything(&*store).await, before);
    assert_eq!(commit(&*store, vec![insert(rows::connection("acme", "c1"))]).await, Committed::Done);
}

/// Whoever can write the database can make it leave rows out without a word.
async fn n43_what_a_trigger_keeps_out_is_not_acknowledged(place: Place) {
    let store = place.vault().await;
    place
        .run(match place.engine {
            Engine::Sqlite => {
                "CREATE TRIGGER quiet BEFORE INSERT ON keyway_entries BEGIN SELECT RAISE(IGNORE); END"
            }
            Engine::Postgres => {
                "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
                 CREATE TRIGGER quiet BEFORE INSERT ON keyway_entries FOR EACH ROW EXECUTE FUNCTION nothing()"
            }
        })
        .await;
    let before = rows::everything(&*store).await;
    for changes in [vec![insert(rows::connection("acme", "c1"))], Vec::new()] {
        let error = store.commit(&rows::batch(&rows::head(1, 1), changes)).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Damaged, "{error}");
        assert_eq!(rows::everything(&*store).await, before);
    }
}

async fn a_grant_is_removed_in_its_version_alone(place: Place) {
    let store = place.vault().await;
    let grants = ["g1", "g2"].map(|id| Change::InsertGrant(rows::grant("acme", id, "c1")));
    let mut changes = vec![insert(rows::connection("acme", "c1"))];
    changes.extend(grants);
    assert_eq!(commit(&*store, changes).await, Committed::Done);
    for (id, from, said) in
        [("g1", 2, Committed::RowMoved), ("g1", 1, Committed::Done), ("g1", 1, Committed::RowMoved)]
    {
        let change = Change::DeleteGrant { tenant: "acme".into(), id: id.into(), from };
        assert_eq!(commit(&*store, vec![change]).await, said, "{id} {from}");
    }
    let left: Vec<_> =
        store.grants("acme", None, None, 9).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(left, ["g2"]);
}
