//! The rules of the conformance suite. Each is a function that panics with what is wrong.
//!
//! Cases follow what a descriptor and its fixtures declare, never a provider's name.
#![expect(clippy::missing_panics_doc, reason = "a rule is a test: it panics when it does not hold")]

use std::time::UNIX_EPOCH;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use keyway_core::{Account, Answer, BodyAccess, Credential, Field, Verdict};

use crate::{Player, Subject, message::Message, player::now};

/// The rules' names, in order.
pub const NAMES: &[&str] = &[
    "id_package_and_folder_are_one_name",
    "docs_and_guide_help_a_person",
    "secrets_are_flagged",
    "logo_is_small_and_inert",
    "fixtures_cover_every_kind_of_answer",
    "every_key_of_the_fixtures_is_accepted",
    "good_keys_fit_their_shape",
    "the_check_sends_what_the_fixtures_say",
    "every_fixture_has_its_verdict",
    "calls_arrive_as_the_fixtures_say",
    "secrets_go_where_the_fixtures_say_and_nowhere_else",
    "foreign_origins_are_refused",
    "refused_requests_are_as_they_were",
    "what_the_caller_sent_in_place_of_the_key_is_replaced",
    "nothing_shows_a_secret",
];

/// The id names the folder and the package.
pub fn id_package_and_folder_are_one_name(subject: &Subject) {
    let id = subject.descriptor().id().as_str();
    assert_eq!(subject.folder(), id, "the folder is named by the id");
    assert_eq!(
        subject.registration().package,
        format!("keyway-{}", id.replace('_', "-")),
        "the package is keyway-<id>"
    );
}

/// A person finds documentation, the place where keys are made, and the step that shows each secret.
pub fn docs_and_guide_help_a_person(subject: &Subject) {
    let descriptor = subject.descriptor();
    assert!(descriptor.links().keys.is_some(), "say with `links.keys` where keys are made and revoked");
    assert!(!descriptor.summary().is_empty());
    for method in descriptor.methods() {
        assert!(method.guide().steps().len() >= 2, "give the guide of `{}` at least two steps", method.id());
        for field in method.fields().iter().filter(|field| field.is_secret()) {
            assert!(
                field.step().is_some(),
                "say with `step` in which step of the guide a person sees `{}`",
                field.id()
            );
            assert!(
                field.help().is_some() || field.shape().is_some(),
                "give `{}` a `help` or a `shape`",
                field.id()
            );
        }
    }
}

/// Every method has a secret, and the fixtures speak of each.
pub fn secrets_are_flagged(subject: &Subject) {
    for method in subject.descriptor().methods() {
        assert!(
            method.fields().iter().any(Field::is_secret),
            "the method `{}` asks for no secret",
            method.id()
        );
    }
    let secret: Vec<&str> = subject
        .method()
        .fields()
        .iter()
        .filter(|field| field.is_secret())
        .map(|field| field.id().as_str())
        .collect();
    let told: Vec<&str> = subject.fixtures().secrets().keys().map(String::as_str).collect();
    let sorted = |mut list: Vec<&str>| {
        list.sort_unstable();
        list.join(", ")
    };
    assert_eq!(sorted(told), sorted(secret), "`secrets` in the fixtures names every secret field");
}

/// The logo is an SVG without script, links or other people's resources.
pub fn logo_is_small_and_inert(subject: &Subject) {
    let logo = subject.registration().logo;
    assert!(logo.trim_start().starts_with("<svg"), "logo.svg begins with <svg");
    assert!(logo.len() <= 16 * 1024, "logo.svg has at most 16 KiB");
    let lower = logo.to_ascii_lowercase();
    for word in
        ["<script", "href", "<foreignobject", "<style", "@import", "url(", "<!entity", " on", "<image"]
    {
        assert!(!lower.contains(word), "logo.svg holds `{word}`");
    }
}

/// 200, 401, 403, 404, 429, a server error, HTML, and silence.
pub fn fixtures_cover_every_kind_of_answer(subject: &Subject) {
    let checks = subject.fixtures().checks();
    let answers: Vec<Option<Answer>> = checks.iter().map(|check| check.answer(UNIX_EPOCH)).collect();
    let given = || answers.iter().flatten();
    let missing: Vec<u16> = [200, 401, 403, 404, 429]
        .into_iter()
        .filter(|status| !given().any(|answer| answer.status() == *status))
        .collect();
    assert!(missing.is_empty(), "no check is answered {missing:?}");
    assert!(given().any(|answer| answer.status().as_u16() >= 500), "no check is answered by a server error");
    let html = given().any(|answer| {
        answer.status() == 200
            && answer.header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"))
    });
    assert!(html, "no check is answered by HTML with status 200");
    assert!(answers.iter().any(Option::is_none), "no check is without an answer");
    assert!(!subject.fixtures().calls().is_empty(), "no call shows what a good key is for");
    let documented = checks.iter().any(crate::Check::is_documented)
        || subject.fixtures().calls().iter().any(crate::Call::is_documented);
    assert!(documented, "every answer is inferred: name at least one source");
    let mut keys: Vec<_> = checks.iter().map(crate::Check::values).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(
        keys.len(),
        checks.len(),
        "two checks have the same key: a stand-in could not tell them apart"
    );
}

