//! A link: its page, which changes nothing, and its one button, which uses it up.

use std::net::IpAddr;

use axum::{
    Json, RequestPartsExt as _,
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

use super::{
    answer::{Answered, Halt, failed, missing, onward, outdated, refused, shown, without},
    fields::Fields,
    visit::{frame, peer},
};
use crate::{
    Connect, Look, Status, page,
    page::Chrome,
    session::Session,
    shared::Shared,
    web::{Browser, Frame, guard, headers},
};

/// A link that is there, whether or not it was opened.
pub(super) struct Link {
    connect: Connect,
    code: String,
    session: Session,
    peer: IpAddr,
}

/// What tokens in the form of a link are for.
const PURPOSE: &str = "link";

impl Link {
    pub(super) fn look(&self) -> Look {
        self.session.kept.look.or(&self.shared().look)
    }

    fn shared(&self) -> &Shared {
        &self.connect.0
    }

    fn address(&self) -> String {
        format!("/link/{}", self.code)
    }

    fn frame(&self) -> Frame<'_> {
        frame(&self.session)
    }

    fn chrome(&self, csrf: String) -> Chrome {
        Chrome {
            look: self.look(),
            direction: self.session.kept.direction,
            base: self.address(),
            csrf,
            is_embedded: self.session.kept.parent_origin.is_some(),
            purpose: Some(self.session.kept.purpose.clone()),
            parent_origin: self.session.kept.parent_origin.clone(),
        }
    }
}

impl FromRequestParts<Connect> for Link {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, connect: &Connect) -> Result<Self, Halt> {
        let shared = &connect.0;
        let peer = peer(&parts.extensions);
        let Ok(path) = parts.extract::<RawPathParams>().await else { return Err(missing(shared, peer)) };
        let code = path.iter().find(|(name, _)| *name == "code").map_or("", |(_, value)| value);
        match shared.desk.by_code(code).await {
            Ok(Some(session)) => Ok(Self { connect: connect.clone(), code: code.to_owned(), session, peer }),
            Ok(None) => Err(missing(shared, peer)),
            Err(error) => Err(failed(shared, &error, Frame::Nobody)),
        }
    }
}

/// `GET /link/{code}`: one button.
pub(super) async fn page(link: Link, sent: HeaderMap) -> Answered {
    let shared = link.shared();
    let browsers = Browser::read(&sent, shared.is_secure);
    if !link.session.can_be_opened_by(&browsers) {
        return Err(missing(shared, link.peer));
    }
    let opened = link.session.kept.browser.as_deref();
    let known = browsers.iter().find(|browser| opened == Some(browser.hash())).or(browsers.first()).cloned();
    let browser = known.unwrap_or_else(Browser::new);
    let csrf = browser.token(shared.desk.documents(), PURPOSE, link.session.id.as_str());
    let page = page::link(&link.chrome(csrf), &link.address());
    let mut answer = shown(StatusCode::OK, page, link.frame());
    // It lasts for as long from now on. Of two, nobody knows which is this page's own.
    if browsers.len() < 2 {
        let cookie = browser.set_cookie(shared.is_secure, is_framed(&sent));
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(answer)
}

/// `POST /link/{code}`: uses it up, for this browser.
pub(super) async fn open(State(connect): State<Connect>, request: Request) -> Answered {
    let shared = &connect.0;
    guard(request.headers(), &shared.origin).map_err(|why| refused(shared, why))?;
    let (mut parts, body) = request.into_parts();
    let link = Link::from_request_parts(&mut parts, &connect).await?;
    let browsers = Browser::read(&parts.headers, shared.is_secure);
    if !link.session.can_be_opened_by(&browsers) {
        return Err(missing(shared, link.peer));
    }
    let mut fields = Fields::read(body, &parts.headers, shared, link.frame()).await?;
    if browsers.is_empty() {
        let page = page::blocked(&link.chrome(String::new()), &link.address());
        return Ok(shown(StatusCode::FORBIDDEN, page, link.frame()));
    }
    let token = fields.take("csrf").unwrap_or_default();
    let id = link.session.id.as_str();
    let is_theirs = |browser: &&Browser| browser.has_token(shared.desk.documents(), PURPOSE, id, &token);
    let Some(browser) = browsers.iter().find(is_theirs) else {
        return Err(outdated(shared, link.frame()));
    };
    let opened = shared.desk.open(link.session, &link.code, browser).await;
    let session = opened.map_err(|why| without(shared, link.peer, &why))?;
    Ok(onward(&session.base()))
}

/// What came of a link: for the page that opened it.
#[derive(Serialize)]
struct Outcome<'o> {
    status: Status,
    /// Whether nothing more comes of it.
    ended: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'o str>,
}

/// `GET /link/{code}/result`: what came of it so far. Scripts of the session's parent origin may read it; that there is no such link,
/// scripts of any.
pub(super) async fn result(link: Result<Link, Halt>, sent: HeaderMap) -> Response {
    let link = link.and_then(|link| {
        let is_late = link.session.kept.browser.is_none() && !link.session.can_be_opened_by(&[]);
        if is_late { Err(missing(link.shared(), link.peer)) } else { Ok(link) }
    });
    let (mut answer, readers) = match link {
        Ok(link) => {
            let happened = link.session.kept.happened.last();
            let outcome = Outcome {
                status: link.session.status(),
                ended: link.session.is_ended(),
                connection_id: happened.map(|happened| happened.connection.as_str()),
                provider: happened.map(|happened| happened.provider.as_str()),
            };
            let parent = link.session.kept.parent_origin.as_deref();
            let asks = sent.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            let readers = parent.filter(|parent| asks == Some(*parent));
            (Json(outcome).into_response(), readers.and_then(|origin| HeaderValue::try_from(origin).ok()))
        }
        Err(halt) => (halt.into_response(), Some(HeaderValue::from_static("*"))),
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("origin"));
    if let Some(readers) = readers {
        answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, readers);
    }
    headers(&mut answer, Frame::Nobody);
    answer
}

/// Whether the browser says that the page is to be in a frame.
fn is_framed(sent: &HeaderMap) -> bool {
    sent.get("sec-fetch-dest").is_some_and(|dest| dest == "iframe" || dest == "frame")
}
