//! What can be typed about the REST API and the connect pages.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args as Group, Subcommand};
use keyway::vault::{ApiScope, ConnectionId};

use super::kept::{Answer, Store, TENANT, Whose};

pub(super) const OF_TOKEN: &str = "\
Examples:
  keyway token create --tenant acme --scope sessions,connections:read
  keyway token create --platform --scope sessions,webhooks --name Backend --expires 90d
  keyway token rotate kwa_… --overlap 24h
  keyway token revoke kwa_…

A backend shows it to the REST API of `keyway serve`, as Authorization: Bearer kwa_…. A tenant's
token acts for that tenant alone. The platform's acts for every tenant, and names the one that is
meant in the header Keyway-Tenant.";

const OF_CREATE: &str = "\
The token is printed to stdout once, and is kept nowhere: the vault holds its hash.

Scopes: sessions (make and look at sessions), connections:read (list and show), connections:write
(make, check, rename and remove), grants, events, webhooks.

With sessions come links for any end user of the tenant, and through them their connections can be
seen, checked, reconnected and removed: it is as good as connections:write.";

pub(super) const OF_SESSION: &str = "\
Examples:
  keyway session create --tenant acme --end-user ada
  keyway session create --tenant acme --end-user ada --provider rootly --provider rally
  keyway session create --tenant acme --end-user ada --reconnect con_…
  keyway session create --tenant acme --end-user ada --manage
  keyway session create --tenant acme --end-user ada --config keyway.toml

Without --config and --public-url the link begins with http://127.0.0.1:8081. `keyway serve` has to run on the same vault: it serves the pages that the link leads to.
A platform's backend makes sessions over the REST API instead, with more to say about each.";

#[derive(Debug, Group)]
pub(crate) struct Token {
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
    #[command(flatten)]
    pub(crate) answer: Answer,
    #[command(flatten)]
    pub(crate) store: Store,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Makes a token, and prints it
    #[command(after_help = OF_CREATE)]
    Create {
        #[command(flatten)]
        of: OfTenant,
        /// Of the platform: it acts for every tenant
        #[arg(long)]
        platform: bool,
        /// What it may be used for: scopes, with commas between them
        #[arg(
            long = "scope",
            value_name = "SCOPE",
            value_parser = scope,
            value_delimiter = ',',
            required = true
        )]
        scopes: Vec<ApiScope>,
        /// What it is called: 1 to 100 characters on one line
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// When it ends: after a time, such as 90d, or at one, such as 2027-01-31T12:00:00Z
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    /// Lists tokens that are good, without themselves
    List {
        #[command(flatten)]
        of: OfTenant,
    },
    /// Makes another token like it, for as long a time from now on, and lets the old one end a little later
    Rotate {
        /// The token, by its id
        #[arg(value_name = "ID", value_parser = token)]
        id: String,
        /// How long the old one is good for still
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = overlap)]
        overlap: Duration,
    },
    /// Ends a token at once, for good
    Revoke {
        /// The token, by its id
        #[arg(value_name = "ID", value_parser = token)]
        id: String,
    },
}

/// Whose token.
#[derive(Debug, Group)]
pub(crate) struct OfTenant {
    /// Of a tenant: letters, digits, `.`, `_`, `:`, `@` and `-`
    #[arg(id = "token_tenant", long = "tenant", value_name = "TENANT", env = TENANT, hide_env_values = true)]
    pub(crate) tenant: Option<OsString>,
}

#[derive(Debug, Group)]
pub(crate) struct Session {
    #[command(subcommand)]
    pub(crate) command: SessionCommand,
    #[command(flatten)]
    pub(crate) answer: Answer,
    #[command(flatten)]
    pub(crate) whose: Whose,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Makes a session for one of the tenant's users, and prints its link
    #[command(
        after_help = "The link can be opened once, within 10 minutes, and the session lasts for half an hour, unless the\n\
                      configuration says otherwise."
    )]
    Create(Start),
}

/// What a session is to be for.
#[derive(Debug, Group)]
pub(crate) struct Start {
    /// Who opens the link, as the platform names its users
    #[arg(long, value_name = "USER")]
    pub(crate) end_user: String,
    /// A provider that may be chosen; may stand several times. All of them without it
    #[arg(long = "provider", value_name = "ID")]
    pub(crate) providers: Vec<String>,
    /// Gives this connection a new key, of the same account
    #[arg(
        long,
        value_name = "CONNECTION",
        value_parser = ConnectionId::parse,
        conflicts_with = "providers"
    )]
    pub(crate) reconnect: Option<ConnectionId>,
    /// The new key may be of another account
    #[arg(long, requires = "reconnect")]
    pub(crate) allow_other_account: bool,
    /// Shows what is linked: to be checked, given a new key, removed, and more to be linked
    #[arg(long, conflicts_with = "reconnect")]
    pub(crate) manage: bool,
    /// Where the browser goes at the end; what came of it is added
    #[arg(long, value_name = "URL")]
    pub(crate) return_url: Option<String>,
    /// The configuration of `keyway serve`: where the pages are, how long links last, and the vault
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where people find the connect pages, if not where the configuration says: what the link begins with
    #[arg(long, value_name = "URL", env = "KEYWAY_CONNECT_PUBLIC_URL", hide_env_values = true)]
    pub(crate) public_url: Option<String>,
}

/// Reads a scope, and does not quote what was typed.
fn scope(text: &str) -> Result<ApiScope, &'static str> {
    ApiScope::parse(text)
        .ok_or("a scope is one of sessions, connections:read, connections:write, grants, events, webhooks")
}

/// Reads a token's id. The token itself is refused: nobody else may see it.
fn token(text: &str) -> Result<String, &'static str> {
    let is_id = text.len() == 12
        && text.starts_with("kwa_")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_id.then(|| text.to_owned()).ok_or(
        "a token's id is the first 12 characters of it, from kwa_ on, as `keyway token list` shows them; never type \
         the token itself",
    )
}

/// Reads a time, and does not quote what was typed.
fn overlap(text: &str) -> Result<Duration, &'static str> {
    let year = Duration::from_secs(366 * 24 * 60 * 60);
    let time = humantime::parse_duration(text).ok().filter(|time| *time <= year);
    time.ok_or("it takes a time such as 24h, of a year at most; 0s ends the old one at once")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_scope_is_told_of_each_that_there_is() {
        let why = scope("canary").unwrap_err();
        for known in ApiScope::ALL {
            assert_eq!(scope(known.as_str()), Ok(known));
            assert!(why.contains(known.as_str()) && OF_CREATE.contains(known.as_str()), "{known:?}");
        }
    }
}
