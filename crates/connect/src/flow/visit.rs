//! Who asks, and in which session.

use std::net::{IpAddr, Ipv4Addr};

use axum::{
    RequestPartsExt as _,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{Extensions, StatusCode, request::Parts},
    response::Response,
};
use keyway_core::Entry;
use keyway_vault::{Connection, ConnectionId, Error, Scope};
use maud::Markup;
use url::Url;

use super::{
    answer::{Halt, failed, missing, onward, outdated, refused, shown, without},
    fields::Fields,
};
use crate::{
    Connect, Look,
    page::Chrome,
    session::{Purpose, Session, Step},
    shared::Shared,
    web::{Browser, Frame, Peer, guard},
};

/// A browser in the session that it opened.
pub(super) struct Visit {
    pub(super) connect: Connect,
    pub(super) session: Session,
    pub(super) peer: IpAddr,
    /// What else the address says.
    path: Vec<(String, String)>,
    browser: Browser,
}

/// A form that was sent there, from a page of ours.
pub(super) struct Sent {
    pub(super) visit: Visit,
    pub(super) fields: Fields,
    /// Whether the page showed the session as it is now.
    pub(super) is_current: bool,
}

/// What tokens in a session's forms are for.
const PURPOSE: &str = "csrf";

impl Visit {
    pub(super) fn shared(&self) -> &Shared {
        &self.connect.0
    }

    /// What belongs to the session's tenant.
    pub(super) fn scope(&self) -> Scope {
        self.shared().scope_of(&self.session)
    }

    /// A part of the address; empty where it has none of the name.
    pub(super) fn part(&self, name: &str) -> Option<&str> {
        self.path.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn base(&self) -> String {
        self.session.base()
    }

    pub(super) fn look(&self) -> Look {
        self.session.kept.look.or(&self.shared().look)
    }

    pub(super) fn frame(&self) -> Frame<'_> {
        frame(&self.session)
    }

    pub(super) fn chrome(&self) -> Chrome {
        let token = self.browser.token(self.shared().desk.documents(), PURPOSE, self.session.id.as_str());
        Chrome {
            look: self.look(),
            direction: self.session.kept.direction,
            base: self.base(),
            csrf: format!("{token}.{}", self.session.version()),
            is_embedded: self.session.kept.parent_origin.is_some(),
            purpose: Some(self.session.kept.purpose.clone()),
            parent_origin: self.session.kept.parent_origin.clone(),
        }
    }

    pub(super) fn shown(&self, status: StatusCode, page: Markup) -> Response {
        shown(status, page, self.frame())
    }

    /// The answer to what the session does not have.
    pub(super) fn missing(&self) -> Halt {
        missing(self.shared(), self.peer)
    }

    pub(super) fn failed(&self, error: &Error) -> Halt {
        failed(self.shared(), error, self.frame())
    }

    /// The providers that may be chosen.
    pub(super) fn offered(&self) -> Vec<&Entry> {
        let registry = &self.shared().registry;
        let (Purpose::Connect { providers } | Purpose::Manage { providers }) = &self.session.kept.purpose
        else {
            return Vec::new();
        };
        match providers.as_slice() {
            [] => registry.entries().iter().collect(),
            some => {
                let mut some: Vec<_> = some.iter().filter_map(|id| registry.get(id).ok()).collect();
                some.sort_by_key(|entry| entry.descriptor().id().as_str());
                some.dedup_by_key(|entry| entry.descriptor().id().as_str());
                some
            }
        }
    }

