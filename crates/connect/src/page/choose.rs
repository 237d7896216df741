//! Choosing a provider.

use keyway_core::{Descriptor, Entry};
use maud::{Markup, html};

use super::{
    Choose, Chrome,
    frame::{Width, cancel, document, platform},
    mark,
};

const OTHER: &str = "More";

/// The choice of a provider. Each leads to `{base}/providers/{id}`; a search is sent as `?q=` to `{base}/providers`.
pub(crate) fn choose(chrome: &Chrome, page: &Choose<'_>) -> Markup {
    let title = "Choose a service";
    let all = format!("{}/providers", chrome.base);
    let groups = groups(&page.entries);
    let main = html! {
        @if page.can_go_back { p.back { a href={ (chrome.base) "/accounts" } { "Linked accounts" } } }
        div.card {
            h1 { (title) }
            p.lead { "Where is the account that you want to link?" }
            @if page.entries.len() > 1 || !page.query.is_empty() {
                form.search role="search" method="get" action=(all) {
                    label for="q" { "Search" }
                    div.row {
                        input type="search" id="q" name="q" value=(page.query) maxlength="100" autocomplete="off" spellcheck="false"
                            data-filter;
                        button type="submit" { "Search" }
                    }
                }
            }
            p.count role="status" data-count hidden[page.query.is_empty()] {
                @if !page.query.is_empty() { (page.entries.len()) " found" }
            }
            @for (category, entries) in &groups {
                section data-group {
                    @if groups.len() > 1 { h2 { bdi { (category) } } }
                    ul.tiles {
                        @for entry in entries { (tile(&all, entry.descriptor())) }
                    }
                }
            }
            div.empty data-empty hidden[!page.entries.is_empty()] {
                p { strong { "No match." } }
                p { "Try another word, or the service’s full name. If it is not here, ask for it where you use " (platform(chrome)) "." }
                @if page.entries.is_empty() && !page.query.is_empty() { p { a href=(all) { "Show all services" } } }
            }
        }
        @if !page.can_go_back { (cancel(chrome)) }
    };
    document(chrome, title, Width::Narrow, &main)
}

fn tile(all: &str, descriptor: &Descriptor) -> Markup {
    // What the script searches, and what `?q=` does.
    let words = [descriptor.name(), descriptor.summary(), &descriptor.categories().join(" ")].join(" ");
    html! {
        li data-words=(words) {
            a.tile href={ (all) "/" (descriptor.id().as_str()) } {
                (mark::logo(descriptor))
                span.text {
                    strong dir="auto" { (descriptor.name()) }
                    span.summary dir="auto" { (descriptor.summary()) }
                }
            }
        }
    }
}

/// The entries by their first category, in the categories' order; what has none comes last.
fn groups<'p>(entries: &[&'p Entry]) -> Vec<(&'p str, Vec<&'p Entry>)> {
    let mut groups: Vec<(&str, Vec<&Entry>)> = Vec::new();
    for entry in entries {
        let category = entry.descriptor().categories().first().map_or(OTHER, String::as_str);
        match groups.iter_mut().find(|(known, _)| *known == category) {
            Some((_, list)) => list.push(entry),
            None => groups.push((category, vec![entry])),
        }
    }
    groups.sort_by_key(|(category, _)| (*category == OTHER, category.to_lowercase()));
    for (_, list) in &mut groups {
        list.sort_by_key(|entry| entry.descriptor().name().to_lowercase());
    }
    groups
}
