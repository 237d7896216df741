//! `keyway sandbox`, and `--sandbox`.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    process::Child,
};

use serde_json::{Value, json};

use crate::support::{
    ACME, ACME_VALUES, Folder, acme_of_the_readmes, command, keyway, keyway_with, linked, rootly,
    without_ports,
};

fn listed() -> Vec<Value> {
    let run = keyway(&["sandbox", "--list"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let json = run.json();
    assert_eq!(json, keyway(&["sandbox", "--list", "--json"]).json());
    json.as_array().unwrap().clone()
}

/// Each key that is listed gets the verdict that is listed with it.
#[test]
fn every_listed_key_keeps_its_word() {
    let codes = [
        ("valid", 0),
        ("invalid", 3),
        ("forbidden", 4),
        ("rate_limited", 5),
        ("unavailable", 6),
        ("unknown", 7),
    ];
    let mut seen = BTreeSet::new();
    for key in listed() {
        let keys: Vec<&String> = key.as_object().unwrap().keys().collect();
        let provider = key["provider"].as_str().unwrap();
        let verdict = key["verdict"].as_str().unwrap();
        let mut args = vec!["connect", provider, "--sandbox", "--json", "--values", "-"];
        // Said where a provider has several, and nowhere else.
        if let Some(method) = key["method"].as_str() {
            args.extend(["--method", method]);
        } else {
            assert_eq!(keys, ["provider", "values", "verdict"]);
        }
        let run = keyway_with(&args, &key["values"].to_string());
        assert_eq!(run.json()["verdict"], verdict, "{key}");
        let code = codes.iter().find(|(word, _)| *word == verdict).unwrap().1;
        assert_eq!(run.code, code, "{key}");
        seen.insert((provider.to_owned(), verdict.to_owned()));
    }
    assert_eq!(seen.len(), linked().len() * codes.len(), "each provider shows each verdict: {seen:?}");
}

#[test]
fn without_fixtures_there_is_no_stand_in() {
    let folder = Folder::with(ACME);
    for (args, values) in [
        (&["connect", "acme"] as &[&str], None),
        (&["connect", "acme"], Some(ACME_VALUES)),
        (&["connect", "acme", "--json"], Some(ACME_VALUES)),
        (&["request", "acme", "GET", "/me"], None),
        (&["request", "acme", "GET", "/me"], Some(ACME_VALUES)),
    ] {
        let mut args = args.to_vec();
        args.extend(["--sandbox", "--providers", folder.path()]);
        args.extend(values.iter().flat_map(|_| ["--values", "-"]));
        let run = keyway_with(&args, values.unwrap_or_default());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}");
        let said = "error: there is no stand-in for acme: it comes without a fixtures.yaml\n";
        assert_eq!(run.stderr, said, "{args:?}");
    }
}

/// It would answer with untruths: what does not fit is said instead.
#[test]
fn fixtures_that_do_not_fit_their_descriptor_are_no_stand_in() {
    let (descriptor, fixtures) = acme_of_the_readmes();
    let folder = Folder::with(&descriptor);
    let connect = || {
        let args = ["connect", "acme", "--sandbox", "--values", "-", "--providers", folder.path()];
        keyway_with(&args, r#"{"api_key":"acme_made_up_good"}"#)
    };
    folder.write_file("acme/fixtures.yaml", &fixtures);
    assert_eq!(connect().code, 0, "{}", connect().stderr);
    folder.write_file("acme/fixtures.yaml", &fixtures.replace("user: { id: 7, name: Ada }", "id: 7"));
    let said = "error: the fixtures of acme do not fit its descriptor: `a good key`: the verdict is `unknown`, and the fixtures \
                say `valid`: in `valid`, `body` wants `/user/id`, and the answer has no such member\n";
    assert_eq!((connect().code, connect().stderr.as_str()), (1, said));
}

#[test]
fn an_unlisted_key_is_invalid() {
    let run = keyway_with(&["connect", "rootly", "--sandbox", "--json", "--values", "-"], &rootly());
    assert_eq!((run.code, &run.json()["verdict"]), (3, &json!("invalid")));
    let run = keyway_with(
        &["connect", "rally", "--sandbox", "--json", "--values", "-"],
        r#"{"api_key":"_unlisted"}"#,
    );
    assert_eq!((run.code, &run.json()["verdict"]), (3, &json!("invalid")));
}

/// The command in the background; ends with the test.
pub(crate) struct Background {
    child: Child,
    pub(crate) origin: String,
    first: String,
}

impl Background {
    pub(crate) fn start() -> Self {
        let mut child = command(&["sandbox"]).spawn().unwrap();
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        let origin = first.trim().rsplit(' ').next().unwrap().to_owned();
        child.stdout = Some(stdout.into_inner());
        Self { child, origin, first }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_all_providers_until_it_is_stopped() {
    let sandbox = Background::start();
    assert_eq!(without_ports(&sandbox.first), "Stand-ins are listening on http://127.0.0.1:PORT\n");
    for key in listed().iter().filter(|key| key["verdict"] == "valid") {
        let provider = key["provider"].as_str().unwrap();
        let run = keyway_with(
            &["connect", provider, "--origin", &sandbox.origin, "--json", "--values", "-"],
            &key["values"].to_string(),
        );
        assert_eq!((run.code, &run.json()["verdict"]), (0, &json!("valid")), "{key}");
    }
    let run = keyway_with(&["connect", "rootly", "--origin", &sandbox.origin, "--values", "-"], &rootly());
    assert_eq!(run.code, 3);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_zero() {
    for signal in ["-INT", "-TERM"] {
        let mut sandbox = Background::start();
        let kill =
            std::process::Command::new("kill").arg(signal).arg(sandbox.child.id().to_string()).status();
        assert!(kill.unwrap().success());
        assert_eq!(sandbox.child.wait().unwrap().code(), Some(0), "{signal}");
        let mut stderr = String::new();
        sandbox.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(stderr, "");
    }
}

#[test]
fn a_port_in_use_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let run = keyway(&["sandbox", "--port", &port]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(
        run.stderr,
        format!("error: port {port} is in use; name another one, or none for any that is free\n")
    );
}
