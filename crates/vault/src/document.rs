//! Documents: small things that are kept beside connections, sealed, such as sessions and tokens.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use zeroize::Zeroizing;

use crate::{Error, Tenant, Vault};

/// A text that is kept sealed under a kind and an id, perhaps until a time.
///
/// # Security
/// `Debug` does not show the text.
#[derive(Clone)]
#[non_exhaustive]
pub struct Document {
    /// What it is: `session`, `token`, … At most 32 of `a-z` and `_`.
    pub kind: &'static str,
    /// The id, which no other document of its kind has; 1 to 128 characters.
    pub id: String,
    /// Whose it is; none: the platform's.
    pub tenant: Option<Tenant>,
    /// A second name by which it is found, and which no other of its kind has: a token's hash. At most 64 bytes.
    pub mark: Option<Vec<u8>>,
    /// From then on it is not there any more.
    pub expires_at: Option<SystemTime>,
    /// When it was made.
    pub created_at: SystemTime,
    /// Counts its changes, from 1.
    pub version: i64,
    /// What is sealed; at most 256 KiB.
    pub text: Zeroizing<Vec<u8>>,
}

/// A document that is to be kept.
#[derive(Clone)]
pub struct NewDocument<'n> {
    /// As [`Document::kind`].
    pub kind: &'static str,
    /// As [`Document::id`].
    pub id: &'n str,
    /// As [`Document::tenant`].
    pub tenant: Option<&'n Tenant>,
    /// As [`Document::mark`].
    pub mark: Option<&'n [u8]>,
    /// As [`Document::expires_at`].
    pub expires_at: Option<SystemTime>,
    /// As [`Document::text`].
    pub text: &'n [u8],
}

/// All documents of a vault. Clones share the same writer, which commits what comes within 5 milliseconds together.
///
/// They are not in the audit log: what has to be is noted by whoever writes them.
#[derive(Clone)]
pub struct Documents {
    vault: Vault,
}

#[derive(Default)]
pub(crate) struct Fake(Mutex<BTreeMap<(&'static str, String), Document>>);

impl Vault {
    /// The documents that are kept in it.
    pub fn documents(&self) -> Documents {
        Documents { vault: self.clone() }
    }
}

impl Documents {
    /// Keeps a new one. `false` when there is one with this id or mark already; nothing is changed then.
    pub async fn insert(&self, new: NewDocument<'_>) -> Result<bool, Error> {
        let mut all = self.all();
        let taken = all.values().any(|one| {
            one.kind == new.kind
                && (one.id == new.id || (new.mark.is_some() && one.mark.as_deref() == new.mark))
        });
        if taken {
            return Ok(false);
        }
        let document = Document {
            kind: new.kind,
            id: new.id.to_owned(),
            tenant: new.tenant.cloned(),
            mark: new.mark.map(<[u8]>::to_vec),
            expires_at: new.expires_at,
            created_at: SystemTime::now(),
            version: 1,
            text: Zeroizing::new(new.text.to_vec()),
        };
        all.insert((new.kind, new.id.to_owned()), document);
        Ok(true)
    }

    /// Replaces text and end of a document that is still as it was read. `None` when it is not, or is gone; nothing is
    /// changed then.
    pub async fn replace(
        &self,
        old: &Document,
        text: &[u8],
        expires_at: Option<SystemTime>,
    ) -> Result<Option<Document>, Error> {
        let mut all = self.all();
        let Some(one) = all.get_mut(&(old.kind, old.id.clone())).filter(|one| one.version == old.version)
        else {
            return Ok(None);
        };
        one.version += 1;
        one.expires_at = expires_at;
        one.text = Zeroizing::new(text.to_vec());
        Ok(Some(one.clone()))
    }

    /// Removes a document that is still as it was read. `false` when it is not, or is gone.
    pub async fn remove(&self, old: &Document) -> Result<bool, Error> {
        let mut all = self.all();
        let key = (old.kind, old.id.clone());
        let is_there = all.get(&key).is_some_and(|one| one.version == old.version);
        if is_there {
            all.remove(&key);
        }
        Ok(is_there)
    }

    /// One document, of whatever tenant.
    pub async fn get(&self, kind: &'static str, id: &str) -> Result<Option<Document>, Error> {
        Ok(self.all().get(&(kind, id.to_owned())).filter(|one| is_alive(one)).cloned())
    }

    /// The document with a mark, of whatever tenant.
    pub async fn by_mark(&self, kind: &'static str, mark: &[u8]) -> Result<Option<Document>, Error> {
        let all = self.all();
        let mut found = all.values().filter(|one| one.kind == kind && one.mark.as_deref() == Some(mark));
        Ok(found.find(|one| is_alive(one)).cloned())
    }

    /// Documents of a kind, sorted by id, from the one after `after` on; at most `limit`, and at most 1,000. `tenant` is whose:
    /// of one, of the platform (`Some(None)`), or of everybody (`None`).
    pub async fn list(
        &self,
        kind: &'static str,
        tenant: Option<Option<&Tenant>>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, Error> {
        let all = self.all();
        let found = all.values().filter(|one| {
            one.kind == kind
                && tenant.is_none_or(|tenant| one.tenant.as_ref() == tenant)
                && after.is_none_or(|after| one.id.as_str() > after)
                && is_alive(one)
        });
        Ok(found.take(limit.min(1000)).cloned().collect())
    }

    /// Signs texts for a purpose, with a key of the vault that every process over it has and nobody else.
    pub fn sign(&self, purpose: &str, texts: &[&[u8]]) -> [u8; 32] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.vault.id().as_bytes());
        let mut context = hmac::Context::with_key(&key);
        for text in std::iter::once(purpose.as_bytes()).chain(texts.iter().copied()) {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text);
        }
        let mut signature = [0; 32];
        signature.copy_from_slice(context.sign().as_ref());
        signature
    }

    /// Whether a signature is that of these texts, in constant time.
    pub fn is_signed(&self, purpose: &str, texts: &[&[u8]], signature: &[u8]) -> bool {
        verify_slices_are_equal(&self.sign(purpose, texts), signature).is_ok()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<(&'static str, String), Document>> {
        self.vault.0.fake.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_alive(one: &Document) -> bool {
    one.expires_at.is_none_or(|end| end > SystemTime::now())
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}
