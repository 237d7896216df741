//! What arrives at the provider, and what comes back of its answer.

use std::process::Command;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use keyway_core::{Transport, TransportErrorKind};
use keyway_http::HttpTransport;

use crate::{
    common::{Server, answer, gzip_bomb},
    loopback, request, send,
};

const AGENT: &str = concat!("user-agent: keyway/", env!("CARGO_PKG_VERSION"));

#[tokio::test]
async fn exactly_the_request_and_four_headers() {
    let server = Server::saying(answer(200, &[], "")).await;
    send(loopback(), &server.origin()).await.unwrap();
    let arrived = server.only();
    assert_eq!(arrived.line, "GET /canary-path?key=canary-query HTTP/1.1");
    assert_eq!(
        arrived.sorted(),
        [
            "accept-encoding: identity",
            "accept: */*",
            "authorization: Bearer canary-header",
            &format!("host: 127.0.0.1:{}", server.port()),
            AGENT,
        ]
    );
    assert_eq!(arrived.body, "");
}

#[tokio::test]
async fn what_the_request_says_is_kept() {
    let server = Server::saying(answer(200, &[], "")).await;
    let request = Request::post(format!("{}/a%2Fb//c?x=%20&y=/..;#no", server.origin()))
        .header("accept", "application/vnd.api+json")
        .header("accept-encoding", "br")
        .header("user-agent", "acme/1.0")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("zsessionid", "_canary")
        // Framing is the transport's.
        .header("content-length", "3")
        .header("transfer-encoding", "chunked")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .header("host", "evil.example")
        .body(Bytes::from_static(b"{\"a\": 1}"))
        .unwrap();
    loopback().build().unwrap().send(request).await.unwrap();
    let arrived = server.only();
    assert_eq!(arrived.line, "POST /a%2Fb//c?x=%20&y=/..; HTTP/1.1");
    assert_eq!(
        arrived.sorted(),
        [
            "accept-encoding: br",
            "accept: application/vnd.api+json",
            "content-length: 8",
            &format!("host: 127.0.0.1:{}", server.port()),
            "user-agent: acme/1.0",
            "x-twice: 1",
            "x-twice: 2",
            "zsessionid: _canary",
        ]
    );
    assert_eq!(arrived.body, "{\"a\": 1}");
}

#[tokio::test]
async fn framing_of_empty_bodies() {
    for (method, framing) in [
        (Method::GET, &[] as &[&str]),
        (Method::HEAD, &[]),
        (Method::OPTIONS, &[]),
        (Method::DELETE, &[]),
        (Method::POST, &["0"]),
        (Method::PUT, &["0"]),
        (Method::PATCH, &["0"]),
    ] {
        let server = Server::saying(answer(204, &[], "")).await;
        let request = Request::builder().method(&method).uri(server.origin()).body(Bytes::new()).unwrap();
        loopback().build().unwrap().send(request).await.unwrap();
        assert_eq!(server.only().header("content-length"), framing, "{method}");
        assert!(server.only().header("transfer-encoding").is_empty(), "{method}");
    }
}

#[tokio::test]
async fn redirects_are_answers() {
    let other = Server::saying(answer(200, &[], "")).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("{}/elsewhere", other.origin());
        let server = Server::saying(answer(status, &[("location", &location)], "here")).await;
        let answer = send(loopback(), &server.origin()).await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.header("location"), Some(&*location));
        assert_eq!(answer.body(), "here");
        server.only();
    }
    assert!(other.arrived().is_empty());
}

#[tokio::test]
async fn nothing_is_remembered_between_requests() {
    let server = Server::saying(answer(
        200,
        &[("set-cookie", "session=1; path=/"), ("alt-svc", "h3=\":443\""), ("refresh", "0; url=/again")],
        "",
    ))
    .await;
    let transport = loopback().build().unwrap();
    for _ in 0..3 {
        transport.send(request(&server.origin())).await.unwrap();
    }
    let arrived = server.arrived();
    assert_eq!(arrived.len(), 3);
    for request in &arrived {
        assert_eq!(request.sorted(), arrived[0].sorted());
        assert!(request.header("cookie").is_empty());
        assert!(request.header("referer").is_empty());
    }
}

#[tokio::test]
async fn busy_answers_are_not_repeated() {
    for status in [429, 500, 503] {
        let server = Server::saying(answer(status, &[("retry-after", "0")], "")).await;
        assert_eq!(send(loopback(), &server.origin()).await.unwrap().status(), status);
        server.only();
    }
}

#[tokio::test]
async fn n36_encoded_answers_are_not_decoded() {
    let whole = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";
    let truncated = &whole[..whole.len() - 9];
    for (encoding, gzip) in [
        ("gzip", &whole[..]),
        ("gzip", truncated),
        ("gzip", &gzip_bomb()),
        ("br", whole),
        ("deflate", whole),
        ("zstd", whole),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            gzip.len()
        );
        let server = Server::saying([head.as_bytes(), gzip].concat()).await;
        let answer = send(loopback(), &server.origin()).await.unwrap();
        assert_eq!(&answer.body()[..], gzip);
        assert!(answer.is_encoded());
        assert_eq!(answer.header("content-encoding"), Some(encoding));
    }
}

