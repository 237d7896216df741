//! A request's headers on their way in: what is the connection's business and not the provider's, and what the gateway has
//! to know of them.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use memchr::memmem;

use crate::problem::Code;

/// The most headers of a request.
pub(crate) const MAX_HEADERS: usize = 100;

/// What the gateway has to know of a request's headers that are not passed on.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    pub(crate) host: Option<HeaderValue>,
    pub(crate) grant: Option<HeaderValue>,
    pub(crate) lengths: Lengths,
    /// What the body is encoded in for the transfer.
    pub(crate) transfer: Option<HeaderValue>,
    pub(crate) expects: bool,
    /// `Connection: close`, `Connection: keep-alive`.
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    /// `X-Forwarded-Proto` and `-Host`, which count where a trusted proxy says them.
    pub(crate) forwarded_proto: Option<HeaderValue>,
    pub(crate) forwarded_host: Option<HeaderValue>,
    /// How often a token of ours stands in the head.
    pub(crate) tokens: usize,
    /// Headers that `Connection` names.
    named: Vec<HeaderName>,
    hosts: usize,
    transfers: usize,
}

/// What `Content-Length` says.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lengths {
    #[default]
    None,
    One(u64),
    /// It is there twice, or is no number.
    Wrong,
}

impl Lengths {
    /// Reads one more.
    pub(crate) fn add(self, value: &[u8]) -> Self {
        // RFC 9110, 8.6: digits alone. `+2` and `2, 2` are for somebody to read differently.
        let digits = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        match (self, digits) {
            (Self::None, true) => {
                Self::One(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
            }
            _ => Self::Wrong,
        }
    }
}

impl Intake {
    /// Takes one header in: into `headers` where it is passed on, or into what the gateway knows.
    pub(crate) fn take(
        &mut self,
        headers: &mut HeaderMap,
        name: HeaderName,
        value: HeaderValue,
    ) -> Result<(), Code> {
        // N57: what no policy can read, none decides about.
        if value.as_bytes().iter().any(|byte| *byte >= 0x80) && std::str::from_utf8(value.as_bytes()).is_err()
        {
            return Err(Code::HeaderUnreadable);
        }
        match name.as_str() {
            "host" => {
                self.hosts += 1;
                self.host = Some(value);
            }
            "content-length" => self.lengths = self.lengths.add(value.as_bytes()),
            "transfer-encoding" => {
                self.transfers += 1;
                self.transfer = Some(value);
            }
            "connection" => self.connection(&value),
            "expect" => self.expects |= value.as_bytes().eq_ignore_ascii_case(b"100-continue"),
            // RFC 9110, 7.6.1, and what is between a client and its proxy; the gateway asks for its own encoding, and for
            // all of it, since a key in parts cannot be found; who the caller is, and by what way it came, is none of the provider's business.
            "keep-alive"
            | "te"
            | "trailer"
            | "upgrade"
            | "http2-settings"
            | "proxy-connection"
            | "proxy-authorization"
            | "proxy-authenticate"
            | "max-forwards"
            | "accept-encoding"
            | "range"
            | "if-range"
            | "forwarded"
            | "via"
            | "x-real-ip"
            | "x-client-ip"
            | "true-client-ip"
            | "cf-connecting-ip" => {}
            "x-forwarded-proto" => self.forwarded_proto = Some(value),
            "x-forwarded-host" => self.forwarded_host = Some(value),
            "x-http-method-override"
            | "x-http-method"
            | "x-method-override"
            | "x-original-url"
            | "x-rewrite-url"
            | "x-original-host" => return Err(Code::MethodOverridden),
            "keyway-grant" => {
                if self.grant.replace(value).is_some() {
                    return Err(Code::GrantTwice);
                }
            }
            other => {
                if other.starts_with("x-forwarded-") || other.starts_with("keyway-") {
                    return Ok(());
                }
                if other.contains('_') {
                    return Self::twin(headers, name, value);
                }
                if headers.len() >= MAX_HEADERS {
                    return Err(Code::HeadTooLarge);
                }
                headers.append(name, value);
            }
        }
        Ok(())
    }

