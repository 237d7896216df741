//! I8: what is another tenant's is not there.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Backend, send, session, with};
use crate::stage::{Page, Stage, TENANT};

/// All of an answer that a caller sees, but the time.
fn seen(page: &Page) -> (StatusCode, Vec<(String, String)>, String) {
    let headers = page.headers.iter().filter(|(name, _)| *name != "date");
    let mut headers: Vec<_> =
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    (page.status, headers, page.text.clone())
}

#[tokio::test]
async fn i8_another_tenants_id_is_answered_as_one_that_nobody_has() {
    let stage = Stage::new().await;
    let (ours, theirs) = (Backend::of(&stage, "others").await, Backend::of(&stage, TENANT).await);
    let connection = theirs.connection().await;
    let grant = theirs.post(&format!("/v1/connections/{connection}/grants"), &json!({})).await.json();
    let started = theirs.post("/v1/sessions", &session()).await.json();
    let webhook = json!({"url": "https://hooks.example.com/"});
    let webhook = theirs.post("/v1/webhooks", &webhook).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let kinds = [
        (connection.clone(), "con_aaaaaaaaaaaaaaaaaaaa"),
        (text(&grant["grant"]["id"]), "gra_aaaaaaaaaaaaaaaaaaaa"),
        (text(&started["session"]["id"]), "ses_aaaaaaaaaaaaaaaaaaaa"),
        (text(&webhook["webhook"]["id"]), "whk_aaaaaaaaaaaaaaaaaaaa"),
    ];

    let document: Value = serde_json::from_str(&ours.get("/openapi.json").await.text).unwrap();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            for (theirs, nobodys) in &kinds {
                // Paths first; then ids in queries and bodies.
                let path = if path.contains("{id}") {
                    path.clone()
                } else {
                    format!("{path}?connection={{id}}&after={{id}}")
                };
                for body in
                    [None, Some(json!({})), Some(json!({"name": "canary"})), Some(json!({"end_user": "u"}))]
                {
                    let mut answers = Vec::new();
                    for id in [theirs.as_str(), nobodys, "nothing", "..%2f", "a%00b"] {
                        let path = path.replace("{id}", id).replace("{method}", "api_key");
                        let request = ours.request(&method, &path);
                        let request = body.iter().fold(request, with);
                        answers.push(send(request).await);
                    }
                    if path.contains("/{id}") {
                        for answer in &answers {
                            assert_eq!(answer.problem(404), "not_found", "{method} {path}");
                            assert_eq!(seen(answer), seen(&answers[0]), "{method} {path}");
                        }
                        asked += 1;
                    } else {
                        assert_eq!(seen(&answers[0]), seen(&answers[1]), "{method} {path}");
                    }
                }
            }
        }
    }
    assert!(asked > 100, "{asked}");

    // Ids that stand elsewhere than in the path.
    for id in [&connection, "con_aaaaaaaaaaaaaaaaaaaa"] {
        let body = json!({"end_user": "u", "purpose": "reconnect", "connection": id});
        let refused = ours.post("/v1/sessions", &body).await;
        assert_eq!(refused.problem(422), "invalid");
        assert!(!refused.text.contains(id));
        assert_eq!(ours.get(&format!("/v1/grants?connection={id}")).await.problem(404), "not_found");
    }
    for list in ["/v1/connections", "/v1/grants", "/v1/webhooks", "/v1/events"] {
        assert_eq!(ours.get(list).await.json()["data"], json!([]), "{list}");
    }
    // Nothing of it was done.
    for (path, id) in [("connections", 0), ("sessions", 2), ("webhooks", 3)] {
        let path = format!("/v1/{path}/{}", kinds[id].0);
        assert_eq!(theirs.get(&path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(theirs.get("/v1/grants").await.json()["data"][0]["revoked_at"], Value::Null);
}

#[tokio::test]
async fn a_token_of_the_platform_says_for_whom_it_acts() {
    let stage = Stage::new().await;
    let theirs = Backend::of(&stage, TENANT).await;
    let connection = theirs.connection().await;
    let platform = Backend::scoped(&stage, None, &keyway_vault::ApiScope::ALL).await;
    let path = format!("/v1/connections/{connection}");
    let ask = async |backend: &Backend, tenant: Option<&str>| {
        let request = backend.request(&Method::GET, &path);
        send(tenant.iter().fold(request, |request, tenant| request.header("keyway-tenant", *tenant))).await
    };
    assert_eq!(ask(&platform, Some(TENANT)).await.status, StatusCode::OK);
    assert_eq!(ask(&platform, Some("others")).await.problem(404), "not_found");
    assert_eq!(ask(&platform, None).await.problem(400), "header");
    assert_eq!(ask(&platform, Some("not a tenant")).await.problem(400), "header");
    assert_eq!(ask(&theirs, Some(TENANT)).await.status, StatusCode::OK);
    assert_eq!(ask(&theirs, Some("others")).await.problem(403), "tenant");
    let twice = platform.request(&Method::GET, &path).header("keyway-tenant", TENANT);
    assert_eq!(send(twice.header("keyway-tenant", TENANT)).await.problem(400), "header");
}
