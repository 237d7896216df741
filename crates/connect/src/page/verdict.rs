//! What a check said, in words of its own, with a way forward.

use keyway_core::Entry;
use maud::{Markup, html};

use crate::session::Told;

/// What a check said that was not good.
pub(super) fn verdict(told: &Told, entry: &Entry) -> Markup {
    html! { div role="alert" data-verdict=(told.kind) { h2 { (entry.descriptor().name()) ": " (told.kind) } } }
}
