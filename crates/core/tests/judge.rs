//! Judging: what an answer says of a credential, and never more than it says (SECURITY.md, N37 to N40).

mod common;

use std::{
    collections::VecDeque,
    pin::pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use common::{REGISTRY, submission};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use keyway_core::{
    Account, Answer, Credential, Descriptor, MAX_HOPS, Method, Provider, ReasonCode, Transport,
    TransportError, TransportErrorKind, Verdict, VerdictKind,
};

const NOW: u64 = 1_700_000_000;
const JSON: &str = "content-type: application/json";
const JSON_API: &str = "content-type: application/vnd.api+json; charset=utf-8";
const HTML: &str = "content-type: text/html";

fn answer(status: u16, headers: &str, body: impl Into<Bytes>) -> Answer {
    let headers: HeaderMap = headers
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            let name = HeaderName::try_from(name).expect("a name");
            (name, HeaderValue::try_from(value).expect("a value"))
        })
        .collect();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
    Answer::new(StatusCode::from_u16(status).expect("a status"), headers, body.into(), at)
}

fn verdict(provider: &str, answer: &Answer) -> Verdict {
    let (entry, method) = REGISTRY.method(provider, None).expect("it is known");
    entry.provider().judge(method, answer)
}

#[track_caller]
fn judged(provider: &str, (status, headers, body): (u16, &str, &str), expected: VerdictKind) {
    let verdict = verdict(provider, &answer(status, headers, body.to_owned()));
    assert_eq!(verdict.kind(), expected, "{status} {headers} {body}: {verdict:?}");
    if let Some(reason) = verdict.reason() {
        assert!(!reason.text().is_empty() && !reason.text().contains("echo"), "{reason}");
    }
}

#[track_caller]
fn is_account(provider: &str, body: &str, id: &str, label: &str) {
    let verdict = verdict(provider, &answer(200, JSON, body.to_owned()));
    let account = verdict.account().unwrap_or_else(|| panic!("{body}: {verdict:?}"));
    assert_eq!((account.id(), account.label()), (id, label), "{body}");
}

#[track_caller]
fn waits(provider: &str, status: u16, headers: &str, expected: Option<u64>) {
    let verdict = verdict(provider, &answer(status, headers, ""));
    assert_eq!(verdict.retry_after(), expected.map(Duration::from_secs), "{status} {headers}: {verdict:?}");
}

const ROOTLY_USER: &str = r#"{"data":{"id":"7","type":"users","attributes":{"email":"jo@acme.example","full_name_with_team":"[Acme] Jo Doe"}}}"#;
const RALLY_USER: &str = r#"{"User":{"Errors":[],"Warnings":[],"ObjectUUID":"u-1","UserName":"jo","DisplayName":"Jo Doe","Subscription":{"_refObjectName":"Acme"}}}"#;

