//! One request to a provider and its answer back: sent once the gateway let it pass, streamed both ways.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Method, header, request::Parts, uri::PathAndQuery};
use keyway_core::BodyAccess;

use crate::{
    Worker,
    admit::{Admitted, Caller},
    answer::{self, Encoding, Filter, Unreadable},
    gateway::Shared,
    intake::{Intake, is_safe},
    problem::{Code, Problem},
    reply::Reply,
    upload::Upload,
    upstream::{self, AnswerHead, Connection, NoHead},
    wire::{Framing, Timer},
};

/// Why a client does not get a provider's answer whole.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It gets this instead: nothing was told yet.
    Problem(Problem),
    /// The answer had begun, and cannot be ended: the client has to see that.
    CutOff,
    /// It is gone.
    ClientGone,
}

impl<P: Into<Problem>> From<P> for Trouble {
    fn from(problem: P) -> Self {
        Self::Problem(problem.into())
    }
}

/// An answer of at most so many bytes is collected, and told with its length.
const SHORT: usize = 16 * 1024;
/// Longer than any request's body takes: what counts meanwhile is the time between its pieces.
const A_LONG_TIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a connection may have waited that takes a request which must not be made twice.
const FRESH: Duration = Duration::from_secs(5);

/// Serves one request: lets it pass, sends it, and gives the answer to `reply`.
pub(crate) async fn exchange(
    worker: &Worker,
    parts: &mut Parts,
    target: &PathAndQuery,
    intake: &Intake,
    caller: Caller,
    upload: &mut Upload<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Trouble> {
    let shared = &*worker.gateway.0;
    if upload.framing().length().is_some_and(|length| length > shared.limits.request_body) {
        return Err(Code::BodyTooLarge.into());
    }
    let mut admitted = shared.admit(parts, target, intake, caller).await?;
    let seen = authorize(shared, &admitted, parts, upload).await?;
    let sending = Sending { worker, parts, seen };
    let mut fresh = false;
    loop {
        let mut connection = sending.connect(&admitted, fresh).await?;
        match sending.try_on(&mut connection, &mut admitted, upload, reply).await {
            Tried::Done { keeps } => {
                let now = admitted.end();
                if keeps {
                    worker.pool.put(&admitted.upstream().pool, connection, now);
                }
                return Ok(());
            }
            Tried::Trouble(trouble) => return Err(trouble),
            // The other side closed what had waited, and read nothing of the request.
            Tried::Again => fresh = true,
        }
    }
}

/// Puts the credential in; where its method has to see the body, after that was read.
async fn authorize(
    shared: &Shared,
    admitted: &Admitted,
    parts: &mut Parts,
    upload: &mut Upload<'_>,
) -> Result<Option<Bytes>, Trouble> {
    if upload.framing().is_done() {
        admitted.authorize(parts, BodyAccess::Empty)?;
        return Ok(Some(Bytes::new()));
    }
    // What is there whole already needs no streaming.
    let mut seen = upload.whole();
    let access = match &mut seen {
        Some(body) => BodyAccess::Bytes(body),
        None => BodyAccess::Opaque,
    };
    if !admitted.authorize(parts, access)? {
        let mut body = BytesMut::new();
        while let Some(piece) = upload.next().await? {
            if body.len() + piece.len() > shared.limits.seen_body {
                return Err(Code::BodyTooLarge.into());
            }
            body.extend_from_slice(&piece);
        }
        let body = seen.insert(body.freeze());
        admitted.authorize(parts, BodyAccess::Bytes(body))?;
    }
    Ok(seen)
}

struct Sending<'s> {
    worker: &'s Worker,
    parts: &'s Parts,
    /// The whole body, where it is in memory.
    seen: Option<Bytes>,
}

enum Tried {
    Done { keeps: bool },
    Trouble(Trouble),
    Again,
}

impl From<Trouble> for Tried {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Sending<'_> {
    async fn connect(&self, admitted: &Admitted, fresh: bool) -> Result<Connection, Problem> {
        let upstream = admitted.upstream();
        let limits = &self.worker.gateway.0.limits;
        if !fresh {
            let longest = if is_safe(&self.parts.method) { limits.pool_idle } else { FRESH };
            if let Some(connection) = self.worker.pool.take(&upstream.pool, longest, admitted.began) {
                return Ok(connection);
            }
        }
        admitted.route.counters.dials.inc();
        // It is far larger than all the rest of a request, and most need none.
        match Box::pin(self.worker.gateway.0.dialer.dial(&upstream.origin)).await {
            Ok(link) => Ok(Connection::new(link, limits.answer_time)),
            Err(error) => {
                tracing::warn!(provider = %admitted.route.connection.provider, %error, "a provider cannot be reached");
                Err(upstream::unreachable(&error))
            }
        }
    }

