//! The end.

use maud::{Markup, html};

use super::{
    Chrome, Done,
    confirm::tick,
    frame::{Width, document, platform},
};

/// It is linked.
pub(crate) fn done(chrome: &Chrome, page: &Done<'_>) -> Markup {
    let title = if page.reconnected { "The new key is in place" } else { "Your account is linked" };
    let main = html! {
        div.card.end {
            div.round { (tick()) }
            h1 { (title) }
            p.lead role="status" { (linked(chrome, page)) }
            (onward(chrome, page.tells, Some(page.connection), page.return_url, page.can_go_back))
        }
    };
    document(chrome, title, Width::Narrow, &main)
}

fn linked(chrome: &Chrome, page: &Done<'_>) -> Markup {
    html! {
        @if let Some(label) = page.label { strong { bdi { (label) } } } @else { "It" }
        @if let Some(entry) = page.entry { " at " bdi { (entry.descriptor().name()) } }
        @if page.reconnected { " now uses the new key." } @else { " can now be used by " (platform(chrome)) "." }
    }
}

/// The end user said no, or `gone` says why there was nothing to be done.
pub(crate) fn cancelled(
    chrome: &Chrome,
    gone: Option<&str>,
    tells: Option<(&str, &str)>,
    return_url: Option<&str>,
) -> Markup {
    let title = "Nothing was changed";
    let main = html! {
        div.card.end {
            h1 { (title) }
            p.lead role="status" { (gone.unwrap_or("You stopped before the end.")) " No key was kept." }
            (onward(chrome, tells, None, return_url, false))
        }
    };
    document(chrome, title, Width::Narrow, &main)
}

/// Who looked after their accounts is done.
pub(crate) fn left(
    chrome: &Chrome,
    tells: Option<(&str, &str)>,
    connection: Option<&str>,
    return_url: Option<&str>,
) -> Markup {
    let title = "Your accounts are as you left them";
    let main = html! {
        div.card.end {
            h1 { (title) }
            p.lead role="status" { "To change something again, go back to " (platform(chrome)) "." }
            (onward(chrome, tells, connection, return_url, false))
        }
    };
    document(chrome, title, Width::Narrow, &main)
}

/// Who is told, and where the person goes.
fn onward(
    chrome: &Chrome,
    tells: Option<(&str, &str)>,
    connection: Option<&str>,
    return_url: Option<&str>,
    can_go_back: bool,
) -> Markup {
    let (origin, kind) = tells.unzip();
    html! {
        // The script reads this, and says it to the page that opened this one: to that origin, and to nobody else.
        @if let Some(kind) = kind { div data-tell=(kind) data-origin=[origin] data-connection=[connection] hidden {} }
        @if let Some(url) = return_url {
            p { a.button.primary href=(url) { "Return to " (platform(chrome)) } }
        } @else if can_go_back {
            p { a.button.primary href={ (chrome.base) "/accounts" } { "Show linked accounts" } }
        } @else {
            p.hint { "You can close this window." }
        }
        @if can_go_back && return_url.is_some() { p { a href={ (chrome.base) "/accounts" } { "Show linked accounts" } } }
    }
}
