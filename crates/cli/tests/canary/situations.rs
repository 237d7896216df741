//! What the binary is put through.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::{pages::Visit, scanner::hex, server::answer, subject::Subject};

/// One run of the binary, and what is expected of it. `{target}`, `{elsewhere}`, `{values}` and `{providers}` stand for
/// the servers and files of the run, `{other}` for the address of `{elsewhere}`, `{watched}` for the folder that it may
/// write to, and `{connection}`, `{grant}` and `{token}` for what was made last.
#[derive(Debug, Default, Clone)]
pub(crate) struct Situation {
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// What stands in the file `{values}`.
    pub(crate) values: String,
    pub(crate) circumstance: Circumstance,
    /// What the target answers, one after the other; the last one again and again; nothing when there is none.
    pub(crate) answers: Vec<Vec<u8>>,
    pub(crate) sent: Sent,
    /// The exit statuses that are right; none, when a signal ends it. One below zero is a signal's number.
    pub(crate) codes: &'static [i32],
    /// What must be said, on stdout or stderr.
    pub(crate) says: String,
    /// Secrets that it prints for whoever wants to try it.
    pub(crate) printed: Vec<String>,
}

/// Under which circumstances it runs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum Circumstance {
    /// With this on stdin.
    #[default]
    Usual,
    /// With the values on stdin.
    Stdin,
    /// On a terminal, where each text is waited for, and answered.
    Typed(Vec<(String, String)>),
    /// As a user who may have no thread beside the first one.
    NoThreads,
    /// With a signal that comes once the request has arrived.
    Signal(&'static str),
    /// With nobody who reads stdout.
    ClosedPipe,
    /// With stdout on a disk that is full.
    FullDisk,
    /// With no folder for temporary files.
    NoTemporary,
    /// As a server, which is asked each of these, and ended.
    Served(Vec<Vec<u8>>),
    /// As the gateway, which is asked each of these, and what an operator asks, and ended.
    Gateway(Vec<Vec<u8>>),
    /// As the sandbox, whose connect pages and REST API somebody uses, and ended.
    Pages(Box<Visit>),
    /// Until all others have run; then it is ended.
    Behind,
    /// With a `kill -9` as soon as it writes to the database.
    Killed,
    /// With no file that may grow beyond this many bytes.
    Within(u64),
    /// After another hand has changed this text in the database.
    Tampered(&'static str),
}

/// What arrives at the target.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    #[default]
    Never,
    Once,
    /// Several requests, each with the secret in its place.
    EachTime,
}

/// Every exit status that stands for a verdict.
pub(crate) const JUDGED: &[i32] = &[0, 3, 4, 5, 6, 7];
pub(crate) const REFUSED: &[i32] = &[2];
pub(crate) const WRONG: &[i32] = &[1];

/// All of a subject's own situations; `others` have keys that may be pasted in place of its own.
pub(crate) fn of(subject: &Subject, others: &[Subject]) -> Vec<Situation> {
    let mut all = answered(subject);
    all.extend(echoed(subject));
    all.extend(refused(subject, others));
    all.extend(typed(subject));
    all.extend(interrupted(subject));
    all
}

pub(crate) fn connect(subject: &Subject) -> Situation {
    run(subject, "connect", &[])
}

fn request(subject: &Subject) -> Situation {
    run(subject, "request", &["GET", "/x?y=1", "--include", "--header", "x-own: 1"])
}

fn run(subject: &Subject, command: &str, more: &[&str]) -> Situation {
    let method = ["--method", &subject.method, "--origin", "{target}", "--providers", "{providers}"];
    let values = ["--values", "{values}"];
    let arguments = [&[command, &subject.provider], more, &method, &values].concat();
    Situation {
        name: format!("{command} {}", subject.name()),
        arguments: arguments.into_iter().map(str::to_owned).collect(),
        values: subject.json(),
        sent: Sent::Once,
        codes: JUDGED,
        ..Situation::default()
    }
}

impl Situation {
    pub(crate) fn called(mut self, name: impl AsRef<str>) -> Self {
        self.name = format!("{}: {}", self.name, name.as_ref());
        self
    }

    pub(crate) fn answering(self, answers: impl Into<Vec<Vec<u8>>>) -> Self {
        Self { answers: answers.into(), ..self }
    }

    pub(crate) fn sending(self, sent: Sent) -> Self {
        Self { sent, ..self }
    }

