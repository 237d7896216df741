//! The demonstration: a tenant that is connected to every provider's stand-in, a grant for each connection, and what its
//! platform would have.

use std::{sync::Arc, time::SystemTime};

use keyway::{
    Account, Credential, Entry, Method, Origin, Registry, Verdict,
    http::Client,
    vault::{Accounts, ApiScope, ConnectionId, Error, New, Scope, Tenant, Terms, Vault, shape_prefix},
};
use keyway_connect::{Connect, NewSession, Purpose};
use keyway_testkit::MethodFixtures;

use super::folder::{Kept, Memory};
use crate::{exit::Failure, keys, vault::actor};

/// Whose connections they are.
pub(super) const TENANT: &str = "demo";
/// Who links accounts, as the made-up platform names its users.
pub(super) const END_USER: &str = "ada";

/// A provider that is connected.
pub(super) struct Demo<'r> {
    pub(super) entry: &'r Entry,
    pub(super) method: &'r Arc<Method>,
    pub(super) fixtures: MethodFixtures,
    pub(super) kept: Kept,
}

/// A provider, or one of its methods, that has no stand-in.
pub(super) struct LeftOut<'r> {
    pub(super) entry: &'r Entry,
    pub(super) why: String,
}

/// Connects every provider's stand-in, each with its good made-up key. What is remembered is found again, and stays. A
/// provider whose stand-in would not take its own good key is left out.
pub(super) async fn connect<'r>(
    vault: &Vault,
    registry: &'r Registry,
    client: &Client,
    origin: &Origin,
    memory: &mut Memory,
) -> Result<(Vec<Demo<'r>>, Vec<LeftOut<'r>>), Failure> {
    let scope = vault.tenant(&tenant()?, &actor());
    let (mut demos, mut left_out) = (Vec::new(), Vec::new());
    for entry in registry.entries() {
        let (fixtures, why) = match keys::fixtures(entry) {
            Ok(fixtures) if fixtures.is_empty() => (fixtures, Some("it has no fixtures.yaml".to_owned())),
            Ok(fixtures) => (fixtures, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        left_out.extend(why.map(|why| LeftOut { entry, why }));
        for fixtures in fixtures {
            let (method, credential, account) = match checked(entry, &fixtures, client, origin).await {
                Ok(checked) => checked,
                Err(why) => {
                    left_out.push(LeftOut { entry, why });
                    continue;
                }
            };
            let place =
                Place { vault, scope: &scope, entry, method, credential: &credential, account: &account };
            let at = memory.grants.iter().position(|kept| place.is_of(kept));
            let kept = place.kept(at.map(|at| memory.grants.swap_remove(at))).await?;
            memory.grants.push(kept.clone());
            demos.push(Demo { entry, method, fixtures, kept });
        }
    }
    Ok((demos, left_out))
}

/// The good made-up key, as the stand-in takes it; `Err` says why it does not.
async fn checked<'e>(
    entry: &'e Entry,
    fixtures: &MethodFixtures,
    client: &Client,
    origin: &Origin,
) -> Result<(&'e Arc<Method>, Credential, Account), String> {
    keys::play(entry, fixtures)?;
    let untaken = || "its stand-in does not take the good key of its own fixtures".to_owned();
    let method = entry.descriptor().method(fixtures.method()).ok_or_else(untaken)?;
    let submission = fixtures.good().ok_or_else(untaken)?.submission();
    let accepted = entry.accept(method, &submission).map_err(|refused| refused.to_string())?;
    let credential = accepted.credential.at_origin(origin.clone());
    match client.check(&credential).await {
        Verdict::Valid(account) => Ok((method, credential, account)),
        // Another provider's fixtures have the same key, say.
        verdict => Err(format!("{}: the verdict is `{}`", untaken(), verdict.kind())),
    }
}

fn tenant() -> Result<Tenant, Failure> {
    Tenant::parse(TENANT).map_err(|error| Failure::Because(error.to_string()))
}

/// The token of the REST API: the one that is remembered, where it is still good.
pub(super) async fn api_token(vault: &Vault, memory: &mut Memory) -> Result<String, Failure> {
    let (tenant, tokens) = (tenant()?, vault.tokens(&actor()));
    if let Some(text) = &memory.api_token {
        match tokens.authenticate(text).await {
            Ok(token) if token.tenant.as_ref() == Some(&tenant) => return Ok(text.clone()),
            Ok(_) | Err(Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let made = tokens.create(Some(&tenant), Some("Sandbox"), &ApiScope::ALL, None).await?;
    let text = made.secret.expose().to_owned();
    memory.api_token = Some(text.clone());
    Ok(text)
}

/// A link for the platform's user. `more` is what else the session is to be.
pub(super) async fn link(
    connect: &Connect,
    more: impl FnOnce(NewSession) -> NewSession,
) -> Result<String, Failure> {
    let new = NewSession::new(END_USER, Purpose::Connect { providers: Vec::new() });
    let started = connect.start(&tenant()?, more(new)).await;
    let started = started.map_err(|error| Failure::Because(error.to_string()))?;
    // It opens once, for ten minutes, and what comes of it is good for the stand-ins alone.
    Ok(started.link.expose().to_owned())
}

/// One connection, as it is to be.
struct Place<'p> {
    vault: &'p Vault,
    scope: &'p Scope,
    entry: &'p Entry,
    method: &'p Arc<Method>,
    credential: &'p Credential,
    account: &'p Account,
}

impl Place<'_> {
    fn is_of(&self, kept: &Kept) -> bool {
        *self.entry.descriptor().id() == *kept.provider && *self.method.id() == *kept.method
    }

    /// The connection and its grant: those that there were, where they can still be used.
    async fn kept(&self, before: Option<Kept>) -> Result<Kept, Failure> {
        let known = match &before {
            Some(kept) => self.known(kept).await?,
            None => None,
        };
        let connection = match known {
            Some(id) => id,
            None => self.scope.save(self.as_kept()).await?.connection.id,
        };
        if let Some(kept) = before.filter(|kept| kept.connection == connection.as_str())
            && self.is_good(&kept, &connection).await?
        {
            return Ok(kept);
        }
        let mut terms = Terms::builder();
        if let Some(prefix) = shape_prefix(self.method) {
            terms = terms.prefix(prefix);
        }
        let terms = terms.build(SystemTime::now()).map_err(|error| Failure::Because(error.to_string()))?;
        let made = self.scope.grant(&connection, terms).await?;
        Ok(Kept {
            provider: self.entry.descriptor().id().to_string(),
            method: self.method.id().to_string(),
            connection: connection.to_string(),
            // Shown again at every start, and good for nothing but the stand-in.
            token: made.token.expose().to_owned(),
        })
    }

    /// The connection that is remembered, brought to where the stand-ins are now; nothing when it was removed.
    async fn known(&self, kept: &Kept) -> Result<Option<ConnectionId>, Failure> {
        let Ok(id) = ConnectionId::parse(&kept.connection) else { return Ok(None) };
        let connection = match self.scope.get(&id).await {
            Err(Error::NotFound) => return Ok(None),
            other => other?,
        };
        let here: Vec<String> = self.credential.origins().iter().map(ToString::to_string).collect();
        if connection.origins != here || connection.status != keyway::vault::Status::Active {
            self.scope.replace(&id, self.as_kept(), Accounts::Same).await?;
        }
        Ok(Some(id))
    }

    /// Whether a grant can still be used.
    async fn is_good(&self, kept: &Kept, connection: &ConnectionId) -> Result<bool, Failure> {
        match self.vault.grant(&kept.token).await {
            Ok(grant) => {
                let ends = grant.terms.expires_at();
                Ok(grant.connection == *connection && grant.revoked_at.is_none() && ends.is_none())
            }
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn as_kept(&self) -> New<'_> {
        New::connection(self.credential).account(self.account).name("Sandbox")
    }
}
