//! Authorising: exactly what goes out, where it may go, and that an error changes nothing (SECURITY.md, I1, I3, I4,
//! N15 to N17).

mod common;

use std::sync::OnceLock;

use bytes::Bytes;
use common::{REGISTRY, submission};
use http::{HeaderName, Method, Request, request::Parts};
use keyway_core::{
    BodyAccess, Credential, Descriptor, Draft, Error, Origin, Provider, Registration, Registry, Secret,
    Submission,
};

fn credential(target: &str, values: &[(&str, &str)]) -> Credential {
    let (provider, method) = target.split_once('/').expect("provider/method");
    REGISTRY.accept(provider, Some(method), &submission(values)).expect("it is accepted").credential
}

fn rootly() -> Credential {
    credential("rootly/api_key", &[("api_key", "made-up-key")])
}

fn rally() -> Credential {
    credential("rally/api_key", &[("api_key", "_made-up-key")])
}

fn acme_token() -> Credential {
    credential("acme/token", &[("site", "a"), ("token", "made-up-token"), ("app_key", "ABCD1234")])
}

fn acme_query() -> Credential {
    credential("acme/query", &[("site", "a"), ("key", "made+up&key"), ("sign", "a=b c")])
}

fn acme_cookie() -> Credential {
    credential("acme/cookie", &[("site", "a"), ("session", "made-up")])
}

/// A request: the first line is `METHOD uri`, the others are headers, in the order in which they are appended.
fn parts(head: &str) -> Parts {
    let mut lines = head.lines().map(str::trim).filter(|line| !line.is_empty());
    let (method, uri) = lines.next().and_then(|line| line.split_once(' ')).expect("METHOD uri");
    let mut request = Request::builder().method(method).uri(uri);
    for line in lines {
        let (name, value) = line.split_once(": ").expect("name: value");
        request = request.header(name, value);
    }
    request.body(()).expect("a request").into_parts().0
}

/// The same, as it goes out, its headers sorted.
fn shown(parts: &Parts) -> String {
    let mut headers: Vec<(&str, &str)> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text"))).collect();
    headers.sort_unstable();
    let headers: Vec<String> = headers.iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
    format!("{} {}{}", parts.method, parts.uri, headers.concat())
}

#[track_caller]
fn goes_out(credential: &Credential, head: &str, body: &'static str, expected: &str) {
    let mut parts = parts(head);
    let mut bytes = Bytes::from_static(body.as_bytes());
    let access = if body.is_empty() { BodyAccess::Empty } else { BodyAccess::Bytes(&mut bytes) };
    credential.authorize(&mut parts, access).expect("it is authorised");
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(shown(&parts), expected.join("\n"));
    assert_eq!(bytes, body, "the body is as it was");
}

/// It is refused, and the request is as it was, to the last header.
#[track_caller]
fn is_refused(credential: &Credential, head: &str, expected: &str) {
    let mut parts = parts(head);
    let before = (shown(&parts), parts.headers.clone());
    let mut body = Bytes::from_static(b"body");
    let error = credential.authorize(&mut parts, BodyAccess::Bytes(&mut body)).expect_err("it is refused");
    assert_eq!((shown(&parts), parts.headers), before, "the request has changed");
    assert_eq!(body, "body");
    let said = format!("{error} {error:?}");
    assert!(said.contains(expected), "{said}");
    assert!(!said.contains("made-up"), "{said}");
}

#[test]
fn headers_go_out_exactly() {
    goes_out(
        &rootly(),
        "GET https://api.rootly.com/v1/incidents?page[size]=1",
        "",
        "GET https://api.rootly.com/v1/incidents?page[size]=1
         accept: application/vnd.api+json
         authorization: Bearer made-up-key",
    );
    goes_out(
        &rally(),
        "GET https://rally1.rallydev.com/slm/webservice/v2.0/user",
        "",
        "GET https://rally1.rallydev.com/slm/webservice/v2.0/user
         accept: application/json
         x-rallyintegrationname: Keyway
         x-rallyintegrationvendor: Keyway
         x-rallyintegrationversion: 0.1.0
         zsessionid: _made-up-key",
    );
    goes_out(
        &acme_token(),
        "GET https://a.acme.example/x",
        "",
        "GET https://a.acme.example/x
         accept: application/json
         authorization: Token token=made-up-token
         x-acme-app-key: ABCD1234
         x-acme-client: keyway",
    );
}

