//! Sealed records: authenticated encryption under a fresh data key, which a master key wraps.
//!
//! ```text
//! "KWS" format:1 algorithm:1 key-id:8 wrap-nonce:12 wrapped-data-key:32+16 nonce:12 ciphertext:n+16
//! ```
//! A data key seals one message, so a random nonce cannot repeat under it; what repeats is the master key, which wraps a
//! random key each time, far below AES-GCM's limit of 2^32 random nonces.

use std::sync::Arc;

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use crate::{
    KEY_LENGTH, KeyId, MasterKey,
    keys::aes,
    name::fill,
    packed::Packed,
    store::{ConnectionRow, VaultRow},
};

const MAGIC: &[u8; 3] = b"KWS";
const FORMAT: u8 = 1;
/// AES-256-GCM with a 96-bit nonce and a 128-bit tag.
const ALGORITHM: u8 = 1;
const TAG: usize = 16;
const KEY_AT: usize = MAGIC.len() + 2;
const WRAP_AT: usize = KEY_AT + 8;
const NONCE_AT: usize = WRAP_AT + NONCE_LEN + KEY_LENGTH + TAG;
const SEALED_AT: usize = NONCE_AT + NONCE_LEN;
/// What a record adds to what it seals, in bytes.
#[cfg(test)]
const OVERHEAD: usize = SEALED_AT + TAG;

/// A record was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It is no record: its length, magic, format or algorithm is another.
    Malformed,
    /// It is under a key that is not at hand.
    UnknownKey(KeyId),
    /// It was changed, or belongs elsewhere.
    Forged,
}

/// What a record belongs to. It opens nowhere else.
#[derive(Debug, Clone)]
pub(crate) struct Binding(Packed);

impl Binding {
    /// The fields of a connection.
    pub(crate) fn credential(row: &ConnectionRow) -> Self {
        Self::of(row, "credential", row.credential_version)
    }

    /// Name and account of a connection.
    pub(crate) fn details(row: &ConnectionRow) -> Self {
        Self::of(row, "details", row.details_version)
    }

    fn of(row: &ConnectionRow, part: &str, version: i64) -> Self {
        Self(
            Packed::new("keyway/v1/record")
                .text(part)
                .text(&row.tenant)
                .text(&row.id)
                .text(&row.provider)
                .text(&row.method)
                .text(&row.origins)
                .number(row.elsewhere)
                .number(row.descriptor)
                .number(version)
                .number(ALGORITHM.into()),
        )
    }

    /// The root secret of a vault.
    pub(crate) fn root(row: &VaultRow) -> Self {
        Self(Packed::new("keyway/v1/root").text(&row.id).number(row.created_at).number(ALGORITHM.into()))
    }

    /// What the wrap of the data key is bound to: all of it, and the key that wraps. AES-GCM alone does not commit to its
    /// key.
    fn wrap(&self, key: KeyId) -> Packed {
        Packed::new("keyway/v1/data-key").bytes(&key.0).bytes(self.0.as_slice())
    }
}

/// The parts of a record.
struct Record<'r> {
    key: KeyId,
    wrap: &'r [u8],
    nonce: &'r [u8],
    sealed: &'r [u8],
}

impl<'r> Record<'r> {
    fn parse(record: &'r [u8]) -> Result<Self, Unopened> {
        if record.len() < SEALED_AT + TAG
            || &record[..MAGIC.len()] != MAGIC
            || record[MAGIC.len()] != FORMAT
            || record[MAGIC.len() + 1] != ALGORITHM
        {
            return Err(Unopened::Malformed);
        }
        let mut key = [0; 8];
        key.copy_from_slice(&record[KEY_AT..WRAP_AT]);
        Ok(Self {
            key: KeyId(key),
            wrap: &record[WRAP_AT..NONCE_AT],
            nonce: &record[NONCE_AT..SEALED_AT],
            sealed: &record[SEALED_AT..],
        })
    }
}

/// The key that a record is under.
pub(crate) fn key_of(record: &[u8]) -> Result<KeyId, Unopened> {
    Record::parse(record).map(|record| record.key)
}

/// A record without its wrap, which changes when keys rotate and is sealed itself.
pub(crate) fn without_wrap(record: &[u8]) -> (&[u8], &[u8]) {
    (record.get(..KEY_AT).unwrap_or(record), record.get(NONCE_AT..).unwrap_or_default())
}

/// The master keys at hand.
#[derive(Debug)]
pub(crate) struct Ring {
    keys: Vec<(KeyId, Arc<LessSafeKey>)>,
    active: KeyId,
}

