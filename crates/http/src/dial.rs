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
