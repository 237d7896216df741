//! Answers that are no problems.

use std::time::SystemTime;

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use keyway_core::Secret;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A part of a list, and how to get the next one.
#[derive(Serialize, ToSchema)]
pub(super) struct List<T: ToSchema> {
    /// The entries; there may be fewer than asked for, or none, before the end.
    pub(super) data: Vec<T>,
    /// What to send as `after` for the next part; none: this is the end.
    #[schema(required = true)]
    pub(super) next: Option<String>,
}

/// A secret that is shown this once.
pub(super) struct Shown(pub(super) Secret);

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.expose())
    }
}

/// Goes with an answer that holds for the moment alone, so that nobody keeps it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passing;

/// An answer of 200.
pub(super) fn ok(view: &impl Serialize) -> Response {
    json(StatusCode::OK, view)
}

/// An answer of 201, with the address of what was made.
pub(super) fn created(location: &str, view: &impl Serialize) -> Response {
    let mut answer = json(StatusCode::CREATED, view);
    if let Ok(location) = HeaderValue::try_from(location) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}

/// An answer of 204.
pub(super) fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// An answer of a kind of its own.
pub(super) fn of_kind(kind: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], body.into()).into_response()
}

fn json(status: StatusCode, view: &impl Serialize) -> Response {
    let mut answer = of_kind("application/json", serde_json::to_vec(view).unwrap_or_default());
    *answer.status_mut() = status;
    answer
}

/// A time, as RFC 3339 in UTC.
pub(super) fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
