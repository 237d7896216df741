//! Who calls, for whom, and what for.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, header, request::Parts};
use keyway_vault::{Actor, ApiScope, ApiToken, Error, Scope, Tenant};
use url::form_urlencoded;

use super::problem::{Kind, Problem};
use crate::{Connect, web::Peer};

/// Names the tenant that a token of the platform acts for.
pub(super) const TENANT: HeaderName = HeaderName::from_static("keyway-tenant");

/// A request of somebody who showed a good token.
pub(super) struct Call {
    pub(super) connect: Connect,
    pub(super) token: ApiToken,
    /// The tenant: the token's, or the one that a token of the platform names; none: the platform.
    pub(super) tenant: Option<Tenant>,
    /// Who the audit log names.
    pub(super) actor: Actor,
    query: String,
}

/// The parameters of a query: each is known, and stands once.
pub(super) struct Query(Vec<(String, String)>);

impl Call {
    /// Whether the token is for this.
    pub(super) fn may(&self, scope: ApiScope) -> Result<(), Problem> {
        if self.token.scopes.contains(&scope) {
            return Ok(());
        }
        Err(Problem::new(Kind::Scope, format!("it lacks the scope `{}`", scope.as_str())))
    }

    /// What belongs to the tenant, in the name of the token.
    pub(super) fn scope(&self, scope: ApiScope) -> Result<Scope, Problem> {
        self.may(scope)?;
        Ok(self.connect.0.vault.tenant(self.tenant()?, &self.actor))
    }

    /// The tenant. A token of the platform has to name one.
    pub(super) fn tenant(&self) -> Result<&Tenant, Problem> {
        self.tenant.as_ref().ok_or_else(|| {
            Problem::header(
                "Keyway-Tenant",
                "required",
                "a token of the platform says which tenant it acts for",
            )
        })
    }

    /// The query, which has parameters of these names alone.
    pub(super) fn query(&self, names: &[&str]) -> Result<Query, Problem> {
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(self.query.as_bytes()).into_owned().collect();
        for (index, (name, _)) in pairs.iter().enumerate() {
            if !names.contains(&name.as_str()) {
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(Problem::parameter(
                    name,
                    "unknown",
                    &format!("there is no such parameter; there are {known}"),
                ));
            }
            if pairs[..index].iter().any(|(before, _)| before == name) {
                return Err(Problem::parameter(name, "duplicate", "it stands twice"));
            }
        }
        Ok(Query(pairs))
    }
}

impl Query {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequestParts<Connect> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, connect: &Connect) -> Result<Self, Problem> {
        let token = token(parts, connect).await?;
        let named = tenant(&parts.headers)?;
        let tenant = match (&token.tenant, named) {
            (Some(own), Some(named)) if *own != named => {
                return Err(Problem::new(Kind::Tenant, "`Keyway-Tenant` names a tenant that it is not of"));
            }
            (Some(own), _) => Some(own.clone()),
            (None, named) => named,
        };
        let actor = Actor::parse(&format!("api:{}", token.id))
            .map_err(|_| Problem::new(Kind::Damaged, "the token has no name"))?;
        let query = parts.uri.query().unwrap_or_default().to_owned();
        Ok(Self { connect: connect.clone(), token, tenant, actor, query })
    }
}

const CHALLENGE: &str = r#"Bearer realm="keyway""#;
const REFUSED: &str = r#"Bearer realm="keyway", error="invalid_token""#;

async fn token(parts: &Parts, connect: &Connect) -> Result<ApiToken, Problem> {
    let Some(shown) = only(&parts.headers, &header::AUTHORIZATION)? else {
        return Err(Problem::unauthorized(CHALLENGE, "send `Authorization: Bearer kwa_…`"));
    };
    let bearer = shown.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, text)) = bearer else {
        return Err(Problem::unauthorized(CHALLENGE, "send `Authorization: Bearer kwa_…`"));
    };
    let shared = &connect.0;
    match shared.vault.tokens(&shared.actor).authenticate(text.trim()).await {
        Ok(token) => Ok(token),
        Err(Error::NotFound) => {
            let peer =
                parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
            Err(match shared.guesses.failed(peer) {
                Some(wait) => Problem::new(Kind::TooMany, "they come from this address; wait").after(wait),
                None if text.contains("kwg_") => {
                    let what =
                        "this is a grant, which the gateway takes; the REST API takes tokens (`kwa_…`)";
                    Problem::unauthorized(REFUSED, what)
                }
                None => Problem::unauthorized(REFUSED, "this token is not good, or not any more"),
            })
        }
        Err(error) => Err(error.into()),
    }
}

fn tenant(headers: &HeaderMap) -> Result<Option<Tenant>, Problem> {
    let Some(named) = only(headers, &TENANT)? else { return Ok(None) };
    let tenant = Tenant::parse(named)
        .map_err(|error| Problem::header("Keyway-Tenant", "invalid", &error.to_string()))?;
    Ok(Some(tenant))
}

/// A header that stands at most once, and is plain text.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(http::HeaderValue::to_str), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        (Some(Err(_)), None) => Err(Problem::header(name.as_str(), "invalid", "plain ASCII is asked for")),
        (_, Some(_)) => Err(Problem::header(name.as_str(), "duplicate", "it stands twice")),
    }
}
