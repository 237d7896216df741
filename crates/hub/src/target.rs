//! Where a request is meant for: which connection, which of its origins, which path there.

use http::uri::PathAndQuery;
use memchr::{memchr3, memmem};

use crate::problem::Code;

/// What explicit addressing begins with.
const EXPLICIT: &str = "/c/con_";
/// The longest request target, in bytes.
pub(crate) const MAX_TARGET: usize = 16 * 1024;

/// A request's target, taken apart: `/c/{connection}/@{host}/path?query`, of which all but the path may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target<'t> {
    /// The connection that it names.
    pub(crate) connection: Option<&'t str>,
    /// The host, perhaps with a port, that stands before the path; it may be a part of the provider's own path, too.
    pub(crate) host: Option<&'t str>,
    /// How many bytes stand before the path and query of the provider, without and with the host.
    pub(crate) start: usize,
    pub(crate) behind_host: usize,
}

impl<'t> Target<'t> {
    pub(crate) fn of(path: &'t str) -> Self {
        let mut target = Self { connection: None, host: None, start: 0, behind_host: 0 };
        if path.starts_with(EXPLICIT) {
            let rest = &path["/c/".len()..];
            let end = rest.find('/').unwrap_or(rest.len());
            target.connection = Some(&rest[..end]);
            target.start = "/c/".len() + end;
        }
        target.behind_host = target.start;
        if let Some(rest) = path[target.start..].strip_prefix("/@") {
            let end = rest.find('/').unwrap_or(rest.len());
            target.host = Some(&rest[..end]);
            target.behind_host = target.start + "/@".len() + end;
        }
        target
    }
}

/// Reads a request's target as the gateway takes it: a path, perhaps with a query, as it goes on the wire.
pub(crate) fn path_and_query(target: &[u8]) -> Result<&str, Code> {
    match std::str::from_utf8(target) {
        Ok(text) if text.starts_with('/') => Ok(text),
        _ => Err(Code::TargetForm),
    }
}

/// Checks a path that somebody might read in another way than it is written: dot segments, backslashes, control
/// characters, escaped ones too, even twice; and an authority where a path should be.
pub(crate) fn check(target: &PathAndQuery) -> Result<(), Code> {
    let whole = target.as_str().as_bytes();
    if whole.len() > MAX_TARGET {
        return Err(Code::TargetTooLong);
    }
    if !whole.iter().all(|byte| (b'!'..=b'~').contains(byte) && *byte != b'#') {
        return Err(Code::PathAmbiguous);
    }
    let path = target.path().as_bytes();
    // Nearly every path is plain.
    let is_plain = memchr3(b'%', b'\\', b';', path).is_none()
        && memmem::find(path, b"/.").is_none()
        && !path.starts_with(b"//");
    if is_plain || is_unambiguous(path) { Ok(()) } else { Err(Code::PathAmbiguous) }
}

fn is_unambiguous(path: &[u8]) -> bool {
    let Some(mut text) = decode(path, true) else { return false };
    if path.starts_with(b"//") || !is_plain(path) {
        return false;
    }
    // What decodes once may be decoded once more by whoever stands behind.
    for _ in 0..ROUNDS {
        if !is_plain(&text) {
            return false;
        }
        match decode(&text, false) {
            Some(decoded) if decoded != text => text = decoded,
            _ => return true,
        }
    }
    // Nobody escapes so often for a good reason.
    false
}

/// How often a path may be escaped.
const ROUNDS: usize = 4;

/// Whether nothing stands there that somebody reads as a step to another place, or as an end.
fn is_plain(text: &[u8]) -> bool {
    // The bytes C0 and C1 are in no UTF-8: who takes them nevertheless makes dots and slashes of them.
    let forbidden = |byte: &u8| byte.is_ascii_control() || matches!(*byte, b'\\' | 0xc0 | 0xc1);
    let dots = |segment: &[u8]| {
        let bare = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        matches!(bare, b"." | b"..")
    };
    !text.iter().any(forbidden) && !text.split(|byte| *byte == b'/').any(dots)
}

