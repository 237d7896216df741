//! Names: of tenants, of who acts, of connections and grants. Clones share the text.

use std::{fmt, sync::Arc};

use aws_lc_rs::rand;

/// A text is not a name of this kind. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(&'static str);

/// A tenant of the platform: 1 to 128 of ASCII letters, digits and `. _ : @ -`. The platform says who that is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(Arc<str>);

/// Who does something, for the audit log: 1 to 128 of ASCII letters, digits and `. _ : @ / -`, such as `user:42`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor(Arc<str>);

/// A connection's id: `con_` and 20 characters, 100 random bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(Arc<str>);

/// A grant's id: `gra_` and 20 characters, 100 random bits. It is not the token, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId(Arc<str>);

/// The longest tenant or actor, in characters.
const MAX: usize = 128;

impl Tenant {
    /// Reads a tenant's name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        plain(text, "._:@-").then(|| Self(text.into())).ok_or(NameError(
            "a tenant is named by 1 to 128 letters, digits and `.`, `_`, `:`, `@`, `-`, in plain ASCII",
        ))
    }
}

impl Actor {
    /// Reads the name of who acts.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        plain(text, "._:@/-").then(|| Self(text.into())).ok_or(NameError(
            "an actor is named by 1 to 128 letters, digits and `.`, `_`, `:`, `@`, `/`, `-`, in plain ASCII",
        ))
    }
}

impl ConnectionId {
    const PREFIX: &str = "con_";

    /// Makes a new one.
    ///
    /// # Panics
    /// When the operating system has no random bytes.
    #[must_use]
    pub fn random() -> Self {
        Self(random_id(Self::PREFIX))
    }

    /// Reads a connection's id.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        is_id(text, Self::PREFIX)
            .then(|| Self(text.into()))
            .ok_or(NameError("a connection's id is `con_` and 20 characters from a to z and 2 to 7"))
    }
}

impl GrantId {
    const PREFIX: &str = "gra_";

    pub(crate) fn random() -> Self {
        Self(random_id(Self::PREFIX))
    }

    /// Reads a grant's id.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        is_id(text, Self::PREFIX)
            .then(|| Self(text.into()))
            .ok_or(NameError("a grant's id is `gra_` and 20 characters from a to z and 2 to 7"))
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
as_text!(Tenant, Actor, ConnectionId, GrantId);

fn plain(text: &str, signs: &str) -> bool {
    (1..=MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c))
}

/// The characters of ids: no two of them look alike in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const ID_LENGTH: usize = 20;

fn random_id(prefix: &str) -> Arc<str> {
    let mut bytes = [0; ID_LENGTH];
    fill(&mut bytes);
    let letters = bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
    prefix.chars().chain(letters).collect::<String>().into()
}

fn is_id(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == ID_LENGTH && rest.bytes().all(|byte| ALPHABET.contains(&byte)))
}

/// Fills a buffer with random bytes of the operating system.
///
/// # Panics
/// When the operating system has none: there is no way to go on safely.
pub(crate) fn fill(bytes: &mut [u8]) {
    rand::fill(bytes).expect("the operating system has random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_and_read_back() {
        let (one, two) = (ConnectionId::random(), ConnectionId::random());
        assert_ne!(one, two);
        assert_eq!(ConnectionId::parse(one.as_str()), Ok(one.clone()));
        assert!(GrantId::parse(one.as_str()).is_err());
        for bad in
            ["", "con_", "con_ABCDEFGHIJKLMNOPQRST", "con_aaaaaaaaaaaaaaaaaaa", "con_aaaaaaaaaaaaaaaaaaaa\n"]
        {
            assert!(ConnectionId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_plain() {
        for good in ["a", "acme", "tenant:42@eu-1.x_y"] {
            assert_eq!(Tenant::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a\0", "ä", "a/b", "a\n", &"x".repeat(129)] {
            assert!(Tenant::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Actor::parse("cli/root@host").is_ok());
    }
}
