//! The transport: one request, sent once, to a checked address.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use keyway_core::{Answer, Transport, TransportError, TransportErrorKind};
use reqwest::{Certificate, NoProxy, Proxy};
use rustls::pki_types::CertificateDer;
use url::Url;

use crate::{Error, connect::ConnectOptions, failure::kind_of, guard::Permit, harden::guarded, head};

const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const CHECK_LIMIT: usize = 1024 * 1024;
const CHECK_TIMEOUT: Duration = Duration::from_secs(15);
const REFUSED: Error = Error::Setup("the TLS library refuses a certificate");

/// A [`Transport`] over reqwest, with every guard that a request with somebody's key in it needs.
///
/// - https only, to public addresses only; the address that was checked is the one that is dialled.
/// - No redirect is followed, nothing is repeated, no `Referer`, no cookie, no proxy of the environment.
/// - Beside the framing and `host`, `user-agent`, `accept` and `accept-encoding: identity` are added to a request that
///   has none, and nothing else.
/// - Time and size are bounded; answers are not decoded.
/// - An error names the host and nothing more.
///
/// Clones share their connections.
#[derive(Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
    permit: Permit,
    timeout: Duration,
    limit: usize,
}

impl HttpTransport {
    /// Starts a transport with the defaults, which suit an application: see the builder's methods.
    pub fn builder() -> HttpTransportBuilder {
        HttpTransportBuilder {
            connect: ConnectOptions::default(),
            read_timeout: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            limit: 16 * CHECK_LIMIT,
        }
    }

    /// The same transport with the bounds of a check, where a person waits: 15 seconds and 1 MiB, or less.
    #[must_use]
    pub fn for_checks(&self) -> Self {
        Self { timeout: self.timeout.min(CHECK_TIMEOUT), limit: self.limit.min(CHECK_LIMIT), ..self.clone() }
    }

    /// Whether a URL may be asked, by what is written in it. A name is looked up, and judged again, when it is.
    pub fn check_url(&self, url: &Url) -> Result<(), TransportErrorKind> {
        self.permit.check_url(url)
    }

