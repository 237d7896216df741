//! What every answer says to a browser.

use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// Whose frame a page may be in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame<'f> {
    /// Nobody's.
    Nobody,
    /// That of an origin.
    Of(&'f str),
}

const FIXED: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=()"),
    ),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Adds what every answer has. What is set already stays. `Strict-Transport-Security` is not among it: it would hold for whatever
/// else is served under the same name, at any port, and so is for whoever runs that name to say.
pub(crate) fn headers(answer: &mut Response, frame: Frame<'_>) {
    let headers = answer.headers_mut();
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let ancestors = match frame {
            Frame::Nobody => "'none'",
            Frame::Of(origin) => origin,
        };
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
        );
        let policy = HeaderValue::try_from(policy).unwrap_or(NOTHING);
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        if matches!(frame, Frame::Nobody) {
            headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
    }
    for (name, value) in FIXED {
        headers.entry(name).or_insert(value);
    }
}
