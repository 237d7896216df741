//! Showing how a person gets a key.

use keyway::{Descriptor, Field, Method};
use owo_colors::OwoColorize as _;

use crate::prose;

/// The whole guide of a method.
pub(crate) fn whole(descriptor: &Descriptor, method: &Method) -> String {
    let guide = method.guide();
    let title = format!("Connect {}", descriptor.name());
    let mut out = format!("{}\n{}", title.bold(), prose::paragraph(descriptor.summary(), ""));
    let lists = [("What it takes", guide.needs(), "  - "), ("What to mind", guide.warnings(), "  - ")];
    let [needs, warnings] = lists.map(|(title, items, mark)| {
        let items: String = items.iter().map(|markup| prose::item(markup, mark)).collect();
        if items.is_empty() { items } else { format!("\n{}\n{items}", title.bold()) }
    });
    out += &needs;
    if !guide.steps().is_empty() {
        let title = format!("How to get it: {}", method.label());
        out += &format!("\n{}\n", title.bold());
    }
    for (index, step) in guide.steps().iter().enumerate() {
        out += &prose::item(step, &format!("{:>3}. ", index + 1));
    }
    out += &warnings;
    if let Some(docs) = &descriptor.links().docs {
        out += &format!("\nMore: {}\n", docs.underline());
    }
    out
}

/// The step in which a person sees a field's value.
pub(crate) fn step_of(method: &Method, field: &Field, indent: &str) -> Option<String> {
    let number = field.step()?;
    let step = method.guide().steps().get(number.checked_sub(1)?)?;
    Some(prose::item(step, &format!("{indent}Step {number}: ")))
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use keyway::Registry;

    use super::*;

    #[test]
    fn the_guide_of_each_provider() {
        for entry in Registry::linked().unwrap().entries() {
            let descriptor = entry.descriptor();
            for method in descriptor.methods() {
                let guide = whole(descriptor, method);
                let mut settings = insta::Settings::clone_current();
                settings.set_snapshot_suffix(format!("{}_{}", descriptor.id(), method.id()));
                settings.set_prepend_module_to_snapshot(false);
                settings.bind(|| insta::assert_snapshot!("guide", strip_str(&guide).to_string()));
            }
        }
    }
}
