//! How often to ask again, and how long to wait.

use std::time::Duration;

/// How often a request is repeated when the provider is busy (429, 5xx), and how long that may take in all.
///
/// Where the provider says how long to wait, that is the wait, and a random part of 250 ms on top: whoever was told the
/// same does not come back at the same instant. Elsewhere it is a random part of 250 ms, doubled at each turn. A wait that
/// does not fit into what is left is not begun: the caller learns at once, and decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Retry {
    attempts: u32,
    waiting: Duration,
    first: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 4, waiting: Duration::from_secs(8), first: Duration::from_millis(250) }
    }
}

impl Retry {
    /// The defaults: at most 4 attempts, at most 8 seconds of waiting.
    pub fn new() -> Self {
        Self::default()
    }

    /// One attempt.
    pub fn never() -> Self {
        Self::new().attempts(1)
    }

    /// The largest number of attempts, the first included.
    pub fn attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    /// The longest time spent waiting between attempts, all waits together.
    pub fn waiting(self, time: Duration) -> Self {
        Self { waiting: time, ..self }
    }

    /// The longest first wait where the provider says nothing.
    pub fn first_wait(self, time: Duration) -> Self {
        Self { first: time, ..self }
    }

    /// What may be spent on one request.
    pub(crate) fn budget(self) -> Budget {
        Budget { retry: self, repeated: 0, left: self.waiting }
    }
}

/// What is left of the attempts and of the time for one request. It counts the waits, so it needs no clock.
#[derive(Debug)]
pub(crate) struct Budget {
    retry: Retry,
    repeated: u32,
    left: Duration,
}

impl Budget {
    /// The time to wait before the next attempt; `None` when there is none. `asked` is what the provider asked for.
    pub(crate) fn wait(&mut self, asked: Option<Duration>) -> Option<Duration> {
        if self.repeated + 1 >= self.retry.attempts {
            return None;
        }
        let longest = self.retry.first.saturating_mul(1 << self.repeated.min(16));
        // Full jitter: clients that failed together do not come back together.
        let jitter = |most: Duration| most.mul_f64(fastrand::f64());
        let wait = match asked {
            // Not less than without a word of the provider: a time that has passed asks for no wait at all.
            Some(asked) => {
                let asked = asked.max(jitter(longest.min(self.left)));
                asked + jitter(self.retry.first.min(self.left.checked_sub(asked)?))
            }
            None => jitter(longest.min(self.left)),
        };
        self.left = self.left.checked_sub(wait)?;
        self.repeated += 1;
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_the_provider_asks_for_is_the_wait() {
        let mut budget = Retry::new().first_wait(Duration::ZERO).budget();
        assert_eq!(budget.wait(Some(2 * SECOND)), Some(2 * SECOND));
        assert_eq!(budget.wait(Some(6 * SECOND)), Some(6 * SECOND));
        assert_eq!(budget.wait(Some(Duration::ZERO)), Some(Duration::ZERO));
        assert_eq!(budget.wait(Some(Duration::ZERO)), None, "four attempts");
    }

    #[test]
    fn a_wait_that_does_not_fit_is_not_begun() {
        let mut budget = Retry::new().first_wait(Duration::ZERO).budget();
        assert_eq!(budget.wait(Some(8 * SECOND + Duration::from_nanos(1))), None);
        assert_eq!(budget.wait(Some(Duration::MAX)), None);
        assert_eq!(budget.wait(Some(5 * SECOND)), Some(5 * SECOND));
        assert_eq!(budget.wait(Some(4 * SECOND)), None);
        assert_eq!(budget.wait(Some(3 * SECOND)), Some(3 * SECOND));
    }

    #[test]
    fn the_own_waits_double_and_vary() {
        let mut longest = [Duration::ZERO; 3];
        for _ in 0..2000 {
            let mut budget = Retry::new().budget();
            for (turn, longest) in longest.iter_mut().enumerate() {
                let wait = budget.wait(None).unwrap();
                assert!(wait <= Duration::from_millis(250 << turn));
                *longest = wait.max(*longest);
            }
            assert_eq!(budget.wait(None), None);
        }
        for (turn, longest) in longest.into_iter().enumerate() {
            assert!(longest > Duration::from_millis(200 << turn), "{longest:?}");
        }
    }

    #[test]
    fn whoever_was_told_the_same_does_not_come_back_at_once() {
        let waits: Vec<Duration> =
            (0..100).map(|_| Retry::new().budget().wait(Some(SECOND)).unwrap()).collect();
        assert!(waits.iter().all(|wait| (SECOND..SECOND + Duration::from_millis(250)).contains(wait)));
        assert!(waits.iter().max() > waits.iter().min(), "they all come at once");
        let all = Retry::new().budget().wait(Some(8 * SECOND));
        assert_eq!(all, Some(8 * SECOND), "and the bound holds");
    }

    #[test]
    fn odd_settings() {
        assert_eq!(Retry::never().budget().wait(Some(Duration::ZERO)), None);
        assert_eq!(Retry::new().attempts(0).budget().wait(None), None);
        let mut budget = Retry::new().attempts(u32::MAX).first_wait(Duration::MAX).waiting(SECOND).budget();
        for _ in 0..100 {
            assert!(budget.wait(None).unwrap() <= SECOND);
        }
    }
}
