//! A forward proxy, and the tunnel through it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use keyway_core::{Origin, TransportErrorKind};
use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use url::Url;

use crate::{Error, failure::of_connecting, trust::server_name};

/// The largest head of a proxy's answer, in bytes.
const LIMIT: usize = 8 * 1024;

/// A proxy that is asked for a tunnel (CONNECT; RFC 9110, 9.3.6).
pub(crate) struct Proxy {
    pub(crate) host: Box<str>,
    pub(crate) port: u16,
    /// What its certificate is for, if it is asked over TLS itself.
    pub(crate) tls: Option<ServerName<'static>>,
    authorization: Option<HeaderValue>,
}

impl Proxy {
    pub(crate) fn new(url: &Url) -> Result<Self, Error> {
        let problem = || Error::Setup("the proxy is not an http or https URL");
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(problem());
        };
        let tls = match url.scheme() {
            "https" => Some(server_name(host).map_err(|_| problem())?),
            _ => None,
        };
        Ok(Self { host: host.into(), port, tls, authorization: authorization(url)? })
    }

    /// Asks for a tunnel to `origin`, and leaves the stream at the tunnel's first byte.
    ///
    /// Whatever else the proxy says, there is no connection.
    pub(crate) async fn open_tunnel<S>(
        &self,
        stream: &mut S,
        origin: &Origin,
    ) -> Result<(), TransportErrorKind>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        stream.write_all(&self.request(origin)).await.map_err(|error| of_connecting(error.kind()))?;
        let mut answer = [0; LIMIT];
        let mut filled = 0;
        loop {
            match stream.read(&mut answer[filled..]).await {
                // An end, or no room left.
                Ok(0) | Err(_) => return Err(TransportErrorKind::Connect),
                Ok(count) => filled += count,
            }
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&answer[..filled]) {
                Ok(httparse::Status::Partial) => {}
                // The other end of a tunnel waits for us to speak: bytes behind the head are none of its.
                Ok(httparse::Status::Complete(length))
                    if length == filled && matches!(response.code, Some(200..300)) =>
                {
                    return Ok(());
                }
                _ => return Err(TransportErrorKind::Connect),
            }
        }
    }

    fn request(&self, origin: &Origin) -> Vec<u8> {
        let target = format!("{}:{}", origin.host(), origin.port());
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            for part in [b"proxy-authorization: ", authorization.as_bytes(), b"\r\n"] {
                request.extend_from_slice(part);
            }
        }
        request.extend_from_slice(b"\r\n");
        request
    }
}

/// The user and password of a URL, as a header.
fn authorization(url: &Url) -> Result<Option<HeaderValue>, Error> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair)))
        .map_err(|_| Error::Setup("the proxy's user or password cannot be sent"))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
