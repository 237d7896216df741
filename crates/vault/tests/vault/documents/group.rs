//! Many who write documents at once: in one commit, each with its own answer, whatever becomes of the others.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use keyway_vault::{Error, New, StoreErrorKind, Vault};
use tokio::task::JoinSet;

use super::{get, new};
use crate::{
    between::Between,
    fated::{Call, Fate, Fated, Plan},
    load::Place,
    setting::{Setting, actor, tenant},
};

on_both_engines!(many_write_at_once_and_each_has_its_answer, threads_with_their_own_runtimes_share_a_vault);

async fn many_write_at_once_and_each_has_its_answer(place: Place) {
    let vault = place.vault().await;
    let (documents, scope) = (vault.documents(), vault.tenant(&tenant("t0"), &actor()));
    let saving = tokio::spawn(async move {
        let setting = crate::setting::registry();
        for number in 0..20 {
            let credential = crate::setting::credential(&setting, &crate::setting::secret(number));
            scope.save(New::connection(&credential)).await.unwrap();
        }
    });
    let mut tasks = JoinSet::new();
    for task in 0..64 {
        let documents = documents.clone();
        tasks.spawn(async move {
            for number in 0..10 {
                let (own, text) = (format!("n{task}_{number}"), task.to_string());
                assert!(documents.insert(new(&own, text.as_bytes())).await.unwrap());
                let read = get(&documents, &own).await.unwrap();
                assert!(documents.replace(&read, b"second", None).await.unwrap().is_some());
                // A miss of one is nobody else's.
                assert!(documents.replace(&read, b"third", None).await.unwrap().is_none());
                assert!(!documents.insert(new(&own, b"")).await.unwrap());
            }
        });
    }
    tasks.join_all().await;
    saving.await.unwrap();
    let list = documents.list("note", None, None, 1000).await.unwrap();
    assert_eq!(list.len(), 640);
    assert!(list.iter().all(|one| one.version == 2 && &**one.text == b"second"));
    assert_eq!(vault.verify(&[]).await.unwrap().problems, []);
}

/// As the hub's workers are: each its own runtime, over one vault.
async fn threads_with_their_own_runtimes_share_a_vault(place: Place) {
    let vault = place.vault().await;
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let documents = vault.documents();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    let mut tasks = JoinSet::new();
                    for number in 0..50 {
                        let documents = documents.clone();
                        tasks.spawn(async move {
                            documents.insert(new(&format!("n{thread}_{number}"), b"")).await.unwrap()
                        });
                    }
                    tasks.join_all().await.iter().all(|done| *done)
                })
            })
        })
        .collect();
    let done = tokio::task::spawn_blocking(|| threads.into_iter().all(|thread| thread.join().unwrap()));
    assert!(done.await.unwrap());
    assert_eq!(vault.documents().list("note", None, None, 1000).await.unwrap().len(), 200);
}

/// Polls a future so many times, and drops it.
async fn drop_after(polls: usize, future: impl Future) {
    let mut future = pin!(future);
    for _ in 0..polls {
        let done = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if done {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_takes_nobody_along() {
    let setting = Setting::new().await;
    let plan = Plan::new(|_| (Fate::Done, Duration::from_millis(2)));
    let store = Fated::over(setting.store().await, &plan);
    let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    plan.arm();
    let documents = vault.documents();
    for polls in 0..40 {
        let (first, ids) = (format!("gone{polls}"), [format!("a{polls}"), format!("b{polls}")]);
        let others: Vec<_> = ids
            .iter()
            .map(|id| {
                let (documents, id) = (documents.clone(), id.clone());
                tokio::spawn(async move { documents.insert(new(&id, b"text")).await })
            })
            .collect();
        drop_after(polls, documents.insert(new(&first, b"text"))).await;
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(true), "{polls}");
        }
        for id in &ids {
            assert!(get(&documents, id).await.is_some());
        }
    }
    // The vault goes on as if nothing had been.
    assert_eq!(documents.insert(new("last", b"text")).await, Ok(true));
}

/// One who commits for others stops in the middle of it, and another goes on.
#[tokio::test]
async fn who_commits_for_others_and_stops_leaves_them_to_another() {
    let setting = Setting::new().await;
    let plan = Plan::new(|_| (Fate::Done, Duration::from_millis(20)));
    let store = Fated::over(setting.store().await, &plan);
    let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    plan.arm();
    let documents = vault.documents();
    let write = |id: &'static str| {
        let documents = documents.clone();
        async move { documents.insert(new(id, b"text")).await }
    };
    let first = tokio::spawn(write("first"));
    tokio::task::yield_now().await;
    // It is next, and another waits behind it.
    let mut stops = Box::pin(write("stops"));
    let mut poll = async || poll_fn(|context| Poll::Ready(stops.as_mut().poll(context).is_pending())).await;
    assert!(poll().await);
    let other = tokio::spawn(write("other"));
    tokio::task::yield_now().await;
    assert_eq!(first.await.unwrap(), Ok(true));
    assert!(poll().await, "it commits for both");
    drop(stops);
    assert_eq!(other.await.unwrap(), Ok(true));
    assert!(get(&documents, "other").await.is_some());
}

