//! What the control plane does on its own: webhooks are sent, and idle connections checked, by one process at a time.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use keyway_hub::Stop;
use keyway_vault::{Error, Lead, Vault};
use tokio::time::sleep;

use crate::{Connect, schedule::check_idle, sweep::sweep, webhook::deliver};

/// Before it is tried again to lead, or to go on, after the vault failed.
const PAUSE: Duration = Duration::from_secs(5);

impl Connect {
    /// Sends webhooks, and checks connections that nobody used for long, until it is asked to stop. Of all processes over one vault
    /// one at a time does each; another one takes over when it ends, or was not heard of for
    /// [`Limits::lead`](crate::Limits::lead). What the vault refuses is tried again.
    pub async fn work(&self, stop: Stop) {
        let (shared, lasts) = (&self.0, self.0.limits.lead);
        let webhooks = lead(&shared.vault, "webhooks", lasts, stop.clone(), || deliver(shared));
        let sweeps = sweep(shared, stop.clone());
        let webhooks = async {
            tokio::join!(webhooks, sweeps);
        };
        let Some(every) = shared.check_every else { return webhooks.await };
        let checks = lead(&shared.vault, "checks", lasts, stop, || check_idle(Arc::clone(shared), every));
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
        let taken = tokio::select! {
            () = stop.asked() => return,
            taken = vault.lead(name, lasts) => taken,
        };
        let wait = match taken {
            Ok(Some(mut lead)) => {
                let ended = tokio::select! {
                    () = stop.asked() => None,
                    Err(error) = job() => Some(error),
                    error = hold(&mut lead, lasts) => error,
                };
                if let Some(error) = &ended {
                    tracing::error!(job = name, %error, "work breaks off, and goes on later");
                }
                if lead.release().await.is_err() {
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

/// Holds a lead until somebody else has it, or nobody can tell any more.
async fn hold(lead: &mut Lead, lasts: Duration) -> Option<Error> {
    let mut held = Instant::now();
    loop {
        sleep(lasts / 3).await;
        let asked = Instant::now();
        match lead.prolong(lasts).await {
            Ok(true) => held = asked,
            Ok(false) => return None,
            // Until it ends nobody else can have it.
            Err(error) if held.elapsed() + lasts / 3 >= lasts => return Some(error),
            Err(_) => {}
        }
    }
}
