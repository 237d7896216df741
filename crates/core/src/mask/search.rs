//! Finding occurrences in a text that comes in pieces.

use std::{collections::VecDeque, ops::Range};

use super::{
    Mask,
    escape::{self, Front},
    glance::Places,
    needle::Needle,
};

/// A search through one text, which comes in pieces. Positions count from the text's beginning.
///
/// A text is read in two ways at once: as it is, and with its escapes undone. Nearly always nothing that is looked for has
/// begun: then a glance tells where something may, and the bytes up to there are not looked at one by one.
#[derive(Default)]
pub(super) struct Search {
    /// Where the next piece begins.
    at: usize,
    /// For each needle, how much of its beginning the text agrees with. Empty until something may have begun.
    agreed: Vec<Agreed>,
    /// How many of those numbers are not 0.
    begun: usize,
    /// Where each of the last bytes stood, with escapes undone: as many as the longest needle has.
    stood: VecDeque<usize>,
    /// An escape that may go on in the next piece.
    cut: Cut,
    /// Occurrences that are not settled, apart from each other and in order.
    found: Vec<Found>,
}

/// How much of a needle's beginning the text agrees with.
#[derive(Default, Clone)]
struct Agreed {
    as_it_is: u32,
    unescaped: u32,
}

#[derive(Default)]
struct Cut {
    bytes: [u8; escape::LONGEST],
    length: usize,
}

/// An occurrence, or several that overlap.
struct Found {
    range: Range<usize>,
    /// The part before `range` was settled already.
    goes_on: bool,
}

/// A part of a text of which everything is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text up to a position.
    Clear(usize),
    /// The beginning of an occurrence.
    Occurrence,
    /// The rest of an occurrence up to a position.
    Covered(usize),
}

impl Search {
    /// Reads on.
    pub(super) fn read(&mut self, mask: &Mask, piece: &[u8]) {
        if mask.needles.is_empty() {
            self.at += piece.len();
            return;
        }
        let mut done = if self.rests() { 0 } else { self.follow(mask, piece, 0) };
        let mut places = Places::of(piece);
        while done < piece.len()
            && let Some(place) = mask.glance.next(&mask.needles, &mut places, done)
        {
            done = self.follow(mask, piece, place);
        }
        self.at += piece.len();
    }

    /// Reads the end: what is cut off is no escape.
    pub(super) fn end(&mut self, mask: &Mask) {
        while self.cut.length > 0 {
            let begin = self.at - self.cut.length;
            match escape::front(self.cut.text()) {
                Front::Escape(escape) => self.take(mask, escape.stands_for(), begin, escape.length),
                Front::Plain | Front::Cut => self.take(mask, &[self.cut.bytes[0]], begin, 1),
            }
        }
        self.begun = 0;
        self.agreed.clear();
    }

    /// Tells whether nothing is begun and nothing found: all that was read is clear.
    pub(super) fn is_clear(&self) -> bool {
        self.rests() && self.found.is_empty()
    }

    /// Tells whether something was found that is not settled.
    pub(super) fn has_found(&self) -> bool {
        !self.found.is_empty()
    }

    /// Hands out the parts that can be settled, in order: all before what may be the beginning of an occurrence.
    pub(super) fn settle(&mut self, mask: &Mask, mut part: impl FnMut(Part)) {
        let safe = self.safe(mask);
        let mut settled = 0;
        for found in &mut self.found {
            if found.range.start >= safe {
                break;
            }
            if !found.goes_on {
                part(Part::Clear(found.range.start));
                part(Part::Occurrence);
            }
            part(Part::Covered(found.range.end.min(safe)));
            if found.range.end > safe {
                (found.range.start, found.goes_on) = (safe, true);
                break;
            }
            settled += 1;
        }
        self.found.drain(..settled);
        part(Part::Clear(safe));
    }

    fn rests(&self) -> bool {
        self.begun == 0 && self.cut.length == 0
    }

