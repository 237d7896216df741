//! A request's head, read so strictly that nobody behind can read it in another way.

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, Version, request::Parts, uri::PathAndQuery};
use memchr::memmem;

use crate::{
    intake::{Intake, Lengths, MAX_HEADERS, tokens_in},
    problem::Code,
    target,
    wire::{Framing, has_bare_line_end},
};

/// What a client that speaks HTTP/2 without being asked sends first (RFC 9113, 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A request's head.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) target: PathAndQuery,
    pub(crate) framing: Framing,
    pub(crate) intake: Intake,
    /// Whether the connection may serve another request.
    pub(crate) keeps: bool,
}

/// How far the bytes of a head were looked through.
#[derive(Debug, Default)]
pub(crate) struct Seen(usize);

impl Seen {
    /// The length of the head at the front of the buffer, once it is there whole.
    pub(crate) fn whole(&mut self, buffer: &[u8], most: usize) -> Result<Option<usize>, Code> {
        // The line end may lie across what was read before.
        let from = self.0.saturating_sub(3);
        let end = memmem::find(&buffer[from..], b"\r\n\r\n").map(|at| from + at + 4);
        match end {
            Some(end) if end <= most => Ok(Some(end)),
            None if buffer.len() < most => {
                // A line that ends in LF alone never gets whole: it is refused now, not when the time is up.
                let fresh = &buffer[self.0.saturating_sub(1)..];
                if has_bare_line_end(fresh, self.0 > 0) {
                    return Err(Code::RequestMalformed);
                }
                self.0 = buffer.len();
                Ok(None)
            }
            _ => Err(Code::HeadTooLarge),
        }
    }
}

/// Reads the head at the front of the buffer, `length` bytes long, into `parts` and what is returned.
pub(crate) fn read(buffer: &mut BytesMut, length: usize, parts: &mut Parts) -> Result<Head, Code> {
    let bytes = buffer.split_to(length).freeze();
    if has_bare_line_end(&bytes, false) || memchr::memchr(0, &bytes).is_some() {
        return Err(Code::RequestMalformed);
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(&bytes) {
        Ok(httparse::Status::Complete(end)) if end == length => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Code::HeadTooLarge),
        _ => return Err(Code::RequestMalformed),
    }
    let (Some(method), Some(path), Some(version)) = (request.method, request.path, request.version) else {
        return Err(Code::RequestMalformed);
    };
    parts.method = Method::from_bytes(method.as_bytes()).map_err(|_| Code::RequestMalformed)?;
    parts.version = if version == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
    if path.len() > target::MAX_TARGET {
        return Err(Code::TargetTooLong);
    }
    if memchr::memchr(b'#', path.as_bytes()).is_some() {
        return Err(Code::PathAmbiguous);
    }
    let form = target::path_and_query(path.as_bytes());
    let mut intake = Intake::default();
    intake.tokens = tokens_in(&bytes);
    parts.headers.clear();
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| Code::RequestMalformed)?;
        let value = HeaderValue::from_maybe_shared(within(&bytes, header.value));
        intake.take(&mut parts.headers, name, value.map_err(|_| Code::RequestMalformed)?)?;
    }
    let is_1_1 = parts.version == Version::HTTP_11;
    intake.check_host(is_1_1)?;
    let framing = match (intake.is_chunked()?, intake.lengths) {
        (false, Lengths::None) => Framing::NONE,
        (false, Lengths::One(length)) => Framing::Length(length),
        // RFC 9112, 6.1: HTTP/1.0 has no chunks, and whoever says both lengths wants to be read differently.
        (true, Lengths::None) if is_1_1 => Framing::CHUNKED,
        _ => return Err(Code::RequestMalformed),
    };
    form?;
    // HTTP/1.0 knows no interim answers.
    intake.expects &= is_1_1;
    let target = PathAndQuery::from_maybe_shared(within(&bytes, path.as_bytes()));
    let target = target.map_err(|_| Code::PathAmbiguous)?;
    let keeps = !intake.close && (is_1_1 || intake.keep_alive);
    Ok(Head { target, framing, intake, keeps })
}

/// The part of shared bytes that a slice of them is.
fn within(bytes: &Bytes, part: &[u8]) -> Bytes {
    bytes.slice_ref(part)
}
