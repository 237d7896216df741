//! Guarded connections, for whoever speaks HTTP over them by itself.

use std::{fmt, sync::Arc, time::Duration};

use keyway_core::{Origin, TransportError, TransportErrorKind};
use tokio::net::TcpStream;

use crate::{
    AddressClass, Error, Link,
    connect::ConnectOptions,
    guard::{Permit, class_of_host, literal},
    proxy::Proxy,
    race,
    resolver::CheckedResolver,
    trust::{Trust, server_name},
};

/// Makes connections to the origins of credentials, with every guard that a connection with somebody's key in it needs.
///
/// It does for a gateway, which speaks HTTP by itself, what [`HttpTransport`](crate::HttpTransport) does for a client:
///
/// - https only, to public addresses only; the address that was checked is the one that is dialled.
/// - TLS 1.2 or 1.3, with the certificates of the system, or Mozilla's list where it has none. They are read when TLS is
///   first needed. `http/1.1` is the one protocol that is offered.
/// - Sessions are resumed.
/// - The environment's proxy is not used.
/// - An error names the host and nothing more.
///
/// Clones share all of it, and cost nothing.
///
/// ```no_run
/// use keyway_core::Origin;
/// use keyway_http::Dialer;
/// use tokio::io::AsyncWriteExt as _;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let dialer = Dialer::builder().build()?;
/// let origin = Origin::parse("https://api.example.com")?;
/// let mut link = dialer.dial(&origin).await?;
/// link.write_all(b"GET / HTTP/1.1\r\nhost: api.example.com\r\n\r\n").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Dialer(Arc<Inner>);

struct Inner {
    permit: Permit,
    timeout: Duration,
    proxy: Option<Proxy>,
    resolver: CheckedResolver,
    trust: Trust,
}

impl Dialer {
    /// Starts a dialer with the defaults: see the builder's methods.
    pub fn builder() -> DialerBuilder {
        DialerBuilder(ConnectOptions::default())
    }

    /// Checks what is written in an origin: `https`, and a host that is not an address or a name that must not be dialled.
    /// It asks nobody, so it suits each request that goes over a connection made earlier.
    ///
    /// # Errors
    /// [`TransportErrorKind::Scheme`] and [`TransportErrorKind::Address`].
    pub fn admits(&self, origin: &Origin) -> Result<(), TransportErrorKind> {
        self.0.permit.check_origin(origin)
    }

    /// Makes a connection to `origin`: admits it, looks its name up, connects to an address that was checked, and speaks
    /// TLS where the origin is https.
    ///
    /// # Errors
    /// What [`Self::admits`] says, and [`Dns`](TransportErrorKind::Dns), [`Address`](TransportErrorKind::Address),
    /// [`Connect`](TransportErrorKind::Connect), [`Tls`](TransportErrorKind::Tls) and
    /// [`Timeout`](TransportErrorKind::Timeout), with the host. A proxy that refuses is `Connect`.
    pub async fn dial(&self, origin: &Origin) -> Result<Link, TransportError> {
        // Around everything, from the look-up of the name to the last byte of the handshake.
        tokio::time::timeout(self.0.timeout, self.0.dial(origin))
            .await
            .unwrap_or(Err(TransportErrorKind::Timeout))
            .map_err(|kind| TransportError::new(kind, origin.host()))
    }
}

impl Inner {
    async fn dial(&self, origin: &Origin) -> Result<Link, TransportErrorKind> {
        self.permit.check_origin(origin)?;
        let host = origin.host();
        if origin.scheme() == "http" {
            return self.connect(host, origin.port()).await.map(Link::Plain);
        }
        let name = server_name(host)?;
        let proxy = self.proxy.as_ref().filter(|_| class_of_host(host) != AddressClass::Loopback);
        let Some(proxy) = proxy else {
            let tcp = self.connect(host, origin.port()).await?;
            return Ok(Link::Tls(Box::new(self.trust.handshake(name, tcp).await?)));
        };
        let mut tcp = self.connect(&proxy.host, proxy.port).await?;
        if let Some(proxy_name) = proxy.tls.clone() {
            let mut tls = self.trust.handshake(proxy_name, tcp).await?;
            proxy.open_tunnel(&mut tls, origin).await?;
            Ok(Link::Nested(Box::new(self.trust.handshake(name, tls).await?)))
        } else {
            proxy.open_tunnel(&mut tcp, origin).await?;
            Ok(Link::Tls(Box::new(self.trust.handshake(name, tcp).await?)))
        }
    }