#[tokio::test]
async fn all_of_an_answer_comes_back() {
    let server = Server::saying("HTTP/1.1 299 Odd\r\nX-A: 1\r\nx-a: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").await;
    let before = std::time::SystemTime::now();
    let answer = send(loopback(), &server.origin()).await.unwrap();
    assert_eq!(answer.status(), 299);
    assert_eq!(answer.headers().get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(answer.body(), "abc");
    assert!(answer.received_at() >= before && answer.received_at() <= std::time::SystemTime::now());
}

#[tokio::test]
async fn names_below_localhost_are_loopback() {
    let server = Server::saying(answer(200, &[], "")).await;
    for host in ["localhost", "LOCALHOST", "localhost.", "api.localhost", "127.1", "2130706433"] {
        let origin = format!("http://{host}:{}", server.port());
        let transport = loopback().build().unwrap();
        assert_eq!(transport.send(request(&origin)).await.unwrap().status(), StatusCode::OK, "{host}");
    }
}

/// Tells a child which server to ask; see [`in_child`].
pub(crate) const TARGET: &str = "KEYWAY_TEST_TARGET";

/// Runs one of the tests below in a process with an environment of its own: ours is shared by all tests.
pub(crate) async fn in_child(test: &'static str, target: String, environment: Vec<(&'static str, String)>) {
    let run = move || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(TARGET, target)
            .envs(environment)
            .output()
            .unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

pub(crate) async fn proxied() -> (Server, Server, Vec<(&'static str, String)>) {
    let target = Server::saying(answer(200, &[], "target")).await;
    let proxy = Server::saying(answer(200, &[], "proxy")).await;
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let mut environment: Vec<_> = names.into_iter().map(|name| (name, proxy.origin())).collect();
    environment.extend([("NO_PROXY", String::new()), ("no_proxy", String::new())]);
    (target, proxy, environment)
}

#[tokio::test]
async fn the_environments_proxy_is_not_asked() {
    let (target, proxy, environment) = proxied().await;
    in_child("arrives::child_asks_the_target", target.origin(), environment).await;
    target.only();
    assert!(proxy.arrived().is_empty(), "{:#?}", proxy.arrived());
}

#[tokio::test]
async fn child_asks_the_target() {
    let Ok(origin) = std::env::var(TARGET) else { return };
    assert_eq!(send(loopback(), &origin).await.unwrap().body(), "target");
}

#[tokio::test]
async fn a_proxy_that_was_asked_for() {
    let target = Server::saying(answer(200, &[], "target")).await;
    let proxy = Server::saying(answer(403, &[], "")).await;
    let builder = || loopback().proxy(&proxy.origin());

    // A tunnel is asked for, and nothing of the request is in it.
    assert_eq!(send(builder(), "https://api.example.com").await.unwrap_err(), TransportErrorKind::Connect);
    let arrived = proxy.only();
    assert_eq!(arrived.line, "CONNECT api.example.com:443 HTTP/1.1");
    assert!(!format!("{arrived:?}").contains("canary"));

    // What is written out is checked all the same, and loopback is asked directly.
    assert_eq!(send(builder(), "https://10.0.0.1").await.unwrap_err(), TransportErrorKind::Address);
    assert_eq!(send(builder(), "http://api.example.com").await.unwrap_err(), TransportErrorKind::Scheme);
    for host in ["127.0.0.1", "localhost", "api.localhost"] {
        let origin = format!("http://{host}:{}", target.port());
        assert_eq!(send(builder(), &origin).await.unwrap().body(), "target", "{host}");
    }
    assert_eq!(proxy.arrived().len(), 1);
}

/// The tests above would notice: a client that nobody guards asks the proxy.
#[tokio::test]
async fn an_unguarded_client_asks_the_proxy() {
    let (target, proxy, environment) = proxied().await;
    in_child("arrives::child_asks_unguarded", target.origin(), environment).await;
    assert!(target.arrived().is_empty());
    assert_eq!(proxy.only().header("authorization"), ["Bearer canary-header"]);
}

#[tokio::test]
async fn child_asks_unguarded() {
    let Ok(origin) = std::env::var(TARGET) else { return };
    #[expect(clippy::disallowed_methods, reason = "this shows what it would do")]
    let client = reqwest::Client::new();
    client.get(origin).header("authorization", "Bearer canary-header").send().await.unwrap();
}

#[tokio::test]
async fn a_system_without_certificates() {
    let server = Server::saying(answer(200, &[], "target")).await;
    let nothing = std::env::temp_dir().join("keyway-no-certificates");
    let environment =
        ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| (name, nothing.display().to_string())).to_vec();
    in_child("arrives::child_has_no_certificates", server.origin(), environment).await;
    server.only();
}

#[tokio::test]
async fn child_has_no_certificates() {
    let Ok(origin) = std::env::var(TARGET) else { return };
    #[cfg(target_os = "linux")]
    {
        #[expect(clippy::disallowed_methods, reason = "this shows that there are none")]
        let builder = reqwest::Client::builder();
        assert!(builder.build().is_err());
    }
    assert_eq!(send(loopback(), &origin).await.unwrap().body(), "target");
    HttpTransport::builder().build().unwrap();
}
