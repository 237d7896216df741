//! What a key usually looks like: a hint, never a rule.

use crate::yaml::{At, Holds, Key, MapView, Node, Together, Words, words_of};

pub(crate) static SHAPE: Words = Words {
    noun: "a shape",
    keys: &[
        Key::may("prefix", Holds::Line, "what it begins with", &["acme_"]),
        Key::may(
            "charset",
            Holds::Word(&words_of(&CHARSETS)),
            "the characters after the prefix: `hex` (in lower case), `digits`, `base62`, `base64`, `base64url`",
            &["base62"],
        ),
        Key::may(
            "length",
            Holds::Number(1, i64::MAX),
            "the number of all characters, with those of the prefix",
            &["25"],
        ),
        Key::may(
            "say",
            Holds::Line,
            "what to tell somebody whose value differs",
            &["copy the underscore too"],
        ),
    ],
    together: &[Together::AnyOf(&["prefix", "charset", "length", "say"])],
};

const CHARSETS: [(&str, Charset); 5] = [
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

/// The characters behind a [`Shape`]'s prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Charset {
    /// Digits, and letters from `a` to `f`, in lower case.
    Hex,
    /// Digits.
    Digits,
    /// ASCII letters and digits.
    Base62,
    /// ASCII letters, digits, `-` and `_`.
    Base64Url,
    /// ASCII letters, digits, `+`, `/` and `=`.
    Base64,
}

impl Charset {
    /// What stands between the brackets of a regular expression: `0-9a-f`.
    pub fn class(self) -> &'static str {
        match self {
            Self::Hex => "0-9a-f",
            Self::Digits => "0-9",
            Self::Base62 => "A-Za-z0-9",
            Self::Base64Url => "A-Za-z0-9_-",
            Self::Base64 => "A-Za-z0-9+/=",
        }
    }

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

    /// The characters behind the prefix, when they are known.
    pub fn charset(&self) -> Option<Charset> {
        self.charset
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
            charset: map.read("charset", |at, node| at.word(node, &CHARSETS)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_its_charset_holds() {
        for (name, charset) in CHARSETS {
            let class = regex::bytes::Regex::new(&format!("(?-u)^[{}]$", charset.class())).expect("a class");
            for byte in 0..=u8::MAX {
                assert_eq!(class.is_match(&[byte]), charset.holds(byte), "{name}: {byte}");
            }
        }
    }
}