    /// Connects to a host that is admitted, or to the proxy.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, TransportErrorKind> {
        let addresses = match literal(host) {
            Some(address) => vec![address],
            None => self.resolver.addresses(host).await?,
        };
        let tcp = race::connect(addresses, port).await.ok_or(TransportErrorKind::Connect)?;
        // A request is written whole; waiting for more of it would only delay its end.
        tcp.set_nodelay(true).map_err(|_| TransportErrorKind::Connect)?;
        Ok(tcp)
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("permit", &self.0.permit)
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

/// Sets a [`Dialer`] up.
#[must_use]
pub struct DialerBuilder(ConnectOptions);

impl DialerBuilder {
    /// The time for a connection to come about: name, TCP, a proxy's tunnel and TLS. 5 seconds.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.0.timeout = time;
        self
    }

    /// Allows the machine itself, with TLS or without: `127.0.0.0/8`, `::1`, `localhost` and the names below it. For
    /// tests and the sandbox. Another name that resolves there is still refused, and so is every private address.
    pub fn allow_loopback(mut self) -> Self {
        self.0.permit.loopback = true;
        self
    }

    /// Makes every connection through a proxy, given as an `http` or `https` URL, perhaps with a user and a password;
    /// loopback is dialled directly.
    ///
    /// # Security
    /// The proxy looks names up, so it has to refuse private addresses. Addresses that are written out are still checked
    /// here.
    pub fn proxy(mut self, url: &str) -> Self {
        self.0.proxy = Some(url.into());
        self
    }

    /// Trusts the certificates of a PEM file too, for a service or a proxy behind a private authority.
    pub fn add_root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.0.certificates.push(pem.into().into());
        self
    }

    /// Makes the dialer. It reads no file and asks nobody.
    ///
    /// # Errors
    /// [`Error::Setup`] when the proxy or a certificate cannot be read.
    pub fn build(self) -> Result<Dialer, Error> {
        let connect = self.0.read()?;
        Ok(Dialer(Arc::new(Inner {
            permit: connect.permit,
            timeout: connect.timeout,
            proxy: connect.proxy.as_ref().map(Proxy::new).transpose()?,
            resolver: connect.resolver,
            trust: Trust::new(connect.certificates)?,
        })))
    }
}

