//! `keyway serve --sandbox`: a demonstration in a folder of its own.

mod certificate;
mod demo;
mod folder;
mod text;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use keyway::{Entry, Origin, Registry, http::Client};
use keyway_sandbox::{Sandbox, SandboxError};
use owo_colors::OwoColorize as _;

use self::{
    certificate::Files,
    demo::Demo,
    folder::{Folder, Memory},
};
use super::{
    config::{Config, Loaded, Tls},
    log_of,
    plan::Plan,
    run::{self, Signals},
    socket::Sockets,
    unusable,
};
use crate::{
    args::Serve,
    exit::{Exit, Failure},
    output, place,
    vault::Location,
};

/// Makes what is not there yet, and serves it.
pub(super) async fn serve(providers: Option<PathBuf>, args: &Serve) -> Result<Exit, Failure> {
    let folder = Folder::open(args.dir.as_deref())?;
    let mut memory = folder.memory()?;
    let files = args.tls.then(|| certificate(&folder, &mut memory)).transpose()?;
    let loaded = Loaded::of(config(providers, args.port, files.as_ref()));
    let mut plan = Plan::of(&loaded, Vec::new()).map_err(|problems| unusable(&problems))?;
    let _log = log_of(&plan)?;
    let location = Location::within(folder.path())?;
    location.ensure().await?;
    location
        .with(async |vault| {
            let registry = Arc::clone(&plan.registry);
            let stand_ins = stand_ins(&registry, memory.port).await?;
            let origin = stand_ins.origin();
            memory.port = origin.port();
            let transport = plan.checker.clone().build();
            let client = transport.map(Client::from).map_err(|error| Failure::because(error.to_string()))?;
            let demos = demo::connect(vault, &registry, &client, &origin, &mut memory).await?;
            folder.remember(&memory)?;
            let sockets = sockets(&plan.config, args.port)?;
            let gateway = plan.open(vault).await?;
            let signals = Signals::listen()?;
            output::result(&shown(&folder, &demos, &sockets, files.as_ref()))?;
            run::run(&mut plan, gateway, sockets, signals).await
        })
        .await
}

/// What is served, whatever the environment says: it is about other vaults.
fn config(providers: Option<PathBuf>, port: u16, files: Option<&Files>) -> Config {
    let mut config = Config { providers, ..Config::default() };
    config.listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
    config.control = None;
    config.upstream.allow_loopback = true;
    if let Some(files) = files {
        config.tls = Tls { cert: Some(files.cert.clone()), key: Some(files.key.clone()) };
    }
    config
}

fn certificate(folder: &Folder, memory: &mut Memory) -> Result<Files, Failure> {
    let since_1970 = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let until = memory.certificate_until.map(since_1970);
    let (files, until) = certificate::files(folder.path(), until, SystemTime::now())?;
    memory.certificate_until = until.duration_since(SystemTime::UNIX_EPOCH).ok().map(|until| until.as_secs());
    Ok(files)
}

/// The stand-ins, where they were before. Somebody else may have taken that port meanwhile: then on another.
async fn stand_ins(registry: &Registry, port: u16) -> Result<Sandbox, Failure> {
    let entries: Vec<&Entry> = registry.entries().iter().filter(|entry| entry.fixtures().is_some()).collect();
    match Sandbox::start(&entries, port).await {
        Err(SandboxError::Port { .. }) if port != 0 => place::start(&entries, 0).await,
        Ok(stand_ins) => Ok(stand_ins),
        Err(error) => Err(Failure::Because(crate::system::of_sandbox(&error))),
    }
}

fn sockets(config: &Config, port: u16) -> Result<Sockets, Failure> {
    Sockets::bind(config).map_err(|(_, why)| {
        let other = if port == 8080 { 8090 } else { 8080 };
        Failure::Because(format!("{why}; choose another one, such as --port {other}"))
    })
}

/// What to do now.
fn shown(folder: &Folder, demos: &[Demo<'_>], sockets: &Sockets, files: Option<&Files>) -> String {
    let address = sockets.gateway.first().and_then(|socket| socket.local_addr().ok());
    let scheme = if files.is_some() { "https" } else { "http" };
    let Some(origin) =
        address.and_then(|address| Origin::parse_loopback(&format!("{scheme}://{address}")).ok())
    else {
        return String::new();
    };
    let curl = files
        .map_or_else(|| "curl".to_owned(), |files| format!("curl --cacert {}", text::word(&files.authority)));
    let mut out = format!(
        "Keyway is listening on {}, with stand-ins of the providers behind it.\n\
         For each: a call as its own clients make it, with a grant in the key's place, and one that names\n\
         the connection. Ctrl-C stops it.\n",
        origin.to_string().bold()
    );
    for calls in demos.iter().filter_map(|demo| text::calls(demo, &origin, &curl)) {
        out += &format!("\n{calls}");
    }
    if let Some(files) = files {
        let authority = text::word(&files.authority);
        out += &format!(
            "\nThe certificate is made for this machine, and no client trusts it by itself:\n  \
             Python  REQUESTS_CA_BUNDLE={authority}\n  Node    NODE_EXTRA_CA_CERTS={authority}\n"
        );
    }
    let word = |name| text::word(&folder.path().join(name));
    out + &format!(
        "\nWhat was asked, and by whom:\n  keyway audit --database sqlite:{} --key file:{}\n\n\
         All of it is in {}; remove that to begin anew. The grants are kept there for this\n\
         demonstration alone: otherwise one is shown once, and nobody can see it again.\n",
        word("keyway.db"),
        word("master.key"),
        folder.path().display()
    )
}
