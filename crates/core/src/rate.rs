//! How long a provider asks to wait, and how much it still allows.

use std::time::{Duration, SystemTime};

use http::{HeaderName, StatusCode};

use crate::{
    Answer,
    header::HEADER,
    yaml::{At, Holds, Key, MapView, Node, Part, Words, words_of},
};

pub(crate) static RATE: Words = Words {
    noun: "a rate limit",
    keys: &[
        Key::may(
            "limit",
            Holds::Like(&HEADER),
            "the header with the requests allowed in a window",
            &["x-ratelimit-limit"],
        ),
        Key::may(
            "remaining",
            Holds::Like(&HEADER),
            "the header with the requests left in it",
            &["x-ratelimit-remaining"],
        ),
        Key::may(
            "reset",
            Holds::Words(&RESET),
            "when the window ends",
            &["{ header: x-ratelimit-reset, as: epoch_seconds }"],
        ),
    ],
    together: &[],
};
static RESET: Words = Words {
    noun: "a reset time",
    keys: &[
        Key::need("header", Holds::Like(&HEADER), "the header with the time", &["x-ratelimit-reset"]),
        Key::need(
            "as",
            Holds::Word(&words_of(&UNITS)),
            "how it is written: `epoch_seconds`, `epoch_milliseconds`, or `seconds` from now",
            &["epoch_seconds"],
        ),
    ],
    together: &[],
};

/// The longest wait that is believed: a year. A caller may add it to any time.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

const UNITS: [(&str, Unit); 3] = [
    ("epoch_seconds", Unit::EpochSeconds),
    ("epoch_milliseconds", Unit::EpochMilliseconds),
    ("seconds", Unit::Seconds),
];

/// The headers in which a provider tells its limits, and how to read them.
#[derive(Debug, Default)]
pub(crate) struct RateHeaders {
    limit: Option<HeaderName>,
    remaining: Option<HeaderName>,
    reset: Option<(HeaderName, Unit)>,
}

#[derive(Debug, Clone, Copy)]
enum Unit {
    EpochSeconds,
    EpochMilliseconds,
    Seconds,
}

/// What an answer says of the provider's limits. What it does not say, or says in a way that cannot be read, is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateLimit {
    /// Requests allowed in a window.
    pub limit: Option<u64>,
    /// Requests left in the present window.
    pub remaining: Option<u64>,
    /// Time until the window ends, counted from the answer's arrival.
    pub reset_after: Option<Duration>,
}

impl RateHeaders {
    pub(crate) fn read(at: &At<'_>, node: &Node) -> Self {
        let map = MapView::open(node, at, &RATE);
        let name = |at: &At<'_>, node: &Node| crate::header::header_name(at, Part::Value, at.line(node)?);
        Self {
            limit: map.read("limit", name),
            remaining: map.read("remaining", name),
            reset: map.read("reset", |at, node| {
                let map = MapView::open(node, at, &RESET);
                let header = map.need("header", name);
                let unit = map.need("as", |at, node| at.word(node, &UNITS));
                Some((header?, unit?))
            }),
        }
    }

    /// What an answer says of the limits.
    pub(crate) fn of(&self, answer: &Answer) -> RateLimit {
        let first_number = |name: &Option<HeaderName>| {
            // Rootly sends `1000, 1000;window=3600`: the first number is the limit in force.
            let text = answer.header(name.as_ref()?)?;
            text.split([',', ';']).next()?.trim().parse().ok()
        };
        let reset_after = self.reset.as_ref().and_then(|(name, unit)| {
            let number: u64 = answer.header(name)?.trim().parse().ok()?;
            let epoch = |time| Some(until(answer, SystemTime::UNIX_EPOCH.checked_add(time)?));
            let reset = match unit {
                Unit::Seconds => Some(Duration::from_secs(number)),
                Unit::EpochSeconds => epoch(Duration::from_secs(number)),
                Unit::EpochMilliseconds => epoch(Duration::from_millis(number)),
            };
            // A window of years is a number in another unit.
            reset.filter(|reset| *reset <= LONGEST)
        });
        RateLimit { limit: first_number(&self.limit), remaining: first_number(&self.remaining), reset_after }
    }

    /// How long to wait before trying again: `Retry-After`, or else, when the limit is what was hit, the provider's own
    /// reset header. Many send the latter with every answer, where it says nothing about when an outage ends.
    pub(crate) fn retry_after(&self, answer: &Answer) -> Option<Duration> {
        let rate = self.of(answer);
        let hit = answer.status() == StatusCode::TOO_MANY_REQUESTS || rate.remaining == Some(0);
        retry_after(answer).or(rate.reset_after.filter(|_| hit))
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): whole seconds, or a date. A date in the past is no wait at all; anything that is
/// neither is as good as absent.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let text = answer.header(http::header::RETRY_AFTER)?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST));
    }
    Some(until(answer, httpdate::parse_http_date(text).ok()?).min(LONGEST))
}

/// The time from an answer's arrival; none at all when it has passed.
fn until(answer: &Answer, time: SystemTime) -> Duration {
    time.duration_since(answer.received_at()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn answer(headers: &[(&'static str, &'static str)]) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect();
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Answer::new(StatusCode::TOO_MANY_REQUESTS, headers, Bytes::new(), noon)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nothing_else() {
        for (text, expected) in [
            ("30", Some(30)),
            (" 30 ", Some(30)),
            ("0", Some(0)),
            ("99999999999999999999999", Some(LONGEST.as_secs())),
            ("9e9", None),
            ("-1", None),
            ("+5", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
            ("Tue, 14 Nov 2023 22:13:50 GMT", Some(30)),
            ("Tue, 14 Nov 2000 22:13:50 GMT", Some(0)),
        ] {
            assert_eq!(
                retry_after(&answer(&[("retry-after", text)])),
                expected.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn the_providers_own_headers_are_read_as_the_descriptor_says() {
        let headers = RateHeaders {
            limit: Some(HeaderName::from_static("x-ratelimit-limit")),
            remaining: Some(HeaderName::from_static("x-ratelimit-remaining")),
            reset: Some((HeaderName::from_static("x-ratelimit-reset"), Unit::EpochSeconds)),
        };
        let rate = headers.of(&answer(&[
            ("x-ratelimit-limit", "1000, 1000;window=3600"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000060"),
        ]));
        assert_eq!(
            rate,
            RateLimit { limit: Some(1000), remaining: Some(0), reset_after: Some(Duration::from_secs(60)) }
        );
        let odd = headers
            .of(&answer(&[("x-ratelimit-limit", "many"), ("x-ratelimit-reset", "18446744073709551615")]));
        assert_eq!(odd, RateLimit::default());
    }
}
