//! `keyway vault status`: how a vault stands.

use keyway::vault::{KeyRow, KeyStatus, VaultStatus};
use serde::Serialize;

use super::Location;
use crate::{
    exit::{Exit, Failure},
    messages::count,
    output,
};

#[derive(Serialize)]
struct View<'v> {
    vault: &'v str,
    engine: &'v str,
    database: String,
    key_source: &'v str,
    keys: &'v [KeyStatus],
    connections: u64,
    grants: u64,
    tenants: u64,
    anchor: String,
}

/// Shows how the vault stands.
pub(super) async fn status(location: &Location, json: bool) -> Result<Exit, Failure> {
    let status = location.with(async |vault| Ok(vault.status().await?)).await?;
    let view = View {
        vault: &status.id,
        engine: status.engine,
        database: location.database.to_string(),
        key_source: &status.source,
        keys: &status.keys,
        connections: status.counts.connections,
        grants: status.counts.grants,
        tenants: status.counts.tenants,
        anchor: status.anchor.to_string(),
    };
    if json {
        output::json(&view)?;
    } else {
        output::result(&text(&view, &status))?;
    }
    Ok(Exit::Done)
}

fn text(view: &View<'_>, status: &VaultStatus) -> String {
    let mut out = format!(
        "Vault        {}\nDatabase     {} ({})\nKey          from {}\nKept         {} of {}, {}\nAudit log    stands at {}\n\n",
        view.vault,
        view.database,
        view.engine,
        view.key_source,
        count(view.connections, "connection", "connections"),
        count(view.tenants, "tenant", "tenants"),
        count(view.grants, "grant", "grants"),
        view.anchor
    );
    let rows: Vec<Vec<String>> = status
        .keys
        .iter()
        .map(|key| {
            vec![key.id.clone(), key.state.clone(), key.created_at.clone(), key.connections.to_string()]
        })
        .collect();
    out += &output::table(&["KEY", "STATE", "MADE", "CONNECTIONS UNDER IT"], &rows, "");
    if status.keys.iter().any(|key| key.state == KeyRow::DECRYPT) {
        out += "\nA rotation has not ended: `keyway vault rotate-key` goes on with it.\n";
    }
    out
}
