//! Errors of connections as kinds of ours. reqwest's hold whole URLs, so none is kept.

use std::{error::Error, io, iter};

use keyway_core::TransportErrorKind;

use crate::resolver::Unresolved;

/// The kind of an error of reqwest's.
pub(crate) fn kind_of(error: &reqwest::Error) -> TransportErrorKind {
    if error.is_timeout() {
        return TransportErrorKind::Timeout;
    }
    if matches!(find(error), Some(Unresolved::Refused)) {
        return TransportErrorKind::Address;
    }
    if error.is_dns() {
        return TransportErrorKind::Dns;
    }
    let io = causes(error).filter_map(|cause| cause.downcast_ref()).map(io::Error::kind).last();
    if error.is_connect() {
        return io.map_or(TransportErrorKind::Connect, of_connecting);
    }
    let Some(hyper) = find::<hyper::Error>(error) else { return TransportErrorKind::Other };
    match io {
        _ if hyper.is_parse_too_large() => TransportErrorKind::TooLarge,
        _ if hyper.is_parse() => TransportErrorKind::Malformed,
        _ if hyper.is_user() => TransportErrorKind::Other,
        // Broken chunks.
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => TransportErrorKind::Malformed,
        _ => TransportErrorKind::Closed,
    }
}

/// The kind of an I/O error while a connection, with TLS or without, comes about.
pub(crate) fn of_connecting(error: io::ErrorKind) -> TransportErrorKind {
    match error {
        // What rustls says of a bad certificate or of bytes that are not TLS, and of an early end. TCP alone brings about
        // neither.
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => TransportErrorKind::Tls,
        _ => TransportErrorKind::Connect,
    }
}

fn find<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    iter::successors(error.source(), |cause: &&(dyn Error + 'static)| {
        // An I/O error passes the one it wraps over, as if it were its own text.
        match cause.downcast_ref().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => (*cause).source(),
        }
    })
}
