//! Webhooks: where events are sent.

use axum::response::Response;
use keyway_vault::ApiScope;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::{
    answer::{List, Shown, created, nothing, ok},
    call::Call,
    path::Named,
    problem::Problem,
    sent::Sent,
};
use crate::{Endpoint, EndpointChange, EndpointError, Endpoints, EventType, Tested};

/// A webhook that is to be set up.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub(super) struct WebhookBody {
    /// Where events are sent to: `https`, and a public address.
    #[schema(max_length = 2048, example = "https://hooks.example.com/keyway")]
    url: String,
    /// Which it gets; without it, or with none, all.
    #[schema(example = json!(["connection.created", "connection.needs_reconnect"]))]
    types: Option<Vec<EventType>>,
}

/// What is to be changed of a webhook; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookChange)]
pub(super) struct ChangeBody {
    /// Where events are sent to from now on: `https`, and a public address. What waits is tried there at once.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, max_length = 2048, example = "https://hooks.example.com/keyway")]
    url: Option<String>,
    /// Which it gets; with none, all. They hold for what happens from now on, and for what happened behind an event that still waits
    /// to be sent.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<EventType>, required = false, example = json!(["connection.created", "connection.needs_reconnect"]))]
    types: Option<Vec<EventType>>,
    /// `ok`: what waits is tried at once, also where the webhook was given up.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Again, inline, required = false)]
    state: Option<Again>,
}

/// The one state that a webhook can be given.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Again {
    Ok,
}

/// What is there is no `null`.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// A webhook that was just set up, or has a new secret.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeWebhook)]
pub(super) struct MadeView {
    webhook: Endpoint,
    /// What its receiver checks signatures with, as <https://www.standardwebhooks.com> has it: it is shown this once.
    #[schema(value_type = String, example = "whsec_bWFkZSB1cA==")]
    secret: Shown,
}

type Webhooks = List<Endpoint>;

/// Sets up a webhook
///
/// It gets what happens from now on, at least once. A token of the platform that names no tenant sets up one for all tenants.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "Webhooks", operation_id = "createWebhook",
    security(("token" = ["webhooks"])),
    request_body = WebhookBody,
    responses((status = 201, description = "It was set up", body = MadeView,
        headers(("Location" = String, description = "Its path")))),
)]
pub(super) async fn create(sent: Sent) -> Response {
    sent.once(ApiScope::Webhooks, async |sent: Sent| {
        sent.call.query(&[])?;
        let body: WebhookBody = sent.json()?;
        let types = body.types.unwrap_or_default();
        let made = endpoints(&sent.call).create(&body.url, &types).await?;
        let location = format!("/v1/webhooks/{}", made.endpoint.id);
        Ok(created(&location, &MadeView { webhook: made.endpoint, secret: Shown(made.secret) }))
    })
    .await
}

/// Lists webhooks
///
/// All of them, sorted by id.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "Webhooks", operation_id = "listWebhooks",
    security(("token" = ["webhooks"])),
    responses((status = 200, description = "The webhooks", body = Webhooks)),
)]
pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    call.may(ApiScope::Webhooks)?;
    call.query(&[])?;
    Ok(ok(&List { data: endpoints(&call).list().await?, next: None }))
}

/// Shows a webhook
///
/// `state` and `last` tell how it does.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "getWebhook",
    security(("token" = ["webhooks"])),
    params(("id" = String, Path, description = "The webhook", example = "whk_abcdefghijklmnopqrst")),
    responses((status = 200, description = "The webhook", body = Endpoint)),
)]
pub(super) async fn get(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    call.may(ApiScope::Webhooks)?;
    call.query(&[])?;
    Ok(ok(&endpoints(&call).get(&id).await?))
}

/// Changes a webhook
///
/// Its URL, which events it gets, or that it is tried again. Nothing that waits to be sent is lost.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "changeWebhook",
    security(("token" = ["webhooks"])),
    params(("id" = String, Path, description = "The webhook", example = "whk_abcdefghijklmnopqrst")),
    request_body = ChangeBody,
    responses((status = 200, description = "The webhook", body = Endpoint)),
)]
pub(super) async fn change(Named(id): Named<String>, sent: Sent) -> Result<Response, Problem> {
    sent.call.may(ApiScope::Webhooks)?;
    sent.call.query(&[])?;
    let endpoints = endpoints(&sent.call);
    // Of what is not there nothing is said but that, whatever the body is.
    endpoints.get(&id).await?;
    let body: ChangeBody = sent.json()?;
    let mut change = EndpointChange::default();
    if let Some(url) = body.url {
        change = change.url(url);
    }
    if let Some(types) = body.types {
        change = change.types(&types);
    }
    if let Some(Again::Ok) = body.state {
        change = change.tried_again();
    }
    Ok(ok(&endpoints.change(&id, &change).await?))
}

/// Gives a webhook a new secret
///
/// It is shown this once. For 24 hours messages are signed with the old one as well: `webhook-signature` holds both, with a space between
/// them, and a receiver takes a message if one of them is good. Four times within that time at most.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate-secret", tag = "Webhooks", operation_id = "rotateWebhookSecret",
    security(("token" = ["webhooks"])),
    params(("id" = String, Path, description = "The webhook", example = "whk_abcdefghijklmnopqrst")),
    responses((status = 200, description = "The webhook, and its new secret", body = MadeView)),
)]
pub(super) async fn rotate_secret(Named(id): Named<String>, sent: Sent) -> Response {
    sent.once(ApiScope::Webhooks, async move |sent: Sent| {
        sent.call.query(&[])?;
        let endpoints = endpoints(&sent.call);
        endpoints.get(&id).await?;
        sent.nothing()?;
        let made = endpoints.rotate_secret(&id).await?;
        Ok(ok(&MadeView { webhook: made.endpoint, secret: Shown(made.secret) }))
    })
    .await
}

/// Removes a webhook
///
/// Nothing is sent there any more.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "Webhooks", operation_id = "removeWebhook",
    security(("token" = ["webhooks"])),
    params(("id" = String, Path, description = "The webhook", example = "whk_abcdefghijklmnopqrst")),
    responses((status = 204, description = "It is removed")),
)]
pub(super) async fn remove(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    call.may(ApiScope::Webhooks)?;
    call.query(&[])?;
    endpoints(&call).remove(&id).await?;
    Ok(nothing())
}

/// Tests a webhook
///
/// Sends a `webhook.test` now, and says what came back. Where it is taken, a webhook that was given up is tried again.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", tag = "Webhooks", operation_id = "testWebhook",
    security(("token" = ["webhooks"])),
    params(("id" = String, Path, description = "The webhook", example = "whk_abcdefghijklmnopqrst")),
    responses((status = 200, description = "What came back, whatever that is", body = Tested)),
)]
pub(super) async fn test(Named(id): Named<String>, sent: Sent) -> Response {
    sent.once(ApiScope::Webhooks, async move |sent: Sent| {
        sent.call.query(&[])?;
        let endpoints = endpoints(&sent.call);
        // Of what is not there nothing is said but that, whatever the body is.
        endpoints.get(&id).await?;
        sent.nothing()?;
        Ok(ok(&endpoints.test(&id).await?))
    })
    .await
}

/// Those of the tenant; where a token of the platform names none, the platform's.
fn endpoints(call: &Call) -> Endpoints {
    call.connect.webhooks(call.tenant.as_ref())
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Url(why) => Self::member("/url", "invalid", why),
            EndpointError::NotFound => Self::not_found(),
            EndpointError::Vault(error) => error.into(),
            error => Self::member("", "too_many", error.to_string()),
        }
    }
}
