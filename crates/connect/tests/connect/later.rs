//! Documents as a newer version keeps them: with more in them than is known here.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    stage::{Browser, ROOTLY, ROOTLY_REVOKED, Stage, TENANT},
    walk::Walk,
};

/// Puts a member into each object.
fn grow(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(grow);
            members.insert("later".to_owned(), json!({"a": [1]}));
        }
        Value::Array(items) => items.iter_mut().for_each(grow),
        _ => {}
    }
}

/// Adds to all documents of a kind what nobody here knows.
async fn later(stage: &Stage, kind: &'static str) {
    let documents = stage.vault.documents();
    let all = documents.list(kind, None, None, 10).await.unwrap();
    assert!(!all.is_empty(), "{kind}");
    for one in all {
        let mut value = serde_json::from_slice(&one.text).unwrap();
        grow(&mut value);
        let text = serde_json::to_vec(&value).unwrap();
        documents.replace(&one, &text, one.expires_at).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_a_newer_version_added_to_a_document_is_no_damage() {
    let stage = Stage::new().await;
    let token = stage.token(TENANT).await;
    later(&stage, "token").await;
    let client = Browser::new().client().clone();
    let ask = |method: Method, path: &str| {
        client.request(method, format!("{}{path}", stage.origin)).bearer_auth(&token)
    };
    let create = || {
        let body = json!({
            "end_user": "user-1", "purpose": "connect", "providers": ["rootly"], "look": {"name": "Acme"},
        });
        ask(Method::POST, "/v1/sessions").header("idempotency-key", "key").json(&body).send()
    };
    let first = create().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let first: Value = first.json().await.unwrap();
    later(&stage, "idempotency").await;
    let again = create().await.unwrap();
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap(), first);

    let hook = json!({"url": "https://hooks.example.com/"});
    assert_eq!(ask(Method::POST, "/v1/webhooks").json(&hook).send().await.unwrap().status(), 201);
    later(&stage, "webhook").await;
    let hooks: Value = ask(Method::GET, "/v1/webhooks").send().await.unwrap().json().await.unwrap();
    assert_eq!(hooks["data"][0]["url"], hook["url"]);

    later(&stage, "session").await;
    let mut walk = Walk::at(&stage, first["link"].as_str().unwrap()).await;
    let (_, page) = walk.rootly(ROOTLY_REVOKED).await;
    later(&stage, "session").await;
    let told = walk.get("/providers/rootly/api_key").await;
    assert_eq!((told.status, walk.told().await.as_str()), (page.status, "invalid"), "{}", told.text);
    walk.rootly(ROOTLY).await;
    later(&stage, "session").await;
    let page = walk.get("").await;
    assert!(page.status == StatusCode::OK && page.text.contains("Ada Lovelace"), "{}", page.text);
    walk.confirm(&[]).await;
    later(&stage, "session").await;
    assert_eq!(walk.get("").await.status, StatusCode::OK);
    let path = format!("/v1/sessions/{}", walk.id());
    let shown: Value = ask(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["status"], "connected");
}
