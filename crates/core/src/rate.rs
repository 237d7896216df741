//! How long a provider asks to wait, and how much it still allows.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, StatusCode, header::RETRY_AFTER};

use crate::{
    Answer,
    header::{HEADER, sole},
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

/// The headers in which a provider tells its limits, and how to read and write them.
#[derive(Debug, Default)]
pub struct RateHeaders {
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
    /// The header with the requests allowed in a window.
    pub fn limit(&self) -> Option<&HeaderName> {
        self.limit.as_ref()
    }

    /// The header with the requests left in the present window.
    pub fn remaining(&self) -> Option<&HeaderName> {
        self.remaining.as_ref()
    }

    /// The header with the end of the window.
    pub fn reset(&self) -> Option<&HeaderName> {
        self.reset.as_ref().map(|(name, _)| name)
    }

    /// Writes the limits as the provider would tell them at `now`, for an answer in its place. What is not known is not
    /// written; the end of a window is rounded up to whole seconds.
    pub fn write(&self, rate: &RateLimit, now: SystemTime, headers: &mut HeaderMap) {
        let reset = self.reset.as_ref().zip(rate.reset_after).and_then(|((name, unit), after)| {
            let epoch = || now.checked_add(after)?.duration_since(SystemTime::UNIX_EPOCH).ok();
            let number = match unit {
                Unit::Seconds => seconds(after),
                Unit::EpochSeconds => seconds(epoch()?),
                Unit::EpochMilliseconds => seconds(epoch()?).saturating_mul(1000),
            };
            Some((name, number))
        });
        let own = [self.limit.as_ref().zip(rate.limit), self.remaining.as_ref().zip(rate.remaining), reset];
        for (name, number) in own.into_iter().flatten() {
            headers.insert(name, number.into());
        }
    }

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

    /// What an answer's head says of the limits.
    pub(crate) fn limits(&self, headers: &HeaderMap, received_at: SystemTime) -> RateLimit {
        RateLimit {
            limit: first_number(headers, self.limit.as_ref()),
            remaining: first_number(headers, self.remaining.as_ref()),
            reset_after: self.reset_after(headers, received_at),
        }
    }

    /// How long to wait before trying again: `Retry-After`, or else, when the limit is what was hit, the provider's own
    /// reset header. Many send the latter with every answer, where it says nothing about when an outage ends.
    pub(crate) fn retry_after(&self, answer: &Answer) -> Option<Duration> {
        let (headers, received_at) = (answer.headers(), answer.received_at());
        let hit = answer.status() == StatusCode::TOO_MANY_REQUESTS || self.is_used_up(headers);
        retry_after(headers, received_at).or_else(|| self.reset_after(headers, received_at).filter(|_| hit))
    }

    /// How long everybody has to wait because the limit was hit.
    pub(crate) fn must_wait(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        received_at: SystemTime,
    ) -> Option<Duration> {
        let wait = if status == StatusCode::TOO_MANY_REQUESTS {
            retry_after(headers, received_at).or_else(|| self.reset_after(headers, received_at))
        } else if self.is_used_up(headers) {
            self.reset_after(headers, received_at)
        } else {
            None
        };
        wait.filter(|wait| !wait.is_zero())
    }

    fn is_used_up(&self, headers: &HeaderMap) -> bool {
        first_number(headers, self.remaining.as_ref()) == Some(0)
    }

    fn reset_after(&self, headers: &HeaderMap, received_at: SystemTime) -> Option<Duration> {
        let (name, unit) = self.reset.as_ref()?;
        let number: u64 = sole(headers, name)?.trim().parse().ok()?;
        let epoch = |time| Some(until(received_at, SystemTime::UNIX_EPOCH.checked_add(time)?));
        let reset = match unit {
            Unit::Seconds => Some(Duration::from_secs(number)),
            Unit::EpochSeconds => epoch(Duration::from_secs(number)),
            Unit::EpochMilliseconds => epoch(Duration::from_millis(number)),
        };
        // A window of years is a number in another unit.
        reset.filter(|reset| *reset <= LONGEST)
    }
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

/// Rootly sends `1000, 1000;window=3600`: the first number is the limit in force.
fn first_number(headers: &HeaderMap, name: Option<&HeaderName>) -> Option<u64> {
    sole(headers, name?)?.split([',', ';']).next()?.trim().parse().ok()
}

/// `Retry-After` (RFC 9110, 10.2.3): whole seconds, or a date. A date in the past is no wait at all; anything that is
/// neither is as good as absent.
fn retry_after(headers: &HeaderMap, received_at: SystemTime) -> Option<Duration> {
    let text = sole(headers, RETRY_AFTER)?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)).min(LONGEST));
    }
    Some(until(received_at, httpdate::parse_http_date(text).ok()?).min(LONGEST))
}

