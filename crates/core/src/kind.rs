//! What a field's value is.

use crate::yaml::{At, Holds, Key, MapView, Node, Words};

pub(crate) static CHOICE: Words = Words {
    noun: "a choice",
    keys: &[
        Key::need("value", Holds::Line, "the value", &["eu"]),
        Key::may("label", Holds::Line, "what a person reads instead", &["Europe"]),
    ],
    together: &[],
};

pub(crate) const KINDS: [(&str, KindWord); 4] = [
    ("text", KindWord::Text),
    ("url", KindWord::Url),
    ("host", KindWord::Host),
    ("choice", KindWord::Choice),
];

/// What a field's value is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Any text.
    Text,
    /// One of a list.
    Choice(Vec<Choice>),
    /// An https origin: `https://host` or `https://host:port`.
    Url,
    /// A host's full name.
    Host,
}

/// The words of `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KindWord {
    Text,
    Choice,
    Url,
    Host,
}

/// One of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    value: String,
    label: Option<String>,
}

impl Choice {
    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What a person reads: the label, or else the value.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.value)
    }

    fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        match node {
            Node::Map(_) => {
                let map = MapView::open(node, at, &CHOICE);
                let label = map.text("label");
                Some(Self { value: map.need_text("value")?, label })
            }
            _ => at.line(node).map(|value| Self { value: value.into(), label: None }),
        }
    }
}

impl Kind {
    /// Reads `kind` and `choices` of a field.
    pub(crate) fn read(map: &MapView<'_, '_>) -> Self {
        let word = map.read("kind", |at, node| at.word(node, &KINDS));
        if map.get("choices").is_some() {
            if word.is_some_and(|word| word != KindWord::Choice) {
                map.at().key("kind").fault("a field with `choices` is a choice", "remove `kind`".to_owned());
            }
            if matches!(map.get("choices"), Some(Node::List(items)) if items.is_empty()) {
                map.at().key("choices").key_fault("a choice has at least one value", None);
            }
            return Self::Choice(map.list("choices", Choice::read));
        }
        match word {
            Some(KindWord::Choice) => {
                map.at().key("kind").fault("a choice needs `choices`", None);
                Self::Text
            }
            Some(KindWord::Url) => Self::Url,
            Some(KindWord::Host) => Self::Host,
            Some(KindWord::Text) | None => Self::Text,
        }
    }
}
