//! What a check said, in words of its own, with a way forward. None of them says that it is anybody's fault.

use keyway_core::{Entry, VerdictKind};
use keyway_vault::Connection;
use maud::{Markup, html};

use super::{Chrome, ago::length, frame::platform};
use crate::session::Told;

const OTHER_ACCOUNT: &str = "other_account";
const UNSUITED: &str = "unsuited";
const TOO_MANY: &str = "too_many";
const REMOVED: &str = "removed";
const REPLACED: &str = "replaced";
const SPILLED: &str = "spilled";

/// What a check said that was not good, and its title, which is that of the page as well.
pub(super) fn verdict(
    chrome: &Chrome,
    told: &Told,
    entry: &Entry,
    target: Option<&Connection>,
) -> (String, Markup) {
    let words = Words::of(chrome, told, entry, target);
    let notice = html! {
        div.notice.bad[words.is_about_the_key].warn[!words.is_about_the_key] role="alert" tabindex="-1" autofocus
            data-verdict=(told.kind) {
            h2 dir="auto" { (words.title) }
            p dir="auto" { @match &told.say { Some(say) => (sentence(say)), None => (words.why) } }
            // What looked odd before it was sent is what is most likely wrong.
            @for hint in &told.hints { p dir="auto" { (sentence(hint)) } }
            p { (words.next) }
        }
    };
    (words.title, notice)
}

/// Whether no more keys are taken.
pub(super) fn closes(told: &Told) -> bool {
    told.kind == TOO_MANY
}

struct Words {
    title: String,
    /// What the descriptor may say better.
    why: Markup,
    next: Markup,
    /// Otherwise another try with the same key may do.
    is_about_the_key: bool,
}

impl Words {
    fn of(chrome: &Chrome, told: &Told, entry: &Entry, target: Option<&Connection>) -> Self {
        let name = entry.descriptor().name();
        let links = entry.descriptor().links();
        let (keys, support) = (links.keys.as_deref(), links.support.as_deref());
        match told.kind.as_str() {
            OTHER_ACCOUNT => Self {
                title: "This key belongs to another account".to_owned(),
                why: html! {
                    "The key works"
                    @if let Some(label) = &told.label { ", and is of " strong { bdi { (label) } } }
                    ". "
                    @match target.and_then(|target| Some((target, target.account.as_ref()?))) {
                        Some((target, account)) => {
                            @if let Some(name) = &target.name { strong { bdi { (name) } } } @else { "This connection" }
                            " needs a key of " strong { bdi { (account.label()) } } ", because what uses it counts on that."
                        }
                        None => "The connection needs a key of another account, because what uses it counts on that.",
                    }
                },
                next: html! {
                    "Sign in to " (name) " with that account, make a key there, and enter it here. " (keys_link(keys, name))
                },
                is_about_the_key: true,
            },
            UNSUITED => Self {
                title: format!("This key cannot be used for {name} here"),
                why: html! { "It was entered as it should be. But its server is not one that may be asked from here, or the key is too long to be kept here." },
                next: html! { "Check the server in the form below, or tell " (platform(chrome)) " about it." },
                is_about_the_key: true,
            },
            TOO_MANY => Self {
                title: "Too many keys were tried".to_owned(),
                why: html! { "To keep accounts safe, this link takes no more keys. Nothing was linked or changed." },
                next: html! { "Go back to " (platform(chrome)) " and start again with a new link." },
                is_about_the_key: false,
            },
            REMOVED => Self {
                title: "This account is not linked any more".to_owned(),
                why: html! { "It was removed while you entered the new key. The key was not kept." },
                next: html! { "To link it again, enter the key once more." },
                is_about_the_key: false,
            },
            REPLACED => Self {
                title: "The account has another new key".to_owned(),
                why: html! { "It was given one while you confirmed yours, perhaps in another window. Yours was not kept." },
                next: html! { "Nothing needs to be done, unless yours is the right one: enter it again then." },
                is_about_the_key: false,
            },
            SPILLED => Self {
                title: "This key is no secret here".to_owned(),
                why: html! { "The very same text stands in the name by which " (platform(chrome)) " knows you, which is not hidden." },
                next: html! { "Make another key, and enter that one. " (keys_link(keys, name)) },
                is_about_the_key: true,
            },
            Told::UNFINISHED => Self {
                title: "The check of your key did not end yet".to_owned(),
                why: html! { "It may still go on in another window, or it was broken off. That says nothing about your key." },
                next: html! { "If nothing comes of it within a minute, enter the key again: it was not kept." },
                is_about_the_key: false,
            },
            kind => {
                let has_servers = entry.descriptor().methods().iter().any(|method| method.host().is_none());
                Self::of_kind(VerdictKind::parse(kind), name, keys, support, told.retry_after, has_servers)
            }
        }
    }

    fn of_kind(
        kind: Option<VerdictKind>,
        name: &str,
        keys: Option<&str>,
        support: Option<&str>,
        retry_after: Option<u64>,
        has_servers: bool,
    ) -> Self {
        match kind {
            Some(VerdictKind::Invalid) => Self {
                title: format!("{name} does not accept this key"),
                why: html! {
                    "It may have been copied in part, replaced"
                    @if has_servers { ", switched off, or made for another server of " (name) "." }
                    @else { " or switched off." }
                },
                next: html! { "Copy it once more, or make a new one. " (keys_link(keys, name)) },
                is_about_the_key: true,
            },
            Some(VerdictKind::Forbidden) => Self {
                title: "This key lacks a permission".to_owned(),
                why: html! { (name) " knows the key, but it is not allowed to do what is needed here." },
                next: html! {
                    "Make a key with more permissions, or ask an administrator of your " (name) " account for one. "
                    (keys_link(keys, name))
                },
                is_about_the_key: true,
            },
            Some(VerdictKind::RateLimited) => Self {
                title: format!("{name} is limiting requests right now"),
                why: html! { "It was asked too often in a short time. That says nothing about your key." },
                next: html! { (wait(retry_after)) " Your key was not kept, so enter it again then." },
                is_about_the_key: false,
            },
            Some(VerdictKind::Unavailable) => Self {
                title: format!("{name} could not be reached"),
                why: html! { "It does not answer at the moment. That says nothing about your key." },
                next: html! {
                    (wait(retry_after)) " Your key was not kept, so enter it again then. "
                    (support_link(support, name, "If this continues, see"))
                },
                is_about_the_key: false,
            },
            _ => Self {
                title: "It is not clear whether this key works".to_owned(),
                why: html! { (name) " answered, but its answer proves neither that the key is good nor that it is not." },
                next: html! {
                    "Check the key and try again. " (support_link(support, name, "If it stays like this, see"))
                },
                is_about_the_key: false,
            },
        }
    }
}

/// When to try again.
fn wait(seconds: Option<u64>) -> Markup {
    let time = seconds.map_or_else(|| "a minute".to_owned(), |seconds| format!("about {}", length(seconds)));
    html! { "Try again in " (time) "." }
}

fn keys_link(url: Option<&str>, name: &str) -> Markup {
    html! { @if let Some(url) = url { (outside(url, &format!("Go to {name} (new tab)"))) "." } }
}

fn support_link(url: Option<&str>, name: &str, before: &str) -> Markup {
    html! { @if let Some(url) = url { (before) " " (outside(url, &format!("{name}’s help (new tab)"))) "." } }
}

pub(super) fn outside(url: &str, text: &str) -> Markup {
    html! { a href=(url) target="_blank" rel="noopener noreferrer" { (text) } }
}

/// A reason as a sentence: it begins with a capital letter and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}
