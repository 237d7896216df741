//! `keyway serve --sandbox`: a demonstration in a folder of its own.

mod certificate;
mod demo;
mod folder;
mod platform;
mod text;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use keyway::{Entry, Registry};
use keyway_connect::ConnectBuilder;
use keyway_sandbox::{Sandbox, SandboxError};

use self::{
    certificate::Files,
    folder::{Folder, Memory},
    platform::Platform,
    text::Shown,
};
use super::{
    config::{Config, Loaded, Tls},
    log_of,
    plan::Plan,
    run::{self, Hub, Signals},
    socket::Sockets,
    unusable,
};
use crate::{
    args::Serve,
    exit::{Exit, Failure},
    keys, output, place,
    vault::Location,
};

/// Makes what is not there yet, and serves it.
pub(super) async fn serve(providers: Option<PathBuf>, args: &Serve) -> Result<Exit, Failure> {
    let folder = Folder::open(args.dir.as_deref())?;
    let mut memory = folder.memory()?;
    let files = args.tls.then(|| certificate(&folder, &mut memory)).transpose()?;
    let loaded = Loaded::of(config(providers.clone(), args.port, &memory, files.as_ref()));
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
            let sockets = sockets(&mut plan, args.port)?;
            let url = sockets
                .connect_url
                .clone()
                .ok_or_else(|| Failure::because("the connect pages have no port"))?;
            let platform = Platform::bind(memory.platform_port, &url)?;
            (memory.connect_port, memory.platform_port) = (url.port(), platform.port());
            let (demos, left_out) =
                demo::connect(vault, &registry, &plan.transport()?.into(), &origin, &mut memory).await?;
            let api_token = demo::api_token(vault, &mut memory).await?;
            folder.remember(&memory)?;
            // Whoever tries it receives webhooks on this machine.
            let hooks = plan.transport()?;
            let more = |builder: ConnectBuilder| builder.stand_in(origin.clone()).webhooks_over(hooks);
            let connect = plan.connect(vault, &url, more)?;
            let hub = Hub { gateway: plan.open(vault).await?, connect: Some(connect.clone()) };
            let signals = Signals::listen()?;
            let gateway =
                sockets.url(plan.scheme()).ok_or_else(|| Failure::because("the gateway has no port"))?;
            let shown = Shown {
                folder: folder.path(),
                demos: &demos,
                providers: providers.as_deref(),
                left_out: &left_out,
                files: files.as_ref(),
                gateway,
                connect: url,
                link: demo::link(&connect, |new| new).await?,
                api_token,
                platform: platform.origin().to_owned(),
            };
            output::result(&shown.text())?;
            tokio::spawn(platform.serve(connect));
            run::run(&mut plan, hub, sockets, signals).await
        })
        .await
}

/// What is served, whatever the environment says: it is about other vaults.
fn config(providers: Option<PathBuf>, port: u16, memory: &Memory, files: Option<&Files>) -> Config {
    let mut config = Config { providers, ..Config::default() };
    let at = |port| vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
    config.listen = at(port);
    config.connect.listen = at(match (memory.connect_port, port) {
        (0, 0) => 0,
        (0, port) => port.wrapping_add(1),
        (remembered, _) => remembered,
    });
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
    // What cannot be read is told with what else has no stand-in.
    let entries: Vec<&Entry> =
        registry.entries().iter().filter(|entry| keys::fixtures(entry).is_ok()).collect();
    match Sandbox::start(&entries, port).await {
        Err(SandboxError::Port { .. }) if port != 0 => place::start(&entries, 0).await,
        Ok(stand_ins) => Ok(stand_ins),
        Err(error) => Err(Failure::Because(crate::system::of_sandbox(&error))),
    }
}

/// The ports: the gateway's is the one that was asked for, and the connect pages take another where theirs is somebody's.
fn sockets(plan: &mut Plan, port: u16) -> Result<Sockets, Failure> {
    let scheme = plan.scheme();
    let bound = match Sockets::bind(&plan.config, scheme) {
        Err(("connect.listen", _)) => {
            plan.config.connect.listen = vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
            Sockets::bind(&plan.config, scheme)
        }
        other => other,
    };
    bound.map_err(|(_, why)| {
        let other = if port == 8080 { 8090 } else { 8080 };
        Failure::Because(format!("{why}; choose another one, such as --port {other}"))
    })
}
