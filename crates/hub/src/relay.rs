//! A provider's answer on its way to the client: its head filtered, its body through the filters, in constant memory.

use std::{
    future::{pending, poll_fn},
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, header};

use crate::{
    Gateway, Limits,
    admit::Admitted,
    answer::{self, Encoding, Filter, Unreadable},
    check,
    problem::Code,
    reply::Reply,
    trouble::Trouble,
    upload::Upload,
    upstream::{AnswerHead, NoHead},
    wire::{BodyError, Source},
};

/// An answer of at most so many bytes is collected, and told with its length.
const SHORT: usize = 16 * 1024;

/// Gives an answer to the client, and learns from it.
pub(crate) async fn relay(
    gateway: &Gateway,
    method: &Method,
    source: &mut Source,
    head: &mut AnswerHead,
    admitted: &mut Admitted,
    reply: &mut Reply<'_>,
    client: Option<&mut Upload<'_>>,
) -> Result<(), Trouble> {
    let route = Arc::clone(&admitted.route);
    admitted.outcome(Some(head.status));
    route.pace.learn(&route.credential, head.status, &head.headers);
    check::consider(gateway, &route, head.status);

    let rewrite = route.rewrite(&admitted.base);
    let is_json =
        head.headers.get(header::CONTENT_TYPE).is_some_and(|value| answer::is_json(value.as_bytes()));
    let encoding = Encoding::of(&head.headers);
    if encoding != Encoding::Identity {
        head.headers.remove(header::CONTENT_ENCODING);
    }
    let keeps_cookies = route.credential.keeps_cookies();
    let rewriting = rewrite.as_deref().map(|rewrite| (rewrite, admitted.at));
    let mut masked = answer::filter(&mut head.headers, keeps_cookies, &route.mask, &head.raw, rewriting);
    let rewrite = rewrite.filter(|_| is_json);
    let relayed = if head.framing.is_done() {
        // RFC 9110, 8.6: what HEAD says of a body is what GET would bring; that may be rewritten.
        let is_as_it_is = *method == Method::HEAD && rewrite.is_none() && encoding == Encoding::Identity;
        reply.empty(head.status, &head.headers, head.length.filter(|_| is_as_it_is)).await
    } else {
        let limits = &gateway.0.limits;
        let filter = Filter::new(encoding, rewrite, Arc::clone(&route.mask), limits.answer_body);
        let mut filter = filter.map_err(|Unreadable| Trouble::from(Code::ProviderEncoding))?;
        let streamed = stream(limits, source, head, &mut filter, reply, client).await;
        masked |= filter.has_masked();
        streamed
    };
    if masked {
        route.counters.masked.inc();
        tracing::warn!(connection = %route.connection.id, "the provider's answer held the key, which was masked");
    }
    relayed
}

async fn stream(
    limits: &Limits,
    source: &mut Source,
    head: &mut AnswerHead,
    filter: &mut Filter,
    reply: &mut Reply<'_>,
    mut client: Option<&mut Upload<'_>>,
) -> Result<(), Trouble> {
    let mut out = Vec::new();
    if collect(source, head, filter, &mut out, limits.body_time).await? {
        return reply.whole(head.status, &head.headers, &out).await;
    }
    let cut_off = |Unreadable| Trouble::CutOff;
    let mut total: u64 = 0;
    reply.begin(head.status, &head.headers)?;
    while !head.framing.is_done() {
        total += out.iter().map(|piece| piece.len() as u64).sum::<u64>();
        if total > limits.answer_body {
            return Err(Trouble::CutOff);
        }
        reply.pieces(&mut out).await?;
        source.timer.set(limits.body_time);
        let piece = tokio::select! {
            biased;
            piece = source.body(&mut head.framing) => piece,
            () = reply.gone() => return Err(Trouble::ClientGone),
            () = gone(client.as_deref_mut()) => return Err(Trouble::ClientGone),
        };
        if let Some(piece) = piece.map_err(|_| Trouble::CutOff)? {
            filter.push(piece, &mut out).map_err(cut_off)?;
        }
    }
    filter.finish(&mut out).map_err(cut_off)?;
    reply.pieces(&mut out).await?;
    reply.end().await
}

/// Waits until the client went away.
async fn gone(client: Option<&mut Upload<'_>>) {
    match client {
        Some(client) => poll_fn(|context| client.poll_gone(context)).await,
        None => pending().await,
    }
}

/// Collects what is there of a body at once, or of a short one all. Returns whether that is all of it, ended.
async fn collect(
    source: &mut Source,
    head: &mut AnswerHead,
    filter: &mut Filter,
    out: &mut Vec<Bytes>,
    longest: Duration,
) -> Result<bool, Trouble> {
    let unreadable = |Unreadable| Trouble::from(Code::ProviderEncoding);
    let is_short = head.framing.length().is_some_and(|length| length <= SHORT as u64);
    let mut total = 0;
    // For all of it: what is short does not take long.
    source.timer.set(longest);
    while !head.framing.is_done() {
        if total > SHORT {
            return Ok(false);
        }
        let piece = poll_fn(|context| match source.poll_body(&mut head.framing, context) {
            // What is not known to be short is not waited for.
            Poll::Pending if !is_short => Poll::Ready(None),
            piece => Poll::Ready(Some(ready!(piece))),
        });
        match piece.await {
            None => return Ok(false),
            Some(Ok(piece)) => {
                if let Some(piece) = piece {
                    total += piece.len();
                    filter.push(piece, out).map_err(unreadable)?;
                }
            }
            Some(Err(BodyError::Closed(closed))) => return Err(Code::from(NoHead::Closed(closed)).into()),
            Some(Err(BodyError::Malformed)) => return Err(Code::ProviderMalformed.into()),
        }
    }
    filter.finish(out).map_err(unreadable)?;
    Ok(true)
}
