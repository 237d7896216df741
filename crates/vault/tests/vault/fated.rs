//! A store whose calls fail as a test says: which, and how.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use keyway_vault::{
    Alike, Batch, Committed, ConnectionRow, Counts, DocumentChange, DocumentRow, DocumentsOf,
    DocumentsWritten, EntryRow, Fill, GrantRow, Head, KeyRow, Lease, Marks, Rewrap, Rows, Snapshot, Store,
    StoreError, StoreErrorKind, Turn, VaultRow,
};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is done.
    Done,
    /// It is not done, and the answer says so: [`StoreErrorKind::Unavailable`].
    Refused,
    /// It is done, and the answer is lost: [`StoreErrorKind::Uncertain`]. For what reads, as `Refused`.
    AnswerLost,
    /// It is lost on its way: [`StoreErrorKind::Uncertain`]. For what reads, as `Refused`.
    Lost,
}

/// A call: its number, from 0, among those made since the plan was armed; and whether it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) number: u64,
    pub(crate) writes: bool,
}

type Says = dyn Fn(Call) -> (Fate, Duration) + Send + Sync;

/// Says of each call what becomes of it, and how late its answer comes.
pub(crate) struct Plan {
    says: Box<Says>,
    armed: AtomicBool,
    calls: AtomicU64,
}

impl Plan {
    /// A plan that says nothing until it is armed.
    pub(crate) fn new(says: impl Fn(Call) -> (Fate, Duration) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { says: Box::new(says), armed: AtomicBool::new(false), calls: AtomicU64::new(0) })
    }

    pub(crate) fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    pub(crate) fn disarm(&self) {
        self.armed.store(false, Ordering::SeqCst);
    }

    /// Counts its calls from 0 again.
    pub(crate) fn again(&self) {
        self.calls.store(0, Ordering::SeqCst);
    }

    fn next(&self, writes: bool) -> (Fate, Duration) {
        if !self.armed.load(Ordering::SeqCst) {
            return (Fate::Done, Duration::ZERO);
        }
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        (self.says)(Call { number, writes })
    }

    async fn read<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let (fate, late) = self.next(false);
        let answer = match fate {
            Fate::Done => call.await,
            _ => Err(failed(StoreErrorKind::Unavailable)),
        };
        wait(late).await;
        answer
    }

    async fn write<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let (fate, late) = self.next(true);
        wait(late / 2).await;
        let answer = match fate {
            Fate::Done => call.await,
            Fate::Refused => Err(failed(StoreErrorKind::Unavailable)),
            Fate::AnswerLost => call.await.and(Err(failed(StoreErrorKind::Uncertain))),
            Fate::Lost => Err(failed(StoreErrorKind::Uncertain)),
        };
        wait(late / 2).await;
        answer
    }
}

async fn wait(late: Duration) {
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
}

fn failed(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind).because("the test says so")
}

/// A store with a plan, that hands out small pages of what a rotation has to do.
pub(crate) struct Fated {
    store: Arc<dyn Store>,
    plan: Arc<Plan>,
    page: u32,
}

impl Fated {
    pub(crate) fn over(store: Arc<dyn Store>, plan: &Arc<Plan>) -> Arc<dyn Store> {
        Self::with_pages(store, plan, u32::MAX)
    }

    pub(crate) fn with_pages(store: Arc<dyn Store>, plan: &Arc<Plan>, page: u32) -> Arc<dyn Store> {
        Arc::new(Self { store, plan: Arc::clone(plan), page })
    }
}

/// A turn whose commit the plan speaks of too.
struct FatedTurn {
    turn: Box<dyn Turn>,
    plan: Arc<Plan>,
}

#[async_trait]
impl Turn for FatedTurn {
    async fn commit(self: Box<Self>, batch: &Batch) -> Result<Committed, StoreError> {
        self.plan.write(self.turn.commit(batch)).await
    }
}

