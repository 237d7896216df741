#![doc = include_str!("../README.md")]

mod name;

mod error;
mod keys;
mod store;

pub use error::Error;
pub use keys::{KEY_LENGTH, KeyError, KeyId, KeySource, KnownKey, MasterKey, NewKey};
pub use name::{Actor, ConnectionId, GrantId, NameError, Tenant};
pub use store::{
    Alike, Batch, Change, Committed, ConnectionRow, Counts, Database, EntryRow, Fill, GrantRow, Head, KeyRow,
    Lease, Marks, Rewrap, Rows, Snapshot, Store, StoreError, StoreErrorKind, VaultRow,
};
