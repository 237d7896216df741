//! What happens at the same time: in tabs, by impatient clicks, in several processes.

use std::sync::atomic::Ordering;

use keyway_core::Submission;
use keyway_vault::{Connection, New};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;

use crate::{
    provider::Provider,
    stage::{Page, ROOTLY, ROOTLY_REVOKED, Stage},
    walk::{Walk, ada, connect, manage, reconnect},
};

const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";

/// A connection of `user-1`, of which nobody knows the account.
async fn unchecked(stage: &Stage, provider: &Provider, key: &str) -> Connection {
    let submission = Submission::new().with("api_key", key);
    let credential = stage.registry.accept("rootly", None, &submission).unwrap().credential;
    let credential = credential.at_origin(provider.origin());
    stage.scope("acme").save(New::connection(&credential).end_user("user-1")).await.unwrap().connection
}

/// A form, as a browser sends it that does not wait for the others.
async fn form(walk: &mut Walk<'_>, path: &str, more: &str) -> RequestBuilder {
    let body = format!("csrf={}{more}", walk.csrf().await);
    let request = walk.browser.client().post(format!("{}{path}", walk.at)).body(body);
    let request = request.header("origin", &walk.stage.origin);
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", walk.browser.cookie.clone().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn n67_a_connection_gets_its_new_key_once_however_many_confirm() {
    let stage = Stage::new().await;
    let one = ada(&stage).await;
    let mut walk = Walk::new(&stage, reconnect(&one, false)).await;
    for round in 1..=3 {
        walk.rootly(ROOTLY).await;
        let confirm = form(&mut walk, "/confirm", "").await;
        let mut tasks = Vec::new();
        for _ in 0..64 {
            let (mut browser, at) = (walk.browser.clone(), walk.at.clone());
            tasks.push(tokio::spawn(confirm.try_clone().unwrap().send()));
            let look = async move { browser.get(&at).await };
            tokio::spawn(look).await.unwrap();
        }
        for task in tasks {
            assert_eq!(Page::read(task.await.unwrap().unwrap()).await.status, StatusCode::SEE_OTHER);
        }
        assert_eq!(walk.step().await, "done");
        assert_eq!(stage.audited("connection.replaced").await, round);
        walk = Walk::new(&stage, reconnect(&one, false)).await;
    }
}

#[tokio::test]
async fn a_verdict_is_of_the_connection_that_was_meant() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let (one, two) =
        (unchecked(&stage, &provider, ROOTLY).await, unchecked(&stage, &provider, ROOTLY_REVOKED).await);
    let mut walk = Walk::new(&stage, manage()).await;
    walk.post(&format!("/accounts/{}/reconnect", one.id), &[]).await;
    let asked = form(&mut walk, "/providers/rootly", &format!("&api_key={ROOTLY}")).await;
    let page = asked.send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK, "it waits for the provider");
    // In another tab.
    walk.post(&format!("/accounts/{}/reconnect", two.id), &[]).await;
    provider.leave.add_permits(1);
    page.text().await.unwrap();
    let kept = walk.kept().await.1;
    assert_eq!((&kept["step"], &kept["target"]), (&json!({ "at": "asking" }), &json!(two.id.as_str())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_sends_one_wrong_key_many_times_at_once_has_tried_once() {
    let provider = Provider::answering(UNAUTHORIZED.to_owned()).await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let mut walk = Walk::new(&stage, connect()).await;
    let asked = form(&mut walk, "/providers/rootly", &format!("&api_key={ROOTLY_REVOKED}")).await;
    let other = form(&mut walk, "/providers/rootly", &format!("&api_key={ROOTLY}")).await;
    // All of them are there before there is an answer, and another key is among them.
    let mut pages = Vec::new();
    let heads: Vec<_> = (0..29).map(|_| tokio::spawn(asked.try_clone().unwrap().send())).collect();
    for head in heads {
        pages.push(head.await.unwrap().unwrap());
    }
    pages.push(other.send().await.unwrap());
    provider.leave.add_permits(64);
    for page in pages {
        let text = page.text().await.unwrap();
        assert!(text.contains(&format!("0;url=/connect/{}/providers/rootly/api_key\"", walk.id())), "{text}");
    }
    assert_eq!(provider.count.load(Ordering::SeqCst), 2);
    let kept = walk.kept().await.1;
    assert_eq!((&kept["attempts"], &kept["told"]["kind"]), (&json!(2), &json!("invalid")));
    // Once more is once more.
    walk.rootly(ROOTLY).await;
    assert_eq!(walk.kept().await.1["attempts"], 3);
}

#[tokio::test]
async fn a_connection_is_checked_once_for_all_who_ask_at_once() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let one = unchecked(&stage, &provider, ROOTLY).await;
    let mut walk = Walk::new(&stage, manage()).await;
    let path = format!("/accounts/{}/check", one.id);
    // By the platform's backend, in two tabs, and again when it is done.
    let token = stage.token("acme").await;
    let api = walk.browser.client().post(format!("{}/v1/connections/{}/check", stage.origin, one.id));
    let api = tokio::spawn(api.bearer_auth(token).send());
    provider.asked.notified().await;
    let mut pages = Vec::new();
    for _ in 0..2 {
        pages.push(form(&mut walk, &path, "").await.send().await.unwrap());
    }
    provider.leave.add_permits(9);
    assert_eq!(api.await.unwrap().unwrap().status(), StatusCode::OK);
    for page in pages {
        let text = page.text().await.unwrap();
        assert!(text.contains(&format!("/accounts?checked={}", one.id)), "{text}");
    }
    walk.post(&path, &[]).await;
    assert_eq!(provider.count.load(Ordering::SeqCst), 1);
    assert_eq!(stage.audited("connection.checked").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_keys_at_once_the_last_one_is_meant() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let mut walk = Walk::new(&stage, connect()).await;
    let mut pages = Vec::new();
    for key in [ROOTLY, ROOTLY_REVOKED] {
        let asked = form(&mut walk, "/providers/rootly", &format!("&api_key={key}")).await;
        pages.push(asked.send().await.unwrap());
    }
    provider.leave.add_permits(2);
    for page in pages {
        page.text().await.unwrap();
    }
    assert_eq!((provider.count.load(Ordering::SeqCst), walk.step().await.as_str()), (2, "checked"));
    walk.confirm(&[]).await;
    // What is saved is the second one.
    let submission = Submission::new().with("api_key", ROOTLY_REVOKED);
    let second = stage.registry.accept("rootly", None, &submission).unwrap().credential;
    let (same, _) =
        stage.scope("acme").alike(&second.at_origin(provider.origin()), None, None).await.unwrap();
    assert_eq!(same.len(), 1);
}
