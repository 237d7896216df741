//! What is linked already.

use std::time::SystemTime;

use keyway_core::{Registry, VerdictKind};
use keyway_vault::{Connection, Status};
use maud::{Markup, html};

use super::{
    Chrome,
    ago::ago,
    frame::{Width, csrf, document, platform, platform_first},
    mark, name_of,
    verdict::outside,
};

/// The end user's accounts. For each: `POST {base}/accounts/{id}/check`, `…/reconnect`, and `GET …/remove`; more are linked at
/// `{base}/providers`, to which a form is sent. `notice` is what came of the last thing that was asked for, `back` where the person
/// goes on; without it `{base}/leave` is the end.
pub(crate) fn accounts(
    chrome: &Chrome,
    list: &[Connection],
    registry: &Registry,
    notice: Option<&str>,
    back: Option<&str>,
) -> Markup {
    let title = "Linked accounts";
    let now = SystemTime::now();
    let main = html! {
        h1 { (title) }
        @if let Some(notice) = notice { p.notice.info role="status" dir="auto" { (notice) } }
        @if list.is_empty() {
            div.card.empty {
                p { strong { "Nothing is linked yet." } }
                p { "Accounts that " (platform(chrome)) " may use are listed here." }
            }
        } @else {
            // What needs somebody comes first.
            @let (due, others): (Vec<_>, Vec<_>) = list.iter().partition(|one| needs_key(one));
            ul.accounts { @for one in due.into_iter().chain(others) { (account(chrome, one, registry, now)) } }
        }
        form.more method="post" action={ (chrome.base) "/providers" } {
            (csrf(chrome))
            button.primary type="submit" data-busy="One moment…" {
                @if list.is_empty() { "Link an account" } @else { "Link another account" }
            }
        }
        @if let Some(back) = back {
            p.more { a.button href=(back) { "Return to " (platform(chrome)) } }
        } @else {
            form.more method="post" action={ (chrome.base) "/leave" } {
                (csrf(chrome))
                button type="submit" data-busy="One moment…" { "Done" }
            }
        }
    };
    document(chrome, title, Width::Narrow, &main)
}

fn account(chrome: &Chrome, one: &Connection, registry: &Registry, now: SystemTime) -> Markup {
    let entry = registry.get(&one.provider).ok();
    let at = format!("{}/accounts/{}", chrome.base, one.id.as_str());
    let name = name_of(one);
    // A button says what it is for, also where it is read out without what stands around it.
    let button = |to: &str, text: &str, busy: &str, is_due: bool| {
        html! {
            form method="post" action={ (at) "/" (to) } {
                (csrf(chrome))
                button.due[is_due] type="submit" data-busy=(busy) { (text) span.unseen { ": " bdi { (name) } } }
            }
        }
    };
    html! {
        li.card {
            div.account {
                (entry.map_or_else(|| html! {}, |entry| mark::logo(entry.descriptor())))
                div {
                    h2 dir="auto" { (name) }
                    p.whose {
                        bdi { (entry.map_or(one.provider.as_str(), |entry| entry.descriptor().name())) }
                        @if let (Some(_), Some(account)) = (&one.name, &one.account) { " · " bdi { (account.label()) } }
                    }
                }
            }
            p.state {
                (state(one))
                @if let Some(at) = one.checked_at {
                    " · " (if says_nothing(one) { "last try" } else { "checked" }) " " (ago(at, now))
                }
            }
            div.actions {
                @if needs_key(one) {
                    (button("reconnect", "New key", "One moment…", true))
                    (button("check", "Check now", "Checking…", false))
                } @else {
                    (button("check", "Check now", "Checking…", false))
                    (button("reconnect", "New key", "One moment…", false))
                }
                a.button.quiet href={ (at) "/remove" } { "Remove" span.unseen { ": " bdi { (name) } } }
            }
        }
    }
}

/// Whether nothing works with it until it gets another key.
fn needs_key(one: &Connection) -> bool {
    one.status == Status::NeedsKey || one.verdict == Some(VerdictKind::Invalid)
}

/// Whether the last check came to nothing.
fn says_nothing(one: &Connection) -> bool {
    matches!(one.verdict, Some(VerdictKind::RateLimited | VerdictKind::Unavailable | VerdictKind::Unknown))
}

/// How it is with a connection, in words.
fn state(one: &Connection) -> Markup {
    let (class, text) = match (one.status, one.verdict) {
        (Status::Active, Some(VerdictKind::Valid)) => ("good", "Works"),
        (Status::Active, Some(VerdictKind::Forbidden)) => ("warn", "The key lacks a permission"),
        (Status::Active, Some(VerdictKind::RateLimited | VerdictKind::Unavailable)) => {
            ("warn", "Could not be checked")
        }
        (Status::Active, Some(VerdictKind::Unknown)) => ("warn", "The last check proved nothing"),
        (Status::Active, Some(VerdictKind::Invalid)) | (Status::NeedsKey, _) => ("bad", "Needs a new key"),
        (Status::Active, None) => ("info", "Not checked yet"),
        _ => ("warn", "Not clear"),
    };
    html! { strong class={ "badge " (class) } { (text) } }
}

/// Whether to remove one: `POST {base}/accounts/{id}/remove`.
pub(crate) fn remove(chrome: &Chrome, one: &Connection, name: &str, registry: &Registry) -> Markup {
    let descriptor = registry.get(&one.provider).ok().map(keyway_core::Entry::descriptor);
    let service = descriptor.map_or("the service", |descriptor| descriptor.name());
    let keys = descriptor.and_then(|descriptor| descriptor.links().keys.as_deref());

    let main = html! {
        p.back { a href={ (chrome.base) "/accounts" } { "Linked accounts" } }
        div.card {
            h1 { "Remove “" bdi { (name) } "”?" }
            p.lead { (platform_first(chrome)) " can no longer use this account. Whatever works through it stops at once." }
            p {
                "Its key is deleted here, and stays valid at " bdi { (service) } ": switch it off there if nothing else uses it. "
                @if let Some(url) = keys { (outside(url, &format!("Go to {service} (new tab)"))) "." }
            }
            form method="post" action={ (chrome.base) "/accounts/" (one.id.as_str()) "/remove" } {
                (csrf(chrome))
                button.danger type="submit" data-busy="Removing…" { "Remove it" }
            }
            p.keep { a.button href={ (chrome.base) "/accounts" } { "Keep it" } }
        }
    };
    document(chrome, &format!("Remove {name}"), Width::Narrow, &main)
}
