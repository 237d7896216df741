//! `keyway request --connection`.

use crate::support::{Home, KEPT_KEY, Server, answer, good, refused};

#[test]
fn a_kept_key_makes_requests_and_the_log_has_them() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let id = home.save(&server);
    let echo = format!("{{\"you sent\":\"{KEPT_KEY}\"}}");
    server.now_giving(answer("201 Created", &["x-answer: yes"], &echo));
    let args = [
        "request",
        "--connection",
        &id,
        "post",
        "/slm/defect/4711?fetch=secret",
        "-i",
        "--data",
        "-",
        "-H",
        "X-Mine: 1",
    ];
    let run = home.run_with(&args, "{}");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(
        run.stdout.contains("x-answer: yes") && run.stdout.contains("\"you sent\":\"[redacted]\""),
        "{run:?}"
    );
    let request = server.arrived().last().unwrap().clone();
    assert!(request.starts_with("POST /slm/defect/4711?fetch=secret HTTP/1.1\r\n"), "{request}");
    assert!(
        request.contains(&format!("zsessionid: {KEPT_KEY}\r\n")) && request.ends_with("\r\n\r\n{}"),
        "{request}"
    );
    assert!(request.contains("x-mine: 1\r\n"), "{request}");

    let log = home.run(&["audit"]).stdout;
    let uses: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|entry| entry["kind"] == "uses")
        .map(|entry| entry["uses"][0].clone())
        .collect();
    assert_eq!(uses.len(), 2);
    assert_eq!((&uses[0]["intended"], &uses[0]["status"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(uses[1]["status"], 201);
    for one in uses {
        assert_eq!((&one["method"], &one["path"]), (&"POST".into(), &"/slm/defect/{}".into()));
        assert_eq!(one["connection"], id.as_str());
        assert!(one["actor"].as_str().unwrap().starts_with("cli"));
    }
    home.holds_no_key();
}

#[test]
fn a_401_tells_what_to_do_and_a_marked_connection_is_said() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let id = home.save(&server);
    server.now_giving(refused());
    let run = home.run(&["request", "--connection", &id, "GET", "/x"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "<html>401</html>"));
    let said = format!(
        "\nThe key may not be good any more. This asks: keyway connection check {id} --tenant acme\n"
    );
    assert_eq!(run.stderr, said);
    assert_eq!(home.run(&["connection", "check", &id]).code, 3);
    server.now_giving(good());
    let run = home.run(&["request", "--connection", &id, "GET", "/x"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, "The last check said that this key does not work any more.\n")
    );
}

#[test]
fn no_answer_is_logged_as_none() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let id = home.save(&server);
    server.now_giving("");
    let run = home.run(&["request", "--connection", &id, "GET", "/x"]);
    assert_eq!((run.code, run.stdout.as_str()), (6, ""), "{run:?}");
    let log = home.run(&["audit"]).stdout;
    assert_eq!(log.lines().filter(|line| line.contains("\"uses\":")).count(), 2, "{log}");
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let id = home.save(&server);
    let asked = server.arrived().len();
    for args in [
        &["GET"] as &[&str],
        &["GET", "v1"],
        &["GET", "/a/../b"],
        &["G T", "/"],
        &["rally", "GET", "/"],
        &["GET", "/", "--data", "no such file"],
        &["GET", "/", "--header", "sk_canary"],
        &["GET", "/", "--values", "-"],
        &["GET", "/", "--sandbox"],
        &["GET", "/", "--method", "api_key"],
        &["GET", "/", "--origin", "http://127.0.0.1:1"],
    ] {
        let run = home.run(&[&["request", "--connection", &id], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}: {run:?}");
        assert!(!run.stderr.contains("canary"), "{run:?}");
    }
    assert_eq!(server.arrived().len(), asked);
    assert!(!home.run(&["audit"]).stdout.contains("recording.started"), "nothing was about to be sent");
}

/// What the descriptor says today decides: here the method is gone.
#[test]
fn a_connection_whose_provider_is_not_here_says_so() {
    use crate::support::{ACME, ACME_VALUES, Folder};
    let home = Home::with_vault();
    let folder = Folder::with(ACME);
    let server = Server::giving(answer(
        "200 OK",
        &["content-type: application/json"],
        r#"{"user":{"id":"7","name":"Ada"}}"#,
    ));
    let origin = server.origin();
    let args = [
        "connect",
        "acme",
        "--save",
        "--json",
        "--values",
        "-",
        "--origin",
        &origin,
        "--providers",
        folder.path(),
    ];
    let run = home.run_with(&args, ACME_VALUES);
    assert_eq!(run.code, 0, "{run:?}");
    let id = run.json()["saved"]["connection"]["id"].as_str().unwrap().to_owned();
    for args in [&["request", "--connection", &id, "GET", "/"] as &[&str], &["connection", "check", &id]] {
        let run = home.run(args);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{run:?}");
        assert!(run.stderr.contains("the connection's provider cannot be used here"), "{run:?}");
        let run = home.run(&[args, &["--providers", folder.path()]].concat());
        assert_eq!(run.code, 0, "{run:?}");
    }
    // It can be listed, renamed and removed all the same.
    assert_eq!(home.json(&["connection", "show", &id])["provider"], "acme");
    // A field more is needed: what is kept cannot be sent any more, and a new key mends that.
    folder.write(
        "acme",
        &ACME
            .replace(
                "      region: { label: Region, secret: false, optional: true }",
                "      region: { label: Region, secret: false, reason: it is a name }",
            )
            .replace("password: \"{key_secret}\"", "password: \"{key_secret}{region}\""),
    );
    let run = home.run(&["connection", "check", &id, "--providers", folder.path()]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{run:?}");
    assert!(run.stderr.starts_with("error: this connection needs a new key: "), "{run:?}");
    assert!(run.stderr.contains("keyway connect ID --save --connection"), "{run:?}");
}
