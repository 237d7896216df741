use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Method;
use keyway_core::{
    Answer, Reason, ReasonCode, Transport, TransportError, TransportErrorKind, Verdict, VerdictKind,
};
use keyway_http::{Client, HttpTransport, Retry};

use crate::common::{
    Server, answer,
    credential::{KEY, PLACES, credential, credential_at},
    fake::{Fake, reply},
    gzip_bomb,
};

const SECOND: Duration = Duration::from_secs(1);

fn good() -> Answer {
    reply(200, &[("content-type", "application/json")], r#"{"id": "a-1"}"#)
}

fn busy(status: u16, retry_after: &str) -> Answer {
    reply(status, &[("retry-after", retry_after)], "")
}

/// The defaults, without a random part on top of what the provider asks for.
fn exactly() -> Retry {
    Retry::new().first_wait(Duration::ZERO)
}

async fn check(transport: &Arc<Fake>, retry: Retry) -> Verdict {
    let client = Client::over(Arc::clone(transport) as Arc<dyn Transport>).with_retry(retry);
    client.check(&credential("authorization")).await
}

#[tokio::test(start_paused = true)]
async fn a_good_key_is_checked_once() {
    for (header, value) in PLACES {
        let transport = Fake::saying(vec![good()]);
        let client = Client::over(Arc::clone(&transport) as Arc<dyn Transport>);
        assert_eq!(client.check(&credential(header)).await.account().unwrap().id(), "a-1");
        let sent = transport.sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].uri(), "https://api.test.example/v1/me?x=canary-query");
        assert_eq!(sent[0].headers().get_all(header).iter().collect::<Vec<_>>(), [value]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_provider_says_how_long_to_wait() {
    for status in [429, 500, 502, 503, 504] {
        let transport = Fake::saying(vec![busy(status, "2"), busy(status, "3"), good()]);
        assert_eq!(check(&transport, exactly()).await.kind(), VerdictKind::Valid, "{status}");
        assert_eq!(transport.times(), [0, 2, 5].map(Duration::from_secs));
    }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_authorised_alike() {
    let transport = Fake::saying(vec![busy(503, "1"), busy(503, "1"), good()]);
    check(&transport, Retry::new()).await;
    let sent = transport.sent();
    assert_eq!(sent.len(), 3);
    for request in &sent {
        assert_eq!(request.uri(), sent[0].uri());
        assert_eq!(request.headers(), sent[0].headers());
        assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_longer_wait_is_reported_at_once() {
    for (first, then, expected, times) in [
        ("9", "0", 9, &[0_u64] as &[u64]),
        ("86400", "0", 86400, &[0]),
        ("8", "1", 1, &[0, 8]),
        ("5", "5", 5, &[0, 5]),
    ] {
        let transport = Fake::saying(vec![busy(429, first), busy(429, then)]);
        let verdict = check(&transport, exactly()).await;
        assert_eq!(verdict, Verdict::RateLimited { retry_after: Some(expected * SECOND) });
        let times: Vec<_> = times.iter().copied().map(Duration::from_secs).collect();
        assert_eq!(transport.times(), times, "{first}, {then}");

        let transport = Fake::saying(vec![busy(503, first), busy(503, then)]);
        let verdict = check(&transport, exactly()).await;
        assert_eq!(verdict.kind(), VerdictKind::Unavailable);
        assert_eq!(verdict.retry_after(), Some(expected * SECOND));
        assert_eq!(transport.times(), times, "{first}, {then}");
    }
}

#[tokio::test(start_paused = true)]
async fn four_attempts_and_growing_waits_where_the_provider_says_nothing() {
    for status in [429, 500, 503] {
        let transport = Fake::saying(vec![reply(status, &[], "")]);
        let verdict = check(&transport, exactly()).await;
        assert_eq!(verdict.retry_after(), None);
        let times = transport.times();
        assert_eq!(times.len(), 4, "{status}");
        for (turn, pair) in times.windows(2).enumerate() {
            // The paused clock moves in steps of a millisecond.
            assert!(pair[1] <= pair[0] + Duration::from_millis((250 << turn) + 1), "{times:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn n40_odd_times_neither_hang_nor_hurry() {
    for text in [
        "9e9",
        "9000000000",
        "-1",
        "1.5",
        "soon",
        "",
        "99999999999999999999999",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let transport = Fake::saying(vec![busy(429, text)]);
        assert_eq!(check(&transport, exactly()).await.kind(), VerdictKind::RateLimited, "{text}");
        let times = transport.times();
        assert!(times.len() <= 4 && times.iter().all(|time| *time <= 8 * SECOND), "{text}: {times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_verdicts_are_final() {
    for status in [200, 204, 302, 400, 401, 403, 404, 408, 418] {
        let transport = Fake::saying(vec![busy(status, "1")]);
        let verdict = check(&transport, exactly()).await;
        assert_ne!(verdict.kind(), VerdictKind::Valid, "{status}");
        assert_eq!(transport.times(), [Duration::ZERO], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_cannot_be_reached_is_asked_once() {
    for kind in [
        TransportErrorKind::Dns,
        TransportErrorKind::Timeout,
        TransportErrorKind::Closed,
        TransportErrorKind::Tls,
    ] {
        let transport = Fake::new(move |_, _| Err(TransportError::new(kind, "api.test.example")));
        let verdict = check(&transport, exactly()).await;
        assert_eq!(verdict.kind(), VerdictKind::Unavailable);
        assert_eq!(verdict.reason().map(Reason::code), Some(ReasonCode::NoAnswer));
        assert_eq!(transport.times(), [Duration::ZERO]);
    }
}

#[tokio::test(start_paused = true)]
async fn bounds_can_be_set() {
    let transport = Fake::saying(vec![busy(429, "1")]);
    check(&transport, Retry::never()).await;
    assert_eq!(transport.times().len(), 1);

    let transport = Fake::saying(vec![busy(429, "1")]);
    check(&transport, exactly().attempts(10).waiting(5 * SECOND)).await;
    assert_eq!(transport.times(), [0, 1, 2, 3, 4, 5].map(Duration::from_secs));
}

#[tokio::test]
async fn a_check_over_the_network_has_bounds_of_its_own() {
    let large = format!(r#"{{"id": "a-1", "x": "{}"}}"#, "x".repeat(1024 * 1024));
    let json = [("content-type", "application/json")];
    let server = Server::saying(answer(200, &json, &large)).await;
    let client = Client::from(HttpTransport::builder().allow_loopback().build().unwrap());
    let credential = credential_at("zsessionid", &server.origin());
    assert_ne!(client.check(&credential).await.kind(), VerdictKind::Valid);
    let request = credential.request(Method::GET, "/v1/me", Bytes::new()).unwrap();
    assert_eq!(client.send(&credential, request).await.unwrap().body().len(), large.len());

    let server = Server::saying(answer(200, &json, r#"{"id": "a-1"}"#)).await;
    let verdict = client.check(&credential_at("zsessionid", &server.origin())).await;
    assert_eq!(verdict.account().unwrap().id(), "a-1");
    assert_eq!(server.only().header("zsessionid"), [KEY]);
}

#[tokio::test]
async fn n36_a_check_whose_answer_is_encoded_is_unknown_and_says_so() {
    let client = Client::from(HttpTransport::builder().allow_loopback().build().unwrap());
    let bomb = gzip_bomb();
    for gzip in [&bomb[..], &bomb[..20], b"", br#"{"id": "a-1"}"#] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            gzip.len()
        );
        let server = Server::saying([head.as_bytes(), gzip].concat()).await;
        let verdict = client.check(&credential_at("zsessionid", &server.origin())).await;
        assert_eq!(verdict.kind(), VerdictKind::Unknown);
        assert_eq!(verdict.reason().map(Reason::code), Some(ReasonCode::Encoded));
        assert_eq!(server.only().header("accept-encoding"), ["identity"]);
    }
}

/// Answers after twelve seconds, each time: each answer is in time, and all of them are not.
struct Slow {
    retry_after: &'static str,
    asked: AtomicUsize,
}

#[async_trait::async_trait]
impl Transport for Slow {
    async fn send(&self, _: http::Request<Bytes>) -> Result<Answer, TransportError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(12 * SECOND).await;
        Ok(busy(503, self.retry_after))
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_ends_within_half_a_minute_with_what_was_said_last() {
    for (retry_after, expected, asked) in
        [("soon", 30 * SECOND, 3), ("4", 30 * SECOND, 2), ("7", 12 * SECOND + 7 * SECOND + 11 * SECOND, 2)]
    {
        let began = tokio::time::Instant::now();
        let transport = Arc::new(Slow { retry_after, asked: AtomicUsize::new(0) });
        let client = Client::over(Arc::clone(&transport) as Arc<dyn Transport>).with_retry(exactly());
        let verdict = client.check(&credential("authorization")).await;
        assert_eq!(verdict.reason().map(Reason::code), Some(ReasonCode::ServerError), "{verdict:?}");
        assert!(began.elapsed() <= expected, "{retry_after}: {:?}", began.elapsed());
        assert_eq!(transport.asked.load(Ordering::Relaxed), asked, "{retry_after}");
    }
}
