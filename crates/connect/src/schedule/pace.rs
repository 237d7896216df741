//! How fast it goes.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// So many a minute, with irregular gaps.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { gap: Duration::from_secs(60) / per_minute.max(1), next: Mutex::new(Instant::now()) }
    }

    /// Waits for one's turn.
    pub(super) async fn turn(&self) {
        sleep_until(self.take(fastrand::f64())).await;
    }

    fn take(&self, chance: f64) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(Instant::now());
        *next = turn + self.gap.mul_f64(0.5 + chance);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_a_minute_and_never_two_at_once() {
        let pace = Pace::new(60);
        let turns: Vec<_> = [0.0, 0.5, 1.0, 0.5].iter().map(|chance| pace.take(*chance)).collect();
        let gaps: Vec<_> = turns.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
        assert_eq!(gaps, [500, 1000, 1500]);
        tokio::time::advance(Duration::from_secs(600)).await;
        let (first, second) = (pace.take(0.5), pace.take(0.5));
        assert_eq!(first, Instant::now(), "what was not used is not saved up");
        assert_eq!(second - first, Duration::from_secs(1));
    }
}
