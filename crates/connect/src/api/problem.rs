//! What went wrong, as RFC 9457 says it.

use std::{borrow::Cow, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use keyway_core::{AcceptError, FieldProblem, Verdict};
use keyway_vault::Error;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    answer::Passing,
    json::{Fault, Wrong},
    verdict::{VerdictView, is_lasting},
};
use crate::SessionError;

/// An error, as RFC 9457 describes it. It never repeats a value.
#[derive(Debug)]
pub(crate) struct Problem(Box<Said>);

/// An error, as RFC 9457 describes it. It never repeats a value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Said {
    /// A stable name of what went wrong: `urn:keyway:problem:` and a word.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:keyway:problem:[a-z_]+$", example = "urn:keyway:problem:invalid")]
    kind: String,
    /// The same in a few words, for a person.
    #[schema(example = "The request cannot be done as it is")]
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    status: u16,
    /// What to do about it, for a person.
    #[schema(example = "1 member is wrong; `errors` says which")]
    detail: Cow<'static, str>,
    /// Each thing that is wrong, where it can be said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Detail>,
    /// What the provider said of the key, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    verdict: Option<VerdictView>,
    /// In how many seconds trying again may help.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    retry_after: Option<u64>,
    #[serde(skip)]
    challenge: Option<&'static str>,
    #[serde(skip)]
    passes: bool,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemDetail)]
pub(crate) struct Detail {
    /// Where in the body, as a JSON Pointer (RFC 6901); empty: the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/end_user")]
    pointer: Option<String>,
    /// The field of the provider's form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "api_key")]
    field: Option<String>,
    /// The query's parameter or the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "limit")]
    parameter: Option<String>,
    /// A stable word.
    #[schema(example = "required")]
    code: &'static str,
    /// What is asked for, for a person.
    #[schema(example = "is missing")]
    message: String,
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Json,
    Parameter,
    Header,
    Unauthorized,
    Scope,
    Tenant,
    NotFound,
    Gone,
    Method,
    Slow,
    Conflict,
    InFlight,
    NeedsKey,
    OtherAccount,
    TooLarge,
    MediaType,
    Invalid,
    Refused,
    Verdict,
    KeyReused,
    TooMany,
    Damaged,
    Unavailable,
    CheckTooLong,
}

impl Kind {
    /// Stable word, status, title.
    fn said(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Json => ("json", StatusCode::BAD_REQUEST, "The body is not JSON"),
            Self::Parameter => ("parameter", StatusCode::BAD_REQUEST, "A parameter cannot be as it is"),
            Self::Header => ("header", StatusCode::BAD_REQUEST, "A header cannot be as it is"),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "A token is needed"),
            Self::Scope => ("scope", StatusCode::FORBIDDEN, "The token is not for this"),
            Self::Tenant => ("tenant", StatusCode::FORBIDDEN, "The token is of another tenant"),
            Self::NotFound => ("not_found", StatusCode::NOT_FOUND, "There is nothing here"),
            Self::Gone => ("gone", StatusCode::GONE, "It cannot be gone on from there"),
            Self::Method => ("method", StatusCode::METHOD_NOT_ALLOWED, "This is not done here"),
            Self::Slow => ("slow", StatusCode::REQUEST_TIMEOUT, "The body did not come in time"),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Somebody else changed it"),
            Self::InFlight => ("in_flight", StatusCode::CONFLICT, "The same request is being done"),
            Self::NeedsKey => ("needs_key", StatusCode::CONFLICT, "The connection needs a new key"),
            Self::OtherAccount => ("other_account", StatusCode::CONFLICT, "The key is of another account"),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::MediaType => ("media_type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is no JSON"),
            Self::Invalid => {
                ("invalid", StatusCode::UNPROCESSABLE_ENTITY, "The request cannot be done as it is")
            }
            Self::Refused => ("refused", StatusCode::UNPROCESSABLE_ENTITY, "The values cannot be a key"),
            Self::Verdict => {
                ("verdict", StatusCode::UNPROCESSABLE_ENTITY, "The key was not found to be good")
            }
            Self::KeyReused => (
                "idempotency_key",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The idempotency key is another request's",
            ),
            Self::TooMany => ("too_many", StatusCode::TOO_MANY_REQUESTS, "Too many look-ups failed"),
            Self::Damaged => ("damaged", StatusCode::INTERNAL_SERVER_ERROR, "It is not as it was written"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "This is not possible now"),
            Self::CheckTooLong => ("check_timeout", StatusCode::GATEWAY_TIMEOUT, "The check took too long"),
        }
    }
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        let (word, status, title) = kind.said();
        Self(Box::new(Said {
            kind: format!("urn:keyway:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            verdict: None,
            retry_after: None,
            challenge: None,
            passes: false,
        }))
    }

    /// There is nothing of this id; also when there is and it is another tenant's (I8): the same words, always.
    pub(crate) fn not_found() -> Self {
        Self::new(Kind::NotFound, "there is nothing of this name for this tenant")
    }

    /// No good token was shown.
    pub(crate) fn unauthorized(challenge: &'static str, detail: &'static str) -> Self {
        let mut problem = Self::new(Kind::Unauthorized, detail);
        problem.0.challenge = Some(challenge);
        problem
    }

    /// A parameter of the query.
    pub(crate) fn parameter(name: &str, code: &'static str, message: &str) -> Self {
        let known = name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let name = if known { name } else { "(unnamed)" };
        Self::new(Kind::Parameter, "`errors` says which, and what is asked for")
            .with(Detail::parameter(name, code, message))
    }

    /// A header.
    pub(crate) fn header(name: &str, code: &'static str, message: &str) -> Self {
        Self::new(Kind::Header, "`errors` says which, and what is asked for")
            .with(Detail::parameter(name, code, message))
    }

    /// A member of the body.
    pub(crate) fn member(pointer: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, "`errors` says where, and what is asked for").with(Detail {
            pointer: Some(pointer.to_owned()),
            field: None,
            parameter: None,
            code,
            message: message.into(),
        })
    }

    /// A provider was asked, and did not find the key good.
    pub(crate) fn verdict(verdict: &Verdict) -> Self {
        let mut problem = Self::new(Kind::Verdict, "nothing was saved; `verdict` has what the provider said");
        problem.0.verdict = Some(VerdictView::of(verdict));
        problem.0.retry_after = verdict.retry_after().map(seconds);
        problem.0.passes = !is_lasting(verdict);
        problem
    }

    /// Says when trying again may help.
    pub(crate) fn after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(seconds(wait));
        self
    }

    fn with(mut self, detail: Detail) -> Self {
        self.0.errors.push(detail);
        self
    }
}

