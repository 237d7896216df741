//! `keyway serve --check`: what will be served, or all that is wrong.

use owo_colors::OwoColorize as _;

use super::{config::Loaded, plan::Plan, unusable};
use crate::{
    exit::{Exit, Failure},
    output,
    vault::Location,
};

/// Looks at everything that can be known without opening a port.
pub(super) async fn check(loaded: &Loaded) -> Result<Exit, Failure> {
    let location = match Location::of(&loaded.store()) {
        Ok(location) => location.with(async |_| Ok(())).await.map(|()| location),
        Err(failure) => Err(failure),
    };
    match (Plan::of(loaded), location) {
        (Ok(plan), Ok(location)) => output::result(&text(&plan, &location)).map(|()| Exit::Done),
        (plan, location) => {
            let mut problems = plan.err().unwrap_or_default();
            problems.extend(location.err().map(|failure| loaded.renamed(&failure)));
            Err(unusable(&problems))
        }
    }
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
