//! A provider's answer: its head, read strictly, and how its body ends.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use memchr::memmem;

use super::MAX_ANSWER_HEADERS;
use crate::{
    intake::Lengths,
    problem::Code,
    wire::{Closed, Framing, Source, has_bare_line_end},
};

/// The largest head of an answer, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// The most interim answers (1xx) before the one that counts.
const MAX_INTERIM: usize = 16;

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct AnswerHead {
    pub(crate) status: StatusCode,
    /// As they came, without what frames the body.
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    /// Whether the connection may serve another request.
    pub(crate) keeps: bool,
    /// The head as it came.
    pub(crate) raw: Bytes,
    /// What `Content-Length` says, where there is no body: of `HEAD`.
    pub(crate) length: Option<u64>,
}

/// No head came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoHead {
    /// Nothing at all did: the connection was closed before.
    Nothing,
    /// Too little, or too late.
    Closed(Closed),
    /// Something else did.
    Malformed,
}

impl From<NoHead> for Code {
    fn from(no: NoHead) -> Self {
        match no {
            NoHead::Nothing | NoHead::Closed(Closed::ByPeer) => Self::ProviderClosed,
            NoHead::Closed(Closed::InTime) => Self::ProviderTimeout,
            NoHead::Malformed => Self::ProviderMalformed,
        }
    }
}

impl Source {
    /// Reads the head of the answer to a request by `method`.
    pub(crate) async fn answer(&mut self, method: &Method) -> Result<AnswerHead, NoHead> {
        let mut seen = 0;
        let mut interim = 0;
        let mut nothing_yet = true;
        loop {
            let end = memmem::find(&self.buffer[seen..], b"\r\n\r\n").map(|at| seen + at + 4);
            let Some(end) = end else {
                if self.buffer.len() >= MAX_HEAD || memmem::find(&self.buffer, b"\n\n").is_some() {
                    return Err(NoHead::Malformed);
                }
                seen = self.buffer.len().saturating_sub(3);
                match self.fill().await {
                    Ok(0) | Err(Closed::ByPeer) if nothing_yet && self.buffer.is_empty() => {
                        return Err(NoHead::Nothing);
                    }
                    Ok(0) => return Err(NoHead::Closed(Closed::ByPeer)),
                    Ok(_) => nothing_yet = false,
                    Err(closed) => return Err(NoHead::Closed(closed)),
                }
                continue;
            };
            if end > MAX_HEAD {
                return Err(NoHead::Malformed);
            }
            let raw = self.buffer.split_to(end).freeze();
            let head = read(&raw, method).ok_or(NoHead::Malformed)?;
            if !head.status.is_informational() {
                return Ok(head);
            }
            interim += 1;
            seen = 0;
            // Nobody asked for another protocol.
            if interim > MAX_INTERIM || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Err(NoHead::Malformed);
            }
        }
    }
}