#[test]
fn rootly_says() {
    use VerdictKind::{Forbidden, Invalid, RateLimited, Unavailable, Unknown, Valid};
    for (answer, expected) in [
        ((200, JSON_API, ROOTLY_USER), Valid),
        ((200, JSON, ROOTLY_USER), Valid),
        ((200, "", ROOTLY_USER), Valid),
        // A positive proof, or none.
        ((200, JSON_API, r#"{"data":{"id":"7","type":"teams"}}"#), Unknown),
        ((200, JSON_API, r#"{"data":{"type":"users"}}"#), Unknown),
        ((200, JSON_API, r#"{"data":[{"id":"7","type":"users"}]}"#), Unknown),
        ((200, JSON_API, r#"{"errors":[{"title":"echo"}]}"#), Unknown),
        ((200, JSON_API, "{}"), Unknown),
        ((200, JSON_API, ""), Unknown),
        ((200, HTML, "<html>echo: sign in</html>"), Unknown),
        ((201, JSON_API, ROOTLY_USER), Unknown),
        ((204, "", ""), Unknown),
        ((302, "location: https://rootly.com/users/sign_in", ""), Unknown),
        ((304, "", ""), Unknown),
        // A 401 stays one, whatever the body says.
        ((401, JSON_API, ROOTLY_USER), Invalid),
        ((401, JSON_API, r#"{"errors":[{"title":"echo","status":"401"}]}"#), Invalid),
        ((401, JSON, r#"{"error":"echo"}"#), Invalid),
        ((401, HTML, "<h1>echo</h1>"), Invalid),
        ((401, "", ""), Invalid),
        ((403, JSON_API, r#"{"errors":[{"title":"Forbidden","status":"403"}]}"#), Forbidden),
        ((404, JSON_API, r#"{"errors":[{"title":"Not found or unauthorized","status":"404"}]}"#), Unknown),
        ((415, JSON_API, ""), Unknown),
        ((418, "", ""), Unknown),
        ((429, JSON, r#"{"error":"Rate limit exceeded. Try again later."}"#), RateLimited),
        ((500, HTML, "echo"), Unavailable),
        ((502, "", ""), Unavailable),
        ((599, "", ""), Unavailable),
        ((600, "", ""), Unknown),
        ((999, "", ""), Unknown),
    ] {
        judged("rootly", answer, expected);
    }
}

#[test]
fn rally_says() {
    use VerdictKind::{Forbidden, Invalid, RateLimited, Unavailable, Unknown, Valid};
    for (answer, expected) in [
        ((200, JSON, RALLY_USER), Valid),
        ((200, "content-type: application/json; charset=utf-8", RALLY_USER), Valid),
        // 200 with errors is no success.
        (
            (
                200,
                JSON,
                r#"{"OperationResult":{"Errors":["Not authorized to perform action: Invalid key"]}}"#,
            ),
            Invalid,
        ),
        ((200, JSON, r#"{"User":{"Errors":["echo: Invalid key, echo"],"ObjectUUID":"u-1"}}"#), Invalid),
        ((200, JSON, r#"{"User":{"Errors":["echo"],"ObjectUUID":"u-1"}}"#), Unknown),
        ((200, JSON, r#"{"User":{"ObjectUUID":"u-1"}}"#), Unknown),
        ((200, JSON, r#"{"User":{"Errors":[]}}"#), Unknown),
        ((200, JSON, r#"{"QueryResult":{"Errors":[],"ObjectUUID":"u-1"}}"#), Unknown),
        ((200, JSON, r#"[{"Errors":[],"ObjectUUID":"u-1"}]"#), Unknown),
        // JSON has to say that it is.
        ((200, HTML, RALLY_USER), Unknown),
        ((200, "content-type: text/javascript; charset=utf-8", RALLY_USER), Unknown),
        ((200, "content-type: application/json\ncontent-type: text/html", RALLY_USER), Unknown),
        ((200, "", RALLY_USER), Unknown),
        ((200, HTML, "<html>echo: sign in</html>"), Unknown),
        ((401, HTML, "<title>Error 401 Full authentication is required: echo</title>"), Invalid),
        ((401, "", ""), Invalid),
        ((403, HTML, ""), Forbidden),
        ((429, "", ""), RateLimited),
        ((502, HTML, ""), Unavailable),
        ((524, HTML, ""), Unavailable),
    ] {
        judged("rally", answer, expected);
    }
}

#[test]
fn acme_says() {
    use VerdictKind::{Forbidden, Invalid, RateLimited, Unavailable, Unknown, Valid};
    for (answer, expected) in [
        ((201, JSON, r#"{"me":{"id":1}}"#), Valid),
        ((302, JSON, r#"{"me":{"id":1}}"#), Unknown),
        ((410, JSON, r#"{"errors":"it is expired"}"#), Invalid),
        ((400, JSON, r#"{"errors":["it is expired"]}"#), Invalid),
        ((400, JSON, r#"{"errors":[["expired"]]}"#), Unknown),
        ((400, HTML, "expired"), Unknown),
        ((200, JSON, r#"{"errors":[{"code":"quota"}],"me":{"id":1}}"#), RateLimited),
        ((401, JSON, r#"{"errors":{"a":{"code":17}}}"#), RateLimited),
        ((503, JSON, r#"{"maintenance":true}"#), Unavailable),
        ((402, JSON, r#"{"plan":"free"}"#), Forbidden),
        ((200, JSON, r#"{"plan":"free","me":{"id":1}}"#), Valid),
    ] {
        judged("acme", answer, expected);
    }
}

#[test]
fn n37_what_is_no_json_proves_nothing() {
    let deep = format!("{}{}{}", r#"{"data":"#, "[".repeat(100_000), "]".repeat(100_000) + "}");
    let cut = &ROOTLY_USER[..ROOTLY_USER.len() - 1];
    let twice = ROOTLY_USER.repeat(2);
    let mark = format!("\u{feff}{ROOTLY_USER}");
    for body in [&deep, cut, &twice, &mark, "null", "true", "\"users\"", "NaN", "{data:1}"] {
        judged("rootly", (200, JSON_API, body), VerdictKind::Unknown);
        judged("rootly", (401, JSON_API, body), VerdictKind::Invalid);
    }
    let verdict = verdict("rootly", &answer(200, JSON_API, &b"\xff\xfe\x00"[..]));
    assert_eq!(verdict.kind(), VerdictKind::Unknown);
}

#[test]
fn an_encoded_answer_cannot_be_read_and_says_so() {
    for encoding in ["gzip", "br", "identity, gzip", "x-unknown"] {
        let verdict = verdict(
            "rootly",
            &answer(200, &format!("{JSON_API}\ncontent-encoding: {encoding}"), ROOTLY_USER),
        );
        assert_eq!(verdict.reason().map(keyway_core::Reason::code), Some(ReasonCode::Encoded), "{encoding}");
    }
    for encoding in ["identity", "Identity", ""] {
        judged(
            "rootly",
            (200, &format!("{JSON_API}\ncontent-encoding: {encoding}"), ROOTLY_USER),
            VerdictKind::Valid,
        );
    }
}

#[test]
fn labels_fall_back() {
    is_account("rootly", ROOTLY_USER, "7", "[Acme] Jo Doe");
    is_account(
        "rootly",
        r#"{"data":{"id":"7","type":"users","attributes":{"email":"jo@acme.example"}}}"#,
        "7",
        "jo@acme.example",
    );
    is_account(
        "rootly",
        r#"{"data":{"id":"7","type":"users","attributes":{"full_name_with_team":null,"email":" "}}}"#,
        "7",
        "7",
    );
    is_account("rootly", r#"{"data":{"id":"7","type":"users"}}"#, "7", "7");
    is_account("rally", RALLY_USER, "u-1", "Jo Doe @ Acme");
    is_account(
        "rally",
        r#"{"User":{"Errors":[],"ObjectUUID":"u-1","DisplayName":"Jo","UserName":"jo"}}"#,
        "u-1",
        "jo",
    );
    is_account(
        "acme",
        r#"{"me":{"id":12345678901234567890}}"#,
        "12345678901234567890",
        "12345678901234567890",
    );
}

#[test]
fn a_label_is_made_fit_to_be_shown() {
    let body = r#"{"me":{"id":1,"name":"\u001b[31mJo\r\n\u202eDoe\u200b\u0000","email":"<script>"}}"#;
    is_account("acme", body, "1", "[31mJo Doe <<script>>");
}

#[test]
fn an_id_is_as_it_came_or_there_is_none() {
    let long = "x".repeat(201);
    for id in [
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "\" \"",
        "1.5",
        "1e30",
        "\"a\\u0000\"",
        "\"a\\u200b\"",
        &format!("\"{long}\""),
    ] {
        judged("acme", (200, JSON, &format!("{{\"me\":{{\"id\":{id}}}}}")), VerdictKind::Unknown);
    }
    is_account("acme", r#"{"me":{"id":" a  b "}}"#, " a  b ", "a b");
}

/// The group of the account that an answer names.
fn group(provider: &str, body: String) -> Option<String> {
    let verdict = verdict(provider, &answer(200, JSON, body));
    verdict.account().expect("it is valid").group().map(str::to_owned)
}

#[test]
fn what_accounts_have_in_common_is_as_it_came_or_there_is_none() {
    let (fits, long) = ("x".repeat(200), "x".repeat(201));
    for (team, expected) in [
        ("\"Acme\"", Some("Acme")),
        ("\" a  b \"", Some(" a  b ")),
        ("\"Ünïted Rockets 🚀\"", Some("Ünïted Rockets 🚀")),
        ("42", Some("42")),
        (&format!("\"{fits}\""), Some(&fits)),
        ("null", None),
        ("true", None),
        ("[]", None),
        ("[\"Acme\"]", None),
        ("\"\"", None),
        ("\" \"", None),
        ("1.5", None),
        ("\"A\\ncme\"", None),
        ("\"Ac\\u200bme\"", None),
        ("\"\\u202eemcA\"", None),
        (&format!("\"{long}\""), None),
    ] {
        let body = format!("{{\"me\":{{\"id\":1,\"team\":{team}}}}}");
        assert_eq!(group("acme", body).as_deref(), expected, "{team}");
    }
    assert_eq!(group("acme", r#"{"me":{"id":1}}"#.to_owned()), None, "the answer does not say");
    assert_eq!(group("rally", RALLY_USER.to_owned()), None, "there is no `same_by`");
}

#[test]
fn what_accounts_have_in_common_stands_at_the_very_beginning() {
    for (name, expected) in [
        ("[Acme] Jo Doe", Some("Acme")),
        ("[Acme]", Some("Acme")),
        ("[Acme] Jo [Evil] Doe", Some("Acme")),
        ("[Ac[me] Jo", Some("Ac[me")),
        ("[] Jo", None),
        ("[ ] Jo", None),
        ("Jo [Acme]", None),
        (" [Acme] Jo", None),
        ("[Acme Jo", None),
        ("Acme] Jo", None),
        ("", None),
    ] {
        assert_eq!(
            group("rootly", ROOTLY_USER.replace("[Acme] Jo Doe", name)).as_deref(),
            expected,
            "{name}"
        );
    }
}

/// Two keys whose answers echo them must not become alike by what is put in the key's place.
#[test]
fn an_answer_that_echoes_the_key_has_nothing_in_common_with_others() {
    let key = "made-up-key-that-is-echoed";
    let of = |key: &str, body: String| {
        let (verdict, _) = validate(&rootly(key), [Ok(answer(200, JSON_API, body))]);
        verdict.account().expect("it is valid").group().map(str::to_owned)
    };
    assert_eq!(of(key, ROOTLY_USER.to_owned()).as_deref(), Some("Acme"), "nothing is echoed");
    for body in [
        ROOTLY_USER.replace("[Acme]", &format!("[{key}]")),
        ROOTLY_USER.replace("[Acme]", "[bWFkZS11cC1rZXktdGhhdC1pcy1lY2hvZWQ=]"),
        ROOTLY_USER.replace("jo@acme.example", key),
    ] {
        assert_eq!(of(key, body.clone()), None, "{body}");
    }
    // A part of a key is not recognised as one.
    let key = "made-up]key-that-is-echoed";
    assert_eq!(of(key, ROOTLY_USER.replace("[Acme]", &format!("[{key}]"))), None);
}

/// Says of every answer that the account is of a group.
#[derive(Debug)]
struct Careless {
    descriptor: Descriptor,
    group: String,
}

impl Provider for Careless {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn judge(&self, _: &Method, _: &Answer) -> Verdict {
        Verdict::Valid(Account::new("7", "Jo").with_group(&self.group))
    }
}

#[test]
fn what_an_adapter_says_of_accounts_is_held_to_the_same() {
    let key = "made-up-key-that-an-adapter-decoded";
    let long = "x".repeat(201);
    for (group, expected) in [
        ("Acme", Some("Acme")),
        ("", None),
        (" ", None),
        ("Ac\u{200b}me", None),
        ("\u{1b}[31mAcme", None),
        (&long, None),
        (key, None),
        (&format!("Acme {key}"), None),
    ] {
        let descriptor = include_str!("../../../providers/rootly/provider.yaml");
        let descriptor = Descriptor::parse("rootly.yaml", descriptor).expect("it is sound");
        let careless = Careless { descriptor, group: group.to_owned() };
        let (verdict, _) = validate_by(&careless, &rootly(key), [Ok(answer(200, JSON, "{}"))]);
        assert_eq!(verdict.account().expect("it is valid").group(), expected, "{group}");
    }
}

#[test]
fn n40_how_long_to_wait() {
    for (status, headers, expected) in [
        (429, "retry-after: 30", Some(30)),
        (503, "retry-after: 30", Some(30)),
        (429, "", None),
        (429, "retry-after: 9e9", None),
        (429, "retry-after: -1", None),
        (429, "retry-after: Tue, 14 Nov 2023 22:13:50 GMT", Some(30)),
        (429, "retry-after: Tue, 14 Nov 2000 22:13:50 GMT", Some(0)),
        (429, "retry-after: 1\nretry-after: 2", None),
        (429, "x-ratelimit-reset: 1700000060", Some(60)),
        (429, "x-ratelimit-reset: 1600000000", Some(0)),
        (429, "x-ratelimit-reset: soon", None),
        (429, "x-ratelimit-reset: 1700000060\nretry-after: 5", Some(5)),
        // Sent with every answer: an outage does not end when the window does.
        (502, "x-ratelimit-reset: 1700000060\nx-ratelimit-remaining: 900", None),
        (502, "x-ratelimit-reset: 1700000060\nx-ratelimit-remaining: 0", Some(60)),
    ] {
        waits("rootly", status, headers, expected);
    }
}

/// Answers with what it was given, one after another, and remembers what was asked.
#[derive(Default)]
struct Fake {
    answers: Mutex<VecDeque<Result<Answer, TransportError>>>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

#[async_trait]
impl Transport for Fake {
    async fn send(&self, request: Request<Bytes>) -> Result<Answer, TransportError> {
        self.asked.lock().expect("no panic").push(request);
        let next = self.answers.lock().expect("no panic").pop_front();
        next.unwrap_or_else(|| Err(TransportError::new(TransportErrorKind::Closed, "nothing.example")))
    }
}

/// Nothing in core waits for anything but the transport, and the fake one is always ready.
fn validate(
    credential: &Credential,
    answers: impl IntoIterator<Item = Result<Answer, TransportError>>,
) -> (Verdict, Vec<Request<Bytes>>) {
    validate_by(&**credential.provider(), credential, answers)
}

fn validate_by(
    provider: &dyn Provider,
    credential: &Credential,
    answers: impl IntoIterator<Item = Result<Answer, TransportError>>,
) -> (Verdict, Vec<Request<Bytes>>) {
    let fake = Fake { answers: Mutex::new(answers.into_iter().collect()), ..Fake::default() };
    let verdict = {
        let mut future = pin!(provider.validate(credential, &fake));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(verdict) => verdict,
            Poll::Pending => panic!("it waits for something else than the transport"),
        }
    };
    (verdict, fake.asked.into_inner().expect("no panic"))
}

fn rootly(key: &str) -> Credential {
    REGISTRY.accept("rootly", None, &submission(&[("api_key", key)])).expect("it is accepted").credential
}

#[test]
fn a_check_is_one_authorised_request() {
    let (verdict, asked) = validate(&rootly("made-up-key"), [Ok(answer(200, JSON_API, ROOTLY_USER))]);
    assert_eq!(verdict.account().map(keyway_core::Account::label), Some("[Acme] Jo Doe"));
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].uri(), "https://api.rootly.com/v1/users/me");
    assert_eq!(asked[0].headers()["authorization"], "Bearer made-up-key");
    assert_eq!(asked[0].headers()["accept-encoding"], "identity");
}

#[test]
fn a_key_that_the_provider_echoes_is_masked() {
    let key = "made-up-key-that-is-echoed";
    for echo in [
        key.to_owned(),
        format!("Jo {key}"),
        "made-up-key\u{200b}-that-is-echoed".to_owned(),
        "bWFkZS11cC1rZXktdGhhdC1pcy1lY2hvZWQ=".to_owned(),
        // Where it is cut off, half of it would be left.
        format!("{}{key}", "x".repeat(190)),
    ] {
        let body = ROOTLY_USER.replace("[Acme] Jo Doe", &echo).replace("\"7\"", &format!("\"id-{key}\""));
        let (verdict, _) = validate(&rootly(key), [Ok(answer(200, JSON_API, body))]);
        let account = verdict.account().expect("it is valid");
        assert!(account.label().contains("[redac") && account.id() == "id-[redacted]", "{account:?}");
        assert!(!format!("{verdict:?}").contains("made-up"), "{verdict:?}");
        assert!(account.label().chars().count() <= 201, "{account:?}");
    }
}

#[test]
fn n39_no_answer_is_no_verdict_on_the_key() {
    use TransportErrorKind::{
        Address, Closed, Connect, Dns, Malformed, Other, Scheme, Timeout, Tls, TooLarge,
    };
    for (kind, expected) in [
        (Dns, VerdictKind::Unavailable),
        (Connect, VerdictKind::Unavailable),
        (Tls, VerdictKind::Unavailable),
        (Timeout, VerdictKind::Unavailable),
        (Closed, VerdictKind::Unavailable),
        (Other, VerdictKind::Unavailable),
        (TooLarge, VerdictKind::Unknown),
        (Malformed, VerdictKind::Unknown),
        (Address, VerdictKind::Unknown),
        (Scheme, VerdictKind::Unknown),
    ] {
        let (verdict, _) =
            validate(&rootly("made-up-key"), [Err(TransportError::new(kind, "api.rootly.com"))]);
        assert_eq!(verdict.kind(), expected, "{kind:?}");
        let text = verdict.reason().expect("there is a reason").text();
        assert!(text.contains("api.rootly.com") && !text.contains("/v1"), "{text}");
    }
}

#[test]
fn redirects_are_followed_inside_and_told_outside() {
    let to = |location: &str| Ok(answer(302, &format!("location: {location}"), ""));
    let (verdict, asked) =
        validate(&rootly("made-up-key"), [to("/v2/users/me"), Ok(answer(200, JSON_API, ROOTLY_USER))]);
    assert_eq!(verdict.kind(), VerdictKind::Valid);
    assert_eq!(asked[1].uri(), "https://api.rootly.com/v2/users/me");
    assert_eq!(asked[1].headers()["authorization"], "Bearer made-up-key");

    let (verdict, asked) = validate(
        &rootly("made-up-key"),
        [to("https://evil.example/"), Ok(answer(200, JSON_API, ROOTLY_USER))],
    );
    assert_eq!(verdict.reason().map(keyway_core::Reason::code), Some(ReasonCode::RedirectLeaves));
    assert_eq!(asked.len(), 1);

    let (verdict, asked) = validate(&rootly("made-up-key"), (0..20).map(|_| to("/again")));
    assert_eq!(verdict.reason().map(keyway_core::Reason::code), Some(ReasonCode::Redirect));
    assert_eq!(asked.len(), MAX_HOPS + 1);
}

/// For whoever writes a descriptor: the first condition that an answer does not meet, and nothing that it holds.
#[test]
fn the_first_doubt_about_a_good_key_is_named() {
    const USER: &str = r#"{"User":{"Errors":[],"ObjectUUID":"u-1","UserName":"ada"}}"#;
    for (provider, status, kind, body, expected) in [
        ("rally", 200, JSON, USER, None),
        (
            "rally",
            200,
            HTML,
            USER,
            Some("in `valid`, `content_type` wants JSON, and the answer does not call itself that"),
        ),
        ("rally", 404, JSON, "", Some("the answer's status is 404")),
        ("rally", 201, JSON, USER, Some("in `valid`, `status` wants 200")),
        ("rally", 401, JSON, "", Some("the answer meets number 2 of `verdicts`")),
        ("rally", 200, JSON, "echo", Some("in `valid`, `body` wants JSON, and the answer's is none")),
        (
            "rally",
            200,
            JSON,
            r#"{"echo":1}"#,
            Some("in `valid`, `body` wants `/User/Errors` to be [], and the answer has no such member"),
        ),
        (
            "rally",
            200,
            JSON,
            r#"{"User":{"Errors":["echo"]}}"#,
            Some("in `valid`, `body` wants `/User/Errors` to be [], and the answer has something else there"),
        ),
        (
            "rally",
            200,
            JSON,
            r#"{"User":{"Errors":[]}}"#,
            Some("in `valid`, `body` wants `/User/ObjectUUID`, and the answer has no such member"),
        ),
        (
            "rally",
            200,
            JSON,
            r#"{"User":{"Errors":[],"ObjectUUID":1.5}}"#,
            Some(
                "`account.id` wants a text or a whole number at `/User/ObjectUUID`, and the answer has none there",
            ),
        ),
        (
            "rootly",
            200,
            JSON,
            r#"{"data":{"type":"users","id":"1"},"errors":"echo"}"#,
            Some("in `valid`, `body` wants no `/errors`, and the answer has one"),
        ),
    ] {
        let (entry, method) = REGISTRY.method(provider, None).expect("it is known");
        let answer = answer(status, kind, body);
        assert_eq!(method.doubt(&answer).as_deref(), expected, "{provider} {status} {body}");
        assert_eq!(entry.provider().judge(method, &answer).account().is_some(), expected.is_none(), "{body}");
    }
}
