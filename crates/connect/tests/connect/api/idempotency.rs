//! A request that is sent again is not done again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use keyway_core::{Origin, Submission};
use keyway_vault::{ApiScope, ConnectionId, New, Tenant};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{Backend, connection, send, session, with};
use crate::{
    fated::{Fate, Fated, Plan},
    provider::Provider,
    stage::{ROOTLY, ROOTLY_REVOKED, Stage, TENANT},
};

impl Backend {
    fn keyed(&self, path: &str, key: &str, body: &Value) -> RequestBuilder {
        with(self.request(&Method::POST, path).header("idempotency-key", key), body)
    }
}

#[tokio::test]
async fn the_same_key_and_body_have_the_same_answer_also_where_it_shows_a_secret() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let made = backend.connection().await;
    let grants = format!("/v1/connections/{made}/grants");
    let webhook = json!({"url": "https://hooks.example.com/"});
    let reconnect = format!("/v1/connections/{made}/reconnect");
    for (path, body) in [
        ("/v1/sessions", session()),
        ("/v1/connections", connection()),
        (&grants, json!({"methods": ["GET"]})),
        ("/v1/webhooks", webhook),
        (&reconnect, json!({"end_user": "user-1"})),
    ] {
        let first = send(backend.keyed(path, "key-1", &body)).await;
        assert_eq!(first.status, StatusCode::CREATED, "{path}: {first:?}");
        assert_eq!(first.header("idempotency-replayed"), "");
        let again = send(backend.keyed(path, "key-1", &body)).await;
        assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
        assert_eq!(again.header("idempotency-replayed"), "true", "{path}");
        for name in ["location", "content-type", "cache-control"] {
            assert_eq!(again.header(name), first.header(name), "{path} {name}");
        }
        let other = send(backend.keyed(path, "key-2", &body)).await;
        assert_ne!(other.text, first.text, "{path}");
    }
    assert_eq!(backend.get("/v1/connections").await.json()["data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    send(backend.keyed("/v1/sessions", "key", &session())).await;
    let other = json!({"end_user": "user-2", "purpose": "connect"});
    assert_eq!(send(backend.keyed("/v1/sessions", "key", &other)).await.problem(422), "idempotency_key");
    // Elsewhere, and for whoever is somebody else, it is another request.
    let elsewhere = send(backend.keyed("/v1/connections", "key", &connection())).await;
    assert_eq!(elsewhere.status, StatusCode::CREATED);
    for (tenant, token) in [("others", Some("others")), ("others", None), (TENANT, None)] {
        let backend = Backend::scoped(&stage, token, &ApiScope::ALL).await;
        let request = backend.keyed("/v1/sessions", "key", &other).header("keyway-tenant", tenant);
        let answer = send(request).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{tenant} {token:?}");
    }
    // A rotated token is the same tenant's.
    let rotated = Backend::of(&stage, TENANT).await;
    assert_eq!(
        send(rotated.keyed("/v1/sessions", "key", &session())).await.header("idempotency-replayed"),
        "true"
    );
}

#[tokio::test]
async fn a_key_is_1_to_255_visible_characters() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    for (key, is_good) in
        [("k", true), (&*"k".repeat(255), true), ("", false), ("a b", false), (&*"k".repeat(256), false)]
    {
        let answer = send(backend.keyed("/v1/sessions", key, &session())).await;
        assert_eq!(answer.status.as_u16(), if is_good { 201 } else { 400 }, "{}", key.len());
    }
}

#[tokio::test]
async fn refusals_are_kept_too_but_for_those_that_pass() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let mut body = connection();
    body["values"]["api_key"] = json!(ROOTLY_REVOKED);
    let first = send(backend.keyed("/v1/connections", "key", &body)).await;
    assert_eq!(first.problem(422), "verdict");
    let again = send(backend.keyed("/v1/connections", "key", &body)).await;
    assert_eq!((again.text.as_str(), again.header("idempotency-replayed")), (first.text.as_str(), "true"));
    // What was sent is in no document, in no form.
    let tenant = Tenant::parse(TENANT).unwrap();
    let documents = stage.vault.documents();
    let kept = documents.list("idempotency", Some(Some(&tenant)), None, 10).await.unwrap();
    assert_eq!(kept.len(), 1);
    let text = String::from_utf8(kept[0].text.to_vec()).unwrap();
    assert!(!text.contains("deaddead") && !kept[0].id.contains("key"));
}