/// The fixtures' keys are keys.
pub fn every_key_of_the_fixtures_is_accepted(subject: &Subject) {
    for check in subject.fixtures().checks() {
        subject.credential(check);
        for value in check.values().values() {
            let spaced = format!(" \t{value}\u{a0}\n");
            let submission =
                check.values().iter().fold(keyway_core::Submission::new(), |submission, (field, own)| {
                    submission.with(field, if own == value { &spaced } else { own })
                });
            let accepted = subject.entry().accept(subject.method(), &submission);
            let credential =
                accepted.unwrap_or_else(|refused| panic!("white space around a value: {refused}")).credential;
            let expected =
                Message::from(&subject.credential(check).check_request().expect("a request")).text();
            let trimmed = Message::from(&credential.check_request().expect("a request")).text();
            assert_eq!(trimmed, expected, "white space around a value is removed");
        }
    }
}

/// A good key is one that nothing is said about.
pub fn good_keys_fit_their_shape(subject: &Subject) {
    for check in subject.fixtures().checks().iter().filter(|check| check.account().is_some()) {
        let accepted =
            subject.entry().accept(subject.method(), &check.submission()).expect("the key is accepted");
        assert!(
            accepted.warnings.is_empty(),
            "the key of `{}` is warned about: {:?}",
            check.name(),
            accepted.warnings
        );
    }
}

/// The whole request of the live check, header by header.
pub fn the_check_sends_what_the_fixtures_say(subject: &Subject) {
    for check in subject.fixtures().checks() {
        let request = subject.credential(check).check_request().expect("the check's request is authorised");
        assert_eq!(
            Message::from(&request).text(),
            check.request().text(),
            "the request of `{}`",
            check.name()
        );
    }
}

/// Every fixture, through `Provider::validate`.
pub fn every_fixture_has_its_verdict(subject: &Subject) {
    for check in subject.fixtures().checks() {
        let credential = subject.credential(check);
        let player = Player::new(check);
        let verdict = now(credential.provider().validate(&credential, &player));
        let name = check.name();
        if let Some(difference) = player.difference() {
            panic!("`{name}`: {difference}");
        }
        assert_eq!(verdict.kind(), check.verdict(), "`{name}`: {verdict:?}");
        let account = verdict.account().map(|account| (account.id(), account.label()));
        assert_eq!(account, check.account(), "`{name}`: the account");
        if let Some(group) = check.group() {
            let found = verdict.account().and_then(Account::group);
            assert_eq!(found, Some(group), "`{name}`: the group of the account");
        }
        if let Some(wait) = check.retry_after() {
            assert_eq!(verdict.retry_after(), Some(wait), "`{name}`: how long to wait");
        }
    }
}

/// What a caller sends, and what arrives at the provider: the whole of it.
pub fn calls_arrive_as_the_fixtures_say(subject: &Subject) {
    let good = subject.good();
    let credential = subject.credential(good);
    for call in subject.fixtures().calls() {
        let request = call.request(&credential).expect("a path");
        let arrived = credential.authorize_request(request).expect("the request is authorised");
        let expected = call.arrives.fill(good.values());
        assert_eq!(Message::from(&arrived).text(), expected.text(), "the call `{}`", call.name());
    }
}

/// A sentinel run: each secret is found where the fixtures say, and in no other place of the request.
pub fn secrets_go_where_the_fixtures_say_and_nowhere_else(subject: &Subject) {
    let good = subject.good();
    let credential = subject.credential(good);
    for method in [Method::GET, Method::POST] {
        let request = credential.request(method, "/path?a=b", Bytes::from_static(b"{}")).expect("a path");
        let request = credential.authorize_request(request).expect("the request is authorised");
        for (field, places) in subject.fixtures().secrets() {
            let mut places = places.clone();
            places.sort();
            assert_eq!(whereabouts(&request, &good.values()[field]), places, "where `{field}` goes");
        }
        for value in request.headers().values().filter(|value| holds_secret(value, subject)) {
            assert!(value.is_sensitive(), "a header that holds a secret is marked sensitive");
        }
    }
}

fn holds_secret(value: &HeaderValue, subject: &Subject) -> bool {
    let good = subject.good();
    subject.fixtures().secrets().keys().any(|field| contains(value.as_bytes(), &good.values()[field]))
}

/// Where a value stands in a request, plain or in Base64 (HTTP Basic).
fn whereabouts(request: &Request<Bytes>, value: &str) -> Vec<String> {
    let mut places = Vec::new();
    for (name, header) in request.headers() {
        if name == header::COOKIE {
            for pair in header
                .to_str()
                .unwrap_or_default()
                .split("; ")
                .filter(|pair| contains(pair.as_bytes(), value))
            {
                places.push(format!("cookie {}", pair.split('=').next().unwrap_or_default()));
            }
        } else if contains(header.as_bytes(), value) {
            places.push(format!("header {name}"));
        } else if let Some(pair) = header.as_bytes().strip_prefix(b"Basic ")
            && contains(&STANDARD.decode(pair).unwrap_or_default(), value)
        {
            places.push(format!("basic {name}"));
        }
    }
    for pair in request.uri().query().unwrap_or_default().split('&') {
        let decoded = percent_encoding::percent_decode_str(pair).decode_utf8_lossy();
        if decoded.contains(value) {
            places.push(format!("query {}", pair.split('=').next().unwrap_or_default()));
        }
    }
    if contains(request.uri().path().as_bytes(), value) {
        places.push("path".into());
    }
    if contains(request.body(), value) {
        places.push("body".into());
    }
    places.sort();
    places
}