    /// Where what has begun began; the end of what was read when nothing has.
    fn safe(&self, mask: &Mask) -> usize {
        let mut safe = self.at - self.cut.length;
        for (needle, agreed) in mask.needles.iter().zip(&self.agreed) {
            debug_assert!(agreed.as_it_is.max(agreed.unescaped) as usize <= needle.len());
            safe = safe.min(self.at - agreed.as_it_is as usize);
            if agreed.unescaped > 0 {
                safe = safe.min(self.stood[self.stood.len() - agreed.unescaped as usize]);
            }
        }
        safe
    }

    /// Reads byte by byte, as long as something is begun. Returns how much of the piece is done.
    fn follow(&mut self, mask: &Mask, piece: &[u8], from: usize) -> usize {
        self.agreed.resize(mask.needles.len(), Agreed::default());
        for (at, byte) in piece.iter().enumerate().skip(from) {
            let end = self.at + at + 1;
            for (needle, agreed) in mask.needles.iter().zip(&mut self.agreed) {
                if step(needle, &mut agreed.as_it_is, *byte, &mut self.begun) {
                    add(&mut self.found, end - needle.len()..end);
                }
            }
            if self.cut.length == 0 && !escape::is_start(*byte) {
                self.unescaped(mask, &[*byte], end - 1..end);
            } else {
                self.cut.bytes[self.cut.length] = *byte;
                self.cut.length += 1;
                self.take_cut(mask, end);
            }
            if self.rests() {
                self.stood.clear();
                return at + 1;
            }
        }
        piece.len()
    }

    /// Takes what is no longer cut off, when all before `end` was read.
    fn take_cut(&mut self, mask: &Mask, end: usize) {
        while self.cut.length > 0 {
            let begin = end - self.cut.length;
            match escape::front(self.cut.text()) {
                Front::Escape(escape) => self.take(mask, escape.stands_for(), begin, escape.length),
                Front::Plain => self.take(mask, &[self.cut.bytes[0]], begin, 1),
                Front::Cut => return,
            }
        }
    }

    /// Takes `length` bytes of what was cut off, which begins at `begin` and stands for `bytes`.
    fn take(&mut self, mask: &Mask, bytes: &[u8], begin: usize, length: usize) {
        self.cut.bytes.copy_within(length.., 0);
        self.cut.length -= length;
        self.unescaped(mask, bytes, begin..begin + length);
    }

    /// Reads what `stood` there, with its escape undone.
    fn unescaped(&mut self, mask: &Mask, bytes: &[u8], stood: Range<usize>) {
        for byte in bytes {
            if self.stood.len() == mask.longest {
                self.stood.pop_front();
            }
            self.stood.push_back(stood.start);
            for (needle, agreed) in mask.needles.iter().zip(&mut self.agreed) {
                if step(needle, &mut agreed.unescaped, *byte, &mut self.begun) {
                    add(&mut self.found, self.stood[self.stood.len() - needle.len()]..stood.end);
                }
            }
        }
    }
}

impl Cut {
    fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Reads a byte for one needle. `true` when an occurrence ends with it.
fn step(needle: &Needle, agreed: &mut u32, byte: u8, begun: &mut usize) -> bool {
    *begun -= usize::from(*agreed > 0);
    let whole = needle.follow(agreed, byte);
    *begun += usize::from(*agreed > 0);
    whole
}

/// Adds an occurrence. Those that overlap become one; it ends near the end of what was read, as the others do.
fn add(found: &mut Vec<Found>, mut range: Range<usize>) {
    let mut last = found.len();
    while last > 0 && found[last - 1].range.start >= range.end {
        last -= 1;
    }
    let mut first = last;
    let mut goes_on = false;
    while first > 0 && found[first - 1].range.end > range.start {
        first -= 1;
        let other = &found[first];
        range = range.start.min(other.range.start)..range.end.max(other.range.end);
        goes_on |= other.goes_on;
    }
    found.splice(first..last, [Found { range, goes_on }]);
}
