//! A method as a form: the model that every rendering draws.

use keyway_core::{Choice, Code, Descriptor, FieldProblem, Kind, Method, Refused, Submission};

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
    /// What was typed is shown again, unless it is secret, was refused, repeats a secret, or begins like one.
    #[must_use]
    pub fn refused(self, submission: &'a Submission, refused: &Refused) -> Self {
        self.with_errors(&refused.problems).with_warnings(&refused.warnings).with_values(submission)
    }

    /// Adds errors, each beside its input; those of no input stand above the form. An input with an error is empty: neither
    /// what was refused stands in it, nor a default that nobody chose.
    #[must_use]
    pub fn with_errors(mut self, problems: &[FieldProblem]) -> Self {
        for problem in problems {
            match self.input_of(problem) {
                Some(input) => {
                    input.value = None;
                    input.errors.push(problem.into());
                }
                None => self.errors.push(problem.into()),
            }
        }
        self
    }

    /// Adds warnings, as [`with_errors`](Self::with_errors) does errors.
    #[must_use]
    pub fn with_warnings(mut self, problems: &[FieldProblem]) -> Self {
        for problem in problems {
            match self.input_of(problem) {
                Some(input) => input.warnings.push(problem.into()),
                None => self.warnings.push(problem.into()),
            }
        }
        self
    }

    fn input_of(&mut self, problem: &FieldProblem) -> Option<&mut Input<'a>> {
        let field = self.method.field(&problem.field)?.id();
        self.inputs.iter_mut().find(|input| input.field().id() == field)
    }

    /// Shows again what was typed: see [`refused`](Self::refused). An input that has an error by now stays empty, and
    /// free text keeps its default where a secret is missing: it may be that secret, in the wrong input.
    #[must_use]
    pub fn with_values(mut self, submission: &'a Submission) -> Self {
        let missing = |input: &Input<'_>| {
            input.field().is_secret() && input.errors.iter().any(|error| error.code == Code::Required)
        };
        let doubtful = self.inputs.iter().any(missing);
        let may_show = |input: &&mut Input<'_>| {
            input.errors.is_empty() && !(doubtful && *input.field().kind() == Kind::Text)
        };
        for input in self.inputs.iter_mut().filter(may_show) {
            if let Some(text) = submission.shown(self.method, input.field())
                && !text.trim().is_empty()
            {
                input.value = match input.field().kind() {
                    Kind::Choice(_) => input.field().choice(text).map(Choice::value),
                    _ => Some(text.trim()),
                };
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