    pub(crate) fn ending(self, codes: &'static [i32]) -> Self {
        Self { codes, ..self }
    }

    pub(crate) fn saying(self, says: &str) -> Self {
        Self { says: says.to_owned(), ..self }
    }

    pub(crate) fn giving(self, values: impl Into<String>) -> Self {
        Self { values: values.into(), ..self }
    }

    pub(crate) fn under(self, circumstance: Circumstance) -> Self {
        Self { circumstance, ..self }
    }

    pub(crate) fn with(mut self, more: &[&str]) -> Self {
        self.arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Sent to another origin.
    fn to(mut self, origin: &str) -> Self {
        for argument in &mut self.arguments {
            *argument = argument.replace("{target}", origin);
        }
        self.called(origin)
    }

    /// With the values on stdin instead of in a file.
    fn on_stdin(mut self) -> Self {
        for argument in &mut self.arguments {
            if argument == "{values}" {
                "-".clone_into(argument);
            }
        }
        self.under(Circumstance::Stdin)
    }
}

/// Every answer that a provider is known for, and others.
fn answered(subject: &Subject) -> Vec<Situation> {
    let patience = ["retry-after: 3600"];
    let mut all = Vec::new();
    for (index, given) in subject.answers.iter().enumerate() {
        let one = connect(subject).called(format!("answer {index}")).answering([given.clone()]);
        // A file, stdin, and for a machine to read, in turns.
        all.push(match index % 3 {
            0 => one,
            1 => one.on_stdin(),
            _ => one.with(&["--json"]),
        });
    }
    let there: &[&str] = &["location: {elsewhere}/stolen"];
    let inside = answer("307 Here", &["location: /again"], b"");
    let good = subject.answers[0].clone();
    let gzip = answer("200 OK", &["content-encoding: gzip"], subject.secret().as_bytes());
    let huge = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n".to_vec();
    let garbled = format!("HTTP/1.1 {}\r\n\r\n", subject.secret()).into_bytes();
    let (padded, quoted) = (format!("  {}\u{a0}\n", subject.secret()), format!("\"{}\"", subject.secret()));
    all.extend([
        connect(subject).called("no answer").ending(&[6]),
        connect(subject).called("no HTTP").answering([garbled.clone()]),
        connect(subject).called("too large").answering([huge]),
        connect(subject).called("compressed").answering([gzip.clone()]),
        connect(subject).called("busy").answering([answer("429 Wait", &patience, b"")]).ending(&[5]),
        connect(subject).called("broken").answering([answer("503 Oh", &patience, b"")]).ending(&[6]),
        connect(subject).called("led away").answering([answer("302 There", there, b"")]).ending(&[7]),
        connect(subject).called("led on").answering([inside.clone(), good.clone()]).sending(Sent::EachTime),
        connect(subject).called("padded").giving(subject.json_with(padded)).answering([good.clone()]),
        connect(subject).called("quoted").giving(subject.json_with(quoted)).answering([good.clone()]),
        request(subject).called("answered").answering([good.clone()]).ending(&[0]),
        request(subject).called("answered").on_stdin().answering([good]).ending(&[0]),
        request(subject).called("compressed").answering([gzip]).ending(&[0]),
        request(subject).called("led away").answering([answer("308 There", there, b"")]).ending(&[0]),
        request(subject).called("led in circles").answering([inside]).sending(Sent::EachTime).ending(&[0]),
        request(subject).called("no HTTP").answering([garbled]).ending(&[6]),
        request(subject).called("no answer").ending(&[6]),
        request(subject).to("https://{other}").sending(Sent::Never).ending(&[6]),
    ]);
    for (origin, codes) in [
        ("https://{other}", JUDGED),
        ("http://127.0.0.1:1", JUDGED),
        ("https://169.254.169.254", JUDGED),
        ("https://[::ffff:10.0.0.1]", JUDGED),
        ("http://10.0.0.1", WRONG),
        ("https://user@host.example", WRONG),
    ] {
        all.push(connect(subject).to(origin).sending(Sent::Never).ending(codes));
    }
    all
}

/// Encoders differ in what they leave as it is: `-`, `_`, `.` and `~` usually are.
const USUAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A secret in every encoding in which the command masks it.
pub(crate) fn written(secret: &str) -> Vec<String> {
    let json = Value::from(secret).to_string();
    let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let hex = hex(secret);
    let mut all = vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, USUAL).to_string(),
        hex.to_uppercase(),
        hex,
        json.replace('/', "\\/"),
        json,
        html.replace('\'', "&#39;"),
    ];
    for before in ["", "a", "ab", "{\"key\":\""] {
        all.extend([&STANDARD, &URL_SAFE].map(|engine| engine.encode(format!("{before}{secret}\"}}"))));
    }
    all
}

