//! What a grant allows, and for how long.

use std::{
    fmt,
    marker::PhantomData,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::Method;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{path::PathPattern, token::is_prefix};

/// What a grant allows, and for how long. Where nothing is said of something, it is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    methods: Option<Vec<Method>>,
    paths: Vec<PathPattern>,
    expires_at: Option<SystemTime>,
    rate: Option<Rate>,
    prefix: Option<String>,
    keeps_urls: bool,
}

/// How many requests a grant allows in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests: 1 to 1,000,000.
    pub requests: u32,
    /// Whole seconds: 1 second to 1 day.
    pub per: Duration,
}

/// Why a grant does not allow a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// It was revoked. Terms do not know; the grant does.
    #[error("this grant was revoked")]
    Revoked,
    /// It has run out.
    #[error("this grant has expired")]
    Expired,
    /// It is for other methods.
    #[error("this grant does not allow this method")]
    Method,
    /// It is for other paths.
    #[error("this grant does not allow this path")]
    Path,
}

/// These cannot be the terms of a grant. Says what must change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TermsError(String);

/// Puts terms together.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct TermsBuilder(Terms);

/// The most methods.
const MAX_METHODS: usize = 16;
/// The longest method, in characters.
const MAX_METHOD: usize = 32;
/// The most patterns.
const MAX_PATHS: usize = 64;
/// The most requests of a rate.
const MAX_REQUESTS: u32 = 1_000_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The longest that a grant lives: ten years.
const MAX_LIFE: Duration = Duration::from_secs(3653 * 24 * 60 * 60);

impl TermsBuilder {
    /// Allows these methods alone; `HEAD` comes with `GET`.
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.0.methods = Some(methods.into_iter().collect());
        self
    }

    /// Allows what matches this pattern, besides what matches the others.
    pub fn path(mut self, pattern: PathPattern) -> Self {
        self.0.paths.push(pattern);
        self
    }

    /// Allows nothing any more from then on. What is finer than a millisecond is dropped.
    pub fn expires_at(mut self, at: SystemTime) -> Self {
        self.0.expires_at = Some(at);
        self
    }

    /// Allows so many requests in a time.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.0.rate = Some(rate);
        self
    }

    /// Puts this before the token, for clients that check what a key begins with.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.0.prefix = Some(prefix.into());
        self
    }

    /// Leaves URLs of the provider in its answers as they are, where they would be rewritten to lead through the gateway.
    pub fn keep_urls(mut self) -> Self {
        self.0.keeps_urls = true;
        self
    }

    /// The terms, for a grant that is made now.
    ///
    /// # Errors
    /// When a number is past its limit, or the end is not ahead or more than ten years away.
    pub fn build(mut self, now: SystemTime) -> Result<Terms, TermsError> {
        if let Some(at) = self.0.expires_at {
            self.0.expires_at = Some(from_millis(millis(at)?)?);
        }
        self.0.check()?;
        self.0.check_new(now)?;
        Ok(self.0)
    }
}

impl Terms {
    /// Begins with terms that limit nothing.
    pub fn builder() -> TermsBuilder {
        TermsBuilder::default()
    }

    /// Reads the JSON form, as [`to_json`](Self::to_json) writes it. What a caller wrote is checked by
    /// [`check_new`](Self::check_new) too; stored terms may have run out.
    ///
    /// # Errors
    /// When it is something else, or a number is past its limit. Says where.
    pub fn from_json(text: &str) -> Result<Self, TermsError> {
        // serde's own words may repeat what stands there.
        let Object(written) = serde_json::from_str::<Object<Written>>(text).map_err(|error| {
            refused(format!(
                "this is not the JSON of a grant's terms (line {}, column {}): an object of `methods`, `paths`, `expires_at`, `rate`, `prefix` and `rewrite`",
                error.line(),
                error.column(),
            ))
        })?;
        let methods = written.methods.map(|names| names.iter().map(|name| method(name)).collect());
        if written.paths.as_ref().is_some_and(Vec::is_empty) {
            return Err(refused("paths: at least one pattern; say nothing to allow all"));
        }
        let paths = written.paths.unwrap_or_default();
        let terms = Self {
            methods: methods.transpose()?,
            paths: (paths.iter().map(|path| PathPattern::parse(path)))
                .collect::<Result<_, _>>()
                .map_err(|error| refused(format!("paths: {error}")))?,
            expires_at: written.expires_at.map(from_millis).transpose()?,
            rate: written
                .rate
                .map(|Object(rate)| Rate { requests: rate.requests, per: Duration::from_secs(rate.seconds) }),
            prefix: written.prefix,
            keeps_urls: written.rewrite == Some(false),
        };
        terms.check()?;
        Ok(terms)
    }

