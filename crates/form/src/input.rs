//! One input of a form.

use keyway_core::{Charset, Choice, Code, Field, FieldProblem, Kind, Mistake};
use serde::{Serialize, Serializer};

use crate::Text;

/// One input of a form: a field, what stands in it, and what is said of that.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    field: &'a Field,
    pub(crate) value: Option<&'a str>,
    pub(crate) errors: Vec<Notice>,
    pub(crate) warnings: Vec<Notice>,
}

/// Something that is said of an input, or of the whole form. It never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The field's id; for what belongs to no field, the name that was given, where it can be shown.
    pub field: String,
    /// The stable code.
    #[serde(serialize_with = "word")]
    pub code: Code,
    /// A sentence for the person who made the submission, without a capital letter and a full stop.
    pub message: String,
}

impl<'a> Input<'a> {
    pub(crate) fn new(field: &'a Field) -> Self {
        Self { field, value: field.default_value(), errors: Vec::new(), warnings: Vec::new() }
    }

    /// The field.
    pub fn field(&self) -> &'a Field {
        self.field
    }

    /// What stands in it: what was typed, where it may be shown again, or else the default. Never a secret.
    pub fn value(&self) -> Option<&'a str> {
        self.value
    }

    /// What was wrong.
    pub fn errors(&self) -> &[Notice] {
        &self.errors
    }

    /// What looked odd.
    pub fn warnings(&self) -> &[Notice] {
        &self.warnings
    }

    /// Tells whether a person has to fill it in.
    pub fn is_required(&self) -> bool {
        !self.field.is_optional() && self.field.default_value().is_none()
    }
}

/// As it is serialised: what stands in the descriptor, in the words of the descriptor.
#[derive(Serialize)]
struct Data<'a> {
    id: &'a str,
    label: &'a str,
    help: Option<Text<'a>>,
    placeholder: Option<&'a str>,
    kind: &'static str,
    choices: Vec<DataChoice<'a>>,
    secret: bool,
    required: bool,
    multiline: bool,
    step: Option<usize>,
    strip: &'a [String],
    shape: Option<DataShape<'a>>,
    mistakes: Vec<DataMistake<'a>>,
    value: Option<&'a str>,
    errors: &'a [Notice],
    warnings: &'a [Notice],
}

#[derive(Serialize)]
struct DataChoice<'a> {
    value: &'a str,
    label: &'a str,
}

/// What a value usually looks like, and what to say of one that does not.
#[derive(Serialize)]
pub(crate) struct DataShape<'a> {
    prefix: &'a str,
    charset: Option<&'static str>,
    length: Option<usize>,
    unlike: String,
}

#[derive(Serialize)]
pub(crate) struct DataMistake<'a> {
    prefix: Option<&'a str>,
    suffix: Option<&'a str>,
    contains: Option<&'a str>,
    refuse: bool,
    say: &'a str,
}

impl<'a> Input<'a> {
    /// The shape as data.
    pub(crate) fn shape(&self) -> Option<DataShape<'a>> {
        let shape = self.field.shape()?;
        Some(DataShape {
            prefix: shape.prefix(),
            charset: shape.charset().map(Charset::class),
            length: shape.length(),
            unlike: self.field.unlike().unwrap_or_default(),
        })
    }

    /// The mistakes as data.
    pub(crate) fn mistakes(&self) -> Vec<DataMistake<'a>> {
        let data = |mistake: &'a Mistake| DataMistake {
            prefix: mistake.prefix(),
            suffix: mistake.suffix(),
            contains: mistake.contains(),
            refuse: mistake.is_refused(),
            say: mistake.say(),
        };
        self.field.mistakes().iter().map(data).collect()
    }
}

impl Serialize for Input<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let field = self.field;
        let (kind, choices): (_, &[Choice]) = match field.kind() {
            Kind::Choice(choices) => ("choice", choices),
            Kind::Url => ("url", &[]),
            Kind::Host => ("host", &[]),
            _ => ("text", &[]),
        };
        Data {
            id: field.id().as_str(),
            label: field.label(),
            help: field.help().map(Text),
            placeholder: field.placeholder(),
            kind,
            choices: choices
                .iter()
                .map(|choice| DataChoice { value: choice.value(), label: choice.label() })
                .collect(),
            secret: field.is_secret(),
            required: self.is_required(),
            multiline: field.is_multiline(),
            step: field.step(),
            strip: field.strip(),
            shape: self.shape(),
            mistakes: self.mistakes(),
            value: self.value,
            errors: &self.errors,
            warnings: &self.warnings,
        }
        .serialize(serializer)
    }
}

fn word<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

impl From<&FieldProblem> for Notice {
    fn from(problem: &FieldProblem) -> Self {
        Self { field: problem.field.clone(), code: problem.code, message: problem.message.clone() }
    }
}
