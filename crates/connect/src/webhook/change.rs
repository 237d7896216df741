//! An endpoint that goes elsewhere, gets other events, or has a new secret.

use std::{fmt, time::SystemTime};

use keyway_vault::Error;

use super::{
    endpoint::{Endpoint, Endpoints, NewEndpoint},
    kept::{Kept, OldKey},
    new::{EndpointError, NewKey, checked, sorted},
};
use crate::{
    clock::millis,
    event::{EventType, Place},
};

/// What is to be changed of an endpoint. What is not named stays.
///
/// # Security
/// `Debug` does not show the URL: it may hold a token of the receiver's.
#[derive(Clone, Default)]
#[must_use]
pub struct EndpointChange {
    url: Option<String>,
    types: Option<Vec<EventType>>,
    is_tried: bool,
}

/// How many old secrets sign beside the new one at most.
const MOST_OLD: usize = 4;

impl EndpointChange {
    /// Sends to another URL. What waits is tried there at once, also where the endpoint was given up.
    pub fn url(self, url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..self }
    }

    /// Sends these types; none named: all. They hold for what happens from then on, and for what happened behind an event that still
    /// waits to be sent.
    pub fn types(self, types: &[EventType]) -> Self {
        Self { types: Some(types.to_vec()), ..self }
    }

    /// Tries what waits at once, also where the endpoint was given up.
    pub fn tried_again(self) -> Self {
        Self { is_tried: true, ..self }
    }
}

impl Endpoints {
    /// Changes one. What waits to be sent is not lost, and nothing is sent twice for it.
    pub async fn change(&self, id: &str, change: &EndpointChange) -> Result<Endpoint, EndpointError> {
        let url = change.url.as_deref().map(|url| checked(&self.shared.webhooks, url)).transpose()?;
        let types = change.types.as_deref().map(sorted);
        loop {
            let mut stored = self.stored(id).await?;
            let kept = &mut stored.kept;
            if let Some(types) = types.as_ref().filter(|types| **types != kept.types) {
                kept.place = self.waiting(kept).await?;
                kept.types.clone_from(types);
            }
            let elsewhere = url.as_ref().filter(|url| **url != kept.url);
            if let Some(url) = elsewhere {
                kept.url.clone_from(url);
            }
            if elsewhere.is_some() || change.is_tried {
                kept.afresh();
            }
            if let Some(changed) = stored.replaced(&self.documents()).await? {
                self.wake(id);
                return Ok(changed.shown());
            }
        }
    }

    /// Gives one a new secret. For [`old_secret`](crate::Deliveries::old_secret) messages are signed with the old one as well.
    ///
    /// # Errors
    /// [`EndpointError::TooManySecrets`] when it had four new ones in that time already.
    pub async fn rotate_secret(&self, id: &str) -> Result<NewEndpoint, EndpointError> {
        let NewKey { key, secret } = NewKey::random()?;
        let now = SystemTime::now();
        let until = now + self.shared.limits.deliveries.old_secret;
        loop {
            let mut stored = self.stored(id).await?;
            let kept = &mut stored.kept;
            kept.old_keys.retain(|old| old.signs(now));
            if kept.old_keys.len() == MOST_OLD {
                return Err(EndpointError::TooManySecrets(MOST_OLD));
            }
            let old = std::mem::replace(&mut kept.key, key.clone());
            kept.old_keys.insert(0, OldKey { key: old, until: millis(until) });
            if let Some(changed) = stored.replaced(&self.documents()).await? {
                return Ok(NewEndpoint { secret, endpoint: changed.shown() });
            }
        }
    }

    /// Just before the first event that waits to be sent; where there is none, behind all that happened.
    async fn waiting(&self, kept: &Kept) -> Result<Place, Error> {
        let (changes, mut place) = (self.shared.changes(self.owner.as_ref()), kept.place);
        loop {
            let found = changes.behind(place, 1, &kept.types).await?;
            match found.events.first() {
                Some(event) => return Ok(event.place.before()),
                None if found.more => place = found.place,
                None => return Ok(found.place),
            }
        }
    }
}

impl fmt::Debug for EndpointChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointChange").field("types", &self.types).finish_non_exhaustive()
    }
}
