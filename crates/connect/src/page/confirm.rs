//! Whose account it is.

use maud::{Markup, html};

use super::{
    Chrome, Confirm,
    frame::{Width, cancel, csrf, document, platform},
    mark, name_of,
};
use crate::session::Other;

/// Whose account it is. Confirmed, the form is sent to `{base}/confirm`, with `name`, and with `update` the id of a connection that
/// gets the key in place of a new one; `{base}/again` goes back to the form.
pub(crate) fn confirm(chrome: &Chrome, page: &Confirm<'_>) -> Markup {
    let title = "Is this your account?";
    let descriptor = page.entry.descriptor();
    let main = html! {
        div.card {
            h1 { (title) }
            div.account {
                (mark::logo(descriptor))
                p {
                    strong dir="auto" { (page.checked.label) }
                    span dir="auto" { (descriptor.name()) }
                }
                p.good { (tick()) "The key works" }
            }
            @if page.target.is_some() {
                (replace(chrome, page))
            } @else if page.same.is_empty() {
                form method="post" action={ (chrome.base) "/confirm" } {
                    (csrf(chrome))
                    (name(page))
                    button.primary type="submit" data-busy="Linking…" { "Yes, link it" }
                }
            } @else {
                (linked_already(chrome, page))
            }
            form.again method="post" action={ (chrome.base) "/again" } {
                (csrf(chrome))
                button.quiet type="submit" { "Use another key" }
            }
        }
        (cancel(chrome))
    };
    document(chrome, title, Width::Narrow, &main)
}

/// A connection gets the key.
fn replace(chrome: &Chrome, page: &Confirm<'_>) -> Markup {
    let Some(target) = page.target else { return html! {} };
    let before = target.account.as_ref();
    html! {
        @match page.checked.other {
            Some(Other::Alike) => div.notice.warn {
                h2 { "This is a different user than before" }
                p {
                    "This key belongs to another user of "
                    @match before.and_then(|account| account.group()) {
                        Some(group) => strong { bdi { (group) } },
                        None => "the same account",
                    }
                    @if let Some(account) = before { ", until now it was " strong { bdi { (account.label()) } } }
                    ". Go on if it may do the same things: from now on " (platform(chrome)) " acts as the new user."
                }
            },
            Some(Other::Allowed) => div.notice.warn {
                h2 { "This is a different account than before" }
                p {
                    "Until now it was "
                    @match before {
                        Some(account) => strong { bdi { (account.label()) } },
                        None => "another account",
                    }
                    ". Whatever uses this connection will see the data of the new account from now on."
                }
            },
            None => p { "The connection " strong { bdi { (name_of(target)) } } " gets the new key. Everything else of it stays." },
        }
        form method="post" action={ (chrome.base) "/confirm" } {
            (csrf(chrome))
            button.primary type="submit" data-busy="Saving…" {
                @if page.checked.other.is_some() { "Yes, use this account" } @else { "Yes, use the new key" }
            }
        }
    }
}

/// The end user linked the account before: either connection is right, so that they say which.
fn linked_already(chrome: &Chrome, page: &Confirm<'_>) -> Markup {
    html! {
        div.notice.info {
            h2 { "This account is linked already" }
            p { "Give the connection that is there the new key, or link the account a second time beside it." }
        }
        @for one in &page.same {
            form method="post" action={ (chrome.base) "/confirm" } {
                (csrf(chrome))
                input type="hidden" name="update" value=(one.id.as_str());
                button.primary type="submit" data-busy="Saving…" { "Update “" bdi { (name_of(one)) } "”" }
            }
        }
        form.apart method="post" action={ (chrome.base) "/confirm" } {
            (csrf(chrome))
            (name(page))
            button type="submit" data-busy="Linking…" { "Link it a second time" }
        }
    }
}

/// What the connection is to be called.
fn name(page: &Confirm<'_>) -> Markup {
    let problem = page.name.map(|(problem, _)| problem);
    let described = if problem.is_some() { "name-error name-help" } else { "name-help" };
    html! {
        div.field {
            label for="name" { "Name " span.optional { "(optional)" } }
            p.help id="name-help" {
                "Helps you to tell accounts apart, such as “Production”. Without a name it is called “"
                bdi { (page.checked.label) } "”."
            }
            @if let Some(problem) = problem {
                p.error id="name-error" { strong { "Error:" } " " (problem) }
            }
            input id="name" name="name" maxlength="100" autocomplete="off" dir="auto" value=[page.name.map(|(_, name)| name)]
                aria-invalid=[problem.map(|_| "true")] aria-describedby=(described) autofocus[problem.is_some()];
        }
    }
}

/// A check mark, for whoever sees it.
pub(super) fn tick() -> Markup {
    html! {
        svg.tick viewBox="0 0 20 20" aria-hidden="true" focusable="false" {
            path d="M4.500 10.500l3.700 3.700 7.300-8" {}
        }
    }
}
