//! What a stand-in answers.

use std::{collections::BTreeSet, time::SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use keyway_core::{Answer, Entry, Origin, VerdictKind};
use keyway_testkit::{Fixtures, FixturesError, MethodFixtures};

/// The stand-ins of some providers.
#[derive(Debug)]
pub(crate) struct StandIns {
    fixtures: Vec<MethodFixtures>,
    /// Where the providers are, as their answers name it.
    there: BTreeSet<String>,
    /// Where the stand-ins are.
    here: String,
}

impl StandIns {
    /// Reads the fixtures of those entries that have any.
    pub(crate) fn new(entries: &[&Entry]) -> Result<Self, FixturesError> {
        let (mut fixtures, mut there) = (Vec::new(), BTreeSet::new());
        for (entry, text) in entries.iter().filter_map(|entry| Some((entry, entry.fixtures()?))) {
            let file = format!("{}/fixtures.yaml", entry.descriptor().id());
            let parsed = Fixtures::parse(&file, text)?;
            for of_method in parsed.methods() {
                there.extend(origins(entry, of_method));
            }
            fixtures.extend_from_slice(parsed.methods());
        }
        Ok(Self { fixtures, there, here: String::new() })
    }

    /// The same, which name themselves where a provider's answer names the provider: whoever follows a link stays here.
    pub(crate) fn at(self, here: &Origin) -> Self {
        Self { here: here.to_string(), ..self }
    }

    /// The answer to a request; `None` where the provider stays silent.
    pub(crate) fn answer(&self, head: &Parts) -> Option<Response<Bytes>> {
        let now = SystemTime::now();
        let mut known =
            self.fixtures.iter().filter_map(|fixtures| Some((fixtures, fixtures.check_of(head)?)));
        match (known.next(), known.next()) {
            (Some((fixtures, check)), None) => {
                if check.verdict() != VerdictKind::Valid || check.is_asked_by(head) {
                    return check.answer(now).map(|answer| self.response(&answer));
                }
                Some(fixtures.call_of(head).map_or_else(not_found, |call| self.response(&call.answer(now))))
            }
            // No listed key, or keys of two providers at once.
            _ => Some(self.unauthorized(head, now)),
        }
    }

    /// 401 as the provider that is probably meant answers it.
    fn unauthorized(&self, head: &Parts, now: SystemTime) -> Response<Bytes> {
        let path = head.uri.path();
        let meant = self.fixtures.iter().find(|fixtures| fixtures.knows_path(path));
        let meant = meant.or_else(|| self.fixtures.iter().find(|fixtures| fixtures.carries_credential(head)));
        let answers =
            meant.into_iter().flat_map(MethodFixtures::checks).filter_map(|check| check.answer(now));
        let answer = { answers }.find(|answer| answer.status() == StatusCode::UNAUTHORIZED);
        answer.map_or_else(
            || {
                json(
                    StatusCode::UNAUTHORIZED,
                    r#"{"error":"this stand-in knows no such key; keyway sandbox --list shows them"}"#,
                )
            },
            |answer| self.response(&answer),
        )
    }

    fn response(&self, answer: &Answer) -> Response<Bytes> {
        let here = |text: &str| {
            self.there.iter().fold(text.to_owned(), |text, there| text.replace(there, &self.here))
        };
        let body = std::str::from_utf8(answer.body())
            .map_or_else(|_| answer.body().clone(), |text| here(text).into());
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        for name in [header::LOCATION, header::LINK] {
            if let Some(value) = response.headers_mut().get_mut(name)
                && let Some(Ok(moved)) = value.to_str().ok().map(|text| here(text).try_into())
            {
                *value = moved;
            }
        }
        response
    }
}

/// Every origin that a key of the fixtures may be sent to.
fn origins(entry: &Entry, fixtures: &MethodFixtures) -> BTreeSet<String> {
    let Some(method) = entry.descriptor().method(fixtures.method()) else { return BTreeSet::new() };
    let accepted =
        fixtures.checks().iter().filter_map(|check| entry.accept(method, &check.submission()).ok());
    accepted
        .flat_map(|accepted| accepted.credential.origins().to_vec())
        .map(|origin| origin.to_string())
        .collect()
}

fn not_found() -> Response<Bytes> {
    json(StatusCode::NOT_FOUND, r#"{"error":"the fixtures of this stand-in have no call to this path"}"#)
}

fn json(status: StatusCode, body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
