//! `keyway grant`.

use serde_json::{Value, json};

use crate::support::{Home, Server};

#[test]
fn a_grant_s_token_is_shown_once() {
    let home = Home::with_vault();
    let id = home.save(&Server::giving(""));
    let create = ["grant", "create", "--connection", &id];
    let run = home.run(&create);
    assert_eq!(run.code, 0);
    let token = run.stdout.trim();
    assert!(token.starts_with("kwg_") && run.stdout == format!("{token}\n"), "{run:?}");
    insta::assert_snapshot!("created", home.steady(&run.stderr));
    assert!(!run.stderr.contains(token), "{run:?}");

    let limited = [
        "--allow-method",
        "get",
        "--allow-method",
        "POST",
        "--path",
        "/v1/**",
        "--path",
        "/v2/users/*",
        "--rate",
        "100/minute",
        "--expires",
        "30d",
        "--provider-prefix",
        "--no-rewrite",
    ];
    let made = home.json(&[&create[..], &limited].concat());
    // As Rally's own keys begin.
    assert!(made["token"].as_str().unwrap().starts_with("_kwg_"), "{made}");
    insta::assert_snapshot!("created_json", home.steady(&format!("{made:#}")));
    let list = home.json(&["grant", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert!(!list.to_string().contains(token) && !list.to_string().contains("token"), "{list}");
    assert_eq!(home.json(&["grant", "list", "--connection", &id]), list);

    let grant = made["grant"]["id"].as_str().unwrap().to_owned();
    let revoked = home.json(&["grant", "revoke", &grant]);
    assert_eq!((&revoked["state"], &revoked["id"]), (&json!("revoked"), &json!(grant)));
    assert_ne!(revoked["revoked_at"], Value::Null);
    // Again changes nothing, and says the same.
    assert_eq!(home.json(&["grant", "revoke", &grant]), revoked);
    assert_eq!(home.run(&["grant", "revoke", &grant]).stdout, format!("✓ {grant} is revoked.\n"));
    let table = home.run(&["grant", "list"]).stdout;
    assert!(table.contains("active") && table.contains("revoked") && table.contains("GET, POST"), "{table}");
    assert!(table.contains("rewritten") && table.contains("as they are"), "{table}");
    assert_eq!(home.json(&["vault", "status"])["grants"], 1);

    // They go with their connection.
    assert_eq!(home.run(&["connection", "remove", &id, "--yes"]).code, 0);
    assert_eq!(home.json(&["grant", "list"]), json!([]));
    let run = home.run(&["grant", "list"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, ""));
    assert_eq!(home.run(&["vault", "verify"]).code, 0);
}

#[test]
fn terms_that_make_no_sense_make_no_grant() {
    let home = Home::with_vault();
    let id = home.save(&Server::giving(""));
    for (args, said) in [
        (&["--allow-method", "TOO LONG"] as &[&str], "--allow-method takes"),
        (&["--allow-method", "can ary"], "--allow-method takes a request's method"),
        (&["--allow-method", "TRACE"], "never allowed"),
        (&["--path", "canary"], "--path: a path pattern begins with `/`"),
        (&["--path", "/can*ary"], "--path: a path pattern has `*`"),
        (&["--path", "/a/../canary"], "--path: "),
        (&["--expires", "canary"], "--expires takes a time from now"),
        (&["--expires", "2001-01-01T00:00:00Z"], "this time is past"),
        (&["--expires", "20years"], "ten years"),
        (&["--rate", "canary"], "--rate takes a number and a unit"),
        (&["--rate", "0/minute"], "1 to 1000000"),
    ] {
        let run = home.run(&[&["grant", "create", "--connection", &id], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}: {run:?}");
        assert!(run.stderr.contains(said), "{said}: {run:?}");
        assert!(!run.stderr.contains("canary") && !run.stderr.contains("can ary"), "{run:?}");
    }
    assert_eq!(home.json(&["grant", "list"]), json!([]));
}
