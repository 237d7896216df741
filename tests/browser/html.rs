//! The HTML forms.

use keyway::{
    Accepted, Code, Registry, Submission,
    form::{FORM_JS, Form, terminal::sentence},
};
use serde_json::{Value, json};

use crate::{hostile, run, states};

const EVERY: &str = include_str!("../../crates/form/tests/html/every.yaml");

/// A form of every kind of input: empty, with an error at each, at one, and with a warning.
fn every() -> [(&'static str, String); 4] {
    let registry = Registry::from_descriptors([("every.yaml", EVERY)]).unwrap();
    let (entry, method) = registry.method("every", None).unwrap();
    let form = || Form::new(entry.descriptor(), method);
    let wrong =
        method.fields().iter().fold(Submission::new(), |all, field| all.with(field.id().as_str(), "\u{1}"));
    let one = Submission::new()
        .with("site", "acme")
        .with("region", "eu")
        .with("user", "made-up")
        .with("api_key", "two words");
    let odd = Submission::new()
        .with("site", "acme")
        .with("region", "eu")
        .with("user", "a@b")
        .with("note", "two\nlines")
        .with("api_key", "madeUp0");
    let Accepted { warnings, .. } = entry.accept(method, &odd).unwrap();
    [
        ("every_empty", form().html().action("/sent").hidden("csrf", "made-up-token").to_string()),
        (
            "every_errors",
            form()
                .refused(&wrong, &entry.accept(method, &wrong).unwrap_err())
                .html()
                .without_guide()
                .to_string(),
        ),
        ("every_error", form().refused(&one, &entry.accept(method, &one).unwrap_err()).html().to_string()),
        ("every_warnings", form().with_warnings(&warnings).with_values(&odd).html().to_string()),
    ]
}

/// What core says of values, where a hint says it too.
fn hints() -> Vec<Value> {
    let registry = Registry::from_descriptors([("every.yaml", EVERY)]).unwrap();
    let (entry, method) = registry.method("every", None).unwrap();
    let of_keys = [
        "ev_0123abcd",
        "",
        "   ",
        "ev_0123abc",
        "ev_0123abcde",
        "ev_0123abcD",
        "EV_0123abcd",
        "ev_",
        "0123abcd",
        "old_abcx",
        "old_abc",
        "Bearer ev_0123abcd",
        " bearer   ev_0123abcd ",
        "Bearer",
        "Bearer 'ev_0123abcd'",
        "\"ev_0123abcd\"",
        "“Bearer ev_0123abcd”",
        "<ev_0123abcd>",
        "`ev_0123abcd",
        "\u{a0}ev_0123abcd\u{2003}",
        "madeUp0",
        // What is refused of every secret.
        "curl -H 'Authorization: Bearer ev_0123abcd' https://every.example",
        "$ curl https://every.example",
        "> CURL.EXE x",
        "export KEY=ev_0123abcd",
        "curl",
        "curls ev_0123abcd",
        "-H x",
        "X-Key: ev_0123abcd",
        "X-Key:ev_0123abcd",
        "ev_0123 abcd",
        "ev_0123\u{2009}abcd",
        "🔑 ev_0123abcd",
        "********",
        "****abcd",
        "****abcde",
        "***abcd",
        "*",
        "•••• abcd",
        "[redacted]",
        "[Redacted]",
        "...",
        "ev_...",
        "ev_…",
        "ev_****abcd",
        "ev_****abcde",
        "ev_*",
        "YOUR_API_KEY",
        "ev_your-token",
        "your secret",
        "yourkey",
        "your_keys",
    ];
    let all = [("user", "a@b"), ("user", "ab")].into_iter().chain(of_keys.map(|value| ("api_key", value)));
    all.map(|(field, value)| {
        let submission = Submission::new().with(field, value);
        let problems = entry.accept(method, &submission).map(|_| unreachable!()).unwrap_err();
        let said: Vec<String> = problems
            .problems
            .iter()
            .chain(&problems.warnings)
            .filter(|problem| problem.field == field && problem.code != Code::Required)
            .map(|problem| sentence(&problem.message))
            .collect();
        json!({ "field": field, "value": value, "said": said.join(" ") })
    })
    .collect()
}

fn check(what: &str, forms: &[(String, String)]) {
    let pictures = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("browser");
    std::fs::create_dir_all(&pictures).unwrap();
    let forms: Vec<Value> = forms.iter().map(|(name, html)| json!({ "name": name, "html": html })).collect();
    let input = json!({
        "check": what, "script": FORM_JS, "pictures": pictures, "forms": forms, "hints": hints(),
    });
    run("html.mjs", &input.to_string());
}

#[test]
fn a_form_is_accessible_and_reaches_the_narrowest_screen() {
    let mut forms: Vec<_> = every().map(|(name, html)| (name.to_owned(), html)).into();
    for entry in Registry::linked().unwrap().entries() {
        for method in entry.descriptor().methods() {
            for state in states::states(method) {
                let name = format!("{}_{}_{}", entry.descriptor().id(), method.id(), state.name);
                forms.push((name, states::form(entry, method, &state).html().action("/sent").to_string()));
            }
        }
    }
    // Two on one page, as where a service has two methods.
    let two = |prefix| {
        let registry = Registry::linked().unwrap();
        let (entry, method) = registry.method("rally", None).unwrap();
        Form::new(entry.descriptor(), method).html().id_prefix(prefix).to_string()
    };
    forms.push(("two".into(), two("one-").replace("Connect Rally", "Connect one") + &two("other-")));
    check("accessible", &forms);
}

#[test]
fn a_form_is_filled_in_by_hand() {
    check("used", &every().map(|(name, html)| (name.to_owned(), html)));
}

#[test]
fn n63_a_hostile_descriptor_is_inert() {
    let draw = |(index, text): (usize, String)| {
        let prefix = format!("form-{index}-");
        let yaml = hostile::descriptor(&text);
        let registry = Registry::from_descriptors([("hostile.yaml", yaml.as_str())]).unwrap();
        let (entry, method) = registry.method("hostile", None).unwrap();
        let submission = Submission::new().with("key", "two words").with("lines", format!("x{text}"));
        let form = Form::new(entry.descriptor(), method);
        let form = form.refused(&submission, &entry.accept(method, &submission).unwrap_err());
        let html = form.html().id_prefix(&prefix).to_string();
        (text, html)
    };
    check("inert", &hostile::texts().enumerate().map(draw).collect::<Vec<_>>());
}
