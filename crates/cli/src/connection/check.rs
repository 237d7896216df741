//! `keyway connection check`: whether a kept key is still good.

use keyway::{
    Registry, Verdict,
    vault::{ConnectionId, Scope},
};

use super::view::ConnectionView;
use crate::{
    exit::{Exit, Failure},
    messages::Topic,
    outcome::Outcome,
    output::{self, Spinner},
    place::Place,
    report::Report,
};

/// Opens the key, asks the provider, and keeps what it says.
pub(super) async fn check(
    registry: &Registry,
    scope: &Scope,
    id: &ConnectionId,
    json: bool,
) -> Result<Exit, Failure> {
    let opened = scope.open(id, registry).await?;
    let (entry, method) = registry.method(
        opened.credential.provider().descriptor().id().as_str(),
        Some(opened.credential.method().id().as_str()),
    )?;
    let place = Place::of_kept(&opened.credential);
    let topic = Topic { descriptor: entry.descriptor(), method, place: &place };
    if !opened.warnings.is_empty() {
        output::note(&topic.warnings(&opened.warnings));
    }
    let client = place.open(entry, method).await?.client()?;
    let spinner = Spinner::start(format!("Asking {} …", entry.descriptor().name()));
    let verdict = client.check(&opened.credential).await;
    drop(spinner);
    let connection = scope.checked(&opened.connection, &verdict).await?;
    let outcome = Outcome::Judged { verdict, warnings: opened.warnings };
    if json {
        let report = Report::new(entry.descriptor().id().as_str(), method.id().as_str(), &outcome);
        output::json(&report.of(ConnectionView::of(&connection)))?;
    } else if let Outcome::Judged { verdict, .. } = &outcome {
        output::result(&topic.verdict(verdict))?;
        if matches!(verdict, Verdict::Invalid(_)) {
            output::note(&format!(
                "\nThe connection is marked: it needs a new key. This gives it one:\n\n  keyway connect {} --save \
                 --connection {id} --tenant {}",
                entry.descriptor().id(),
                connection.tenant
            ));
        }
    }
    Ok(outcome.exit())
}
