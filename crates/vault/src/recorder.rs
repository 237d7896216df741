//! Uses of connections on their way into the audit log, many in one commit.

use std::{
    collections::BTreeMap,
    fmt,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError, oneshot, watch},
    task::JoinHandle,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{
    Error, Record, StoreError, StoreErrorKind, Tenant, Vault,
    audit::{Event, What, unchained},
    encoding::hex,
    name::fill,
    record::body,
    store::{Batch, Head},
};

/// Writes uses to the audit log: those that wait together in one commit, at most 250 milliseconds after the first of them.
///
/// None is dropped: where the log cannot be written, callers wait, and then fail; once it is known why it cannot be
/// ([`failing`](Self::failing)), they fail at once. A kill loses what was not committed: what was told in the last two seconds,
/// what has its room since then, and never more than 16,384 uses. Clones are the same recorder. It ends with
/// [`Recording::end`]; one that was killed is seen by [`Vault::verify`], with the last entry that it wrote.
#[derive(Debug, Clone)]
pub struct Recorder {
    open: Arc<Open>,
}

/// Room for one use, which was waited for before: [`record`](Self::record) does not fail. Dropped, the room is another's.
#[derive(Debug)]
#[must_use = "dropped, it is room for another use"]
pub struct Slot {
    open: Arc<Open>,
    taken: bool,
}

/// How long a use waits for others.
const INTERVAL: Duration = Duration::from_millis(250);
/// A group that is not written by then keeps new uses from being taken.
const LATE: Duration = Duration::from_secs(1);
/// How many uses may wait to be written, or have room reserved.
const QUEUE: usize = 16 * 1024;
/// So many uses wait for no others.
const GROUP: usize = 4096;
/// How many uses stand in one entry.
const ENTRY: usize = 1000;
/// How long a caller waits for room, or for its use to be written.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two tries, where the log cannot be written.
const PAUSE: Duration = Duration::from_millis(100);

impl Vault {
    /// Starts a recorder of uses, and says so in the audit log. It runs on the current Tokio runtime.
    pub async fn recorder(&self) -> Result<(Recorder, Recording), Error> {
        let mut run = [0; 8];
        fill(&mut run);
        let run = hex(&run);
        let what = What { run: Some(run.clone()), ..What::default() };
        self.note(Event::of_vault("recording.started", &what)).await?;
        let queue = Arc::new(Queue::new());
        let task = tokio::spawn(Writer { vault: self.clone(), run, queue: Arc::clone(&queue) }.run());
        Ok((Recorder { open: Arc::new(Open(queue)) }, Recording { task }))
    }
}

impl Recorder {
    /// Waits for room for one use, for whoever must not fail once the request is on its way. Where there is room, it does not
    /// wait.
    ///
    /// # Errors
    /// [`Error::Audit`] when too many wait to be written, or some for more than a second, and it stays so for five; at once where
    /// the log is known to be [`failing`](Self::failing). Nothing should be sent then.
    pub async fn reserve(&self) -> Result<Slot, Error> {
        match self.open.0.room.try_acquire() {
            Ok(permit) => permit.forget(),
            Err(TryAcquireError::Closed) => return Err(Error::Audit),
            Err(TryAcquireError::NoPermits) => self.open.0.wait_for_room().await?,
        }
        Ok(Slot { open: Arc::clone(&self.open), taken: false })
    }

    /// Why uses that were taken could not be written for more than a second; none while they can. It changes when that does.
    pub fn failing(&self) -> watch::Receiver<Option<Error>> {
        self.open.0.failing.subscribe()
    }

    /// Records a use that took place. It is committed a little later, with others; until then a crash loses it.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub async fn record(&self, record: Record) -> Result<(), Error> {
        self.reserve().await?.record(record);
        Ok(())
    }

    /// Records a use that is about to take place, and returns once that is committed: the strict way, for requests of which
    /// none may go out unseen. What came of it is told by [`record`](Self::record).
    ///
    /// # Errors
    /// [`Error::Audit`] when it could not be committed within five seconds. Nothing should be sent then.
    pub async fn intend(&self, mut record: Record) -> Result<(), Error> {
        record.intended = true;
        let (written, done) = oneshot::channel();
        self.reserve().await?.put(record, Some(written));
        match timeout(PATIENCE, done).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::Audit),
        }
    }
}

impl Slot {
    /// Records a use that took place. It is committed a little later, with others; until then a crash loses it, and so does
    /// the end of the runtime on which the recorder was started.
    pub fn record(self, record: Record) {
        self.put(record, None);
    }

    fn put(mut self, record: Record, written: Option<oneshot::Sender<()>>) {
        self.taken = true;
        self.open.0.put(record.timed(), written);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.taken {
            self.open.0.room.add_permits(1);
        }
    }
}

/// The end of a recorder that is to be waited for.
#[derive(Debug)]
pub struct Recording {
    task: JoinHandle<Result<(), Error>>,
}

impl Recording {
    /// Waits until all that was recorded is committed, and says in the audit log that the recorder ended. All of its
    /// [`Recorder`]s and [`Slot`]s must be dropped before.
    pub async fn end(self) -> Result<(), Error> {
        self.task.await.unwrap_or(Err(Error::Audit))
    }
}

/// What waits to be written.
struct Queue {
    group: Mutex<Group>,
    /// For each use that may be taken. While some wait for too long to be written, there is none.
    room: Semaphore,
    failing: watch::Sender<Option<Error>>,
    /// Told when there is something new for the writer: not with each use, which would wake it each time.
    news: Notify,
}

