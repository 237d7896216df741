//! What happens on a connection: whether it has anything to do, and for how long a head is being read.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

/// Whether a connection has anything to do.
#[derive(Debug)]
pub(super) struct Busy(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The requests whose answers are not sent yet.
    now: usize,
    /// Since when there is none.
    idle: Instant,
    /// Since when a head is being read.
    head: Option<Instant>,
}

impl Busy {
    /// Of a connection that is new: its first head is waited for.
    pub(super) fn new() -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self(Mutex::new(State { now: 0, idle: now, head: Some(now) })))
    }

    /// A request is there, until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Begun {
        self.change(|state| (state.now, state.head) = (state.now + 1, None));
        Begun(Arc::clone(self))
    }

    /// Waits until there was nothing to do for `idle`, or a head was read for `head` and is not whole yet.
    pub(super) async fn over(&self, idle: Duration, head: Duration) {
        loop {
            let at = self.change(|state| match (state.now, state.head) {
                (0, Some(since)) => since + head,
                (0, None) => state.idle + idle,
                _ => Instant::now() + idle.min(head),
            });
            if at <= Instant::now() {
                return;
            }
            // What is read meanwhile may have to end sooner.
            sleep_until(at.min(Instant::now() + idle.min(head))).await;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request that is there.
#[derive(Debug)]
pub(super) struct Begun(Arc<Busy>);

impl Begun {
    /// The body of its answer, with which it ends.
    pub(super) fn until(self, body: Body) -> Body {
        Body::new(Held { body, _begun: self })
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.change(|state| (state.now, state.idle) = (state.now - 1, Instant::now()));
    }
}

struct Held {
    body: Body,
    _begun: Begun,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that tells when a head begins on it: of HTTP/1, where nothing else comes between two requests.
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) busy: Arc<Busy>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.busy.change(|state| {
                if state.now == 0 {
                    state.head.get_or_insert_with(Instant::now);
                }
            });
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(75);
    const HEAD: Duration = Duration::from_secs(10);

    async fn ends_after(busy: &Busy) -> Duration {
        let start = Instant::now();
        busy.over(IDLE, HEAD).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_nothing_happens_and_not_before_its_answer_is_sent() {
        let busy = Busy::new();
        assert_eq!(ends_after(&busy).await, HEAD, "nothing ever came");
        let body = busy.begin().until(Body::empty());
        let wait = tokio::time::timeout(IDLE * 10, busy.over(IDLE, HEAD)).await;
        assert!(wait.is_err(), "the answer is still being sent");
        drop(body);
        assert_eq!(ends_after(&busy).await, IDLE, "it may be used again for a while");
        // A head of which a part is there.
        drop(busy.begin());
        let mut stream = Watched { stream: &b"GET"[..], busy: Arc::clone(&busy) };
        tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap();
        assert_eq!(ends_after(&busy).await, HEAD);
    }
}
