//! Sending one request: the trait that somebody outside core implements.

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;

use crate::Answer;

/// Sends one request, once.
///
/// # Contract
/// - No redirect is followed and nothing is repeated: [`Credential::next_hop`](crate::Credential::next_hop) decides
///   about hops, and whoever calls decides about retries.
/// - No cookie, credential, `Referer` or `Authorization` is added.
/// - The body of the answer is bounded, is not decoded, and `received_at` is set.
/// - An error names a host at most: never a path, a query or a header.
///
/// ```
/// use keyway_core::{Answer, Bytes, Transport, TransportError, TransportErrorKind, async_trait};
///
/// /// Never answers.
/// struct Silence;
///
/// #[async_trait]
/// impl Transport for Silence {
///     async fn send(&self, request: http::Request<Bytes>) -> Result<Answer, TransportError> {
///         let host = request.uri().host().unwrap_or_default();
///         Err(TransportError::new(TransportErrorKind::Timeout, host))
///     }
/// }
/// ```
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request`, whose URI is absolute and which is authorised already.
    async fn send(&self, request: Request<Bytes>) -> Result<Answer, TransportError>;
}

/// No answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} ({host})")]
pub struct TransportError {
    kind: TransportErrorKind,
    host: Box<str>,
}

impl TransportError {
    /// Says that no answer came from `host`, and why.
    pub fn new(kind: TransportErrorKind, host: impl Into<Box<str>>) -> Self {
        Self { kind, host: host.into() }
    }

    /// Why no answer came.
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// The host that was asked.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Why no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host's name could not be resolved.
    #[error("the host's name could not be resolved")]
    Dns,
    /// The host, or the address that it resolves to, is one that must not be dialled. Nothing was sent.
    #[error("the host is, or resolves to, an address that must not be dialled")]
    Address,
    /// The scheme is not one that may be used for this host. Nothing was sent.
    #[error("only https is allowed")]
    Scheme,
    /// No connection came about.
    #[error("no connection to the host")]
    Connect,
    /// The TLS handshake failed.
    #[error("the secure connection failed")]
    Tls,
    /// Time ran out before the whole answer had come.
    #[error("the answer took too long")]
    Timeout,
    /// The connection was closed before the whole answer had come.
    #[error("the connection was closed before the answer was complete")]
    Closed,
    /// The answer is larger than the caller's limit.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer is not HTTP as the standard has it.
    #[error("the answer is not valid HTTP")]
    Malformed,
    /// Something else: the sender's own fault, or one without a name.
    #[error("the request could not be sent")]
    Other,
}