impl Ring {
    /// `active` is among `keys`.
    pub(crate) fn new<'k>(keys: impl IntoIterator<Item = &'k MasterKey>, active: KeyId) -> Self {
        Self { keys: keys.into_iter().map(|key| (key.id(), Arc::new(key.wrapping()))).collect(), active }
    }

    /// These keys, and those that were there before: what was read a moment ago may be under one of them.
    pub(crate) fn after(mut self, before: &Self) -> Self {
        for (id, key) in &before.keys {
            if self.key(*id).is_err() {
                self.keys.push((*id, Arc::clone(key)));
            }
        }
        self
    }

    /// The key under which records are sealed now.
    pub(crate) fn active(&self) -> KeyId {
        self.active
    }

    /// Tells whether it has the key of this id.
    pub(crate) fn has(&self, id: &str) -> bool {
        KeyId::parse(id).is_some_and(|id| self.key(id).is_ok())
    }

    fn key(&self, id: KeyId) -> Result<&LessSafeKey, Unopened> {
        self.keys
            .iter()
            .find_map(|(known, key)| (*known == id).then_some(&**key))
            .ok_or(Unopened::UnknownKey(id))
    }

    /// Seals a text under a fresh data key.
    pub(crate) fn seal(&self, binding: &Binding, text: &[u8]) -> Vec<u8> {
        let mut data_key = Zeroizing::new([0; KEY_LENGTH]);
        fill(&mut *data_key);
        let mut record = Vec::with_capacity(SEALED_AT + text.len() + TAG);
        self.head(binding, &data_key, &mut record);
        append(&aes(&data_key), binding.0.as_slice(), text, &mut record);
        record
    }

    /// Opens a record that belongs where the binding says.
    pub(crate) fn open(&self, binding: &Binding, record: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let record = Record::parse(record)?;
        let data_key = self.data_key(binding, &record)?;
        open(&aes(&data_key), binding.0.as_slice(), record.nonce, record.sealed)
    }

    /// The same record, its data key under the active key. What it seals is not touched.
    pub(crate) fn rewrap(&self, binding: &Binding, record: &[u8]) -> Result<Vec<u8>, Unopened> {
        let parsed = Record::parse(record)?;
        let data_key = self.data_key(binding, &parsed)?;
        let mut new = Vec::with_capacity(record.len());
        self.head(binding, &data_key, &mut new);
        new.extend_from_slice(&record[NONCE_AT..]);
        Ok(new)
    }

    fn data_key(
        &self,
        binding: &Binding,
        record: &Record<'_>,
    ) -> Result<Zeroizing<[u8; KEY_LENGTH]>, Unopened> {
        let (nonce, wrapped) = record.wrap.split_at(NONCE_LEN);
        let opened = open(self.key(record.key)?, binding.wrap(record.key).as_slice(), nonce, wrapped)?;
        let mut data_key = Zeroizing::new([0; KEY_LENGTH]);
        data_key.copy_from_slice(&opened);
        Ok(data_key)
    }

    /// All of a record before the nonce of what it seals.
    fn head(&self, binding: &Binding, data_key: &[u8; KEY_LENGTH], record: &mut Vec<u8>) {
        record.extend_from_slice(MAGIC);
        record.extend_from_slice(&[FORMAT, ALGORITHM]);
        record.extend_from_slice(&self.active.0);
        let key = self.key(self.active).expect("the active key is in the ring");
        append(key, binding.wrap(self.active).as_slice(), data_key, record);
    }
}

/// Appends a fresh nonce and the sealed text.
fn append(key: &LessSafeKey, bound: &[u8], text: &[u8], record: &mut Vec<u8>) {
    let mut nonce = [0; NONCE_LEN];
    fill(&mut nonce);
    record.extend_from_slice(&nonce);
    let start = record.len();
    record.extend_from_slice(text);
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound),
            &mut record[start..],
        )
        .expect("the text is far below AES-GCM's limit");
    record.extend_from_slice(tag.as_ref());
}

