//! TLS and HTTP/2, and what operators ask.

use bytes::Bytes;
use keyway_core::Transport as _;
use keyway_http::HttpTransport;
use keyway_hub::{Listener, Stop, Tls, TlsError};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::stage::{PATIENCE, ROOTLY, Stage, Upstream, find, ok};

fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn transport(certificate: &str) -> HttpTransport {
    HttpTransport::builder().allow_loopback().add_root_certificate(certificate).build().unwrap()
}

#[tokio::test]
async fn http_2_over_tls_does_what_http_1_does() {
    let (certificate, key) = certificate();
    let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let stage = Stage::with(|builder| builder, Some(tls)).await;
    let body = format!(r#"{{"next":"ORIGIN/v1/x?page=2","you_sent":"{ROOTLY}"}}"#);
    let upstream = Upstream::chunked("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: a=b\r\ntransfer-encoding: chunked\r\n\r\n", &body).await;
    let token = stage.token("rootly", &upstream).await;
    let base = format!("https://localhost:{}", stage.address.port());
    let transport = transport(&certificate);
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..20 {
        let (transport, base, token) = (transport.clone(), base.clone(), token.clone());
        asking.spawn(async move {
            let request = http::Request::builder()
                .method(if number % 2 == 0 { "POST" } else { "GET" })
                .uri(format!("{base}/v1/x?n={number}"))
                .header("authorization", format!("Bearer {token}"))
                .body(if number % 2 == 0 { Bytes::from("a".repeat(100_000)) } else { Bytes::new() })
                .unwrap();
            transport.send(request).await.unwrap()
        });
    }
    for answer in asking.join_all().await {
        assert_eq!(answer.status(), 200);
        let expected = format!(r#"{{"next":"{base}/v1/x?page=2","you_sent":"[redacted]"}}"#);
        assert_eq!(String::from_utf8_lossy(answer.body()), expected);
        assert!(answer.header("set-cookie").is_none());
    }
    let requests = upstream.requests();
    assert_eq!(requests.len(), 20);
    for request in &requests {
        assert!(request.contains(ROOTLY) && !request.contains("kwg_"), "{request}");
        assert!(!request.starts_with("POST") || request.ends_with(&"a".repeat(100_000)), "{request:.200}");
    }
    for (path, headers, status, problem) in [
        ("/v1/x", vec![], 401, "grant-missing"),
        ("/v1/../x", vec![("authorization", format!("Bearer {token}"))], 400, "path-ambiguous"),
        (
            "/v1/x",
            vec![("authorization", format!("Bearer {token}")), ("zsessionid", token.replace('a', "b"))],
            401,
            "grant-unknown",
        ),
        (
            "/v1/x",
            vec![("authorization", format!("Bearer {token}")), ("x-http-method", "PUT".to_owned())],
            400,
            "method-overridden",
        ),
    ] {
        if path.contains("..") {
            // What a client mends by itself never comes here.
            continue;
        }
        let mut request = http::Request::builder().uri(format!("{base}{path}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = transport.send(request.body(Bytes::new()).unwrap()).await.unwrap();
        if problem == "grant-unknown" && !token.contains('a') {
            continue;
        }
        assert_eq!((answer.status().as_u16(), answer.header("keyway-problem")), (status, Some(problem)));
    }
    stage.end().await;
}

#[tokio::test]
async fn a_certificate_is_replaced_while_clients_are_served() {
    let (first, key) = certificate();
    let tls = Tls::from_pem(first.as_bytes(), key.as_bytes()).unwrap();
    let stage = Stage::with(|builder| builder, Some(tls.clone())).await;
    let upstream = Upstream::json("{}").await;
    let token = stage.token("rootly", &upstream).await;
    let ask = async |certificate: &str| {
        let uri = format!("https://localhost:{}/v1/x", stage.address.port());
        let request = http::Request::get(uri).header("authorization", format!("Bearer {token}"));
        transport(certificate).send(request.body(Bytes::new()).unwrap()).await.map(|answer| answer.status())
    };
    assert_eq!(ask(&first).await.unwrap(), 200);
    let (second, other_key) = certificate();
    assert_eq!(tls.reload(second.as_bytes(), key.as_bytes()).unwrap_err(), TlsError::Pair);
    assert_eq!(tls.reload(b"made up", key.as_bytes()).unwrap_err(), TlsError::Certificate);
    assert_eq!(tls.reload(second.as_bytes(), b"made up").unwrap_err(), TlsError::Key);
    assert_eq!(ask(&first).await.unwrap(), 200, "the old one stays");
    tls.reload(second.as_bytes(), other_key.as_bytes()).unwrap();
    assert_eq!(ask(&second).await.unwrap(), 200);
    assert!(ask(&first).await.is_err());
    stage.end().await;
}

#[tokio::test]
async fn a_client_may_begin_with_http_2_without_tls() {
    let stage = Stage::new().await;
    // The preface byte by byte, and an empty SETTINGS frame.
    let mut stream = stage.connection().await;
    stream.set_nodelay(true).unwrap();
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0" {
        stream.write_all(&[*byte]).await.unwrap();
    }
    let mut frame = [0; 9];
    timeout(PATIENCE, stream.read_exact(&mut frame)).await.unwrap().unwrap();
    assert_eq!(frame[3], 4, "SETTINGS come first");
    // What only begins like it is HTTP/1.1, and wrong.
    let answer = stage.send("PRI * HTTP/2.0\r\nhost: gw\r\n\r\n").await;
    assert_eq!((answer.status(), answer.closed), (400, true));
    stage.end().await;
}

#[tokio::test]
async fn operators_ask_for_metrics_health_and_readiness() {
    let stage = Stage::new().await;
    let upstream = Upstream::saying(&[&ok("{}")]).await;
    let token = stage.token("rootly", &upstream).await;
    stage.get("/v1/x", &format!("authorization: Bearer {token}\r\n")).await;
    stage.get("/v1/x", "").await;
    let listener = Listener::new(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), None).unwrap();
    let address = listener.address().unwrap();
    let (gateway, stop) = (stage.gateway.clone(), Stop::new());
    let asked = stop.clone();
    let serving = tokio::spawn(async move { gateway.control(listener, asked).await.unwrap() });
    let ask = async |path: &str| {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let text = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let metrics = ask("/metrics").await;
    for line in [
        "keyway_requests_total{provider=\"rootly\",status=\"2xx\"} 1",
        "keyway_problems_total{code=\"grant-missing\"} 1",
        "keyway_problems_total{code=\"grant-unknown\"} 0",
        "keyway_request_duration_seconds_count{provider=\"rootly\"} 1",
        "keyway_upstream_dials_total{provider=\"rootly\"} 1",
        "keyway_requests_in_flight 0",
        "keyway_sent_bytes_total",
        "# EOF",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    for secret in [ROOTLY, "kwg_", "acme", "con_", "gra_", "/v1"] {
        assert!(find(metrics.as_bytes(), secret.as_bytes()).is_none(), "{secret}: {metrics}");
    }
    assert!(ask("/healthz").await.starts_with("HTTP/1.1 200 "));
    assert!(ask("/readyz").await.starts_with("HTTP/1.1 200 "));
    assert!(ask("/v1/x").await.starts_with("HTTP/1.1 404 "));
    stop.ask();
    serving.await.unwrap();
    stage.end().await;
}
