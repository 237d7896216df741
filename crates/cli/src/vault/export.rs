//! `keyway vault export`: everything as a file, sealed as it is.

use std::{
    fs::File,
    io::{self, BufWriter, ErrorKind, Write as _},
    path::Path,
};

use keyway::vault::Exported;
use owo_colors::OwoColorize as _;

use super::{Location, actor};
use crate::{
    exit::{Exit, Failure},
    output, values,
};

/// Writes everything to a file that is complete when it is there, or to stdout.
pub(super) async fn export(
    location: &Location,
    file: &Path,
    force: bool,
    json: bool,
) -> Result<Exit, Failure> {
    let to_stdout = values::is_stdin(Some(file));
    if to_stdout && json {
        return Err(Failure::because(
            "with `-` the export itself goes to stdout: leave --json out, or name a file",
        ));
    }
    // Before anything is written, also to the audit log.
    match file.symlink_metadata() {
        Ok(_) if !to_stdout && !force => return Err(there_already()),
        Ok(there) if !to_stdout && !there.is_file() => {
            return Err(Failure::because(
                "the export cannot be written: what is there is no file, and --force replaces files alone",
            ));
        }
        _ => {}
    }
    let exported = location
        .with(async |vault| {
            if to_stdout {
                let mut out = BufWriter::new(io::stdout());
                let exported = vault.export(&actor(), &mut out).await?;
                out.flush().map_err(|error| Failure::because(crate::system::of_writing(&error)))?;
                return Ok(exported);
            }
            let folder = match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            // For its owner alone, as all files of this kind are.
            let draft = tempfile::Builder::new()
                .prefix(".keyway-export-")
                .tempfile_in(folder)
                .map_err(|error| not_written(&error))?;
            let mut out = BufWriter::new(draft);
            let exported = vault.export(&actor(), &mut out).await?;
            let draft = out.into_inner().map_err(|error| not_written(error.error()))?;
            draft.as_file().sync_all().map_err(|error| not_written(&error))?;
            let kept = if force { draft.persist(file) } else { draft.persist_noclobber(file) };
            kept.map_err(|error| not_written(&error.error))?;
            sync(folder);
            Ok(exported)
        })
        .await?;
    if json {
        output::json(&exported)?;
    } else if !to_stdout {
        output::result(&text(&exported))?;
    }
    Ok(Exit::Done)
}

/// The file's name outlasts a crash too, where a folder can be told to.
fn sync(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

fn there_already() -> Failure {
    Failure::because("there is such a file already; name another one, or replace it with --force")
}

/// The file's name is not repeated: a key may have been pasted in its place.
fn not_written(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::AlreadyExists => there_already(),
        ErrorKind::NotFound => Failure::because("the export cannot be written: there is no such folder"),
        ErrorKind::PermissionDenied => Failure::because("the export cannot be written: permission denied"),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Failure::because("the export cannot be written: the disk is full")
        }
        ErrorKind::IsADirectory => Failure::because("the export cannot be written: it is a folder"),
        _ => Failure::because("the export cannot be written"),
    }
}

fn text(exported: &Exported) -> String {
    format!(
        "{} {}\n  It is sealed as it was: it is of no use without the vault's key, which is not in it.\n",
        "✓".green().bold(),
        format!("Exported {}.", super::told(exported)).bold()
    )
}
