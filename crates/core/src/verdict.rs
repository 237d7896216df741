//! What a provider said of a credential.

use std::{borrow::Cow, fmt, time::Duration};

/// What the provider said of a credential.
///
/// `Valid` is said on positive proof in the answer only; every doubt is `Unknown`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The credential works, and belongs to this account.
    Valid(Account),
    /// The provider refused the credential.
    Invalid(Reason),
    /// The credential is good, and lacks a permission.
    Forbidden(Reason),
    /// Too many requests; says how long to wait, where the provider said so.
    RateLimited {
        /// How long to wait, where the provider said so.
        retry_after: Option<Duration>,
    },
    /// The provider could not be reached or is out of order: it says nothing about the credential.
    Unavailable {
        /// How long to wait, where the provider said so.
        retry_after: Option<Duration>,
        /// What went wrong.
        reason: Reason,
    },
    /// The answer proves nothing.
    Unknown(Reason),
}

impl Default for Verdict {
    fn default() -> Self {
        Self::Unknown(Reason::new(ReasonCode::NoProof, "nothing was asked yet"))
    }
}

impl Verdict {
    /// The verdict's kind, as one stable word.
    pub fn kind(&self) -> VerdictKind {
        match self {
            Self::Valid(_) => VerdictKind::Valid,
            Self::Invalid(_) => VerdictKind::Invalid,
            Self::Forbidden(_) => VerdictKind::Forbidden,
            Self::RateLimited { .. } => VerdictKind::RateLimited,
            Self::Unavailable { .. } => VerdictKind::Unavailable,
            Self::Unknown(_) => VerdictKind::Unknown,
        }
    }

    /// The account, when the verdict is `Valid`.
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Valid(account) => Some(account),
            _ => None,
        }
    }

    /// The reason, where the verdict has one.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Invalid(reason)
            | Self::Forbidden(reason)
            | Self::Unknown(reason)
            | Self::Unavailable { reason, .. } => Some(reason),
            Self::Valid(_) | Self::RateLimited { .. } => None,
        }
    }

    /// How long the provider asks to wait, where it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// A [`Verdict`]'s kind: a closed set of stable words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the words are those of `Verdict`, where they are explained")]
pub enum VerdictKind {
    Valid,
    Invalid,
    Forbidden,
    RateLimited,
    Unavailable,
    Unknown,
}

impl VerdictKind {
    /// All kinds, in the order of their exit codes.
    pub const ALL: [Self; 6] =
        [Self::Valid, Self::Invalid, Self::Forbidden, Self::RateLimited, Self::Unavailable, Self::Unknown];

    /// The stable word: `valid`, `invalid`, `forbidden`, `rate_limited`, `unavailable` or `unknown`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }

    /// The kind that a stable word names.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who a credential belongs to at the provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account {
    id: String,
    label: String,
    group: Option<String>,
}

impl Account {
    /// Makes an account of a stable id and a label that a person recognises.
    pub fn new(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self { id: id.into(), label: label.into(), group: None }
    }

    /// Says what the account has in common with others that may be the same ([`group`](Self::group)).
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// The stable id at the provider.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a person recognises the account by.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What accounts that may be the same have in common (`account.same_by` in the descriptor): accounts with one id are
    /// the same, and those with different ids and one group are once a person confirms it. `None` where the provider has no
    /// such thing, or did not say it.
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }
}

/// Why a verdict is not `Valid`: a stable code, and a sentence for a person. Never a value of the credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    code: ReasonCode,
    text: Cow<'static, str>,
}

impl Reason {
    /// Makes a reason. `text` is lower-case, has no full stop, and holds nothing of the credential or the answer.
    pub fn new(code: ReasonCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into() }
    }

    /// The stable code.
    pub fn code(&self) -> ReasonCode {
        self.code
    }

    /// The sentence for a person.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The code of a [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReasonCode {
    /// A rule of the descriptor, or an adapter, said so.
    Rule,
    /// The provider answered 401.
    Unauthorized,
    /// The provider answered 403.
    Forbidden,
    /// The provider answered with a status of 500 or above.
    ServerError,
    /// The answer lacks the proof that the descriptor asks for.
    NoProof,
    /// The answer came encoded although `identity` was asked for.
    Encoded,
    /// A redirect leads to an origin that may not receive the credential; it was not followed.
    RedirectLeaves,
    /// More redirects than the limit, or a redirect without a usable target.
    Redirect,
    /// No answer came.
    NoAnswer,
    /// The request was not sent, because it must not be.
    NotSent,
}

impl ReasonCode {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::ServerError => "server_error",
            Self::NoProof => "no_proof",
            Self::Encoded => "encoded",
            Self::RedirectLeaves => "redirect_leaves",
            Self::Redirect => "redirect",
            Self::NoAnswer => "no_answer",
            Self::NotSent => "not_sent",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