    /// The JSON form: `methods`, `paths`, `expires_at` (milliseconds since 1970), `rate` (`requests`, `seconds`),
    /// `prefix` and `rewrite` (`false`), in this order, each if there is something to say. Equal terms have equal texts.
    ///
    /// # Panics
    /// Never: texts and numbers are JSON.
    pub fn to_json(&self) -> String {
        let written = Written {
            methods: self.methods.as_ref().map(|all| all.iter().map(ToString::to_string).collect()),
            paths: (!self.paths.is_empty()).then(|| self.paths.iter().map(ToString::to_string).collect()),
            expires_at: self.expires_at.and_then(|at| millis(at).ok()),
            rate: self
                .rate
                .map(|rate| Object(WrittenRate { requests: rate.requests, seconds: rate.per.as_secs() })),
            prefix: self.prefix.clone(),
            rewrite: self.keeps_urls.then_some(false),
        };
        serde_json::to_string(&written).expect("texts and numbers are JSON")
    }

    /// Tells whether a request is allowed. `path` is as it goes on the wire, see [`PathPattern::matches`].
    ///
    /// # Errors
    /// When it is not. The rate is not counted here.
    pub fn allows(&self, method: &Method, path: &str, now: SystemTime) -> Result<(), Denied> {
        if self.expires_at.is_some_and(|at| now >= at) {
            return Err(Denied::Expired);
        }
        let is_allowed =
            |allowed: &Method| allowed == method || (allowed == Method::GET && method == Method::HEAD);
        if self.methods.as_ref().is_some_and(|methods| !methods.iter().any(is_allowed)) {
            return Err(Denied::Method);
        }
        if !self.paths.is_empty() && !self.paths.iter().any(|pattern| pattern.matches(path)) {
            return Err(Denied::Path);
        }
        Ok(())
    }

    /// The methods that it allows; `None` for all.
    pub fn methods(&self) -> Option<&[Method]> {
        self.methods.as_deref()
    }

    /// The paths that it allows; none for all.
    pub fn paths(&self) -> &[PathPattern] {
        &self.paths
    }

    /// When it runs out.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at
    }

    /// How many requests it allows.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// What stands before its token.
    pub fn prefix(&self) -> Option<&str> {
        self.prefix.as_deref()
    }

    /// Tells whether URLs of the provider in its answers are rewritten, so that they lead through the gateway.
    pub fn rewrites(&self) -> bool {
        !self.keeps_urls
    }

    /// Checks what is to hold when a grant is made.
    ///
    /// # Errors
    /// When the end is not ahead, or more than ten years away.
    pub fn check_new(&self, now: SystemTime) -> Result<(), TermsError> {
        let Some(at) = self.expires_at else { return Ok(()) };
        match at.duration_since(now) {
            Ok(left) if !left.is_zero() && left <= MAX_LIFE => Ok(()),
            Ok(left) if left > MAX_LIFE => Err(refused("expires_at: a grant lives for ten years at most")),
            _ => Err(refused("expires_at: this time is past")),
        }
    }

    /// Checks what holds at any time.
    fn check(&self) -> Result<(), TermsError> {
        if let Some(methods) = &self.methods {
            if methods.is_empty() || methods.len() > MAX_METHODS {
                return Err(refused("methods: 1 to 16 of them; say nothing to allow all"));
            }
            methods.iter().try_for_each(|name| method(name.as_str()).map(drop))?;
        }
        if self.paths.len() > MAX_PATHS {
            return Err(refused("paths: at most 64 patterns"));
        }
        if let Some(rate) = &self.rate {
            if !(1..=MAX_REQUESTS).contains(&rate.requests) {
                return Err(refused("rate: 1 to 1000000 requests"));
            }
            if !(Duration::from_secs(1)..=DAY).contains(&rate.per) || rate.per.subsec_nanos() > 0 {
                return Err(refused("rate: whole seconds, 1 second to 1 day"));
            }
        }
        if self.prefix.as_ref().is_some_and(|prefix| prefix.is_empty() || !is_prefix(prefix)) {
            return Err(refused("prefix: 1 to 32 ASCII letters, digits and `-`, `_`, `.`, `:`"));
        }
        Ok(())
    }
}

/// The JSON form, in the order of its keys.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    methods: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<String>>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    rate: Option<Object<WrittenRate>>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    rewrite: Option<bool>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct WrittenRate {
    requests: u32,
    seconds: u64,
}

/// A key that stands there has a value: `null` is none.
fn some<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

/// A JSON object: serde alone would also take a list of the values.
#[derive(Serialize)]
#[serde(transparent)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(entries))
            }
        }
        value.deserialize_map(Entries(PhantomData)).map(Self)
    }
}

