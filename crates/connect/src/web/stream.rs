//! What happens on a connection: whether it has anything to do, and for how long a head is being read.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep_until},
};

use crate::Limits;

/// Whether a connection has anything to do.
#[derive(Debug)]
pub(super) struct Busy(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The requests whose answers are not sent yet.
    now: usize,
    /// Those of them that wait for this side. The others wait for the client to read.
    ours: usize,
    /// When it was last the client's turn.
    since: Instant,
    /// Since when a head is being read.
    head: Option<Instant>,
}

impl Busy {
    /// Of a connection that is new: its first head is waited for.
    pub(super) fn new() -> Arc<Self> {
        let since = Instant::now();
        Arc::new(Self(Mutex::new(State { now: 0, ours: 0, since, head: Some(since) })))
    }

    /// A request is there, until what is returned is dropped. Nobody works on it yet: hyper waits for the client to read what came
    /// before it.
    pub(super) fn begin(self: &Arc<Self>) -> Begun {
        self.change(|state| (state.now, state.since, state.head) = (state.now + 1, Instant::now(), None));
        Begun { busy: Arc::clone(self), is_ours: false }
    }

    /// Waits until there was nothing to do for too long, or a head is not whole after its time, or nobody read on in an answer.
    pub(super) async fn over(&self, limits: &Limits) {
        let pause = limits.keep_alive.min(limits.head_time).min(limits.answer_time);
        loop {
            let at = self.change(|state| match (state.now, state.ours, state.head) {
                (0, _, Some(since)) => since + limits.head_time,
                (0, _, None) => state.since + limits.keep_alive,
                (_, 0, _) => state.since + limits.answer_time,
                _ => Instant::now() + pause,
            });
            if at <= Instant::now() {
                return;
            }
            // What is read meanwhile may have to end sooner.
            sleep_until(at.min(Instant::now() + pause)).await;
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request that is there.
#[derive(Debug)]
pub(super) struct Begun {
    busy: Arc<Busy>,
    is_ours: bool,
}

impl Begun {
    /// Its answer is being made.
    pub(super) fn work(&mut self) {
        self.turn(true);
    }

    /// The body of its answer, with which it ends.
    pub(super) fn until(mut self, body: Body) -> Body {
        self.turn(false);
        Body::new(Held { body, begun: self })
    }

    /// Whose turn it is.
    fn turn(&mut self, is_ours: bool) {
        let was = std::mem::replace(&mut self.is_ours, is_ours);
        self.busy.change(|state| {
            state.ours = state.ours + usize::from(is_ours) - usize::from(was);
            if !is_ours {
                state.since = Instant::now();
            }
        });
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.turn(false);
        self.busy.change(|state| state.now -= 1);
    }
}

struct Held {
    body: Body,
    begun: Begun,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // It is asked for more when there is room for it: the client has read.
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.begun.turn(frame.is_pending());
        frame
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
    use std::{future::poll_fn, time::Duration};

    use super::*;

    /// What does not end within it does not end.
    const LONG: Duration = Duration::from_secs(3600);

    /// A body of which the second part never comes.
    struct Half(Option<Bytes>);

    impl HttpBody for Half {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            self.0.take().map_or(Poll::Pending, |part| Poll::Ready(Some(Ok(Frame::data(part)))))
        }
    }

    async fn ends_after(busy: &Busy) -> Duration {
        let start = Instant::now();
        let _ = tokio::time::timeout(LONG, busy.over(&Limits::default())).await;
        start.elapsed()
    }

    async fn goes_on(busy: &Busy) -> bool {
        ends_after(busy).await == LONG
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_ends_when_nothing_happens() {
        let Limits { keep_alive, head_time, .. } = Limits::default();
        let busy = Busy::new();
        assert_eq!(ends_after(&busy).await, head_time, "nothing ever came");
        drop(busy.begin().until(Body::empty()));
        assert_eq!(ends_after(&busy).await, keep_alive, "it may be used again for a while");
        // A head of which a part is there.
        drop(busy.begin());
        let mut stream = Watched { stream: &b"GET"[..], busy: Arc::clone(&busy) };
        tokio::io::AsyncReadExt::read_u8(&mut stream).await.unwrap();
        assert_eq!(ends_after(&busy).await, head_time);
    }

    #[tokio::test(start_paused = true)]
    async fn n62_an_answer_waits_for_its_client_for_a_while_and_the_client_for_the_answer() {
        let answer_time = Limits::default().answer_time;
        let busy = Busy::new();
        let mut begun = busy.begin();
        assert_eq!(ends_after(&busy).await, answer_time, "nobody reads what came before");
        begun.work();
        assert!(goes_on(&busy).await, "there is no answer yet");
        let mut body = begun.until(Body::new(Half(Some(Bytes::from_static(b"one moment")))));
        assert_eq!(ends_after(&busy).await, answer_time, "nobody reads it");
        let mut read = Pin::new(&mut body);
        poll_fn(|context| read.as_mut().poll_frame(context)).await.unwrap().unwrap();
        assert_eq!(ends_after(&busy).await, answer_time, "nobody reads on");
        poll_fn(|context| Poll::Ready(read.as_mut().poll_frame(context).is_pending())).await;
        assert!(goes_on(&busy).await, "what comes next is not there yet");
        // One that can be read does not wait for another that nobody reads, nor the other way round.
        let other = busy.begin().until(Body::empty());
        assert!(goes_on(&busy).await);
        drop(body);
        assert_eq!(ends_after(&busy).await, answer_time);
        drop(other);
    }
}
