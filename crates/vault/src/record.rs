//! One use of a connection, from when it is told to when it stands in an entry of the audit log.

use std::{sync::Arc, time::SystemTime};

use http::Method;
use serde::Serialize;

use crate::{Actor, ConnectionId, GrantId, Tenant, audit::millis};

/// One use of a connection, as it is told to a [`Recorder`](crate::Recorder). Clones share their texts.
#[derive(Debug, Clone)]
#[must_use]
pub struct Record {
    pub(crate) tenant: Tenant,
    connection: ConnectionId,
    by: By,
    method: Method,
    path: Arc<str>,
    status: Option<u16>,
    at: Option<SystemTime>,
    pub(crate) intended: bool,
}

/// By what right a connection is used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum By {
    /// A grant.
    Grant(GrantId),
    /// Somebody who needs none.
    Actor(Actor),
}

/// What is written of a method and of a path, in characters.
const MAX_METHOD: usize = 32;
const MAX_PATH: usize = 512;

impl Record {
    /// A use. `path` is a template, as [`template_of`](crate::template_of) makes one: neither ids nor keys are in it.
    pub fn new(tenant: Tenant, connection: ConnectionId, by: By, method: Method, path: Arc<str>) -> Self {
        Self { tenant, connection, by, method, path, status: None, at: None, intended: false }
    }

    /// Says what status the answer has.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Says when it was. Without this it is when it is told.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.at = Some(time);
        self
    }

    /// A use whose time is known.
    pub(crate) fn timed(mut self) -> Self {
        self.at.get_or_insert_with(SystemTime::now);
        self
    }

    /// Writes it as a [`Use`](crate::Use) is written, without a copy of anything.
    fn write(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(b"{\"at_ms\":");
        value(json, &self.at.map_or(0, millis));
        plain(json, b",\"connection\":\"", self.connection.as_str());
        match &self.by {
            By::Grant(grant) => plain(json, b",\"grant\":\"", grant.as_str()),
            By::Actor(actor) => plain(json, b",\"actor\":\"", actor.as_str()),
        }
        json.extend_from_slice(b",\"method\":");
        value(json, first(self.method.as_str(), MAX_METHOD));
        json.extend_from_slice(b",\"path\":");
        value(json, first(&self.path, MAX_PATH));
        if let Some(status) = self.status {
            json.extend_from_slice(b",\"status\":");
            value(json, &status);
        }
        if self.intended {
            json.extend_from_slice(b",\"intended\":true");
        }
        json.push(b'}');
    }

    /// About how many bytes it is when it is written.
    fn room(&self) -> usize {
        192 + self.path.len()
    }
}

/// The body of an entry with uses: that of a [`What`](crate::What) with `run`, which is hex, and `uses`.
pub(crate) fn body(run: &str, uses: &[&Record]) -> String {
    // Grown step by step it would be copied as often.
    let mut json = Vec::with_capacity(64 + uses.iter().map(|record| record.room()).sum::<usize>());
    plain(&mut json, b"{\"run\":\"", run);
    json.extend_from_slice(b",\"uses\":");
    let mut separator = b'[';
    for record in uses {
        json.push(separator);
        record.write(&mut json);
        separator = b',';
    }
    json.extend_from_slice(b"]}");
    String::from_utf8(json).expect("JSON is UTF-8")
}

/// A text in which nothing needs an escape: no name or id may hold that.
fn plain(json: &mut Vec<u8>, before: &[u8], text: &str) {
    json.extend_from_slice(before);
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}

fn value(json: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    serde_json::to_writer(json, value).expect("texts and numbers are JSON");
}

/// The first characters of a text.
fn first(text: &str, count: usize) -> &str {
    if text.len() <= count {
        return text;
    }
    text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::What;

    fn record(by: By, method: &[u8], path: &str) -> Record {
        let connection = ConnectionId::parse("con_abcdefghijklmnopqrst").unwrap();
        let method = Method::from_bytes(method).unwrap();
        let record = Record::new(Tenant::parse("acme").unwrap(), connection, by, method, path.into());
        record.at(UNIX_EPOCH + Duration::from_millis(1_800_000_000_123))
    }

    /// Logs that are there depend on it.
    #[test]
    fn the_body_stays_as_it_is() {
        let grant = || By::Grant(GrantId::parse("gra_abcdefghijklmnopqrst").unwrap());
        let actor = By::Actor(Actor::parse("user:7").unwrap());
        let mut intended = record(actor, b"PURGE", "/\"\u{1}ü\\");
        intended.intended = true;
        let uses = [record(grant(), b"GET", "/v1/incidents/{}").status(200), intended];
        let text = body("0123456789abcdef", &uses.each_ref());
        assert_eq!(
            text,
            concat!(
                r#"{"run":"0123456789abcdef","uses":[{"at_ms":1800000000123,"#,
                r#""connection":"con_abcdefghijklmnopqrst","grant":"gra_abcdefghijklmnopqrst","#,
                r#""method":"GET","path":"/v1/incidents/{}","status":200},{"at_ms":1800000000123,"#,
                r#""connection":"con_abcdefghijklmnopqrst","actor":"user:7","#,
                r#""method":"PURGE","path":"/\"\u0001ü\\","intended":true}]}"#
            )
        );
        let what: What = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&what).unwrap(), text, "it reads back as what it is");

        let long = [record(grant(), "X".repeat(40).as_bytes(), &"ü".repeat(600))];
        let what: What = serde_json::from_str(&body("", &long.each_ref())).unwrap();
        assert_eq!((what.uses[0].method.len(), what.uses[0].path.chars().count()), (32, 512));
    }
}
