//! What a gateway asks of a method: where its secrets stand in requests, and how many requests go at
//! once, and what answers say of limits.

mod common;

use std::time::{Duration, SystemTime};

use common::{REGISTRY, submission};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use keyway_core::{Descriptor, Place};

/// A secret value between texts, and a header with nothing secret in it.
const ONE_HEADER_OF_TWO: &str = r#"
version: 1
id: acme
name: Acme
summary: It exists in tests only.
links: { docs: https://acme.example/docs }
seen_live: never
api: { origin: https://api.acme.example, concurrency: 3 }
methods:
  key:
    label: Key
    guide: [Copy the key.]
    fields: { site: { label: Site, secret: false }, key: { label: Key } }
    authorize: { headers: { x-site: "{site}", authorization: "Key {site}/{key}; v=1" } }
    check:
      request: GET /me
      valid: { status: 200, body: { /id: { exists: true } } }
      account: { id: /id, label: ["{/id}"] }
"#;

#[test]
fn the_places_of_secrets_are_told_and_those_of_other_values_are_not() {
    let (authorization, app_key) = (http::header::AUTHORIZATION, HeaderName::from_static("x-acme-app-key"));
    let zsessionid = HeaderName::from_static("zsessionid");
    let header = |name, before| Place::Header { name, before, after: "" };
    for (method, expected) in [
        ("rootly/api_key", vec![header(&authorization, "Bearer ")]),
        ("rally/api_key", vec![header(&zsessionid, "")]),
        ("acme/token", vec![header(&authorization, "Token token="), header(&app_key, "")]),
        ("acme/basic", vec![Place::Basic]),
        ("acme/query", vec![Place::Query { name: "api_key" }, Place::Query { name: "sign" }]),
        ("acme/cookie", vec![Place::Cookie { name: "sid" }]),
    ] {
        let (provider, id) = method.split_once('/').expect("provider/method");
        let (_, method) = REGISTRY.method(provider, Some(id)).expect("it is known");
        assert_eq!(method.places().collect::<Vec<_>>(), expected, "{provider}/{id}");
    }
    let descriptor = Descriptor::parse("acme.yaml", ONE_HEADER_OF_TWO).expect("a descriptor");
    let places: Vec<_> = descriptor.methods()[0].places().collect();
    assert_eq!(places, [Place::Header { name: &authorization, before: "Key ", after: "; v=1" }]);
    assert_eq!(descriptor.methods()[0].concurrency(), Some(3));
    let concurrency = |provider| REGISTRY.method(provider, None).expect("it is known").1.concurrency();
    assert_eq!(concurrency("rally"), Some(12));
    assert_eq!(concurrency("rootly"), None);
}

#[test]
fn a_head_is_read_and_written_as_the_provider_has_it() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let credential = |provider| {
        let accepted = REGISTRY.accept(provider, None, &submission(&[("api_key", "_made-up-key")]));
        accepted.expect("it is accepted").credential
    };
    let used_up: HeaderMap =
        [("x-ratelimit-limit", "1000"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1700000060")]
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .into_iter()
            .collect();
    for (provider, wait) in [("rootly", Some(Duration::from_secs(60))), ("rally", None)] {
        let credential = credential(provider);
        assert_eq!(credential.must_wait(StatusCode::OK, &used_up, now), wait, "{provider}");
        let mut written = HeaderMap::new();
        let limits = credential.limits(&used_up, now);
        credential.method().rate_headers().write(&limits, now, &mut written);
        assert_eq!(written, if wait.is_some() { used_up.clone() } else { HeaderMap::new() }, "{provider}");
    }
}
