//! What becomes of an endpoint after an attempt.

use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::{
    attempt::{LastAttempt, Outcome},
    kept::Kept,
};
use crate::{clock::millis, event::Place};

/// How webhooks are sent, and sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deliveries {
    /// How many endpoints a tenant has at most. 20.
    pub endpoints: usize,
    /// The time for one attempt. 15 seconds, which is the most as well.
    pub time: Duration,
    /// How many are sent at once. 256.
    pub at_once: usize,
    /// How often new events are looked for. Half a second.
    pub look: Duration,
    /// The waits after attempts that failed, up to a fifth longer by chance; the last one is repeated. 5 seconds, 30 seconds, 2 and
    /// 10 minutes, 1, 3 and 6 hours.
    pub waits: Vec<Duration>,
    /// After how many attempts of one event that was refused (with a status of 4xx) the next one is tried too: when that one is
    /// taken, and the event refused once more, it was the event's own fault, and it is passed over. 6, which is after 73 minutes.
    pub attempts: u32,
    /// For how long an endpoint may fail before nothing is sent there any more. 5 days.
    pub gives_up: Duration,
    /// For how long messages are signed with the old secret as well, when there is a new one. 24 hours.
    pub old_secret: Duration,
}

impl Default for Deliveries {
    fn default() -> Self {
        let hour = 60 * 60;
        Self {
            endpoints: 20,
            time: Duration::from_secs(15),
            at_once: 256,
            look: Duration::from_millis(500),
            waits: [5, 30, 2 * 60, 10 * 60, hour, 3 * hour, 6 * hour].map(Duration::from_secs).to_vec(),
            attempts: 6,
            gives_up: Duration::from_secs(5 * 24 * hour),
            old_secret: Duration::from_secs(24 * hour),
        }
    }
}

/// The longest wait that a receiver can ask for.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

impl Kept {
    /// An event was taken.
    pub(super) fn delivered(&mut self, place: Place, outcome: &Outcome, now: SystemTime) {
        // Whoever led before may have got further.
        self.place = self.place.max(place);
        self.works(outcome, now);
    }

    /// An event was not taken, and the one after it was: it is passed over.
    pub(super) fn passed_over(&mut self, next: Place, outcome: &Outcome, now: SystemTime) {
        self.skipped += 1;
        self.delivered(next, outcome, now);
    }

    /// The receiver takes what is sent.
    pub(super) fn works(&mut self, outcome: &Outcome, now: SystemTime) {
        self.afresh();
        self.last = Some(LastAttempt::new(outcome, now));
    }

    /// What failed before counts no more.
    pub(super) fn afresh(&mut self) {
        self.tries = 0;
        self.retry_at = None;
        self.failing_since = None;
        self.disabled = false;
    }

    /// An attempt failed. `chance` is between 0 and 1.
    pub(super) fn failed(&mut self, outcome: &Outcome, now: SystemTime, limits: &Deliveries, chance: f64) {
        let since = *self.failing_since.get_or_insert(millis(now));
        self.last = Some(LastAttempt::new(outcome, now));
        let wait = match usize::try_from(self.tries) {
            Ok(tries) => limits.waits.get(tries).or(limits.waits.last()).copied().unwrap_or_default(),
            Err(_) => LONGEST,
        };
        let asked = outcome.retry_after.unwrap_or_default().min(LONGEST);
        let wait = wait.mul_f64(1.0 + chance / 5.0).max(asked);
        self.tries = self.tries.saturating_add(1);
        let failed_for = Duration::from_millis(millis(now).saturating_sub(since));
        // Whoever answers 410 says so of itself.
        self.disabled = outcome.status == Some(StatusCode::GONE) || failed_for >= limits.gives_up;
        self.retry_at = (!self.disabled).then(|| millis(now + wait));
    }

    /// How long to wait before the next attempt.
    pub(super) fn wait(&self, now: SystemTime) -> Duration {
        Duration::from_millis(self.retry_at.unwrap_or_default().saturating_sub(millis(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_900_000_000);

    fn now(after: Duration) -> SystemTime {
        SystemTime::UNIX_EPOCH + NOW + after
    }

    fn answered(status: u16) -> Outcome {
        Outcome { status: StatusCode::from_u16(status).ok(), ..Outcome::default() }
    }

    #[test]
    fn waits_grow_from_seconds_to_hours_and_end_after_five_days() {
        let (limits, mut kept) = (Deliveries::default(), Kept::for_tests());
        let (mut at, mut waits) = (Duration::ZERO, Vec::new());
        while !kept.disabled {
            kept.failed(&answered(500), now(at), &limits, 0.0);
            let wait = kept.wait(now(at));
            waits.push(wait.as_secs());
            at += wait;
        }
        assert_eq!(waits[..8], [5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 6 * 3600]);
        assert!(at >= limits.gives_up && at < limits.gives_up + Duration::from_secs(6 * 3600));
        assert_eq!(kept.wait(now(at)), Duration::ZERO);
        assert_eq!(kept.place, Place::default(), "nothing is lost: it goes on from here");
        kept.works(&answered(204), now(at));
        assert!(!kept.disabled && kept.failing_since.is_none() && kept.tries == 0);
    }

    #[test]
    fn what_the_receiver_asks_for_is_waited_for_within_a_day() {
        for (asked, waited) in [(1, 5), (60, 60), (u64::MAX / 4, 24 * 60 * 60)] {
            let mut kept = Kept::for_tests();
            let retry_after = Some(Duration::from_secs(asked));
            let outcome = Outcome { retry_after, ..answered(503) };
            kept.failed(&outcome, now(Duration::ZERO), &Deliveries::default(), 0.0);
            assert_eq!(kept.wait(now(Duration::ZERO)), Duration::from_secs(waited));
        }
    }

    #[test]
    fn chance_makes_a_wait_longer_by_a_fifth_at_most() {
        let mut kept = Kept::for_tests();
        kept.failed(&answered(500), now(Duration::ZERO), &Deliveries::default(), 1.0);
        assert_eq!(kept.wait(now(Duration::ZERO)), Duration::from_secs(6));
    }

    #[test]
    fn whoever_is_gone_is_asked_no_more() {
        let mut kept = Kept::for_tests();
        kept.failed(&answered(410), now(Duration::ZERO), &Deliveries::default(), 0.0);
        assert!(kept.disabled);
    }
}
