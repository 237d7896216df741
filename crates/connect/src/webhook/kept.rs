//! What is kept of an endpoint: one sealed document, so that where it goes, what it has seen and how it does change together, or
//! not at all.

use std::time::SystemTime;

use keyway_vault::{Document, Documents, Error, Tenant};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::attempt::LastAttempt;
use crate::{
    clock::millis,
    event::{EventType, Place},
};

pub(super) const KIND: &str = "webhook";

/// What is kept of an endpoint.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) url: String,
    /// None named: all.
    #[serde(default)]
    pub(super) types: Vec<EventType>,
    #[serde(with = "as_base64")]
    pub(super) key: Zeroizing<Vec<u8>>,
    /// Keys that it had before, and that sign as well for a time, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) old_keys: Vec<OldKey>,
    /// The last event that it took, or that there was when it was set up.
    pub(super) place: Place,
    /// How many events were passed over.
    #[serde(default)]
    pub(super) skipped: u64,
    /// How often the next event was tried.
    #[serde(default)]
    pub(super) tries: u32,
    /// When it is tried again, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) retry_at: Option<u64>,
    /// Since when nothing is taken, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failing_since: Option<u64>,
    #[serde(default)]
    pub(super) disabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<LastAttempt>,
}

/// A key that an endpoint had before.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct OldKey {
    #[serde(with = "as_base64")]
    pub(super) key: Zeroizing<Vec<u8>>,
    /// Until when it signs, in milliseconds since 1970.
    pub(super) until: u64,
}

impl OldKey {
    pub(super) fn signs(&self, now: SystemTime) -> bool {
        millis(now) < self.until
    }
}

/// An endpoint, as it was read.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) kept: Kept,
    pub(super) document: Document,
}

impl Stored {
    pub(super) fn read(document: Document) -> Result<Self, Error> {
        let kept = serde_json::from_slice(&document.text)
            .map_err(|_| Error::Tampered { what: format!("webhook {}", document.id) })?;
        Ok(Self { kept, document })
    }

    /// The endpoint; where it cannot be read, the log says so.
    pub(super) fn or_told(id: &str, document: Result<Document, Error>) -> Option<Self> {
        let read = document.and_then(Self::read);
        read.inspect_err(
            |error| tracing::error!(webhook = %id, %error, "a webhook cannot be read; nothing is sent there"),
        )
        .ok()
    }

    pub(super) fn id(&self) -> &str {
        &self.document.id
    }

    pub(super) fn owner(&self) -> Option<&Tenant> {
        self.document.tenant.as_ref()
    }

    /// The endpoint with this id, whoever's it is.
    pub(super) async fn of(documents: &Documents, id: &str) -> Result<Option<Self>, Error> {
        documents.get(KIND, id).await?.map(Self::read).transpose()
    }

    /// Writes down what is kept. `None` when somebody else changed or removed it since it was read.
    pub(super) async fn replaced(self, documents: &Documents) -> Result<Option<Self>, Error> {
        let text = self.kept.text()?;
        let document = documents.replace(&self.document, &text, None).await?;
        Ok(document.map(|document| Self { document, ..self }))
    }

    /// Changes what is kept, whoever else changes it too. `None` when it is gone.
    pub(super) async fn change(
        documents: &Documents,
        id: &str,
        change: impl Fn(&mut Kept),
    ) -> Result<Option<Self>, Error> {
        while let Some(mut stored) = Self::of(documents, id).await? {
            change(&mut stored.kept);
            if let Some(changed) = stored.replaced(documents).await? {
                return Ok(Some(changed));
            }
        }
        Ok(None)
    }
}

impl Kept {
    pub(super) fn text(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let text = serde_json::to_vec(self);
        text.map(Zeroizing::new).map_err(|_| Error::Invalid("a webhook is too large".to_owned()))
    }

    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self {
            url: "https://hooks.example.com/".to_owned(),
            types: Vec::new(),
            key: Zeroizing::new(vec![7; 32]),
            old_keys: Vec::new(),
            place: Place::default(),
            skipped: 0,
            tries: 0,
            retry_at: None,
            failing_since: None,
            disabled: false,
            last: None,
        }
    }
}

mod as_base64 {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Zeroizing<Vec<u8>>, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        STANDARD.decode(&*text).map(Zeroizing::new).map_err(|_| D::Error::custom("not base64"))
    }
}
