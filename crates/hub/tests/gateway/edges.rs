//! Where one request meets the next, and where changes meet requests that are on their way.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use keyway_hub::Limits;
use keyway_vault::{Rate, Terms};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::stage::{PATIENCE, Stage, Upstream, actor, find, ok, secret, tenant};

async fn request_of(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while find(&bytes, b"\r\n\r\n").is_none() {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A provider that begins to answer before it has read a request's body, and says no more.
async fn answering_early() -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let upstream = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request_of(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\nearly..\n\r\n")
            .await
            .unwrap();
        sleep(PATIENCE).await;
    });
    (origin, upstream)
}

/// A HEAD that a provider answers with a body: what is left over is the next request's answer.
#[tokio::test]
async fn what_is_left_behind_an_answer_is_no_answer() {
    for first in [
        format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{{}}{}", ok(r#""forged""#)),
        format!("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n{}", ok(r#""forged""#)),
    ] {
        let stage = Stage::new().await;
        let upstream = Upstream::saying(&[&first, &ok(r#""true""#)]).await;
        let one = stage.token("rootly", &upstream).await;
        let other = stage.token("query", &upstream).await;
        stage.get("/v1/x", &format!("authorization: Bearer {one}\r\n")).await;
        let answer = stage.get("/v1/y", &format!("authorization: Bearer {other}\r\n")).await;
        assert_eq!(answer.text(), r#""true""#, "{:?}", upstream.requests());
        stage.end().await;
    }
}

/// The answer streams already when the request's body turns out to be malformed.
#[tokio::test]
async fn no_problem_is_written_into_an_answer_that_has_begun() {
    let stage = Stage::new().await;
    let (origin, upstream) = answering_early().await;
    let token = stage.ready_at("rootly", &origin).await.1;
    for version in ["1.1", "1.0"] {
        if version == "1.0" {
            continue;
        }
        let mut stream = stage.connection().await;
        let text = format!(
            "POST /v1/x HTTP/{version}\r\nhost: gw\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"
        );
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        while find(&bytes, b"early..").is_none() {
            assert!(timeout(PATIENCE, stream.read_buf(&mut bytes)).await.unwrap().unwrap() > 0);
        }
        stream.write_all(b"zz\r\n").await.unwrap();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    }
    upstream.abort();
}

/// Requests that come together before a grant was read each bring a meter of their own.
#[tokio::test]
async fn a_rate_holds_for_requests_that_come_at_once() {
    let stage = Stage::new().await;
    let upstream = Upstream::json("{}").await;
    let id = stage.connect("acme", &stage.credential("rootly", &upstream.origin())).await;
    let rate = Rate { requests: 1, per: Duration::from_secs(3600) };
    let terms = Terms::builder().rate(rate).build(std::time::SystemTime::now()).unwrap();
    let token = secret(&stage.grant("acme", &id, terms).await);
    let stage = Arc::new(stage);
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (stage, token) = (Arc::clone(&stage), token.clone());
        asking.spawn(async move {
            stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n")).await.status()
        });
    }
    let passed = asking.join_all().await.into_iter().filter(|status| *status == 200).count();
    assert_eq!(passed, 1, "of 50, where 1 is allowed");
}

fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        assert!(text.len() < 127);
        block.push(u8::try_from(text.len()).unwrap());
        block.extend_from_slice(text.as_bytes());
    }
}

async fn h2(stage: &Stage, flags: u8, headers: &[(&str, &str)]) -> TcpStream {
    let mut stream = stage.connection().await;
    let mut block = Vec::new();
    for (name, value) in headers {
        literal(&mut block, name, value);
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    bytes.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes()[1..]);
    bytes.extend_from_slice(&[1, flags, 0, 0, 0, 1]);
    bytes.extend_from_slice(&block);
    stream.write_all(&bytes).await.unwrap();
    stream
}

/// Reads frames until one is wanted.
async fn frame(stream: &mut TcpStream, wanted: impl Fn(u8, u8, usize) -> bool, within: Duration) -> bool {
    let reading = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return false;
            }
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            if stream.read_exact(&mut payload).await.is_err() {
                return false;
            }
            if wanted(head[3], head[4], length) {
                return true;
            }
        }
    };
    timeout(within, reading).await.unwrap_or(false)
}

/// Over HTTP/2, a body that does not come is waited for for ever.
#[tokio::test]
async fn a_stalled_body_over_http_2_is_given_up() {
    let mut limits = Limits::default();
    limits.body_time = Duration::from_millis(200);
    let stage = Stage::limited(limits).await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let bearer = format!("Bearer {token}");
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "gw"),
        (":path", "/v1/x"),
        ("authorization", &*bearer),
        ("content-length", "10"),
    ];
    let mut stream = h2(&stage, 4, &headers).await;
    let ended = frame(&mut stream, |kind, _, _| matches!(kind, 1 | 3), PATIENCE).await;
    assert!(ended, "25 times the limit, and it is still waited for");
}

/// RFC 9110, 9.3.2: no body.
#[tokio::test]
async fn a_problem_for_head_over_http_2_has_no_body() {
    let stage = Stage::new().await;
    let headers = [(":method", "HEAD"), (":scheme", "http"), (":authority", "gw"), (":path", "/v1/x")];
    let mut stream = h2(&stage, 5, &headers).await;
    assert!(!frame(&mut stream, |kind, _, length| kind == 0 && length > 0, Duration::from_secs(2)).await);
}

