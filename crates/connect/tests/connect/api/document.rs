//! What describes the API is what there is.

use std::{fmt::Write as _, path::Path};

use keyway_vault::ApiScope;
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
    assert_eq!(count, 26);
}

/// The operations: method, path, and what the document says.
fn operations(document: &Value) -> Vec<(String, &str, &Value)> {
    let items = document["paths"].as_object().unwrap().iter();
    let all = items.flat_map(|(path, item)| {
        let methods = ["get", "post", "patch", "delete"].into_iter();
        methods.filter_map(|method| Some((method.to_uppercase(), path.as_str(), item.get(method)?)))
    });
    all.collect()
}

/// The scope that an operation says it needs; none: any.
fn scope(operation: &Value) -> Option<&str> {
    let scopes = operation["security"][0]["token"].as_array().unwrap();
    assert!(scopes.len() <= 1, "{scopes:?}");
    scopes.first().map(|scope| scope.as_str().unwrap())
}

#[tokio::test]
async fn openapi_names_the_scope_that_each_operation_needs() {
    let stage = Stage::new().await;
    let document = Backend::of(&stage, TENANT).await.get("/openapi.json").await.json();
    let mut with_scope = 0;
    for (method, path, operation) in operations(&document) {
        let at = format!("{method} {path}");
        let method: Method = method.parse().unwrap();
        let asked = path.replace("{id}", "nothing").replace("{method}", "nothing");
        let needed = scope(operation);
        let said = needed.map_or("Scope: any.".to_owned(), |scope| format!("Scope: `{scope}`."));
        assert!(operation["description"].as_str().unwrap().ends_with(&said), "{at}");
        let Some(needed) = needed else {
            for scope in ApiScope::ALL {
                let backend = Backend::scoped(&stage, Some(TENANT), &[scope]).await;
                assert_ne!(send(backend.request(&method, &asked)).await.status, 403, "{at}");
            }
            continue;
        };
        with_scope += 1;
        let (needed, others): (Vec<_>, Vec<_>) =
            ApiScope::ALL.into_iter().partition(|scope| scope.as_str() == needed);
        let backend = Backend::scoped(&stage, Some(TENANT), &others).await;
        let answer = send(backend.request(&method, &asked)).await;
        assert_eq!(answer.problem(403), "scope", "{at}");
        assert_eq!(answer.json()["detail"], format!("it lacks the scope `{}`", needed[0].as_str()), "{at}");
        let backend = Backend::scoped(&stage, Some(TENANT), &needed).await;
        assert_ne!(send(backend.request(&method, &asked)).await.status, 403, "{at}");
    }
    assert_eq!(with_scope, 22);
}

#[tokio::test]
async fn openapi_is_what_the_readme_lists() {
    let stage = Stage::new().await;
    let document = Backend::of(&stage, TENANT).await.get("/openapi.json").await.json();
    let mut table = "\n\n| operation | scope | |\n|---|---|---|\n".to_owned();
    for (method, path, operation) in operations(&document) {
        let scope = scope(operation).map_or("any".to_owned(), |scope| format!("`{scope}`"));
        let summary = operation["summary"].as_str().unwrap();
        writeln!(table, "| `{method} {path}` | {scope} | {summary} |").unwrap();
    }
    table.push('\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<!-- operations -->").unwrap();
    let (shown, after) = rest.split_once("<!-- end of operations -->").unwrap();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        let text = format!("{before}<!-- operations -->{table}<!-- end of operations -->{after}");
        std::fs::write(&path, text).unwrap();
    } else {
        assert!(
            shown == table,
            "crates/connect/README.md lists other operations; renew it with \
             `UPDATE_OPENAPI=1 cargo test -p keyway-connect openapi_is`"
        );
    }
}

/// A generator makes a type of each schema and a function of each operation, in languages that have types and words of their own.
#[tokio::test]
async fn openapi_gives_a_generator_names_that_clash_with_nothing() {
    let stage = Stage::new().await;
    let document = Backend::of(&stage, TENANT).await.get("/openapi.json").await.json();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for taken in
        ["String", "Object", "Error", "Status", "Method", "Check", "Reason", "Links", "Detail", "Purpose"]
    {
        assert!(!schemas.contains_key(taken), "{taken}");
    }
    for name in schemas.keys() {
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name}");
    }
    for list in ["Connection", "Grant", "Provider", "Webhook"] {
        let items = &schemas[&format!("{list}List")]["properties"]["data"]["items"];
        assert_eq!(*items, serde_json::json!({"$ref": format!("#/components/schemas/{list}")}));
    }
    let ids: Vec<_> = operations(&document).iter().map(|(_, _, one)| one["operationId"].clone()).collect();
    for id in &ids {
        let id = id.as_str().unwrap();
        assert!(id.bytes().any(|byte| byte.is_ascii_uppercase()), "{id} is no verb and a noun");
        assert_eq!(ids.iter().filter(|one| *one == id).count(), 1, "{id}");
    }
    // What is said is for whoever reads JSON.
    let text = document.to_string();
    for word in ["# Security", "# Errors", "`Debug`", "[`", "serde"] {
        assert!(!text.contains(word), "{word}");
    }
    for (name, schema) in [("event", "Event"), ("test", "TestEvent")] {
        let sent = &document["webhooks"][name]["post"];
        let body = &sent["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(*body, format!("#/components/schemas/{schema}"), "{name}");
        assert!(sent["parameters"].as_array().unwrap().len() == 3, "{name}");
    }
    let told = &document["components"]["schemas"]["EventConnection"]["properties"];
    assert!(told["status"].to_string().contains("ConnectionStatus"), "{told}");
    assert!(told["verdict"].to_string().contains("VerdictKind"), "{told}");
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
