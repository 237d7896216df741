//! What it does.

use keyway_core::Submission;
use keyway_vault::{ApiScope, New};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Backend, connection, send, session, with};
use crate::{
    stage::{Browser, ROOTLY, ROOTLY_REVOKED, Stage, TENANT},
    walk::{Walk, connect},
};

#[tokio::test]
async fn a_session_is_made_shown_and_ended() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let body = json!({
        "end_user": "user-1", "purpose": "connect", "providers": ["rootly"], "expires_in": 600,
        "parent_origin": "https://app.example.com", "return_url": "https://app.example.com/done",
        "look": {"name": "Acme"}, "direction": "rtl",
    });
    let made = backend.post("/v1/sessions", &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let view = made.json();
    let path = format!("/v1/sessions/{}", view["session"]["id"].as_str().unwrap());
    assert_eq!(made.header("location"), path);
    assert!(view["link"].as_str().unwrap().starts_with(&format!("{}/link/kwl_", stage.origin)));
    assert_eq!(view["session"]["status"], "created");
    assert_eq!(view["session"]["connection"], Value::Null);

    let shown = backend.get(&path).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert_eq!(shown.json(), view["session"], "the link is shown once");
    assert!(!shown.text.contains("kwl_"));

    assert_eq!(backend.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(backend.get(&path).await.problem(404), "not_found");
    assert_eq!(backend.delete(&path).await.problem(404), "not_found");
}

#[tokio::test]
async fn a_connection_is_made_of_values_checked_renamed_and_removed() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let answer = backend.post("/v1/connections", &connection()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let view = answer.json();
    let path = format!("/v1/connections/{}", view["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), path);
    assert_eq!((&view["name"], &view["end_user"]), (&json!("Production"), &json!("user-1")));
    assert_eq!(view["status"], "active");
    assert!(view["account"]["label"].as_str().is_some_and(|label| !label.is_empty()));

    let mut made = view;
    assert_eq!(made.as_object_mut().unwrap().remove("same_account"), Some(json!([])));
    assert_eq!(backend.get(&path).await.json(), made);
    let renamed = backend.patch(&path, &json!({"name": "Staging"})).await;
    assert_eq!(renamed.status, StatusCode::OK, "{renamed:?}");
    assert_eq!(renamed.json()["name"], "Staging");
    let nameless = backend.patch(&path, &json!({"name": null})).await;
    assert_eq!((nameless.status, &nameless.json()["name"]), (StatusCode::OK, &json!(null)), "{nameless:?}");
    assert_eq!(backend.patch(&path, &json!({})).await.problem(422), "invalid", "nothing is not null");

    let checked = send(backend.request(&Method::POST, &format!("{path}/check"))).await;
    assert_eq!(checked.status, StatusCode::OK, "{checked:?}");
    assert_eq!(checked.json()["verdict"]["kind"], "valid");
    assert_eq!(checked.json()["connection"]["verdict"], "valid");

    let reconnect = backend.post(&format!("{path}/reconnect"), &json!({})).await;
    assert_eq!(reconnect.status, StatusCode::CREATED, "{reconnect:?}");
    let without = send(backend.request(&Method::POST, &format!("{path}/reconnect"))).await;
    assert_eq!(without.status, StatusCode::CREATED, "no body says as much as an empty one: {without:?}");
    let session = &reconnect.json()["session"];
    assert_eq!((&session["purpose"], &session["end_user"]), (&json!("reconnect"), &json!("user-1")));

    assert_eq!(backend.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(backend.get(&path).await.problem(404), "not_found");
    for page in [answer, renamed, checked, reconnect] {
        assert!(!page.text.contains(ROOTLY), "a value is never shown");
    }
}

#[tokio::test]
async fn n68_a_key_that_is_not_good_is_told_and_not_kept() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let mut body = connection();
    body["values"]["api_key"] = json!(ROOTLY_REVOKED);
    let refused = backend.post("/v1/connections", &body).await;
    assert_eq!(refused.problem(422), "verdict");
    assert_eq!(refused.json()["verdict"]["kind"], "invalid");
    assert!(!refused.text.contains("dead"));

    body["values"]["api_key"] = json!("two words of canary");
    body["values"]["canary"] = json!("");
    let refused = backend.post("/v1/connections", &body).await;
    assert_eq!(refused.problem(422), "refused");
    let errors = refused.json()["errors"].clone();
    let found: Vec<_> = errors.as_array().unwrap().iter().map(|one| (&one["field"], &one["code"])).collect();
    assert!(found.contains(&(&json!("api_key"), &json!("white_space"))), "{errors}");
    assert!(!refused.text.contains("two words"));
    assert_eq!(backend.get("/v1/connections").await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_provider_may_be_named_in_every_way_that_is_known_of_it() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    for (named, is_known) in [("rootly", true), ("Rootly", true), ("rotly", false)] {
        let body = json!({"end_user": "user-1", "purpose": "connect", "providers": [named]});
        let made = backend.post("/v1/sessions", &body).await;
        assert_eq!(made.status == StatusCode::CREATED, is_known, "{named}: {made:?}");
        if is_known {
            // The only one there is to choose: it is not asked for.
            let json = made.json();
            let mut browser = Browser::new();
            let start = browser.open(json["link"].as_str().unwrap()).await;
            let page = browser.get(&start).await;
            let whole = format!(
                "{} {}",
                page.text,
                page.headers.get("location").map_or("", |one| one.to_str().unwrap())
            );
            assert!(whole.contains("rootly") && !whole.contains("rally"), "{named}: {page:?}");
        }
    }
}

#[tokio::test]
async fn lists_come_in_parts_and_are_filtered() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let mut all = Vec::new();
    for index in 0..5 {
        let mut body = connection();
        body["end_user"] = json!(format!("user-{}", index % 2));
        let made = backend.post("/v1/connections", &body).await;
        all.push(made.json()["id"].as_str().unwrap().to_owned());
    }
    all.sort();
    for (filter, expected) in [
        ("", 5),
        ("&provider=rootly", 5),
        ("&provider=rally", 0),
        ("&status=active", 5),
        ("&status=needs_key", 0),
        ("&end_user=user-0", 3),
        ("&end_user=user-1&provider=rootly&status=active", 2),
        ("&end_user=nobody", 0),
    ] {
        for limit in [1, 2, 3, 5, 100] {
            let (mut found, mut after) = (Vec::new(), String::new());
            loop {
                let part = backend.get(&format!("/v1/connections?limit={limit}{filter}{after}")).await;
                assert_eq!(part.status, StatusCode::OK, "{part:?}");
                let part = part.json();
                let data = part["data"].as_array().unwrap();
                assert!(data.len() <= limit);
                found.extend(data.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
                let Some(next) = part["next"].as_str() else { break };
                assert_ne!(after, format!("&after={next}"), "it goes on");
                after = format!("&after={next}");
            }
            assert_eq!(found.len(), expected, "{filter} {limit}");
            assert!(found.is_sorted() && found.iter().all(|id| all.contains(id)), "{filter} {limit}");
        }
    }
}

#[tokio::test]
async fn n43_a_connection_that_somebody_changed_hides_none_of_the_others_and_does_not_end_the_list() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let submission = Submission::new().with("api_key", ROOTLY);
    let credential = stage.registry.accept("rootly", None, &submission).unwrap().credential;
    let new = New::connection(&credential).end_user("user-1");
    let saved = stage.scope(TENANT).save_all(&vec![new; 203]).await.unwrap();
    assert_eq!(saved.len(), 203);
    // One in a part, two that end one, and one whose id is none any more.
    for change in [
        "UPDATE keyway_connections SET status = 'needs_key' WHERE id IN (SELECT id FROM keyway_connections \
         ORDER BY id LIMIT 1 OFFSET 50)",
        "UPDATE keyway_connections SET status = 'needs_key' WHERE id IN (SELECT id FROM keyway_connections \
         ORDER BY id LIMIT 2 OFFSET 99)",
        "UPDATE keyway_connections SET id = id || '!' WHERE id IN (SELECT id FROM keyway_connections \
         ORDER BY id LIMIT 1 OFFSET 110)",
    ] {
        stage.run(change).await;
    }
    for filter in ["", "&end_user=user-1", "&provider=rootly"] {
        for limit in [7, 100] {
            let (mut found, mut after) = (Vec::new(), String::new());
            loop {
                let part = backend.get(&format!("/v1/connections?limit={limit}{filter}{after}")).await.json();
                let data = part["data"].as_array().unwrap();
                found.extend(data.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
                let Some(next) = part["next"].as_str() else { break };
                assert_ne!(after, format!("&after={next}"), "it goes on");
                after = format!("&after={next}");
            }
            assert!(found.is_sorted());
            found.dedup();
            assert_eq!(found.len(), 199, "{filter} {limit}");
        }
    }
    // The end user sees theirs as well.
    let body = json!({"end_user": "user-1", "purpose": "manage"});
    let link = backend.post("/v1/sessions", &body).await.json()["link"].as_str().unwrap().to_owned();
    let mut browser = Browser::new();
    let start = browser.open(&link).await;
    let page = browser.get(&start).await;
    assert_eq!((page.status, page.text.matches("/check\"").count()), (StatusCode::OK, 199), "{}", page.text);
}

#[tokio::test]
async fn a_grant_is_shown_with_its_token_once_listed_and_revoked() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let connection = backend.connection().await;
    let body = json!({
        "methods": ["GET"], "paths": ["/v1/incidents"], "expires_in": 60,
        "rate": {"requests": 10, "seconds": 60}, "rewrite": false,
    });
    let made = backend.post(&format!("/v1/connections/{connection}/grants"), &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{made:?}");
    let view = made.json();
    let token = view["token"].as_str().unwrap();
    assert!(token.starts_with("rootly_kwg_"), "clients look at what a key begins with");
    let grant = stage.vault.grant(token).await.unwrap();
    assert_eq!(grant.connection.as_str(), connection);
    assert!(!grant.terms.rewrites());

    let listed = backend.get(&format!("/v1/grants?connection={connection}")).await;
    assert_eq!(listed.json()["data"], json!([view["grant"]]));
    assert!(!listed.text.contains("kwg_"));

    let path = format!("/v1/grants/{}", view["grant"]["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(backend.delete(&path).await.status, StatusCode::NO_CONTENT);
    }
    let listed = backend.get("/v1/grants").await.json();
    assert!(listed["data"][0]["revoked_at"].is_string());
    assert!(stage.vault.grant(token).await.unwrap().revoked_at.is_some());
}

#[tokio::test]
async fn providers_and_forms_are_for_a_token_of_any_scope() {
    let stage = Stage::new().await;
    for scope in ApiScope::ALL {
        let backend = Backend::scoped(&stage, Some(TENANT), &[scope]).await;
        let listed = backend.get("/v1/providers").await.json();
        let ids: Vec<_> = listed["data"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, ["rally", "rootly"]);
    }
    // A token of the platform need name no tenant here.
    let backend = Backend::scoped(&stage, None, &[ApiScope::Sessions]).await;
    assert_eq!(backend.get("/v1/providers/rootly").await.json()["name"], "Rootly");
    let logo = backend.get("/v1/providers/rootly/logo").await;
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert!(logo.text.starts_with("<svg") && logo.header("content-security-policy").contains("sandbox"));
    for (kind, holds) in [
        ("", "\"inputs\""),
        ("?as=model", "\"inputs\""),
        ("?as=json-schema", "\"$schema\""),
        ("?as=ui-schema", "ui:order"),
    ] {
        let form = backend.get(&format!("/v1/providers/rootly/methods/api_key/form{kind}")).await;
        assert_eq!((form.status, form.header("content-type")), (StatusCode::OK, "application/json"));
        assert!(form.json().is_object() && form.text.contains(holds), "{kind}");
    }
    let form = backend.get("/v1/providers/rootly/methods/api_key/form?as=html").await;
    assert_eq!(form.header("content-type"), "text/html; charset=utf-8");
    assert!(form.text.contains("<form") && form.header("content-security-policy").contains("sandbox"));
    for path in ["nobody", "nobody/logo", "rootly/methods/nothing/form", "nobody/methods/api_key/form"] {
        assert_eq!(backend.get(&format!("/v1/providers/{path}")).await.problem(404), "not_found", "{path}");
    }
}

#[tokio::test]
async fn a_link_of_the_api_is_opened_and_the_session_says_so() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let made = backend.post("/v1/sessions", &session()).await.json();
    let path = format!("/v1/sessions/{}", made["session"]["id"].as_str().unwrap());
    Browser::new().open(made["link"].as_str().unwrap()).await;
    assert_eq!(backend.get(&path).await.json()["status"], "opened");
}

#[tokio::test]
async fn the_audit_log_names_the_token_that_did_it() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let connection = backend.connection().await;
    let entries = stage.scope(TENANT).audit(0, 100).await.unwrap();
    let made = entries.iter().find(|one| one.connection.as_deref() == Some(&connection)).unwrap();
    assert_eq!(made.what.actor.as_deref(), Some(format!("api:{}", &backend.token[..12]).as_str()));
}

#[tokio::test]
async fn the_audit_log_names_the_token_whose_session_it_came_of() {
    let stage = Stage::new().await;
    // One token for all tenants, one of the tenant's, and none.
    let platform = Backend::scoped(&stage, None, &ApiScope::ALL).await;
    let backend = Backend::of(&stage, TENANT).await;
    let new = |body: &Value| with(platform.request(&Method::POST, "/v1/sessions"), body);
    let made = send(new(&session()).header("keyway-tenant", TENANT)).await.json();
    let mut walk = Walk::at(&stage, made["link"].as_str().unwrap()).await;
    walk.rootly(ROOTLY).await;
    walk.confirm(&[]).await;
    let one = stage.scope(TENANT).list(None, 2).await.unwrap().remove(0);
    let reconnect = backend.post(&format!("/v1/connections/{}/reconnect", one.id), &json!({})).await.json();
    let mut walk = Walk::at(&stage, reconnect["link"].as_str().unwrap()).await;
    walk.rootly(ROOTLY).await;
    walk.confirm(&[]).await;
    let manage = json!({"end_user": "user-1", "purpose": "manage"});
    let manage = backend.post("/v1/sessions", &manage).await.json();
    let mut walk = Walk::at(&stage, manage["link"].as_str().unwrap()).await;
    walk.post(&format!("/accounts/{}/remove", one.id), &[]).await;
    let mut walk = Walk::new(&stage, connect()).await;
    walk.rootly(ROOTLY).await;
    walk.confirm(&[]).await;
    let entries = stage.scope(TENANT).audit(0, 100).await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .filter(|one| one.kind.starts_with("connection."))
        .map(|one| (one.kind.as_str(), one.what.actor.clone().unwrap()))
        .collect();
    let by = |backend: &Backend| format!("connect:{}", &backend.token[..12]);
    let expected = [
        ("connection.created", by(&platform)),
        ("connection.replaced", by(&backend)),
        ("connection.removed", by(&backend)),
        ("connection.created", "connect".to_owned()),
    ];
    assert_eq!(told, expected);
}
