//! A connection: a credential kept for a tenant, with its account, its name and its status.

use std::{fmt, time::SystemTime};

use keyway_core::{
    __private::{hides, is_invisible},
    Account, Credential, FieldProblem, VerdictKind,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{ConnectionId, Error, Tenant, audit::time, error::tampered, store::ConnectionRow};

/// A credential kept for a tenant, as it may be shown: without any value of it.
///
/// # Security
/// `Debug`, which ends in logs, shows neither name nor account.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Connection {
    /// The id.
    pub id: ConnectionId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The provider's id, as it was when the credential was saved.
    pub provider: String,
    /// The method's id, as it was when the credential was saved.
    pub method: String,
    /// The name that somebody gave it.
    pub name: Option<String>,
    /// Whose it is among the tenant's users, where the platform said so.
    pub end_user: Option<String>,
    /// Whose account it is at the provider, where a check said so.
    pub account: Option<Account>,
    /// Whether it can be used.
    pub status: Status,
    /// What the last check said.
    pub verdict: Option<VerdictKind>,
    /// The origins that may receive it, its own first.
    pub origins: Vec<String>,
    /// When it was last checked.
    pub checked_at: Option<SystemTime>,
    /// When it was saved.
    pub created_at: SystemTime,
    /// When anything of it last changed.
    pub updated_at: SystemTime,
    /// Counts its changes, from 1.
    pub version: i64,
    /// The version with which its key was saved.
    pub(crate) credential_version: i64,
}

impl Connection {
    /// The [version](Self::version) with which its key was saved: whoever remembers something of the key compares it.
    pub fn credential_version(&self) -> i64 {
        self.credential_version
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("provider", &self.provider)
            .field("method", &self.method)
            .field("status", &self.status)
            .field("verdict", &self.verdict)
            .field("origins", &self.origins)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Whether a connection can be used. Only a check's verdict changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It can.
    Active,
    /// The provider refuses the key: it needs a new one.
    NeedsKey,
}

impl Status {
    /// The stable word: `active` or `needs_key`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::NeedsKey => "needs_key",
        }
    }

    /// The status that a stable word names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::NeedsKey].into_iter().find(|status| status.as_str() == word)
    }
}

/// What is to be kept.
#[derive(Clone, Copy)]
#[must_use]
pub struct New<'n> {
    pub(crate) credential: &'n Credential,
    pub(crate) account: Option<&'n Account>,
    pub(crate) name: Option<&'n str>,
    pub(crate) end_user: Option<&'n str>,
    pub(crate) id: Option<&'n ConnectionId>,
    pub(crate) over: Option<i64>,
}

impl<'n> New<'n> {
    /// A credential, to be kept. Whether it is good is for the caller to know.
    pub fn connection(credential: &'n Credential) -> Self {
        Self { credential, account: None, name: None, end_user: None, id: None, over: None }
    }

    /// Says whose account it is: that of a valid verdict.
    pub fn account(mut self, account: &'n Account) -> Self {
        self.account = Some(account);
        self
    }

    /// Says whose it is among the tenant's users: 1 to 128 characters, as the platform names them. A new key of a connection
    /// leaves that as it is.
    pub fn end_user(mut self, end_user: &'n str) -> Self {
        self.end_user = Some(end_user);
        self
    }

    /// Gives it an id that was made before ([`ConnectionId::random`]), so that whoever tries again saves it once.
    pub fn id(mut self, id: &'n ConnectionId) -> Self {
        self.id = Some(id);
        self
    }

    /// As the new key of a connection it takes the place of this one alone, by its
    /// [`credential_version`](Connection::credential_version): whoever tries again replaces it once.
    pub fn over(mut self, version: i64) -> Self {
        self.over = Some(version);
        self
    }

    /// Gives it a name: 1 to 100 characters on one line, all of which can be seen.
    pub fn name(mut self, name: &'n str) -> Self {
        self.name = Some(name);
        self
    }
}

impl fmt::Debug for New<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("New").field("credential", self.credential).finish_non_exhaustive()
    }
}

