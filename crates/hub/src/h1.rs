//! HTTP/1.1 as clients speak it: one connection, one request after the other.

pub(crate) mod head;

use std::{future::poll_fn, task::Poll, time::Duration};

use http::{Request, Version, request::Parts};

use crate::{
    Worker,
    admit::Caller,
    exchange::exchange,
    h1::head::{PREFACE, Seen},
    listener::Stop,
    problem::{Code, Problem},
    reply::{H1, Reply},
    trouble::Trouble,
    upload::Upload,
    wire::{Closed, Sink, Source},
};

/// What a connection turned out to be.
pub(crate) enum Ended {
    /// It was HTTP/1.1, and is over.
    Done,
    /// Its first bytes are those of HTTP/2.
    IsHttp2(Source, Sink),
}

/// How long a connection keeps what a request takes, once it has none.
const LINGER: Duration = Duration::from_millis(100);
/// What is there of a request's body that nobody wanted is read past, up to so many bytes.
const PASS_OVER: u64 = 64 * 1024;
/// How long what a client still sends is read after the last answer, so that it gets to see that.
const PARTING: Duration = Duration::from_secs(1);

/// What happens next on a connection.
enum Next {
    Request,
    /// Nothing came for a while: the connection waits with as little as possible.
    Rest,
    Close,
}

/// Serves a connection until it ends.
pub(crate) async fn serve(
    worker: &Worker,
    mut source: Source,
    mut sink: Sink,
    caller: Caller,
    mut stop: Stop,
) -> Ended {
    let limits = &worker.gateway.0.limits;
    let mut is_first = true;
    loop {
        // A connection without a request holds no more than this.
        source.rest();
        source.timer.set(limits.idle);
        if source.buffer.is_empty() {
            let arrived = poll_fn(|context| {
                if stop.poll_asked(context).is_ready() {
                    return Poll::Ready(false);
                }
                source.poll_fill(context).map(|filled| matches!(filled, Ok(1..)))
            })
            .await;
            if !arrived {
                return Ended::Done;
            }
        }
        // Nor does one whose request comes slowly.
        source.timer.set(limits.head_time);
        let arrived = arrive(&mut source, limits.head, is_first).await;
        if matches!(arrived, Ok(Arrived::Http2)) {
            return Ended::IsHttp2(source, sink);
        }
        is_first = false;
        let next = Box::pin(requests(worker, &mut source, &mut sink, caller, &mut stop, arrived)).await;
        if !matches!(next, Next::Rest) {
            return Ended::Done;
        }
    }
}

/// What arrived on a connection.
enum Arrived {
    /// A request's head, so long.
    Head(usize),
    /// What HTTP/2 begins with.
    Http2,
    /// Nothing more will.
    Nothing,
}

/// Reads until a request's head is there whole.
async fn arrive(source: &mut Source, most: usize, is_first: bool) -> Result<Arrived, Code> {
    let mut seen = Seen::default();
    loop {
        if is_first && source.buffer.starts_with(&PREFACE[..source.buffer.len().min(PREFACE.len())]) {
            if source.buffer.len() >= PREFACE.len() {
                return Ok(Arrived::Http2);
            }
        } else if let Some(length) = seen.whole(&source.buffer, most)? {
            return Ok(Arrived::Head(length));
        }
        match source.fill().await {
            Ok(1..) => {}
            Err(Closed::InTime) => return Err(Code::HeadTimeout),
            _ => return Ok(Arrived::Nothing),
        }
    }
}

