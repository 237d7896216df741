//! One round of checks for one provider.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use keyway_core::{Reason, ReasonCode, Verdict};
use keyway_vault::{Connection, ConnectionId, Error, Scope, Tenant};
use tokio::time::{Instant, sleep_until};

use crate::shared::Shared;

/// How long a provider that said nothing of it rests when it is busy, and at most.
const REST: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(15 * 60);
/// How long a round lasts at most: another provider's connections may have become due.
const ROUND: Duration = Duration::from_secs(5 * 60);

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
    async fn turn(&self) {
        sleep_until(self.take(fastrand::f64())).await;
    }

    fn take(&self, chance: f64) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(Instant::now());
        *next = turn + self.gap.mul_f64(0.5 + chance);
        turn
    }
}

/// What a provider has to check, one after the other.
pub(super) struct Lane {
    pub(super) shared: Arc<Shared>,
    pub(super) pace: Arc<Pace>,
    pub(super) provider: String,
    pub(super) connections: Vec<(Tenant, ConnectionId)>,
}

/// How it ended.
pub(super) struct Done {
    pub(super) provider: String,
    pub(super) rests_until: Option<Instant>,
    pub(super) broken: Vec<ConnectionId>,
}

impl Lane {
    pub(super) async fn run(self) -> Result<Done, Error> {
        let end = Instant::now() + ROUND;
        let mut done = Done { provider: self.provider.clone(), rests_until: None, broken: Vec::new() };
        for (tenant, id) in &self.connections {
            if Instant::now() >= end {
                break;
            }
            self.pace.turn().await;
            match self.check(&self.shared.scope(tenant), id).await? {
                Checked::Done => {}
                Checked::Busy(wait) => {
                    done.rests_until = Some(Instant::now() + wait.unwrap_or(REST).min(LONGEST_REST));
                    break;
                }
                Checked::Broken => done.broken.push(id.clone()),
            }
        }
        Ok(done)
    }

    async fn check(&self, scope: &Scope, id: &ConnectionId) -> Result<Checked, Error> {
        let provider = self.provider.as_str();
        let opened = match scope.open(id, &self.shared.registry).await {
            Ok(opened) => opened,
            Err(Error::NotFound) => return Ok(Checked::Done),
            Err(error @ (Error::NeedsKey { .. } | Error::Invalid(_) | Error::Tampered { .. })) => {
                tracing::warn!(connection = %id, provider, %error, "an idle connection cannot be checked");
                return self.cannot(scope, id).await;
            }
            Err(error) => return Err(error),
        };
        let verdict = self.shared.client.check(&opened.credential).await;
        tracing::info!(connection = %id, provider, verdict = verdict.kind().as_str(), "checked while idle");
        match scope.checked(&opened.connection, &verdict).await {
            // Somebody gave it another key, or removed it, while it was asked.
            Ok(_) | Err(Error::Replaced | Error::NotFound) => {}
            Err(Error::OtherAccount) => {
                let reason = Reason::new(ReasonCode::NoProof, "the key is of another account than before");
                return note(scope, &opened.connection, reason).await;
            }
            Err(error) => return Err(error),
        }
        Ok(match verdict {
            Verdict::RateLimited { retry_after } => Checked::Busy(retry_after),
            _ => Checked::Done,
        })
    }

    /// Writes down that nothing is known, so that it is not tried again before its time.
    async fn cannot(&self, scope: &Scope, id: &ConnectionId) -> Result<Checked, Error> {
        match scope.get(id).await {
            Ok(connection) => {
                let reason = Reason::new(ReasonCode::NoProof, "the stored key cannot be used");
                note(scope, &connection, reason).await
            }
            Err(Error::Store(error)) => Err(error.into()),
            Err(_) => Ok(Checked::Broken),
        }
    }
}

enum Checked {
    Done,
    /// The provider is busy; for how long, where it said so.
    Busy(Option<Duration>),
    /// Not even that could be written down.
    Broken,
}

async fn note(scope: &Scope, connection: &Connection, reason: Reason) -> Result<Checked, Error> {
    match scope.checked(connection, &Verdict::Unknown(reason)).await {
        Ok(_) | Err(Error::Replaced | Error::NotFound) => Ok(Checked::Done),
        Err(Error::Tampered { .. } | Error::Invalid(_)) => Ok(Checked::Broken),
        Err(error) => Err(error),
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
