//! Asking a person, on a terminal that `script` lends. Where there is no such `script`, that is said; in CI it fails.
#![cfg(target_os = "linux")]

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
    sync::mpsc::Receiver,
    time::Duration,
};

use crate::support::{
    Home, ROOTLY_KEY, Server, good,
    script::{script, start},
};

const ESCAPE: &str = "\u{1b}";
const CONTROL_C: &str = "\u{3}";

/// The binary on a terminal, and all that it has shown.
struct Terminal {
    script: Child,
    output: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    /// `None` where there is no `script` that takes these options.
    fn start(arguments: &str) -> Option<Self> {
        Self::start_in(None, arguments)
    }

    /// The same at somebody's home.
    fn start_in(home: Option<&Home>, arguments: &str) -> Option<Self> {
        let works = Command::new("script").args(["-qec", "true", "/dev/null"]).stdin(Stdio::null()).output();
        if !works.is_ok_and(|output| output.status.success()) {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI has `script`, of util-linux, and here it does not work"
            );
            // Not `eprintln!`: that is captured, and a skip is to be seen.
            let _ = std::io::stderr().write_all(b"SKIPPED: no `script` to lend a terminal\n");
            return None;
        }
        let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_keyway"));
        let mut script = script(&command);
        if let Some(home) = home {
            script.envs(home.variables());
        }
        let (script, output) =
            start(script.env("NO_COLOR", "1").env("TERM", "xterm").env_remove("KEYWAY_PROVIDERS"));
        Some(Self { script, output, seen: String::new() })
    }

    /// Waits until a text is shown, behind the one that was waited for last.
    fn wait_for(&mut self, text: &str) {
        loop {
            // A prompt is drawn anew for every key that is pressed, so what was seen is forgotten up to here.
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            match self.output.recv_timeout(Duration::from_secs(20)) {
                Ok(bytes) => self.seen += &String::from_utf8_lossy(&bytes),
                Err(error) => panic!("{error}, no {text:?} in:\n{}", self.seen),
            }
        }
    }

    /// Waits for a question, and answers it.
    fn answer(&mut self, question: &str, answer: &str) {
        self.wait_for(question);
        self.script.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    }

    /// Waits for the end: the exit status, and what was shown since the last answer.
    fn end(mut self) -> (i32, String) {
        let code = self.script.wait().unwrap().code().unwrap();
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_secs(20)) {
            self.seen += &String::from_utf8_lossy(&bytes);
        }
        (code, self.seen)
    }
}

#[test]
fn a_newcomer_tries_a_wrong_key_a_revoked_key_and_a_good_one() {
    let Some(mut terminal) = Terminal::start("connect rally --sandbox") else { return };
    terminal.answer("Rally server:", "\r");
    terminal.answer("API Key:", &format!("{ROOTLY_KEY}\r"));
    // Refused here: only what was wrong is asked again.
    terminal.wait_for("This is a key of Rootly");
    terminal.answer("API Key:", "_madeUpRevoked00000000000000000000000000000\r");
    terminal.answer("Try another key?", "y\r");
    terminal.answer("Rally server:", "\r");
    terminal.answer("API Key:", "_madeUpGood00000000000000000000000000000000\r");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Ada Lovelace @ Acme Rockets") && shown.contains("DE42"), "{shown}");
    assert!(!shown.contains("madeUpGood"), "{shown}");
}

#[test]
fn a_request_to_the_sandbox_shows_the_keys_to_try() {
    let arguments = "request rally GET /slm/webservice/v2.0/user --sandbox";
    let Some(mut terminal) = Terminal::start(arguments) else { return };
    terminal.wait_for("_madeUpGood00000000000000000000000000000000");
    terminal.answer("Rally server:", "\r");
    terminal.answer("API Key:", "_unlisted\r");
    terminal.wait_for("The sandbox does not know this key.");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn whoever_has_had_enough_gets_the_last_verdict() {
    for leave in ["n\r", ESCAPE, CONTROL_C] {
        let Some(mut terminal) = Terminal::start("connect rootly --sandbox") else { return };
        terminal.answer("API Key:", &format!("{ROOTLY_KEY}\r"));
        terminal.answer("Try another key?", leave);
        assert_eq!(terminal.end().0, 3, "{leave:?}");
    }
}

#[test]
fn whoever_leaves_before_anything_was_sent_is_told_so() {
    for leave in [ESCAPE, CONTROL_C] {
        for arguments in ["connect rootly --sandbox", "request rootly GET /v1/incidents --sandbox"] {
            let Some(mut terminal) = Terminal::start(arguments) else { return };
            terminal.answer("API Key:", leave);
            let (code, shown) = terminal.end();
            assert_eq!(code, 1, "{shown}");
            assert!(shown.contains("Cancelled; nothing was sent."), "{shown}");
        }
    }
}

#[test]
fn a_key_that_somebody_types_is_kept_and_removed_again() {
    let home = Home::with_vault();
    let server = Server::giving(good());
    let connect = format!("connect rally --save --name Mine --origin {}", server.origin());
    let Some(mut terminal) = Terminal::start_in(Some(&home), &connect) else { return };
    terminal.answer("Rally server:", "\r");
    terminal.answer("API Key:", "_madeUpGood00000000000000000000000000000000\r");
    terminal.wait_for("Saved as con_");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    let id = home.json(&["connection", "list"])[0]["id"].as_str().unwrap().to_owned();

    let remove = format!("connection remove {id}");
    for (answer, code) in [("\r", 1), (ESCAPE, 1), ("y\r", 0)] {
        assert_eq!(home.json(&["connection", "list"]).as_array().unwrap().len(), 1);
        let mut terminal = Terminal::start_in(Some(&home), &remove).unwrap();
        terminal.wait_for("Mine");
        terminal.answer("Remove it, and its grants, for good?", answer);
        assert_eq!(terminal.end().0, code, "{answer:?}");
    }
    assert_eq!(home.json(&["connection", "list"]).as_array().unwrap().len(), 0);
}

/// Whoever has had enough is not told that anything was kept; nobody is asked for a key that cannot be.
#[test]
fn what_is_not_kept_is_said_on_a_terminal_too() {
    let home = Home::new();
    let Some(mut terminal) = Terminal::start_in(Some(&home), "connect rootly --save") else { return };
    terminal.wait_for("there is no vault at");
    assert_eq!(terminal.end().0, 1);
    assert_eq!(home.run(&["vault", "init"]).code, 0);
    let server = Server::giving(crate::support::refused());
    let connect = format!("connect rootly --save --origin {}", server.origin());
    let mut terminal = Terminal::start_in(Some(&home), &connect).unwrap();
    terminal.answer("API Key:", &format!("{ROOTLY_KEY}\r"));
    terminal.answer("Try another key?", "n\r");
    terminal.wait_for("Nothing was saved: a key is kept once the provider accepts it.");
    assert_eq!(terminal.end().0, 3);
}

/// A person reads the log as a table.
#[test]
fn the_log_is_a_table_on_a_terminal() {
    let home = Home::with_vault().with("KEYWAY_TENANT", "");
    let Some(mut terminal) = Terminal::start_in(Some(&home), "audit") else { return };
    terminal.wait_for("SEQ");
    terminal.wait_for("vault.created");
    assert_eq!(terminal.end().0, 0);
}