impl Detail {
    fn parameter(name: &str, code: &'static str, message: &str) -> Self {
        Self {
            pointer: None,
            field: None,
            parameter: Some(name.to_owned()),
            code,
            message: message.to_owned(),
        }
    }

    fn field(problem: FieldProblem) -> Self {
        Self {
            pointer: None,
            field: Some(problem.field),
            parameter: None,
            code: problem.code.as_str(),
            message: problem.message,
        }
    }
}

/// Whole seconds, and none too few.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax { line, column } => {
                Self::new(Kind::Json, format!("it cannot be read from line {line}, column {column} on"))
            }
            Fault::Shape(Wrong { pointer, code, message }) => Self::member(&pointer, code, message),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::not_found(),
            Error::Conflict | Error::Exists => {
                Self::new(Kind::Conflict, "somebody else changes it at the same time; try again")
                    .after(Duration::from_secs(1))
            }
            Error::Replaced => {
                Self::new(Kind::Conflict, "the connection got another key meanwhile; check it again")
                    .after(Duration::from_secs(1))
            }
            Error::NeedsKey { why } => Self::new(Kind::NeedsKey, why),
            error @ Error::OtherAccount => Self::new(Kind::OtherAccount, error.to_string()),
            Error::Invalid(why) => Self::new(Kind::Invalid, why),
            Error::Tampered { what } => {
                tracing::error!(%what, "something is not as it was written");
                Self::new(Kind::Damaged, "it is not used; whoever runs this knows more")
            }
            error => {
                tracing::error!(%error, "the vault did not do what the REST API asked for");
                Self::new(Kind::Unavailable, "nothing was changed; try again later")
                    .after(Duration::from_secs(5))
            }
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Field { field, why } => {
                Self::member(&format!("/{}", field.replace('.', "/")), "invalid", why)
            }
            SessionError::NotFound => Self::member("/connection", "not_found", "there is no such connection"),
            SessionError::Vault(error) => error.into(),
        }
    }
}

/// Of a provider that is there.
impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Refused(refused) => {
                let says = "nothing was sent anywhere; `errors` says what has to change";
                refused
                    .problems
                    .into_iter()
                    .map(Detail::field)
                    .fold(Self::new(Kind::Refused, says), Self::with)
            }
            error => Self::member("/method", "not_found", error.to_string()),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(said) = self;
        let body = serde_json::to_vec(&said).unwrap_or_default();
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = StatusCode::from_u16(said.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if said.passes {
            answer.extensions_mut().insert(Passing);
        }
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = said.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = said.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        answer
    }
}
