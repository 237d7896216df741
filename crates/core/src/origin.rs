//! Where a request may go: scheme, host and effective port.

use std::{fmt, net::IpAddr};

use http::{Uri, uri::Scheme};
use url::{Host, Url};

use crate::yaml::Like;

/// An origin: scheme, host and effective port. `https`, or plain `http` on loopback.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    host: Box<str>,
    port: u16,
}

/// Why a text is not an origin that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OriginError {
    /// Something other than `scheme://host` or `scheme://host:port`.
    #[error("an origin is https://host or https://host:port and nothing after it")]
    Shape,
    /// Another scheme than https.
    #[error("only https is allowed")]
    Scheme,
    /// Plain http, for a test server, on a host that is not loopback.
    #[error("plain http is for test servers on loopback addresses alone")]
    NotLoopback,
    /// A host that is not a lower-case ASCII name: an address, a trailing dot, an empty label.
    #[error(
        "the host must be a plain name in lower case: no address, no trailing dot, `xn--` for other scripts"
    )]
    Host,
    /// A port that no API stands on.
    #[error("the port must be 443, or one from 1024")]
    Port,
}

impl Origin {
    /// The form of an origin in a descriptor, for the schema.
    pub(crate) const LIKE: Like = Like {
        noun: "an origin (`https://host` or `https://host:port`, perhaps with a `{field}`)",
        pattern: r"^(https://([A-Za-z0-9._-]|\{[a-z][a-z0-9_]*\})+(:[0-9]+)?/?|\{[a-z][a-z0-9_]*\})$",
    };

    /// Parses an https origin with a named host, as descriptors and users may name it.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let origin = Self::parse_any(text)?;
        if !origin.https {
            return Err(OriginError::Scheme);
        }
        if !is_host_name(&origin.host) {
            return Err(OriginError::Host);
        }
        if origin.port != 443 && origin.port < 1024 {
            return Err(OriginError::Port);
        }
        Ok(origin)
    }

    /// Parses an origin for a test server: any https host and port, or plain http on a loopback address.
    pub fn parse_loopback(text: &str) -> Result<Self, OriginError> {
        let origin = Self::parse_any(text)?;
        if origin.https || origin.is_loopback() { Ok(origin) } else { Err(OriginError::NotLoopback) }
    }

    fn parse_any(text: &str) -> Result<Self, OriginError> {
        // `Url` mends what a browser would mend (tabs, backslashes, missing slashes): nothing of the kind may be there.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']' | '_');
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Shape)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() || rest.ends_with(':') || !rest.chars().all(plain) {
            return Err(OriginError::Shape);
        }
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(OriginError::Scheme),
        };
        let url = Url::parse(text).map_err(|_| OriginError::Shape)?;
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(OriginError::Shape);
        };
        if port == 0 || host.ends_with('.') || host.is_empty() {
            return Err(if port == 0 { OriginError::Port } else { OriginError::Host });
        }
        Ok(Self { https, host: host.into(), port })
    }

    /// The scheme: `https`, or `http` on loopback.
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The host, in lower case; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The effective port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Tells whether the host is a loopback address or `localhost`.
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        &*self.host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Tells whether a URI has exactly this origin. A trailing dot, user information or another port is another origin.
    pub fn admits(&self, uri: &Uri) -> bool {
        let Some(authority) = uri.authority() else { return false };
        let (scheme, default) = if self.https { (Scheme::HTTPS, 443) } else { (Scheme::HTTP, 80) };
        if uri.scheme() != Some(&scheme) {
            return false;
        }
        let text = authority.as_str();
        // Nearly always: the rest is for another case, and for a port.
        if *text == *self.host {
            return self.port == default;
        }
        // Not `authority.port()`: it has none where there is one that it cannot read (`:99999`), and takes `:+443`.
        match text.get(..self.host.len()) {
            Some(host) if host.eq_ignore_ascii_case(&self.host) => match &text[self.host.len()..] {
                "" => self.port == default,
                port => port.strip_prefix(':').is_some_and(|port| {
                    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse() == Ok(self.port)
                }),
            },
            _ => false,
        }
    }

    /// Tells whether a parsed URL has exactly this origin.
    pub(crate) fn admits_url(&self, url: &Url) -> bool {
        url.scheme() == self.scheme()
            && url.host_str() == Some(&*self.host)
            && url.port_or_known_default() == Some(self.port)
            && url.username().is_empty()
            && url.password().is_none()
    }
}

/// As a URL has it: without the scheme's own port.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.host)?;
        match (self.https, self.port) {
            (true, 443) | (false, 80) => Ok(()),
            (_, port) => write!(f, ":{port}"),
        }
    }
}

