#![doc = include_str!("../README.md")]

mod name;

mod error;
mod keys;
mod store;

mod path;
mod terms;
mod token;

pub use error::Error;
pub use keys::{KEY_LENGTH, KeyError, KeyId, KeySource, KnownKey, MasterKey, NewKey};
pub use name::{Actor, ConnectionId, GrantId, NameError, Tenant};
pub use path::{PathPattern, PatternError, template_of};
pub use store::{
    Alike, Batch, Change, Committed, ConnectionRow, Counts, EntryRow, Fill, GrantRow, Head, KeyRow, Lease,
    Marks, Rewrap, Rows, Snapshot, Store, StoreError, StoreErrorKind, VaultRow,
};
pub use terms::{Denied, Rate, Terms, TermsBuilder, TermsError};
pub use token::{NotAToken, Token, TokenHash, shape_prefix};
