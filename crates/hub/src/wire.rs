//! Bytes in and out: sockets, their buffers and deadlines, and HTTP/1.1 as it is written.

mod body;
mod socket;
mod timer;

pub(crate) use body::{BodyError, Framing};
pub(crate) use socket::{Closed, Sink, Source, join, open, open_secure};
pub(crate) use timer::Timer;

/// Tells whether there is a LF without CR before it. Where something `precedes`, it is the first byte.
pub(crate) fn has_bare_line_end(bytes: &[u8], precedes: bool) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|at| if at == 0 { !precedes } else { bytes[at - 1] != b'\r' })
}