/// Answers that hold what was sent.
fn echoed(subject: &Subject) -> Vec<Situation> {
    let mut all = Vec::new();
    let every: Vec<String> = subject.secrets().flat_map(written).collect();
    let body = every.join("\n");
    let mut headers: Vec<String> =
        every.iter().enumerate().map(|(index, text)| format!("x-{index}: {text}")).collect();
    headers.push(format!("location: /?k=1&{}", every[1]));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    for status in ["200 OK", "401 No", "404 No"] {
        let echo = answer(status, &headers, body.as_bytes());
        all.push(connect(subject).called(format!("echo {status}")).answering([echo.clone()]));
        let one = request(subject).called(format!("echo {status}"));
        all.push(one.answering([echo]).ending(&[0]).saying("[redacted]"));
    }
    // Where the test knows what an answer must look like: as the account's name, too.
    if subject.provider == "canary" {
        for (index, text) in every.iter().enumerate() {
            let good = json!({ "user": { "id": text, "name": format!("Ada {text}") } }).to_string();
            let one = connect(subject).called(format!("named so, {index}")).answering([answer(
                "200 OK",
                &[],
                good.as_bytes(),
            )]);
            let one = if index % 2 == 0 { one.with(&["--json"]) } else { one };
            all.push(one.ending(&[0]).saying("[redacted]"));
        }
    }
    all
}

/// Values that are refused or warned of (SECURITY.md, N1 to N9), each with the secret in it.
fn refused(subject: &Subject, others: &[Subject]) -> Vec<Situation> {
    let (secret, field) = (subject.secret(), subject.field());
    let text = Value::from(secret);
    let mut named = json!({ secret: secret, "key": secret });
    named[field] = text.clone();
    let mut wrong = vec![
        ("n1, beside it", json!({ field: "", secret: "" }).to_string()),
        ("n3, a line's end", subject.json_with(format!("{secret}\r\n{secret}"))),
        ("n3, a zero", subject.json_with(format!("{secret}\0"))),
        ("n4, a space", subject.json_with(format!("{secret} {secret}"))),
        (
            "n4, a command",
            subject.json_with(format!("curl -H 'authorization: Bearer {secret}' https://x.example")),
        ),
        ("n4, a header", subject.json_with(format!("x-other: {secret}"))),
        ("n6, too long", subject.json_with(secret.repeat(64 * 1024 / secret.len() + 1))),
        ("n7, invisible", subject.json_with(format!("{secret}\u{200b}"))),
        ("n7, from right to left", subject.json_with(format!("\u{202e}{secret}"))),
        ("n8, a list", subject.json_with(json!([secret]))),
        ("n8, a map", subject.json_with(json!({ secret: secret }))),
        ("n8, unknown fields", named.to_string()),
        ("n8, twice", format!("{{\"{field}\":{text},\"{field}\":{text}}}")),
        ("n9, a mask", subject.json_with(format!("••••{secret}"))),
    ];
    wrong.extend(subject.mistaken.iter().map(|value| ("a mistake", subject.json_with(value.as_str()))));
    let foreign = others.iter().filter(|other| other.provider != subject.provider && other.is_unmistakable);
    wrong.extend(foreign.map(|other| ("n5, of another provider", subject.json_with(other.secret()))));
    if subject.header().is_some() {
        wrong.push(("n7, a homoglyph", subject.json_with(format!("{secret}＿"))));
    }
    let broken = [
        ("no quotes", format!("{{\"{field}\": {secret}}}")),
        ("no end", format!("{{\"{field}\": {text}")),
        ("no end of a text", format!("{{\"{field}\": \"{secret}")),
        ("no object", text.to_string()),
        ("a list", format!("[{text}]")),
        ("more", format!("{{\"{field}\": {text}}} {secret}")),
        ("no JSON", secret.to_owned()),
        ("a line", format!("{field}={secret}\n")),
    ];
    let wrong = wrong.into_iter().map(|case| (case, REFUSED));
    let cases = wrong.chain(broken.map(|case| (case, WRONG)));
    let mut all = Vec::new();
    for (index, ((name, values), codes)) in cases.enumerate() {
        let one = if index % 4 == 3 { request(subject) } else { connect(subject) };
        let one = one.called(name).giving(values).sending(Sent::Never).ending(codes);
        all.push(match index % 3 {
            0 => one,
            1 => one.on_stdin(),
            _ if one.arguments[0] == "connect" => one.with(&["--json"]),
            _ => one,
        });
    }
    if subject.header().is_some() {
        // Odd, for those that have a usual form: a warning is said, and it is sent.
        all.push(connect(subject).called("odd").giving(subject.json_with(format!("{secret}-odd"))));
    }
    all
}

