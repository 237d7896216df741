//! What came of an attempt to send something.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use keyway_core::TransportErrorKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::rfc3339;

/// The last attempt to send something; nothing of the answer but its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookAttempt)]
#[non_exhaustive]
pub struct LastAttempt {
    /// When, as RFC 3339 in UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// The answer's status, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 204)]
    pub status: Option<u16>,
    /// Why none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "no connection to the host")]
    pub problem: Option<String>,
}

/// What came of an attempt. The answer's body is not looked at: it may say anything.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) status: Option<StatusCode>,
    /// Why no answer came.
    pub(super) problem: Option<TransportErrorKind>,
    /// How long the receiver asks to wait.
    pub(super) retry_after: Option<Duration>,
    pub(super) took: Duration,
}

impl Outcome {
    /// Whether the event was taken.
    pub(super) fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| status.is_success())
    }

    /// Whether the receiver refused what it was sent, and not because of when it was sent.
    pub(super) fn is_refused(&self) -> bool {
        let passes = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
        self.status.is_some_and(|status| status.is_client_error() && !passes.contains(&status))
    }
}

impl LastAttempt {
    pub(super) fn new(outcome: &Outcome, now: SystemTime) -> Self {
        Self {
            at: rfc3339(now),
            status: outcome.status.map(|status| status.as_u16()),
            problem: outcome.problem.map(|kind| kind.to_string()),
        }
    }
}
