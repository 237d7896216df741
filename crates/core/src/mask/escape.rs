//! Escapes of percent, JSON and HTML, all at once: what a text is written in is not known here.

/// The longest escape: a surrogate pair of JSON.
pub(super) const LONGEST: usize = 12;

/// What stands at the front of a text.
pub(super) enum Front {
    /// No escape.
    Plain,
    /// What may become one when the text goes on.
    Cut,
    /// An escape.
    Escape(Escape),
}

/// An escape.
pub(super) struct Escape {
    buffer: [u8; 4],
    stands_for: usize,
    /// How long it is itself, in bytes.
    pub(super) length: usize,
}

impl Escape {
    fn byte(byte: u8, length: usize) -> Front {
        Front::Escape(Self { buffer: [byte, 0, 0, 0], stands_for: 1, length })
    }

    fn char(c: char, length: usize) -> Front {
        let mut buffer = [0; 4];
        let stands_for = c.encode_utf8(&mut buffer).len();
        Front::Escape(Self { buffer, stands_for, length })
    }

    /// The bytes that it stands for; at least one.
    pub(super) fn stands_for(&self) -> &[u8] {
        &self.buffer[..self.stands_for]
    }
}

/// Tells whether an escape begins with this byte. None has such a byte further in, but `\\` and surrogate pairs.
pub(super) fn is_start(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&')
}

/// What stands at the front of a text.
pub(super) fn front(text: &[u8]) -> Front {
    match text {
        [b'%', rest @ ..] => match number(rest, 2, 16) {
            Digits::Number(byte) => Escape::byte(u8::try_from(byte).unwrap_or_default(), 3),
            Digits::Cut => Front::Cut,
            Digits::None => Front::Plain,
        },
        [b'\\'] => Front::Cut,
        [b'\\', b'u', rest @ ..] => json_number(rest),
        [b'\\', byte @ (b'"' | b'\'' | b'\\' | b'/'), ..] => Escape::byte(*byte, 2),
        [b'&', rest @ ..] => html(rest),
        _ => Front::Plain,
    }
}

/// A text with its escapes undone.
pub(super) fn undone(mut text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    while let [byte, rest @ ..] = text {
        match front(text) {
            Front::Escape(escape) => {
                plain.extend_from_slice(escape.stands_for());
                text = &text[escape.length..];
            }
            Front::Plain | Front::Cut => {
                plain.push(*byte);
                text = rest;
            }
        }
    }
    plain
}

/// What a number of digits says.
enum Digits {
    Number(u32),
    /// There may be more of them.
    Cut,
    None,
}

/// Exactly `length` digits.
fn number(text: &[u8], length: usize, radix: u32) -> Digits {
    let digits = &text[..text.len().min(length)];
    let number = digits.iter().try_fold(0_u32, |number, byte| {
        number.checked_mul(radix)?.checked_add(char::from(*byte).to_digit(radix)?)
    });
    match number {
        None => Digits::None,
        Some(_) if digits.len() < length => Digits::Cut,
        Some(number) => Digits::Number(number),
    }
}

/// What stands after `\u`.
fn json_number(rest: &[u8]) -> Front {
    let high = match number(rest, 4, 16) {
        Digits::Number(number) => number,
        Digits::Cut => return Front::Cut,
        Digits::None => return Front::Plain,
    };
    if let Some(c) = char::from_u32(high) {
        return Escape::char(c, 6);
    }
    // Half of a surrogate pair.
    let low = match &rest[4..] {
        [] | [b'\\'] => Digits::Cut,
        [b'\\', b'u', digits @ ..] => number(digits, 4, 16),
        _ => Digits::None,
    };
    match low {
        Digits::Cut if high < 0xdc00 => Front::Cut,
        Digits::Number(low @ 0xdc00..=0xdfff) if high < 0xdc00 => {
            let c = char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
            c.map_or(Front::Plain, |c| Escape::char(c, LONGEST))
        }
        _ => Front::Plain,
    }
}

/// What stands after `&`.
fn html(rest: &[u8]) -> Front {
    /// `#1114111` is the longest of the numbers.
    const MOST: usize = 8;
    const NAMES: [(&[u8], char); 5] =
        [(b"amp", '&'), (b"lt", '<'), (b"gt", '>'), (b"quot", '"'), (b"apos", '\'')];
    let name = rest.iter().take(MOST + 1).position(|byte| *byte == b';').map(|end| &rest[..end]);
    let Some(name) = name else {
        let begins = |(name, _): &(&[u8], char)| name.starts_with(rest);
        let digits = match rest {
            [b'#', b'x' | b'X', digits @ ..] => Some((digits, 16)),
            [b'#', digits @ ..] => Some((digits, 10)),
            _ => None,
        };
        let digits = digits.is_some_and(|(digits, radix)| {
            rest.len() <= MOST && digits.iter().all(|byte| char::from(*byte).is_digit(radix))
        });
        return if digits || NAMES.iter().any(begins) { Front::Cut } else { Front::Plain };
    };
    let number = |digits: &[u8], radix| match number(digits, digits.len(), radix) {
        Digits::Number(number) if !digits.is_empty() => char::from_u32(number),
        _ => None,
    };
    let c = match name {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        name => NAMES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c),
    };
    c.map_or(Front::Plain, |c| Escape::char(c, name.len() + 2))
}
