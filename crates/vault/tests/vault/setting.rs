//! What the tests stand on: providers of their own, keys in memory, a vault on either engine.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex},
};

use keyway_core::{Account, BodyAccess, Credential, Registry, Submission, Verdict};
use keyway_vault::{
    Actor, Connection, ConnectionId, Database, Error, KeyError, KeyId, KeySource, KnownKey, MasterKey,
    NewKey, Scope, Store, Tenant, Vault,
};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

/// A provider with a choice of hosts and a secret, and one with two secrets.
pub(crate) const ACME: &str = include_str!("acme.yaml");

pub(crate) fn registry() -> Registry {
    Registry::from_descriptors([("acme.yaml", ACME)]).unwrap()
}

/// A made-up key, told apart by a number.
pub(crate) fn secret(number: usize) -> String {
    format!("acme_madeup{number:020}")
}

pub(crate) fn credential(registry: &Registry, secret: &str) -> Credential {
    let submission = Submission::new().with("api_key", secret).with("region", "eu");
    registry.accept("acme", None, &submission).unwrap().credential
}

/// The key that a credential puts on a request.
pub(crate) fn key_of(credential: &Credential) -> String {
    let (mut parts, ()) = http::Request::get("https://eu.acme.example/x").body(()).unwrap().into_parts();
    credential.authorize(&mut parts, BodyAccess::Empty).unwrap();
    parts.headers["x-acme-key"].to_str().unwrap().to_owned()
}

/// Lets time pass in a SQLite file, for the leases of processes that are gone.
pub(crate) async fn expire_leases(path: &Path) {
    let mut connection = SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::raw_sql("UPDATE keyway_leases SET expires_at = 0").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub(crate) fn account(id: &str) -> Account {
    Account::new(id, format!("{id} at Acme"))
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::parse(name).unwrap()
}

pub(crate) fn actor() -> Actor {
    Actor::parse("test").unwrap()
}

/// Writes down what a check said of the key that a connection has, whatever key that is by then.
pub(crate) async fn checked(
    scope: &Scope,
    id: &ConnectionId,
    verdict: &Verdict,
) -> Result<Connection, Error> {
    loop {
        match scope.checked(&scope.get(id).await?, verdict).await {
            Err(Error::Replaced) => {}
            told => return told,
        }
    }
}

/// Master keys in memory, by the numbers they are made of: several vaults and processes can share them.
#[derive(Clone, Default)]
pub(crate) struct Keys(pub(crate) Arc<Mutex<Vec<u8>>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    pub(crate) fn of(numbers: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(numbers.to_vec())))
    }

    pub(crate) fn key(number: u8) -> MasterKey {
        let mut bytes = [number; 32];
        bytes[0] = !number;
        MasterKey::from_bytes(&bytes).unwrap()
    }
}

#[async_trait::async_trait]
impl KeySource for Keys {
    fn describe(&self) -> String {
        "the test's memory".to_owned()
    }

    async fn keys(&self, _: &[KnownKey]) -> Result<Vec<MasterKey>, KeyError> {
        Ok(self.0.lock().unwrap().iter().map(|number| Self::key(*number)).collect())
    }

    async fn fresh(&self, known: &[KeyId]) -> Result<NewKey, KeyError> {
        let mut numbers = self.0.lock().unwrap();
        let free = (1..=u8::MAX).map(|number| (number, Self::key(number)));
        let (number, key) = free.into_iter().find(|(_, key)| !known.contains(&key.id())).unwrap();
        if !numbers.contains(&number) {
            numbers.push(number);
        }
        Ok(NewKey { key, wrapped: None })
    }

    async fn forget(&self, id: KeyId) -> Result<bool, KeyError> {
        self.0.lock().unwrap().retain(|number| Self::key(*number).id() != id);
        Ok(true)
    }
}

/// A vault in a folder of its own.
pub(crate) struct Setting {
    pub(crate) folder: TempDir,
    pub(crate) keys: Keys,
    pub(crate) vault: Vault,
    pub(crate) registry: Registry,
}

impl Setting {
    /// A new vault in a SQLite file.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::default();
        let store = database(&folder).create().await.unwrap();
        let vault = Vault::init(store, Arc::new(keys.clone()), &actor()).await.unwrap();
        Self { folder, keys, vault, registry: registry() }
    }

    /// Opens the same vault once more, as another process would.
    pub(crate) async fn again(&self) -> Vault {
        Vault::open(self.store().await, Arc::new(self.keys.clone())).await.unwrap()
    }

    /// Another store over the same database.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        database(&self.folder).open().await.unwrap()
    }

    pub(crate) fn credential(&self, number: usize) -> Credential {
        credential(&self.registry, &secret(number))
    }
}

pub(crate) fn database(folder: &TempDir) -> Database {
    Database::sqlite(folder.path().join("keyway.db"))
}
