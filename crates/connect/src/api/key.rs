//! New keys for connections, of values that a form of the platform's own asked for.

use axum::response::{IntoResponse as _, Response};
use keyway_core::Credential;
use keyway_vault::{Accounts, ApiScope, ConnectionId, Error, New, Scope};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    answer::ok,
    connections::{ConnectionView, parse},
    path::Named,
    problem::{Kind, Problem},
    sent::Sent,
    values::{Values, account},
};
use crate::shared::Shared;

/// A new key for a connection, made of values that your own form asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(super) struct KeyBody {
    /// The method's id; without it the connection's.
    #[schema(max_length = 64, example = "api_key")]
    method: Option<String>,
    /// What the provider's form asks for, by field.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"api_key": "rootly_made-up"}))]
    values: Values,
    /// Whether the new key may be of another account.
    allow_other_account: Option<bool>,
}

/// Replaces a key
///
/// For a form of your own: the values are checked as the provider's form says, the provider is asked whether the key is good, and a
/// good one takes the place of the connection's. Its id, its name and its grants stay. Anything else changes nothing.
#[utoipa::path(
    post, path = "/v1/connections/{id}/key", tag = "Connections", operation_id = "replaceKey",
    params(("id" = String, Path, description = "The connection", example = "con_abcdefghijklmnopqrst")),
    request_body = KeyBody,
    responses((status = 200, description = "The connection", body = ConnectionView)),
)]
pub(super) async fn replace(Named(id): Named<String>, sent: Sent) -> Response {
    let begun = match begin(&id, sent).await {
        Ok(begun) => begun,
        Err(problem) => return problem.into_response(),
    };
    let work = async move |sent: Sent| {
        let scope = sent.call.scope(ApiScope::ConnectionsWrite)?;
        sent.call.query(&[])?;
        let (id, shared) = (parse(&id)?, &sent.call.connect.0);
        // Of what is not there nothing is said but that, whatever the body is.
        let one = scope.get(&id).await?;
        let over = sent.over.ok_or(Error::NotFound)?;
        let body: KeyBody = sent.json()?;
        let provider = shared.registry.get(&one.provider).map_err(|error| {
            Error::Invalid(format!("the connection's provider cannot be used here: {error}"))
        })?;
        let provider = provider.descriptor().id().as_str();
        let own = shared.registry.method(provider, Some(&one.method)).is_ok().then_some(&*one.method);
        let credential = body.values.accept(shared, provider, body.method.as_deref().or(own))?;
        if one.credential_version() != over {
            // It may be this very key, of which nobody was told.
            let is_done = sent.is_again && has(&scope, &id, &credential, shared).await?;
            return if is_done { Ok(ok(&ConnectionView::of(&one))) } else { Err(replaced()) };
        }
        let account = account(shared, &credential).await?;
        let accounts =
            if body.allow_other_account.unwrap_or_default() { Accounts::Any } else { Accounts::Same };
        let new = New::connection(&credential).account(&account).over(over);
        let one = scope.replace(&id, new, accounts).await.map_err(|error| match error {
            Error::Replaced => replaced(),
            Error::OtherAccount => Problem::new(
                Kind::OtherAccount,
                "nothing was changed; `allow_other_account` lets a key of another account through",
            ),
            error => error.into(),
        })?;
        Ok(ok(&ConnectionView::of(&one)))
    };
    begun.once(ApiScope::ConnectionsWrite, work).await
}

/// Reads which key it is that the new one takes the place of: whoever does it again after a crash replaces no newer one.
async fn begin(id: &str, mut sent: Sent) -> Result<Sent, Problem> {
    let scope = sent.call.scope(ApiScope::ConnectionsWrite)?;
    match scope.get(&parse(id)?).await {
        Ok(one) => sent.over = Some(one.credential_version()),
        // What was done of it before is told all the same.
        Err(Error::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(sent)
}

/// Whether a connection has this very key.
async fn has(
    scope: &Scope,
    id: &ConnectionId,
    credential: &Credential,
    shared: &Shared,
) -> Result<bool, Problem> {
    match scope.open(id, &shared.registry).await {
        Ok(opened) => Ok(scope.fingerprint(&opened.credential)? == scope.fingerprint(credential)?),
        Err(Error::NeedsKey { .. } | Error::Invalid(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn replaced() -> Problem {
    Problem::new(
        Kind::Conflict,
        "the connection got another key since this was begun; look at it before you send one again",
    )
}
