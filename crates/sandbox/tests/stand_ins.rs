//! The stand-ins over real sockets.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use keyway_core::{Origin, Registry};
use keyway_sandbox::{Sandbox, SandboxError};
use keyway_testkit::Fixtures;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

fn registry() -> Registry {
    Registry::from_registrations([&keyway_rally::REGISTRATION, &keyway_rootly::REGISTRATION]).unwrap()
}

async fn start() -> Sandbox {
    let registry = registry();
    Sandbox::start(&registry.entries().iter().collect::<Vec<_>>(), 0).await.unwrap()
}

/// Sends a head and reads until the connection is closed.
async fn send(origin: &Origin, head: &str) -> String {
    let mut stream = TcpStream::connect((origin.host(), origin.port())).await.unwrap();
    stream
        .write_all(format!("{head}\r\nhost: stand-in\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn good(fixtures: &str) -> String {
    let fixtures = Fixtures::parse("fixtures.yaml", fixtures).unwrap();
    fixtures.methods()[0].good().unwrap().values()["api_key"].clone()
}

const RALLY: &str = "/slm/webservice/v2.0/user?fetch=UserName,DisplayName,ObjectUUID,Subscription";

#[tokio::test]
async fn each_provider_is_known_by_its_key_and_its_path() {
    let sandbox = start().await;
    let rootly = good(keyway_rootly::REGISTRATION.fixtures);
    let rally = good(keyway_rally::REGISTRATION.fixtures);
    for (head, expected) in [
        (format!("GET /v1/users/me HTTP/1.1\r\nauthorization: Bearer {rootly}"), "HTTP/1.1 200"),
        (
            format!("GET /v1/incidents?page[size]=1 HTTP/1.1\r\nauthorization: Bearer {rootly}"),
            "HTTP/1.1 200",
        ),
        (format!("GET /v1/incidents HTTP/1.1\r\nauthorization: Bearer {rootly}"), "HTTP/1.1 200"),
        (format!("GET /v1/nothing HTTP/1.1\r\nauthorization: Bearer {rootly}"), "HTTP/1.1 404"),
        (format!("GET {RALLY} HTTP/1.1\r\nzsessionid: {rally}"), "HTTP/1.1 200"),
        // The fixtures' key in another place, with something beside it, twice, or not whole.
        (format!("GET {RALLY} HTTP/1.1\r\nauthorization: Bearer {rally}"), "HTTP/1.1 401"),
        (format!("GET {RALLY} HTTP/1.1\r\nzsessionid: {rally}x"), "HTTP/1.1 401"),
        (format!("GET {RALLY} HTTP/1.1\r\nzsessionid: {rally}\r\nzsessionid: {rally}"), "HTTP/1.1 401"),
        (format!("GET /v1/users/me HTTP/1.1\r\nauthorization: {rootly}"), "HTTP/1.1 401"),
        (
            format!("GET {RALLY} HTTP/1.1\r\nzsessionid: {rally}\r\nauthorization: Bearer {rootly}"),
            "HTTP/1.1 401",
        ),
        ("GET /v1/users/me HTTP/1.1".to_owned(), "HTTP/1.1 401"),
        ("GET / HTTP/1.1".to_owned(), "HTTP/1.1 401"),
    ] {
        let answer = send(&sandbox.origin(), &head).await;
        assert!(answer.starts_with(expected), "{head}\n{answer}");
    }
    // An unlisted key is refused in the words of the provider that is meant.
    let html = send(&sandbox.origin(), &format!("GET {RALLY} HTTP/1.1\r\nzsessionid: _unlisted")).await;
    assert!(html.contains("Full authentication is required"), "{html}");
}

/// Whoever follows a link stays here, and the key with it.
#[tokio::test]
async fn an_answer_names_the_stand_in_where_it_would_name_the_provider() {
    let sandbox = start().await;
    let rootly = good(keyway_rootly::REGISTRATION.fixtures);
    let rally = good(keyway_rally::REGISTRATION.fixtures);
    for (head, link) in [
        (
            format!("GET /v1/incidents?page[size]=1 HTTP/1.1\r\nauthorization: Bearer {rootly}"),
            "/v1/incidents?page[number]=2",
        ),
        (format!("GET {RALLY} HTTP/1.1\r\nzsessionid: {rally}"), "/slm/webservice/v2.0/user/1001"),
    ] {
        let answer = send(&sandbox.origin(), &head).await;
        assert!(answer.contains(&format!("\"{}{link}", sandbox.origin())), "{answer}");
        assert!(!answer.contains("https://"), "{answer}");
    }
}

#[tokio::test]
async fn silence_is_a_closed_connection() {
    let sandbox = start().await;
    let fixtures = Fixtures::parse("fixtures.yaml", keyway_rally::REGISTRATION.fixtures).unwrap();
    let silent = fixtures.methods()[0]
        .checks()
        .iter()
        .find(|check| check.answer(std::time::UNIX_EPOCH).is_none())
        .unwrap();
    let answer = send(
        &sandbox.origin(),
        &format!("GET {RALLY} HTTP/1.1\r\nzsessionid: {}", silent.values()["api_key"]),
    )
    .await;
    assert_eq!(answer, "");
}

#[tokio::test]
async fn it_listens_on_loopback_and_says_when_a_port_is_taken() {
    let sandbox = start().await;
    let origin = sandbox.origin();
    assert!(origin.is_loopback());
    let registry = registry();
    let entries: Vec<_> = registry.entries().iter().collect();
    let error = Sandbox::start(&entries, origin.port()).await.unwrap_err();
    assert!(matches!(error, SandboxError::Port { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        format!("port {} of 127.0.0.1 cannot be had: address in use", origin.port())
    );
}
