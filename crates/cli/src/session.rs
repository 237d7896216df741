//! `keyway session`: links to the connect pages, for support people and scripts.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use humantime::format_rfc3339_millis;
use keyway::http::{Client, HttpTransport};
use keyway_connect::{Connect, Limits, NewSession, Purpose, SessionError, Started};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{
    args::{self, SessionCommand, Start},
    exit::{Exit, Failure},
    messages::count,
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
    let (mut public_url, mut limits) = (start.public_url.clone(), Limits::default());
    if let Some(config) = &start.config {
        let pages = Pages::of(providers, config, &args.whose.store)?;
        (providers, args.whose.store, limits) = (pages.providers, pages.store, pages.limits);
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
        let link = limits.link.min(limits.session);
        let connect = Connect::builder(vault.clone(), Arc::new(registry), client).limits(limits);
        let connect = connect.build(&public_url);
        let connect = connect.map_err(|error| {
            Failure::Because(format!("--public-url (or KEYWAY_CONNECT_PUBLIC_URL): {error}"))
        })?;
        let mut new = NewSession::new(&start.end_user, purpose(start));
        if let Some(url) = &start.return_url {
            new = new.return_url(url);
        }
        let started = connect.start(&part.tenant, new).await;
        shown(&started.map_err(named)?, link, args.answer.json)
    })
    .await
}

fn purpose(start: &Start) -> Purpose {
    let providers = start.providers.clone();
    match &start.reconnect {
        Some(id) => {
            Purpose::Reconnect { connection: id.to_string(), other_account: start.allow_other_account }
        }
        None if start.manage => Purpose::Manage { providers },
        None => Purpose::Connect { providers },
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
                "return_url" => "--return-url",
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
    link_expires_at: String,
}

fn shown(started: &Started, link_time: Duration, json: bool) -> Result<Exit, Failure> {
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
            link_expires_at: time(session.link_expires_at()),
        })?;
    } else {
        output::note(&format!(
            "{} {}\n  Id        {}\n  End user  {}\n  Ends      {}\n\n{}",
            "✓".green().bold(),
            "There is a session now.".bold(),
            session.id,
            session.end_user(),
            time(session.expires_at),
            format!("Its link can be opened once, within {}:", length(link_time)).bold()
        ));
        output::result(link)?;
    }
    Ok(Exit::Done)
}

/// A time in words: in minutes, where it is some.
fn length(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds % 60 == 0 => count(seconds / 60, "minute", "minutes"),
        seconds => count(seconds, "second", "seconds"),
    }
}

#[cfg(test)]
mod tests {
    use keyway::vault::ConnectionId;

    use super::*;

    #[test]
    fn a_session_is_for_what_its_flags_say() {
        let id = ConnectionId::random();
        let start = |reconnect: Option<&ConnectionId>, allow_other_account, manage| Start {
            end_user: "ada".to_owned(),
            providers: vec!["rally".to_owned()],
            reconnect: reconnect.cloned(),
            allow_other_account,
            manage,
            return_url: None,
            config: None,
            public_url: None,
        };
        let (providers, connection) = (vec!["rally".to_owned()], id.to_string());
        for (start, is) in [
            (start(None, false, false), Purpose::Connect { providers: providers.clone() }),
            (start(None, false, true), Purpose::Manage { providers }),
            (
                start(Some(&id), false, false),
                Purpose::Reconnect { connection: connection.clone(), other_account: false },
            ),
            (start(Some(&id), true, false), Purpose::Reconnect { connection, other_account: true }),
        ] {
            assert_eq!(purpose(&start), is);
        }
    }
}
