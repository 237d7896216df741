//! The page of a link: one button.

use maud::{Markup, html};

use super::{Chrome, frame::document};

/// One button, which opens the link. `action` is the link's own address.
pub(crate) fn link(chrome: &Chrome, action: &str) -> Markup {
    document(
        chrome,
        "Link your account",
        &html! {
            form method="post" action=(action) {
                input type="hidden" name="csrf" value=(chrome.csrf);
                button type="submit" { "Continue" }
            }
        },
    )
}

/// The browser keeps no cookie of ours here: the link can be opened in a window of its own. Nothing was used up.
pub(crate) fn blocked(chrome: &Chrome, link: &str) -> Markup {
    document(
        chrome,
        "Continue in a new window",
        &html! { a href=(link) target="_blank" rel="noopener" { "Open" } },
    )
}

/// The one answer to every session or link that cannot be gone on with: expired, used, unknown, of somebody else.
pub(crate) fn unusable(chrome: &Chrome) -> Markup {
    document(chrome, "This link cannot be used", &html! { p { "Ask for a new one." } })
}
