//! What can be typed about what is kept. Nothing here takes a secret either: a database's password comes from the
//! environment, keys come from where they are.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args as Group, Subcommand};
use keyway::vault::{Anchor, ConnectionId, GrantId};

/// The variable that names a tenant.
pub(super) const TENANT: &str = "KEYWAY_TENANT";

/// Under which help shows where the vault is.
pub(super) const HEADING: &str = "The vault";

pub(super) const OF_VAULT: &str = "\
Examples:
  keyway vault init                                 a SQLite file, and a key file apart from it
  keyway vault init --database postgres://keyway@db.example/keyway --key env:KEYWAY_KEY
  keyway vault verify --anchors /mnt/elsewhere/anchors
  keyway vault export backup.jsonl                  sealed: it is of no use without the key

Without --database, the vault is `keyway/keyway.db` in this system's folder for data; without --key,
its key is the variable KEYWAY_KEY where that is set, and otherwise `keyway/master.key` in this
system's folder for settings. A database's address may hold a password: give it by KEYWAY_DATABASE.

Keys come from file:PATH (mode 0600), env:NAME, or transit:https://HOST:8200/MOUNT/NAME, which is
the Transit engine of HashiCorp Vault or OpenBao: it takes VAULT_TOKEN or VAULT_TOKEN_FILE,
VAULT_NAMESPACE and VAULT_CACERT.

The exit status is 8 when something is not as it was written.";

pub(super) const OF_CONNECTION: &str = "\
Examples:
  keyway connection list --tenant acme
  keyway connection check con_… --tenant acme       asks the provider, and keeps what it says
  keyway connection remove con_… --tenant acme --yes

`keyway connect ID --save` makes one.";

const OF_CHECK: &str = "\
The exit status is 0 valid, 2 it needs a new key and nothing was sent, 3 invalid, 4 forbidden,
5 rate limited, 6 unavailable, 7 unknown, 1 anything else. With --json, the object is that of
`keyway connect --json`, with connection {} in it.";

pub(super) const OF_GRANT: &str = "\
Examples:
  keyway grant create --connection con_… --tenant acme
  keyway grant create --connection con_… --tenant acme --allow-method GET --path '/v1/**' \\
      --expires 30d --rate 100/minute
  keyway grant revoke gra_… --tenant acme";

const OF_CREATE: &str = "\
The token is printed to stdout once, and is kept nowhere: the vault holds its hash.

