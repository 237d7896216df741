//! Sends events to every endpoint, in the order in which they happened.
//!
//! Each endpoint has a task of its own, so none waits for another one. What an endpoint has taken is written down after each event:
//! whoever goes on after a crash sends at most the last one again, under the same id.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use keyway_vault::{Documents, Entry, Error, Tenant};
use tokio::{
    sync::{Notify, Semaphore},
    task::{AbortHandle, JoinSet},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use super::{
    attempt::Outcome,
    kept::{KIND, Kept, Stored},
    send::send,
};
use crate::{
    event::{Event, Place},
    shared::Shared,
};

/// How often endpoints are listed: another process may have set one up.
const LIST: Duration = Duration::from_secs(10);
/// How long an endpoint waits at most before it is read again: another process may have removed or tested it.
const LOOK: Duration = Duration::from_secs(30);
/// After the vault failed.
const PAUSE: Duration = Duration::from_secs(5);
/// How many events are read at once.
const AHEAD: usize = 100;

/// Sends what there is to be sent, for as long as nobody else does.
pub(crate) async fn deliver(shared: &Arc<Shared>) -> Result<Infallible, Error> {
    let mut tail = shared.vault.anchor().await?.seq();
    let mut tasks = Tasks {
        shared: Arc::clone(shared),
        room: Arc::new(Semaphore::new(shared.limits.deliveries.at_once)),
        running: HashMap::new(),
        set: JoinSet::new(),
    };
    let mut changed = shared.sending.subscribe();
    let mut list = interval(LIST);
    let mut look = interval(shared.limits.deliveries.look);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = list.tick() => tasks.list().await?,
            // Where there were too many, the others are found by the list.
            Ok(id) = changed.recv() => tasks.changed(&id).await?,
            _ = look.tick() => tail = tasks.look(tail).await?,
            Some(ended) = tasks.set.join_next_with_id() => tasks.ended(ended),
        }
    }
}

/// The tasks, by the id of their endpoint. They end with this.
struct Tasks {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    running: HashMap<String, Running>,
    set: JoinSet<()>,
}

struct Running {
    owner: Option<Tenant>,
    wake: Arc<Notify>,
    task: AbortHandle,
}

impl Tasks {
    /// Looks after every endpoint that nobody looks after yet.
    async fn list(&mut self) -> Result<(), Error> {
        let documents = self.shared.vault.documents();
        let mut after: Option<String> = None;
        loop {
            let page = documents.each(KIND, None, after.as_deref(), 1000).await?;
            after = page.last().map(|(id, _)| id.clone());
            let is_last = page.len() < 1000;
            for (id, document) in page {
                if self.running.contains_key(&id) {
                    continue;
                }
                if let Some(stored) = Stored::or_told(&id, document) {
                    self.start(&stored);
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Looks after one endpoint that changed.
    async fn changed(&mut self, id: &str) -> Result<(), Error> {
        match self.running.get(id) {
            Some(one) if !one.task.is_finished() => one.wake.notify_one(),
            _ => {
                let document = self.shared.vault.documents().get(KIND, id).await;
                let stored = match document {
                    Err(error) if !matches!(error, Error::Tampered { .. }) => return Err(error),
                    document => document.transpose().and_then(|one| Stored::or_told(id, one)),
                };
                if let Some(stored) = stored {
                    self.start(&stored);
                }
            }
        }
        Ok(())
    }

    fn start(&mut self, stored: &Stored) {
        if stored.kept.disabled {
            return;
        }
        let wake = Arc::new(Notify::new());
        let sender = Sender {
            shared: Arc::clone(&self.shared),
            documents: self.shared.vault.documents(),
            room: Arc::clone(&self.room),
            id: stored.id().to_owned(),
            wake: Arc::clone(&wake),
        };
        let task = self.set.spawn(sender.run());
        self.running.insert(stored.id().to_owned(), Running { owner: stored.owner().cloned(), wake, task });
    }

    fn wake(&self, whose: impl Fn(&Option<Tenant>) -> bool) {
        for one in self.running.values().filter(|one| whose(&one.owner)) {
            one.wake.notify_one();
        }
    }

    /// Looks for changes after an entry, and wakes those whom they may concern.
    async fn look(&self, mut tail: i64) -> Result<i64, Error> {
        loop {
            let changes = self.shared.vault.changes(tail, AHEAD).await?;
            let Some((last, _)) = changes.last() else { return Ok(tail) };
            tail = *last;
            for error in changes.iter().filter_map(|(_, one)| one.as_ref().err()) {
                tracing::error!(%error, "what changed cannot be read; sending goes on behind it");
            }
            let is_whose = |entry: &Entry, owner: &Tenant| entry.tenant.as_deref() == Some(owner.as_str());
            self.wake(|owner| match owner {
                None => true,
                Some(owner) => {
                    changes.iter().any(|(_, one)| one.as_ref().is_ok_and(|one| is_whose(one, owner)))
                }
            });
        }
    }

    fn ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                tracing::error!("sending to a webhook broke off; it begins again");
                error.id()
            }
        };
        self.running.retain(|_, one| one.task.id() != id);
    }
}

/// Sends to one endpoint.
struct Sender {
    shared: Arc<Shared>,
    documents: Documents,
    room: Arc<Semaphore>,
    id: String,
    wake: Arc<Notify>,
}

/// What a sender does next.
enum Next {
    /// Look again.
    Now,
    /// Wait until it is woken, or for so long.
    Wait(Option<Duration>),
    /// Nothing: the endpoint is gone, or given up.
    End,
}

impl Sender {
    async fn run(self) {
        // What was looked at already, and concerned somebody else.
        let mut seen = Place::default();
        loop {
            let wait = match self.step(&mut seen).await {
                Ok(Next::Now) => continue,
                Ok(Next::Wait(wait)) => wait,
                Ok(Next::End) => return,
                Err(error @ Error::Tampered { .. }) => {
                    tracing::error!(webhook = %self.id, %error, "nothing is sent to a webhook that cannot be read");
                    return;
                }
                Err(error) => {
                    tracing::error!(webhook = %self.id, %error, "the vault failed; sending goes on later");
                    sleep(PAUSE).await;
                    continue;
                }
            };
            match wait {
                None => self.wake.notified().await,
                Some(wait) => {
                    let _ = timeout(wait, self.wake.notified()).await;
                }
            }
        }
    }

