//! Choosing a provider.

use maud::{Markup, html};

use super::{Choose, Chrome, frame::document};

/// The choice of a provider. Each leads to `{base}/providers/{id}`; a search is sent as `?q=` to `{base}`.
pub(crate) fn choose(chrome: &Chrome, page: &Choose<'_>) -> Markup {
    document(
        chrome,
        "Choose a service",
        &html! {
            ul { @for entry in &page.entries {
                li { a href={ (chrome.base) "/providers/" (entry.descriptor().id().as_str()) } { (entry.descriptor().name()) } }
            } }
        },
    )
}
