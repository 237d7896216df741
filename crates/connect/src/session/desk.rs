//! Where sessions are kept: sealed documents of the vault, each change a compare-and-set.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use keyway_core::{Registry, Secret};
use keyway_vault::{
    Actor, ConnectionId, Document, Documents, Error, NewDocument, Tenant, Token, TokenHash, TokenKind, Vault,
};

use super::{Kept, NewSession, Purpose, Session, SessionError, SessionId, Started, Step};
use crate::{Limits, web::Browser};

const KIND: &str = "session";
/// How long after the end of a session what came of it can be asked for.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
const PREFIX: &str = "ses_";
/// The most providers that are named.
const PROVIDERS: usize = 100;

/// Keeps sessions.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    documents: Documents,
    vault: Vault,
    registry: Arc<Registry>,
    actor: Actor,
    /// What links begin with: `https://connect.example.com`.
    base: String,
    longest: Duration,
    link: Duration,
}

/// A session cannot be gone on with: unknown, expired, used, somebody else's. Nobody is told which (N66).
#[derive(Debug)]
pub(crate) enum Missing {
    /// It is not there, for this browser.
    Session,
    /// The vault cannot be asked.
    Vault(Error),
}

impl From<Error> for Missing {
    fn from(error: Error) -> Self {
        Self::Vault(error)
    }
}

impl Desk {
    pub(crate) fn new(
        vault: &Vault,
        registry: Arc<Registry>,
        actor: Actor,
        base: String,
        limits: &Limits,
    ) -> Self {
        Self {
            documents: vault.documents(),
            vault: vault.clone(),
            registry,
            actor,
            base,
            longest: limits.session,
            link: limits.link,
        }
    }

    /// Makes a session.
    pub(crate) async fn start(&self, tenant: &Tenant, mut new: NewSession) -> Result<Started, SessionError> {
        new.check()?;
        let mut target = None;
        match &mut new.purpose {
            Purpose::Connect { providers } | Purpose::Manage { providers } => self.known(providers)?,
            Purpose::Reconnect { connection, .. } => {
                let id = ConnectionId::parse(connection).map_err(|_| SessionError::NotFound)?;
                let one =
                    self.vault.tenant(tenant, &self.actor).get(&id).await.map_err(|error| match error {
                        Error::NotFound => SessionError::NotFound,
                        error => error.into(),
                    })?;
                // Its account is shown, and its key replaced: that is its own user's to do.
                if one.end_user.is_some_and(|owner| owner != new.end_user) {
                    let why = "is not whose the connection is".to_owned();
                    return Err(SessionError::Field { field: "end_user", why });
                }
                target = Some(id.to_string());
            }
        }
        let now = SystemTime::now();
        let lasts = new.lasts.unwrap_or(self.longest).min(self.longest);
        let kept = Kept {
            end_user: new.end_user,
            token: new.token,
            purpose: new.purpose,
            parent_origin: new.parent_origin,
            return_url: new.return_url,
            look: new.look,
            direction: new.direction,
            until: now + lasts,
            link_until: seconds(now + lasts.min(self.link)),
            browser: None,
            attempts: 0,
            target,
            step: Step::default(),
            told: None,
            happened: Vec::new(),
        };
        let code = Token::of(TokenKind::Link);
        // Of the code alone nothing is kept but its hash.
        let id = format!("{PREFIX}{}", &ConnectionId::random().as_str()[4..]);
        let text = text(&kept)?;
        let mark = Some(code.hash().as_bytes());
        let expires_at = Some(kept.until);
        let document =
            NewDocument { kind: KIND, id: &id, tenant: Some(tenant), mark, expires_at, text: &text };
        if !self.documents.insert(document).await? {
            return Err(Error::Conflict.into());
        }
        let session = self.session(&id).await?.ok_or(Error::Conflict)?;
        let link = Secret::new(format!("{}/link/{}", self.base, code.secret().expose()));
        Ok(Started { session, link })
    }

    /// Names providers by the ids that they have today.
    fn known(&self, providers: &mut [String]) -> Result<(), SessionError> {
        let wrong = |why| SessionError::Field { field: "providers", why };
        if providers.len() > PROVIDERS {
            return Err(wrong(format!("names at most {PROVIDERS}")));
        }
        for provider in providers {
            let Ok(entry) = self.registry.get(provider) else {
                let entries = self.registry.entries().iter();
                let ids: Vec<_> = entries.map(|one| one.descriptor().id().as_str()).collect();
                let why = format!("names a provider that is not there; there are {}", ids.join(", "));
                return Err(wrong(why));
            };
            entry.descriptor().id().as_str().clone_into(provider);
        }
        Ok(())
    }

