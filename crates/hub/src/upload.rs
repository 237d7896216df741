//! A request's body on its way in.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::{
    Limits,
    problem::Code,
    reply::Reply,
    trouble::Trouble,
    upstream::{LAST_CHUNK, chunk},
    wire::{BodyError, Closed, Framing, Sink, Source},
};

/// A request's body, as it comes.
pub(crate) struct Upload<'c> {
    from: From<'c>,
    framing: Framing,
    /// Whether the client waits to be told to send it (`Expect: 100-continue`).
    pub(crate) awaits: bool,
    received: u64,
}

enum From<'c> {
    H1(&'c mut Source),
    /// And the longest that a piece may take.
    H2(Incoming, Duration),
}

/// What becomes of sending a body on: where the provider takes no more of it, its answer says why.
pub(crate) type Sent = Result<(), Option<Trouble>>;

impl<'c> Upload<'c> {
    /// Over HTTP/1.1.
    pub(crate) fn h1(source: &'c mut Source, framing: Framing, awaits: bool) -> Self {
        Self { from: From::H1(source), framing, awaits: awaits && !framing.is_done(), received: 0 }
    }

    /// Over HTTP/2, whose own length is right: a wrong one is an error of the stream.
    pub(crate) fn h2(body: Incoming, length: Option<u64>, longest: Duration) -> Self {
        use http_body::Body as _;
        let framing = match (body.is_end_stream(), length) {
            (true, _) => Framing::NONE,
            (_, Some(length)) => Framing::Length(length),
            _ => Framing::CHUNKED,
        };
        Self { from: From::H2(body, longest), framing, awaits: false, received: 0 }
    }

    /// How it is framed, as far as it is still to come.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// All of it, where it has come already.
    pub(crate) fn whole(&mut self) -> Option<Bytes> {
        let From::H1(source) = &mut self.from else { return None };
        let length = usize::try_from(self.framing.length()?).ok()?;
        if self.awaits || source.buffer.len() < length {
            return None;
        }
        self.framing = Framing::NONE;
        self.received = length as u64;
        Some(source.buffer.split_to(length).freeze())
    }

    /// How many bytes of it came.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// The next piece.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        let piece = self.read().await?;
        self.received += piece.as_ref().map_or(0, Bytes::len) as u64;
        Ok(piece)
    }

    async fn read(&mut self) -> Result<Option<Bytes>, Trouble> {
        match &mut self.from {
            From::H1(source) => source.body(&mut self.framing).await.map_err(|error| match error {
                BodyError::Closed(Closed::ByPeer) => Trouble::ClientGone,
                BodyError::Closed(Closed::InTime) => Code::BodyIncomplete.into(),
                BodyError::Malformed => Code::RequestMalformed.into(),
            }),
            From::H2(body, longest) => loop {
                let Ok(frame) = timeout(*longest, body.frame()).await else {
                    return Err(Code::BodyIncomplete.into());
                };
                match frame {
                    None => {
                        self.framing = Framing::NONE;
                        return Ok(None);
                    }
                    // Trailers are not passed on.
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                        _ => {}
                    },
                    Some(Err(_)) => return Err(Trouble::ClientGone),
                }
            },
        }
    }

    /// Tells the client to send it, where it waits for that.
    pub(crate) async fn begin(&mut self, reply: &mut Reply<'_>) -> Result<(), Trouble> {
        if self.awaits { reply.go_on().await } else { Ok(()) }
    }

    /// Sends it on, piece by piece.
    pub(crate) async fn send(&mut self, sink: &mut Sink, limits: &Limits) -> Sent {
        let chunked = self.framing.length().is_none();
        let mut out = Vec::new();
        let mut total: u64 = 0;
        loop {
            if let From::H1(source) = &mut self.from {
                source.timer.set(limits.body_time);
            }
            let piece = self.next().await.map_err(Some)?;
            let Some(piece) = piece else { break };
            total += piece.len() as u64;
            if total > limits.request_body {
                return Err(Some(Code::BodyTooLarge.into()));
            }
            sink.timer.set(limits.body_time);
            let written = if chunked {
                out.clear();
                chunk(&mut out, &piece);
                sink.write_all(&out).await
            } else {
                sink.write_all(&piece).await
            };
            written.map_err(|_| None)?;
            sink.flush().await.map_err(|_| None)?;
        }
        if chunked {
            sink.write_all(LAST_CHUNK).await.map_err(|_| None)?;
        }
        sink.flush().await.map_err(|_| None)
    }

    /// Whether the client went away. What it sends of its next request is kept.
    pub(crate) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        /// A client that sends so much before its answer came is not read any further.
        const MOST: usize = 64 * 1024;
        // Over HTTP/2 the stream's task is ended.
        let From::H1(source) = &mut self.from else { return Poll::Pending };
        while source.buffer.len() < MOST {
            // It is the provider's time that counts now.
            match source.poll_fill_untimed(context) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    }

    /// Reads what is left of it past, if that is little and comes within a time, so that the connection can serve another
    /// request.
    pub(crate) async fn pass_over(&mut self, most: u64, within: Duration) -> bool {
        if self.awaits {
            return self.framing.is_done();
        }
        match &mut self.from {
            From::H1(source) => source.timer.set(within),
            From::H2(_, longest) => *longest = within,
        }
        let mut total: u64 = 0;
        while !self.framing.is_done() {
            match self.next().await {
                Ok(Some(piece)) => total += piece.len() as u64,
                Ok(None) => return true,
                Err(_) => return false,
            }
            if total > most {
                return false;
            }
        }
        true
    }
}
