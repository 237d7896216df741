//! Where a body ends (RFC 9112, 6 and 7): strictly, so that nobody can read it in another way.

use std::{
    future::poll_fn,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};

use super::{Closed, Source};

/// The longest line with a chunk's size, in bytes; its extensions are read past.
const MAX_LINE: usize = 256;
/// The longest trailer section, in bytes. Nothing of it is passed on.
const MAX_TRAILERS: usize = 8 * 1024;
/// The most digits of a chunk's size: beyond, numbers overflow.
const MAX_DIGITS: usize = 15;

/// How a body is framed, and how much of it is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked(Chunk),
    /// All that comes before the connection is closed.
    ToEnd,
}

/// Where in a chunked body the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Before a line with a size.
    Size,
    /// In a chunk's data, of which so much is to come.
    Data(u64),
    /// After a chunk's data, before its line end.
    End,
    /// In the trailer section, of which so much was read.
    Trailers(usize),
    /// After everything.
    Done,
}

/// A body that could not be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It did not come, or not in time.
    Closed(Closed),
    /// It is not framed as it should be.
    Malformed,
}

impl From<Closed> for BodyError {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl Framing {
    /// There is none.
    pub(crate) const NONE: Self = Self::Length(0);
    /// In chunks, from the first.
    pub(crate) const CHUNKED: Self = Self::Chunked(Chunk::Size);

    /// Tells whether all of it was read.
    pub(crate) fn is_done(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Done))
    }

    /// How much is still to come, where that is known.
    pub(crate) fn length(self) -> Option<u64> {
        match self {
            Self::Length(length) => Some(length),
            _ => None,
        }
    }
}

impl Source {
    /// The next piece of a body; `None` at its end.
    pub(crate) async fn body(&mut self, framing: &mut Framing) -> Result<Option<Bytes>, BodyError> {
        poll_fn(|context| self.poll_body(framing, context)).await
    }

