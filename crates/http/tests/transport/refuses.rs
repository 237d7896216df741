//! Where no request goes.

use TransportErrorKind::{Address, Other, Scheme, Tls};
use keyway_core::TransportErrorKind;
use keyway_http::HttpTransport;

use crate::{
    common::{Server, answer},
    loopback, send,
};

#[tokio::test]
async fn n19_n23_loopback_unless_it_is_allowed() {
    let server = Server::saying(answer(200, &[], "")).await;
    let port = server.port();
    for host in
        ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "LOCALHOST.", "api.localhost", "[::1]"]
    {
        let https = send(HttpTransport::builder(), &format!("https://{host}:{port}")).await;
        assert_eq!(https.unwrap_err(), Address, "{host}");
        let http = send(HttpTransport::builder(), &format!("http://{host}:{port}")).await;
        assert_eq!(http.unwrap_err(), Scheme, "{host}");
    }
    assert!(server.arrived().is_empty());
}

#[tokio::test]
async fn n20_n21_private_addresses_and_plain_http_always() {
    for (origin, expected) in [
        ("https://10.0.0.1", Address),
        ("https://169.254.169.254", Address),
        ("https://0", Address),
        ("https://[::ffff:127.0.0.1]", Address),
        ("https://[64:ff9b::7f00:1]", Address),
        ("https://[fe80::1]", Address),
        ("http://10.0.0.1", Scheme),
        ("http://api.example.com", Scheme),
        ("ftp://127.0.0.1", Scheme),
        ("ws://localhost", Scheme),
        ("http://user:pass@127.0.0.1", Other),
        ("", Other),
    ] {
        assert_eq!(send(loopback(), origin).await.unwrap_err(), expected, "{origin}");
    }
}

#[tokio::test]
async fn paths_that_would_not_arrive_as_they_are() {
    let server = Server::saying(answer(200, &[], "")).await;
    for path in ["/a/..", "/%2e%2e/a", "/a/%2E%2e", "/."] {
        assert_eq!(
            send(loopback(), &format!("{}{path}", server.origin())).await.unwrap_err(),
            Other,
            "{path}"
        );
    }
    assert!(server.arrived().is_empty());
}

#[tokio::test]
async fn servers_that_do_not_speak_tls() {
    for said in ["HTTP/1.1 400 Bad Request\r\n\r\n", "", "\x15\x03\x01\x00\x02\x02\x28"] {
        let server = Server::saying(said).await;
        let origin = format!("https://127.0.0.1:{}", server.port());
        assert_eq!(send(loopback(), &origin).await.unwrap_err(), Tls, "{said:?}");
    }
}
