//! Finding a secret in bytes, however it is written.

use std::collections::BTreeSet;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use memchr::memmem;
use percent_encoding::percent_decode;

/// How a secret is written where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Encoding {
    Raw,
    Percent,
    /// As JSON escapes a text, or Rust's `Debug` does.
    Json,
    Html,
    Hex,
    Base64,
    /// As Rust's `Debug` shows bytes: `[107, 101, 121]`.
    Numbers,
    /// Some of it, as it is.
    Part,
}

/// A piece of this many characters is as good as the secret: nothing random repeats it.
const PIECE: usize = 12;

/// Secrets that must not be seen.
#[derive(Debug)]
pub(crate) struct Canary {
    secrets: Vec<Needles>,
}

/// What to look for in order to find one secret.
#[derive(Debug)]
struct Needles {
    raw: Vec<u8>,
    hex: Vec<u8>,
    numbers: Vec<u8>,
    base64: Vec<Vec<u8>>,
    pieces: Vec<Vec<u8>>,
}

impl Canary {
    /// Looks for secrets. Of each, `random` is the part that nothing else holds.
    pub(crate) fn new<'s>(secrets: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let secrets = secrets.into_iter().map(|(whole, random)| Needles::of(whole, random)).collect();
        Self { secrets }
    }

    /// How the secrets are written in these bytes; nothing where they are not.
    pub(crate) fn sightings(&self, bytes: &[u8]) -> BTreeSet<Encoding> {
        let mut found = BTreeSet::new();
        for needles in &self.secrets {
            let mut of_this = BTreeSet::new();
            look(needles, None, bytes, &mut of_this);
            // What is escaped may hold what is escaped: JSON in a form, a form in JSON.
            for (encoding, once) in decoded(bytes) {
                look(needles, Some(encoding), &once, &mut of_this);
                for (_, twice) in decoded(&once) {
                    look(needles, Some(encoding), &twice, &mut of_this);
                }
            }
            if of_this.len() > 1 {
                of_this.remove(&Encoding::Part);
            }
            found.extend(of_this);
        }
        found
    }
}

impl Needles {
    fn of(whole: &str, random: &str) -> Self {
        let bytes = whole.as_bytes();
        let base64 =
            (0..3).flat_map(|offset| [&STANDARD, &URL_SAFE].map(|engine| middle(engine, bytes, offset)));
        let numbers: Vec<String> = bytes.iter().map(u8::to_string).collect();
        Self {
            raw: bytes.to_vec(),
            hex: hex(whole).into_bytes(),
            numbers: numbers.join(", ").into_bytes(),
            base64: base64.collect(),
            pieces: random.as_bytes().windows(PIECE).map(<[u8]>::to_vec).collect(),
        }
    }
}

/// A text in hex.
pub(crate) fn hex(text: &str) -> String {
    each(text.bytes(), |byte| format!("{byte:02x}"))
}

fn each<T>(items: impl Iterator<Item = T>, write: impl Fn(T) -> String) -> String {
    items.map(write).collect::<Vec<_>>().concat()
}

/// The characters of a base64 text that depend on these bytes alone when `offset` bytes stand before them.
fn middle(engine: &base64::engine::GeneralPurpose, bytes: &[u8], offset: usize) -> Vec<u8> {
    let text = engine.encode([&[0; 2][..offset], bytes].concat());
    // Each character holds six bits.
    text.as_bytes()[(offset * 8).div_ceil(6)..(offset + bytes.len()) * 8 / 6].to_vec()
}

/// Looks at bytes; `through` is what they were decoded from.
fn look(needles: &Needles, through: Option<Encoding>, bytes: &[u8], found: &mut BTreeSet<Encoding>) {
    let holds = |needle: &Vec<u8>| memmem::find(bytes, needle).is_some();
    if holds(&needles.raw) {
        // Where it stands as it is, it stands so in whatever was decoded too.
        match through {
            Some(encoding) if !found.contains(&Encoding::Raw) => drop(found.insert(encoding)),
            Some(_) => {}
            None => drop(found.insert(Encoding::Raw)),
        }
    }
    if memmem::find(&bytes.to_ascii_lowercase(), &needles.hex).is_some() {
        found.insert(Encoding::Hex);
    }
    if needles.base64.iter().any(holds) {
        found.insert(Encoding::Base64);
    }
    if holds(&needles.numbers) {
        found.insert(Encoding::Numbers);
    }
    if needles.pieces.iter().any(holds) {
        found.insert(Encoding::Part);
    }
}

