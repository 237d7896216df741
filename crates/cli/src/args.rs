//! What can be typed. No flag takes a secret: other users of the machine see the arguments of every process.

use std::path::PathBuf;

use clap::{
    Args as Group, Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser as _},
};
use clap_complete::Shell;
use keyway::vault::ConnectionId;

mod api;
mod kept;

pub(crate) use api::{Session, SessionCommand, Start, Token, TokenCommand};
pub(crate) use kept::{
    Allow, Audit, Connection, ConnectionCommand, Grant, GrantCommand, Store, Vault, VaultCommand, Whose,
    source,
};

/// Takes a key for another service, says whether it is good and whose it is, and makes requests with it.
#[derive(Debug, Parser)]
#[command(name = "keyway", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Args {
    /// A folder with more providers: one folder for each, named by its id, with a provider.yaml in it
    #[arg(
        id = "folder",
        long = "providers",
        value_name = "DIR",
        env = "KEYWAY_PROVIDERS",
        hide_env_values = true,
        global = true,
        // clap's parser of paths refuses an empty one, and an empty variable is as good as none.
        value_parser = OsStringValueParser::new().map(PathBuf::from)
    )]
    pub(crate) folder: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  keyway connect rally --sandbox     try it: no account and no network are needed
  keyway connect rootly              asks for your key, and checks it
  keyway providers                   what it can connect to
  keyway vault init                  makes a vault, in which connections are kept
  keyway serve --sandbox             tries gateway and connect pages, with made-up keys

Exit status:
  0  the key is valid, or the request was answered
  1  a usage error, or a fault of keyway's own
  2  the values were refused; nothing was sent
  3  invalid     4  forbidden     5  rate limited     6  unavailable     7  unknown
  8  something in the vault is not as it was written

Secrets are never taken from the command line, where others can see them: type them when asked, or
give them as a JSON object with --values.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists what can be connected to
    #[command(after_help = "\
Examples:
  keyway providers
  keyway providers --json | jq -r '.[].id'
  keyway providers --providers ./my-providers
  keyway providers --providers ./my-providers --watch

