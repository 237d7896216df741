//! Headers: which ones a descriptor may name, and the one way in which a secret becomes a value.

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    Secret,
    yaml::{At, Like, MAX_ENTRIES, Names, Part},
};

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

/// The form of a header's name, for the schema.
pub(crate) static HEADER: Like =
    Like { noun: "a header's name in lower case", pattern: "^[!#$%&'*+.^_`|~0-9a-z-]+$" };
/// The headers that a descriptor may set, for the schema.
pub(crate) static HEADERS_SET: Names = Names { like: &HEADER, never: &FORBIDDEN, count: (0, MAX_ENTRIES) };
/// The form of a header's value that is written out, for the schema.
pub(crate) static FIXED_VALUE: Like =
    Like { noun: "a header's value (visible ASCII)", pattern: "^[!-~]([ -~]*[!-~])?$" };

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
    // As with values: the first clone allocates, and is made here.
    drop(name.clone());
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

/// A header's value that a descriptor writes out.
pub(crate) fn fixed_value(at: &At<'_>, text: &str) -> Option<HeaderValue> {
    let visible = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) && text.trim() == text;
    let value = visible.then(|| HeaderValue::try_from(text).ok()).flatten();
    if value.is_none() {
        at.fault("a header's value is visible ASCII", None);
    }
    value.map(shared)
}

/// The one place where a credential becomes a header's value: it is marked sensitive, and nothing but visible ASCII
/// with inner spaces may stand in it (`HeaderValue` itself would take more).
pub(crate) fn sensitive(value: &Secret) -> Option<HeaderValue> {
    let text = value.expose();
    let visible = !text.is_empty()
        && text.trim() == text
        && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    let mut value = visible.then(|| HeaderValue::from_str(text).ok()).flatten()?;
    value.set_sensitive(true);
    Some(shared(value))
}

/// The most headers whose names are all compared with six short ones: with more of them, six hashes are quicker.
const FEW: usize = 4;
/// The same for one name, which may be long.
const SOME: usize = 16;

/// Which of the headers that concern every method a request has, or may have. One look at all names is quicker than
/// six look-ups by hash.
#[expect(clippy::struct_excessive_bools, reason = "each is a header, and they are independent")]
pub(crate) struct Sent {
    pub(crate) authorization: bool,
    pub(crate) proxy_authorization: bool,
    pub(crate) host: bool,
    pub(crate) cookie: bool,
    pub(crate) accept: bool,
    pub(crate) content_type: bool,
}

impl Sent {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let many = headers.len() > FEW;
        let mut sent = Self {
            authorization: many,
            proxy_authorization: many,
            host: many,
            cookie: many,
            accept: many,
            content_type: many,
        };
        if !many {
            for name in headers.keys() {
                sent.authorization |= *name == header::AUTHORIZATION;
                sent.proxy_authorization |= *name == header::PROXY_AUTHORIZATION;
                sent.host |= *name == header::HOST;
                sent.cookie |= *name == header::COOKIE;
                sent.accept |= *name == header::ACCEPT;
                sent.content_type |= *name == header::CONTENT_TYPE;
            }
        }
        sent
    }
}

/// A header's value, when it occurs exactly once and is text.
pub(crate) fn sole(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Tells whether a request has a header.
pub(crate) fn has(headers: &HeaderMap, name: &HeaderName) -> bool {
    if headers.len() > SOME { headers.contains_key(name) } else { headers.keys().any(|own| own == name) }
}

/// The first clone of a fresh value turns its bytes into a shared handle, and allocates. It is made here, so that no
/// request pays for it.
fn shared(value: HeaderValue) -> HeaderValue {
    drop(value.clone());
    value
}
