//! Answers: pages, where to go on, and why not.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use keyway_vault::Error;
use maud::Markup;

use crate::{
    Connect, Direction,
    page::{self, Chrome},
    session::Missing,
    shared::Shared,
    web::{Frame, Refused, headers},
};

/// An answer, or the one that is given in its place.
pub(super) type Answered = Result<Response, Halt>;

/// What is answered in place of what was asked for.
#[derive(Debug)]
pub(super) struct Halt(Box<Response>);

impl From<Response> for Halt {
    fn from(answer: Response) -> Self {
        Self(Box::new(answer))
    }
}

impl IntoResponse for Halt {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// A page.
pub(super) fn shown(status: StatusCode, page: Markup, frame: Frame<'_>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    let mut answer = (status, kind, page.into_string()).into_response();
    headers(&mut answer, frame);
    answer
}

/// Where to go on, whatever the method was.
pub(super) fn onward(to: &str) -> Response {
    let mut answer = StatusCode::SEE_OTHER.into_response();
    // The parts of our own addresses are ids, which are ASCII.
    if let Ok(to) = HeaderValue::try_from(to) {
        answer.headers_mut().insert(header::LOCATION, to);
    }
    headers(&mut answer, Frame::Nobody);
    answer
}

/// What stands around a page that is of no session.
pub(super) fn plain(shared: &Shared) -> Chrome {
    Chrome {
        look: shared.look.clone(),
        direction: Direction::default(),
        base: String::new(),
        csrf: String::new(),
        is_embedded: false,
        purpose: None,
        parent_origin: None,
    }
}

/// A page that says in a sentence why there is no other.
pub(super) fn problem(
    shared: &Shared,
    status: StatusCode,
    title: &str,
    text: &str,
    frame: Frame<'_>,
) -> Response {
    shown(status, page::problem(&plain(shared), title, text), frame)
}

/// The one answer to whatever cannot be gone on with, unless the address asked too often (N66, N70).
pub(super) fn missing(shared: &Shared, peer: IpAddr) -> Halt {
    let Some(wait) = shared.guesses.failed(peer) else {
        return shown(StatusCode::NOT_FOUND, page::unusable(&plain(shared)), Frame::Nobody).into();
    };
    let text = "Too many links were tried from your network that cannot be used. Try again in a minute.";
    let mut answer =
        problem(shared, StatusCode::TOO_MANY_REQUESTS, "One moment, please", text, Frame::Nobody);
    answer.headers_mut().insert(header::RETRY_AFTER, after(wait));
    answer.into()
}

/// The vault did not do it. Nothing is half done, and the same can be sent again.
pub(super) fn failed(shared: &Shared, error: &Error, frame: Frame<'_>) -> Halt {
    tracing::error!(%error, "the vault did not do what a page asked for");
    let text = "Nothing was lost. Go back and try again in a moment.";
    let mut answer =
        problem(shared, StatusCode::SERVICE_UNAVAILABLE, "This does not work right now", text, frame);
    answer.headers_mut().insert(header::RETRY_AFTER, after(Duration::from_secs(5)));
    answer.into()
}

/// A session that is missing, or a vault that does not say.
pub(super) fn without(shared: &Shared, peer: IpAddr, missing_: &Missing) -> Halt {
    match missing_ {
        Missing::Session => missing(shared, peer),
        Missing::Vault(error) => failed(shared, error, Frame::Nobody),
    }
}

/// What was sent is no form of ours (N64).
pub(super) fn refused(shared: &Shared, refused: Refused) -> Halt {
    let (status, text) = match refused {
        Refused::Kind => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "What was sent is not a form."),
        Refused::Origin => (StatusCode::FORBIDDEN, "The form was not sent from a page of this site."),
    };
    problem(shared, status, "This cannot be done", text, Frame::Nobody).into()
}

/// A form whose token is not that of this browser and session.
pub(super) fn outdated(shared: &Shared, frame: Frame<'_>) -> Halt {
    let text = "The page you came from is out of date. Go back, load it again, and send it once more.";
    problem(shared, StatusCode::FORBIDDEN, "This cannot be done", text, frame).into()
}

/// Seconds to wait: never less than it is.
fn after(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_secs() + 1)
}

/// Gives every answer what it has to have, and those that have no text one.
pub(crate) async fn finish(State(connect): State<Connect>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let method = request.method().clone();
    // Never the path itself: a link's code stands in it.
    let asked = request.extensions().get::<MatchedPath>().cloned();
    let since = Instant::now();
    let is_page = !(path.starts_with("/v1/") || path.starts_with("/openapi"));
    let mut answer = next.run(request).await;
    let status = answer.status();
    let is_bare = !answer.headers().contains_key(header::CONTENT_TYPE);
    if is_page && is_bare && (status.is_client_error() || status.is_server_error()) {
        let (title, text) = match status {
            StatusCode::NOT_FOUND => ("There is no such page", "Check the address, or ask for a new link."),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("This cannot be done", "This address does not take what was sent to it.")
            }
            _ => ("This cannot be done", "What was sent cannot be read."),
        };
        let page = problem(&connect.0, status, title, text, Frame::Nobody);
        let (mut parts, body) = page.into_parts();
        for (name, value) in answer.headers() {
            if *name != header::CONTENT_LENGTH {
                parts.headers.insert(name, value.clone());
            }
        }
        answer = Response::from_parts(parts, body);
    }
    headers(&mut answer, Frame::Nobody);
    let asked = asked.as_ref().map_or("none", MatchedPath::as_str);
    let (status, micros) = (answer.status().as_u16(), since.elapsed().as_micros());
    if answer.status().is_server_error() {
        tracing::error!(%method, path = asked, status, micros, "a request failed");
    } else {
        tracing::debug!(%method, path = asked, status, micros, "a request");
    }
    answer
}
