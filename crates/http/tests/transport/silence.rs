//! What is logged. reqwest can write all that it sends and receives to the log, marked as sensitive or not.

use std::sync::{Mutex, Once};

use bytes::Bytes;
use http::Request;
use keyway_core::Transport as _;
use keyway_http::harden;
use log::{LevelFilter, Log, Metadata, Record};
use reqwest::{Client, ClientBuilder};

use crate::{
    common::{Server, answer},
    loopback,
    tls::server_saying,
};

/// All that any test of this process logs: each looks for a key that no other one sends.
struct Recorder(Mutex<Vec<String>>);

static RECORDER: Recorder = Recorder(Mutex::new(Vec::new()));

impl Log for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.lock().unwrap().push(format!("{} {}", record.target(), record.args()));
    }

    fn flush(&self) {}
}

/// From here on, everything is recorded.
fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&RECORDER).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// The records that hold `text`.
fn holding(text: &str) -> Vec<String> {
    let records = RECORDER.0.lock().unwrap();
    records.iter().filter(|record| record.contains(text)).cloned().collect()
}

/// A builder that was told to log all.
fn verbose() -> ClientBuilder {
    #[expect(clippy::disallowed_methods, reason = "this is what `harden` is for")]
    let builder = Client::builder().connection_verbose(true);
    builder
}

async fn post(client: &Client, url: &str, key: &str) {
    let request = client.post(url).header("zsessionid", key).body(format!("{key}-body"));
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_hardened_client_logs_nothing_of_a_request() {
    record();
    // Each answer holds something of its own, too.
    for (guarded, key) in [(false, "canary-logged"), (true, "canary-silent")] {
        let said = String::from_utf8(answer(200, &[("x-echo", key)], key)).unwrap();
        let (origin, pem, mut arrived) = server_saying("127.0.0.1", said).await;
        let builder = verbose().tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes()).unwrap()]);
        let builder = if guarded { harden(builder) } else { builder };
        post(&builder.build().unwrap(), &origin, key).await;
        assert!(arrived.recv().await.unwrap().contains(key));
        let logged = holding(key);
        assert_eq!(logged.is_empty(), guarded, "{logged:#?}");
    }
}

#[tokio::test]
async fn the_transport_logs_nothing_of_a_request() {
    record();
    let key = "canary-transported";
    let server = Server::saying(answer(200, &[("x-echo", key)], key)).await;
    let request = Request::get(server.origin()).header("zsessionid", key).body(Bytes::new()).unwrap();
    loopback().build().unwrap().send(request).await.unwrap();
    assert_eq!(server.only().header("zsessionid"), [key]);
    let logged = holding(key);
    assert!(logged.is_empty(), "{logged:#?}");
    // Another client shows it, on the same way.
    post(&verbose().no_proxy().build().unwrap(), &server.origin(), key).await;
    assert!(!holding(key).is_empty());
}
