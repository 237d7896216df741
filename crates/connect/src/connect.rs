//! The control plane: what an embedder sets up.

use std::{fmt, sync::Arc, time::Duration};

use ipnet::IpNet;
use keyway_core::{Origin, Registry};
use keyway_http::{Client, HttpTransport};
use keyway_vault::{Actor, Tenant, Vault};
use tokio::sync::{Semaphore, broadcast};
use url::Url;

use crate::{
    Error, Limits, Look, NewSession, Session, SessionError, Started,
    session::Desk,
    shared::Shared,
    web::{Guesses, Turns},
};

/// How many webhooks that changed are remembered for whoever sends them. Of more, some are seen when webhooks are listed again.
const WAKES: usize = 1024;

/// The control plane: the pages where people link their accounts, and the REST API of a platform's backend.
///
/// Clones are the same. It serves with [`serve`](Self::serve), and works on its own with [`work`](Self::work).
#[derive(Clone)]
pub struct Connect(pub(crate) Arc<Shared>);

/// Sets [`Connect`] up.
#[must_use]
pub struct ConnectBuilder {
    vault: Vault,
    registry: Arc<Registry>,
    client: Client,
    look: Look,
    limits: Limits,
    trusted: Vec<IpNet>,
    stand_in: Option<Origin>,
    check_every: Option<Duration>,
    webhooks: Option<HttpTransport>,
}

impl Connect {
    /// Starts to set it up, over a vault, the providers that may be linked, and what asks them whether a key is good.
    pub fn builder(vault: Vault, registry: Arc<Registry>, client: Client) -> ConnectBuilder {
        ConnectBuilder {
            vault,
            registry,
            client,
            look: Look::default(),
            limits: Limits::default(),
            trusted: Vec::new(),
            stand_in: None,
            check_every: Some(Duration::from_secs(24 * 60 * 60)),
            webhooks: None,
        }
    }

    /// Makes a session, as `POST /v1/sessions` does.
    pub async fn start(&self, tenant: &Tenant, new: NewSession) -> Result<Started, SessionError> {
        self.0.desk.start(tenant, new).await
    }

    /// A tenant's session, by its id: how far it is, and what came of it, also for an hour after its end. This is what a
    /// [`return_url`](NewSession::return_url) asks, of the `session_id` that it is given; nothing is there of other tenants', and
    /// of what is no id.
    ///
    /// # Errors
    /// When the vault does not say.
    pub async fn session(&self, tenant: &Tenant, id: &str) -> Result<Option<Session>, keyway_vault::Error> {
        self.0.desk.of_tenant(tenant, id).await
    }

    /// Ends a session, as `DELETE /v1/sessions/{id}` does: its link cannot be opened any more, and whoever opened it cannot go on.
    /// What was confirmed already may still be saved.
    ///
    /// # Errors
    /// When the vault does not do it.
    pub async fn end(&self, session: &Session) -> Result<(), keyway_vault::Error> {
        self.0.desk.end(session).await
    }
}

impl ConnectBuilder {
    /// How pages look where a session does not say.
    pub fn look(self, look: Look) -> Self {
        Self { look, ..self }
    }

    /// Takes other limits.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Believes `X-Forwarded-For` of who connects from these networks. Nobody else is believed.
    pub fn trusted_proxies(self, networks: Vec<IpNet>) -> Self {
        Self { trusted: networks, ..self }
    }

    /// Checks keys against stand-ins at this origin, and binds what is saved to it: for demonstrations and tests.
    pub fn stand_in(self, origin: Origin) -> Self {
        Self { stand_in: Some(origin), ..self }
    }

    /// How often a connection is checked when nothing else does; `None`: never. A day without it.
    pub fn check_every(self, time: Option<Duration>) -> Self {
        Self { check_every: time, ..self }
    }

    /// Sends webhooks over this. Without it they go to public addresses over https alone, as everything does; one that
    /// [allows loopback](keyway_http::HttpTransportBuilder::allow_loopback) is for demonstrations and tests. It waits for 15 seconds
    /// at most, also where [`Deliveries::time`](crate::Deliveries::time) is longer.
    ///
    /// # Security
    /// Tenants say where webhooks go: one that reaches private networks is not for them.
    pub fn webhooks_over(self, transport: HttpTransport) -> Self {
        Self { webhooks: Some(transport), ..self }
    }

    /// Sets it up. `public_url` is where browsers reach it: `https://connect.example.com`, without a path; `http` on loopback
    /// alone.
    pub fn build(self, public_url: &str) -> Result<Connect, Error> {
        let problem = Error::Setting(
            "the public URL of the connect pages is https://host, perhaps with a port; http on loopback alone",
        );
        let Ok(url) = Url::parse(public_url) else { return Err(problem) };
        let origin = url.origin().ascii_serialization();
        let is_plain = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let is_secure = url.scheme() == "https";
        if !is_plain || !(is_secure || (url.scheme() == "http" && crate::session::is_loopback(&url))) {
            return Err(problem);
        }
        self.look.check().map_err(|(field, why)| Error::Look { field, why })?;
        let actor = Actor::parse("connect").map_err(|_| Error::Setting("the actor has no name"))?;
        let desk =
            Desk::new(&self.vault, Arc::clone(&self.registry), actor.clone(), origin.clone(), &self.limits);
        let webhooks = match self.webhooks {
            Some(transport) => transport,
            None => HttpTransport::builder()
                .build()
                .map_err(|_| Error::Setting("the TLS library cannot be set up for webhooks"))?,
        };
        Ok(Connect(Arc::new(Shared {
            desk,
            guesses: Guesses::new(self.limits.guesses),
            turns: Turns::default(),
            webhooks: webhooks.for_checks(),
            sending: broadcast::Sender::new(WAKES),
            vault: self.vault,
            registry: self.registry,
            client: self.client,
            look: self.look,
            room: Arc::new(Semaphore::new(self.limits.connections.min(Semaphore::MAX_PERMITS))),
            limits: self.limits,
            trusted: self.trusted,
            stand_in: self.stand_in,
            check_every: self.check_every,
            origin,
            is_secure,
            actor,
        })))
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

impl fmt::Debug for ConnectBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectBuilder").field("vault", &self.vault).finish_non_exhaustive()
    }
}
