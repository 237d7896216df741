//! Every limit has a number: past it the answer is clear, and the gateway is as healthy as before (I10).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use keyway_hub::Limits;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout},
};

use crate::stage::{PATIENCE, Stage, Upstream, answer, find, ok};

/// Limits that a test need not wait for.
fn short() -> Limits {
    let mut limits = Limits::default();
    limits.head_time = Duration::from_millis(200);
    limits.idle = Duration::from_millis(300);
    limits.body_time = Duration::from_millis(300);
    limits.answer_time = Duration::from_millis(300);
    limits.request_body = 1000;
    limits
}

#[tokio::test]
async fn i10_past_a_limit_the_answer_is_clear_and_the_gateway_goes_on() {
    let stage = Stage::limited(short()).await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let authorized = format!("host: gw\r\nauthorization: Bearer {token}\r\n");
    let many = "x: y\r\n".repeat(101);
    let long = format!("x: {}\r\n", "y".repeat(33 * 1024));
    let (body, chunks) = (
        "a".repeat(1001),
        format!("{}0\r\n\r\n", "64\r\n".to_owned() + &"a".repeat(100) + "\r\n").repeat(11),
    );
    let chunks = chunks.replace("0\r\n\r\n64", "64");
    for (text, status, problem) in [
        (format!("GET /{} HTTP/1.1\r\n{authorized}\r\n", "x".repeat(17 * 1024)), 414, "target-too-long"),
        (format!("GET /v1 HTTP/1.1\r\n{authorized}{long}\r\n"), 431, "head-too-large"),
        (format!("GET /v1 HTTP/1.1\r\n{authorized}{many}\r\n"), 431, "head-too-large"),
        (
            format!("POST /v1 HTTP/1.1\r\n{authorized}content-length: 1001\r\n\r\n{body}"),
            413,
            "body-too-large",
        ),
        (
            format!("POST /v1 HTTP/1.1\r\n{authorized}content-length: 99999999999\r\n\r\n"),
            413,
            "body-too-large",
        ),
        (
            format!("POST /v1 HTTP/1.1\r\n{authorized}transfer-encoding: chunked\r\n\r\n{chunks}"),
            413,
            "body-too-large",
        ),
        (format!("GET /v1 HTTP/1.1\r\n{authorized}x: y"), 408, "head-timeout"),
        (format!("POST /v1 HTTP/1.1\r\n{authorized}content-length: 10\r\n\r\nabc"), 400, "body-incomplete"),
    ] {
        let answer = stage.send(&text).await;
        assert_eq!((answer.status(), answer.header("keyway-problem")), (status, Some(problem)), "{text:.60}");
        assert_eq!(stage.get("/v1", &format!("authorization: Bearer {token}\r\n")).await.status(), 200);
    }
    stage.end().await;
}

#[tokio::test]
async fn n62_who_says_nothing_or_too_slowly_is_let_go() {
    let stage = Stage::limited(short()).await;
    let mut silent = stage.connection().await;
    let mut slow = stage.connection().await;
    let began = Instant::now();
    let dripping = async {
        for byte in b"GET /v1/incidents HTTP/1.1\r\nhost: gw\r\nx: ".iter().cycle() {
            if slow.write_all(&[*byte]).await.is_err() {
                return;
            }
            let mut answer = [0; 1024];
            if let Ok(Ok(_)) = timeout(Duration::from_millis(20), slow.read(&mut answer)).await {
                assert!(answer.starts_with(b"HTTP/1.1 408 "));
                return;
            }
        }
    };
    timeout(PATIENCE, dripping).await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert_eq!(timeout(PATIENCE, silent.read(&mut [0; 64])).await.unwrap().unwrap(), 0);
    stage.end().await;
}

