//! A store that fails now and then, as networks and disks do.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use keyway_vault::{
    Alike, Batch, Committed, ConnectionRow, Counts, EntryRow, Fill, GrantRow, Head, KeyRow, Lease, Marks,
    Rewrap, Snapshot, Store, StoreError, StoreErrorKind, VaultRow,
};

/// Wraps a store, and fails a share of its calls: before the call, which then does nothing, or, for what writes in one
/// transaction, as [`StoreErrorKind::Uncertain`], before or after it.
///
/// What [`Store::snapshot`] and [`Store::fill`] return does not fail by itself.
pub(crate) struct Flaky {
    store: Arc<dyn Store>,
    share: f64,
    random: Mutex<fastrand::Rng>,
}

impl Flaky {
    /// Fails `share` of the calls (0 to 1), the same ones for the same seed and the same order of calls.
    pub(crate) fn new(store: Arc<dyn Store>, share: f64, seed: u64) -> Self {
        Self { store, share, random: Mutex::new(fastrand::Rng::with_seed(seed)) }
    }

    fn strikes(&self) -> bool {
        self.random.lock().unwrap().f64() < self.share
    }

    /// The store, unless this call fails.
    fn try_store(&self) -> Result<&dyn Store, StoreError> {
        const KINDS: [StoreErrorKind; 2] = [StoreErrorKind::Unavailable, StoreErrorKind::Busy];
        if !self.strikes() {
            return Ok(&*self.store);
        }
        let kind = self.random.lock().unwrap().choice(KINDS).unwrap();
        Err(StoreError::new(kind).because("a test's failure"))
    }

    /// Whether the answer to what was just done gets lost.
    fn answer<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.strikes() { Err(uncertain()) } else { done }
    }
}

fn uncertain() -> StoreError {
    StoreError::new(StoreErrorKind::Uncertain).because("a test's failure")
}

impl fmt::Debug for Flaky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flaky").field("share", &self.share).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Flaky {
    fn engine(&self) -> &'static str {
        self.store.engine()
    }

    async fn vault(&self) -> Result<Option<(VaultRow, Head)>, StoreError> {
        self.try_store()?.vault().await
    }

    async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        self.try_store()?.keys().await
    }

    async fn connection(&self, tenant: &str, id: &str) -> Result<Option<ConnectionRow>, StoreError> {
        self.try_store()?.connection(tenant, id).await
    }

    async fn connections(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.try_store()?.connections(tenant, after, limit).await
    }

    async fn alike(&self, tenant: &str, marks: &Marks) -> Result<Alike, StoreError> {
        self.try_store()?.alike(tenant, marks).await
    }

    async fn grant_by_hash(&self, hash: &[u8]) -> Result<Option<GrantRow>, StoreError> {
        self.try_store()?.grant_by_hash(hash).await
    }

    async fn grant(&self, tenant: &str, id: &str) -> Result<Option<GrantRow>, StoreError> {
        self.try_store()?.grant(tenant, id).await
    }

    async fn grants(
        &self,
        tenant: &str,
        connection: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<GrantRow>, StoreError> {
        self.try_store()?.grants(tenant, connection, after, limit).await
    }

    async fn entries(
        &self,
        tenant: Option<&str>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.try_store()?.entries(tenant, after, limit).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        let store = self.try_store()?;
        if self.strikes() {
            return Err(uncertain());
        }
        self.answer(store.commit(batch).await)
    }

    async fn under_key(
        &self,
        key: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.try_store()?.under_key(key, after, limit).await
    }

    async fn count_under_key(&self, key: &str) -> Result<u64, StoreError> {
        self.try_store()?.count_under_key(key).await
    }

    async fn rewrap(&self, lease: &Lease, rows: &[Rewrap]) -> Result<Option<u64>, StoreError> {
        let done = self.try_store()?.rewrap(lease, rows).await;
        self.answer(done)
    }

    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        let done = self.try_store()?.lease(lease).await;
        self.answer(done)
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        let done = self.try_store()?.release(lease).await;
        self.answer(done)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.try_store()?.counts().await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.try_store()?.snapshot().await
    }

    async fn fill(&self) -> Result<Box<dyn Fill>, StoreError> {
        self.try_store()?.fill().await
    }

    async fn changed(&self, after: i64) -> Result<i64, StoreError> {
        self.try_store()?.changed(after).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.try_store()?.scrub().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
