//! `keyway session`: links to the connect pages, for support people and scripts.

use std::{path::PathBuf, sync::Arc, time::SystemTime};

use humantime::format_rfc3339_millis;
use keyway::http::{Client, HttpTransport};
use keyway_connect::{Connect, NewSession, Purpose, SessionError, Started};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{
    args::{self, SessionCommand, Start},
    exit::{Exit, Failure},
    output,
    serve::Pages,
    vault::Part,
};

/// Where `keyway serve` has the pages when nobody says where.
const USUAL: &str = "http://127.0.0.1:8081";

/// Runs the command.
pub(crate) async fn session(
    mut providers: Option<PathBuf>,
    mut args: args::Session,
) -> Result<Exit, Failure> {
    let SessionCommand::Create(start) = &args.command;
    let mut public_url = start.public_url.clone();
    if let Some(config) = &start.config {
        let pages = Pages::of(providers, config, &args.whose.store)?;
        (providers, args.whose.store) = (pages.providers, pages.store);
        public_url = public_url.or(pages.url);
        if public_url.is_none() {
            return Err(Failure::because(
                "this configuration serves no connect pages; say with --public-url where they are",
            ));
        }
    }
    let public_url = public_url.unwrap_or_else(|| USUAL.to_owned());
    let registry = crate::registry(providers)?;
    let part = Part::of(&args.whose)?;
    part.with(async |vault, _| {
        // It asks nobody; whoever serves the pages does.
        let transport = HttpTransport::builder().build();
        let client = transport.map(Client::from).map_err(|error| Failure::because(error.to_string()))?;
        let connect = Connect::builder(vault.clone(), Arc::new(registry), client);
        let connect = connect.build(&public_url);
        let connect = connect.map_err(|error| {
            Failure::Because(format!("--public-url (or KEYWAY_CONNECT_PUBLIC_URL): {error}"))
        })?;
        let started = connect.start(&part.tenant, NewSession::new(&start.end_user, purpose(start))).await;
        shown(&started.map_err(named)?, args.answer.json)
    })
    .await
}

fn purpose(start: &Start) -> Purpose {
    match &start.reconnect {
        Some(id) => Purpose::Reconnect { connection: id.to_string(), other_account: false },
        None => Purpose::Connect { providers: start.providers.clone() },
    }
}

/// By the flag that is wrong.
fn named(error: SessionError) -> Failure {
    match error {
        SessionError::Field { field, why } => {
            let flag = match field {
                "end_user" => "--end-user",
                "providers" => "--provider",
                "connection" => "--reconnect",
                other => other,
            };
            Failure::Because(format!("{flag} {why}"))
        }
        SessionError::NotFound => Failure::because("the tenant has no such connection"),
        SessionError::Vault(error) => error.into(),
        other => Failure::Because(other.to_string()),
    }
}

/// A session that was just made, as JSON: its link is seen once.
#[derive(Serialize)]
struct NewView<'s> {
    id: &'s str,
    tenant: &'s str,
    end_user: &'s str,
    link: &'s str,
    created_at: String,
    expires_at: String,
}

fn shown(started: &Started, json: bool) -> Result<Exit, Failure> {
    let time = |time: SystemTime| format_rfc3339_millis(time).to_string();
    let (session, link) = (&started.session, started.link.expose());
    if json {
        output::json(&NewView {
            id: session.id.as_str(),
            tenant: session.tenant.as_str(),
            end_user: session.end_user(),
            link,
            created_at: time(session.created_at),
            expires_at: time(session.expires_at),
        })?;
    } else {
        output::note(&format!(
            "{} {}\n  Id        {}\n  End user  {}\n  Ends      {}\n\n{}",
            "✓".green().bold(),
            "There is a session now.".bold(),
            session.id,
            session.end_user(),
            time(session.expires_at),
            "Its link can be opened once, within 10 minutes:".bold()
        ));
        output::result(link)?;
    }
    Ok(Exit::Done)
}
