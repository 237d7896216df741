//! `keyway grant`: tokens that let somebody use one connection.

use std::time::{Duration, SystemTime};

use http::Method as Verb;
use humantime::format_rfc3339_millis;
use keyway::{
    Registry,
    vault::{ConnectionId, Grant, GrantId, PathPattern, Rate, Scope, Terms, shape_prefix},
};
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::{
    args::{self, Allow, GrantCommand},
    exit::{Exit, Failure},
    expiry::end,
    output,
    vault::Part,
};

/// How many are read at once.
const PAGE: usize = 1000;

/// Runs the command.
pub(crate) async fn grant(registry: &Registry, args: &args::Grant) -> Result<Exit, Failure> {
    let (part, json) = (Part::of(&args.whose)?, args.answer.json);
    part.with(async |_, scope| match &args.command {
        GrantCommand::Create(allow) => create(registry, scope, allow, json).await,
        GrantCommand::List { connection } => list(scope, connection.as_ref(), json).await,
        GrantCommand::Revoke { id } => revoke(scope, id, json).await,
    })
    .await
}

async fn create(registry: &Registry, scope: &Scope, allow: &Allow, json: bool) -> Result<Exit, Failure> {
    let now = SystemTime::now();
    let mut terms = Terms::builder();
    if !allow.methods.is_empty() {
        terms = terms.methods(allow.methods.iter().map(|name| verb(name)).collect::<Result<Vec<_>, _>>()?);
    }
    for path in &allow.paths {
        let pattern = PathPattern::parse(path);
        terms = terms.path(pattern.map_err(|error| Failure::Because(format!("--path: {error}")))?);
    }
    if let Some(expires) = &allow.expires {
        terms = terms.expires_at(end(expires, now)?);
    }
    if let Some(text) = &allow.rate {
        terms = terms.rate(rate(text)?);
    }
    if allow.provider_prefix {
        let connection = scope.get(&allow.connection).await?;
        let (_, method) = registry.method(&connection.provider, Some(&connection.method))?;
        terms = terms.prefix(shape_prefix(method).ok_or_else(|| {
            Failure::because(
                "nothing is known to stand before this provider's keys; leave --provider-prefix out",
            )
        })?);
    }
    if allow.no_rewrite {
        terms = terms.keep_urls();
    }
    let terms = terms.build(now).map_err(|error| Failure::Because(format!("no grant was made: {error}")))?;
    let made = scope.grant(&allow.connection, terms).await?;
    let view = GrantView::of(&made.grant, now);
    if json {
        output::json(&NewView { token: made.token.expose(), grant: view })?;
    } else {
        output::note(&format!(
            "{} {}\n{}\n{}",
            "✓".green().bold(),
            "There is a grant now.".bold(),
            view.text(),
            "Its token is shown this once:".bold()
        ));
        output::result(made.token.expose())?;
    }
    Ok(Exit::Done)
}

async fn list(scope: &Scope, connection: Option<&ConnectionId>, json: bool) -> Result<Exit, Failure> {
    let mut all: Vec<Grant> = Vec::new();
    loop {
        let page = scope.grants(connection, all.last().map(|last| &last.id), PAGE).await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    let now = SystemTime::now();
    let views: Vec<GrantView> = all.iter().map(|grant| GrantView::of(grant, now)).collect();
    if json {
        output::json(&views)?;
    } else if views.is_empty() {
        output::note("There are no grants; `keyway grant create` makes one.");
    } else {
        output::result(&table(&views))?;
    }
    Ok(Exit::Done)
}

async fn revoke(scope: &Scope, id: &GrantId, json: bool) -> Result<Exit, Failure> {
    let grant = scope.revoke(id).await?;
    let view = GrantView::of(&grant, SystemTime::now());
    if json {
        output::json(&view)?;
    } else {
        output::result(&format!("{} {}", "✓".green().bold(), format!("{id} is revoked.").bold()))?;
    }
    Ok(Exit::Done)
}

/// A method as it is written. Terms say which of them can be granted.
fn verb(name: &str) -> Result<Verb, Failure> {
    Verb::from_bytes(name.to_ascii_uppercase().as_bytes())
        .map_err(|_| Failure::because("--allow-method takes a request's method, such as GET"))
}

/// `100/minute`
fn rate(text: &str) -> Result<Rate, Failure> {
    let parsed = text.split_once('/').and_then(|(requests, unit)| {
        let seconds = match unit {
            "second" => 1,
            "minute" => 60,
            "hour" => 60 * 60,
            "day" => 24 * 60 * 60,
            _ => return None,
        };
        Some(Rate { requests: requests.parse().ok()?, per: Duration::from_secs(seconds) })
    });
    parsed.ok_or_else(|| {
        Failure::because(
            "--rate takes a number and a unit, such as 100/minute; units are second, minute, hour, day",
        )
    })
}

/// A grant as JSON. Every key is always there.
#[derive(Serialize)]
struct GrantView<'g> {
    id: &'g str,
    tenant: &'g str,
    connection: &'g str,
    state: &'static str,
    /// Nothing where all are allowed; so it is with paths.
    methods: Option<Vec<&'g str>>,
    paths: Option<Vec<&'g str>>,
    expires_at: Option<String>,
    rate: Option<RateView>,
    prefix: Option<&'g str>,
    /// Whether the provider's URLs in answers are rewritten to lead through the gateway.
    rewrite: bool,
    created_at: String,
    revoked_at: Option<String>,
}

