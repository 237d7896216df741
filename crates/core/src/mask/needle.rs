//! A form in which a secret may be written, and how far a text agrees with it.

use base64::{
    Engine as _,
    engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE},
};
use memchr::memchr_iter;

use super::{SHORTEST, escape};

/// A shorter secret is looked for as it is, and not in its encodings.
const SHORTEST_ENCODED: usize = 8;
/// How much of a form is looked for at first. Enough that hardly any other text begins so.
const HEAD: usize = 8;
/// The same of hexadecimal digits: each letter doubles the number of heads.
const HEX_HEAD: usize = 4;

/// One form of a secret. Which part of it a text's end agrees with is followed by Knuth, Morris and Pratt's algorithm, so
/// that no text makes it look at a byte more than twice.
pub(super) struct Needle {
    bytes: Box<[u8]>,
    /// For each length that may have agreed, the longest shorter one that then agrees too.
    shorter: Box<[u32]>,
    /// Digits, of which the letters may have either case. `bytes` has small ones.
    hex: bool,
}

impl Needle {
    /// The forms of a secret, without duplicates.
    pub(super) fn forms_of(secret: &str) -> Vec<Self> {
        let mut needles = vec![secret.as_bytes().to_vec()];
        // Where a text's escapes are undone, those are too that a secret only seems to have: `%41` in a password.
        needles.extend(Some(escape::undone(secret.as_bytes())).filter(|undone| undone.len() >= SHORTEST));
        if secret.len() >= SHORTEST_ENCODED {
            // A form writes a space as `+`.
            needles.push(secret.replace(' ', "+").into_bytes());
            for offset in 0..3 {
                for engine in [&STANDARD, &URL_SAFE] {
                    needles.push(base64_middle(engine, secret.as_bytes(), offset));
                }
            }
        }
        needles.sort_unstable();
        needles.dedup();
        let mut forms: Vec<Self> = needles.into_iter().map(|needle| Self::new(needle, false)).collect();
        if secret.len() >= SHORTEST_ENCODED {
            let digits = secret.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
            forms
                .push(Self::new(digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]).collect(), true));
        }
        forms
    }

    fn new(bytes: Vec<u8>, hex: bool) -> Self {
        let mut needle = Self { shorter: vec![0; bytes.len()].into(), bytes: bytes.into(), hex };
        let mut agreed = 0;
        for at in 1..needle.bytes.len() {
            agreed = needle.agreed(agreed, needle.bytes[at]);
            needle.shorter[at] = agreed;
        }
        needle
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The beginning that is looked for at first.
    pub(super) fn head(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().min(if self.hex { HEX_HEAD } else { HEAD })]
    }

    /// The head in each case in which it may be written.
    pub(super) fn heads(&self) -> Vec<Vec<u8>> {
        let mut heads = vec![self.head().to_vec()];
        let letters =
            self.head().iter().enumerate().filter(|(_, byte)| self.hex && byte.is_ascii_lowercase());
        for (at, byte) in letters {
            for index in 0..heads.len() {
                let mut other = heads[index].clone();
                other[at] = byte.to_ascii_uppercase();
                heads.push(other);
            }
        }
        heads
    }

    /// Tells whether a text is this beginning of it.
    pub(super) fn begins_with(&self, text: &[u8]) -> bool {
        let Some(begin) = self.bytes.get(..text.len()) else { return false };
        if self.hex { begin.eq_ignore_ascii_case(text) } else { begin == text }
    }

    /// Where its head begins, if it goes on with `byte` after this text.
    pub(super) fn begins(&self, before: &[u8], byte: u8) -> impl Iterator<Item = usize> {
        let byte = if self.hex { byte.to_ascii_lowercase() } else { byte };
        memchr_iter(byte, self.head())
            .filter_map(|length| before.len().checked_sub(length))
            .filter(|at| self.begins_with(&before[*at..]))
    }

    /// Tells whether a byte of a text is this one of the form.
    fn is(&self, at: u32, byte: u8) -> bool {
        let byte = if self.hex { byte.to_ascii_lowercase() } else { byte };
        self.bytes.get(at as usize) == Some(&byte)
    }

    /// How much of the beginning the end of a text agrees with, after one more byte; `agreed` is how much it was before.
    fn agreed(&self, mut agreed: u32, byte: u8) -> u32 {
        while agreed > 0 && !self.is(agreed, byte) {
            agreed = self.shorter[agreed as usize - 1];
        }
        agreed + u32::from(self.is(agreed, byte))
    }

    /// Takes one more byte of a text into account. `true` when an occurrence ends with it.
    pub(super) fn follow(&self, agreed: &mut u32, byte: u8) -> bool {
        *agreed = self.agreed(*agreed, byte);
        let whole = *agreed as usize == self.bytes.len();
        if whole {
            *agreed = self.shorter[self.bytes.len() - 1];
        }
        whole
    }
}

/// The characters of a base64 text that depend on the secret alone, when `offset` bytes (modulo 3) stand before it.
fn base64_middle(engine: &GeneralPurpose, secret: &[u8], offset: usize) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret);
    let encoded = engine.encode(&bytes).into_bytes();
    let start = [0, 2, 3][offset];
    let end = bytes.len() * 8 / 6;
    encoded[start..end].to_vec()
}
