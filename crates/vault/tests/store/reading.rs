//! What was put in comes out, in order, page by page, and to its tenant alone.

use keyway_vault::{Alike, Change, Committed, Counts, Marks};

use crate::{
    engines::{Engine, Place},
    rows::{self, commit, insert},
};

on_both_engines!(
    an_empty_store_has_no_vault,
    rows_come_back_as_they_were,
    pages_follow_the_id,
    entries_follow_their_number,
    alike_are_those_of_the_tenant,
    i8_another_tenants_rows_are_not_there,
    counts_are_of_all_tenants,
    a_closed_store_says_so,
);

async fn an_empty_store_has_no_vault(place: Place) {
    let store = place.store().await;
    assert_eq!(store.vault().await.unwrap(), None);
    assert_eq!(store.keys().await.unwrap(), []);
    assert_eq!(store.counts().await.unwrap(), Counts::default());
    let committed = store.commit(&rows::batch(&rows::head(1, 1), vec![])).await.unwrap();
    assert_eq!(committed, Committed::HeadMoved);
    assert_eq!(store.engine(), if place.engine == Engine::Sqlite { "SQLite" } else { "PostgreSQL" });
    assert!(!format!("{store:?}").contains("vault.db"));
}

async fn rows_come_back_as_they_were(place: Place) {
    let store = place.vault().await;
    let mut full = rows::connection("acme", "c2");
    full.verdict = Some("valid".into());
    full.checked_at = None;
    full.account_mark = Some(vec![]);
    full.elsewhere = 1;
    let rows = [rows::connection("acme", "c1"), full];
    let mut revoked = rows::grant("acme", "g2", "c1");
    revoked.revoked_at = Some(0);
    let grants = [rows::grant("acme", "g1", "c2"), revoked];
    let mut changes: Vec<_> = rows.iter().cloned().map(insert).collect();
    changes.extend(grants.iter().cloned().map(Change::InsertGrant));
    let mut bare = rows::key("k0", "decrypt", 1);
    bare.wrapped = None;
    changes.push(Change::PutKey(bare.clone()));
    changes.push(Change::PutRoot(vec![9; 99]));
    assert_eq!(commit(&*store, changes).await, Committed::Done);

    let (vault, head) = store.vault().await.unwrap().unwrap();
    assert_eq!(vault.root, [9; 99]);
    assert_eq!((vault.id, vault.created_at), (rows::vault().id, rows::vault().created_at));
    assert_eq!(head, rows::head(2, 2));
    assert_eq!(store.keys().await.unwrap(), [bare, rows::key("k1", "active", 1)]);
    for row in &rows {
        assert_eq!(store.connection("acme", &row.id).await.unwrap().as_ref(), Some(row));
    }
    for row in &grants {
        assert_eq!(store.grant("acme", &row.id).await.unwrap().as_ref(), Some(row));
        assert_eq!(store.grant_by_hash(&row.hash).await.unwrap().as_ref(), Some(row));
    }
    assert_eq!(store.grant_by_hash(b"no such").await.unwrap(), None);
    let entries = [rows::entry(1, None), rows::entry(2, Some("acme"))];
    assert_eq!(store.entries(0, 9).await.unwrap(), entries);
}

async fn pages_follow_the_id(place: Place) {
    let store = place.vault().await;
    // Sorted by bytes, whatever the language of the database: capitals first, `_` between.
    let ids = ["A", "B", "_", "a", "a0", "b", "ä"];
    let mut changes: Vec<_> = ids.iter().rev().map(|id| insert(rows::connection("acme", id))).collect();
    changes.extend(ids.iter().rev().map(|id| {
        let on = if *id < "a" { "A" } else { "b" };
        Change::InsertGrant(rows::grant("acme", id, on))
    }));
    changes.push(insert(rows::connection("other", "a1")));
    assert_eq!(commit(&*store, changes).await, Committed::Done);

    let (mut connections, mut grants, mut on_one) = (vec![], vec![], vec![]);
    for _ in 0..4 {
        let after = connections.last().map(String::as_str);
        let page = store.connections("acme", after, 2).await.unwrap();
        connections.extend(page.into_iter().map(|row| row.id));
        let after = grants.last().map(String::as_str);
        grants.extend(store.grants("acme", None, after, 2).await.unwrap().into_iter().map(|row| row.id));
        let after = on_one.last().map(String::as_str);
        let page = store.grants("acme", Some("b"), after, 2).await.unwrap();
        on_one.extend(page.into_iter().map(|row| row.id));
    }
    assert_eq!(connections, ids);
    assert_eq!(grants, ids);
    assert_eq!(on_one, ids[3..]);
    assert!(store.connections("acme", None, 0).await.unwrap().is_empty());
    assert!(store.connections("acme", Some("ä"), 9).await.unwrap().is_empty());

    let mut view = store.snapshot().await.unwrap();
    let all = view.connections(Some("_"), 3).await.unwrap();
    assert_eq!(all.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["a", "a0", "a1"]);
    assert_eq!(view.grants(Some("b"), 3).await.unwrap().len(), 1);
}

