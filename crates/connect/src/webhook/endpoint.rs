//! Endpoints: where events are sent to.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use keyway_core::Secret;
use keyway_vault::{ConnectionId, Documents, Tenant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    EndpointError,
    attempt::LastAttempt,
    kept::{KIND, Stored},
    send::send,
};
use crate::{Connect, clock::rfc3339, event::EventType, shared::Shared};

/// An endpoint's id: `whk_` and 20 characters.
pub type EndpointId = String;

/// The endpoints of a tenant, or those of the platform, which get the events of all tenants.
#[derive(Clone)]
pub struct Endpoints {
    pub(super) shared: Arc<Shared>,
    pub(super) owner: Option<Tenant>,
}

/// Where events are sent to.
///
/// # Security
/// `Debug` does not show the URL: it may hold a token of the receiver's.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Webhook, description = "Where events are sent to.")]
#[non_exhaustive]
pub struct Endpoint {
    /// The id.
    #[schema(value_type = String, example = "whk_a2b3c4d5e6f7a2b3c4d5")]
    pub id: EndpointId,
    /// Whose events it gets; none: everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "acme")]
    pub tenant: Option<String>,
    /// Where they are sent to.
    #[schema(example = "https://hooks.example.com/keyway", format = "uri")]
    pub url: String,
    /// Which it gets; none named: all.
    pub types: Vec<EventType>,
    /// How it does.
    pub state: EndpointState,
    /// Since when nothing is taken, as RFC 3339 in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
    pub failing_since: Option<String>,
    /// The last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last: Option<LastAttempt>,
    /// How many events were passed over, because they were refused when the one after them was taken.
    pub skipped: u64,
    /// When it was set up, as RFC 3339 in UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// How an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = WebhookState)]
#[non_exhaustive]
pub enum EndpointState {
    /// It takes what is sent.
    Ok,
    /// The last attempt failed, and is made again.
    Failing,
    /// It failed for 5 days, or said that it is gone. Nothing is sent until a test is taken, or it is changed so that it is tried again;
    /// then all of it is.
    Disabled,
}

/// An endpoint that was just set up, or has a new secret.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewEndpoint {
    /// What its receiver knows us by: `whsec_` and base64. It is shown this once.
    pub secret: Secret,
    /// It.
    pub endpoint: Endpoint,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WebhookTest)]
#[non_exhaustive]
pub struct Tested {
    /// The id of what was sent.
    pub id: String,
    /// Whether it was taken: the status is between 200 and 299.
    pub delivered: bool,
    /// The answer's status, where one came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 204)]
    pub status: Option<u16>,
    /// Why none came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "no connection to the host")]
    pub problem: Option<String>,
    /// How long it took, in milliseconds.
    #[schema(example = 42)]
    pub duration_ms: u64,
}

/// What a test sends.
#[derive(Serialize)]
struct Test<'t> {
    id: &'t str,
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: TestData<'t>,
}

#[derive(Serialize)]
struct TestData<'t> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'t str>,
    webhook: &'t str,
}

impl Connect {
    /// The endpoints of a tenant; with none, those of the platform.
    pub fn webhooks(&self, owner: Option<&Tenant>) -> Endpoints {
        Endpoints { shared: Arc::clone(&self.0), owner: owner.cloned() }
    }
}

impl Endpoints {
    /// All of them, sorted by id. One that somebody changed in the database is told in the log, and left out.
    pub async fn list(&self) -> Result<Vec<Endpoint>, EndpointError> {
        let found = self.documents().each(KIND, Some(self.owner.as_ref()), None, 1000).await?;
        let read = found.into_iter().filter_map(|(id, one)| Stored::or_told(&id, one));
        Ok(read.map(|one| one.shown()).collect())
    }

    /// One of them.
    pub async fn get(&self, id: &str) -> Result<Endpoint, EndpointError> {
        Ok(self.stored(id).await?.shown())
    }

    /// Removes one, also one that cannot be read any more: nothing is sent there any more.
    pub async fn remove(&self, id: &str) -> Result<(), EndpointError> {
        if !self.documents().discard(KIND, id, self.owner.as_ref()).await? {
            return Err(EndpointError::NotFound);
        }
        self.wake(id);
        Ok(())
    }

    /// Sends a `webhook.test` now, and says what came back. Where it is taken, an endpoint that failed is tried again at once, and
    /// one that was given up gets everything since then.
    pub async fn test(&self, id: &str) -> Result<Tested, EndpointError> {
        let stored = self.stored(id).await?;
        let message = format!("evt_test_{}", &ConnectionId::random().as_str()[4..]);
        let test = Test {
            id: &message,
            kind: "webhook.test",
            timestamp: rfc3339(SystemTime::now()),
            data: TestData { tenant: stored.owner().map(Tenant::as_str), webhook: stored.id() },
        };
        let body = serde_json::to_vec(&test).map_err(|_| EndpointError::NotFound)?;
        let time = self.shared.limits.deliveries.time;
        let outcome = send(&self.shared.webhooks, &stored.kept, &message, body.into(), time).await;
        if outcome.is_taken() {
            let now = SystemTime::now();
            Stored::change(&self.documents(), id, |kept| kept.works(&outcome, now)).await?;
            self.wake(id);
        }
        Ok(Tested {
            id: message,
            delivered: outcome.is_taken(),
            status: outcome.status.map(|status| status.as_u16()),
            problem: outcome.problem.map(|kind| kind.to_string()),
            duration_ms: u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Tells whoever sends, if that is this process. Others see it when they look.
    pub(super) fn wake(&self, id: &str) {
        let _ = self.shared.sending.send(id.to_owned());
    }

    pub(super) fn documents(&self) -> Documents {
        self.shared.vault.documents()
    }

    /// One of the owner's; of somebody else's nobody says that it is there (I8).
    pub(super) async fn stored(&self, id: &str) -> Result<Stored, EndpointError> {
        let is_id = (1..=128).contains(&id.len());
        let found = if is_id { Stored::of(&self.documents(), id).await? } else { None };
        found.filter(|one| one.owner() == self.owner.as_ref()).ok_or(EndpointError::NotFound)
    }
}

impl Stored {
    pub(super) fn shown(&self) -> Endpoint {
        let kept = &self.kept;
        let since = kept.failing_since.map(|at| rfc3339(UNIX_EPOCH + Duration::from_millis(at)));
        Endpoint {
            id: self.id().to_owned(),
            tenant: self.owner().map(ToString::to_string),
            url: kept.url.clone(),
            types: kept.types.clone(),
            state: match (kept.disabled, &since) {
                (true, _) => EndpointState::Disabled,
                (false, Some(_)) => EndpointState::Failing,
                (false, None) => EndpointState::Ok,
            },
            failing_since: since,
            last: kept.last.clone(),
            skipped: kept.skipped,
            created_at: rfc3339(self.document.created_at),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("id", &self.id)
            .field("tenant", &self.tenant)
            .field("state", &self.state)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("owner", &self.owner).finish_non_exhaustive()
    }
}
