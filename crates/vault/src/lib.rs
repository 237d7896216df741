#![doc = include_str!("../README.md")]

mod name;

mod encoding;
mod error;
mod packed;

mod keys;
mod oneoff;
mod roots;
mod seal;

mod store;

mod path;
mod terms;
mod token;

mod anchor;
mod api_token;
mod audit;
mod changes;
mod connection;
mod document;
mod draft;
mod epoch;
mod export;
mod grant;
mod group;
mod held;
mod inspect;
mod lead;
mod page;
mod record;
mod recorder;
mod rotate;
mod scope;
mod state;
mod status;
mod vault;
mod verify;

pub use anchor::{Anchor, AnchorSink};
pub use api_token::{ApiScope, ApiToken, ApiTokenId, NewApiToken, Tokens};
pub use audit::{Entry, RowKind, RowMark, Use, What};
pub use changes::Due;
pub use connection::{Connection, New, Opened, Saved, Status};
pub use document::{Document, Documents, NewDocument};
pub use error::Error;
pub use export::Exported;
pub use grant::{Grant, NewGrant};
pub use held::Held;
#[cfg(unix)]
pub use keys::KeyFile;
pub use keys::{
    KEY_LENGTH, KeyError, KeyId, KeySource, KeyVariable, Kms, KmsKeys, KnownKey, MasterKey, NewKey, Transit,
};
pub use lead::Lead;
pub use name::{Actor, ConnectionId, GrantId, NameError, Tenant};
pub use page::Page;
pub use path::{PathPattern, PatternError, template_of};
pub use record::{By, Record};
pub use recorder::{Recorder, Recording, Slot};
pub use rotate::{Progress, Rotated};
pub use scope::{Accounts, Scope};
pub use status::{KeyStatus, VaultStatus};
pub use store::{
    Alike, Batch, Change, Committed, ConnectionRow, Counts, Database, DocumentChange, DocumentRow,
    DocumentsOf, DocumentsWritten, EntryRow, Fill, GrantRow, Head, KeyRow, Lease, MAX_ALIKE, Marks, Rewrap,
    Rows, Snapshot, Store, StoreError, StoreErrorKind, Turn, VaultRow,
};
pub use terms::{Denied, Rate, Terms, TermsBuilder, TermsError};
pub use token::{NotAToken, Token, TokenHash, TokenKind, issued_here, shape_prefix};
pub use vault::Vault;
pub use verify::{Finding, OpenRun, Report};
