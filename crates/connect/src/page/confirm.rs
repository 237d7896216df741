//! Whose account it is.

use maud::{Markup, html};

use super::{Chrome, Confirm, frame::document};

/// Whose account it is. Confirmed, the form is sent to `{base}/confirm`, with `name`, and with `update` the id of a connection that
/// gets the key in place of a new one; `{base}/again` goes back to the form.
pub(crate) fn confirm(chrome: &Chrome, page: &Confirm<'_>) -> Markup {
    document(
        chrome,
        "Is this your account?",
        &html! {
            p { (page.checked.label) }
            form method="post" action={ (chrome.base) "/confirm" } {
                input type="hidden" name="csrf" value=(chrome.csrf);
                @if page.target.is_none() { label { "Name" input name="name"; } }
                button type="submit" { "Yes, link it" }
            }
            form method="post" action={ (chrome.base) "/again" } {
                input type="hidden" name="csrf" value=(chrome.csrf);
                button type="submit" { "Use another key" }
            }
        },
    )
}