fn contains(bytes: &[u8], value: &str) -> bool {
    bytes.windows(value.len().max(1)).any(|window| window == value.as_bytes())
}

/// Other hosts, ports, schemes, and names that look alike: nothing is placed.
pub fn foreign_origins_are_refused(subject: &Subject) {
    let credential = subject.credential(subject.good());
    for uri in foreign(&credential) {
        let mut parts = bare(&uri);
        assert!(credential.authorize(&mut parts, BodyAccess::Empty).is_err(), "{uri} is none of the origins");
        assert!(parts.headers.is_empty(), "nothing is placed for {uri}");
    }
}

fn foreign(credential: &Credential) -> Vec<String> {
    let own = credential.origins()[0].to_string();
    let host = credential.origins()[0].host().to_owned();
    vec![
        "https://attacker.example/".into(),
        format!("http://{host}/"),
        format!("https://{host}.attacker.example/"),
        format!("https://{host}:8443/"),
        format!("https://{host}./"),
        format!("https://sub.{host}/"),
        format!("https://user@{host}/"),
        format!("{own}.evil/"),
        "/relative".into(),
    ]
}

fn bare(uri: &str) -> http::request::Parts {
    let mut request = Request::new(());
    *request.uri_mut() = uri.parse().expect("a URI");
    request.into_parts().0
}

/// An error leaves the request as it was.
pub fn refused_requests_are_as_they_were(subject: &Subject) {
    let credential = subject.credential(subject.good());
    for uri in foreign(&credential) {
        let mut parts = bare(&uri);
        parts.headers.insert(header::AUTHORIZATION, HeaderValue::from_static("the caller's own"));
        parts.headers.append(header::ACCEPT, HeaderValue::from_static("*/*"));
        let before = (parts.uri.clone(), parts.headers.clone());
        assert!(credential.authorize(&mut parts, BodyAccess::Opaque).is_err());
        assert_eq!((parts.uri, parts.headers), before, "{uri}");
    }
}

/// The caller can neither keep nor override what the method sets.
pub fn what_the_caller_sent_in_place_of_the_key_is_replaced(subject: &Subject) {
    let credential = subject.credential(subject.good());
    let plain = authorized(&credential, |_| {});
    let hostile = authorized(&credential, |parts| {
        for name in plain.headers().keys().filter(|name| plain.headers()[*name].is_sensitive()) {
            parts.headers.append(name, HeaderValue::from_static("first of the caller"));
            parts.headers.append(name, HeaderValue::from_static("second of the caller"));
        }
        parts.headers.append(header::AUTHORIZATION, HeaderValue::from_static("Basic b2Y6Y2FsbGVy"));
        parts.headers.append(header::PROXY_AUTHORIZATION, HeaderValue::from_static("Basic b2Y6Y2FsbGVy"));
        let query: Vec<String> = plain
            .uri()
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split('=').next())
            .filter(|name| !name.is_empty())
            .map(|name| format!("{name}=of-the-caller"))
            .collect();
        if !query.is_empty() {
            parts.uri = format!("{}?{}", parts.uri, query.join("&")).parse().expect("a URI");
        }
    });
    assert_eq!(Message::from(&hostile).text(), Message::from(&plain).text());
}

fn authorized(credential: &Credential, change: impl FnOnce(&mut http::request::Parts)) -> Request<Bytes> {
    let mut parts = bare(&format!("{}/path", credential.origins()[0]));
    change(&mut parts);
    credential.authorize(&mut parts, BodyAccess::Empty).expect("the request is authorised");
    Request::from_parts(parts, Bytes::new())
}

/// No error, no `Debug`, no verdict shows a secret.
pub fn nothing_shows_a_secret(subject: &Subject) {
    for check in subject.fixtures().checks() {
        let credential = subject.credential(check);
        let request = credential.check_request().expect("a request");
        let refused = credential.authorize(&mut bare("https://attacker.example/"), BodyAccess::Empty);
        let verdict: Verdict = now(credential.provider().validate(&credential, &Player::new(check)));
        let submission = check.submission().with("no_such_field", "x");
        let problems = subject.entry().accept(subject.method(), &submission).map(|_| ());
        let shown = format!(
            "{credential:?} {:?} {refused:?} {verdict:?} {submission:?} {problems:?} {:?}",
            request.headers(),
            credential.provider(),
        );
        for field in subject.fixtures().secrets().keys() {
            assert!(
                !shown.contains(&check.values()[field]),
                "a secret is shown: {}",
                shown.replace(&check.values()[field], "<it>")
            );
        }
    }
}
