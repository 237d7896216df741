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

/// Adds what every answer has. What is set already stays.
pub(crate) fn headers(answer: &mut Response, frame: Frame<'_>) {
    let ancestors = match frame {
        Frame::Nobody => "'none'",
        Frame::Of(origin) => origin,
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    );
    let headers = answer.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    for (name, value) in FIXED {
        headers.entry(name).or_insert(value);
    }
    if matches!(frame, Frame::Nobody) {
        headers.entry(header::X_FRAME_OPTIONS).or_insert(HeaderValue::from_static("DENY"));
    }
}
