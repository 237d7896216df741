//! `keyway vault import`: an empty database, filled from an export.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
    sync::Arc,
};

use keyway::vault::{AnchorSink, Exported, Vault};
use owo_colors::OwoColorize as _;

use super::{Location, actor};
use crate::{
    exit::{Exit, Failure},
    output, system, values,
};

/// Fills an empty database, all or nothing.
pub(super) async fn import(location: &Location, file: &Path, json: bool) -> Result<Exit, Failure> {
    location.vacant().await?;
    let mut input = open(file)?;
    let store = location.create().await?;
    let source = Arc::clone(&location.key.source);
    let imported = Vault::import(Arc::clone(&store), source, &actor(), &mut *input).await;
    let (vault, imported) = match imported {
        Ok(imported) => imported,
        Err(error) => {
            store.close().await;
            return Err(location.key.failed(error));
        }
    };
    let last = location.anchors.as_ref().map(AnchorSink::last).transpose()?.flatten();
    let is_older = match &last {
        Some(anchor) => vault.hold(anchor).await.is_err(),
        None => false,
    };
    if is_older {
        output::note(
            "The file of --anchors knows of more than this export: what was written after it is lost, or it is of \
             another vault. Until another file is named, the vault is taken for one that was put back.",
        );
    } else {
        location.keep_anchor(&vault).await?;
    }
    vault.close().await;
    if json {
        output::json(&imported)?;
    } else {
        output::result(&text(&imported))?;
    }
    Ok(Exit::Done)
}

fn open(file: &Path) -> Result<Box<dyn BufRead + Send>, Failure> {
    if values::is_stdin(Some(file)) {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let opened = File::open(file).map_err(|error| {
        let why = system::of_reading(&error);
        Failure::Because(format!("import takes a file's name, or `-` for stdin: {why}"))
    })?;
    Ok(Box::new(BufReader::new(opened)))
}

fn text(imported: &Exported) -> String {
    format!("{} {}\n", "✓".green().bold(), format!("Imported {}.", super::told(imported)).bold())
}
