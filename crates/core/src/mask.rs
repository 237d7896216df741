//! Finding a credential's secrets in what others send.

use std::{borrow::Cow, fmt};

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

/// Finds a credential's secrets in an answer or a text: as they are, and percent-, base64-, hex- and JSON-encoded.
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
        // Longest first, so that a shorter one never leaves the rest of a longer one standing.
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { finders: needles.iter().map(|needle| Finder::new(needle).into_owned()).collect() }
    }

    /// Replaces every occurrence by `[redacted]`.
    pub fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let mut bytes = Cow::Borrowed(bytes);
        for finder in &self.finders {
            let Some(first) = finder.find(&bytes) else { continue };
            let mut out = Vec::with_capacity(bytes.len());
            let mut at = first;
            let mut done = 0;
            loop {
                out.extend_from_slice(&bytes[done..at]);
                out.extend_from_slice(REDACTED);
                done = at + finder.needle().len();
                let Some(next) = finder.find(&bytes[done..]) else { break };
                at = done + next;
            }
            out.extend_from_slice(&bytes[done..]);
            bytes = Cow::Owned(out);
        }
        bytes
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
    let percent = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    needles.push(lower_escapes(&percent).into_bytes());
    needles.push(percent.into_bytes());
    // Encoders differ in what they leave as it is: `-`, `_`, `.` and `~` usually are.
    const USUAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let percent = utf8_percent_encode(text, USUAL).to_string();
    needles.push(lower_escapes(&percent).into_bytes());
    needles.push(percent.into_bytes());

    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    needles.push(hex.to_ascii_uppercase().into_bytes());
    needles.push(hex.into_bytes());

    for offset in 0..3 {
        for engine in [&STANDARD, &URL_SAFE] {
            needles.push(base64_middle(engine, text.as_bytes(), offset));
        }
    }
    // `\"` and `\\`, and `\/` as PHP has it.
    if let Ok(json) = serde_json::to_string(text) {
        let json = json.trim_matches('"');
        needles.push(json.replace('/', "\\/").into_bytes());
        needles.push(json.as_bytes().to_vec());
    }
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
        let secret = Secret::new("sk_canary-7+/=\"x\\y.z~");
        let mask = Mask::new([&secret]);
        let text = secret.expose();
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut encoded = vec![
            text.to_owned(),
            hex.to_uppercase(),
            hex,
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
            utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().to_lowercase(),
            serde_json::to_string(text).unwrap(),
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
}
