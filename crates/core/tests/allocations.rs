//! Authorising allocates nothing where the request has room. Allocations are counted by thread, and from the very first
//! request: what a first use costs was paid at acceptance.

mod common;

use std::sync::Arc;

use allocation_counter::measure;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header, request::Parts};
use keyway_core::{BodyAccess, Credential, MaskStream};

use common::{REGISTRY, submission};

/// A provider, its method, what is submitted, and a request of its own.
struct Case {
    provider: &'static str,
    method: &'static str,
    values: &'static [(&'static str, &'static str)],
    uri: &'static str,
}

const ROOTLY: Case = Case {
    provider: "rootly",
    method: "api_key",
    values: &[("api_key", "rootly_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")],
    uri: "https://api.rootly.com/v1/incidents?page[size]=50&sort=-created_at",
};
const RALLY: Case = Case {
    provider: "rally",
    method: "api_key",
    values: &[("api_key", "_madeUpGood00000000000000000000000000000000")],
    uri: "https://rally1.rallydev.com/slm/webservice/v2.0/defect?fetch=Name&pagesize=20",
};
const BASIC: Case = Case {
    provider: "acme",
    method: "basic",
    values: &[("site", "a"), ("user", "somebody"), ("password", "made up")],
    uri: "https://a.acme.example/v1/me?page=2",
};
const COOKIE: Case = Case {
    provider: "acme",
    method: "cookie",
    values: &[("site", "a"), ("session", "made-up")],
    uri: "https://a.acme.example/v1/me?page=2",
};
const QUERY: Case = Case {
    provider: "acme",
    method: "query",
    values: &[("site", "a"), ("key", "made-up"), ("sign", "made up")],
    uri: "https://a.acme.example/v1/me?page=2",
};

impl Case {
    fn credential(&self) -> Credential {
        let accepted = REGISTRY.accept(self.provider, Some(self.method), &submission(self.values));
        accepted.unwrap_or_else(|error| panic!("{}: {error}", self.provider)).credential
    }

    fn request(&self, headers: HeaderMap) -> Parts {
        let (mut parts, ()) = Request::get(self.uri).body(()).expect("a request").into_parts();
        parts.headers = headers;
        parts
    }
}

/// What a caller may send that a method removes, replaces, or sets where it is missing.
const ALL: [&str; 10] = [
    "authorization",
    "proxy-authorization",
    "host",
    "cookie",
    "accept",
    "content-type",
    "zsessionid",
    "x-rallyintegrationname",
    "x-rallyintegrationvendor",
    "x-rallyintegrationversion",
];

fn with_room(names: &[&'static str]) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(32);
    headers.insert(header::USER_AGENT, HeaderValue::from_static("a test"));
    for name in names {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static("*/*"));
    }
    headers
}

#[track_caller]
fn allocations(credential: &Credential, parts: &mut Parts, body: BodyAccess<'_>) -> u64 {
    let mut done = Ok(());
    let counted = measure(|| done = credential.authorize(parts, body));
    done.expect("it is authorised");
    counted.count_total
}

#[test]
fn authorising_allocates_nothing_where_there_is_room() {
    // Acme keeps the caller's cookies: beside one of them, its own makes a new text.
    for (case, sent) in [
        (ROOTLY, &[][..]),
        (ROOTLY, &ALL),
        (RALLY, &[]),
        (RALLY, &ALL),
        (BASIC, &[]),
        (BASIC, &ALL),
        (COOKIE, &[]),
    ] {
        for body in [BodyAccess::Empty, BodyAccess::Opaque] {
            let credential = case.credential();
            let mut parts = case.request(with_room(sent));
            let what = format!("{} {}, {} headers, {body:?}", case.provider, case.method, sent.len());
            assert_eq!(allocations(&credential, &mut parts, body), 0, "{what}");
        }
    }
}

#[test]
fn authorising_an_empty_request_allocates_what_its_headers_take() {
    for case in [ROOTLY, RALLY, BASIC, COOKIE] {
        let credential = case.credential();
        let mut parts = case.request(HeaderMap::new());
        let ours = allocations(&credential, &mut parts, BodyAccess::Empty);
        let mut by_hand = HeaderMap::new();
        let counted = measure(|| {
            for (name, value) in &parts.headers {
                by_hand.insert(name, value.clone());
            }
        });
        assert_eq!(ours, counted.count_total, "{} {}", case.provider, case.method);
        assert!(!by_hand.is_empty());
    }
}

#[test]
fn placing_in_a_query_allocates_the_new_target_alone() {
    for uri in [QUERY.uri, "https://a.acme.example/v1/me"] {
        let credential = QUERY.credential();
        let mut parts = Case { uri, ..QUERY }.request(with_room(&[]));
        assert_eq!(allocations(&credential, &mut parts, BodyAccess::Empty), 1, "{uri}");
        assert!(parts.uri.query().unwrap().ends_with("api_key=made-up&sign=v1%20made%20up"));
    }
}

#[test]
fn looking_for_a_limit_that_was_hit_allocates_nothing() {
    let received_at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let quiet = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let mut told = quiet.clone();
    told.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
    told.insert("x-ratelimit-reset", HeaderValue::from_static("1700000060"));
    for case in [ROOTLY, RALLY] {
        let credential = case.credential();
        for (headers, expected) in [(&quiet, false), (&told, case.provider == "rootly")] {
            let mut wait = None;
            let found = measure(|| wait = credential.must_wait(StatusCode::OK, headers, received_at));
            assert_eq!((found.count_total, wait.is_some()), (0, expected), "{}", case.provider);
        }
    }
}

#[test]
fn n60_a_body_in_which_nothing_is_found_is_neither_copied_nor_does_it_allocate() {
    let mask = Arc::new(ROOTLY.credential().mask());
    let text = "{\"links\":{\"next\":\"https:\\/\\/api.rootly.com\\/v1?page%5Bn%5D=2&q=a%20b\"},\"t\":\"\\\"\\u00e4\"},";
    let body = Bytes::from(text.repeat(20));
    // The first clone allocates.
    drop(body.clone());
    let mut out = Vec::with_capacity(4);
    let found = measure(|| {
        let mut stream = MaskStream::new(Arc::clone(&mask));
        for _ in 0..4 {
            stream.push(body.clone(), &mut out);
        }
        stream.finish(&mut out);
    });
    assert_eq!(found.count_total, 0);
    assert!(out.len() == 4 && out.iter().all(|piece| piece.as_ptr() == body.as_ptr()));
    assert_eq!(measure(|| assert!(!mask.holds(&body))).count_total, 0);
}
