//! Headers: which ones a descriptor may name, and the one way in which a secret becomes a value.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    Secret,
    yaml::{At, Part},
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

/// The most headers that are looked at one by one.
const FEW: usize = 8;

/// Tells whether a request has a header. Most requests have few headers, and looking at each is then quicker than the
/// hash of one name.
pub(crate) fn has(headers: &HeaderMap, name: &HeaderName) -> bool {
    if headers.len() <= FEW { headers.keys().any(|own| own == name) } else { headers.contains_key(name) }
}

/// Removes a header: nearly always, there is none.
pub(crate) fn remove(headers: &mut HeaderMap, name: &HeaderName) {
    if headers.len() > FEW || headers.keys().any(|own| own == name) {
        headers.remove(name);
    }
}

/// The first clone of a fresh value turns its bytes into a shared handle, and allocates. It is made here, so that no
/// request pays for it.
fn shared(value: HeaderValue) -> HeaderValue {
    drop(value.clone());
    value
}
