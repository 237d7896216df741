//! Paths: from what a caller typed to what goes on the wire.

use std::fmt::Write as _;

use http::{Uri, uri::PathAndQuery};

use crate::{Error, Origin};

/// The longest path with its query, in bytes.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// Puts a path (with its query, if any) behind an origin.
///
/// What a URL cannot carry is percent-encoded, as the URL standard has it; existing escapes are kept; a fragment's `#`
/// is a character like any other, since a request carries none. The result cannot leave the origin: it is put together
/// by concatenation, never resolved.
pub(crate) fn uri(origin: &Origin, path: &str) -> Result<Uri, Error> {
    let encoded = encode(path)?;
    let target: PathAndQuery = encoded.parse().map_err(|_| Error::Path { why: "cannot be sent" })?;
    let uri =
        format!("{origin}{target}").parse::<Uri>().map_err(|_| Error::Path { why: "cannot be sent" })?;
    // Proof instead of trust: whatever was typed, the origin is the one that was asked for.
    if origin.admits(&uri) { Ok(uri) } else { Err(Error::Path { why: "leaves the origin" }) }
}

/// A path as it goes on the wire.
pub(crate) fn encode(path: &str) -> Result<String, Error> {
    if !path.starts_with('/') {
        return Err(Error::Path { why: "must begin with `/`" });
    }
    if path.len() > MAX_BYTES {
        return Err(Error::Path { why: "is longer than 16 KiB" });
    }
    let bytes = path.as_bytes();
    let mut out = String::with_capacity(path.len());
    let mut in_query = false;
    for (index, &byte) in bytes.iter().enumerate() {
        let carried = match byte {
            b'?' => {
                in_query = true;
                true
            }
            b'%' => bytes.get(index + 1..index + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            b'\'' => !in_query,
            b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            byte => byte.is_ascii_graphic(),
        };
        if carried {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    let only_path = out.split('?').next().unwrap_or_default();
    if only_path.split('/').any(is_dot_segment) {
        return Err(Error::Path { why: "has a `.` or `..` segment, which means another path than it shows" });
    }
    Ok(out)
}

/// `.` and `..`, also escaped: servers and clients resolve both.
fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<&str, &str>) {
        let origin = Origin::parse("https://api.example.com").unwrap();
        let uri = uri(&origin, path);
        let got = uri.as_ref().map(ToString::to_string).map_err(ToString::to_string);
        let expected = expected.map(|path| format!("https://api.example.com{path}"));
        match (&got, &expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected, "{path}"),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{path}: {got}"),
            _ => panic!("{path}: {got:?}, not {expected:?}"),
        }
        if let Ok(uri) = got {
            let url = url::Url::parse(&uri).unwrap();
            assert_eq!(url.as_str(), uri, "a URL parser reads the same");
        }
    }

    #[test]
    fn what_a_url_cannot_carry_is_encoded_and_escapes_are_kept() {
        check("/v1/incidents?page[size]=1&q=a+b", Ok("/v1/incidents?page[size]=1&q=a+b"));
        check("/a b/ü?q=a b'ü\"", Ok("/a%20b/%C3%BC?q=a%20b%27%C3%BC%22"));
        check("/a%20b%2fc%zz%", Ok("/a%20b%2fc%25zz%25"));
        check("/a#b?c#d", Ok("/a%23b?c%23d"));
        check("/a\tb\r\nc\0d", Ok("/a%09b%0D%0Ac%00d"));
        check("/{api_key}?x={api_key}", Ok("/%7Bapi_key%7D?x=%7Bapi_key%7D"));
        check("/?query=(Name = \"x\")", Ok("/?query=(Name%20=%20%22x%22)"));
    }

    #[test]
    fn a_path_cannot_leave_the_origin() {
        check("//evil.com/x", Ok("//evil.com/x"));
        check("/\\evil.com", Ok("/%5Cevil.com"));
        check("/@evil.com", Ok("/@evil.com"));
        check("/:80/", Ok("/:80/"));
        for path in ["/a/../b", "/..", "/%2e%2E/x", "/a/.%2e", "/./a", "/a/."] {
            check(path, Err("segment"));
        }
        for path in ["", "x", "@evil.com", ".evil.com", ":8080/", "https://evil.com/", "\\\\evil.com"] {
            check(path, Err("begin with"));
        }
        check("/a?x=../..", Ok("/a?x=../.."));
        check(&format!("/{}", "a".repeat(20_000)), Err("16 KiB"));
    }
}
