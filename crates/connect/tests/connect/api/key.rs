//! A new key for a connection, of values that a form of the platform's own asked for.

use std::sync::atomic::Ordering;

use keyway_core::{Account, Submission, Verdict};
use keyway_vault::{Accounts, Connection, New, Status};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{Backend, connection, idempotency::killed, send, with};
use crate::{
    provider::Provider,
    stage::{ROOTLY, ROOTLY_REVOKED, Stage, TENANT},
};

/// A stage whose provider says that every key is of account 7001, and a connection with a key of an account.
async fn linked(account: &str) -> (Provider, Stage, Backend, Connection) {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    provider.leave.add_permits(1000);
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let one = keep(&stage, &provider, account).await;
    let backend = Backend::of(&stage, TENANT).await;
    (provider, stage, backend, one)
}

async fn keep(stage: &Stage, provider: &Provider, account: &str) -> Connection {
    let credential = credential(stage, provider, ROOTLY_REVOKED);
    let account = Account::new(account, "Ada");
    let new = New::connection(&credential).account(&account).name("Production").end_user("user-1");
    stage.scope(TENANT).save(new).await.unwrap().connection
}

fn credential(stage: &Stage, provider: &Provider, key: &str) -> keyway_core::Credential {
    let accepted = stage.registry.accept("rootly", None, &Submission::new().with("api_key", key)).unwrap();
    accepted.credential.at_origin(provider.origin())
}

fn body() -> Value {
    json!({"values": {"api_key": ROOTLY}})
}

/// A request that is named.
fn named(backend: &Backend, one: &Connection, body: &Value) -> RequestBuilder {
    let request = backend.request(&Method::POST, &format!("/v1/connections/{}/key", one.id));
    with(request.header("idempotency-key", "key"), body)
}

/// Which of the two keys a connection has.
async fn has(stage: &Stage, provider: &Provider, one: &Connection, key: &str) -> bool {
    let scope = stage.scope(TENANT);
    let opened = scope.open(&one.id, &stage.registry).await.unwrap();
    let same = scope.fingerprint(&credential(stage, provider, key)).unwrap();
    scope.fingerprint(&opened.credential).unwrap() == same
}

#[tokio::test]
async fn a_connection_gets_a_new_key_and_stays_what_it_is() {
    let (provider, stage, backend, one) = linked("7001").await;
    let scope = stage.scope(TENANT);
    let refused =
        Verdict::Invalid(keyway_core::Reason::new(keyway_core::ReasonCode::Unauthorized, "refused"));
    assert_eq!(scope.checked(&one, &refused).await.unwrap().status, Status::NeedsKey);
    let path = format!("/v1/connections/{}", one.id);
    let before = backend.get(&path).await.json();
    let answer = backend.post(&format!("{path}/key"), &body()).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let after = answer.json();
    assert_eq!(after, backend.get(&path).await.json());
    for member in ["id", "name", "end_user", "provider", "method", "created_at"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!((&before["status"], &after["status"]), (&json!("needs_key"), &json!("active")));
    assert!(has(&stage, &provider, &one, ROOTLY).await);
    assert!(!answer.text.contains("600d"), "a value is never shown");
    let entries = scope.audit(0, 100).await.unwrap();
    let replaced = entries.iter().find(|one| one.kind == "connection.replaced").unwrap();
    assert_eq!(replaced.what.actor.as_deref(), Some(format!("api:{}", &backend.token[..12]).as_str()));
}

#[tokio::test]
async fn what_is_no_good_key_of_its_account_changes_nothing() {
    let (provider, stage, backend, one) = linked("8002").await;
    let good = provider.answer.lock().unwrap().clone();
    let refuses = "HTTP/1.1 401 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let key = |more: Value| {
        let mut body = body();
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (case, answers, body, status, problem) in [
        ("of another account", good.as_str(), body(), 409, "other_account"),
        ("the same, said", &good, key(json!({"allow_other_account": false})), 409, "other_account"),
        ("refused by the provider", refuses, key(json!({"allow_other_account": true})), 422, "verdict"),
        ("no key", &good, json!({"values": {"api_key": "two words"}}), 422, "refused"),
        ("no values", &good, json!({}), 422, "invalid"),
        ("of another provider", &good, key(json!({"provider": "rally"})), 422, "invalid"),
        ("of no method", &good, key(json!({"method": "none"})), 422, "invalid"),
    ] {
        answers.clone_into(&mut provider.answer.lock().unwrap());
        let answer = backend.post(&format!("/v1/connections/{}/key", one.id), &body).await;
        assert_eq!(answer.problem(status), problem, "{case}");
        assert!(!answer.text.contains("600d") && !answer.text.contains("two words"), "{case}: {answer:?}");
        assert_eq!(stage.scope(TENANT).get(&one.id).await.unwrap(), one, "{case}");
    }
    good.clone_into(&mut provider.answer.lock().unwrap());
    let path = format!("/v1/connections/{}/key", one.id);
    let answer = backend.post(&path, &key(json!({"allow_other_account": true, "method": "api_key"}))).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.json()["account"]["id"], "7001");
}

