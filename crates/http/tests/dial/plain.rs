//! Without TLS: this machine alone.

use std::io::IoSlice;

use TransportErrorKind::{Address, Connect, Scheme};
use keyway_core::{Origin, TransportErrorKind};
use keyway_http::{Dialer, Link};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::{
    common::{Server, answer},
    dial, loopback,
};

#[tokio::test]
async fn n19_n23_loopback_unless_it_is_allowed() {
    let server = Server::saying(answer(200, &[], "")).await;
    let port = server.port();
    let (public, loopback) = (Dialer::builder().build().unwrap(), loopback().build().unwrap());
    let hosts = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "LOCALHOST"];
    for host in hosts {
        for (scheme, expected) in [("http", Scheme), ("https", Address)] {
            let origin = format!("{scheme}://{host}:{port}");
            assert_eq!(dial(&public, &origin).await.unwrap_err(), expected, "{origin}");
            assert_eq!(public.admits(&Origin::parse_loopback(&origin).unwrap()), Err(expected));
            assert_eq!(loopback.admits(&Origin::parse_loopback(&origin).unwrap()), Ok(()));
        }
    }
    assert!(server.arrived().is_empty());
    for host in hosts {
        let link = dial(&loopback, &format!("http://{host}:{port}")).await.unwrap();
        assert!(matches!(link, Link::Plain(_)));
        assert!(link.tcp().nodelay().unwrap());
        assert_eq!(link.tcp().peer_addr().unwrap().port(), port);
    }
}

#[tokio::test]
async fn n20_n21_private_addresses_always() {
    let loopback = loopback().build().unwrap();
    for host in ["10.0.0.1", "169.254.169.254", "0", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[fe80::1]"] {
        assert_eq!(dial(&loopback, &format!("https://{host}")).await.unwrap_err(), Address, "{host}");
    }
}

#[tokio::test]
async fn nobody_listens() {
    // It has the port and does not listen: nobody else can have it meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = closed.local_addr().unwrap().port();
    let loopback = loopback().build().unwrap();
    for scheme in ["http", "https"] {
        for host in ["127.0.0.1", "localhost"] {
            let origin = format!("{scheme}://{host}:{port}");
            assert_eq!(dial(&loopback, &origin).await.unwrap_err(), Connect, "{origin}");
        }
    }
}

#[tokio::test]
async fn a_link_carries_bytes_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let mut link = dial(&loopback().build().unwrap(), &origin).await.unwrap();
    let (mut other, _) = listener.accept().await.unwrap();
    assert!(link.is_write_vectored());
    let written = link.write_vectored(&[IoSlice::new(b"one "), IoSlice::new(b"two")]).await.unwrap();
    assert_eq!(written, 7);
    link.shutdown().await.unwrap();
    let mut arrived = String::new();
    other.read_to_string(&mut arrived).await.unwrap();
    assert_eq!(arrived, "one two");
    other.write_all(b"three").await.unwrap();
    drop(other);
    let mut back = String::new();
    link.read_to_string(&mut back).await.unwrap();
    assert_eq!(back, "three");
}
