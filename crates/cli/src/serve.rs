//! `keyway serve`: the gateway, the connect pages and the REST API.

mod check;
mod config;
mod file;
mod log;
mod logo;
mod plan;
mod run;
mod sandbox;
mod socket;
mod tls;

use std::{
    env,
    path::{Path, PathBuf},
};

use keyway_connect::Limits;

use self::{
    config::{Config, Loaded, Sources},
    log::Logging,
    plan::Plan,
    run::{Hub, Signals},
    socket::{Sockets, own_url},
};
use crate::{
    args::{Serve, Store},
    exit::{Exit, Failure},
    messages::count,
    output,
    vault::Location,
};

/// Runs the command.
pub(crate) async fn serve(providers: Option<PathBuf>, args: &Serve) -> Result<Exit, Failure> {
    if args.sandbox {
        return sandbox::serve(providers, args).await;
    }
    let (loaded, problems) = load(providers, args.config.as_deref(), &args.store)?;
    if args.check {
        return check::check(&loaded, problems).await;
    }
    let mut plan = Plan::of(&loaded, problems).map_err(|problems| unusable(&problems))?;
    let location =
        Location::of(&loaded.store()).map_err(|failure| Failure::Because(loaded.renamed(&failure)))?;
    let _log = log_of(&plan)?;
    // A port is opened once the vault is: with a wrong key, nobody else ever sees this process.
    location
        .with(async |vault| {
            let sockets = Sockets::bind(&plan.config, plan.scheme())
                .map_err(|(key, why)| Failure::Because(format!("{}: {why}", loaded.place(key))))?;
            let gateway = plan.open(vault).await?;
            let connect = sockets.connect_url.as_ref().map(|url| plan.connect(vault, url, |builder| builder));
            let hub = Hub { gateway, connect: connect.transpose()? };
            let signals = Signals::listen()?;
            output::result(&sockets.told(plan.scheme()))?;
            run::run(&mut plan, hub, sockets, signals).await
        })
        .await
}

/// What a configuration says to who makes links to the pages that are served by it.
pub(crate) struct Pages {
    pub(crate) store: Store,
    pub(crate) providers: Option<PathBuf>,
    /// Where browsers find them; nothing where they are not served.
    pub(crate) url: Option<String>,
    /// How long a session lasts, and its link.
    pub(crate) limits: Limits,
}

impl Pages {
    /// Reads a configuration. What is said beside it wins over it.
    pub(crate) fn of(providers: Option<PathBuf>, config: &Path, store: &Store) -> Result<Self, Failure> {
        let (loaded, problems) = load(providers, Some(config), store)?;
        if !problems.is_empty() {
            return Err(unusable(&problems));
        }
        let Config { connect, tls, providers, .. } = &loaded.config;
        let scheme = if tls.cert.is_some() { "https" } else { "http" };
        let url = match &connect.public_url {
            _ if connect.listen.is_empty() => None,
            Some(url) => Some(url.clone()),
            None => own_url(connect.listen.iter().copied(), scheme),
        };
        let url = url.map(|url| url.to_string());
        Ok(Self { store: loaded.store(), providers: providers.clone(), url, limits: connect.limits() })
    }
}

/// Reads the configuration, and all that is said beside it.
fn load(
    providers: Option<PathBuf>,
    config: Option<&Path>,
    store: &Store,
) -> Result<(Loaded, Vec<String>), Failure> {
    let text = match config {
        Some(path) => Some(file::text(path).map_err(|why| Failure::Because(format!("--config: {why}")))?),
        None => None,
    };
    let Store { database, key, anchors } = store;
    let flags = [
        ("database", database.clone()),
        ("key", key.clone().map(Into::into)),
        ("anchors", anchors.clone()),
        ("providers", providers.map(Into::into)),
    ];
    let sources = Sources {
        file: text.as_deref(),
        variable: &|name| env::var_os(name),
        flags: flags.into_iter().filter_map(|(key, said)| Some((key, said?))).collect(),
    };
    Ok(Loaded::read(&sources))
}

fn log_of(plan: &Plan) -> Result<Logging, Failure> {
    log::start(&plan.config.log, env::var("RUST_LOG").ok().as_deref())
}

fn unusable(problems: &[String]) -> Failure {
    let number = count(problems.len() as u64, "problem", "problems");
    Failure::Because(format!("this cannot be served: {number}\n  {}", problems.join("\n  ")))
}
