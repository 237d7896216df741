//! The suite: a look at whether anything arrives at all, then one probe after the other.

use std::fmt;

use crate::{Message, PROBES, Probe, Setup, encoding::sighting, setup::Caller};

/// What came of a probe.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The probe's number, from 1 to 12.
    pub number: usize,
    /// What must hold.
    pub title: &'static str,
    /// Whether it did.
    pub passed: bool,
    /// What was seen. Nothing of a secret is in it.
    pub seen: String,
}

/// Tries all probes, in their order.
///
/// # Errors
/// When the gateway does not even pass on an ordinary request with the credential. Says what came instead.
pub fn run(setup: &Setup) -> Result<Vec<Outcome>, String> {
    let mut bench = Bench { setup, placed: String::new() };
    bench.placed = bench.placed()?;
    let outcomes = PROBES.iter().enumerate().map(|(index, Probe { title, probe })| {
        let (passed, seen) = match probe(&bench) {
            Ok(seen) => (true, seen),
            Err(seen) => (false, seen),
        };
        Outcome { number: index + 1, title, passed, seen }
    });
    Ok(outcomes.collect())
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, title, seen, .. } = self;
        let passed = if self.passed { "pass" } else { "FAIL" };
        write!(f, "{number:>2}  {passed}  {title:<58}  {seen}")
    }
}

/// What a probe works with.
pub(crate) struct Bench<'a> {
    pub(crate) setup: &'a Setup,
    /// The header that the credential arrived in; empty when it was not one.
    pub(crate) placed: String,
}

/// What came of a request.
pub(crate) struct Exchange {
    pub(crate) answer: Option<Message>,
    pub(crate) arrived: Vec<Message>,
}

/// What the upstream answers when nothing else is asked of it, and how it is known again.
pub(crate) const MARK: &str = "arrived";

impl Bench<'_> {
    /// Sends a request, which the upstream answers with a body that holds [`MARK`].
    pub(crate) fn ask(&self, caller: &Caller, method: &str, path: &str, more: &[&str]) -> Exchange {
        self.setup.upstream.answer(vec![answer(
            "200 OK",
            &[],
            format!(r#"{{"probe":"{MARK}"}}"#).as_bytes(),
        )]);
        let answer = caller.ask(method, path, more);
        Exchange { answer, arrived: self.setup.upstream.arrived() }
    }

    /// Sends the caller's own request with more headers, and gives what arrived, with the credential.
    pub(crate) fn arrives(&self, method: &str, path: &str, more: &[&str]) -> Result<Message, String> {
        let exchange = self.ask(&self.setup.caller, method, path, more);
        let status = exchange.status();
        match <[Message; 1]>::try_from(exchange.arrived) {
            Ok([request]) if self.holds_secret(&request) => Ok(request),
            Ok(_) => Err("the request arrived without the credential".to_owned()),
            Err(all) => Err(format!("{} requests arrived; the answer was {status}", all.len())),
        }
    }

    /// Tells whether the credential is in a request, in a form in which one travels.
    pub(crate) fn holds_secret(&self, request: &Message) -> bool {
        let target = request.target().as_bytes();
        let mut texts = request.headers.iter().map(|(_, value)| value.as_bytes()).chain([target]);
        texts.any(|text| sighting(text, &self.setup.secret).is_some())
    }

    fn placed(&self) -> Result<String, String> {
        let request = self.arrives("GET", "/v1/probes", &[])?;
        let holds = |value: &str| sighting(value.as_bytes(), &self.setup.secret).is_some();
        let header = request.headers.into_iter().find(|(_, value)| holds(value));
        Ok(header.map(|(name, _)| name).unwrap_or_default())
    }
}

impl Exchange {
    /// The status of the answer, in words where there is none.
    pub(crate) fn status(&self) -> String {
        self.answer.as_ref().map_or("no answer".to_owned(), |answer| answer.status().to_string())
    }

    /// The status that it was refused with, when nothing of it arrived.
    pub(crate) fn refused(&self) -> Result<String, String> {
        let is_success = self.answer.as_ref().is_some_and(|answer| answer.status() < 400);
        if self.arrived.is_empty() && !is_success {
            Ok(self.status())
        } else {
            Err(format!("{} requests arrived; the answer was {}", self.arrived.len(), self.status()))
        }
    }
}

/// An answer with a length.
pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let start = format!("HTTP/1.1 {status}");
    let length = format!("Content-Length: {}", body.len());
    let lines = [&[start.as_str(), "Content-Type: application/json", &length], headers, &["", ""]].concat();
    [lines.join("\r\n").as_bytes(), body].concat()
}