/// The bytes with each escape undone once. One that is cut off stays as it is; `None` where that is not allowed.
fn decode(text: &[u8], strictly: bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'%', rest) {
        decoded.extend_from_slice(&rest[..at]);
        let digit = |at: usize| rest.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        let byte =
            digit(at + 1).zip(digit(at + 2)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        let (byte, length) = match byte {
            Some(byte) => (byte, 3),
            None if strictly => return None,
            None => (b'%', 1),
        };
        decoded.push(byte);
        rest = &rest[at + length..];
    }
    decoded.extend_from_slice(rest);
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> PathAndQuery {
        PathAndQuery::try_from(text).unwrap()
    }

    #[test]
    fn n53_paths_that_can_be_read_in_two_ways_are_refused() {
        for text in [
            "//evil.com",
            "//evil.com/v1",
            "/\\evil",
            "/v1/..",
            "/v1/../admin",
            "/..",
            "/.",
            "/v1/./x",
            "/v1/%2e%2e",
            "/v1/%2E%2e/admin",
            "/v1/.%2e/admin",
            "/v1/..%2f",
            "/v1/..%2fadmin",
            "/v1/x%2f..%2f..%2fadmin",
            "/v1/%252e",
            "/v1/%252e%252e/admin",
            "/v1/..%252fadmin",
            "/v1/..;/admin",
            "/v1/..;x=y/admin",
            "/v1/%2e%2e;/admin",
            "/v1/%00",
            "/v1/x%00.json",
            "/v1/%0d%0aHost:evil",
            "/v1/%0a",
            "/v1/%250a",
            "/v1/%7f",
            "/v1/%5c",
            "/v1/..%5cadmin",
            "/v1/%255c",
            "/v1/%",
            "/v1/%zz",
            "/v1/%2",
            "/a/100%25/..%252fb",
            "/a/%25/%252e%252e/b",
            "/a/%25252e%25252e/b",
            "/a/%2525252e%2525252e/b",
            "/a/%c0%ae%c0%ae/b",
            "/a/%25c0%25ae/b",
            "/a/%2525252525252525252e/b",
        ] {
            let Ok(parsed) = PathAndQuery::try_from(text) else { continue };
            assert_eq!(check(&parsed), Err(Code::PathAmbiguous), "{text}");
            let with_query = parse(&format!("{text}?a=b"));
            assert_eq!(check(&with_query), Err(Code::PathAmbiguous), "{text}");
        }
    }

    #[test]
    fn other_paths_go_as_they_are() {
        for text in [
            "/",
            "/?x=/../%2e%2e",
            "/v1/incidents?page%5Bsize%5D=1&x=%00",
            "/v1/a%20b",
            "/v1/a%2Fb",
            "/v1/a//b",
            "/v1/100%25",
            "/v1/100%2525",
            "/v1/50%25off",
            "/v1/%C3%BC",
            "/v1/.well-known",
            "/v1/...",
            "/v1/a;b=c",
            "/v1/a.b",
            "/v1/~x/(y)/'z'/*/:1/@2",
        ] {
            assert_eq!(check(&parse(text)), Ok(()), "{text}");
        }
        assert_eq!(check(&parse(&format!("/{}", "x".repeat(MAX_TARGET)))), Err(Code::TargetTooLong));
    }

    #[test]
    fn n54_a_target_is_a_path() {
        for text in ["*", "http://api.example.com/v1", "https://evil.com", "api.example.com:443", "", "v1"] {
            assert_eq!(path_and_query(text.as_bytes()), Err(Code::TargetForm), "{text}");
        }
        assert_eq!(path_and_query(b"/v1\xff"), Err(Code::TargetForm));
        assert_eq!(path_and_query(b"/v1?x"), Ok("/v1?x"));
    }

    #[test]
    fn a_target_names_connection_and_host() {
        for (path, connection, host, start, behind_host) in [
            ("/v1/x", None, None, 0, 0),
            ("/c/x/y", None, None, 0, 0),
            ("/c/con_1/v1", Some("con_1"), None, 8, 8),
            ("/c/con_1", Some("con_1"), None, 8, 8),
            ("/c/con_1/@files.example/v1", Some("con_1"), Some("files.example"), 8, 23),
            ("/@files.example:8443/v1", None, Some("files.example:8443"), 0, 20),
            ("/@x", None, Some("x"), 0, 3),
        ] {
            let expected = Target { connection, host, start, behind_host };
            assert_eq!(Target::of(path), expected, "{path}");
        }
    }
}