/// Uses that are written together.
#[derive(Default)]
struct Group {
    records: Vec<Record>,
    /// Whom to tell when they are written. Somebody who waits for it waits for no others.
    written: Vec<oneshot::Sender<()>>,
    /// Nobody will add anything.
    ended: bool,
}

/// The recorders' and slots' hold on the queue. Once none is left, it has ended.
struct Open(Arc<Queue>);

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("room", &self.0.room.available_permits()).finish_non_exhaustive()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.news.notify_one();
    }
}

impl Queue {
    fn new() -> Self {
        let failing = watch::Sender::new(None);
        Self { group: Mutex::default(), room: Semaphore::new(QUEUE), failing, news: Notify::new() }
    }

    async fn wait_for_room(&self) -> Result<(), Error> {
        let mut failing = self.failing.subscribe();
        let has_room = async {
            tokio::select! {
                biased;
                _ = failing.wait_for(Option::is_some) => None,
                permit = self.room.acquire() => permit.ok(),
            }
        };
        let permit = timeout(PATIENCE, has_room).await.ok().flatten();
        permit.ok_or(Error::Audit).map(SemaphorePermit::forget)
    }

    fn put(&self, record: Record, written: Option<oneshot::Sender<()>>) {
        let mut group = self.lock();
        group.records.push(record);
        let count = group.records.len();
        let is_news = count == 1 || count == GROUP || written.is_some();
        group.written.extend(written);
        drop(group);
        if is_news {
            self.news.notify_one();
        }
    }

    /// Waits for the next group and takes it, in exchange for an empty one. `false` at the end. `since` is when the one before
    /// was taken, and becomes when this one is.
    async fn next(&self, group: &mut Group, since: &mut Instant) -> bool {
        if self.lock().records.is_empty() {
            self.until(|group| group.ended || !group.records.is_empty()).await;
            *since = Instant::now();
        }
        let is_due = |group: &Group| group.ended || group.records.len() >= GROUP || !group.written.is_empty();
        timeout_at(*since + INTERVAL, self.until(is_due)).await.ok();
        let mut waiting = self.lock();
        group.ended = waiting.ended;
        std::mem::swap(&mut *waiting, group);
        drop(waiting);
        *since = Instant::now();
        !group.records.is_empty()
    }

    /// Takes all room that is left. Returns how much that was.
    fn take_room(&self) -> usize {
        self.room.forget_permits(QUEUE)
    }

    async fn until(&self, is_so: impl Fn(&Group) -> bool) {
        while !is_so(&self.lock()) {
            self.news.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what waits.
struct Writer {
    vault: Vault,
    run: String,
    queue: Arc<Queue>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.room.close();
    }
}

impl Writer {
    async fn run(self) -> Result<(), Error> {
        let (mut group, mut since) = (Group::default(), Instant::now());
        while self.queue.next(&mut group, &mut since).await {
            self.write(&mut group, since + LATE).await;
        }
        let what = What { run: Some(self.run.clone()), ..What::default() };
        self.vault.note(Event::of_vault("recording.ended", &what)).await
    }

    /// Writes a group, however long that takes: nothing is dropped. Leaves it empty. From `late` on no new use is taken, until
    /// this is done.
    async fn write(&self, group: &mut Group, late: Instant) {
        let entries = unchained(self.events(&group.records));
        let after = Head { seq: 0, mac: Vec::new(), changed: 0 };
        let (mut batch, mut doubt) = (Batch { after, entries, changes: Vec::new() }, None);
        // What a use took is free once it is written.
        let mut room = group.records.len();
        group.records.clear();
        loop {
            let mut commit = pin!(self.commit(&mut batch, &mut doubt));
            let committed = if let Ok(committed) = timeout_at(late, &mut commit).await {
                committed
            } else {
                room += self.queue.take_room();
                commit.await
            };
            let Err(error) = committed else { break };
            if Instant::now() >= late {
                room += self.queue.take_room();
                self.queue.failing.send_replace(Some(error));
            }
            sleep(PAUSE).await;
        }
        self.queue.failing.send_if_modified(|failing| failing.take().is_some());
        self.queue.room.add_permits(room);
        for written in group.written.drain(..) {
            // Whoever waited may have given up; it is in the log all the same.
            let _ = written.send(());
        }
    }

    fn events(&self, records: &[Record]) -> Vec<Event> {
        let mut tenants: BTreeMap<&Tenant, Vec<&Record>> = BTreeMap::new();
        for record in records {
            tenants.entry(&record.tenant).or_default().push(record);
        }
        let entries =
            tenants.iter().flat_map(|(tenant, uses)| uses.chunks(ENTRY).map(move |uses| (tenant, uses)));
        let events = entries.map(|(tenant, uses)| Event {
            tenant: Some(tenant.to_string()),
            connection: None,
            kind: "uses",
            body: body(&self.run, uses),
        });
        events.collect()
    }

    /// Commits them. `doubt` is why nobody knows whether they are in the log already.
    async fn commit(&self, batch: &mut Batch, doubt: &mut Option<StoreError>) -> Result<(), Error> {
        let mut write = self.vault.write().await?;
        if let Some(error) = doubt {
            if write.settle(batch, error.clone()).await? {
                return Ok(());
            }
            *doubt = None;
        }
        loop {
            write.place(batch);
            match write.put(batch).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Error::Store(error)) if error.kind() == StoreErrorKind::Uncertain => {
                    *doubt = Some(error.clone());
                    return Err(error.into());
                }
                Err(error) => return Err(error),
            }
        }
    }
}
