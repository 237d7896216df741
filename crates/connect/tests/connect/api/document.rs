//! What describes the API is what there is.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::{Backend, send};
use crate::stage::{Stage, TENANT};

#[tokio::test]
async fn openapi_is_committed_as_it_is_served() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let served = backend.get("/openapi.json").await;
    assert_eq!((served.status, served.header("content-type")), (StatusCode::OK, "application/json"));
    assert_eq!(backend.get("/v1/openapi.json").await.text, served.text);
    let without = reqwest::get(format!("{}/openapi.json", stage.origin)).await.unwrap();
    assert_eq!(without.status(), StatusCode::OK, "anybody may read it");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &served.text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == served.text,
        "crates/connect/openapi.json is not what the handlers say; renew it with \
         `UPDATE_OPENAPI=1 cargo test -p keyway-connect openapi_is_committed`"
    );
}

#[tokio::test]
async fn openapi_has_every_operation_documented_and_routed() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let document = backend.get("/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            count += 1;
            for word in ["summary", "description", "operationId"] {
                assert!(operation[word].as_str().is_some_and(|text| !text.is_empty()), "{at}: {word}");
            }
            let answers = operation["responses"].as_object().unwrap();
            for status in ["400", "401", "403", "429", "503"] {
                assert!(answers.contains_key(status), "{at}: {status}");
            }
            for (status, answer) in answers {
                assert!(!answer["description"].as_str().unwrap().is_empty(), "{at}: {status}");
                if status.starts_with(['4', '5']) {
                    let schema = &answer["content"]["application/problem+json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/Problem", "{at}: {status}");
                }
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{at}: {}", parameter["name"]);
            }
            let asked = path.replace("{id}", "nothing").replace("{method}", "nothing");
            let method: Method = method.to_uppercase().parse().unwrap();
            let answer = send(backend.request(&method, &asked)).await;
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{at}");
            if answer.status == StatusCode::NOT_FOUND {
                assert!(!answer.text.contains("no such path"), "{at}");
            }
        }
    }
    assert_eq!(count, 24);
}

/// Counts the references, each of which names something.
fn visit(node: &Value, document: &Value, count: &mut usize) {
    match node {
        Value::Object(members) => {
            if let Some(Value::String(name)) = members.get("$ref") {
                let pointer = name.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{name}");
                *count += 1;
            }
            members.values().for_each(|node| visit(node, document, count));
        }
        Value::Array(items) => items.iter().for_each(|node| visit(node, document, count)),
        _ => {}
    }
}

#[tokio::test]
async fn openapi_names_nothing_that_is_not_there() {
    let stage = Stage::new().await;
    let document = Backend::of(&stage, TENANT).await.get("/openapi.json").await.json();
    let mut count = 0;
    visit(&document, &document, &mut count);
    assert!(count > 100, "{count}");
}
