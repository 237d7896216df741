//! `keyway`: asks for a key, checks it, uses it.

#![expect(
    clippy::format_push_string,
    reason = "messages are built once, for a person; `write!` would bring an error that cannot happen to each line"
)]

mod args;
mod exit;
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
mod report;
mod values;

mod answer;
mod completions;
mod connect;
mod example;
mod form;
mod providers;
mod request;
mod sandbox;
mod schema;
mod watch;

use std::process::ExitCode;

use clap::Parser as _;
use keyway::Registry;

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
                Exit::Failed
            }),
        };
        exit.into()
    })
}

fn run(args: Args) -> Result<Exit, Failure> {
    // What needs no provider works beside a broken one: the schemas help to mend it.
    match args.command {
        Command::Completions { shell } => return completions::print(shell),
        Command::Schema { file } => return schema::print(file),
        _ => {}
    }
    let mut registry = Registry::linked()?;
    let folder = args.folder.filter(|folder| !folder.as_os_str().is_empty());
    let is_watched = matches!(args.command, Command::Providers { watch: true, .. });
    if let Some(folder) = &folder {
        // Its name is not repeated: a key may have been pasted in its place.
        std::fs::read_dir(folder).map_err(|error| {
            let why = system::of_listing(&error);
            Failure::Because(format!(
                "--providers (or KEYWAY_PROVIDERS) takes a folder with providers: {why}"
            ))
        })?;
    }
    if let Some(folder) = folder.as_ref().filter(|_| !is_watched) {
        registry = registry.with_directory(folder)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|_| Failure::because("keyway cannot start; too many files are open, perhaps"))?;
    match args.command {
        Command::Providers { json, watch: false } => providers::list(&registry, json),
        Command::Providers { json, watch: true } => runtime.block_on(watch::watch(registry, folder, json)),
        Command::Form(args) => form::form(&registry, &args),
        Command::Connect(args) => runtime.block_on(connect::connect(&registry, &args)),
        Command::Request(args) => runtime.block_on(request::request(&registry, &args)),
        Command::Sandbox(args) => runtime.block_on(sandbox::sandbox(&registry, &args)),
        Command::Completions { shell } => completions::print(shell),
        Command::Schema { file } => schema::print(file),
    }
}
