//! What is linked already.

use keyway_core::Registry;
use keyway_vault::Connection;
use maud::{Markup, html};

use super::{Chrome, frame::document};

/// The end user's accounts. For each: `POST {base}/accounts/{id}/check`, `…/reconnect`, and `GET …/remove`. `notice` is what came of
/// the last thing that was asked for.
pub(crate) fn accounts(
    chrome: &Chrome,
    list: &[Connection],
    registry: &Registry,
    notice: Option<&str>,
) -> Markup {
    let _ = registry;
    document(
        chrome,
        "Linked accounts",
        &html! {
            @if let Some(notice) = notice { p role="status" { (notice) } }
            ul { @for one in list { li { (one.provider) } } }
        },
    )
}

/// Whether to remove one: `POST {base}/accounts/{id}/remove`.
pub(crate) fn remove(chrome: &Chrome, one: &Connection, name: &str) -> Markup {
    document(
        chrome,
        &format!("Remove {name}?"),
        &html! {
            form method="post" action={ (chrome.base) "/accounts/" (one.id.as_str()) "/remove" } {
                input type="hidden" name="csrf" value=(chrome.csrf);
                button type="submit" { "Remove" }
            }
        },
    )
}
