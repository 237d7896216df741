//! What holds for every request to a provider, whatever the method.

use http::{HeaderName, HeaderValue, header};

use crate::{
    rate::RateHeaders,
    yaml::{At, MapView, Node, Part, Words},
};

static API: Words = Words {
    noun: "an api",
    keys: &[
        "origin",
        "also",
        "media_type",
        "accept",
        "content_type",
        "headers",
        "cookies",
        "strip",
        "rate_limit",
    ],
};
static STRIP: Words = Words { noun: "what to strip", keys: &["headers", "query"] };

/// Headers that belong to the connection or to core: neither a descriptor nor an adapter may set them.
const FORBIDDEN: [&str; 20] = [
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

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
                Some((name?, header_value(at, at.line(node)?)?))
            }),
            keep_cookies: map
                .read("cookies", |at, node| at.word(node, &[("never", false), ("keep", true)]))
                .unwrap_or(false),
            strip_headers: strip.as_ref().map_or_else(Vec::new, |map| {
                map.list("headers", |at, node| header_name(at, Part::Value, at.line(node)?))
            }),
            strip_query: strip
                .as_ref()
                .map_or_else(Vec::new, |map| map.list("query", |at, node| at.line(node).map(str::to_owned))),
            rate: map.read("rate_limit", |at, node| Some(RateHeaders::read(at, node))).unwrap_or_default(),
        }
    }
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
    ok.then(|| header_value(at, text)).flatten()
}

/// A header's name in a descriptor: in lower case, as HTTP/2 has it.
pub(crate) fn header_name(at: &At<'_>, part: Part, text: &str) -> Option<HeaderName> {
    let Ok(name) = HeaderName::try_from(text) else {
        let help = "letters, digits and hyphens; no space, no colon".to_owned();
        at.report(part, "this is not a header's name".to_owned(), Some(help));
        return None;
    };
    if name.as_str() != text {
        let help = format!("write `{name}`");
        at.report(part, "header names are written in lower case".to_owned(), Some(help));
        return None;
    }
    Some(name)
}

/// A header's name that a descriptor may set.
pub(crate) fn placeable_header(at: &At<'_>, text: &str) -> Option<HeaderName> {
    let name = header_name(at, Part::Key, text)?;
    if is_forbidden(&name) {
        let help = match text {
            "accept" | "content-type" => "say `media_type`, `accept` or `content_type` under `api`",
            "cookie" => "say `cookies` under `authorize`",
            _ => "remove it",
        };
        at.key_fault(
            "this header belongs to the connection, and is not a descriptor's to set",
            help.to_owned(),
        );
        return None;
    }
    Some(name)
}

/// Tells whether neither a descriptor nor an adapter may set a header.
pub(crate) fn is_forbidden(name: &HeaderName) -> bool {
    FORBIDDEN.contains(&name.as_str())
}

fn header_value(at: &At<'_>, text: &str) -> Option<HeaderValue> {
    let visible = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && text.trim() == text;
    let value = visible.then(|| HeaderValue::try_from(text).ok()).flatten();
    if value.is_none() {
        at.fault("a header's value is visible ASCII", None);
    }
    value
}
