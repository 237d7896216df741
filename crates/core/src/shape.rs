//! What a key usually looks like: a hint, never a rule.

use crate::yaml::{At, MapView, Node, Words};

static SHAPE: Words = Words { noun: "a shape", keys: &["prefix", "charset", "length", "say"] };

const CHARSETS: &[(&str, Charset)] = &[
    ("hex", Charset::Hex),
    ("digits", Charset::Digits),
    ("base62", Charset::Base62),
    ("base64url", Charset::Base64Url),
    ("base64", Charset::Base64),
];

/// What a key usually looks like. A value that differs is warned about and never refused: providers change their keys.
#[derive(Debug, Clone)]
pub struct Shape {
    prefix: String,
    charset: Option<Charset>,
    length: Option<usize>,
    say: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Hex,
    Digits,
    Base62,
    Base64Url,
    Base64,
}

impl Charset {
    fn holds(self, byte: u8) -> bool {
        match self {
            Self::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Self::Digits => byte.is_ascii_digit(),
            Self::Base62 => byte.is_ascii_alphanumeric(),
            Self::Base64Url => byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'),
            Self::Base64 => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='),
        }
    }
}

impl Shape {
    /// What the value begins with; empty when nothing is known.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The whole length in characters, when it is known.
    pub fn length(&self) -> Option<usize> {
        self.length
    }

    /// What to tell somebody whose value differs.
    pub fn say(&self) -> Option<&str> {
        self.say.as_deref()
    }

    /// Tells whether a value looks like this.
    pub fn fits(&self, value: &str) -> bool {
        value.strip_prefix(self.prefix.as_str()).is_some_and(|rest| {
            !rest.is_empty()
                && self.length.is_none_or(|length| value.chars().count() == length)
                && self.charset.is_none_or(|charset| rest.bytes().all(|byte| charset.holds(byte)))
        })
    }

    /// Tells whether a fitting value can hardly be anything else: a prefix of at least 3 characters, and a length or
    /// a character set. (Rally's `_` before letters and digits, for one, begins the keys of others too.)
    pub fn is_specific(&self) -> bool {
        self.prefix.chars().count() >= 3 && (self.length.is_some() || self.charset.is_some())
    }

    /// Tells whether the same values fit both.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (&self.prefix, self.charset, self.length) == (&other.prefix, other.charset, other.length)
    }

    pub(crate) fn read(at: &At<'_>, node: &Node) -> Option<Self> {
        let map = MapView::open(node, at, &SHAPE);
        let shape = Self {
            prefix: map.text("prefix").unwrap_or_default(),
            charset: map.read("charset", |at, node| at.word(node, CHARSETS)),
            length: map.number("length"),
            say: map.text("say"),
        };
        if shape.length.is_some_and(|length| length <= shape.prefix.chars().count()) {
            at.key("length").fault("the length counts the prefix too, and more", None);
            return None;
        }
        if map.says_nothing() {
            at.key_fault("a shape says something", "`prefix`, `charset` or `length`".to_owned());
            return None;
        }
        Some(shape)
    }
}
