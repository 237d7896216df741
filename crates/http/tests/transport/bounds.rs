//! Answers that are too much, too late, or no HTTP.

use std::time::Duration;

use TransportErrorKind::{Closed, Connect, Malformed, Timeout, TooLarge};
use bytes::Bytes;
use http::Request;
use keyway_core::{Transport, TransportErrorKind};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    common::{Server, answer},
    loopback, send,
};

const SHORT: Duration = Duration::from_millis(100);

/// Sends what a provider says, and waits for the other side to go away.
async fn say_and_hold(mut stream: TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).await.unwrap();
    std::future::pending::<()>().await;
}

/// Sends `bytes` again and again.
async fn say_for_ever(mut stream: TcpStream, head: &[u8], bytes: &[u8], pause: Duration) {
    let mut sent = stream.write_all(head).await;
    while sent.is_ok() {
        sent = stream.write_all(bytes).await;
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn n34_answers_up_to_the_limit() {
    for (length, limit, fits) in [(0, 0, true), (1, 0, false), (9, 10, true), (10, 10, true), (11, 10, false)]
    {
        let body = "x".repeat(length);
        let declared = answer(200, &[], &body);
        let closing = format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes();
        let chunks = "1\r\nx\r\n".repeat(length);
        let chunked =
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").into_bytes();
        for bytes in [declared, closing, chunked] {
            let server = Server::saying(bytes).await;
            let result = send(loopback().limit(limit), &server.origin()).await;
            let expected = if fits { Ok(length) } else { Err(TooLarge) };
            assert_eq!(result.map(|answer| answer.body().len()), expected, "{length} of {limit}");
        }
    }
}

#[tokio::test]
async fn the_bounds_of_a_check() {
    let mebibyte = 1024 * 1024;
    let server = Server::saying(answer(200, &[], &"x".repeat(mebibyte + 1))).await;
    let transport = loopback().build().unwrap();
    let ask = || Request::get(server.origin()).body(Bytes::new()).unwrap();
    assert_eq!(transport.send(ask()).await.unwrap().body().len(), mebibyte + 1);
    assert_eq!(transport.for_checks().send(ask()).await.unwrap_err().kind(), TooLarge);
}

#[tokio::test]
async fn a_declared_length_above_the_limit_is_not_waited_for() {
    for length in ["1048577", "18446744073709551614"] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        let server = Server::start(move |stream, _| {
            let head = head.clone();
            async move { say_and_hold(stream, head.as_bytes()).await }
        })
        .await;
        assert_eq!(send(loopback().limit(1024 * 1024), &server.origin()).await.unwrap_err(), TooLarge);
    }
}

#[tokio::test]
async fn a_length_without_a_body() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").await;
    let request = Request::head(server.origin()).body(Bytes::new()).unwrap();
    assert!(loopback().build().unwrap().send(request).await.unwrap().body().is_empty());
}

#[tokio::test]
async fn n34_endless_bodies() {
    let line = "x".repeat(65536);
    let server = Server::start(move |stream, _| {
        let line = line.clone();
        async move {
            say_for_ever(stream, b"HTTP/1.1 200 OK\r\n\r\n", line.as_bytes(), Duration::ZERO).await;
        }
    })
    .await;
    assert_eq!(send(loopback().limit(1024 * 1024), &server.origin()).await.unwrap_err(), TooLarge);

    let server = Server::start(|stream, _| async move {
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        say_for_ever(stream, head, &b"4\r\nxxxx\r\n".repeat(1000), Duration::ZERO).await;
    })
    .await;
    assert_eq!(send(loopback().limit(64 * 1024), &server.origin()).await.unwrap_err(), TooLarge);
}

#[tokio::test]
async fn n41_endless_heads() {
    for (line, expected) in [
        ("x-a: b\r\n", TooLarge),
        // One header without an end.
        ("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", TooLarge),
    ] {
        let line = line.repeat(100);
        let server = Server::start(move |stream, _| {
            let line = line.clone();
            async move {
                say_for_ever(stream, b"HTTP/1.1 200 OK\r\nx-b: ", line.as_bytes(), Duration::ZERO).await;
            }
        })
        .await;
        assert_eq!(send(loopback(), &server.origin()).await.unwrap_err(), expected);
    }
    let flood = Server::start(|stream, _| async move {
        say_for_ever(stream, b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", Duration::from_millis(1)).await;
    })
    .await;
    assert_eq!(send(loopback().timeout(SHORT), &flood.origin()).await.unwrap_err(), Timeout);
}

#[tokio::test]
async fn n41_heads_that_end() {
    for (number, expected) in [(90, Ok(90)), (10_000, Err(TooLarge))] {
        let head = "x-a: b\r\n".repeat(number);
        let server = Server::saying(format!("HTTP/1.1 200 OK\r\n{head}\r\n")).await;
        let result = send(loopback(), &server.origin()).await;
        assert_eq!(result.map(|answer| answer.headers().get_all("x-a").iter().count()), expected, "{number}");
    }
    // Many hints come before the answer, which is the answer all the same.
    let hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
    let server = Server::saying(format!("{hints}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")).await;
    assert_eq!(send(loopback(), &server.origin()).await.unwrap().body(), "ok");
    // One length said twice is one length (RFC 9112, 6.3); two lengths are none, see `n41_answers_that_are_no_http`.
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(send(loopback(), &server.origin()).await.unwrap().body(), "ok");
}

#[tokio::test]
async fn n35_silence() {
    for said in [
        "",
        "HTTP/1.1 200 O",
        "HTTP/1.1 200 OK\r\nx-a: b\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
    ] {
        for builder in [loopback().timeout(SHORT), loopback().read_timeout(SHORT)] {
            let server = Server::start(move |stream, _| say_and_hold(stream, said.as_bytes())).await;
            assert_eq!(send(builder, &server.origin()).await.unwrap_err(), Timeout, "{said}");
        }
    }
}

#[tokio::test]
async fn n35_one_byte_at_a_time() {
    let server = Server::start(|stream, _| async move {
        say_for_ever(stream, b"HTTP/1.1 200 OK\r\n\r\n", b"x", Duration::from_millis(10)).await;
    })
    .await;
    let builder = loopback().read_timeout(Duration::from_secs(4)).timeout(SHORT);
    assert_eq!(send(builder, &server.origin()).await.unwrap_err(), Timeout);
}

#[tokio::test]
async fn n35_a_handshake_that_nobody_answers() {
    let server = Server::start(|stream, _| say_and_hold(stream, b"")).await;
    let origin = format!("https://127.0.0.1:{}", server.port());
    assert_eq!(send(loopback().connect_timeout(SHORT), &origin).await.unwrap_err(), Timeout);
}

#[tokio::test]
async fn n41_early_ends() {
    for said in [
        "",
        "HTTP/1.1 200 O",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        let server = Server::saying(said).await;
        assert_eq!(send(loopback(), &server.origin()).await.unwrap_err(), Closed, "{said}");
    }
}

#[tokio::test]
async fn n41_answers_that_are_no_http() {
    for said in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "<html>hello</html>\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 99 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/3.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx a: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-a: \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-a: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: +2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\nab\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ] {
        let server = Server::saying(said).await;
        assert_eq!(send(loopback(), &server.origin()).await.err(), Some(Malformed), "{said}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    // It has the port and does not listen: nobody else can have it meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = closed.local_addr().unwrap().port();
    for scheme in ["http", "https"] {
        assert_eq!(send(loopback(), &format!("{scheme}://127.0.0.1:{port}")).await.unwrap_err(), Connect);
    }
}
