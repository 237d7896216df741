//! What a provider said of a key, as JSON has it.

use keyway_core::{Verdict, VerdictKind};
use serde::Serialize;
use utoipa::ToSchema;

/// What a provider said of a key.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Verdict)]
pub(crate) struct VerdictView {
    /// `valid`, `invalid` (the provider refuses the key), `forbidden` (it lacks a permission), `rate_limited`, `unavailable` (the
    /// provider says nothing about the key), or `unknown`.
    #[schema(value_type = VerdictWord)]
    kind: &'static str,
    /// Why, where the verdict has a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<ReasonView>,
    /// In how many seconds the provider wants to be asked again, where it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    retry_after: Option<u64>,
}

/// A verdict's stable word.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case", as = VerdictKind)]
#[expect(dead_code, reason = "it describes the words of core's `VerdictKind`")]
pub(crate) enum VerdictWord {
    Valid,
    Invalid,
    Forbidden,
    RateLimited,
    Unavailable,
    Unknown,
}

/// Why a key was not found to be good.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = VerdictReason)]
pub(crate) struct ReasonView {
    /// A stable word.
    #[schema(example = "unauthorized")]
    code: &'static str,
    /// The same for a person.
    #[schema(example = "the provider refused the key")]
    text: String,
}

/// Whether a verdict says something of the key, and would say the same a little later.
pub(super) fn is_lasting(verdict: &Verdict) -> bool {
    matches!(verdict.kind(), VerdictKind::Valid | VerdictKind::Invalid | VerdictKind::Forbidden)
}

impl VerdictView {
    pub(crate) fn of(verdict: &Verdict) -> Self {
        Self {
            kind: verdict.kind().as_str(),
            reason: verdict
                .reason()
                .map(|reason| ReasonView { code: reason.code().as_str(), text: reason.text().to_owned() }),
            retry_after: verdict.retry_after().map(|wait| wait.as_secs()),
        }
    }
}
