//! A method as a form: the model that every rendering draws.

use keyway_core::{Descriptor, Field, FieldProblem, Links, Markup, Method, Refused, Shape, Submission};
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{Input, Notice, html};

/// A method as a form: what a person reads and fills in, and what was wrong with the last try.
///
/// Serialised, it is plain data for whoever draws a form of their own.
///
/// # Security
/// It never holds a secret's value.
#[derive(Debug, Clone)]
pub struct Form<'a> {
    descriptor: &'a Descriptor,
    method: &'a Method,
    inputs: Vec<Input<'a>>,
    errors: Vec<Notice>,
    warnings: Vec<Notice>,
}

impl<'a> Form<'a> {
    /// Makes the empty form of a method.
    pub fn new(descriptor: &'a Descriptor, method: &'a Method) -> Self {
        let inputs = method.fields().iter().map(Input::new).collect();
        Self { descriptor, method, inputs, errors: Vec::new(), warnings: Vec::new() }
    }

    /// The form after a submission that was refused: what was wrong stands beside its input.
    ///
    /// What was typed is shown again, unless it is secret, was refused, repeats a secret, or begins like one.
    #[must_use]
    pub fn refused(self, submission: &'a Submission, refused: &Refused) -> Self {
        self.with_errors(&refused.problems).with_warnings(&refused.warnings).with_values(submission)
    }

    /// Adds errors, each beside its input; those of no input stand above the form.
    #[must_use]
    pub fn with_errors(mut self, problems: &[FieldProblem]) -> Self {
        for problem in problems {
            let field = self.method.field(&problem.field).map(Field::id);
            match self.inputs.iter_mut().find(|input| Some(input.field().id()) == field) {
                Some(input) => input.errors.push(problem.into()),
                None => self.errors.push(problem.into()),
            }
        }
        self
    }

    /// Adds warnings, as [`with_errors`](Self::with_errors) does errors.
    #[must_use]
    pub fn with_warnings(mut self, problems: &[FieldProblem]) -> Self {
        for problem in problems {
            let field = self.method.field(&problem.field).map(Field::id);
            match self.inputs.iter_mut().find(|input| Some(input.field().id()) == field) {
                Some(input) => input.warnings.push(problem.into()),
                None => self.warnings.push(problem.into()),
            }
        }
        self
    }

    /// Shows again what was typed: see [`refused`](Self::refused). An input that has an error by now stays as it was.
    #[must_use]
    pub fn with_values(mut self, submission: &'a Submission) -> Self {
        for input in self.inputs.iter_mut().filter(|input| input.errors.is_empty()) {
            if let Some(text) = submission.shown(self.method, input.field())
                && !text.trim().is_empty()
                && !looks_secret(self.method, text)
            {
                input.value = Some(text.trim());
            }
        }
        self
    }

    /// The provider's descriptor.
    pub fn descriptor(&self) -> &'a Descriptor {
        self.descriptor
    }

    /// The method.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// What is asked for, in order.
    pub fn inputs(&self) -> &[Input<'a>] {
        &self.inputs
    }

    /// What was wrong and belongs to no input.
    pub fn errors(&self) -> &[Notice] {
        &self.errors
    }

    /// What looked odd and belongs to no input.
    pub fn warnings(&self) -> &[Notice] {
        &self.warnings
    }

    /// Tells whether anything was wrong.
    pub fn is_refused(&self) -> bool {
        !self.errors.is_empty() || self.inputs.iter().any(|input| !input.errors.is_empty())
    }
}

/// Tells whether a word of a text begins like a secret of the method: a key that was pasted into the wrong input.
fn looks_secret(method: &Method, text: &str) -> bool {
    let secrets = || method.fields().iter().filter(|field| field.is_secret());
    let mut prefixes =
        secrets().filter_map(Field::shape).map(Shape::prefix).filter(|prefix| !prefix.is_empty());
    prefixes.any(|prefix| {
        text.split(|c: char| c.is_whitespace() || "\"'`“‘<=:".contains(c))
            .any(|word| word.starts_with(prefix))
    })
}

/// How a person gets a key, as data.
#[derive(Debug, Clone, Copy)]
pub struct Guide<'a>(pub(crate) &'a keyway_core::Guide);

impl Serialize for Guide<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Guide", 3)?;
        out.serialize_field("needs", &texts(self.0.needs()))?;
        out.serialize_field("steps", &texts(self.0.steps()))?;
        out.serialize_field("warnings", &texts(self.0.warnings()))?;
        out.end()
    }
}

fn texts(list: &[Markup]) -> Vec<Text<'_>> {
    list.iter().map(Text).collect()
}

/// A text with markup, as data: `text` is plain, `html` is escaped and inert.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a>(pub(crate) &'a Markup);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Text", 2)?;
        out.serialize_field("text", &self.0.to_string())?;
        out.serialize_field("html", &html::markup(self.0).into_string())?;
        out.end()
    }
}

#[derive(Serialize)]
struct Provider<'a> {
    id: &'a str,
    name: &'a str,
    summary: &'a str,
    links: Targets<'a>,
}

#[derive(Serialize)]
struct Targets<'a> {
    docs: Option<&'a str>,
    keys: Option<&'a str>,
    support: Option<&'a str>,
}

#[derive(Serialize)]
struct Way<'a> {
    id: &'a str,
    label: &'a str,
}

impl<'a> From<&'a Links> for Targets<'a> {
    fn from(links: &'a Links) -> Self {
        Self { docs: links.docs.as_deref(), keys: links.keys.as_deref(), support: links.support.as_deref() }
    }
}

impl Serialize for Form<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let descriptor = self.descriptor;
        let provider = Provider {
            id: descriptor.id().as_str(),
            name: descriptor.name(),
            summary: descriptor.summary(),
            links: descriptor.links().into(),
        };
        let way = Way { id: self.method.id().as_str(), label: self.method.label() };
        let mut out = serializer.serialize_struct("Form", 6)?;
        out.serialize_field("provider", &provider)?;
        out.serialize_field("method", &way)?;
        out.serialize_field("guide", &Guide(self.method.guide()))?;
        out.serialize_field("inputs", &self.inputs)?;
        out.serialize_field("errors", &self.errors)?;
        out.serialize_field("warnings", &self.warnings)?;
        out.end()
    }
}
