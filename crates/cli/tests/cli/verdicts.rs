//! Answers, and the exit statuses and JSON that follow from them.

use serde_json::{Value, json};

use crate::support::{Run, Server, answer, keyway_with, rally, rootly};

const JSON: &str = "content-type: application/json";
const GOOD_ROOTLY: &str =
    r#"{"data":{"id":"7","type":"users","attributes":{"full_name_with_team":"[Acme] Ada"}}}"#;
const GOOD_RALLY: &str = r#"{"User":{"ObjectUUID":"u-7","UserName":"ada@acme.example","DisplayName":"Ada","Subscription":{"_refObjectName":"Acme"},"Errors":[]}}"#;

fn connect(id: &str, values: &str, server: &Server) -> Run {
    keyway_with(&["connect", id, "--values", "-", "--json", "--origin", &server.origin()], values)
}

/// What an answer must lead to: the exit status, the verdict, and the reason's code.
#[track_caller]
fn check(id: &str, given: Vec<u8>, code: i32, verdict: &str, reason: Option<&str>) -> Value {
    let values = if id == "rally" { rally("valid") } else { rootly() };
    let server = Server::giving(given);
    let run = connect(id, &values, &server);
    let json = run.json();
    assert_eq!((run.code, &json["verdict"]), (code, &json!(verdict)), "{json:#}");
    assert_eq!(json["errors"][0]["code"], json!(reason), "{json:#}");
    assert_eq!(json["errors"][0]["field"], Value::Null, "{json:#}");
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    json
}

#[test]
fn every_answer_has_its_status() {
    let html = "content-type: text/html";
    for (id, good) in [("rally", GOOD_RALLY), ("rootly", GOOD_ROOTLY)] {
        let check = |given, code, verdict, reason: &str| {
            check(id, given, code, verdict, Some(reason).filter(|reason| !reason.is_empty()));
        };
        check(answer("200 OK", &[JSON], good), 0, "valid", "");
        check(answer("200 OK", &[html], "<html>Sign in</html>"), 7, "unknown", "no_proof");
        check(answer("200 OK", &[JSON], "{}"), 7, "unknown", "no_proof");
        check(answer("200 OK", &[JSON], "{"), 7, "unknown", "no_proof");
        check(answer("200 OK", &[JSON], ""), 7, "unknown", "no_proof");
        check(answer("200 OK", &[JSON, "content-encoding: gzip"], good), 7, "unknown", "encoded");
        check(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec(), 7, "unknown", "no_proof");
        check(answer("500 Oh", &[html], "<html>"), 6, "unavailable", "server_error");
        check(answer("503 Oh", &[JSON], "{}"), 6, "unavailable", "server_error");
        check(answer("429 Wait", &["retry-after: 3600"], ""), 5, "rate_limited", "rate_limited");
        check(answer("418 Teapot", &[], ""), 7, "unknown", "no_proof");
        check(Vec::new(), 6, "unavailable", "no_answer");
        check(b"not HTTP at all\r\n\r\n".to_vec(), 7, "unknown", "no_proof");
    }
    check("rally", answer("401 No", &[html], "<html>401</html>"), 3, "invalid", Some("rule"));
    check("rally", answer("403 No", &[html], "<html>403</html>"), 4, "forbidden", Some("forbidden"));
    check("rally", answer("404 No", &[html], "<html>404</html>"), 7, "unknown", Some("no_proof"));
    check("rootly", answer("401 No", &[JSON], "{}"), 3, "invalid", Some("unauthorized"));
    check("rootly", answer("403 No", &[JSON], "{}"), 4, "forbidden", Some("rule"));
    check("rootly", answer("404 No", &[JSON], "{}"), 7, "unknown", Some("rule"));
    let errors = r#"{"OperationResult":{"Errors":["Not authorized to perform action: Invalid key"]}}"#;
    check("rally", answer("200 OK", &[JSON], errors), 3, "invalid", Some("rule"));
}

#[test]
fn nobody_listening_is_unavailable() {
    // It has the port and does not listen: nobody else can have it meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let origin = format!("http://{}", closed.local_addr().unwrap());
    let run =
        keyway_with(&["connect", "rally", "--values", "-", "--json", "--origin", &origin], &rally("valid"));
    assert_eq!((run.code, &run.json()["verdict"]), (6, &json!("unavailable")));
}

#[test]
fn a_redirect_to_another_origin_is_not_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        for id in ["rally", "rootly"] {
            let elsewhere = Server::giving(answer("200 OK", &[JSON], GOOD_RALLY));
            let location = format!("location: {}/", elsewhere.origin());
            check(id, answer(status, &[&location], ""), 7, "unknown", Some("redirect_leaves"));
            assert!(elsewhere.arrived().is_empty(), "{id} {status}");
        }
    }
}

#[test]
fn every_key_is_always_there() {
    let valid = check("rootly", answer("200 OK", &[JSON], GOOD_ROOTLY), 0, "valid", None);
    assert_eq!(
        valid,
        json!({
            "provider": "rootly",
            "method": "api_key",
            "verdict": "valid",
            "account": { "id": "7", "label": "[Acme] Ada" },
            "warnings": [],
            "errors": [],
            "retry_after_s": null,
        })
    );
    let limited = check(
        "rootly",
        answer("429 Wait", &["retry-after: 3600"], ""),
        5,
        "rate_limited",
        Some("rate_limited"),
    );
    assert_eq!(limited["retry_after_s"], 3600);
    assert_eq!(limited["account"], Value::Null);
    assert_eq!(limited.as_object().unwrap().len(), valid.as_object().unwrap().len());
}

#[test]
fn odd_values_warn_and_are_asked() {
    let server = Server::giving(answer("200 OK", &[JSON], GOOD_ROOTLY));
    let run = connect("rootly", r#"{"api_key":"oauth-token"}"#, &server);
    let json = run.json();
    assert_eq!((run.code, &json["verdict"]), (0, &json!("valid")));
    let warning = &json["warnings"][0];
    assert_eq!((&warning["field"], &warning["code"]), (&json!("api_key"), &json!("shape")));
    assert!(!json.to_string().contains("oauth-token"));
    // Also for whoever watches, who may still stop it: this is said before the key is sent.
    assert!(run.stderr.starts_with("! API Key\n  This does not look right: "), "{}", run.stderr);
    assert!(!run.stderr.contains("oauth-token"));
}

#[test]
fn an_account_that_echoes_the_key_is_masked() {
    let key = rally("valid");
    let key = key.split('"').nth(3).unwrap();
    let echo = GOOD_RALLY.replace("\"Ada\"", &format!("\"Ada {key}\""));
    let json = check("rally", answer("200 OK", &[JSON], &echo), 0, "valid", None);
    assert_eq!(json["account"]["label"], "Ada [redacted] @ Acme");
}
