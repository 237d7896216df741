//! Grants: rights to use a connection through the gateway.

use std::time::{Duration, SystemTime};

use axum::response::Response;
use http::Method;
use keyway_vault::{ApiScope, Grant, GrantId, PathPattern, Rate, Terms, shape_prefix};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    answer::{List, Shown, created, nothing, ok},
    call::Call,
    connections::parse,
    paging::Paging,
    path::Named,
    problem::Problem,
    sent::Sent,
};
use crate::clock::rfc3339;

/// What a grant is to allow. Where nothing is said of something, it is not limited.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGrant)]
pub(super) struct GrantBody {
    /// The methods, in capitals; `HEAD` comes with `GET`. Not `CONNECT` or `TRACE`.
    #[schema(min_items = 1, max_items = 16, example = json!(["GET"]))]
    methods: Option<Vec<String>>,
    /// Patterns of paths, of which one has to fit: `*` stands for a segment, `**` at the end for any number of them.
    #[schema(min_items = 1, max_items = 64, example = json!(["/v1/incidents", "/v1/users/*"]))]
    paths: Option<Vec<String>>,
    /// How long it lasts, in seconds; ten years at most.
    #[schema(minimum = 1, maximum = 315_000_000, example = 3600)]
    expires_in: Option<u64>,
    rate: Option<RateBody>,
    /// Whether URLs of the provider in its answers are rewritten, so that they lead through the gateway. They are, without it.
    rewrite: Option<bool>,
}

/// How many requests are allowed in how long.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GrantRate)]
pub(super) struct RateBody {
    #[schema(minimum = 1, maximum = 1_000_000, example = 100)]
    requests: u32,
    #[schema(minimum = 1, maximum = 86400, example = 60)]
    seconds: u64,
}

/// A grant, without its token.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
pub(super) struct GrantView {
    #[schema(example = "gra_abcdefghijklmnopqrst")]
    id: String,
    #[schema(example = "con_abcdefghijklmnopqrst")]
    connection: String,
    /// The methods that it allows; null: all.
    #[schema(required = true, example = json!(["GET"]))]
    methods: Option<Vec<String>>,
    /// The paths that it allows; null: all.
    #[schema(required = true, example = json!(["/v1/incidents"]))]
    paths: Option<Vec<String>>,
    #[schema(required = true)]
    rate: Option<RateBody>,
    rewrite: bool,
    #[schema(required = true, format = DateTime, example = "2026-01-02T04:04:05.678Z")]
    expires_at: Option<String>,
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    created_at: String,
    #[schema(required = true, format = DateTime, example = "2026-01-02T03:34:05.678Z")]
    revoked_at: Option<String>,
}

type Grants = List<GrantView>;

/// A grant that was just made, and its token.
#[derive(Serialize, ToSchema)]
#[schema(as = MadeGrant)]
pub(super) struct MadeView {
    grant: GrantView,
    /// What the gateway asks for: it is shown this once.
    #[schema(value_type = String, example = "kwg_made-up")]
    token: Shown,
}

/// Makes a grant
///
/// Whoever has its token uses the connection through the gateway, within what the grant allows, and never sees the key. Without a
/// body everything is allowed, for ever.
#[utoipa::path(
    post, path = "/v1/connections/{id}/grants", tag = "Grants", operation_id = "createGrant",
    security(("token" = ["grants"])),
    params(("id" = String, Path, description = "The connection", example = "con_abcdefghijklmnopqrst")),
    request_body = GrantBody,
    responses((status = 201, description = "It was made", body = MadeView)),
)]
pub(super) async fn create(Named(id): Named<String>, sent: Sent) -> Response {
    sent.once(ApiScope::Grants, async move |sent: Sent| {
        let scope = sent.call.scope(ApiScope::Grants)?;
        sent.call.query(&[])?;
        let connection = scope.get(&parse(&id)?).await?;
        let registry = &sent.call.connect.0.registry;
        let prefix = registry
            .method(&connection.provider, Some(&connection.method))
            .ok()
            .and_then(|(_, method)| shape_prefix(method).map(str::to_owned));
        let terms = sent.json_or_empty::<GrantBody>()?.terms(prefix)?;
        let made = scope.grant(&connection.id, terms).await?;
        let location = format!("/v1/grants?connection={}", connection.id);
        Ok(created(&location, &MadeView { grant: GrantView::of(&made.grant), token: Shown(made.token) }))
    })
    .await
}

