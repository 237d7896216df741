//! Which URLs may be asked, judged by what is written in them.

use std::net::{IpAddr, Ipv4Addr};

use http::Uri;
use keyway_core::{Origin, TransportErrorKind};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::AddressClass;

/// Checks what is written in a URL: `https`, no userinfo, and a host that is not an address or a name that must not be
/// dialled.
///
/// A resolver is never asked about an address that is written out, so whoever sends with a client of their own (see
/// [`harden`](crate::harden)) asks here first. [`HttpTransport`](crate::HttpTransport) does so by itself.
pub fn check_url(url: &Url) -> Result<(), TransportErrorKind> {
    Permit::default().check_url(url)
}

/// What a client may do beyond asking public hosts over https: nothing, unless it is said here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Permit {
    /// Loopback may be asked, and without TLS.
    pub(crate) loopback: bool,
    /// Somebody's own network may be asked, with TLS.
    pub(crate) private: bool,
    /// The proxy's host, which may be anywhere: whoever configured it vouches for it.
    pub(crate) proxy: Option<Box<str>>,
}

impl Permit {
    pub(crate) fn check_url(&self, url: &Url) -> Result<(), TransportErrorKind> {
        let class = class_of(url).ok_or(TransportErrorKind::Other)?;
        self.check_written(url.scheme(), class)?;
        // reqwest would turn it into an `Authorization` header of its own.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TransportErrorKind::Other);
        }
        Ok(())
    }

    /// The same for an origin, without a look at more than is needed: a gateway asks for each request.
    pub(crate) fn check_origin(&self, origin: &Origin) -> Result<(), TransportErrorKind> {
        self.check_written(origin.scheme(), class_of_host(origin.host()))
    }

    fn check_written(&self, scheme: &str, class: AddressClass) -> Result<(), TransportErrorKind> {
        let loopback = self.loopback && class == AddressClass::Loopback;
        match scheme {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(TransportErrorKind::Scheme),
        }
        if loopback || self.admits(class) { Ok(()) } else { Err(TransportErrorKind::Address) }
    }

    /// Tells whether addresses of this class may be dialled, whatever name they come by.
    pub(crate) fn admits(&self, class: AddressClass) -> bool {
        class == AddressClass::Public || (self.private && class == AddressClass::Private)
    }

    /// The URL that `uri` stands for, checked.
    pub(crate) fn url_of(&self, uri: &Uri) -> Result<Url, TransportErrorKind> {
        let url = Url::parse(&uri.to_string()).map_err(|_| TransportErrorKind::Other)?;
        self.check_url(&url)?;
        // A URL is parsed without its dot segments and backslashes. What would be sent is then not what was authorised.
        if !percent_decode_str(url.path()).eq(percent_decode_str(uri.path())) {
            return Err(TransportErrorKind::Other);
        }
        Ok(url)
    }
}

/// The class of a URL's host; a name is taken for a public one until it is looked up. `None` where there is no host.
fn class_of(url: &Url) -> Option<AddressClass> {
    // The parsed host is checked, not the text: decimal, octal and hex forms are plain addresses by now.
    Some(match url.host()? {
        Host::Ipv4(address) => AddressClass::of(address.into()),
        Host::Ipv6(address) => AddressClass::of(address.into()),
        Host::Domain(name) if is_loopback_name(name) => AddressClass::Loopback,
        Host::Domain(_) => AddressClass::Public,
    })
}

/// The address that a host of an [`Origin`] is, if it is one. An origin was parsed as a URL: other spellings of an address
/// are plain by now, and an IPv6 address stands in brackets.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// The class of an origin's host; a name is taken for a public one until it is looked up.
pub(crate) fn class_of_host(host: &str) -> AddressClass {
    match literal(host) {
        Some(address) => AddressClass::of(address),
        None if is_loopback_name(host) => AddressClass::Loopback,
        None => AddressClass::Public,
    }
}

