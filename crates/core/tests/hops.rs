//! Redirects: each hop is authorised anew, inside the credential's origins only (SECURITY.md, N25 to N31).

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header::LOCATION};
use keyway_core::{Answer, Credential, Hop, Registry, Submission};

fn credential() -> Credential {
    let registry = Registry::from_descriptors([("acme.yaml", include_str!("providers/acme.yaml"))])
        .expect("it is sound");
    let submission = Submission::new().with("site", "a").with("key", "made-up").with("sign", "s");
    registry.accept("acme", Some("query"), &submission).expect("it is accepted").credential
}

fn answer(status: u16, locations: &[&[u8]]) -> Answer {
    let mut headers = HeaderMap::new();
    for location in locations {
        headers.append(LOCATION, HeaderValue::from_bytes(location).expect("a value"));
    }
    Answer::new(
        StatusCode::from_u16(status).expect("a status"),
        headers,
        Bytes::new(),
        SystemTime::UNIX_EPOCH,
    )
}

fn sent(credential: &Credential, method: &str, body: &'static str) -> Request<Bytes> {
    let request = Request::builder()
        .method(method)
        .uri("https://a.acme.example/v1/x?page=1")
        .header("x-own", "stays")
        .header("content-type", "text/plain")
        .header("content-language", "en")
        .body(Bytes::from_static(body.as_bytes()))
        .expect("a request");
    credential.authorize_request(request).expect("it is authorised")
}

/// Where a redirect with this `Location` leads: `METHOD uri`, `leaves` or `done`.
#[track_caller]
fn leads(location: &str, expected: &str) {
    for status in [301, 302, 303, 307, 308] {
        let credential = credential();
        let sent = sent(&credential, "GET", "");
        let hop = credential.next_hop(&sent, &answer(status, &[location.as_bytes()]));
        let found = match &hop {
            Hop::Follow(next) => next.uri().to_string(),
            Hop::Leaves => "leaves".to_owned(),
            _ => "done".to_owned(),
        };
        assert_eq!(found, expected, "{status} {location:?}");
    }
}

const KEY: &str = "api_key=made-up&sign=v1%20s";

#[test]
fn inside_it_is_followed_and_authorised_anew() {
    for (location, path) in [
        ("/v2/y", "/v2/y?"),
        ("y", "/v1/y?"),
        ("../y", "/y?"),
        ("?page=2", "/v1/x?page=2&"),
        ("", "/v1/x?page=1&"),
        ("#part", "/v1/x?page=1&"),
        ("/y#part", "/y?"),
        ("//a.acme.example/y", "/y?"),
        ("https://a.acme.example/y", "/y?"),
        ("https://A.ACME.example:443/y", "/y?"),
        ("/y?api_key=theirs&api%5Fkey=theirs&debug=1&z=1", "/y?z=1&"),
        ("/a b", "/a%20b?"),
        ("/a\\b", "/a/b?"),
    ] {
        leads(location, &format!("https://a.acme.example{path}{KEY}"));
    }
    leads("https://files.acme.example/y", &format!("https://files.acme.example/y?{KEY}"));
}

#[test]
fn outside_it_is_not_followed() {
    for location in [
        "https://evil.example/",
        "//evil.example/",
        "\\\\evil.example\\",
        "/\\evil.example",
        "https:/\t/evil.example",
        "/\t/evil.example",
        "https://a.acme.example.evil.example/",
        "https://b.acme.example/",
        "https://acme.example/",
        "https://x.a.acme.example/",
        "https://a.acme.example./",
        "https://a.acme.example:8443/",
        "http://a.acme.example/",
        "http://a.acme.example:443/",
        "https://user@a.acme.example/",
        "https://user:pass@a.acme.example/",
        "https://a.acme.example@evil.example/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "ftp://a.acme.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,x",
    ] {
        leads(location, "leaves");
    }
}

#[test]
fn without_a_usable_target_it_ends() {
    for location in ["https://", "https://a.acme.example:99999/", "https://[::1", "https://a b/"] {
        leads(location, "done");
    }
    leads(&format!("/{}", "a".repeat(20_000)), "done");
    let credential = credential();
    let request = sent(&credential, "GET", "");
    let lists: [&[&[u8]]; 5] = [&[], &[b"/a", b"/b"], &[b"/a", b"/a"], &["/\u{fc}".as_bytes()], &[b"/\xff"]];
    for locations in lists {
        let hop = credential.next_hop(&request, &answer(302, locations));
        assert!(matches!(hop, Hop::Done), "{locations:?}: {hop:?}");
    }
    for status in [200, 201, 204, 300, 304, 305, 306, 309, 401, 500] {
        let hop = credential.next_hop(&request, &answer(status, &[b"/y"]));
        assert!(matches!(hop, Hop::Done), "{status}: {hop:?}");
    }
}

#[test]
fn method_and_body_follow_the_table() {
    for (status, method, expected) in [
        (301, "POST", ("GET", "")),
        (302, "POST", ("GET", "")),
        (303, "POST", ("GET", "")),
        (303, "PUT", ("GET", "")),
        (303, "DELETE", ("GET", "")),
        (303, "HEAD", ("HEAD", "body")),
        (301, "PUT", ("PUT", "body")),
        (302, "DELETE", ("DELETE", "body")),
        (301, "PURGE", ("PURGE", "body")),
        (307, "POST", ("POST", "body")),
        (308, "PATCH", ("PATCH", "body")),
    ] {
        let credential = credential();
        let sent = sent(&credential, method, "body");
        let Hop::Follow(next) = credential.next_hop(&sent, &answer(status, &[b"/y"])) else {
            panic!("{status} {method} is followed")
        };
        assert_eq!(
            (next.method().as_str(), &next.body()[..]),
            (expected.0, expected.1.as_bytes()),
            "{status} {method}"
        );
        assert_eq!(next.uri().to_string(), format!("https://a.acme.example/y?{KEY}"));
        assert_eq!(next.headers()["x-own"], "stays");
        let of_the_body = ["content-type", "content-language", "content-length"];
        let left: Vec<_> =
            of_the_body.into_iter().filter(|name| next.headers().contains_key(*name)).collect();
        let kept: &[&str] = if expected.1.is_empty() { &[] } else { &["content-type", "content-language"] };
        assert_eq!(left, kept, "{status} {method}");
    }
}
