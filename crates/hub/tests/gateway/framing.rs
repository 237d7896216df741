//! Requests that somebody could read in another way: refused, and the connection is closed.

use tokio::io::AsyncWriteExt as _;

use crate::stage::{ROOTLY, Stage, Upstream, answer, ok};

/// Sends it, and expects this problem, a closed connection, and that nothing went on.
async fn refused(stage: &Stage, upstream: &Upstream, text: &[u8], status: u16, problem: &str) {
    let shown = String::from_utf8_lossy(text).into_owned();
    let answer = stage.send(text).await;
    assert_eq!(
        (answer.status(), answer.header("keyway-problem")),
        (status, Some(problem)),
        "{shown:?}: {answer:?}"
    );
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{shown:?}");
    assert!(answer.closed, "{shown:?}: {answer:?}");
    assert_eq!(upstream.requests(), [""; 0], "{shown:?}");
}

#[tokio::test]
async fn n55_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let head = |rest: &str| {
        format!("POST /v1/x HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\n{rest}")
            .into_bytes()
    };
    for rest in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
        "content-length: 4\r\ncontent-length: 4\r\n\r\nabcd",
        "content-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
        "content-length: 4, 4\r\n\r\nabcd",
        "content-length: +4\r\n\r\nabcd",
        "content-length: -1\r\n\r\n",
        "content-length: 0x4\r\n\r\nabcd",
        "content-length: 4 4\r\n\r\nabcd",
        "content-length:\r\n\r\n",
        "content-length: 99999999999999999999\r\n\r\n",
        "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: identity\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "content-length : 4\r\n\r\nabcd",
        " content-length: 4\r\n\r\nabcd",
        "x: 1\r\n folded\r\n\r\n",
        "x: 1\r\n\tfolded\r\n\r\n",
        "x: 1\n\r\n\r\n",
        "x: 1\ny: 2\r\n\r\n",
        "x: a\rb\r\n\r\n",
        "x: a\0b\r\n\r\n",
        "x\r\n\r\n",
        ": x\r\n\r\n",
        "x y: 1\r\n\r\n",
        "host: other.example\r\n\r\n",
        "Host: gw.example\r\n\r\n",
    ] {
        refused(&stage, &upstream, &head(rest), 400, "request-malformed").await;
    }
    for whole in [
        "GET /v1/x HTTP/1.1\r\n\r\n",
        "GET /v1/x HTTP/1.1\nhost: gw.example\n\n",
        "GET /v1/x HTTP/1.1\r\nhost: gw.example\n\r\n",
        "GET /v1/x\r\n\r\n",
        "GET /v1/x HTTP/1.2\r\nhost: gw.example\r\n\r\n",
        "GET /v1/x HTTP/2.0\r\nhost: gw.example\r\n\r\n",
        "GET  /v1/x HTTP/1.1\r\nhost: gw.example\r\n\r\n",
        "GET /v1/x y HTTP/1.1\r\nhost: gw.example\r\n\r\n",
        "GET\t/v1/x HTTP/1.1\r\nhost: gw.example\r\n\r\n",
        "G\u{0}T /v1/x HTTP/1.1\r\nhost: gw.example\r\n\r\n",
        "GET /v1/x HTTP/1.1\r\nhost: a@b\r\n\r\n",
        "GET /v1/x HTTP/1.1\r\nhost: a/b\r\n\r\n",
        "GET /v1/x HTTP/1.1\r\nhost: \r\n\r\n",
        "POST /v1/x HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n",
    ] {
        refused(&stage, &upstream, whole.as_bytes(), 400, "request-malformed").await;
    }
    stage.end().await;
}

#[tokio::test]
async fn n55_what_stands_behind_a_refused_request_is_no_request() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let smuggled =
        format!("GET /v1/admin HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\n\r\n");
    for framing in ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: xchunked"] {
        let text = format!(
            "POST /v1/x HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\n{framing}\r\n\r\n0\r\n\r\n{smuggled}"
        );
        refused(&stage, &upstream, text.as_bytes(), 400, "request-malformed").await;
    }
    // A body is a body, whatever it looks like.
    let text = format!(
        "POST /v1/x HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{smuggled}",
        smuggled.len()
    );
    assert_eq!(stage.send(text).await.status(), 200);
    assert!(upstream.request().starts_with("POST /v1/x "));
    stage.end().await;
}