    /// Sends a request of which only the answer's head counts. Its body is neither read nor waited for: the answer's is
    /// empty.
    ///
    /// # Errors
    /// As those of [`Transport::send`], but for those of the body.
    pub async fn send_for_head(&self, request: Request<Bytes>) -> Result<Answer, TransportError> {
        let host: Box<str> = request.uri().host().unwrap_or_default().into();
        let head = async {
            let mut incoming = self.execute(request).await?;
            let headers = std::mem::take(incoming.headers_mut());
            Ok(Answer::new(incoming.status(), headers, Bytes::new(), SystemTime::now()))
        };
        tokio::time::timeout(self.timeout, head)
            .await
            .unwrap_or(Err(TransportErrorKind::Timeout))
            .map_err(|kind| TransportError::new(kind, host))
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Answer, TransportErrorKind> {
        let is_head = request.method() == Method::HEAD;
        let mut incoming = self.execute(request).await?;
        // Both declare the length of what they leave out (RFC 9110, 8.6).
        let body = if is_head || incoming.status() == StatusCode::NOT_MODIFIED {
            Bytes::new()
        } else {
            self.read(&mut incoming).await?
        };
        let headers = std::mem::take(incoming.headers_mut());
        Ok(Answer::new(incoming.status(), headers, body, SystemTime::now()))
    }

    async fn execute(&self, request: Request<Bytes>) -> Result<reqwest::Response, TransportErrorKind> {
        let url = self.permit.url_of(request.uri())?;
        let (mut parts, body) = request.into_parts();
        head::strip(&mut parts.headers);
        let expects_body = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
        let mut outgoing = reqwest::Request::new(parts.method, url);
        *outgoing.headers_mut() = parts.headers;
        if !body.is_empty() {
            *outgoing.body_mut() = Some(body.into());
        } else if expects_body {
            // RFC 9110, 8.6: without it some servers answer 411, others wait for a body.
            outgoing.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let incoming = self.client.execute(outgoing).await.map_err(|error| kind_of(&error))?;
        if incoming.status().is_informational() {
            // 101: nobody asked for another protocol.
            return Err(TransportErrorKind::Malformed);
        }
        Ok(incoming)
    }

    async fn read(&self, incoming: &mut reqwest::Response) -> Result<Bytes, TransportErrorKind> {
        let declared = incoming.content_length();
        if declared.is_some_and(|length| length > self.limit as u64) {
            return Err(TransportErrorKind::TooLarge);
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = incoming.chunk().await.map_err(|error| kind_of(&error))? {
            if chunk.len() > self.limit - body.len() {
                return Err(TransportErrorKind::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        // hyper takes HTTP/2's reset without an error for an end.
        if declared.is_some_and(|length| length != body.len() as u64) {
            return Err(TransportErrorKind::Closed);
        }
        Ok(body.freeze())
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Answer, TransportError> {
        let host: Box<str> = request.uri().host().unwrap_or_default().into();
        // Around everything, from the look-up of the name to the last byte.
        tokio::time::timeout(self.timeout, self.exchange(request))
            .await
            .unwrap_or(Err(TransportErrorKind::Timeout))
            .map_err(|kind| TransportError::new(kind, host))
    }
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport")
            .field("permit", &self.permit)
            .field("timeout", &self.timeout)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Sets an [`HttpTransport`] up.
#[derive(Clone)]
#[must_use]
pub struct HttpTransportBuilder {
    connect: ConnectOptions,
    read_timeout: Duration,
    timeout: Duration,
    limit: usize,
}

impl HttpTransportBuilder {
    /// The time for a connection to come about: name, TCP and TLS. 5 seconds.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect.timeout = time;
        self
    }

    /// The time between two reads of an answer, the first included: some lists take 20 seconds to begin. 30 seconds.
    pub fn read_timeout(self, time: Duration) -> Self {
        Self { read_timeout: time, ..self }
    }

    /// The time for a whole exchange. 60 seconds.
    pub fn timeout(self, time: Duration) -> Self {
        Self { timeout: time, ..self }
    }

    /// The largest body of an answer, in bytes. 16 MiB.
    pub fn limit(self, bytes: usize) -> Self {
        Self { limit: bytes, ..self }
    }

    /// Allows the machine itself, with TLS or without: `127.0.0.0/8`, `::1`, `localhost` and the names below it. For
    /// tests and the sandbox. Another name that resolves there is still refused, and so is every other private address.
    pub fn allow_loopback(mut self) -> Self {
        self.connect.permit.loopback = true;
        self
    }

    /// Allows private networks, with TLS alone: RFC 1918, carrier-grade NAT, unique local addresses. For a transport that
    /// asks servers of the operator's own, such as a key service.
    ///
    /// # Security
    /// Link-local addresses and the metadata services of clouds are refused all the same. Whatever somebody else may name,
    /// a provider's host among it, is not for such a transport: give it one of its own.
    pub fn allow_private(mut self) -> Self {
        self.connect.permit.private = true;
        self
    }

    /// Sends everything through a proxy, given as an `http` or `https` URL; loopback is asked directly.
    ///
    /// # Security
    /// The proxy looks names up, so it has to refuse private addresses. Addresses that are written out are still checked
    /// here.
    pub fn proxy(mut self, url: &str) -> Self {
        self.connect.proxy = Some(url.into());
        self
    }

    /// Trusts the certificates of a PEM file too, for a service behind a private authority.
    pub fn add_root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.connect.certificates.push(pem.into().into());
        self
    }

    /// Makes the transport.
    ///
    /// Where the system has no certificates, those of Mozilla's list, as compiled in, are trusted.
    ///
    /// # Errors
    /// [`Error::Setup`] when the proxy or a certificate cannot be read.
    pub fn build(self) -> Result<HttpTransport, Error> {
        let connect = self.connect.read()?;
        let proxy = connect.proxy.map(reqwest_proxy).transpose()?;
        let own: Vec<Certificate> = reqwest_certificates(&connect.certificates)?;
        let builder = || {
            guarded(empty(), connect.resolver.clone(), proxy.clone())
                .user_agent(concat!("keyway/", env!("CARGO_PKG_VERSION")))
                .default_headers(HeaderMap::from_iter([(header::ACCEPT_ENCODING, IDENTITY)]))
                .connect_timeout(connect.timeout)
                .read_timeout(self.read_timeout)
        };
        // A client cannot be built without a certificate to trust. Own ones come second: they would hide that the
        // system has none.
        let client = match builder().build() {
            Ok(client) if own.is_empty() => Ok(client),
            Ok(_) => builder().tls_certs_merge(own).build(),
            Err(_) => {
                let compiled_in = reqwest_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS)?;
                builder().tls_certs_only(compiled_in.into_iter().chain(own)).build()
            }
        };
        let client = client.map_err(|_| REFUSED)?;
        Ok(HttpTransport { client, permit: connect.permit, timeout: self.timeout, limit: self.limit })
    }
}

impl fmt::Debug for HttpTransportBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the proxy, whose URL may hold a password.
        f.debug_struct("HttpTransportBuilder")
            .field("permit", &self.connect.permit)
            .field("timeout", &self.timeout)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one client factory")]
fn empty() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
}

fn reqwest_certificates(certificates: &[CertificateDer<'_>]) -> Result<Vec<Certificate>, Error> {
    certificates.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>().map_err(|_| REFUSED)
}

fn reqwest_proxy(url: Url) -> Result<Proxy, Error> {
    let direct = NoProxy::from_string("localhost,127.0.0.0/8,::1");
    let proxy = Proxy::all(url).map_err(|_| Error::Setup("the HTTP library refuses the proxy"))?;
    Ok(proxy.no_proxy(direct))
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use tokio::net::TcpListener;

    use super::*;
    use crate::resolver::LookUp;

    /// A transport for which every name has these addresses.
    fn resolving(mut builder: HttpTransportBuilder, addresses: &'static [&str]) -> HttpTransport {
        let look_up: LookUp = Arc::new(move |_| {
            let addresses = addresses.iter().map(|address| address.parse::<IpAddr>().unwrap()).collect();
            Box::pin(async move { Ok(addresses) })
        });
        builder.connect.look_up = Some(look_up);
        builder.build().unwrap()
    }

    #[tokio::test]
    async fn n22_names_of_private_addresses_are_refused_and_nothing_is_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for addresses in [
            &["127.0.0.1"] as &[&str],
            &["192.0.2.1", "127.0.0.1"],
            &["127.0.0.1", "8.8.8.8"],
            &["10.0.0.1"],
            &["::ffff:127.0.0.1"],
            &["169.254.169.254"],
        ] {
            refused(HttpTransport::builder().allow_loopback(), port, addresses).await;
        }
        // A private network is not the machine itself, nor what tells whoever asks the machine's keys.
        for addresses in [&["127.0.0.1"] as &[&str], &["169.254.169.254"], &["fd00:ec2::254"]] {
            refused(HttpTransport::builder().allow_private(), port, addresses).await;
        }
        let dialled = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(dialled.is_err(), "somebody dialled");
    }

    async fn refused(builder: HttpTransportBuilder, port: u16, addresses: &'static [&str]) {
        let request = Request::get(format!("https://rebind.example.com:{port}/")).body(Bytes::new()).unwrap();
        let error = resolving(builder, addresses).send(request).await.unwrap_err();
        assert_eq!(
            error,
            TransportError::new(TransportErrorKind::Address, "rebind.example.com"),
            "{addresses:?}"
        );
    }

    #[test]
    fn private_networks_are_allowed_on_request_and_over_tls() {
        let judge = |builder: HttpTransportBuilder, url: &str| {
            builder.build().unwrap().permit.check_url(&Url::parse(url).unwrap())
        };
        let url = "https://10.0.0.1:8200/v1/sys/health";
        assert_eq!(judge(HttpTransport::builder().allow_private(), url), Ok(()));
        assert_eq!(judge(HttpTransport::builder(), url), Err(TransportErrorKind::Address));
        let plain = "http://10.0.0.1:8200/v1/sys/health";
        for builder in [
            HttpTransport::builder().allow_private(),
            HttpTransport::builder().allow_private().allow_loopback(),
        ] {
            assert_eq!(judge(builder, plain), Err(TransportErrorKind::Scheme));
        }
    }

    #[tokio::test]
    async fn names_without_an_address() {
        let request = Request::get("https://nowhere.example.com/").body(Bytes::new()).unwrap();
        let error = resolving(HttpTransport::builder(), &[]).send(request).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Dns);
    }

    #[test]
    fn set_up() {
        let build = |builder: HttpTransportBuilder| builder.build().map_err(|error| error.to_string());
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            let error = build(HttpTransport::builder().add_root_certificate(pem)).unwrap_err();
            assert_eq!(error, "the HTTP client could not be set up: a root certificate is not PEM");
        }
        for proxy in ["", "proxy.internal:3128", "socks5://proxy.internal", "http://", "/"] {
            let error = build(HttpTransport::builder().proxy(proxy)).unwrap_err();
            assert_eq!(
                error, "the HTTP client could not be set up: the proxy is not an http or https URL",
                "{proxy}"
            );
        }
        let transport = build(HttpTransport::builder().proxy("http://u:canary@proxy.internal:3128")).unwrap();
        assert!(!format!("{transport:?}").contains("canary"));
    }
}