#[tokio::test]
async fn a_key_is_replaced_once_whatever_the_provider_says_at_the_second_try() {
    for status in ["500 X", "401 X"] {
        let (provider, stage, backend, one) = linked("7001").await;
        let first = send(named(&backend, &one, &body())).await;
        assert_eq!(first.status, StatusCode::OK, "{first:?}");
        killed(&stage, 0).await;
        *provider.answer.lock().unwrap() =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        let asked = provider.count.load(Ordering::SeqCst);
        for is_replayed in ["", "true"] {
            let again = send(named(&backend, &one, &body())).await;
            assert_eq!((again.status, again.json()), (StatusCode::OK, first.json()), "{status}");
            assert_eq!(again.header("idempotency-replayed"), is_replayed, "{status}");
        }
        assert_eq!(provider.count.load(Ordering::SeqCst), asked, "{status}");
        assert_eq!(stage.audited("connection.replaced").await, 1, "{status}");
    }
}

#[tokio::test]
async fn a_newer_key_is_not_replaced_by_one_that_was_begun_before() {
    // While the provider is asked, and after a crash.
    for is_crash in [false, true] {
        let (provider, stage, backend, one) = linked("7001").await;
        let newer = async || {
            let (other, account) =
                (credential(&stage, &provider, ROOTLY_REVOKED), Account::new("7001", "Ada"));
            let new = New::connection(&other).account(&account);
            stage.scope(TENANT).replace(&one.id, new, Accounts::Same).await.unwrap()
        };
        let answer = if is_crash {
            assert_eq!(send(named(&backend, &one, &body())).await.status, StatusCode::OK);
            killed(&stage, 0).await;
            newer().await;
            send(named(&backend, &one, &body())).await
        } else {
            provider.leave.forget_permits(1000);
            let asked = tokio::spawn(send(named(&backend, &one, &body())));
            provider.asked.notified().await;
            newer().await;
            provider.leave.add_permits(1000);
            asked.await.unwrap()
        };
        assert_eq!(answer.problem(409), "conflict", "{is_crash}");
        assert!(has(&stage, &provider, &one, ROOTLY_REVOKED).await, "{is_crash}");
        // So it stays: what was begun is over.
        let again = send(named(&backend, &one, &body())).await;
        assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (&*answer.text, "true"));
    }
}

#[tokio::test]
async fn who_makes_a_connection_learns_which_others_have_its_account() {
    let (provider, stage, backend, one) = linked("7001").await;
    keep(&stage, &provider, "8002").await;
    let create = |key: &'static str| {
        let request = backend.request(&Method::POST, "/v1/connections").header("idempotency-key", key);
        send(with(request, &connection()))
    };
    let first = create("first").await;
    assert_eq!(
        (first.status, &first.json()["same_account"]),
        (StatusCode::CREATED, &json!([one.id.as_str()]))
    );
    // Also whoever asks once more, and not of itself.
    killed(&stage, 0).await;
    assert_eq!(create("first").await.json(), first.json());
    let mut both = [one.id.to_string(), first.json()["id"].as_str().unwrap().to_owned()];
    both.sort();
    assert_eq!(create("second").await.json()["same_account"], json!(both));
    assert_eq!(backend.get(first.header("location")).await.json().get("same_account"), None);
}
