//! An answer on its way out, over HTTP/1.1 or HTTP/2.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    Limits,
    problem::Problem,
    trouble::Trouble,
    upstream::{LAST_CHUNK, chunk},
    wire::Sink,
};

/// Where an answer goes.
pub(crate) enum Reply<'c> {
    H1(H1<'c>),
    H2(H2),
}

/// Over HTTP/1.1.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the connection or the request"
)]
pub(crate) struct H1<'c> {
    pub(crate) sink: &'c mut Sink,
    pub(crate) out: &'c mut Vec<u8>,
    pub(crate) limits: &'c Limits,
    /// The client takes chunks.
    pub(crate) is_1_1: bool,
    /// Whether the connection may serve another request.
    pub(crate) keeps: bool,
    /// The request was `HEAD`.
    pub(crate) is_head: bool,
    /// The answer has begun: nothing else can be said any more.
    pub(crate) begun: bool,
    pub(crate) sent: u64,
}

/// Over HTTP/2.
pub(crate) struct H2 {
    pub(crate) head: Option<oneshot::Sender<Response<H2Body>>>,
    pub(crate) pieces: Option<mpsc::Sender<Piece>>,
    /// The longest that a client may take for a piece.
    pub(crate) longest: Duration,
    pub(crate) is_head: bool,
    pub(crate) sent: u64,
}

/// A piece of a body over HTTP/2, or its end: one that only stops was cut off.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    End,
}

/// A body over HTTP/2.
pub(crate) enum H2Body {
    Whole(Option<Bytes>),
    Pieces(mpsc::Receiver<Piece>),
    /// It was given whole.
    Done,
}

/// An answer could not be ended.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut off")]
pub(crate) struct CutOff;

/// How many pieces wait for an HTTP/2 client to take them.
const AHEAD: usize = 4;
/// Pieces of at most so many bytes are written together with what is around them.
const SMALL: usize = 16 * 1024;

