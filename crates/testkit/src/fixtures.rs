//! The model of `fixtures.yaml`.

mod yaml;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, request::Parts};
use keyway_core::{Answer, Credential, Error, Submission, VerdictKind};
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Message;

/// The exchanges of a provider, by method.
#[derive(Debug, Clone)]
pub struct Fixtures {
    methods: Vec<MethodFixtures>,
}

/// The exchanges of one method: made-up keys, the requests that must go out, the answers that come back, and the verdicts
/// that must follow.
#[derive(Debug, Clone)]
pub struct MethodFixtures {
    method: String,
    secrets: BTreeMap<String, Vec<String>>,
    request: Message,
    checks: Vec<Check>,
    calls: Vec<Call>,
}

/// One key, and what happens when it is checked.
#[derive(Debug, Clone)]
pub struct Check {
    name: String,
    values: BTreeMap<String, String>,
    answer: Option<Given>,
    verdict: VerdictKind,
    account: Option<yaml::Account>,
    retry_after: Option<Duration>,
    source: Source,
    request: Message,
    credential: Message,
}

/// A request that somebody makes with a good key.
#[derive(Debug, Clone)]
pub struct Call {
    name: String,
    pub(crate) send: Message,
    pub(crate) arrives: Message,
    answer: Given,
    source: Source,
}

/// An answer of the provider.
#[derive(Debug, Clone)]
struct Given {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// Where an answer is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The provider's published API description.
    Spec,
    /// The provider's documentation.
    Docs,
    /// The source of a real client.
    Client,
    /// Somebody's report.
    Report,
    /// Our reading: HTTP as everybody speaks it.
    Inferred,
    /// Recorded from the live service.
    Recorded,
}

/// A `fixtures.yaml` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct FixturesError {
    file: String,
    message: String,
}

impl FixturesError {
    pub(crate) fn new(file: &str, message: String) -> Self {
        Self { file: file.to_owned(), message }
    }
}

