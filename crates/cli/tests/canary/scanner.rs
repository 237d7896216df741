//! Finding a secret in bytes, however it is written.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

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
    /// Two bytes a character, in either order.
    Utf16,
    /// As Rust's `Debug` shows bytes: `[107, 101, 121]`.
    Numbers,
    /// Some of it, as it is.
    Part,
}

/// A piece of this many characters is as good as the secret: nothing random repeats it.
const PIECE: usize = 12;

/// Secrets that must not be seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Canary {
    secrets: Vec<Arc<Needles>>,
    heads: Heads,
}

/// What to look for in order to find one secret.
#[derive(Debug)]
struct Needles {
    raw: Vec<u8>,
    hex: Vec<u8>,
    numbers: Vec<u8>,
    base64: Vec<Vec<u8>>,
    utf16: Option<Vec<u8>>,
    pieces: Vec<Vec<u8>>,
}

/// The first eight bytes of everything that is looked for: where none of them is, there is nothing to look for.
#[derive(Debug, Clone)]
struct Heads {
    exact: HashSet<u64>,
    /// A first guess: most bytes get no further.
    likely: Vec<bool>,
}

impl Canary {
    /// Looks for secrets. Of each, `random` is the part that nothing else holds.
    pub(crate) fn new<'s>(secrets: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        secrets.into_iter().fold(Self::default(), |all, (whole, random)| all.and(whole.as_bytes(), random))
    }

    /// Looks for one more.
    pub(crate) fn and(mut self, whole: &[u8], random: &str) -> Self {
        let needles = Needles::of(whole, random);
        needles.all().for_each(|needle| self.heads.add(needle));
        self.secrets.push(Arc::new(needles));
        self
    }

    /// Looks for a master key too: as the 32 bytes that it is, and as it is written.
    pub(crate) fn and_master_key(self, text: &str) -> Self {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        let bytes: Vec<u8> = (0..text.len()).step_by(2).map(digit).collect();
        self.and(&bytes, "").and(text.as_bytes(), text)
    }

    /// How the secrets are written in these bytes; nothing where they are not.
    pub(crate) fn sightings(&self, bytes: &[u8]) -> BTreeSet<Encoding> {
        let mut found = vec![BTreeSet::new(); self.secrets.len()];
        self.look(None, bytes, &mut found);
        // What is escaped may hold what is escaped: JSON in a form, a form in JSON.
        for (encoding, once) in decoded(bytes) {
            self.look(Some(encoding), &once, &mut found);
            for (_, twice) in decoded(&once) {
                self.look(Some(encoding), &twice, &mut found);
            }
        }
        let mut all = BTreeSet::new();
        for mut of_this in found {
            if of_this.len() > 1 {
                of_this.remove(&Encoding::Part);
            }
            all.extend(of_this);
        }
        all
    }

    fn look(&self, through: Option<Encoding>, bytes: &[u8], found: &mut [BTreeSet<Encoding>]) {
        if self.heads.may_be_in(bytes) {
            for (needles, found) in self.secrets.iter().zip(found) {
                look(needles, through, bytes, found);
            }
        }
    }
}

impl Needles {
    fn of(whole: &[u8], random: &str) -> Self {
        let base64 =
            (0..3).flat_map(|offset| [&STANDARD, &URL_SAFE].map(|engine| middle(engine, whole, offset)));
        let numbers: Vec<String> = whole.iter().map(u8::to_string).collect();
        let utf16: Vec<u8> = random.bytes().flat_map(|byte| [byte, 0]).collect();
        Self {
            raw: whole.to_vec(),
            hex: hex(whole).into_bytes(),
            numbers: numbers.join(", ").into_bytes(),
            base64: base64.collect(),
            // The zero at its end stands elsewhere where the bytes are the other way round.
            utf16: utf16.split_last().map(|(_, both)| both.to_vec()),
            pieces: random.as_bytes().windows(PIECE).map(<[u8]>::to_vec).collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Vec<u8>> {
        let one = [&self.raw, &self.hex, &self.numbers].into_iter();
        one.chain(&self.base64).chain(&self.utf16).chain(&self.pieces)
    }
}

impl Default for Heads {
    fn default() -> Self {
        Self { exact: HashSet::new(), likely: vec![false; 1 << 16] }
    }
}

impl Heads {
    fn add(&mut self, needle: &[u8]) {
        let head = u64::from_be_bytes(needle[..8].try_into().unwrap());
        self.exact.insert(head);
        self.likely[Self::place(head)] = true;
    }

    fn may_be_in(&self, bytes: &[u8]) -> bool {
        let (mut as_it_is, mut small) = (0_u64, 0_u64);
        for byte in bytes {
            as_it_is = as_it_is << 8 | u64::from(*byte);
            // Hex is written in either case.
            small = small << 8 | u64::from(byte.to_ascii_lowercase());
            for head in [as_it_is, small] {
                if self.likely[Self::place(head)] && self.exact.contains(&head) {
                    return true;
                }
            }
        }
        false
    }

    fn place(head: u64) -> usize {
        (head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize
    }
}

/// Bytes in hex.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    each(bytes.as_ref().iter(), |byte| format!("{byte:02x}"))
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
    if needles.utf16.as_ref().is_some_and(holds) {
        found.insert(Encoding::Utf16);
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
    fn in_sixteen_bits() {
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            seen(SECRET.encode_utf16().flat_map(order).collect::<Vec<u8>>(), &[Encoding::Utf16]);
        }
    }

    #[test]
    fn of_a_master_key() {
        let bytes: Vec<u8> = (7_u8..39).map(|byte| byte.wrapping_mul(37)).collect();
        let text = hex(&bytes);
        let canary = Canary::default().and_master_key(&text);
        for (written, expected) in [
            (bytes.clone(), vec![Encoding::Raw]),
            (text.to_uppercase().into_bytes(), vec![Encoding::Hex]),
            (STANDARD.encode(&bytes).into_bytes(), vec![Encoding::Base64]),
            (STANDARD.encode(&text).into_bytes(), vec![Encoding::Base64]),
            (format!("{bytes:?}").into_bytes(), vec![Encoding::Numbers]),
            (text.as_bytes()[20..40].to_vec(), vec![Encoding::Part]),
        ] {
            assert_eq!(canary.sightings(&written).into_iter().collect::<Vec<_>>(), expected);
        }
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
