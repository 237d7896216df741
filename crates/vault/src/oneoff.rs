//! Sealing under a key of the root secret, for what does not live long: one key for each write, derived from a random salt.
//!
//! ```text
//! "KWO" format:1 salt:32 ciphertext:n+16
//! ```
//! The key is AES-256-GCM's, HKDF-SHA256 of the salt: it seals one text, so its nonce is always zero. What is sealed is a
//! length, the text, and zeros up to a multiple of 256 bytes. Rotating master keys does not touch it, since the root secret
//! stays.

use std::fmt;

use aws_lc_rs::{
    aead::{Aad, LessSafeKey, NONCE_LEN, Nonce},
    hkdf::{HKDF_SHA256, Salt},
};
use zeroize::Zeroizing;

use crate::{
    KEY_LENGTH,
    keys::{Length, aes},
    name::fill,
    packed::Packed,
};

const MAGIC: &[u8; 4] = b"KWO\x01";
const SALT: usize = 32;
const SEALED_AT: usize = MAGIC.len() + SALT;
const TAG: usize = 16;
const LENGTH: usize = 4;
const PAD: usize = 256;

/// It was changed, is cut off, or belongs elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forged;

/// What seals and opens.
pub(crate) struct OneOff(Zeroizing<[u8; KEY_LENGTH]>);

impl fmt::Debug for OneOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneOff")
    }
}

impl OneOff {
    /// `secret` is derived for this alone.
    pub(crate) fn new(secret: Zeroizing<[u8; KEY_LENGTH]>) -> Self {
        Self(secret)
    }

    /// Seals a text, which opens with the same `bound` alone.
    pub(crate) fn seal(&self, bound: &Packed, text: &[u8]) -> Vec<u8> {
        let length = (LENGTH + text.len()).next_multiple_of(PAD);
        let mut record = Vec::with_capacity(SEALED_AT + length + TAG);
        record.extend_from_slice(MAGIC);
        let mut salt = [0; SALT];
        fill(&mut salt);
        record.extend_from_slice(&salt);
        let written = u32::try_from(text.len()).expect("texts are far below 4 GiB");
        record.extend_from_slice(&written.to_be_bytes());
        record.extend_from_slice(text);
        record.resize(SEALED_AT + length, 0);
        let tag = self
            .key(&salt)
            .seal_in_place_separate_tag(nonce(), Aad::from(bound.as_slice()), &mut record[SEALED_AT..])
            .expect("the text is far below AES-GCM's limit");
        record.extend_from_slice(tag.as_ref());
        record
    }

    /// Opens what was sealed.
    pub(crate) fn open(&self, bound: &Packed, record: &[u8]) -> Result<Zeroizing<Vec<u8>>, Forged> {
        let rest = record.strip_prefix(MAGIC).ok_or(Forged)?;
        let (salt, sealed) = rest.split_at_checked(SALT).ok_or(Forged)?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let opened = self.key(salt).open_in_place(nonce(), Aad::from(bound.as_slice()), &mut text);
        let opened = opened.map_err(|_| Forged)?;
        let (length, rest) = opened.split_first_chunk().ok_or(Forged)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| Forged)?;
        rest.get(..length).map(|text| Zeroizing::new(text.to_vec())).ok_or(Forged)
    }

    fn key(&self, salt: &[u8]) -> LessSafeKey {
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        let prk = Salt::new(HKDF_SHA256, salt).extract(&*self.0);
        let okm = prk.expand(&[b"keyway/v1/one-off"], Length(KEY_LENGTH));
        let okm = okm.expect("the length is far below HKDF's limit");
        okm.fill(&mut *key).expect("the length is the one that was asked for");
        aes(&key)
    }
}

/// Under a key that seals one text.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"a text that nobody else may read";

    fn sealer(number: u8) -> OneOff {
        OneOff::new(Zeroizing::new([number; KEY_LENGTH]))
    }

    #[test]
    fn n43_every_bit_and_every_length_counts() {
        let (sealer, bound) = (sealer(1), Packed::new("test").text("a"));
        let record = sealer.seal(&bound, TEXT);
        assert_eq!(&**sealer.open(&bound, &record).unwrap(), TEXT);
        for bit in 0..record.len() * 8 {
            let mut other = record.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(&bound, &other).is_err(), "bit {bit}");
        }
        for length in 0..record.len() {
            assert!(sealer.open(&bound, &record[..length]).is_err(), "the first {length} bytes");
            assert!(sealer.open(&bound, &record[length + 1..]).is_err(), "without the first {length} bytes");
        }
        assert!(sealer.open(&bound, &[&record, &b"\0"[..]].concat()).is_err(), "trailing bytes");
    }

    #[test]
    fn i6_it_opens_in_its_own_place_and_vault_alone() {
        let bound = Packed::new("test").text("a");
        let record = sealer(1).seal(&bound, TEXT);
        assert_eq!(sealer(1).open(&Packed::new("test").text("b"), &record).unwrap_err(), Forged);
        assert_eq!(sealer(2).open(&bound, &record).unwrap_err(), Forged);
    }

    #[test]
    fn two_writes_share_nothing_and_lengths_say_little() {
        let (sealer, bound) = (sealer(1), Packed::new("test"));
        let (one, other) = (sealer.seal(&bound, TEXT), sealer.seal(&bound, TEXT));
        assert_ne!(one[MAGIC.len()..SEALED_AT], other[MAGIC.len()..SEALED_AT]);
        let same = one[SEALED_AT..].iter().zip(&other[SEALED_AT..]).filter(|(one, other)| one == other);
        assert!(same.count() < 20, "one key for both");
        for length in [0, 1, 252, 253, 256 * 1024] {
            let text = vec![b'x'; length];
            let record = sealer.seal(&bound, &text);
            assert_eq!((record.len() - SEALED_AT - TAG) % PAD, 0);
            assert_eq!(**sealer.open(&bound, &record).unwrap(), text);
        }
        assert_eq!(sealer.seal(&bound, b"").len(), sealer.seal(&bound, &[b'x'; 252]).len());
    }
}