#[tokio::test]
async fn n35_a_provider_that_says_nothing_is_given_up() {
    let stage = Stage::limited(short()).await;
    let pause = || vec![Vec::new(); 300];
    for (script, expected) in [
        (pause(), 504),
        ([vec![b"HTTP/1.1 200 OK\r\n".to_vec()], pause()].concat(), 504),
        ([vec![b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab".to_vec()], pause()].concat(), 504),
    ] {
        let upstream = Upstream::scripted(vec![script]).await;
        let header = format!("authorization: Bearer {}\r\n", stage.token("rootly", &upstream).await);
        let answer = stage.get("/v1/x", &header).await;
        assert_eq!((answer.status(), answer.problem()), (expected, "provider-timeout"));
    }
    // It has the port and does not listen: nobody else can have it meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nowhere = format!("http://{}", closed.local_addr().unwrap());
    let (_, token) = stage.ready_at("rootly", &nowhere).await;
    let answer = stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n")).await;
    assert_eq!((answer.status(), answer.problem()), (502, "provider-unreachable"));
    stage.end().await;
}

#[tokio::test]
async fn large_bodies_stream_both_ways_at_once() {
    const SIZE: usize = 32 << 20;
    let stage = Stage::new().await;
    // It answers with what it is sent, as it comes, so that whoever waits for one before the other waits for ever.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while find(&head, b"\r\n\r\n").is_none() {
            stream.read_buf(&mut head).await.unwrap();
        }
        let start = head.split_off(find(&head, b"\r\n\r\n").unwrap() + 4);
        let said = format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n");
        stream.write_all(said.as_bytes()).await.unwrap();
        stream.write_all(&start).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let (_, token) = stage.ready_at("rootly", &origin).await;
    let stream = stage.connection().await;
    let (mut read, mut write) = stream.into_split();
    let text = format!(
        "POST /v1/x HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\ncontent-length: {SIZE}\r\nconnection: close\r\n\r\n"
    );
    // Who says that nothing more comes counts as gone: it is kept open.
    let writing = tokio::spawn(async move {
        write.write_all(text.as_bytes()).await.unwrap();
        let piece: Vec<u8> = (0..=255).cycle().take(1 << 16).collect();
        for _ in 0..SIZE >> 16 {
            write.write_all(&piece).await.unwrap();
        }
        write
    });
    let mut bytes = Vec::new();
    timeout(Duration::from_secs(60), read.read_to_end(&mut bytes)).await.unwrap().unwrap();
    drop(writing.await.unwrap());
    let end = find(&bytes, b"\r\n\r\n").unwrap() + 4;
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let body = crate::stage::unchunked(&bytes[end..]);
    assert_eq!(body.len(), SIZE);
    assert!(body.iter().enumerate().all(|(at, byte)| usize::from(*byte) == at % 256), "it is another one");
    stage.end().await;
}

#[tokio::test]
async fn an_event_stream_is_passed_on_as_it_comes() {
    let stage = Stage::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut events) = tokio::sync::mpsc::channel::<&'static str>(1);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            )
            .await
            .unwrap();
        while let Some(event) = events.recv().await {
            stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    });
    let (_, token) = stage.ready_at("rootly", &origin).await;
    let mut stream = stage.connection().await;
    let text = format!("GET /v1/events HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    for event in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        sender.send(event).await.unwrap();
        let arrived = async {
            while find(&bytes, event.as_bytes()).is_none() {
                assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
            }
        };
        timeout(PATIENCE, arrived).await.expect("an event does not wait for the next");
    }
    drop(sender);
    stage.end().await;
}

