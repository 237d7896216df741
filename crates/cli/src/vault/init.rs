//! `keyway vault init`: a vault, and its key.

use std::sync::Arc;

use keyway::vault::{AnchorSink as _, Vault};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use super::{Location, actor};
use crate::{
    exit::{Exit, Failure},
    output,
};

#[derive(Serialize)]
struct View<'v> {
    vault: &'v str,
    database: String,
    key_source: String,
    key_id: String,
    /// Another vault may use it too.
    key_was_there: bool,
}

/// A vault that was just made.
pub(super) struct Made {
    pub(super) vault: Vault,
    /// Another vault may use it too.
    key_was_there: bool,
}

/// Makes a vault where there is none, and says so.
pub(super) async fn init(location: &Location, json: bool) -> Result<Exit, Failure> {
    let Made { vault, key_was_there } = make(location).await?;
    let view = View {
        vault: vault.id(),
        database: location.database.to_string(),
        key_source: location.key.source.describe(),
        key_id: vault.active_key().to_string(),
        key_was_there,
    };
    if json {
        output::json(&view)?;
    } else {
        output::result(&text(location, &view))?;
    }
    vault.close().await;
    Ok(Exit::Done)
}

/// Makes a vault where there is none.
pub(super) async fn make(location: &Location) -> Result<Made, Failure> {
    location.vacant().await?;
    if let Some(anchors) = &location.anchors
        && anchors.last()?.is_some()
    {
        return Err(Failure::because(
            "the file of --anchors knows another vault; name a new one. Nothing was changed",
        ));
    }
    // Not before it is known that there is no vault: its key may just not be where it was.
    let key_was_there = location.key.make()?;
    let store = location.create().await?;
    let vault = Vault::init(store, Arc::clone(&location.key.source), &actor()).await?;
    location.keep_anchor(&vault).await?;
    Ok(Made { vault, key_was_there })
}

fn text(location: &Location, view: &View<'_>) -> String {
    let key = match location.key.file_name() {
        Some(file) => file.display().to_string(),
        None => view.key_source.clone(),
    };
    let mut out = format!(
        "{} {}\n  Database  {}\n  Key       {key}\n",
        "✓".green().bold(),
        "There is a vault now.".bold(),
        view.database
    );
    out += if location.key.source.keeps() {
        "\nCopy the key to another place now, apart from the database and its backups. Without it, nothing\n\
         in the vault can ever be opened; whoever has both can open everything.\n"
    } else {
        "\nThe key service is needed whenever the vault is opened: without it, nothing in the vault can be.\n"
    };
    if view.key_was_there && location.key.file_name().is_some() {
        out += "\nThe key was there already. Another vault that uses it needs the old one, from the file beside it that\n\
                ends with `.retired`, when one of them rotates: give each vault a key of its own with --key file:…\n";
    }
    out + "\n  keyway connect rootly --save --tenant acme     keeps a first connection\n"
}
