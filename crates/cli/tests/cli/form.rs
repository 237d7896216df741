//! `keyway form`. What the forms of each provider look like is in `tests/forms`.

use serde_json::json;

use crate::support::{ACME, Folder, keyway, keyway_with, linked};

const RENDERINGS: [&str; 5] = ["text", "model", "json-schema", "ui-schema", "html"];

#[test]
fn every_provider_is_drawn_in_every_rendering() {
    for id in linked() {
        for rendering in RENDERINGS {
            let run = keyway(&["form", &id, "--as", rendering]);
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{id} {rendering}");
            match rendering {
                "text" => assert!(run.stdout.starts_with("Connect "), "{}", run.stdout),
                "html" => assert!(run.stdout.starts_with("<form"), "{}", run.stdout),
                _ => assert!(run.json().is_object(), "{id} {rendering}"),
            }
        }
    }
}

#[test]
fn the_terminals_form_is_the_usual_one() {
    assert_eq!(keyway(&["form", "rally"]).stdout, keyway(&["form", "rally", "--as", "text"]).stdout);
}

#[test]
fn what_came_back_stands_in_its_place_and_nothing_secret_is_shown_again() {
    let values = r#"{"host":"eu1.rallydev.com","api_key":"_made up canary","colour":"red"}"#;
    for rendering in RENDERINGS {
        let run = keyway_with(&["form", "rally", "--as", rendering, "--values", "-"], values);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{rendering}");
        assert!(!run.stdout.contains("canary"), "{rendering}: {}", run.stdout);
    }
    let model = keyway_with(&["form", "rally", "--as", "model", "--values", "-"], values).json();
    assert_eq!(model["errors"][0]["code"], "unknown_field");
    assert_eq!(model["inputs"][0]["value"], "eu1.rallydev.com");
    assert_eq!(model["inputs"][1]["errors"][0]["code"], "white_space");
    assert_eq!(model["inputs"][1]["value"], json!(null));
}

#[test]
fn a_key_in_the_wrong_input_is_not_shown_again() {
    let folder = Folder::with(ACME);
    let form = |values: &str| {
        let run = keyway_with(
            &["form", "acme", "--as", "model", "--values", "-", "--providers", folder.path()],
            values,
        );
        assert_eq!(run.code, 0, "{}", run.stderr);
        run.json()["inputs"][0]["value"].clone()
    };
    assert_eq!(form(r#"{"key_id":"AK1","key_secret":"of-acme-canary"}"#), "AK1");
    // Twice the same, the same and more, a part of it, and one that is refused.
    assert_eq!(form(r#"{"key_id":"of-acme-canary","key_secret":"of-acme-canary"}"#), json!(null));
    assert_eq!(form(r#"{"key_id":"id=of-acme-canary","key_secret":"of-acme-canary"}"#), json!(null));
    assert_eq!(form(r#"{"key_id":"of-acme-","key_secret":"of-acme-canary"}"#), json!(null));
    assert_eq!(form(r#"{"key_id":"of:acme-canary","key_secret":""}"#), json!(null));
    assert_eq!(form(r#"{"key_id":"A","key_id":"B","key_secret":"of-acme-canary"}"#), json!(null));
    // In the place of the other, which is empty now.
    assert_eq!(form(r#"{"key_id":"of-acme-canary","key_secret":""}"#), json!(null));
}
