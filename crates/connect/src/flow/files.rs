//! What pages load: style, script, pictures. None of it is anybody's secret.

use axum::{
    extract::{RawPathParams, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{link::Link, visit::Visit};
use crate::{Connect, KEYWAY_JS, Look, page};

/// A day: a provider's logo has no version in its address.
const DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");
/// For ever: a file that changes has another name.
const EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// An hour, for what changes with the program under the same name.
const HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");
/// A picture that is opened by itself is a document, which may hold script: none of it runs.
const PICTURE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'",
);
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// `GET /assets/{name}`: the name holds a hash of what is in it.
pub(super) async fn asset(path: RawPathParams) -> Response {
    let name = path.iter().next().map_or("", |(_, name)| name);
    let Some((kind, bytes)) = page::asset(name) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CACHE_CONTROL, EVER)];
    (headers, bytes).into_response()
}

/// `GET /keyway.js`: the script of pages that open ours, on whatever origin they are.
pub(super) async fn opener() -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/javascript; charset=utf-8")),
        (header::CACHE_CONTROL, HOUR),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
        (RESOURCE, HeaderValue::from_static("cross-origin")),
    ];
    (headers, KEYWAY_JS).into_response()
}

/// `GET /providers/{provider}/logo.svg`.
pub(super) async fn logo_of_provider(State(connect): State<Connect>, path: RawPathParams) -> Response {
    let id = path.iter().next().map_or("", |(_, id)| id);
    let Ok(entry) = connect.0.registry.get(id) else { return StatusCode::NOT_FOUND.into_response() };
    let logo = entry.logo().map_or_else(|| page::monogram(entry.descriptor().name()), str::to_owned);
    let mut answer = picture("image/svg+xml", logo.into_bytes());
    answer.headers_mut().insert(header::CACHE_CONTROL, DAY);
    answer
}

/// `GET /look.css`: of pages that are of no session.
pub(super) async fn look(State(connect): State<Connect>) -> Response {
    css(&connect.0.look)
}

/// `GET /logo`: of pages that are of no session.
pub(super) async fn logo(State(connect): State<Connect>) -> Response {
    logo_of(&connect.0.look)
}

/// `GET /connect/{session}/look.css`.
pub(super) async fn look_of_session(visit: Visit) -> Response {
    css(&visit.look())
}

/// `GET /connect/{session}/logo`.
pub(super) async fn logo_of_session(visit: Visit) -> Response {
    logo_of(&visit.look())
}

/// `GET /link/{code}/look.css`.
pub(super) async fn look_of_link(link: Link) -> Response {
    css(&link.look())
}

/// `GET /link/{code}/logo`.
pub(super) async fn logo_of_link(link: Link) -> Response {
    logo_of(&link.look())
}

fn css(look: &Look) -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::look_css(look)).into_response()
}

fn logo_of(look: &Look) -> Response {
    match look.logo() {
        Some((kind, bytes)) => picture(kind, bytes),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn picture(kind: &'static str, bytes: Vec<u8>) -> Response {
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static(kind)), (header::CONTENT_SECURITY_POLICY, PICTURE)];
    (headers, bytes).into_response()
}
