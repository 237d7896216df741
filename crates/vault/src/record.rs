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

    fn written(&self) -> WrittenUse<'_> {
        let (grant, actor) = match &self.by {
            By::Grant(grant) => (Some(grant.as_str()), None),
            By::Actor(actor) => (None, Some(actor.as_str())),
        };
        WrittenUse {
            at_ms: self.at.map_or(0, millis),
            connection: self.connection.as_str(),
            grant,
            actor,
            method: first(self.method.as_str(), MAX_METHOD),
            path: first(&self.path, MAX_PATH),
            status: self.status,
            intended: self.intended,
        }
    }
}

/// The body of an entry with uses: that of a [`What`](crate::What) with `run` and `uses`.
pub(crate) fn body<'r>(run: &str, uses: impl Iterator<Item = &'r Record>) -> String {
    let written = Written { run, uses: uses.map(Record::written).collect() };
    serde_json::to_string(&written).expect("texts and numbers are JSON")
}

#[derive(Serialize)]
struct Written<'r> {
    run: &'r str,
    uses: Vec<WrittenUse<'r>>,
}

/// A [`Use`](crate::Use) that copies nothing.
#[derive(Serialize)]
struct WrittenUse<'r> {
    at_ms: i64,
    connection: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'r str>,
    method: &'r str,
    path: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    intended: bool,
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
        let text = body("0123456789abcdef", uses.iter());
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
        let what: What = serde_json::from_str(&body("", long.iter())).unwrap();
        assert_eq!((what.uses[0].method.len(), what.uses[0].path.chars().count()), (32, 512));
    }
}
