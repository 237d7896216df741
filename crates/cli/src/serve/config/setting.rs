//! The keys of a configuration: one table for the file, the environment and the errors.

use std::ffi::OsStr;

use tracing_subscriber::filter::LevelFilter;

use super::{
    Audit, Config, Format, PlainHttp,
    file::Value,
    value::{
        Why, address, addresses, addresses_or_none, colour, connections, count, database, duration, every,
        head, in_memory, networks, number, one_of, or_none, origin, path, per_minute, platform, proxy,
        public_url, size, up_to,
    },
};
use crate::args;

/// A key of a configuration.
pub(super) struct Setting {
    /// As it stands in the file, below its tables: `limits.head_time`.
    pub(super) key: &'static str,
    /// The flag and the variable of older standing, where there are such.
    pub(super) flag: Option<&'static str>,
    set: Set,
}

/// What a key takes, and what comes of it.
enum Set {
    Text(fn(&mut Config, &str) -> Result<(), Why>),
    /// A number, or a text with a unit.
    Size(fn(&mut Config, &str) -> Result<(), Why>),
    Number(fn(&mut Config, &str) -> Result<(), Why>),
    Switch(fn(&mut Config, bool)),
    /// Texts in the file; with commas between them in a variable.
    Texts(fn(&mut Config, &[String]) -> Result<(), Why>),
}

const fn key(key: &'static str, set: Set) -> Setting {
    Setting { key, flag: None, set }
}

const fn flag(
    key: &'static str,
    flag: &'static str,
    set: fn(&mut Config, &str) -> Result<(), Why>,
) -> Setting {
    Setting { key, flag: Some(flag), set: Set::Text(set) }
}

/// Every key, in the order of the example.
pub(super) const SETTINGS: &[Setting] = &[
    key("listen", Set::Texts(|config, texts| put(&mut config.listen, addresses(texts)))),
    key("control", Set::Text(|config, text| put(&mut config.control, or_none(text, address)))),
    key("public_url", Set::Text(|config, text| put(&mut config.public_url, public_url(text)))),
    key("plain_http", Set::Text(|config, text| put(&mut config.plain_http, one_of(text, PLAIN_HTTP)))),
    key("trusted_proxies", Set::Texts(|config, texts| put(&mut config.trusted_proxies, networks(texts)))),
    key("threads", Set::Number(|config, text| put(&mut config.threads, number(text, 0, 1024)))),
    key("tls.cert", Set::Text(|config, text| put(&mut config.tls.cert, path(text)))),
    key("tls.key", Set::Text(|config, text| put(&mut config.tls.key, path(text)))),
    flag("database", "--database (or KEYWAY_DATABASE)", |config, text| {
        put(&mut config.database, database(text))
    }),
    key(
        "database_connections",
        Set::Number(|config, text| put(&mut config.database_connections, connections(text))),
    ),
    flag("key", "--key (or KEYWAY_KEY_SOURCE)", |config, text| {
        put(&mut config.key, args::source(text).map(Some).map_err(|why| format!("cannot be used: {why}")))
    }),
    flag("anchors", "--anchors (or KEYWAY_ANCHORS)", |config, text| {
        put(&mut config.anchors, Ok(Some(text.into())))
    }),
    flag("providers", "--providers (or KEYWAY_PROVIDERS)", |config, text| {
        put(&mut config.providers, path(text))
    }),
    key("audit", Set::Text(|config, text| put(&mut config.audit, one_of(text, AUDIT)))),
    key("limits.connections", Set::Number(|config, text| put(&mut config.limits.connections, count(text)))),
    key("limits.head", Set::Size(|config, text| put(&mut config.limits.head, head(text)))),
    key("limits.head_time", Set::Text(|config, text| put(&mut config.limits.head_time, duration(text)))),
    key("limits.idle", Set::Text(|config, text| put(&mut config.limits.idle, duration(text)))),
    key("limits.request_body", Set::Size(|config, text| put(&mut config.limits.request_body, size(text)))),
    key("limits.answer_body", Set::Size(|config, text| put(&mut config.limits.answer_body, size(text)))),
    key("limits.seen_body", Set::Size(|config, text| put(&mut config.limits.seen_body, in_memory(text)))),
    key("limits.body_time", Set::Text(|config, text| put(&mut config.limits.body_time, duration(text)))),
    key("limits.answer_time", Set::Text(|config, text| put(&mut config.limits.answer_time, duration(text)))),
    key("limits.turn", Set::Text(|config, text| put(&mut config.limits.turn, duration(text)))),
    key("limits.routes", Set::Number(|config, text| put(&mut config.limits.routes, count(text)))),
    key("limits.pool", Set::Number(|config, text| put(&mut config.limits.pool, count(text)))),
    key("limits.pool_idle", Set::Text(|config, text| put(&mut config.limits.pool_idle, duration(text)))),
    key("limits.shutdown", Set::Text(|config, text| put(&mut config.limits.shutdown, duration(text)))),
    key(
        "connect.listen",
        Set::Texts(|config, texts| put(&mut config.connect.listen, addresses_or_none(texts))),
    ),
    key("connect.public_url", Set::Text(|config, text| put(&mut config.connect.public_url, origin(text)))),
    key("connect.name", Set::Text(|config, text| put(&mut config.connect.look.name, platform(text)))),
    key("connect.logo", Set::Text(|config, text| put(&mut config.connect.logo, path(text)))),
    key("connect.accent", Set::Text(|config, text| put(&mut config.connect.look.accent, colour(text)))),
    key(
        "connect.accent_dark",
        Set::Text(|config, text| put(&mut config.connect.look.accent_dark, colour(text))),
    ),
    key(
        "connect.background",
        Set::Text(|config, text| put(&mut config.connect.look.background, colour(text))),
    ),
    key(
        "connect.background_dark",
        Set::Text(|config, text| put(&mut config.connect.look.background_dark, colour(text))),
    ),
    key("connect.check_every", Set::Text(|config, text| put(&mut config.connect.check_every, every(text)))),
    key(
        "connect.checks_per_minute",
        Set::Number(|config, text| put(&mut config.connect.checks_per_minute, per_minute(text))),
    ),
    key("connect.session", Set::Text(|config, text| put(&mut config.connect.session, up_to(text, 30)))),
    key("connect.link", Set::Text(|config, text| put(&mut config.connect.link, up_to(text, 10)))),
    key("upstream.proxy", Set::Text(|config, text| put(&mut config.upstream.proxy, proxy(text)))),
    key("upstream.ca", Set::Text(|config, text| put(&mut config.upstream.ca, path(text)))),
    key(
        "upstream.connect_timeout",
        Set::Text(|config, text| put(&mut config.upstream.connect_timeout, duration(text))),
    ),
    key("upstream.allow_loopback", Set::Switch(|config, is_on| config.upstream.allow_loopback = is_on)),
    key("log.format", Set::Text(|config, text| put(&mut config.log.format, one_of(text, FORMATS)))),
    key("log.level", Set::Text(|config, text| put(&mut config.log.level, one_of(text, LEVELS)))),
    key("log.requests", Set::Switch(|config, is_on| config.log.requests = is_on)),
];

