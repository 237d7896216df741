//! A control plane over a vault of its own and stand-ins of the providers, until its standard input ends: what
//! `tests/schemathesis/run` asks.
//!
//! It prints one line of JSON: where it is, and a token for everything of a tenant.

use std::{error::Error, io::Read as _, sync::Arc};

use keyway_connect::{Connect, Limits};
use keyway_core::{Entry, Registry, Submission};
use keyway_http::{Client, HttpTransport};
use keyway_hub::{Listener, Stop};
use keyway_sandbox::Sandbox;
use keyway_vault::{Actor, ApiScope, Database, KeyFile, New, Tenant, Vault};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let registrations = [&keyway_rally::REGISTRATION, &keyway_rootly::REGISTRATION];
    let registry = Arc::new(Registry::from_registrations(registrations)?);
    let entries: Vec<&Entry> = registry.entries().iter().collect();
    let stand_ins = Sandbox::start(&entries, 0).await?;
    let store = format!("sqlite:{}", folder.path().join("keyway.db").display());
    let store = store.parse::<Database>()?.create().await?;
    let key = Arc::new(KeyFile::create(folder.path().join("master.key"))?);
    let actor = Actor::parse("example")?;
    let vault = Vault::init(store, key, &actor).await?;
    let tenant = Tenant::parse("acme")?;
    let token = vault.tokens(&actor).create(Some(&tenant), None, &ApiScope::ALL, None).await?;

    // A connection that is there from the start. The key is made up.
    let submission = Submission::new().with("api_key", format!("rootly_{}", "600d".repeat(16)));
    let accepted = registry.accept("rootly", None, &submission)?;
    let credential = accepted.credential.at_origin(stand_ins.origin());
    let connection = vault.tenant(&tenant, &actor).save(New::connection(&credential)).await?.connection;

    let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    let origin = format!("http://{}", socket.local_addr()?);
    let client = Client::from(HttpTransport::builder().allow_loopback().build()?);
    // What webhooks are sent to gets nothing from here: nobody listens at this proxy.
    let webhooks = HttpTransport::builder().proxy("http://127.0.0.1:9").build()?;
    let mut limits = Limits::default();
    // Whoever tries every way to be refused is not kept out here.
    limits.guesses = u32::MAX;
    let connect = Connect::builder(vault, registry, client)
        .stand_in(stand_ins.origin())
        .limits(limits)
        .build(&origin)?;
    let stop = Stop::new();
    let serving = tokio::spawn({
        let (connect, stop) = (connect.clone(), stop.clone());
        async move {
            connect
                .serve(Listener::new(socket, None)?, stop)
                .await
                .map_err(Box::<dyn Error + Send + Sync>::from)
        }
    });
    let token = token.secret.expose();
    println!(r#"{{"url":"{origin}","token":"{token}","connection":"{}"}}"#, connection.id);
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    stop.ask();
    serving.await?.map_err(|error| error.to_string())?;
    Ok(())
}
