//! `keyway connect --save`.

use serde_json::{Value, json};

use crate::support::{Home, KEPT_KEY, Server, answer, good, kept_values, of_somebody_else, rally, refused};

fn connect<'a>(origin: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["connect", "rally", "--save", "--values", "-", "--origin", origin], more].concat()
}

#[test]
fn a_good_key_is_kept_with_its_account() {
    let home = Home::with_vault();
    let server = Server::giving(good());
    let origin = server.origin();
    let run = home.run_with(&connect(&origin, &["--name", " Production "]), &kept_values());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    insta::assert_snapshot!("saved", home.steady(&run.stdout));
    let run = home.run_with(&connect(&origin, &["--json"]), &kept_values());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    insta::assert_snapshot!("saved_json", home.steady(&run.stdout));
    let run = home.run_with(&connect(&origin, &[]), &rally("valid"));
    assert!(run.stdout.contains("The same account is kept already: con_"), "{run:?}");
    assert!(!run.stdout.contains("The same key is kept"), "{run:?}");
    home.holds_no_key();
}

#[test]
fn no_other_verdict_keeps_anything() {
    let home = Home::with_vault();
    for (given, code) in [
        (refused(), 3),
        (answer("403 No", &[], ""), 4),
        (answer("429 Wait", &[], ""), 5),
        (answer("500 Oh", &[], ""), 6),
        (answer("200 OK", &[], "<html>"), 7),
    ] {
        let server = Server::giving(given);
        let run = home.run_with(&connect(&server.origin(), &[]), &kept_values());
        assert_eq!(run.code, code, "{run:?}");
        assert!(
            run.stderr.ends_with("Nothing was saved: a key is kept once the provider accepts it.\n"),
            "{run:?}"
        );
        let run = home.run_with(&connect(&server.origin(), &["--json"]), &kept_values());
        assert_eq!(
            (run.code, &run.json()["saved"], run.stderr.as_str()),
            (code, &Value::Null, ""),
            "{run:?}"
        );
        assert!(run.json().as_object().unwrap().contains_key("saved"));
    }
    let run = home
        .run_with(&["connect", "rally", "--save", "--values", "-", "--json"], r#"{"api_key":"two words"}"#);
    assert_eq!((run.code, &run.json()["saved"]), (2, &Value::Null));
    assert_eq!(home.json(&["connection", "list"]), json!([]));
}

#[test]
fn a_connection_gets_a_new_key_of_the_same_account_alone() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let origin = server.origin();
    let id = home.save(&server);
    let replace = |more: &[&str], values: &str| {
        home.run_with(&connect(&origin, &[&["--connection", &id], more].concat()), values)
    };
    server.now_giving(good());
    let run = replace(&[], &rally("valid"));
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains(&format!("{id} has this key now.")), "{run:?}");
    // The new key is the one that goes out.
    assert_eq!(home.run(&["connection", "check", &id]).code, 0);
    assert!(server.arrived().last().unwrap().contains("_madeUpGood"), "the key is the new one");

    let before = home.json(&["connection", "show", &id]);
    server.now_giving(of_somebody_else());
    let run = replace(&["--json"], &kept_values());
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
    assert!(run.stderr.contains("belongs to another account"), "{run:?}");
    assert_eq!(home.json(&["connection", "show", &id]), before);
    assert!(!server.arrived().is_empty() && server.arrived().last().unwrap().contains(KEPT_KEY));

    // A key of another provider is not even asked for.
    let asked = server.arrived().len();
    let run = home.run_with(
        &["connect", "rootly", "--save", "--connection", &id, "--values", "-", "--origin", &origin],
        "{}",
    );
    assert_eq!(run.stderr, "error: this connection is one to rally, and takes no key of rootly\n");
    let run = home.run_with(&connect(&origin, &["--connection", "con_aaaaaaaaaaaaaaaaaaaa"]), &kept_values());
    assert_eq!((run.code, run.stderr.as_str()), (1, "error: there is no such connection or grant\n"));
    assert_eq!(server.arrived().len(), asked);
}

/// What a newcomer is told to do is what works.
#[test]
fn the_sandbox_is_kept_while_one_runs_and_not_otherwise() {
    let home = Home::with_vault();
    let run = home.run_with(&["connect", "rally", "--save", "--sandbox", "--values", "-"], &rally("valid"));
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("keyway sandbox --port 8080\n  keyway connect rally --save"), "{run:?}");
    assert_eq!(home.json(&["connection", "list"]), json!([]));

    let sandbox = crate::sandbox::Background::start();
    let run = home.run_with(&connect(&sandbox.origin, &["--json"]), &rally("valid"));
    assert_eq!(run.code, 0, "{run:?}");
    let id = run.json()["saved"]["connection"]["id"].as_str().unwrap().to_owned();
    assert_eq!(run.json()["saved"]["connection"]["origins"], json!([sandbox.origin]));
    let path = "/slm/webservice/v2.0/defect?query=(State = Open)&fetch=FormattedID,Name";
    let run = home.run(&["request", "--connection", &id, "GET", path]);
    assert!(run.code == 0 && run.stdout.contains("DE42"), "{run:?}");
    drop(sandbox);
    let run = home.run(&["request", "--connection", &id, "GET", path]);
    assert!(run.code == 6 && run.stderr.contains("See whether your test server runs"), "{run:?}");
}

#[test]
fn what_belongs_to_save_says_so() {
    let home = Home::with_vault();
    for args in [
        &["connect", "rally", "--name", "x", "--values", "-"] as &[&str],
        &["connect", "rally", "--connection", "con_aaaaaaaaaaaaaaaaaaaa", "--values", "-"],
        &["connect", "rally", "--save", "--values", "-", "--tenant", ""],
        &["connect", "rally", "--save", "--connection", "sk_CANARY", "--values", "-"],
        // Also where no vault is needed: it is somebody's key.
        &["connect", "rally", "--key", "sk_CANARY", "--values", "-"],
        &["request", "rally", "--key=sk_CANARY", "GET", "/", "--values", "-"],
    ] {
        let run = home.run_with(args, &kept_values());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}");
    }
    // Without --save nothing of it matters, and nothing is looked for.
    let server = Server::giving(good());
    let home = Home::new().with("KEYWAY_DATABASE", "nothing").with("KEYWAY_TENANT", "not a tenant");
    let args = ["connect", "rally", "--values", "-", "--origin", &server.origin()];
    assert_eq!(home.run_with(&args, &kept_values()).code, 0);
}
