//! The page of a link: one button.

use maud::{Markup, html};

use super::{
    Chrome,
    frame::{Width, csrf, document, platform, platform_first},
};
use crate::Purpose;

/// One button, which opens the link. `action` is the link's own address; `look.css` and `logo` stand below it.
pub(crate) fn link(chrome: &Chrome, action: &str) -> Markup {
    let chrome = &of_link(chrome, action);
    let title = match &chrome.purpose {
        Some(Purpose::Reconnect { .. }) => "Enter a new key",
        Some(Purpose::Manage { .. }) => "Your linked accounts",
        _ => "Link an account",
    };
    let main = html! {
        div.card {
            h1 { (title) @if let Some(name) = &chrome.look.name { " with " bdi { (name) } } }
            (what_happens(chrome))
            // Whoever opened this frame or popup has pressed a button already.
            form method="post" action=(action) data-auto[chrome.is_embedded] {
                (csrf(chrome))
                button.primary type="submit" data-busy="One moment…" { "Continue" }
            }
            p.hint { "This link works once, and in this browser alone." }
        }
    };
    document(chrome, title, Width::Narrow, &main)
}

fn what_happens(chrome: &Chrome) -> Markup {
    match &chrome.purpose {
        Some(Purpose::Reconnect { .. }) => html! {
            p.lead { (platform_first(chrome)) " asks for a new key of an account that you linked before." }
            ol.path {
                li { "Enter a new key. You see where to find it." }
                li { "It is checked at once." }
                li { "You see whose account it is. Everything else stays as it is." }
            }
        },
        Some(Purpose::Manage { .. }) => html! {
            p.lead {
                "See which of your accounts " (platform(chrome)) " may use. Check them, give them a new key, remove them, or link \
                 another."
            }
        },
        _ => html! {
            p.lead { (platform_first(chrome)) " asks to use an account that you have with another service." }
            ol.path {
                li { "Enter a key of that service. You see where to find it." }
                li { "It is checked at once." }
                li { "You see whose account it is, and confirm. Nothing is linked before." }
            }
        },
    }
}

/// The browser keeps no cookie of ours here: the link can be opened in a window of its own. Nothing was used up. `link` is the
/// link's own address.
pub(crate) fn blocked(chrome: &Chrome, link: &str) -> Markup {
    let chrome = &of_link(chrome, link);
    let is_embedded = chrome.is_embedded;
    let title = if is_embedded { "Continue in a new window" } else { "Your browser keeps no cookies" };
    let main = html! {
        div.card {
            h1 { (title) }
            @if is_embedded {
                p.lead { "Your browser does not let this page recognise you inside of another one. Nothing is lost: it works in a \
                    window of its own." }
                // The script asks what came of it, and tells the page around this one.
                p {
                    a.button.primary href=(link) target="_blank" rel="noopener"
                        data-result={ (link) "/result" } data-origin=[chrome.parent_origin.as_deref()] {
                        "Open a new window"
                    }
                }
                p.hint role="status" data-waiting="Go on in the other window, and come back here when you are done." {}
            } @else {
                p.lead { "One cookie is needed, so that nobody else can go on with your link. Nothing was used up: allow cookies for \
                    this page, then try again." }
                p { a.button.primary href=(link) { "Try again" } }
            }
        }
    };
    document(chrome, title, Width::Narrow, &main)
}

/// The one answer to every session or link that cannot be gone on with: expired, used, unknown, of somebody else.
pub(crate) fn unusable(chrome: &Chrome) -> Markup {
    let title = "This link cannot be used";
    let main = html! {
        div.card {
            h1 { (title) }
            p.lead { "It may be too old, used already, or opened in another browser." }
            p { "Nothing was changed. Go back to where you got it, and ask for a new one." }
        }
    };
    document(chrome, title, Width::Narrow, &main)
}

/// Before there is a session's address, there is the link's.
fn of_link(chrome: &Chrome, link: &str) -> Chrome {
    Chrome { base: link.to_owned(), ..chrome.clone() }
}