PATTERN is a path. `*` in it stands for one segment, `**` at its end for any rest: /v1/incidents,
/v1/incidents/*, /v1/**.";

pub(super) const OF_AUDIT: &str = "\
Examples:
  keyway audit
  keyway audit --tenant acme --after 1200
  keyway audit --follow --json | your-log-shipper
  keyway audit --anchor                             keep it apart: `keyway vault verify --anchor …`

JSON has one entry a line: with --json, and when stdout is no terminal. With --follow it goes on
until Ctrl-C, with what other processes write too.";

/// Where the vault is.
#[derive(Debug, Group)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Store {
    #[arg(
        long,
        help = "Where connections are kept: sqlite:PATH or postgres://USER@HOST/NAME",
        value_name = "DATABASE",
        env = "KEYWAY_DATABASE",
        hide_env_values = true,
        global = true
    )]
    pub(crate) database: Option<OsString>,
    #[arg(
        id = "key_source",
        help = "Where its key comes from: file:PATH, env:NAME or transit:URL. Never the key itself",
        long = "key",
        value_name = "SOURCE",
        env = "KEYWAY_KEY_SOURCE",
        hide_env_values = true,
        global = true,
        value_parser = source
    )]
    pub(crate) key: Option<String>,
    /// A file that is told of each change where the audit log stands: best on another disk
    #[arg(long, value_name = "FILE", env = "KEYWAY_ANCHORS", hide_env_values = true, global = true)]
    pub(crate) anchors: Option<OsString>,
}

/// Where the vault is, and whose part of it is meant.
#[derive(Debug, Group)]
#[command(next_help_heading = HEADING)]
pub(crate) struct Whose {
    /// Whose connections: letters, digits, `.`, `_`, `:`, `@` and `-`
    #[arg(long, value_name = "TENANT", env = TENANT, hide_env_values = true, global = true)]
    pub(crate) tenant: Option<OsString>,
    #[command(flatten)]
    pub(crate) store: Store,
}

/// How a command answers.
#[derive(Debug, Group)]
pub(crate) struct Answer {
    /// Prints JSON to stdout, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Vault {
    #[command(subcommand)]
    pub(crate) command: VaultCommand,
    #[command(flatten)]
    pub(crate) answer: Answer,
    #[command(flatten)]
    pub(crate) store: Store,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Makes a vault, and its key where there is none
    Init,
    /// Shows how the vault stands: its keys, how much is kept, where the audit log stands
    Status,
    /// Looks at everything that is kept: whether it is as it was written
    #[command(after_help = OF_VERIFY)]
    Verify {
        /// Where the audit log stood once, as `keyway audit --anchor` said; may stand several times
        #[arg(long = "anchor", value_name = "SEQ:MAC", value_parser = str::parse::<Anchor>)]
        anchor: Vec<Anchor>,
    },
    /// Brings everything under another key; where it was stopped, it goes on
    RotateKey,
    /// Writes everything to a file, sealed as it is
    Export {
        /// The file, or `-` for stdout
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
        /// Replaces a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Fills an empty database from such a file; the vault's key must be there
    Import {
        /// The file, or `-` for stdin
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
    },
}

const OF_VERIFY: &str = "\
A database that was put back whole looks well by itself: an anchor, kept where whoever can write the
database cannot, tells. All lines of the file of --anchors are held against the audit log too.

The exit status is 0 when all is as it was written, 8 when something is not, 1 when nobody can tell.";

#[derive(Debug, Group)]
pub(crate) struct Connection {
    #[command(subcommand)]
    pub(crate) command: ConnectionCommand,
    #[command(flatten)]
    pub(crate) answer: Answer,
    #[command(flatten)]
    pub(crate) whose: Whose,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionCommand {
    /// Lists a tenant's connections
    List {
        /// Those of one of the tenant's users alone, as the platform names them
        #[arg(long, value_name = "USER")]
        end_user: Option<String>,
    },
    /// Shows one
    Show {
        /// The connection
        #[arg(value_name = "ID", value_parser = ConnectionId::parse)]
        id: ConnectionId,
    },
    /// Asks the provider whether the key is still good, and keeps the verdict
    #[command(after_help = OF_CHECK)]
    Check {
        /// The connection
        #[arg(value_name = "ID", value_parser = ConnectionId::parse)]
        id: ConnectionId,
    },
    /// Gives one another name, or takes away the one it has
    Rename {
        /// The connection
        #[arg(value_name = "ID", value_parser = ConnectionId::parse)]
        id: ConnectionId,
        /// The name: 1 to 100 characters on one line
        #[arg(value_name = "NAME", required_unless_present = "none", conflicts_with = "none")]
        name: Option<String>,
        /// From now on it has no name
        #[arg(long)]
        none: bool,
    },
    /// Removes one, and its grants, for good
    Remove {
        /// The connection
        #[arg(value_name = "ID", value_parser = ConnectionId::parse)]
        id: ConnectionId,
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Group)]
pub(crate) struct Grant {
    #[command(subcommand)]
    pub(crate) command: GrantCommand,
    #[command(flatten)]
    pub(crate) answer: Answer,
    #[command(flatten)]
    pub(crate) whose: Whose,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GrantCommand {
    /// Makes a grant for one connection, and prints its token
    #[command(after_help = OF_CREATE)]
    Create(Allow),
    /// Lists a tenant's grants, without their tokens
    List {
        /// Those of one connection alone
        #[arg(long, value_name = "CONNECTION", value_parser = ConnectionId::parse)]
        connection: Option<ConnectionId>,
    },
    /// Revokes a grant, for good
    Revoke {
        /// The grant
        #[arg(value_name = "ID", value_parser = GrantId::parse)]
        id: GrantId,
    },
}

/// What a grant is to allow.
#[derive(Debug, Group)]
pub(crate) struct Allow {
    /// The connection
    #[arg(long, value_name = "CONNECTION", value_parser = ConnectionId::parse)]
    pub(crate) connection: ConnectionId,
    /// Allows this method, and no other that is not named too; HEAD comes with GET
    #[arg(long = "allow-method", value_name = "METHOD")]
    pub(crate) methods: Vec<String>,
    /// Allows the paths that match, and no others that match none; may stand several times
    #[arg(long = "path", value_name = "PATTERN")]
    pub(crate) paths: Vec<String>,
    /// When it ends: after a time, such as 12h or 30d, or at one, such as 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// The most requests in a second, minute, hour or day: 100/minute
    #[arg(long, value_name = "N/UNIT")]
    pub(crate) rate: Option<String>,
    /// Begins the token as the provider's own keys begin, for clients that look at that
    #[arg(long)]
    pub(crate) provider_prefix: bool,
    /// Leaves the provider's URLs in answers as they are, where they would be made to lead through Keyway
    #[arg(long)]
    pub(crate) no_rewrite: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Audit {
    /// Shows what came after this entry
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true, value_parser = seq)]
    pub(crate) after: i64,
    /// Goes on until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
    /// Prints where the audit log stands, and exits
    #[arg(long, conflicts_with_all = ["after", "follow"])]
    pub(crate) anchor: bool,
    #[command(flatten)]
    pub(crate) answer: Answer,
    #[command(flatten)]
    pub(crate) whose: Whose,
}

/// Refuses a key in place of where it is, in every command that knows the flag: what is not needed would be passed over
/// without a word otherwise, and nobody would hear that others saw the key.
pub(crate) fn source(text: &str) -> Result<String, &'static str> {
    let is_source = ["file:", "env:", "transit:"].iter().any(|kind| text.starts_with(kind));
    // An empty variable is as good as none.
    (is_source || text.is_empty()).then(|| text.to_owned()).ok_or(
        "it says where the vault's key is, as file:PATH, env:NAME or transit:URL; a key itself is never typed here",
    )
}

/// Reads an entry's number, and does not quote what was typed.
fn seq(text: &str) -> Result<i64, &'static str> {
    text.parse().ok().filter(|seq| *seq >= 0).ok_or("an entry's number is 0 or more")
}