With --watch, it goes on until Ctrl-C: each edit in the folder is answered with what changed, and
with what of fixtures and logo does not hold, or with all that is wrong, by file, line and column.
With --json too, each answer is one object a line: {event: \"listed\", providers [], faults []},
{event: \"reloaded\", added [], changed [], removed [], faults [{provider, rule, message}]} or
{event: \"kept\", problems [{file, line, column, text, message, help}]}.")]
    Providers {
        /// Prints a JSON array, sorted by id
        #[arg(long)]
        json: bool,
        /// Watches the folder of --providers, and says of each edit what came of it
        #[arg(long)]
        watch: bool,
    },
    /// Asks for a key, checks it with the provider, and says whose it is
    #[command(after_help = "\
Examples:
  keyway connect rally --sandbox                    try it with a made-up key
  keyway connect rootly                             asks for your key, and checks it
  keyway connect rally --values key.json            {\"host\": \"eu1.rallydev.com\", \"api_key\": \"…\"}
  pass show rally.json | keyway connect rally --values - --json
  keyway connect rootly --save --tenant acme        keeps the key in the vault, if it is good

With --json, one object is printed to stdout: provider, method, verdict, account {id, label},
warnings [], errors [{field, code, message}], retry_after_s. Values that do not apply are null.
With --save there is saved too: null, or {connection {}, same_key [], same_account []}.

With --save, a key whose verdict is valid is kept, and nothing else is. With --connection it takes
the place of a kept connection's key, if it is of the same account: the id and its grants stay.

The exit status is 0 valid, 2 refused before anything was sent, 3 invalid, 4 forbidden,
5 rate limited, 6 unavailable, 7 unknown, 1 anything else.")]
    Connect(Connect),
    /// Shows the form of a provider: for a person, or to put into a page
    #[command(after_help = "\
Examples:
  keyway form rally
  keyway form rootly --as html > form.html
  keyway form rally --as json-schema                for react-jsonschema-form and its like
  echo '{\"host\": \"rally9\"}' | keyway form rally --values - --as html

With --values the form is shown as it comes back: what is wrong or odd stands beside its input.
Nothing is sent, and nothing secret is shown again.")]
    Form(FormOf),
    /// Makes one request with a key, and prints the answer's body
    #[command(after_help = "\
Examples:
  keyway request rootly GET /v1/incidents
  keyway request rally GET '/slm/webservice/v2.0/defect?fetch=Name' --values key.json --include
  keyway request rootly POST /v1/incidents --values key.json --data incident.json
  keyway request rally GET /slm/webservice/v2.0/user --sandbox --values good.json
  keyway request --connection con_… GET /v1/incidents --tenant acme

With --connection, the key is a kept one, and ID is left out: METHOD comes first. The audit log has
the request before it is sent, and what came of it afterwards; of the path, its words alone.

PATH begins with `/`. What a URL cannot carry is percent-encoded, existing escapes are kept, and the
request cannot leave the provider's own address. What belongs to the key or to the connection (such
as Authorization, Cookie or Host) is replaced, whatever --header says.

The key is masked in what is printed. So that it can be, bodies are asked for plain: Accept-Encoding
is always identity, and a body that comes compressed all the same is not printed. A redirect to
another address is not followed; it is the answer.

The exit status is 0 once an answer of any status came, 6 when none came, 2 when the values were
refused before anything was sent, 1 anything else.")]
    Request(Request),
    /// Runs stand-ins of the providers on this machine, with made-up keys
    #[command(after_help = "\
Examples:
  keyway sandbox --port 8080
  keyway sandbox --list --json
  keyway connect rootly --origin http://127.0.0.1:8080

A key that is not listed is answered 401.")]
    Sandbox(Sandbox),
    /// Runs the gateway, with grants for keys; the pages where people link accounts; and the REST API
    #[command(after_help = OF_SERVE)]
    Serve(Serve),
    /// Makes, looks at, and moves the vault, in which connections are kept
    #[command(after_help = kept::OF_VAULT)]
    Vault(Vault),
    /// Lists, checks, renames and removes the connections that are kept
    #[command(after_help = kept::OF_CONNECTION)]
    Connection(Connection),
    /// Makes and revokes grants: tokens that let somebody use one connection, and do not show its key
    #[command(after_help = kept::OF_GRANT)]
    Grant(Grant),
    /// Makes, rotates and revokes tokens of the REST API: a platform's backend shows one
    #[command(after_help = api::OF_TOKEN)]
    Token(Token),
    /// Makes links that people open to link an account
    #[command(after_help = api::OF_SESSION)]
    Session(Session),
    /// Shows who did what with the vault
    #[command(after_help = kept::OF_AUDIT)]
    Audit(Audit),
    /// Prints the JSON Schema with which editors explain a provider's files
    #[command(after_help = "\
Examples:
  keyway schema descriptor > my-providers/provider.schema.json
  keyway schema fixtures > my-providers/fixtures.schema.json

An editor with yaml-language-server uses them when the first line of a file says so:

  # yaml-language-server: $schema=../provider.schema.json")]
    Schema {
        /// The file
        file: File,
    },
    /// Prints a script that completes the command in a shell
    #[command(after_help = "\
Examples:
  keyway completions bash > ~/.local/share/bash-completion/completions/keyway
  keyway completions zsh > \"${fpath[1]}/_keyway\"
  keyway completions fish > ~/.config/fish/completions/keyway.fish")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

const OF_SERVE: &str = "\
Examples:
  keyway serve --sandbox                        try it: no account and no network are needed
  keyway serve --config keyway.toml --check     says what will be, or all that is wrong
  keyway serve --config keyway.toml

Each key of the configuration has a default, and a variable that wins over the file: KEYWAY_LISTEN,
KEYWAY_TLS_CERT, KEYWAY_LIMITS_HEAD_TIME, …; keyway.example.toml shows all of them. A client's base
URL is then the gateway's, and its key a grant, which `keyway grant create` makes. Or it asks for
/c/CONNECTION/PATH, with the grant in the header Keyway-Grant.

People link their accounts on the connect pages. A link to them is made by the REST API, which is at
the same address and described there in /openapi.json, or by `keyway session create`. The first
token of that API comes from `keyway token create`.

Ctrl-C ends it when what is in flight is done; a second one ends it at once. TLS files are read
again when they change, and on SIGHUP. The log goes to stderr; RUST_LOG raises it.

With --sandbox everything is in a folder of its own: a vault, made-up keys, stand-ins that know
them, grants and an API token for the tenant `demo`, and a platform from which accounts are linked.
A second start finds all of it again.";

#[derive(Debug, Group)]
pub(crate) struct Serve {
    /// The configuration: a TOML file
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox")]
    pub(crate) config: Option<PathBuf>,
    /// Says whether all of it can be used, and exits; no port is opened
    #[arg(long, conflicts_with = "sandbox")]
    pub(crate) check: bool,
    /// Runs a demonstration, with stand-ins of the providers behind it
    #[arg(long)]
    pub(crate) sandbox: bool,
    /// With --sandbox: https, with a throw-away certificate
    #[arg(long, requires = "sandbox")]
    pub(crate) tls: bool,
    /// With --sandbox: the port to listen on
    #[arg(long, value_name = "N", default_value_t = 8080, value_parser = port, requires = "sandbox")]
    pub(crate) port: u16,
    /// With --sandbox: the folder for all that it keeps
    #[arg(long, value_name = "DIR", requires = "sandbox")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: Store,
}

/// A file that a provider consists of.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum File {
    /// provider.yaml
    Descriptor,
    /// fixtures.yaml
    Fixtures,
}

