//! Finding a credential's secrets in what others send.

mod escape;
mod glance;
mod needle;
mod search;
mod stream;

use std::{borrow::Cow, fmt};

use crate::Secret;

pub use stream::MaskStream;

use glance::Glance;
use needle::Needle;
use search::{Part, Search};

/// What stands in a secret's place.
const REDACTED: &[u8] = b"[redacted]";
/// A shorter secret is not looked for: nearly everything would match.
const SHORTEST: usize = 4;

/// Finds a credential's secrets in an answer or a text: as they are, base64- and hex-encoded, and percent-, JSON- or
/// HTML-escaped, in whatever way escapes are written.
pub struct Mask {
    needles: Vec<Needle>,
    glance: Glance,
    /// The lengths of needles.
    shortest: usize,
    longest: usize,
}

impl Mask {
    pub(crate) fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let mut secrets: Vec<&str> =
            secrets.into_iter().map(Secret::expose).filter(|secret| secret.len() >= SHORTEST).collect();
        secrets.sort_unstable();
        secrets.dedup();
        let needles: Vec<Needle> = secrets.into_iter().flat_map(Needle::forms_of).collect();
        Self {
            glance: Glance::new(&needles),
            shortest: needles.iter().map(Needle::len).min().unwrap_or(usize::MAX),
            longest: needles.iter().map(Needle::len).max().unwrap_or_default(),
            needles,
        }
    }

    /// Replaces every occurrence by `[redacted]`. A text in which nothing is found is not copied.
    pub fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let Some(mut search) = self.search(bytes) else { return Cow::Borrowed(bytes) };
        let mut out = Vec::with_capacity(bytes.len());
        let mut done = 0;
        search.settle(self, |part| match part {
            Part::Clear(to) => {
                out.extend_from_slice(&bytes[done..to]);
                done = to;
            }
            Part::Occurrence => out.extend_from_slice(REDACTED),
            Part::Covered(to) => done = to,
        });
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

    /// Tells whether there is an occurrence.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.search(bytes).is_some()
    }

    /// Searches a whole text; `None` when nothing is found.
    fn search(&self, bytes: &[u8]) -> Option<Search> {
        if bytes.len() < self.shortest {
            return None;
        }
        let mut search = Search::default();
        search.read(self, bytes);
        search.end(self);
        search.has_found().then_some(search)
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

#[cfg(test)]
mod tests;
