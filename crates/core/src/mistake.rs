//! What people paste by mistake.

use crate::yaml::{At, MapView, Node, Words};

static MISTAKE: Words = Words { noun: "a mistake", keys: &["prefix", "suffix", "contains", "is", "say"] };

/// Something that people paste by mistake. A value is one when it has all of prefix, suffix and part that there are.
#[derive(Debug)]
pub struct Mistake {
    prefix: Option<String>,
    suffix: Option<String>,
    contains: Option<String>,
    refuse: bool,
    say: String,
}

impl Mistake {
    /// What such a value begins with.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// What such a value ends with.
    pub fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    /// What such a value contains.
    pub fn contains(&self) -> Option<&str> {
        self.contains.as_deref()
    }

    /// Tells whether such a value is refused; otherwise it is warned about.
    pub fn is_refused(&self) -> bool {
        self.refuse
    }

    /// What to tell somebody who pasted it.
    pub fn say(&self) -> &str {
        &self.say
    }

    pub(crate) fn matches(&self, value: &str) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| value.starts_with(prefix))
            && self.suffix.as_deref().is_none_or(|suffix| value.ends_with(suffix))
            && self.contains.as_deref().is_none_or(|part| value.contains(part))
    }

    pub(crate) fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        let map = MapView::open(node, at, &MISTAKE);
        let refuse = map.need("is", |at, node| at.word(node, &[("refuse", true), ("warn", false)]));
        let say = map.need_text("say");
        let said = ["prefix", "suffix", "contains"].into_iter().any(|key| map.get(key).is_some());
        if !said {
            at.key_fault("a mistake is recognised by `prefix`, `suffix` or `contains`", None);
        }
        let (prefix, suffix, contains) = (map.text("prefix"), map.text("suffix"), map.text("contains"));
        Some(Self { prefix, suffix, contains, refuse: refuse?, say: say? })
    }
}
