//! Ids of providers, methods and fields.

use std::{borrow::Borrow, fmt};

use crate::yaml::{Holds, Like};

/// An id of a provider, a method or a field: a lower-case letter, then lower-case letters, digits and `_`; at most
/// [`Id::MAX`] characters.
///
/// The narrow alphabet makes an id safe as a folder's name, a JSON key, an HTML id and a part of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(Box<str>);

impl Id {
    /// The longest id, in characters.
    pub const MAX: usize = 48;

    /// The form of an id, for the schema.
    pub(crate) const LIKE: Like = Like {
        noun: "an id (a lower-case letter, then lower-case letters, digits and _)",
        pattern: "^[a-z][a-z0-9_]{0,47}$",
    };

    /// What stands under `formerly`: of a provider, a method and a field.
    pub(crate) const FORMERLY: Holds = Holds::List(&Holds::Like(&Self::LIKE), 0);
    pub(crate) const FORMERLY_SAYS: &str =
        "earlier ids, as a list: what is stored under an old id is still found";

    /// Parses an id; `None` when `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = text.bytes();
        let ok = text.len() <= Self::MAX
            && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        ok.then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The longest name of somebody's that is repeated in a message.
const MAX_SHOWN: usize = 20;

/// A name as it was typed, when it may be repeated in a message: what is longer, or is no id, may be a key in the place
/// of a name.
pub(crate) fn shown(name: &str) -> Option<&str> {
    (name.len() <= MAX_SHOWN && Id::parse(name).is_some()).then_some(name)
}

/// An id that a name may have been meant for. It is compared and never repeated.
pub(crate) fn meant(name: &str) -> String {
    if name.len() <= MAX_SHOWN { name.to_ascii_lowercase().replace('-', "_") } else { String::new() }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Id {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Id {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}