    /// A name with `_`, which servers that hand headers on as variables (CGI, WSGI) read as one with `-`.
    fn twin(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) -> Result<(), Code> {
        let twin = name.as_str().replace('_', "-");
        let twin = HeaderName::from_bytes(twin.as_bytes()).map_err(|_| Code::RequestMalformed)?;
        let mut nothing = HeaderMap::new();
        let mut of_twin = Self::default();
        of_twin.take(&mut nothing, twin, value.clone())?;
        // What the gateway keeps to itself under its own name, it keeps under this one.
        if !nothing.is_empty() {
            headers.append(name, value);
        }
        Ok(())
    }

    fn connection(&mut self, value: &HeaderValue) {
        for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if let Ok(name) = HeaderName::from_bytes(token)
                && self.named.len() < MAX_HEADERS
            {
                self.named.push(name);
            }
        }
    }

    /// Removes the headers that `Connection` named: they were for the gateway, and go no further (N51).
    pub(crate) fn drop_named(&self, headers: &mut HeaderMap) {
        for name in &self.named {
            headers.remove(name);
        }
    }

    /// Checks the host: there once, and nothing but a host and a port.
    pub(crate) fn check_host(&self, is_needed: bool) -> Result<(), Code> {
        match (&self.host, self.hosts) {
            (None, 0) if !is_needed => Ok(()),
            (Some(host), 1) if is_host(host) => Ok(()),
            _ => Err(Code::RequestMalformed),
        }
    }

    /// What `Transfer-Encoding` says: whether the body is in chunks.
    pub(crate) fn is_chunked(&self) -> Result<bool, Code> {
        match (&self.transfer, self.transfers) {
            (None, _) => Ok(false),
            (Some(value), 1) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
            _ => Err(Code::RequestMalformed),
        }
    }
}

/// Tells whether a text is a host, perhaps with a port, and nothing else.
pub(crate) fn is_host(value: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte);
    (1..=261).contains(&value.len()) && value.as_bytes().iter().all(plain)
}

/// How often a token of ours may stand in a text.
pub(crate) fn tokens_in(text: &[u8]) -> usize {
    memmem::find_iter(text, b"kwg_").count()
}

/// Tells whether a method is one that is passed on.
pub(crate) fn is_passed_on(method: &Method) -> bool {
    *method != Method::CONNECT && *method != Method::TRACE && method.as_str() != "TRACK"
}