#[test]
fn query_cookies_and_basic_go_out_exactly() {
    goes_out(
        &acme_query(),
        "GET https://a.acme.example/x",
        "",
        "GET https://a.acme.example/x?api_key=made%2Bup%26key&sign=v1%20a%3Db%20c
         accept: application/json
         x-acme-client: keyway",
    );
    goes_out(
        &acme_query(),
        "GET https://a.acme.example/x?b=1&&a=%20;c=2",
        "",
        "GET https://a.acme.example/x?b=1&a=%20;c=2&api_key=made%2Bup%26key&sign=v1%20a%3Db%20c
         accept: application/json
         x-acme-client: keyway",
    );
    goes_out(
        &acme_cookie(),
        "GET https://a.acme.example/x",
        "",
        "GET https://a.acme.example/x
         accept: application/json
         cookie: sid=made-up
         x-acme-client: keyway",
    );
    // "jo/token:pä ss:word" in UTF-8.
    goes_out(
        &credential("acme/basic", &[("site", "a"), ("user", "jo"), ("password", "pä ss:word")]),
        "GET https://a.acme.example/x",
        "",
        "GET https://a.acme.example/x
         accept: application/json
         authorization: Basic am8vdG9rZW46cMOkIHNzOndvcmQ=
         x-acme-client: keyway",
    );
}

#[test]
fn i4_the_caller_neither_overrides_nor_keeps_a_credential() {
    goes_out(
        &rootly(),
        "GET https://api.rootly.com/v1/users/me
         Authorization: Bearer callers
         AUTHORIZATION: Basic callers
         Proxy-Authorization: Basic callers
         Cookie: session=callers
         Cookie: more=callers
         Host: evil.example
         X-Own: stays",
        "",
        "GET https://api.rootly.com/v1/users/me
         accept: application/vnd.api+json
         authorization: Bearer made-up-key
         x-own: stays",
    );
    goes_out(
        &rally(),
        "GET https://rally1.rallydev.com/x?key=callers&Key=stays&%6bey=callers&key%5B%5D=callers&k=v
         ZSESSIONID: callers
         ZSessionID: callers
         Authorization: Bearer callers
         AUTHORIZATION: Basic callers
         Proxy-Authorization: Basic callers
         Proxy-Authorization: Basic more
         Cookie: ZSESSIONID=callers
         X-RallyIntegrationName: the callers own",
        "",
        "GET https://rally1.rallydev.com/x?Key=stays&k=v
         accept: application/json
         x-rallyintegrationname: the callers own
         x-rallyintegrationvendor: Keyway
         x-rallyintegrationversion: 0.1.0
         zsessionid: _made-up-key",
    );
    // A server that hands headers on as variables takes `_` for `-`.
    goes_out(
        &acme_token(),
        "GET https://a.acme.example/x?debug=1
         X-Acme-App-Key: callers
         X_Acme_App_Key: callers
         x-acme-app_key: callers
         X-Acme-Debug: 1
         X-Acme-Debug: 2
         Cookie: kept=1",
        "",
        "GET https://a.acme.example/x
         accept: application/json
         authorization: Token token=made-up-token
         cookie: kept=1
         x-acme-app-key: ABCD1234
         x-acme-client: keyway",
    );
    goes_out(
        &acme_query(),
        "GET https://a.acme.example/x?api_key=1&a=2&%61pi_key=3&api%5fkey=4&api_key[]=5&+api_key=6&a;api_key=7&api_key&API_KEY=8&sign=9&debug",
        "",
        "GET https://a.acme.example/x?a=2&API_KEY=8&api_key=made%2Bup%26key&sign=v1%20a%3Db%20c
         accept: application/json
         x-acme-client: keyway",
    );
    goes_out(
        &acme_cookie(),
        "GET https://a.acme.example/x
         Cookie: sid=callers; kept=1;  sid = callers ;
         Cookie: more=2; SID=other; sid",
        "",
        "GET https://a.acme.example/x
         accept: application/json
         cookie: kept=1; more=2; SID=other; sid=made-up
         x-acme-client: keyway",
    );
}