const PLAIN_HTTP: &[(&str, PlainHttp)] =
    &[("loopback", PlainHttp::Loopback), ("allowed", PlainHttp::Allowed)];
const AUDIT: &[(&str, Audit)] = &[("grouped", Audit::Grouped), ("strict", Audit::Strict)];
const FORMATS: &[(&str, Format)] = &[("text", Format::Text), ("json", Format::Json)];
const LEVELS: &[(&str, LevelFilter)] = &[
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

fn put<T>(place: &mut T, value: Result<T, Why>) -> Result<(), Why> {
    *place = value?;
    Ok(())
}

impl Setting {
    /// The variable that says it.
    pub(super) fn variable(&self) -> String {
        format!("KEYWAY_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }

    /// Sets it to what a flag or a variable says.
    pub(super) fn set_text(&self, config: &mut Config, text: &OsStr) -> Result<(), Why> {
        let text = text.to_str().ok_or("is no text")?;
        match self.set {
            Set::Text(set) | Set::Size(set) | Set::Number(set) => set(config, text),
            Set::Switch(set) => {
                set(config, one_of(text, &[("true", true), ("false", false)])?);
                Ok(())
            }
            Set::Texts(set) => {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                set(config, &texts.map(str::to_owned).collect::<Vec<_>>())
            }
        }
    }

    /// Sets it to what a file says.
    pub(super) fn set_value(&self, config: &mut Config, value: &Value) -> Result<(), Why> {
        match (&self.set, value) {
            (Set::Text(_) | Set::Size(_), Value::Text(text)) if text.is_empty() => Ok(()),
            (Set::Text(set) | Set::Size(set), Value::Text(text)) => set(config, text),
            (Set::Size(set) | Set::Number(set), Value::Number(number)) => set(config, number),
            (Set::Switch(set), Value::Switch(is_on)) => {
                set(config, *is_on);
                Ok(())
            }
            (Set::Texts(set), Value::Texts(texts)) => set(config, texts),
            (set, _) => Err(match set {
                Set::Text(_) => "takes a text in quotes",
                Set::Size(_) => "takes a number of bytes, or a text such as \"64KiB\"",
                Set::Number(_) => "takes a number",
                Set::Switch(_) => "takes true or false",
                Set::Texts(_) => "takes texts between brackets, such as [\"…\", \"…\"]",
            }
            .into()),
        }
    }
}