#[tokio::test]
async fn while_the_first_is_being_done_the_second_waits_and_64_at_once_make_one() {
    let stage = Stage::new().await;
    let backend = Arc::new(Backend::of(&stage, TENANT).await);
    let mut asked = Vec::new();
    for _ in 0..64 {
        let backend = Arc::clone(&backend);
        asked.push(tokio::spawn(async move {
            loop {
                let answer = send(backend.keyed("/v1/connections", "key", &connection())).await;
                if answer.status != StatusCode::CONFLICT {
                    return answer;
                }
                assert_eq!(answer.problem(409), "in_flight");
                assert_eq!(answer.header("retry-after"), "1");
                tokio::task::yield_now().await;
            }
        }));
    }
    let mut texts = Vec::new();
    for answer in asked {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        texts.push(answer.text);
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
    assert_eq!(backend.get("/v1/connections").await.json()["data"].as_array().unwrap().len(), 1);
    let entries = stage.scope(TENANT).audit(0, 100).await.unwrap();
    assert_eq!(entries.iter().filter(|one| one.kind == "connection.created").count(), 1);
}

#[tokio::test]
async fn what_a_client_does_not_wait_for_is_done_and_can_be_had() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let request = backend.keyed("/v1/connections", "key", &connection()).build().unwrap();
    let client = backend.client.clone();
    let gone = tokio::spawn(async move { client.execute(request).await });
    // As soon as it is begun, the client goes away.
    let documents = stage.vault.documents();
    while documents.list("idempotency", None, None, 1).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    gone.abort();
    let answer = loop {
        let answer = send(backend.keyed("/v1/connections", "key", &connection())).await;
        if answer.status != StatusCode::CONFLICT {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    assert_eq!(backend.get("/v1/connections").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_done_before_a_crash_is_not_done_again_and_is_kept_for_a_day() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let first = send(backend.keyed("/v1/connections", "key", &connection())).await.json();
    let documents = stage.vault.documents();
    let kept = documents.list("idempotency", None, None, 10).await.unwrap().remove(0);
    let left = kept.expires_at.unwrap().duration_since(std::time::SystemTime::now()).unwrap();
    assert!(left > Duration::from_secs(86_000) && left <= Duration::from_secs(86_400), "{left:?}");

    // Then its claim has run out.
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    killed(&stage, u64::try_from(since_1970.as_millis()).unwrap() + 120_000).await;
    let again = || send(backend.keyed("/v1/connections", "key", &connection()));
    assert_eq!(again().await.problem(409), "in_flight");
    killed(&stage, 0).await;
    let answer = again().await;
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (StatusCode::CREATED, ""));
    assert_eq!(answer.json(), first);
    assert_eq!(again().await.header("idempotency-replayed"), "true");
    let entries = stage.scope(TENANT).audit(0, 100).await.unwrap();
    assert_eq!(entries.iter().filter(|one| one.kind == "connection.created").count(), 1);
}

#[tokio::test]
async fn what_a_provider_says_of_itself_is_not_kept() {
    let away = "HTTP/1.1 500 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let provider = Provider::answering(away.to_owned()).await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    provider.leave.add_permits(1000);
    let backend = Backend::of(&stage, TENANT).await;
    let saved = linked(&stage, provider.origin()).await;
    let check = format!("/v1/connections/{saved}/check");
    for (path, body) in [("/v1/connections", Some(connection())), (&check, None)] {
        let mut asked = provider.count.load(Ordering::SeqCst);
        for _ in 0..2 {
            let request = backend.request(&Method::POST, path).header("idempotency-key", "key");
            let answer = send(match &body {
                Some(body) => with(request, body),
                None => request,
            })
            .await;
            assert_eq!(answer.json()["verdict"]["kind"], "unavailable", "{path}: {answer:?}");
            assert_eq!(answer.header("idempotency-replayed"), "", "{path}");
            let now = provider.count.load(Ordering::SeqCst);
            assert!(now > asked, "{path}: it is asked again");
            asked = now;
        }
    }
}

/// Leaves what is kept of the only request as a process does that is killed when the work is done, and before anybody is told.
pub(super) async fn killed(stage: &Stage, until: u64) {
    let documents = stage.vault.documents();
    let kept = documents.list("idempotency", None, None, 10).await.unwrap().remove(0);
    let mut text: Value = serde_json::from_slice(&kept.text).unwrap();
    text.as_object_mut().unwrap().remove("answer");
    text["until"] = json!(until);
    let text = serde_json::to_vec(&text).unwrap();
    documents.replace(&kept, &text, kept.expires_at).await.unwrap().unwrap();
}

/// An answer of a provider's, without a body.
fn says(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
}

#[tokio::test]
async fn a_connection_is_made_once_whatever_the_provider_says_at_the_second_try() {
    for status in ["500 X", "429 X", "401 X"] {
        let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
        let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
        provider.leave.add_permits(1000);
        let backend = Backend::of(&stage, TENANT).await;
        let create = || send(backend.keyed("/v1/connections", "key", &connection()));
        let first = create().await;
        assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
        killed(&stage, 0).await;
        *provider.answer.lock().unwrap() = says(status);
        let asked = provider.count.load(Ordering::SeqCst);
        for is_replayed in ["", "true"] {
            let again = create().await;
            assert_eq!((again.status, again.json()), (StatusCode::CREATED, first.json()), "{status}");
            assert_eq!(again.header("idempotency-replayed"), is_replayed, "{status}");
        }
        assert_eq!(
            provider.count.load(Ordering::SeqCst),
            asked,
            "{status}: what is there is not asked about"
        );
        assert_eq!(stage.audited("connection.created").await, 1, "{status}");
    }
}

#[tokio::test]
async fn what_a_request_makes_stays_the_same_while_the_provider_says_nothing_of_the_key() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let good = provider.answer.lock().unwrap().clone();
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    provider.leave.add_permits(1000);
    let backend = Backend::of(&stage, TENANT).await;
    let create = || send(backend.keyed("/v1/connections", "key", &connection()));
    let mut made = Vec::new();
    for status in ["500 X", "429 X"] {
        *provider.answer.lock().unwrap() = says(status);
        assert_eq!(create().await.problem(422), "verdict", "{status}");
        let kept = stage.vault.documents().list("idempotency", None, None, 10).await.unwrap().remove(0);
        let kept: Value = serde_json::from_slice(&kept.text).unwrap();
        made.push(kept["makes"].as_str().unwrap().to_owned());
    }
    *provider.answer.lock().unwrap() = good;
    made.push(create().await.json()["id"].as_str().unwrap().to_owned());
    assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
}

/// The insert is done, and neither its answer comes nor that of the look that follows.
#[tokio::test]
async fn a_claim_of_which_nobody_could_say_whether_it_was_kept_is_worked_for() {
    let writes = AtomicUsize::new(0);
    let looked = AtomicBool::new(false);
    let plan = Plan::new(move |call| {
        let fate = if call.writes && writes.fetch_add(1, Ordering::SeqCst) == 0 {
            Fate::AnswerLost
        } else if !call.writes && writes.load(Ordering::SeqCst) == 2 && !looked.swap(true, Ordering::SeqCst) {
            Fate::Refused
        } else {
            Fate::Done
        };
        (fate, Duration::ZERO)
    });
    let stage = Stage::over(|store| Fated::over(store, &plan), |builder| builder).await;
    let backend = Backend::of(&stage, TENANT).await;
    plan.arm();
    let first = send(backend.keyed("/v1/connections", "key", &connection())).await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    let again = send(backend.keyed("/v1/connections", "key", &connection())).await;
    assert_eq!((again.header("idempotency-replayed"), &again.text), ("true", &first.text));
}

/// Of a check that waits for another one the provider was not asked yet.
#[tokio::test]
async fn the_time_that_a_provider_has_begins_when_it_is_asked() {
    let provider = Provider::of("[Acme Rockets] Ada Lovelace").await;
    let stage = Stage::with(|builder| builder.stand_in(provider.origin())).await;
    let backend = Backend::of(&stage, TENANT).await;
    let id = linked(&stage, provider.origin()).await;
    let check = || tokio::spawn(send(backend.request(&Method::POST, &format!("/v1/connections/{id}/check"))));
    let first = check();
    provider.asked.notified().await;
    let second = check();
    // Until it waits for the first one: whoever comes in order is served in order.
    backend.get("/v1/connections").await;
    // Second by second, with time in between: a vault that is asked meanwhile is not out of time.
    for _ in 0..46 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::time::resume();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    first.await.unwrap();
    provider.leave.add_permits(1000);
    let second = second.await.unwrap();
    assert_eq!(second.status, StatusCode::OK, "{second:?}");
}

async fn linked(stage: &Stage, origin: Origin) -> ConnectionId {
    let submission = Submission::new().with("api_key", ROOTLY);
    let credential = stage.registry.accept("rootly", None, &submission).unwrap().credential;
    let credential = credential.at_origin(origin);
    stage.scope(TENANT).save(New::connection(&credential)).await.unwrap().connection.id
}
