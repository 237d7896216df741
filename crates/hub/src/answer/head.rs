//! What of an answer's head a client gets.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use keyway_core::Mask;

use super::Rewrite;
use crate::problem::PROBLEM;

/// Takes out of an answer's headers what is the connection's, or what would bind a client to an origin that it does not talk
/// to; masks what holds a key, and rewrites what leads past the gateway. `rewrite` says which origin answered, too.
/// Returns whether a key stood there.
pub(crate) fn filter(
    headers: &mut HeaderMap,
    keeps_cookies: bool,
    mask: &Mask,
    raw: &[u8],
    rewrite: Option<(&Rewrite, usize)>,
) -> bool {
    drop_named(headers);
    let goes = |name: &HeaderName| match name.as_str() {
        // RFC 9110, 7.6.1.
        "connection" | "keep-alive" | "proxy-authenticate" | "proxy-connection" | "te" | "trailer" | "upgrade"
        | "proxy-authentication-info"
        // They speak of the provider's origin, to a browser.
        | "alt-svc" | "strict-transport-security" | "public-key-pins" | "expect-ct" | "nel" | "report-to"
        | "content-md5" | "digest" | "content-digest" | "repr-digest" | "accept-ranges"
        | "reporting-endpoints" | "clear-site-data" | "refresh" => true,
        "set-cookie" | "set-cookie2" => !keeps_cookies,
        other => other.starts_with("access-control-") || other.starts_with("keyway-"),
    };
    let going: Vec<HeaderName> = headers.keys().filter(|name| goes(name)).cloned().collect();
    for name in going {
        headers.remove(name);
    }
    debug_assert!(!headers.contains_key(PROBLEM), "it begins with keyway-");
    if let Some((rewrite, answered)) = rewrite {
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            change(headers, &name, |text| rewrite.location(answered, text).into_owned());
        }
        change(headers, &header::LINK, |text| rewrite.link(answered, text).into_owned());
    }
    let masked = mask.holds(raw);
    if masked {
        mask_all(headers, mask, raw);
    }
    masked
}

fn drop_named(headers: &mut HeaderMap) {
    if !headers.contains_key(header::CONNECTION) {
        return;
    }
    let values = headers.get_all(header::CONNECTION).iter();
    let tokens = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let named: Vec<HeaderName> =
        tokens.filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok()).collect();
    for name in named {
        headers.remove(name);
    }
}

fn change(headers: &mut HeaderMap, name: &HeaderName, to: impl Fn(&str) -> String) {
    if !headers.contains_key(name) {
        return;
    }
    let values: Vec<HeaderValue> = headers
        .get_all(name)
        .iter()
        .map(|value| {
            let changed = value.to_str().ok().and_then(|text| HeaderValue::try_from(to(text)).ok());
            changed.unwrap_or_else(|| value.clone())
        })
        .collect();
    headers.remove(name);
    for value in values {
        headers.append(name.clone(), value);
    }
}

/// Masks each value; a header whose name is a key goes. Names are looked for as they came: in lower case they may not be found.
fn mask_all(headers: &mut HeaderMap, mask: &Mask, raw: &[u8]) {
    for line in raw.split(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        if mask.holds(name)
            && let Ok(name) = HeaderName::from_bytes(name)
        {
            headers.remove(name);
        }
    }
    let old = std::mem::take(headers);
    let mut last = None;
    for (name, value) in old {
        last = name.or(last);
        let Some(name) = &last else { continue };
        if let Ok(value) = HeaderValue::from_bytes(&mask.bytes(value.as_bytes())) {
            headers.append(name.clone(), value);
        }
    }
}