fn refused(message: impl Into<String>) -> TermsError {
    TermsError(message.into())
}

/// A method that a grant may name.
fn method(name: &str) -> Result<Method, TermsError> {
    let plain =
        name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') && name.len() <= MAX_METHOD;
    if !plain {
        return Err(refused("methods: a method is in capitals, as `GET`"));
    }
    if matches!(name, "CONNECT" | "TRACE") {
        return Err(refused("methods: `CONNECT` and `TRACE` are never allowed"));
    }
    Method::from_bytes(name.as_bytes()).map_err(|_| refused("methods: a method is in capitals, as `GET`"))
}

fn millis(at: SystemTime) -> Result<u64, TermsError> {
    let since = at.duration_since(UNIX_EPOCH).map_err(|_| refused("expires_at: this time is past"))?;
    u64::try_from(since.as_millis()).map_err(|_| refused("expires_at: this time is too far away"))
}

fn from_millis(millis: u64) -> Result<SystemTime, TermsError> {
    UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .ok_or_else(|| refused("expires_at: this time is too far away"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A time of the tests.
    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn pattern(text: &str) -> PathPattern {
        PathPattern::parse(text).unwrap()
    }

    fn full() -> TermsBuilder {
        Terms::builder()
            .methods([Method::GET, Method::from_bytes(b"PURGE").unwrap()])
            .path(pattern("/v1/incidents"))
            .path(pattern("/v1/users/*"))
            .expires_at(now() + SECOND)
            .rate(Rate { requests: 100, per: 60 * SECOND })
            .prefix("rootly_")
            .keep_urls()
    }

    #[test]
    fn terms_read_back_from_the_text_that_they_make() {
        let text = concat!(
            r#"{"methods":["GET","PURGE"],"paths":["/v1/incidents","/v1/users/*"],"expires_at":1800000001000,"#,
            r#""rate":{"requests":100,"seconds":60},"prefix":"rootly_","rewrite":false}"#
        );
        let terms = full().build(now()).unwrap();
        assert_eq!(terms.to_json(), text);
        assert_eq!(Terms::from_json(text).as_ref(), Ok(&terms));
        let fine = full().expires_at(now() + SECOND + Duration::from_nanos(17)).build(now()).unwrap();
        assert_eq!(fine, terms, "what the text cannot say is not kept");
        assert_eq!(Terms::default().to_json(), "{}");
        assert_eq!(Terms::from_json("{}"), Ok(Terms::builder().build(now()).unwrap()));
        let other_order = r#" { "prefix": "_", "methods": ["GET"] } "#;
        assert!(!terms.rewrites() && Terms::default().rewrites());
        assert_eq!(Terms::from_json(r#"{"rewrite":true}"#), Ok(Terms::default()), "one text for equal terms");
        assert_eq!(Terms::from_json(other_order).unwrap().to_json(), r#"{"methods":["GET"],"prefix":"_"}"#);
    }

    #[test]
    fn the_text_is_strict_and_is_not_repeated() {
        let many = |one: &str, count: usize| vec![format!("\"{one}\""); count].join(",");
        for (text, says) in [
            ("", "line 1, column 0"),
            ("[]", "line 1"),
            (r#"[["GET"]]"#, "line 1"),
            (r#"{"rate":[1,1]}"#, "line 1"),
            ("{", "line 1"),
            ("{}x", "line 1, column 3"),
            (r#"{"canary":1}"#, "`prefix` and `rewrite`"),
            (r#"{"rewrite":null}"#, "line 1"),
            (r#"{"rewrite":"canary"}"#, "line 1"),
            ("{\n\"rate\":{\"requests\":1,\"seconds\":1,\"canary\":1}}", "line 2"),
            (r#"{"rate":{"requests":1}}"#, "line 1"),
            (r#"{"rate":{"requests":-1,"seconds":1}}"#, "line 1"),
            (r#"{"methods":["GET"],"methods":["POST"]}"#, "line 1"),
            (r#"{"methods":"canary"}"#, "line 1"),
            (r#"{"methods":null}"#, "line 1"),
            (r#"{"paths":null}"#, "line 1"),
            (r#"{"methods":[]}"#, "methods:"),
            (r#"{"methods":["canary"]}"#, "capitals"),
            (r#"{"methods":["GET "]}"#, "capitals"),
            (r#"{"methods":[""]}"#, "capitals"),
            (r#"{"methods":["CONNECT"]}"#, "never"),
            (r#"{"methods":["GET","TRACE"]}"#, "never"),
            (&format!("{{\"methods\":[{}]}}", many("GET", 17)), "1 to 16"),
            (&format!("{{\"methods\":[{}]}}", many(&"G".repeat(33), 1)), "capitals"),
            (r#"{"paths":[]}"#, "paths:"),
            (r#"{"paths":["canary"]}"#, "begins with `/`"),
            (&format!("{{\"paths\":[{}]}}", many("/a", 65)), "at most 64"),
            (r#"{"expires_at":18446744073709551616}"#, "line 1"),
            (r#"{"expires_at":"canary"}"#, "line 1"),
            (r#"{"rate":{"requests":0,"seconds":1}}"#, "1 to 1000000"),
            (r#"{"rate":{"requests":1000001,"seconds":1}}"#, "1 to 1000000"),
            (r#"{"rate":{"requests":1,"seconds":0}}"#, "1 second to 1 day"),
            (r#"{"rate":{"requests":1,"seconds":86401}}"#, "1 second to 1 day"),
            (r#"{"prefix":""}"#, "prefix:"),
            (r#"{"prefix":"can ary"}"#, "prefix:"),
            (&format!("{{\"prefix\":\"{}\"}}", "x".repeat(33)), "prefix:"),
        ] {
            let error = Terms::from_json(text).expect_err(text).to_string();
            assert!(error.contains(says) && !error.contains("canary"), "{text}: {error}");
        }
        for text in [
            &format!("{{\"methods\":[{}]}}", many("GET", 16)),
            &format!("{{\"paths\":[{}]}}", many("/a", 64)),
            r#"{"rate":{"requests":1000000,"seconds":86400}}"#,
            r#"{"rate":{"requests":1,"seconds":1}}"#,
            r#"{"expires_at":0}"#,
        ] {
            let terms = Terms::from_json(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(terms.to_json(), text);
        }
    }

    #[test]
    fn a_new_grant_ends_ahead_and_within_ten_years() {
        for (at, says) in [
            (now(), Some("past")),
            (now() - SECOND, Some("past")),
            (now() + Duration::from_nanos(1), Some("past")),
            (UNIX_EPOCH - SECOND, Some("past")),
            (now() + Duration::from_millis(1), None),
            (now() + MAX_LIFE, None),
            (now() + MAX_LIFE + SECOND, Some("ten years")),
        ] {
            let error = Terms::builder().expires_at(at).build(now()).err().map(|error| error.to_string());
            let fits = match (&error, says) {
                (Some(error), Some(says)) => error.contains(says),
                (error, says) => error.is_none() && says.is_none(),
            };
            assert!(fits, "{at:?}: {error:?}");
        }
        let stored = full().build(now()).unwrap().to_json();
        let stored = Terms::from_json(&stored).unwrap();
        assert!(stored.check_new(now()).is_ok() && stored.check_new(now() + SECOND).is_err());
        let parts = Rate { requests: 1, per: Duration::from_millis(1500) };
        assert!(Terms::builder().rate(parts).build(now()).is_err(), "no text says this");
        assert!(Terms::builder().methods([]).build(now()).is_err());
    }

    #[test]
    fn what_is_not_allowed_is_denied_and_says_why() {
        let terms = full().build(now()).unwrap();
        let posting = Terms::builder().methods([Method::POST]).build(now()).unwrap();
        let open = Terms::default();
        for (terms, method, path, later, expected) in [
            (&terms, "GET", "/v1/incidents", 0, Ok(())),
            (&terms, "HEAD", "/v1/incidents?page=2", 0, Ok(())),
            (&terms, "PURGE", "/v1/users/7", 999, Ok(())),
            (&terms, "GET", "/v1/users/7/keys", 0, Err(Denied::Path)),
            (&terms, "GET", "/v1/teams", 0, Err(Denied::Path)),
            (&terms, "POST", "/v1/incidents", 0, Err(Denied::Method)),
            (&terms, "get", "/v1/incidents", 0, Err(Denied::Method)),
            (&terms, "GET", "/v1/incidents", 1000, Err(Denied::Expired)),
            (&terms, "POST", "/v1/teams", 1001, Err(Denied::Expired)),
            (&posting, "POST", "/anything", 0, Ok(())),
            (&posting, "HEAD", "/anything", 0, Err(Denied::Method)),
            (&posting, "GET", "/anything", 0, Err(Denied::Method)),
            (&open, "PURGE", "/anything", u64::from(u32::MAX), Ok(())),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let at = now() + Duration::from_millis(later);
            assert_eq!(terms.allows(&method, path, at), expected, "{method} {path} {later}");
        }
        assert_eq!(
            terms.allows(&Method::GET, "/", now() + SECOND).unwrap_err().to_string(),
            "this grant has expired"
        );
    }
}
