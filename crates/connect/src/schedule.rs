//! Checks of connections that nobody used for long, so that a key that was revoked is known before it is needed.
//!
//! One at a time for a provider, so many a minute in all, the oldest first. Each verdict is written down, also one that says
//! nothing of the key: so nothing is asked again before its time.

mod round;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    convert::Infallible,
    sync::Arc,
    time::{Duration, SystemTime},
};

use keyway_vault::{ConnectionId, Error, Tenant};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use self::round::{Lane, Pace};
use crate::shared::Shared;

/// How many connections are looked up at once, and at most when those that are broken are in the way.
const FIRST: usize = 500;
const MOST: usize = 1000;
/// How long to wait when nothing is due, at most.
const LOOK: Duration = Duration::from_secs(30);

/// Checks what is due, for as long as nobody else does. `every` is how long a connection may go without.
pub(crate) async fn check_idle(shared: Arc<Shared>, every: Duration) -> Result<Infallible, Error> {
    let pace = Arc::new(Pace::new(shared.limits.checks_per_minute));
    let look = (every / 8).clamp(Duration::from_millis(100), LOOK);
    // Connections that cannot even be written to; and until when a provider rests.
    let (mut broken, mut resting) = (HashSet::new(), HashMap::<String, Instant>::new());
    let mut count = FIRST;
    loop {
        let now = Instant::now();
        resting.retain(|_, until| *until > now);
        let without: Vec<String> = resting.keys().cloned().collect();
        let before = SystemTime::now().checked_sub(every).unwrap_or(SystemTime::UNIX_EPOCH);
        let due = shared.vault.due(before, &without, count).await?;
        let is_full = due.len() >= count;
        let lanes = sorted(due, &broken);
        if lanes.is_empty() {
            if is_full && count < MOST {
                count *= 2;
                continue;
            }
            sleep(look.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            continue;
        }
        count = FIRST;
        let mut running = JoinSet::new();
        for (provider, connections) in lanes {
            let lane = Lane { shared: Arc::clone(&shared), pace: Arc::clone(&pace), provider, connections };
            running.spawn(lane.run());
        }
        while let Some(ended) = running.join_next().await {
            let Ok(done) = ended else {
                return Err(Error::Invalid("a check of an idle connection broke off".to_owned()));
            };
            let done = done?;
            broken.extend(done.broken);
            if let Some(until) = done.rests_until {
                resting.insert(done.provider, until);
            }
        }
    }
}

/// What may be checked, by provider.
fn sorted(
    due: Vec<(Tenant, ConnectionId, String)>,
    broken: &HashSet<ConnectionId>,
) -> BTreeMap<String, Vec<(Tenant, ConnectionId)>> {
    let mut lanes: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (tenant, id, provider) in due {
        if !broken.contains(&id) {
            lanes.entry(provider).or_default().push((tenant, id));
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_are_broken_are_left_out() {
        let tenant = Tenant::parse("acme").unwrap();
        let ids: Vec<_> = (0..4).map(|_| ConnectionId::random()).collect();
        let due: Vec<_> = ids
            .iter()
            .zip(["rally", "rally", "rootly", "acme"])
            .map(|(id, provider)| (tenant.clone(), id.clone(), provider.to_owned()))
            .collect();
        let lanes = sorted(due, &HashSet::from([ids[0].clone(), ids[2].clone()]));
        let expected = BTreeMap::from([
            ("rally".to_owned(), vec![(tenant.clone(), ids[1].clone())]),
            ("acme".to_owned(), vec![(tenant, ids[3].clone())]),
        ]);
        assert_eq!(lanes, expected);
    }
}
