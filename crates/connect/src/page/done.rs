//! The end.

use maud::{Markup, html};

use super::{Chrome, Done, frame::document};

/// It is linked.
pub(crate) fn done(chrome: &Chrome, page: &Done<'_>) -> Markup {
    document(
        chrome,
        "Your account is linked",
        &html! {
            p data-connection=(page.connection) { (page.label.unwrap_or_default()) }
            @if let Some(url) = page.return_url { a href=(url) { "Go on" } }
        },
    )
}

/// The end user said no.
pub(crate) fn cancelled(chrome: &Chrome, tells: Option<(&str, &str)>, return_url: Option<&str>) -> Markup {
    let _ = (tells, return_url);
    document(chrome, "Nothing was linked", &html! {})
}
