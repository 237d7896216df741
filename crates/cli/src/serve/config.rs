//! What `keyway serve` is told: a file, variables of the environment, flags; and what holds where nothing is said.

mod connect;
mod file;
mod setting;
mod value;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use keyway_hub::Limits;
use tracing_subscriber::filter::LevelFilter;

pub(crate) use self::connect::Connect;
use self::{file::Line, setting::SETTINGS};
use crate::{args::Store, exit::Failure};

/// What `keyway serve` is told.
///
/// # Security
/// It has no `Debug`: the database's address and the proxy's may hold a password.
#[derive(Clone, PartialEq)]
pub(crate) struct Config {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) control: Option<SocketAddr>,
    pub(crate) public_url: Option<String>,
    pub(crate) plain_http: PlainHttp,
    pub(crate) trusted_proxies: Vec<IpNet>,
    /// 0: as many as there are cores.
    pub(crate) threads: usize,
    pub(crate) tls: Tls,
    pub(crate) database: Option<OsString>,
    /// To PostgreSQL, beside the one that listens.
    pub(crate) database_connections: u32,
    pub(crate) key: Option<String>,
    pub(crate) anchors: Option<OsString>,
    pub(crate) providers: Option<PathBuf>,
    pub(crate) audit: Audit,
    pub(crate) limits: Limits,
    pub(crate) connect: Connect,
    pub(crate) upstream: Upstream,
    pub(crate) log: Log,
}

/// Where plain HTTP may be listened for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum PlainHttp {
    /// On loopback, and behind a trusted proxy.
    Loopback,
    /// Anywhere.
    Allowed,
}

/// The files of a certificate and its key; both or none.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Tls {
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// When uses are in the audit log.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Audit {
    /// Some at a time, a moment later.
    Grouped,
    /// Each before its request is sent.
    Strict,
}

/// The way out.
#[derive(Clone, PartialEq)]
pub(crate) struct Upstream {
    pub(crate) proxy: Option<String>,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) connect_timeout: Duration,
    pub(crate) allow_loopback: bool,
}

/// What is logged, and how.
#[derive(Clone, PartialEq)]
pub(crate) struct Log {
    pub(crate) format: Format,
    pub(crate) level: LevelFilter,
    pub(crate) requests: bool,
}

/// How a line of the log looks.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![(Ipv4Addr::LOCALHOST, 8080).into()],
            control: Some((Ipv4Addr::LOCALHOST, 8082).into()),
            public_url: None,
            plain_http: PlainHttp::Loopback,
            trusted_proxies: Vec::new(),
            threads: 0,
            tls: Tls::default(),
            database: None,
            database_connections: 16,
            key: None,
            anchors: None,
            providers: None,
            audit: Audit::Grouped,
            limits: Limits::default(),
            connect: Connect::default(),
            upstream: Upstream {
                proxy: None,
                ca: None,
                connect_timeout: Duration::from_secs(5),
                allow_loopback: false,
            },
            log: Log { format: Format::Text, level: LevelFilter::INFO, requests: false },
        }
    }
}

/// Whence a configuration is read.
pub(crate) struct Sources<'s> {
    /// The file's text.
    pub(crate) file: Option<&'s str>,
    /// What a variable of the environment says.
    pub(crate) variable: &'s dyn Fn(&str) -> Option<OsString>,
    /// What was said by a flag or by its variable, by the setting's key.
    pub(crate) flags: BTreeMap<&'static str, OsString>,
}

/// A configuration, and where each of its keys was said.
pub(crate) struct Loaded {
    pub(crate) config: Config,
    places: BTreeMap<&'static str, String>,
}

impl Loaded {
    /// Reads the configuration: a flag wins over a variable, a variable over the file. An empty text is as good as none.
    /// With it comes all that is wrong, a line each: by the file's line, or by the variable, and never with a value. What is
    /// wrong stays at its default.
    pub(crate) fn read(sources: &Sources<'_>) -> (Self, Vec<String>) {
        let mut loaded = Self::of(Config::default());
        let mut problems = Vec::new();
        let mut lines = match sources.file.map(file::lines) {
            Some(read) => {
                problems.extend(read.problems);
                read.lines
            }
            None => BTreeMap::new(),
        };
        for setting in SETTINGS {
            let line = lines.remove(setting.key);
            let flag = sources.flags.get(setting.key).cloned();
            let variable =
                || if setting.flag.is_some() { None } else { (sources.variable)(&setting.variable()) };
            let outside = flag.or_else(variable).filter(|text| !text.is_empty());
            let (place, set) = match (outside, line) {
                (Some(text), _) => {
                    let name = setting.flag.map_or_else(|| setting.variable(), str::to_owned);
                    (name, setting.set_text(&mut loaded.config, &text))
                }
                (None, Some(Line { number, value })) => {
                    let name = format!("line {number}: {}", setting.key);
                    (name, setting.set_value(&mut loaded.config, &value))
                }
                (None, None) => continue,
            };
            if let Err(why) = set {
                problems.push(format!("{place} {why}"));
            }
            loaded.places.insert(setting.key, place);
        }
        problems.extend(lines.into_iter().map(|(key, line)| unknown(&key, line.number)));
        problems.extend(loaded.contradictions());
        // What was said outside of the file comes first.
        problems.sort_by_key(|problem| line_of(problem));
        (loaded, problems)
    }

