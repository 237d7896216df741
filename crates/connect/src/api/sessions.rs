//! Sessions: links for end users.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::response::Response;
use keyway_vault::{ApiScope, ConnectionId, Error};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    answer::{Shown, created, nothing, ok},
    call::Call,
    path::Named,
    problem::Problem,
    sent::Sent,
};
use crate::{Direction, Look, NewSession, Purpose, Session, Started, Status, clock::rfc3339, session::is_id};

/// A session that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSession)]
pub(super) struct SessionBody {
    /// Who is asked: your user, as you name them. On one line.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        example = "user-42"
    )]
    end_user: String,
    purpose: Wanted,
    /// The providers that may be chosen, by id or by one that they had; without it, or with none, all of them. Not to reconnect.
    #[schema(max_items = 100, example = json!(["rootly"]))]
    providers: Option<Vec<String>>,
    /// The connection that gets a new key: to reconnect, and only then.
    #[schema(pattern = "^con_[a-z2-7]{20}$", example = "con_abcdefghijklmnopqrst")]
    connection: Option<String>,
    /// Whether the new key may be of another account: to reconnect, and only then.
    allow_other_account: Option<bool>,
    /// The origin of the page that shows it in a frame or a popup: `https`, or `http` on loopback.
    #[schema(max_length = 2048, example = "https://app.example.com")]
    parent_origin: Option<String>,
    /// Where a button leads at the end, with `session_id`, `status` (`connected` or `cancelled`) and, where there is one,
    /// `connection_id` added: `https`, or `http` on loopback. Anybody can write such an address: ask the API whose a connection is.
    #[schema(max_length = 2048, example = "https://app.example.com/linked")]
    return_url: Option<String>,
    look: Option<Look>,
    direction: Option<Direction>,
    /// How long the session lasts, in seconds; half an hour without it.
    #[schema(minimum = 1, maximum = 1800, example = 1800)]
    expires_in: Option<u32>,
}

/// A session that gives a connection a new key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReconnect)]
pub(super) struct ReconnectBody {
    /// Who is asked: your user, as you name them; without it the connection's.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$",
        example = "user-42"
    )]
    end_user: Option<String>,
    /// Whether the new key may be of another account.
    allow_other_account: Option<bool>,
    /// As of a new session.
    #[schema(max_length = 2048, example = "https://app.example.com")]
    parent_origin: Option<String>,
    /// As of a new session.
    #[schema(max_length = 2048, example = "https://app.example.com/linked")]
    return_url: Option<String>,
    look: Option<Look>,
    direction: Option<Direction>,
    /// As of a new session.
    #[schema(minimum = 1, maximum = 1800, example = 1800)]
    expires_in: Option<u32>,
}

/// What a session is for: linking an account, giving a connection a new key, or looking after what is linked to the end user, which
/// is checking, reconnecting and removing it, and linking more.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = SessionPurpose)]
pub(super) enum Wanted {
    Connect,
    Reconnect,
    Manage,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView {
    #[schema(example = "ses_abcdefghijklmnopqrst")]
    id: String,
    purpose: Wanted,
    status: Status,
    #[schema(example = "user-42")]
    end_user: String,
    /// What came of it last.
    #[schema(required = true)]
    connection: Option<Linked>,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    created_at: String,
    /// When it ends.
    #[schema(format = DateTime, example = "2026-01-02T03:34:05.678Z")]
    expires_at: String,
    /// Until when its link can be opened, once.
    #[schema(format = DateTime, example = "2026-01-02T03:14:05.000Z")]
    link_expires_at: String,
}

/// A connection that came of a session.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionConnection)]
pub(super) struct Linked {
    #[schema(example = "con_abcdefghijklmnopqrst")]
    id: String,
    #[schema(example = "rootly")]
    provider: String,
}

/// A session that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = StartedSession)]
pub(super) struct StartedView {
    session: SessionView,
    /// Where the end user goes: it is shown this once, and works once.
    #[schema(value_type = String, example = "https://connect.example.com/link/kwl_made-up")]
    link: Shown,
}

/// Makes a session
///
/// Open its link in a page, a popup or a frame of the end user's browser. It can be opened once.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "Sessions", operation_id = "createSession",
    security(("token" = ["sessions"])),
    request_body = SessionBody,
    responses((status = 201, description = "It was made", body = StartedView,
        headers(("Location" = String, description = "Its path")))),
)]
pub(super) async fn create(sent: Sent) -> Response {
    sent.once(ApiScope::Sessions, async |sent: Sent| {
        let call = &sent.call;
        let tenant = call.tenant()?;
        call.query(&[])?;
        let started =
            call.connect.start(tenant, sent.json::<SessionBody>()?.session()?.by(&call.token.id)).await?;
        Ok(started_answer(started))
    })
    .await
}

/// Shows a session
///
/// `status` tells how far it is, and `connection` what came of it. Until `expires_at`: one whose time is over, or that was ended, is
/// as one that never was, 404. Nothing lists sessions; what came of them is listed with the connections.
#[utoipa::path(
    get, path = "/v1/sessions/{id}", tag = "Sessions", operation_id = "getSession",
    security(("token" = ["sessions"])),
    params(("id" = String, Path, description = "The session", example = "ses_abcdefghijklmnopqrst")),
    responses((status = 200, description = "The session", body = SessionView)),
)]
pub(super) async fn get(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    call.may(ApiScope::Sessions)?;
    let session = find(&call, &id).await?;
    Ok(ok(&SessionView::of(&session)))
}

