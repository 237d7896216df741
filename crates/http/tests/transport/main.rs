//! The transport, against servers that do as they like.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "../common/mod.rs"]
mod common;

mod arrives;
mod bounds;
mod h2;
mod harden;
mod refuses;
mod silence;
mod tls;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use keyway_core::{Answer, Transport, TransportError, TransportErrorKind};
use keyway_http::{HttpTransport, HttpTransportBuilder};

fn loopback() -> HttpTransportBuilder {
    HttpTransport::builder().allow_loopback()
}

/// A request with something to leak in every place.
fn request(origin: &str) -> Request<Bytes> {
    Request::get(format!("{origin}/canary-path?key=canary-query"))
        .header("authorization", "Bearer canary-header")
        .body(Bytes::new())
        .unwrap()
}

/// Sends to `origin`, within seconds, and holds an error against the promise that it tells nothing.
async fn send(builder: HttpTransportBuilder, origin: &str) -> Result<Answer, TransportErrorKind> {
    let transport = builder.build().unwrap();
    let result = tokio::time::timeout(Duration::from_secs(30), transport.send(request(origin))).await;
    result.expect("the transport hangs").map_err(|error: TransportError| {
        let text = format!("{error} {error:?} {error:#?}");
        assert!(!text.contains("canary"), "{text}");
        assert!(std::error::Error::source(&error).is_none(), "{text}");
        assert!(error.host().is_empty() || origin.contains(error.host()), "{text}");
        error.kind()
    })
}