    /// A connection of the session's end user; nobody else's is there.
    pub(super) async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>, Halt> {
        match self.scope().get(id).await {
            Ok(one) => Ok(Some(one).filter(|one| one.end_user.as_deref() == Some(self.session.end_user()))),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The connection that gets a new key, where there is one: for reconnecting the platform names it, whoever it is of.
    pub(super) async fn target(&self) -> Result<Option<Connection>, Halt> {
        let Some(id) = self.session.target() else { return Ok(None) };
        match self.scope().get(&id).await {
            Ok(one) => Ok(Some(one)),
            Err(Error::NotFound) => Err(self.gone().await),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The way on where a connection cannot get a new key, because it is gone or its service is: that is the end of a session for
    /// that alone, and any other goes on.
    pub(super) async fn gone(&self) -> Halt {
        let target = &self.session.kept.target;
        let is_end = matches!(self.session.kept.purpose, Purpose::Reconnect { .. });
        let changed = self.shared().desk.change(self.session.clone(), |kept| {
            // In another tab something else may be meant by now.
            let is_meant = kept.target == *target && !kept.is_over();
            if is_meant {
                kept.told = None;
                kept.step = if is_end { Step::Gone } else { Step::Asking };
                kept.target = target.clone().filter(|_| is_end);
            }
            is_meant
        });
        match (changed.await, target) {
            (Err(error), _) => self.failed(&error),
            (Ok(_), Some(id)) if !is_end => onward(&format!("{}/accounts?gone={id}", self.base())).into(),
            (Ok(_), _) => onward(&self.base()).into(),
        }
    }
}

impl FromRequestParts<Connect> for Visit {
    type Rejection = Halt;

    async fn from_request_parts(parts: &mut Parts, connect: &Connect) -> Result<Self, Halt> {
        let shared = &connect.0;
        let peer = peer(&parts.extensions);
        let Ok(path) = parts.extract::<RawPathParams>().await else { return Err(missing(shared, peer)) };
        let path: Vec<_> = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let id = path.iter().find(|(name, _)| name == "session").map_or("", |(_, value)| value.as_str());
        let browsers = Browser::read(&parts.headers, shared.is_secure);
        let found = shared.desk.of_browser(id, browsers).await;
        let (session, browser) = found.map_err(|why| without(shared, peer, &why))?;
        Ok(Self { connect: connect.clone(), session, peer, path, browser })
    }
}

impl FromRequest<Connect> for Sent {
    type Rejection = Halt;

    async fn from_request(request: Request, connect: &Connect) -> Result<Self, Halt> {
        let shared = &connect.0;
        guard(request.headers(), &shared.origin).map_err(|why| refused(shared, why))?;
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, connect).await?;
        let mut fields = Fields::read(body, &parts.headers, shared, visit.frame()).await?;
        let token = fields.take("csrf").unwrap_or_default();
        let (token, version) = token.split_once('.').unwrap_or((&token, ""));
        let documents = shared.desk.documents();
        if !visit.browser.has_token(documents, PURPOSE, visit.session.id.as_str(), token) {
            return Err(outdated(shared, visit.frame()));
        }
        let is_current = version.parse() == Ok(visit.session.version());
        Ok(Self { visit, fields, is_current })
    }
}

/// Whose frame a session's pages may be in.
pub(super) fn frame(session: &Session) -> Frame<'_> {
    session.kept.parent_origin.as_deref().map_or(Frame::Nobody, Frame::Of)
}

/// Who asks. Where nobody said, all are one.
pub(super) fn peer(extensions: &Extensions) -> IpAddr {
    extensions.get().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| *address)
}

/// Where the platform wants the browser in the end.
pub(super) fn return_url(visit: &Visit, connection: Option<&str>) -> Option<String> {
    let mut url = Url::parse(visit.session.kept.return_url.as_deref()?).ok()?;
    let mut query = url.query_pairs_mut();
    if let Some(connection) = connection {
        query.append_pair("connection_id", connection);
    }
    query.append_pair("session_id", visit.session.id.as_str());
    query.append_pair("status", if connection.is_some() { "connected" } else { "cancelled" });
    drop(query);
    Some(url.into())
}

/// What a person recognises a connection by.
pub(super) fn label(one: &Connection) -> Option<&str> {
    one.account.as_ref().map(keyway_core::Account::label)
}
