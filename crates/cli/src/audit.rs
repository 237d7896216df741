//! `keyway audit`: who did what with the vault.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use keyway::vault::{Entry, Error, Tenant, Use, Vault};
use owo_colors::OwoColorize as _;
use tokio::time::timeout;

use crate::{
    args::Audit,
    exit::{Exit, Failure},
    output,
    stop::Stop,
    vault::{self, Location},
};

/// How many entries are read at once.
const PAGE: u32 = 1000;
/// The longest that a use by another process waits to be seen: nobody is woken for one.
const LOOK: Duration = Duration::from_millis(300);

/// Runs the command.
pub(crate) async fn audit(args: &Audit) -> Result<Exit, Failure> {
    let (location, tenant) = (Location::of(&args.whose.store)?, vault::tenant(args.whose.tenant.as_ref())?);
    if args.anchor {
        let anchor = location.with(async |vault| Ok(vault.anchor().await?)).await?.to_string();
        if args.answer.json {
            output::json(&serde_json::json!({ "anchor": anchor }))?;
        } else {
            output::result(&anchor)?;
        }
        return Ok(Exit::Done);
    }
    let json = args.answer.json || !output::shows_result();
    let mut log = Log { tenant, after: args.after, seen: 0, json, head: true };
    let mut stop = if args.follow { Some(Stop::listen()?) } else { None };
    location
        .with(async |vault| {
            while log.print(vault).await? {
                let Some(stop) = &mut stop else { break };
                if !log.wait(vault, stop).await {
                    break;
                }
            }
            Ok(Exit::Done)
        })
        .await
}

/// What of the log is shown, and how far it was.
struct Log {
    /// Whose entries are shown, where not all are.
    tenant: Option<Tenant>,
    /// The last entry that was read.
    after: i64,
    /// The last change of anybody's that was heard of.
    seen: i64,
    json: bool,
    /// The table's head is still to be shown.
    head: bool,
}

impl Log {
    /// Prints what is new: `false` when nobody reads it any more.
    async fn print(&mut self, vault: &Vault) -> Result<bool, Failure> {
        let mut page = PAGE;
        loop {
            // All of them: so nothing is read twice while somebody waits for those of one tenant.
            let mut entries = match vault.audit(self.after, page).await {
                // What is good before it is shown.
                Err(Error::Tampered { .. }) if page > 1 => {
                    page = 1;
                    continue;
                }
                entries => entries?,
            };
            let Some(last) = entries.last() else { return Ok(true) };
            self.after = last.seq;
            if let Some(tenant) = &self.tenant {
                entries.retain(|entry| entry.tenant.as_deref() == Some(tenant.as_str()));
            }
            if entries.is_empty() {
                continue;
            }
            let text = if self.json { lines(&entries)? } else { self.table(&entries) };
            if !output::live(&text)? {
                return Ok(false);
            }
        }
    }

    /// Waits until there may be something new: `false` when a signal comes before.
    async fn wait(&mut self, vault: &Vault, stop: &mut Stop) -> bool {
        let seen = self.seen;
        let mut changed = pin!(timeout(LOOK, vault.changed(seen)));
        let changed = poll_fn(|context| match stop.poll(context) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => changed.as_mut().poll(context).map(Some),
        });
        match changed.await {
            None => false,
            // Where it went wrong, the log is looked at next, and says so.
            Some(changed) => {
                self.seen = changed.ok().and_then(Result::ok).unwrap_or(seen);
                true
            }
        }
    }

    /// Columns have a width of their own: what comes later stands below what is there.
    fn table(&mut self, entries: &[Entry]) -> String {
        let mut out = String::new();
        if std::mem::take(&mut self.head) {
            out += &format!("{}\n", row("SEQ", "TIME", "WHAT", "TENANT", "ABOUT").bold());
        }
        for entry in entries {
            let seq = entry.seq.to_string();
            let tenant = entry.tenant.as_deref().unwrap_or("-");
            if entry.what.uses.is_empty() {
                out += &format!("{}\n", row(&seq, &entry.at, &entry.kind, tenant, &about(entry)));
            }
            for one in &entry.what.uses {
                let at = time(one.at_ms);
                let kind = if one.intended { "use begins" } else { "use" };
                out += &format!("{}\n", row(&seq, &at, kind, tenant, &about_use(one)));
            }
        }
        out
    }
}

fn row(seq: &str, time: &str, what: &str, tenant: &str, about: &str) -> String {
    format!("{seq:>6}  {time:24}  {what:20}  {tenant:12}  {about}").trim_end().to_owned()
}

fn time(millis: i64) -> String {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
    humantime::format_rfc3339_millis(std::time::SystemTime::UNIX_EPOCH + since).to_string()
}

fn about(entry: &Entry) -> String {
    let what = &entry.what;
    let parts = [
        entry.connection.clone(),
        what.grant.clone(),
        what.key.as_ref().map(|key| format!("key {key}")),
        what.provider.clone(),
        what.verdict.clone(),
        what.actor.as_ref().map(|actor| format!("by {actor}")),
        what.run.as_ref().map(|run| format!("run {run}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

fn about_use(one: &Use) -> String {
    let answer = match one.status {
        Some(status) => format!(" → {status}"),
        None if one.intended => String::new(),
        None => " → no answer".to_owned(),
    };
    let by = one.grant.as_ref().or(one.actor.as_ref()).map(|by| format!("  by {by}")).unwrap_or_default();
    format!("{}  {} {}{answer}{by}", one.connection, one.method, one.path)
}

fn lines(entries: &[Entry]) -> Result<String, Failure> {
    let lines: Result<Vec<String>, Failure> = entries.iter().map(output::json_line).collect();
    Ok(lines?.join("\n"))
}
