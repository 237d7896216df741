//! What went wrong before there was a page.

use maud::{Markup, html};

use super::{
    Chrome,
    frame::{Width, document},
};

/// A page for an answer such as 404, 413, 429 or 503: what happened, and what to do.
pub(crate) fn problem(chrome: &Chrome, title: &str, text: &str) -> Markup {
    let main = html! { div.card { h1 { (title) } p { (text) } } };
    document(chrome, title, Width::Narrow, &main)
}
