//! A vault with something wrong: a secret in the wrong place, another key, a row that was changed, no vault at all.

use serde_json::Value;

use crate::{
    situations::{Circumstance, Situation},
    story::{COMMANDS, FAILED, made, run},
    subject::Subject,
};

/// The vault with something wrong: a secret in the wrong place, another key, a row that was changed.
pub(crate) fn wrong(subject: &Subject) -> Vec<Situation> {
    let mut all = made(subject);
    all.extend(misplaced(subject));
    all.extend(variables(subject));
    for words in COMMANDS {
        // `init` and `import` look for a vault first, and there is one.
        let one = || run(words).ending(FAILED);
        let key = &subject.master_key;
        all.extend([
            one()
                .called("another key")
                .where_("KEYWAY_KEY_SOURCE", "env:KEYWAY_KEY")
                .where_("KEYWAY_KEY", key),
            one()
                .called("a key that is none")
                .where_("KEYWAY_KEY_SOURCE", "env:KEYWAY_KEY")
                .where_("KEYWAY_KEY", &key[1..]),
        ]);
    }
    // Back to normal, with variables that it has no business with.
    for name in ["KEYWAY_KEY", "VAULT_TOKEN", "VAULT_NAMESPACE", "PGPASSWORD", "DATABASE_URL", "API_KEY"] {
        all.push(run(&["vault", "status"]).called(name).where_(name, subject.secret()));
    }
    // Sent elsewhere, by whoever can write to the database.
    all.push(
        run(&["request", "--connection", "{connection}", "GET", "/"])
            .called("another origin")
            .under(Circumstance::Tampered("{target}"))
            .ending(&[8]),
    );
    for words in COMMANDS.into_iter().filter(|words| words.contains(&"{connection}")) {
        if !["grant", "connection"].contains(&words[0]) || words[1] == "show" || words[1] == "check" {
            all.push(run(words).called("a row that was changed").ending(&[8]));
        }
    }
    all.push(run(&["vault", "verify"]).called("a row that was changed").ending(&[8]));
    all.into_iter().map(|one| one.told_of(subject, "wrong")).collect()
}

/// A server that is not there. It is waited for, so each of these is a chain of its own.
pub(crate) fn unreachable(subject: &Subject) -> Vec<Situation> {
    let password = &subject.password;
    let addresses = [
        format!("postgres://user:{password}@127.0.0.1:1/keyway"),
        format!("postgres://{password}@127.0.0.1:1/keyway"),
        format!("postgres://user@127.0.0.1:1/keyway?password={password}&application_name={password}"),
    ];
    let one = |address| run(&["vault", "status"]).where_("KEYWAY_DATABASE", address).ending(FAILED);
    addresses.map(one).map(|one| one.called(format!("{}: no server", subject.name()))).to_vec()
}

