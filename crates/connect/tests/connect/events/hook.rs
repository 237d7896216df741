//! A receiver of webhooks that answers as it is told.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// What it does with a message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    Answers(u16),
    /// 302 to somewhere else on loopback.
    Redirects(u16),
    /// 200, and 100 MB behind it.
    Floods,
    /// Closes the connection without an answer.
    Closes,
    /// Never answers.
    Hangs,
}

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Hook {
    pub(crate) url: String,
    pub(crate) port: u16,
    messages: UnboundedReceiver<Message>,
}

type Decide = dyn FnMut(usize, &Message) -> Does + Send;

impl Hook {
    /// One that decides by the message and how many came before it.
    pub(crate) async fn new(decide: impl FnMut(usize, &Message) -> Does + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, messages) = unbounded_channel();
        let decide: Arc<Mutex<(usize, Box<Decide>)>> = Arc::new(Mutex::new((0, Box::new(decide))));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&decide), sender.clone()));
            }
        });
        Self { url: format!("http://127.0.0.1:{port}/hook?token=made-up"), port, messages }
    }

    pub(crate) async fn taking() -> Self {
        Self::new(|_, _| Does::Answers(204)).await
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(Duration::from_secs(20), self.messages.recv()).await;
        next.expect("a message comes").unwrap()
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            messages.push(self.next().await);
        }
        messages
    }

    /// What came and was not looked at yet.
    pub(crate) fn rest(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.messages.try_recv().ok()).collect()
    }
}

impl Message {
    pub(crate) fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Checks a message as its receiver does, by the standard's text alone.
    pub(crate) fn is_signed(&self, secret: &str, now: SystemTime) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let timestamp = &self.headers["webhook-timestamp"];
        let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(timestamp.parse().unwrap());
        let is_new = now.duration_since(sent).is_ok_and(|age| age < Duration::from_secs(300));
        let mut signed = format!("{}.{timestamp}.", self.id()).into_bytes();
        signed.extend_from_slice(&self.body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let mut given = self.headers["webhook-signature"].split(' ');
        is_new
            && given.any(|given| {
                let given = STANDARD.decode(given.strip_prefix("v1,").unwrap()).unwrap();
                hmac::verify(&key, &signed, &given).is_ok()
            })
    }
}

async fn serve(
    mut stream: TcpStream,
    decide: Arc<Mutex<(usize, Box<Decide>)>>,
    sender: UnboundedSender<Message>,
) {
    while let Some(message) = read(&mut stream).await {
        let does = {
            let mut decide = decide.lock().unwrap();
            let count = decide.0;
            decide.0 += 1;
            (decide.1)(count, &message)
        };
        let _ = sender.send(message);
        let answer = match does {
            Does::Answers(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
            Does::Redirects(port) => format!(
                "HTTP/1.1 302 X\r\nlocation: http://127.0.0.1:{port}/elsewhere\r\ncontent-length: 0\r\n\r\n"
            ),
            Does::Floods => "HTTP/1.1 200 X\r\ncontent-length: 104857600\r\n\r\n".to_owned(),
            Does::Closes => return,
            Does::Hangs => return std::future::pending().await,
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if matches!(does, Does::Floods) {
            while stream.write_all(&[b'x'; 16384]).await.is_ok() {}
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Message> {
    let mut text = Vec::new();
    let (head, mut body) = loop {
        if let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = text.split_off(end + 4);
            break (String::from_utf8(text).unwrap(), body);
        }
        if stream.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
    };
    assert!(head.starts_with("POST /hook?token=made-up HTTP/1.1\r\n"), "{head}");
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    let headers: HashMap<_, _> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length: usize = headers["content-length"].parse().unwrap();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Message { headers, body })
}
