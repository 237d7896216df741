//! Master keys that a key service wraps.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{KEY_LENGTH, KeyError, KeyId, KeySource, KnownKey, MasterKey, NewKey};

/// A key service: it wraps a master key under a key that never leaves it, and unwraps it again.
///
/// # Contract
/// - What `wrap` gives is bound to `context`: `unwrap` with another one fails. Where a service knows no associated data, the
///   context is not used, and nothing else has to take its place: whoever asked checks what comes back.
/// - No error, `Debug` or log holds a key, a token, or a text of the service's that could.
///
/// An example is [`Transit`](crate::Transit).
#[async_trait]
pub trait Kms: fmt::Debug + Send + Sync + 'static {
    /// Says which service, for a person: `HashiCorp Vault at …`.
    fn describe(&self) -> String;

    /// Wraps the bytes of a key.
    async fn wrap(&self, key: &[u8; KEY_LENGTH], context: &str) -> Result<Vec<u8>, KeyError>;

    /// Unwraps a key.
    async fn unwrap(&self, wrapped: &[u8], context: &str) -> Result<MasterKey, KeyError>;
}

/// Master keys that a key service wraps. The database keeps them, wrapped; this process keeps them while it runs, so that the
/// service is asked when it starts and when keys rotate, and not for every record.
#[derive(Debug, Clone)]
pub struct KmsKeys {
    service: Arc<dyn Kms>,
}

impl KmsKeys {
    /// Keys that `service` wraps.
    pub fn new(service: Arc<dyn Kms>) -> Self {
        Self { service }
    }

    async fn unwrap(&self, wrapped: &[u8], id: KeyId) -> Result<MasterKey, KeyError> {
        let key = self.service.unwrap(wrapped, &context(id)).await?;
        if key.id() == id {
            return Ok(key);
        }
        let there = format!("{} unwrapped the key {} instead", self.service.describe(), key.id());
        Err(KeyError::Wrong { needed: id, there })
    }
}

#[async_trait]
impl KeySource for KmsKeys {
    fn describe(&self) -> String {
        self.service.describe()
    }

    fn keeps(&self) -> bool {
        false
    }

    async fn keys(&self, known: &[KnownKey]) -> Result<Vec<MasterKey>, KeyError> {
        let mut keys = Vec::new();
        for key in known {
            if let Some(wrapped) = &key.wrapped {
                keys.push(self.unwrap(wrapped, key.id).await?);
            }
        }
        Ok(keys)
    }

    async fn fresh(&self, _known: &[KeyId]) -> Result<NewKey, KeyError> {
        let key = MasterKey::generate();
        let wrapped = self.service.wrap(key.bytes(), &context(key.id())).await?;
        // A service that may wrap and not unwrap is found out now, and not when everything is sealed with this key.
        self.unwrap(&wrapped, key.id()).await?;
        Ok(NewKey { key, wrapped: Some(wrapped) })
    }

    async fn forget(&self, _id: KeyId) -> Result<bool, KeyError> {
        // The service keeps nothing: what it wrapped goes with its row.
        Ok(true)
    }
}

/// What a wrapped key is bound to: what it is, and which.
fn context(id: KeyId) -> String {
    format!("keyway/v1/master-key/{id}")
}
