//! `keyway vault rotate-key`: another key for everything.

use keyway::vault::Rotated;
use owo_colors::OwoColorize as _;
use serde::Serialize;

use super::{Location, actor};
use crate::{
    exit::{Exit, Failure},
    messages::count,
    output::{self, Spinner},
};

#[derive(Serialize)]
struct View {
    key_id: String,
    retired: Vec<String>,
    to_forget: Vec<String>,
    /// The file that the others of `retired` are in now.
    retired_file: Option<String>,
    rewrapped: u64,
    resumed: bool,
}

/// Brings everything under another key.
pub(super) async fn rotate(location: &Location, json: bool) -> Result<Exit, Failure> {
    let rotated = location
        .with(async |vault| {
            let spinner = Spinner::start("Rotating …".to_owned());
            let rotated = vault
                .rotate(&actor(), |progress| {
                    spinner.say(format!("Rotating … {} of {} connections", progress.done, progress.of));
                })
                .await;
            drop(spinner);
            Ok(rotated?)
        })
        .await?;
    if json {
        output::json(&View::of(&rotated, location))?;
    } else {
        output::result(&text(&rotated, location))?;
    }
    Ok(Exit::Done)
}

fn texts(ids: &[keyway::vault::KeyId]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

impl View {
    fn of(rotated: &Rotated, location: &Location) -> Self {
        Self {
            key_id: rotated.key.to_string(),
            retired: texts(&rotated.retired),
            to_forget: texts(&rotated.to_forget),
            retired_file: location
                .key
                .retired()
                .filter(|_| rotated.retired.iter().any(|id| !rotated.to_forget.contains(id)))
                .map(|file| file.display().to_string()),
            rewrapped: rotated.rewrapped,
            resumed: rotated.resumed,
        }
    }
}

fn text(rotated: &Rotated, location: &Location) -> String {
    let head = format!("Everything is under the key {} now.", rotated.key);
    let mut out = format!("{} {}\n", "✓".green().bold(), head.bold());
    if rotated.resumed {
        out += "  This went on with a rotation that had not ended.\n";
    }
    out += &format!("  Brought under it: {}.\n", count(rotated.rewrapped, "connection", "connections"));
    if !rotated.to_forget.is_empty() {
        out += &format!(
            "  Nothing is under {} any more. It is still in {}, and cannot be taken out from here: take it out,\n  \
             and keep it for as long as there are backups that were made before.\n",
            texts(&rotated.to_forget).join(", "),
            location.key.source.describe(),
        );
    } else if let Some(file) = location.key.retired() {
        out += &format!(
            "  Copy the new key to another place too. The old one is in {} now:\n  \
             backups and copies that were made before need it, and another vault that had the same key. Delete\n  \
             that file when none of them matters, or at once when you rotated because somebody else had the key.\n",
            file.display()
        );
    }
    out
}
