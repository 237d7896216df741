//! What a stand-in answers.

use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header, request::Parts};
use keyway_core::{Answer, Entry, VerdictKind};
use keyway_testkit::{Fixtures, FixturesError, MethodFixtures};

/// The stand-ins of some providers.
#[derive(Debug)]
pub(crate) struct StandIns {
    fixtures: Vec<MethodFixtures>,
}

impl StandIns {
    /// Reads the fixtures of those entries that have any.
    pub(crate) fn new(entries: &[&Entry]) -> Result<Self, FixturesError> {
        let mut fixtures = Vec::new();
        for (entry, text) in entries.iter().filter_map(|entry| Some((entry, entry.fixtures()?))) {
            let file = format!("{}/fixtures.yaml", entry.descriptor().id());
            fixtures.extend_from_slice(Fixtures::parse(&file, text)?.methods());
        }
        Ok(Self { fixtures })
    }

    /// The answer to a request; `None` where the provider stays silent.
    pub(crate) fn answer(&self, head: &Parts) -> Option<Response<Bytes>> {
        let now = SystemTime::now();
        let mut known =
            self.fixtures.iter().filter_map(|fixtures| Some((fixtures, fixtures.check_of(head)?)));
        match (known.next(), known.next()) {
            (Some((fixtures, check)), None) => {
                if check.verdict() != VerdictKind::Valid || check.is_asked_by(head) {
                    return check.answer(now).map(|answer| response(&answer));
                }
                Some(fixtures.call_of(head).map_or_else(not_found, |call| response(&call.answer(now))))
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
            |answer| response(&answer),
        )
    }
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

fn response(answer: &Answer) -> Response<Bytes> {
    let mut response = Response::new(answer.body().clone());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    response
}
