//! A raw server on loopback: it keeps what arrived, byte by byte, and answers what it was told.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A server that gives every request the same answer.
pub(crate) struct Server {
    port: u16,
    arrived: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    /// Serves an answer; an empty one closes the connection without a word.
    pub(crate) fn giving(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), Vec::new())
    }

    /// Says something before it is asked, as an HTTP server never does.
    pub(crate) fn speaking_first(greeting: impl Into<Vec<u8>>) -> Self {
        Self::start(Vec::new(), greeting.into())
    }

    fn start(answer: Vec<u8>, greeting: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new(answer));
        let (keep, given) = (Arc::clone(&arrived), Arc::clone(&answer));
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.write_all(&greeting);
                let request = read_request(&mut stream);
                keep.lock().unwrap().push(request);
                let answer = given.lock().unwrap().clone();
                let _ = stream.write_all(&answer);
            }
        });
        Self { port, arrived, answer }
    }

    /// From now on it gives another answer.
    pub(crate) fn now_giving(&self, answer: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = answer.into();
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests that arrived, as they arrived.
    pub(crate) fn arrived(&self) -> Vec<String> {
        self.arrived.lock().unwrap().clone()
    }

    /// The only request that arrived: its first line, its headers in order of their names, and its body.
    pub(crate) fn only(&self) -> (String, Vec<(String, String)>, String) {
        let arrived = self.arrived();
        let [request] = &arrived[..] else { panic!("{} requests arrived", arrived.len()) };
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let (line, headers) = head.split_once("\r\n").unwrap();
        let split = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        let mut headers: Vec<_> = headers.split("\r\n").map(split).collect();
        headers.sort();
        (line.to_owned(), headers, body.to_owned())
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return text,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// An answer: `headers` are lines without their ends.
pub(crate) fn answer(status: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for header in headers {
        text += header;
        text += "\r\n";
    }
    (text + "\r\n" + body).into_bytes()
}
