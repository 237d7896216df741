//! A provider that does what a test wants: it answers when it is told to, or not at all.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use keyway_core::Origin;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::{Notify, Semaphore},
    task::JoinHandle,
};

/// It answers each request once it has leave.
pub(crate) struct Provider {
    address: SocketAddr,
    /// A leave for each answer.
    pub(crate) leave: Arc<Semaphore>,
    /// Somebody asked.
    pub(crate) asked: Arc<Notify>,
    pub(crate) count: Arc<AtomicUsize>,
    /// What it answers from now on.
    pub(crate) answer: Arc<Mutex<String>>,
    task: JoinHandle<()>,
}

impl Provider {
    /// Says that every key is of the account with this label.
    pub(crate) async fn of(label: &str) -> Self {
        let attributes = serde_json::json!({ "full_name_with_team": label });
        let body = serde_json::json!({ "data": { "id": "7001", "type": "users", "attributes": attributes } });
        Self::answering(format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.to_string().len()
        ))
        .await
    }

    pub(crate) async fn answering(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (leave, asked) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
        let count = Arc::new(AtomicUsize::new(0));
        let answer = Arc::new(Mutex::new(answer));
        let (may, says, counts) = (Arc::clone(&leave), Arc::clone(&asked), Arc::clone(&count));
        let answers = Arc::clone(&answer);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (may, says, counts) = (Arc::clone(&may), Arc::clone(&says), Arc::clone(&counts));
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    counts.fetch_add(1, Ordering::SeqCst);
                    says.notify_one();
                    may.acquire().await.unwrap().forget();
                    let answer = answers.lock().unwrap().clone();
                    let _ = stream.write_all(answer.as_bytes()).await;
                });
            }
        });
        Self { address, leave, asked, count, answer, task }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::parse_loopback(&format!("http://{}", self.address)).unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}
