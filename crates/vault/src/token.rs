//! Tokens of ours: what a caller of a grant shows.

use std::fmt;

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
};
use crc::{CRC_32_ISO_HDLC, Crc};
use keyway_core::{Credential, Id, Method, Secret};

use crate::name::fill;

/// A token that was just made: `kwg_`, 30 random characters, 6 of a checksum. What is kept of it is its hash; the token
/// itself is shown once and is nowhere afterwards.
///
/// The form is that of GitHub's tokens: a prefix by which scanners find them, letters and digits alone so that a double
/// click selects all of it, and a CRC32 by which a typo is told without a look-up
/// (<https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/>). 30 characters of 62 are 178 bits.
#[derive(Debug)]
pub struct Token {
    secret: Secret,
    hash: TokenHash,
}

/// What a token of ours is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenKind {
    /// A grant: a client of a provider's API shows it to the gateway.
    Grant,
    /// A platform's backend shows it to the REST API.
    Api,
    /// It is in a link that an end user opens once.
    Link,
}

impl TokenKind {
    /// What a token of this kind begins with, and scanners look for.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Grant => "kwg_",
            Self::Api => "kwa_",
            Self::Link => "kwl_",
        }
    }
}

/// SHA-256 of a token, without what stands before its kind's prefix.
///
/// It has no `PartialEq`: hashes are compared in constant time, by [`is`](Self::is).
#[derive(Clone)]
pub struct TokenHash([u8; SHA256_OUTPUT_LEN]);

/// A text is not a token of ours. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAToken {
    /// It is something else.
    #[error(
        "this is not a token of Keyway of this kind: grants begin with `kwg_`, perhaps behind a provider's own prefix, API tokens with `kwa_`, links' codes with `kwl_`"
    )]
    Other,
    /// It was one.
    #[error("the checksum does not fit: a character of the token is missing or was changed")]
    Changed,
}

/// The random characters.
const RANDOM: usize = 30;
/// The characters of the checksum: 62 to the power of 6 is more than 2 to the power of 32.
const CHECKSUM: usize = 6;
/// The longest prefix before [`KIND`], in characters.
const MAX_PREFIX: usize = 32;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

impl Token {
    /// Makes one. `prefix` stands before it, for clients that check what a provider's keys begin with
    /// ([`shape_prefix`]); `None` when it is longer than 32 characters or holds others than ASCII letters, digits and
    /// `- _ . :`.
    ///
    /// # Panics
    /// When the operating system has no random bytes.
    pub fn new(prefix: &str) -> Option<Self> {
        is_prefix(prefix).then(|| Self::made(prefix, TokenKind::Grant))
    }

    /// Makes one of a kind.
    ///
    /// # Panics
    /// When the operating system has no random bytes.
    pub fn of(kind: TokenKind) -> Self {
        Self::made("", kind)
    }

    fn made(prefix: &str, kind: TokenKind) -> Self {
        let kind = kind.prefix();
        let mut token = String::with_capacity(prefix.len() + kind.len() + RANDOM + CHECKSUM);
        token.push_str(prefix);
        token.push_str(kind);
        while token.len() < prefix.len() + kind.len() + RANDOM {
            let mut bytes = [0; RANDOM];
            fill(&mut bytes);
            // 62 of 64 values are taken: a remainder would make some characters likelier than others.
            let digits = bytes.iter().filter_map(|byte| DIGITS.get(usize::from(byte & 63)));
            let missing = prefix.len() + kind.len() + RANDOM - token.len();
            token.extend(digits.take(missing).map(|digit| char::from(*digit)));
        }
        let checksum = checksum(&token[prefix.len()..]);
        token.push_str(&checksum);
        let hash = TokenHash::of(&token[prefix.len()..]);
        Self { secret: Secret::new(token), hash }
    }

    /// The token, to be shown once.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What is kept of it.
    pub fn hash(&self) -> &TokenHash {
        &self.hash
    }
}

impl TokenHash {
    /// Recognises a token, with any prefix of up to 32 characters before it. Nothing is looked up.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        Self::parse_as(TokenKind::Grant, text)
    }

    /// Recognises a token of a kind. Only a grant may have a prefix before it.
    pub fn parse_as(kind: TokenKind, text: &str) -> Result<Self, NotAToken> {
        let is_grant = kind == TokenKind::Grant;
        let kind = kind.prefix();
        let at = text
            .rfind(kind)
            .filter(|at| *at == 0 || is_grant)
            .filter(|at| is_prefix(&text[..*at]))
            .ok_or(NotAToken::Other)?;
        let token = &text[at..];
        let checked = kind.len() + RANDOM;
        let alphanumeric = token[kind.len()..].bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !alphanumeric
            || token.len() != checked + CHECKSUM
            || checksum(&token[..checked]) != token[checked..]
        {
            return Err(NotAToken::Changed);
        }
        Ok(Self::of(token))
    }

    /// The bytes, to be kept, and to look a grant up.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells, in constant time, whether this is what was kept.
    pub fn is(&self, kept: &[u8]) -> bool {
        verify_slices_are_equal(&self.0, kept).is_ok()
    }

    fn of(token: &str) -> Self {
        let mut hash = [0; SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenHash").finish_non_exhaustive()
    }
}

/// The field of a credential that has a token of ours in place of a service's key, where there is one: nobody else may get to know
/// that.
pub fn issued_here(credential: &Credential) -> Option<Id> {
    let kinds = [TokenKind::Grant, TokenKind::Api, TokenKind::Link];
    // Whatever stands before it: what a provider's keys begin with, or what was pasted along.
    let is = |kind: TokenKind, value: &str| {
        value.rfind(kind.prefix()).is_some_and(|at| TokenHash::parse_as(kind, &value[at..]).is_ok())
    };
    let is_ours = |value: &str| kinds.iter().any(|kind| is(*kind, value));
    let kept = credential.keep();
    let field = kept.fields().iter().find(|field| field.secret && is_ours(field.value.expose()))?;
    Some(field.id.clone())
}

/// What the keys of a method usually begin with, where it can stand before a token.
pub fn shape_prefix(method: &Method) -> Option<&str> {
    let shapes = method.fields().iter().filter(|field| field.is_secret()).filter_map(|field| field.shape());
    shapes.map(keyway_core::Shape::prefix).find(|prefix| !prefix.is_empty() && is_prefix(prefix))
}

/// Tells whether a text may stand before a token.
pub(crate) fn is_prefix(text: &str) -> bool {
    text.len() <= MAX_PREFIX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

/// The checksum of a text, as base62 with leading zeros.
fn checksum(text: &str) -> String {
    let mut rest = CRC.checksum(text.as_bytes());
    let mut digits = ['0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(DIGITS[(rest % 62) as usize]);
        rest /= 62;
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_stays_as_it_is() {
        // Tokens that are out there depend on it. The text is the check value's of every CRC catalogue.
        assert_eq!(checksum("123456789"), "3jZRME");
        // Made up, and hashed by `sha256sum`.
        let hash = TokenHash::parse("kwg_MadeUpForTests0123456789abcdef0No3ND").unwrap();
        let kept = 0x584a_b918_fb50_ada9_8371_647d_835e_b44d_u128.to_be_bytes();
        assert_eq!(hash.as_bytes()[..16], kept);
    }
}
