//! The way to a provider: connections of ours, kept open, on which requests are written and answers read.

mod answer;
mod pool;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, request::Parts};
use keyway_core::{TransportError, TransportErrorKind};
use keyway_http::Link;

pub(crate) use answer::{AnswerHead, NoHead};
pub(crate) use pool::Pool;

use crate::{
    problem::{Code, Problem},
    wire::{Closed, Framing, Sink, Source, open, open_secure},
};

/// One connection to a provider.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) source: Source,
    pub(crate) sink: Sink,
    /// What is written at once: the head, and a body that is short.
    out: Vec<u8>,
    /// It served a request before.
    pub(crate) reused: bool,
    /// Since when it has waited.
    since: Instant,
}

/// A body of at most so many bytes is written along with its head.
const SHORT: usize = 16 * 1024;

impl Connection {
    pub(crate) fn new(link: Link, deadline: Duration) -> Self {
        let (source, sink) = match link {
            Link::Plain(stream) => open(stream, deadline),
            secure => open_secure(secure, deadline),
        };
        Self { source, sink, out: Vec::new(), reused: false, since: Instant::now() }
    }

    /// Writes a request's head, and its body where that is known and short.
    ///
    /// # Errors
    /// When the connection is closed. Some of it may have been written.
    pub(crate) async fn write(
        &mut self,
        parts: &Parts,
        framing: Framing,
        body: Option<&Bytes>,
    ) -> Result<(), Closed> {
        self.out.clear();
        head(&mut self.out, parts, framing);
        match body {
            Some(body) if body.len() <= SHORT => {
                self.out.extend_from_slice(body);
                self.sink.write_all(&self.out).await?;
            }
            Some(body) => {
                self.sink.write_all(&self.out).await?;
                self.sink.write_all(body).await?;
            }
            None => self.sink.write_all(&self.out).await?,
        }
        // The key was in there.
        self.out.fill(0);
        self.sink.flush().await
    }
}

fn head(out: &mut Vec<u8>, parts: &Parts, framing: Framing) {
    let mut put = |pieces: &[&[u8]]| pieces.iter().for_each(|piece| out.extend_from_slice(piece));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let host = parts.uri.authority().map_or("", |authority| authority.as_str());
    put(&[
        parts.method.as_str().as_bytes(),
        b" ",
        path.as_bytes(),
        b" HTTP/1.1\r\nhost: ",
        host.as_bytes(),
        b"\r\n",
    ]);
    for (name, value) in &parts.headers {
        put(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    match framing {
        // RFC 9110, 8.6: without it some servers answer 411, others wait for a body.
        Framing::Length(0) if says_length(&parts.method) => put(&[b"content-length: 0\r\n\r\n"]),
        Framing::Length(0) => put(&[b"\r\n"]),
        Framing::Length(length) => {
            put(&[b"content-length: ", length.to_string().as_bytes(), b"\r\n\r\n"]);
        }
        _ => put(&[b"transfer-encoding: chunked\r\n\r\n"]),
    }
}

/// Tells whether a method is one that a body is expected with.
fn says_length(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// What a caller is told when a provider cannot be reached.
pub(crate) fn unreachable(error: &TransportError) -> Problem {
    let code = match error.kind() {
        TransportErrorKind::Address | TransportErrorKind::Scheme => Code::ProviderAddress,
        _ => Code::ProviderUnreachable,
    };
    Problem::from(code).because(error.to_string())
}

/// A chunk of a chunked body: its size, itself, its end.
pub(crate) fn chunk(out: &mut Vec<u8>, piece: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut size = [0; 16];
    let (mut at, mut left) = (size.len(), piece.len());
    while left > 0 || at == size.len() {
        at -= 1;
        size[at] = DIGITS[left & 15];
        left >>= 4;
    }
    out.extend_from_slice(&size[at..]);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(piece);
    out.extend_from_slice(b"\r\n");
}

/// The end of a chunked body, without trailers.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The headers that an answer may bring, at most.
pub(crate) const MAX_ANSWER_HEADERS: usize = 128;
