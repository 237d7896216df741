//! Why a request was not authorised.

/// A request was not authorised. It is as it was: nothing of it was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request's URI names no host.
    #[error("the request's URI must be absolute: https://host/path")]
    NotAbsolute,
    /// The request goes where the credential may not be sent.
    #[error("the credential may not be sent to `{host}`; it is for {allowed}")]
    ForeignOrigin {
        /// The host that the request names, with scheme and port where the host alone would be right.
        host: String,
        /// The origins that the credential is for.
        allowed: String,
    },
    /// The method has to see the body, and the body is a stream.
    #[error("this method must see the whole body, and the body is a stream")]
    OpaqueBody,
    /// An adapter stages a body for a request that has none.
    #[error("this method places something in the body, and the request has none")]
    NoBody,
    /// An adapter stages a header that is not its own to set.
    #[error("the header `{name}` belongs to the connection, not to a credential")]
    ForbiddenHeader {
        /// The header.
        name: String,
    },
    /// A value cannot stand where it is to be placed.
    #[error("the value for `{name}` holds a character that cannot stand there")]
    Unplaceable {
        /// The header, query parameter or cookie.
        name: String,
    },
    /// A value that the method needs is missing.
    #[error("the credential has no value for `{field}`")]
    Missing {
        /// The field.
        field: String,
    },
    /// An adapter places another credential than the one that the request is authorised with.
    #[error("a request is authorised with one credential, and another one was placed")]
    ForeignCredential,
    /// The adapter placed nothing: the request would go out bare.
    #[error("nothing of the credential was placed in the request")]
    NothingPlaced,
    /// The request has more headers than can be sent safely.
    #[error("the request has more than {limit} headers")]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// A path is not one that can be requested.
    #[error("the path {why}")]
    Path {
        /// What is wrong with it.
        why: &'static str,
    },
}
