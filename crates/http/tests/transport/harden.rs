//! `harden`, on builders that were set up to leak. Each test shows first that such a client leaks, and then that a hardened
//! one does not.

use std::{fs, net::SocketAddr};

use reqwest::{
    Client, ClientBuilder, Proxy,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::{
    arrives::{TARGET, in_child, proxied},
    common::{Server, answer},
    tls::server_saying,
};
use keyway_http::harden;

fn builder() -> ClientBuilder {
    #[expect(clippy::disallowed_methods, reason = "this is what `harden` is for")]
    let builder = Client::builder();
    builder
}

/// A client as it was set up, and a hardened one.
fn both(set_up: impl Fn(ClientBuilder) -> ClientBuilder) -> [Client; 2] {
    [set_up(builder()).build().unwrap(), harden(set_up(builder())).build().unwrap()]
}

/// Sends something that could leak in every place.
async fn post(client: &Client, url: &str) -> Option<u16> {
    let request = client
        .post(format!("{url}/start?x=canary-query"))
        .header("authorization", "Bearer canary-key")
        .header("zsessionid", "canary-key")
        .header("x-api-key", "canary-key")
        .header("cookie", "session=canary")
        .body("canary-body");
    request.send().await.ok().map(|answer| answer.status().as_u16())
}

fn heads(arrived: &mut UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| arrived.try_recv().ok()).collect()
}

fn ok() -> String {
    String::from_utf8(answer(200, &[], "")).unwrap()
}

/// N25 to N27 and N32.
#[tokio::test]
async fn a_redirect_is_an_answer_whatever_the_policy_was() {
    let (same_host, own, mut first) = server_saying("127.0.0.1", ok()).await;
    let (other_host, foreign, mut second) = server_saying("localhost", ok()).await;
    let plain = Server::saying(answer(200, &[], "")).await;
    let set_up = |builder: ClientBuilder| builder.redirect(Policy::limited(10)).referer(true);
    for status in [301, 302, 303, 307, 308] {
        for location in [&same_host, &other_host, &plain.origin()] {
            let head = format!("HTTP/1.1 {status} X\r\nlocation: {location}/x\r\ncontent-length: 0\r\n\r\n");
            let (origin, pem, mut asked) = server_saying("127.0.0.1", head).await;
            let pems = [&own, &foreign, &pem];
            let trusted = || pems.map(|pem| reqwest::Certificate::from_pem(pem.as_bytes()).unwrap());
            let case = format!("{status} {location}");
            let [unguarded, hardened] = both(|builder| set_up(builder).tls_certs_only(trusted()));
            assert_eq!(post(&unguarded, &origin).await, Some(200), "{case}");
            let mut leaked: Vec<String> = heads(&mut first);
            leaked.extend(heads(&mut second));
            leaked.extend(plain.arrived().iter().map(|arrived| format!("{arrived:?}")));
            let leaked = leaked.concat();
            for secret in ["zsessionid", "x-api-key"] {
                assert!(leaked.contains(secret), "{case}: {leaked}");
            }
            plain.forget();
            heads(&mut asked);

            assert_eq!(post(&hardened, &origin).await, Some(status), "{case}");
            let asked = heads(&mut asked);
            assert_eq!(asked.len(), 1, "{case}: {asked:?}");
            assert!(!asked[0].to_ascii_lowercase().contains("\r\nreferer:"), "{case}");
            let elsewhere = (heads(&mut first), heads(&mut second), plain.arrived().len());
            assert_eq!(elsewhere, (vec![], vec![], 0), "{case}");
        }
    }
}

#[tokio::test]
async fn plain_http_is_not_spoken() {
    let server = Server::saying(answer(200, &[], "")).await;
    let [unguarded, hardened] = both(|builder| builder.https_only(false).no_proxy());
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("http://{host}:{}", server.port());
        assert_eq!(post(&unguarded, &url).await, Some(200));
        assert_eq!(server.arrived().len(), 1);
        server.forget();
        assert_eq!(post(&hardened, &url).await, None);
        assert!(server.arrived().is_empty(), "{host}");
    }
}

#[tokio::test]
async fn no_proxy_is_asked() {
    let proxy = Server::saying(answer(403, &[], "")).await;
    let [unguarded, hardened] = both(|builder| builder.proxy(Proxy::all(proxy.origin()).unwrap()));
    let url = "https://127.0.0.1:9";
    assert_eq!(post(&unguarded, url).await, None);
    assert_eq!(proxy.only().line, "CONNECT 127.0.0.1:9 HTTP/1.1");
    proxy.forget();
    assert_eq!(post(&hardened, url).await, None);
    assert!(proxy.arrived().is_empty());
}

