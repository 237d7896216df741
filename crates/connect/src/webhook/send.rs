//! One attempt.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use keyway_core::TransportErrorKind;
use keyway_http::HttpTransport;

use super::{kept::Kept, retry::millis, signature};

/// What came of an attempt. The answer's body is not looked at: it may say anything.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) status: Option<StatusCode>,
    /// Why no answer came.
    pub(super) problem: Option<TransportErrorKind>,
    /// How long the receiver asks to wait.
    pub(super) retry_after: Option<Duration>,
    pub(super) took: Duration,
}

impl Outcome {
    /// Whether the event was taken.
    pub(super) fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }

    /// Whether the receiver refused what it was sent, and not because of when it was sent.
    pub(super) fn is_refused(&self) -> bool {
        let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        self.status.is_some_and(|status| status.is_client_error() && !passes.contains(&status))
    }
}

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
    let timestamp = millis(SystemTime::now()) / 1000;
    let request = Request::post(&kept.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature(&kept.key, id, timestamp, &body));
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
