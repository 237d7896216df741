//! Documents' writes, as many as there are at a time in one commit.

use std::{
    mem,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Mutex as Turns, oneshot},
    time::{sleep, timeout},
};

use crate::{
    Error,
    audit::now,
    store::{DocumentChange, DocumentRow, Store, StoreError, StoreErrorKind},
};

/// The writes that wait. Whoever has the turn commits for everybody who waits then; those who come while a commit is under way
/// are the next group. So nobody waits for more to come, and nothing depends on a task or a runtime that may end.
pub(crate) struct Group {
    waiting: Mutex<Vec<Waiting>>,
    turn: Turns<Turn>,
}

/// What only who has the turn knows.
struct Turn {
    /// When ended documents were last looked for.
    swept: Option<Instant>,
    /// Whether there may be more of them.
    is_behind: bool,
}

struct Waiting {
    change: DocumentChange,
    /// Nobody knows whether it was done: whoever committed it did not come to say.
    in_doubt: bool,
    answer: oneshot::Sender<Result<bool, Error>>,
}

/// The most that is committed together.
const MOST: usize = 256;
/// How often ended documents are taken away, and how many at a time.
const SWEEP_EVERY: Duration = Duration::from_secs(3);
const SWEEP: u32 = 500;
/// How long a write waits for its commit: longer than a commit whose connection broke is looked for.
const PATIENCE: Duration = Duration::from_secs(20);
/// For how long the database is asked what became of a commit, and the pause between two tries.
const DOUBT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

impl Group {
    pub(crate) fn new() -> Self {
        Self { waiting: Mutex::new(Vec::new()), turn: Turns::new(Turn { swept: None, is_behind: false }) }
    }

    /// Writes a change. Tells whether it fitted. When it is dropped, it is done or not.
    pub(crate) async fn write(&self, store: &dyn Store, change: DocumentChange) -> Result<bool, Error> {
        let (answer, mut answered) = oneshot::channel();
        self.lock().push(Waiting { change, in_doubt: false, answer });
        let written = timeout(PATIENCE, async {
            loop {
                tokio::select! {
                    biased;
                    answer = &mut answered => return answer.unwrap_or_else(|_| Err(unclear())),
                    mut turn = self.turn.lock() => self.lead(store, &mut turn).await,
                }
            }
        });
        written.await.unwrap_or_else(|_| Err(unclear()))
    }

    /// Takes away all documents that have ended. Whoever waits to write comes in between.
    pub(crate) async fn sweep(&self, store: &dyn Store) -> Result<(), Error> {
        loop {
            let mut turn = self.turn.lock().await;
            let swept = store.write_documents(&[], now(), SWEEP).await?.swept;
            turn.swept(store, swept).await;
            if !turn.is_behind {
                return Ok(());
            }
        }
    }

    /// Commits what waits, and says so.
    async fn lead(&self, store: &dyn Store, turn: &mut Turn) {
        let mut taken = Taken { group: self, all: self.take() };
        if taken.all.is_empty() {
            return;
        }
        // Two processes that write the same documents at once do it in the same order, and never wait for each other.
        taken.all.sort_by(|one, other| one.change.key().cmp(&other.change.key()));
        let is_time = turn.swept.is_none_or(|swept| swept.elapsed() >= SWEEP_EVERY);
        let changes: Vec<_> = taken.all.iter().map(|waiting| waiting.change.clone()).collect();
        let in_doubt: Vec<_> = taken.all.iter().map(|waiting| waiting.in_doubt).collect();
        for waiting in &mut taken.all {
            waiting.in_doubt = true;
        }
        let sweep = if is_time || turn.is_behind { SWEEP } else { 0 };
        let (answers, swept) = commit(store, &changes, in_doubt, sweep).await;
        for (waiting, answer) in mem::take(&mut taken.all).into_iter().zip(answers) {
            // Who asked may be gone.
            let _ = waiting.answer.send(answer);
        }
        let Some(swept) = swept else { return };
        if is_time {
            turn.swept(store, swept).await;
        } else {
            turn.is_behind = swept == u64::from(SWEEP);
        }
    }

    fn take(&self) -> Vec<Waiting> {
        let mut waiting = self.lock();
        waiting.retain(|one| !one.answer.is_closed());
        let count = waiting.len().min(MOST);
        waiting.drain(..count).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// It was looked for ended documents, and so many were taken away.
    async fn swept(&mut self, store: &dyn Store, count: u64) {
        self.is_behind = count == u64::from(SWEEP);
        self.swept = Some(Instant::now());
        if count > 0 {
            // What is left of them is sealed, and goes a little later if it does not go now.
            let _ = store.scrub().await;
        }
    }
}

/// What one commit takes with it. Where that is dropped before it ends, those who wait go on waiting, and one of them has the
/// next turn.
struct Taken<'g> {
    group: &'g Group,
    all: Vec<Waiting>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if !self.all.is_empty() {
            self.group.lock().splice(..0, self.all.drain(..));
        }
    }
}

/// Commits changes, and finds out what became of them where the store does not say. Also tells how many ended documents were
/// taken away, where it was committed.
async fn commit(
    store: &dyn Store,
    changes: &[DocumentChange],
    mut in_doubt: Vec<bool>,
    sweep: u32,
) -> (Vec<Result<bool, Error>>, Option<u64>) {
    let began = Instant::now();
    loop {
        let error = match store.write_documents(changes, now(), sweep).await {
            Ok(written) => {
                let mut answers = Vec::with_capacity(changes.len());
                for ((change, done), in_doubt) in changes.iter().zip(written.done).zip(in_doubt) {
                    let answer = if done || !in_doubt { Ok(done) } else { look(store, change).await };
                    answers.push(answer);
                }
                return (answers, Some(written.swept));
            }
            Err(error) => error,
        };
        if error.kind() == StoreErrorKind::Uncertain {
            in_doubt.fill(true);
        }
        if !in_doubt.contains(&true) || began.elapsed() > DOUBT {
            let failed = |in_doubt: bool| if in_doubt { unclear() } else { error.clone().into() };
            return (in_doubt.into_iter().map(|in_doubt| Err(failed(in_doubt))).collect(), None);
        }
        // Done once more it waits for whoever still has the rows, so that afterwards it is there, or never will be.
        sleep(PAUSE).await;
    }
}

/// Tells of a change that did not fit, and may have been done before, whether it was.
async fn look(store: &dyn Store, change: &DocumentChange) -> Result<bool, Error> {
    let (kind, id) = change.key();
    let Ok(there) = store.document(kind, id).await else { return Err(unclear()) };
    match (change, there) {
        // No two writes are the same bytes.
        (DocumentChange::Insert(own) | DocumentChange::Replace(own), Some(row))
            if row.record == own.record =>
        {
            Ok(true)
        }
        // What came before ours, or in place of it.
        (
            DocumentChange::Insert(DocumentRow { version, .. })
            | DocumentChange::Replace(DocumentRow { version, .. }),
            Some(row),
        ) if row.version <= *version => Ok(false),
        (DocumentChange::Remove { .. }, Some(_)) => Ok(false),
        _ => Err(unclear()),
    }
}

/// It is done, or it is not.
fn unclear() -> Error {
    StoreError::new(StoreErrorKind::Uncertain).into()
}
