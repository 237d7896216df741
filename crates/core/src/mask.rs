//! Finding a credential's secrets in what others send.

use std::{borrow::Cow, fmt, ops::Range};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use memchr::{memchr3, memmem::Finder};

use crate::Secret;

/// What stands in a secret's place.
const REDACTED: &[u8] = b"[redacted]";
/// A shorter secret is not looked for: nearly everything would match.
const SHORTEST: usize = 4;
/// A shorter secret is looked for as it is, and not in its encodings.
const SHORTEST_ENCODED: usize = 8;

/// Finds a credential's secrets in an answer or a text: as they are, base64- and hex-encoded, and percent-, JSON- or
/// HTML-escaped, in whatever way escapes are written.
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
        let mut found: Vec<Range<usize>> = self.find(bytes).collect();
        if let Some(plain) = Unescaped::of(bytes) {
            found.extend(self.find(&plain.bytes).map(|range| plain.at[range.start]..plain.at[range.end]));
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

    fn find<'f>(&'f self, bytes: &'f [u8]) -> impl Iterator<Item = Range<usize>> + 'f {
        self.finders
            .iter()
            .flat_map(move |finder| finder.find_iter(bytes).map(|at| at..at + finder.needle().len()))
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

fn encodings(text: &str, needles: &mut Vec<Vec<u8>>) {
    // A form writes a space as `+`.
    needles.push(text.replace(' ', "+").into_bytes());

    let hex: String = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]).map(hex_digit).collect();
    needles.push(hex.to_ascii_uppercase().into_bytes());
    needles.push(hex.into_bytes());

    for offset in 0..3 {
        for engine in [&STANDARD, &URL_SAFE] {
            needles.push(base64_middle(engine, text.as_bytes(), offset));
        }
    }
}

fn hex_digit(digit: u8) -> char {
    char::from_digit(u32::from(digit), 16).unwrap_or_default()
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

/// A text without its escapes, and where each byte of it stood.
struct Unescaped {
    bytes: Vec<u8>,
    /// One more than there are bytes: the end, too.
    at: Vec<usize>,
}

impl Unescaped {
    /// `None` where there are no escapes. Those of percent, JSON and HTML are all undone at once: what a text is written in
    /// is not known here.
    fn of(bytes: &[u8]) -> Option<Self> {
        memchr3(b'%', b'\\', b'&', bytes)?;
        let mut plain =
            Self { bytes: Vec::with_capacity(bytes.len()), at: Vec::with_capacity(bytes.len() + 1) };
        let mut at = 0;
        while at < bytes.len() {
            let mut buffer = [0; 4];
            let (stands_for, length) = match (bytes[at], unescape(&bytes[at..])) {
                (_, Some((Escaped::Byte(byte), length))) => (&[byte][..], length),
                (_, Some((Escaped::Char(c), length))) => (c.encode_utf8(&mut buffer).as_bytes(), length),
                (byte, None) => (&[byte][..], 1),
            };
            plain.bytes.extend_from_slice(stands_for);
            plain.at.extend(stands_for.iter().map(|_| at));
            at += length;
        }
        plain.at.push(bytes.len());
        Some(plain)
    }
}

/// What an escape stands for.
enum Escaped {
    Byte(u8),
    Char(char),
}

/// What the escape at the front of `bytes` stands for, and its length; `None` where there is none.
fn unescape(bytes: &[u8]) -> Option<(Escaped, usize)> {
    let number = |digits: &[u8], radix| {
        let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        u32::from_str_radix(digits, radix).ok()
    };
    let (first, rest) = bytes.split_first()?;
    match first {
        b'%' => {
            let byte = number(rest.get(..2)?, 16)?;
            Some((Escaped::Byte(u8::try_from(byte).ok()?), 3))
        }
        b'\\' => match rest.first()? {
            b'u' => Some((Escaped::Char(char::from_u32(number(rest.get(1..5)?, 16)?)?), 6)),
            byte @ (b'"' | b'\'' | b'\\' | b'/') => Some((Escaped::Byte(*byte), 2)),
            _ => None,
        },
        b'&' => {
            // The longest is `&#1114111;`.
            let end = rest.iter().take(9).position(|byte| *byte == b';')?;
            let c = match &rest[..end] {
                b"amp" => '&',
                b"lt" => '<',
                b"gt" => '>',
                b"quot" => '"',
                b"apos" => '\'',
                [b'#', b'x' | b'X', digits @ ..] => char::from_u32(number(digits, 16)?)?,
                [b'#', digits @ ..] => char::from_u32(number(digits, 10)?)?,
                _ => return None,
            };
            Some((Escaped::Char(c), end + 2))
        }
        _ => None,
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

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
        let each = |write: &dyn Fn(u8) -> String| text.bytes().map(write).collect::<String>();
        encoded.extend([
            each(&|byte| format!("%{byte:02x}")),
            each(&|byte| format!("\\u{byte:04X}")),
            each(&|byte| format!("&#{byte};")),
            each(&|byte| format!("&#x{byte:X};")),
            // As .NET writes JSON, and what only some escape.
            serde_json::to_string(text).unwrap().replace('+', "\\u002B").replace('=', "\\u003d"),
            text.replace('+', "&#x2B;").replace('=', "%3D").replace('"', "\\\""),
            STANDARD.encode(text).replace('+', "%2B").replace('/', "\\/").replace('=', "%3d"),
        ]);
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
        let around = format!("%41\\u0042&lt;{}&gt;%4", each(&|byte| format!("&#{byte};")));
        assert_eq!(mask.text(&around), "%41\\u0042&lt;[redacted]&gt;%4");
        for left_alone in [
            "nothing \u{ff} here",
            "%",
            "%4",
            "%+4",
            "\\",
            "\\u12",
            "\\ud800",
            "&",
            "&#;",
            "&#x110000;",
            "&#+65;",
        ] {
            assert_eq!(mask.text(left_alone), left_alone);
        }
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
