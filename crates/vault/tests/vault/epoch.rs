//! Whoever keeps what was read learns that it changed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use http::Method;
use keyway_core::{Reason, ReasonCode, Verdict};
use keyway_vault::{Accounts, By, Error, New, Record, StoreErrorKind, Terms, TokenHash, Vault};
use tokio::time::timeout;

use crate::{
    fated::{Fate, Fated, Plan},
    setting::{Setting, actor, checked, tenant},
};

#[tokio::test]
async fn n58_each_change_of_this_process_moves_the_epoch_before_its_call_returns() {
    let setting = Setting::new().await;
    let vault = &setting.vault;
    let scope = vault.clone().tenant(&tenant("acme"), &actor());
    let mut epoch = vault.epoch();
    let mut moved = |what: &str, expected: bool| {
        let now = vault.epoch();
        assert_eq!(now != epoch, expected, "{what}");
        epoch = now;
    };
    let id = scope.save(New::connection(&setting.credential(1))).await.unwrap().connection.id;
    moved("save", true);
    let grant = scope.grant(&id, Terms::default()).await.unwrap().grant.id;
    moved("grant", true);
    scope.rename(&id, Some("Name")).await.unwrap();
    moved("rename", true);
    checked(&scope, &id, &Verdict::Invalid(Reason::new(ReasonCode::NoProof, "no"))).await.unwrap();
    moved("checked", true);
    scope.replace(&id, New::connection(&setting.credential(2)), Accounts::Any).await.unwrap();
    moved("replace", true);
    vault.rotate(&actor(), |_| {}).await.unwrap();
    moved("rotate", true);

    let (recorder, recording) = vault.recorder().await.unwrap();
    let by = By::Actor(actor());
    let record = Record::new(tenant("acme"), id.clone(), by, Method::GET, "/me".into());
    recorder.intend(record).await.unwrap();
    drop(recorder);
    recording.end().await.unwrap();
    moved("a use", false);
    scope.get(&id).await.unwrap();
    scope.open(&id, &setting.registry).await.unwrap();
    moved("reading", false);
    scope.rename(&id, Some("\n")).await.unwrap_err();
    vault.verify(&[]).await.unwrap();
    moved("what is refused", false);

    scope.revoke(&grant).await.unwrap();
    moved("revoke", true);
    scope.revoke(&grant).await.unwrap();
    moved("revoke once more", false);
    scope.remove(&id).await.unwrap();
    moved("remove", true);
}

#[tokio::test]
async fn n58_a_change_of_another_process_moves_it_when_somebody_is_told() {
    let setting = Setting::new().await;
    let (one, other) = (&setting.vault, setting.again().await);
    let mut at = one.anchor().await.unwrap().seq();
    let told = async |vault: &Vault, after: i64| {
        timeout(Duration::from_secs(20), vault.changed(after)).await.expect("within a second").unwrap()
    };
    let before = other.epoch();
    let scope = one.tenant(&tenant("acme"), &actor());
    let id = scope.save(New::connection(&setting.credential(1))).await.unwrap().connection.id;
    at = told(&other, at).await;
    assert_ne!(other.epoch(), before);
    // Its own change moved it already, and does not once more.
    let before = other.epoch();
    other.tenant(&tenant("acme"), &actor()).rename(&id, Some("Name")).await.unwrap();
    let after = other.epoch();
    assert_ne!(after, before);
    at = told(&other, at).await;
    assert_eq!(other.epoch(), after);
    // One of its own among those of others: nothing that was read before the last of them is kept.
    other.tenant(&tenant("acme"), &actor()).rename(&id, Some("Other")).await.unwrap();
    let after = other.epoch();
    scope.rename(&id, Some("Last")).await.unwrap();
    told(&other, at).await;
    assert_ne!(other.epoch(), after);
}

#[tokio::test]
async fn n58_a_change_of_which_nobody_knows_moves_it() {
    let setting = Setting::new().await;
    let fate = Arc::new(AtomicU8::new(0));
    let plan = Plan::new({
        let fate = Arc::clone(&fate);
        move |call| {
            let fate = if call.writes { fate.load(Ordering::SeqCst) } else { 0 };
            ([Fate::Done, Fate::AnswerLost, Fate::Lost][usize::from(fate)], Duration::ZERO)
        }
    });
    let store = Fated::over(setting.store().await, &plan);
    let vault = Vault::open(store, Arc::new(setting.keys.clone())).await.unwrap();
    let scope = vault.tenant(&tenant("acme"), &actor());
    let id = scope.save(New::connection(&setting.credential(1))).await.unwrap().connection.id;
    plan.arm();
    for (number, name) in [(1, "answer lost"), (2, "lost")] {
        fate.store(number, Ordering::SeqCst);
        let before = vault.epoch();
        let renaming = tokio::spawn({
            let (scope, id) = (scope.clone(), id.clone());
            async move { scope.rename(&id, Some("Name")).await }
        });
        // While it is being found out what became of it.
        let moves = async {
            while vault.epoch() == before {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), moves).await.expect(name);
        fate.store(0, Ordering::SeqCst);
        renaming.await.unwrap().unwrap();
    }
    // And where nobody waits for the answer.
    fate.store(1, Ordering::SeqCst);
    let before = vault.epoch();
    let moves = async {
        while vault.epoch() == before {
            tokio::task::yield_now().await;
        }
    };
    let left = async {
        tokio::select! {
            renamed = scope.rename(&id, Some("Other")) => {
                let Err(Error::Store(error)) = renamed else { panic!("{renamed:?}") };
                assert_eq!(error.kind(), StoreErrorKind::Uncertain);
            }
            () = moves => {}
        }
    };
    timeout(Duration::from_secs(20), left).await.expect("it moves");
    assert_ne!(vault.epoch(), before);
}

#[tokio::test]
async fn a_grant_is_found_by_its_tokens_hash() {
    let setting = Setting::new().await;
    let scope = setting.vault.tenant(&tenant("acme"), &actor());
    let id = scope.save(New::connection(&setting.credential(1))).await.unwrap().connection.id;
    let made = scope.grant(&id, Terms::default()).await.unwrap();
    let hash = TokenHash::parse(made.token.expose()).unwrap();
    assert_eq!(setting.vault.grant_by_hash(&hash).await.unwrap().id, made.grant.id);
    let unknown = TokenHash::parse("kwg_MadeUpForTests0123456789abcdef0No3ND").unwrap();
    assert_eq!(setting.vault.grant_by_hash(&unknown).await.unwrap_err(), Error::NotFound);
}
