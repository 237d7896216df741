//! Through a forward proxy.

use std::time::Duration;

use TransportErrorKind::{Address, Connect, Scheme, Timeout, Tls};
use bytes::Bytes;
use http::Request;
use keyway_core::{Transport as _, TransportErrorKind};
use keyway_http::{Dialer, HttpTransport, Link};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

use crate::{
    authority::Authority,
    common::{Arrived, Server, answer},
    converse, dial, loopback,
};

const OPEN: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A proxy whose tunnels lead to `target`, wherever they should.
async fn proxy_to(target: u16) -> Server {
    Server::start(move |stream, _| tunnel(stream, target)).await
}

async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, target: u16) {
    let mut upstream = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
    stream.write_all(OPEN.as_bytes()).await.unwrap();
    let _ = copy_bidirectional(&mut stream, &mut upstream).await;
}

/// The same, over TLS: its port, and the heads that arrive.
async fn secure_proxy_to(authority: &Authority, name: &str, target: u16) -> (u16, UnboundedReceiver<String>) {
    let acceptor = authority.acceptor(name, |_| {});
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heads, arrived) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, heads) = (acceptor.clone(), heads.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut head = [0; 4096];
                let count = stream.read(&mut head).await.unwrap();
                heads.send(String::from_utf8_lossy(&head[..count]).into_owned()).unwrap();
                tunnel(stream, target).await;
            });
        }
    });
    (port, arrived)
}

#[tokio::test]
async fn a_tunnel_with_the_origins_own_tls_in_it() {
    let authority = Authority::new();
    for (origin, asked) in [
        ("https://api.example.com", "api.example.com:443"),
        ("https://api.example.com:8443", "api.example.com:8443"),
        ("https://8.8.8.8", "8.8.8.8:443"),
        ("https://[2606:4700::1111]:8443", "[2606:4700::1111]:8443"),
    ] {
        let name = asked.rsplit_once(':').unwrap().0.trim_matches(['[', ']']);
        let proxy = proxy_to(authority.server(name).await).await;
        let builder = Dialer::builder().proxy(&proxy.origin()).add_root_certificate(&*authority.pem);
        let mut link = dial(&builder.build().unwrap(), origin).await.unwrap();
        assert!(matches!(link, Link::Tls(_)));
        assert_eq!(link.tcp().peer_addr().unwrap().port(), proxy.port());
        assert!(converse(&mut link).await.ends_with("http/1.1 Full"));
        let arrived = proxy.only();
        assert_eq!(arrived.line, format!("CONNECT {asked} HTTP/1.1"));
        assert_eq!(arrived.sorted(), [format!("host: {asked}")]);
    }
}

#[tokio::test]
async fn a_certificate_is_checked_through_a_proxy_too() {
    let authority = Authority::new();
    let proxy = proxy_to(authority.server("other.example").await).await;
    let builder = Dialer::builder().proxy(&proxy.origin()).add_root_certificate(&*authority.pem);
    assert_eq!(dial(&builder.build().unwrap(), "https://api.example.com").await.unwrap_err(), Tls);
}

#[tokio::test]
async fn a_proxy_over_tls() {
    let authority = Authority::new();
    let target = authority.server("api.example.com").await;
    let (port, mut arrived) = secure_proxy_to(&authority, "localhost", target).await;
    let builder = |host: &str| Dialer::builder().proxy(&format!("https://canary-user:canary@{host}:{port}"));
    let dialer = builder("localhost").add_root_certificate(&*authority.pem).build().unwrap();
    let mut link = dial(&dialer, "https://api.example.com").await.unwrap();
    assert!(matches!(link, Link::Nested(_)));
    assert_eq!(link.tcp().peer_addr().unwrap().port(), port);
    assert_eq!(converse(&mut link).await, "api.example.com http/1.1 Full");
    assert!(arrived.recv().await.unwrap().starts_with("CONNECT api.example.com:443 HTTP/1.1\r\n"));

    // One that nobody vouches for, or that is somebody else, is told nothing.
    let unknown = builder("localhost").build().unwrap();
    let other = builder("127.0.0.1").add_root_certificate(&*authority.pem).build().unwrap();
    for dialer in [unknown, other] {
        assert_eq!(dial(&dialer, "https://api.example.com").await.unwrap_err(), Tls);
    }
    assert!(arrived.try_recv().is_err());
}

