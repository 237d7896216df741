//! Checks of connections that nobody used for long, so that a key that was revoked is known before it is needed.
//!
//! One at a time for a provider, so many a minute in all, the oldest first. Each verdict is written down, also one that says
//! nothing of the key: so nothing is asked again before its time. No provider waits for another one: while the connections of one
//! are checked, or it rests, those of the others are looked for without it.

mod lane;
mod pace;
mod rests;

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use keyway_core::Registry;
use keyway_vault::{Due, Error};
use tokio::{
    sync::Mutex,
    task::{Id, JoinError, JoinSet},
    time::sleep,
};

pub(crate) use self::rests::Rests;
use self::{
    lane::{Done, Lane},
    pace::Pace,
};
use crate::shared::Shared;

/// How many connections are looked up at once.
const PAGE: usize = 500;
/// How long to wait until it is looked again, at most.
const LOOK: Duration = Duration::from_secs(30);

/// Checks what is due, for as long as nobody else does. `every` is how long a connection may go without. `rests` is what is left out
/// for a time, which outlives this.
pub(crate) async fn check_idle(shared: Arc<Shared>, every: Duration, rests: Arc<Mutex<Rests>>) -> Infallible {
    let mut rests = rests.lock().await;
    let look = (every / 8).clamp(Duration::from_millis(100), LOOK);
    let mut lanes = Lanes {
        pace: Arc::new(Pace::new(shared.limits.checks_per_minute)),
        shared,
        every,
        running: HashMap::new(),
        set: JoinSet::new(),
    };
    loop {
        if let Err(error) = lanes.begin(&mut rests).await {
            tracing::error!(%error, "idle connections cannot be looked up; it is tried again");
        }
        tokio::select! {
            Some(ended) = lanes.set.join_next_with_id() => lanes.ended(ended, &mut rests),
            () = sleep(look.mul_f64(0.75 + fastrand::f64() / 2.0)) => {}
        }
    }
}

/// The lanes, by their tasks; each is a provider's. They end with this.
struct Lanes {
    shared: Arc<Shared>,
    every: Duration,
    pace: Arc<Pace>,
    running: HashMap<Id, String>,
    set: JoinSet<Done>,
}

impl Lanes {
    /// Begins a lane for each provider that has something due, but for those that have one, or rest.
    async fn begin(&mut self, rests: &mut Rests) -> Result<(), Error> {
        let before = SystemTime::now().checked_sub(self.every).unwrap_or(SystemTime::UNIX_EPOCH);
        rests.end();
        // How many at the head of the queue are left out.
        let mut skip = 0;
        loop {
            let without = names(&self.shared.registry, self.running.values().chain(rests.providers()));
            let due = self.shared.vault.due(before, &without, skip, PAGE).await?;
            let is_last = due.len() < PAGE;
            let lanes = sorted(&self.shared.registry, due, rests, self.every);
            if lanes.is_empty() {
                skip += PAGE;
            } else {
                skip = 0;
            }
            for (provider, due) in lanes {
                let (shared, pace) = (Arc::clone(&self.shared), Arc::clone(&self.pace));
                let lane = Lane { shared, pace, every: self.every, provider: provider.clone(), due };
                self.running.insert(self.set.spawn(lane.run()).id(), provider);
            }
            if is_last {
                return Ok(());
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, Done), JoinError>, rests: &mut Rests) {
        let (id, done) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!("a check of an idle connection broke off; its provider rests");
                (error.id(), Done::broken_off())
            }
        };
        if let Some(provider) = self.running.remove(&id) {
            rests.add(provider, done);
        }
    }
}

/// What may be checked, by provider. What its row does not even say whose it is is told, and left out.
fn sorted(
    registry: &Registry,
    due: Vec<(String, Result<Due, Error>)>,
    rests: &mut Rests,
    every: Duration,
) -> BTreeMap<String, Vec<Due>> {
    let mut lanes: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut known: HashMap<String, String> = HashMap::new();
    for (id, due) in due {
        if rests.leaves_out(&id) {
            continue;
        }
        match due {
            Ok(due) => {
                let provider =
                    known.entry(due.provider.clone()).or_insert_with(|| id_now(registry, &due.provider));
                lanes.entry(provider.clone()).or_default().push(due);
            }
            Err(error) => {
                tracing::error!(connection = %id, %error, "an idle connection cannot be checked");
                rests.leave_out(id, every);
            }
        }
    }
    lanes
}

/// The id that a provider has today; its own where there is none.
fn id_now(registry: &Registry, provider: &str) -> String {
    let entry = registry.get(provider);
    entry.map_or_else(|_| provider.to_owned(), |entry| entry.descriptor().id().to_string())
}

/// All ids under which connections of some providers are saved.
fn names<'p>(registry: &Registry, providers: impl Iterator<Item = &'p String>) -> Vec<String> {
    let mut names = Vec::new();
    for provider in providers {
        names.push(provider.clone());
        if let Ok(entry) = registry.get(provider) {
            names.extend(entry.descriptor().formerly().iter().map(ToString::to_string));
        }
    }
    names
}
