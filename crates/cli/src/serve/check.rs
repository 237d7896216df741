//! `keyway serve --check`: what will be served, or all that is wrong.

use owo_colors::OwoColorize as _;

use super::{
    config::{Config, Loaded},
    location,
    plan::Plan,
    socket::own_url,
    unusable,
};
use crate::{
    exit::{Exit, Failure},
    output,
    vault::Location,
};

/// Looks at everything that can be known without opening a port. `problems` are those of the configuration itself: with
/// them, nobody knows which vault is meant.
pub(super) async fn check(loaded: &Loaded, problems: Vec<String>) -> Result<Exit, Failure> {
    let location = if problems.is_empty() { Some(opened(loaded).await) } else { None };
    match (Plan::of(loaded, problems), location) {
        (Ok(plan), Some(Ok(location))) => {
            output::result(&text(&plan, &location))?;
            Ok(Exit::Done)
        }
        (plan, location) => {
            let mut problems = plan.err().unwrap_or_default();
            problems.extend(location.and_then(Result::err));
            Err(unusable(&problems))
        }
    }
}

/// A vault that opens.
async fn opened(loaded: &Loaded) -> Result<Location, String> {
    let opened = async {
        let location = location(loaded)?;
        location.with(async |_| Ok(())).await?;
        Ok(location)
    };
    opened.await.map_err(|failure| loaded.renamed(&failure))
}

fn text(plan: &Plan, location: &Location) -> String {
    let config = &plan.config;
    let url = |scheme, address: &_| format!("{scheme}://{address}");
    let listen: Vec<String> = config.listen.iter().map(|address| url(plan.scheme(), address)).collect();
    let providers = plan.registry.entries().iter().map(|entry| entry.descriptor().id().as_str());
    let [database, key] = location.told();
    let rows = [
        ("Gateway", listen.join(", ")),
        ("Public URL", config.public_url.clone().unwrap_or_else(|| "as each client calls it".to_owned())),
        (
            "Control",
            config.control.as_ref().map_or_else(|| "none".to_owned(), |address| url("http", address)),
        ),
        ("Connect", connect(config, plan.scheme())),
        ("Database", database),
        ("Key", key),
        ("Providers", providers.collect::<Vec<_>>().join(", ")),
        ("Threads", plan.threads().to_string()),
    ];
    let mut out = format!("{} {}\n", "✓".green().bold(), "This can be served.".bold());
    for (name, value) in rows {
        out += &format!("  {name:<10}  {value}\n");
    }
    out
}

/// Where browsers find the connect pages, and where they listen.
fn connect(config: &Config, scheme: &str) -> String {
    let connect = &config.connect;
    if connect.listen.is_empty() {
        return "none".to_owned();
    }
    let listen = connect.listen.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    // Which port it will be is not known where that is 0.
    match connect.public_url.clone().or_else(|| own_url(connect.listen.iter().copied(), scheme)) {
        Some(url) if url.scheme() == "http" => {
            format!("{url}, on {listen} (their cookies have no __Host- prefix)")
        }
        Some(url) => format!("{url}, on {listen}"),
        None => listen,
    }
}