impl Reply<'_> {
    /// Tells the client to send its request's body.
    pub(crate) async fn go_on(&mut self) -> Result<(), Trouble> {
        match self {
            Self::H1(h1) => {
                h1.set_timer();
                h1.sink.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.map_err(|_| Trouble::ClientGone)?;
                h1.sink.flush().await.map_err(|_| Trouble::ClientGone)
            }
            Self::H2(_) => Ok(()),
        }
    }

    /// An answer without a body. `length` is that of a body that `HEAD` did not ask for.
    pub(crate) async fn empty(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        length: Option<u64>,
    ) -> Result<(), Trouble> {
        match self {
            Self::H1(h1) => {
                h1.head(status, headers);
                let bodiless = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
                match length {
                    Some(length) => h1.length(length),
                    None if bodiless || h1.is_head => {}
                    None => h1.length(0),
                }
                h1.out.extend_from_slice(b"\r\n");
                h1.write().await
            }
            Self::H2(h2) => {
                let mut headers = headers.clone();
                if let Some(length) = length {
                    headers.insert(header::CONTENT_LENGTH, length.into());
                }
                h2.head(status, headers, H2Body::Whole(None))
            }
        }
    }

    /// An answer whose body is there whole.
    pub(crate) async fn whole(
        &mut self,
        status: StatusCode,
        headers: &HeaderMap,
        pieces: &[Bytes],
    ) -> Result<(), Trouble> {
        let length: usize = pieces.iter().map(Bytes::len).sum();
        match self {
            Self::H1(h1) => {
                h1.head(status, headers);
                h1.length(length as u64);
                h1.out.extend_from_slice(b"\r\n");
                if !h1.is_head {
                    for piece in pieces {
                        h1.out.extend_from_slice(piece);
                    }
                    h1.sent += length as u64;
                }
                h1.write().await
            }
            Self::H2(h2) => {
                let mut headers = headers.clone();
                headers.insert(header::CONTENT_LENGTH, length.into());
                let body = match pieces {
                    [one] => one.clone(),
                    several => several.concat().into(),
                };
                h2.sent += length as u64;
                let body = Some(body).filter(|_| !h2.is_head);
                h2.head(status, headers, H2Body::Whole(body))
            }
        }
    }

    /// The head of an answer whose body comes in pieces.
    pub(crate) fn begin(&mut self, status: StatusCode, headers: &HeaderMap) -> Result<(), Trouble> {
        match self {
            Self::H1(h1) => {
                // To a client that knows no chunks, the end of the connection is the end of the body.
                h1.keeps &= h1.is_1_1;
                h1.head(status, headers);
                let framing: &[u8] = if h1.is_1_1 { b"transfer-encoding: chunked\r\n\r\n" } else { b"\r\n" };
                h1.out.extend_from_slice(framing);
                Ok(())
            }
            Self::H2(h2) => {
                let (sender, receiver) = mpsc::channel(AHEAD);
                h2.pieces = Some(sender);
                h2.head(status, headers.clone(), H2Body::Pieces(receiver))
            }
        }
    }

    /// Pieces of a body that has [begun](Self::begin).
    pub(crate) async fn pieces(&mut self, pieces: &mut Vec<Bytes>) -> Result<(), Trouble> {
        match self {
            Self::H1(h1) => {
                for piece in pieces.drain(..) {
                    h1.piece(&piece).await?;
                }
                h1.write().await
            }
            Self::H2(h2) => {
                for piece in pieces.drain(..) {
                    h2.sent += piece.len() as u64;
                    let Some(sender) = &h2.pieces else { return Err(Trouble::ClientGone) };
                    let sent = timeout(h2.longest, sender.send(Piece::Data(piece))).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return Err(Trouble::ClientGone);
                    }
                }
                Ok(())
            }
        }
    }

    /// The end of a body that has begun.
    pub(crate) async fn end(&mut self) -> Result<(), Trouble> {
        match self {
            Self::H1(h1) => {
                if h1.is_1_1 {
                    h1.out.extend_from_slice(LAST_CHUNK);
                }
                h1.write().await
            }
            Self::H2(h2) => {
                let Some(pieces) = h2.pieces.take() else { return Err(Trouble::ClientGone) };
                let sent = timeout(h2.longest, pieces.send(Piece::End)).await;
                if matches!(sent, Ok(Ok(()))) { Ok(()) } else { Err(Trouble::ClientGone) }
            }
        }
    }

    /// A problem of the gateway's own.
    pub(crate) async fn problem(&mut self, problem: Problem) -> Result<(), Trouble> {
        let status = problem.code.status();
        let (headers, body) = problem.document();
        self.whole(status, &headers, &[body]).await
    }

    /// The bytes of bodies that were written.
    pub(crate) fn sent(&self) -> u64 {
        match self {
            Self::H1(h1) => h1.sent,
            Self::H2(h2) => h2.sent,
        }
    }

    /// Whether the answer has begun, so that nothing else can be said any more.
    pub(crate) fn has_begun(&self) -> bool {
        match self {
            Self::H1(h1) => h1.begun,
            Self::H2(h2) => h2.head.is_none(),
        }
    }

    /// Shows the client that the answer was cut off.
    pub(crate) fn cut_off(&mut self) {
        match self {
            Self::H1(h1) => {
                h1.keeps = false;
                h1.sink.break_off();
            }
            Self::H2(h2) => h2.pieces = None,
        }
    }

    /// Says in the answer's head, which is still to come, that the connection is closed behind it.
    pub(crate) fn close_behind(&mut self) {
        if let Self::H1(h1) = self {
            h1.keeps = false;
        }
    }

    /// Waits until nobody waits for the answer any more. Over HTTP/1.1 that is noticed elsewhere.
    pub(crate) async fn gone(&self) {
        match self {
            Self::H2(H2 { pieces: Some(pieces), .. }) => pieces.closed().await,
            _ => std::future::pending().await,
        }
    }
}

impl H1<'_> {
    fn set_timer(&mut self) {
        self.sink.timer.set(self.limits.body_time);
    }

    fn head(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.begun = true;
        let out = &mut *self.out;
        out.clear();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\r\n");
        for (name, value) in headers {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if !self.keeps {
            out.extend_from_slice(b"connection: close\r\n");
        } else if !self.is_1_1 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
    }

    fn length(&mut self, length: u64) {
        self.out.extend_from_slice(b"content-length: ");
        self.out.extend_from_slice(HeaderValue::from(length).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    async fn piece(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        self.sent += piece.len() as u64;
        if self.out.len() + piece.len() > SMALL {
            self.write().await?;
        }
        if self.is_1_1 {
            chunk(self.out, piece);
        } else {
            self.out.extend_from_slice(piece);
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<(), Trouble> {
        if self.out.is_empty() {
            return Ok(());
        }
        self.set_timer();
        let written = self.sink.write_all(self.out).await;
        self.out.clear();
        written.map_err(|_| Trouble::ClientGone)?;
        self.sink.flush().await.map_err(|_| Trouble::ClientGone)
    }
}

impl H2 {
    fn head(&mut self, status: StatusCode, headers: HeaderMap, body: H2Body) -> Result<(), Trouble> {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        let head = self.head.take().ok_or(Trouble::ClientGone)?;
        head.send(response).map_err(|_| Trouble::ClientGone)
    }
}