/// Serves requests as long as they come.
async fn requests(
    worker: &Worker,
    source: &mut Source,
    sink: &mut Sink,
    caller: Caller,
    stop: &mut Stop,
    mut arrived: Result<Arrived, Code>,
) -> Next {
    let limits = &worker.gateway.0.limits;
    let (mut parts, ()) = Request::new(()).into_parts();
    let mut out = Vec::new();
    loop {
        let read = match arrived {
            Ok(Arrived::Head(length)) => head::read(&mut source.buffer, length, &mut parts),
            Ok(_) => return Next::Close,
            Err(code) => Err(code),
        };
        let head = match read {
            Ok(head) => head,
            Err(code) => {
                worker.gateway.0.metrics.problem(code);
                refuse(worker, source, sink, &mut out, code.into()).await;
                return Next::Close;
            }
        };
        if !one(worker, source, sink, &mut out, &mut parts, head, caller, stop).await {
            return Next::Close;
        }
        // What held the request is not kept while nothing comes.
        parts.headers.clear();
        if source.buffer.is_empty() {
            source.timer.set(LINGER.min(limits.idle));
            let next = poll_fn(|context| {
                if stop.poll_asked(context).is_ready() {
                    return Poll::Ready(Next::Close);
                }
                source.poll_fill(context).map(|filled| match filled {
                    Ok(1..) => Next::Request,
                    Err(Closed::InTime) => Next::Rest,
                    _ => Next::Close,
                })
            })
            .await;
            if !matches!(next, Next::Request) {
                return next;
            }
        }
        source.timer.set(limits.head_time);
        arrived = arrive(source, limits.head, false).await;
    }
}

/// Serves one request. Returns whether the connection may serve another.
#[expect(clippy::too_many_arguments, reason = "all that one request takes of its connection")]
async fn one(
    worker: &Worker,
    source: &mut Source,
    sink: &mut Sink,
    out: &mut Vec<u8>,
    parts: &mut Parts,
    head: head::Head,
    caller: Caller,
    stop: &mut Stop,
) -> bool {
    let shared = &*worker.gateway.0;
    let mut upload = Upload::h1(source, head.framing, head.intake.expects);
    let mut reply = Reply::H1(H1 {
        sink,
        out,
        limits: &shared.limits,
        is_1_1: parts.version == Version::HTTP_11,
        keeps: head.keeps && !stop.is_asked(),
        is_head: parts.method == http::Method::HEAD,
        begun: false,
        sent: 0,
    });
    let served = exchange(worker, parts, &head.target, &head.intake, caller, &mut upload, &mut reply).await;
    let trouble = match served {
        Ok(()) => None,
        Err(Trouble::Problem(problem)) if reply.has_begun() => {
            shared.metrics.problem(problem.code);
            Some(Trouble::CutOff)
        }
        Err(Trouble::Problem(problem)) => {
            shared.metrics.problem(problem.code);
            // A body that nobody read stands between this request and the next.
            let passed = upload.framing().is_done() || upload.pass_over(PASS_OVER, Duration::ZERO).await;
            if let Reply::H1(h1) = &mut reply {
                h1.keeps &= passed;
            }
            reply.problem(problem).await.err()
        }
        Err(trouble) => Some(trouble),
    };
    // Also where the client seems to be gone: whoever only read slowly is not to take a part for the whole.
    if trouble.is_some() {
        reply.cut_off();
    }
    shared.metrics.sent.inc_by(reply.sent());
    shared.metrics.received.inc_by(upload.received());
    let Reply::H1(H1 { keeps, .. }) = reply else { return false };
    let keeps = keeps && trouble.is_none() && upload.framing().is_done();
    if !keeps && trouble.is_none() {
        part(source, sink).await;
    }
    keeps
}

/// Answers with a problem, and closes the connection.
async fn refuse(worker: &Worker, source: &mut Source, sink: &mut Sink, out: &mut Vec<u8>, problem: Problem) {
    let limits = &worker.gateway.0.limits;
    let mut reply = Reply::H1(H1 {
        sink: &mut *sink,
        out,
        limits,
        is_1_1: true,
        keeps: false,
        is_head: false,
        begun: false,
        sent: 0,
    });
    if reply.problem(problem).await.is_ok() {
        part(source, sink).await;
    }
}

/// Says that nothing more comes, and lets the client read that: closing while it sends would take its answer away.
async fn part(source: &mut Source, sink: &mut Sink) {
    sink.timer.set(PARTING);
    source.timer.set(PARTING);
    if sink.shut_down().await.is_err() {
        return;
    }
    let mut total = 0;
    while let Ok(length @ 1..) = source.fill().await {
        source.buffer.clear();
        total += length;
        if total > 1 << 20 {
            return;
        }
    }
}