    async fn try_on(
        &self,
        connection: &mut Connection,
        admitted: &mut Admitted,
        upload: &mut Upload<'_>,
        reply: &mut Reply<'_>,
    ) -> Tried {
        let limits = &self.worker.gateway.0.limits;
        let method = &self.parts.method;
        let may_repeat = connection.reused && is_safe(method) && self.seen.is_some();
        connection.sink.timer.set(limits.body_time);
        connection.source.timer.set(limits.answer_time);
        let framing = match &self.seen {
            Some(body) => Framing::Length(body.len() as u64),
            None => upload.framing(),
        };
        if let Err(_closed) = connection.write(self.parts, framing, self.seen.as_ref()).await
            && may_repeat
        {
            return Tried::Again;
        }
        // Where it could not be written, the answer may say why.
        if self.seen.is_some() {
            let head = {
                let mut answer = pin!(connection.source.answer(method));
                poll_fn(|context| {
                    if let Poll::Ready(head) = answer.as_mut().poll(context) {
                        return Poll::Ready(Some(head));
                    }
                    // Somebody who is gone waits for nothing.
                    upload.poll_gone(context).map(|()| None)
                })
                .await
            };
            let head = match head {
                Some(Ok(head)) => head,
                Some(Err(NoHead::Nothing)) if may_repeat => return Tried::Again,
                Some(Err(no)) => return Trouble::from(Code::from(no)).into(),
                None => return Trouble::ClientGone.into(),
            };
            return self.relay(connection, head, admitted, reply).await;
        }
        Box::pin(self.both_ways(connection, admitted, upload, reply)).await
    }

    /// Streams the request's body while the answer is awaited, and goes on while it is streamed back.
    async fn both_ways(
        &self,
        connection: &mut Connection,
        admitted: &mut Admitted,
        upload: &mut Upload<'_>,
        reply: &mut Reply<'_>,
    ) -> Tried {
        if let Err(trouble) = upload.begin(reply).await {
            return trouble.into();
        }
        let Connection { source, sink, .. } = connection;
        let limits = &self.worker.gateway.0.limits;
        // The provider's time begins once it has all.
        source.timer.set(A_LONG_TIME);
        let mut patience = None;
        let answered = AtomicBool::new(false);
        let mut sending = pin!(upload.send(sink, limits));
        let mut receiving = pin!(async {
            match source.answer(&self.parts.method).await {
                Ok(head) => {
                    answered.store(true, Ordering::Relaxed);
                    self.relay_from(source, head, admitted, reply).await
                }
                Err(no) => Trouble::from(Code::from(no)).into(),
            }
        });
        let mut sent = None;
        let received = poll_fn(|context| {
            if sent.is_none()
                && let Poll::Ready(result) = sending.as_mut().poll(context)
            {
                sent = Some(result);
            }
            if let Poll::Ready(tried) = receiving.as_mut().poll(context) {
                return Poll::Ready(Some(tried));
            }
            // Whoever cannot send all of it gets no answer to a part.
            if matches!(&sent, Some(Err(Some(_)))) {
                return Poll::Ready(None);
            }
            if sent.is_some() && !answered.load(Ordering::Relaxed) {
                let patience = patience.get_or_insert_with(|| Timer::new(limits.answer_time));
                let late = || Some(Trouble::from(Code::ProviderTimeout).into());
                return patience.poll_passed(context).map(|()| late());
            }
            Poll::Pending
        })
        .await;
        match (received, sent) {
            (Some(Tried::Done { keeps }), sent) => {
                Tried::Done { keeps: keeps && matches!(sent, Some(Ok(()))) }
            }
            (Some(tried), _) => tried,
            (None, Some(Err(Some(trouble)))) => trouble.into(),
            (None, _) => Trouble::ClientGone.into(),
        }
    }

    async fn relay(
        &self,
        connection: &mut Connection,
        head: AnswerHead,
        admitted: &mut Admitted,
        reply: &mut Reply<'_>,
    ) -> Tried {
        self.relay_from(&mut connection.source, head, admitted, reply).await
    }

