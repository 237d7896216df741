//! What holds for every request to a provider, whatever the method.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    Origin,
    header::{FIXED_VALUE, HEADER, HEADERS_SET, Sent, fixed_value, has, header_name, placeable_header},
    rate::{RATE, RateHeaders},
    yaml::{At, Holds, Key, Like, MapView, Node, Part, Together, Words, words_of},
};

pub(crate) static API: Words = Words {
    noun: "an api",
    keys: &[
        Key::need(
            "origin",
            Holds::Like(&Origin::LIKE),
            "`https://host`, perhaps with a port. A `{field}` may stand for the whole host (a `host` field, or choices that are hosts), for a part between dots (a text: one DNS label), or for everything (a `url` field)",
            &["https://api.acme.example", "https://{site}.acme.example"],
        ),
        Key::may(
            "also",
            Holds::List(&Holds::Like(&Origin::LIKE), 0),
            "more origins that may receive the key",
            &["[https://files.acme.example]"],
        ),
        Key::may(
            "media_type",
            Holds::Like(&MEDIA_TYPE),
            "`Accept`, when the caller has none or `*/*`, and the `Content-Type` of every body whatever the caller says",
            &["application/vnd.api+json"],
        ),
        Key::may(
            "accept",
            Holds::Like(&MEDIA_TYPE),
            "`Accept`, when the caller has none or `*/*`",
            &["application/json"],
        ),
        Key::may(
            "content_type",
            Holds::Like(&MEDIA_TYPE),
            "the `Content-Type` of a body when the caller says none",
            &["application/json"],
        ),
        Key::may(
            "headers",
            Holds::Map(&HEADERS_SET, &Holds::Like(&FIXED_VALUE)),
            "companion headers, set when the caller has none of the name",
            &["{ x-acme-client: Keyway }"],
        ),
        Key::may(
            "cookies",
            Holds::Word(&words_of(&COOKIES)),
            "`never` (as it is when you say nothing) or `keep`: whether cookies pass, in either direction",
            &["keep"],
        ),
        Key::may(
            "strip",
            Holds::Words(&STRIP),
            "what to remove from every request. `Authorization`, `Proxy-Authorization` and whatever the method sets are removed without being named",
            &["{ headers: [x-acme-debug], query: [debug] }"],
        ),
        Key::may(
            "rate_limit",
            Holds::Words(&RATE),
            "the headers that tell the limits. `Retry-After` is obeyed without being named",
            &["{ limit: x-ratelimit-limit, remaining: x-ratelimit-remaining }"],
        ),
        Key::may(
            "concurrency",
            Holds::Number(1, MOST_AT_ONCE),
            "how many requests of one account may be under way at the same time",
            &["12"],
        ),
    ],
    together: &[Together::Apart("media_type", "accept"), Together::Apart("media_type", "content_type")],
};
static STRIP: Words = Words {
    noun: "what to strip",
    keys: &[
        Key::may(
            "headers",
            Holds::List(&Holds::Like(&HEADER), 0),
            "the names of headers, in lower case",
            &["[x-acme-debug]"],
        ),
        Key::may("query", Holds::List(&Holds::Line, 0), "the names of query parameters", &["[debug]"]),
    ],
    together: &[],
};

/// The most that `concurrency` says: a larger number is a rate in its place.
const MOST_AT_ONCE: i64 = 10_000;
const COOKIES: [(&str, bool); 2] = [("never", false), ("keep", true)];
static MEDIA_TYPE: Like = Like {
    noun: "a media type (`type/subtype`, without parameters)",
    pattern: "^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$",
};

/// What holds for every request to a provider.
#[derive(Debug, Default)]
pub(crate) struct Api {
    /// Set when the caller has no `Accept`, or `*/*`.
    pub(crate) accept: Option<HeaderValue>,
    /// The content type of a body.
    pub(crate) content_type: Option<ContentType>,
    /// Companion headers, set when the caller has none of the name.
    pub(crate) companions: Vec<(HeaderName, HeaderValue)>,
    /// Whether the caller's cookies pass, and the provider's come back.
    pub(crate) keep_cookies: bool,
    /// Removed from every request.
    pub(crate) strip_headers: Vec<HeaderName>,
    /// Removed from every request's query.
    pub(crate) strip_query: Vec<String>,
    pub(crate) rate: RateHeaders,
    /// How many requests of one account may be under way at the same time.
    pub(crate) concurrency: Option<u32>,
}

