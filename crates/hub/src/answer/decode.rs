//! Decoding a body that came encoded although it was asked for as it is.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

use super::Unreadable;

/// How an answer's body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Not at all.
    Identity,
    /// By `gzip`, in one or several members.
    Gzip,
    /// By `deflate`: as RFC 9110 has it with the frame of zlib, or as some servers send it, without.
    Deflate,
    /// In a way that is not known here, or several times.
    Unknown,
}

/// Decodes a body that comes in pieces, within limits: what comes out is bounded as a whole, and by what went in.
pub(crate) struct Decode {
    state: State,
    /// The bytes taken in.
    taken: u64,
}

enum State {
    Gzip(MultiGzDecoder<Sink>),
    /// `deflate`, of which at most one byte was seen. Two tell which it is.
    Deflate(Option<u8>, Sink),
    Zlib(ZlibDecoder<Sink>),
    Raw(DeflateDecoder<Sink>),
    /// It cannot be read any further.
    Broken,
}

/// Where decoded bytes go.
struct Sink {
    pieces: Vec<Bytes>,
    given: u64,
    most: u64,
    /// The bytes that the decoder was given so far.
    taken: u64,
}

/// The largest piece that is given out.
const MAX_PIECE: usize = 64 * 1024;
/// What a body may always become.
const FREE: u64 = 1024 * 1024;
/// How many times as large as it came a body may become beyond that. Deflate reaches 1,032; answers that repeat themselves
/// much reach 100.
const MAX_RATIO: u64 = 200;
/// How much is decoded before its size is looked at.
const STEP: usize = 4 * 1024;

impl Encoding {
    /// What the headers say.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::CONTENT_ENCODING).iter();
        let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let is = |coding: &[u8], name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
        let mut codings =
            codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty() && !is(coding, "identity"));
        match (codings.next(), codings.next()) {
            (None, _) => Self::Identity,
            // RFC 9110, 8.4.1.3, for the second name.
            (Some(coding), None) if is(coding, "gzip") || is(coding, "x-gzip") => Self::Gzip,
            (Some(coding), None) if is(coding, "deflate") => Self::Deflate,
            _ => Self::Unknown,
        }
    }
}

impl Decode {
    /// Begins a body of which at most `most` bytes may come out; `None` where nothing is to be decoded.
    pub(crate) fn new(encoding: Encoding, most: u64) -> Result<Option<Self>, Unreadable> {
        let sink = Sink { pieces: Vec::new(), given: 0, most, taken: 0 };
        let state = match encoding {
            Encoding::Identity => return Ok(None),
            Encoding::Gzip => State::Gzip(MultiGzDecoder::new(sink)),
            Encoding::Deflate => State::Deflate(None, sink),
            Encoding::Unknown => return Err(Unreadable),
        };
        Ok(Some(Self { state, taken: 0 }))
    }

    /// Takes the next piece, and appends to `out` what it became. On an error what came before it is still appended.
    pub(crate) fn push(&mut self, piece: &[u8], out: &mut Vec<Bytes>) -> Result<(), Unreadable> {
        for step in piece.chunks(STEP) {
            self.taken += step.len() as u64;
            let pushed = self.step(step);
            if let Some(sink) = self.state.sink() {
                out.append(&mut sink.pieces);
            }
            if pushed.is_err() {
                self.state = State::Broken;
                return Err(Unreadable);
            }
        }
        Ok(())
    }

    /// Ends the body. An error where it was cut off; a body without a byte is none.
    pub(crate) fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Unreadable> {
        let finished = match &mut self.state {
            _ if self.taken == 0 => return Ok(()),
            State::Gzip(decoder) => decoder.try_finish(),
            State::Zlib(decoder) => decoder.try_finish(),
            State::Raw(decoder) => decoder.try_finish(),
            State::Deflate(..) | State::Broken => return Err(Unreadable),
        };
        if let Some(sink) = self.state.sink() {
            out.append(&mut sink.pieces);
        }
        finished.map_err(|_| Unreadable)
    }

    fn step(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let taken = self.taken;
        if let State::Deflate(first, _) = &mut self.state {
            let [byte, rest @ ..] = bytes else { return Ok(()) };
            let Some(before) = *first else {
                *first = Some(*byte);
                return self.step(rest);
            };
            let State::Deflate(_, sink) = std::mem::replace(&mut self.state, State::Broken) else {
                return Ok(());
            };
            self.state = if is_zlib(before, *byte) {
                State::Zlib(ZlibDecoder::new(sink))
            } else {
                State::Raw(DeflateDecoder::new(sink))
            };
            self.write(taken, &[before])?;
        }
        while !bytes.is_empty() {
            match self.write(taken, bytes)? {
                // After the end.
                0 => return Err(io::ErrorKind::InvalidData.into()),
                written => bytes = &bytes[written..],
            }
        }
        self.state.decoder().map_or(Ok(()), Write::flush)
    }

    fn write(&mut self, taken: u64, bytes: &[u8]) -> io::Result<usize> {
        if let Some(sink) = self.state.sink() {
            sink.taken = taken;
        }
        self.state.decoder().map_or(Err(io::ErrorKind::InvalidData.into()), |decoder| decoder.write(bytes))
    }
}

impl State {
    fn decoder(&mut self) -> Option<&mut dyn Write> {
        match self {
            Self::Gzip(decoder) => Some(decoder),
            Self::Zlib(decoder) => Some(decoder),
            Self::Raw(decoder) => Some(decoder),
            Self::Deflate(..) | Self::Broken => None,
        }
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        match self {
            Self::Gzip(decoder) => Some(decoder.get_mut()),
            Self::Zlib(decoder) => Some(decoder.get_mut()),
            Self::Raw(decoder) => Some(decoder.get_mut()),
            Self::Deflate(_, sink) => Some(sink),
            Self::Broken => None,
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.given += bytes.len() as u64;
        if self.given > self.most || self.given > FREE.max(self.taken.saturating_mul(MAX_RATIO)) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.pieces.extend(bytes.chunks(MAX_PIECE).map(Bytes::copy_from_slice));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells whether a body begins as one of zlib does (RFC 1950, 2.2).
fn is_zlib(first: u8, second: u8) -> bool {
    first & 0x0f == 8 && (u16::from(first) * 256 + u16::from(second)) % 31 == 0
}

#[cfg(test)]
mod tests;