async fn entries_follow_their_number(place: Place) {
    let store = place.vault().await;
    for seq in 2..=6 {
        let batch = rows::batch(&rows::head(seq - 1, 1), vec![]);
        assert_eq!(store.commit(&batch).await.unwrap(), Committed::Done);
    }
    let numbers = |rows: Vec<keyway_vault::EntryRow>| rows.iter().map(|row| row.seq).collect::<Vec<_>>();
    assert_eq!(numbers(store.entries(0, 99).await.unwrap()), [1, 2, 3, 4, 5, 6]);
    assert_eq!(numbers(store.entries(2, 2).await.unwrap()), [3, 4]);
    let mut view = store.snapshot().await.unwrap();
    assert_eq!(numbers(view.entries(4, 99).await.unwrap()), [5, 6]);
}

async fn alike_are_those_of_the_tenant(place: Place) {
    let store = place.vault().await;
    let marked = |tenant: &str, id: &str, secret: u8, account: Option<u8>| {
        let mut row = rows::connection(tenant, id);
        row.secret_mark = vec![secret; 32];
        row.account_mark = account.map(|byte| vec![byte; 32]);
        row.owner_mark = Some(vec![if id == "c1" { 8 } else { 7 }; 32]);
        insert(row)
    };
    let changes = vec![
        marked("acme", "c3", 1, Some(2)),
        marked("acme", "c1", 1, None),
        marked("acme", "c2", 2, Some(2)),
        marked("other", "c0", 1, Some(2)),
    ];
    assert_eq!(commit(&*store, changes).await, Committed::Done);
    for (secret, account, owner, secrets, accounts) in [
        (1, Some(2), None, &["c1", "c3"][..], &["c2", "c3"][..]),
        (1, Some(2), Some(7), &["c3"], &["c2", "c3"]),
        (1, Some(2), Some(8), &["c1"], &[]),
        (1, Some(2), Some(9), &[], &[]),
        (1, None, None, &["c1", "c3"], &[]),
        (2, Some(1), None, &["c2"], &[]),
        (9, Some(9), None, &[], &[]),
    ] {
        let account = account.map(|byte| vec![byte; 32]);
        let marks = Marks { secret: vec![secret; 32], account, owner: owner.map(|byte| vec![byte; 32]) };
        let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let expected = Alike { secret: texts(secrets), account: texts(accounts) };
        assert_eq!(store.alike("acme", &marks).await.unwrap(), expected, "{marks:?}");
    }
}

async fn i8_another_tenants_rows_are_not_there(place: Place) {
    let store = place.vault().await;
    let changes =
        vec![insert(rows::connection("acme", "c1")), Change::InsertGrant(rows::grant("acme", "g1", "c1"))];
    assert_eq!(commit(&*store, changes).await, Committed::Done);
    let before = rows::everything(&*store).await;
    let entries = store.entries(0, 99).await.unwrap();

    assert_eq!(store.connection("other", "c1").await.unwrap(), None);
    assert_eq!(store.connections("other", None, 9).await.unwrap(), []);
    assert_eq!(store.grant("other", "g1").await.unwrap(), None);
    assert_eq!(store.grants("other", None, None, 9).await.unwrap(), []);
    assert_eq!(store.grants("other", Some("c1"), None, 9).await.unwrap(), []);
    let marks = Marks { secret: vec![1; 32], account: None, owner: None };
    assert_eq!(store.alike("other", &marks).await.unwrap(), Alike::default());

    // What would change it is what would change a thing that is not there.
    let mut moved = rows::connection("other", "c1");
    moved.version = 2;
    let mut grant = rows::grant("other", "g1", "c1");
    grant.version = 2;
    for change in [
        Change::Update { row: Box::new(moved), from: 1 },
        Change::Delete { tenant: "other".into(), id: "c1".into(), from: 1 },
        Change::UpdateGrant { row: grant, from: 1 },
        Change::DeleteGrant { tenant: "other".into(), id: "g1".into(), from: 1 },
        Change::InsertGrant(rows::grant("other", "g2", "c1")),
        insert(rows::connection("other", "c1")),
    ] {
        let said = format!("{change:?}");
        assert_eq!(commit(&*store, vec![change]).await, Committed::RowMoved, "{said}");
    }
    assert_eq!(rows::everything(&*store).await, before);
    assert_eq!(store.entries(0, 99).await.unwrap(), entries);
}

async fn counts_are_of_all_tenants(place: Place) {
    let store = place.vault().await;
    let mut revoked = rows::grant("acme", "g2", "c1");
    revoked.revoked_at = Some(1);
    let changes = vec![
        insert(rows::connection("acme", "c1")),
        insert(rows::connection("acme", "c2")),
        insert(rows::connection("other", "c3")),
        Change::InsertGrant(rows::grant("acme", "g1", "c1")),
        Change::InsertGrant(revoked),
    ];
    assert_eq!(commit(&*store, changes).await, Committed::Done);
    assert_eq!(store.counts().await.unwrap(), Counts { connections: 3, grants: 1, tenants: 2 });
    assert_eq!(store.count_under_key("k1").await.unwrap(), 3);
    assert_eq!(store.count_under_key("k2").await.unwrap(), 0);
    let under: Vec<_> = store.under_key("k1", None, 2).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(under, ["c1", "c2"]);
}

async fn a_closed_store_says_so(place: Place) {
    let store = place.vault().await;
    store.close().await;
    let error = store.keys().await.unwrap_err();
    assert_eq!(error.kind(), keyway_vault::StoreErrorKind::Unavailable, "{error}");
    let error = store.commit(&rows::batch(&rows::head(1, 1), vec![])).await.unwrap_err();
    assert_eq!(error.kind(), keyway_vault::StoreErrorKind::Unavailable, "{error}");
    assert!(place.database.open().await.unwrap().vault().await.unwrap().is_some());
}
