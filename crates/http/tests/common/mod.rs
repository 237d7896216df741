//! A server on loopback that answers with whatever bytes a test wants, and remembers the bytes that arrived.
#![allow(dead_code, reason = "each test target uses a part of it")]

pub(crate) mod credential;
pub(crate) mod fake;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(crate) struct Server {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// Answers each request by `answer`, and closes the connection after it.
    pub(crate) async fn answering(answer: impl Fn(&Arrived) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::start(move |mut stream, arrived| {
            let answer = Arc::clone(&answer);
            async move {
                let bytes = answer(&Arrived::parse(&arrived));
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            }
        })
        .await
    }

    /// Answers each request with the same bytes.
    pub(crate) async fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::answering(move |_| bytes.clone()).await
    }

    /// Hands each connection, from which a request was read, to `serve`.
    pub(crate) async fn start<F>(serve: impl Fn(TcpStream, Vec<u8>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), arrived: Arc::default() };
        let all = Arc::clone(&server.arrived);
        let serve = Arc::new(serve);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (all, serve) = (Arc::clone(&all), Arc::clone(&serve));
                tokio::spawn(async move {
                    let index = {
                        let mut all = all.lock().unwrap();
                        all.push(Vec::new());
                        all.len() - 1
                    };
                    let (stream, bytes) =
                        read_request(stream, |bytes| all.lock().unwrap()[index] = bytes.to_vec()).await;
                    serve(stream, bytes).await;
                });
            }
        });
        server
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What arrived, one element a connection.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().iter().map(|bytes| Arrived::parse(bytes)).collect()
    }

    /// Forgets what arrived.
    pub(crate) fn forget(&self) {
        self.arrived.lock().unwrap().clear();
    }

    /// The one request that arrived.
    #[track_caller]
    pub(crate) fn only(&self) -> Arrived {
        let mut arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:#?}");
        arrived.remove(0)
    }
}

/// One request, as text.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Arrived {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n");
        Self {
            line: lines.next().unwrap_or_default().to_owned(),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
            .collect()
    }

    /// The header lines, sorted.
    pub(crate) fn sorted(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        lines.sort();
        lines
    }
}

/// An answer with a length, after which the connection closes.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    use std::fmt::Write;
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    format!("{head}\r\n{body}").into_bytes()
}

/// 64 KiB of gzip that become 10 MiB of zeros: matches of 258 bytes each, eight of them in 13 bytes.
pub(crate) fn gzip_bomb() -> Vec<u8> {
    let head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x63\x60";
    let zeros = b"\x18\x05\xa3\x60\x14\x8c\x82\x51\x30\x0a\x46\xc1\x28";
    [&head[..], &zeros.repeat(5000)].concat()
}

/// Reads one HTTP/1.1 request with a length, or whatever comes until the other side stops.
async fn read_request(mut stream: TcpStream, mut seen: impl FnMut(&[u8])) -> (TcpStream, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    while !is_complete(&bytes) {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
        }
        seen(&bytes);
        if bytes.first() == Some(&0x16) {
            break; // a TLS handshake: nobody here speaks it
        }
    }
    (stream, bytes)
}

fn is_complete(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let arrived = Arrived::parse(bytes);
    let length = arrived.header("content-length").first().map_or(0, |length| length.parse().unwrap());
    bytes.len() >= end + 4 + length
}