/// The bytes without each kind of escapes, where they have any.
fn decoded(bytes: &[u8]) -> Vec<(Encoding, Vec<u8>)> {
    let percent: Vec<u8> = percent_decode(bytes).collect();
    // A form writes a space as `+`.
    let form: Vec<u8> = bytes.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let form: Vec<u8> = percent_decode(&form).collect();
    let all = [
        (Encoding::Percent, percent),
        (Encoding::Percent, form),
        (Encoding::Json, without_backslashes(bytes)),
        (Encoding::Html, without_entities(bytes)),
    ];
    all.into_iter().filter(|(_, decoded)| decoded != bytes).collect()
}

/// Resolves `\"`, `\/`, `\n`, `\u00e9`, `\ud83d\ude00`, `\u{e9}` and `\xe9`.
fn without_backslashes(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (decoded, length) = escape(&rest[at..]);
        out.extend_from_slice(&decoded);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest);
    out
}

/// What an escape at the beginning stands for, and how long it is.
fn escape(bytes: &[u8]) -> (Vec<u8>, usize) {
    let number = |from: usize, to: usize| {
        let digits = std::str::from_utf8(bytes.get(from..to)?).ok()?;
        u32::from_str_radix(digits, 16).ok()
    };
    let character = |code: u32| char::from_u32(code).map(|c| c.to_string().into_bytes());
    let found = match bytes.get(1) {
        Some(b'u') if bytes.get(2) == Some(&b'{') => {
            memchr::memchr(b'}', bytes).and_then(|end| Some((character(number(3, end)?)?, end + 1)))
        }
        Some(b'u') => number(2, 6).and_then(|code| match number(8, 12) {
            Some(low) if (0xd800..0xdc00).contains(&code) && bytes.get(6..8) == Some(b"\\u") => {
                let joined = 0x10000 + ((code - 0xd800) << 10) + low.checked_sub(0xdc00)?;
                Some((character(joined)?, 12))
            }
            _ => Some((character(code)?, 6)),
        }),
        Some(b'x') => number(2, 4).and_then(|code| Some((vec![u8::try_from(code).ok()?], 4))),
        Some(b'n') => Some((vec![b'\n'], 2)),
        Some(b'r') => Some((vec![b'\r'], 2)),
        Some(b't') => Some((vec![b'\t'], 2)),
        Some(itself @ (b'"' | b'\'' | b'/' | b'\\')) => Some((vec![*itself], 2)),
        _ => None,
    };
    found.unwrap_or_else(|| (vec![b'\\'], 1))
}

