//! `keyway token`: what a platform's backend shows to the REST API.

use std::{
    ffi::OsString,
    time::{Duration, SystemTime},
};

use humantime::{format_duration, format_rfc3339_millis};
use keyway::vault::{ApiScope, ApiToken, Error, NewApiToken, Tokens};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{
    args::{self, TokenCommand},
    exit::{Exit, Failure},
    expiry::end,
    output,
    vault::{Location, actor, tenant},
};

/// How many are read at once.
const PAGE: usize = 1000;

/// Runs the command.
pub(crate) async fn token(args: &args::Token) -> Result<Exit, Failure> {
    let json = args.answer.json;
    let location = Location::of(&args.store)?;
    location
        .with(async |vault| {
            let tokens = vault.tokens(&actor());
            match &args.command {
                TokenCommand::Create { of, platform, scopes, name, expires } => {
                    let name = name.as_deref();
                    let made =
                        create(&tokens, of.tenant.as_ref(), *platform, scopes, name, expires.as_deref());
                    shown_once(&made.await?, "There is a token now.", json)
                }
                TokenCommand::List { of } => list(&tokens, of.tenant.as_ref(), json).await,
                TokenCommand::Rotate { id, overlap } => rotate(&tokens, id, *overlap, json).await,
                TokenCommand::Revoke { id } => revoke(&tokens, id, json).await,
            }
        })
        .await
}

async fn create(
    tokens: &Tokens,
    given: Option<&OsString>,
    platform: bool,
    scopes: &[ApiScope],
    name: Option<&str>,
    expires: Option<&str>,
) -> Result<NewApiToken, Failure> {
    let tenant = tenant(given)?;
    if tenant.is_some() == platform {
        return Err(Failure::because(if platform {
            "--platform makes a token of no tenant, and --tenant (or KEYWAY_TENANT) names one"
        } else {
            "whose token? Name the tenant with --tenant (or KEYWAY_TENANT), or say --platform"
        }));
    }
    let expires = expires.map(|text| end(text, SystemTime::now())).transpose()?;
    // The same scope twice is one scope.
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    Ok(tokens.create(tenant.as_ref(), name, &scopes, expires).await?)
}

async fn list(tokens: &Tokens, given: Option<&OsString>, json: bool) -> Result<Exit, Failure> {
    let tenant = tenant(given)?;
    let (mut all, mut damaged): (Vec<ApiToken>, _) = (Vec::new(), Vec::new());
    let mut after: Option<String> = None;
    loop {
        let page = tokens.page(after.as_deref(), PAGE).await?;
        all.extend(page.whole);
        damaged.extend(page.damaged);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if tenant.is_some() {
        all.retain(|token| token.tenant == tenant);
    }
    let views: Vec<TokenView> = all.iter().map(TokenView::of).collect();
    if json {
        output::json(&views)?;
    } else if views.is_empty() && damaged.is_empty() {
        output::note("There are no tokens; `keyway token create` makes one.");
    } else if !views.is_empty() {
        output::result(&table(&views))?;
    }
    Ok(output::damaged("token", &damaged))
}

async fn rotate(tokens: &Tokens, id: &str, overlap: Duration, json: bool) -> Result<Exit, Failure> {
    let made = tokens.rotate(id, overlap).await.map_err(|error| missing(id, error))?;
    let said = if overlap.is_zero() {
        format!("There is another token; {id} is good no more.")
    } else {
        format!("There is another token; {id} ends in {} at the latest.", format_duration(overlap))
    };
    shown_once(&made, &said, json)
}

async fn revoke(tokens: &Tokens, id: &str, json: bool) -> Result<Exit, Failure> {
    tokens.revoke(id).await.map_err(|error| missing(id, error))?;
    if json {
        output::json(&serde_json::json!({ "revoked": id }))?;
    } else {
        output::result(&format!("{} {}", "✓".green().bold(), format!("{id} is revoked.").bold()))?;
    }
    Ok(Exit::Done)
}

fn missing(id: &str, error: Error) -> Failure {
    match error {
        Error::NotFound => Failure::Because(format!("there is no token {id}, or not any more")),
        error => error.into(),
    }
}

fn shown_once(made: &NewApiToken, said: &str, json: bool) -> Result<Exit, Failure> {
    let view = TokenView::of(&made.token);
    if json {
        output::json(&NewView { token: made.secret.expose(), api_token: view })?;
    } else {
        output::note(&format!(
            "{} {}\n{}\n{}",
            "✓".green().bold(),
            said.bold(),
            view.text(),
            "It is shown this once:".bold()
        ));
        output::result(made.secret.expose())?;
    }
    Ok(Exit::Done)
}

/// A token as JSON. Every key is always there.
#[derive(Serialize)]
struct TokenView<'t> {
    id: &'t str,
    /// Nothing where it is the platform's.
    tenant: Option<&'t str>,
    name: Option<&'t str>,
    scopes: Vec<&'static str>,
    created_at: String,
    expires_at: Option<String>,
}

/// A token that was just made: it is seen once.
#[derive(Serialize)]
struct NewView<'t> {
    token: &'t str,
    api_token: TokenView<'t>,
}

impl<'t> TokenView<'t> {
    fn of(token: &'t ApiToken) -> Self {
        let time = |time: SystemTime| format_rfc3339_millis(time).to_string();
        Self {
            id: token.id.as_str(),
            tenant: token.tenant.as_ref().map(keyway::vault::Tenant::as_str),
            name: token.name.as_deref(),
            scopes: token.scopes.iter().map(|scope| scope.as_str()).collect(),
            created_at: time(token.created_at),
            expires_at: token.expires_at.map(time),
        }
    }

    fn whose(&self) -> &str {
        self.tenant.unwrap_or("the platform")
    }

    fn ends(&self) -> &str {
        self.expires_at.as_deref().unwrap_or("never")
    }

    /// For a person.
    fn text(&self) -> String {
        format!(
            "  Id      {}\n  Of      {}\n  Name    {}\n  Scopes  {}\n  Ends    {}\n",
            self.id,
            self.whose(),
            self.name.unwrap_or("-"),
            self.scopes.join(", "),
            self.ends()
        )
    }
}

fn table(views: &[TokenView<'_>]) -> String {
    let rows: Vec<Vec<String>> = views
        .iter()
        .map(|view| {
            let scopes = view.scopes.join(", ");
            [view.id, view.whose(), view.name.unwrap_or("-"), &scopes, view.ends()]
                .map(str::to_owned)
                .to_vec()
        })
        .collect();
    output::table(&["ID", "OF", "NAME", "SCOPES", "ENDS"], &rows, "")
}
