//! Bytes in and out: sockets, their buffers and deadlines, and HTTP/1.1 as it is written.

mod body;
mod socket;
mod timer;

pub(crate) use body::{BodyError, Framing};
pub(crate) use socket::{Closed, Sink, Source, join, open, open_secure};
pub(crate) use timer::Timer;