    /// Gives an answer to the client.
    async fn relay_from(
        &self,
        source: &mut crate::wire::Source,
        mut head: AnswerHead,
        admitted: &mut Admitted,
        reply: &mut Reply<'_>,
    ) -> Tried {
        let shared = &*self.worker.gateway.0;
        let route = std::sync::Arc::clone(&admitted.route);
        admitted.outcome(Some(head.status));
        route.pace.learn(&route.credential, head.status, &head.headers);
        crate::check::consider(&self.worker.gateway, &route, head.status);

        let rewrite = route.rewrite(&admitted.base);
        let is_json =
            head.headers.get(header::CONTENT_TYPE).is_some_and(|value| answer::is_json(value.as_bytes()));
        let encoding = Encoding::of(&head.headers);
        if encoding != Encoding::Identity {
            head.headers.remove(header::CONTENT_ENCODING);
        }
        let keeps_cookies = route.credential.keeps_cookies();
        let rewriting = rewrite.as_deref().map(|rewrite| (rewrite, admitted.at));
        let facts = answer::filter(&mut head.headers, keeps_cookies, &route.mask, &head.raw, rewriting);
        if facts.masked {
            route.counters.masked.inc();
        }
        if head.framing.is_done() {
            // RFC 9110, 8.6: what HEAD says of a body is what GET would bring; that may be rewritten.
            let length = head.length.filter(|_| {
                self.parts.method == Method::HEAD
                    && !(is_json && rewrite.is_some())
                    && encoding == Encoding::Identity
            });
            return match reply.empty(head.status, &head.headers, length).await {
                Ok(()) => Tried::Done { keeps: head.keeps },
                Err(trouble) => trouble.into(),
            };
        }
        let rewrite = rewrite.filter(|_| is_json);
        let filter =
            Filter::new(encoding, rewrite, std::sync::Arc::clone(&route.mask), shared.limits.answer_body);
        let Ok(mut filter) = filter else { return Trouble::from(Code::ProviderEncoding).into() };
        let streamed = self.stream(source, &mut head, &mut filter, reply).await;
        if filter.has_masked() && !facts.masked {
            route.counters.masked.inc();
            tracing::warn!(connection = %route.connection.id, "the provider's answer held the key, which was masked");
        }
        match streamed {
            Ok(()) => Tried::Done { keeps: head.keeps },
            Err(trouble) => trouble.into(),
        }
    }

    async fn stream(
        &self,
        source: &mut crate::wire::Source,
        head: &mut AnswerHead,
        filter: &mut Filter,
        reply: &mut Reply<'_>,
    ) -> Result<(), Trouble> {
        let limits = &self.worker.gateway.0.limits;
        let mut out = Vec::new();
        let short = collect(source, head, filter, &mut out, limits.body_time).await?;
        let mut total: u64 = out.iter().map(|piece| piece.len() as u64).sum();
        if short {
            return reply.whole(head.status, &head.headers, &out).await;
        }
        reply.begin(head.status, &head.headers)?;
        loop {
            reply.pieces(&mut out).await?;
            if head.framing.is_done() {
                break;
            }
            source.timer.set(limits.body_time);
            match source.body(&mut head.framing).await {
                Ok(Some(piece)) => filter.push(piece, &mut out).map_err(|Unreadable| Trouble::CutOff)?,
                Ok(None) => filter.finish(&mut out).map_err(|Unreadable| Trouble::CutOff)?,
                Err(_) => return Err(Trouble::CutOff),
            }
            total += out.iter().map(|piece| piece.len() as u64).sum::<u64>();
            if total > limits.answer_body {
                return Err(Trouble::CutOff);
            }
        }
        reply.pieces(&mut out).await?;
        reply.end().await
    }
}

/// Collects what is there of a body at once, or of a short one all. Returns whether that is all of it.
async fn collect(
    source: &mut crate::wire::Source,
    head: &mut AnswerHead,
    filter: &mut Filter,
    out: &mut Vec<Bytes>,
    longest: Duration,
) -> Result<bool, Trouble> {
    let unreadable = |Unreadable| Trouble::from(Code::ProviderEncoding);
    let is_short = head.framing.length().is_some_and(|length| length <= SHORT as u64);
    let mut total = 0;
    loop {
        if head.framing.is_done() {
            filter.finish(out).map_err(unreadable)?;
            return Ok(true);
        }
        if total > SHORT {
            return Ok(false);
        }
        source.timer.set(longest);
        let piece = poll_fn(|context| match source.poll_body(&mut head.framing, context) {
            Poll::Ready(piece) => Poll::Ready(Some(piece)),
            Poll::Pending if is_short => Poll::Pending,
            // What is not known to be short is not waited for.
            Poll::Pending => Poll::Ready(None),
        })
        .await;
        match piece {
            None => return Ok(false),
            Some(Ok(Some(piece))) => {
                total += piece.len();
                filter.push(piece, out).map_err(unreadable)?;
            }
            Some(Ok(None)) => {
                filter.finish(out).map_err(unreadable)?;
                return Ok(true);
            }
            Some(Err(crate::wire::BodyError::Closed(closed))) => {
                return Err(Code::from(NoHead::Closed(closed)).into());
            }
            Some(Err(crate::wire::BodyError::Malformed)) => return Err(Code::ProviderMalformed.into()),
        }
    }
}
