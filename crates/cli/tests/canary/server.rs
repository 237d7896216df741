//! Servers on loopback that keep every byte that arrives.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// A server, for as long as the test runs.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// Hands every request to `serve`, which says what to answer: nothing closes the connection. It is told how many
    /// came before.
    pub(crate) fn start(serve: impl Fn(usize, &[u8]) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let arrived: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let keep = Arc::clone(&arrived);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let request = read(&mut stream);
                let before = {
                    let mut arrived = keep.lock().unwrap();
                    arrived.push(request.clone());
                    arrived.len() - 1
                };
                let _ = stream.write_all(&serve(before, &request));
            }
        });
        Self { address, arrived }
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What arrived, a request each.
    pub(crate) fn arrived(&self) -> Vec<Vec<u8>> {
        self.arrived.lock().unwrap().clone()
    }
}

/// Sends bytes to a server, and gives back all that it answers.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// The first byte of a handshake of TLS, which has no end that could be waited for.
const TLS: u8 = 22;

/// A request: its head, and as much of a body as that says.
fn read(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if bytes.len() >= end + 4 + length.map_or(0, |length| length.parse().unwrap()) {
                return bytes;
            }
        }
        if bytes.first() == Some(&TLS) {
            return bytes;
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return bytes,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// A whole answer. `headers` are lines without their ends.
pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    if !headers.iter().any(|header| header.starts_with("content-type:")) {
        head += "content-type: application/json\r\n";
    }
    for header in headers {
        head += header;
        head += "\r\n";
    }
    [head.as_bytes(), b"\r\n", body].concat()
}
