//! The form of a method, with its guide beside it.

use maud::{Markup, PreEscaped, html};

use super::{Chrome, Key, frame::document, verdict::verdict};

/// The form of a method. It is sent to `{base}/providers/{id}/{method}`.
pub(crate) fn key(chrome: &Chrome, page: &Key<'_>) -> Markup {
    let descriptor = page.form.descriptor();
    let action = format!("{}/providers/{}/{}", chrome.base, descriptor.id(), page.form.method().id());
    let form =
        page.form.html().action(&action).hidden("csrf", &chrome.csrf).submit("Check the key").to_string();
    document(
        chrome,
        &format!("Connect {}", descriptor.name()),
        &html! {
            @if let Some(told) = page.told { (verdict(told, page.entry)) }
            (PreEscaped(form))
        },
    )
}