fn open(
    key: &LessSafeKey,
    bound: &[u8],
    nonce: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unopened::Malformed)?;
    let mut text = Zeroizing::new(sealed.to_vec());
    let length = key.open_in_place(nonce, Aad::from(bound), &mut text).map_err(|_| Unopened::Forged)?.len();
    text.truncate(length);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ConnectionRow {
        ConnectionRow {
            id: "con_a".to_owned(),
            tenant: "acme".to_owned(),
            provider: "rally".to_owned(),
            method: "api_key".to_owned(),
            origins: "https://a.example".to_owned(),
            elsewhere: 0,
            descriptor: 1,
            version: 3,
            credential_version: 2,
            details_version: 3,
            status: "active".to_owned(),
            verdict: None,
            checked_at: None,
            created_at: 0,
            updated_at: 0,
            secret_mark: Vec::new(),
            account_mark: None,
            owner_mark: None,
            key: String::new(),
            credential: Vec::new(),
            details: Vec::new(),
            mac: Vec::new(),
        }
    }

    /// A change of one column.
    type Edit = fn(&mut ConnectionRow);

    const TEXT: &[u8] = b"a text that nobody else may read";

    #[test]
    fn n43_every_bit_of_a_record_and_every_length_counts() {
        let key = MasterKey::generate();
        let ring = Ring::new([&key], key.id());
        let binding = Binding::credential(&row());
        let record = ring.seal(&binding, TEXT);
        assert_eq!(record.len(), TEXT.len() + OVERHEAD);
        assert_eq!(&**ring.open(&binding, &record).unwrap(), TEXT);
        for bit in 0..record.len() * 8 {
            let mut other = record.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open(&binding, &other).is_err(), "bit {bit}");
            // What a rotation makes of it is no better.
            assert!(
                ring.rewrap(&binding, &other).is_err_and(|_| true)
                    || ring.open(&binding, &ring.rewrap(&binding, &other).unwrap()).is_err(),
                "bit {bit}, rewrapped"
            );
        }
        for length in 0..record.len() {
            assert!(ring.open(&binding, &record[..length]).is_err(), "the first {length} bytes");
            assert!(
                ring.open(&binding, &record[record.len() - length..]).is_err(),
                "the last {length} bytes"
            );
        }
        for more in [&b"\0"[..], b"KWS", &record] {
            assert!(ring.open(&binding, &[&record, more].concat()).is_err(), "trailing bytes");
        }
    }

    #[test]
    fn i6_a_record_opens_in_its_own_place_alone() {
        let key = MasterKey::generate();
        let ring = Ring::new([&key], key.id());
        let own = row();
        let record = ring.seal(&Binding::credential(&own), TEXT);
        let edits: [(&str, Edit); 8] = [
            ("tenant", |row| row.tenant = "acm".to_owned()),
            ("connection", |row| row.id = "con_b".to_owned()),
            ("provider", |row| row.provider = "rootly".to_owned()),
            ("method", |row| row.method = "other".to_owned()),
            ("origins", |row| row.origins = "https://a.example\nhttps://b.example".to_owned()),
            ("elsewhere", |row| row.elsewhere = 1),
            ("descriptor", |row| row.descriptor = 2),
            ("version", |row| row.credential_version = 3),
        ];
        for (what, edit) in edits {
            let mut other = own.clone();
            edit(&mut other);
            assert_eq!(
                ring.open(&Binding::credential(&other), &record).unwrap_err(),
                Unopened::Forged,
                "{what}"
            );
        }
        assert_eq!(
            ring.open(&Binding::details(&own), &record).unwrap_err(),
            Unopened::Forged,
            "the other part"
        );
        let vault = VaultRow { id: "con_a".to_owned(), created_at: 0, root: Vec::new() };
        assert_eq!(ring.open(&Binding::root(&vault), &record).unwrap_err(), Unopened::Forged, "the root");
    }

    #[test]
    fn a_rotation_changes_the_wrap_alone() {
        let (old, new) = (MasterKey::generate(), MasterKey::generate());
        let binding = Binding::details(&row());
        let record = Ring::new([&old], old.id()).seal(&binding, TEXT);
        let both = Ring::new([&old, &new], new.id());
        let rewrapped = both.rewrap(&binding, &record).unwrap();
        assert_eq!(without_wrap(&record), without_wrap(&rewrapped));
        assert_eq!(key_of(&rewrapped), Ok(new.id()));
        let after = Ring::new([&new], new.id());
        assert_eq!(&**after.open(&binding, &rewrapped).unwrap(), TEXT);
        assert_eq!(after.open(&binding, &record).unwrap_err(), Unopened::UnknownKey(old.id()));
        // A wrap of one record does not open another.
        let other = both.seal(&binding, TEXT);
        let mixed = [&rewrapped[..NONCE_AT], &other[NONCE_AT..]].concat();
        assert_eq!(both.open(&binding, &mixed).unwrap_err(), Unopened::Forged);
    }

    #[test]
    fn a_key_is_chosen_by_its_id_and_never_tried() {
        let (one, two) = (MasterKey::generate(), MasterKey::generate());
        let binding = Binding::details(&row());
        let record = Ring::new([&one], one.id()).seal(&binding, TEXT);
        let mut renamed = record.clone();
        renamed[KEY_AT..WRAP_AT].copy_from_slice(&two.id().0);
        let both = Ring::new([&one, &two], two.id());
        assert_eq!(both.open(&binding, &renamed).unwrap_err(), Unopened::Forged);
        assert_eq!(&**both.open(&binding, &record).unwrap(), TEXT);
    }
}