#[test]
fn what_is_inserted_is_marked_sensitive_and_nothing_else_is() {
    for (credential, head, sensitive) in [
        (rootly(), "GET https://api.rootly.com/", vec!["authorization"]),
        (rally(), "GET https://rally1.rallydev.com/", vec!["zsessionid"]),
        (acme_token(), "GET https://a.acme.example/", vec!["authorization", "x-acme-app-key"]),
        (acme_cookie(), "GET https://a.acme.example/", vec!["cookie"]),
    ] {
        let mut parts = parts(head);
        credential.authorize(&mut parts, BodyAccess::Empty).expect("it is authorised");
        let mut found: Vec<&str> = parts
            .headers
            .iter()
            .filter(|(_, value)| value.is_sensitive())
            .map(|(name, _)| name.as_str())
            .collect();
        found.sort_unstable();
        assert_eq!(found, sensitive);
        assert!(!format!("{:?}", parts.headers).contains("made-up"), "{:?}", parts.headers);
    }
}

#[test]
fn media_types_are_those_of_the_descriptor() {
    const KEY: &str = "authorization: Bearer made-up-key";
    for (head, body, expected) in [
        ("", "", "accept: application/vnd.api+json"),
        ("Accept: */*", "", "accept: application/vnd.api+json"),
        ("Accept: application/json", "", "accept: application/json"),
        ("Accept: text/html, */*", "", "accept: text/html, */*"),
        ("Content-Type: application/json", "", "accept: application/vnd.api+json"),
        ("", "{}", "accept: application/vnd.api+json\ncontent-type: application/vnd.api+json"),
        (
            "Content-Type: application/json; charset=utf-8\nContent-Type: text/plain",
            "{}",
            "accept: application/vnd.api+json\ncontent-type: application/vnd.api+json",
        ),
    ] {
        let (accept, rest) = expected.split_once('\n').unwrap_or((expected, ""));
        goes_out(
            &rootly(),
            &format!("POST https://api.rootly.com/v1/incidents\n{head}"),
            body,
            &format!("POST https://api.rootly.com/v1/incidents\n{accept}\n{KEY}\n{rest}"),
        );
    }
    // Rally's is a default: the caller's own stands.
    for (given, sent) in [("", "application/json"), ("Content-Type: text/plain", "text/plain")] {
        let mut parts = parts(&format!("POST https://rally1.rallydev.com/x\n{given}"));
        rally().authorize(&mut parts, BodyAccess::Opaque).expect("it is authorised");
        assert_eq!(parts.headers["content-type"], sent);
    }
}

#[test]
fn i1_no_other_origin_ever_sees_it() {
    for origin in [
        "http://api.rootly.com",
        "https://api.rootly.com:8443",
        "https://api.rootly.com:99999",
        "https://api.rootly.com.",
        "https://api.rootly.com.evil.example",
        "https://evilapi.rootly.com",
        "https://rootly.com",
        "https://x.api.rootly.com",
        "https://user@api.rootly.com",
        "https://api.rootly.com@evil.example",
        "https://rally1.rallydev.com",
        "https://127.0.0.1",
        "https://[::1]",
        "ftp://api.rootly.com",
    ] {
        is_refused(
            &rootly(),
            &format!("GET {origin}/v1/users/me\nAuthorization: Bearer callers"),
            "may not be sent",
        );
    }
    is_refused(&rootly(), "GET /v1/users/me", "must be absolute");
    // Another choice of the same field is another origin.
    is_refused(&rally(), "GET https://eu1.rallydev.com/x", "may not be sent");
    is_refused(&acme_token(), "GET https://b.acme.example/x", "may not be sent");
    // What is wrong is seen, and user information is not shown.
    is_refused(&rootly(), "GET https://made-up:made-up@api.rootly.com/", "with user information");
    is_refused(&rootly(), "GET http://api.rootly.com:81/", "http://api.rootly.com:81");
    // Those under `also` are its own.
    goes_out(
        &acme_cookie(),
        "GET https://files.acme.example/x",
        "",
        "GET https://files.acme.example/x\naccept: application/json\ncookie: sid=made-up\nx-acme-client: keyway",
    );
}

#[test]
fn another_origin_replaces_all_of_its_own() {
    let origin = Origin::parse_loopback("http://127.0.0.1:8080").expect("an origin");
    let credential = acme_token().at_origin(origin);
    let check = credential.check_request().expect("a request");
    assert_eq!(check.uri(), "http://127.0.0.1:8080/v1/me?region=eu");
    is_refused(&credential, "GET https://a.acme.example/x", "may not be sent");
    is_refused(&credential, "GET https://files.acme.example/x", "may not be sent");
}

