//! Tokens of the REST API: a platform's backend shows one.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use keyway_core::Secret;
use serde::{Deserialize, Serialize};

use crate::{
    Actor, Document, Error, NewDocument, Page, Tenant, Token, TokenHash, TokenKind, Vault, What,
    audit::Event, connection::name_of, document::MAX_PAGE, error::tampered,
};

/// What a token may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ApiScope {
    /// Making sessions, and looking at them. A link of a session shows, checks, reconnects and removes connections of the end user
    /// that it names, whoever that is: within a tenant it is as good as [`ConnectionsWrite`](Self::ConnectionsWrite).
    #[serde(rename = "sessions")]
    Sessions,
    /// Listing and showing connections.
    #[serde(rename = "connections:read")]
    ConnectionsRead,
    /// Making, checking, renaming and removing connections.
    #[serde(rename = "connections:write")]
    ConnectionsWrite,
    /// Making, listing and revoking grants.
    #[serde(rename = "grants")]
    Grants,
    /// Reading events.
    #[serde(rename = "events")]
    Events,
    /// Setting up where events are sent.
    #[serde(rename = "webhooks")]
    Webhooks,
}

impl ApiScope {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Sessions,
        Self::ConnectionsRead,
        Self::ConnectionsWrite,
        Self::Grants,
        Self::Events,
        Self::Webhooks,
    ];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::ConnectionsRead => "connections:read",
            Self::ConnectionsWrite => "connections:write",
            Self::Grants => "grants",
            Self::Events => "events",
            Self::Webhooks => "webhooks",
        }
    }

    /// The scope that a stable word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// The id of a token: the first eight characters of its random part, behind `kwa_`. No secret: 130 bits are behind it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiTokenId(String);

impl ApiTokenId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiTokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A token as it may be shown: without itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiToken {
    /// What it begins with, by which people find it.
    pub id: ApiTokenId,
    /// Whose it is; none: the platform's, which acts for every tenant.
    pub tenant: Option<Tenant>,
    /// What it is called.
    pub name: Option<String>,
    /// What it may be used for.
    pub scopes: Vec<ApiScope>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it ends.
    pub expires_at: Option<SystemTime>,
}

/// A token that was just made.
#[derive(Debug)]
pub struct NewApiToken {
    /// It, to be shown once.
    pub secret: Secret,
    /// The rest.
    pub token: ApiToken,
}

/// The tokens of a vault.
#[derive(Debug, Clone)]
pub struct Tokens {
    vault: Vault,
    actor: Actor,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    scopes: Vec<ApiScope>,
    /// For how long it was made, in milliseconds: its end may be moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lasts: Option<u64>,
    /// Whether its end was moved.
    #[serde(default, skip_serializing_if = "is_false")]
    rotated: bool,
}

impl Kept {
    /// For how long the token of this document was made, in milliseconds; none: for ever.
    fn lasts(&self, document: &Document) -> Option<u64> {
        let until_its_end = || {
            let end = document.expires_at.filter(|_| !self.rotated)?;
            end.duration_since(document.created_at).ok().map(in_millis)
        };
        // It was not written down at first.
        self.lasts.or_else(until_its_end)
    }

    fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts are JSON")
    }
}

const KIND: &str = "token";
/// The characters of a token that are its id: prefix, and eight.
const ID: usize = 12;

impl Vault {
    /// The tokens of the REST API. `actor` is who the audit log names.
    pub fn tokens(&self, actor: &Actor) -> Tokens {
        Tokens { vault: self.clone(), actor: actor.clone() }
    }
}

