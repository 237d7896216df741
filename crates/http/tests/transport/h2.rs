//! HTTP/2, against a server that sends whatever frames a test wants.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use TransportErrorKind::{Closed, Timeout, TooLarge};
use bytes::Bytes;
use http::Request;
use keyway_core::{Transport as _, TransportErrorKind};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
    server::TlsStream,
};

use crate::{loopback, send};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// HPACK (RFC 7541, A): `:status: 200`.
const OK: &[u8] = &[0x88];
const NOT_MODIFIED: &[u8] = &[0x8b];

/// Another status: a name of the table, and a value.
const fn status(code: [u8; 3]) -> [u8; 5] {
    [0x08, 3, code[0], code[1], code[2]]
}

/// A frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [&head, payload].concat()
}

/// A header of its own, outside of any table (RFC 7541, 6.2.2).
fn header(name: &str, value: &str) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).unwrap();
    [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
}

struct Server {
    origin: String,
    pem: String,
    asked: Arc<AtomicUsize>,
}

impl Server {
    /// Sends `first` when a request has come, and `then` again and again.
    async fn sending(first: Vec<u8>, then: Vec<u8>) -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(stream) = acceptor.accept(stream).await else { continue };
                let (counter, first, then) = (Arc::clone(&counter), first.clone(), then.clone());
                tokio::spawn(serve(stream, counter, first, then));
            }
        });
        Self { origin, pem: cert.pem(), asked }
    }

    async fn ask(&self, timeout: Duration, limit: usize) -> Result<(u16, usize), TransportErrorKind> {
        let builder = loopback().add_root_certificate(&*self.pem).timeout(timeout).limit(limit);
        let answer = send(builder, &self.origin).await?;
        Ok((answer.status().as_u16(), answer.body().len()))
    }
}

/// Counts the requests of a connection, and sends a test's frames on each.
async fn serve(stream: TlsStream<TcpStream>, asked: Arc<AtomicUsize>, first: Vec<u8>, then: Vec<u8>) {
    let (mut read, mut write) = tokio::io::split(stream);
    let mut preface = [0; 24];
    if read.read_exact(&mut preface).await.is_err() {
        return;
    }
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    write.write_all(&frame(SETTINGS, 0, 0, b"")).await.unwrap();
    let sending = Arc::new(tokio::sync::Notify::new());
    let sends = Arc::clone(&sending);
    tokio::spawn(async move {
        sends.notified().await;
        let mut sent = write.write_all(&first).await;
        while sent.is_ok() && !then.is_empty() {
            sent = write.write_all(&then).await;
        }
        // The connection stays open: what ends the exchange is what was sent.
        std::future::pending::<()>().await;
    });
    let mut head = [0; 9];
    while read.read_exact(&mut head).await.is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        if read.read_exact(&mut payload).await.is_err() {
            return;
        }
        if head[3] == HEADERS {
            asked.fetch_add(1, Ordering::Relaxed);
            sending.notify_one();
        }
    }
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: &[Duration] = &[Duration::from_millis(300), Duration::from_secs(2), Duration::from_secs(8)];

#[tokio::test]
async fn an_answer() {
    let head = frame(HEADERS, END_HEADERS, 1, &[OK, &header("x-a", "b")].concat());
    let server = Server::sending([head, frame(DATA, END_STREAM, 1, b"hello")].concat(), Vec::new()).await;
    assert_eq!(server.ask(LONG, 5).await, Ok((200, 5)));
    assert_eq!(server.ask(LONG, 4).await, Err(TooLarge));
    assert_eq!(server.asked.load(Ordering::Relaxed), 2);
}

/// N42. A request that a server resets is not sent again, whatever the server says of it.
#[tokio::test]
async fn n42_resets_end_the_request_and_nothing_is_repeated() {
    for code in [0, 1, 2, 5, 7, 8, 11, 13, 99] {
        let reset = frame(RST_STREAM, 0, 1, &u32::to_be_bytes(code));
        // hyper takes a reset without an error for an end, so that only the length tells.
        let head = frame(HEADERS, END_HEADERS, 1, &[OK, &header("content-length", "9")].concat());
        let half = [head, frame(DATA, 0, 1, b"half"), reset.clone()].concat();
        let away = frame(GO_AWAY, 0, 0, &[u32::to_be_bytes(0), u32::to_be_bytes(code)].concat());
        for frames in [reset, half, away] {
            let server = Server::sending(frames, Vec::new()).await;
            assert_eq!(server.ask(LONG, 1024).await, Err(Closed), "{code}");
            assert_eq!(server.asked.load(Ordering::Relaxed), 1, "{code}");
        }
    }
}

