//! A request with a body.

use axum::{body::Body, extract::FromRequest, extract::FromRequestParts};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use keyway_vault::ConnectionId;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{
    call::{Call, only},
    json,
    problem::{Kind, Problem},
};
use crate::Connect;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest idempotency key, in characters.
const LONGEST: usize = 255;

/// A request with a body, of somebody who showed a good token.
pub(super) struct Sent {
    pub(super) call: Call,
    /// The method and the path.
    pub(super) route: String,
    /// What the caller named the request.
    pub(super) key: Option<String>,
    pub(super) body: Bytes,
    /// The id of the connection that it makes, if it makes one; the same however often it is done under one name.
    pub(super) makes: ConnectionId,
    /// The version of the connection's key that it takes the place of, if it does; the same however often it is done.
    pub(super) over: Option<i64>,
    /// Whether it was begun before under its name, and nobody was told what came of it.
    pub(super) is_again: bool,
    is_json: bool,
}

impl Sent {
    /// What the body says.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if !self.is_json {
            return Err(Problem::new(
                Kind::MediaType,
                "send `Content-Type: application/json`, in UTF-8 and not compressed",
            ));
        }
        Ok(json::read(&self.body)?)
    }

    /// What the body says, where it may be left out; then it says nothing.
    pub(super) fn json_or_empty<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(json::read(b"{}")?) } else { self.json() }
    }

    /// Nothing is said in the body.
    pub(super) fn nothing(&self) -> Result<(), Problem> {
        if self.body.is_empty() {
            Ok(())
        } else {
            Err(Problem::member("", "unknown", "there is no body here"))
        }
    }
}

impl FromRequest<Connect> for Sent {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, connect: &Connect) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let call = Call::from_request_parts(&mut parts, connect).await?;
        let path =
            parts.extensions.get::<axum::extract::OriginalUri>().map_or(&parts.uri, |uri| &uri.0).path();
        let route = format!("{} {path}", parts.method);
        let limits = &connect.0.limits;
        let key = key(&parts.headers)?;
        let read = timeout(limits.body_time, Limited::new(body, limits.json).collect()).await;
        let body = match read {
            Err(_) => return Err(Problem::new(Kind::Slow, "send it in one go")),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Err(Problem::new(Kind::TooLarge, format!("at most {} bytes", limits.json)));
            }
            Ok(Err(_)) => return Err(Problem::new(Kind::Json, "it was cut off")),
            Ok(Ok(body)) => body.to_bytes(),
        };
        let (makes, is_json) = (ConnectionId::random(), is_json(&parts.headers));
        Ok(Self { call, route, key, body, makes, over: None, is_again: false, is_json })
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = only(headers, &KEY)? else { return Ok(None) };
    if !(1..=LONGEST).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::header(
            "Idempotency-Key",
            "invalid",
            "it has 1 to 255 visible ASCII characters",
        ));
    }
    Ok(Some(key.to_owned()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let Ok(Some(kind)) = only(headers, &header::CONTENT_TYPE) else { return false };
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        !name.eq_ignore_ascii_case("charset") || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
    });
    is_json && is_utf8 && !headers.contains_key(header::CONTENT_ENCODING)
}
