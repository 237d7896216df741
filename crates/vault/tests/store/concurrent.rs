//! Many writers, in more than one process's worth of stores: nothing is lost, and nothing done twice.

use std::{collections::BTreeSet, sync::Arc};

use keyway_vault::{Committed, Store, StoreErrorKind};

use crate::{
    engines::Place,
    rows::{self, insert},
};

on_both_engines!(many_writers_lose_nothing, one_of_many_takes_a_lease);

const WRITERS: usize = 64;

/// As the vault does: looks where the head stands, tries, and tries again.
async fn insist(store: Arc<dyn Store>, id: String) {
    loop {
        let (_, head) = store.vault().await.unwrap().unwrap();
        let batch = rows::batch(&head, vec![insert(rows::connection("acme", &id))]);
        match store.commit(&batch).await {
            Ok(Committed::Done) => return,
            Ok(Committed::HeadMoved) => {}
            Err(error) if matches!(error.kind(), StoreErrorKind::Busy | StoreErrorKind::Unavailable) => {}
            other => panic!("{id}: {other:?}"),
        }
    }
}

async fn many_writers_lose_nothing(place: Place) {
    let stores = [place.vault().await, place.store().await];
    let writers: Vec<_> = (0..2 * WRITERS)
        .map(|number| tokio::spawn(insist(stores[number % 2].clone(), format!("c{number:03}"))))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let found: BTreeSet<_> =
        stores[0].connections("acme", None, 999).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(found, (0..2 * WRITERS).map(|number| format!("c{number:03}")).collect());
    let last = i64::try_from(2 * WRITERS + 1).unwrap();
    let numbers: Vec<_> = stores[1].entries(0, 999).await.unwrap().iter().map(|row| row.seq).collect();
    assert_eq!(numbers, (1..=last).collect::<Vec<_>>());
    assert_eq!(stores[1].vault().await.unwrap().unwrap().1, rows::head(last, last));
}

async fn one_of_many_takes_a_lease(place: Place) {
    let stores = [place.vault().await, place.store().await];
    let tries: Vec<_> = (0..16)
        .map(|number| {
            let store = stores[number % 2].clone();
            tokio::spawn(
                async move { store.lease(&rows::lease(&format!("h{number}"), 600_000)).await.unwrap() },
            )
        })
        .collect();
    let mut taken = 0;
    for attempt in tries {
        taken += usize::from(attempt.await.unwrap());
    }
    assert_eq!(taken, 1);
}
