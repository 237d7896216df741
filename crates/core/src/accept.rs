//! From a submission to a credential: the only way there is.

mod foreign;
pub(crate) mod place;
mod value;

use std::{fmt, sync::Arc};

pub(crate) use foreign::Shapes;

use crate::{
    Credential, Field, Id, Method, Provider, Secret, Submission,
    id::{meant, shown},
    problem::suggest,
    submission::{MAX_VALUES, Raw},
};

/// A submission that its method accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The credential: complete, trimmed, checked, bound to its origins.
    pub credential: Credential,
    /// What looks odd and may be right.
    pub warnings: Vec<FieldProblem>,
}

/// A submission was refused: all its problems at once. Nothing was sent anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What must change.
    pub problems: Vec<FieldProblem>,
    /// What looks odd besides.
    pub warnings: Vec<FieldProblem>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing about one field. It never holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's id; for an unknown field its name, where it can be shown.
    pub field: String,
    /// A stable code.
    pub code: Code,
    /// A sentence for the person who made the submission.
    pub message: String,
}

/// The stable code of a [`FieldProblem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// A value is missing, or blank.
    Required,
    /// The method has no such field.
    UnknownField,
    /// A field stands twice.
    Duplicate,
    /// The value is not text.
    WrongType,
    /// More than 256 values.
    TooMany,
    /// The value is larger than 64 KiB.
    TooLong,
    /// A control character.
    Control,
    /// A character that shows nothing, or reorders what is shown.
    Invisible,
    /// White space inside a value that has none.
    WhiteSpace,
    /// A character that cannot be sent where the value belongs: nearly always one outside visible ASCII.
    NotAscii,
    /// Not a host, or not one part of a host's name.
    Host,
    /// Not an https origin.
    Url,
    /// Not one of the choices.
    Choice,
    /// The pattern does not match.
    Pattern,
    /// A colon in the user's name of HTTP Basic.
    Colon,
    /// A known mistake of this provider.
    Mistake,
    /// A key of another provider.
    OtherProvider,
    /// A mask instead of the value.
    Masked,
    /// A whole command or header line instead of the value.
    Command,
    /// Warning: the value does not look as usual.
    Shape,
}

impl Code {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::UnknownField => "unknown_field",
            Self::Duplicate => "duplicate",
            Self::WrongType => "wrong_type",
            Self::TooMany => "too_many",
            Self::TooLong => "too_long",
            Self::Control => "control",
            Self::Invisible => "invisible",
            Self::WhiteSpace => "white_space",
            Self::NotAscii => "not_ascii",
            Self::Host => "host",
            Self::Url => "url",
            Self::Choice => "choice",
            Self::Pattern => "pattern",
            Self::Colon => "colon",
            Self::Mistake => "mistake",
            Self::OtherProvider => "other_provider",
            Self::Masked => "masked",
            Self::Command => "command",
            Self::Shape => "shape",
        }
    }
}

/// The field of a problem that belongs to none that can be shown.
pub(crate) const UNNAMED: &str = "(unnamed)";

/// Collects what is found about the fields of one submission.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: Vec<FieldProblem>,
    warnings: Vec<FieldProblem>,
}

impl Findings {
    /// All of them as warnings.
    pub(crate) fn into_warnings(self) -> impl Iterator<Item = FieldProblem> {
        self.problems.into_iter().chain(self.warnings)
    }

    pub(crate) fn refuse(&mut self, field: &str, code: Code, message: impl Into<String>) {
        self.problems.push(FieldProblem { field: field.into(), code, message: message.into() });
    }

    /// Refuses, unless the same has been said.
    fn refuse_once(&mut self, field: &str, code: Code, message: impl Into<String>) {
        if !self.problems.iter().any(|problem| problem.field == field && problem.code == code) {
            self.refuse(field, code, message);
        }
    }

    pub(crate) fn warn(&mut self, field: &str, code: Code, message: impl Into<String>) {
        self.warnings.push(FieldProblem { field: field.into(), code, message: message.into() });
    }
}

/// A value of a credential.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Secret(Secret),
    Plain(String),
}

impl Value {
    pub(crate) fn new(value: &Secret, secret: bool) -> Self {
        if secret { Self::Secret(value.clone()) } else { Self::Plain(value.expose().to_owned()) }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Secret(secret) => secret.expose(),
            Self::Plain(text) => text,
        }
    }
}

