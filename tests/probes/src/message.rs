//! HTTP/1.1 messages, read off a socket as they came.

use std::io::{self, BufRead, Error, ErrorKind, Read as _};

/// A request or an answer.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The first line.
    pub start: String,
    /// Names in lower case, and values, in their order; then those of a trailer.
    pub headers: Vec<(String, String)>,
    /// The body as it was cut into pieces by the other side.
    pub chunks: Vec<Vec<u8>>,
}

/// Where a message without a length ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Answer,
}

/// The longest line, in bytes.
const MAX_LINE: u64 = 1 << 20;
/// The longest body, or chunk of one, in bytes.
const MAX_BODY: u64 = 16 << 20;

impl Message {
    /// Reads a request; `None` when the other side has nothing more to ask.
    ///
    /// # Errors
    /// When it is not HTTP, or breaks off.
    pub fn request(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        read(from, Side::Request)
    }

    /// Reads an answer, the last one after those that are only informational; `None` when there comes none.
    ///
    /// # Errors
    /// When it is not HTTP, or breaks off.
    pub fn answer(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        loop {
            match read(from, Side::Answer)? {
                Some(message) if matches!(message.status(), 100 | 102..200) => {}
                message => return Ok(message),
            }
        }
    }

    /// The status of an answer; 0 if it has none.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The target of a request.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// The first value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body in one piece.
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

fn read(from: &mut impl BufRead, side: Side) -> io::Result<Option<Message>> {
    let mut message = Message::default();
    let Some(start) = line(from)? else { return Ok(None) };
    message.start = start;
    headers(from, &mut message)?;
    let status = message.status();
    if side == Side::Answer && (matches!(status, 100..200 | 204 | 304)) {
        return Ok(Some(message));
    }
    let is_chunked = message
        .header("transfer-encoding")
        .is_some_and(|value| value.to_ascii_lowercase().trim_end().ends_with("chunked"));
    let length = message.header("content-length").map(|value| value.trim().parse::<u64>());
    match length {
        _ if is_chunked => chunks(from, &mut message)?,
        Some(length) => {
            let length = length.map_err(|_| ErrorKind::InvalidData)?;
            message.chunks.push(exactly(from, length)?);
        }
        None if side == Side::Answer => {
            let mut rest = Vec::new();
            from.take(MAX_BODY).read_to_end(&mut rest)?;
            message.chunks.push(rest);
        }
        None => {}
    }
    Ok(Some(message))
}

fn headers(from: &mut impl BufRead, message: &mut Message) -> io::Result<()> {
    loop {
        let line = line(from)?.ok_or(ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(());
        }
        let (name, value) = line.split_once(':').ok_or(ErrorKind::InvalidData)?;
        message.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn chunks(from: &mut impl BufRead, message: &mut Message) -> io::Result<()> {
    loop {
        let line = line(from)?.ok_or(ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| ErrorKind::InvalidData)?;
        if size == 0 {
            return headers(from, message);
        }
        message.chunks.push(exactly(from, size)?);
        exactly(from, 2)?;
    }
}

fn exactly(from: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    if length > MAX_BODY {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    match from.take(length).read_to_end(&mut bytes)? as u64 {
        read if read == length => Ok(bytes),
        _ => Err(ErrorKind::UnexpectedEof.into()),
    }
}

/// A line without its end; bytes beyond ASCII are read as Latin-1. `None` at the end.
fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.pop() != Some(b'\n') {
        return Err(Error::from(ErrorKind::UnexpectedEof));
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    Ok(Some(bytes.into_iter().map(char::from).collect()))
}
