//! The two sides of a connection: what is read from it, and what is written to it.

use std::{
    fmt,
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_util::io::poll_read_buf;

use super::Timer;

/// A connection with TLS.
pub(crate) trait Secure: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Secure for S {}

type Shared = Arc<Mutex<dyn Secure>>;

/// What is read at once while nobody knows how much there is, in bytes. It lies on the stack: a connection that waits holds
/// no buffer.
const GLANCE: usize = 16 * 1024;
/// What is read at once of a body that is larger.
const GULP: usize = 64 * 1024;

/// Nothing more can be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The other side closed the connection, or it broke.
    ByPeer,
    /// The deadline passed.
    InTime,
}

/// What is read from a connection.
pub(crate) struct Source {
    side: Read,
    pub(crate) buffer: BytesMut,
    pub(crate) timer: Timer,
}

/// What is written to a connection.
pub(crate) struct Sink {
    side: Write,
    pub(crate) timer: Timer,
}

enum Read {
    Plain(OwnedReadHalf),
    Tls(Shared),
}

enum Write {
    Plain(OwnedWriteHalf),
    Tls(Shared),
    /// It was broken off.
    Gone,
}

/// Opens the two sides of a connection without TLS.
pub(crate) fn open(stream: TcpStream, deadline: Duration) -> (Source, Sink) {
    let (read, write) = stream.into_split();
    sides(Read::Plain(read), Write::Plain(write), deadline)
}

/// Opens the two sides of a connection with TLS.
pub(crate) fn open_secure(stream: impl Secure + 'static, deadline: Duration) -> (Source, Sink) {
    let stream: Shared = Arc::new(Mutex::new(stream));
    sides(Read::Tls(Arc::clone(&stream)), Write::Tls(stream), deadline)
}

impl Source {
    /// Reads what is there into the buffer, or waits until something is. Returns how much; nothing at the end.
    pub(crate) async fn fill(&mut self) -> Result<usize, Closed> {
        poll_fn(|context| self.poll_fill(context)).await
    }

    pub(crate) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Closed>> {
        match self.poll_fill_untimed(context) {
            Poll::Pending => self.timer.poll_passed(context).map(|()| Err(Closed::InTime)),
            filled @ Poll::Ready(_) => filled,
        }
    }

