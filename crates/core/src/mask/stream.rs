//! Masking a body that comes in pieces.

use std::{collections::VecDeque, fmt, sync::Arc};

use bytes::Bytes;

use super::{
    Mask, REDACTED,
    search::{Part, Search},
};

/// Replaces a credential's secrets in a text that comes in pieces, as [`Mask::bytes`] does in a whole one: however the
/// text is cut, what comes out is the same.
///
/// A piece in which nothing is found is passed on as it is. Held back is only what may be the beginning of an occurrence,
/// which is at most twelve times as long as the longest form of a secret; nothing is copied.
pub struct MaskStream {
    mask: Arc<Mask>,
    search: Search,
    /// What is not passed on yet.
    held: VecDeque<Bytes>,
    /// Where that begins in the text.
    passed: usize,
    masked: bool,
}

impl MaskStream {
    /// Begins a text.
    pub fn new(mask: Arc<Mask>) -> Self {
        Self { mask, search: Search::default(), held: VecDeque::new(), passed: 0, masked: false }
    }

    /// Takes the next piece, and appends to `out` what can be passed on.
    pub fn push(&mut self, piece: Bytes, out: &mut Vec<Bytes>) {
        if piece.is_empty() {
            return;
        }
        self.search.read(&self.mask, &piece);
        if self.held.is_empty() && self.search.is_clear() {
            self.passed += piece.len();
            out.push(piece);
        } else {
            self.held.push_back(piece);
            self.settle(out);
        }
    }

    /// Ends the text: appends to `out` what was held back.
    pub fn finish(&mut self, out: &mut Vec<Bytes>) {
        self.search.end(&self.mask);
        self.settle(out);
    }

    /// Whether a secret was replaced so far.
    pub fn has_masked(&self) -> bool {
        self.masked
    }

    /// How many bytes are held back.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.iter().map(Bytes::len).sum()
    }

    fn settle(&mut self, out: &mut Vec<Bytes>) {
        let Self { mask, search, held, passed, masked } = self;
        search.settle(mask, |part| match part {
            Part::Clear(to) => take(held, passed, to, |piece| out.push(piece)),
            Part::Occurrence => {
                *masked = true;
                out.push(Bytes::from_static(REDACTED));
            }
            Part::Covered(to) => take(held, passed, to, drop),
        });
    }
}

/// Takes what is held up to a position.
fn take(held: &mut VecDeque<Bytes>, passed: &mut usize, to: usize, mut with: impl FnMut(Bytes)) {
    while *passed < to
        && let Some(mut piece) = held.pop_front()
    {
        if piece.len() > to - *passed {
            let rest = piece.split_off(to - *passed);
            held.push_front(rest);
        }
        *passed += piece.len();
        with(piece);
    }
}

impl fmt::Debug for MaskStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskStream")
    }
}