impl Fixtures {
    /// Reads the text of a `fixtures.yaml`. `file` is named in errors.
    ///
    /// # Errors
    /// When it is not YAML of this form; says where.
    pub fn parse(file: &str, text: &str) -> Result<Self, FixturesError> {
        let error = |message: String| FixturesError::new(file, message);
        let raw: yaml::File = serde_yaml::from_str(text).map_err(|problem| {
            let at =
                problem.location().map(|at| format!(":{}:{}", at.line(), at.column())).unwrap_or_default();
            let message = problem.to_string();
            // The position has a place of its own.
            let message = message.split(" at line ").next().unwrap_or_default();
            FixturesError::new(&format!("{file}{at}"), message.to_owned())
        })?;
        if raw.version != 1 {
            return Err(error("this version is not known; this Keyway reads version 1".into()));
        }
        let methods = raw
            .methods
            .into_iter()
            .map(|(method, raw)| {
                MethodFixtures::read(method.clone(), raw)
                    .map_err(|message| error(format!("{method}: {message}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { methods })
    }

    /// The form of a `fixtures.yaml` as a JSON Schema (draft 07), with a description and examples for every key: editors
    /// complete and explain with it.
    pub fn json_schema() -> Value {
        yaml::schema()
    }

    /// Those of each method.
    pub fn methods(&self) -> &[MethodFixtures] {
        &self.methods
    }

    /// Those of a method.
    pub fn of(&self, method: &str) -> Option<&MethodFixtures> {
        self.methods.iter().find(|fixtures| fixtures.method == method)
    }
}

impl MethodFixtures {
    fn read(method: String, raw: yaml::Method) -> Result<Self, String> {
        let request = Message::parse(&raw.request).map_err(|message| format!("request: {message}"))?;
        let read_check = |raw: yaml::Check| {
            let name = raw.name.clone();
            Check::read(raw, &request).map_err(|message| format!("the check `{name}`: {message}"))
        };
        let read_call = |raw: yaml::Call| {
            let name = raw.name.clone();
            Call::read(raw).map_err(|message| format!("the call `{name}`: {message}"))
        };
        Ok(Self {
            method,
            secrets: raw.secrets,
            checks: raw.checks.into_iter().map(read_check).collect::<Result<_, _>>()?,
            calls: raw.calls.into_iter().map(read_call).collect::<Result<_, _>>()?,
            request,
        })
    }

    /// The method's id.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The checks: each has a key of its own.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The calls; the first one is an example for a newcomer.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// A key that is good.
    pub fn good(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.verdict == VerdictKind::Valid)
    }

    /// Where each secret goes: `header authorization`, `query key`, `cookie session`.
    pub fn secrets(&self) -> &BTreeMap<String, Vec<String>> {
        &self.secrets
    }

    /// Tells whether the check, or a call, asks for a path (without its query).
    pub fn knows_path(&self, path: &str) -> bool {
        path_of(&self.request.target) == path
            || self.calls.iter().any(|call| path_of(&call.arrives.target) == path)
    }

    /// Tells whether a request carries a credential of this provider's kind, whatever its value.
    pub fn carries_credential(&self, head: &Parts) -> bool {
        self.checks.first().is_some_and(|check| {
            !check.credential.headers.is_empty()
                && check.credential.headers.iter().all(|(name, _)| head.headers.contains_key(name))
        })
    }

    /// The check whose key a request carries.
    pub fn check_of(&self, head: &Parts) -> Option<&Check> {
        self.checks.iter().find(|check| check.is_carried_by(head))
    }

    /// The call that asks for a request's target: its query too, or else its path alone; however it is escaped.
    pub fn call_of(&self, head: &Parts) -> Option<&Call> {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        let of = |wanted: &str, target: fn(&str) -> &str| {
            self.calls.iter().find(|call| {
                call.arrives.method == head.method
                    && percent_decode_str(target(&call.arrives.target)).eq(percent_decode_str(wanted))
            })
        };
        of(target, target_of).or_else(|| of(head.uri.path(), path_of))
    }
}

impl Check {
    fn read(raw: yaml::Check, request: &Message) -> Result<Self, String> {
        let verdict = VerdictKind::parse(&raw.verdict).ok_or_else(|| {
            format!(
                "`{}` is not a verdict; {}",
                raw.verdict,
                VerdictKind::ALL.map(VerdictKind::as_str).join(", ")
            )
        })?;
        if (verdict == VerdictKind::Valid) != raw.account.is_some() {
            return Err("a valid key has an `account`, and no other has".into());
        }
        // What of the request differs from key to key identifies the key.
        let mut credential = request.clone();
        credential.headers.retain(|(_, value)| value.contains('{'));
        Ok(Self {
            name: raw.name,
            request: request.fill(&raw.values),
            credential: credential.fill(&raw.values),
            values: raw.values,
            answer: raw.answer.map(Given::read).transpose()?,
            verdict,
            account: raw.account,
            retry_after: raw.retry_after.map(Duration::from_secs),
            source: raw.source,
        })
    }

    /// What the key is, for a person: `a good key`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The made-up values, by field id.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// The verdict that must follow.
    pub fn verdict(&self) -> VerdictKind {
        self.verdict
    }

    /// The account that must be found: its id and its label.
    pub fn account(&self) -> Option<(&str, &str)> {
        self.account.as_ref().map(|account| (account.id.as_str(), account.label.as_str()))
    }

    /// The group that the account must have; `None` where the fixture does not say.
    pub fn group(&self) -> Option<&str> {
        self.account.as_ref().and_then(|account| account.group.as_deref())
    }

    /// The wait that must be found.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The answer, received now; `None` when the provider stays silent.
    pub fn answer(&self, now: SystemTime) -> Option<Answer> {
        self.answer.as_ref().map(|given| given.answer(now))
    }

    /// The values as a submission.
    pub fn submission(&self) -> Submission {
        self.values.iter().fold(Submission::new(), |submission, (field, value)| submission.with(field, value))
    }

    /// Tells whether a request is the check's own: its method and its target.
    pub fn is_asked_by(&self, head: &Parts) -> bool {
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
        head.method == self.request.method && path_of(target) == path_of(&self.request.target)
    }

    pub(crate) fn request(&self) -> &Message {
        &self.request
    }

    pub(crate) fn is_documented(&self) -> bool {
        self.source != Source::Inferred
    }

    /// Tells whether a request carries this key, exactly once, and nothing beside it under the same names.
    fn is_carried_by(&self, head: &Parts) -> bool {
        let header = |(name, value): &(String, String)| {
            let mut values = head.headers.get_all(name).iter();
            values.next().is_some_and(|only| only.as_bytes() == value.as_bytes()) && values.next().is_none()
        };
        let decoded = |pair: &str| percent_decode_str(pair).decode_utf8_lossy().into_owned();
        let mine: Vec<String> = query_of(&self.request.target)
            .split('&')
            .map(decoded)
            .filter(|pair| self.values.values().any(|value| pair.ends_with(&format!("={value}"))))
            .collect();
        let sent: Vec<String> = head.uri.query().unwrap_or_default().split('&').map(decoded).collect();
        (!self.credential.headers.is_empty() || !mine.is_empty())
            && self.credential.headers.iter().all(header)
            && mine.iter().all(|pair| sent.contains(pair))
    }
}

impl Call {
    fn read(raw: yaml::Call) -> Result<Self, String> {
        let send = Message::parse(&raw.send).map_err(|message| format!("send: {message}"))?;
        let arrives = Message::parse(&raw.arrives).map_err(|message| format!("arrives: {message}"))?;
        Ok(Self { name: raw.name, send, arrives, answer: Given::read(raw.answer)?, source: raw.source })
    }

    /// What the call does, for a person: `list the open defects`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a caller sends with a credential: method, path, headers and body, without the credential.
    ///
    /// # Errors
    /// When the path is none that can be requested.
    pub fn request(&self, credential: &Credential) -> Result<Request<Bytes>, Error> {
        let body = Bytes::from(self.send.body.clone());
        let mut request = credential.request(self.send.method.clone(), &self.send.target, body)?;
        *request.headers_mut() = self.send.header_map();
        Ok(request)
    }

    /// The answer, received now.
    pub fn answer(&self, now: SystemTime) -> Answer {
        self.answer.answer(now)
    }

    pub(crate) fn is_documented(&self) -> bool {
        self.source != Source::Inferred
    }
}

impl Given {
    fn read(raw: yaml::Answer) -> Result<Self, String> {
        let status = StatusCode::from_u16(raw.status).map_err(|_| "`status` is not an HTTP status")?;
        let mut headers = HeaderMap::new();
        for (name, value) in raw.headers {
            let name = http::HeaderName::try_from(name.as_str()).map_err(|_| "a header's name is not one")?;
            headers.append(name, value.try_into().map_err(|_| "a header's value is not one")?);
        }
        let body = match raw.body {
            None => Bytes::new(),
            Some(Value::String(text)) => Bytes::from(text),
            Some(json) => Bytes::from(json.to_string()),
        };
        Ok(Self { status, headers, body })
    }

    fn answer(&self, now: SystemTime) -> Answer {
        Answer::new(self.status, self.headers.clone(), self.body.clone(), now)
    }
}

/// Path and query of a target, which may be a whole URL.
fn target_of(target: &str) -> &str {
    let after_scheme = target.split_once("://").map_or(target, |(_, rest)| rest);
    if after_scheme.len() == target.len() {
        target
    } else {
        after_scheme.find('/').map_or("/", |at| &after_scheme[at..])
    }
}

fn path_of(target: &str) -> &str {
    target_of(target).split('?').next().unwrap_or_default()
}

fn query_of(target: &str) -> &str {
    target_of(target).split_once('?').map_or("", |(_, query)| query)
}