    /// A configuration that nobody said.
    pub(crate) fn of(config: Config) -> Self {
        Self { config, places: BTreeMap::new() }
    }

    /// Where the vault is, as the commands that open one are told it.
    pub(crate) fn store(&self) -> Store {
        let Config { database, key, anchors, .. } = &self.config;
        Store { database: database.clone(), key: key.clone(), anchors: anchors.clone() }
    }

    /// What a failure says, with the place in the file where it names a flag that nobody used.
    pub(crate) fn renamed(&self, failure: &Failure) -> String {
        let (Failure::Because(text) | Failure::NeedsKey(text) | Failure::Damaged(text)) = failure else {
            return String::new();
        };
        let flags =
            SETTINGS.iter().filter_map(|setting| Some((setting.flag?, self.places.get(setting.key)?)));
        flags.fold(text.clone(), |text, (flag, place)| text.replace(flag, place))
    }

    /// Where a key was said, as errors name it.
    pub(crate) fn place(&self, key: &'static str) -> &str {
        self.places.get(key).map_or(key, String::as_str)
    }

    /// What fits nothing else that was said.
    fn contradictions(&self) -> Vec<String> {
        let config = &self.config;
        let mut problems = Vec::new();
        match (&config.tls.cert, &config.tls.key) {
            (Some(_), None) => problems.push(format!("{} needs tls.key beside it", self.place("tls.cert"))),
            (None, Some(_)) => problems.push(format!("{} needs tls.cert beside it", self.place("tls.key"))),
            _ => {}
        }
        let is_plain = config.tls.cert.is_none() && config.tls.key.is_none();
        let in_the_clear =
            is_plain && config.trusted_proxies.is_empty() && config.plain_http == PlainHttp::Loopback;
        for (key, addresses, what) in [
            ("listen", &config.listen, "grants"),
            ("connect.listen", &config.connect.listen, "people's keys"),
        ] {
            if in_the_clear && addresses.iter().any(|address| !address.ip().is_loopback()) {
                problems.push(format!(
                    "{} has an address that is not loopback, where {what} would travel in the clear: give it `tls`, name \
                     the proxy in front of it in trusted_proxies, or say plain_http = \"allowed\"",
                    self.place(key)
                ));
            }
        }
        problems.extend(self.taken_twice());
        problems
            .extend(config.connect.problem(!is_plain).map(|(key, why)| format!("{} {why}", self.place(key))));
        problems
    }

    /// Addresses that two are to listen on.
    fn taken_twice(&self) -> Vec<String> {
        let Config { listen, control, connect, .. } = &self.config;
        let mut problems = Vec::new();
        let is_taken =
            |address: &SocketAddr, others: &[SocketAddr]| address.port() != 0 && others.contains(address);
        for (key, addresses) in [("listen", listen), ("connect.listen", &connect.listen)] {
            if addresses.iter().enumerate().any(|(at, address)| is_taken(address, &addresses[..at])) {
                problems.push(format!("{} names an address twice", self.place(key)));
            }
        }
        if connect.listen.iter().any(|address| is_taken(address, listen)) {
            problems.push(format!("{} has an address of `listen`", self.place("connect.listen")));
        }
        for (key, addresses) in [("listen", listen), ("connect.listen", &connect.listen)] {
            if control.is_some_and(|control| is_taken(&control, addresses)) {
                problems.push(format!("{} is an address of `{key}`", self.place("control")));
            }
        }
        problems
    }
}

/// The line that a problem names.
fn line_of(problem: &str) -> Option<usize> {
    problem.strip_prefix("line ")?.split_once(':')?.0.parse().ok()
}

/// A key that there is not. Its name is repeated where it looks like one: something may have been pasted in its place.
fn unknown(key: &str, line: usize) -> String {
    let is_name =
        key.len() <= 40 && key.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte));
    let name = if is_name { format!("`{key}`") } else { "this".to_owned() };
    let close = SETTINGS
        .iter()
        .map(|setting| (strsim::damerau_levenshtein(setting.key, key), setting.key))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let hint = close.map_or_else(
        || "keyway.example.toml shows all keys".to_owned(),
        |(_, close)| format!("did you mean `{close}`?"),
    );
    format!("line {line}: {name} is no key of the configuration; {hint}")
}

#[cfg(test)]
mod tests;