impl Tokens {
    /// Makes one; `tenant` is whose, none for the platform. Its name has 1 to 100 characters on one line.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that it cannot have, for no scope at all, and for an end that is over.
    pub async fn create(
        &self,
        tenant: Option<&Tenant>,
        name: Option<&str>,
        scopes: &[ApiScope],
        expires_at: Option<SystemTime>,
    ) -> Result<NewApiToken, Error> {
        let name = name.map(|name| name_of("a token", name)).transpose()?;
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(Error::Invalid("a token has at least one scope".to_owned()));
        }
        let lasts = expires_at.map(|end| {
            let lasts = end.duration_since(SystemTime::now()).ok().filter(|lasts| !lasts.is_zero());
            lasts.ok_or_else(|| Error::Invalid("a token's end is in the future".to_owned()))
        });
        self.keep(
            tenant,
            Kept { name, scopes, lasts: lasts.transpose()?.map(in_millis), rotated: false },
            expires_at,
        )
        .await
    }

    async fn keep(
        &self,
        tenant: Option<&Tenant>,
        kept: Kept,
        expires_at: Option<SystemTime>,
    ) -> Result<NewApiToken, Error> {
        let text = kept.text();
        let documents = self.vault.documents();
        loop {
            let token = Token::of(TokenKind::Api);
            let id = token.secret().expose()[..ID].to_owned();
            let mark = Some(token.hash().as_bytes());
            self.note("token.created", tenant, &id).await?;
            let new = NewDocument { kind: KIND, id: &id, tenant, mark, expires_at, text: &text };
            if documents.insert(new).await? {
                let document = documents.get(KIND, &id).await?.ok_or(Error::NotFound)?;
                return Ok(NewApiToken { secret: token.secret().clone(), token: shown(&document)? });
            }
        }
    }

    /// The token that somebody shows.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is none of ours, or not any more.
    pub async fn authenticate(&self, text: &str) -> Result<ApiToken, Error> {
        let hash = TokenHash::parse_as(TokenKind::Api, text).map_err(|_| Error::NotFound)?;
        let document = self.vault.documents().by_mark(KIND, hash.as_bytes()).await?.ok_or(Error::NotFound)?;
        shown(&document)
    }

    /// A part of all of them, from the one after the id `after` on; of at most `limit`, and at most 1,000. One that is not as it was
    /// written keeps none of the others from being seen.
    pub async fn page(&self, after: Option<&str>, limit: usize) -> Result<Page<ApiToken>, Error> {
        let each = self.vault.documents().each(KIND, None, after, limit).await?;
        let mut page = Page::of(limit.min(MAX_PAGE), each.iter().map(|(id, _)| id));
        for (id, document) in each {
            match document.and_then(|document| shown(&document)) {
                Ok(one) => page.whole.push(one),
                Err(_) => page.damaged.push(id),
            }
        }
        Ok(page)
    }

    /// Makes another one like it, which lasts as long from now on as the old one was made for; that one ends after `overlap`,
    /// unless it ends before.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id. Where it fails, the new one is taken away again.
    pub async fn rotate(&self, id: &str, overlap: Duration) -> Result<NewApiToken, Error> {
        let document = self.document(id).await?;
        let (old, kept) = (shown(&document)?, read(&document)?);
        let kept = Kept { lasts: kept.lasts(&document), rotated: false, ..kept };
        let end = kept.lasts.and_then(|lasts| SystemTime::now().checked_add(Duration::from_millis(lasts)));
        // First: whoever has the old one must never have none.
        let new = self.keep(old.tenant.as_ref(), kept, end).await?;
        if let Err(error) = self.end(&old, overlap).await {
            // Nobody has it.
            let _ = self.revoke(new.token.id.as_str()).await;
            return Err(error);
        }
        Ok(new)
    }

    /// Ends one at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of this id.
    pub async fn revoke(&self, id: &str) -> Result<(), Error> {
        let mut document = self.document(id).await?;
        self.note("token.revoked", document.tenant.as_ref(), id).await?;
        while !self.vault.documents().remove(&document).await? {
            match self.document(id).await {
                // It ended by itself.
                Err(Error::NotFound) => return Ok(()),
                other => document = other?,
            }
        }
        Ok(())
    }

    async fn end(&self, old: &ApiToken, overlap: Duration) -> Result<(), Error> {
        let id = old.id.as_str();
        self.note("token.rotated", old.tenant.as_ref(), id).await?;
        let after_overlap = SystemTime::now().checked_add(overlap);
        loop {
            let document = self.document(id).await?;
            let end = document.expires_at.into_iter().chain(after_overlap).min();
            let kept = read(&document)?;
            let kept = Kept { lasts: kept.lasts(&document), rotated: true, ..kept };
            if self.vault.documents().replace(&document, &kept.text(), end).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Writes to the audit log what is about to be done.
    async fn note(&self, kind: &'static str, tenant: Option<&Tenant>, id: &str) -> Result<(), Error> {
        let (actor, token) = (Some(self.actor.to_string()), Some(id.to_owned()));
        let what = What { actor, token, ..What::default() };
        self.vault.note(Event::of_tenant(tenant.map(Tenant::as_str), kind, &what)).await
    }

    async fn document(&self, id: &str) -> Result<Document, Error> {
        self.vault.documents().get(KIND, id).await?.ok_or(Error::NotFound)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(is: &bool) -> bool {
    !is
}

fn in_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn read(document: &Document) -> Result<Kept, Error> {
    serde_json::from_slice(&document.text).map_err(|_| tampered("an API token"))
}

fn shown(document: &Document) -> Result<ApiToken, Error> {
    let kept = read(document)?;
    Ok(ApiToken {
        id: ApiTokenId(document.id.clone()),
        tenant: document.tenant.clone(),
        name: kept.name,
        scopes: kept.scopes,
        created_at: document.created_at,
        expires_at: document.expires_at,
    })
}
