//! TLS, against servers of a private authority.

use std::{io::IoSlice, time::Duration};

use TransportErrorKind::{Timeout, Tls};
use keyway_core::TransportErrorKind;
use keyway_http::Link;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};

use crate::{
    authority::{Authority, serve},
    common::Server,
    converse, dial, loopback,
};

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let authority = Authority::new();
    let dialer = loopback().add_root_certificate(&*authority.pem).build().unwrap();
    // An address is no server name (RFC 6066, 3), but the certificate has to be for it.
    for (host, said) in [("localhost", "localhost"), ("127.0.0.1", "-"), ("api.localhost", "api.localhost")] {
        let port = authority.server(host).await;
        let mut link = dial(&dialer, &format!("https://{host}:{port}")).await.unwrap();
        assert!(matches!(link, Link::Tls(_)));
        assert!(link.tcp().nodelay().unwrap());
        // Only `http/1.1` is offered, so a server that would rather speak HTTP/2 does not.
        assert_eq!(converse(&mut link).await, format!("{said} http/1.1 Full"));
    }
}

#[tokio::test]
async fn certificates_that_nobody_vouches_for_or_of_somebody_else() {
    let authority = Authority::new();
    let ours = loopback().add_root_certificate(&*authority.pem).build().unwrap();
    let systems = loopback().build().unwrap();
    let others = loopback().add_root_certificate(Authority::new().pem).build().unwrap();

    let good = format!("https://localhost:{}", authority.server("localhost").await);
    assert!(dial(&ours, &good).await.is_ok());
    for dialer in [&systems, &others] {
        assert_eq!(dial(dialer, &good).await.unwrap_err(), Tls);
    }
    for (name, host) in [
        ("other.example", "localhost"),
        ("localhost", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("localhost", "a.localhost"),
        ("127.0.0.2", "127.0.0.1"),
    ] {
        let origin = format!("https://{host}:{}", authority.server(name).await);
        assert_eq!(dial(&ours, &origin).await.unwrap_err(), Tls, "{name} for {host}");
    }
    let expired = authority.acceptor("localhost", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    let origin = format!("https://localhost:{}", serve(expired).await);
    assert_eq!(dial(&ours, &origin).await.unwrap_err(), Tls, "expired");
}

#[tokio::test]
async fn servers_that_speak_something_else() {
    let authority = Authority::new();
    let dialer = loopback().add_root_certificate(&*authority.pem).build().unwrap();
    let port = serve(authority.offering("localhost", &["h2"], |_| {})).await;
    assert_eq!(dial(&dialer, &format!("https://localhost:{port}")).await.unwrap_err(), Tls);
    // A server that names no protocol speaks HTTP/1.1.
    let port = serve(authority.offering("localhost", &[], |_| {})).await;
    let mut link = dial(&dialer, &format!("https://localhost:{port}")).await.unwrap();
    assert_eq!(converse(&mut link).await, "localhost  Full");
    for said in ["HTTP/1.1 400 Bad Request\r\n\r\n", "", "\x15\x03\x01\x00\x02\x02\x28"] {
        let server = Server::saying(said).await;
        let origin = format!("https://127.0.0.1:{}", server.port());
        assert_eq!(dial(&dialer, &origin).await.unwrap_err(), Tls, "{said:?}");
    }
}

#[tokio::test]
async fn n35_a_handshake_that_stalls() {
    // After nothing, and in the middle of a record.
    for said in [b"" as &'static [u8], b"\x16\x03\x03\x40\x00\x02"] {
        let server = Server::start(move |mut stream, _| async move {
            stream.write_all(said).await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let dialer = loopback().connect_timeout(Duration::from_secs(1)).build().unwrap();
        let origin = format!("https://127.0.0.1:{}", server.port());
        assert_eq!(dial(&dialer, &origin).await.unwrap_err(), Timeout);
        // It has its place in the queue, and may not have been taken from there yet.
        let arrives = async {
            while server.arrived().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), arrives).await.unwrap();
        assert_eq!(server.arrived().len(), 1);
    }
}

#[tokio::test]
async fn sessions_are_resumed_by_all_clones() {
    let authority = Authority::new();
    let dialer = loopback().add_root_certificate(&*authority.pem).build().unwrap();
    let origin = format!("https://localhost:{}", authority.server("localhost").await);
    let mut kinds = Vec::new();
    for dialer in [dialer.clone(), dialer.clone(), dialer] {
        let mut link = dial(&dialer, &origin).await.unwrap();
        kinds.push(converse(&mut link).await);
    }
    let expected = ["Full", "Resumed", "Resumed"].map(|kind| format!("localhost http/1.1 {kind}"));
    assert_eq!(kinds, expected);
    // Another dialer shares nothing.
    let other = loopback().add_root_certificate(&*authority.pem).build().unwrap();
    let mut link = dial(&other, &origin).await.unwrap();
    assert_eq!(converse(&mut link).await, expected[0]);
}

#[tokio::test]
async fn slices_are_written_as_one() {
    let authority = Authority::new();
    let dialer = loopback().add_root_certificate(&*authority.pem).build().unwrap();
    let origin = format!("https://localhost:{}", authority.server("localhost").await);
    let mut link = dial(&dialer, &origin).await.unwrap();
    assert!(link.is_write_vectored());
    let slices = [IoSlice::new(b"he"), IoSlice::new(b"l"), IoSlice::new(b"lo")];
    assert_eq!(link.write_vectored(&slices).await.unwrap(), 5);
    link.flush().await.unwrap();
    let mut answer = String::new();
    link.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "localhost http/1.1 Full");
}
