//! One input of a form.

use keyway_core::{Code, Field, FieldProblem};

/// One input of a form: a field, what stands in it, and what is said of that.
#[derive(Debug, Clone)]
pub struct Input<'a> {
    field: &'a Field,
    pub(crate) value: Option<&'a str>,
    pub(crate) errors: Vec<Notice>,
    pub(crate) warnings: Vec<Notice>,
}

/// Something that is said of an input, or of the whole form. It never holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The field's id; for what belongs to no field, the name that was given, where it can be shown.
    pub field: String,
    /// The stable code.
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

impl From<&FieldProblem> for Notice {
    fn from(problem: &FieldProblem) -> Self {
        Self { field: problem.field.clone(), code: problem.code, message: problem.message.clone() }
    }
}