#[tokio::test]
async fn the_user_and_the_password_reach_the_proxy_alone() {
    let authority = Authority::new();
    for (userinfo, expected) in [
        ("canary:canary-word", Some("Basic Y2FuYXJ5OmNhbmFyeS13b3Jk")),
        ("canary%40acme:p%3Aw%2F%C3%A9", Some("Basic Y2FuYXJ5QGFjbWU6cDp3L8Op")),
        ("canary", Some("Basic Y2FuYXJ5Og==")),
        (":canary", Some("Basic OmNhbmFyeQ==")),
        ("canary%0d%0ax-a%3a:b", Some("Basic Y2FuYXJ5DQp4LWE6OmI=")),
        ("", None),
    ] {
        let target = authority.server("api.example.com").await;
        let proxy = proxy_to(target).await;
        let url = format!("http://{userinfo}@127.0.0.1:{}", proxy.port());
        let builder = Dialer::builder().proxy(&url).add_root_certificate(&*authority.pem);
        let shown = format!("{builder:?}");
        let dialer = builder.build().unwrap();
        let mut link = dial(&dialer, "https://api.example.com").await.unwrap();
        assert_eq!(converse(&mut link).await, "api.example.com http/1.1 Full");
        assert_eq!(proxy.only().header("proxy-authorization"), Vec::from_iter(expected), "{userinfo}");
        assert!(!format!("{shown} {dialer:?} {dialer:#?} {link:?}").contains("canary"));

        // A proxy that refuses may say what it was told, and that it is not good.
        let said =
            format!("HTTP/1.1 407 {userinfo}\r\nproxy-authenticate: Basic realm=\"{userinfo}\"\r\n\r\n");
        let refusing = Server::saying(said).await;
        let url = format!("http://{userinfo}@127.0.0.1:{}", refusing.port());
        let dialer = Dialer::builder().proxy(&url).build().unwrap();
        assert_eq!(dial(&dialer, "https://api.example.com").await.unwrap_err(), Connect);
    }
}

/// `HttpTransport` has its proxy from a library: whoever configures both sees no difference.
#[tokio::test]
async fn the_transport_asks_a_proxy_in_the_same_way() {
    for userinfo in ["canary:canary-word", "canary%40acme:p%3Aw%2F%C3%A9", "canary", ":canary", ""] {
        let said = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        for (said, expected) in [(said, Connect), (OPEN, Tls), ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Connect)]
        {
            let proxy = Server::saying(said).await;
            let url = format!("http://{userinfo}@127.0.0.1:{}", proxy.port());
            let dialer = Dialer::builder().proxy(&url).build().unwrap();
            assert_eq!(dial(&dialer, "https://api.example.com").await.unwrap_err(), expected);
            let transport = HttpTransport::builder().proxy(&url).build().unwrap();
            let request = Request::get("https://api.example.com/").body(Bytes::new()).unwrap();
            assert_eq!(transport.send(request).await.unwrap_err().kind(), expected);
            let [ours, theirs] = &proxy.arrived()[..] else { panic!("each asked once") };
            assert_eq!((&ours.line, ours.header("host")), (&theirs.line, theirs.header("host")));
            let told = |asked: &Arrived| asked.header("proxy-authorization").concat();
            assert_eq!(told(ours), told(theirs), "{userinfo}");
        }
    }
}

