//! `keyway token`.

use serde_json::{Value, json};

use crate::support::Home;

#[test]
fn a_token_is_shown_once() {
    let home = Home::with_vault();
    let run = home.run(&["token", "create", "--scope", "sessions,connections:read"]);
    assert_eq!(run.code, 0, "{run:?}");
    let token = run.stdout.trim();
    assert!(token.starts_with("kwa_") && token.len() == 40 && run.stdout == format!("{token}\n"), "{run:?}");
    insta::assert_snapshot!("token_created", home.steady(&run.stderr));
    assert!(!run.stderr.contains(token), "{run:?}");

    let home = home.with("KEYWAY_TENANT", "");
    let scopes = ["--scope", "webhooks", "--scope", "events,webhooks"];
    let more = ["--platform", "--name", "Backend", "--expires", "90d"];
    let made = home.json(&[&["token", "create"], &scopes[..], &more[..]].concat());
    insta::assert_snapshot!("token_created_json", home.steady(&format!("{made:#}")));
    let list = home.json(&["token", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    for secret in [token, made["token"].as_str().unwrap()] {
        assert!(!list.to_string().contains(secret), "{list}");
    }
    let of_acme = home.json(&["token", "list", "--tenant", "acme"]);
    assert_eq!(of_acme.as_array().unwrap().len(), 1);
    assert_eq!(of_acme[0]["id"], token[..12]);
    let table = home.run(&["token", "list"]).stdout;
    assert!(table.contains("the platform") && table.contains("connections:read"), "{table}");
    assert!(home.run(&["audit"]).stdout.contains(&token[..12]), "it is in the audit log");
    assert_eq!(home.run(&["vault", "verify"]).code, 0);
}

#[test]
fn n43_one_that_somebody_changed_is_named_and_the_others_are_listed() {
    let home = Home::with_vault();
    let make = || home.json(&["token", "create", "--scope", "sessions"])["api_token"]["id"].clone();
    let (one, other) = (make(), make());
    let other = other.as_str().unwrap();
    home.change(format!("token{other}acme").as_bytes(), format!("token{other}acne").as_bytes());
    let run = home.run(&["token", "list", "--json"]);
    let listed = run.json();
    assert_eq!((run.code, listed.as_array().unwrap().len(), &listed[0]["id"]), (8, 1, &one), "{listed}");
    assert!(run.stderr.contains(&format!("token {other} is not as it was written")), "{}", run.stderr);
    let run = home.run(&["token", "list"]);
    assert_eq!((run.code, run.stdout.matches("kwa_").count()), (8, 1), "{run:?}");
}

#[test]
fn a_token_is_rotated_with_an_overlap_and_revoked_at_once() {
    let home = Home::with_vault();
    let made = home.json(&["token", "create", "--scope", "sessions", "--name", "Backend"]);
    let id = made["api_token"]["id"].as_str().unwrap();
    assert_eq!(made["api_token"]["expires_at"], Value::Null);
    let rotated = home.run(&["token", "rotate", id, "--overlap", "1h"]);
    assert_eq!(rotated.code, 0, "{rotated:?}");
    insta::assert_snapshot!("token_rotated", home.steady(&rotated.stderr.replace(id, "kwa_OLD")));
    let list = home.json(&["token", "list"]);
    let [one, other] = &list.as_array().unwrap()[..] else { panic!("{list}") };
    let (old, new) = if one["id"] == id { (one, other) } else { (other, one) };
    assert_ne!(old["expires_at"], Value::Null);
    assert_eq!(new["expires_at"], Value::Null);
    for key in ["tenant", "name", "scopes"] {
        assert_eq!(new[key], old[key], "{key}");
    }
    assert_eq!(new["id"], rotated.stdout[..12]);

    let new = new["id"].as_str().unwrap();
    assert_eq!(home.run(&["token", "revoke", new]).stdout, format!("✓ {new} is revoked.\n"));
    // Without an overlap the old one ends there and then.
    assert_eq!(home.run(&["token", "rotate", id, "--overlap", "0s"]).code, 0);
    let left = home.json(&["token", "list"]);
    assert_eq!(left.as_array().unwrap().len(), 1);
    let newest = left[0]["id"].as_str().unwrap();
    assert_ne!(newest, id);
    assert_eq!(home.json(&["token", "revoke", newest]), json!({ "revoked": newest }));
    assert_eq!(home.json(&["token", "list"]), json!([]));
    for command in [["token", "revoke", id], ["token", "rotate", new]] {
        let run = home.run(&command);
        let said = format!("error: there is no token {}, or not any more\n", command[2]);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr), (1, "", said));
    }
    assert_eq!(home.run(&["vault", "verify"]).code, 0);
}

#[test]
fn whose_a_token_is_has_to_be_said_in_one_way() {
    let home = Home::with_vault();
    let create = |home: &Home, more: &[&str]| {
        let run = home.run(&[&["token", "create", "--scope", "sessions"], more].concat());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{more:?}");
        run.stderr
    };
    let said = create(&home, &["--platform"]);
    assert!(said.contains("--platform makes a token of no tenant"), "{said}");
    let said = create(&home, &["--expires", "2001-01-01T00:00:00Z"]);
    assert!(said.contains("a token's end is in the future"), "{said}");
    let said = create(&home, &["--name", "two\nlines"]);
    assert!(said.contains("name"), "{said}");
    let home = home.with("KEYWAY_TENANT", "");
    let said = create(&home, &[]);
    assert!(said.contains("whose token?"), "{said}");
    assert_eq!(home.json(&["token", "list"]), json!([]));
}
