//! Master keys as people keep them: 64 hex digits each.

use zeroize::Zeroizing;

use super::{KEY_LENGTH, KeyError, MasterKey};

/// The most keys that one place holds: two while a rotation runs, and room for those that were not taken away.
pub(super) const MAX_KEYS: usize = 16;

/// How a person makes a key.
pub(super) const HOW_TO_MAKE: &str = "`openssl rand -hex 32`";

const DIGITS: usize = 2 * KEY_LENGTH;

/// A key, and the number of the line or piece that it was read from.
pub(super) struct Numbered {
    pub(super) number: usize,
    pub(super) key: MasterKey,
}

/// Reads numbered pieces, each with a key; white space around one is not looked at.
///
/// # Errors
/// When one is not 64 hex digits, is weak, or repeats another, and when there are too many. `place` names a piece by its
/// number: `line 3 of the file …`.
pub(super) fn read_all<'a>(
    pieces: impl Iterator<Item = (usize, &'a [u8])>,
    place: impl Fn(usize) -> String,
) -> Result<Vec<Numbered>, KeyError> {
    let mut found: Vec<Numbered> = Vec::new();
    for (number, piece) in pieces {
        let problem = |what: String| Err(KeyError::Malformed(format!("{} {what}", place(number))));
        if found.len() == MAX_KEYS {
            return problem(format!("is one too many: there may be {MAX_KEYS} keys"));
        }
        let piece = piece.trim_ascii();
        if !piece.iter().all(u8::is_ascii_hexdigit) {
            return problem(format!("holds something other than hex digits; a key is {DIGITS} of them"));
        }
        let Some(bytes) = bytes_of(piece) else {
            return problem(format!(
                "has {} hex digits; a key has {DIGITS}, which are 32 bytes",
                piece.len()
            ));
        };
        let Ok(key) = MasterKey::from_bytes(&*bytes) else {
            return problem("is no key: all its bytes are the same".to_owned());
        };
        if let Some(same) = found.iter().find(|other| other.key.id() == key.id()) {
            return problem(format!("repeats the key of {}", place(same.number)));
        }
        found.push(Numbered { number, key });
    }
    Ok(found)
}

/// A key as text.
pub(super) fn write(key: &MasterKey) -> Zeroizing<String> {
    // Space for all of it at once: what a text leaves behind when it grows is not zeroised.
    let mut text = Zeroizing::new(String::with_capacity(DIGITS));
    for byte in key.bytes() {
        for half in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(half)]));
        }
    }
    text
}

/// The bytes that hex digits stand for, when they are as many as a key has.
fn bytes_of(digits: &[u8]) -> Option<Zeroizing<[u8; KEY_LENGTH]>> {
    let digits: &[u8; DIGITS] = digits.try_into().ok()?;
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |sum, digit| (sum << 4) | value(*digit));
    }
    Some(bytes)
}

fn value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_in_either_case() {
        let bytes: Vec<u8> = (0..=255).step_by(8).collect();
        let key = MasterKey::from_bytes(&bytes).unwrap();
        let text = write(&key);
        assert_eq!(*text, "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8");
        for text in [text.to_uppercase(), text.to_string(), format!(" {}\t\r", *text)] {
            let read = read_all([(1, text.as_bytes())].into_iter(), |_| String::new()).unwrap();
            assert_eq!(read[0].key.bytes(), key.bytes());
        }
    }
}
