//! A check that did not end, and what is said of one that ended badly.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use keyway_vault::Status;
use reqwest::StatusCode;

use crate::{
    fated::{Fate, Fated, Plan},
    provider::Provider,
    stage::{ROOTLY, Stage},
    walk::{OTHER, Walk, ada, connect, reconnect},
};

/// Whoever looks meanwhile, or after a process that is gone.
#[tokio::test]
async fn a_check_that_did_not_end_is_said_to_be_one() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let mut walk = Walk::new(&stage, connect()).await;
    let csrf = walk.csrf().await;
    let (mut browser, url) = (walk.browser.clone(), format!("{}/providers/rootly/api_key", walk.at));
    let sent = tokio::spawn(async move { browser.post(&url, &[("csrf", &csrf), ("api_key", ROOTLY)]).await });
    provider.asked.notified().await;
    let page = walk.get("/providers/rootly/api_key").await;
    assert!(page.text.contains("data-verdict=\"unfinished\""), "{}", page.text);
    assert!(!page.text.contains(ROOTLY));
    provider.leave.add_permits(1);
    assert_eq!(sent.await.unwrap().status, StatusCode::SEE_OTHER);
    assert_eq!((walk.told().await.as_str(), walk.step().await.as_str()), ("nothing", "checked"));
}

#[tokio::test]
async fn what_a_provider_said_is_kept_once_the_vault_writes_again() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let refused = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refused);
    let plan = Plan::new(move |call| {
        if !call.writes {
            return (Fate::Done, Duration::ZERO);
        }
        counted.fetch_add(1, Ordering::SeqCst);
        (Fate::Refused, Duration::ZERO)
    });
    let origin = provider.origin();
    let stage = Stage::over(|store| Fated::over(store, &plan), |builder| builder.stand_in(origin)).await;
    let mut walk = Walk::new(&stage, connect()).await;
    let csrf = walk.csrf().await;
    let (mut browser, url) = (walk.browser.clone(), format!("{}/providers/rootly/api_key", walk.at));
    let sent = tokio::spawn(async move { browser.post(&url, &[("csrf", &csrf), ("api_key", ROOTLY)]).await });
    provider.asked.notified().await;
    plan.arm();
    provider.leave.add_permits(1);
    // It has failed to be kept once.
    while refused.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    plan.disarm();
    assert_eq!(sent.await.unwrap().location(&walk.at), walk.at);
    assert_eq!(walk.step().await, "checked");
}

/// What looked odd before the key was sent is what is most likely wrong with it.
#[tokio::test]
async fn a_key_that_is_refused_is_told_what_is_odd_about_it() {
    let stage = Stage::new().await;
    let mut walk = Walk::new(&stage, connect()).await;
    let (_, page) = walk.rootly("sk_live_madeUpAndNoneOfTheirs").await;
    assert!(page.text.contains("data-verdict=\"invalid\""), "{}", page.text);
    let notice = page.text.split("data-verdict").nth(1).unwrap().split("</div>").next().unwrap();
    assert!(notice.contains("rootly_"), "{notice}");
    assert!(!page.text.contains("madeUpAndNone"), "{}", page.text);
}

#[tokio::test]
async fn a_key_of_another_account_is_told_with_both() {
    let stage = Stage::new().await;
    let one = ada(&stage).await;
    let mut walk = Walk::new(&stage, reconnect(&one, false)).await;
    let (_, page) = walk.rootly(OTHER).await;
    assert!(page.text.contains("data-verdict=\"other_account\""), "{}", page.text);
    for label in ["Grace Hopper", "Ada Lovelace"] {
        assert!(page.text.contains(label), "{label}: {}", page.text);
    }
    assert_eq!(stage.scope("acme").get(&one.id).await.unwrap().status, Status::Active);
}
