//! The way in, on raw sockets: what a client library would not send (N51 to N55, N62).

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    routing::get,
};
use keyway_connect::{Limits, NewSession};
use keyway_hub::{Listener, Tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tower::ServiceExt as _;

use crate::{
    stage::{Browser, Stage},
    walk::{Walk, connect},
};

/// A stage that waits as long as a test does.
async fn quick() -> Stage {
    Stage::with(|builder| {
        let mut limits = Limits::default();
        limits.head_time = Duration::from_millis(300);
        limits.keep_alive = Duration::from_millis(300);
        limits.body_time = Duration::from_millis(300);
        limits.answer_time = Duration::from_millis(300);
        limits.guesses = u32::MAX;
        builder.limits(limits)
    })
    .await
}

/// Sends bytes, and reads until the server closes; without it within some seconds, that is said.
async fn raw(stage: &Stage, bytes: &[u8]) -> String {
    let address = stage.origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close before it read all of it.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    let end = if read.is_ok() { "" } else { "[open]" };
    format!("{}{end}", String::from_utf8_lossy(&answer))
}

#[tokio::test]
async fn n55_a_request_that_can_be_read_in_two_ways_is_refused_and_the_connection_closed() {
    let stage = quick().await;
    let host = "host: x\r\n";
    let post = "POST /link/x HTTP/1.1\r\nhost: x\r\n";
    let many = "x-many: y\r\n".repeat(10_000);
    let long = format!("x: {}\r\n", "y".repeat(100_000));
    let mut wrong = Vec::new();
    let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    for (what, bytes, status) in [
        ("two hosts", format!("GET / HTTP/1.1\r\n{host}host: y\r\n\r\n"), 400),
        ("no host", "GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (
            "both lengths",
            format!("{post}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"),
            411,
        ),
        (
            "both, the other way round",
            format!("{post}transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{smuggled}"),
            411,
        ),
        ("chunks", format!("{post}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"), 411),
        ("two lengths", format!("{post}content-length: 1\r\ncontent-length: 2\r\n\r\nab{smuggled}"), 400),
        ("a list of lengths", format!("{post}content-length: 1, 1\r\n\r\na{smuggled}"), 400),
        ("a length with a sign", format!("{post}content-length: +1\r\n\r\na"), 400),
        ("an unknown coding", format!("{post}transfer-encoding: xchunked\r\n\r\n"), 400),
        (
            "a coding on HTTP/1.0",
            "POST / HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
            400,
        ),
        ("a folded line", format!("GET / HTTP/1.1\r\n{host}x: a\r\n b\r\n\r\n"), 400),
        ("a space before the colon", "GET / HTTP/1.1\r\nhost : x\r\n\r\n".to_owned(), 400),
        ("a carriage return alone", format!("GET / HTTP/1.1\r\n{host}x: a\rb\r\n\r\n"), 400),
        ("a NUL", format!("GET / HTTP/1.1\r\n{host}x: a\0b\r\n\r\n"), 400),
        ("many headers", format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), 431),
        ("a long header", format!("GET / HTTP/1.1\r\n{host}{long}\r\n"), 431),
        ("a long path", format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(70_000)), 431),
        ("CONNECT", format!("CONNECT example.com:443 HTTP/1.1\r\n{host}\r\n"), 405),
        ("an absolute address", format!("GET http://evil.example/ HTTP/1.1\r\n{host}\r\n"), 400),
        (
            "another method in a header",
            format!("{post}content-length: 0\r\nx-http-method-override: PUT\r\n\r\n"),
            400,
        ),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03".to_owned(), 400),
        ("nonsense", "\0\0\0\0\r\n\r\n".to_owned(), 400),
    ] {
        let answer = raw(&stage, bytes.as_bytes()).await;
        let is = [format!("HTTP/1.1 {status} "), format!("HTTP/1.0 {status} ")];
        let answers = answer.matches("HTTP/1.").count();
        let is_closed = answers == 1 && !answer.ends_with("[open]");
        if !(is_closed && is.iter().any(|is| answer.starts_with(is))) {
            wrong.push(format!("{what}: {answer}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(
        Browser::new().get(&format!("{}/keyway.js", stage.origin)).await.status,
        200,
        "as healthy as before"
    );
}

#[tokio::test]
async fn n62_who_is_slow_is_not_waited_for() {
    let stage = quick().await;
    let mut walk = Walk::new(&stage, connect()).await;
    let csrf = walk.csrf().await;
    // Nothing at all, a letter, half a head, a head and half a body.
    for bytes in ["", "P", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let answer = raw(&stage, bytes.as_bytes()).await;
        assert!(!answer.ends_with("[open]"), "{bytes:?}: {answer}");
    }
    let path = walk.at.strip_prefix(&stage.origin).unwrap();
    let head = format!(
        "POST {path}/providers/rootly HTTP/1.1\r\nhost: x\r\norigin: {}\r\ncookie: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\ncsrf={csrf}",
        stage.origin,
        walk.browser.cookie.as_ref().unwrap(),
    );
    let answer = raw(&stage, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && !answer.ends_with("[open]"), "{answer}");
    // A connection that was used, and is left open.
    let answer = raw(&stage, b"GET /keyway.js HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && !answer.ends_with("[open]"), "{answer}");
    assert_eq!(walk.kept().await.1["attempts"], 0);
}

#[tokio::test]
async fn n62_who_does_not_read_the_answers_is_not_waited_for() {
    let stage = quick().await;
    let address = stage.origin.strip_prefix("http://").unwrap().parse().unwrap();
    // Little is taken in for it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let requests = "GET /keyway.js HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    let asks = async { while stream.write_all(requests.as_bytes()).await.is_ok() {} };
    assert!(timeout(Duration::from_secs(20), asks).await.is_ok(), "it is still connected");
}

#[tokio::test]
async fn n62_who_takes_no_data_over_http_2_is_not_waited_for() {
    let stage = quick().await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/keyway.js", socket.local_addr().unwrap().port());
    let listener = Listener::new(socket, Some(tls)).unwrap();
    let (connect, stop) = (stage.connect.clone(), stage.stop.clone());
    tokio::spawn(async move { connect.serve(listener, stop).await.unwrap() });
    let certificate = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    for window in [0, 65_535] {
        let client = reqwest::Client::builder().tls_certs_only([certificate.clone()]);
        let client = client.http2_initial_stream_window_size(window).build().unwrap();
        let answer = client.get(&url).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
        let read = timeout(Duration::from_secs(20), answer.bytes()).await.expect("it is still connected");
        assert_eq!(read.is_ok(), window > 0, "{read:?}");
    }
}

/// What a proxy keeps open for the next request is not closed under it, and half a head is no such.
#[tokio::test]
async fn n62_a_connection_that_was_used_may_wait_for_longer_than_a_head() {
    let stage = Stage::with(|builder| {
        let mut limits = Limits::default();
        limits.head_time = Duration::from_millis(300);
        builder.limits(limits)
    })
    .await;
    let mut stream = TcpStream::connect(stage.origin.strip_prefix("http://").unwrap()).await.unwrap();
    let request = b"GET /look.css HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut buffer = [0; 8192];
    for _ in 0..2 {
        stream.write_all(request).await.unwrap();
        let count = timeout(Duration::from_secs(30), stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(buffer[..count].starts_with(b"HTTP/1.1 200 "), "{count}");
        // Nothing comes, and nothing ends, for longer than a head may take.
        while timeout(Duration::from_millis(900), stream.read(&mut buffer)).await.is_ok_and(|read| {
            assert_ne!(read.unwrap(), 0, "it is closed");
            true
        }) {}
    }
    stream.write_all(&request[..10]).await.unwrap();
    let end = timeout(Duration::from_secs(30), stream.read_to_end(&mut Vec::new())).await;
    assert!(end.is_ok(), "half a head is waited for");
}

#[tokio::test]
async fn n52_who_a_client_is_says_nobody_but_a_trusted_proxy() {
    for (is_trusted, most) in [(false, 3), (true, 40)] {
        let stage = Stage::with(|builder| {
            let mut limits = Limits::default();
            limits.guesses = 3;
            let builder = builder.limits(limits);
            if is_trusted { builder.trusted_proxies(vec!["127.0.0.0/8".parse().unwrap()]) } else { builder }
        })
        .await;
        let mut missing = 0;
        for index in 0..40 {
            let client = reqwest::Client::new();
            let request = client.get(format!("{}/link/x", stage.origin));
            let request = request.header("x-forwarded-for", format!("203.0.113.{index}, 127.0.0.1"));
            missing += usize::from(request.send().await.unwrap().status() == 404);
        }
        assert_eq!(missing, most, "{is_trusted}");
    }
}

#[tokio::test]
async fn n62_all_listeners_have_as_much_room_as_one() {
    let stage = Stage::with(|builder| {
        let mut limits = Limits::default();
        limits.connections = 1;
        builder.limits(limits)
    })
    .await;
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = socket.local_addr().unwrap();
    let (connect, stop) = (stage.connect.clone(), stage.stop.clone());
    tokio::spawn(async move { connect.serve(Listener::new(socket, None).unwrap(), stop).await.unwrap() });
    let mut buffer = [0; 8192];
    let mut before = None;
    // A listener to which nobody comes takes no place.
    for address in [stage.origin.strip_prefix("http://").unwrap(), &other.to_string()] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /look.css HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        if let Some(before) = before.take() {
            let read = timeout(Duration::from_millis(300), stream.read(&mut buffer)).await;
            assert!(read.is_err(), "there is room for one");
            drop::<TcpStream>(before);
        }
        let count = timeout(Duration::from_secs(5), stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(buffer[..count].starts_with(b"HTTP/1.1 200 "), "{count}");
        before = Some(stream);
    }
}

#[tokio::test]
async fn a_program_with_a_server_of_its_own_answers_what_is_not_ours() {
    let stage = Stage::new().await;
    let mine = || Router::new().route("/mine", get(async || "mine"));
    let mut answers = Vec::new();
    for program in [
        mine().fallback(async || "nothing here").merge(stage.connect.router()),
        stage.connect.router().merge(mine().fallback(async || "nothing here")),
        mine().merge(stage.connect.router()),
    ] {
        let ask = async |method: &str, path: &str| {
            let request = http::Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
            let answer = program.clone().oneshot(request).await.unwrap();
            let has_policy = answer.headers().contains_key("content-security-policy");
            let status = answer.status().as_u16();
            let text = to_bytes(answer.into_body(), 100_000).await.unwrap();
            (status, has_policy, String::from_utf8_lossy(&text).into_owned())
        };
        assert_eq!(ask("GET", "/mine").await, (200, false, "mine".to_owned()));
        let ours = [
            ("GET", "/keyway.js", 200),
            ("DELETE", "/keyway.js", 405),
            ("GET", "/v1/x", 404),
            ("GET", "/v1", 404),
        ];
        for (method, path, status) in ours {
            let (is, has_policy, text) = ask(method, path).await;
            assert_eq!((is, has_policy), (status, true), "{method} {path}: {text}");
            assert!(!text.is_empty());
        }
        answers.push(ask("GET", "/nothing").await);
    }
    let theirs = (200, false, "nothing here".to_owned());
    assert_eq!(answers, [theirs.clone(), theirs, (404, false, String::new())]);
    let page = Browser::new().get(&format!("{}/nothing", stage.origin)).await;
    assert!(page.status == 404 && page.text.contains("There is no such page"), "{page:?}");
    assert!(page.headers.contains_key("content-security-policy"));
}

#[tokio::test]
async fn it_stops_when_it_is_asked_to() {
    let stage = Stage::new().await;
    let idle = TcpStream::connect(stage.origin.strip_prefix("http://").unwrap()).await.unwrap();
    let link = stage.start(NewSession::new("user-1", connect())).await.link.expose().to_owned();
    assert_eq!(Browser::new().get(&link).await.status, 200);
    stage.stop.ask();
    timeout(Duration::from_secs(20), stage.serving).await.unwrap().unwrap();
    drop(idle);
}
