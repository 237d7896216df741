//! Placements that neither Rootly nor Rally uses: query parameters, cookies, and HTTP Basic with two fields.

use keyway_testkit::{Subject, rules};

use crate::acme::{DESCRIPTOR, FIXTURES, registration};

/// Runs the whole suite over the sample provider with these changes to its descriptor and its fixtures.
#[track_caller]
fn holds(descriptor: &[(&str, &str)], fixtures: &[(&str, &str)]) {
    let change = |text: &str, changes: &[(&str, &str)]| {
        changes.iter().fold(text.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "`{from}` is not there to be changed");
            text.replace(from, to)
        })
    };
    let registration = registration(&change(DESCRIPTOR, descriptor), &change(FIXTURES, fixtures));
    let subjects = Subject::all(registration, "acme");
    for (name, rule) in rules::ALL {
        assert_eq!(subjects.iter().try_for_each(rule), Ok(()), "{name}");
    }
}

#[test]
fn a_key_in_the_query() {
    holds(
        &[("headers: { x-api-key: \"{api_key}\" }", "query: { api_key: \"{api_key}\" }")],
        &[
            ("[header x-api-key]", "[query api_key]"),
            ("acme.example/me\n", "acme.example/me?api_key={api_key}\n"),
            ("      x-api-key: {api_key}\n    checks", "    checks"),
            (
                "acme.example/rockets?key=x\n          x-api-key: {api_key}",
                "acme.example/rockets?key=x&api_key={api_key}",
            ),
        ],
    );
}

#[test]
fn a_key_in_a_cookie() {
    holds(
        &[("headers: { x-api-key: \"{api_key}\" }", "cookies: { session: \"{api_key}\" }")],
        &[("[header x-api-key]", "[cookie session]"), ("x-api-key: {api_key}", "cookie: session={api_key}")],
    );
}

#[test]
fn a_user_and_a_key_as_http_basic() {
    holds(
        &[
            ("fields:\n", "fields:\n      email: { label: Email, secret: false }\n"),
            (
                "headers: { x-api-key: \"{api_key}\" }",
                "basic: { user: \"{email}/token\", password: \"{api_key}\" }",
            ),
        ],
        &[
            ("values: { api_key", "values: { email: ada@acme.example, api_key"),
            ("[header x-api-key]", "[basic authorization]"),
            ("x-api-key: {api_key}", "authorization: Basic base64({email}/token:{api_key})"),
        ],
    );
}
