//! The states of a form that a person meets.

use std::sync::Arc;

use keyway::{Accepted, Entry, Method, Submission, form::Form};

/// A provider's form in a state that a person meets.
pub(crate) struct State {
    pub(crate) name: &'static str,
    pub(crate) submission: Option<Submission>,
}

/// The states: empty, after a submission with errors, after one with warnings. What is submitted follows from the fields.
pub(crate) fn states(method: &Method) -> Vec<State> {
    let filled = |secret: &str, plain: &str| {
        method.fields().iter().fold(Submission::new(), |all, field| {
            let value = if field.is_secret() { secret } else { field.default_value().unwrap_or(plain) };
            all.with(field.id().as_str(), value)
        })
    };
    vec![
        State { name: "empty", submission: None },
        // An inner space in every secret, an unknown field, and nothing that a plain field takes.
        State { name: "errors", submission: Some(filled("made up", " ").with("colour", "red")) },
        // What has no provider's shape, and yet is a value.
        State { name: "warnings", submission: Some(filled("madeup=", "made-up")) },
    ]
}

pub(crate) fn form<'a>(entry: &'a Entry, method: &'a Arc<Method>, state: &'a State) -> Form<'a> {
    let form = Form::new(entry.descriptor(), method);
    let Some(submission) = &state.submission else { return form };
    match entry.accept(method, submission) {
        Ok(Accepted { warnings, .. }) => form.with_warnings(&warnings).with_values(submission),
        Err(refused) => form.refused(submission, &refused),
    }
}