/// On a terminal.
fn typed(subject: &Subject) -> Vec<Situation> {
    const CONTROL_C: &str = "\u{3}";
    let asked = |mut situation: Situation, steps: Vec<(String, String)>| {
        situation.arguments.truncate(situation.arguments.len() - 2);
        situation.called("typed").under(Circumstance::Typed(steps))
    };
    let question = |label: &str| format!("{label}:");
    let whole: Vec<_> = subject
        .prompts
        .iter()
        .map(|(label, secret)| (question(label), format!("{}\r", secret.as_deref().unwrap_or_default())))
        .collect();
    let (last, before) = whole.split_last().unwrap();
    let then = |more: &[(&str, &str)]| {
        let more = more.iter().map(|(text, answer)| ((*text).to_owned(), (*answer).to_owned()));
        whole.iter().cloned().chain(more).collect::<Vec<_>>()
    };
    let mut half = before.to_vec();
    half.push((last.0.clone(), last.1.replace('\r', CONTROL_C)));
    let mut spoilt = before.to_vec();
    spoilt.push((last.0.clone(), format!("••••{}", last.1)));
    // Not before it is asked again: in between, Ctrl-C ends the process and not the question.
    spoilt.push(("is the mask".to_owned(), String::new()));
    spoilt.push((last.0.clone(), CONTROL_C.to_owned()));
    let no = answer("401 No", &[], subject.secret().as_bytes());
    vec![
        asked(connect(subject), whole.clone()).answering([subject.answers[0].clone()]).ending(&[0]),
        asked(connect(subject), then(&[("Try another key?", "n\r")])).answering([no.clone()]).ending(&[3]),
        asked(connect(subject), half).sending(Sent::Never).ending(WRONG),
        asked(connect(subject), spoilt).sending(Sent::Never).ending(WRONG),
        asked(request(subject), whole.clone()).answering([no]).ending(&[0]),
    ]
}

/// What ends a run before its time.
pub(crate) fn interrupted(subject: &Subject) -> Vec<Situation> {
    let good = || subject.answers[0].clone();
    let refused = subject.json_with(format!("{}\n{}", subject.secret(), subject.secret()));
    vec![
        connect(subject).called("SIGTERM").under(Circumstance::Signal("TERM")).ending(&[]),
        request(subject).called("SIGINT").under(Circumstance::Signal("INT")).ending(&[]),
        // The thread that cannot be had is the first one after the values were accepted: with others nothing happens.
        connect(subject)
            .called("a panic")
            .under(Circumstance::NoThreads)
            .sending(Sent::Never)
            .ending(WRONG)
            .saying("keyway stopped because of a fault of its own"),
        request(subject)
            .called("a panic")
            .under(Circumstance::NoThreads)
            .sending(Sent::Never)
            .ending(WRONG)
            .saying("keyway stopped because of a fault of its own"),
        connect(subject)
            .called("refused before a panic")
            .giving(refused)
            .under(Circumstance::NoThreads)
            .sending(Sent::Never)
            .ending(REFUSED),
        connect(subject).called("a closed pipe").under(Circumstance::ClosedPipe).answering([good()]),
        request(subject)
            .called("a closed pipe")
            .under(Circumstance::ClosedPipe)
            .answering([good()])
            .ending(&[0]),
        connect(subject)
            .called("a full disk")
            .under(Circumstance::FullDisk)
            .answering([good()])
            .ending(WRONG),
        connect(subject).called("nowhere to write").under(Circumstance::NoTemporary).answering([good()]),
    ]
}
