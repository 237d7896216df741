//! What has ended, such as sessions with the keys that wait in them, is taken away also when nobody writes.

use std::time::Duration;

use keyway_hub::Stop;
use tokio::time::{MissedTickBehavior, interval};

use crate::shared::Shared;

const EVERY: Duration = Duration::from_secs(60);

/// Takes away each minute what has ended, until it is asked to stop. Any process may: it is done once, whoever comes first.
pub(crate) async fn sweep(shared: &Shared, mut stop: Stop) {
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let documents = shared.vault.documents();
    loop {
        tokio::select! {
            () = stop.asked() => return,
            _ = every.tick() => {}
        }
        if let Err(error) = documents.sweep().await {
            tracing::warn!(%error, "what has ended was not taken away; it is tried again in a minute");
        }
    }
}
