use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, header};
use keyway_core::{Answer, Transport, TransportError, TransportErrorKind};
use keyway_http::{Client, Error, Retry};

use crate::common::{
    credential::{PLACES, credential},
    fake::{Fake, reply},
};

async fn send(transport: &Arc<Fake>, header: &str, request: Request<Bytes>) -> Result<Answer, Error> {
    // Without a random part on top of what the provider asks for.
    let retry = Retry::new().first_wait(Duration::ZERO);
    let client = Client::over(Arc::clone(transport) as Arc<dyn Transport>).with_retry(retry);
    client.send(&credential(header), request).await
}

fn request(method: &Method) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri("https://api.test.example/v1/x?y=canary-query")
        .body(Bytes::new())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_callers_credentials_and_framing_are_replaced() {
    for (header, value) in PLACES {
        let transport = Fake::saying(vec![reply(200, &[], "ok")]);
        let request = Request::post("https://api.test.example/v1/x")
            .header("authorization", "Bearer of-the-caller")
            .header("Authorization", "Basic of-the-caller")
            .header("ZSESSIONID", "of-the-caller")
            .header("connection", "x-hop, zsessionid, authorization")
            .header("x-hop", "1")
            .header("host", "evil.example")
            .header("content-length", "9")
            .header("transfer-encoding", "chunked")
            .header("te", "trailers")
            .header("upgrade", "h2c")
            .header("expect", "100-continue")
            .header("proxy-authorization", "Basic of-the-caller")
            .header("x-kept", "1")
            .body(Bytes::from_static(b"body"))
            .unwrap();
        assert_eq!(send(&transport, header, request).await.unwrap().body(), "ok");
        let sent = transport.sent().remove(0);
        assert_eq!(sent.headers().get_all(header).iter().collect::<Vec<_>>(), [value]);
        assert_eq!(sent.headers()["x-kept"], "1");
        assert_eq!(sent.body(), "body");
        for gone in [
            "connection",
            "x-hop",
            "host",
            "content-length",
            "transfer-encoding",
            "te",
            "upgrade",
            "expect",
            "proxy-authorization",
        ] {
            assert!(!sent.headers().contains_key(gone), "{gone}");
        }
        assert!(!sent.headers().values().any(|value| value.as_bytes().ends_with(b"of-the-caller")));
        assert!(sent.headers()[header].is_sensitive());
    }
}

#[tokio::test(start_paused = true)]
async fn only_safe_methods_are_repeated() {
    for status in [429, 500, 503] {
        for (method, attempts) in [
            (Method::GET, 3),
            (Method::HEAD, 3),
            (Method::OPTIONS, 3),
            (Method::POST, 1),
            (Method::PUT, 1),
            (Method::PATCH, 1),
            (Method::DELETE, 1),
            (Method::from_bytes(b"PURGE").unwrap(), 1),
        ] {
            let busy = reply(status, &[("retry-after", "1")], "");
            let transport = Fake::saying(vec![busy.clone(), busy, reply(200, &[], "")]);
            let answer = send(&transport, "authorization", request(&method)).await.unwrap();
            assert_eq!(answer.status(), if attempts == 1 { status } else { 200 }, "{method}");
            let times: Vec<_> = (0..attempts).map(Duration::from_secs).collect();
            assert_eq!(transport.times(), times, "{method} {status}");
            for sent in transport.sent() {
                assert_eq!(sent.headers(), transport.sent()[0].headers(), "authorised anew, once");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_is_the_answer() {
    let busy = |body| reply(503, &[("retry-after", "3")], body);
    let transport = Fake::saying(vec![busy("a"), busy("b"), busy("c")]);
    let answer = send(&transport, "authorization", request(&Method::GET)).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (503, &b"c"[..]));
    assert_eq!(transport.times(), [0, 3, 6].map(Duration::from_secs));

    for status in [200, 204, 304, 400, 401, 403, 404, 409] {
        let transport = Fake::saying(vec![reply(status, &[("retry-after", "1")], "")]);
        assert_eq!(send(&transport, "authorization", request(&Method::GET)).await.unwrap().status(), status);
        assert_eq!(transport.times().len(), 1);
    }
    let transport = Fake::saying(vec![busy("a")]);
    let client = Client::over(Arc::clone(&transport) as Arc<dyn Transport>).with_retry(Retry::never());
    client.send(&credential("authorization"), request(&Method::GET)).await.unwrap();
    assert_eq!(transport.times().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn cookies_are_not_handed_back() {
    let transport =
        Fake::saying(vec![reply(200, &[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-a", "1")], "")]);
    let answer = send(&transport, "authorization", request(&Method::GET)).await.unwrap();
    assert!(!answer.headers().contains_key(header::SET_COOKIE));
    assert_eq!(answer.header("x-a"), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn n23_n24_another_origin_is_refused_before_anything_is_sent() {
    for uri in [
        "https://api.test.example.evil.example/canary-path?x=canary-query",
        "http://api.test.example/canary-path",
        "https://api.test.example:8443/canary-path",
        "https://u:canary-password@api.test.example/",
        "https://api.test.example./canary-path",
        "https://evilapi.test.example/canary-path",
        "https://evil.example/",
        "/canary-path",
    ] {
        let transport = Fake::saying(vec![reply(200, &[], "")]);
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        let error = send(&transport, "authorization", request).await.unwrap_err();
        assert!(matches!(error, Error::Authorize(_)), "{uri}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        assert!(transport.sent().is_empty(), "{uri}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_an_error_and_is_not_repeated() {
    let transport =
        Fake::new(|_, _| Err(TransportError::new(TransportErrorKind::Closed, "api.test.example")));
    let error = send(&transport, "authorization", request(&Method::GET)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the connection was closed before the answer was complete (api.test.example)"
    );
    assert!(matches!(error, Error::Transport(_)));
    assert_eq!(transport.times().len(), 1);
}
