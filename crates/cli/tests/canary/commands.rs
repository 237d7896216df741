//! Every command: with a secret in the wrong place, in variables that it has no business with, and asked as a server.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::{
    situations::{Circumstance, JUDGED, Situation, WRONG},
    subject::Subject,
};

/// The commands, each with a run of it; `{id}` is a provider.
pub(crate) const COMMANDS: [(&str, &[&str]); 11] = [
    ("completions", &["completions", "bash"]),
    ("connect", &["connect", "{id}", "--sandbox", "--values", "{values}"]),
    ("form", &["form", "{id}", "--values", "{values}"]),
    ("form", &["form", "{id}", "--as", "html", "--values", "{values}"]),
    ("form", &["form", "{id}", "--as", "model", "--values", "{values}"]),
    ("form", &["form", "{id}", "--as", "json-schema", "--values", "{values}"]),
    ("form", &["form", "{id}", "--as", "ui-schema", "--values", "{values}"]),
    ("providers", &["providers", "--json"]),
    ("request", &["request", "{id}", "GET", "/", "--sandbox", "--values", "{values}"]),
    ("sandbox", &["sandbox", "--list"]),
    ("schema", &["schema", "descriptor"]),
];

/// A secret where it does not belong, in every command: on the command line and in the environment.
pub(crate) fn misplaced(subject: &Subject) -> Vec<Situation> {
    let secret = subject.secret();
    let values = Value::from(vec![secret]).to_string();
    let user = format!("https://{secret}@host.example");
    let path = format!("https://host.example/{secret}");
    let (key, flag, json) =
        (format!("--api-key={secret}"), format!("--{secret}"), format!("--json={secret}"));
    let (file, up) = (format!("/nowhere/{secret}"), format!("/../{secret}"));
    let (lines, spaced) = (format!("x: {secret}\ny: 1"), format!("x y: {secret}"));
    let id = subject.provider.as_str();
    let mut lines: Vec<Vec<&str>> = vec![
        vec![secret],
        vec!["help", secret],
        vec![&flag],
        vec!["connect", id, "--method", secret, "--values", "-"],
        vec!["connect", id, "--origin", secret, "--values", "-"],
        vec!["connect", id, "--origin", &user, "--values", "-"],
        vec!["connect", id, "--origin", &path, "--values", "-"],
        vec!["connect", id, "--values", secret],
        vec!["connect", id, "--values", &values],
        vec!["connect", id, "--values", &file],
        vec!["request", id, secret, "/", "--values", "-"],
        vec!["request", id, "GET", secret, "--values", "-"],
        vec!["request", id, "GET", &up, "--values", "-"],
        vec!["request", id, "GET", "/", "--values", "-", "--data", secret],
        vec!["request", id, "GET", "/", "--values", "-", "--header", secret],
        vec!["request", id, "GET", "/", "--values", "-", "--header", &spaced],
        vec!["request", id, "GET", "/", "--values", "-", "--header", &lines],
        vec!["request", id, "GET", "/", "--method", secret, "--values", "-"],
        vec!["sandbox", "--port", secret],
        vec!["form", id, "--as", secret],
        vec!["form", id, "--values", secret],
        vec!["schema", secret],
        vec!["providers", "--watch", "--providers", secret],
        vec!["serve", "--config", secret],
        vec!["serve", "--check", "--config", &file],
        vec!["serve", "--sandbox", "--port", secret],
        vec!["serve", "--sandbox", "--dir", "/dev/null", "--tls", secret],
    ];
    let commands = COMMANDS.into_iter().map(|(command, _)| command);
    for command in commands.chain(["vault", "connection", "grant", "token", "session", "audit", "serve"]) {
        lines.push(vec![command, secret]);
        lines.push(vec![command, id, secret, secret, secret]);
        lines.push(vec![command, id, &key]);
        lines.push(vec![command, id, "--token", secret]);
        lines.push(vec![command, &flag]);
        lines.push(vec![command, &json]);
    }
    // These two look for no folder.
    let folders = COMMANDS
        .into_iter()
        .filter(|(command, _)| !["completions", "schema"].contains(command))
        .map(|(_, line)| line);
    let misplaced = |line: Vec<&str>| Situation {
        name: format!("misplaced in {}", line.join(" ").replace(secret, "…")),
        arguments: line.into_iter().map(|word| word.replace("{id}", id)).collect(),
        environment: vec![("KEYWAY_PROVIDERS".to_owned(), "{providers}".to_owned())],
        values: subject.json(),
        circumstance: Circumstance::Stdin,
        codes: WRONG,
        ..Situation::default()
    };
    let mut all: Vec<Situation> = lines.into_iter().map(misplaced).collect();
    for line in folders {
        all.push(misplaced([line, &["--providers", secret]].concat()));
        let mut one = misplaced(line.to_vec());
        one.environment.push(("KEYWAY_PROVIDERS".to_owned(), secret.to_owned()));
        all.push(one.called("by the environment"));
    }
    all
}

/// Every command as it is to be used, with the secret in variables that it has no business with, and on stdin.
pub(crate) fn usual(subject: &Subject) -> Vec<Situation> {
    let variables =
        ["API_KEY", "TOKEN", "ROOTLY_API_KEY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];
    let environment: Vec<_> = variables.map(|name| (name.to_owned(), subject.secret().to_owned())).to_vec();
    let all = COMMANDS.into_iter().map(|(_, line)| Situation {
        name: format!("usual {}", line.join(" ")),
        arguments: line.iter().map(|word| word.replace("{id}", &subject.provider)).collect(),
        environment: environment.clone(),
        values: subject.json(),
        codes: JUDGED,
        circumstance: Circumstance::Stdin,
        ..Situation::default()
    });
    all.collect()
}

/// The stand-ins, asked with the secret in every place.
pub(crate) fn served(subject: &Subject) -> Situation {
    let secret = subject.secret();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC);
    let request =
        |line: &str, more: &str| format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n");
    let check = format!("GET {}", subject.check);
    let requests = [
        request(&check, &format!("authorization: Bearer {secret}\r\n")),
        request(&check, &format!("cookie: session={secret}\r\n")),
        request(&check, &format!("{}: {secret}\r\n", subject.header().unwrap_or("x-key"))),
        request(&format!("GET /{percent}?k={percent}"), ""),
        request("POST /", &format!("content-length: {}\r\n", secret.len())) + secret,
        format!("{secret}\r\n\r\n"),
    ];
    Situation {
        name: "served".to_owned(),
        arguments: vec!["sandbox".to_owned()],
        circumstance: Circumstance::Served(requests.map(String::into_bytes).to_vec()),
        codes: &[0],
        ..Situation::default()
    }
}
