//! What happens at the same time: in tabs, by impatient clicks, in several processes.

use std::sync::atomic::Ordering;

use keyway_connect::NewSession;
use keyway_core::{Account, Registry, Submission, Verdict, VerdictKind};
use keyway_vault::{Connection, New};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

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
    assert_eq!(page.headers()["x-accel-buffering"], "no", "no proxy waits for the rest of it");
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
        assert!(text.contains(&format!("={}\"", one.id)), "{text}");
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

#[tokio::test]
async fn that_a_key_is_of_another_account_is_written_down_and_not_asked_at_each_press() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let one = unchecked(&stage, &provider, ROOTLY).await;
    let mut walk = Walk::new(&stage, manage()).await;
    let path = format!("/accounts/{}/check", one.id);
    let page = form(&mut walk, &path, "").await.send().await.unwrap();
    // It turns out to be of somebody else meanwhile.
    let grace = Verdict::Valid(Account::new("1", "Grace Hopper"));
    stage.scope("acme").checked(&one, &grace).await.unwrap();
    provider.leave.add_permits(9);
    let text = page.text().await.unwrap();
    assert!(text.contains(&format!("/accounts?other={}", one.id)), "{text}");
    assert_eq!(stage.scope("acme").get(&one.id).await.unwrap().verdict, Some(VerdictKind::Unknown));
    let again = walk.post(&path, &[]).await.location(&walk.at);
    assert!(walk.browser.get(&again).await.text.contains("did not prove"));
    assert_eq!(provider.count.load(Ordering::SeqCst), 1);
}

/// What is told of a session: `GET /link/{code}/result`.
async fn result(walk: &mut Walk<'_>) -> Value {
    let url = format!("{}/result", walk.link);
    serde_json::from_str(&walk.browser.get(&url).await.text).unwrap()
}

/// Whether the connection is removed, or its service; what is asked for next; and what is said.
const GONE: [(bool, &str, &str); 3] = [
    (true, "", "not linked any more"),
    (true, "/providers/rootly", "not linked any more"),
    (false, "", "service"),
];

/// A connection of `user-1` to a service that is not there any more.
async fn of_no_service(stage: &Stage) -> Connection {
    let descriptor = keyway_rootly::REGISTRATION.descriptor.replacen("id: rootly", "id: rooted", 1);
    let registry = Registry::from_descriptors([("rooted.yaml", descriptor.as_str())]).unwrap();
    let submission = Submission::new().with("api_key", ROOTLY);
    let credential = registry.accept("rooted", None, &submission).unwrap().credential;
    stage.scope("acme").save(New::connection(&credential).end_user("user-1")).await.unwrap().connection
}

#[tokio::test]
async fn a_connection_that_is_gone_ends_what_was_to_give_it_a_new_key() {
    let stage = Stage::new().await;
    for (is_removed, asks, why) in GONE {
        let one = if is_removed { ada(&stage).await } else { of_no_service(&stage).await };
        let new = NewSession::new("user-1", reconnect(&one, false));
        let new = new.parent_origin("https://app.example.com").return_url("https://app.example.com/back");
        let mut walk = Walk::of(&stage, new).await;
        if is_removed {
            stage.scope("acme").remove(&one.id).await.unwrap();
        }
        assert_eq!(result(&mut walk).await["ended"], false);
        assert_eq!(walk.get(asks).await.location(&walk.at), walk.at);
        let page = walk.get("").await;
        let told = ["data-tell=\"keyway.cancelled\"", "status=cancelled", why];
        assert!(page.status == StatusCode::OK && told.iter().all(|one| page.text.contains(one)), "{page:?}");
        let said = result(&mut walk).await;
        assert_eq!((&said["status"], &said["ended"]), (&json!("cancelled"), &json!(true)));
    }
}

#[tokio::test]
async fn a_connection_that_is_gone_does_not_hold_up_who_looks_after_others() {
    let stage = Stage::new().await;
    for (is_removed, asks, why) in GONE {
        let one = if is_removed { ada(&stage).await } else { of_no_service(&stage).await };
        let mut walk = Walk::new(&stage, manage()).await;
        walk.post(&format!("/accounts/{}/reconnect", one.id), &[]).await;
        if is_removed {
            stage.scope("acme").remove(&one.id).await.unwrap();
        }
        let next = walk.get(asks).await.location(&walk.at);
        assert_eq!(next, format!("{}/accounts?gone={}", walk.at, one.id));
        let list = walk.browser.get(&next).await.text;
        assert!(list.contains("role=\"status\"") && list.contains(why), "{list}");
        assert_eq!(walk.get("").await.status, StatusCode::OK);
        walk.rootly(ROOTLY).await;
        assert_eq!(walk.step().await, "checked");
    }
}

#[tokio::test]
async fn what_was_linked_is_told_when_its_session_ended_meanwhile() {
    let stage = Stage::new().await;
    for (purpose, parent) in [(connect(), None), (manage(), Some("https://app.example.com"))] {
        let new = NewSession::new("user-1", purpose);
        let new = if let Some(parent) = parent { new.parent_origin(parent) } else { new };
        let mut walk = Walk::of(&stage, new).await;
        walk.rootly(ROOTLY).await;
        stage
            .run(
                "CREATE TRIGGER meanwhile AFTER INSERT ON keyway_connections \
                 BEGIN DELETE FROM keyway_documents WHERE kind = 'session'; END",
            )
            .await;
        let page = walk.confirm(&[]).await;
        stage.run("DROP TRIGGER meanwhile").await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        assert!(
            page.text.contains("Your account is linked") && !page.text.contains("/accounts\""),
            "{page:?}"
        );
        assert_eq!(page.text.contains("data-tell=\"keyway.connected\""), parent.is_some());
        assert_eq!(walk.get("").await.status, StatusCode::NOT_FOUND);
        let [one] = &stage.scope("acme").list(None, 10).await.unwrap()[..] else { panic!("one is linked") };
        stage.scope("acme").remove(&one.id).await.unwrap();
    }
}
