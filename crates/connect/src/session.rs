//! Sessions: somebody of a tenant links an account, within half an hour.

mod desk;
mod new;
mod step;

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use keyway_vault::{ConnectionId, Document, Tenant};
use serde::{Deserialize, Serialize};

pub(crate) use self::new::is_loopback;
pub use self::new::{NewSession, SessionError, Started};
pub(crate) use self::{
    desk::{Desk, Missing, is_id},
    step::{Checked, Happened, Other, Step, Told},
};
use crate::{Direction, Look, web::Browser};

/// A session's id: `ses_` and 20 characters. It is no secret: whoever goes on with a session shows the cookie of the browser that
/// opened it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(pub(crate) String);

impl SessionId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a session is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// Linking an account.
    Connect {
        /// The providers that may be chosen, by id; none named: all of them.
        #[serde(default)]
        providers: Vec<String>,
    },
    /// Giving a connection a new key.
    Reconnect {
        /// The connection.
        connection: String,
        /// Whether the new key may be of another account.
        #[serde(default)]
        other_account: bool,
    },
    /// Looking after what is linked already, and linking more.
    Manage {
        /// The providers that may be chosen, by id; none named: all of them.
        #[serde(default)]
        providers: Vec<String>,
    },
}

/// A session.
#[derive(Clone)]
#[non_exhaustive]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// Whose it is.
    pub tenant: Tenant,
    /// When it ends.
    pub expires_at: SystemTime,
    /// When it was made.
    pub created_at: SystemTime,
    pub(crate) kept: Kept,
    document: Document,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SessionStatus)]
#[non_exhaustive]
pub enum Status {
    /// Nobody opened its link yet.
    Created,
    /// Somebody opened its link.
    Opened,
    /// An account is linked.
    Connected,
    /// The end user said no, or what was to get a new key is gone.
    Cancelled,
}

/// What is kept of a session, sealed. What a newer version added is passed over: nobody else can have written it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Who is asked: the tenant's user, as the platform names them.
    pub(crate) end_user: String,
    /// The id of the token that made it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    pub(crate) purpose: Purpose,
    /// The origin whose frame or popup it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent_origin: Option<String>,
    /// Where the browser goes at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) return_url: Option<String>,
    #[serde(default, deserialize_with = "crate::look::sealed")]
    pub(crate) look: Look,
    #[serde(default)]
    pub(crate) direction: Direction,
    /// When it ends. What came of it is remembered for longer.
    #[serde(with = "crate::clock")]
    pub(crate) until: SystemTime,
    /// Until when the link can be opened, in seconds since 1970.
    pub(crate) link_until: u64,
    /// SHA-256 of the cookie of the browser that opened it, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) browser: Option<String>,
    /// How many keys were checked.
    #[serde(default)]
    pub(crate) attempts: u32,
    /// The connection that gets a new key; none: a new one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) step: Step,
    /// What the last check said, to be shown once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) told: Option<Told>,
    /// What came of it, the last thing at the end; without what was removed again.
    #[serde(default)]
    pub(crate) happened: Vec<Happened>,
}

impl Session {
    /// How far it is.
    pub fn status(&self) -> Status {
        match (&self.kept.step, &self.kept.browser) {
            // Who looks after several accounts goes on after the first, which stays linked.
            _ if !self.kept.happened.is_empty() => Status::Connected,
            (Step::Cancelled | Step::Gone | Step::Left, _) => Status::Cancelled,
            (_, Some(_)) => Status::Opened,
            _ => Status::Created,
        }
    }

    /// Until when its link can be opened.
    pub fn link_expires_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.kept.link_until)
    }

    /// Whether nothing more comes of it.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_past() || (self.kept.is_over() && !matches!(self.kept.step, Step::Saving { .. }))
    }

    /// Whether its time was over before anybody said that it is. Nobody can go on with it; what came of it is told.
    pub(crate) fn is_past(&self) -> bool {
        !self.kept.is_over() && self.kept.until <= SystemTime::now()
    }

    /// Whether its link can be opened by one of these browsers: by any as long as nobody did and it is time, then by that one.
    pub(crate) fn can_be_opened_by(&self, browsers: &[Browser]) -> bool {
        match &self.kept.browser {
            Some(opened) => !self.is_past() && browsers.iter().any(|browser| browser.hash() == opened),
            None => self.kept.link_until > desk::seconds(SystemTime::now()),
        }
    }

    /// Counts its changes: a page that was drawn of an older one shows something else than there is.
    pub(crate) fn version(&self) -> i64 {
        self.document.version
    }

    /// The connection that gets a new key.
    pub(crate) fn target(&self) -> Option<ConnectionId> {
        ConnectionId::parse(self.kept.target.as_deref()?).ok()
    }

    /// Whether it is for looking after accounts: it goes on when one is linked.
    pub(crate) fn is_manage(&self) -> bool {
        self.kept.is_manage()
    }

    /// Whether no key is asked for any more, or at this moment.
    pub(crate) fn is_over(&self) -> bool {
        self.kept.is_over()
    }

    /// Where its pages are: `/connect/ses_…`.
    pub(crate) fn base(&self) -> String {
        format!("/connect/{}", self.id)
    }

    /// Whether its platform lets a connection have a key of another account.
    pub(crate) fn allows_other_account(&self) -> bool {
        matches!(self.kept.purpose, Purpose::Reconnect { other_account: true, .. })
    }

    /// What it is for.
    pub fn purpose(&self) -> &Purpose {
        &self.kept.purpose
    }

    /// Who is asked.
    pub fn end_user(&self) -> &str {
        &self.kept.end_user
    }

    /// What came of it last: the connection, and its provider.
    pub fn connection(&self) -> Option<(ConnectionId, &str)> {
        let happened = self.kept.happened.last()?;
        Some((ConnectionId::parse(&happened.connection).ok()?, &happened.provider))
    }
}

impl Kept {
    fn is_manage(&self) -> bool {
        matches!(self.purpose, Purpose::Manage { .. })
    }

    /// Whether no key is asked for any more, or at this moment.
    pub(crate) fn is_over(&self) -> bool {
        match self.step {
            Step::Asking | Step::Checked(_) => false,
            Step::Done { .. } => !self.is_manage(),
            Step::Saving { .. } | Step::Cancelled | Step::Gone | Step::Left => true,
        }
    }

    /// Forgets a connection that is not there any more. Says whether there was anything to forget.
    pub(crate) fn forget(&mut self, gone: &str) -> bool {
        let count = self.happened.len();
        self.happened.retain(|happened| happened.connection != gone);
        let is_target = self.target.as_deref() == Some(gone);
        let is_done = matches!(&self.step, Step::Done { connection, .. } if connection == gone);
        if is_target || is_done {
            (self.target, self.told) = (None, None);
            // Who is in the middle of saving finds out there.
            if !matches!(self.step, Step::Saving { .. }) {
                self.step = Step::Asking;
            }
        }
        is_target || is_done || self.happened.len() < count
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
