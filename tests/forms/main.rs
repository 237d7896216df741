//! The forms of every provider, in every rendering.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod schema;
mod submissions;

use keyway::{Accepted, Entry, Method, Registry, Submission, form::Form};

/// A provider's form in a state that a person meets.
struct State {
    name: &'static str,
    submission: Option<Submission>,
}

/// The states: empty, after a submission with errors, after one with warnings. What is submitted follows from the fields.
fn states(method: &Method) -> Vec<State> {
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

fn form<'a>(entry: &'a Entry, method: &'a std::sync::Arc<Method>, state: &'a State) -> Form<'a> {
    let form = Form::new(entry.descriptor(), method);
    let Some(submission) = &state.submission else { return form };
    match entry.accept(method, submission) {
        Ok(Accepted { warnings, .. }) => form.with_warnings(&warnings).with_values(submission),
        Err(refused) => form.refused(submission, &refused),
    }
}

/// Looks at a rendering of every form in every state; each is a snapshot named by the provider.
fn each(rendering: &str, draw: impl Fn(&Form<'_>) -> String) {
    for entry in Registry::linked().unwrap().entries() {
        for method in entry.descriptor().methods() {
            for state in states(method) {
                let drawn = draw(&form(entry, method, &state));
                let mut settings = insta::Settings::clone_current();
                settings.set_snapshot_suffix(format!(
                    "{}_{}_{}",
                    entry.descriptor().id(),
                    method.id(),
                    state.name
                ));
                settings.set_prepend_module_to_snapshot(false);
                settings.bind(|| insta::assert_snapshot!(rendering, drawn));
            }
        }
    }
}

#[test]
fn text() {
    each("text", |form| anstream::adapter::strip_str(&form.text()).to_string());
}

#[test]
fn model() {
    each("model", |form| serde_json::to_string_pretty(form).unwrap());
}

#[test]
fn json_schema() {
    each("json_schema", |form| serde_json::to_string_pretty(&form.json_schema()).unwrap());
}

/// With what stands in the form and what was wrong, which react-jsonschema-form takes beside it.
#[test]
fn ui_schema() {
    each("ui_schema", |form| {
        let [ui, data, errors] = [
            serde_json::to_string_pretty(&form.ui_schema()),
            serde_json::to_string_pretty(&form.form_data()),
            serde_json::to_string_pretty(&form.extra_errors()),
        ]
        .map(Result::unwrap);
        format!("uiSchema: {ui}\nformData: {data}\nextraErrors: {errors}")
    });
}
