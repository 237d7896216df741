//! A provider's logo, and what stands in for one.

use keyway_core::Descriptor;
use maud::{Markup, Render as _, html};

/// A provider's logo, beside its name, which says the same.
pub(super) fn logo(descriptor: &Descriptor) -> Markup {
    of(descriptor.id().as_str())
}

/// The logo of a provider that is known by its id alone.
pub(super) fn of(provider: &str) -> Markup {
    html! { img.mark src={ "/providers/" (provider) "/logo.svg" } alt="" width="40" height="40"; }
}

/// A picture for a provider that has none: the first letter of its name.
pub(crate) fn monogram(name: &str) -> String {
    let letter: String =
        name.chars().find(|c| c.is_alphanumeric()).into_iter().flat_map(char::to_uppercase).collect();
    let letter = letter.render().into_string();
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#5c6470"/><text x="16" y="22" font-family="sans-serif" font-size="17" font-weight="700" text-anchor="middle" fill="#fff">{letter}</text></svg>"##
    )
}
