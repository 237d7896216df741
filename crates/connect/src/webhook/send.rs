//! One attempt.

use std::{
    iter,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use keyway_core::TransportErrorKind;
use keyway_http::HttpTransport;

use super::{attempt::Outcome, kept::Kept, signature};
use crate::clock::millis;

/// Sends a message once, signed for now.
pub(super) async fn send(
    transport: &HttpTransport,
    kept: &Kept,
    id: &str,
    body: Bytes,
    time: Duration,
) -> Outcome {
    let began = Instant::now();
    let Some(request) = request(kept, id, body) else {
        return Outcome { problem: Some(TransportErrorKind::Other), ..Outcome::default() };
    };
    let answer = tokio::time::timeout(time, transport.send_for_head(request)).await;
    let took = began.elapsed();
    match answer {
        Ok(Ok(answer)) => Outcome {
            status: Some(answer.status()),
            problem: None,
            retry_after: retry_after(answer.headers(), answer.received_at()),
            took,
        },
        Ok(Err(error)) => Outcome { problem: Some(error.kind()), took, ..Outcome::default() },
        Err(_) => Outcome { problem: Some(TransportErrorKind::Timeout), took, ..Outcome::default() },
    }
}

fn request(kept: &Kept, id: &str, body: Bytes) -> Option<Request<Bytes>> {
    let now = SystemTime::now();
    let timestamp = millis(now) / 1000;
    let old = kept.old_keys.iter().filter(|old| old.signs(now)).map(|old| &old.key);
    let signatures: Vec<_> =
        iter::once(&kept.key).chain(old).map(|key| signature(key, id, timestamp, &body)).collect();
    let request = Request::post(&kept.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures.join(" "));
    request.body(body).ok()
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    httpdate::parse_http_date(text).ok()?.duration_since(now).ok()
}