/// Tells whether `name` is `localhost` or lies below it (RFC 6761).
pub(crate) fn is_loopback_name(name: &str) -> bool {
    name.trim_end_matches('.').rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use TransportErrorKind::{Address, Other, Scheme};

    use super::*;

    const PUBLIC: Permit = Permit { loopback: false, private: false, proxy: None };
    const LOOPBACK: Permit = Permit { loopback: true, private: false, proxy: None };
    const PRIVATE: Permit = Permit { loopback: false, private: true, proxy: None };

    #[track_caller]
    fn check(permit: &Permit, url: &str, expected: Result<(), TransportErrorKind>) {
        let url = Url::parse(url).expect("the table holds URLs");
        assert_eq!(permit.check_url(&url), expected, "{url}");
    }

    #[test]
    fn public_hosts_over_https() {
        for url in [
            "https://api.example.com/v1?x=y",
            "https://API.example.com.:8443",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
            // Names that only look like `localhost` are for the resolver to judge.
            "https://localhost.example.com/",
            "https://evillocalhost/",
        ] {
            check(&PUBLIC, url, Ok(()));
            check(&LOOPBACK, url, Ok(()));
        }
    }

    #[test]
    fn other_schemes() {
        for url in [
            "http://api.example.com/",
            "http://8.8.8.8/",
            "http://10.0.0.1/",
            "ftp://api.example.com/",
            "ws://localhost",
        ] {
            check(&PUBLIC, url, Err(Scheme));
            check(&LOOPBACK, url, Err(Scheme));
        }
        check(&PUBLIC, "http://localhost/", Err(Scheme));
        check(&PUBLIC, "http://127.0.0.1/", Err(Scheme));
        for url in ["data:text/plain,x", "file:///etc/hosts"] {
            check(&LOOPBACK, url, Err(Other));
        }
    }

    #[test]
    fn n19_n23_loopback_in_all_spellings() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "017700000001",
            "0x7f.0.0.1",
            "0177.0.0.1",
            "１２７.0.0.1",
            "127。0。0。1",
            "%31%32%37.0.0.1",
            "127.255.255.254",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "LocalHost.",
            "a.localhost",
            "a.b.LOCALHOST.",
            "ｌocalhost",
        ] {
            for scheme in ["http", "https"] {
                check(&LOOPBACK, &format!("{scheme}://{host}:8080/"), Ok(()));
            }
            check(&PUBLIC, &format!("https://{host}/"), Err(Address));
        }
    }

    #[test]
    fn n19_n21_addresses_that_are_nobodys() {
        for host in [
            "0",
            "0.0.0.0",
            "0x0",
            "10.0.0.1",
            "012.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[fe80::1]",
            "[fc00::1]",
            "[ff02::1]",
        ] {
            check(&PUBLIC, &format!("https://{host}/"), Err(Address));
            check(&LOOPBACK, &format!("https://{host}/"), Err(Address));
            check(&LOOPBACK, &format!("http://{host}/"), Err(Scheme));
        }
    }

    #[test]
    fn n20_n21_private_networks_where_they_are_allowed() {
        for host in ["10.0.0.1", "012.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[fd12::1]"] {
            check(&PRIVATE, &format!("https://{host}:8200/"), Ok(()));
            check(&PRIVATE, &format!("http://{host}:8200/"), Err(Scheme));
            check(&PUBLIC, &format!("https://{host}:8200/"), Err(Address));
        }
        check(&PRIVATE, "https://8.8.8.8/", Ok(()));
        for host in [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "0",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::a00:1]",
            "[fe80::1]",
            "224.0.0.1",
            // Where clouds answer whoever asks with the keys of the machine.
            "169.254.169.254",
            "0xa9fea9fe",
            "169.254.170.2",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
            "[fd20:ce::254]",
            "[fd00:42::42]",
        ] {
            check(&PRIVATE, &format!("https://{host}/"), Err(Address));
        }
    }

    /// What a look at the text alone would let through: a dot behind it and letters of any case (CVE-2022-24825), brackets
    /// around it (CVE-2022-29188), an escape, a zone. Each is asked for as a URI, as a request has it, and as a URL.
    #[test]
    fn n19_n24_disguises() {
        for host in [
            "169.254.169.254.",
            "10.0.0.1.",
            "0XA9FEA9FE",
            "0x7F.1.",
            "LOCALHOST.",
            "localhost..",
            "a.LocalHost.",
            "[::1].",
            "[[::1]]",
            "[[::1]",
            "[::1]]",
            "[localhost]",
            "[[localhost]]",
            "[127.0.0.1]",
            "[[127.0.0.1]]",
            "[169.254.169.254]",
            "[::FFFF:127.0.0.1]",
            "[0:0:0:0:0:FFFF:7F00:0001]",
            "[64:FF9B::7F00:1]",
            "[2002:7F00:1::]",
            "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[::1%25lo]",
            "[::1%lo]",
            "[v1.fe80::a]",
            "example.com%2F10.0.0.1",
            "example.com%2f@127.0.0.1",
            "example.com%00.127.0.0.1",
            "example.com%23@127.0.0.1",
            "127.0.0.1%2f.example.com",
            "①②⑦.⓪.⓪.①",
            "127.0.0.256",
            "0x100000000",
        ] {
            let text = format!("https://{host}/");
            for permit in [&PUBLIC, &LOOPBACK] {
                let asked = text.parse::<Uri>().ok().and_then(|uri| permit.url_of(&uri).ok());
                let parsed = Url::parse(&text).ok().filter(|url| permit.check_url(url).is_ok());
                for allowed in [asked, parsed].into_iter().flatten() {
                    // In any disguise, this machine is allowed where it is allowed without one, and nowhere else.
                    let is_loopback = class_of(&allowed) == Some(AddressClass::Loopback);
                    assert!(permit.loopback && is_loopback, "{text} is allowed as {allowed}");
                }
            }
        }
    }

    #[test]
    fn userinfo() {
        for url in
            ["https://a@api.example.com/", "https://a:b@api.example.com/", "https://:b@api.example.com/"]
        {
            check(&PUBLIC, url, Err(Other));
        }
    }

    #[test]
    fn what_is_sent_is_what_was_written() {
        for (uri, sent) in [
            ("https://api.example.com", Some("https://api.example.com/")),
            ("https://API.example.com/a%2Fb?x=%20y", Some("https://api.example.com/a%2Fb?x=%20y")),
            (
                "https://api.example.com/a|b?q=(a%20=%20'b')",
                Some("https://api.example.com/a|b?q=(a%20=%20%27b%27)"),
            ),
            ("https://api.example.com/a/../b", None),
            ("https://api.example.com/a/%2e%2e/b", None),
            ("https://api.example.com/a/%2E./b", None),
            ("https://api.example.com/./a", None),
            ("https://api.example.com//evil.example/", Some("https://api.example.com//evil.example/")),
            ("/v1/users/me", None),
            ("api.example.com:443", None),
            ("*", None),
        ] {
            let url = PUBLIC.url_of(&uri.parse().expect("the table holds URIs"));
            assert_eq!(url.as_ref().map(Url::as_str).ok(), sent, "{uri}");
        }
    }
}
