//! A store in front of another, which can be told to refuse, or to let somebody else come first.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use keyway_vault::{
    Alike, Batch, Committed, ConnectionRow, Counts, DocumentChange, DocumentRow, DocumentsOf,
    DocumentsWritten, EntryRow, Fill, GrantRow, Head, KeyRow, Lease, Marks, Rewrap, Snapshot, Store,
    StoreError, StoreErrorKind, VaultRow,
};

type Step = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Shows what is committed, and decides whether.
#[derive(Clone)]
pub(crate) struct Between {
    store: Arc<dyn Store>,
    /// While it is set, nothing can be committed.
    pub(crate) refuses: Arc<AtomicBool>,
    pub(crate) refused: Arc<AtomicUsize>,
    /// What happens before the next commit.
    first: Arc<Mutex<Option<Step>>>,
    /// What happens after connections are listed the next time.
    listed: Arc<Mutex<Option<Step>>>,
    pub(crate) batches: Arc<Mutex<Vec<Batch>>>,
}

impl std::fmt::Debug for Between {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Between")
    }
}

impl Between {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            refuses: Arc::default(),
            refused: Arc::default(),
            first: Arc::default(),
            listed: Arc::default(),
            batches: Arc::default(),
        }
    }

    pub(crate) fn before_the_next_commit(&self, step: impl Future<Output = ()> + Send + 'static) {
        *self.first.lock().unwrap() = Some(Box::pin(step));
    }

    pub(crate) fn after_the_next_list(&self, step: impl Future<Output = ()> + Send + 'static) {
        *self.listed.lock().unwrap() = Some(Box::pin(step));
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }
}

#[async_trait]
impl Store for Between {
    fn engine(&self) -> &'static str {
        self.store.engine()
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        let first = self.first.lock().unwrap().take();
        if let Some(first) = first {
            first.await;
        }
        if self.refuses.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::new(StoreErrorKind::Full));
        }
        let committed = self.store.commit(batch).await?;
        if committed == Committed::Done {
            self.batches.lock().unwrap().push(batch.clone());
        }
        Ok(committed)
    }

    async fn vault(&self) -> Result<Option<(VaultRow, Head)>, StoreError> {
        self.store.vault().await
    }

    async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        self.store.keys().await
    }

    async fn connection(&self, tenant: &str, id: &str) -> Result<Option<ConnectionRow>, StoreError> {
        self.store.connection(tenant, id).await
    }

    async fn connections(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        let rows = self.store.connections(tenant, after, limit).await;
        let listed = self.listed.lock().unwrap().take();
        if let Some(listed) = listed {
            listed.await;
        }
        rows
    }

    async fn upgrade(&self) -> Result<(), StoreError> {
        self.store.upgrade().await
    }

    async fn connections_of(
        &self,
        tenant: &str,
        owner: &[u8],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.store.connections_of(tenant, owner, after, limit).await
    }

    async fn due(
        &self,
        before: i64,
        without: &[String],
        skip: u32,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.store.due(before, without, skip, limit).await
    }

    async fn changes(
        &self,
        tenant: Option<&str>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(EntryRow, Option<Vec<u8>>)>, StoreError> {
        self.store.changes(tenant, after, limit).await
    }

    async fn document(&self, kind: &str, id: &str) -> Result<Option<DocumentRow>, StoreError> {
        self.store.document(kind, id).await
    }

    async fn document_by_mark(&self, kind: &str, mark: &[u8]) -> Result<Option<DocumentRow>, StoreError> {
        self.store.document_by_mark(kind, mark).await
    }

    async fn documents(
        &self,
        kind: &str,
        of: DocumentsOf<'_>,
        after: Option<&str>,
        limit: u32,
        now: i64,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        self.store.documents(kind, of, after, limit, now).await
    }

    async fn write_documents(
        &self,
        changes: &[DocumentChange],
        now: i64,
        sweep: u32,
    ) -> Result<DocumentsWritten, StoreError> {
        self.store.write_documents(changes, now, sweep).await
    }

    async fn alike(&self, tenant: &str, marks: &Marks) -> Result<Alike, StoreError> {
        self.store.alike(tenant, marks).await
    }

    async fn grant_by_hash(&self, hash: &[u8]) -> Result<Option<GrantRow>, StoreError> {
        self.store.grant_by_hash(hash).await
    }

    async fn grant(&self, tenant: &str, id: &str) -> Result<Option<GrantRow>, StoreError> {
        self.store.grant(tenant, id).await
    }

    async fn grants(
        &self,
        tenant: &str,
        connection: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<GrantRow>, StoreError> {
        self.store.grants(tenant, connection, after, limit).await
    }

    async fn entries(&self, after: i64, limit: u32) -> Result<Vec<EntryRow>, StoreError> {
        self.store.entries(after, limit).await
    }

    async fn under_key(
        &self,
        key: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.store.under_key(key, after, limit).await
    }

    async fn count_under_key(&self, key: &str) -> Result<u64, StoreError> {
        self.store.count_under_key(key).await
    }

    async fn rewrap(&self, lease: &Lease, rows: &[Rewrap]) -> Result<Option<u64>, StoreError> {
        self.store.rewrap(lease, rows).await
    }

    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        self.store.lease(lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.store.release(lease).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts().await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.store.snapshot().await
    }

    async fn fill(&self) -> Result<Box<dyn Fill>, StoreError> {
        self.store.fill().await
    }

    async fn changed(&self, after: i64) -> Result<i64, StoreError> {
        self.store.changed(after).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.store.scrub().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
