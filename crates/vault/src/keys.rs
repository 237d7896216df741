//! Master keys: what they are, and where they come from.

#[cfg(unix)]
mod file;
mod kms;
#[cfg(unix)]
mod private;
#[cfg(unix)]
mod retired;
mod text;
mod transit;
mod variable;

use std::fmt;

use async_trait::async_trait;
use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};
use zeroize::Zeroizing;

use crate::{encoding::unhex, name::fill};

#[cfg(unix)]
pub use file::KeyFile;
pub use kms::{Kms, KmsKeys};
pub use transit::Transit;
pub use variable::KeyVariable;

/// The bytes of a master key.
pub const KEY_LENGTH: usize = 32;

/// The id of a master key: 8 bytes of HKDF of it, so that it is a check of the key too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub(crate) [u8; 8]);

impl KeyId {
    /// Reads an id: 16 hex digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        unhex(text).filter(|_| is_lower).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A master key: 32 bytes from outside the database, which wrap what seals records.
///
/// # Security
/// `Debug` shows the id. The bytes are zeroised on drop.
pub struct MasterKey {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_LENGTH]>,
}

impl MasterKey {
    /// Makes a new one of random bytes of the operating system.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        fill(&mut *bytes);
        Self::new(bytes)
    }

    /// Takes the bytes of one.
    ///
    /// # Errors
    /// When there are not 32 of them, or all are the same: that is no key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: &[u8; KEY_LENGTH] =
            bytes.try_into().map_err(|_| KeyError::Length { found: bytes.len() })?;
        if bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(KeyError::Weak);
        }
        Ok(Self::new(Zeroizing::new(*bytes)))
    }

    fn new(bytes: Zeroizing<[u8; KEY_LENGTH]>) -> Self {
        let mut id = [0; 8];
        derive(&*bytes, b"keyway/v1/key-id", &mut id);
        Self { id: KeyId(id), bytes }
    }

    /// Its id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The bytes, for a key source that keeps or wraps them.
    pub(crate) fn bytes(&self) -> &[u8; KEY_LENGTH] {
        &self.bytes
    }

    /// The key that wraps data keys.
    pub(crate) fn wrapping(&self) -> LessSafeKey {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        derive(&*self.bytes, b"keyway/v1/wrap", &mut *bytes);
        aes(&bytes)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id.to_string()).finish_non_exhaustive()
    }
}

/// A key for AES-256-GCM.
pub(crate) fn aes(bytes: &[u8; KEY_LENGTH]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are an AES-256 key"))
}

/// The lengths that are asked of HKDF.
pub(crate) struct Length(pub(crate) usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-SHA256 (RFC 5869) without a salt: the input is a random key already.
pub(crate) fn derive(key: &[u8], label: &[u8], out: &mut [u8]) {
    let prk = Salt::new(HKDF_SHA256, &[]).extract(key);
    let labels = [label];
    let okm = prk.expand(&labels, Length(out.len())).expect("the length is far below HKDF's limit");
    okm.fill(out).expect("the length is the one that was asked for");
}

/// A master key as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// Its id.
    pub id: KeyId,
    /// The key, wrapped by a KMS; `None` where the source keeps keys itself.
    pub wrapped: Option<Vec<u8>>,
}

/// A key that was just made or found, to seal from now on.
#[derive(Debug)]
pub struct NewKey {
    /// The key.
    pub key: MasterKey,
    /// The key, wrapped, for the database to keep; `None` where the source keeps it.
    pub wrapped: Option<Vec<u8>>,
}

/// Where master keys come from.
///
/// # Contract
/// No error, `Debug` or log of an implementation holds a key, a token, or a part of one.
#[async_trait]
pub trait KeySource: fmt::Debug + Send + Sync + 'static {
    /// Says where, for a person: `the file …`, `the variable …`, `HashiCorp Vault at …`.
    fn describe(&self) -> String;

    /// Tells whether the keys themselves are kept here, so that a database without its keys is of no use, and the keys can
    /// be lost. A KMS says `false`: what it wrapped is in the database.
    fn keeps(&self) -> bool {
        true
    }

    /// The keys that are there now: all that the source keeps, or those of `known` that it can unwrap. Called at the start,
    /// and again when a record is under a key that is not at hand.
    async fn keys(&self, known: &[KnownKey]) -> Result<Vec<MasterKey>, KeyError>;

    /// A key that is not among `known`, to seal from now on: one that is there already and was not used yet, or a new one,
    /// which is kept before this returns.
    async fn fresh(&self, known: &[KeyId]) -> Result<NewKey, KeyError>;

    /// Forgets a key that nothing of this vault is under any more, where the source keeps keys and may change them: it gives
    /// it no more. `false` when somebody has to do that by hand.
    async fn forget(&self, id: KeyId) -> Result<bool, KeyError>;
}

/// There is no usable master key. Says where to look, and nothing of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is none.
    #[error("there is no master key: {0}")]
    Missing(String),
    /// It has another length.
    #[error("a master key has 32 bytes, and this one has {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// It is not written as a key is.
    #[error("the master key cannot be read: {0}")]
    Malformed(String),
    /// All bytes are the same.
    #[error("this master key is no key: all its bytes are the same")]
    Weak,
    /// Others could have read or replaced it.
    #[error("the master key is not safe where it is: {0}")]
    Unsafe(String),
    /// The database was sealed with another one.
    #[error("this is not the master key of this database: it needs the key {needed}, and {there}")]
    Wrong {
        /// The id of the key that it needs.
        needed: KeyId,
        /// Which are there.
        there: String,
    },
    /// It would be made where there is one, and whatever is sealed under that would be lost.
    #[error("there is a master key already: {0}")]
    Exists(String),
    /// It cannot be written or changed.
    #[error("the master key cannot be kept: {0}")]
    NotKept(String),
    /// The key service is named or addressed in a way that cannot be.
    #[error("the key service is not set up: {0}")]
    Setup(String),
    /// The KMS did not answer, or refused.
    #[error("the key service did not do it: {0}")]
    Service(String),
}

#[cfg(all(test, unix))]
mod steps;
