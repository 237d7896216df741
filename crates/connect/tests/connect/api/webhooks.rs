//! Webhooks over the REST API: they are changed, and get new secrets.

use std::time::{Duration, SystemTime};

use keyway_http::HttpTransport;
use keyway_vault::{ApiScope, New};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Backend, Page, send};
use crate::{
    events::{
        Working, credential, happen,
        hook::{Does, Hook},
        linked, quick,
    },
    provider::Provider,
    stage::{ROOTLY, Stage, TENANT},
};

async fn stage() -> Stage {
    stage_with(quick()).await
}

async fn stage_with(limits: keyway_connect::Limits) -> Stage {
    let loopback = HttpTransport::builder().allow_loopback().build().unwrap();
    Stage::with(|builder| builder.webhooks_over(loopback).limits(limits).check_every(None)).await
}

/// Sets one up; the path, and its secret.
async fn set_up(backend: &Backend, body: Value) -> (String, String) {
    let made = backend.post("/v1/webhooks", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    (made.header("location").to_owned(), secret(&made))
}

fn secret(made: &Page) -> String {
    made.json()["secret"].as_str().unwrap().to_owned()
}

async fn rotated(backend: &Backend, path: &str) -> Page {
    send(backend.request(&Method::POST, &format!("{path}/rotate-secret"))).await
}

/// Waits until one is in a state.
async fn until(backend: &Backend, path: &str, state: &str) {
    let wait = async { while backend.get(path).await.json()["state"] != state {} };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it comes to that");
}

#[tokio::test]
async fn a_webhook_goes_elsewhere_and_nothing_is_lost() {
    for changes in [json!({"state": "ok"}), json!({})] {
        let mut limits = quick();
        limits.deliveries.waits = vec![Duration::from_secs(3600)];
        let stage = stage_with(limits).await;
        let backend = Backend::of(&stage, TENANT).await;
        // One is given up, the other one waits for an hour.
        let status = if changes == json!({}) { 500 } else { 410 };
        let mut old = Hook::new(move |_, _| Does::Answers(status)).await;
        let mut new = Hook::taking().await;
        let (path, secret) = set_up(&backend, json!({"url": old.url})).await;
        let working = Working::start(&stage.connect);
        let first = happen(&stage).await;
        old.next().await;
        until(&backend, &path, if status == 410 { "disabled" } else { "failing" }).await;
        let second = happen(&stage).await;
        // What is given up is tried again, and where.
        if status == 410 {
            let tried = backend.patch(&path, &changes).await.json();
            assert_eq!((&tried["state"], &tried["failing_since"]), (&json!("ok"), &Value::Null));
            old.next().await;
            until(&backend, &path, "disabled").await;
        }
        let changed = backend.patch(&path, &json!({"url": new.url})).await;
        assert_eq!(changed.status, StatusCode::OK);
        // How it went is told as well, and goes on meanwhile.
        let (answered, kept) = (changed.json(), backend.get(&path).await.json());
        for member in ["id", "tenant", "url", "types", "created_at"] {
            assert_eq!(answered[member], kept[member], "{member}");
        }
        for connection in [&first, &second] {
            let message = new.next().await;
            assert_eq!(message.json()["data"]["connection"]["id"], connection.id.as_str());
            assert!(message.is_signed(&secret, SystemTime::now()), "its secret stays");
        }
        until(&backend, &path, "ok").await;
        assert_eq!(backend.get(&path).await.json()["url"], new.url);
        working.stop().await;
        assert_eq!(old.rest().len(), 0);
    }
}

#[tokio::test]
async fn what_is_answered_where_it_went_before_says_nothing_of_where_it_goes_now() {
    let stage = stage().await;
    let backend = Backend::of(&stage, TENANT).await;
    let old =
        Provider::answering("HTTP/1.1 410 Gone\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned())
            .await;
    let mut new = Hook::taking().await;
    let (path, _) = set_up(&backend, json!({"url": format!("{}/hook", old.origin())})).await;
    let working = Working::start(&stage.connect);
    let connection = happen(&stage).await;
    old.asked.notified().await;
    assert_eq!(backend.patch(&path, &json!({"url": new.url})).await.status, StatusCode::OK);
    old.leave.add_permits(1);
    assert_eq!(new.next().await.json()["data"]["connection"]["id"], connection.id.as_str());
    until(&backend, &path, "ok").await;
    working.stop().await;
}

#[tokio::test]
async fn new_types_hold_from_then_on_and_for_what_is_behind_an_event_that_waits() {
    let stage = stage().await;
    let backend = Backend::of(&stage, TENANT).await;
    let mut hook = Hook::taking().await;
    let (path, _) = set_up(&backend, json!({"url": hook.url, "types": ["connection.removed"]})).await;
    let scope = stage.scope(TENANT);
    let types = async |types: &[&str]| {
        let changed = backend.patch(&path, &json!({"types": types})).await.json();
        assert_eq!(changed["types"], json!(types));
    };
    // Nothing waits: what happened before is not sent.
    let one = happen(&stage).await;
    types(&[]).await;
    scope.rename(&one.id, Some("One")).await.unwrap();
    // An event waits: what happened behind it is sent, or not, as the new types say.
    types(&["connection.removed", "connection.renamed"]).await;
    let two = happen(&stage).await;
    scope.rename(&two.id, Some("Two")).await.unwrap();
    scope.remove(&one.id).await.unwrap();
    types(&["connection.renamed"]).await;
    let working = Working::start(&stage.connect);
    for connection in [&one, &two] {
        let message = hook.next().await;
        assert_eq!(
            (message.kind().as_str(), &message.json()["data"]["connection"]["id"]),
            ("connection.renamed", &json!(connection.id.as_str()))
        );
    }
    // While somebody looks after it.
    happen(&stage).await;
    types(&["connection.removed"]).await;
    scope.rename(&two.id, Some("Three")).await.unwrap();
    scope.remove(&two.id).await.unwrap();
    assert_eq!(hook.next().await.kind(), "connection.removed");
    types(&[]).await;
    happen(&stage).await;
    assert_eq!(hook.next().await.kind(), "connection.created");
    working.stop().await;
    assert_eq!(hook.rest().len(), 0);
}

#[tokio::test]
async fn new_types_hold_from_then_on_however_much_happened_before() {
    let stage = stage().await;
    let backend = Backend::of(&stage, TENANT).await;
    let mut hook = Hook::taking().await;
    let (path, _) = set_up(&backend, json!({"url": hook.url, "types": ["connection.removed"]})).await;
    let (scope, key) = (stage.scope(TENANT), credential(&stage, ROOTLY));
    for _ in 0..11 {
        scope.save_all(&vec![New::connection(&key); 500]).await.unwrap();
    }
    assert_eq!(backend.patch(&path, &json!({"types": []})).await.status, StatusCode::OK);
    let last = linked(&stage, &scope, ROOTLY).await;
    let working = Working::start(&stage.connect);
    assert_eq!(hook.next().await.json()["data"]["connection"]["id"], last.id.as_str());
    working.stop().await;
    assert_eq!(hook.rest().len(), 0);
}

#[tokio::test]
async fn for_a_day_a_new_secret_and_the_old_ones_sign() {
    let stage = stage().await;
    let backend = Backend::of(&stage, TENANT).await;
    let mut hook = Hook::taking().await;
    let (path, first) = set_up(&backend, json!({"url": hook.url})).await;
    let shown = backend.get(&path).await.json();
    let mut secrets = vec![first];
    let working = Working::start(&stage.connect);
    for _ in 0..5 {
        happen(&stage).await;
        let message = hook.next().await;
        assert_eq!(message.headers["webhook-signature"].split(' ').count(), secrets.len());
        for secret in &secrets {
            assert!(message.is_signed(secret, SystemTime::now()));
        }
        if secrets.len() == 5 {
            break;
        }
        let made = rotated(&backend, &path).await;
        assert_eq!(made.status, StatusCode::OK);
        assert_eq!(made.json()["webhook"]["url"], shown["url"]);
        let new = secret(&made);
        assert!(!message.is_signed(&new, SystemTime::now()), "it is another one");
        secrets.push(new);
    }
    // The last one signs first.
    send(backend.request(&Method::POST, &format!("{path}/test"))).await;
    let mut message = hook.next().await;
    let only = message.headers["webhook-signature"].split(' ').next().unwrap().to_owned();
    message.headers.insert("webhook-signature".to_owned(), only);
    assert!(message.is_signed(&secrets[4], SystemTime::now()));
    // I10: there is a most.
    assert_eq!(rotated(&backend, &path).await.problem(422), "invalid");
    // Nothing of a secret is shown again.
    let shown = backend.get(&path).await.text;
    assert!(secrets.iter().all(|secret| !shown.contains(secret.trim_start_matches("whsec_"))));
    working.stop().await;
}

#[tokio::test]
async fn an_old_secret_signs_no_more_when_its_time_is_over() {
    let mut limits = quick();
    limits.deliveries.old_secret = Duration::ZERO;
    let stage = stage_with(limits).await;
    let backend = Backend::of(&stage, TENANT).await;
    let mut hook = Hook::taking().await;
    let (path, old) = set_up(&backend, json!({"url": hook.url})).await;
    for _ in 0..6 {
        let new = secret(&rotated(&backend, &path).await);
        send(backend.request(&Method::POST, &format!("{path}/test"))).await;
        let message = hook.next().await;
        let now = SystemTime::now();
        assert!(message.is_signed(&new, now) && !message.is_signed(&old, now));
    }
}

#[tokio::test]
async fn a_secret_that_is_asked_for_twice_under_one_name_is_made_once() {
    let stage = stage().await;
    let backend = Backend::of(&stage, TENANT).await;
    let (path, _) = set_up(&backend, json!({"url": "https://hooks.example.com/"})).await;
    let ask = async || {
        let request = backend.request(&Method::POST, &format!("{path}/rotate-secret"));
        secret(&send(request.header("idempotency-key", "once")).await)
    };
    assert_eq!(ask().await, ask().await);
}

#[tokio::test]
async fn n19_what_a_webhook_cannot_be_changed_to_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let (path, _) = set_up(&backend, json!({"url": "https://hooks.example.com/"})).await;
    let before = backend.get(&path).await.text;
    for (body, pointer) in [
        (json!({"url": "https://127.0.0.1/made-up"}), "/url"),
        (json!({"url": "http://hooks.example.com/made-up"}), "/url"),
        (json!({"url": "https://ada:made-up@hooks.example.com/"}), "/url"),
        (json!({"url": null}), "/url"),
        (json!({"types": null}), "/types"),
        (json!({"types": ["made-up"]}), "/types/0"),
        (json!({"types": ["connection.removed"], "state": "disabled"}), "/state"),
        (json!({"state": true}), "/state"),
        (json!({"secret": "whsec_made-up"}), "/(unnamed)"),
        (json!({"url": "https://hooks.example.com/other", "types": 1}), "/types"),
    ] {
        let refused = backend.patch(&path, &body).await;
        assert_eq!(refused.problem(422), "invalid", "{body}");
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{body}");
        assert!(!refused.text.contains("made-up"), "{}", refused.text);
    }
    let own = json!({"secret": "whsec_made-up"});
    assert_eq!(backend.post(&format!("{path}/rotate-secret"), &own).await.problem(422), "invalid");
    assert_eq!(backend.get(&path).await.text, before);
    assert_eq!(backend.patch(&path, &json!({})).await.text, before);
    // I8: somebody else's is not there, and who may not may not.
    let other = Backend::of(&stage, "globex").await;
    let reads = Backend::scoped(&stage, Some(TENANT), &[ApiScope::Events]).await;
    for (body, missing) in [
        (json!({"url": "https://hooks.example.com/other"}), &path),
        (json!({}), &"/v1/webhooks/whk_aaaaaaaaaaaaaaaaaaaa".to_owned()),
    ] {
        assert_eq!(other.patch(missing, &body).await.problem(404), "not_found");
        assert_eq!(rotated(&other, missing).await.problem(404), "not_found");
        assert_eq!(reads.patch(missing, &body).await.problem(403), "scope");
        assert_eq!(rotated(&reads, missing).await.problem(403), "scope");
    }
    assert_eq!(backend.get(&path).await.text, before);
}
