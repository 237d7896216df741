//! What `connect --json` and `connection check --json` print: a part of the contract.

use keyway::{Account, FieldProblem, Id, Verdict};
use serde::Serialize;

use crate::{connection::view::ConnectionView, messages, outcome::Outcome, save::KeptView};

/// The one object. Every key is always there.
#[derive(Serialize)]
pub(crate) struct Report<'a> {
    provider: &'a str,
    method: &'a str,
    verdict: &'static str,
    account: Option<AccountView<'a>>,
    warnings: Vec<ProblemView<'a>>,
    errors: Vec<ProblemView<'a>>,
    retry_after_s: Option<u64>,
    /// With `--save` alone: what was kept, or nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(clippy::option_option, reason = "JSON tells what is not there from what is null")]
    saved: Option<Option<KeptView<'a>>>,
    /// Of a kept connection alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<ConnectionView<'a>>,
}

#[derive(Serialize)]
struct AccountView<'a> {
    id: &'a str,
    label: &'a str,
}

#[derive(Serialize)]
struct ProblemView<'a> {
    field: Option<&'a str>,
    code: &'static str,
    message: String,
}

impl<'a> Report<'a> {
    pub(crate) fn new(provider: &'a str, method: &'a str, outcome: &'a Outcome) -> Self {
        let (verdict, warnings, errors, judged) = match outcome {
            Outcome::Refused(refused) => ("refused", &refused.warnings, problems(&refused.problems), None),
            Outcome::Judged { verdict, warnings } => {
                (verdict.kind().as_str(), warnings, reasons(verdict), Some(verdict))
            }
        };
        Self {
            provider,
            method,
            verdict,
            account: judged.and_then(Verdict::account).map(AccountView::of),
            warnings: problems(warnings),
            errors,
            retry_after_s: judged.and_then(Verdict::retry_after).map(messages::seconds),
            saved: None,
            connection: None,
        }
    }

    /// Says what was kept, where something was to be.
    pub(crate) fn saved(mut self, saved: Option<KeptView<'a>>) -> Self {
        self.saved = Some(saved);
        self
    }

    /// Says which kept connection this is about.
    pub(crate) fn of(mut self, connection: ConnectionView<'a>) -> Self {
        self.connection = Some(connection);
        self
    }
}

impl<'a> AccountView<'a> {
    fn of(account: &'a Account) -> Self {
        Self { id: account.id(), label: account.label() }
    }
}

fn problems(problems: &[FieldProblem]) -> Vec<ProblemView<'_>> {
    problems
        .iter()
        .map(|problem| ProblemView {
            // A name that no field can have is not repeated by core, and belongs to no field.
            field: Some(problem.field.as_str()).filter(|field| Id::parse(field).is_some()),
            code: problem.code.as_str(),
            message: problem.message.clone(),
        })
        .collect()
}

/// Why a verdict is not `valid`: one entry that belongs to no field.
fn reasons(verdict: &Verdict) -> Vec<ProblemView<'static>> {
    let (code, message) = match (verdict, verdict.reason()) {
        (Verdict::Valid(_), _) => return Vec::new(),
        (_, Some(reason)) => (reason.code().as_str(), reason.text().to_owned()),
        (_, None) => (verdict.kind().as_str(), messages::TOO_MANY.to_owned()),
    };
    vec![ProblemView { field: None, code, message }]
}