    pub(crate) fn poll_body(
        &mut self,
        framing: &mut Framing,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, BodyError>> {
        loop {
            if framing.is_done() {
                return Poll::Ready(Ok(None));
            }
            if let Some(piece) = self.take(framing)? {
                return Poll::Ready(Ok(Some(piece)));
            }
            if framing.is_done() {
                return Poll::Ready(Ok(None));
            }
            let expected = match *framing {
                Framing::Length(left) | Framing::Chunked(Chunk::Data(left)) => left,
                Framing::Chunked(_) => 0,
                // A large answer is usual here, and its length is not known.
                Framing::ToEnd => u64::MAX,
            };
            if ready!(self.poll_fill_large(context, expected))? == 0 {
                if *framing != Framing::ToEnd {
                    return Poll::Ready(Err(BodyError::Closed(Closed::ByPeer)));
                }
                *framing = Framing::NONE;
            }
        }
    }

    /// What the buffer holds of the body.
    fn take(&mut self, framing: &mut Framing) -> Result<Option<Bytes>, BodyError> {
        loop {
            match framing {
                Framing::Length(left) => return Ok(self.take_some(left)),
                Framing::ToEnd => return Ok(self.take_some(&mut u64::MAX.clone())),
                Framing::Chunked(Chunk::Data(left)) => {
                    let piece = self.take_some(left);
                    if *left == 0 {
                        *framing = Framing::Chunked(Chunk::End);
                    }
                    return Ok(piece);
                }
                Framing::Chunked(chunk) => {
                    let Some(next) = self.next_chunk(*chunk)? else { return Ok(None) };
                    *chunk = next;
                    if next == Chunk::Done {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn take_some(&mut self, left: &mut u64) -> Option<Bytes> {
        let length = usize::try_from(*left).unwrap_or(usize::MAX).min(self.buffer.len());
        if length == 0 {
            return None;
        }
        *left -= length as u64;
        Some(self.buffer.split_to(length).freeze())
    }

    /// What comes after a part of a chunked body that is no data; `None` while too little of it is there.
    fn next_chunk(&mut self, chunk: Chunk) -> Result<Option<Chunk>, BodyError> {
        match chunk {
            Chunk::Size => {
                let Some(line) = self.line(MAX_LINE)? else { return Ok(None) };
                let size = size(&self.buffer[..line])?;
                self.buffer.advance(line + 2);
                Ok(Some(if size == 0 { Chunk::Trailers(0) } else { Chunk::Data(size) }))
            }
            Chunk::End => match self.line(0)? {
                Some(_) => {
                    self.buffer.advance(2);
                    Ok(Some(Chunk::Size))
                }
                None => Ok(None),
            },
            Chunk::Trailers(read) => {
                let Some(line) = self.line(MAX_TRAILERS - read)? else { return Ok(None) };
                self.buffer.advance(line + 2);
                Ok(Some(if line == 0 {
                    Chunk::Done
                } else {
                    Chunk::Trailers((read + line + 2).min(MAX_TRAILERS))
                }))
            }
            Chunk::Data(_) | Chunk::Done => Ok(Some(chunk)),
        }
    }

    /// The length of the line at the front, without its end, which is CRLF and nothing else.
    fn line(&self, most: usize) -> Result<Option<usize>, BodyError> {
        let seen = &self.buffer[..self.buffer.len().min(most + 2)];
        match memchr::memchr2(b'\r', b'\n', seen) {
            None if seen.len() > most => Err(BodyError::Malformed),
            None => Ok(None),
            Some(at) if at > most || seen[at] == b'\n' => Err(BodyError::Malformed),
            Some(at) => match self.buffer.get(at + 1) {
                None => Ok(None),
                Some(b'\n') => Ok(Some(at)),
                Some(_) => Err(BodyError::Malformed),
            },
        }
    }
}

/// A chunk's size: hex digits, and then nothing or an extension.
fn size(line: &[u8]) -> Result<u64, BodyError> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (number, rest) = line.split_at(digits);
    let extension = match rest.iter().find(|byte| !matches!(byte, b' ' | b'\t')) {
        None => rest.is_empty(),
        Some(b';') => rest.iter().all(|byte| *byte == b'\t' || (b' '..=b'~').contains(byte)),
        Some(_) => false,
    };
    if !(1..=MAX_DIGITS).contains(&digits) || !extension {
        return Err(BodyError::Malformed);
    }
    let digit = |byte: &u8| u64::from(char::from(*byte).to_digit(16).unwrap_or_default());
    Ok(number.iter().fold(0, |size, byte| size * 16 + digit(byte)))
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncWriteExt as _,
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::wire::open;

    /// Reads a body that comes in pieces, and says what it was and what is left in the buffer.
    async fn read(mut framing: Framing, pieces: Vec<Vec<u8>>) -> Result<(Vec<u8>, Vec<u8>), BodyError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let (mut source, _sink) = open(stream, std::time::Duration::from_secs(5));
        let writing = async move {
            for piece in pieces {
                client.write_all(&piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let reading = async {
            let mut body = Vec::new();
            while let Some(piece) = source.body(&mut framing).await? {
                assert!(!piece.is_empty());
                body.extend_from_slice(&piece);
            }
            Ok((body, source.buffer.to_vec()))
        };
        tokio::join!(writing, reading).1
    }

    async fn check(text: &str, expected: Result<(&str, &str), BodyError>) {
        let expected = expected.map(|(body, rest)| (body.as_bytes().to_vec(), rest.as_bytes().to_vec()));
        let whole = read(Framing::CHUNKED, vec![text.as_bytes().to_vec()]).await;
        assert_eq!(whole, expected, "{text:?}");
        let bytes: Vec<Vec<u8>> = text.bytes().map(|byte| vec![byte]).collect();
        let (body, rest) = match (read(Framing::CHUNKED, bytes).await, expected) {
            (Ok(found), Ok(expected)) => (found.0 == expected.0, expected.1.starts_with(&found.1)),
            (found, expected) => (found.is_err() && expected.is_err(), true),
        };
        assert!(body && rest, "{text:?}, byte by byte");
    }

    #[tokio::test]
    async fn a_chunked_body_ends_where_it_says() {
        for (text, body, rest) in [
            ("0\r\n\r\n", "", ""),
            ("3\r\nabc\r\n0\r\n\r\n", "abc", ""),
            ("3\r\nabc\r\n0\r\n\r\nGET /", "abc", "GET /"),
            ("A\r\n0123456789\r\n2;x=\"y\"\r\nab\r\n00\r\n\r\n", "0123456789ab", ""),
            ("1 ;a\r\nx\r\n0\r\nx-trailer: 1\r\nauthorization: y\r\n\r\nrest", "x", "rest"),
        ] {
            check(text, Ok((body, rest))).await;
        }
    }

    #[tokio::test]
    async fn n55_a_chunked_body_that_can_be_read_in_two_ways_is_refused() {
        let long = format!("1;{}\r\nx\r\n0\r\n\r\n", "x".repeat(MAX_LINE));
        let trailers = format!("0\r\nx: {}\r\n\r\n", "x".repeat(MAX_TRAILERS));
        let many = format!("0\r\n{}\r\n", "x: y\r\n".repeat(MAX_TRAILERS));
        for text in [
            "+2\r\nab\r\n0\r\n\r\n",
            "-1\r\nab\r\n0\r\n\r\n",
            "0x2\r\nab\r\n0\r\n\r\n",
            " 2\r\nab\r\n0\r\n\r\n",
            "2 x\r\nab\r\n0\r\n\r\n",
            "2 \r\nab\r\n0\r\n\r\n",
            "2\nab\r\n0\r\n\r\n",
            "2\rab\r\n0\r\n\r\n",
            "2\r\nabc\r\n0\r\n\r\n",
            "2\r\nab\n0\r\n\r\n",
            "2\r\nab0\r\n\r\n",
            "\r\n",
            ";\r\n",
            "g\r\n",
            "1000000000000000\r\n",
            "2;\u{1}\r\nab\r\n0\r\n\r\n",
            "0\r\nx: y\nz: a\r\n\r\n",
            &long,
            &trailers,
            &many,
        ] {
            let found = read(Framing::CHUNKED, vec![text.as_bytes().to_vec()]).await;
            assert_eq!(found, Err(BodyError::Malformed), "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_not_taken_for_whole() {
        for (framing, text) in [
            (Framing::Length(5), "abcd"),
            (Framing::CHUNKED, "5\r\nabcd"),
            (Framing::CHUNKED, "4\r\nabcd\r\n"),
            (Framing::CHUNKED, "4\r\nabcd\r\n0\r\n"),
            (Framing::CHUNKED, "4"),
        ] {
            let found = read(framing, vec![text.as_bytes().to_vec()]).await;
            assert_eq!(found, Err(BodyError::Closed(Closed::ByPeer)), "{text:?}");
        }
        assert_eq!(read(Framing::ToEnd, vec![b"abcd".to_vec()]).await.unwrap().0, b"abcd");
        let (body, rest) = read(Framing::Length(3), vec![b"abcdef".to_vec()]).await.unwrap();
        assert_eq!((&body[..], &rest[..]), (&b"abc"[..], &b"def"[..]));
    }
}
