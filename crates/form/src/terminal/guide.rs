//! How a person gets a key.

use keyway_core::{Field, Method};
use owo_colors::OwoColorize as _;

use super::{item, paragraph};
use crate::Form;

/// The whole guide: what it takes, the steps, what to mind, and where to read more.
pub fn guide(form: &Form<'_>) -> String {
    let (descriptor, method) = (form.descriptor(), form.method());
    let guide = method.guide();
    let title = format!("Connect {}", descriptor.name());
    let mut out = format!("{}\n{}", title.bold(), paragraph(descriptor.summary(), ""));
    let lists = [("Before you start", guide.needs(), "  - "), ("Good to know", guide.warnings(), "  - ")];
    let [needs, warnings] = lists.map(|(title, items, mark)| {
        let items: String = items.iter().map(|markup| item(markup, mark)).collect();
        if items.is_empty() { items } else { format!("\n{}\n{items}", title.bold()) }
    });
    out += &needs;
    if !guide.steps().is_empty() {
        let title = format!("How to get your {}", method.label());
        out += &format!("\n{}\n", title.bold());
    }
    for (index, step) in guide.steps().iter().enumerate() {
        out += &item(step, &format!("{:>3}. ", index + 1));
    }
    out += &warnings;
    if let Some(docs) = &descriptor.links().docs {
        out += &format!("\nMore: {}\n", docs.underline());
    }
    out
}

/// The step of the guide in which a person sees a field's value, where the descriptor names one.
pub fn step(method: &Method, field: &Field, indent: &str) -> Option<String> {
    let number = field.step()?;
    let step = method.guide().steps().get(number.checked_sub(1)?)?;
    Some(item(step, &format!("{indent}Step {number}: ")))
}
