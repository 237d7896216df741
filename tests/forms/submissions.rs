//! Submissions without end: every field, with every value that ever made trouble, in everything that people paste around it.

use std::sync::Arc;

use keyway::{Characters, Entry, Field, Kind, Method, Registry};
use serde_json::{Map, Value, json};

/// The providers that ship, and those that have what these have not.
pub(crate) fn registry() -> Registry {
    Registry::from_descriptors([
        ("rootly.yaml", include_str!("../../providers/rootly/provider.yaml")),
        ("rally.yaml", include_str!("../../providers/rally/provider.yaml")),
        ("every.yaml", include_str!("samples/every.yaml")),
        ("origin.yaml", include_str!("samples/origin.yaml")),
        ("host.yaml", include_str!("samples/host.yaml")),
    ])
    .unwrap()
}

/// Every method of them.
pub(crate) fn methods(registry: &Registry) -> impl Iterator<Item = (&Entry, &Arc<Method>)> {
    registry
        .entries()
        .iter()
        .flat_map(|entry| entry.descriptor().methods().iter().map(move |method| (entry, method)))
}

/// What is pasted into any input.
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    // Nothing.
    "", " ", "\u{a0}", "\u{200b}", "\"\"", "\"", "“”", "''\"", "<>", "<", ":", "-",
    // What is good somewhere.
    "MADEUP01", "madeup", "ab-cd-z_", "p123", "P123", "evy_0123456789abcdef", "_madeUpGood00", "made up",
    "a:b", "user:a", "naïve", "日本語", "made“up”", "a\"b", "xx", "s", "S", "Small", "l", "eu", "EU", "us ",
    "eu1.rallydev.com", "https://EU1.rallydev.com/slm/", "rally1.rallydev.com/", "sandbox.rallydev.com",
    // Characters that nobody sees.
    "made\rup", "made\nup", "made\r\nup", "made\n\nup", "made\tup", "made\0up", "made\u{7f}up",
    "made\u{85}up", "made\u{9f}up", "made\u{a0}up", "made\u{2028}up", "made\u{200b}up", "made\u{202e}up",
    "made\u{ad}up", "made\u{2060}up", "made\u{feff}up", "made\u{fe0f}up", "made\u{e0041}up",
    "made\u{1d173}up", "＿madeup", "🔑", "\u{200f}", "\u{1b}[31m",
    // Masks, placeholders, commands.
    "••••", "****", "********1234", "[redacted]", "…", "...", "evy_...", "rootly_…", "YOUR_API_KEY",
    "your-key", "curl -H 'X-Key: made' https://x.example", "$ curl x", "export KEY=madeup", "X-Key: madeup",
    "X-Key:madeup", "Authorization: Bearer madeup", "authorization:bearer madeup", "Bearer madeup",
    "Bearer", "Bearer Bearer madeup", "ZSESSIONID: _madeup", "ZSESSIONID: ", "Token madeup", "token",
    "TOKEN  madeup", "Token Token madeup", "KEY=madeup",
    // Mistakes, and what is nearly one.
    "rec_madeup", "old_madeup", "Old_madeup", "madeup_old_", "tokmadeup", "madeup..", "..madeup", "made=up",
    "evx_a//b-x", "evx_a/b-x", "madeup!",
    // Templates.
    "{key}", "%s", "$1", "\\", "a\\b", "^$.*+?()[]{}|/",
];

/// What is pasted where a host or an address is asked for, and elsewhere by mistake.
#[rustfmt::skip]
const ADDRESSES: &[&str] = &[
    // Hosts.
    "acme", "Acme", "a-1", "-a", "a-", "a.b", "a_b", "evil.com/", "evil.com#", "evil.com?", "a@evil.com/",
    "evil.com\\", "%65vil.com/", "0x7f.1", "127.1", "127.0.0.1", "2130706433", "[::1]", "localhost",
    "localhost.", "jira.example.com", "Jira.Example.COM", "jira.example.com.", "jira..example.com",
    "jira.example.1a", "jira.example.0x7f", "xn--bcher-kva.example", "xn--a.example", "xn--a",
    "bücher.example", "jira.example.com/browse", "https://jira.example.com/browse",
    // Origins.
    "https://jira.example.com", "https://jira.example.com/", "HTTPS://Jira.Example.com",
    "https://jira.example.com:443", "https://jira.example.com:8443/", "https://jira.example.com:00443",
    "https://jira.example.com:22", "https://jira.example.com:1023", "https://jira.example.com:1024",
    "https://jira.example.com:65535", "https://jira.example.com:65536", "https://jira.example.com:",
    "https://jira.example.com:0", "http://jira.example.com", "ftp://jira.example.com", "//jira.example.com",
    "https:/jira.example.com", "https://u@jira.example.com", "https://jira.example.com#f",
    "https://jira.example.com?q", "https://jira.example.com//", "https://xn--a.example",
    "https://jira.example.1a", "https://localhost", "https://127.0.0.1", "https://", "javascript:alert(1)",
];

