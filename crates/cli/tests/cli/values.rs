//! `--values`: what is refused, and with which status.

use serde_json::json;

use crate::support::{Run, keyway, keyway_with, rally};

const CANARY: &str = "sk_canary_4711";

fn refused(id: &str, values: &str) -> Run {
    // Nothing is listening there: whatever is sent would end in 6.
    keyway_with(&["connect", id, "--values", "-", "--json", "--origin", "http://127.0.0.1:1"], values)
}

#[test]
fn what_is_not_an_object_is_a_usage_error() {
    for values in
        ["", "{", "[]", "null", "\"sk_canary_4711\"", "17", "{\"api_key\": sk_canary_4711}", "{} {}"]
    {
        let run = refused("rally", values);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{values}");
        assert!(run.stderr.starts_with("error: --values: this is not"), "{}", run.stderr);
        assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    }
}

#[test]
fn what_is_wrong_with_fields_is_a_refusal_that_names_them() {
    let deep = format!("{}{}", "[".repeat(50), "]".repeat(50));
    for (id, values, field, code) in [
        ("rally", "{}".to_owned(), "api_key", "required"),
        ("rally", r#"{"api_key":null}"#.to_owned(), "api_key", "wrong_type"),
        ("rally", r#"{"api_key":17}"#.to_owned(), "api_key", "wrong_type"),
        ("rally", format!(r#"{{"api_key":["{CANARY}"]}}"#), "api_key", "wrong_type"),
        ("rally", format!(r#"{{"api_key":{{"{CANARY}":true}}}}"#), "api_key", "wrong_type"),
        ("rally", format!(r#"{{"api_key":{deep}}}"#), "api_key", "wrong_type"),
        ("rally", format!(r#"{{"api_key":"_{CANARY}","key":"{CANARY}"}}"#), "key", "unknown_field"),
        ("rally", format!(r#"{{"api_key":"_{CANARY}","api_key":"_{CANARY}"}}"#), "api_key", "duplicate"),
        ("rally", format!(r#"{{"api_key":"_{CANARY}","host":"evil.example"}}"#), "host", "choice"),
        ("rally", format!(r#"{{"api_key":"_{CANARY}\n{CANARY}"}}"#), "api_key", "control"),
        ("rally", r#"{"api_key":"   "}"#.to_owned(), "api_key", "required"),
        ("rally", r#"{"api_key":"••••••••"}"#.to_owned(), "api_key", "masked"),
        ("rally", format!(r#"{{"api_key":"rootly_{}"}}"#, "0a".repeat(32)), "api_key", "other_provider"),
        ("rootly", format!(r#"{{"api_key":"rec_{CANARY}"}}"#), "api_key", "mistake"),
        ("rootly", r#"{"api_key":"Bearer "}"#.to_owned(), "api_key", "required"),
        ("rootly", format!(r#"{{"api_key":"curl -H 'x: {CANARY}'"}}"#), "api_key", "command"),
    ] {
        let run = refused(id, &values);
        let json = run.json();
        assert_eq!((run.code, &json["verdict"]), (2, &json!("refused")), "{values}: {json:#}");
        let errors = json["errors"].as_array().unwrap();
        assert!(
            errors.iter().any(|error| error["field"] == field && error["code"] == code),
            "{values}: {json:#}"
        );
        assert!(!format!("{run:?}").contains("canary"), "{values}: {run:?}");
        assert!(run.stderr.is_empty(), "{}", run.stderr);

        let told = keyway_with(&["connect", id, "--values", "-"], &values);
        assert_eq!(told.code, 2, "{told:?}");
        assert!(!format!("{told:?}").contains("canary"), "{values}: {told:?}");
        let sent = keyway_with(&["request", id, "GET", "/", "--values", "-"], &values);
        assert_eq!((sent.code, sent.stdout.as_str()), (2, ""), "{sent:?}");
    }
}

#[test]
fn all_problems_come_at_once() {
    let run = refused("rally", r#"{"host":"evil.example","key":"x","A B":"x","api_key":null}"#);
    let json = run.json();
    assert_eq!(json["errors"].as_array().unwrap().len(), 4, "{json:#}");
    assert!(json["errors"].as_array().unwrap().iter().any(|error| error["field"].is_null()), "{json:#}");
}

#[test]
fn a_file_is_read_and_a_missing_one_is_a_usage_error() {
    let path = std::env::temp_dir().join(format!("keyway-values-{}.json", std::process::id()));
    std::fs::write(&path, format!("\u{feff}{}\n", rally("valid"))).unwrap();
    let run = keyway(&["connect", "rally", "--sandbox", "--json", "--values", path.to_str().unwrap()]);
    std::fs::remove_file(&path).unwrap();
    assert_eq!((run.code, &run.json()["verdict"]), (0, &json!("valid")));

    let run = keyway(&["connect", "rally", "--sandbox", "--json", "--values", "sk_canary_4711"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    let said = "error: --values takes a file's name, or `-` for stdin: there is no such file\n";
    assert_eq!(run.stderr, said);
    let folder = std::env::temp_dir();
    let run = keyway(&["connect", "rally", "--values", folder.to_str().unwrap()]);
    assert_eq!(run.code, 1);
    #[cfg(unix)]
    assert_eq!(run.stderr, "error: --values takes a file's name, or `-` for stdin: it is a folder\n");

    // The values themselves, where the file's name belongs.
    let run = keyway(&["connect", "rally", "--values", r#"{"api_key":"sk_canary_4711"}"#]);
    assert_eq!(run.code, 1);
    assert!(!run.stderr.contains("canary"), "{}", run.stderr);
}

#[test]
fn a_flood_is_refused() {
    let values = format!(r#"{{"api_key":"{}"}}"#, "x".repeat(64 * 1024 + 1));
    assert_eq!(refused("rally", &values).json()["errors"][0]["code"], "too_long");
    assert_eq!(refused("rally", &" ".repeat(3 * 1024 * 1024)).code, 1);
    let fields: Vec<String> = (0..10_000).map(|index| format!(r#""f{index}":"v""#)).collect();
    let run = refused("rally", &format!("{{{}}}", fields.join(",")));
    let json = run.json();
    assert_eq!((run.code, &json["verdict"]), (2, &json!("refused")), "{json:#}");
    let too_many = |error: &serde_json::Value| error["field"].is_null() && error["code"] == "too_many";
    assert!(json["errors"].as_array().unwrap().iter().any(too_many), "{json:#}");
    let well = format!(r#"{{"api_key":{}"#, "[".repeat(10_000));
    assert_eq!(refused("rally", &well).code, 1);
}