#[derive(Debug, Group)]
pub(crate) struct Connect {
    #[command(flatten)]
    pub(crate) with: With,
    /// Prints one JSON object to stdout, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// Keeps the key in the vault, when the provider accepts it
    #[arg(long, help_heading = kept::HEADING)]
    pub(crate) save: bool,
    /// With --save: the connection's name
    #[arg(long, value_name = "NAME", requires = "save", help_heading = kept::HEADING)]
    pub(crate) name: Option<String>,
    /// With --save: the connection that gets this key in place of its own
    #[arg(long, value_name = "CONNECTION", value_parser = ConnectionId::parse, requires = "save", help_heading = kept::HEADING)]
    pub(crate) connection: Option<ConnectionId>,
    #[command(flatten)]
    pub(crate) whose: Whose,
}

#[derive(Debug, Group)]
pub(crate) struct FormOf {
    /// The provider's id; `keyway providers` lists them
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The way to authenticate, where a provider has several; the first one if it is left out
    #[arg(long, value_name = "ID")]
    pub(crate) method: Option<String>,
    /// How the form is drawn
    #[arg(long = "as", value_name = "RENDERING", value_enum, default_value_t)]
    pub(crate) rendering: Rendering,
    /// What came back: a JSON object in a file, or `-` for stdin
    #[arg(long, value_name = "FILE|-")]
    pub(crate) values: Option<PathBuf>,
}

/// How a form is drawn.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Rendering {
    /// For a terminal
    #[default]
    Text,
    /// As JSON, for a form of your own
    Model,
    /// As JSON Schema 2020-12
    JsonSchema,
    /// How to draw the JSON Schema, in the words of react-jsonschema-form
    UiSchema,
    /// As one HTML element
    Html,
}

#[derive(Debug, Group)]
pub(crate) struct Request {
    #[command(flatten)]
    pub(crate) with: With,
    /// The method: GET, POST, PATCH, …
    #[arg(id = "verb", value_name = "METHOD")]
    pub(crate) verb: String,
    /// The path with its query; it begins with `/`
    #[arg(value_name = "PATH", required_unless_present = "connection")]
    pub(crate) path: Option<String>,
    /// A header of the request; may stand several times
    #[arg(long = "header", short = 'H', value_name = "K: V", allow_hyphen_values = true)]
    pub(crate) headers: Vec<String>,
    /// The request's body: a file, or `-` for stdin
    #[arg(long, value_name = "FILE|-")]
    pub(crate) data: Option<PathBuf>,
    /// Prints the answer's status and headers before its body
    #[arg(long, short = 'i')]
    pub(crate) include: bool,
    /// Uses a connection that is kept; ID is left out then
    #[arg(
        long,
        value_name = "CONNECTION",
        value_parser = ConnectionId::parse,
        conflicts_with_all = ["method", "values", "sandbox", "origin"],
        help_heading = kept::HEADING
    )]
    pub(crate) connection: Option<ConnectionId>,
    #[command(flatten)]
    pub(crate) whose: Whose,
}

/// Which credential, and where it goes.
#[derive(Debug, Group)]
pub(crate) struct With {
    /// The provider's id; `keyway providers` lists them
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The way to authenticate, where a provider has several; the first one if it is left out
    #[arg(long, value_name = "ID")]
    pub(crate) method: Option<String>,
    /// The values as a JSON object: a file, or `-` for stdin. Nothing is asked then
    #[arg(long, value_name = "FILE|-")]
    pub(crate) values: Option<PathBuf>,
    /// Asks a stand-in on this machine instead of the provider: no account and no network are needed
    #[arg(long, conflicts_with = "origin")]
    pub(crate) sandbox: bool,
    /// Sends the key to another origin, for a test server of yours: https, or plain http on loopback
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Option<String>,
}

#[derive(Debug, Group)]
pub(crate) struct Sandbox {
    /// The port to listen on; a free one if it is left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = port)]
    pub(crate) port: u16,
    /// Lists the made-up keys and the verdicts that they get, and exits
    #[arg(long)]
    pub(crate) list: bool,
    /// With --list: prints a JSON array, as it does when stdout is no terminal
    #[arg(long, requires = "list")]
    pub(crate) json: bool,
}

/// Reads a port. The error is shown, so it does not quote what was typed, as the standard library's may.
fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().map_err(|_| "a port is a number from 0 to 65535")
}
