//! Rewriting a provider's own URLs in its answers, so that a client that follows them stays inside.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use keyway_core::Origin;
use memchr::{memchr, memmem::Finder};

use super::url::{Begin, Replaced};

/// The URLs of a credential's origins, and what they become.
#[derive(Debug)]
pub(crate) struct Rewrite {
    replaced: Vec<Replaced>,
    /// The most bytes that have to be seen to tell a URL.
    longest: usize,
    /// What every URL has after its scheme, in either writing.
    colons: [Finder<'static>; 2],
}

/// Rewrites a body that comes in pieces: however it is cut, what comes out is the same.
///
/// A piece in which nothing is found is passed on as it is. Held back is only what may be the beginning of a URL: less
/// than a hundred bytes, unless the host is longer.
#[derive(Debug)]
pub(crate) struct RewriteStream {
    rewrite: Arc<Rewrite>,
    held: Vec<u8>,
}

/// The beginnings of schemes with their colons, in front of which a text may be cut.
const SCHEMES: [&[u8]; 2] = [b"https:", b"http:"];

impl Rewrite {
    /// Each origin becomes its base URL, such as `http://127.0.0.1:8080` or `https://gateway.example/c/con_x`.
    pub(crate) fn new(origins: impl IntoIterator<Item = (Origin, String)>) -> Self {
        let replaced: Vec<_> =
            origins.into_iter().map(|(origin, base)| Replaced::new(&origin, &base)).collect();
        let longest = replaced.iter().map(Replaced::longest).max().unwrap_or_default();
        Self { replaced, longest, colons: [Finder::new(":/"), Finder::new(":\\")] }
    }

    /// Rewrites every URL in a text.
    #[cfg(test)]
    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.scan(text.as_bytes(), true).0 {
            None => Cow::Borrowed(text),
            // What goes and what comes in its place is ASCII.
            Some(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Rewrites a `Location` or a `Content-Location`. A path that stands alone is one of the origin that answered, which is
    /// given by its place among the origins, and gets the path of its base in front.
    pub(crate) fn location<'t>(&self, answered: usize, value: &'t str) -> Cow<'t, str> {
        if let Begin::Url(length, base) = self.begin(value.as_bytes(), true) {
            return Cow::Owned(format!("{base}{}", &value[length..]));
        }
        let reference = self.replaced.iter().find_map(|replaced| replaced.reference(value));
        let path = || self.replaced.get(answered)?.path(value);
        reference.or_else(path).map_or(Cow::Borrowed(value), Cow::Owned)
    }

    /// Rewrites the targets of a `Link` (RFC 8288), each as a [`location`](Self::location).
    pub(crate) fn link<'t>(&self, answered: usize, value: &'t str) -> Cow<'t, str> {
        let mut out = String::new();
        let mut done = 0;
        let mut at = 0;
        while let Some(found) = value[at..].find(['<', '"']) {
            let begin = at + found + 1;
            let quoted = value.as_bytes()[begin - 1] == b'"';
            let length = if quoted { quoted_length(&value[begin..]) } else { value[begin..].find('>') };
            let Some(end) = length.map(|length| begin + length) else { break };
            if !quoted && let Cow::Owned(target) = self.location(answered, &value[begin..end]) {
                out.push_str(&value[done..begin]);
                out.push_str(&target);
                done = end;
            }
            at = end + 1;
        }
        if done == 0 {
            return Cow::Borrowed(value);
        }
        out.push_str(&value[done..]);
        Cow::Owned(out)
    }

    fn begin(&self, text: &[u8], last: bool) -> Begin<'_> {
        let mut begin = Begin::Other;
        for replaced in &self.replaced {
            match replaced.begins(text, last) {
                Begin::Other => {}
                Begin::Cut => begin = Begin::Cut,
                url @ Begin::Url(..) => return url,
            }
        }
        begin
    }

    /// What a text becomes, `None` when it stays as it is, and where what has to be held back begins. Unless the text is
    /// the last, and then nothing is.
    fn scan(&self, text: &[u8], last: bool) -> (Option<Vec<u8>>, usize) {
        let mut out: Option<Vec<u8>> = None;
        let mut done = 0;
        let mut held = if last { text.len() } else { cut_scheme(text) };
        let mut colons = Colons::of(text, &self.colons);
        while let Some(colon) = colons.next(text, &self.colons) {
            let Some(begin) = scheme(text, colon).filter(|begin| *begin >= done) else { continue };
            match self.begin(&text[begin..], last) {
                Begin::Other => {}
                Begin::Cut => {
                    held = begin;
                    break;
                }
                Begin::Url(length, base) => {
                    let out = out.get_or_insert_with(|| Vec::with_capacity(text.len() + base.len()));
                    out.extend_from_slice(&text[done..begin]);
                    out.extend_from_slice(base.as_bytes());
                    done = begin + length;
                }
            }
        }
        if let Some(out) = &mut out {
            out.extend_from_slice(&text[done..held]);
        }
        (out, held)
    }
}

