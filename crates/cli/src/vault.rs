//! `keyway vault`: the place where connections are kept.

mod actor;
mod anchors;
mod export;
mod import;
mod init;
mod key;
mod location;
mod rotate;
mod status;
mod transit;
mod verify;

pub(crate) use actor::actor;
pub(crate) use location::{Folder, Location, Part, tenant, usual};

use keyway::vault::Exported;

use crate::{
    args::{Vault, VaultCommand},
    exit::{Exit, Failure},
    messages::count,
};

/// Runs the command.
pub(crate) async fn vault(args: &Vault) -> Result<Exit, Failure> {
    let (location, json) = (Location::of(&args.store)?, args.answer.json);
    let done = match &args.command {
        VaultCommand::Init => init::init(&location, json).await,
        VaultCommand::Status => status::status(&location, json).await,
        VaultCommand::Verify { anchor } => verify::verify(&location, anchor, json).await,
        VaultCommand::RotateKey => rotate::rotate(&location, json).await,
        VaultCommand::Export { file, force } => export::export(&location, file, *force, json).await,
        VaultCommand::Import { file } => import::import(&location, file, json).await,
    };
    done.map_err(|failure| location.key.unsaid(failure))
}

/// What an export holds, for a person.
fn told(rows: &Exported) -> String {
    format!(
        "{}, {}, and {} of the audit log",
        count(rows.connections, "connection", "connections"),
        count(rows.grants, "grant", "grants"),
        count(rows.entries, "entry", "entries")
    )
}