#[tokio::test]
async fn n54_targets_that_are_no_path_and_methods_that_are_not_passed_on() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    for (line, status, problem) in [
        ("GET http://api.rootly.com/v1/x", 400, "target-form"),
        ("GET https://evil.example/v1/x", 400, "target-form"),
        ("OPTIONS *", 400, "target-form"),
        ("GET *", 400, "target-form"),
        ("CONNECT api.rootly.com:443", 400, "target-form"),
        ("CONNECT /v1/x", 405, "method-refused"),
        ("TRACE /v1/x", 405, "method-refused"),
        ("TRACK /v1/x", 405, "method-refused"),
        ("GET /v1/x#fragment", 400, "path-ambiguous"),
    ] {
        let text = format!("{line} HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\n\r\n");
        let answer = stage.send(text).await;
        assert_eq!((answer.status(), answer.problem()), (status, problem), "{line}");
        assert_eq!(upstream.requests(), [""; 0], "{line}");
    }
    // Whatever else it is called goes as it is called.
    let text = format!("PURGE /v1/x HTTP/1.1\r\nhost: gw.example\r\nauthorization: Bearer {token}\r\n\r\n");
    assert_eq!(stage.send(text).await.status(), 200);
    assert!(upstream.request().starts_with("PURGE /v1/x HTTP/1.1\r\n"));
    stage.end().await;
}

#[tokio::test]
async fn n53_the_policy_sees_the_path_that_the_provider_sees() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let (id, token) = stage.ready("rootly", &upstream).await;
    for path in [
        "//evil.com",
        "//evil.com/v1",
        "/\\evil",
        "/v1/..",
        "/v1/../admin",
        "/v1/%2e%2e/admin",
        "/v1/..%2fadmin",
        "/v1/%252e%252e/admin",
        "/v1/..;/admin",
        "/v1/%00",
        "/v1/%0d%0ax-admin:%201",
        "/v1/%5c..%5cadmin",
        "/v1/%",
    ] {
        for prefix in [String::new(), format!("/c/{id}")] {
            let answer =
                stage.get(&format!("{prefix}{path}"), &format!("authorization: Bearer {token}\r\n")).await;
            assert_eq!((answer.status(), answer.problem()), (400, "path-ambiguous"), "{path}");
            assert_eq!(upstream.requests(), [""; 0], "{path}");
        }
    }
    // What goes, goes byte by byte.
    for path in ["/v1/a%2Fb", "/v1/a%20b?x=%2e%2e/..", "/v1/%C3%BC", "/v1/a//b", "/v1/100%25"] {
        let before = upstream.requests().len();
        assert_eq!(
            stage.get(path, &format!("authorization: Bearer {token}\r\n")).await.status(),
            200,
            "{path}"
        );
        assert!(upstream.requests()[before].starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{path}");
    }
    stage.end().await;
}

#[tokio::test]
async fn requests_follow_each_other_on_one_connection_however_they_are_cut() {
    let stage = Stage::new().await;
    let upstream = Upstream::saying(&[&ok("1"), &ok("22"), &ok("333")]).await;
    let token = stage.token("rootly", &upstream).await;
    let head = format!("host: gw.example\r\nauthorization: Bearer {token}\r\n");
    let all = format!(
        "GET /v1/a HTTP/1.1\r\n{head}\r\nPOST /v1/b HTTP/1.1\r\n{head}transfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nx: trailer\r\n\r\n\r\nGET /v1/c HTTP/1.1\r\n{head}connection: close\r\n\r\n"
    );
    for size in [1, 7, 100, 10_000] {
        upstream.requests.lock().unwrap().clear();
        let mut stream = stage.connection().await;
        stream.set_nodelay(true).unwrap();
        for piece in all.as_bytes().chunks(size) {
            stream.write_all(piece).await.unwrap();
        }
        for expected in ["1", "22", "333"] {
            assert_eq!(answer(&mut stream).await.text(), expected, "in pieces of {size}");
        }
        let requests = upstream.requests();
        assert!(
            requests[1].starts_with("POST /v1/b ") && requests[1].contains("3\r\nabc\r\n0\r\n\r\n"),
            "{requests:?}"
        );
        assert!(requests.iter().all(|request| request.contains(ROOTLY) && !request.contains("trailer")));
    }
    stage.end().await;
}
