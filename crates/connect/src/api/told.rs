//! What webhooks are sent, for the description of the API: whoever generates a client has the events' types from here.
#![expect(dead_code, reason = "it describes what `webhook` sends")]

use utoipa::{OpenApi, ToSchema};

use crate::Event;

#[derive(OpenApi)]
#[openapi(paths(event, test))]
pub(super) struct Sent;

/// What a test of a webhook sends.
#[derive(ToSchema)]
pub(super) struct TestEvent {
    /// The id.
    #[schema(example = "evt_test_made-up")]
    id: String,
    #[schema(rename = "type")]
    kind: TestEventType,
    /// When, as RFC 3339 in UTC.
    #[schema(format = DateTime, example = "2026-01-31T12:00:00.000Z")]
    timestamp: String,
    data: TestEventData,
}

/// Nothing happened.
#[derive(ToSchema)]
enum TestEventType {
    #[schema(rename = "webhook.test")]
    Test,
}

/// What is tested.
#[derive(ToSchema)]
struct TestEventData {
    /// Whose webhook it is; left out at one of the platform.
    #[schema(nullable = false, example = "acme")]
    tenant: Option<String>,
    /// The webhook's id.
    #[schema(example = "whk_a2b3c4d5e6f7a2b3c4d5")]
    webhook: String,
}

/// Tells of an event
///
/// At least once, in order for each webhook. Signed, as <https://www.standardwebhooks.com> has it.
#[utoipa::path(
    post, path = "event", tag = "Webhooks", operation_id = "receiveEvent", security(()),
    params(
        ("webhook-id" = String, Header, description = "The event's id"),
        ("webhook-timestamp" = String, Header, description = "When it is sent, in seconds since 1970"),
        ("webhook-signature" = String, Header, description = "`v1,` and base64, once or more, with spaces between"),
    ),
    request_body = Event,
    responses((status = "2XX", description = "It is taken, and not sent again")),
)]
fn event() {}

/// Tests a webhook
///
/// Sent by `testWebhook` alone. Signed as an event is.
#[utoipa::path(
    post, path = "test", tag = "Webhooks", operation_id = "receiveTest", security(()),
    params(
        ("webhook-id" = String, Header, description = "The test's id"),
        ("webhook-timestamp" = String, Header, description = "When it is sent, in seconds since 1970"),
        ("webhook-signature" = String, Header, description = "`v1,` and base64, once or more, with spaces between"),
    ),
    request_body = TestEvent,
    responses((status = "2XX", description = "It is taken")),
)]
fn test() {}
