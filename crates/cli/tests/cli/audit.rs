//! `keyway audit`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, ChildStdout},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::support::{Home, Server, good};

fn entries(home: &Home, args: &[&str]) -> Vec<Value> {
    let run = home.run(&[&["audit"], args].concat());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(entries: &[Value]) -> Vec<&str> {
    entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect()
}

#[test]
fn everything_that_was_done_is_in_it() {
    let home = Home::with_vault().with("KEYWAY_TENANT", "acme");
    let server = Server::giving("");
    let id = home.save(&server);
    server.now_giving(good());
    assert_eq!(home.run(&["request", "--connection", &id, "GET", "/v1/incidents/4711"]).code, 0);
    assert_eq!(home.run(&["connection", "rename", &id, "x"]).code, 0);
    let ours = entries(&home, &[]);
    assert_eq!(kinds(&ours), ["connection.created", "uses", "uses", "connection.renamed"]);
    assert!(ours.iter().all(|entry| entry["tenant"] == "acme"));
    let home = home.with("KEYWAY_TENANT", "");
    let all = entries(&home, &["--json"]);
    assert_eq!(
        kinds(&all),
        [
            "vault.created",
            "connection.created",
            "recording.started",
            "uses",
            "uses",
            "recording.ended",
            "connection.renamed"
        ]
    );
    assert_eq!(entries(&home, &["--tenant", "acme"]), ours);
    assert_eq!(entries(&home, &["--after", "5"]), all[5..]);
    assert_eq!(entries(&home, &["--after", "99"]), Vec::<Value>::new());
    let lines = home.run(&["audit"]).stdout;
    insta::assert_snapshot!(home.steady(&lines));

    let anchor = home.run(&["audit", "--anchor"]).stdout;
    assert_eq!(anchor, format!("7:{}\n", all[6]["mac"].as_str().unwrap()));
    assert_eq!(home.json(&["audit", "--anchor"])["anchor"], anchor.trim());
    assert_eq!(home.json(&["vault", "verify", "--anchor", anchor.trim()])["anchors"], 1);
}

#[test]
fn n43_a_forged_entry_is_not_shown_as_true() {
    let home = Home::with_vault();
    let id = home.save(&Server::giving(""));
    assert_eq!(home.run(&["connection", "rename", &id, "x"]).code, 0);
    assert_eq!(home.run(&["grant", "create", "--connection", &id]).code, 0);
    let all = entries(&home, &["--tenant", "acme"]);
    assert_eq!(kinds(&all), ["connection.created", "connection.renamed", "grant.created"]);
    home.change(b"connection.renamed", b"connection.removed");
    let run = home.run(&["audit"]);
    let shown: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((run.code, shown.as_slice()), (8, &all[..1]), "what is good before it: {run:?}");
    assert!(run.stderr.contains("entry 3 of the audit log is not as it was written"), "{run:?}");
    assert_eq!(entries(&home, &["--after", "3"]), all[2..]);
}

/// `--follow` in the background; ends with the test.
struct Following {
    child: Child,
    lines: Receiver<String>,
}

impl Following {
    fn start(home: &Home, args: &[&str]) -> Self {
        let mut child = home.command(&[&["audit", "--follow"], args].concat()).spawn().unwrap();
        let stdout: BufReader<ChildStdout> = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { child, lines }
    }

    fn next(&self) -> Value {
        let line = self.lines.recv_timeout(Duration::from_secs(20)).expect("a line comes");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_another_process_does_is_seen_and_so_are_uses() {
    let home = Home::with_vault();
    let server = Server::giving("");
    let id = home.save(&server);
    let mut following = Following::start(&home, &[]);
    assert_eq!(following.next()["kind"], "connection.created");
    assert_eq!(home.run(&["connection", "rename", &id, "x"]).code, 0);
    assert_eq!(following.next()["kind"], "connection.renamed");
    assert_eq!(home.run(&["request", "--connection", &id, "GET", "/x"]).code, 0);
    assert_eq!(following.next()["uses"][0]["intended"], true);
    assert_eq!(following.next()["uses"][0]["status"], 200);
    // Another tenant's is not.
    let home = home.with("KEYWAY_TENANT", "other");
    home.save(&server);
    let home = home.with("KEYWAY_TENANT", "acme");
    assert_eq!(home.run(&["connection", "remove", &id, "--yes"]).code, 0);
    assert_eq!(following.next()["kind"], "connection.removed");
    #[cfg(unix)]
    {
        let kill =
            std::process::Command::new("kill").args(["-INT", &following.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        assert_eq!(following.child.wait().unwrap().code(), Some(0));
    }
}