/// Ends a session
///
/// Its link cannot be opened any more, and whoever opened it cannot go on. What came of it stays.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "Sessions", operation_id = "endSession",
    security(("token" = ["sessions"])),
    params(("id" = String, Path, description = "The session", example = "ses_abcdefghijklmnopqrst")),
    responses((status = 204, description = "It is ended")),
)]
pub(super) async fn end(call: Call, Named(id): Named<String>) -> Result<Response, Problem> {
    call.may(ApiScope::Sessions)?;
    let session = find(&call, &id).await?;
    call.connect.0.desk.end(&session).await?;
    Ok(nothing())
}

/// Asks for a new key
///
/// Makes a session in which the end user gives the connection a new key. Its id, its name and its grants stay.
#[utoipa::path(
    post, path = "/v1/connections/{id}/reconnect", tag = "Connections", operation_id = "reconnectConnection",
    security(("token" = ["sessions"])),
    params(("id" = String, Path, description = "The connection", example = "con_abcdefghijklmnopqrst")),
    request_body = ReconnectBody,
    responses((status = 201, description = "The session was made", body = StartedView,
        headers(("Location" = String, description = "Its path")))),
)]
pub(super) async fn reconnect(Named(id): Named<String>, sent: Sent) -> Response {
    sent.once(ApiScope::Sessions, async move |sent: Sent| {
        let call = &sent.call;
        let tenant = call.tenant()?;
        call.query(&[])?;
        let id = ConnectionId::parse(&id).map_err(|_| Problem::not_found())?;
        let connection = call.scope(ApiScope::Sessions)?.get(&id).await?;
        let body: ReconnectBody = sent.json_or_empty()?;
        let end_user = body.end_user.or(connection.end_user).ok_or_else(|| {
            Problem::member(
                "/end_user",
                "required",
                "the connection has none, so this has to say who is asked",
            )
        })?;
        let whole = SessionBody {
            end_user,
            purpose: Wanted::Reconnect,
            providers: None,
            connection: Some(id.to_string()),
            allow_other_account: body.allow_other_account,
            parent_origin: body.parent_origin,
            return_url: body.return_url,
            look: body.look,
            direction: body.direction,
            expires_in: body.expires_in,
        };
        Ok(started_answer(call.connect.start(tenant, whole.session()?.by(&call.token.id)).await?))
    })
    .await
}

async fn find(call: &Call, id: &str) -> Result<Session, Problem> {
    call.query(&[])?;
    let tenant = call.tenant()?;
    // What cannot be an id need not be looked for, and is not there either.
    let found = if is_id(id) { call.connect.0.desk.of_tenant(tenant, id).await? } else { None };
    Ok(found.ok_or(Error::NotFound)?)
}

fn started_answer(started: Started) -> Response {
    let session = SessionView::of(&started.session);
    let location = format!("/v1/sessions/{}", session.id);
    created(&location, &StartedView { session, link: Shown(started.link) })
}

impl SessionBody {
    fn session(self) -> Result<NewSession, Problem> {
        let misplaced = |pointer, is_there: bool| {
            let say = "it does not go with this `purpose`";
            if is_there { Err(Problem::member(pointer, "misplaced", say)) } else { Ok(()) }
        };
        let purpose = match self.purpose {
            Wanted::Reconnect => {
                misplaced("/providers", self.providers.is_some())?;
                let connection = self.connection.ok_or_else(|| {
                    Problem::member("/connection", "required", "to reconnect, it says which")
                })?;
                Purpose::Reconnect { connection, other_account: self.allow_other_account.unwrap_or_default() }
            }
            wanted => {
                misplaced("/connection", self.connection.is_some())?;
                misplaced("/allow_other_account", self.allow_other_account.is_some())?;
                let providers = self.providers.unwrap_or_default();
                match wanted {
                    Wanted::Manage => Purpose::Manage { providers },
                    _ => Purpose::Connect { providers },
                }
            }
        };
        let mut new = NewSession::new(self.end_user, purpose);
        if let Some(origin) = self.parent_origin {
            new = new.parent_origin(origin);
        }
        if let Some(url) = self.return_url {
            new = new.return_url(url);
        }
        if let Some(look) = self.look {
            new = new.look(look);
        }
        if let Some(direction) = self.direction {
            new = new.direction(direction);
        }
        if let Some(seconds) = self.expires_in {
            if !(1..=1800).contains(&seconds) {
                return Err(Problem::member("/expires_in", "range", "1 to 1800 seconds"));
            }
            new = new.lasts(Duration::from_secs(seconds.into()));
        }
        Ok(new)
    }
}

impl SessionView {
    fn of(session: &Session) -> Self {
        Self {
            id: session.id.to_string(),
            purpose: match session.purpose() {
                Purpose::Connect { .. } => Wanted::Connect,
                Purpose::Reconnect { .. } => Wanted::Reconnect,
                Purpose::Manage { .. } => Wanted::Manage,
            },
            status: session.status(),
            end_user: session.end_user().to_owned(),
            connection: session
                .connection()
                .map(|(id, provider)| Linked { id: id.to_string(), provider: provider.to_owned() }),
            created_at: rfc3339(session.created_at),
            expires_at: rfc3339(session.expires_at),
            link_expires_at: rfc3339(link_end(session)),
        }
    }
}

fn link_end(session: &Session) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(session.kept.link_until)
}
