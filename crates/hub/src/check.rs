//! What an answer makes of a connection: a refusal leads to a check, and only the check's verdict counts.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::StatusCode;
use keyway_vault::{Error as VaultError, Status};

use crate::{Gateway, route::Route};

/// Between two checks of one connection, whatever comes meanwhile.
const PAUSE: Duration = Duration::from_secs(30);

/// Starts a check where an answer gives a reason: 401, or anything else from a connection that is said to need a key.
pub(crate) fn consider(gateway: &Gateway, route: &Arc<Route>, status: StatusCode) {
    let doubted = status == StatusCode::UNAUTHORIZED;
    let recovers = route.connection.status == Status::NeedsKey && status.is_success();
    if !doubted && !recovers {
        return;
    }
    let pace = &route.pace;
    let now = pace.now();
    let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
    // Nothing yet is zero; whoever is first moves it on, and the others find it moved.
    let claimed = pace
        .check_after
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |after| (after <= now).then_some(now + pause));
    if claimed.is_ok() {
        tokio::spawn(check(gateway.clone(), Arc::clone(route)));
    }
}

/// Asks the provider, and writes down what it says.
async fn check(gateway: Gateway, route: Arc<Route>) {
    let shared = &gateway.0;
    let Some(client) = shared.client() else { return };
    let verdict = client.check(&route.credential).await;
    let provider = route.connection.provider.as_str();
    shared.metrics.checked(provider, verdict.kind().as_str());
    tracing::info!(connection = %route.connection.id, provider, verdict = verdict.kind().as_str(), "checked after an answer");
    let scope = shared.vault.tenant(&route.grant.tenant, &shared.actor);
    match scope.checked(&route.connection, &verdict).await {
        // Somebody gave it another key, or removed it, while it was asked.
        Ok(_) | Err(VaultError::Replaced | VaultError::NotFound) => {}
        Err(error) => {
            tracing::error!(connection = %route.connection.id, %error, "a check's verdict could not be written down");
        }
    }
}