/// The content type of a body.
#[derive(Debug)]
pub(crate) enum ContentType {
    /// Whatever the caller says.
    Always(HeaderValue),
    /// When the caller says none.
    Default(HeaderValue),
}

impl Api {
    /// Reads all but the origins: those are templates, and are read for each method with its fields.
    pub(crate) fn read(at: &At<'_>, node: &Node) -> Self {
        let map = MapView::open(node, at, &API);
        let media_type = map.read("media_type", media_type);
        let accept = map.read("accept", self::media_type);
        let content_type = map.read("content_type", self::media_type);
        if media_type.is_some() {
            for key in ["accept", "content_type"] {
                if map.get(key).is_some() {
                    at.key(key).key_fault(
                        format!("`media_type` says what `{key}` says"),
                        "remove one of the two".to_owned(),
                    );
                }
            }
        }
        let strip = map.get("strip");
        let strip_at = at.key("strip");
        let strip = strip.map(|node| MapView::open(node, &strip_at, &STRIP));
        Self {
            accept: accept.or_else(|| media_type.clone()),
            content_type: media_type.map(ContentType::Always).or(content_type.map(ContentType::Default)),
            companions: map.map("headers", |at, name, node| {
                let name = placeable_header(at, name);
                if name.as_ref() == Some(&header::AUTHORIZATION) {
                    let help = "a credential is placed by a method, under `authorize`".to_owned();
                    at.key_fault("`authorization` is no companion", help);
                }
                Some((name?, fixed_value(at, at.line(node)?)?))
            }),
            keep_cookies: map.read("cookies", |at, node| at.word(node, &COOKIES)).unwrap_or(false),
            strip_headers: strip.as_ref().map_or_else(Vec::new, |map| {
                map.list("headers", |at, node| header_name(at, Part::Value, at.line(node)?))
            }),
            strip_query: strip
                .as_ref()
                .map_or_else(Vec::new, |map| map.list("query", |at, node| at.line(node).map(str::to_owned))),
            rate: map.read("rate_limit", |at, node| Some(RateHeaders::read(at, node))).unwrap_or_default(),
            concurrency: map.number("concurrency").and_then(|number| {
                let fits = u32::try_from(number)
                    .ok()
                    .filter(|number| (1..=MOST_AT_ONCE).contains(&(*number).into()));
                if fits.is_none() {
                    at.key("concurrency")
                        .fault(format!("a number from 1 to {MOST_AT_ONCE} is expected here"), None);
                }
                fits
            }),
        }
    }

    /// Sets what a request has besides the credential, where the descriptor wants it.
    pub(crate) fn complete(&self, headers: &mut HeaderMap, sent: &Sent, has_body: bool) {
        if let Some(accept) = &self.accept
            && (!sent.accept || takes_anything(headers))
        {
            headers.insert(header::ACCEPT, accept.clone());
        }
        if let Some(content_type) = &self.content_type {
            content_type.complete(headers, sent, has_body);
        }
        for (name, value) in &self.companions {
            if !has(headers, name) {
                headers.insert(name, value.clone());
            }
        }
    }
}

impl ContentType {
    fn complete(&self, headers: &mut HeaderMap, sent: &Sent, has_body: bool) {
        let has = |headers: &HeaderMap| sent.content_type && headers.contains_key(header::CONTENT_TYPE);
        match self {
            _ if !has_body => {
                // Where there is no body, nothing is said of it.
                if sent.content_type {
                    headers.remove(header::CONTENT_TYPE);
                }
            }
            Self::Default(_) if has(headers) => {}
            Self::Always(value) | Self::Default(value) => {
                headers.insert(header::CONTENT_TYPE, value.clone());
            }
        }
    }
}

/// Tells whether the caller has no `Accept`, or one that takes anything.
fn takes_anything(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().all(|value| matches!(value.as_bytes().trim_ascii(), b"" | b"*/*"))
}

fn media_type(at: &At<'_>, node: &Node) -> Option<HeaderValue> {
    let text = at.line(node)?;
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let ok = text.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype));
    if !ok {
        at.fault("this is not a media type", "a media type is `type/subtype`, without parameters".to_owned());
    }
    ok.then(|| fixed_value(at, text)).flatten()
}
