//! Connections: what is linked.

use std::time::Duration;

use axum::response::Response;
use keyway_vault::{ApiScope, Connection, ConnectionId, Error, New, Scope, Status};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::{
    answer::{List, Passing, created, nothing, ok},
    call::Call,
    paging::Paging,
    path::Named,
    problem::{Kind, Problem},
    sent::Sent,
    values::{Values, account},
    verdict::{VerdictView, VerdictWord, is_lasting},
};
use crate::{clock::rfc3339, shared::log_damaged};

/// How long a provider may take to say whether a key is good, with all that is tried again.
const CHECK: Duration = Duration::from_secs(45);
/// How many connections are looked at for one part of a list: a filter may fit none. And how many at once, at least.
const LOOKED_AT: usize = 1000;
const AT_ONCE: usize = 100;

/// A connection, without any value of its key.
#[derive(Serialize, ToSchema)]
#[schema(as = Connection)]
pub(super) struct ConnectionView {
    #[schema(example = "con_abcdefghijklmnopqrst")]
    id: String,
    #[schema(example = "rootly")]
    provider: String,
    #[schema(example = "api_key")]
    method: String,
    #[schema(required = true, example = "Production")]
    name: Option<String>,
    /// Whose it is among your users.
    #[schema(required = true, example = "user-42")]
    end_user: Option<String>,
    /// Whose account it is at the provider.
    #[schema(required = true)]
    account: Option<AccountView>,
    #[schema(value_type = StatusWord)]
    status: &'static str,
    /// What the last check said.
    #[schema(required = true, value_type = Option<VerdictWord>)]
    verdict: Option<&'static str>,
    /// The origins that may receive the key, its own first.
    #[schema(example = json!(["https://api.example.com"]))]
    origins: Vec<String>,
    #[schema(required = true, format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    checked_at: Option<String>,
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    created_at: String,
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    updated_at: String,
}

type Connections = List<ConnectionView>;

/// A connection that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeConnection)]
pub(super) struct MadeView {
    #[serde(flatten)]
    connection: ConnectionView,
    /// Other connections of the tenant with the same account at the provider, whoever of your users they are of; at most 100.
    #[schema(example = json!(["con_abcdefghijklmnopqrst"]))]
    same_account: Vec<String>,
}

/// An account at a provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountView {
    /// The provider's id of it.
    #[schema(example = "1234")]
    id: String,
    /// What a person recognises it by.
    #[schema(example = "[Acme] Ada")]
    label: String,
}

/// Whether a connection can be used: `needs_key` when the provider refused its key.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case", as = ConnectionStatus)]
#[expect(dead_code, reason = "it describes the words of the vault's `Status`")]
pub(crate) enum StatusWord {
    Active,
    NeedsKey,
}

/// A connection that is to be made of values that your own form asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewConnection)]
pub(super) struct ConnectionBody {
    /// The provider's id.
    #[schema(max_length = 64, example = "rootly")]
    provider: String,
    /// The method's id; without it the provider's first.
    #[schema(max_length = 64, example = "api_key")]
    method: Option<String>,
    /// What the provider's form asks for, by field.
    #[schema(value_type = std::collections::BTreeMap<String, String>, example = json!({"api_key": "rootly_made-up"}))]
    values: Values,
    /// What it is called: 1 to 100 characters on one line.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        example = "Production"
    )]
    name: Option<String>,
    /// Whose it is among your users.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        example = "user-42"
    )]
    end_user: Option<String>,
}

/// What is to be another at a connection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConnectionChange)]
pub(super) struct ChangeBody {
    /// What it is called: 1 to 100 characters on one line, all of which can be seen; null for no name.
    #[schema(
        required = true,
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        example = "Production"
    )]
    #[serde(deserialize_with = "Option::deserialize")]
    name: Option<String>,
}

/// What a check said, and the connection since then.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionCheck)]
pub(super) struct CheckView {
    verdict: VerdictView,
    connection: ConnectionView,
}