#[test]
fn the_check_is_authorised_like_every_other_request() {
    let check = rally().check_request().expect("a request").into_parts().0;
    assert_eq!(
        shown(&check),
        "GET https://rally1.rallydev.com/slm/webservice/v2.0/user?fetch=UserName,DisplayName,ObjectUUID,Subscription\n\
         accept: application/json\n\
         accept-encoding: identity\n\
         x-rallyintegrationname: Keyway\n\
         x-rallyintegrationvendor: Keyway\n\
         x-rallyintegrationversion: 0.1.0\n\
         zsessionid: _made-up-key"
    );
}

#[test]
fn n16_what_the_caller_writes_is_sent_literally() {
    let credential = rootly();
    let request =
        credential.request(Method::GET, "/v1/{api_key}?q={api_key}", Bytes::new()).expect("a request");
    assert_eq!(request.uri(), "https://api.rootly.com/v1/%7Bapi_key%7D?q=%7Bapi_key%7D");
    goes_out(
        &credential,
        "GET https://api.rootly.com/x?q=%7Bapi_key%7D\nX-Own: {api_key}",
        "",
        "GET https://api.rootly.com/x?q=%7Bapi_key%7D
         accept: application/vnd.api+json
         authorization: Bearer made-up-key
         x-own: {api_key}",
    );
}

#[test]
fn n17_a_value_is_not_looked_into() {
    for value in ["{x}", "{app_key}", "%s", "$1", "%7Bapp_key%7D", "\\{app_key}"] {
        let credential =
            credential("acme/token", &[("site", "a"), ("token", value), ("app_key", "ABCD1234")]);
        let mut parts = parts("GET https://a.acme.example/x");
        credential.authorize(&mut parts, BodyAccess::Empty).expect("it is authorised");
        assert_eq!(parts.headers["authorization"], format!("Token token={value}"));
    }
}

#[test]
fn i3_too_much_is_refused_and_changes_nothing() {
    let flood: Vec<String> = (0..1000).map(|index| format!("\nx-{index}: 1")).collect();
    let callers = "Proxy-Authorization: Basic callers";
    is_refused(&rootly(), &format!("GET https://api.rootly.com/\n{callers}{}", flood.concat()), "headers");
    let long = "a".repeat(65_000);
    is_refused(
        &acme_query(),
        &format!("GET https://a.acme.example/?{long}=1&x={}", "b".repeat(500)),
        "query",
    );
    is_refused(&acme_cookie(), "GET https://a.acme.example/\nCookie: a=\tb", "cookie");
}