/// A connection that was just saved.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Saved {
    /// The connection.
    pub connection: Connection,
    /// Other connections of the tenant with the same secret; at most 100.
    pub same_secret: Vec<ConnectionId>,
    /// Other connections of the tenant with the same account; at most 100.
    pub same_account: Vec<ConnectionId>,
}

/// A connection, and its credential ready to be used.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The connection.
    pub connection: Connection,
    /// The credential, bound to the stored origins.
    pub credential: Credential,
    /// What the provider's descriptor would say of the stored values today.
    pub warnings: Vec<FieldProblem>,
}

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// A connection's name as it is kept.
pub(crate) fn name(text: &str) -> Result<String, Error> {
    name_of("a connection", text)
}

/// A name as it is kept; `what` has it.
pub(crate) fn name_of(what: &str, text: &str) -> Result<String, Error> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > MAX_NAME || text.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("{what}'s name has 1 to {MAX_NAME} characters on one line")));
    }
    if hides(text) {
        return Err(Error::Invalid(format!(
            "{what}'s name has no characters that cannot be seen, or that turn the text around"
        )));
    }
    Ok(text.to_owned())
}

/// Whose a connection is among the tenant's users, as it is kept: as the platform names them.
pub(crate) fn end_user(text: &str) -> Result<String, Error> {
    const MAX: usize = 128;
    let is_odd = |one: char| one.is_control() || is_invisible(one);
    if !(1..=MAX).contains(&text.chars().count()) || text.chars().any(is_odd) {
        return Err(Error::Invalid(format!(
            "an end user is named by 1 to {MAX} characters on one line, all of which can be seen"
        )));
    }
    Ok(text.to_owned())
}

/// What is sealed of a connection beside its credential.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Details {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end_user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<AccountOf>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct AccountOf {
    id: String,
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
}

impl AccountOf {
    pub(crate) fn new(account: &Account) -> Self {
        Self {
            id: account.id().to_owned(),
            label: account.label().to_owned(),
            group: account.group().map(str::to_owned),
        }
    }

    pub(crate) fn account(self) -> Account {
        let account = Account::new(self.id, self.label);
        match self.group {
            Some(group) => account.with_group(group),
            None => account,
        }
    }

    /// Tells whether another account may be the same, by what the two have in common.
    pub(crate) fn is_alike(&self, other: &Account) -> bool {
        self.group.is_some() && self.group.as_deref() == other.group()
    }
}

impl Details {
    pub(crate) fn read(text: &[u8], what: &str) -> Result<Self, Error> {
        serde_json::from_slice(text).map_err(|_| tampered(what))
    }

    pub(crate) fn text(&self) -> Zeroizing<Vec<u8>> {
        padded(&serde_json::to_vec(self).expect("texts are JSON"))
    }
}

/// JSON filled up with spaces to a multiple of 256 bytes, so that a record's length says little of what is in it.
pub(crate) fn padded(json: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = json.len().next_multiple_of(PAD);
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    text.extend_from_slice(json);
    text.resize(length, b' ');
    text
}

/// With one or two keys of a usual length, all is below it: half of it, and a key of 20 characters was told from one of 40.
const PAD: usize = 256;

impl Connection {
    /// What a row and its opened details say.
    pub(crate) fn of(row: &ConnectionRow, details: Details) -> Result<Self, Error> {
        let damaged = || tampered(&format!("connection {}", row.id));
        let verdict = match &row.verdict {
            Some(word) => Some(VerdictKind::parse(word).ok_or_else(damaged)?),
            None => None,
        };
        Ok(Self {
            id: ConnectionId::parse(&row.id).map_err(|_| damaged())?,
            tenant: Tenant::parse(&row.tenant).map_err(|_| damaged())?,
            provider: row.provider.clone(),
            method: row.method.clone(),
            name: details.name,
            end_user: details.end_user,
            account: details.account.map(AccountOf::account),
            status: Status::parse(&row.status).ok_or_else(damaged)?,
            verdict,
            origins: row.origins.lines().map(str::to_owned).collect(),
            checked_at: row.checked_at.map(time),
            created_at: time(row.created_at),
            updated_at: time(row.updated_at),
            version: row.version,
            credential_version: row.credential_version,
        })
    }
}