#[tokio::test]
async fn n62_who_goes_away_frees_what_it_took() {
    let stage = Stage::new().await;
    // Gone while a body is sent: the provider's connection is closed, too.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_, token) = stage.ready_at("rootly", &format!("http://{}", listener.local_addr().unwrap())).await;
    for text in [
        format!(
            "POST /v1/x HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\ncontent-length: 1000\r\n\r\nabc"
        ),
        // Gone while the answer is awaited.
        format!("GET /v1/x HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\n\r\n"),
    ] {
        let mut client = stage.connection().await;
        client.write_all(text.as_bytes()).await.unwrap();
        let (mut stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let mut bytes = Vec::new();
        while find(&bytes, b"\r\n\r\n").is_none() {
            stream.read_buf(&mut bytes).await.unwrap();
        }
        drop(client);
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it is closed");
    }
    let none = async {
        while !stage.gateway.metrics().contains("keyway_requests_in_flight 0\n") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, none).await.expect("nothing is in flight any more");
    stage.end().await;
}

#[tokio::test]
async fn n62_only_what_changes_nothing_is_sent_again_when_a_kept_connection_was_closed() {
    let stage = Stage::new().await;
    for (method, expected) in [("GET", 200), ("HEAD", 200), ("POST", 502), ("DELETE", 502), ("PATCH", 502)] {
        // The provider closes a kept connection at the very moment that the next request comes.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_, token) =
            stage.ready_at("rootly", &format!("http://{}", listener.local_addr().unwrap())).await;
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            for closes in [true, false] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut bytes = Vec::with_capacity(8192);
                while stream.read_buf(&mut bytes).await.is_ok_and(|length| length > 0) {
                    if closes && counted.fetch_add(1, Ordering::Relaxed) == 1 {
                        break;
                    }
                    if !closes {
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    let body = if bytes.starts_with(b"HEAD") { "" } else { "{}" };
                    let said = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{body}");
                    bytes.clear();
                    stream.write_all(said.as_bytes()).await.unwrap();
                }
            }
        });
        let header = format!("authorization: Bearer {token}\r\n");
        assert_eq!(stage.get("/v1/x", &header).await.status(), 200);
        let text = format!("{method} /v1/x HTTP/1.1\r\nhost: gw\r\n{header}connection: close\r\n\r\n");
        let mut stream = stage.connection().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {expected} ")), "{method}: {text}");
        assert_eq!(requests.load(Ordering::Relaxed), if expected == 200 { 3 } else { 2 }, "{method}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_a_body_is_told_to_or_why_not() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let head = |token: &str| {
        format!(
            "POST /v1/x HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"
        )
    };
    let mut stream = stage.connection().await;
    stream.write_all(head(&token).as_bytes()).await.unwrap();
    let mut said = [0; 25];
    timeout(PATIENCE, stream.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abcd").await.unwrap();
    assert_eq!(answer(&mut stream).await.status(), 200);
    assert!(upstream.request().ends_with("\r\n\r\nabcd") && !upstream.request().contains("expect"));
    let refused = stage.send(head("kwg_made-up")).await;
    assert_eq!((refused.status(), refused.closed), (401, true));
    stage.end().await;
}

#[tokio::test]
async fn a_provider_that_answers_before_it_has_read_all_is_heard() {
    let stage = Stage::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_, token) = stage.ready_at("rootly", &format!("http://{}", listener.local_addr().unwrap())).await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsays")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
    let mut stream = stage.connection().await;
    let text = format!(
        "POST /v1/x HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\ncontent-length: 100000000\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let answered = answer(&mut stream).await;
    assert_eq!((answered.status(), answered.text().as_str()), (413, "says"));
    assert_eq!(answered.header("keyway-problem"), None);
    stage.end().await;
}

#[tokio::test]
async fn what_is_in_flight_ends_before_the_gateway_does() {
    let stage = Stage::new().await;
    let slow: Vec<Vec<u8>> = vec![Vec::new(); 40].into_iter().chain([ok("{}").into_bytes()]).collect();
    let upstream = Upstream::scripted(vec![slow]).await;
    let token = stage.token("rootly", &upstream).await;
    let mut idle = stage.connection().await;
    let mut busy = stage.connection().await;
    let text = format!("GET /v1/x HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\n\r\n");
    busy.write_all(text.as_bytes()).await.unwrap();
    while upstream.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let address = stage.address;
    let ending = tokio::spawn(stage.end());
    assert_eq!(
        timeout(PATIENCE, idle.read(&mut [0; 8])).await.unwrap().unwrap(),
        0,
        "who does nothing is let go"
    );
    let answered = answer(&mut busy).await;
    assert_eq!((answered.status(), answered.text().as_str()), (200, "{}"));
    let (vault, _folder) = ending.await.unwrap();
    // The port may be somebody else's by now.
    if let Ok(mut stream) = tokio::net::TcpStream::connect(address).await {
        let _ = stream.write_all(b"GET /v1/x HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let mut said = String::new();
        let _ = timeout(PATIENCE, stream.read_to_string(&mut said)).await;
        assert!(!said.contains("keyway"), "{said}");
    }
    assert!(vault.verify(&[]).await.unwrap().open_runs.is_empty(), "the recorder said that it ended");
}
