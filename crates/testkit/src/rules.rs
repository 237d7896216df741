//! The rules of the conformance suite. Each is a function that says what is wrong, where something is.
//!
//! Cases follow what a descriptor and its fixtures declare, never a provider's name.
#![expect(clippy::missing_errors_doc, reason = "a rule is a test: its error says what does not hold")]

use std::time::UNIX_EPOCH;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use keyway_core::{Answer, BodyAccess, Credential, Field, Submission};

use crate::{
    Check, Player, Subject,
    message::Message,
    player::{difference, now},
};

/// A rule of the suite: `Err` says what does not hold.
pub type Rule = fn(&Subject) -> Result<(), String>;

/// The rules, in order, by name.
pub const ALL: &[(&str, Rule)] = &[
    ("id_package_and_folder_are_one_name", id_package_and_folder_are_one_name),
    ("docs_and_guide_help_a_person", docs_and_guide_help_a_person),
    ("secrets_are_flagged", secrets_are_flagged),
    ("logo_is_small_and_inert", logo_is_small_and_inert),
    ("fixtures_cover_every_kind_of_answer", fixtures_cover_every_kind_of_answer),
    ("every_key_of_the_fixtures_is_accepted", every_key_of_the_fixtures_is_accepted),
    ("good_keys_fit_their_shape", good_keys_fit_their_shape),
    ("the_check_sends_what_the_fixtures_say", the_check_sends_what_the_fixtures_say),
    ("every_fixture_has_its_verdict", every_fixture_has_its_verdict),
    ("calls_arrive_as_the_fixtures_say", calls_arrive_as_the_fixtures_say),
    (
        "secrets_go_where_the_fixtures_say_and_nowhere_else",
        secrets_go_where_the_fixtures_say_and_nowhere_else,
    ),
    ("foreign_origins_are_refused", foreign_origins_are_refused),
    ("refused_requests_are_as_they_were", refused_requests_are_as_they_were),
    (
        "what_the_caller_sent_in_place_of_the_key_is_replaced",
        what_the_caller_sent_in_place_of_the_key_is_replaced,
    ),
    ("nothing_shows_a_secret", nothing_shows_a_secret),
];

/// Ends a rule that does not hold.
macro_rules! want {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return Err(format!($($why)+));
        }
    };
}

/// The id names the folder and the package. A provider that is no crate has neither.
pub fn id_package_and_folder_are_one_name(subject: &Subject) -> Result<(), String> {
    let Some((package, folder)) = subject.package() else { return Ok(()) };
    let id = subject.descriptor().id().as_str();
    want!(folder == id, "the folder is `{folder}`; name it by the id, `{id}`");
    let wanted = format!("keyway-{}", id.replace('_', "-"));
    want!(package == wanted, "the package is `{package}`; name it `{wanted}`");
    Ok(())
}

/// A person finds documentation, the place where keys are made, and the step that shows each secret.
pub fn docs_and_guide_help_a_person(subject: &Subject) -> Result<(), String> {
    let descriptor = subject.descriptor();
    want!(descriptor.links().keys.is_some(), "say with `links.keys` where keys are made and revoked");
    want!(!descriptor.summary().is_empty(), "say in `summary` what the service is");
    for method in descriptor.methods() {
        want!(method.guide().steps().len() >= 2, "give the guide of `{}` at least two steps", method.id());
        for field in method.fields().iter().filter(|field| field.is_secret()) {
            let id = field.id();
            want!(field.step().is_some(), "say with `step` in which step of the guide a person sees `{id}`");
            want!(field.help().is_some() || field.shape().is_some(), "give `{id}` a `help` or a `shape`");
        }
    }
    Ok(())
}

/// Every method has a secret, and the fixtures speak of each.
pub fn secrets_are_flagged(subject: &Subject) -> Result<(), String> {
    for method in subject.descriptor().methods() {
        let asks = method.fields().iter().any(Field::is_secret);
        want!(asks, "the method `{}` asks for no secret", method.id());
    }
    let fields = subject.method().fields().iter();
    let secret = fields.filter(|field| field.is_secret()).map(|field| field.id().as_str()).collect();
    let told: Vec<&str> = subject.fixtures().secrets().keys().map(String::as_str).collect();
    let sorted = |mut list: Vec<&str>| {
        list.sort_unstable();
        list.join(", ")
    };
    let (told, secret) = (sorted(told), sorted(secret));
    want!(told == secret, "`secrets` in the fixtures names `{told}`; the secret fields are `{secret}`");
    Ok(())
}

/// The logo is an SVG without script, links or other people's resources. A provider that is no crate may have none.
pub fn logo_is_small_and_inert(subject: &Subject) -> Result<(), String> {
    subject.entry().logo().map_or(Ok(()), inert_logo)
}

