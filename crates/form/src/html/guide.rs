//! How a person gets a key.

use keyway_core::Markup;
use maud::{Markup as Rendered, html};

use super::{
    Html, Place,
    prose::{Heading, item, link},
};

/// The whole guide: where to go, what a person needs, the steps, and what is good to know.
pub(super) fn guide(form: &Html<'_>) -> Rendered {
    let (descriptor, method) = (form.form.descriptor(), form.form.method());
    let guide = method.guide();
    let title = format!("{}guide", form.prefix);
    let below = form.level + 1;
    html! {
        section.keyway-guide aria-labelledby=(title) {
            (Heading { level: form.level, id: Some(&title), text: format_args!("{} {}", form.verb, descriptor.name()) })
            p.keyway-summary dir="auto" { (descriptor.summary()) }
            (links(form))
            @if !guide.needs().is_empty() {
                (Heading { level: below, id: None, text: format_args!("Before you start") })
                ul.keyway-needs { (items(guide.needs())) }
            }
            @if !guide.steps().is_empty() {
                (Heading { level: below, id: None, text: format_args!("How to get your {}", method.label()) })
                ol.keyway-steps {
                    @for (index, step) in guide.steps().iter().enumerate() {
                        li id={ (form.prefix) "step-" (index + 1) } dir="auto" { (item(step)) }
                    }
                }
            }
            @if !guide.warnings().is_empty() {
                (Heading { level: below, id: None, text: format_args!("Good to know") })
                ul.keyway-warnings { (items(guide.warnings())) }
            }
        }
    }
}

/// The step of the guide in which a person sees a value: a way to it where the guide is on the page, or else its text.
pub(super) fn step(form: &Html<'_>, number: usize, text: &Markup, id: &str) -> Rendered {
    html! {
        @if form.guide != Place::Nowhere {
            p.keyway-step id=(id) {
                "See " a href={ "#" (form.prefix) "step-" (number) } { "step " (number) " of the guide" } "."
            }
        } @else {
            div.keyway-step id=(id) dir="auto" { "Step " (number) ": " (item(text)) }
        }
    }
}

fn items(list: &[Markup]) -> Rendered {
    html! { @for entry in list { li dir="auto" { (item(entry)) } } }
}

fn links(form: &Html<'_>) -> Rendered {
    let links = form.form.descriptor().links();
    let links = [("keys", &links.keys), ("documentation", &links.docs), ("support", &links.support)];
    let mut links = links.iter().filter_map(|(text, url)| Some((text, url.as_deref()?))).peekable();
    html! {
        @if links.peek().is_some() {
            p.keyway-links {
                (form.form.descriptor().name()) ": "
                @for (index, (text, url)) in links.enumerate() {
                    @if index > 0 { ", " }
                    (link(url, text))
                }
                ". Links open in a new tab."
            }
        }
    }
}
