//! How often an address may ask for what is not there (N70).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Counts look-ups that failed, by address: of IPv6 by its /64, which is one household's.
#[derive(Debug)]
pub(crate) struct Guesses {
    most: u32,
    seen: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

const MINUTE: Duration = Duration::from_secs(60);
/// The addresses that are remembered. When there are more, those whose minute is over are forgotten, and then all of them.
const MOST: usize = 100_000;

impl Guesses {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, seen: Mutex::default() }
    }

    /// Counts one that failed; says for how long the address is told no more, where it had too many.
    pub(crate) fn failed(&self, address: IpAddr) -> Option<Duration> {
        let address = network(address);
        let now = Instant::now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST && !seen.contains_key(&address) {
            seen.retain(|_, (since, _)| now.duration_since(*since) < MINUTE);
            if seen.len() >= MOST {
                seen.clear();
            }
        }
        let (since, count) = seen.entry(address).or_insert((now, 0));
        if now.duration_since(*since) >= MINUTE {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        (*count > self.most).then(|| MINUTE.saturating_sub(now.duration_since(*since)))
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}
