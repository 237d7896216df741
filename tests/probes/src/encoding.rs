//! The forms in which a secret may come back.

use std::io::{Read as _, Write as _};

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

pub(crate) fn hex(text: &str) -> String {
    text.bytes().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect()
}

fn digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or_default()
}

pub(crate) fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

pub(crate) fn base64(text: &str) -> String {
    BASE64_STANDARD.encode(text)
}

pub(crate) fn base64_url(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// What is the same in the base64 of every text that holds this one behind `offset` bytes, whatever stands around it.
pub(crate) fn base64_within(text: &str, offset: usize) -> String {
    let encoded = BASE64_STANDARD.encode(format!("{}{text}", &"xx"[..offset]));
    let from = (offset * 8).div_ceil(6);
    let to = (offset + text.len()) * 8 / 6;
    encoded[from..to].to_owned()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Memory takes everything.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// What was compressed; what does not decode is left as it is.
pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    match GzDecoder::new(bytes).take(16 << 20).read_to_end(&mut decoded) {
        Ok(_) => decoded,
        Err(_) => bytes.to_vec(),
    }
}

/// The first form of a secret that a text holds, if it holds one.
pub(crate) fn sighting(text: &[u8], secret: &str) -> Option<&'static str> {
    let holds = |form: &str| text.windows(form.len()).any(|window| window == form.as_bytes());
    let url_safe = |form: String| form.replace('+', "-").replace('/', "_");
    let within = |offset| base64_within(secret, offset);
    if holds(secret) {
        Some("as it is")
    } else if holds(&percent(secret)) {
        Some("percent-encoded")
    } else if (0..3).any(|offset| holds(&within(offset)) || holds(&url_safe(within(offset)))) {
        Some("in base64")
    } else if holds(&hex(secret)) || holds(&hex(secret).to_ascii_uppercase()) {
        Some("in hex")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "_madeUp/0+1=2~3";

    #[test]
    fn every_form_is_seen() {
        for offset in 0..3 {
            let around = format!("{}{SECRET}yy", &"ab"[..offset]);
            assert_eq!(sighting(base64(&around).as_bytes(), SECRET), Some("in base64"), "{offset}");
            assert_eq!(sighting(base64_url(&around).as_bytes(), SECRET), Some("in base64"), "{offset}");
        }
        for (text, form) in [
            (SECRET.to_owned(), Some("as it is")),
            (percent(SECRET), Some("percent-encoded")),
            (hex(SECRET), Some("in hex")),
            (hex(SECRET).to_ascii_uppercase(), Some("in hex")),
            (SECRET.replace('0', "1"), None),
        ] {
            assert_eq!(sighting(format!("a {text} b").as_bytes(), SECRET), form, "{text}");
        }
        assert_eq!(gunzip(&gzip(SECRET.as_bytes())), SECRET.as_bytes());
    }
}