/// Tells whether a request by this method may be made twice, as once (RFC 9110, 9.2.1: it changes nothing).
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The token of ours in a header's value, a cookie's, or a parameter's; with what a provider's keys begin with before it.
pub(crate) fn token_in(text: &[u8]) -> Option<&str> {
    let at = memmem::rfind(text, b"kwg_")?;
    let before = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let start = text[..at].iter().rposition(|byte| !before(byte)).map_or(0, |last| last + 1);
    let behind = text[at + 4..].iter().position(|byte| !byte.is_ascii_alphanumeric());
    std::str::from_utf8(&text[start..behind.map_or(text.len(), |length| at + 4 + length)]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(list: &[(&str, &str)]) -> Result<(Intake, HeaderMap), Code> {
        let (mut intake, mut headers) = (Intake::default(), HeaderMap::new());
        for (name, value) in list {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            intake.take(&mut headers, name, HeaderValue::from_bytes(value.as_bytes()).unwrap())?;
        }
        intake.drop_named(&mut headers);
        Ok((intake, headers))
    }

    #[test]
    fn n51_n52_what_is_the_connections_goes_and_the_rest_stays() {
        let (intake, headers) = taken(&[
            ("Host", "gw.example:8080"),
            ("Connection", "close, X-Hop ,authorization"),
            ("X-Hop", "1"),
            ("Authorization", "made-up"),
            ("TE", "trailers"),
            ("Trailer", "x"),
            ("Upgrade", "h2c"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Authorization", "Basic bWFkZTp1cA=="),
            ("Forwarded", "for=192.0.2.1"),
            ("X-Forwarded-For", "192.0.2.1"),
            ("X_Forwarded_For", "192.0.2.1"),
            ("X-Forwarded-Proto", "https"),
            ("Proxy_Authorization", "made-up"),
            ("Transfer_Encoding", "chunked"),
            ("Keyway_Grant", "kwg_"),
            ("Accept-Encoding", "gzip"),
            ("Accept", "text/html"),
            ("X-Custom", "1"),
            ("x-custom", "2"),
            ("x_custom", "3"),
        ])
        .unwrap();
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-custom", "x_custom"]);
        assert!(intake.close && !intake.keep_alive && intake.grant.is_none() && intake.transfer.is_none());
        assert_eq!(intake.forwarded_proto.unwrap(), "https");
    }

    #[test]
    fn n52_n57_what_is_refused() {
        for (header, code) in [
            (("X-HTTP-Method-Override", "DELETE"), Code::MethodOverridden),
            (("x_http_method_override", "DELETE"), Code::MethodOverridden),
            (("X-Original-URL", "/admin"), Code::MethodOverridden),
        ] {
            assert_eq!(taken(&[header]).unwrap_err(), code);
        }
        assert_eq!(taken(&[("Keyway-Grant", "a"), ("keyway-grant", "a")]).unwrap_err(), Code::GrantTwice);
        let (mut intake, mut headers) = (Intake::default(), HeaderMap::new());
        let mut unreadable = |value: &[u8]| {
            let name = HeaderName::from_static("x-name");
            intake.take(&mut headers, name, HeaderValue::from_bytes(value).unwrap())
        };
        assert_eq!(unreadable(b"M\xfcller"), Err(Code::HeaderUnreadable));
        assert_eq!(unreadable("Müller".as_bytes()), Ok(()));
    }

    #[test]
    fn n52_n55_hosts_and_lengths() {
        for (list, ok) in [
            (&[("host", "a.example")][..], true),
            (&[("host", "[::1]:80")], true),
            (&[], false),
            (&[("host", "")], false),
            (&[("host", "a b")], false),
            (&[("host", "a@b")], false),
            (&[("host", "a/b")], false),
            (&[("host", "a"), ("host", "a")], false),
        ] {
            assert_eq!(taken(list).unwrap().0.check_host(true).is_ok(), ok, "{list:?}");
        }
        assert!(taken(&[]).unwrap().0.check_host(false).is_ok());
        for (text, expected) in [
            ("0", Lengths::One(0)),
            ("007", Lengths::One(7)),
            ("+2", Lengths::Wrong),
            ("-2", Lengths::Wrong),
            ("2, 2", Lengths::Wrong),
            ("0x2", Lengths::Wrong),
            ("", Lengths::Wrong),
            ("9999999999999999999", Lengths::Wrong),
        ] {
            assert_eq!(Lengths::None.add(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(Lengths::One(2).add(b"2"), Lengths::Wrong);
        for (list, expected) in [
            (&[("transfer-encoding", "chunked")][..], Ok(true)),
            (&[("transfer-encoding", "Chunked")], Ok(true)),
            (&[("transfer-encoding", "xchunked")], Err(Code::RequestMalformed)),
            (&[("transfer-encoding", "gzip, chunked")], Err(Code::RequestMalformed)),
            (&[("transfer-encoding", "chunked, chunked")], Err(Code::RequestMalformed)),
            (
                &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
                Err(Code::RequestMalformed),
            ),
            (&[], Ok(false)),
        ] {
            assert_eq!(taken(list).unwrap().0.is_chunked(), expected, "{list:?}");
        }
    }

    #[test]
    fn a_token_is_found_in_whatever_stands_around_it() {
        for (text, expected) in [
            ("Bearer kwg_Ab1", Some("kwg_Ab1")),
            ("Token token=\"rootly_kwg_Ab1\"", Some("rootly_kwg_Ab1")),
            ("_kwg_Ab1", Some("_kwg_Ab1")),
            ("Bearer made-up", None),
            ("user:kwg_Ab1", Some("user:kwg_Ab1")),
            ("", None),
        ] {
            assert_eq!(token_in(text.as_bytes()), expected, "{text}");
        }
    }
}
