//! What stands around every page.

use maud::{DOCTYPE, Markup, html};

use super::{Chrome, asset::address, palette::has_colours};
use crate::Direction;

/// How wide a page is, and what it loads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    /// A card.
    Narrow,
    /// A form beside its guide.
    Wide,
}

const CLOSED: &str = "</main></body></html>";

/// A whole document. `main` holds its one `<h1>`; the title says the same in a few words.
pub(super) fn document(chrome: &Chrome, title: &str, width: Width, main: &Markup) -> Markup {
    let direction = match chrome.direction {
        Direction::Ltr => "ltr",
        Direction::Rtl => "rtl",
    };
    let (look, base) = (&chrome.look, &chrome.base);
    let has_logo = look.logo.is_some();
    let icon = if has_logo { format!("{base}/logo") } else { address("icon.svg") };
    html! {
        (DOCTYPE)
        html lang="en" dir=(direction) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) @if let Some(name) = &look.name { " – " (name) } }
                link rel="icon" href=(icon);
                link rel="stylesheet" href=(address("connect.css"));
                @if has_colours(look) { link rel="stylesheet" href={ (base) "/look.css" }; }
                @if width == Width::Wide { script src=(address("form.js")) defer {} }
                script src=(address("connect.js")) defer {}
            }
            body.wide[width == Width::Wide] data-parent=[chrome.parent_origin.as_deref()] {
                @if has_logo || look.name.is_some() {
                    header.top {
                        @if has_logo { img src={ (base) "/logo" } alt="" width="32" height="32"; }
                        @if let Some(name) = &look.name { bdi { (name) } }
                    }
                }
                main { (main) }
            }
        }
    }
}

/// The token against forged requests, as every form sends it.
pub(super) fn csrf(chrome: &Chrome) -> Markup {
    html! { input type="hidden" name="csrf" value=(chrome.csrf); }
}

/// The way out of a session, where nothing was linked yet.
pub(super) fn cancel(chrome: &Chrome) -> Markup {
    html! {
        form.cancel method="post" action={ (chrome.base) "/cancel" } {
            (csrf(chrome))
            button.quiet type="submit" { "Cancel" }
        }
    }
}

/// What the platform is called, in a sentence.
pub(super) fn platform(chrome: &Chrome) -> Markup {
    html! { @if let Some(name) = &chrome.look.name { bdi { (name) } } @else { "this app" } }
}

/// The same where a sentence begins.
pub(super) fn platform_first(chrome: &Chrome) -> Markup {
    html! { @if chrome.look.name.is_some() { (platform(chrome)) } @else { "This app" } }
}

/// The beginning of a page that is shown while a key is checked. What follows is sent once the answer is there.
pub(crate) fn checking(chrome: &Chrome, name: &str) -> String {
    let main = html! {
        div.card.checking {
            h1 { "Checking your key" }
            p role="status" {
                bdi { (name) } " is asked whether the key works, and whose account it is."
            }
            div.bar role="progressbar" aria-label="Checking your key" { span {} }
            p.hint { "This takes a moment. The page goes on by itself." }
            // The style shows it after a while, so that nothing has to run for it.
            p.late { "This takes longer than usual. " bdi { (name) } " is slow to answer; there is nothing that you need to do." }
        }
    };
    let mut page = document(chrome, "Checking your key", Width::Narrow, &main).into_string();
    page.truncate(page.len().saturating_sub(CLOSED.len()));
    page
}

/// The end of that page: it leads to `next`.
pub(crate) fn checking_end(next: &str) -> String {
    html! {
        meta http-equiv="refresh" content={ "0;url=" (next) };
        p.onward { a.button href=(next) { "Continue" } }
    }
    .into_string()
        + CLOSED
}