impl RewriteStream {
    /// Begins a text.
    pub(crate) fn new(rewrite: Arc<Rewrite>) -> Self {
        Self { rewrite, held: Vec::new() }
    }

    /// Takes the next piece, and appends to `out` what can be passed on.
    pub(crate) fn push(&mut self, mut piece: Bytes, out: &mut Vec<Bytes>) {
        if self.rewrite.replaced.is_empty() {
            out.push(piece);
            return;
        }
        while !self.held.is_empty() && !piece.is_empty() {
            // As much of the piece as decides about what was held back, and not more.
            let mut text = std::mem::take(&mut self.held);
            text.extend_from_slice(&piece.split_to(piece.len().min(self.rewrite.longest)));
            self.pass(text.into(), out);
        }
        self.pass(piece, out);
    }

    /// Ends the text: appends to `out` what was held back.
    pub(crate) fn finish(&mut self, out: &mut Vec<Bytes>) {
        let text = Bytes::from(std::mem::take(&mut self.held));
        let rewritten = self.rewrite.scan(&text, true).0.map_or(text, Bytes::from);
        if !rewritten.is_empty() {
            out.push(rewritten);
        }
    }

    fn pass(&mut self, mut text: Bytes, out: &mut Vec<Bytes>) {
        let (rewritten, held) = self.rewrite.scan(&text, false);
        self.held.extend_from_slice(&text[held..]);
        text.truncate(held);
        let text = rewritten.map_or(text, Bytes::from);
        if !text.is_empty() {
            out.push(text);
        }
    }
}

/// Tells whether a content type is JSON: `application/json`, `text/json`, or a type with the suffix `+json`.
pub(crate) fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let Some(slash) = memchr(b'/', essence) else { return false };
    let (kind, subtype) = (&essence[..slash], &essence[slash + 1..]);
    let suffix = subtype.len().checked_sub(b"+json".len()).map(|at| &subtype[at..]);
    suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(b"+json"))
        || (subtype.eq_ignore_ascii_case(b"json")
            && (kind.eq_ignore_ascii_case(b"application") || kind.eq_ignore_ascii_case(b"text")))
}

/// Where the next colon stands in front of `/`, and in front of `\`.
struct Colons([Option<usize>; 2]);

impl Colons {
    fn of(text: &[u8], finders: &[Finder<'static>; 2]) -> Self {
        Self(finders.each_ref().map(|finder| finder.find(text)))
    }

    /// The next one of either.
    fn next(&mut self, text: &[u8], finders: &[Finder<'static>; 2]) -> Option<usize> {
        let (at, which) = self.0.iter().zip(0..).filter_map(|(at, which)| Some(((*at)?, which))).min()?;
        self.0[which] = finders[which].find(&text[at + 1..]).map(|next| at + 1 + next);
        Some(at)
    }
}

/// Where the scheme begins that a colon ends.
fn scheme(text: &[u8], colon: usize) -> Option<usize> {
    SCHEMES.iter().find_map(|scheme| {
        let begin = (colon + 1).checked_sub(scheme.len())?;
        text[begin..=colon].eq_ignore_ascii_case(scheme).then_some(begin)
    })
}

/// Where the beginning of a scheme stands that is cut off; the end when there is none.
fn cut_scheme(text: &[u8]) -> usize {
    let longest = SCHEMES[0].len().min(text.len());
    let cut = |begin: &usize| {
        SCHEMES.iter().any(|scheme| {
            scheme.get(..text.len() - begin).is_some_and(|front| front.eq_ignore_ascii_case(&text[*begin..]))
        })
    };
    (text.len() - longest..text.len()).find(cut).unwrap_or(text.len())
}

/// The length of a quoted text, without its last quote.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests;
