//! Recognising a URL of one origin in a text, and what it becomes.

use keyway_core::Origin;

/// An origin, and the base URL that takes its place.
#[derive(Debug)]
pub(super) struct Replaced {
    /// With its colon.
    scheme: &'static str,
    host: Box<str>,
    port: Box<str>,
    /// Whether a URL may leave the port out.
    default_port: bool,
    /// By [`Slash`].
    bases: [Box<str>; 4],
}

/// How a slash is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slash {
    Plain,
    /// `\/`
    Escaped,
    /// `\u002f`
    Small,
    /// `\u002F`
    Capital,
}

/// What a text begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begin<'r> {
    /// Nothing of the origin.
    Other,
    /// What may become a URL of the origin when the text goes on.
    Cut,
    /// A URL of the origin: how long its origin is, and what takes its place.
    Url(usize, &'r str),
}

/// Why reading stopped.
enum Stop {
    Other,
    Cut,
}

/// `\u` and four digits.
const UNICODE: usize = 6;

impl Slash {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Plain, "/"), (Self::Escaped, "\\/"), (Self::Small, "\\u002f"), (Self::Capital, "\\u002F")];

    /// Takes a slash off the front of a text.
    fn read(text: &mut &[u8]) -> Result<Self, Stop> {
        let known = Self::ALL
            .iter()
            .find_map(|(slash, written)| Some((*slash, text.strip_prefix(written.as_bytes())?)));
        match known {
            Some((slash, rest)) => {
                *text = rest;
                Ok(slash)
            }
            None if Self::ALL.iter().any(|(_, written)| written.as_bytes().starts_with(text)) => {
                Err(Stop::Cut)
            }
            None => Err(Stop::Other),
        }
    }
}

impl Replaced {
    pub(super) fn new(origin: &Origin, base: &str) -> Self {
        let base = base.trim_end_matches('/');
        let (scheme, default) = if origin.scheme() == "https" { ("https:", 443) } else { ("http:", 80) };
        Self {
            scheme,
            host: origin.host().into(),
            port: origin.port().to_string().into(),
            default_port: origin.port() == default,
            bases: Slash::ALL.map(|(_, slash)| base.replace('/', slash).into()),
        }
    }

    /// The most bytes that have to be seen to tell.
    pub(super) fn longest(&self) -> usize {
        self.scheme.len() + 2 * UNICODE + self.host.len() + 1 + self.port.len() + UNICODE
    }

    /// What a text begins with; `last` when it does not go on.
    pub(super) fn begins(&self, text: &[u8], last: bool) -> Begin<'_> {
        let mut rest = text;
        let slash = literal(&mut rest, self.scheme).and_then(|()| {
            let slash = Slash::read(&mut rest)?;
            Slash::read(&mut rest)?;
            Ok(slash)
        });
        match slash.and_then(|slash| self.authority(&mut rest, last).map(|()| slash)) {
            Ok(slash) => Begin::Url(text.len() - rest.len(), &self.bases[slash as usize]),
            Err(Stop::Cut) if !last => Begin::Cut,
            Err(_) => Begin::Other,
        }
    }

    /// What a reference without a scheme (`//host/path`) becomes, if it is one to the origin.
    pub(super) fn reference(&self, text: &str) -> Option<String> {
        let mut rest = text.strip_prefix("//")?.as_bytes();
        self.authority(&mut rest, true).ok()?;
        Some(format!("{}{}", self.base(), &text[text.len() - rest.len()..]))
    }

    /// What a path that stands alone becomes; `None` when it stays as it is.
    pub(super) fn path(&self, text: &str) -> Option<String> {
        // Browsers take `/\host` for `//host`.
        if !text.starts_with('/') || text.starts_with("//") || text.starts_with("/\\") {
            return None;
        }
        let (_, before) = self.base().split_once("://")?.1.split_once('/')?;
        Some(format!("/{before}{text}"))
    }

    fn base(&self) -> &str {
        &self.bases[Slash::Plain as usize]
    }

    /// Takes the host and perhaps the port off the front of a text. What follows must end them: `.evil.example` does not,
    /// nor does `@`.
    fn authority(&self, rest: &mut &[u8], last: bool) -> Result<(), Stop> {
        literal(rest, &self.host)?;
        let mut after = *rest;
        if literal(&mut after, ":").is_ok() {
            literal(&mut after, &self.port)?;
        } else if !self.default_port {
            return Err(if after.is_empty() { Stop::Cut } else { Stop::Other });
        }
        ends(after, last)?;
        *rest = after;
        Ok(())
    }
}

/// Takes a literal off the front of a text, in any case.
fn literal(text: &mut &[u8], literal: &str) -> Result<(), Stop> {
    let length = text.len().min(literal.len());
    let (front, rest) = text.split_at(length);
    if !front.eq_ignore_ascii_case(&literal.as_bytes()[..length]) {
        return Err(Stop::Other);
    }
    if length < literal.len() {
        return Err(Stop::Cut);
    }
    *text = rest;
    Ok(())
}

/// Tells whether an authority ends where this text begins.
fn ends(text: &[u8], last: bool) -> Result<(), Stop> {
    let ends = match text {
        [] => return if last { Ok(()) } else { Err(Stop::Cut) },
        // JSON, which may write any character so. Its other escapes all stand for one that ends a host.
        [b'\\', b'u', digits @ ..] => {
            let Some(digits) = digits.get(..4) else { return Err(Stop::Cut) };
            let code = str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
            code.is_some_and(is_end)
        }
        [b'\\'] if !last => return Err(Stop::Cut),
        [byte, ..] => is_end(*byte),
    };
    if ends { Ok(()) } else { Err(Stop::Other) }
}

/// Tells whether a character can stand neither in a host, a port, nor before an `@`.
fn is_end(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f || b"/?#\\\"'<>`{}|^)]".contains(&byte)
}
