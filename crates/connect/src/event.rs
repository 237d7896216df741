//! Events: what happened to connections, made of the audit log alone, so that the two never differ.

mod cursor;
mod list;

use keyway_vault::{Documents, Entry, Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use self::cursor::Cursor;
pub use self::{
    cursor::NotACursor,
    list::{EventError, EventPage},
};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[non_exhaustive]
pub enum EventType {
    /// An account was linked.
    #[serde(rename = "connection.created")]
    Created,
    /// The provider was asked whether the key still works; `status` and `verdict` say what came of it.
    #[serde(rename = "connection.checked")]
    Checked,
    /// The provider refuses a key that worked before. It comes right behind the `connection.checked` that found it.
    #[serde(rename = "connection.needs_reconnect")]
    NeedsReconnect,
    /// The connection has a new key.
    #[serde(rename = "connection.reconnected")]
    Reconnected,
    /// The connection has a new name.
    #[serde(rename = "connection.renamed")]
    Renamed,
    /// The connection is gone, with its key and its grants.
    #[serde(rename = "connection.removed")]
    Removed,
}

/// Something that happened to a connection.
///
/// It says ids and states, and never a key, a name, or whose account it is: events are logged, queued and stored by many on their
/// way, and whoever may know more asks for the connection. The same event is always the same, to the byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct Event {
    /// The id. It comes with each attempt to send the event, so that whoever has seen it once can pass over it.
    #[schema(example = "evt_5f0c1a9be27d4463a1b0c2d3e4f5061728394a5b")]
    pub id: String,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When, as RFC 3339 in UTC.
    #[schema(example = "2026-01-31T12:00:00.000Z")]
    pub timestamp: String,
    /// To what.
    pub data: EventData,
    #[serde(skip)]
    pub(crate) place: Place,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct EventData {
    /// Whose connection it is.
    #[schema(example = "acme")]
    pub tenant: String,
    /// The connection, as it was after that.
    pub connection: EventConnection,
}

/// A connection, as an event tells of it. Of one that is removed the id alone is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[non_exhaustive]
pub struct EventConnection {
    /// The id.
    #[schema(example = "con_a2b3c4d5e6f7a2b3c4d5")]
    pub id: String,
    /// The provider's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rootly")]
    pub provider: Option<String>,
    /// `active`, or `needs_key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "active")]
    pub status: Option<String>,
    /// What the last check said: `valid`, `invalid`, `forbidden`, `rate_limited`, `unavailable` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "valid")]
    pub verdict: Option<String>,
    /// Whether the new key is of another account; said with `connection.reconnected` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = false)]
    pub account_changed: Option<bool>,
}

/// Where an event stands among all: the number of its entry in the audit log, and which of the entry's events it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Place(u64);

impl EventType {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Checked, Self::NeedsReconnect, Self::Reconnected, Self::Renamed, Self::Removed];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "connection.created",
            Self::Checked => "connection.checked",
            Self::NeedsReconnect => "connection.needs_reconnect",
            Self::Reconnected => "connection.reconnected",
            Self::Renamed => "connection.renamed",
            Self::Removed => "connection.removed",
        }
    }

    /// The type that a stable word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Place {
    /// Behind everything that an entry says.
    pub(crate) fn behind(seq: i64) -> Self {
        Self::of(seq, 1)
    }

    fn of(seq: i64, part: u64) -> Self {
        Self(seq.unsigned_abs() * 2 + part)
    }

    /// The number of the entry.
    fn seq(self) -> i64 {
        i64::try_from(self.0 / 2).unwrap_or(i64::MAX)
    }

    /// The entry after which to read on, for everything behind this place.
    fn entry(self) -> i64 {
        i64::try_from(self.0.div_ceil(2)).unwrap_or(i64::MAX).saturating_sub(1).max(0)
    }
}

impl Event {
    /// What an entry of the audit log says to the public, in order: nothing, one event, or two.
    pub(crate) fn of(entry: &Entry, documents: &Documents) -> Vec<Self> {
        let (Some(tenant), Some(connection)) = (&entry.tenant, &entry.connection) else { return Vec::new() };
        let Ok(owner) = Tenant::parse(tenant) else { return Vec::new() };
        let what = &entry.what;
        let needs_key = what.status.as_deref() == Some("needs_key");
        let kinds: &[EventType] = match entry.kind.as_str() {
            "connection.created" => &[EventType::Created],
            "connection.checked" if needs_key && what.was.as_deref() != Some("needs_key") => {
                &[EventType::Checked, EventType::NeedsReconnect]
            }
            "connection.checked" => &[EventType::Checked],
            "connection.replaced" => &[EventType::Reconnected],
            "connection.renamed" => &[EventType::Renamed],
            "connection.removed" => &[EventType::Removed],
            _ => &[],
        };
        let events = kinds.iter().zip(0..).map(|(&kind, part)| {
            let place = Place::of(entry.seq, part);
            Self {
                id: Cursor::new(place, entry).id(&owner, documents),
                kind,
                timestamp: entry.at.clone(),
                data: EventData {
                    tenant: tenant.clone(),
                    connection: EventConnection {
                        id: connection.clone(),
                        provider: what.provider.clone(),
                        status: what.status.clone(),
                        verdict: what.verdict.clone(),
                        account_changed: (kind == EventType::Reconnected).then(|| what.account.is_some()),
                    },
                },
                place,
            }
        });
        events.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_what_to_read_for_the_next_one() {
        assert_eq!(Place::default().entry(), 0);
        assert_eq!(Place::of(7, 0).entry(), 6, "the entry's second event is behind it");
        assert_eq!(Place::of(7, 1).entry(), 7);
        assert!(Place::of(7, 0) < Place::of(7, 1) && Place::behind(7) < Place::of(8, 0));
    }

    #[test]
    fn types_have_the_words_that_json_has() {
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(EventType::parse(kind.as_str()), Some(kind));
        }
        assert_eq!(EventType::parse("connection.used"), None);
    }
}