#[tokio::test]
async fn what_is_no_tunnel() {
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-a: b\r\n".repeat(65));
    let long = format!("HTTP/1.1 200 OK\r\nx-a: {}\r\n\r\n", "b".repeat(8 * 1024));
    for said in [
        "",
        "HTTP/1.1 403 Forbidden\r\n\r\n",
        "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 2\r\n\r\nno",
        "HTTP/1.1 502 Bad Gateway\r\n\r\n",
        "HTTP/1.1 302 Found\r\nlocation: https://127.0.0.1/\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200",
        "HTTP/1.1 99 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.9\r\n\r\n",
        "\x15\x03\x01\x00\x02\x02\x28",
        // Somebody speaks before we do.
        "HTTP/1.1 200 OK\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx a: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx-a: \0\r\n\r\n",
        &many,
        &long,
    ] {
        let proxy = Server::saying(said).await;
        let dialer = Dialer::builder().proxy(&proxy.origin()).build().unwrap();
        let error = dial(&dialer, "https://api.example.com").await.unwrap_err();
        assert_eq!(error, Connect, "{said}");
        assert_eq!(proxy.arrived().len(), 1, "{said}");
    }
}

#[tokio::test]
async fn any_success_is_a_tunnel() {
    for said in [OPEN, "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 204\r\nvia: x\r\n\r\n"] {
        // Nothing follows, so that the handshake is what fails.
        let proxy = Server::saying(said).await;
        let dialer = Dialer::builder().proxy(&proxy.origin()).build().unwrap();
        assert_eq!(dial(&dialer, "https://api.example.com").await.unwrap_err(), Tls, "{said}");
    }
}

#[tokio::test]
async fn a_proxy_without_an_end() {
    let endless = Server::start(|mut stream, _| async move {
        let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\nx-a: ").await;
        while sent.is_ok() {
            sent = stream.write_all(&[b'x'; 4096]).await;
        }
    })
    .await;
    let dialer = Dialer::builder().proxy(&endless.origin()).build().unwrap();
    assert_eq!(dial(&dialer, "https://api.example.com").await.unwrap_err(), Connect);

    for said in ["", "HTTP/1.1 200 OK\r\n", OPEN] {
        let silent = Server::start(move |mut stream, _| async move {
            stream.write_all(said.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        })
        .await;
        let builder = Dialer::builder().proxy(&silent.origin()).connect_timeout(Duration::from_millis(100));
        assert_eq!(
            dial(&builder.build().unwrap(), "https://api.example.com").await.unwrap_err(),
            Timeout,
            "{said}"
        );
    }
}

#[tokio::test]
async fn what_is_written_out_is_checked_and_loopback_is_dialled_directly() {
    let authority = Authority::new();
    let proxy = Server::saying(answer(403, &[], "")).await;
    let builder = || loopback().proxy(&proxy.origin()).add_root_certificate(&*authority.pem);
    let dialer = builder().build().unwrap();
    let plain = Server::saying(answer(200, &[], "")).await;
    for host in ["127.0.0.1", "localhost", "api.localhost"] {
        let port = authority.server(host).await;
        let mut link = dial(&dialer, &format!("https://{host}:{port}")).await.unwrap();
        assert!(converse(&mut link).await.ends_with("http/1.1 Full"), "{host}");
        if host != "api.localhost" {
            let link = dial(&dialer, &format!("http://{host}:{}", plain.port())).await.unwrap();
            assert_eq!(link.tcp().peer_addr().unwrap().port(), plain.port());
        }
    }
    let public = Dialer::builder().proxy(&proxy.origin()).build().unwrap();
    for (dialer, origin, expected) in [
        (&dialer, "https://10.0.0.1", Address),
        (&dialer, "https://169.254.169.254", Address),
        (&dialer, "https://[::ffff:127.0.0.1]", Address),
        (&public, "https://127.0.0.1", Address),
        (&public, "https://localhost", Address),
        (&public, "http://localhost", Scheme),
    ] {
        assert_eq!(dial(dialer, origin).await.unwrap_err(), expected, "{origin}");
    }
    assert!(proxy.arrived().is_empty());
}

#[tokio::test]
async fn a_proxy_that_nobody_is() {
    // It has the port and does not listen: nobody else can have it meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = closed.local_addr().unwrap().port();
    for scheme in ["http", "https"] {
        let dialer = Dialer::builder().proxy(&format!("{scheme}://127.0.0.1:{port}")).build().unwrap();
        assert_eq!(dial(&dialer, "https://api.example.com").await.unwrap_err(), Connect);
    }
}
