//! One request to a provider: let pass, sent, and its answer given back; streamed both ways.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{request::Parts, uri::PathAndQuery};
use keyway_core::BodyAccess;

use crate::{
    Worker,
    admit::{Admitted, Caller},
    gateway::Shared,
    intake::{Intake, is_safe},
    problem::{Code, Problem},
    relay::relay,
    reply::Reply,
    trouble::Trouble,
    upload::Upload,
    upstream::{self, Connection, NoHead},
    wire::{Framing, Timer},
};

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
    let mut admitted = {
        let mut admitting = pin!(shared.admit(parts, target, intake, caller));
        let admitted = poll_fn(|context| {
            if let Poll::Ready(admitted) = admitting.as_mut().poll(context) {
                return Poll::Ready(Some(admitted));
            }
            // Where it waits for its turn, somebody may lose patience.
            upload.poll_gone(context).map(|()| None)
        });
        admitted.await.ok_or(Trouble::ClientGone)??
    };
    let sent = send(worker, parts, &mut admitted, upload, reply).await;
    if let Err(Trouble::Problem(Problem { code, .. })) = &sent
        && code.is_before_sending()
    {
        admitted.unsent();
    }
    sent
}

async fn send(
    worker: &Worker,
    parts: &mut Parts,
    admitted: &mut Admitted,
    upload: &mut Upload<'_>,
    reply: &mut Reply<'_>,
) -> Result<(), Trouble> {
    let seen = authorize(&worker.gateway.0, admitted, parts, upload, reply).await?;
    let sending = Sending { worker, parts, seen };
    let mut fresh = false;
    loop {
        let mut connection = sending.connect(admitted, fresh).await?;
        match sending.try_on(&mut connection, admitted, upload, reply).await? {
            Tried::Done { keeps } => {
                let now = admitted.end();
                if keeps {
                    worker.pool.put(&admitted.upstream().pool, connection, now);
                }
                return Ok(());
            }
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
    reply: &mut Reply<'_>,
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
        upload.begin(reply).await?;
        let mut body = BytesMut::new();
        while let Some(piece) = upload.next().await? {
            if body.len() + piece.len() > shared.limits.seen_body {
                return Err(Code::BodyTooLarge.into());
            }
            body.extend_from_slice(&piece);
        }
        // That took as long as the client wanted.
        if !shared.is_current(&admitted.route) {
            return Err(Code::GrantMoved.into());
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
    Again,
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
    ) -> Result<Tried, Trouble> {
        let limits = &self.worker.gateway.0.limits;
        let method = &self.parts.method;
        let may_repeat = connection.reused && is_safe(method) && self.seen.is_some();
        connection.sink.timer.set(limits.body_time);
        connection.source.timer.set(limits.answer_time);
        let framing = match &self.seen {
            Some(body) => Framing::Length(body.len() as u64),
            None => upload.framing(),
        };
        let written = connection.write(self.parts, framing, self.seen.as_ref()).await;
        if written.is_err() && may_repeat {
            return Ok(Tried::Again);
        }
        // Where it could not be written, the answer may say why; but nothing else is asked on that connection.
        if self.seen.is_none() {
            let keeps = Box::pin(self.both_ways(connection, admitted, upload, reply)).await?;
            return Ok(Tried::Done { keeps: keeps && written.is_ok() });
        }
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
        let mut head = match head {
            Some(Ok(head)) => head,
            Some(Err(NoHead::Nothing)) if may_repeat => return Ok(Tried::Again),
            Some(Err(no)) => return Err(Code::from(no).into()),
            None => return Err(Trouble::ClientGone),
        };
        relay(&self.worker.gateway, method, &mut connection.source, &mut head, admitted, reply, Some(upload))
            .await?;
        Ok(Tried::Done { keeps: head.keeps && written.is_ok() })
    }

    /// Streams the request's body while the answer is awaited, and goes on while it is streamed back. Returns whether the
    /// connection may serve another request.
    async fn both_ways(
        &self,
        connection: &mut Connection,
        admitted: &mut Admitted,
        upload: &mut Upload<'_>,
        reply: &mut Reply<'_>,
    ) -> Result<bool, Trouble> {
        upload.begin(reply).await?;
        let Connection { source, sink, .. } = connection;
        let limits = &self.worker.gateway.0.limits;
        let (sent, answered) = (AtomicBool::new(false), AtomicBool::new(false));
        // The provider's time begins once it has all.
        source.timer.set(A_LONG_TIME);
        let mut receiving = pin!(async {
            let mut head = source.answer(&self.parts.method).await.map_err(Code::from)?;
            answered.store(true, Ordering::Relaxed);
            if !sent.load(Ordering::Relaxed) {
                // What is left of the body stands between this request and the next.
                reply.close_behind();
            }
            relay(&self.worker.gateway, &self.parts.method, source, &mut head, admitted, reply, None).await?;
            Ok::<_, Trouble>(head.keeps)
        });
        let all = {
            let mut sending = pin!(upload.send(sink, limits));
            let both = poll_fn(|context| {
                if let Poll::Ready(sent) = sending.as_mut().poll(context) {
                    return Poll::Ready(Err(sent));
                }
                receiving.as_mut().poll(context).map(Ok)
            });
            match both.await {
                // It was answered before all of it was read: the rest is not sent.
                Ok(received) => return received.map(|_| false),
                // Whoever cannot send all of it gets no answer to a part.
                Err(Err(Some(trouble))) => return Err(trouble),
                Err(sent) => sent.is_ok(),
            }
        };
        sent.store(all, Ordering::Relaxed);
        let mut patience = Timer::new(limits.answer_time);
        let keeps = poll_fn(|context| {
            if let Poll::Ready(received) = receiving.as_mut().poll(context) {
                return Poll::Ready(received);
            }
            if upload.poll_gone(context).is_ready() {
                return Poll::Ready(Err(Trouble::ClientGone));
            }
            if answered.load(Ordering::Relaxed) {
                return Poll::Pending;
            }
            patience.poll_passed(context).map(|()| Err(Code::ProviderTimeout.into()))
        });
        Ok(keeps.await? && all)
    }
}