fn long() -> Vec<String> {
    let host = vec!["a".repeat(63); 4].join(".");
    vec![
        "a".repeat(63),
        "a".repeat(64),
        host.clone(),
        format!("https://{host}"),
        format!("{}.{host}", "b".repeat(30)),
        "a".repeat(1 << 16),
        "a".repeat((1 << 16) + 1),
        "é".repeat(40_000),
        format!("rootly_{}", "0123456789abcdef".repeat(4)),
        format!("Bearer rootly_{}", "0123456789abcdef".repeat(4)),
    ]
}

/// A submission in which one field is as nobody wishes.
pub(crate) struct Case<'a> {
    /// The name under which the field was given: its id, or a former one.
    pub(crate) name: &'a str,
    /// What was given for it, where that is a text.
    pub(crate) raw: Option<String>,
    pub(crate) submission: Value,
}

/// What every field of a method accepts.
pub(crate) fn good(method: &Method) -> Map<String, Value> {
    let value = |field: &Field| match field.kind() {
        Kind::Choice(choices) => choices[0].value().to_owned(),
        Kind::Url => "https://jira.example.com".to_owned(),
        Kind::Host => "jira.example.com".to_owned(),
        _ if field.pattern().is_some_and(|pattern| pattern.contains("p[")) => "p123".to_owned(),
        _ => "MADEUP01".to_owned(),
    };
    method.fields().iter().map(|field| (field.id().to_string(), value(field).into())).collect()
}

/// All submissions of a method in which one field is as nobody wishes.
pub(crate) fn cases(method: &Method) -> Vec<Case<'_>> {
    let good = good(method);
    let mut cases = Vec::new();
    for field in method.fields() {
        let id = field.id().as_str();
        let with = |name: &str, value: Value| {
            let mut submission = good.clone();
            submission.remove(id);
            submission.insert(name.to_owned(), value);
            Value::Object(submission)
        };
        for raw in raw(field) {
            cases.push(Case { name: id, submission: with(id, raw.as_str().into()), raw: Some(raw) });
        }
        for former in field.formerly() {
            let submission = with(former.as_str(), good[id].clone());
            cases.push(Case { name: former.as_str(), submission, raw: None });
        }
        for wrong in [json!(null), json!(1), json!(true), json!(["MADEUP01"]), json!({ "value": "MADEUP01" })]
        {
            cases.push(Case { name: id, submission: with(id, wrong), raw: None });
        }
        let mut without = good.clone();
        without.remove(id);
        cases.push(Case { name: id, submission: without.into(), raw: None });
        let mut more = good.clone();
        more.insert("colour".into(), "red".into());
        cases.push(Case { name: id, submission: more.into(), raw: None });
    }
    cases
}

fn raw(field: &Field) -> Vec<String> {
    let address = *field.kind() != Kind::Text || field.characters() == Characters::HostLabel;
    let decorated = |value: &&str| around(field, value);
    let mut all: Vec<String> = TEXTS.iter().flat_map(decorated).chain(random()).collect();
    if address {
        all.extend(ADDRESSES.iter().flat_map(decorated));
    } else {
        all.extend(ADDRESSES.iter().map(ToString::to_string));
    }
    for value in long() {
        all.push(format!(" {value}\n"));
        all.push(value);
    }
    all
}

/// A value as it is, and in everything that people paste around it.
fn around(field: &Field, value: &str) -> Vec<String> {
    let mut all = vec![value.to_owned()];
    for (before, after) in [
        (" ", " "),
        ("\n", "\r\n"),
        ("\t", ""),
        ("\u{a0}", "\u{3000}"),
        ("\u{85}", "\u{85}"),
        ("\u{2028}", "\u{2029}"),
        ("\u{feff}", ""),
        ("", "\u{feff}"),
        ("\u{200b}", ""),
        ("\"", "\""),
        ("'", "'"),
        ("`", "`"),
        ("“", "”"),
        ("‘", "’"),
        ("<", ">"),
        (" \" ", " \" "),
        ("“ ", "\n”"),
        ("\"", ""),
        ("", "\""),
        ("“", ""),
        ("", "”"),
        ("\"\"", "\"\""),
        ("\" ", ""),
        ("'", "\""),
    ] {
        all.push(format!("{before}{value}{after}"));
    }
    for prefix in field.strip() {
        let (lower, upper, trimmed) = (prefix.to_lowercase(), prefix.to_uppercase(), prefix.trim());
        all.extend([
            format!("{prefix}{value}"),
            format!(" {lower} {value}"),
            format!("\"{upper}{value}\""),
            format!("{prefix}“{value}”"),
            format!("{prefix}\"{value}"),
            format!("{prefix}{prefix}{value}"),
            format!("{trimmed}{value}"),
            format!("{trimmed}\u{a0}{value}"),
        ]);
    }
    if let [first, .., last] = field.strip() {
        all.push(format!("{first}{last}{value}"));
        all.push(format!("{last}{first}{value}"));
    }
    all
}

/// Characters put together at random, the same ones on every run.
fn random() -> impl Iterator<Item = String> {
    let signs: Vec<char> = "aB3 -_=:./\"'`“”‘’<>*{}é\u{a0}\n\r\t\u{200b}".chars().collect();
    let mut random = fastrand::Rng::with_seed(1);
    (0..400).map(move |_| (0..random.usize(1..9)).map(|_| signs[random.usize(..signs.len())]).collect())
}
