//! The form of a method, with its guide beside it.

use maud::{Markup, PreEscaped, html};

use super::{
    Chrome, Key,
    frame::{Width, cancel, document, platform},
    mark, name_of,
    verdict::{closes, verdict},
};

/// The form of a method. It is sent to `{base}/providers/{id}/{method}`; another method's is at the same address.
pub(crate) fn key(chrome: &Chrome, page: &Key<'_>) -> Markup {
    let (descriptor, method) = (page.form.descriptor(), page.form.method());
    let provider = format!("{}/providers/{}", chrome.base, descriptor.id());
    let action = format!("{provider}/{}", method.id());
    let html = page.form.html().action(&action).hidden("csrf", &chrome.csrf).submit("Check and continue");
    let guide = PreEscaped(html.guide());
    let form = PreEscaped(html.guide_beside().to_string());
    let title = match page.target {
        Some(_) => format!("New key for {}", descriptor.name()),
        None => format!("Link your {} account", descriptor.name()),
    };
    let told = page.told.map(|told| verdict(chrome, told, page.entry, page.target));
    let page_title = match &told {
        Some((title, _)) => title.clone(),
        None if page.form.is_refused() => format!("There is a problem: {title}"),
        None => title.clone(),
    };
    let main = html! {
        @if chrome.has_accounts() { p.back { a href={ (chrome.base) "/accounts" } { "Linked accounts" } } }
        @if page.can_go_back { p.back { a href={ (chrome.base) "/providers" } { "All services" } } }
        div.head {
            (mark::logo(descriptor))
            div {
                h1 dir="auto" { (title) }
                @if let Some(target) = page.target {
                    p { "The connection " strong { bdi { (name_of(target)) } } " gets the new key. Everything else of it stays." }
                } @else {
                    p { "Nothing is linked before it is checked and you confirm. Keep what you enter until then." }
                }
            }
        }
        @if let Some((_, notice)) = &told { (notice) }
        @if !page.told.is_some_and(closes) {
            @if descriptor.methods().len() > 1 {
                nav.tabs aria-label="Kinds of key" {
                    ul { @for other in descriptor.methods() {
                        li { a href={ (provider) "/" (other.id().as_str()) } dir="auto"
                            aria-current=[(other.id() == method.id()).then_some("page")] { (other.label()) } }
                    } }
                }
            }
            div.columns {
                div.card.entry {
                    p.jump { a href="#keyway-guide" { "Where do I find it?" } }
                    (form)
                    p.fate {
                        "Your key is sent to "
                        @match page.host {
                            Some(host) => code dir="ltr" { (host) },
                            None => { "the server that you name, " }
                        }
                        @if page.host.is_some() { ", " }
                        "and kept encrypted by " (platform(chrome)) ". No page ever shows it again."
                    }
                    (cancel(chrome))
                }
                div.card.guide { (guide) }
            }
        }
        @if page.told.is_some_and(closes) { (cancel(chrome)) }
    };
    document(chrome, &page_title, Width::Wide, &main)
}
