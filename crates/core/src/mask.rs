//! Finding a credential's secrets in what others send.

use std::{borrow::Cow, fmt, ops::Range};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Secret;

/// What stands in a secret's place.
const REDACTED: &[u8] = b"[redacted]";
/// A shorter secret is not looked for: nearly everything would match.
const SHORTEST: usize = 4;
/// A shorter secret is looked for as it is, and not in its encodings.
const SHORTEST_ENCODED: usize = 8;

/// Finds a credential's secrets in an answer or a text: as they are, and percent-, base64-, hex-, JSON- and
/// HTML-encoded.
pub struct Mask {
    finders: Vec<Finder<'static>>,
}

impl Mask {
    pub(crate) fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut needles = Vec::new();
        for secret in secrets {
            let text = secret.expose();
            if text.len() >= SHORTEST {
                needles.push(text.as_bytes().to_vec());
            }
            if text.len() >= SHORTEST_ENCODED {
                encodings(text, &mut needles);
            }
        }
        needles.sort_unstable();
        needles.dedup();
        Self { finders: needles.iter().map(|needle| Finder::new(needle).into_owned()).collect() }
    }

    /// Replaces every occurrence by `[redacted]`.
    pub fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for finder in &self.finders {
            found.extend(finder.find_iter(bytes).map(|at| at..at + finder.needle().len()));
        }
        if found.is_empty() {
            return Cow::Borrowed(bytes);
        }
        // Occurrences may overlap: what any of them covers goes, in one piece.
        found.sort_unstable_by_key(|range| range.start);
        let mut out = Vec::with_capacity(bytes.len());
        let mut done = 0;
        let mut open = 0..0;
        for range in found {
            if range.start >= open.end {
                out.extend_from_slice(&bytes[done..range.start]);
                out.extend_from_slice(REDACTED);
                open = range;
            } else {
                open.end = open.end.max(range.end);
            }
            done = open.end;
        }
        out.extend_from_slice(&bytes[done..]);
        Cow::Owned(out)
    }

    /// Replaces every occurrence by `[redacted]`.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Needles and replacement are whole characters, so this changes nothing else.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }
}

/// Encoders differ in what they leave as it is: `-`, `_`, `.` and `~` usually are.
const USUAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn encodings(text: &str, needles: &mut Vec<Vec<u8>>) {
    for set in [NON_ALPHANUMERIC, USUAL] {
        let percent = utf8_percent_encode(text, set).to_string();
        // A form writes a space as `+`.
        needles.push(percent.replace("%20", "+").into_bytes());
        needles.push(lower_escapes(&percent).into_bytes());
        needles.push(percent.into_bytes());
    }

    let hex: String = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect();
    needles.push(hex.to_ascii_uppercase().into_bytes());
    needles.push(hex.into_bytes());

    for offset in 0..3 {
        for engine in [&STANDARD, &URL_SAFE] {
            needles.push(base64_middle(engine, text.as_bytes(), offset));
        }
    }
    if let Ok(json) = serde_json::to_string(text) {
        let json = &json[1..json.len() - 1];
        // `\/` as PHP has it, and what Go and Rails write so that JSON can stand in a page.
        let in_page = json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e");
        needles.push(in_page.replace("\\u003c", "\\u003C").replace("\\u003e", "\\u003E").into_bytes());
        needles.push(json.replace('/', "\\/").into_bytes());
        needles.push(in_page.into_bytes());
        needles.push(json.as_bytes().to_vec());
    }
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for (double, single) in [("&quot;", "&#39;"), ("&#34;", "&#39;"), ("&quot;", "&#x27;"), ("\"", "'")] {
        needles.push(html.replace('"', double).replace('\'', single).into_bytes());
    }
}

fn hex_digit(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or_default()
}

fn lower_escapes(percent: &str) -> String {
    let mut out = String::with_capacity(percent.len());
    let mut rest = percent;
    while let Some(at) = rest.find('%') {
        let (head, tail) = rest.split_at(at);
        let (escape, tail) = tail.split_at(3.min(tail.len()));
        out.push_str(head);
        out.push_str(&escape.to_ascii_lowercase());
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The characters of a base64 text that depend on the secret alone, when `offset` bytes (modulo 3) stand before it.
fn base64_middle(engine: &base64::engine::GeneralPurpose, secret: &[u8], offset: usize) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret);
    let encoded = engine.encode(&bytes).into_bytes();
    let start = [0, 2, 3][offset];
    let end = bytes.len() * 8 / 6;
    encoded[start..end].to_vec()
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_encoding_and_at_every_offset() {
        let secret = Secret::new("sk_canary-7+/=<&\"x\\y.z~\"");
        let mask = Mask::new([&secret]);
        let text = secret.expose();
        let hex = text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let mut encoded = vec![
            text.to_owned(),
            hex.to_uppercase(),
            hex,
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().to_lowercase(),
            serde_json::to_string(text).unwrap(),
            serde_json::to_string(text).unwrap().replace('/', "\\/"),
            serde_json::to_string(text).unwrap().replace('&', "\\u0026").replace('<', "\\u003C"),
            text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
            text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&#34;"),
        ];
        for before in ["", "a", "ab", "abc", "user:"] {
            for after in ["", "1", "12"] {
                encoded.push(STANDARD.encode(format!("{before}{text}{after}")));
                encoded.push(URL_SAFE.encode(format!("{before}{text}{after}")));
            }
        }
        for text in encoded {
            let masked = mask.text(&text);
            assert!(masked.contains("[redacted]"), "not found in {text}");
        }
        assert_eq!(mask.text(&format!("a{text}b{text}c")), "a[redacted]b[redacted]c");
        assert_eq!(mask.bytes(b"nothing \xff here"), &b"nothing \xff here"[..]);
    }

    #[test]
    fn what_overlaps_goes_in_one_piece() {
        let secrets =
            [Secret::new("abcdef"), Secret::new("defghi"), Secret::new("ghij"), Secret::new("redacted")];
        let mask = Mask::new(&secrets);
        assert_eq!(mask.text("xabcdefghijy"), "x[redacted]y");
        assert_eq!(mask.text("abcdefdefghi ghijghij"), "[redacted][redacted] [redacted][redacted]");
        assert_eq!(mask.text("abcdef redacted"), "[redacted] [redacted]");
    }

    #[test]
    fn what_is_too_short_to_be_told_apart_is_left_alone() {
        let secrets = [Secret::new("abc"), Secret::new("defg")];
        let mask = Mask::new(&secrets);
        assert_eq!(mask.text("abc defg 64656667 ZGVmZw=="), "abc [redacted] 64656667 ZGVmZw==");
    }
}