/// N42, and what else can be sent without an end.
#[tokio::test]
async fn n42_floods_end_within_the_time() {
    let opened = frame(HEADERS, 0, 1, OK);
    let answered = frame(HEADERS, END_HEADERS, 1, OK);
    let filler = header("x-a", &"b".repeat(100)).repeat(100);
    let hint = frame(HEADERS, END_HEADERS, 1, &status(*b"103"));
    for (name, first, then, expected) in [
        ("continuations", opened.clone(), frame(CONTINUATION, 0, 1, &filler), Closed),
        ("empty continuations", opened, frame(CONTINUATION, 0, 1, b""), Closed),
        ("resets of nothing", Vec::new(), frame(RST_STREAM, 0, 3, &[0, 0, 0, 8]), Closed),
        ("resets of one stream", answered.clone(), frame(RST_STREAM, 0, 1, &[0, 0, 0, 8]), Closed),
        ("empty data", answered.clone(), frame(DATA, 0, 1, b""), Closed),
        ("data", answered, frame(DATA, 0, 1, &[b'x'; 1024]), TooLarge),
        ("pings", Vec::new(), frame(PING, 0, 0, &[0; 8]), Timeout),
        ("settings", Vec::new(), frame(SETTINGS, 0, 0, b""), Timeout),
        ("windows", Vec::new(), frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]), Timeout),
        ("hints", Vec::new(), hint, Timeout),
        ("unknown frames", Vec::new(), frame(99, 0, 0, &[0; 100]), Timeout),
    ] {
        let times: &[Duration] = if expected == Timeout { SHORT } else { &[LONG] };
        for time in times {
            let server = Server::sending(first.clone(), then.clone()).await;
            assert_eq!(server.ask(*time, 16 * 1024).await, Err(expected), "{name}");
            let asked = server.asked.load(Ordering::Relaxed);
            if asked == 0 && times.last() != Some(time) {
                // A busy machine needs longer to ask.
                continue;
            }
            assert_eq!(asked, 1, "{name}");
            break;
        }
    }
}

/// An answer to HEAD, and a 304, declare the length of what they leave out.
#[tokio::test]
async fn a_length_without_a_body() {
    let length = header("content-length", "99999999");
    let head = |status: &[u8]| frame(HEADERS, END_HEADERS | END_STREAM, 1, &[status, &length].concat());
    let server = Server::sending(head(OK), Vec::new()).await;
    let transport = loopback().add_root_certificate(&*server.pem).build().unwrap();
    let request = Request::head(&server.origin).body(Bytes::new()).unwrap();
    assert!(transport.send(request).await.unwrap().body().is_empty());

    let server = Server::sending(head(NOT_MODIFIED), Vec::new()).await;
    assert_eq!(server.ask(LONG, 1024).await, Ok((304, 0)));
}

#[tokio::test]
async fn n41_answers_that_are_no_http() {
    let with = |name: &str, value: &str| [OK, &header(name, value)].concat();
    let two = [with("content-length", "2"), header("content-length", "3")].concat();
    let short = frame(HEADERS, END_HEADERS, 1, &with("content-length", "9"));
    let many = frame(CONTINUATION, END_HEADERS | END_STREAM, 1, &header("x-a", "b").repeat(2000));
    for (name, frames) in [
        ("a push", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
        ("data first", frame(DATA, 0, 1, b"x")),
        ("no status", frame(HEADERS, END_HEADERS, 1, &header("x-a", "b"))),
        ("a status that is none", frame(HEADERS, END_HEADERS, 1, &status(*b"abc"))),
        ("101", frame(HEADERS, END_HEADERS | END_STREAM, 1, &status(*b"101"))),
        ("an index of nothing", frame(HEADERS, END_HEADERS, 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])),
        ("upper case", frame(HEADERS, END_HEADERS, 1, &with("X-A", "b"))),
        ("a connection's header", frame(HEADERS, END_HEADERS, 1, &with("connection", "close"))),
        ("two lengths", frame(HEADERS, END_HEADERS, 1, &two)),
        ("less than its length", [short, frame(DATA, END_STREAM, 1, b"x")].concat()),
        ("many headers", [frame(HEADERS, 0, 1, OK), many].concat()),
        ("a frame that is too large", frame(DATA, 0, 1, &b"x".repeat(0x0001_0000))),
        ("another version", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec()),
    ] {
        let server = Server::sending(frames, Vec::new()).await;
        assert_eq!(server.ask(LONG, 1024).await, Err(Closed), "{name}");
        assert_eq!(server.asked.load(Ordering::Relaxed), 1, "{name}");
    }
}
