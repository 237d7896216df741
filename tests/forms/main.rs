//! The forms of every provider, in every rendering.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod states;

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
