//! Events: what happened to connections.

use axum::response::Response;
use keyway_vault::ApiScope;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::ok,
    call::Call,
    paging::Paging,
    problem::{Kind, Problem},
};
use crate::{Event, EventError, EventType};

/// Events, the oldest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Events)]
pub(super) struct EventsView {
    data: Vec<Event>,
    /// What to send as `after` for what comes behind, now or later; null: nothing has happened yet.
    #[schema(required = true, example = "evt_5f0c1a9be27d4463a1b0c2d3e4f5061728394a5b")]
    next: Option<String>,
    /// Whether there is more already, or may be.
    more: bool,
}

/// Lists events
///
/// In order. Whoever asks again and again, each time behind the `next` of the answer before, misses nothing and sees nothing twice.
#[utoipa::path(
    get, path = "/v1/events", tag = "Events", operation_id = "listEvents",
    security(("token" = ["events"])),
    params(
        ("limit" = Option<u8>, Query, description = "The most events; 20 without it", minimum = 1, maximum = 100),
        ("after" = Option<String>, Query, description = "`next` of the answer before, or the id of an event that was seen",
            example = "evt_5f0c1a9be27d4463a1b0c2d3e4f5061728394a5b"),
        ("type" = Option<EventType>, Query, description = "Those of a type"),
    ),
    responses((status = 200, description = "The events", body = EventsView)),
)]
pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    call.may(ApiScope::Events)?;
    let tenant = call.tenant()?;
    let query = call.query(&["limit", "after", "type"])?;
    let Paging { limit, after } = Paging::read(&query, |text| Ok::<_, Problem>(text.to_owned()))?;
    let kind = query
        .get("type")
        .map(|word| EventType::parse(word).ok_or_else(|| Problem::parameter("type", "choice", &words())));
    let kinds: Vec<EventType> = kind.transpose()?.into_iter().collect();
    let page =
        call.connect.events(tenant, after.as_deref(), limit, &kinds).await.map_err(|error| match error {
            EventError::After(error) => Problem::parameter("after", "invalid", &error.to_string()),
            EventError::Gone => Problem::new(
                Kind::Gone,
                "the database was put back to an earlier state; begin without `after`, with what you know already",
            ),
            EventError::Vault(error) => error.into(),
        })?;
    Ok(ok(&EventsView { data: page.events, next: page.next, more: page.more }))
}

fn words() -> String {
    EventType::ALL.map(EventType::as_str).join(", ")
}