/// The text of a logo.svg is that of a small picture which runs and loads nothing.
pub fn inert_logo(logo: &str) -> Result<(), String> {
    want!(logo.trim_start().starts_with("<svg"), "logo.svg begins with something else than <svg");
    want!(logo.len() <= 16 * 1024, "logo.svg has more than 16 KiB");
    let lower = logo.to_ascii_lowercase();
    for word in
        ["<script", "href", "<foreignobject", "<style", "@import", "url(", "<!entity", " on", "<image"]
    {
        want!(!lower.contains(word), "logo.svg holds `{word}`");
    }
    Ok(())
}

/// 200, 401, 403, 404, 429, a server error, HTML, and silence.
pub fn fixtures_cover_every_kind_of_answer(subject: &Subject) -> Result<(), String> {
    let checks = subject.fixtures().checks();
    let answers: Vec<Option<Answer>> = checks.iter().map(|check| check.answer(UNIX_EPOCH)).collect();
    let given = || answers.iter().flatten();
    let mut missing: Vec<String> = [200, 401, 403, 404, 429]
        .into_iter()
        .filter(|status| !given().any(|answer| answer.status() == *status))
        .map(|status| status.to_string())
        .collect();
    if !given().any(|answer| answer.status().as_u16() >= 500) {
        missing.push("a server error".to_owned());
    }
    let html = given().any(|answer| {
        answer.status() == 200
            && answer.header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"))
    });
    if !html {
        missing.push("HTML with status 200".to_owned());
    }
    if !answers.iter().any(Option::is_none) {
        missing.push("silence".to_owned());
    }
    want!(missing.is_empty(), "no check is answered by {}", missing.join(", "));
    want!(!subject.fixtures().calls().is_empty(), "no call shows what a good key is for");
    let documented = checks.iter().any(crate::Check::is_documented)
        || subject.fixtures().calls().iter().any(crate::Call::is_documented);
    want!(documented, "every answer is inferred: name at least one source");
    for (index, check) in checks.iter().enumerate() {
        if let Some(other) = checks[..index].iter().find(|other| other.values() == check.values()) {
            let (name, other) = (check.name(), other.name());
            return Err(format!("`{other}` and `{name}` have one key: a stand-in could not tell them apart"));
        }
    }
    Ok(())
}

/// The fixtures' keys are keys.
pub fn every_key_of_the_fixtures_is_accepted(subject: &Subject) -> Result<(), String> {
    for check in subject.fixtures().checks() {
        let plain = text(&request(&subject.credential(check)?)?);
        for value in check.values().values() {
            let spaced = format!(" \t{value}\u{a0}\n");
            let submission = check.values().iter().fold(Submission::new(), |submission, (field, own)| {
                submission.with(field, if own == value { &spaced } else { own })
            });
            let accepted = subject.entry().accept(subject.method(), &submission);
            let accepted = accepted.map_err(|refused| format!("white space around a value: {refused}"))?;
            want!(text(&request(&accepted.credential)?) == plain, "white space around a value is sent along");
        }
    }
    Ok(())
}

/// A good key is one that nothing is said about.
pub fn good_keys_fit_their_shape(subject: &Subject) -> Result<(), String> {
    for check in subject.fixtures().checks().iter().filter(|check| check.account().is_some()) {
        let accepted = subject.entry().accept(subject.method(), &check.submission());
        let warnings = accepted.map_err(|refused| refused.to_string())?.warnings;
        let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        want!(said.is_empty(), "the key of `{}` is warned about: {}", check.name(), said.join("; "));
    }
    Ok(())
}

/// The whole request of the live check, header by header.
pub fn the_check_sends_what_the_fixtures_say(subject: &Subject) -> Result<(), String> {
    for check in subject.fixtures().checks() {
        let sent = text(&request(&subject.credential(check)?)?);
        same(&format!("the request of `{}`", check.name()), &check.request().text(), &sent)?;
    }
    Ok(())
}

