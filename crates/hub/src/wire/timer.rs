//! A deadline that costs nothing until somebody waits for it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline: so long after it is first waited for. Setting it is an assignment: the clock is read when somebody has to wait,
/// and the runtime's timer is armed anew only when it would fire too late, so that a request that need not wait touches neither.
#[derive(Debug)]
pub(crate) struct Timer {
    after: Duration,
    at: Option<Instant>,
    armed: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    pub(crate) fn new(after: Duration) -> Self {
        Self { after, at: None, armed: None }
    }

    /// Begins anew.
    pub(crate) fn set(&mut self, after: Duration) {
        self.after = after;
        self.at = None;
    }

    /// Whether the deadline has passed; otherwise the task is woken when it has.
    pub(crate) fn poll_passed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let after = self.after;
        let at = *self.at.get_or_insert_with(|| Instant::now() + after);
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
        let mut timer = Timer::new(Duration::from_secs(10));
        // It is armed, and then moves in either direction.
        assert!(poll_fn(|context| Poll::Ready(timer.poll_passed(context))).await.is_pending());
        timer.set(Duration::from_secs(25));
        poll_fn(|context| timer.poll_passed(context)).await;
        assert_eq!(start.elapsed().as_secs(), 25);
        timer.set(Duration::from_secs(100));
        assert!(poll_fn(|context| Poll::Ready(timer.poll_passed(context))).await.is_pending());
        timer.set(Duration::from_secs(5));
        poll_fn(|context| timer.poll_passed(context)).await;
        assert_eq!(start.elapsed().as_secs(), 30);
        // What is waited for several times is one wait.
        timer.set(Duration::from_secs(10));
        for _ in 0..3 {
            assert!(poll_fn(|context| Poll::Ready(timer.poll_passed(context))).await.is_pending());
            tokio::time::advance(Duration::from_secs(3)).await;
        }
        poll_fn(|context| timer.poll_passed(context)).await;
        assert_eq!(start.elapsed().as_secs(), 40);
    }
}
