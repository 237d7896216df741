//! Where sealed rows are kept: one trait, two engines.

mod commit;
mod database;
mod document;
mod engine;
mod error;
mod fault;
mod fill;
mod link;
mod postgres;
mod same_file;
mod schema;
mod snapshot;
mod sqlite;
mod table;
mod value;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::encoding::as_base64;

pub use database::Database;
pub use document::{DocumentChange, DocumentRow, DocumentsOf, DocumentsWritten};
pub use error::{StoreError, StoreErrorKind};

/// Keeps rows, and knows nothing of keys: all that it sees is sealed, or may be seen.
///
/// # Contract
/// - [`commit`](Self::commit) is atomic and durable: once it says `Done`, all of the batch survives a crash; when it says
///   anything else, nothing of it is there. The exception is [`StoreErrorKind::Uncertain`]: the caller finds out by
///   looking.
/// - A reader sees all of a batch or nothing of it.
/// - Every error is clean: no row of another tenant, no address, no password in it.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// The engine's name, for people: `SQLite`, `PostgreSQL`.
    fn engine(&self) -> &'static str;

    /// What the vault is, and where its audit log stands; `None` when there is no vault here yet.
    async fn vault(&self) -> Result<Option<(VaultRow, Head)>, StoreError>;

    /// Makes the tables those of today. Whoever opens a vault calls it once its key is known to be the right one: before, what
    /// a vault, its keys, its audit log and a snapshot say of an older database can be read, and nothing else.
    async fn upgrade(&self) -> Result<(), StoreError>;

    /// All key rows, sorted by when they were made, then by id.
    async fn keys(&self) -> Result<Vec<KeyRow>, StoreError>;

    /// One connection of a tenant.
    async fn connection(&self, tenant: &str, id: &str) -> Result<Option<ConnectionRow>, StoreError>;

    /// Connections of a tenant, sorted by id, from the one after `after` on.
    async fn connections(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError>;

    /// Connections of a tenant that have an owner's mark, sorted by id, from the one after `after` on.
    async fn connections_of(
        &self,
        tenant: &str,
        owner: &[u8],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError>;

    /// Active connections of all tenants whose last check, or where there is none their making, is before a time in
    /// milliseconds since 1970; the oldest first, without the first `skip`. Those of some providers are left out.
    async fn due(
        &self,
        before: i64,
        without: &[String],
        skip: u32,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError>;

    /// Ids of a tenant's connections that have one of these marks, sorted: those with the same secret, and those with the
    /// same account; the first [`MAX_ALIKE`] of each.
    async fn alike(&self, tenant: &str, marks: &Marks) -> Result<Alike, StoreError>;

    /// The grant whose token has this hash.
    async fn grant_by_hash(&self, hash: &[u8]) -> Result<Option<GrantRow>, StoreError>;

    /// One grant of a tenant.
    async fn grant(&self, tenant: &str, id: &str) -> Result<Option<GrantRow>, StoreError>;

    /// Grants of a tenant, of one connection or of all, sorted by id, from the one after `after` on.
    async fn grants(
        &self,
        tenant: &str,
        connection: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<GrantRow>, StoreError>;

    /// Audit entries of all tenants after a number, in order.
    async fn entries(&self, after: i64, limit: u32) -> Result<Vec<EntryRow>, StoreError>;

    /// Audit entries of changes of connections after a number, in order, of one tenant or of all; each with the MAC of the
    /// entry before it, where there is one.
    async fn changes(
        &self,
        tenant: Option<&str>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(EntryRow, Option<Vec<u8>>)>, StoreError>;

    /// One document, also one that has ended.
    async fn document(&self, kind: &str, id: &str) -> Result<Option<DocumentRow>, StoreError>;

    /// The document with a mark, also one that has ended.
    async fn document_by_mark(&self, kind: &str, mark: &[u8]) -> Result<Option<DocumentRow>, StoreError>;

    /// Documents of a kind that have not ended at `now`, in milliseconds since 1970; sorted by id, from the one after `after`
    /// on.
    async fn documents(
        &self,
        kind: &str,
        of: DocumentsOf<'_>,
        after: Option<&str>,
        limit: u32,
        now: i64,
    ) -> Result<Vec<DocumentRow>, StoreError>;

    /// Writes changes of documents in order, in one transaction, each where it fits: one that does not fit keeps no other
    /// from being done. Takes away up to `sweep` documents that have ended at `now`, in milliseconds since 1970. Atomic and
    /// durable as [`commit`](Self::commit); the audit log does not move.
    async fn write_documents(
        &self,
        changes: &[DocumentChange],
        now: i64,
        sweep: u32,
    ) -> Result<DocumentsWritten, StoreError>;

    /// Applies a batch, all or nothing.
    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError>;

    /// Waits for the right to write next, so that whoever was overtaken is not overtaken again. `None` from an engine that
    /// knows no such thing. Everything can be read meanwhile, and shows what is committed.
    async fn turn(&self) -> Result<Option<Box<dyn Turn>>, StoreError> {
        Ok(None)
    }

    /// Connections with something under a key, of all tenants, sorted by id, from the one after `after` on: what a rotation
    /// still has to do.
    async fn under_key(
        &self,
        key: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError>;

    /// How many connections have something under a key.
    async fn count_under_key(&self, key: &str) -> Result<u64, StoreError>;

    /// Replaces the wraps of rows, each if it is still as it was (version, key id); all in one transaction, and only while
    /// the lease is held, which it prolongs. Returns how many it replaced, or `None` when the lease is somebody else's.
    async fn rewrap(&self, lease: &Lease, rows: &[Rewrap]) -> Result<Option<u64>, StoreError>;

    /// Takes or prolongs a lease, by the engine's own clock. `false` when somebody else holds it.
    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError>;

    /// Gives a lease back. Nothing happens when it is somebody else's.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Numbers of rows, of all tenants.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// A view in which nothing changes while it is read.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;

    /// Fills an empty store, in one transaction.
    ///
    /// # Errors
    /// [`StoreErrorKind::NotEmpty`] when there is a vault here.
    async fn fill(&self) -> Result<Box<dyn Fill>, StoreError>;

    /// Waits until something other than uses was committed, by whatever process, since [`Head::changed`] stood at `after`;
    /// returns where it stands now. Returns at once when it stands elsewhere already, also before: the database was put
    /// back. May be dropped at any time. A change of another process is noticed within a second, and a database that does not
    /// answer is an error within three.
    async fn changed(&self, after: i64) -> Result<i64, StoreError>;

    /// Makes deleted bytes unreadable where the engine can do that at once. A failure loses nothing.
    async fn scrub(&self) -> Result<(), StoreError>;

    /// Closes all connections to the database.
    async fn close(&self);
}

/// The right to write next: nobody else writes until it is used or dropped.
#[async_trait]
pub trait Turn: Send {
    /// As [`Store::commit`].
    async fn commit(self: Box<Self>, batch: &Batch) -> Result<Committed, StoreError>;
}

/// A view of a store in which nothing changes.
#[async_trait]
pub trait Snapshot: Send {
    /// As [`Store::vault`].
    async fn vault(&mut self) -> Result<Option<(VaultRow, Head)>, StoreError>;
    /// As [`Store::keys`].
    async fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError>;
    /// Connections of all tenants, sorted by id.
    async fn connections(
        &mut self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError>;
    /// Grants of all tenants, sorted by id.
    async fn grants(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<GrantRow>, StoreError>;
    /// Documents of all kinds and tenants, also those that have ended, sorted by kind and id, from the one after `after` on.
    async fn documents(
        &mut self,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<DocumentRow>, StoreError>;
    /// Audit entries of all tenants, in order.
    async fn entries(&mut self, after: i64, limit: u32) -> Result<Vec<EntryRow>, StoreError>;
}

/// Fills an empty store. What is dropped without [`finish`](Self::finish) leaves no trace.
#[async_trait]
pub trait Fill: Send {
    /// Adds rows; connections before the grants that are on them. After an error there is nothing to finish.
    async fn put(&mut self, rows: Rows) -> Result<(), StoreError>;
    /// Makes all of it there at once.
    async fn finish(self: Box<Self>) -> Result<(), StoreError>;
}

/// Rows of one kind.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each holds what its name says")]
pub enum Rows {
    Vault(VaultRow, Head),
    Keys(Vec<KeyRow>),
    Connections(Vec<ConnectionRow>),
    Grants(Vec<GrantRow>),
    Documents(Vec<DocumentRow>),
    Entries(Vec<EntryRow>),
}

/// The one row that says what the vault is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VaultRow {
    /// The vault's id: 32 hex digits.
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// The root secret, sealed under the active key.
    #[serde(with = "as_base64")]
    pub root: Vec<u8>,
}

/// Where the audit log stands. Every batch moves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The last entry's number; the first entry is 1.
    pub seq: i64,
    /// The last entry's MAC.
    #[serde(with = "as_base64")]
    pub mac: Vec<u8>,
    /// The last entry that changed anything: all but uses.
    pub changed: i64,
}

/// A key that seals, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRow {
    /// The key's id: 16 hex digits.
    pub id: String,
    /// `active`, `decrypt` or `retired`.
    pub state: String,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// The key itself, wrapped by a KMS; `None` where the key is kept elsewhere.
    #[serde(with = "as_base64::maybe")]
    pub wrapped: Option<Vec<u8>>,
    /// Over all of the above.
    #[serde(with = "as_base64")]
    pub mac: Vec<u8>,
}

impl KeyRow {
    /// The state of the key that records are sealed under.
    pub const ACTIVE: &str = "active";
    /// The state of a key under which nothing new comes, and some is left.
    pub const DECRYPT: &str = "decrypt";
    /// The state of a key under which nothing is.
    pub const RETIRED: &str = "retired";

    pub(crate) fn is_active(&self) -> bool {
        self.state == Self::ACTIVE
    }

    /// Tells whether something may be under it. A state that nobody knows counts: its row is not as it was written.
    pub(crate) fn is_in_use(&self) -> bool {
        self.state != Self::RETIRED
    }
}

/// A connection as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRow {
    /// The id, unique over all tenants.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// The provider's id when it was saved.
    pub provider: String,
    /// The method's id when it was saved.
    pub method: String,
    /// The origins that may receive it, one a line, its own first.
    pub origins: String,
    /// 1 when the origins were given in place of the descriptor's (`--origin`), else 0.
    pub elsewhere: i64,
    /// The version of the descriptor's language when it was saved.
    pub descriptor: i64,
    /// Counts the changes of this row, from 1.
    pub version: i64,
    /// The version of the row with which the credential was sealed.
    pub credential_version: i64,
    /// The version of the row with which name and account were sealed.
    pub details_version: i64,
    /// `active` or `needs_key`.
    pub status: String,
    /// What the last check said: a verdict's word; `None` before the first.
    pub verdict: Option<String>,
    /// When it was last checked, in milliseconds since 1970.
    pub checked_at: Option<i64>,
    /// When it was saved, in milliseconds since 1970.
    pub created_at: i64,
    /// When the row last changed, in milliseconds since 1970.
    pub updated_at: i64,
    /// A keyed fingerprint of the secrets.
    #[serde(with = "as_base64")]
    pub secret_mark: Vec<u8>,
    /// A keyed fingerprint of the account's id.
    #[serde(with = "as_base64::maybe")]
    pub account_mark: Option<Vec<u8>>,
    /// A keyed fingerprint of whose it is among the tenant's users.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "as_base64::maybe")]
    pub owner_mark: Option<Vec<u8>>,
    /// The id of the key under which both records are.
    pub key: String,
    /// The fields, sealed.
    #[serde(with = "as_base64")]
    pub credential: Vec<u8>,
    /// Name and account, sealed.
    #[serde(with = "as_base64")]
    pub details: Vec<u8>,
    /// Over all of the above but the wraps, which are sealed themselves and change when keys rotate.
    #[serde(with = "as_base64")]
    pub mac: Vec<u8>,
}

/// A grant as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRow {
    /// The id, unique over all tenants.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// The connection that it lets somebody use.
    pub connection: String,
    /// SHA-256 of the token.
    #[serde(with = "as_base64")]
    pub hash: Vec<u8>,
    /// What it allows, as JSON.
    pub terms: String,
    /// Counts the changes of this row, from 1.
    pub version: i64,
    /// When it was made, in milliseconds since 1970.
    pub created_at: i64,
    /// When it was revoked, in milliseconds since 1970.
    pub revoked_at: Option<i64>,
    /// Over all of the above.
    #[serde(with = "as_base64")]
    pub mac: Vec<u8>,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryRow {
    /// Its number, from 1, without gaps.
    pub seq: i64,
    /// When it was written, in milliseconds since 1970.
    pub at: i64,
    /// Whose it is; `None` for what concerns the whole vault.
    pub tenant: Option<String>,
    /// The connection it is about.
    pub connection: Option<String>,
    /// What happened, as one word.
    pub kind: String,
    /// The rest, as JSON.
    pub body: String,
    /// Over all of the above, and the MAC of the entry before.
    #[serde(with = "as_base64")]
    pub mac: Vec<u8>,
}

/// The keyed fingerprints by which connections are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// Of the secrets.
    pub secret: Vec<u8>,
    /// Of the account's id.
    pub account: Option<Vec<u8>>,
    /// Of the end user whose connections are meant; none: anybody's.
    pub owner: Option<Vec<u8>>,
}

/// How many connections are told of that are alike: a tenant may have thousands of one account.
pub const MAX_ALIKE: u32 = 100;

/// Ids of connections that are alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alike {
    /// Those with the same secret.
    pub secret: Vec<String>,
    /// Those with the same account.
    pub account: Vec<String>,
}

/// Changes, and the audit entries that tell of them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where the audit log stands for this batch to fit: number and MAC of the last entry.
    pub after: Head,
    /// What is written to the audit log first. Their numbers follow `after.seq`. Never empty.
    pub entries: Vec<EntryRow>,
    /// What changes. When there is anything, [`Head::changed`] becomes the last entry's number.
    pub changes: Vec<Change>,
}

impl Batch {
    /// Where the audit log stands once it is done; `None` for a batch without an entry, which there should not be.
    pub(crate) fn head(&self) -> Option<Head> {
        let last = self.entries.last()?;
        let changed = if self.changes.is_empty() { self.after.changed } else { last.seq };
        Some(Head { seq: last.seq, mac: last.mac.clone(), changed })
    }
}

/// One change of a batch. Where a row is not as it should be, nothing of the batch is done.
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds a connection.
    Insert(Box<ConnectionRow>),
    /// Replaces a connection that has the version `from`.
    Update {
        /// The new row.
        row: Box<ConnectionRow>,
        /// The version that is replaced.
        from: i64,
    },
    /// Removes a connection that has the version `from`, and its grants.
    Delete {
        /// Whose it is.
        tenant: String,
        /// The connection.
        id: String,
        /// The version that is removed.
        from: i64,
    },
    /// Adds a grant.
    InsertGrant(GrantRow),
    /// Replaces a grant that has the version `from`.
    UpdateGrant {
        /// The new row.
        row: GrantRow,
        /// The version that is replaced.
        from: i64,
    },
    /// Removes a grant that has the version `from`.
    DeleteGrant {
        /// Whose it is.
        tenant: String,
        /// The grant.
        id: String,
        /// The version that is removed.
        from: i64,
    },
    /// Adds or replaces a key row.
    PutKey(KeyRow),
    /// Retires a key: replaces its row if no connection has anything under it any more.
    RetireKey(KeyRow),
    /// Replaces the vault's root, sealed anew. The id stays.
    PutRoot(Vec<u8>),
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// All of it is done, and durable.
    Done,
    /// Nothing was done: the audit log has moved on, or stands elsewhere.
    HeadMoved,
    /// Nothing was done: a row is not there, or not as it was, or a key is still in use.
    RowMoved,
}

/// New wraps for one row.
#[derive(Debug, Clone)]
pub struct Rewrap {
    /// The connection.
    pub id: String,
    /// The version that it must still have.
    pub version: i64,
    /// The key that it must still be under.
    pub from: String,
    /// The key that it is under now.
    pub key: String,
    /// The credential, under it.
    pub credential: Vec<u8>,
    /// Name and account, under it.
    pub details: Vec<u8>,
}

/// A right that one holder has at a time, until it runs out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: &'static str,
    /// Who holds it: random.
    pub holder: String,
    /// For how long, in milliseconds from now.
    pub ms: i64,
}

/// Numbers of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections, of all tenants.
    pub connections: u64,
    /// Grants that were not revoked, of all tenants.
    pub grants: u64,
    /// Tenants with a connection.
    pub tenants: u64,
}