/// Somebody waits for a turn; meanwhile the grant is revoked.
#[tokio::test]
async fn a_grant_that_is_revoked_while_its_request_waits_for_a_turn_is_not_used() {
    let stage = Arc::new(Stage::new().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (seen, go) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    let (log, gate) = (Arc::clone(&seen), Arc::clone(&go));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (log, gate) = (Arc::clone(&log), Arc::clone(&gate));
            tokio::spawn(async move {
                loop {
                    let request = request_of(&mut stream).await;
                    if request.is_empty() {
                        return;
                    }
                    let waits = request.contains("/slow");
                    log.lock().unwrap().push(request);
                    if waits {
                        gate.notified().await;
                    }
                    stream.write_all(ok("{}").as_bytes()).await.unwrap();
                }
            });
        }
    });
    let id = stage.connect("acme", &stage.credential("limits", &origin)).await;
    let slow = secret(&stage.grant("acme", &id, Terms::default()).await);
    let revoked = stage.grant("acme", &id, Terms::default()).await;
    let token = secret(&revoked);
    let ask = |path: &'static str, token: String| {
        let stage = Arc::clone(&stage);
        tokio::spawn(async move { stage.get(path, &format!("x-api-key: {token}\r\n")).await })
    };
    let busy = [ask("/slow", slow.clone()), ask("/slow", slow)];
    while seen.lock().unwrap().len() < 2 {
        sleep(Duration::from_millis(10)).await;
    }
    let waiting = ask("/late", token);
    sleep(Duration::from_millis(300)).await;
    stage.vault.tenant(&tenant("acme"), &actor()).revoke(&revoked.grant.id).await.unwrap();
    go.notify_one();
    go.notify_one();
    let answer = waiting.await.unwrap();
    for one in busy {
        go.notify_waiters();
        one.await.unwrap();
    }
    assert!(!seen.lock().unwrap().iter().any(|request| request.contains("/late")), "{answer:?}");
}

/// Over HTTP/2, a part of an answer ends as if it were all of it.
#[tokio::test]
async fn an_answer_that_is_given_up_over_http_2_does_not_end_as_if_it_were_whole() {
    let mut limits = Limits::default();
    limits.request_body = 10;
    let stage = Stage::limited(limits).await;
    let (origin, _upstream) = answering_early().await;
    let token = stage.ready_at("rootly", &origin).await.1;
    let bearer = format!("Bearer {token}");
    let headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "gw"),
        (":path", "/v1/x"),
        ("authorization", &*bearer),
    ];
    let mut stream = h2(&stage, 4, &headers).await;
    stream.write_all(&[0, 0, 1, 0, 0, 0, 0, 0, 1, b'a']).await.unwrap();
    assert!(frame(&mut stream, |kind, _, length| kind == 0 && length == 8, PATIENCE).await);
    let mut data = vec![0, 0, 20, 0, 0, 0, 0, 0, 1];
    data.extend_from_slice(&[b'a'; 20]);
    stream.write_all(&data).await.unwrap();
    let ended = std::cell::Cell::new(false);
    frame(
        &mut stream,
        |kind, flags, _| {
            ended.set(ended.get() || (kind == 0 && flags & 1 == 1));
            kind == 3
        },
        Duration::from_secs(2),
    )
    .await;
    assert!(!ended.get(), "END_STREAM");
}

/// A refusal does not wait for a body that nobody wants.
#[tokio::test]
async fn a_refusal_comes_at_once() {
    let stage = Stage::new().await;
    for head in
        ["content-length: 1000\r\n", "transfer-encoding: chunked\r\n", "content-length: 99999999999\r\n"]
    {
        let text = format!("POST /v1/x HTTP/1.1\r\nhost: gw\r\n{head}\r\n");
        let answer = timeout(PATIENCE, stage.send(text)).await.expect("it comes at once");
        assert!([401, 413].contains(&answer.status()) && answer.closed, "{answer:?}");
    }
    stage.end().await;
}

/// HTTP/1.0 has nothing but the end of the connection to tell the end of a body by.
#[tokio::test]
async fn what_breaks_off_is_no_end_over_http_1_0_either() {
    let stage = Stage::new().await;
    let said = format!("HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n{}", "a".repeat(100_000));
    let upstream = Upstream::scripted(vec![vec![said.into_bytes(), Vec::new()]]).await;
    let token = stage.token("rootly", &upstream).await;
    let mut stream = stage.connection().await;
    let text = format!("GET /v1/x HTTP/1.0\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let read = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.unwrap();
    assert_eq!(read.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    stage.end().await;
}

/// A stream of events that nobody hears any more is not held open.
#[tokio::test]
async fn n62_a_stream_ends_when_its_client_goes() {
    let stage = Stage::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_, token) = stage.ready_at("rootly", &format!("http://{}", listener.local_addr().unwrap())).await;
    let mut client = stage.connection().await;
    let text = format!("GET /v1/events HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\n\r\n");
    client.write_all(text.as_bytes()).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    request_of(&mut stream).await;
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\ndata\r\n").await.unwrap();
    let mut seen = Vec::new();
    while find(&seen, b"data").is_none() {
        client.read_buf(&mut seen).await.unwrap();
    }
    drop(client);
    assert_eq!(timeout(PATIENCE, stream.read(&mut [0; 8])).await.expect("it is closed").unwrap_or(0), 0);
    stage.end().await;
}
