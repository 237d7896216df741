//! `keyway connection`: the connections that are kept.

mod check;
pub(crate) mod view;

use view::ConnectionView;

use keyway::{
    Registry,
    vault::{Connection, ConnectionId, Scope},
};
use owo_colors::OwoColorize as _;

use crate::{
    args::{self, ConnectionCommand},
    ask,
    exit::{Exit, Failure},
    output,
    vault::Part,
};

/// How many are read at once.
const PAGE: usize = 1000;

/// Runs the command.
pub(crate) async fn connection(registry: &Registry, args: &args::Connection) -> Result<Exit, Failure> {
    let (part, json) = (Part::of(&args.whose)?, args.answer.json);
    part.with(async |_, scope| match &args.command {
        ConnectionCommand::List { end_user } => list(scope, end_user.as_deref(), json).await,
        ConnectionCommand::Show { id } => show(&scope.get(id).await?, json, None),
        ConnectionCommand::Check { id } => check::check(registry, scope, id, json).await,
        ConnectionCommand::Rename { id, name, none: _ } => {
            let said = if name.is_some() { "It has another name now." } else { "It has no name now." };
            show(&scope.rename(id, name.as_deref()).await?, json, Some(said))
        }
        ConnectionCommand::Remove { id, yes } => remove(scope, id, *yes, json).await,
    })
    .await
}

async fn list(scope: &Scope, end_user: Option<&str>, json: bool) -> Result<Exit, Failure> {
    let (mut all, mut damaged) = (Vec::new(), Vec::new());
    let mut after: Option<String> = None;
    loop {
        let page = match end_user {
            Some(user) => scope.page_of(user, after.as_deref(), PAGE).await?,
            None => scope.page(after.as_deref(), PAGE).await?,
        };
        all.extend(page.whole);
        damaged.extend(page.damaged);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let views: Vec<ConnectionView> = all.iter().map(ConnectionView::of).collect();
    if json {
        output::json(&views)?;
    } else if views.is_empty() && damaged.is_empty() {
        output::note(match end_user {
            Some(_) => "There are no connections of this user.",
            None => "There are no connections yet; `keyway connect ID --save` makes one.",
        });
    } else if !views.is_empty() {
        output::result(&view::table(&views))?;
    }
    Ok(output::damaged("connection", &damaged))
}

fn show(connection: &Connection, json: bool, said: Option<&str>) -> Result<Exit, Failure> {
    let view = ConnectionView::of(connection);
    if json {
        output::json(&view)?;
    } else {
        let said = said.map(|said| format!("{} {}\n", "✓".green().bold(), said.bold())).unwrap_or_default();
        output::result(&format!("{said}{}", view.text()))?;
    }
    Ok(Exit::Done)
}

async fn remove(scope: &Scope, id: &ConnectionId, yes: bool, json: bool) -> Result<Exit, Failure> {
    if !yes {
        if !output::is_interactive() {
            return Err(Failure::because("there is no terminal to ask on; say --yes to remove it"));
        }
        let connection = scope.get(id).await?;
        output::note(&ConnectionView::of(&connection).text());
        if !ask::agrees("Remove it, and its grants, for good?")? {
            return Err(Failure::because("nothing was removed"));
        }
    }
    scope.remove(id).await?;
    if json {
        output::json(&serde_json::json!({ "removed": id.as_str() }))?;
    } else {
        output::result(&format!("{} {}", "✓".green().bold(), format!("{id} is gone.").bold()))?;
    }
    Ok(Exit::Done)
}
