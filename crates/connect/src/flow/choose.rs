//! Choosing a provider.

use axum::{extract::RawQuery, http::StatusCode, response::Response};
use keyway_core::{__private::is_invisible, Entry};
use url::form_urlencoded;

use super::{
    answer::{Answered, onward},
    visit::{Sent, Visit},
};
use crate::{
    page::{self, Choose},
    session::Step,
};

/// The longest search, in characters.
const MAX_WORDS: usize = 100;

/// `GET /connect/{session}/providers`: the choice, unless a connection is to get a new key.
pub(super) async fn page(visit: Visit, RawQuery(query): RawQuery) -> Answered {
    if visit.session.is_over() || visit.session.target().is_some() {
        return Ok(onward(&visit.base()));
    }
    Ok(choose(&visit, query.as_deref()))
}

/// `POST` to the same address, from the list of accounts: another one is to be linked, and what was begun before is not meant any
/// more.
pub(super) async fn another(sent: Sent) -> Answered {
    let visit = sent.visit;
    let changed = visit.shared().desk.change(visit.session.clone(), |kept| {
        let is_busy = kept.target.is_some() || matches!(kept.step, Step::Checked(_));
        let is_dropped = visit.session.is_manage() && is_busy && !kept.is_over();
        if is_dropped {
            (kept.step, kept.target, kept.told) = (Step::Asking, None, None);
        }
        is_dropped
    });
    match changed.await {
        Ok(_) => Ok(onward(&format!("{}/providers", visit.base()))),
        Err(error) => Err(visit.failed(&error)),
    }
}

/// The choice, or the form of the only provider that there is.
pub(super) fn choose(visit: &Visit, query: Option<&str>) -> Response {
    let offered = visit.offered();
    if let ([only], None) = (offered.as_slice(), query) {
        return onward(&format!("{}/providers/{}", visit.base(), only.descriptor().id()));
    }
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let words = pairs.filter(|(name, _)| name == "q").map(|(_, words)| words).next().unwrap_or_default();
    let is_seen = |c: &char| !c.is_control() && !is_invisible(*c);
    let words: String = words.chars().filter(is_seen).take(MAX_WORDS).collect();
    let entries = offered.into_iter().filter(|entry| holds(entry, &words)).collect();
    let page = Choose { entries, query: &words, can_go_back: visit.session.is_manage() };
    visit.shown(StatusCode::OK, page::choose(&visit.chrome(), &page))
}

/// Whether a provider's name, summary and categories hold all words that were searched for.
fn holds(entry: &Entry, words: &str) -> bool {
    let descriptor = entry.descriptor();
    let mut text = format!("{} {} {}", descriptor.id(), descriptor.name(), descriptor.summary());
    for category in descriptor.categories() {
        text.push(' ');
        text.push_str(category);
    }
    let text = text.to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}