/// A secret among the arguments, of a vault that is there.
fn misplaced(subject: &Subject) -> Vec<Situation> {
    let key = subject.secret();
    let id = subject.provider.as_str();
    let text = |prefix: &str, suffix: &str| format!("{prefix}{key}{suffix}");
    let file = text("/nowhere/", "");
    let connection = text("con_", "");
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut line = |words: &[&str]| lines.push(words.iter().map(|word| (*word).to_owned()).collect());
    for wrong in [key, &connection] {
        for words in [
            ["connection", "show", wrong].as_slice(),
            &["connection", "check", wrong],
            &["connection", "rename", wrong, "name"],
            &["connection", "remove", wrong, "--yes"],
            &["connection", wrong],
            &["connection", "list", wrong],
            &["grant", "create", "--connection", wrong],
            &["grant", "list", "--connection", wrong],
            &["grant", "revoke", wrong],
            &["grant", wrong],
            &["request", "--connection", wrong, "GET", "/"],
            &["connect", id, "--save", "--connection", wrong, "--values", "{values}"],
            &["vault", wrong],
            &["audit", wrong],
            &["audit", "--after", wrong],
            &["vault", "verify", "--anchor", wrong],
        ] {
            line(words);
        }
    }
    let seven = text("7:", "");
    let long = key.repeat(101 / key.len() + 1);
    let two = text("", "\nname");
    let grant = |flag: &str, value: &str| {
        ["grant", "create", "--connection", "{connection}", flag, value].map(str::to_owned).to_vec()
    };
    for words in [
        ["vault", "verify", "--anchor", &seven].as_slice(),
        &["vault", "export", &file],
        &["vault", "import", &file],
        &["vault", "export", &text(&file, "/more")],
        &["connection", "rename", "{connection}", &long],
        &["connection", "rename", "{connection}", &two],
        &["request", "--connection", "{connection}", key, "/"],
        &["request", "--connection", "{connection}", "GET", key],
        &["request", "--connection", "{connection}", "GET", &text("/../", "")],
        &["request", "--connection", "{connection}", "GET", "/", "--data", &file],
        &["request", "--connection", "{connection}", "GET", "/", "--header", key],
        &["request", "--connection", "{connection}", "GET", "/", "--method", key],
        &["request", id, "--connection", "{connection}", "GET", key],
        &["connect", id, "--save", "--name", key, "--connection", key],
        &["vault", "status", "--key", key],
        &["vault", "status", "--database", key],
    ] {
        line(words);
    }
    for (flag, value) in [
        ("--path", key.to_owned()),
        ("--path", text("", "/**")),
        ("--path", text("/**/", "")),
        ("--path", text("/../", "")),
        ("--path", text("/%zz", "")),
        ("--expires", key.to_owned()),
        ("--expires", text("30d ", "")),
        ("--rate", key.to_owned()),
        ("--rate", text("100/", "")),
        ("--rate", text("", "/minute")),
        ("--allow-method", key.to_owned()),
        ("--allow-method", text("GET ", "")),
    ] {
        lines.push(grant(flag, &value));
    }
    lines
        .into_iter()
        .map(|line| {
            let words: Vec<&str> = line.iter().map(String::as_str).collect();
            let name = mask(subject, &words.join(" "));
            Situation { name, values: subject.json(), ..run(&words).ending(FAILED) }
        })
        .collect()
}

