//! A quick look at a text: where may an occurrence begin?

use super::{
    escape::{self, Front},
    needle::Needle,
};
use aho_corasick::packed;

/// How much of a text is looked at at once. The compiler makes vector instructions of it.
const BLOCK: usize = 64;

/// What is looked for in order to find where an occurrence may begin: the heads of the needles, and the escapes that may
/// stand for a byte of a head. Nearly all text has neither, and that is told without a look at each byte.
pub(super) struct Glance {
    /// `None` where the processor has no instructions for it, and where there are too many heads.
    heads: Option<packed::Searcher>,
    /// By byte: whether a needle begins with it.
    first: [bool; 256],
    /// By byte: whether it is in a head.
    in_head: [bool; 256],
    longest_head: usize,
    escapes: Escapes,
}

/// Which escapes may stand for a byte of a head.
struct Escapes {
    /// The least first digit of those with `%`.
    percent: u8,
    /// Those of a `\` and one character.
    short: bool,
    /// Those of HTML with a name.
    named: bool,
}

/// The places in one text, from front to back.
pub(super) struct Places<'t> {
    text: &'t [u8],
    /// Where the next head and the next escape that count begin, when they were looked for; the text's length for none.
    head: Option<usize>,
    escape: Option<usize>,
}

impl Glance {
    pub(super) fn new(needles: &[Needle]) -> Self {
        let mut heads: Vec<Vec<u8>> = needles.iter().flat_map(Needle::heads).collect();
        heads.sort_unstable();
        heads.dedup();
        let (mut first, mut in_head) = ([false; 256], [false; 256]);
        for head in &heads {
            first[usize::from(head[0])] = true;
            for byte in head {
                in_head[usize::from(*byte)] = true;
            }
        }
        let any = |bytes: &[u8]| bytes.iter().any(|byte| in_head[usize::from(*byte)]);
        let digit = in_head.iter().position(|is| *is).map_or(u8::MAX, |least| match least >> 4 {
            digit @ 0..10 => b'0' + u8::try_from(digit).unwrap_or_default(),
            _ => b'A',
        });
        let escapes = Escapes { percent: digit, short: any(b"\"'\\/"), named: any(b"&<>\"'") };
        Self {
            longest_head: heads.iter().map(Vec::len).max().unwrap_or_default(),
            heads: packed::Config::new().builder().extend(&heads).build(),
            first,
            in_head,
            escapes,
        }
    }

    /// The next place, from `from` on, at which an occurrence may begin: before it none does. Never in the middle of an
    /// escape, as `from` is not.
    pub(super) fn next(&self, needles: &[Needle], places: &mut Places<'_>, from: usize) -> Option<usize> {
        let text = places.text;
        let head = places.head.filter(|at| *at >= from).unwrap_or_else(|| self.head(needles, text, from));
        let escape =
            places.escape.filter(|at| *at >= from).unwrap_or_else(|| self.escape(needles, text, from));
        (places.head, places.escape) = (Some(head), Some(escape));
        let mut at = head.min(escape);
        if at + self.longest_head + escape::LONGEST > text.len() {
            at = at.min(self.tail(text, from));
        }
        (at < text.len()).then(|| token(text, from, at))
    }

    /// Where a head stands.
    fn head(&self, needles: &[Needle], text: &[u8], from: usize) -> usize {
        let found = match &self.heads {
            Some(heads) => heads.find_in(text, (from..text.len()).into()).map(|found| found.start()),
            None => (from..text.len()).find(|at| {
                self.first[usize::from(text[*at])]
                    && needles.iter().any(|needle| {
                        text.get(*at..*at + needle.head().len()).is_some_and(|head| needle.begins_with(head))
                    })
            }),
        };
        found.unwrap_or(text.len())
    }

    /// Where a head may begin that has an escape in it.
    fn escape(&self, needles: &[Needle], text: &[u8], from: usize) -> usize {
        let (mut block, mut at) = (from, from);
        while block < text.len() {
            let end = text.len().min(block + BLOCK);
            if self.escapes.are_in(&text[block..text.len().min(end + 1)]) {
                if at < block {
                    // Of a run of backslashes, every other one begins an escape.
                    at = token(text, at, block);
                }
                while at < end {
                    if !escape::is_start(text[at]) {
                        at += 1;
                        continue;
                    }
                    match escape::front(&text[at..]) {
                        Front::Escape(escape) => {
                            if let Some(begin) = self.begin(needles, &text[from..at], escape.stands_for()[0])
                            {
                                return from + begin;
                            }
                            at += escape.length;
                        }
                        Front::Plain => at += 1,
                        Front::Cut => return text.len(),
                    }
                }
            }
            block = end;
        }
        text.len()
    }

    /// Where a head begins that goes on with `byte` after this text.
    fn begin(&self, needles: &[Needle], before: &[u8], byte: u8) -> Option<usize> {
        if !self.in_head[usize::from(byte)] {
            return None;
        }
        needles.iter().flat_map(|needle| needle.begins(before, byte)).min()
    }

    /// Where what stands at the end may begin an occurrence: bytes of a head, or an escape that is cut off.
    fn tail(&self, text: &[u8], from: usize) -> usize {
        let mut at = text.len().saturating_sub(escape::LONGEST).max(from);
        let mut cut = text.len();
        if text[at..].iter().any(|byte| escape::is_start(*byte)) {
            at = token(text, from, at);
        } else {
            at = text.len();
        }
        while at < text.len() {
            match escape::front(&text[at..]) {
                Front::Escape(escape) => at += escape.length,
                Front::Plain => at += 1,
                Front::Cut => {
                    cut = at;
                    break;
                }
            }
        }
        let heads = cut.saturating_sub(self.longest_head - 1).max(from);
        (heads..cut).find(|at| self.first[usize::from(text[*at])]).unwrap_or(cut)
    }
}

impl Escapes {
    /// Tells whether one may begin in a text, but for its last byte.
    fn are_in(&self, text: &[u8]) -> bool {
        let one = |(byte, next): (&u8, &u8)| {
            (*byte == b'%' && *next >= self.percent)
                || (*byte == b'\\' && (self.short || *next == b'u'))
                || (*byte == b'&' && (self.named || *next == b'#'))
        };
        let Some(nexts) = text.get(1..) else { return false };
        // Without a way out in the middle: that is what makes it quick.
        text.iter().zip(nexts).fold(false, |any, pair| any | one(pair))
    }
}

impl<'t> Places<'t> {
    pub(super) fn of(text: &'t [u8]) -> Self {
        Self { text, head: None, escape: None }
    }
}

/// Where the escape begins in whose middle `at` stands; `at` itself when it stands in none. `from` stands in none.
fn token(text: &[u8], from: usize, at: usize) -> usize {
    let mut token = at.saturating_sub(escape::LONGEST - 1).max(from);
    while token > from && text[token - 1] == b'\\' {
        token -= 1;
    }
    while token < at {
        let length = match escape::front(&text[token..]) {
            Front::Escape(escape) => escape.length,
            Front::Plain => 1,
            Front::Cut => return token,
        };
        if token + length > at {
            return token;
        }
        token += length;
    }
    token
}
