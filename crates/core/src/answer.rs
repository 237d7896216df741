//! What came back from a provider.

use std::{fmt, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::header::sole;

/// An answer of a provider: status, headers, a bounded body, and when it was received.
///
/// Whoever receives the answer bounds its body and sets the time; core subtracts times and never asks for one.
#[derive(Clone)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    received_at: SystemTime,
}

impl Answer {
    /// Makes an answer out of what was received.
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes, received_at: SystemTime) -> Self {
        Self { status, headers, body, received_at }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers, as they came.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body, as it came: never decoded.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// When the answer was received.
    pub fn received_at(&self) -> SystemTime {
        self.received_at
    }

    /// The same answer without its `Set-Cookie` headers.
    #[must_use]
    pub fn without_cookies(mut self) -> Self {
        self.headers.remove(header::SET_COOKIE);
        self
    }

    /// A header's value, when it occurs exactly once and is text.
    pub fn header(&self, name: impl header::AsHeaderName) -> Option<&str> {
        sole(&self.headers, name)
    }

    /// Tells whether the body came encoded (`Content-Encoding` other than `identity`), so that it cannot be read.
    pub fn is_encoded(&self) -> bool {
        self.headers
            .get_all(header::CONTENT_ENCODING)
            .iter()
            .map(|value| value.as_bytes().trim_ascii())
            .any(|value| !value.is_empty() && !value.eq_ignore_ascii_case(b"identity"))
    }

    /// Tells whether the content type is JSON: `application/json`, or a type with the suffix `+json`.
    pub fn says_json(&self) -> bool {
        let Some(value) = self.header(header::CONTENT_TYPE) else { return false };
        let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
    }
}

/// Prints status and sizes only: a provider may echo a secret in a header or in the body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status.as_u16())
            .field("headers", &self.headers.len())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
