//! A session that is to be made.

use std::time::Duration;

use keyway_core::{__private::is_invisible, Secret};
use keyway_vault::ApiTokenId;
use url::Url;

use super::{Purpose, Session};
use crate::{Direction, Look};

/// A session that is to be made.
#[derive(Debug, Clone)]
#[must_use]
pub struct NewSession {
    pub(crate) end_user: String,
    pub(crate) token: Option<String>,
    pub(crate) purpose: Purpose,
    pub(crate) parent_origin: Option<String>,
    pub(crate) return_url: Option<String>,
    pub(crate) look: Look,
    pub(crate) direction: Direction,
    pub(crate) lasts: Option<Duration>,
}

/// A session that was just made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Started {
    /// It.
    pub session: Session,
    /// The link that its end user opens, once.
    pub link: Secret,
}

/// A session cannot be made. Nothing was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// Something was given that cannot be; the name is that of the REST API.
    #[error("`{field}` {why}")]
    Field {
        /// Which.
        field: &'static str,
        /// Why; never the value.
        why: String,
    },
    /// The tenant has no such connection.
    #[error("there is no such connection")]
    NotFound,
    /// The vault did not do it.
    #[error(transparent)]
    Vault(#[from] keyway_vault::Error),
}

impl NewSession {
    /// A session for one of a tenant's users, as the platform names them: 1 to 128 characters.
    pub fn new(end_user: impl Into<String>, purpose: Purpose) -> Self {
        Self {
            end_user: end_user.into(),
            token: None,
            purpose,
            parent_origin: None,
            return_url: None,
            look: Look::default(),
            direction: Direction::default(),
            lasts: None,
        }
    }

    /// The origin of the page that opens it as a frame or a popup, and gets to know what came of it.
    pub fn parent_origin(mut self, origin: impl Into<String>) -> Self {
        self.parent_origin = Some(origin.into());
        self
    }

    /// Where the browser goes at the end, with `session_id`, `status` (`connected` or `cancelled`) and, where there is one,
    /// `connection_id` added.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.return_url = Some(url.into());
        self
    }

    /// How its pages look.
    pub fn look(mut self, look: Look) -> Self {
        self.look = look;
        self
    }

    /// Which way its pages run.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = direction;
        self
    }

    /// How long it lasts; at most, and without it, as long as the limits say.
    pub fn lasts(mut self, time: Duration) -> Self {
        self.lasts = Some(time);
        self
    }

    /// Says which token makes it: the audit log names it.
    pub(crate) fn by(mut self, token: &ApiTokenId) -> Self {
        self.token = Some(token.to_string());
        self
    }

    /// Checks what can be without the vault.
    pub(super) fn check(&self) -> Result<(), SessionError> {
        let wrong = |field, why: &str| Err(SessionError::Field { field, why: why.to_owned() });
        let count = self.end_user.chars().count();
        let is_odd = |c: char| c.is_control() || is_invisible(c);
        if count == 0 || count > 128 || self.end_user.chars().any(is_odd) {
            return wrong("end_user", "has 1 to 128 characters on one line, all of which can be seen");
        }
        if self.parent_origin.as_deref().is_some_and(|text| !is_origin(text)) {
            return wrong(
                "parent_origin",
                "is an origin: https://host, perhaps with a port; http on loopback alone, and no IPv6 address",
            );
        }
        if self.return_url.as_deref().is_some_and(|text| !is_web(text)) {
            return wrong("return_url", "is https://…; http on loopback alone");
        }
        if self.return_url.as_deref().is_some_and(says_what_is_added) {
            return wrong(
                "return_url",
                "has no `connection_id`, `session_id` or `status` of its own: they are added",
            );
        }
        if let Err((field, why)) = self.look.check() {
            return wrong(field, why);
        }
        if self.lasts.is_some_and(|time| time.is_zero()) {
            return wrong("expires_in", "is at least a second");
        }
        Ok(())
    }
}

/// Whether a text is the address of a web page: `https`, or `http` on loopback.
fn is_web(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let is_plain = url.username().is_empty() && url.password().is_none();
    text.len() <= 2048
        && is_plain
        && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)))
}

/// Whether an address has a parameter already that is added at the end: whoever reads the first one would believe it.
fn says_what_is_added(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    url.query_pairs().any(|(name, _)| ["connection_id", "session_id", "status"].contains(&&*name))
}

/// Whether a text is the origin of a web page, as browsers write it. It comes to stand in a policy: a host may hold `;`, `,` or `*`
/// by the URL standard, and no host of a web page does; and it cannot name an IPv6 address, whose pages would get to know nothing.
fn is_origin(text: &str) -> bool {
    is_web(text)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte))
        && Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