/// Lists grants
///
/// Sorted by id; also those that were revoked or have run out.
#[utoipa::path(
    get, path = "/v1/grants", tag = "Grants", operation_id = "listGrants",
    security(("token" = ["grants"])),
    params(
        ("limit" = Option<u8>, Query, description = "The most entries; 20 without it", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "`next` of the part before", pattern = "^gra_[a-z2-7]{20}$"),
        ("connection" = Option<String>, Query, description = "Those of a connection", example = "con_abcdefghijklmnopqrst"),
    ),
    responses((status = 200, description = "The grants", body = Grants)),
)]
pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    let scope = call.scope(ApiScope::Grants)?;
    let query = call.query(&["limit", "after", "connection"])?;
    let Paging { limit, after } = Paging::read(&query, GrantId::parse)?;
    let connection = query.get("connection").map(parse).transpose()?;
    let mut part = scope.grants(connection.as_ref(), after.as_ref(), limit + 1).await?;
    let has_more = part.len() > limit;
    part.truncate(limit);
    let next = part.last().filter(|_| has_more).map(|last| last.id.to_string());
    Ok(ok(&List { data: part.iter().map(GrantView::of).collect(), next }))
}

/// Revokes a grant
///
/// For good, and at once. One that was revoked before stays so.
#[utoipa::path(
    delete, path = "/v1/grants/{id}", tag = "Grants", operation_id = "revokeGrant",
    security(("token" = ["grants"])),
    params(("id" = String, Path, description = "The grant", example = "gra_abcdefghijklmnopqrst")),
    responses((status = 204, description = "It is revoked")),
)]
pub(super) async fn revoke(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    let scope = call.scope(ApiScope::Grants)?;
    call.query(&[])?;
    let id = GrantId::parse(&id).map_err(|_| Problem::not_found())?;
    scope.revoke(&id).await?;
    Ok(nothing())
}

impl GrantBody {
    fn terms(self, prefix: Option<String>) -> Result<Terms, Problem> {
        let now = SystemTime::now();
        let mut terms = Terms::builder();
        if let Some(methods) = self.methods {
            let wrong = || Problem::member("/methods", "invalid", "methods in capitals, as `GET`");
            let methods = methods.iter().map(|name| Method::from_bytes(name.as_bytes()).map_err(|_| wrong()));
            terms = terms.methods(methods.collect::<Result<Vec<_>, _>>()?);
        }
        if let Some(paths) = self.paths {
            if paths.is_empty() {
                return Err(Problem::member(
                    "/paths",
                    "invalid",
                    "at least one pattern; say nothing to allow all",
                ));
            }
            for (index, path) in paths.iter().enumerate() {
                let pattern = PathPattern::parse(path).map_err(|error| {
                    Problem::member(&format!("/paths/{index}"), "invalid", error.to_string())
                })?;
                terms = terms.path(pattern);
            }
        }
        if let Some(seconds) = self.expires_in {
            let range = || Problem::member("/expires_in", "range", "1 to 315000000 seconds");
            if !(1..=315_000_000).contains(&seconds) {
                return Err(range());
            }
            terms = terms.expires_at(now + Duration::from_secs(seconds));
        }
        if let Some(RateBody { requests, seconds }) = self.rate {
            terms = terms.rate(Rate { requests, per: Duration::from_secs(seconds) });
        }
        if let Some(prefix) = prefix {
            terms = terms.prefix(prefix);
        }
        if self.rewrite == Some(false) {
            terms = terms.keep_urls();
        }
        // The vault's words begin with the member.
        terms.build(now).map_err(|error| {
            let text = error.to_string();
            let (member, says) = text.split_once(": ").unwrap_or(("", &text));
            let pointer = if member.is_empty() { String::new() } else { format!("/{member}") };
            Problem::member(&pointer, "invalid", says)
        })
    }
}

impl GrantView {
    fn of(grant: &Grant) -> Self {
        let terms = &grant.terms;
        let paths = terms.paths();
        Self {
            id: grant.id.to_string(),
            connection: grant.connection.to_string(),
            methods: terms.methods().map(|all| all.iter().map(ToString::to_string).collect()),
            paths: (!paths.is_empty()).then(|| paths.iter().map(ToString::to_string).collect()),
            rate: terms.rate().map(|rate| RateBody { requests: rate.requests, seconds: rate.per.as_secs() }),
            rewrite: terms.rewrites(),
            expires_at: terms.expires_at().map(rfc3339),
            created_at: rfc3339(grant.created_at),
            revoked_at: grant.revoked_at.map(rfc3339),
        }
    }
}