    async fn step(&self, seen: &mut Place) -> Result<Next, Error> {
        let Some(stored) = Stored::of(&self.documents, &self.id).await? else { return Ok(Next::End) };
        if stored.kept.disabled {
            return Ok(Next::End);
        }
        let wait = stored.kept.wait(SystemTime::now());
        if !wait.is_zero() {
            return Ok(Next::Wait(Some(wait.min(LOOK))));
        }
        let from = stored.kept.place.max(*seen);
        let found = self.shared.changes(stored.owner()).behind(from, AHEAD, &stored.kept.types).await?;
        if found.events.is_empty() {
            *seen = found.place;
            if found.more {
                // So many that nobody should look at them once more.
                Stored::change(&self.documents, &self.id, |kept| kept.place = kept.place.max(*seen)).await?;
                return Ok(Next::Now);
            }
            return Ok(Next::Wait(None));
        }
        self.send_all(stored, &found.events).await
    }

    async fn send_all(&self, mut stored: Stored, events: &[Event]) -> Result<Next, Error> {
        for event in events {
            let outcome = self.send(&stored, event).await?;
            let changed = if outcome.is_taken() {
                let now = SystemTime::now();
                Stored::change(&self.documents, &self.id, |kept| kept.delivered(event.place, &outcome, now))
                    .await?
            } else {
                self.not_taken(&stored, event, outcome).await?
            };
            let Some(changed) = changed else { return Ok(Next::End) };
            if changed.kept.disabled || changed.kept.retry_at.is_some() || changed.kept.place != event.place {
                return Ok(Next::Now);
            }
            stored = changed;
        }
        Ok(Next::Now)
    }

    /// Writes down that an event was not taken. After it was refused too often the next one is tried, to know whose fault it is.
    /// Where that is taken, the receiver may have come back in between: the event is sent once more, and passed over only when it
    /// is refused again. What failed for another reason than the event is never passed over.
    async fn not_taken(
        &self,
        stored: &Stored,
        event: &Event,
        mut outcome: Outcome,
    ) -> Result<Option<Stored>, Error> {
        let limits = &self.shared.limits.deliveries;
        let status = |outcome: &Outcome| outcome.status.map(|status| status.as_u16());
        tracing::warn!(webhook = %self.id, status = status(&outcome), attempt = stored.kept.tries + 1, "a webhook was not taken");
        if outcome.is_refused()
            && stored.kept.tries + 1 >= limits.attempts
            && let Some(next) = self.after(stored, event).await?
        {
            let second = self.send(stored, &next).await?;
            if second.is_taken() {
                outcome = self.send(stored, event).await?;
                let now = SystemTime::now();
                if outcome.is_taken() {
                    let both = |kept: &mut Kept| kept.delivered(next.place, &outcome, now);
                    return Stored::change(&self.documents, &self.id, both).await;
                }
                if outcome.is_refused() {
                    tracing::warn!(webhook = %self.id, "an event was passed over: the one after it was taken");
                    let pass = |kept: &mut Kept| kept.passed_over(next.place, &second, now);
                    return Stored::change(&self.documents, &self.id, pass).await;
                }
            }
        }
        let (now, chance) = (SystemTime::now(), fastrand::f64());
        let changed =
            Stored::change(&self.documents, &self.id, |kept| kept.failed(&outcome, now, limits, chance));
        let changed = changed.await?;
        if changed.as_ref().is_some_and(|one| one.kept.disabled) {
            tracing::error!(webhook = %self.id, status = status(&outcome), "a webhook was given up");
        }
        Ok(changed)
    }

    /// The event after one, however much that is not asked for stands between them.
    async fn after(&self, stored: &Stored, event: &Event) -> Result<Option<Event>, Error> {
        let (changes, mut place) = (self.shared.changes(stored.owner()), event.place);
        loop {
            let mut found = changes.behind(place, 1, &stored.kept.types).await?;
            if let Some(next) = found.events.pop() {
                return Ok(Some(next));
            }
            if !found.more {
                return Ok(None);
            }
            place = found.place;
        }
    }

    async fn send(&self, stored: &Stored, event: &Event) -> Result<Outcome, Error> {
        let Ok(body) = serde_json::to_vec(event) else {
            return Err(Error::Invalid("an event cannot be written as JSON".to_owned()));
        };
        let _place = self.room.acquire().await;
        let time = self.shared.limits.deliveries.time;
        Ok(send(&self.shared.webhooks, &stored.kept, &event.id, body.into(), time).await)
    }
}
