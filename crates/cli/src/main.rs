//! `keyway`: asks for a key, checks it, uses it.

#![expect(
    clippy::format_push_string,
    reason = "messages are built once, for a person; `write!` would bring an error that cannot happen to each line"
)]

mod args;
mod exit;
mod expiry;
mod outcome;
mod output;
mod process;
mod stop;
mod system;
mod usage;

mod ask;
mod keys;
mod messages;
mod place;
mod proof;
mod report;
mod values;

mod answer;
mod audit;
mod completions;
mod connect;
mod connection;
mod example;
mod form;
mod grant;
mod providers;
mod request;
mod sandbox;
mod save;
mod schema;
mod serve;
mod session;
mod token;
mod vault;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser as _;
use keyway::Registry;
use tokio::runtime::Runtime;

use crate::{
    args::{Args, Command},
    exit::{Exit, Failure},
};

fn main() -> ExitCode {
    process::guarded(|| {
        let exit = match Args::try_parse() {
            Err(error) => usage::explain(&error),
            Ok(args) => run(args).unwrap_or_else(|failure| {
                output::note(&messages::failure(&failure));
                failure.exit()
            }),
        };
        exit.into()
    })
}

fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        // What needs no provider works beside a broken one: the schemas help to mend it.
        Command::Completions { shell } => completions::print(shell),
        Command::Schema { file } => schema::print(file),
        Command::Providers { json, watch: true } => {
            runtime()?.block_on(watch::watch(Registry::linked()?, folder(args.folder)?, json))
        }
        Command::Providers { json, watch: false } => providers::list(&registry(args.folder)?, json),
        Command::Form(form) => form::form(&registry(args.folder)?, &form),
        Command::Connect(connect) => runtime()?.block_on(connect::connect(&registry(args.folder)?, &connect)),
        Command::Request(request) => runtime()?.block_on(request::request(&registry(args.folder)?, &request)),
        Command::Vault(vault) => runtime()?.block_on(vault::vault(&vault)),
        Command::Connection(connection) => {
            runtime()?.block_on(connection::connection(&registry(args.folder)?, &connection))
        }
        Command::Grant(grant) => runtime()?.block_on(grant::grant(&registry(args.folder)?, &grant)),
        Command::Token(token) => runtime()?.block_on(token::token(&token)),
        Command::Session(session) => runtime()?.block_on(session::session(args.folder, session)),
        Command::Audit(audit) => runtime()?.block_on(audit::audit(&audit)),
        Command::Serve(serve) => runtime()?.block_on(serve::serve(args.folder, &serve)),
        Command::Sandbox(sandbox) => runtime()?.block_on(sandbox::sandbox(&registry(args.folder)?, &sandbox)),
    }
}

/// The providers that are linked, and those of a folder.
fn registry(given: Option<PathBuf>) -> Result<Registry, Failure> {
    let linked = Registry::linked()?;
    Ok(match folder(given)? {
        Some(folder) => linked.with_directory(folder)?,
        None => linked,
    })
}

/// The folder with more providers, once it is known to be one: its name is not repeated before, because a key may have
/// been pasted in its place.
fn folder(given: Option<PathBuf>) -> Result<Option<PathBuf>, Failure> {
    let Some(folder) = given.filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(None) };
    match std::fs::read_dir(&folder) {
        Ok(_) => Ok(Some(folder)),
        Err(error) => {
            let why = system::of_listing(&error);
            Err(Failure::Because(format!(
                "--providers (or KEYWAY_PROVIDERS) takes a folder with providers: {why}"
            )))
        }
    }
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|_| Failure::because("keyway cannot start; too many files are open, perhaps"))
}