    /// The same, whatever the deadline.
    pub(crate) fn poll_fill_untimed(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Closed>> {
        let mut glance = [MaybeUninit::uninit(); GLANCE];
        let mut read = ReadBuf::uninit(&mut glance);
        match self.side.poll_read(context, &mut read) {
            Poll::Ready(Ok(())) => {
                self.buffer.extend_from_slice(read.filled());
                Poll::Ready(Ok(read.filled().len()))
            }
            Poll::Ready(Err(_)) => Poll::Ready(Err(Closed::ByPeer)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The same for a body of which at least `expected` bytes are to come: a large one is read without being copied.
    pub(crate) fn poll_fill_large(
        &mut self,
        context: &mut Context<'_>,
        expected: u64,
    ) -> Poll<Result<usize, Closed>> {
        if expected <= GLANCE as u64 {
            return self.poll_fill(context);
        }
        self.buffer.reserve(usize::try_from(expected).unwrap_or(GULP).min(GULP));
        let before = self.buffer.len();
        match self.side.poll_read_buffer(context, &mut self.buffer) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(self.buffer.len() - before)),
            Poll::Ready(Err(_)) => Poll::Ready(Err(Closed::ByPeer)),
            Poll::Pending => self.timer.poll_passed(context).map(|()| Err(Closed::InTime)),
        }
    }

    /// Tells whether a connection on which nothing is awaited is still open, and silent. No system call is made where
    /// nothing happened.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        match &self.side {
            Read::Plain(half) => match half.as_ref().poll_read_ready(&mut context) {
                Poll::Pending => true,
                Poll::Ready(Err(_)) => false,
                Poll::Ready(Ok(())) => {
                    matches!(half.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
                }
            },
            Read::Tls(_) => {
                let mut byte = [MaybeUninit::uninit(); 1];
                self.side.poll_read(&mut context, &mut ReadBuf::uninit(&mut byte)).is_pending()
            }
        }
    }

    /// Gives back what a buffer took, where a connection waits.
    pub(crate) fn rest(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }
}

impl Sink {
    /// Writes all of it.
    pub(crate) async fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Closed> {
        while !bytes.is_empty() {
            let written = poll_fn(|context| self.poll_write(context, bytes)).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Closed>> {
        match self.side.poll_write(context, bytes) {
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(Closed::ByPeer)),
            Poll::Ready(Ok(written)) => Poll::Ready(Ok(written)),
            Poll::Pending => self.timer.poll_passed(context).map(|()| Err(Closed::InTime)),
        }
    }

    /// With TLS, what was written may wait in it.
    pub(crate) async fn flush(&mut self) -> Result<(), Closed> {
        match &mut self.side {
            Write::Plain(_) | Write::Gone => Ok(()),
            Write::Tls(stream) => {
                poll_fn(|context| {
                    let flushed = Pin::new(&mut *locked(stream)).poll_flush(context);
                    match flushed {
                        Poll::Ready(result) => Poll::Ready(result.map_err(|_| Closed::ByPeer)),
                        Poll::Pending => self.timer.poll_passed(context).map(|()| Err(Closed::InTime)),
                    }
                })
                .await
            }
        }
    }

    /// Says that nothing more will be written.
    pub(crate) async fn shut_down(&mut self) -> Result<(), Closed> {
        poll_fn(|context| {
            let done = match &mut self.side {
                Write::Plain(half) => Pin::new(half).poll_shutdown(context),
                Write::Tls(stream) => Pin::new(&mut *locked(stream)).poll_shutdown(context),
                Write::Gone => Poll::Ready(Ok(())),
            };
            match done {
                Poll::Ready(result) => Poll::Ready(result.map_err(|_| Closed::ByPeer)),
                Poll::Pending => self.timer.poll_passed(context).map(|()| Err(Closed::InTime)),
            }
        })
        .await
    }

    /// Closes the connection, so that the other side notices that what it got is not all.
    pub(crate) fn break_off(&mut self) {
        // With TLS, an end without TLS's own is noticed. Without, the half would say a proper end when it is dropped.
        if let Write::Plain(half) = std::mem::replace(&mut self.side, Write::Gone) {
            let _ = half.as_ref().set_zero_linger();
            half.forget();
        }
    }
}

/// Joins the two sides of a connection without TLS; `None` for one with it. What was read already is given back, too.
pub(crate) fn join(source: Source, sink: Sink) -> Option<(TcpStream, BytesMut)> {
    match (source.side, sink.side) {
        (Read::Plain(read), Write::Plain(write)) => {
            read.reunite(write).ok().map(|stream| (stream, source.buffer))
        }
        _ => None,
    }
}

fn sides(read: Read, write: Write, deadline: Duration) -> (Source, Sink) {
    let timer = || Timer::new(deadline);
    let source = Source { side: read, buffer: BytesMut::new(), timer: timer() };
    (source, Sink { side: write, timer: timer() })
}

fn locked(stream: &Shared) -> MutexGuard<'_, dyn Secure + 'static> {
    stream.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Read {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(half) => Pin::new(half).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(&mut *locked(stream)).poll_read(context, buffer),
        }
    }

    fn poll_read_buffer(&mut self, context: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<()>> {
        let read = match self {
            Self::Plain(half) => poll_read_buf(Pin::new(half), context, buffer),
            Self::Tls(stream) => poll_read_buf(Pin::new(&mut *locked(stream)), context, buffer),
        };
        ready!(read)?;
        Poll::Ready(Ok(()))
    }
}

impl Write {
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(half) => Pin::new(half).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(&mut *locked(stream)).poll_write(context, bytes),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("buffered", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").finish_non_exhaustive()
    }
}
