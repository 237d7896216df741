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
    let others = descriptor.methods().iter().filter(|other| other.id() != method.id());
    let others: Vec<String> =
        others.map(|other| format!("{} (--method {})", other.label(), other.id())).collect();
    if !others.is_empty() {
        out += &format!("\nOther ways: {}\n", others.join(", "));
    }
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
    fn other_ways_are_named() {
        let method = |id: &str, label: &str| {
            format!(
                "  {id}:\n    label: {label}\n    guide: [Copy it.]\n    fields: {{ key: {{ label: Key }} }}\n    \
                 authorize: {{ headers: {{ x-key: '{{key}}' }} }}\n    check: {{ request: GET /, valid: {{ body: {{ /id: \
                 1 }} }}, account: {{ id: /id, label: ['{{/id}}'] }} }}\n"
            )
        };
        let text = format!(
            "version: 1\nid: acme\nname: Acme\nsummary: Rockets.\nlinks: {{ docs: 'https://a.example/' }}\nseen_live: \
             never\napi: {{ origin: 'https://a.example' }}\nmethods:\n{}{}",
            method("api_key", "API key"),
            method("token", "Token")
        );
        let descriptor = Descriptor::parse("acme.yaml", &text).unwrap();
        let guide = whole(&descriptor, &descriptor.methods()[0]);
        assert!(guide.contains("\nOther ways: Token (--method token)\n"), "{guide:?}");
    }

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
