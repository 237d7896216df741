//! Events in order, from anywhere on.

use keyway_vault::{Documents, Entry, Error, Scope, Tenant, Vault};

use super::{Cursor, Event, EventType, NotACursor, Place};
use crate::{Connect, shared::Shared};

/// Events of a tenant, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventPage {
    /// The events.
    pub events: Vec<Event>,
    /// Behind which event to ask for the next ones, now or later. None when there was nothing yet: the next ones are then the
    /// first ones.
    pub next: Option<String>,
    /// Whether there are more already, or may be.
    pub more: bool,
}

/// Events cannot be listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Nobody was ever told to go on from there.
    #[error("`after` {0}")]
    After(#[from] NotACursor),
    /// What was seen is not there any more: the database was put back to an earlier state, or changed by hand. Asking from the
    /// beginning shows what there is.
    #[error("what stood at `after` is gone: the database was put back")]
    Gone,
    /// The vault did not do it.
    #[error(transparent)]
    Vault(#[from] Error),
}

/// The most events of a page.
const MAX_PAGE: usize = 1000;
/// The entries that are read at once.
const BATCH: usize = 500;
/// The most entries that are read for one page: where a type is rare, the page is shorter, and says that there may be more.
const MAX_SCAN: usize = 5000;

impl Connect {
    /// Events of a tenant behind one that was seen, in order; at most `limit`, and at most 1,000. `types` are those that are asked
    /// for; none named: all.
    ///
    /// Whoever asks again and again, each time behind the [`next`](EventPage::next) of the page before, misses nothing and sees
    /// nothing twice.
    pub async fn events(
        &self,
        tenant: &Tenant,
        after: Option<&str>,
        limit: usize,
        types: &[EventType],
    ) -> Result<EventPage, EventError> {
        let documents = self.0.vault.documents();
        let seen = after.map(|text| Cursor::parse(text, tenant, &documents)).transpose()?;
        let place = seen.map(|cursor| cursor.place).unwrap_or_default();
        let changes = self.0.changes(Some(tenant));
        if let Some(seen) = seen
            && !changes.entry(seen.seq()).await?.is_some_and(|entry| seen.is_of(&entry))
        {
            return Err(EventError::Gone);
        }
        let found = changes.behind(place, limit.clamp(1, MAX_PAGE), types).await?;
        let next = found.reached.or(seen).map(|cursor| cursor.id(tenant, &documents));
        Ok(EventPage { events: found.events, next, more: found.more })
    }
}

impl Shared {
    /// Changes of a tenant's connections; with none, of everybody's.
    pub(crate) fn changes(&self, tenant: Option<&Tenant>) -> Changes {
        let of = match tenant {
            Some(tenant) => Of::Tenant(self.scope(tenant)),
            None => Of::All(self.vault.clone()),
        };
        Changes { documents: self.vault.documents(), of }
    }
}

/// Changes of connections, of a tenant or of all.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    documents: Documents,
    of: Of,
}

#[derive(Debug, Clone)]
enum Of {
    Tenant(Scope),
    All(Vault),
}

/// Events that were found.
pub(crate) struct Found {
    pub(crate) events: Vec<Event>,
    /// How far everything was looked at.
    pub(crate) place: Place,
    /// As [`place`](Self::place), as the id of an event; none: nothing was there.
    reached: Option<Cursor>,
    /// Whether there may be more already.
    pub(crate) more: bool,
}

impl Changes {
    /// Events behind a place, in order. What cannot be read is told in the log, and passed over.
    pub(crate) async fn behind(
        &self,
        place: Place,
        limit: usize,
        types: &[EventType],
    ) -> Result<Found, Error> {
        let mut found = Found { events: Vec::new(), place, reached: None, more: true };
        let (mut entry, mut scanned) = (place.entry(), 0);
        while scanned < MAX_SCAN {
            let entries = self.entries(entry, BATCH).await?;
            for (seq, read) in &entries {
                let events = match read {
                    Ok(one) => Event::of(one, &self.documents),
                    Err(error) => {
                        tracing::error!(%error, "what happened cannot be read, and is told to nobody");
                        Vec::new()
                    }
                };
                for event in events {
                    if event.place <= place || !(types.is_empty() || types.contains(&event.kind)) {
                        continue;
                    }
                    if found.events.len() == limit {
                        return Ok(found);
                    }
                    found.place = event.place;
                    found.reached = read.as_ref().ok().map(|one| Cursor::new(event.place, one));
                    found.events.push(event);
                }
                // A full page ends with its last event, whatever was looked at to know whether there are more: somebody may go on
                // with other types.
                if found.events.len() < limit {
                    found.place = Place::behind(*seq);
                    let reached = read.as_ref().ok().map(|one| Cursor::new(found.place, one));
                    found.reached = reached.or(found.reached);
                }
                entry = *seq;
            }
            scanned += entries.len();
            if entries.len() < BATCH {
                found.more = false;
                break;
            }
        }
        Ok(found)
    }

    /// The change with a number, where it is one of these, and can be read.
    async fn entry(&self, seq: i64) -> Result<Option<Entry>, Error> {
        let found = self.entries(seq.saturating_sub(1), 1).await?.pop();
        Ok(found.filter(|(found, _)| *found == seq).and_then(|(_, entry)| entry.ok()))
    }

    async fn entries(&self, after: i64, limit: usize) -> Result<Vec<(i64, Result<Entry, Error>)>, Error> {
        match &self.of {
            Of::Tenant(scope) => scope.changes(after, limit).await,
            Of::All(vault) => vault.changes(after, limit).await,
        }
    }
}
