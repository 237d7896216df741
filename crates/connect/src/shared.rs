//! What all requests share.

use std::{net::IpAddr, sync::Arc, time::Duration};

use ipnet::IpNet;
use keyway_core::{Code, Credential, FieldProblem, Origin, Registry};
use keyway_http::{Client, HttpTransport};
use keyway_vault::{Actor, ConnectionId, Scope, Tenant, Vault, issued_here};
use tokio::sync::{Semaphore, broadcast};

use crate::{
    EndpointId, Limits, Look,
    session::{Desk, Session},
    web::{Guesses, Turn, Turns},
};

pub(crate) struct Shared {
    pub(crate) vault: Vault,
    pub(crate) registry: Arc<Registry>,
    pub(crate) client: Client,
    pub(crate) desk: Desk,
    pub(crate) look: Look,
    pub(crate) limits: Limits,
    /// A place for each client that is connected, to whichever listener.
    pub(crate) room: Arc<Semaphore>,
    pub(crate) trusted: Vec<IpNet>,
    pub(crate) stand_in: Option<Origin>,
    pub(crate) check_every: Option<Duration>,
    /// `https://connect.example.com`.
    pub(crate) origin: String,
    pub(crate) is_secure: bool,
    pub(crate) actor: Actor,
    pub(crate) guesses: Guesses,
    /// One check at a time for a session.
    pub(crate) turns: Turns,
    /// What webhooks are sent over.
    pub(crate) webhooks: HttpTransport,
    /// Tells whoever sends webhooks which one was set up, changed, tested or removed.
    pub(crate) sending: broadcast::Sender<EndpointId>,
}

/// Tells the operator of connections that a list leaves out: they are not as they were written.
pub(crate) fn log_damaged(ids: &[String]) {
    for id in ids {
        tracing::error!(connection = ?id, "a connection is left out of a list: it is not as it was written");
    }
}

impl Shared {
    /// What belongs to a tenant, in the name of the connect pages.
    pub(crate) fn scope(&self, tenant: &Tenant) -> Scope {
        self.vault.tenant(tenant, &self.actor)
    }

    /// What belongs to a session's tenant, in the name of the connect pages and of the token that made the session.
    pub(crate) fn scope_of(&self, session: &Session) -> Scope {
        let named = session.kept.token.as_ref();
        let named = named.and_then(|token| Actor::parse(&format!("{}:{token}", self.actor)).ok());
        self.vault.tenant(&session.tenant, named.as_ref().unwrap_or(&self.actor))
    }

    /// A credential as it is checked and saved.
    pub(crate) fn placed(&self, credential: Credential) -> Credential {
        match &self.stand_in {
            Some(origin) => credential.at_origin(origin.clone()),
            None => credential,
        }
    }

    /// Waits until nobody else checks a connection.
    pub(crate) async fn turn_to_check(&self, id: &ConnectionId) -> Turn {
        self.turns.of(&format!("check {id}")).await
    }

    /// What is wrong with a credential that has a token of ours in a key's place: a provider is not to see that.
    pub(crate) fn misplaced(credential: &Credential) -> Option<FieldProblem> {
        let field = issued_here(credential)?.to_string();
        let message = "this is a token of the application that asks, and no key of the service".to_owned();
        Some(FieldProblem { field, code: Code::OtherProvider, message })
    }

    /// Whether what a peer says of the client behind it is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&peer.to_canonical()))
    }
}
