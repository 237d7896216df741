//! `keyway serve --sandbox`.

use std::{fs, net::TcpListener, process::Command};

use regex::Regex;
use serde_json::Value;

use crate::support::{Home, Serving, get, linked, status};

const READY: &str = "nobody can see it again.";

/// The sandbox in a folder of a home, on any free port.
fn sandbox(home: &Home, more: &[&str]) -> Command {
    home.command(&[&["serve", "--sandbox", "--port", "0", "--dir", &home.text("sandbox")], more].concat())
}

fn start(home: &Home, more: &[&str]) -> Serving {
    Serving::start(&mut sandbox(home, more), READY)
}

/// The commands that are shown, without their program: address, path, headers.
fn calls(said: &str) -> Vec<(String, String, Vec<String>)> {
    let words = Regex::new("'([^']*)'").unwrap();
    let line = |line: &str| {
        let mut words = words.captures_iter(line).map(|word| word[1].to_owned());
        let url = words.next().unwrap();
        let (address, path) = url.split_once("://").unwrap().1.split_once('/').unwrap();
        (address.to_owned(), format!("/{path}"), words.collect())
    };
    said.lines().filter(|line| line.starts_with("  curl")).map(line).collect()
}

/// All that is shown but the port, which is another at each start of a test.
fn without_port(said: &str) -> String {
    crate::support::without_ports(said)
}

#[test]
fn what_it_shows() {
    let home = Home::new();
    insta::assert_snapshot!("sandbox", home.steady(&start(&home, &[]).said()));
    insta::assert_snapshot!("sandbox_tls", home.steady(&start(&home, &["--tls"]).said()));
}

/// What is shown works as it stands: for each provider, in the key's place and by the connection.
#[test]
fn every_call_that_it_shows_is_answered() {
    let home = Home::new();
    let serving = start(&home, &[]);
    let calls = calls(&serving.said());
    assert_eq!(calls.len(), 2 * linked().len());
    for (address, path, headers) in &calls {
        let answer = get(address, path, headers);
        assert_eq!(status(&answer), 200, "{path}: {answer}");
        assert!(!answer.contains("keyway-problem"), "{answer}");
        let without = get(address, path, &[]);
        assert_eq!(status(&without), 401, "{path}: {without}");
    }
    // The audit log has each, and so it does after the end.
    serving.signal("-INT");
    assert_eq!(serving.end().0, Some(0));
    let vault = ["--database", &format!("sqlite:{}", home.text("sandbox/keyway.db"))].map(str::to_owned);
    let key = format!("file:{}", home.text("sandbox/master.key"));
    let audit = home.run(&["audit", "--tenant", "demo", "--json", &vault[0], &vault[1], "--key", &key]);
    let entries = audit.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let uses: usize = entries.filter_map(|entry| Some(entry["uses"].as_array()?.len())).sum();
    assert_eq!(uses, calls.len(), "{}", audit.stdout);
    assert_eq!(home.run(&["vault", "verify", &vault[0], &vault[1], "--key", &key]).code, 0);
}

#[test]
fn a_second_start_finds_everything_again() {
    let home = Home::new();
    let first = start(&home, &[]).said();
    let remembered = fs::read_to_string(home.path("sandbox/sandbox.json")).unwrap();
    let second = start(&home, &[]);
    assert_eq!(without_port(&second.said()), without_port(&first));
    assert_eq!(fs::read_to_string(home.path("sandbox/sandbox.json")).unwrap(), remembered);
    drop(second);

    // Somebody else has the stand-ins' port now.
    let port = serde_json::from_str::<Value>(&remembered).unwrap()["port"].as_u64().unwrap();
    let _taken = TcpListener::bind(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    let third = start(&home, &[]);
    assert_eq!(without_port(&third.said()), without_port(&first));
    for (address, path, headers) in calls(&third.said()) {
        assert_eq!(status(&get(&address, &path, &headers)), 200, "{path}");
    }
}

#[cfg(unix)]
#[test]
fn what_it_keeps_is_its_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let _serving = start(&home, &["--tls"]);
    let mode = |name: &str| home.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("sandbox"), 0o700);
    for file in ["keyway.db", "master.key", "sandbox.json", "cert.key"] {
        assert_eq!(mode(&format!("sandbox/{file}")), 0o600, "{file}");
    }
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = home.text("sandbox");
    let with = |args: &[&str]| {
        let run = home.run(&[&["serve", "--sandbox"], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{args:?}");
        run.stderr
    };
    let said = with(&["--dir", &dir, "--port", &port]);
    assert_eq!(said, format!("error: port {port} is in use; choose another one, such as --port 8080\n"));
    let running = start(&home, &[]);
    let said = with(&["--dir", &dir, "--port", "0"]);
    assert!(said.starts_with("error: a sandbox runs in this folder already"), "{said}");
    drop(running);
    fs::write(home.path("file"), "").unwrap();
    let said = with(&["--dir", &home.text("file")]);
    assert_eq!(said, "error: --dir takes a folder: there is a file in its place\n");
    fs::write(home.path("sandbox/sandbox.json"), r#"{"canary": 1}"#).unwrap();
    let said = with(&["--dir", &dir, "--port", "0"]);
    assert!(said.contains("it is not what was written") && !said.contains("canary"), "{said}");
}

/// The environment is about other vaults, and other listeners.
#[test]
fn it_leaves_other_vaults_alone() {
    let home = Home::with_vault();
    let entries = || home.json(&["vault", "status"])["entries"].clone();
    let before = entries();
    let home = home.with("KEYWAY_LISTEN", "nowhere").with("KEYWAY_DATABASE", "sqlite:nowhere.db");
    drop(start(&home, &[]));
    let home = home.with("KEYWAY_DATABASE", "");
    assert_eq!(home.json(&["vault", "status"])["entries"], before);
}
