//! What people paste by mistake.

use crate::yaml::{At, Holds, Key, MapView, Node, Together, Words, words_of};

pub(crate) static MISTAKE: Words = Words {
    noun: "a mistake",
    keys: &[
        Key::may("prefix", Holds::Line, "what it begins with", &["old_"]),
        Key::may("suffix", Holds::Line, "what it ends with", &["\"==\""]),
        Key::may("contains", Holds::Line, "what is in it", &["\"=\""]),
        Key::need("is", Holds::Word(&words_of(&WORDS)), "`refuse` or `warn`", &["refuse", "warn"]),
        Key::need(
            "say",
            Holds::Line,
            "what to tell whoever pasted it",
            &["this is a token of the old API; make an API key"],
        ),
    ],
    together: &[Together::AnyOf(&["prefix", "suffix", "contains"])],
};

/// Whether it is refused.
const WORDS: [(&str, bool); 2] = [("refuse", true), ("warn", false)];

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
        let refuse = map.need("is", |at, node| at.word(node, &WORDS));
        let say = map.need_text("say");
        let said = ["prefix", "suffix", "contains"].into_iter().any(|key| map.get(key).is_some());
        if !said {
            at.key_fault("a mistake is recognised by `prefix`, `suffix` or `contains`", None);
        }
        let (prefix, suffix, contains) = (map.text("prefix"), map.text("suffix"), map.text("contains"));
        Some(Self { prefix, suffix, contains, refuse: refuse?, say: say? })
    }
}
