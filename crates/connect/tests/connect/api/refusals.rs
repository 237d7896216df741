//! What it refuses, and how it says so.

use std::time::Duration;

use keyway_connect::Limits;
use keyway_core::Submission;
use keyway_vault::{ApiScope, New};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Backend, send, with};
use crate::stage::{ROOTLY, Stage, TENANT, actor};

/// Stands where a key may stand by mistake. It is never repeated.
const CANARY: &str = "rootly_c0ffeec0ffeec0ffee";

/// A body, its status and code, and the error's pointer and code where there is one.
type Case<'c> = (&'c str, u16, &'c str, Option<(&'c str, &'c str)>);

#[tokio::test]
async fn a_body_is_read_strictly_and_never_repeated() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested = format!(r#"{{"end_user":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
    let many = |count: usize| {
        let members: Vec<_> = (0..count).map(|number| format!(r#""{number}":1"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    let table: [Case<'_>; 33] = [
        ("", 400, "json", None),
        ("{", 400, "json", None),
        ("{}x", 400, "json", None),
        (&format!("{{\"end_user\": {CANARY}}}"), 400, "json", None),
        (&format!("\"{CANARY}"), 400, "json", None),
        ("\u{feff}{}", 400, "json", None),
        (r#"{"end_user":"\ud800"}"#, 400, "json", None),
        (r#"{"end_user":1e999}"#, 400, "json", None),
        (&deep, 400, "json", None),
        (&nested, 422, "invalid", Some(("/end_user", "wrong_type"))),
        ("null", 422, "invalid", Some(("", "wrong_type"))),
        ("[]", 422, "invalid", Some(("", "wrong_type"))),
        (r#"["u","connect"]"#, 422, "invalid", Some(("", "wrong_type"))),
        (&format!("\"{CANARY}\""), 422, "invalid", Some(("", "wrong_type"))),
        ("{}", 422, "invalid", Some(("/end_user", "required"))),
        (r#"{"end_user":null}"#, 422, "invalid", Some(("/end_user", "wrong_type"))),
        (r#"{"end_user":7}"#, 422, "invalid", Some(("/end_user", "wrong_type"))),
        (r#"{"end_user":"u"}"#, 422, "invalid", Some(("/purpose", "required"))),
        (
            &format!(r#"{{"end_user":"u","purpose":"{CANARY}"}}"#),
            422,
            "invalid",
            Some(("/purpose", "choice")),
        ),
        (&format!(r#"{{"{CANARY}":1}}"#), 422, "invalid", Some(("/(unnamed)", "unknown_member"))),
        (&many(1000), 422, "invalid", Some(("/(unnamed)", "unknown_member"))),
        (&many(1001), 422, "invalid", Some(("", "too_many"))),
        (&format!(r#"{{"end_user":{}}}"#, many(50_000)), 422, "invalid", Some(("", "too_many"))),
        // Nothing that may be a key is shown for a name.
        (r#"{"c0ffee1234c0ffee1234":1}"#, 422, "invalid", Some(("/(unnamed)", "unknown_member"))),
        (r#"{"canarycanary":1}"#, 422, "invalid", Some(("/(unnamed)", "unknown_member"))),
        (r#"{"end_user1":1}"#, 422, "invalid", Some(("/(unnamed)", "unknown_member"))),
        (r#"{"enduser":1}"#, 422, "invalid", Some(("/enduser", "unknown_member"))),
        (
            r#"{"end_user":"u","end_user":"v","purpose":"connect"}"#,
            422,
            "invalid",
            Some(("/end_user", "duplicate")),
        ),
        (
            &format!(r#"{{"end_user":"u","purpose":"connect","look":{{"name":{{"a":"{CANARY}"}}}}}}"#),
            422,
            "invalid",
            Some(("/look/name", "wrong_type")),
        ),
        (
            &format!(r#"{{"end_user":"u","purpose":"connect","providers":["rootly","{CANARY}"]}}"#),
            422,
            "invalid",
            Some(("/providers", "invalid")),
        ),
        (
            r#"{"end_user":"u","purpose":"connect","providers":["rootly",5]}"#,
            422,
            "invalid",
            Some(("/providers/1", "wrong_type")),
        ),
        (
            r#"{"end_user":"u","purpose":"connect","expires_in":1801}"#,
            422,
            "invalid",
            Some(("/expires_in", "range")),
        ),
        (
            r#"{"end_user":"u","purpose":"connect","expires_in":1.5}"#,
            422,
            "invalid",
            Some(("/expires_in", "wrong_type")),
        ),
    ];
    for (body, status, problem, error) in table {
        let request =
            backend.request(&Method::POST, "/v1/sessions").header("content-type", "application/json");
        let answer = send(request.body(body.to_owned())).await;
        let shown: String = body.chars().take(80).collect();
        assert_eq!(answer.problem(status), problem, "{shown}");
        assert!(!answer.text.contains("c0ffee") && !answer.text.contains("canary"), "{shown}: {answer:?}");
        if let Some((pointer, code)) = error {
            let found = &answer.json()["errors"][0];
            assert_eq!((&found["pointer"], &found["code"]), (&json!(pointer), &json!(code)), "{shown}");
        }
    }
}

#[tokio::test]
async fn where_nothing_has_to_be_said_an_empty_body_is_as_good_as_an_empty_object() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let id = backend.connection().await;
    for (path, status) in [("check", 200), ("grants", 201), ("reconnect", 201)] {
        let path = format!("/v1/connections/{id}/{path}");
        let post = || backend.request(&Method::POST, &path);
        assert_eq!(send(post()).await.status.as_u16(), status, "{path}");
        assert_eq!(backend.post(&path, &json!({})).await.status.as_u16(), status, "{path}");
        // Some clients name a type also where there is nothing.
        let empty = post().header("content-type", "application/json").body("");
        assert_eq!(send(empty).await.status.as_u16(), status, "{path}");
        let answer = backend.post(&path, &json!({"c0ffee1234": 1})).await;
        assert_eq!(answer.problem(422), "invalid", "{path}");
        assert!(!answer.text.contains("c0ffee"), "{answer:?}");
        assert_eq!(send(post().body("{}")).await.problem(415), "media_type", "{path}");
        assert_eq!(backend.post(&path, &json!([])).await.problem(422), "invalid", "{path}");
    }
    // Where something has to be said, that is what it says.
    let answer = send(backend.request(&Method::POST, "/v1/sessions")).await;
    assert_eq!(answer.problem(400), "json");
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("it is empty"), "{answer:?}");
}

#[tokio::test]
async fn members_that_do_not_go_together_are_named() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let misplaced = [
        (
            json!({"end_user": "u", "purpose": "connect", "connection": "con_aaaaaaaaaaaaaaaaaaaa"}),
            "/connection",
        ),
        (json!({"end_user": "u", "purpose": "manage", "allow_other_account": true}), "/allow_other_account"),
        (json!({"end_user": "u", "purpose": "reconnect"}), "/connection"),
        (json!({"end_user": "u\u{7}", "purpose": "connect"}), "/end_user"),
        (json!({"end_user": "", "purpose": "connect"}), "/end_user"),
        (json!({"end_user": "u", "purpose": "connect", "providers": vec!["rootly"; 101]}), "/providers"),
        (
            json!({"end_user": "u", "purpose": "connect", "parent_origin": "https://a.example/x"}),
            "/parent_origin",
        ),
        (
            json!({"end_user": "u", "purpose": "connect", "parent_origin": "https://[2001:db8::1]"}),
            "/parent_origin",
        ),
        (json!({"end_user": "u", "purpose": "connect", "return_url": "javascript:alert(1)"}), "/return_url"),
        (
            json!({"end_user": "u", "purpose": "connect", "return_url": "https://a.example/?connection_id=con_x"}),
            "/return_url",
        ),
        (json!({"end_user": "u", "purpose": "connect", "look": {"accent": "red"}}), "/look/accent"),
    ];
    // A connection is its own user's to reconnect.
    let credential =
        stage.registry.accept("rootly", None, &Submission::new().with("api_key", ROOTLY)).unwrap();
    let credential = credential.credential;
    let new = New::connection(&credential).end_user("owner");
    let one = stage.scope(TENANT).save(new).await.unwrap().connection.id;
    let foreign = json!({"end_user": "u", "purpose": "reconnect", "connection": one.as_str()});
    let own = json!({"end_user": "owner", "purpose": "reconnect", "connection": one.as_str()});
    assert_eq!(backend.post("/v1/sessions", &own).await.status, StatusCode::CREATED);
    for (body, pointer) in misplaced.into_iter().chain([(foreign, "/end_user")]) {
        let answer = backend.post("/v1/sessions", &body).await;
        assert_eq!(answer.problem(422), "invalid", "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn values_of_a_connection_are_texts_that_stand_once() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    for (body, pointer, code) in [
        (r#"{"provider":"rootly","values":{"api_key":1}}"#, "/values/api_key", "wrong_type"),
        (r#"{"provider":"rootly","values":{"api_key":null}}"#, "/values/api_key", "wrong_type"),
        (r#"{"provider":"rootly","values":{"api_key":"a","api_key":"b"}}"#, "/values/api_key", "duplicate"),
        (r#"{"provider":"rootly","values":["a"]}"#, "/values", "wrong_type"),
        (r#"{"provider":"rootly","values":{"c0ffee1234":1}}"#, "/values/(unnamed)", "wrong_type"),
        (r#"{"provider":"nobody","values":{}}"#, "/provider", "not_found"),
        (r#"{"provider":"nobody","method":"nothing","values":{}}"#, "/provider", "not_found"),
        (r#"{"provider":"rootly","method":"nothing","values":{}}"#, "/method", "not_found"),
        (r#"{"provider":"rootly","values":{},"name":""}"#, "/name", "invalid"),
        (r#"{"provider":"rootly","values":{},"end_user":"\n"}"#, "/end_user", "invalid"),
    ] {
        let request =
            backend.request(&Method::POST, "/v1/connections").header("content-type", "application/json");
        let answer = send(request.body(body)).await;
        assert_eq!(answer.problem(422), "invalid", "{body}");
        let found = &answer.json()["errors"][0];
        assert_eq!((&found["pointer"], &found["code"]), (&json!(pointer), &json!(code)), "{body}");
    }
}

#[tokio::test]
async fn a_request_says_that_it_is_json_and_has_an_end() {
    let mut limits = Limits::default();
    limits.json = 1000;
    limits.body_time = Duration::from_millis(200);
    let stage = Stage::with(|builder| builder.limits(limits)).await;
    let backend = Backend::of(&stage, TENANT).await;
    let body = r#"{"end_user":"u","purpose":"connect"}"#;
    for (kind, status) in [
        (Some("application/json"), 201),
        (Some("Application/JSON; charset=UTF-8"), 201),
        (Some("application/json; charset=utf-16"), 415),
        (Some("text/plain"), 415),
        (Some("application/x-www-form-urlencoded"), 415),
        (Some("application/problem+json"), 415),
        (None, 415),
    ] {
        let request = backend.request(&Method::POST, "/v1/sessions").body(body);
        let answer =
            send(kind.iter().fold(request, |request, kind| request.header("content-type", *kind))).await;
        assert_eq!(answer.status.as_u16(), status, "{kind:?}");
    }
    let packed =
        with(backend.request(&Method::POST, "/v1/sessions").header("content-encoding", "gzip"), &json!({}));
    assert_eq!(send(packed).await.problem(415), "media_type");
    let large = backend.post("/v1/sessions", &json!({"end_user": "u".repeat(1000)})).await;
    assert_eq!(large.problem(413), "too_large");

    // A body that never ends: half of it, and nothing more.
    let mut slow =
        tokio::net::TcpStream::connect(stage.origin.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{{",
        backend.token
    );
    tokio::io::AsyncWriteExt::write_all(&mut slow, head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    tokio::io::AsyncReadExt::read_exact(&mut slow, &mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[tokio::test]
async fn a_token_is_asked_for_and_has_to_be_good() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let other = keyway_vault::Token::of(keyway_vault::TokenKind::Api);
    let mut ended = Backend::of(&stage, TENANT).await;
    stage.vault.tokens(&actor()).revoke(&ended.token[..12]).await.unwrap();
    ended.origin.clone_from(&backend.origin);
    for (shown, is_refused) in [
        (None, false),
        (Some("Basic dTpw".to_owned()), false),
        (Some(backend.token.clone()), false),
        (Some("Bearer".to_owned()), false),
        (Some("Bearer ".to_owned()), false),
        (Some("Bearer canary".to_owned()), true),
        (Some(format!("Bearer {}x", backend.token)), true),
        (Some(format!("Bearer {}", other.secret().expose())), true),
        (Some(format!("Bearer {}", ended.token)), true),
    ] {
        for path in ["/v1/connections", "/v1/providers", "/v1/sessions/ses_aaaaaaaaaaaaaaaaaaaa"] {
            let request = backend.client.get(format!("{}{path}", stage.origin));
            let answer =
                send(shown.iter().fold(request, |request, shown| request.header("authorization", shown)))
                    .await;
            assert_eq!(answer.problem(401), "unauthorized", "{path}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.starts_with("Bearer realm="), "{challenge}");
            assert_eq!(challenge.contains("invalid_token"), is_refused, "{shown:?}");
            assert!(!answer.text.contains("canary"));
        }
    }
    // Whoever mistook the API for the gateway is told so.
    let grant = keyway_vault::Token::of(keyway_vault::TokenKind::Grant);
    let grant = grant.secret().expose();
    let shown = backend.client.get(format!("{}/v1/connections", stage.origin)).bearer_auth(grant);
    let answer = send(shown).await;
    assert_eq!(answer.problem(401), "unauthorized");
    assert!(answer.text.contains("the gateway takes") && !answer.text.contains(grant), "{answer:?}");
    let lower = backend.client.get(format!("{}/v1/connections", stage.origin));
    let lower = lower.header("authorization", format!("bearer {}", backend.token));
    assert_eq!(send(lower).await.status, StatusCode::OK);
    let twice = backend.request(&Method::GET, "/v1/connections").bearer_auth(&backend.token);
    assert_eq!(send(twice).await.problem(400), "header");
}

#[tokio::test]
async fn n70_guessed_tokens_are_counted_and_good_ones_never() {
    let mut limits = Limits::default();
    limits.guesses = 3;
    let stage = Stage::with(|builder| builder.limits(limits)).await;
    let backend = Backend::of(&stage, TENANT).await;
    for count in 0..6 {
        let guessed =
            backend.client.get(format!("{}/v1/connections", stage.origin)).bearer_auth("kwa_guessed");
        let answer = send(guessed).await;
        if count < 3 {
            assert_eq!(answer.problem(401), "unauthorized");
        } else {
            assert_eq!(answer.problem(429), "too_many");
            assert!((1..=60).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
        }
        assert_eq!(backend.get("/v1/connections").await.status, StatusCode::OK, "{count}");
    }
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let stage = Stage::new().await;
    let id = "con_aaaaaaaaaaaaaaaaaaaa";
    let table: [(Method, String, &[ApiScope]); 19] = [
        (Method::POST, "/v1/sessions".into(), &[ApiScope::Sessions]),
        (Method::GET, "/v1/sessions/ses_aaaaaaaaaaaaaaaaaaaa".into(), &[ApiScope::Sessions]),
        (Method::DELETE, "/v1/sessions/ses_aaaaaaaaaaaaaaaaaaaa".into(), &[ApiScope::Sessions]),
        (Method::GET, "/v1/connections".into(), &[ApiScope::ConnectionsRead]),
        (Method::POST, "/v1/connections".into(), &[ApiScope::ConnectionsWrite]),
        (Method::GET, format!("/v1/connections/{id}"), &[ApiScope::ConnectionsRead]),
        (Method::PATCH, format!("/v1/connections/{id}"), &[ApiScope::ConnectionsWrite]),
        (Method::DELETE, format!("/v1/connections/{id}"), &[ApiScope::ConnectionsWrite]),
        (Method::POST, format!("/v1/connections/{id}/check"), &[ApiScope::ConnectionsWrite]),
        (Method::POST, format!("/v1/connections/{id}/reconnect"), &[ApiScope::Sessions]),
        (Method::POST, format!("/v1/connections/{id}/grants"), &[ApiScope::Grants]),
        (Method::GET, "/v1/grants".into(), &[ApiScope::Grants]),
        (Method::DELETE, "/v1/grants/gra_aaaaaaaaaaaaaaaaaaaa".into(), &[ApiScope::Grants]),
        (Method::GET, "/v1/providers".into(), &ApiScope::ALL),
        (Method::GET, "/v1/events".into(), &[ApiScope::Events]),
        (Method::GET, "/v1/webhooks".into(), &[ApiScope::Webhooks]),
        (Method::POST, "/v1/webhooks".into(), &[ApiScope::Webhooks]),
        (Method::DELETE, "/v1/webhooks/whk_aaaaaaaaaaaaaaaaaaaa".into(), &[ApiScope::Webhooks]),
        (Method::POST, "/v1/webhooks/whk_aaaaaaaaaaaaaaaaaaaa/test".into(), &[ApiScope::Webhooks]),
    ];
    for scope in ApiScope::ALL {
        let backend = Backend::scoped(&stage, Some(TENANT), &[scope]).await;
        for (method, path, scopes) in &table {
            let answer = send(backend.request(method, path)).await;
            if scopes.contains(&scope) {
                assert_ne!(answer.status, StatusCode::FORBIDDEN, "{scope:?} {method} {path}");
            } else {
                assert_eq!(answer.problem(403), "scope", "{scope:?} {method} {path}");
                let detail = answer.json()["detail"].as_str().unwrap().to_owned();
                assert!(scopes.iter().any(|scope| detail.contains(scope.as_str())), "{detail}");
            }
        }
    }
}

#[tokio::test]
async fn a_query_has_known_parameters_that_stand_once() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    for (path, parameter) in [
        ("/v1/connections?limits=1", "limits"),
        ("/v1/connections?limit=1&limit=1", "limit"),
        ("/v1/connections?limit=0", "limit"),
        ("/v1/connections?limit=101", "limit"),
        ("/v1/connections?limit=%2B1", "limit"),
        ("/v1/connections?limit=01", "limit"),
        ("/v1/connections?limit=", "limit"),
        ("/v1/connections?after=canary", "after"),
        ("/v1/connections?status=canary", "status"),
        ("/v1/connections?rootly_c0ffeec0ffeec0ffee=1", "(unnamed)"),
        ("/v1/events?after=canary", "after"),
        ("/v1/events?type=canary", "type"),
        ("/v1/grants?after=con_aaaaaaaaaaaaaaaaaaaa", "after"),
        ("/v1/providers?limit=1", "limit"),
        ("/v1/providers/rootly/methods/api_key/form?as=canary", "as"),
    ] {
        let answer = backend.get(path).await;
        assert_eq!(answer.problem(400), "parameter", "{path}");
        assert_eq!(answer.json()["errors"][0]["parameter"], parameter, "{path}");
        assert!(!answer.text.contains("canary") && !answer.text.contains("c0ffee"), "{path}");
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_problems_too() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/connections/", "/v1/sessions/a/b", "/v1//connections"] {
        assert_eq!(backend.get(path).await.problem(404), "not_found", "{path}");
    }
    for (method, path, allow) in [
        (Method::GET, "/v1/sessions", "POST"),
        (Method::PUT, "/v1/connections", "GET,HEAD,POST"),
        (Method::TRACE, "/v1/connections", "GET,HEAD,POST"),
        (Method::OPTIONS, "/v1/connections/a", "GET,HEAD,PATCH,DELETE"),
        (Method::DELETE, "/v1/openapi.json", "GET,HEAD"),
        (Method::POST, "/openapi.json", "GET,HEAD"),
    ] {
        let answer = send(backend.request(&method, path)).await;
        assert_eq!(answer.problem(405), "method", "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    let head = send(backend.request(&Method::HEAD, "/v1/connections")).await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn every_answer_is_for_nobody_elses_page_and_no_cache() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let mut pages =
        vec![backend.client.get(format!("{}/v1/connections", stage.origin)).send().await.unwrap()];
    for path in ["/v1/connections", "/v1/nothing", "/openapi.json", "/v1/providers/rootly/logo"] {
        pages.push(
            backend
                .request(&Method::GET, path)
                .header("origin", "https://evil.example")
                .send()
                .await
                .unwrap(),
        );
    }
    pages.push(backend.request(&Method::PUT, "/v1/connections").send().await.unwrap());
    for page in pages {
        let headers = page.headers();
        let at = page.url().path();
        assert_eq!(headers["cache-control"], "no-store", "{at}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{at}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{at}");
        assert_eq!(headers["x-frame-options"], "DENY", "{at}");
        assert!(
            headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"),
            "{at}"
        );
        assert!(!headers.contains_key("access-control-allow-origin"), "{at}");
        assert!(!headers.contains_key("set-cookie"), "{at}");
    }
}

#[tokio::test]
async fn terms_of_a_grant_say_which_of_them_is_wrong() {
    let stage = Stage::new().await;
    let backend = Backend::of(&stage, TENANT).await;
    let path = format!("/v1/connections/{}/grants", backend.connection().await);
    let table: [(Value, &str); 9] = [
        (json!({"methods": []}), "/methods"),
        (json!({"methods": ["TRACE"]}), "/methods"),
        (json!({"methods": ["get it"]}), "/methods"),
        (json!({"paths": []}), "/paths"),
        (json!({"paths": ["/a", "canary"]}), "/paths/1"),
        (json!({"expires_in": 0}), "/expires_in"),
        (json!({"expires_in": 400_000_000_u64}), "/expires_in"),
        (json!({"rate": {"requests": 0, "seconds": 1}}), "/rate"),
        (json!({"rate": {"requests": 1}}), "/rate/seconds"),
    ];
    for (body, pointer) in table {
        let answer = backend.post(&path, &body).await;
        assert_eq!(answer.problem(422), "invalid", "{body}");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
        assert!(!answer.text.contains("canary"), "{body}");
    }
    assert_eq!(backend.get("/v1/grants").await.json()["data"], json!([]));
}