/// As `Display`.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Tells whether a text is one DNS label: letters, digits and inner hyphens, at most 63.
pub(crate) fn is_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// Tells whether a text is a host's full name: at least two labels, in lower case, and nothing that a URL would read
/// as an address (`0x7f.1`, `127.1`).
pub(crate) fn is_host_name(text: &str) -> bool {
    let mut labels = text.split('.').rev();
    let top_is_a_word = labels
        .next()
        .is_some_and(|top| top.bytes().any(|byte| byte.is_ascii_lowercase()) && !top.starts_with("0x"));
    text.len() <= 253
        && top_is_a_word
        && text.contains('.')
        && text.split('.').all(is_label)
        && !text.bytes().any(|byte| byte.is_ascii_uppercase())
        && matches!(Host::parse(text), Ok(Host::Domain(domain)) if domain == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_https_a_name_and_a_port() {
        for text in
            ["https://api.rootly.com", "https://api.rootly.com/", "https://xn--bcher-kva.example:8443"]
        {
            assert!(Origin::parse(text).is_ok(), "{text}");
        }
        for text in [
            "http://api.rootly.com",
            "ftp://api.rootly.com",
            "file:///etc/passwd",
            "https://u@api.rootly.com",
            "https://u:p@api.rootly.com",
            "https://api.rootly.com#f",
            "https://api.rootly.com?q",
            "https://api.rootly.com/v1",
            "https://api.rootly.com//",
            "https://api.rootly.com:0",
            "https://api.rootly.com:22",
            "https://api.rootly.com:99999",
            "https://api.rootly.com:",
            "https://api.rootly.com.",
            "https://bücher.example",
            "https://localhost",
            "https://127.0.0.1",
            "https://127.1",
            "https://0x7f.1",
            "https://2130706433",
            "https://[::1]",
            "https://[[::1]]",
            "https://[api.rootly.com]",
            "https://[[api.rootly.com]]",
            "https://localhost.",
            "https://LOCALHOST",
            "https://api.rootly.com%2F10.0.0.1",
            "https:/api.rootly.com",
            "https:\\\\api.rootly.com",
            "https://api.rootly.com\\",
            "https://a\tb.com",
            " https://api.rootly.com",
            "//api.rootly.com",
            "api.rootly.com",
            "",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            Origin::parse("https://API.Rootly.com:443").unwrap().to_string(),
            "https://api.rootly.com"
        );
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for text in ["http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:3000", "https://10.0.0.1"] {
            assert!(Origin::parse_loopback(text).is_ok(), "{text}");
        }
        for text in
            ["http://10.0.0.1", "http://example.com", "http://localhost.example.com", "http://localhost.:80"]
        {
            assert!(Origin::parse_loopback(text).is_err(), "{text}");
        }
    }

    #[test]
    fn n23_only_the_same_origin_is_admitted() {
        let origin = Origin::parse("https://api.example.com").unwrap();
        for uri in ["https://api.example.com/x", "https://API.example.com:443/", "HTTPS://api.example.com"] {
            assert!(origin.admits(&uri.parse().unwrap()), "{uri}");
        }
        for uri in [
            "http://api.example.com/",
            "https://api.example.com:444/",
            "https://api.example.com:99999/",
            "https://api.example.com:+443/",
            "https://api.example.com:/",
            "https://api.example.com:443:443/",
            "https://api.example.com./",
            "https://api%2eexample.com/",
            "https://[::1]/",
            "https://api.example.com../",
            "https://.api.example.com/",
            "https://[api.example.com]/",
            "https://[[api.example.com]]/",
            "https://x.api.example.com/",
            "https://example.com/",
            "https://apiexample.com/",
            "https://evilexample.com/",
            "https://api.example.com%2F10.0.0.1/",
            "https://api.example.com%2f.evil.com/",
            "https://evilapi.example.com/",
            "https://api.example.com.evil.com/",
            "https://u@api.example.com/",
            "https://api.example.com@evil.com/",
            "/x",
            "api.example.com:443",
        ] {
            // What is no URI at all can be asked for even less.
            let Ok(parsed) = uri.parse() else { continue };
            assert!(!origin.admits(&parsed), "{uri}");
        }
        let origin = Origin::parse_loopback("http://[::1]:8080").unwrap();
        for (uri, expected) in [
            ("http://[::1]:8080/x", true),
            ("http://[::1]/x", false),
            ("http://[::1]:80801/x", false),
            ("http://[0:0:0:0:0:0:0:1]:8080/", false),
            ("http://u@[::1]:8080/", false),
            ("https://[::1]:8080/", false),
        ] {
            assert_eq!(origin.admits(&uri.parse().unwrap()), expected, "{uri}");
        }
    }

    #[test]
    fn a_label_and_a_host_name_hold_nothing_else() {
        for text in [
            "evil.com/",
            "evil.com#",
            "evil.com?",
            "a@evil.com/",
            "evil.com\\",
            "ｅvil",
            "%65vil.com/",
            "0x7f.1/",
            "",
            "-a",
            "a-",
            "a.b",
            "a_b",
        ] {
            assert!(!is_label(text), "{text}");
        }
        for text in [
            "evil.com/",
            "evil.com#",
            "a@evil.com",
            "0x7f.1",
            "127.0.0.1",
            "1.2",
            "localhost",
            "a..b",
            "a.b.",
            "A.com",
            "a.0x7f",
            "[::1]",
        ] {
            assert!(!is_host_name(text), "{text}");
        }
        assert!(is_label("a-1") && is_host_name("jira.example.com"));
    }
}