/// Every fixture, through `Provider::validate`.
pub fn every_fixture_has_its_verdict(subject: &Subject) -> Result<(), String> {
    // It would be the same for each of them.
    the_check_sends_what_the_fixtures_say(subject)?;
    let checks = subject.fixtures().checks().iter();
    let faults = checks.filter_map(|check| check.play(subject.entry(), subject.method()).err());
    let faults: Vec<String> = faults.collect();
    want!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

/// What a caller sends, and what arrives at the provider: the whole of it.
pub fn calls_arrive_as_the_fixtures_say(subject: &Subject) -> Result<(), String> {
    let (good, credential) = subject.good()?;
    for call in subject.fixtures().calls() {
        let named = |why: keyway_core::Error| format!("the call `{}`: {why}", call.name());
        let arrived = call.request(&credential).and_then(|request| credential.authorize_request(request));
        let arrived = text(&arrived.map_err(named)?);
        same(&format!("the call `{}`", call.name()), &call.arrives.fill(good.values()).text(), &arrived)?;
    }
    Ok(())
}

/// A sentinel run: each secret is found where the fixtures say, and in no other place of the request.
pub fn secrets_go_where_the_fixtures_say_and_nowhere_else(subject: &Subject) -> Result<(), String> {
    let (good, credential) = subject.good()?;
    for method in [Method::GET, Method::POST] {
        let request = credential.request(method, "/path?a=b", Bytes::from_static(b"{}"));
        let request = request.and_then(|request| credential.authorize_request(request));
        let request = request.map_err(|error| error.to_string())?;
        for (field, places) in subject.fixtures().secrets() {
            let Some(value) = good.values().get(field) else {
                return Err(format!("the key of `{}` has no `{field}`", good.name()));
            };
            let mut places = places.clone();
            places.sort();
            let (found, told) = (whereabouts(&request, value).join(", "), places.join(", "));
            want!(found == told, "`{field}` goes to `{found}`, and the fixtures say `{told}`");
        }
        for value in request.headers().values().filter(|value| holds_secret(value, subject, good)) {
            want!(value.is_sensitive(), "a header that holds a secret is not marked sensitive");
        }
    }
    Ok(())
}

fn request(credential: &Credential) -> Result<Request<Bytes>, String> {
    credential.check_request().map_err(|error| format!("the check's request is not authorised: {error}"))
}

fn text(request: &Request<Bytes>) -> String {
    Message::from(request).text()
}

/// Says what two requests are, where they differ.
fn same(what: &str, wanted: &str, came: &str) -> Result<(), String> {
    want!(wanted == came, "{what}: {}", difference(wanted, came));
    Ok(())
}

fn holds_secret(value: &HeaderValue, subject: &Subject, good: &Check) -> bool {
    let mut secrets = subject.fixtures().secrets().keys().filter_map(|field| good.values().get(field));
    secrets.any(|secret| contains(value.as_bytes(), secret))
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
pub fn foreign_origins_are_refused(subject: &Subject) -> Result<(), String> {
    let (_, credential) = subject.good()?;
    for uri in foreign(&credential) {
        let mut parts = bare(&uri)?;
        let is_refused = credential.authorize(&mut parts, BodyAccess::Empty).is_err();
        want!(is_refused, "{uri} is none of the origins, and is authorised");
        want!(parts.headers.is_empty(), "something is placed for {uri}");
    }
    Ok(())
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

fn bare(uri: &str) -> Result<http::request::Parts, String> {
    let mut request = Request::new(());
    *request.uri_mut() = uri.parse().map_err(|_| format!("{uri} is no URI"))?;
    Ok(request.into_parts().0)
}

/// An error leaves the request as it was.
pub fn refused_requests_are_as_they_were(subject: &Subject) -> Result<(), String> {
    let (_, credential) = subject.good()?;
    for uri in foreign(&credential) {
        let mut parts = bare(&uri)?;
        parts.headers.insert(header::AUTHORIZATION, HeaderValue::from_static("the caller's own"));
        parts.headers.append(header::ACCEPT, HeaderValue::from_static("*/*"));
        let before = (parts.uri.clone(), parts.headers.clone());
        want!(credential.authorize(&mut parts, BodyAccess::Opaque).is_err(), "{uri} is authorised");
        want!((parts.uri, parts.headers) == before, "the request to {uri} is refused, and changed");
    }
    Ok(())
}

/// The caller can neither keep nor override what the method sets.
pub fn what_the_caller_sent_in_place_of_the_key_is_replaced(subject: &Subject) -> Result<(), String> {
    let (_, credential) = subject.good()?;
    let plain = authorized(&credential, |_| Ok(()))?;
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
            parts.uri = bare(&format!("{}?{}", parts.uri, query.join("&")))?.uri;
        }
        Ok(())
    })?;
    same("a request with something of the caller's in the key's place", &text(&plain), &text(&hostile))
}

fn authorized(
    credential: &Credential,
    change: impl FnOnce(&mut http::request::Parts) -> Result<(), String>,
) -> Result<Request<Bytes>, String> {
    let mut parts = bare(&format!("{}/path", credential.origins()[0]))?;
    change(&mut parts)?;
    credential.authorize(&mut parts, BodyAccess::Empty).map_err(|error| error.to_string())?;
    Ok(Request::from_parts(parts, Bytes::new()))
}

/// No error, no `Debug`, no verdict shows a secret.
pub fn nothing_shows_a_secret(subject: &Subject) -> Result<(), String> {
    for check in subject.fixtures().checks() {
        let credential = subject.credential(check)?;
        let request = request(&credential)?;
        let refused = credential.authorize(&mut bare("https://attacker.example/")?, BodyAccess::Empty);
        let verdict = now(credential.provider().validate(&credential, &Player::new(check)));
        let submission = check.submission().with("no_such_field", "x");
        let problems = subject.entry().accept(subject.method(), &submission).map(|_| ());
        let shown = format!(
            "{credential:?} {:?} {refused:?} {verdict:?} {submission:?} {problems:?} {:?}",
            request.headers(),
            credential.provider(),
        );
        for secret in subject.fixtures().secrets().keys().filter_map(|field| check.values().get(field)) {
            want!(!shown.contains(secret), "a secret is shown: {}", shown.replace(secret, "<it>"));
        }
    }
    Ok(())
}
