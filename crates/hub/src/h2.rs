//! HTTP/2 as clients speak it, by hyper: each stream is one request.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, uri::PathAndQuery};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::oneshot,
};

use crate::{
    Worker,
    admit::Caller,
    exchange::exchange,
    intake::{Intake, Lengths, tokens_in},
    listener::Stop,
    problem::{Code, Problem},
    reply::{CutOff, H2, H2Body, Piece, Reply},
    target,
    trouble::Trouble,
    upload::Upload,
};

/// The most requests at once on one connection.
const MAX_STREAMS: u32 = 100;
/// What a stream, and a connection, may send before it is taken.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is left of a request's body that nobody wanted is read past, up to so many bytes, and while they come so quickly.
const PASS_OVER: u64 = 1024 * 1024;
const PARTING: Duration = Duration::from_secs(1);

/// Serves a connection until it ends.
pub(crate) async fn serve<S>(worker: &Worker, stream: S, caller: Caller, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let limits = &worker.gateway.0.limits;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.idle)
        .keep_alive_timeout(limits.head_time);
    // How many streams began since the last look; each holds on to it as long as it is served.
    let streams = Arc::new(AtomicUsize::new(1));
    let counted = Arc::clone(&streams);
    let service = service_fn(move |request| {
        let (worker, streams) = (worker.clone(), Arc::clone(&counted));
        async move { Ok::<_, Infallible>(answer(worker, request, caller, streams).await) }
    });
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut look = tokio::time::interval(limits.idle.max(Duration::from_millis(2)) / 2);
    let mut was_busy = true;
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stop.asked() => break,
            _ = look.tick() => {
                let is_busy = streams.swap(0, Ordering::Relaxed) > 0 || Arc::strong_count(&streams) > 2;
                if !is_busy && !was_busy {
                    break;
                }
                was_busy = is_busy;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Answers one request. It is served by a task of its own, which ends when nobody waits for it any more.
async fn answer(
    worker: Worker,
    request: Request<Incoming>,
    caller: Caller,
    streams: Arc<AtomicUsize>,
) -> Response<H2Body> {
    streams.fetch_add(1, Ordering::Relaxed);
    let (head, told) = oneshot::channel();
    let serving = tokio::spawn(async move {
        let is_head = request.method() == Method::HEAD;
        let longest = worker.gateway.0.limits.body_time;
        let mut reply = Reply::H2(H2 { head: Some(head), pieces: None, longest, is_head, sent: 0 });
        let served = one(&worker, request, caller, &mut reply).await;
        let shared = &worker.gateway.0;
        match served {
            Ok(()) => {}
            Err(Trouble::Problem(problem)) => {
                shared.metrics.problem(problem.code);
                if reply.has_begun() {
                    reply.cut_off();
                } else {
                    let _ = reply.problem(problem).await;
                }
            }
            Err(Trouble::CutOff | Trouble::ClientGone) => reply.cut_off(),
        }
        shared.metrics.sent.inc_by(reply.sent());
        // It counts as one that is served until here.
        drop(streams);
    });
    let guard = AbortOnDrop(Some(serving.abort_handle()));
    if let Ok(response) = told.await {
        // From now on the body's receiver tells the task that somebody is there.
        guard.disarm();
        return response;
    }
    let (headers, body) = Problem::from(Code::Stopping).document();
    let mut response = Response::new(H2Body::Whole(Some(body)));
    *response.status_mut() = Code::Stopping.status();
    *response.headers_mut() = headers;
    response
}

async fn one(
    worker: &Worker,
    request: Request<Incoming>,
    caller: Caller,
    reply: &mut Reply<'_>,
) -> Result<(), Trouble> {
    let (mut parts, body) = request.into_parts();
    let mut intake = Intake::default();
    let mut headers = HeaderMap::with_capacity(parts.headers.len() + 4);
    let mut last = None;
    for (name, value) in std::mem::take(&mut parts.headers) {
        last = name.or(last);
        if let Some(name) = &last {
            intake.tokens += tokens_in(value.as_bytes());
            // RFC 9113, 8.2.3: cookies may come in several fields, and are one.
            intake.take(&mut headers, name.clone(), value)?;
        }
    }
    if let (Some(host), Some(authority)) = (&intake.host, parts.uri.authority())
        && !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
    {
        return Err(Code::RequestMalformed.into());
    }
    if intake.host.is_none()
        && let Some(authority) = parts.uri.authority()
    {
        intake.take(
            &mut headers,
            http::header::HOST,
            authority.as_str().parse().map_err(|_| Code::RequestMalformed)?,
        )?;
    }
    intake.check_host(true)?;
    parts.headers = headers;
    let length = match intake.lengths {
        Lengths::None => None,
        Lengths::One(length) => Some(length),
        Lengths::Wrong => return Err(Code::RequestMalformed.into()),
    };
    let path = parts.uri.path_and_query().map_or("", PathAndQuery::as_str);
    let path = target::path_and_query(path.as_bytes())?;
    intake.tokens += tokens_in(path.as_bytes());
    let target = PathAndQuery::try_from(path).map_err(|_| Code::PathAmbiguous)?;
    let mut upload = Upload::h2(body, length, worker.gateway.0.limits.body_time);
    let served = match exchange(worker, &mut parts, &target, &intake, caller, &mut upload, reply).await {
        Err(Trouble::Problem(problem)) if !reply.has_begun() => {
            worker.gateway.0.metrics.problem(problem.code);
            let told = reply.problem(problem).await;
            // Clients that are still sending take the end of the stream for a failure, and do not look at the answer.
            upload.pass_over(PASS_OVER, PARTING).await;
            told
        }
        served => served,
    };
    worker.gateway.0.metrics.received.inc_by(upload.received());
    served
}

/// Ends a task that nobody waits for.
struct AbortOnDrop(Option<tokio::task::AbortHandle>);

impl AbortOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Body for H2Body {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let this = self.get_mut();
        match this {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Done => Poll::Ready(None),
            Self::Pieces(pieces) => match ready!(pieces.poll_recv(context)) {
                Some(Piece::Data(piece)) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                Some(Piece::End) => {
                    *this = Self::Done;
                    Poll::Ready(None)
                }
                None => {
                    *this = Self::Done;
                    Poll::Ready(Some(Err(CutOff)))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None) | Self::Done)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Pieces(_) => SizeHint::default(),
            Self::Done => SizeHint::with_exact(0),
        }
    }
}