/// Resolves `&amp;` and its like, `&#233;` and `&#xe9;`.
fn without_entities(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'&', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let end = rest.iter().take(12).position(|byte| *byte == b';');
        let decoded = end.and_then(|end| entity(std::str::from_utf8(&rest[1..end]).ok()?));
        let length = match (&decoded, end) {
            (Some(_), Some(end)) => end + 1,
            _ => 1,
        };
        match decoded {
            Some(c) => out.extend_from_slice(c.to_string().as_bytes()),
            None => out.push(b'&'),
        }
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        // The named letter of `SECRET` below and of the made-up secrets.
        "uuml" => Some('ü'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;

    const RANDOM: &str = "hT4kQ9wXz2LmN8vBc7Rp";
    const SECRET: &str = "_madeUp\"<&'+/= \\ühT4kQ9wXz2LmN8vBc7Rp";

    #[track_caller]
    fn seen(text: impl AsRef<[u8]>, expected: &[Encoding]) {
        let text = text.as_ref();
        let found = Canary::new([(SECRET, RANDOM)]).sightings(text);
        let shown = String::from_utf8_lossy(text);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected, "{shown}");
    }

    #[test]
    fn as_it_is() {
        seen(SECRET, &[Encoding::Raw]);
        seen([b"\xff\0before ", SECRET.as_bytes(), b" after\xfe"].concat(), &[Encoding::Raw]);
    }

    #[test]
    fn percent_encoded() {
        let fully = each(SECRET.bytes(), |byte| format!("%{byte:02X}"));
        let usual = utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
        for text in [
            fully.clone(),
            fully.to_lowercase(),
            usual.replace("%20", "+"),
            SECRET.replace(' ', "%20"),
            SECRET.replace('"', "%22").replace('<', "%3c"),
            format!("/path?a=1&key={usual}&b=2"),
            usual,
        ] {
            seen(text, &[Encoding::Percent]);
        }
    }

    #[test]
    fn escaped_for_json_and_by_debug() {
        let json = serde_json::Value::from(SECRET).to_string();
        let every = each(SECRET.encode_utf16(), |unit| format!("\\u{unit:04x}"));
        for text in [
            json.replace('/', "\\/"),
            json.replace('&', "\\u0026").replace('<', "\\u003C"),
            json.replace('ü', "\\u00fc"),
            json.replace('ü', "\\u{fc}"),
            every.to_uppercase().replace("\\U", "\\u"),
            every,
            format!("{SECRET:?}"),
            SECRET.escape_default().to_string(),
            SECRET.as_bytes().escape_ascii().to_string(),
            // JSON as a text of JSON.
            serde_json::Value::from(json.as_str()).to_string(),
            json,
        ] {
            seen(text, &[Encoding::Json]);
        }
        let pair = Canary::new([("_😀hT4kQ9wXz2LmN8vBc7Rp", "")]);
        let found = pair.sightings(br"_\ud83d\ude00hT4kQ9wXz2LmN8vBc7Rp");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [Encoding::Json]);
    }

    #[test]
    fn escaped_for_html() {
        let named = SECRET.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let decimal = each(SECRET.chars(), |c| format!("&#{};", u32::from(c)));
        let hex = each(SECRET.chars(), |c| format!("&#x{:X};", u32::from(c)));
        for text in [named.replace('\'', "&apos;").replace('ü', "&uuml;"), named, decimal, hex] {
            seen(format!("<b title=\"{text}\">"), &[Encoding::Html]);
        }
    }

    #[test]
    fn in_hex() {
        let hex = each(SECRET.bytes(), |byte| format!("{byte:02x}"));
        seen(hex.to_uppercase(), &[Encoding::Hex]);
        seen(format!("before{hex}after"), &[Encoding::Hex]);
    }

    #[test]
    fn in_base64_at_every_offset() {
        for before in ["", "a", "ab", "abc", "{\"api_key\":\"", "user:"] {
            for after in ["", "1", "12", "\"}"] {
                for engine in [&STANDARD, &URL_SAFE] {
                    seen(engine.encode(format!("{before}{SECRET}{after}")), &[Encoding::Base64]);
                }
            }
        }
        // With `\/` for `/`, as some write JSON.
        let canary = Canary::new([("??????hT4kQ9wXz2LmN8vBc7Rp", "")]);
        let found = canary.sightings(br"Pz8\/Pz8\/aFQ0a1E5d1h6MkxtTjh2QmM3UnA=");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [Encoding::Base64]);
    }

    #[test]
    fn as_numbers() {
        seen(format!("{:?}", SECRET.as_bytes()), &[Encoding::Numbers]);
    }

    #[test]
    fn in_part() {
        seen(format!("{}…", &SECRET[..SECRET.len() - 4]), &[Encoding::Part]);
        seen("…kQ9wXz2LmN8v…", &[Encoding::Part]);
    }

    #[test]
    fn of_several_each() {
        let canary = Canary::new([("first-secret-of-two", ""), ("other-secret-of-two", "")]);
        let found = canary.sightings(b"first%2dsecret-of-two other-secret-of-two");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), [Encoding::Raw, Encoding::Percent]);
    }

    #[test]
    fn what_is_not_there_is_not_seen() {
        for text in
            ["", "_madeUp", "[redacted]", "%", "%4", "\\", "\\u", "\\u12", "\\u{", "\\x", "&", "&#", "&#x;"]
        {
            seen(text, &[]);
        }
    }
}
