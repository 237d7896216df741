//! A method as a form: the model that every rendering draws.

use keyway_core::{Descriptor, Field, FieldProblem, Method, Refused, Submission};

use crate::{Input, Notice};

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
    /// What was typed is shown again, unless it is secret, was refused, or repeats a secret.
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
