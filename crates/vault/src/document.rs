//! Documents: small things that are kept beside connections, sealed, such as sessions and tokens.

use std::{fmt, time::SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

use crate::{
    Error, Tenant, Vault,
    audit::{millis, now, time},
    error::tampered,
    packed::Packed,
    store::{DocumentChange, DocumentRow, DocumentsOf},
};

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

/// All documents of a vault. Clones share the same writer, which commits what waits at a time together.
///
/// They are not in the audit log: what has to be is noted by whoever writes them.
#[derive(Clone)]
pub struct Documents {
    vault: Vault,
}

const MAX_KIND: usize = 32;
const MAX_ID: usize = 128;
const MAX_MARK: usize = 64;
const MAX_TEXT: usize = 256 * 1024;
/// The most that are listed together.
pub(crate) const MAX_PAGE: usize = 1000;

impl Vault {
    /// The documents that are kept in it.
    pub fn documents(&self) -> Documents {
        Documents { vault: self.clone() }
    }
}

impl Documents {
    /// Keeps a new one. `false` when there is one with this id or mark already; nothing is changed then.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a kind, id, mark or text that a [`Document`] cannot have.
    pub async fn insert(&self, new: NewDocument<'_>) -> Result<bool, Error> {
        check_name(new.kind, new.id)?;
        if new.mark.is_some_and(|mark| mark.is_empty() || mark.len() > MAX_MARK) {
            return Err(Error::Invalid(format!("a document's mark has 1 to {MAX_MARK} bytes")));
        }
        let mut row = DocumentRow {
            kind: new.kind.to_owned(),
            id: new.id.to_owned(),
            tenant: new.tenant.map(Tenant::to_string),
            mark: new.mark.map(<[u8]>::to_vec),
            version: 1,
            created_at: now(),
            expires_at: new.expires_at.map(millis),
            record: Vec::new(),
        };
        self.seal(&mut row, new.text)?;
        self.write(DocumentChange::Insert(row)).await
    }

    /// Replaces text and end of a document that is still as it was read. `None` when it is not, or is gone; nothing is
    /// changed then.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that is too long.
    pub async fn replace(
        &self,
        old: &Document,
        text: &[u8],
        expires_at: Option<SystemTime>,
    ) -> Result<Option<Document>, Error> {
        let mut row = DocumentRow {
            kind: old.kind.to_owned(),
            id: old.id.clone(),
            tenant: old.tenant.as_ref().map(Tenant::to_string),
            mark: old.mark.clone(),
            version: old.version + 1,
            created_at: millis(old.created_at),
            expires_at: expires_at.map(millis),
            record: Vec::new(),
        };
        self.seal(&mut row, text)?;
        let new = Document {
            version: row.version,
            expires_at: row.expires_at.map(time),
            text: Zeroizing::new(text.to_vec()),
            ..old.clone()
        };
        Ok(self.write(DocumentChange::Replace(row)).await?.then_some(new))
    }

    /// Removes a document that is still as it was read. `false` when it is not, or is gone.
    pub async fn remove(&self, old: &Document) -> Result<bool, Error> {
        let (kind, id) = (old.kind.to_owned(), old.id.clone());
        self.write(DocumentChange::Remove { kind, id, version: old.version }).await
    }

    /// Removes what is kept under a kind and an id, without opening it: also what cannot be read any more. `tenant` is whose its
    /// row says that it is. `false` when there is none.
    pub async fn discard(
        &self,
        kind: &'static str,
        id: &str,
        tenant: Option<&Tenant>,
    ) -> Result<bool, Error> {
        if check_name(kind, id).is_err() {
            return Ok(false);
        }
        while let Some(row) = self.vault.0.store.document(kind, id).await? {
            if row.id != id || row.kind != kind || row.tenant.as_deref() != tenant.map(Tenant::as_str) {
                return Ok(false);
            }
            // Otherwise somebody changed it in between.
            if self.write(DocumentChange::Remove { kind: row.kind, id: row.id, version: row.version }).await?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One document, of whatever tenant.
    ///
    /// # Errors
    /// [`Error::Tampered`] when it is not as it was written.
    pub async fn get(&self, kind: &'static str, id: &str) -> Result<Option<Document>, Error> {
        if check_name(kind, id).is_err() {
            return Ok(None);
        }
        let row = self.vault.0.store.document(kind, id).await?;
        // The store may answer with another one.
        self.shown(kind, row.as_ref(), |row| row.id == id)
    }

    /// The document with a mark, of whatever tenant.
    ///
    /// # Errors
    /// [`Error::Tampered`] when it is not as it was written.
    pub async fn by_mark(&self, kind: &'static str, mark: &[u8]) -> Result<Option<Document>, Error> {
        let row = self.vault.0.store.document_by_mark(kind, mark).await?;
        self.shown(kind, row.as_ref(), |row| row.mark.as_deref() == Some(mark))
    }

    /// Documents of a kind, sorted by id, from the one after `after` on; at most `limit`, and at most 1,000. `tenant` is whose:
    /// of one, of the platform (`Some(None)`), or of everybody (`None`).
    ///
    /// # Errors
    /// [`Error::Tampered`] names the first one that is not as it was written.
    pub async fn list(
        &self,
        kind: &'static str,
        tenant: Option<Option<&Tenant>>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, Error> {
        let each = self.each(kind, tenant, after, limit).await?;
        each.into_iter().map(|(_, shown)| shown).collect()
    }

    /// Documents as [`list`](Self::list) has them, each by its id and for itself: of one that is not as it was written it says
    /// [`Error::Tampered`], and shows the others.
    pub async fn each(
        &self,
        kind: &'static str,
        tenant: Option<Option<&Tenant>>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Result<Document, Error>)>, Error> {
        let of = match tenant {
            None => DocumentsOf::All,
            Some(None) => DocumentsOf::Platform,
            Some(Some(tenant)) => DocumentsOf::Tenant(tenant.as_str()),
        };
        let limit = u32::try_from(limit.min(MAX_PAGE)).unwrap_or_default();
        let rows = self.vault.0.store.documents(kind, of, after, limit, now()).await?;
        let is_asked_for = |row: &DocumentRow| {
            tenant.is_none_or(|tenant| row.tenant.as_deref() == tenant.map(Tenant::as_str))
        };
        let each = rows.into_iter().filter_map(|row| {
            let shown = self.shown(kind, Some(&row), is_asked_for).transpose()?;
            Some((row.id, shown))
        });
        Ok(each.collect())
    }

    /// Takes away all that have ended. Whoever writes one does so too: this is for times when nobody writes.
    pub async fn sweep(&self) -> Result<(), Error> {
        self.vault.0.documents.sweep(&*self.vault.0.store).await
    }

    /// Signs texts for a purpose, with a key of the vault that every process over it has and nobody else.
    pub fn sign(&self, purpose: &str, texts: &[&[u8]]) -> [u8; 32] {
        self.vault.0.roots.signature(purpose, texts)
    }

    /// Whether a signature is that of these texts, in constant time.
    pub fn is_signed(&self, purpose: &str, texts: &[&[u8]], signature: &[u8]) -> bool {
        verify_slices_are_equal(&self.sign(purpose, texts), signature).is_ok()
    }

    fn seal(&self, row: &mut DocumentRow, text: &[u8]) -> Result<(), Error> {
        if text.len() > MAX_TEXT {
            return Err(Error::Invalid(format!("a document has at most {MAX_TEXT} bytes")));
        }
        row.record = self.vault.0.roots.documents().seal(&bound(row), text);
        Ok(())
    }

    async fn write(&self, change: DocumentChange) -> Result<bool, Error> {
        self.vault.0.documents.write(&*self.vault.0.store, change).await
    }

    fn shown(
        &self,
        kind: &'static str,
        row: Option<&DocumentRow>,
        is_asked_for: impl Fn(&DocumentRow) -> bool,
    ) -> Result<Option<Document>, Error> {
        let Some(row) = row else { return Ok(None) };
        // Opened first: whether it has ended is not believed of a row that somebody changed.
        let document = self.read(kind, row, is_asked_for)?;
        Ok(Some(document).filter(|_| row.expires_at.is_none_or(|end| end > now())))
    }

    fn read(
        &self,
        kind: &'static str,
        row: &DocumentRow,
        is_asked_for: impl Fn(&DocumentRow) -> bool,
    ) -> Result<Document, Error> {
        let damaged = || tampered(&named(row));
        if row.kind != kind || !is_asked_for(row) {
            return Err(damaged());
        }
        let text = opened(&self.vault, row)?;
        let tenant = row.tenant.as_deref().map(Tenant::parse).transpose().map_err(|_| damaged())?;
        Ok(Document {
            kind,
            id: row.id.clone(),
            tenant,
            mark: row.mark.clone(),
            expires_at: row.expires_at.map(time),
            created_at: time(row.created_at),
            version: row.version,
            text,
        })
    }
}

/// What a document's row seals.
pub(crate) fn opened(vault: &Vault, row: &DocumentRow) -> Result<Zeroizing<Vec<u8>>, Error> {
    vault.0.roots.documents().open(&bound(row), &row.record).map_err(|_| tampered(&named(row)))
}

/// What a document is called where something is wrong with it.
pub(crate) fn named(row: &DocumentRow) -> String {
    format!("document {} {}", row.kind, row.id)
}

/// All of a row that is in clear.
fn bound(row: &DocumentRow) -> Packed {
    Packed::new("keyway/v1/document")
        .text(&row.kind)
        .text(&row.id)
        .maybe(row.tenant.as_deref().map(str::as_bytes))
        .maybe(row.mark.as_deref())
        .number(row.version)
        .number(row.created_at)
        .maybe(row.expires_at.map(i64::to_be_bytes).as_ref().map(|bytes| &bytes[..]))
}

fn check_name(kind: &str, id: &str) -> Result<(), Error> {
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter == b'_';
    if !(1..=MAX_KIND).contains(&kind.len()) || !kind.bytes().all(plain) {
        return Err(Error::Invalid(format!("a document's kind has 1 to {MAX_KIND} of `a` to `z` and `_`")));
    }
    if !(1..=MAX_ID).contains(&id.chars().count()) || id.chars().any(char::is_control) {
        return Err(Error::Invalid(format!("a document's id has 1 to {MAX_ID} characters on one line")));
    }
    Ok(())
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

impl fmt::Debug for NewDocument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewDocument").field("kind", &self.kind).field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}
