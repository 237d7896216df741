//! `keyway vault verify`: whether everything is as it was written.

use keyway::vault::{Anchor, Report};
use owo_colors::OwoColorize as _;

use super::Location;
use crate::{
    exit::{Exit, Failure},
    messages::count,
    output::{self, Spinner},
};

/// Looks at everything, with what anchors say.
pub(super) async fn verify(location: &Location, given: &[Anchor], json: bool) -> Result<Exit, Failure> {
    let mut anchors = location.all_anchors()?;
    anchors.extend_from_slice(given);
    let spinner = Spinner::start("Looking at everything that is kept …".to_owned());
    let report = location.inspect(&anchors).await;
    drop(spinner);
    let report = report?;
    if json {
        output::json(&report)?;
    } else {
        output::result(&text(&report))?;
    }
    Ok(if report.problems.is_empty() { Exit::Done } else { Exit::Damaged })
}

fn text(report: &Report) -> String {
    let head = match report.problems.len() {
        0 => format!("{} {}", "✓".green().bold(), "Everything is as it was written.".bold()),
        1 => format!("{} {}", "✗".red().bold(), "Something is not as it was written.".bold()),
        several => format!(
            "{} {}",
            "✗".red().bold(),
            format!("{several} things are not as they were written.").bold()
        ),
    };
    let mut out = format!(
        "{head}\n  Looked at {}, {}, {}, {} of the audit log, and {}.\n",
        count(report.connections, "connection", "connections"),
        count(report.grants, "grant", "grants"),
        count(report.keys, "key", "keys"),
        count(report.entries, "entry", "entries"),
        count(report.anchors, "anchor", "anchors")
    );
    for problem in &report.problems {
        out += &format!("\n  {} {problem}", problem.code.bold());
    }
    if !report.problems.is_empty() {
        out += "\n\n  Somebody changed the database, or put older rows in place. A row that was changed is refused when\n  \
                it is read; an older one that was put back whole is authentic, and is used until you act: stop\n  \
                what uses the vault, then restore a good backup; or remove each connection that is named, or whose\n  \
                grant is (`keyway connection remove ID`), and save it anew. What is wrong with the log itself\n  \
                stays: note what you found, and when.\n";
    }
    if report.anchors == 0 {
        out += "\n  Without an anchor, a database that was put back whole looks well: keep what `keyway audit\n  \
                --anchor` prints in another place, or name a file with --anchors.\n";
    }
    for run in &report.open_runs {
        out += &format!(
            "\n  A process that records uses began at entry {}, wrote {} last, and never ended: it runs, or was killed.\n",
            run.began, run.last
        );
    }
    out
}