/// An adapter that breaks the contract.
#[derive(Debug)]
struct Hostile {
    descriptor: Descriptor,
    does: fn(&Credential, &mut Draft<'_>) -> Result<(), Error>,
}

impl Provider for Hostile {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn authorize(&self, credential: &Credential, draft: &mut Draft<'_>) -> Result<(), Error> {
        (self.does)(credential, draft)
    }
}

const HOSTILE: &str = "
version: 1
id: hostile
name: Hostile
summary: It exists in tests only.
links: { docs: https://hostile.example/docs }
seen_live: never
api: { origin: https://hostile.example, cookies: keep }
methods:
  key:
    label: Key
    guide: [Copy the key.]
    fields: { key: { label: Key } }
    authorize: { headers: { x-key: \"{key}\" }, query: { q_key: \"{key}\" }, cookies: { c_key: \"{key}\" } }
    check:
      request: GET /me
      valid: { status: 200, body: { /id: { exists: true } } }
      account: { id: /id, label: [\"{/name}\"] }
";

macro_rules! hostile {
    ($does:expr) => {{
        let registration = Registration {
            package: "hostile",
            descriptor: HOSTILE,
            fixtures: "",
            logo: "",
            build: |descriptor| Box::new(Hostile { descriptor, does: $does }),
        };
        let registry = Registry::from_registrations([&registration]).expect("the descriptor is sound");
        let submission = Submission::new().with("key", "made-up-key");
        registry.accept("hostile", None, &submission).expect("it is accepted").credential
    }};
}

const CALLERS: &str = "POST https://hostile.example/x?a=1&q_key=callers
    X-Key: callers
    X_Key: callers
    Authorization: Bearer callers
    Cookie: a=1; c_key=callers";

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

#[test]
fn an_adapter_cannot_set_what_belongs_to_the_connection() {
    let credential = hostile!(|credential, draft| {
        draft.place(credential)?;
        for header in ["host", "content-length", "transfer-encoding", "connection", "cookie", "te", "upgrade"]
        {
            draft.header(name(header), credential.secret("key")?).expect_err(header);
        }
        draft.header(name("host"), credential.secret("key")?)
    });
    is_refused(&credential, CALLERS, "`host` belongs to the connection");
}

#[test]
fn an_adapter_cannot_send_a_request_bare() {
    is_refused(&hostile!(|_, _| Ok(())), CALLERS, "nothing of the credential");
}

#[test]
fn an_adapter_cannot_place_another_credential() {
    static OTHER: OnceLock<Credential> = OnceLock::new();
    let _set = OTHER.set(hostile!(|credential, draft| draft.place(credential)));
    let credential = hostile!(|_, draft| draft.place(OTHER.get().expect("it is set")));
    is_refused(&credential, CALLERS, "another one was placed");
}

#[test]
fn an_adapter_cannot_place_bad_bytes() {
    for value in ["a\r\nevil: 1", "a\0b", "ä", "", " a", "a "] {
        let credential = hostile!(|credential, draft| {
            draft.place(credential)?;
            draft.header(name("x-bad"), &Secret::new(std::str::from_utf8(draft.body()?).expect("text")))
        });
        let mut parts = parts(CALLERS);
        let before = shown(&parts);
        let mut body = Bytes::from_static(value.as_bytes());
        let error = credential.authorize(&mut parts, BodyAccess::Bytes(&mut body)).expect_err(value);
        assert_eq!(error, Error::Unplaceable { name: "x-bad".to_owned() });
        assert_eq!(shown(&parts), before);
    }
    let credential = hostile!(|_, draft| draft.cookie("a b", &Secret::new("x")));
    is_refused(&credential, CALLERS, "cookie");
    let credential = hostile!(|_, draft| draft.cookie("a", &Secret::new("x; evil=1")));
    is_refused(&credential, CALLERS, "cookie");
}

#[test]
fn an_error_after_staging_changes_nothing() {
    let credential = hostile!(|credential, draft| {
        draft.place(credential)?;
        draft.header(name("x-more"), credential.secret("key")?)?;
        draft.query("more", credential.secret("key")?);
        draft.cookie("more", credential.secret("key")?)?;
        draft.replace_body(Bytes::from_static(b"other"))?;
        credential.secret("no_such_field").map(|_| ())
    });
    is_refused(&credential, CALLERS, "no value for `no_such_field`");
}

#[test]
fn what_the_method_may_set_goes_even_when_an_adapter_sets_something_else() {
    let credential =
        hostile!(|credential, draft| draft.header(name("x-signature"), credential.secret("key")?));
    goes_out(
        &credential,
        CALLERS,
        "",
        "POST https://hostile.example/x?a=1
         cookie: a=1
         x-signature: made-up-key",
    );
    // Also when nothing of the caller's is left.
    goes_out(
        &credential,
        "GET https://hostile.example/x?q_key=callers\nCookie: c_key=callers",
        "",
        "GET https://hostile.example/x\nx-signature: made-up-key",
    );
}

#[test]
fn what_an_adapter_stages_is_stripped_and_set_like_the_rest() {
    let credential = hostile!(|credential, draft| {
        draft.place(credential)?;
        draft.header(name("x-more"), credential.secret("key")?)?;
        draft.query("more", credential.secret("key")?);
        draft.cookie("more", credential.secret("key")?)
    });
    goes_out(
        &credential,
        "GET https://hostile.example/x?more=callers
         X-More: callers
         X-More: callers
         Cookie: more=callers",
        "",
        "GET https://hostile.example/x?q_key=made-up-key&more=made-up-key
         cookie: c_key=made-up-key; more=made-up-key
         x-key: made-up-key
         x-more: made-up-key",
    );
}

#[test]
fn a_body_is_replaced_where_there_is_one_that_can_be_seen() {
    let credential = hostile!(|credential, draft| {
        draft.place(credential)?;
        let mut body = draft.body()?.to_vec();
        body.extend_from_slice(b"+key");
        draft.replace_body(body.into())
    });
    let mut request = parts("POST https://hostile.example/x\nContent-Length: 4");
    let mut body = Bytes::from_static(b"body");
    credential.authorize(&mut request, BodyAccess::Bytes(&mut body)).expect("it is authorised");
    assert_eq!(body, "body+key");
    assert!(!request.headers.contains_key("content-length"), "it was the old one's");
    for (access, expected) in [(BodyAccess::Empty, Error::NoBody), (BodyAccess::Opaque, Error::OpaqueBody)] {
        let mut request = parts(CALLERS);
        let before = shown(&request);
        assert_eq!(credential.authorize(&mut request, access), Err(expected));
        assert_eq!(shown(&request), before);
    }
}