pub(crate) use value::{check, choice, trim, unusable};

/// Why a field would refuse a value of its own descriptor, if it would.
pub(crate) fn refusal(field: &Field, value: &str) -> Option<String> {
    let mut findings = Findings::default();
    if value::trim(value, field.strip()) != value {
        return Some("it would be trimmed or stripped".to_owned());
    }
    value::check(field, value, None, &mut findings);
    findings.problems.pop().map(|problem| problem.message)
}

/// The most problems before unknown fields are no longer told.
const MAX_UNKNOWN: usize = 32;

/// Checks a submission against a method, reporting all that is wrong with it.
pub(crate) fn accept(
    provider: &Arc<dyn Provider>,
    method: &Arc<Method>,
    submission: &Submission,
    shapes: &Shapes,
) -> Result<Accepted, Refused> {
    let mut findings = Findings::default();
    // The credential would be judged by one provider and placed as another says.
    if !provider.descriptor().methods().iter().any(|own| Arc::ptr_eq(own, method)) {
        findings.refuse(UNNAMED, Code::UnknownField, "this method belongs to another provider");
    }
    if submission.overflows || submission.values.len() > MAX_VALUES {
        findings.refuse(UNNAMED, Code::TooMany, format!("these are more than {MAX_VALUES} values"));
    }
    let mut given: Vec<Option<&Raw>> = vec![None; method.fields().len()];
    for (name, raw) in submission.values.iter().take(MAX_VALUES) {
        match method.fields().iter().position(|field| field.is_called(name)) {
            None if findings.problems.len() < MAX_UNKNOWN => unknown(method, name, &mut findings),
            None => {}
            Some(index) if given[index].is_some() => {
                let id = method.fields()[index].id().as_str();
                findings.refuse_once(id, Code::Duplicate, "this field stands twice; give it once");
            }
            Some(index) => given[index] = Some(raw),
        }
    }
    let others = Some((shapes, provider.descriptor().id()));
    let mut values: Vec<(Id, Value)> = Vec::with_capacity(given.len());
    for (field, raw) in method.fields().iter().zip(given) {
        if let Some(text) = accept_field(field, raw, others, &mut findings) {
            let value = if field.is_secret() { Value::Secret(Secret::new(text)) } else { Value::Plain(text) };
            values.push((field.id().clone(), value));
        }
    }
    if findings.problems.is_empty() {
        match Credential::build(Arc::clone(provider), Arc::clone(method), values) {
            Ok(credential) => return Ok(Accepted { credential, warnings: findings.warnings }),
            Err(problem) => findings.problems.push(problem),
        }
    }
    Err(Refused { problems: findings.problems, warnings: findings.warnings })
}

fn unknown(method: &Method, name: &str, findings: &mut Findings) {
    let known = || method.fields().iter().map(|field| field.id().as_str());
    // What is no name may be anything, a key pasted into the wrong place among it: it is not repeated.
    let message = format!("there is no such field; {}", suggest(&meant(name), known()));
    let shown = shown(name).filter(|_| !method.fields().iter().any(|field| field.usually_begins(name)));
    findings.refuse_once(shown.unwrap_or(UNNAMED), Code::UnknownField, message);
}

/// The value of a field, when it has one and nothing is wrong with it.
fn accept_field(
    field: &Field,
    raw: Option<&Raw>,
    others: Option<(&Shapes, &Id)>,
    findings: &mut Findings,
) -> Option<String> {
    let id = field.id().as_str();
    let text = match raw {
        Some(Raw::Wrong(what)) => {
            findings.refuse(id, Code::WrongType, format!("this must be text in quotes, not {what}"));
            return None;
        }
        Some(Raw::Text(text)) => value::trim(text.expose(), field.strip()),
        None => "",
    };
    // A form sends the lines of a text area with CR LF, whatever was typed.
    let lines: String;
    let text = if field.is_multiline() && text.contains("\r\n") {
        lines = text.replace("\r\n", "\n");
        &lines
    } else {
        text
    };
    if text.is_empty() {
        if let Some(default) = field.default_value() {
            return Some(default.to_owned());
        }
        if !field.is_optional() {
            let step = field.step().map(|step| format!(" (step {step} of the guide)")).unwrap_or_default();
            findings.refuse(id, Code::Required, format!("this is missing{step}"));
        }
        return None;
    }
    value::check(field, text, others, findings)
}