/// A secret in a variable that stands for something else.
fn variables(subject: &Subject) -> Vec<Situation> {
    let (key, password) = (subject.secret(), &subject.password);
    let text = |prefix: &str, suffix: &str| format!("{prefix}{key}{suffix}");
    let file = text("/nowhere/", "");
    let mut all = Vec::new();
    let variables = [
        ("KEYWAY_DATABASE", text("", "")),
        ("KEYWAY_DATABASE", text("sqlite:/nowhere/", "")),
        ("KEYWAY_DATABASE", text("sqlite:", "?mode=rwc")),
        ("KEYWAY_DATABASE", text("postgres:", "")),
        ("KEYWAY_DATABASE", text("postgres://", "")),
        ("KEYWAY_DATABASE", text("mysql://user:", "@127.0.0.1/x")),
        ("KEYWAY_DATABASE", format!("postgres://user:{password}@127.0.0.1:x/keyway")),
        ("KEYWAY_DATABASE", format!("postgres://user@127.0.0.1:1?{password}=1&sslmode=x")),
        ("KEYWAY_DATABASE", format!("postgres://user@127.0.0.1:1/keyway?sslmode={password}")),
        ("KEYWAY_KEY_SOURCE", text("", "")),
        ("KEYWAY_KEY_SOURCE", text("env:", "")),
        ("KEYWAY_KEY_SOURCE", text("file:/nowhere/", "")),
        ("KEYWAY_KEY_SOURCE", subject.master_key.clone()),
        ("KEYWAY_KEY_SOURCE", format!("env:{}", subject.master_key)),
        ("KEYWAY_KEY_SOURCE", format!("file:{}", subject.master_key)),
        ("KEYWAY_KEY_SOURCE", format!("file:{password}")),
        ("KEYWAY_KEY_SOURCE", text("transit:", "")),
        ("KEYWAY_KEY_SOURCE", text("transit:https://user:", "@127.0.0.1:1/transit/main")),
        ("KEYWAY_KEY_SOURCE", text("transit:http://127.0.0.1:1/transit/", "")),
        ("KEYWAY_ANCHORS", text("/nowhere/", "/anchors")),
        ("KEYWAY_ANCHORS", "{values}".to_owned()),
    ];
    for (name, value) in variables {
        for words in [["vault", "status"].as_slice(), &["connection", "list"], &["vault", "init"]] {
            // Nothing asks the anchors of a vault whose file of them is new. `init` looks for a vault first.
            let codes = if name == "KEYWAY_ANCHORS" { &[0, 1] } else { FAILED };
            let one = run(words).called(name).where_(name, &value).where_("VAULT_TOKEN", key).ending(codes);
            let called = one.called(mask(subject, &value));
            all.push(Situation { values: subject.json(), ..called });
        }
    }
    // Shown where it is read, and kept where it is written: whoever names a tenant, names a tenant.
    for words in [
        ["connection", "list"].as_slice(),
        &["connection", "show", "{connection}"],
        &["grant", "list"],
        &["audit"],
    ] {
        all.push(run(words).called("as a tenant").where_("KEYWAY_TENANT", key).ending(&[0, 1]));
    }
    for (name, value) in
        [("VAULT_TOKEN", key), ("VAULT_NAMESPACE", key), ("VAULT_CACERT", &file), ("VAULT_TOKEN_FILE", &file)]
    {
        let one = run(&["vault", "status"]).called(name).ending(FAILED);
        let one = one.where_("KEYWAY_KEY_SOURCE", "transit:http://127.0.0.1:1/transit/main");
        let one = if name == "VAULT_TOKEN_FILE" { one } else { one.where_("VAULT_TOKEN", key) };
        all.push(one.where_(name, value));
    }
    all
}

/// Every command where there is no vault, in the places that it looks at by itself.
pub(crate) fn without(subject: &Subject) -> Vec<Situation> {
    let mut all: Vec<Situation> = Vec::new();
    for words in COMMANDS.into_iter().filter(|words| **words != ["vault", "init"]) {
        let filled: Vec<String> =
            words.iter().map(|word| word.replace("{connection}", "con_aaaaaaaaaaaaaaaaaaaa")).collect();
        let filled: Vec<String> =
            filled.into_iter().map(|word| word.replace("{grant}", "gra_aaaaaaaaaaaaaaaaaaaa")).collect();
        let filled: Vec<String> =
            filled.into_iter().map(|word| word.replace("{api_token}", "kwa_aaaaaaaa")).collect();
        let words: Vec<&str> = filled.iter().map(String::as_str).collect();
        let mut one = run(&words).ending(FAILED).where_("KEYWAY_KEY", &subject.master_key);
        one.environment.retain(|(name, _)| ["KEYWAY_KEY", "KEYWAY_TENANT"].contains(&name.as_str()));
        all.push(one);
    }
    // And one there, under a key that a variable holds.
    for words in [
        ["vault", "init"].as_slice(),
        &["vault", "status", "--json"],
        &["vault", "rotate-key"],
        &["vault", "verify"],
    ] {
        let mut one = run(words).where_("KEYWAY_KEY", &subject.master_key);
        if words[1] == "rotate-key" {
            // A variable cannot be written to.
            one = one.ending(FAILED);
        }
        one.environment.retain(|(name, _)| name == "KEYWAY_KEY");
        all.push(one);
    }
    // What is asked of it is a value's text as much as any.
    let found = Value::from(subject.secret()).to_string();
    all.push(Situation {
        values: found,
        ..run(&["vault", "import", "-"]).ending(FAILED).under(Circumstance::Stdin)
    });
    all.into_iter().map(|one| one.told_of(subject, "without")).collect()
}

fn mask(subject: &Subject, text: &str) -> String {
    [subject.secret(), &subject.password, &subject.master_key]
        .into_iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
}
