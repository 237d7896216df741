//! The dialer, against servers that do as they like.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "../common/mod.rs"]
mod common;

mod authority;
mod plain;
mod proxy;
mod tls;

use std::time::Duration;

use keyway_core::{Origin, TransportErrorKind};
use keyway_http::{Dialer, DialerBuilder, Link};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn loopback() -> DialerBuilder {
    Dialer::builder().allow_loopback()
}

/// Dials `origin`, within seconds, and holds an error against the promise that it tells nothing.
async fn dial(dialer: &Dialer, origin: &str) -> Result<Link, TransportErrorKind> {
    let parsed = Origin::parse_loopback(origin).unwrap();
    let result = tokio::time::timeout(Duration::from_secs(30), dialer.dial(&parsed)).await;
    result.expect("the dialer hangs").map_err(|error| {
        let text = format!("{error} {error:?} {error:#?} {dialer:?} {dialer:#?}");
        assert!(!text.contains("canary"), "{text}");
        assert!(std::error::Error::source(&error).is_none(), "{text}");
        assert_eq!(error.host(), parsed.host());
        error.kind()
    })
}

/// Says something over a link, and reads the answer to its end.
async fn converse(link: &mut Link) -> String {
    link.write_all(b"hello").await.unwrap();
    link.flush().await.unwrap();
    let mut answer = String::new();
    link.read_to_string(&mut answer).await.unwrap();
    answer
}
