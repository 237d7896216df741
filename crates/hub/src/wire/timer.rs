//! A deadline that costs nothing while it moves.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline. Moving it is an assignment: the runtime's timer is armed when somebody has to wait, and armed anew when it
/// fires too early, so that a request that needs no waiting touches no timer.
#[derive(Debug)]
pub(crate) struct Timer {
    at: Instant,
    armed: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(crate) fn new(now: Instant, after: Duration) -> Self {
        Self { at: now + after, armed: None }
    }

    /// Moves the deadline.
    pub(crate) fn set(&mut self, now: Instant, after: Duration) {
        self.at = now + after;
    }

    /// Whether the deadline has passed; otherwise the task is woken when it has.
    pub(crate) fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        let armed = self.armed.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if armed.deadline() > at {
            armed.as_mut().reset(at);
        }
        while armed.as_mut().poll(context).is_ready() {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            armed.as_mut().reset(at);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_passes_when_it_should() {
        let start = Instant::now();
        let mut timer = Timer::new(start, Duration::from_secs(10));
        // It is armed, and then moves in either direction.
        assert!(poll_fn(|context| Poll::Ready(timer.poll_passed(context))).await.is_pending());
        timer.set(start, Duration::from_secs(25));
        poll_fn(|context| timer.poll_passed(context)).await;
        assert_eq!(start.elapsed().as_secs(), 25);
        timer.set(Instant::now(), Duration::from_secs(100));
        assert!(poll_fn(|context| Poll::Ready(timer.poll_passed(context))).await.is_pending());
        timer.set(Instant::now(), Duration::from_secs(5));
        poll_fn(|context| timer.poll_passed(context)).await;
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