fn read(raw: &Bytes, method: &Method) -> Option<AnswerHead> {
    if has_bare_line_end(raw, false) {
        return None;
    }
    let mut list = [httparse::EMPTY_HEADER; MAX_ANSWER_HEADERS];
    let mut response = httparse::Response::new(&mut list);
    match response.parse(raw) {
        Ok(httparse::Status::Complete(end)) if end == raw.len() => {}
        _ => return None,
    }
    let status = StatusCode::from_u16(response.code?).ok()?;
    let is_1_1 = response.version? == 1;
    let mut headers = HeaderMap::with_capacity(16);
    let (mut lengths, mut chunked, mut transfers) = (Lengths::None, false, 0);
    let (mut close, mut keep_alive) = (false, false);
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        match name.as_str() {
            "content-length" => lengths = lengths.add(header.value),
            "transfer-encoding" => {
                transfers += 1;
                chunked = header.value.eq_ignore_ascii_case(b"chunked");
            }
            "connection" => {
                let says = |word: &[u8]| {
                    header
                        .value
                        .split(|byte| *byte == b',')
                        .any(|token| token.trim_ascii().eq_ignore_ascii_case(word))
                };
                close |= says(b"close");
                keep_alive |= says(b"keep-alive");
                headers.append(name, HeaderValue::from_maybe_shared(raw.slice_ref(header.value)).ok()?);
            }
            _ => {
                let value = HeaderValue::from_maybe_shared(raw.slice_ref(header.value)).ok()?;
                headers.append(name, value);
            }
        }
    }
    let length = match lengths {
        Lengths::None => None,
        Lengths::One(length) => Some(length),
        Lengths::Wrong => return None,
    };
    let has_none = *method == Method::HEAD
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let framing = match (transfers, length) {
        (1, None) if chunked && is_1_1 => Framing::CHUNKED,
        (0, Some(length)) => Framing::Length(length),
        (0, None) => Framing::ToEnd,
        // Both lengths, or a coding that was not asked for: who reads it otherwise sees another answer.
        _ => return None,
    };
    let framing = if has_none { Framing::NONE } else { framing };
    let keeps = !close && (is_1_1 || keep_alive) && framing != Framing::ToEnd;
    Some(AnswerHead { status, headers, framing, keeps, raw: raw.clone(), length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(method: &Method, text: &str) -> Option<(u16, Framing, bool)> {
        let head = read(&Bytes::from(text.replace('\n', "\r\n")), method)?;
        Some((head.status.as_u16(), head.framing, head.keeps))
    }

    #[test]
    fn where_an_answer_ends() {
        for (method, text, expected) in [
            (Method::GET, "HTTP/1.1 200 OK\ncontent-length: 5\n\n", (200, Framing::Length(5), true)),
            (Method::GET, "HTTP/1.1 200\ntransfer-encoding: Chunked\n\n", (200, Framing::CHUNKED, true)),
            (Method::GET, "HTTP/1.1 200 OK\n\n", (200, Framing::ToEnd, false)),
            (Method::HEAD, "HTTP/1.1 200 OK\ncontent-length: 5\n\n", (200, Framing::NONE, true)),
            (Method::GET, "HTTP/1.1 204 No\ncontent-length: 5\n\n", (204, Framing::NONE, true)),
            (Method::GET, "HTTP/1.1 304 No\ntransfer-encoding: chunked\n\n", (304, Framing::NONE, true)),
            (
                Method::GET,
                "HTTP/1.1 200 OK\nconnection: x, Close\ncontent-length: 5\n\n",
                (200, Framing::Length(5), false),
            ),
            (Method::GET, "HTTP/1.0 200 OK\ncontent-length: 5\n\n", (200, Framing::Length(5), false)),
            (
                Method::GET,
                "HTTP/1.0 200 OK\nconnection: keep-alive\ncontent-length: 5\n\n",
                (200, Framing::Length(5), true),
            ),
        ] {
            assert_eq!(framing(&method, text), Some(expected), "{text}");
        }
    }

    #[test]
    fn n41_an_answer_that_can_be_read_in_two_ways_is_none() {
        for text in [
            "HTTP/1.1 200 OK\ncontent-length: 5\ncontent-length: 5\n\n",
            "HTTP/1.1 200 OK\ncontent-length: 5\ncontent-length: 6\n\n",
            "HTTP/1.1 200 OK\ncontent-length: 5, 5\n\n",
            "HTTP/1.1 200 OK\ncontent-length: +5\n\n",
            "HTTP/1.1 200 OK\ncontent-length: 5\ntransfer-encoding: chunked\n\n",
            "HTTP/1.1 200 OK\ntransfer-encoding: gzip, chunked\n\n",
            "HTTP/1.1 200 OK\ntransfer-encoding: xchunked\n\n",
            "HTTP/1.1 200 OK\ntransfer-encoding: chunked\ntransfer-encoding: chunked\n\n",
            "HTTP/1.0 200 OK\ntransfer-encoding: chunked\n\n",
            "HTTP/1.1 200 OK\nx y: 1\n\n",
            "HTTP/1.1 200 OK\nx: 1\n y\n\n",
            "HTTP/2 200 OK\n\n",
            "ICY 200 OK\n\n",
            "<html>\n\n",
        ] {
            assert_eq!(framing(&Method::GET, text), None, "{text}");
        }
        let many = format!("HTTP/1.1 200 OK\n{}\n", "x: y\n".repeat(MAX_ANSWER_HEADERS + 1));
        assert_eq!(framing(&Method::GET, &many), None);
    }
}
