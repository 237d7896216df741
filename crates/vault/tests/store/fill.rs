//! An empty store is filled at once, or not at all.

use keyway_vault::{Rows, StoreErrorKind};

use crate::{engines::Place, rows};

on_both_engines!(
    what_is_dropped_leaves_nothing,
    what_is_finished_is_there,
    what_failed_is_not_finished,
    a_store_with_a_vault_is_not_filled,
    one_of_two_fills,
    many_rows_are_filled,
);

fn some() -> Vec<Rows> {
    vec![
        Rows::Vault(rows::vault(), rows::head(2, 1)),
        Rows::Keys(vec![rows::key("k1", "active", 1)]),
        Rows::Connections(vec![rows::connection("acme", "c1"), rows::connection("other", "c2")]),
        Rows::Grants(vec![rows::grant("acme", "g1", "c1")]),
        Rows::Entries(vec![rows::entry(1, None), rows::entry(2, Some("acme"))]),
        Rows::Entries(vec![]),
    ]
}

async fn what_is_dropped_leaves_nothing(place: Place) {
    let store = place.store().await;
    let empty = rows::everything(&*store).await;
    let mut fill = store.fill().await.unwrap();
    for rows in some() {
        fill.put(rows).await.unwrap();
    }
    assert_eq!(rows::everything(&*place.store().await).await, empty, "nobody sees it before the end");
    drop(fill);
    assert_eq!(rows::everything(&*store).await, empty);
    // And it is out of the way.
    drop(store.fill().await.unwrap());
}

async fn what_is_finished_is_there(place: Place) {
    let store = place.store().await;
    let mut fill = store.fill().await.unwrap();
    for rows in some() {
        fill.put(rows).await.unwrap();
    }
    fill.finish().await.unwrap();
    let store = place.database.open().await.unwrap();
    assert_eq!(store.vault().await.unwrap().unwrap(), (rows::vault(), rows::head(2, 1)));
    assert_eq!(store.connection("other", "c2").await.unwrap().unwrap(), rows::connection("other", "c2"));
    assert_eq!(store.grant("acme", "g1").await.unwrap().unwrap(), rows::grant("acme", "g1", "c1"));
    assert_eq!(store.entries(1, 9).await.unwrap(), [rows::entry(2, Some("acme"))]);
}

async fn what_failed_is_not_finished(place: Place) {
    for (failing, kind) in [
        (Rows::Connections(vec![rows::connection("acme", "c1")]), StoreErrorKind::Damaged),
        (Rows::Grants(vec![rows::grant("acme", "g2", "none")]), StoreErrorKind::Damaged),
        (Rows::Entries(vec![rows::entry(3, Some("a\0"))]), StoreErrorKind::Invalid),
    ] {
        let store = place.store().await;
        let mut fill = store.fill().await.unwrap();
        for rows in some() {
            fill.put(rows).await.unwrap();
        }
        let said = format!("{failing:?}");
        assert_eq!(fill.put(failing).await.unwrap_err().kind(), kind, "{said}");
        assert_eq!(fill.finish().await.unwrap_err().kind(), kind, "{said}");
        assert_eq!(store.vault().await.unwrap(), None, "{said}");
        assert_eq!(store.entries(0, 9).await.unwrap(), [], "{said}");
    }
}

async fn a_store_with_a_vault_is_not_filled(place: Place) {
    let store = place.vault().await;
    let before = rows::everything(&*store).await;
    assert_eq!(store.fill().await.err().unwrap().kind(), StoreErrorKind::NotEmpty);
    assert_eq!(rows::everything(&*store).await, before);
}

async fn one_of_two_fills(place: Place) {
    let stores = [place.store().await, place.store().await];
    let [first, second] = stores.map(|store| {
        tokio::spawn(async move {
            let mut fill = store.fill().await?;
            for rows in some() {
                fill.put(rows).await?;
            }
            fill.finish().await
        })
    });
    let outcomes = [first.await.unwrap(), second.await.unwrap()];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    let error = outcomes.into_iter().find_map(Result::err).unwrap();
    assert_eq!(error.kind(), StoreErrorKind::NotEmpty, "{error}");
}

async fn many_rows_are_filled(place: Place) {
    const MANY: i64 = 20_000;
    let store = place.store().await;
    let mut fill = store.fill().await.unwrap();
    fill.put(Rows::Vault(rows::vault(), rows::head(MANY, 1))).await.unwrap();
    let connections = (0..MANY).map(|number| rows::connection("acme", &format!("c{number:08}")));
    fill.put(Rows::Connections(connections.collect())).await.unwrap();
    fill.put(Rows::Entries((1..=MANY).map(|seq| rows::entry(seq, Some("acme"))).collect())).await.unwrap();
    fill.finish().await.unwrap();
    assert_eq!(store.counts().await.unwrap().connections, 20_000);
    let last = store.entries(MANY - 1, 9).await.unwrap();
    assert_eq!(last, [rows::entry(MANY, Some("acme"))]);
}
