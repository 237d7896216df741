//! The store that fails: what it says of a commit is true.

use std::sync::Arc;

use keyway_vault::{Committed, Store as _, StoreErrorKind};

use crate::{
    engines::{self, Engine, Place},
    flaky::Flaky,
    rows::{self, insert},
};

/// A writer that looks after every `Uncertain` does each change once, whatever fails.
#[test]
fn uncertain_commits_are_there_or_not_and_a_look_tells() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        let store = place.vault().await;
        let flaky = Flaky::new(store.clone(), 0.3, 7);
        let (mut refused, mut lost, mut done_all_the_same) = (0, 0, 0);
        for number in 0..60 {
            let change = insert(rows::connection("acme", &format!("c{number}")));
            loop {
                let (_, before) = store.vault().await.unwrap().unwrap();
                let outcome = flaky.commit(&rows::batch(&before, vec![change.clone()])).await;
                let (_, after) = store.vault().await.unwrap().unwrap();
                match outcome.map_err(|error| error.kind()) {
                    Ok(committed) => {
                        assert_eq!((committed, after.seq), (Committed::Done, before.seq + 1));
                        break;
                    }
                    Err(StoreErrorKind::Uncertain) if after != before => {
                        done_all_the_same += 1;
                        break;
                    }
                    Err(StoreErrorKind::Uncertain) => lost += 1,
                    Err(_) => {
                        assert_eq!(after, before);
                        refused += 1;
                    }
                }
            }
        }
        assert!(refused > 5 && lost > 5 && done_all_the_same > 5, "{refused} {lost} {done_all_the_same}");
        assert_eq!(store.counts().await.unwrap().connections, 60);
    });
}

#[test]
fn a_share_of_all_or_nothing_fails() {
    engines::run(Engine::Sqlite, |place: Place| async move {
        let store = place.vault().await;
        let never = Flaky::new(store.clone(), 0.0, 1);
        let always = Flaky::new(Arc::new(Flaky::new(store, 0.0, 1)), 1.0, 1);
        for _ in 0..20 {
            assert!(never.vault().await.unwrap().is_some());
            assert!(always.vault().await.is_err());
            assert!(always.fill().await.is_err());
        }
    });
}
