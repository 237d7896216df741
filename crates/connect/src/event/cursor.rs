//! What an event's id is: its place, so that whoever has seen an event can ask for the next one, and nobody can read it.
//!
//! A place counts what all tenants do, which is no tenant's business. So it is hidden, under a key of the vault and the tenant's
//! name (deterministic, as in RFC 5297): `evt_`, a tag of 8 bytes, and 12 bytes under a mask made from the tag. Four of them are of
//! the entry's MAC: where a database is put back and goes on otherwise, the same place gets another id.

use keyway_vault::{Documents, Entry, Tenant};

use super::Place;

/// A place in a tenant's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) place: Place,
    entry: [u8; 4],
}

/// A text is not the id of an event of this tenant, nor a cursor. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no event's id, and no cursor that was handed out here")]
pub struct NotACursor;

const PREFIX: &str = "evt_";
const TAG: usize = 8;
const HIDDEN: usize = 12;

impl Cursor {
    pub(crate) fn new(place: Place, entry: &Entry) -> Self {
        let mac = entry.mac.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        Self { place, entry: mac.unwrap_or_default().to_be_bytes() }
    }

    /// The number of the audit log's entry that it stands at.
    pub(super) fn seq(self) -> i64 {
        self.place.seq()
    }

    /// Whether an entry is the one that it was made of.
    pub(super) fn is_of(self, entry: &Entry) -> bool {
        self.seq() == entry.seq && self == Self::new(self.place, entry)
    }

    /// The id, for a tenant.
    pub(crate) fn id(self, tenant: &Tenant, documents: &Documents) -> String {
        use std::fmt::Write as _;
        let mut hidden = [0; HIDDEN];
        hidden[..8].copy_from_slice(&self.place.0.to_be_bytes());
        hidden[8..].copy_from_slice(&self.entry);
        let tag = tag(tenant, documents, &hidden);
        mask(&mut hidden, tag, tenant, documents);
        tag.iter().chain(&hidden).fold(PREFIX.to_owned(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Reads the id of an event of a tenant.
    pub(crate) fn parse(text: &str, tenant: &Tenant, documents: &Documents) -> Result<Self, NotACursor> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotACursor)?.as_bytes();
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Ok(byte - b'0'),
            b'a'..=b'f' => Ok(byte - b'a' + 10),
            _ => Err(NotACursor),
        };
        let mut bytes = [0; TAG + HIDDEN];
        if digits.len() != 2 * bytes.len() {
            return Err(NotACursor);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        let (mut given, mut hidden) = ([0; TAG], [0; HIDDEN]);
        given.copy_from_slice(&bytes[..TAG]);
        hidden.copy_from_slice(&bytes[TAG..]);
        mask(&mut hidden, given, tenant, documents);
        if tag(tenant, documents, &hidden) != given {
            return Err(NotACursor);
        }
        let (mut place, mut entry) = ([0; 8], [0; 4]);
        place.copy_from_slice(&hidden[..8]);
        entry.copy_from_slice(&hidden[8..]);
        Ok(Self { place: Place(u64::from_be_bytes(place)), entry })
    }
}

fn tag(tenant: &Tenant, documents: &Documents, hidden: &[u8]) -> [u8; TAG] {
    let signed = documents.sign("an event's tag", &[tenant.as_str().as_bytes(), hidden]);
    std::array::from_fn(|index| signed[index])
}

fn mask(hidden: &mut [u8; HIDDEN], tag: [u8; TAG], tenant: &Tenant, documents: &Documents) {
    let mask = documents.sign("an event's mask", &[tenant.as_str().as_bytes(), &tag]);
    for (byte, mask) in hidden.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}
