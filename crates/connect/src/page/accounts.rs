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
            ul.accounts { @for one in list { (account(chrome, one, registry, now)) } }
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
    let button = |to: &str, text: &str, busy: &str| {
        html! {
            form method="post" action={ (at) "/" (to) } {
                (csrf(chrome))
                button type="submit" data-busy=(busy) { (text) span.unseen { ": " bdi { (name) } } }
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
                @if let Some(at) = one.checked_at { " · checked " (ago(at, now)) }
            }
            div.actions {
                (button("check", "Check now", "Checking…"))
                (button("reconnect", "New key", "One moment…"))
                a.button.quiet href={ (at) "/remove" } { "Remove" span.unseen { ": " bdi { (name) } } }
            }
        }
    }
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
pub(crate) fn remove(chrome: &Chrome, one: &Connection, name: &str) -> Markup {
    let main = html! {
        p.back { a href={ (chrome.base) "/accounts" } { "Linked accounts" } }
        div.card {
            h1 { "Remove “" bdi { (name) } "”?" }
            p.lead { (platform_first(chrome)) " can no longer use this account. Whatever works through it stops at once." }
            p { "Its key is deleted here, and stays valid at the service itself: switch it off there if nothing else uses it." }
            form method="post" action={ (chrome.base) "/accounts/" (one.id.as_str()) "/remove" } {
                (csrf(chrome))
                button.danger type="submit" data-busy="Removing…" { "Remove it" }
            }
            p.keep { a.button href={ (chrome.base) "/accounts" } { "Keep it" } }
        }
    };
    document(chrome, &format!("Remove {name}"), Width::Narrow, &main)
}