#[tokio::test]
async fn those_who_wait_are_committed_together() {
    let setting = Setting::new().await;
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let plan = Plan::new(move |call: Call| {
        counted.fetch_add(u64::from(call.writes), Ordering::SeqCst);
        (Fate::Done, Duration::from_millis(1))
    });
    let store = Fated::over(setting.store().await, &plan);
    let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    plan.arm();
    let mut tasks = JoinSet::new();
    for number in 0..300 {
        let documents = vault.documents();
        tasks.spawn(async move { documents.insert(new(&format!("n{number}"), b"")).await.unwrap() });
    }
    assert!(tasks.join_all().await.iter().all(|done| *done));
    // The first one finds nobody else; at most 256 go together.
    assert!((2..=4).contains(&calls.load(Ordering::SeqCst)), "{calls:?} commits");
}

#[tokio::test]
async fn n45_what_is_in_doubt_is_found_out() {
    for fate in [Fate::AnswerLost, Fate::Lost] {
        let setting = Setting::new().await;
        let plan =
            Plan::new(move |call: Call| (if call.number == 0 { fate } else { Fate::Done }, Duration::ZERO));
        let store = Fated::over(setting.store().await, &plan);
        let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
        let documents = vault.documents();
        assert!(documents.insert(new("n1", b"first")).await.unwrap());
        let first = get(&documents, "n1").await.unwrap();
        plan.arm();
        let second = documents.replace(&first, b"second", None).await.unwrap().expect("it is done, once");
        assert_eq!(&**get(&documents, "n1").await.unwrap().text, b"second", "{fate:?}");
        plan.again();
        assert!(documents.insert(new("n2", b"text")).await.unwrap(), "{fate:?}");
        plan.again();
        assert!(!documents.insert(new("n2", b"other")).await.unwrap(), "{fate:?}");
        plan.again();
        assert!(documents.replace(&first, b"late", None).await.unwrap().is_none(), "{fate:?}");
        plan.again();
        let removed = documents.remove(&second).await;
        match fate {
            // Whoever else might have removed it is not told from us.
            Fate::AnswerLost => {
                let Err(Error::Store(error)) = removed else { panic!("{removed:?}") };
                assert_eq!(error.kind(), StoreErrorKind::Uncertain);
            }
            _ => assert_eq!(removed, Ok(true)),
        }
        assert!(get(&documents, "n1").await.is_none());
    }
}

#[tokio::test]
async fn n45_what_is_refused_is_not_done() {
    let setting = Setting::new().await;
    let plan = Plan::new(|_| (Fate::Refused, Duration::ZERO));
    let store = Fated::over(setting.store().await, &plan);
    let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    plan.arm();
    let refused = vault.documents().insert(new("n1", b"text")).await.unwrap_err();
    assert!(matches!(&refused, Error::Store(error) if error.kind() == StoreErrorKind::Unavailable));
    plan.disarm();
    assert!(get(&vault.documents(), "n1").await.is_none());
    assert!(vault.documents().insert(new("n1", b"text")).await.unwrap());
}

/// The audit log is not what documents wait for, nor the other way round.
#[tokio::test]
async fn documents_are_written_while_the_audit_log_cannot() {
    let setting = Setting::new().await;
    let between = Between::new(setting.store().await);
    between.refuse(true);
    let vault = Vault::open(Arc::new(between), Arc::new(setting.keys.clone())).await.unwrap();
    let saved = vault.tenant(&tenant("acme"), &actor()).save(New::connection(&setting.credential(1))).await;
    assert!(saved.is_err());
    assert!(vault.documents().insert(new("n1", b"text")).await.unwrap());
}
