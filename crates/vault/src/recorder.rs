//! Uses of connections on their way into the audit log, many in one commit.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::Method;
use tokio::{
    sync::{
        mpsc::{self, Receiver, Sender},
        oneshot,
    },
    task::JoinHandle,
    time::{Instant, sleep_until, timeout, timeout_at},
};

use crate::{
    Actor, ConnectionId, Error, GrantId, StoreError, StoreErrorKind, Tenant, Use, Vault,
    audit::{Event, What, millis},
    encoding::hex,
    name::fill,
    store::Batch,
};

/// One use of a connection, as it is told to a [`Recorder`]. Clones share their texts.
#[derive(Debug, Clone)]
#[must_use]
pub struct Record {
    tenant: Tenant,
    connection: ConnectionId,
    by: By,
    method: Method,
    path: Arc<str>,
    status: Option<u16>,
    at: SystemTime,
}

/// By what right a connection is used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum By {
    /// A grant.
    Grant(GrantId),
    /// Somebody who needs none.
    Actor(Actor),
}

impl Record {
    /// A use, now. `path` is a template, as [`template_of`](crate::template_of) makes one: neither ids nor keys are in it.
    pub fn new(tenant: Tenant, connection: ConnectionId, by: By, method: Method, path: Arc<str>) -> Self {
        Self { tenant, connection, by, method, path, status: None, at: SystemTime::now() }
    }

    /// Says what status the answer has.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    fn into_use(self, intended: bool) -> Use {
        let (grant, actor) = match self.by {
            By::Grant(grant) => (Some(grant.to_string()), None),
            By::Actor(actor) => (None, Some(actor.to_string())),
        };
        Use {
            at_ms: millis(self.at),
            connection: self.connection.to_string(),
            grant,
            actor,
            method: self.method.as_str().chars().take(MAX_METHOD).collect(),
            path: self.path.chars().take(MAX_PATH).collect(),
            status: self.status,
            intended,
        }
    }
}

/// Writes uses to the audit log: those that wait together in one commit, at most 250 milliseconds after the first of them.
///
/// None is dropped: where the log cannot be written, callers wait, and then fail. Clones are the same recorder. It ends with
/// [`Recording::end`]; one that was killed is seen by [`Vault::verify`], with the last entry that it wrote.
#[derive(Debug, Clone)]
pub struct Recorder {
    queue: Sender<Queued>,
}

/// What waits to be written.
#[derive(Debug)]
struct Queued {
    record: Record,
    intended: bool,
    /// Whom to tell when it is written, where somebody waits for that.
    written: Option<oneshot::Sender<()>>,
}

/// What is written of a method and of a path, in characters.
const MAX_METHOD: usize = 32;
const MAX_PATH: usize = 512;
/// The longest that a use waits for others.
const INTERVAL: Duration = Duration::from_millis(250);
/// How many uses may wait to be written.
const QUEUE: usize = 16 * 1024;
/// How many uses are written in one commit.
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
        self.note(Event::of_vault("recording.started", what)).await?;
        let (queue, waiting) = mpsc::channel(QUEUE);
        let task = tokio::spawn(Writer { vault: self.clone(), run, waiting }.run());
        Ok((Recorder { queue }, Recording { task }))
    }
}

impl Recorder {
    /// Records a use that took place. It is committed a little later, with others; until then a crash loses it.
    ///
    /// # Errors
    /// [`Error::Audit`] when too many wait to be written, for five seconds.
    pub async fn record(&self, record: Record) -> Result<(), Error> {
        self.put(Queued { record, intended: false, written: None }).await
    }

