//! What the control plane does on its own: webhooks are sent, and idle connections checked, by one process at a time.

use std::{convert::Infallible, sync::Arc, time::Duration};

use keyway_hub::Stop;
use keyway_vault::{Error, StoreError, StoreErrorKind, Vault};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout, timeout_at},
};

use crate::{
    Connect,
    schedule::{Rests, check_idle},
    sweep::sweep,
    webhook::deliver,
};

/// Before it is tried again to lead, or to go on, after the vault failed.
const PAUSE: Duration = Duration::from_secs(5);

impl Connect {
    /// Sends webhooks, and checks connections that nobody used for long, until it is asked to stop. Of all processes over one vault
    /// one at a time does each; another one takes over when it ends, or was not heard of for
    /// [`Limits::lead`](crate::Limits::lead). What the vault refuses is tried again.
    ///
    /// Whoever asks it to stop waits for it: it gives back what it leads at its end, and otherwise nobody takes over for that long.
    pub async fn work(&self, stop: Stop) {
        let (shared, lasts) = (&self.0, self.0.limits.lead);
        let webhooks = lead(&shared.vault, "webhooks", lasts, stop.clone(), || deliver(shared));
        let sweeps = sweep(shared, stop.clone());
        let webhooks = async {
            tokio::join!(webhooks, sweeps);
        };
        let Some(every) = shared.check_every else { return webhooks.await };
        let rests = Arc::new(Mutex::new(Rests::default()));
        let check = || {
            let job = check_idle(Arc::clone(shared), every, Arc::clone(&rests));
            async { Ok(job.await) }
        };
        let checks = lead(&shared.vault, "checks", lasts, stop, check);
        tokio::join!(webhooks, checks);
    }
}

/// Does a job whenever nobody else does, until it is asked to stop.
async fn lead<J: Future<Output = Result<Infallible, Error>>>(
    vault: &Vault,
    name: &'static str,
    lasts: Duration,
    mut stop: Stop,
    job: impl Fn() -> J,
) {
    while !stop.is_asked() {
        let asked = Instant::now();
        let taken = tokio::select! {
            () = stop.asked() => return,
            taken = vault.lead(name, lasts) => taken,
        };
        let wait = match taken {
            Ok(Some(lead)) => {
                let ended = tokio::select! {
                    () = stop.asked() => None,
                    Err(error) = job() => Some(error),
                    error = hold(asked, lasts, || lead.prolong(lasts)) => error,
                };
                if let Some(error) = &ended {
                    tracing::error!(job = name, %error, "work breaks off, and goes on later");
                }
                if !matches!(timeout(lasts / 3, lead.release()).await, Ok(Ok(()))) {
                    tracing::warn!(job = name, "a lead was not given back; it ends by itself");
                }
                PAUSE
            }
            Ok(None) => lasts / 3,
            Err(error) => {
                tracing::error!(job = name, %error, "nobody knows who leads");
                PAUSE
            }
        };
        tokio::select! {
            () = stop.asked() => return,
            () = sleep(wait.min(lasts)) => {}
        }
    }
}

/// Holds a lead, taken at a time, until somebody else has it, or nobody can tell any more. It ends a good while before the lead does,
/// also where the database does not answer at all: nobody else can have it until then.
async fn hold<P: Future<Output = Result<bool, Error>>>(
    mut taken: Instant,
    lasts: Duration,
    mut prolong: impl FnMut() -> P,
) -> Option<Error> {
    loop {
        sleep(lasts / 4).await;
        let (asked, end) = (Instant::now(), taken + lasts * 2 / 3);
        match timeout_at(end, prolong()).await {
            Ok(Ok(true)) => taken = asked,
            Ok(Ok(false)) => return None,
            Ok(Err(error)) if Instant::now() + lasts / 4 >= end => return Some(error),
            Ok(Err(_)) => {}
            Err(_) => {
                let silent = StoreError::new(StoreErrorKind::Unavailable);
                return Some(silent.because("it did not answer in time").into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const LASTS: Duration = Duration::from_secs(12);

    fn failed() -> Error {
        StoreError::new(StoreErrorKind::Unavailable).into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_lead_is_left_before_it_ends_where_the_database_does_not_answer() {
        for answered in 0..3 {
            let (began, mut asked) = (Instant::now(), 0);
            let error = hold(began, LASTS, || {
                asked += 1;
                let is_silent = asked > answered;
                async move { if is_silent { pending().await } else { Ok(true) } }
            });
            assert!(matches!(error.await, Some(Error::Store(_))));
            assert_eq!(began.elapsed(), LASTS / 4 * answered + LASTS * 2 / 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lead_is_held_while_the_database_fails_and_comes_back() {
        let (began, mut asked) = (Instant::now(), 0);
        let ended = hold(began, LASTS, || {
            asked += 1;
            ready(match asked {
                9 => Ok(false),
                odd if odd % 2 == 1 => Err(failed()),
                _ => Ok(true),
            })
        });
        assert_eq!(ended.await, None, "somebody else has it");
        assert_eq!(began.elapsed(), LASTS / 4 * 9);
        let began = Instant::now();
        assert_eq!(hold(began, LASTS, || ready(Err(failed()))).await, Some(failed()));
        assert!(began.elapsed() < LASTS * 2 / 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_it_took_to_get_a_lead_is_part_of_its_time() {
        let taken = Instant::now();
        tokio::time::advance(LASTS / 2).await;
        let error = hold(taken, LASTS, pending).await;
        assert!(error.is_some() && taken.elapsed() < LASTS);
    }
}
