//! `keyway providers --watch`: what comes of each edit in a folder of providers.

use std::{future::poll_fn, path::PathBuf, task::Poll, time::Duration};

use keyway::{
    Id, LoadError, Problem, Registry,
    watch::{Change, Watch},
};
use owo_colors::OwoColorize as _;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::{
    exit::{Exit, Failure},
    output,
    proof::{Fault, Proof, proofs},
    providers::{self, ProviderView},
    stop::Stop,
};

/// Somebody saves a file and looks up.
const INTERVAL: Duration = Duration::from_millis(200);

/// Lists the providers, and goes on until a signal comes or nobody reads it any more. A folder that is broken at first is
/// what somebody is about to mend.
pub(crate) async fn watch(base: Registry, folder: Option<PathBuf>, json: bool) -> Result<Exit, Failure> {
    let folder =
        folder.ok_or_else(|| Failure::because("--watch needs a folder: name it with --providers DIR"))?;
    let mut stop = Stop::listen()?;
    let (sender, mut changes) = mpsc::unbounded_channel();
    let linked: Vec<Id> = base.entries().iter().map(|entry| entry.descriptor().id().clone()).collect();
    let watched = Watch::new(base, folder)
        .every(INTERVAL)
        .even_if_broken()
        .on_change(move |change| drop(sender.send(change)))
        .start()
        .map_err(|error| Failure::because(error.to_string()))?;
    let mut is_read = output::live(&listed(&watched.current(), &linked, json)?)?;
    if let Some(problem) = watched.problem() {
        is_read = output::live(&kept(&problem, json)?)?;
    }
    while is_read {
        let next = poll_fn(|context| match stop.poll(context) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => changes.poll_recv(context),
        });
        is_read = match next.await {
            Some(Change::Reloaded { registry, added, changed, removed, .. }) => {
                output::live(&reloaded(&registry, &added, &changed, &removed, json)?)?
            }
            Some(Change::Kept(error)) => output::live(&kept(&error, json)?)?,
            Some(_) => true,
            None => false,
        };
    }
    Ok(Exit::Done)
}

fn listed(registry: &Registry, linked: &[Id], json: bool) -> Result<String, Failure> {
    let proofs = proofs(registry, |id| !linked.iter().any(|known| *known == *id));
    if json {
        let faults = faults(&proofs);
        return output::json_line(&Event::Listed { providers: providers::views(registry), faults });
    }
    let told: String = proofs.iter().map(|proof| proof.text() + "\n").collect();
    Ok(format!("{}\n{told}Watching. Ctrl-C ends it.\n", providers::table(registry)))
}

fn reloaded(
    registry: &Registry,
    added: &[Id],
    changed: &[Id],
    removed: &[Id],
    json: bool,
) -> Result<String, Failure> {
    fn texts(ids: &[Id]) -> Vec<&str> {
        ids.iter().map(Id::as_str).collect()
    }
    let proofs = proofs(registry, |id| added.iter().chain(changed).any(|new| *new == *id));
    if json {
        let (added, changed, removed) = (texts(added), texts(changed), texts(removed));
        return output::json_line(&Event::Reloaded { added, changed, removed, faults: faults(&proofs) });
    }
    let edits: Vec<String> = [(added, "added"), (changed, "changed"), (removed, "removed")]
        .into_iter()
        .filter(|(ids, _)| !ids.is_empty())
        .map(|(ids, word)| format!("{word} {}", texts(ids).join(", ")))
        .collect();
    let edits = if edits.is_empty() { "as it was before".to_owned() } else { edits.join("; ") };
    let first = format!("{} {edits}", "✓".green().bold());
    let lines: Vec<String> = std::iter::once(first).chain(proofs.iter().map(Proof::text)).collect();
    Ok(lines.join("\n"))
}

fn faults<'p>(proofs: &'p [Proof<'p>]) -> Vec<&'p Fault<'p>> {
    proofs.iter().flat_map(|proof| &proof.faults).collect()
}

fn kept(error: &LoadError, json: bool) -> Result<String, Failure> {
    if json {
        return output::json_line(&Event::Kept {
            problems: error.problems().iter().map(ProblemView::of).collect(),
        });
    }
    let count = match error.problems().len() {
        1 => "a problem".to_owned(),
        count => format!("{count} problems"),
    };
    Ok(format!("{} {count}; the providers stay as they were\n{error}", "✗".red().bold()))
}

/// What is told, as JSON has it.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event<'e> {
    Listed { providers: Vec<ProviderView<'e>>, faults: Vec<&'e Fault<'e>> },
    Reloaded { added: Vec<&'e str>, changed: Vec<&'e str>, removed: Vec<&'e str>, faults: Vec<&'e Fault<'e>> },
    Kept { problems: Vec<ProblemView<'e>> },
}

#[derive(Serialize)]
struct ProblemView<'e> {
    file: &'e str,
    /// Nothing where the problem is the file's as a whole; so is the column.
    line: Option<usize>,
    column: Option<usize>,
    text: &'e str,
    message: &'e str,
    help: Option<&'e str>,
}

impl<'e> ProblemView<'e> {
    fn of(problem: &'e Problem) -> Self {
        let position = |number| (number > 0).then_some(number);
        Self {
            file: problem.file(),
            line: position(problem.line()),
            column: position(problem.column()),
            text: problem.text(),
            message: problem.message(),
            help: problem.help(),
        }
    }
}