impl fmt::Debug for Fated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fated").field("store", &self.store).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for Fated {
    fn engine(&self) -> &'static str {
        self.store.engine()
    }

    async fn vault(&self) -> Result<Option<(VaultRow, Head)>, StoreError> {
        self.plan.read(self.store.vault()).await
    }

    async fn keys(&self) -> Result<Vec<KeyRow>, StoreError> {
        self.plan.read(self.store.keys()).await
    }

    async fn connection(&self, tenant: &str, id: &str) -> Result<Option<ConnectionRow>, StoreError> {
        self.plan.read(self.store.connection(tenant, id)).await
    }

    async fn connections(
        &self,
        tenant: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.plan.read(self.store.connections(tenant, after, limit)).await
    }

    async fn upgrade(&self) -> Result<(), StoreError> {
        self.plan.write(self.store.upgrade()).await
    }

    async fn connections_of(
        &self,
        tenant: &str,
        owner: &[u8],
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.plan.read(self.store.connections_of(tenant, owner, after, limit)).await
    }

    async fn due(
        &self,
        before: i64,
        without: &[String],
        skip: u32,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.plan.read(self.store.due(before, without, skip, limit)).await
    }

    async fn changes(
        &self,
        tenant: Option<&str>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<(EntryRow, Option<Vec<u8>>)>, StoreError> {
        self.plan.read(self.store.changes(tenant, after, limit)).await
    }

    async fn document(&self, kind: &str, id: &str) -> Result<Option<DocumentRow>, StoreError> {
        self.plan.read(self.store.document(kind, id)).await
    }

    async fn document_by_mark(&self, kind: &str, mark: &[u8]) -> Result<Option<DocumentRow>, StoreError> {
        self.plan.read(self.store.document_by_mark(kind, mark)).await
    }

    async fn documents(
        &self,
        kind: &str,
        of: DocumentsOf<'_>,
        after: Option<&str>,
        limit: u32,
        now: i64,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        self.plan.read(self.store.documents(kind, of, after, limit, now)).await
    }

    async fn write_documents(
        &self,
        changes: &[DocumentChange],
        now: i64,
        sweep: u32,
    ) -> Result<DocumentsWritten, StoreError> {
        self.plan.write(self.store.write_documents(changes, now, sweep)).await
    }

    async fn alike(&self, tenant: &str, marks: &Marks) -> Result<Alike, StoreError> {
        self.plan.read(self.store.alike(tenant, marks)).await
    }

    async fn grant_by_hash(&self, hash: &[u8]) -> Result<Option<GrantRow>, StoreError> {
        self.plan.read(self.store.grant_by_hash(hash)).await
    }

    async fn grant(&self, tenant: &str, id: &str) -> Result<Option<GrantRow>, StoreError> {
        self.plan.read(self.store.grant(tenant, id)).await
    }

    async fn grants(
        &self,
        tenant: &str,
        connection: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<GrantRow>, StoreError> {
        self.plan.read(self.store.grants(tenant, connection, after, limit)).await
    }

    async fn entries(&self, after: i64, limit: u32) -> Result<Vec<EntryRow>, StoreError> {
        self.plan.read(self.store.entries(after, limit)).await
    }

    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        self.plan.write(self.store.commit(batch)).await
    }

    async fn turn(&self) -> Result<Option<Box<dyn Turn>>, StoreError> {
        let turn = self.plan.read(self.store.turn()).await?;
        Ok(turn.map(|turn| Box::new(FatedTurn { turn, plan: Arc::clone(&self.plan) }) as Box<dyn Turn>))
    }

    async fn under_key(
        &self,
        key: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.plan.read(self.store.under_key(key, after, limit.min(self.page))).await
    }

    async fn count_under_key(&self, key: &str) -> Result<u64, StoreError> {
        self.plan.read(self.store.count_under_key(key)).await
    }

    async fn rewrap(&self, lease: &Lease, rows: &[Rewrap]) -> Result<Option<u64>, StoreError> {
        self.plan.write(self.store.rewrap(lease, rows)).await
    }

    async fn lease(&self, lease: &Lease) -> Result<bool, StoreError> {
        self.plan.write(self.store.lease(lease)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.plan.write(self.store.release(lease)).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.plan.read(self.store.counts()).await
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let view = self.plan.read(self.store.snapshot()).await?;
        Ok(Box::new(FatedView { view, plan: Arc::clone(&self.plan) }))
    }

    async fn fill(&self) -> Result<Box<dyn Fill>, StoreError> {
        let fill = self.plan.read(self.store.fill()).await?;
        Ok(Box::new(FatedFill { fill, plan: Arc::clone(&self.plan) }))
    }

    async fn changed(&self, after: i64) -> Result<i64, StoreError> {
        self.plan.read(self.store.changed(after)).await
    }

    async fn scrub(&self) -> Result<(), StoreError> {
        self.plan.read(self.store.scrub()).await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

struct FatedView {
    view: Box<dyn Snapshot>,
    plan: Arc<Plan>,
}

#[async_trait]
impl Snapshot for FatedView {
    async fn vault(&mut self) -> Result<Option<(VaultRow, Head)>, StoreError> {
        self.plan.read(self.view.vault()).await
    }

    async fn keys(&mut self) -> Result<Vec<KeyRow>, StoreError> {
        self.plan.read(self.view.keys()).await
    }

    async fn connections(
        &mut self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<ConnectionRow>, StoreError> {
        self.plan.read(self.view.connections(after, limit)).await
    }

    async fn documents(
        &mut self,
        after: Option<(&str, &str)>,
        limit: u32,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        self.plan.read(self.view.documents(after, limit)).await
    }

    async fn grants(&mut self, after: Option<&str>, limit: u32) -> Result<Vec<GrantRow>, StoreError> {
        self.plan.read(self.view.grants(after, limit)).await
    }

    async fn entries(&mut self, after: i64, limit: u32) -> Result<Vec<EntryRow>, StoreError> {
        self.plan.read(self.view.entries(after, limit)).await
    }
}

struct FatedFill {
    fill: Box<dyn Fill>,
    plan: Arc<Plan>,
}

#[async_trait]
impl Fill for FatedFill {
    async fn put(&mut self, rows: Rows) -> Result<(), StoreError> {
        self.plan.read(self.fill.put(rows)).await
    }

    async fn finish(self: Box<Self>) -> Result<(), StoreError> {
        self.plan.write(self.fill.finish()).await
    }
}
