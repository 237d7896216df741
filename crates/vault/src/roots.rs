//! What is derived from the root secret: MACs of rows, keyed fingerprints, the chain of the audit log.

use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use zeroize::Zeroizing;

use crate::{
    KEY_LENGTH,
    keys::derive,
    name::fill,
    oneoff::OneOff,
    packed::Packed,
    seal,
    store::{ConnectionRow, EntryRow, GrantRow, KeyRow},
};

/// The bytes of a keyed fingerprint.
const MARK: usize = 16;

/// The keys that do not change when master keys rotate.
pub(crate) struct Roots {
    rows: hmac::Key,
    marks: hmac::Key,
    audit: hmac::Key,
    file: hmac::Key,
    signs: hmac::Key,
    documents: OneOff,
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Roots")
    }
}

impl Roots {
    /// A new root secret.
    pub(crate) fn secret() -> Zeroizing<Vec<u8>> {
        let mut secret = Zeroizing::new(vec![0; KEY_LENGTH]);
        fill(&mut secret);
        secret
    }

    pub(crate) fn new(secret: &[u8]) -> Self {
        let derived = |label: &str| {
            let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
            derive(secret, label.as_bytes(), &mut *bytes);
            bytes
        };
        let key = |label: &str| hmac::Key::new(hmac::HMAC_SHA256, &*derived(label));
        Self {
            rows: key("keyway/v1/rows"),
            marks: key("keyway/v1/marks"),
            audit: key("keyway/v1/audit"),
            file: key("keyway/v1/export"),
            signs: key("keyway/v1/signatures"),
            documents: OneOff::new(derived("keyway/v1/documents")),
        }
    }

    /// Over all of a connection's row but the wraps.
    pub(crate) fn connection(&self, row: &ConnectionRow) -> Vec<u8> {
        let (credential, details) = (seal::without_wrap(&row.credential), seal::without_wrap(&row.details));
        let packed = Packed::new("connection")
            .text(&row.id)
            .text(&row.tenant)
            .text(&row.provider)
            .text(&row.method)
            .text(&row.origins)
            .number(row.elsewhere)
            .number(row.descriptor)
            .number(row.version)
            .number(row.credential_version)
            .number(row.details_version)
            .text(&row.status)
            .maybe(row.verdict.as_deref().map(str::as_bytes))
            .maybe(row.checked_at.map(i64::to_be_bytes).as_ref().map(|bytes| &bytes[..]))
            .number(row.created_at)
            .number(row.updated_at)
            .bytes(&row.secret_mark)
            .maybe(row.account_mark.as_deref())
            .bytes(credential.0)
            .bytes(credential.1)
            .bytes(details.0)
            .bytes(details.1);
        // Rows from before there were owners have none, and the MAC that they had.
        let packed = match &row.owner_mark {
            Some(owner) => packed.bytes(owner),
            None => packed,
        };
        sign(&self.rows, &packed)
    }

    /// Over all of a grant's row.
    pub(crate) fn grant(&self, row: &GrantRow) -> Vec<u8> {
        sign(
            &self.rows,
            &Packed::new("grant")
                .text(&row.id)
                .text(&row.tenant)
                .text(&row.connection)
                .bytes(&row.hash)
                .text(&row.terms)
                .number(row.version)
                .number(row.created_at)
                .maybe(row.revoked_at.map(i64::to_be_bytes).as_ref().map(|bytes| &bytes[..])),
        )
    }

    /// Over all of a key's row.
    pub(crate) fn key(&self, row: &KeyRow) -> Vec<u8> {
        sign(
            &self.rows,
            &Packed::new("key")
                .text(&row.id)
                .text(&row.state)
                .number(row.created_at)
                .maybe(row.wrapped.as_deref()),
        )
    }

    /// Over an entry of the audit log, and the MAC of the one before.
    pub(crate) fn entry(&self, before: &[u8], row: &EntryRow) -> Vec<u8> {
        let packed = Packed::new("entry")
            .bytes(before)
            .number(row.seq)
            .number(row.at)
            .maybe(row.tenant.as_deref().map(str::as_bytes))
            .maybe(row.connection.as_deref().map(str::as_bytes))
            .text(&row.kind);
        let mut context = hmac::Context::with_key(&self.audit);
        context.update(packed.as_slice());
        update(&mut context, &row.body);
        context.sign().as_ref().to_vec()
    }

    /// A keyed fingerprint of values: the same for the same values of one tenant and provider, and of no use to anybody
    /// else.
    pub(crate) fn mark(&self, what: &str, tenant: &str, provider: &str, values: &[&str]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.marks);
        context.update(Packed::new(what).text(tenant).text(provider).as_slice());
        for value in values {
            update(&mut context, value);
        }
        context.sign().as_ref()[..MARK].to_vec()
    }

    /// Signs texts for a purpose.
    pub(crate) fn signature(&self, purpose: &str, texts: &[&[u8]]) -> [u8; 32] {
        let packed = texts.iter().fold(Packed::new(purpose), |packed, text| packed.bytes(text));
        let mut signature = [0; 32];
        signature.copy_from_slice(hmac::sign(&self.signs, packed.as_slice()).as_ref());
        signature
    }

    /// What seals documents, and credentials that wait.
    pub(crate) fn documents(&self) -> &OneOff {
        &self.documents
    }

    /// What signs an export, piece by piece.
    pub(crate) fn export(&self) -> hmac::Context {
        hmac::Context::with_key(&self.file)
    }
}

/// Goes on with a text as `Packed` does it, without a copy: it may be secret, or long.
fn update(context: &mut hmac::Context, text: &str) {
    context.update(&(text.len() as u64).to_be_bytes());
    context.update(text.as_bytes());
}

fn sign(key: &hmac::Key, packed: &Packed) -> Vec<u8> {
    hmac::sign(key, packed.as_slice()).as_ref().to_vec()
}

/// Compares two MACs in a time that says nothing of where they differ.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(one, other).is_ok()
}
