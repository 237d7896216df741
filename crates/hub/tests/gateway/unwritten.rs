//! A database that can be read and not written: whatever is used has to be in the audit log.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use keyway_hub::{Listener, Stop};
use keyway_vault::Database;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tracing_subscriber::fmt::MakeWriter;

use crate::stage::{PATIENCE, Stage, Upstream};

/// Keeps the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Asks an operator's listener.
async fn asked(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn n46_while_uses_cannot_be_written_nothing_is_sent_and_everybody_is_told() {
    let lines = Lines::default();
    let log = tracing_subscriber::fmt().with_ansi(false).with_writer(lines.clone()).finish();
    // All that this runtime does is done on this thread.
    let _log = tracing::subscriber::set_default(log);
    let stage = Stage::new().await;
    let listener = Listener::new(std::net::TcpListener::bind("127.0.0.1:0").unwrap(), None).unwrap();
    let (control, stop) = (listener.address().unwrap(), Stop::new());
    let (gateway, asking) = (stage.gateway.clone(), stop.clone());
    let controlling = tokio::spawn(async move { gateway.control(listener, asking).await.unwrap() });
    let upstream = Upstream::json("{}").await;
    let (_, token) = stage.ready("rootly", &upstream).await;
    let header = format!("authorization: Bearer {token}\r\n");
    assert_eq!(stage.get("/v1/x", &header).await.status(), 200);
    assert!(asked(control, "/readyz").await.starts_with("HTTP/1.1 200 "));
    let until_ready = async |is_ready: bool| {
        let looks = async {
            while asked(control, "/readyz").await.starts_with("HTTP/1.1 200 ") != is_ready {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, looks).await.expect("it is told");
    };

    let written = async {
        while !stage.vault.audit(0, 1000).await.unwrap().iter().any(|entry| entry.kind == "uses") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, written).await.unwrap();

    // Somebody else writes, and does not end. Nobody has used anything: whoever asks learns it all the same.
    let database = format!("sqlite:{}", stage.folder.path().join("keyway.db").display());
    let elsewhere = database.parse::<Database>().unwrap().open().await.unwrap();
    let writing = elsewhere.turn().await.unwrap();
    until_ready(false).await;
    assert!(asked(control, "/readyz").await.contains("the vault cannot be written"));
    assert!(stage.gateway.is_ready(), "it is not known from any use");
    let mut passed = 1;
    let refused = loop {
        let answer = stage.get("/v1/x", &header).await;
        if answer.status() != 200 {
            break answer;
        }
        passed += 1;
    };
    assert_eq!((refused.status(), refused.problem()), (503, "audit-unavailable"));
    let began = Instant::now();
    // At once, from when it is known why. What was held back before waits for that as long as SQLite does.
    while asked(control, "/metrics").await.contains("keyway_audit_failing 0") {
        assert!(began.elapsed() < PATIENCE);
    }
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(stage.get("/v1/x", &header).await.problem(), "audit-unavailable");
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(!stage.gateway.is_ready());
    assert!(asked(control, "/readyz").await.contains("SQLite 5"));
    assert_eq!(upstream.requests().len(), passed);
    let told = lines.text();
    let errors: Vec<_> = told.lines().filter(|line| line.contains("ERROR")).collect();
    assert!(errors.iter().any(|line| line.contains("uses cannot be written to the audit log")), "{told}");

    drop(writing);
    until_ready(true).await;
    assert_eq!(stage.get("/v1/x", &header).await.status(), 200);
    assert!(asked(control, "/metrics").await.contains("keyway_audit_failing 0"));
    assert!(lines.text().contains("uses can be written to the audit log again"));
    stop.ask();
    controlling.await.unwrap();
    let (vault, _folder) = stage.end().await;
    let entries = vault.audit(0, 1000).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.what.uses.len()).sum::<usize>(), passed + 1);
}