/// Lists connections
///
/// Sorted by id. A part may have fewer entries than asked for, or none, where filters are given: the end is where `next` is null.
/// One that is not as it was written is left out, and logged.
#[utoipa::path(
    get, path = "/v1/connections", tag = "Connections", operation_id = "listConnections",
    security(("token" = ["connections:read"])),
    params(
        ("limit" = Option<u8>, Query, description = "The most entries; 20 without it", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "`next` of the part before", pattern = "^con_[a-z2-7]{20}$"),
        ("provider" = Option<String>, Query, description = "Those of a provider", example = "rootly"),
        ("status" = Option<StatusWord>, Query, description = "Those of a status"),
        ("end_user" = Option<String>, Query, description = "Those of one of your users", min_length = 1, max_length = 128),
    ),
    responses((status = 200, description = "The connections", body = Connections)),
)]
pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    let scope = call.scope(ApiScope::ConnectionsRead)?;
    let query = call.query(&["limit", "after", "provider", "status", "end_user"])?;
    let Paging { limit, mut after } = Paging::read(&query, ConnectionId::parse)?;
    let (provider, end_user) = (query.get("provider"), query.get("end_user"));
    let status = query.get("status").map(|word| {
        Status::parse(word).ok_or_else(|| Problem::parameter("status", "choice", "`active` or `needs_key`"))
    });
    let status = status.transpose()?;
    let fits = |one: &Connection| {
        provider.is_none_or(|provider| one.provider == provider)
            && status.is_none_or(|status| one.status == status)
    };
    let (mut found, mut looked_at) = (Vec::new(), 0);
    let (began, mut from) = (after.clone(), after.as_ref().map(ToString::to_string));
    // One more than asked for tells whether there is more.
    let size = (limit + 1).max(AT_ONCE);
    let next = 'parts: loop {
        let part = match end_user {
            Some(end_user) => scope.page_of(end_user, from.as_deref(), size).await?,
            None => scope.page(from.as_deref(), size).await?,
        };
        log_damaged(&part.damaged);
        for one in part.whole {
            if found.len() == limit && fits(&one) {
                break 'parts after;
            }
            if fits(&one) {
                found.push(ConnectionView::of(&one));
            }
            after = Some(one.id);
        }
        let Some(last) = part.next else { break None };
        // A row that somebody changed may have an id that is none, and from which nobody could go on.
        if let Ok(id) = ConnectionId::parse(&last) {
            after = Some(id);
        }
        from = Some(last);
        looked_at += size;
        if looked_at >= LOOKED_AT && after != began {
            break after;
        }
    };
    Ok(ok(&List { data: found, next: next.map(|id| id.to_string()) }))
}

/// Makes a connection
///
/// For a form of your own: the values are checked as the provider's form says, the provider is asked whether the key is good, and a
/// good one is kept. Anything else is kept nowhere.
#[utoipa::path(
    post, path = "/v1/connections", tag = "Connections", operation_id = "createConnection",
    security(("token" = ["connections:write"])),
    request_body = ConnectionBody,
    responses((status = 201, description = "It was made", body = MadeView,
        headers(("Location" = String, description = "Its path")))),
)]
pub(super) async fn create(sent: Sent) -> Response {
    sent.once(ApiScope::ConnectionsWrite, async |sent: Sent| {
        let scope = sent.call.scope(ApiScope::ConnectionsWrite)?;
        sent.call.query(&[])?;
        let body: ConnectionBody = sent.json()?;
        plain("/name", body.name.as_deref(), 100)?;
        plain("/end_user", body.end_user.as_deref(), 128)?;
        if sent.is_again {
            // It may have been made, and nobody told. Whatever the provider says of the key by now, it is there.
            match scope.get(&sent.makes).await {
                Err(Error::NotFound) => {}
                made => return again(&scope, &made?).await,
            }
        }
        let shared = &sent.call.connect.0;
        let provider = shared.registry.get(&body.provider);
        provider.map_err(|error| Problem::member("/provider", "not_found", error.to_string()))?;
        let credential = body.values.accept(shared, &body.provider, body.method.as_deref())?;
        let account = account(shared, &credential).await?;
        let mut new = New::connection(&credential).account(&account);
        if let Some(name) = &body.name {
            new = new.name(name);
        }
        if let Some(end_user) = &body.end_user {
            new = new.end_user(end_user);
        }
        match scope.save(new.id(&sent.makes)).await {
            // It was done before, and nobody was told.
            Err(Error::Exists) => again(&scope, &scope.get(&sent.makes).await?).await,
            saved => saved.map(|saved| made(&saved.connection, &saved.same_account)).map_err(Problem::from),
        }
    })
    .await
}

/// The answer of a connection that was made before.
async fn again(scope: &Scope, one: &Connection) -> Result<Response, Problem> {
    Ok(made(one, &scope.same_account(&one.id).await?))
}

fn made(one: &Connection, same_account: &[ConnectionId]) -> Response {
    let same_account = same_account.iter().map(ToString::to_string).collect();
    let view = MadeView { connection: ConnectionView::of(one), same_account };
    created(&format!("/v1/connections/{}", one.id), &view)
}

/// Shows a connection
///
/// As it is now; no value of its key is ever shown.
#[utoipa::path(
    get, path = "/v1/connections/{id}", tag = "Connections", operation_id = "getConnection",
    security(("token" = ["connections:read"])),
    params(("id" = String, Path, description = "The connection", example = "con_abcdefghijklmnopqrst")),
    responses((status = 200, description = "The connection", body = ConnectionView)),
)]
pub(super) async fn get(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    let scope = call.scope(ApiScope::ConnectionsRead)?;
    call.query(&[])?;
    Ok(ok(&ConnectionView::of(&scope.get(&parse(&id)?).await?)))
}