#[tokio::test]
async fn the_environments_proxy_is_not_asked() {
    let (target, proxy, environment) = proxied().await;
    let url = format!("https://127.0.0.1:{}", target.port());
    in_child("harden::child_asks_through_its_environment", url.clone(), environment.clone()).await;
    assert_eq!(proxy.only().line, format!("CONNECT 127.0.0.1:{} HTTP/1.1", target.port()));
    proxy.forget();
    in_child("harden::child_asks_hardened", url, environment).await;
    assert!(proxy.arrived().is_empty());
    assert_eq!(target.arrived().len(), 1, "it was asked directly, and does not speak TLS");
}

#[tokio::test]
async fn child_asks_through_its_environment() {
    let Ok(url) = std::env::var(TARGET) else { return };
    let unguarded = builder().tls_sslkeylogfile(true).build().unwrap();
    assert_eq!(post(&unguarded, &url).await, None);
}

#[tokio::test]
async fn child_asks_hardened() {
    let Ok(url) = std::env::var(TARGET) else { return };
    let hardened = harden(builder().tls_sslkeylogfile(true)).build().unwrap();
    assert_eq!(post(&hardened, &url).await, None);
}

/// Whoever has the keys of a connection reads all of it.
#[tokio::test]
async fn the_keys_of_a_connection_are_not_written_down() {
    let file = std::env::temp_dir().join(format!("keyway-keys-{}", std::process::id()));
    let environment = vec![("SSLKEYLOGFILE", file.display().to_string())];
    let (origin, _, _arrived) = server_saying("127.0.0.1", ok()).await;
    in_child("harden::child_asks_through_its_environment", origin.clone(), environment.clone()).await;
    assert!(fs::metadata(&file).unwrap().len() > 0, "an unguarded client writes them");
    fs::remove_file(&file).unwrap();
    in_child("harden::child_asks_hardened", origin, environment).await;
    assert!(!file.exists());
}

#[tokio::test]
async fn certificates_are_checked() {
    // One that nobody vouches for, and one that is somebody else's.
    let (unknown, _, mut asked) = server_saying("127.0.0.1", ok()).await;
    let [unguarded, hardened] = both(|builder| builder.tls_danger_accept_invalid_certs(true));
    assert_eq!((post(&unguarded, &unknown).await, heads(&mut asked).len()), (Some(200), 1));
    assert_eq!((post(&hardened, &unknown).await, heads(&mut asked).len()), (None, 0));

    let (origin, pem, mut asked) = server_saying("other.example", ok()).await;
    let other = origin.replace("localhost", "127.0.0.1");
    let trusted = || [reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()];
    let [unguarded, hardened] =
        both(|builder| builder.tls_certs_only(trusted()).tls_danger_accept_invalid_hostnames(true));
    assert_eq!((post(&unguarded, &other).await, heads(&mut asked).len()), (Some(200), 1));
    assert_eq!((post(&hardened, &other).await, heads(&mut asked).len()), (None, 0));
}

#[tokio::test]
async fn nothing_is_repeated() {
    let busy = String::from_utf8(answer(503, &[], "")).unwrap();
    let (origin, pem, mut asked) = server_saying("127.0.0.1", busy).await;
    let trusted = || [reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()];
    let again = || {
        let retry = reqwest::retry::for_host("127.0.0.1").no_budget().max_retries_per_request(2);
        retry.classify_fn(|answer| {
            if answer.status().is_some_and(|status| status == 503) {
                answer.retryable()
            } else {
                answer.success()
            }
        })
    };
    let [unguarded, hardened] = both(|builder| builder.tls_certs_only(trusted()).retry(again()));
    assert_eq!((post(&unguarded, &origin).await, heads(&mut asked).len()), (Some(503), 3));
    assert_eq!((post(&hardened, &origin).await, heads(&mut asked).len()), (Some(503), 1));
}

/// Says of every name that it is this machine.
struct Rebinding;

impl Resolve for Rebinding {
    fn resolve(&self, _: Name) -> Resolving {
        Box::pin(async { Ok(Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0)))) as Addrs) })
    }
}

/// N22.
#[tokio::test]
async fn names_are_looked_up_by_the_checked_resolver() {
    let (origin, pem, mut asked) = server_saying("api.localhost", ok()).await;
    let url = origin.replace("localhost", "api.localhost");
    let trusted = || [reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()];
    let [unguarded, hardened] =
        both(|builder| builder.tls_certs_only(trusted()).dns_resolver(Rebinding).no_proxy());
    assert_eq!((post(&unguarded, &url).await, heads(&mut asked).len()), (Some(200), 1));
    assert_eq!((post(&hardened, &url).await, heads(&mut asked).len()), (None, 0));
}
