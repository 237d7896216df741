//! Checks for one provider, one after the other.

use std::{sync::Arc, time::Duration};

use keyway_core::{Reason, ReasonCode, Verdict};
use keyway_vault::{Connection, ConnectionId, Due, Error, KeyError, Scope};
use tokio::time::Instant;

use super::Pace;
use crate::shared::Shared;

/// How long a provider that said nothing of it rests, and at most.
const REST: Duration = Duration::from_secs(60);
const LONGEST_REST: Duration = Duration::from_secs(15 * 60);
/// After so many checks in a row without an answer it rests.
const SILENT: u32 = 3;
/// How long a lane goes on at most: what was looked up for it may have been checked by others since.
const ROUND: Duration = Duration::from_secs(5 * 60);

/// What a provider has to check.
pub(super) struct Lane {
    pub(super) shared: Arc<Shared>,
    pub(super) pace: Arc<Pace>,
    pub(super) every: Duration,
    pub(super) provider: String,
    pub(super) due: Vec<Due>,
}

/// How it ended.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// For how long the provider rests.
    pub(super) rests: Option<Duration>,
    /// Connections that could not be checked, and for how long they are left out.
    pub(super) left_out: Vec<(ConnectionId, Duration)>,
}

impl Done {
    /// Nobody knows how.
    pub(super) fn broken_off() -> Self {
        Self { rests: Some(REST), left_out: Vec::new() }
    }
}

impl Lane {
    pub(super) async fn run(self) -> Done {
        let (end, mut silent) = (Instant::now() + ROUND, 0);
        let mut done = Done::default();
        for due in &self.due {
            if done.rests.is_some() || Instant::now() >= end {
                break;
            }
            self.pace.turn().await;
            let checked = self.check(due).await;
            silent = if matches!(checked, Ok(Checked::Silent)) { silent + 1 } else { 0 };
            match checked {
                Ok(Checked::Done) => {}
                Ok(Checked::Busy(wait)) => done.rests = Some(wait.unwrap_or(REST).min(LONGEST_REST)),
                Ok(Checked::Silent) => done.rests = (silent >= SILENT).then_some(REST),
                // It is in nobody's way until it would be due again.
                Ok(Checked::Broken) => done.left_out.push((due.id.clone(), self.every)),
                Err(error) => {
                    let provider = self.provider.as_str();
                    tracing::error!(connection = %due.id, provider, %error, "an idle connection was not checked; its provider rests");
                    done.rests = Some(REST);
                    done.left_out.push((due.id.clone(), LONGEST_REST.min(self.every)));
                }
            }
        }
        done
    }

    async fn check(&self, due: &Due) -> Result<Checked, Error> {
        let (scope, id, provider) = (self.shared.scope(&due.tenant), &due.id, self.provider.as_str());
        let opened = match scope.open(id, &self.shared.registry).await {
            Ok(opened) => opened,
            Err(Error::NotFound) => return Ok(Checked::Done),
            Err(error) if is_lasting(&error) => {
                tracing::error!(connection = %id, provider, %error, "an idle connection cannot be checked");
                return cannot(&scope, id).await;
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
                return note(&scope, &opened.connection, reason).await;
            }
            Err(error) => return Err(error),
        }
        Ok(match verdict {
            Verdict::RateLimited { retry_after } => Checked::Busy(retry_after),
            Verdict::Unavailable { retry_after: Some(wait), .. } => Checked::Busy(Some(wait)),
            Verdict::Unavailable { .. } => Checked::Silent,
            _ => Checked::Done,
        })
    }
}

enum Checked {
    Done,
    /// The provider is busy; for how long, where it said so.
    Busy(Option<Duration>),
    /// The provider did not answer.
    Silent,
    /// It could not be checked, nor that be written down.
    Broken,
}

/// Whether something is wrong with a connection itself, and stays so.
fn is_lasting(error: &Error) -> bool {
    matches!(
        error,
        Error::NeedsKey { .. }
            | Error::Invalid(_)
            | Error::Tampered { .. }
            | Error::Key(KeyError::Wrong { .. } | KeyError::Missing(_))
    )
}

/// Writes down that nothing is known, so that it is not tried again before its time.
async fn cannot(scope: &Scope, id: &ConnectionId) -> Result<Checked, Error> {
    match scope.get(id).await {
        Ok(connection) => {
            let reason = Reason::new(ReasonCode::NoProof, "the stored key cannot be used");
            note(scope, &connection, reason).await
        }
        Err(error) if is_lasting(&error) => Ok(Checked::Broken),
        Err(Error::NotFound) => Ok(Checked::Done),
        Err(error) => Err(error),
    }
}

async fn note(scope: &Scope, connection: &Connection, reason: Reason) -> Result<Checked, Error> {
    match scope.checked(connection, &Verdict::Unknown(reason)).await {
        Ok(_) | Err(Error::Replaced | Error::NotFound) => Ok(Checked::Done),
        Err(error) if is_lasting(&error) => Ok(Checked::Broken),
        Err(error) => Err(error),
    }
}
