//! The forms of every provider, in every rendering.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod schema;
mod states;
mod submissions;

use keyway::{Registry, form::Form};

use states::{form, states};

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
fn html() {
    // A line for each element.
    each("html", |form| {
        form.html().action("/connect").hidden("csrf", "made-up").to_string().replace("><", ">\n<")
    });
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
