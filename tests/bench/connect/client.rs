//! A client over one connection: no more than the benchmark needs, so that the server is what is measured.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A browser, or a platform's backend.
pub(crate) struct Peer {
    stream: TcpStream,
    address: SocketAddr,
    pub(crate) cookie: Option<String>,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) first_byte: Duration,
    pub(crate) text: String,
    location: Option<String>,
}

impl Answer {
    /// The token in the first form.
    pub(crate) fn csrf(&self) -> String {
        let (_, rest) = self.text.split_once(r#"name="csrf" value=""#).unwrap_or(("", "\""));
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, address, cookie: None }
    }

    /// Looks at a link and presses its button; says where that leads to.
    pub(crate) async fn open(&mut self, link: &str) -> String {
        let path = link.splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
        let page = self.get(&path).await;
        let answer = self.post(&path, &[("csrf", &page.csrf())]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        answer.location.unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\n"), "").await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        // What is sent here needs no escapes.
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let head = format!(
            "POST {path} HTTP/1.1\r\norigin: http://{}\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            self.address
        );
        self.ask(&head, &body.join("&")).await
    }

    pub(crate) async fn api(&mut self, path: &str, token: &str, body: &str) -> Answer {
        let head = format!(
            "POST {path} HTTP/1.1\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n"
        );
        self.ask(&head, body).await
    }

    async fn ask(&mut self, head: &str, body: &str) -> Answer {
        let cookie = self.cookie.as_ref().map(|cookie| format!("cookie: {cookie}\r\n")).unwrap_or_default();
        let request =
            format!("{head}host: {}\r\n{cookie}content-length: {}\r\n\r\n{body}", self.address, body.len());
        let start = Instant::now();
        self.stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::with_capacity(32 * 1024);
        let mut first_byte = None;
        loop {
            assert_ne!(
                self.stream.read_buf(&mut bytes).await.unwrap(),
                0,
                "the server closed the connection"
            );
            first_byte.get_or_insert_with(|| start.elapsed());
            let mut headers = [httparse::EMPTY_HEADER; 40];
            let mut answer = httparse::Response::new(&mut headers);
            let Ok(httparse::Status::Complete(at)) = answer.parse(&bytes) else { continue };
            let header = |name: &str| {
                let found = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                found.map(|header| String::from_utf8_lossy(header.value).into_owned())
            };
            let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
            if bytes.len() < at + length {
                continue;
            }
            if let Some(set) = header("set-cookie") {
                self.cookie = set.split(';').next().map(str::to_owned);
            }
            return Answer {
                status: answer.code.unwrap(),
                first_byte: first_byte.unwrap_or_default(),
                location: header("location"),
                text: String::from_utf8_lossy(&bytes[at..at + length]).into_owned(),
            };
        }
    }
}
