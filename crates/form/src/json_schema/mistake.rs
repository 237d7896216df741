//! Known mistakes that are refused.

use keyway_core::{Characters, Field, Kind, Mistake};

use super::{
    Refused, Rule,
    value::{literally, stripped},
};

const SPACE: &str = r"[\s\x85]*";

/// A rule for each mistake that core refuses, where a pattern over the raw value says exactly when.
pub(super) fn refused(field: &Field) -> impl Iterator<Item = Rule<'_>> {
    field.mistakes().iter().filter(|mistake| mistake.is_refused()).filter_map(|mistake| rule(field, mistake))
}

fn rule<'a>(field: &Field, mistake: &'a Mistake) -> Option<Rule<'a>> {
    // Core looks at other values in their canonical spelling.
    if *field.kind() != Kind::Text || field.characters() == Characters::HostLabel {
        return None;
    }
    let parts = [mistake.prefix(), mistake.suffix(), mistake.contains()];
    if parts.into_iter().flatten().any(is_perhaps_removed) {
        return None;
    }
    let mut patterns = Vec::new();
    if let Some(prefix) = mistake.prefix() {
        if field.strip().iter().any(|strip| begin_alike(strip.trim(), prefix)) {
            return None;
        }
        patterns.push(format!("^{SPACE}{}{}", stripped(field, SPACE), literally(prefix)));
    }
    // What is looked for must not be found in a prefix that core removes, nor reach into one.
    let in_a_prefix = |part: &str| {
        let first = part.chars().next().map(|first| first.to_ascii_lowercase());
        first.is_none_or(|first| field.strip().iter().any(|strip| strip.to_ascii_lowercase().contains(first)))
    };
    if [mistake.suffix(), mistake.contains()].into_iter().flatten().any(in_a_prefix) {
        return None;
    }
    patterns.extend(mistake.suffix().map(|suffix| format!("{}{SPACE}$", literally(suffix))));
    patterns.extend(mistake.contains().map(literally));
    let (pattern, all_of) = match patterns.len() {
        1 => (patterns.pop(), Vec::new()),
        _ => (None, patterns.into_iter().map(Rule::Pattern).collect()),
    };
    Some(Rule::Not(Refused { description: mistake.say(), pattern, all_of }))
}

/// Tells whether core may remove an end of the text, when it stands at an end of a value.
fn is_perhaps_removed(text: &str) -> bool {
    let removed = |c: char| c.is_whitespace() || "\"'`“”‘’<>".contains(c);
    text.is_empty() || text.starts_with(removed) || text.ends_with(removed)
}

fn begin_alike(a: &str, b: &str) -> bool {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    a.starts_with(&b) || b.starts_with(&a)
}