/// A grant that was just made: the token is seen once.
#[derive(Serialize)]
struct NewView<'g> {
    token: &'g str,
    grant: GrantView<'g>,
}

#[derive(Serialize)]
struct RateView {
    requests: u32,
    seconds: u64,
}

impl<'g> GrantView<'g> {
    fn of(grant: &'g Grant, now: SystemTime) -> Self {
        let time = |time: SystemTime| format_rfc3339_millis(time).to_string();
        let (terms, paths) = (&grant.terms, grant.terms.paths());
        let state = match (grant.revoked_at, terms.expires_at()) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= now => "expired",
            _ => "active",
        };
        Self {
            id: grant.id.as_str(),
            tenant: grant.tenant.as_str(),
            connection: grant.connection.as_str(),
            state,
            methods: terms.methods().map(|methods| methods.iter().map(Verb::as_str).collect()),
            paths: (!paths.is_empty()).then(|| paths.iter().map(PathPattern::as_str).collect()),
            expires_at: terms.expires_at().map(time),
            rate: terms.rate().map(|rate| RateView { requests: rate.requests, seconds: rate.per.as_secs() }),
            prefix: terms.prefix(),
            rewrite: terms.rewrites(),
            created_at: time(grant.created_at),
            revoked_at: grant.revoked_at.map(time),
        }
    }

    fn methods(&self) -> String {
        self.methods.as_ref().map_or_else(|| "all".to_owned(), |methods| methods.join(", "))
    }

    fn paths(&self) -> String {
        self.paths.as_ref().map_or_else(|| "all".to_owned(), |paths| paths.join(", "))
    }

    fn rate(&self) -> String {
        self.rate.as_ref().map_or_else(
            || "any".to_owned(),
            |rate| match rate.seconds {
                1 => format!("{}/second", rate.requests),
                60 => format!("{}/minute", rate.requests),
                3600 => format!("{}/hour", rate.requests),
                86400 => format!("{}/day", rate.requests),
                seconds => format!("{} in {seconds} s", rate.requests),
            },
        )
    }

    fn expires(&self) -> &str {
        self.expires_at.as_deref().unwrap_or("never")
    }

    fn urls(&self) -> &'static str {
        if self.rewrite { "rewritten" } else { "as they are" }
    }

    /// For a person.
    fn text(&self) -> String {
        format!(
            "  Id          {}\n  Connection  {}\n  Methods     {}\n  Paths       {}\n  Rate        {}\n  Ends        {}\n  URLs        {}\n",
            self.id,
            self.connection,
            self.methods(),
            self.paths(),
            self.rate(),
            self.expires(),
            self.urls()
        )
    }
}

fn table(views: &[GrantView<'_>]) -> String {
    let rows: Vec<Vec<String>> = views
        .iter()
        .map(|view| {
            vec![
                view.id.to_owned(),
                view.connection.to_owned(),
                view.state.to_owned(),
                view.methods(),
                view.paths(),
                view.rate(),
                view.expires().to_owned(),
                view.urls().to_owned(),
            ]
        })
        .collect();
    output::table(&["ID", "CONNECTION", "STATE", "METHODS", "PATHS", "RATE", "ENDS", "URLS"], &rows, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_not_repeated() {
        assert_eq!(rate("100/minute").unwrap(), Rate { requests: 100, per: Duration::from_secs(60) });
        for wrong in ["", "canary", "100", "100/canary", "-1/minute", "100/minutes", "/day"] {
            let Err(Failure::Because(said)) = rate(wrong) else { panic!("{wrong}") };
            assert!(!said.contains("canary"), "{said}");
        }
    }
}