    /// Records a use that is about to take place, and returns once that is committed: the strict way, for requests of which
    /// none may go out unseen. What came of it is told by [`record`](Self::record).
    ///
    /// # Errors
    /// [`Error::Audit`] when it could not be committed within five seconds. Nothing should be sent then.
    pub async fn intend(&self, record: Record) -> Result<(), Error> {
        let (written, done) = oneshot::channel();
        self.put(Queued { record, intended: true, written: Some(written) }).await?;
        match timeout(PATIENCE, done).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Error::Audit),
        }
    }

    async fn put(&self, queued: Queued) -> Result<(), Error> {
        let queued = match self.queue.try_send(queued) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Full(queued) | mpsc::error::TrySendError::Closed(queued)) => {
                queued
            }
        };
        self.queue.send_timeout(queued, PATIENCE).await.map_err(|_| Error::Audit)
    }
}

/// The end of a recorder that is to be waited for.
#[derive(Debug)]
pub struct Recording {
    task: JoinHandle<Result<(), Error>>,
}

impl Recording {
    /// Waits until all that was recorded is committed, and says in the audit log that the recorder ended. All of its
    /// [`Recorder`]s must be dropped before.
    pub async fn end(self) -> Result<(), Error> {
        self.task.await.unwrap_or(Err(Error::Audit))
    }
}

/// Writes what waits.
struct Writer {
    vault: Vault,
    run: String,
    waiting: Receiver<Queued>,
}

impl Writer {
    async fn run(mut self) -> Result<(), Error> {
        while let Some(first) = self.waiting.recv().await {
            let group = self.group(first).await;
            self.write(group).await;
        }
        let what = What { run: Some(self.run.clone()), ..What::default() };
        self.vault.note(Event::of_vault("recording.ended", what)).await
    }

    /// The first one, and all that come until it must be written. Somebody who waits for it makes that now.
    async fn group(&mut self, first: Queued) -> Vec<Queued> {
        let due = Instant::now() + INTERVAL;
        let mut hurry = first.written.is_some();
        let mut group = vec![first];
        while group.len() < GROUP {
            let next = if hurry { self.waiting.try_recv().ok() } else { self.next_until(due).await };
            let Some(next) = next else { break };
            hurry |= next.written.is_some();
            group.push(next);
        }
        group
    }

    async fn next_until(&mut self, due: Instant) -> Option<Queued> {
        timeout_at(due, self.waiting.recv()).await.ok().flatten()
    }

    /// Writes a group, however long that takes: nothing is dropped.
    async fn write(&self, group: Vec<Queued>) {
        let mut tenants: BTreeMap<Tenant, Vec<Use>> = BTreeMap::new();
        let mut written = Vec::new();
        for queued in group {
            let tenant = queued.record.tenant.clone();
            tenants.entry(tenant).or_default().push(queued.record.into_use(queued.intended));
            written.extend(queued.written);
        }
        let mut events = Vec::with_capacity(tenants.len());
        for (tenant, uses) in tenants {
            for uses in uses.chunks(ENTRY) {
                let what = What { run: Some(self.run.clone()), uses: uses.to_vec(), ..What::default() };
                let tenant = Some(tenant.to_string());
                events.push(Event { tenant, connection: None, kind: "uses", what });
            }
        }
        let mut doubtful = None;
        while let Err(_error) = self.commit(&events, &mut doubtful).await {
            sleep_until(Instant::now() + PAUSE).await;
        }
        for written in written {
            // Whoever waited may have given up; it is in the log all the same.
            let _ = written.send(());
        }
    }

    /// Commits them. `doubtful` is what was tried, and is in the log or not: nobody knows.
    async fn commit(
        &self,
        events: &[Event],
        doubtful: &mut Option<(Batch, StoreError)>,
    ) -> Result<(), Error> {
        let mut write = self.vault.write().await?;
        if let Some((batch, error)) = doubtful {
            if write.settle(batch, error.clone()).await? {
                return Ok(());
            }
            *doubtful = None;
        }
        loop {
            let batch = write.batch(Vec::new(), events.to_vec());
            match write.put(&batch).await {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Error::Store(error)) if error.kind() == StoreErrorKind::Uncertain => {
                    *doubtful = Some((batch, error.clone()));
                    return Err(error.into());
                }
                Err(error) => return Err(error),
            }
        }
    }
}
