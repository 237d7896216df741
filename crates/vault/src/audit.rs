//! The audit log: who did what, as a chain that only whoever has the key can write.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::{
    Error,
    encoding::hex,
    roots::Roots,
    store::{ConnectionRow, EntryRow, GrantRow, Head, KeyRow},
};

/// An entry of the audit log. As JSON it is one flat object; what does not apply is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its number, from 1, without gaps.
    pub seq: i64,
    /// When it was written, as RFC 3339 in UTC.
    pub at: String,
    /// Whose it is; none for what concerns the whole vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The connection it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// What happened: `connection.created`, `grant.revoked`, `uses`, …
    pub kind: String,
    /// The rest.
    #[serde(flatten)]
    pub what: What,
    /// The MAC, in hex: over all of this, and the entry before.
    pub mac: String,
}

/// What an entry says besides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct What {
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What a check said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The connection's status from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The connection's status before, of a check and of a new key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Whose account a new key is of, when it is not the one with the id known before: `alike` (of the same group) or `other`
    /// (another one, or not known).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The grant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The API token's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The master key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The recorder of uses that wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Uses of connections, committed together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<Use>,
    /// The rows that were written, so that `verify` knows what must be there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowMark>,
}

/// One use of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Use {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// The connection.
    pub connection: String,
    /// By which grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// By whom, where there is no grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The request's method.
    pub method: String,
    /// The request's path, as a template: what could be an id or a key is `{}`.
    pub path: String,
    /// The answer's status; none where none came, or came yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether this was written before the request was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub intended: bool,
}

/// A row after an entry: its MAC, or none where it is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowMark {
    /// `connection`, `grant` or `key`.
    pub row: RowKind,
    /// The row's id.
    pub id: String,
    /// Its MAC in hex; none where the row is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Its version, where it has one: one more than before, or an old row was written over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// The kind of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum RowKind {
    Connection,
    Grant,
    Key,
}

impl RowKind {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Grant => "grant",
            Self::Key => "key",
        }
    }
}

impl RowMark {
    pub(crate) fn connection(row: &ConnectionRow) -> Self {
        Self {
            row: RowKind::Connection,
            id: row.id.clone(),
            mac: Some(hex(&row.mac)),
            version: Some(row.version),
        }
    }

    pub(crate) fn grant(row: &GrantRow) -> Self {
        Self { row: RowKind::Grant, id: row.id.clone(), mac: Some(hex(&row.mac)), version: Some(row.version) }
    }

    pub(crate) fn key(row: &KeyRow) -> Self {
        Self { row: RowKind::Key, id: row.id.clone(), mac: Some(hex(&row.mac)), version: None }
    }

    pub(crate) fn gone(row: RowKind, id: &str) -> Self {
        Self { row, id: id.to_owned(), mac: None, version: None }
    }
}

/// An entry before it has its place in the chain.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) tenant: Option<String>,
    pub(crate) connection: Option<String>,
    pub(crate) kind: &'static str,
    /// [`What`], as JSON.
    pub(crate) body: String,
}

impl Event {
    /// Something that concerns the whole vault.
    pub(crate) fn of_vault(kind: &'static str, what: &What) -> Self {
        Self { tenant: None, connection: None, kind, body: json(what) }
    }

    /// Something about a tenant, or the platform, that is no connection.
    pub(crate) fn of_tenant(tenant: Option<&str>, kind: &'static str, what: &What) -> Self {
        Self { tenant: tenant.map(str::to_owned), connection: None, kind, body: json(what) }
    }

    /// Something about a connection.
    pub(crate) fn of(tenant: &str, connection: &str, kind: &'static str, what: &What) -> Self {
        let connection = Some(connection.to_owned());
        Self { tenant: Some(tenant.to_owned()), connection, kind, body: json(what) }
    }
}

fn json(what: &What) -> String {
    serde_json::to_string(what).expect("texts and numbers are JSON")
}

/// Rows for events, which [`chain`] gives their places.
pub(crate) fn unchained(events: Vec<Event>) -> Vec<EntryRow> {
    let rows = events.into_iter().map(|event| EntryRow {
        seq: 0,
        at: 0,
        tenant: event.tenant,
        connection: event.connection,
        kind: event.kind.to_owned(),
        body: event.body,
        mac: Vec::new(),
    });
    rows.collect()
}

/// Gives entries their places behind the head.
pub(crate) fn chain(roots: &Roots, after: &Head, entries: &mut [EntryRow], now: i64) {
    let (mut seq, mut before) = (after.seq, after.mac.as_slice());
    for entry in entries {
        seq += 1;
        (entry.seq, entry.at) = (seq, now);
        entry.mac = roots.entry(before, entry);
        before = &entry.mac;
    }
}

impl Entry {
    /// Reads an entry's row.
    pub(crate) fn read(row: &EntryRow) -> Result<Self, Error> {
        let what = serde_json::from_str(&row.body)
            .map_err(|_| Error::Tampered { what: format!("entry {} of the audit log", row.seq) })?;
        Ok(Self {
            seq: row.seq,
            at: rfc3339(row.at),
            tenant: row.tenant.clone(),
            connection: row.connection.clone(),
            kind: row.kind.clone(),
            what,
            mac: hex(&row.mac),
        })
    }
}

/// Milliseconds since 1970, now.
pub(crate) fn now() -> i64 {
    millis(SystemTime::now())
}

/// Milliseconds since 1970.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time that milliseconds since 1970 say.
pub(crate) fn time(millis: i64) -> SystemTime {
    // The end of the year 9999: what comes later cannot be written, and nobody made it.
    let millis = u64::try_from(millis).unwrap_or_default().min(253_402_300_799_999);
    UNIX_EPOCH + Duration::from_millis(millis)
}

/// A time as RFC 3339 in UTC, with milliseconds.
pub(crate) fn rfc3339(millis: i64) -> String {
    humantime::format_rfc3339_millis(time(millis)).to_string()
}