/// Renames a connection
///
/// Or takes its name away. Nothing else of it changes.
#[utoipa::path(
    patch, path = "/v1/connections/{id}", tag = "Connections", operation_id = "renameConnection",
    security(("token" = ["connections:write"])),
    params(("id" = String, Path, description = "The connection", example = "con_abcdefghijklmnopqrst")),
    request_body = ChangeBody,
    responses((status = 200, description = "The connection", body = ConnectionView)),
)]
pub(super) async fn rename(Named(id): Named<String>, sent: Sent) -> Result<Response, Problem> {
    let scope = sent.call.scope(ApiScope::ConnectionsWrite)?;
    sent.call.query(&[])?;
    // Of what is not there nothing is said but that, whatever the body is.
    let id = scope.get(&parse(&id)?).await?.id;
    let body: ChangeBody = sent.json()?;
    plain("/name", body.name.as_deref(), 100)?;
    Ok(ok(&ConnectionView::of(&scope.rename(&id, body.name.as_deref()).await?)))
}

/// Removes a connection
///
/// Its key and its grants are gone for good.
#[utoipa::path(
    delete, path = "/v1/connections/{id}", tag = "Connections", operation_id = "removeConnection",
    security(("token" = ["connections:write"])),
    params(("id" = String, Path, description = "The connection", example = "con_abcdefghijklmnopqrst")),
    responses((status = 204, description = "It is removed")),
)]
pub(super) async fn remove(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    let scope = call.scope(ApiScope::ConnectionsWrite)?;
    call.query(&[])?;
    scope.remove(&parse(&id)?).await?;
    Ok(nothing())
}

/// Checks a connection
///
/// Asks the provider whether the key is still good, and writes down what it said.
#[utoipa::path(
    post, path = "/v1/connections/{id}/check", tag = "Connections", operation_id = "checkConnection",
    security(("token" = ["connections:write"])),
    params(("id" = String, Path, description = "The connection", example = "con_abcdefghijklmnopqrst")),
    responses((status = 200, description = "What the provider said, whatever that is", body = CheckView)),
)]
pub(super) async fn check(Named(id): Named<String>, sent: Sent) -> Response {
    sent.once(ApiScope::ConnectionsWrite, async move |sent: Sent| {
        let scope = sent.call.scope(ApiScope::ConnectionsWrite)?;
        sent.call.query(&[])?;
        let id = parse(&id)?;
        let shared = &sent.call.connect.0;
        // Of what is not there nothing is said but that, whatever the body is.
        scope.get(&id).await?;
        sent.nothing()?;
        let _turn = shared.turn_to_check(&id).await;
        let opened = scope.open(&id, &shared.registry).await?;
        let verdict = within(shared.client.check(&opened.credential)).await?;
        let connection = scope.checked(&opened.connection, &verdict).await?;
        let (said, connection) = (VerdictView::of(&verdict), ConnectionView::of(&connection));
        let mut answer = ok(&CheckView { verdict: said, connection });
        if !is_lasting(&verdict) {
            answer.extensions_mut().insert(Passing);
        }
        Ok(answer)
    })
    .await
}

pub(super) fn parse(id: &str) -> Result<ConnectionId, Problem> {
    ConnectionId::parse(id).map_err(|_| Problem::not_found())
}

/// Waits for a provider, and no longer than a caller does. Nothing else may stand in it: what is cut off in a commit may be done.
pub(super) async fn within<T>(asked: impl Future<Output = T>) -> Result<T, Problem> {
    timeout(CHECK, asked).await.map_err(|_| {
        Problem::new(Kind::CheckTooLong, "the provider took more than 45 seconds; nothing was changed")
    })
}

/// A text of one line.
fn plain(pointer: &str, text: Option<&str>, most: usize) -> Result<(), Problem> {
    let Some(text) = text else { return Ok(()) };
    let count = text.trim().chars().count();
    if count == 0 || text.chars().count() > most || text.chars().any(char::is_control) {
        return Err(Problem::member(pointer, "invalid", format!("1 to {most} characters on one line")));
    }
    Ok(())
}

impl ConnectionView {
    pub(super) fn of(one: &Connection) -> Self {
        let account = one.account.as_ref();
        Self {
            id: one.id.to_string(),
            provider: one.provider.clone(),
            method: one.method.clone(),
            name: one.name.clone(),
            end_user: one.end_user.clone(),
            account: account
                .map(|one| AccountView { id: one.id().to_owned(), label: one.label().to_owned() }),
            status: one.status.as_str(),
            verdict: one.verdict.map(keyway_core::VerdictKind::as_str),
            origins: one.origins.clone(),
            checked_at: one.checked_at.map(rfc3339),
            created_at: rfc3339(one.created_at),
            updated_at: rfc3339(one.updated_at),
        }
    }
}