/// The time from an answer's arrival; none at all when it has passed.
fn until(received_at: SystemTime, time: SystemTime) -> Duration {
    time.duration_since(received_at).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }

    fn head(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect()
    }

    fn headers(unit: Unit) -> RateHeaders {
        RateHeaders {
            limit: Some(HeaderName::from_static("x-ratelimit-limit")),
            remaining: Some(HeaderName::from_static("x-ratelimit-remaining")),
            reset: Some((HeaderName::from_static("x-ratelimit-reset"), unit)),
        }
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
                retry_after(&head(&[("retry-after", text)]), noon()),
                expected.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[test]
    fn the_providers_own_headers_are_read_as_the_descriptor_says() {
        let headers = headers(Unit::EpochSeconds);
        let told = head(&[
            ("x-ratelimit-limit", "1000, 1000;window=3600"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000060"),
        ]);
        let rate =
            RateLimit { limit: Some(1000), remaining: Some(0), reset_after: Some(Duration::from_secs(60)) };
        assert_eq!(headers.limits(&told, noon()), rate);
        let odd = head(&[("x-ratelimit-limit", "many"), ("x-ratelimit-reset", "18446744073709551615")]);
        assert_eq!(headers.limits(&odd, noon()), RateLimit::default());
    }

    #[test]
    fn what_is_written_is_read_again() {
        for (unit, reset) in [
            (Unit::EpochSeconds, "1700000091"),
            (Unit::EpochMilliseconds, "1700000091000"),
            (Unit::Seconds, "61"),
        ] {
            let headers = headers(unit);
            let later = noon() + Duration::from_secs(30);
            let rate = RateLimit {
                limit: None,
                remaining: Some(0),
                reset_after: Some(Duration::from_millis(60_001)),
            };
            let mut written = HeaderMap::new();
            headers.write(&rate, later, &mut written);
            assert_eq!(written.len(), 2, "{unit:?}");
            assert_eq!(written[headers.reset().unwrap()], reset, "{unit:?}");
            let rate = RateLimit { reset_after: Some(Duration::from_secs(61)), ..rate };
            assert_eq!(headers.limits(&written, later), rate, "{unit:?}");
        }
    }

    #[test]
    fn only_a_limit_that_was_hit_makes_everybody_wait() {
        let (own, none) = (headers(Unit::EpochSeconds), RateHeaders::default());
        let reset = ("x-ratelimit-reset", "1700000060");
        let (left, used_up) = (("x-ratelimit-remaining", "1"), ("x-ratelimit-remaining", "0"));
        let cases: [(_, u16, &[_], _); 13] = [
            (&own, 200, &[], None),
            (&own, 200, &[left, reset], None),
            (&own, 200, &[reset], None),
            (&own, 200, &[used_up], None),
            (&own, 200, &[used_up, reset], Some(60)),
            (&own, 200, &[used_up, ("x-ratelimit-reset", "1700000000")], None),
            (&own, 200, &[used_up, ("x-ratelimit-reset", "1600000000")], None),
            (&own, 429, &[], None),
            (&own, 429, &[reset], Some(60)),
            (&own, 429, &[reset, ("retry-after", "5")], Some(5)),
            (&own, 429, &[("retry-after", "soon"), left, reset], Some(60)),
            (&own, 503, &[("retry-after", "5"), left, reset], None),
            (&none, 429, &[("retry-after", "5")], Some(5)),
        ];
        for (headers, status, told, expected) in cases {
            let status = StatusCode::from_u16(status).unwrap();
            let wait = headers.must_wait(status, &head(told), noon());
            assert_eq!(wait, expected.map(Duration::from_secs), "{status} {told:?}");
        }
    }
}
