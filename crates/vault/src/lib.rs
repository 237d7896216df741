#![doc = include_str!("../README.md")]

mod name;

mod error;
mod keys;
mod store;

pub use error::Error;
#[cfg(unix)]
pub use keys::KeyFile;
pub use keys::{
    KEY_LENGTH, KeyError, KeyId, KeySource, KeyVariable, Kms, KmsKeys, KnownKey, MasterKey, NewKey, Transit,
};
pub use name::{Actor, ConnectionId, GrantId, NameError, Tenant};
pub use store::{
    Alike, Batch, Change, Committed, ConnectionRow, Counts, EntryRow, Fill, GrantRow, Head, KeyRow, Lease,
    Marks, Rewrap, Rows, Snapshot, Store, StoreError, StoreErrorKind, VaultRow,
};