    /// A session, whoever asks.
    pub(crate) async fn session(&self, id: &str) -> Result<Option<Session>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        self.documents.get(KIND, id).await?.map(read).transpose()
    }

    /// A session of a tenant.
    pub(crate) async fn of_tenant(&self, tenant: &Tenant, id: &str) -> Result<Option<Session>, Error> {
        Ok(self.session(id).await?.filter(|session| session.tenant == *tenant))
    }

    /// The session of a link's code, whether or not the link was opened.
    pub(crate) async fn by_code(&self, code: &str) -> Result<Option<Session>, Error> {
        let Ok(hash) = TokenHash::parse_as(TokenKind::Link, code) else { return Ok(None) };
        self.documents.by_mark(KIND, hash.as_bytes()).await?.map(read).transpose()
    }

    /// Opens a link for a browser; `session` is what was read of the link. Again for the same browser it is the same.
    pub(crate) async fn open(
        &self,
        mut session: Session,
        code: &str,
        browser: &Browser,
    ) -> Result<Session, Missing> {
        while session.kept.browser.is_none() {
            if !session.can_be_opened_by(&[]) {
                return Err(Missing::Session);
            }
            let mut kept = session.kept.clone();
            kept.browser = Some(browser.hash().to_owned());
            session = match self.replace(&session, kept).await? {
                Some(session) => session,
                None => self.by_code(code).await?.ok_or(Missing::Session)?,
            };
        }
        let is_theirs = session.kept.browser.as_deref() == Some(browser.hash());
        if is_theirs { Ok(session) } else { Err(Missing::Session) }
    }

    /// The session of one of the browsers that a request may be of, and which of them it is.
    pub(crate) async fn of_browser(
        &self,
        id: &str,
        browsers: Vec<Browser>,
    ) -> Result<(Session, Browser), Missing> {
        if browsers.is_empty() {
            return Err(Missing::Session);
        }
        let session = self.session(id).await?.ok_or(Missing::Session)?;
        let opened = session.kept.browser.as_deref();
        let browser = browsers.into_iter().find(|browser| opened == Some(browser.hash()));
        if session.is_past() {
            return Err(Missing::Session);
        }
        Ok((session, browser.ok_or(Missing::Session)?))
    }

    /// Changes what is kept of a session, as it is by then. `change` says whether there is anything to change; it may be asked
    /// again where somebody else was first. `None` when the session is gone.
    pub(crate) async fn change(
        &self,
        mut session: Session,
        mut change: impl FnMut(&mut Kept) -> bool,
    ) -> Result<Option<Session>, Error> {
        loop {
            let mut kept = session.kept.clone();
            if !change(&mut kept) {
                return Ok(Some(session));
            }
            if let Some(session) = self.replace(&session, kept).await? {
                return Ok(Some(session));
            }
            let Some(newer) = self.session(session.id.as_str()).await? else { return Ok(None) };
            session = newer;
        }
    }

    /// Replaces what is kept of a session that is still as it was read; `None` when somebody was first.
    pub(crate) async fn replace(&self, old: &Session, kept: Kept) -> Result<Option<Session>, Error> {
        let text = text(&kept)?;
        // A platform that looks late still learns what came of it. Nothing of a key is kept with that.
        let is_remembered = match kept.step {
            Step::Checked(_) | Step::Saving { .. } => false,
            Step::Asking => !kept.happened.is_empty(),
            Step::Done { .. } | Step::Cancelled | Step::Gone | Step::Left => true,
        };
        let ends = if is_remembered { kept.until + REMEMBERED } else { kept.until };
        self.documents.replace(&old.document, &text, Some(ends)).await?.map(read).transpose()
    }

    /// Ends a session: nothing is left of it.
    pub(crate) async fn end(&self, session: &Session) -> Result<(), Error> {
        let mut document = session.document.clone();
        while !self.documents.remove(&document).await? {
            match self.documents.get(KIND, &document.id).await? {
                Some(newer) => document = newer,
                None => break,
            }
        }
        Ok(())
    }

    pub(crate) fn documents(&self) -> &Documents {
        &self.documents
    }
}

fn read(document: Document) -> Result<Session, Error> {
    let damaged = || Error::Tampered { what: "a session".to_owned() };
    let kept: Kept = serde_json::from_slice(&document.text).map_err(|_| damaged())?;
    Ok(Session {
        id: SessionId(document.id.clone()),
        tenant: document.tenant.clone().ok_or_else(damaged)?,
        expires_at: kept.until,
        created_at: document.created_at,
        kept,
        document,
    })
}

fn text(kept: &Kept) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(kept).map_err(|_| Error::Invalid("a session is too large".to_owned()))
}

/// Whether a text has the form of a session's id.
pub(crate) fn is_id(text: &str) -> bool {
    text.strip_prefix(PREFIX).is_some_and(|rest| {
        rest.len() == 20 && rest.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
    })
}

/// Seconds since 1970.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
