//! TLS, against a server with certificates of its own making.

use std::sync::Arc;

use keyway_core::TransportErrorKind;
use keyway_http::HttpTransport;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use super::{loopback, send};

/// A server whose certificate is for `name`: its origin, the certificate as PEM, and the heads that arrive.
async fn server(name: &str) -> (String, String, UnboundedReceiver<String>) {
    server_saying(name, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned()).await
}

/// The same, with another answer.
pub(crate) async fn server_saying(name: &str, said: String) -> (String, String, UnboundedReceiver<String>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The address itself is a name too; every other one is a name of this machine.
    let host = if name == "127.0.0.1" { name } else { "localhost" };
    let origin = format!("https://{host}:{}", listener.local_addr().unwrap().port());
    let (heads, arrived) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let count = stream.read(&mut head).await.unwrap_or(0);
            let _ = heads.send(String::from_utf8_lossy(&head[..count]).into_owned());
            let _ = stream.write_all(said.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    (origin, cert.pem(), arrived)
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_named() {
    let (origin, pem, mut arrived) = server("localhost").await;
    let answer = send(loopback().add_root_certificate(pem), &origin).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"ok"[..]));
    let head = arrived.recv().await.unwrap();
    assert!(head.starts_with("GET /canary-path?key=canary-query HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("authorization: Bearer canary-header\r\n"), "{head}");
}

#[tokio::test]
async fn an_unknown_certificate_and_one_of_another_name_get_nothing() {
    let (origin, _, mut arrived) = server("localhost").await;
    assert_eq!(
        send(loopback(), &origin).await.unwrap_err(),
        TransportErrorKind::Tls,
        "nobody vouches for it"
    );
    assert!(arrived.try_recv().is_err(), "something was sent");

    let (origin, pem, mut arrived) = server("other.example").await;
    let error = send(loopback().add_root_certificate(pem), &origin).await.unwrap_err();
    assert_eq!(error, TransportErrorKind::Tls, "it is somebody else's");
    assert!(arrived.try_recv().is_err(), "something was sent");
}

#[tokio::test]
async fn loopback_is_refused_with_tls_too_unless_it_is_asked_for() {
    let (origin, pem, mut arrived) = server("localhost").await;
    let error = send(HttpTransport::builder().add_root_certificate(pem), &origin).await.unwrap_err();
    assert_eq!(error, TransportErrorKind::Address);
    assert!(arrived.try_recv().is_err(), "something was sent");
}
