//! How fast a connection and a grant may go: what the provider allows, and what the grant does.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, StatusCode};
use keyway_core::{Account, Credential, RateLimit};
use keyway_vault::{Connection, ConnectionId, GrantId, Rate};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Code, Problem};

/// The longest that a provider's word alone keeps requests back: then one is tried, and it may say so again.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// What all grants of one connection share.
#[derive(Debug)]
pub(crate) struct Pace {
    began: Instant,
    /// Until when the provider would refuse a request, in milliseconds since the beginning.
    refused_until: AtomicU64,
    /// What it said of its limits then.
    limits: Mutex<RateLimit>,
    /// How many requests of the account it takes at once.
    turns: Option<Arc<Semaphore>>,
    /// When the credential may be checked again, in milliseconds since the beginning.
    pub(crate) check_after: AtomicU64,
}

impl Pace {
    /// Milliseconds since the beginning.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Whether the provider would refuse a request now, by what it said before.
    pub(crate) fn check(&self, credential: &Credential) -> Result<(), Problem> {
        let until = self.refused_until.load(Ordering::Relaxed);
        if until == 0 {
            return Ok(());
        }
        let Some(left) = until.checked_sub(self.now()).filter(|left| *left > 0) else {
            self.refused_until.store(0, Ordering::Relaxed);
            return Ok(());
        };
        let mut limits = *self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = Duration::from_millis(left);
        limits.reset_after = Some(wait);
        let mut headers = HeaderMap::new();
        credential.method().rate_headers().write(&limits, SystemTime::now(), &mut headers);
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Err(Problem::from(Code::ProviderLimit).after(wait).with(headers))
    }

    /// Learns from an answer's head.
    pub(crate) fn learn(&self, credential: &Credential, status: StatusCode, headers: &HeaderMap) {
        let names = credential.method().rate_headers();
        if status != StatusCode::TOO_MANY_REQUESTS && names.remaining().is_none() {
            return;
        }
        let now = SystemTime::now();
        let Some(wait) = credential.must_wait(status, headers, now) else { return };
        *self.limits.lock().unwrap_or_else(PoisonError::into_inner) = credential.limits(headers, now);
        let wait = u64::try_from(wait.min(LONGEST).as_millis()).unwrap_or(u64::MAX);
        self.refused_until.store(self.now() + wait, Ordering::Relaxed);
    }

    /// Waits for a turn, where the provider takes only so many requests at once.
    pub(crate) async fn turn(&self, longest: Duration) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        let Some(turns) = &self.turns else { return Ok(None) };
        if let Ok(turn) = Arc::clone(turns).try_acquire_owned() {
            return Ok(Some(turn));
        }
        match tokio::time::timeout(longest, Arc::clone(turns).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Some(turn)),
            _ => Err(Problem::from(Code::ConnectionBusy).after(Duration::from_secs(1))),
        }
    }
}

/// The paces of all connections in use.
#[derive(Debug)]
pub(crate) struct Paces {
    began: Instant,
    /// By connection, and which of its keys it is.
    connections: Mutex<HashMap<(ConnectionId, i64), Weak<Pace>>>,
    /// By provider, origin and account.
    accounts: Mutex<HashMap<(String, String, String), Weak<Semaphore>>>,
    meters: Mutex<HashMap<GrantId, Arc<Meter>>>,
}

impl Paces {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            connections: Mutex::default(),
            accounts: Mutex::default(),
            meters: Mutex::default(),
        }
    }

    /// That of a connection.
    pub(crate) fn of(&self, connection: &Connection, credential: &Credential) -> Arc<Pace> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        // Another key is another matter: what the provider said was of the old one.
        let name = (connection.id.clone(), connection.credential_version());
        if let Some(pace) = connections.get(&name).and_then(Weak::upgrade) {
            return pace;
        }
        connections.retain(|_, pace| pace.strong_count() > 0);
        let turns = credential.method().concurrency().map(|count| {
            // A limit is for the account, however many connections it has.
            let account = connection.account.as_ref().map_or(connection.id.as_str(), Account::id);
            let provider = credential.provider().descriptor().id().to_string();
            let origin = credential.origins().first().map(ToString::to_string).unwrap_or_default();
            self.turns((provider, origin, account.to_owned()), count)
        });
        let pace = Arc::new(Pace {
            began: self.began,
            refused_until: AtomicU64::new(0),
            limits: Mutex::default(),
            turns,
            check_after: AtomicU64::new(0),
        });
        connections.insert(name, Arc::downgrade(&pace));
        pace
    }

    fn turns(&self, name: (String, String, String), count: u32) -> Arc<Semaphore> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = accounts.get(&name).and_then(Weak::upgrade) {
            return turns;
        }
        accounts.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS)));
        accounts.insert(name, Arc::downgrade(&turns));
        turns
    }
}

impl Paces {
    /// The meter of a grant; the same one as long as it has anything to remember.
    pub(crate) fn meter(&self, grant: &GrantId, rate: Rate) -> Arc<Meter> {
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = meters.get(grant) {
            return Arc::clone(meter);
        }
        meters.retain(|_, meter| Arc::strong_count(meter) > 1 || !meter.is_fresh());
        let meter = Arc::new(Meter::new(rate));
        meters.insert(grant.clone(), Arc::clone(&meter));
        meter
    }
}

/// Counts a grant's requests: as many as its rate says at once, and then one each time that one's share of the time passed
/// (the generic cell rate algorithm).
#[derive(Debug)]
pub(crate) struct Meter {
    began: Instant,
    /// Nanoseconds of one request, and of all.
    share: u64,
    whole: u64,
    /// When all shares so far are used up, in nanoseconds since the beginning.
    full_at: AtomicU64,
}

impl Meter {
    pub(crate) fn new(rate: Rate) -> Self {
        let whole = u64::try_from(rate.per.as_nanos()).unwrap_or(u64::MAX / 2);
        let share = whole / u64::from(rate.requests.max(1));
        Self { began: Instant::now(), share, whole, full_at: AtomicU64::new(0) }
    }

    /// Counts one request, or says how long it has to wait.
    pub(crate) fn count(&self) -> Result<(), Duration> {
        self.count_at(u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX / 2))
    }

    /// Whether it is as if it had never counted.
    fn is_fresh(&self) -> bool {
        u128::from(self.full_at.load(Ordering::Relaxed)) <= self.began.elapsed().as_nanos()
    }

    fn count_at(&self, now: u64) -> Result<(), Duration> {
        let counted = self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let next = full_at.max(now) + self.share;
            (next <= now + self.whole).then_some(next)
        });
        match counted {
            Ok(_) => Ok(()),
            Err(full_at) => {
                Err(Duration::from_nanos((full_at + self.share).saturating_sub(now + self.whole)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_lets_the_rate_pass_at_once_and_then_a_share_at_a_time() {
        let meter = Meter::new(Rate { requests: 4, per: Duration::from_secs(2) });
        let at = |millis: u64| millis * 1_000_000;
        for _ in 0..4 {
            assert_eq!(meter.count_at(at(0)), Ok(()));
        }
        assert_eq!(meter.count_at(at(0)), Err(Duration::from_millis(500)));
        assert_eq!(meter.count_at(at(400)), Err(Duration::from_millis(100)));
        assert_eq!(meter.count_at(at(500)), Ok(()));
        assert_eq!(meter.count_at(at(500)), Err(Duration::from_millis(500)));
        for _ in 0..4 {
            assert_eq!(meter.count_at(at(60_000)), Ok(()));
        }
        assert!(meter.count_at(at(60_000)).is_err());
    }
}