impl fmt::Debug for DialerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the proxy, whose URL may hold a password.
        f.debug_struct("DialerBuilder")
            .field("permit", &self.0.permit)
            .field("timeout", &self.0.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::IpAddr,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use tokio::net::TcpListener;
    use url::Url;

    use super::*;
    use crate::resolver::LookUp;

    /// A dialer for which a name has the addresses that stand at each turn, and how often it was asked.
    fn resolving(
        mut builder: DialerBuilder,
        turns: &'static [&'static [&'static str]],
    ) -> (Dialer, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let look_up: LookUp = Arc::new(move |_| {
            let turn = counter.fetch_add(1, Ordering::Relaxed);
            let addresses = turns[turn].iter().map(|address| address.parse::<IpAddr>().unwrap()).collect();
            Box::pin(async move { Ok(addresses) })
        });
        builder.0.look_up = Some(look_up);
        (builder.build().unwrap(), asked)
    }

    async fn refusal(dialer: &Dialer, origin: &str) -> TransportErrorKind {
        let error = dialer.dial(&Origin::parse_loopback(origin).unwrap()).await.unwrap_err();
        assert!(origin.contains(error.host()) && !error.host().is_empty(), "{error:?}");
        error.kind()
    }

    #[tokio::test]
    async fn n22_names_of_private_addresses_are_refused_and_nothing_is_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("https://rebind.example.com:{}", listener.local_addr().unwrap().port());
        for turns in [
            &[&["127.0.0.1"] as &[&str]] as &[&[&str]],
            &[&["8.8.8.8", "127.0.0.1"]],
            &[&["127.0.0.1", "8.8.8.8"]],
            &[&["2606:4700::1111", "127.0.0.1"]],
            &[&["10.0.0.1"]],
            &[&["::ffff:127.0.0.1"]],
            &[&["169.254.169.254"]],
            // What a name said before counts for nothing.
            &[&["10.0.0.1"], &["8.8.8.8", "127.0.0.1"], &["127.0.0.1"]],
        ] {
            for builder in [Dialer::builder(), Dialer::builder().allow_loopback()] {
                let (dialer, asked) = resolving(builder, turns);
                for turn in 1..=turns.len() {
                    assert_eq!(refusal(&dialer, &origin).await, TransportErrorKind::Address, "{turns:?}");
                    assert_eq!(asked.load(Ordering::Relaxed), turn, "asked once for a connection");
                }
            }
        }
        let dialled = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(dialled.is_err(), "somebody dialled");
    }

    /// What a name stands for is asked once, and that is where the connection leads. The one name that may stand for
    /// loopback is a proxy's.
    #[tokio::test]
    async fn n22_the_address_that_was_looked_up_is_the_one_that_is_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://proxy.internal:{}", listener.local_addr().unwrap().port());
        let (dialer, asked) = resolving(Dialer::builder().proxy(&proxy), &[&["127.0.0.1"]]);
        let origin = Origin::parse("https://api.example.com").unwrap();
        let dialling = tokio::spawn(async move { dialer.dial(&origin).await.err() });
        drop(listener.accept().await.unwrap());
        assert_eq!(dialling.await.unwrap().unwrap().kind(), TransportErrorKind::Connect);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn names_without_an_address() {
        let (dialer, _) = resolving(Dialer::builder(), &[&[]]);
        assert_eq!(refusal(&dialer, "https://nowhere.example.com").await, TransportErrorKind::Dns);
        // Nobody is asked about what cannot be a name.
        let (dialer, asked) = resolving(Dialer::builder(), &[]);
        let long = format!("https://{}.example.com", "a".repeat(64));
        for origin in ["https://a..example.com", &long] {
            assert_eq!(refusal(&dialer, origin).await, TransportErrorKind::Dns, "{origin}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_without_an_answer_takes_its_time_and_no_more() {
        let mut builder = Dialer::builder();
        builder.0.look_up = Some(Arc::new(|_| Box::pin(std::future::pending())));
        let dialer = builder.build().unwrap();
        let before = tokio::time::Instant::now();
        assert_eq!(refusal(&dialer, "https://api.example.com").await, TransportErrorKind::Timeout);
        assert_eq!(before.elapsed().as_secs(), 5);
    }

    /// However a host is written, an origin is judged as a URL of it is.
    #[tokio::test]
    async fn n19_n24_what_is_written_is_judged_as_in_a_url() {
        let mut seen = 0;
        for host in [
            "api.example.com",
            "API.example.com:8443",
            "8.8.8.8",
            "[2606:4700::1111]",
            "evillocalhost",
            "localhost.example.com",
            "a_b.example.com",
            "127.0.0.1",
            "127.1:8080",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "017700000001",
            "127.0.0.1.",
            "[::1]",
            "[0:0:0:0:0:0:0:1]:8443",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.b.LocalHost",
            "0",
            "0.0.0.0",
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
            "[::FFFF:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::808:808]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[fc00::1]",
            "[ff02::1]",
            "[[::1]]",
            "example.com%2F10.0.0.1",
            "１２７.0.0.1",
            "api.example.com@127.0.0.1",
        ] {
            for scheme in ["http", "https"] {
                let Ok(origin) = Origin::parse_loopback(&format!("{scheme}://{host}")) else { continue };
                let url = Url::parse(&origin.to_string()).unwrap();
                for builder in [Dialer::builder(), Dialer::builder().allow_loopback()] {
                    let dialer = builder.build().unwrap();
                    let expected = dialer.0.permit.check_url(&url);
                    assert_eq!(dialer.admits(&origin), expected, "{origin}");
                    if let Err(kind) = expected {
                        let error = dialer.dial(&origin).await.unwrap_err();
                        assert_eq!(error, TransportError::new(kind, origin.host()));
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 50, "{seen}");
    }

    #[test]
    fn set_up() {
        let build = |builder: DialerBuilder| builder.build().map_err(|error| error.to_string());
        let no_certificate = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n";
        for (pem, expected) in [
            ("", "a root certificate is not PEM"),
            ("no PEM", "a root certificate is not PEM"),
            ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "a root certificate is not PEM"),
            (no_certificate, "the TLS library refuses a certificate"),
        ] {
            let error = build(Dialer::builder().add_root_certificate(pem)).unwrap_err();
            assert_eq!(error, format!("the HTTP client could not be set up: {expected}"), "{pem}");
        }
        for proxy in ["", "proxy.internal:3128", "socks5://proxy.internal", "http://", "/", "https://a..b"] {
            let error = build(Dialer::builder().proxy(proxy)).unwrap_err();
            assert_eq!(
                error, "the HTTP client could not be set up: the proxy is not an http or https URL",
                "{proxy}"
            );
        }
        let builder = Dialer::builder().proxy("http://canary-user:canary@proxy.internal:3128");
        let shown = format!("{builder:?} {builder:#?}");
        let dialer = build(builder).unwrap();
        let shown = format!("{shown} {dialer:?} {dialer:#?}");
        assert!(shown.contains("proxy.internal") && !shown.contains("canary"), "{shown}");
    }
}
