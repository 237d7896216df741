//! A vault from its making to its end: every command of it as it is to be used, and all that can break in.

use crate::{
    server::answer,
    situations::{Circumstance, Sent, Situation, connect, written},
    subject::Subject,
};

pub(crate) const DONE: &[i32] = &[0];
pub(crate) const FAILED: &[i32] = &[1];
/// A signal that says that a file may not grow, or an error that says so.
const FULL: &[i32] = &[0, 1, -25];
const KILLED: &[i32] = &[0, -9];

/// Where a vault is, as variables say it.
fn place() -> Vec<(String, String)> {
    [
        ("KEYWAY_DATABASE", "sqlite:{watched}/vault/keyway.db"),
        ("KEYWAY_KEY_SOURCE", "file:{watched}/keys/master.key"),
        ("KEYWAY_ANCHORS", "{watched}/anchors/anchors"),
        ("KEYWAY_TENANT", "acme"),
        ("KEYWAY_PROVIDERS", "{providers}"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// A command of a vault that is there.
pub(crate) fn run(words: &[&str]) -> Situation {
    Situation {
        name: words.join(" "),
        arguments: words.iter().map(|word| (*word).to_owned()).collect(),
        environment: place(),
        codes: DONE,
        ..Situation::default()
    }
}

impl Situation {
    /// Named by a subject, and by what it is a part of.
    pub(crate) fn told_of(self, subject: &Subject, part: &str) -> Self {
        Self { name: format!("{}: {part}: {}", subject.name(), self.name), ..self }
    }

    /// With a variable, in the place of one that has this name.
    pub(crate) fn where_(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.into()));
        self
    }
}

/// Keeps a key that is good.
pub(crate) fn save(subject: &Subject) -> Situation {
    let one = connect(subject).called("saved").with(&["--save"]).answering([subject.good()]).ending(DONE);
    Situation { environment: place(), ..one }
}

/// A vault in which a connection and a grant are.
pub(crate) fn made(subject: &Subject) -> Vec<Situation> {
    vec![
        run(&["vault", "init"]),
        save(subject).with(&["--name", &subject.names[0]]),
        run(&["grant", "create", "--connection", "{connection}"]),
    ]
}

/// Every command, as it is to be used.
pub(crate) fn usual(subject: &Subject) -> Vec<Situation> {
    let good = || subject.good();
    let every: Vec<String> = subject.secrets().flat_map(written).collect();
    let lines: Vec<String> =
        every.iter().enumerate().map(|(index, text)| format!("x-{index}: {text}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let echo = |status: &str| answer(status, &lines, every.join("\n").as_bytes());
    let [name, other] = &subject.names;
    let once = |words: &[&str], given: Vec<u8>| run(words).answering([given]).sending(Sent::Once);
    let check = ["connection", "check", "{connection}"];
    let request = ["request", "--connection", "{connection}", "GET", "/x/y?z=1", "--include"];
    let file = "{watched}/exports/one.jsonl";
    let elsewhere = |one: Situation| one.where_("KEYWAY_DATABASE", "sqlite:{watched}/vault/second.db");
    let mut all =
        vec![
            run(&["vault", "init", "--json"]),
            save(subject).with(&["--name", name]),
            // It has something to show, and keeps the `-wal` and the `-shm` from here on.
            run(&["audit", "--follow"]).under(Circumstance::Behind),
            save(subject).with(&["--json", "--name", name]),
            // The key is in use, and the vault is open.
            once(&check, good()),
            once(&check, echo("200 OK")).ending(&[0, 7]),
            once(&check, echo("401 No")).with(&["--json"]).ending(&[3]),
            once(&check, good()).with(&["--json"]),
            once(&request, good()).with(&["--header", "x-own: 1"]),
            once(&request, echo("200 OK")).saying("[redacted]"),
            once(&request, echo("401 No")).saying("[redacted]"),
            once(&request, Vec::new()).ending(&[6]),
            once(&request, answer("302 There", &["location: {elsewhere}/stolen"], b"")),
            save(subject).with(&["--connection", "{connection}"]),
            run(&["connection", "list"]),
            run(&["connection", "list", "--json"]).saying(name),
            run(&["connection", "show", "{connection}", "--json"]).saying(name),
            run(&["connection", "rename", "{connection}", other]).saying(other),
            run(&["grant", "create", "--connection", "{connection}"]),
            run(&["grant", "create", "--connection", "{connection}", "--json", "--allow-method", "GET"])
                .with(&["--path", "/v1/**", "--expires", "30d", "--rate", "100/minute"]),
            run(&["grant", "list"]),
            run(&["grant", "list", "--json", "--connection", "{connection}"]),
            run(&["grant", "revoke", "{grant}"]),
            run(&["token", "create", "--scope", "sessions"]),
            run(&["token", "create", "--scope", "sessions,events", "--json", "--name", "Backend"]),
            run(&["token", "list"]),
            run(&["token", "list", "--json"]).saying("Backend"),
            run(&["token", "rotate", "{api_token}"]),
            run(&["token", "revoke", "{api_token}"]),
            run(&["session", "create", "--end-user", "ada"]),
            run(&["session", "create", "--end-user", "ada", "--reconnect", "{connection}", "--json"]),
            run(&["connection", "list", "--end-user", "ada"]),
            run(&["vault", "status"]),
            run(&["vault", "status", "--json"]),
            run(&["vault", "rotate-key"]),
            run(&["vault", "rotate-key", "--json"]),
            run(&["vault", "verify"]),
            run(&["vault", "verify", "--json"]),
            run(&["vault", "export", file]),
            run(&["vault", "export", "-"]),
            elsewhere(run(&["vault", "import", file]).where_("KEYWAY_ANCHORS", "")),
            elsewhere(once(&request, echo("200 OK")).where_("KEYWAY_ANCHORS", "")).saying("[redacted]"),
            run(&["audit"]),
            run(&["audit", "--json", "--tenant", "acme", "--after", "1"]),
            run(&["audit", "--anchor"]),
        ];
    all.extend(interrupted(subject));
    all.extend([
        run(&["connection", "remove", "{connection}"]).ending(FAILED),
        run(&["connection", "remove", "{connection}", "--yes"]),
        run(&["vault", "verify"]).ending(DONE),
    ]);
    all.into_iter().map(|one| one.told_of(subject, "story")).collect()
}

/// What ends a run before its time, and the vault afterwards.
fn interrupted(subject: &Subject) -> Vec<Situation> {
    let check = || run(&["connection", "check", "{connection}"]).sending(Sent::Once);
    let request = || run(&["request", "--connection", "{connection}", "GET", "/"]).sending(Sent::Once);
    let asked = |more: &[(String, String)]| Circumstance::Typed(more.to_vec());
    let typed: Vec<_> = subject
        .prompts
        .iter()
        .map(|(label, secret)| (format!("{label}:"), format!("{}\r", secret.as_deref().unwrap_or_default())))
        .collect();
    let mut by_hand = save(subject).with(&["--name", &subject.names[0]]).under(asked(&typed));
    let values = by_hand.arguments.iter().position(|word| word == "--values").unwrap();
    by_hand.arguments.drain(values..values + 2);
    let list = || run(&["connection", "list"]);
    vec![
        by_hand.called("typed"),
        check().under(Circumstance::Signal("TERM")).ending(&[]),
        request().under(Circumstance::Signal("INT")).ending(&[]),
        request().under(Circumstance::Signal("KILL")).ending(&[]),
        save(subject).called("kill -9").under(Circumstance::Killed).ending(KILLED),
        run(&["vault", "rotate-key"]).called("kill -9").under(Circumstance::Killed).ending(KILLED),
        // Whoever was killed has the right to rotate for a while.
        run(&["vault", "rotate-key"]).called("after that").ending(&[0, 1]),
        save(subject).called("a full disk").under(Circumstance::Within(8192)).ending(FULL),
        run(&["vault", "export", "{watched}/exports/two.jsonl"])
            .called("a full disk")
            .under(Circumstance::Within(8192))
            .ending(FULL),
        list().called("a full disk").under(Circumstance::FullDisk).ending(FAILED),
        list().called("a closed pipe").under(Circumstance::ClosedPipe),
        run(&["grant", "create", "--connection", "{connection}"])
            .called("a full disk")
            .under(Circumstance::FullDisk)
            .ending(FAILED),
        check().called("nowhere to write").under(Circumstance::NoTemporary).answering([subject.good()]),
        run(&["vault", "verify"]).called("after all that"),
    ]
}

/// What a vault's commands are, each with a run of it.
pub(crate) const COMMANDS: [&[&str]; 23] = [
    &["vault", "init"],
    &["vault", "status"],
    &["vault", "verify"],
    &["vault", "rotate-key"],
    &["vault", "export", "{watched}/exports/three.jsonl"],
    &["vault", "import", "{watched}/exports/none.jsonl"],
    &["connection", "list"],
    &["connection", "show", "{connection}"],
    &["connection", "check", "{connection}"],
    &["connection", "rename", "{connection}", "Another"],
    &["connection", "remove", "{connection}", "--yes"],
    &["grant", "create", "--connection", "{connection}"],
    &["grant", "list"],
    &["grant", "revoke", "{grant}"],
    &["token", "create", "--scope", "sessions"],
    &["token", "list"],
    &["token", "rotate", "{api_token}"],
    &["token", "revoke", "{api_token}"],
    &["session", "create", "--end-user", "ada"],
    &["audit"],
    &["audit", "--anchor"],
    &["request", "--connection", "{connection}", "GET", "/"],
    &["serve", "--check"],
];
