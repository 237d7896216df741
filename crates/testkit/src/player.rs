//! A transport in memory that plays fixtures.

use std::{
    pin::pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use keyway_core::{Answer, Transport, TransportError, TransportErrorKind};

use crate::{Check, message::Message};

/// A [`Transport`] in memory. It plays one check: the whole request is compared with the fixture's, header by header,
/// and the fixture's answer comes back, or none where the provider is silent.
#[derive(Debug)]
pub struct Player {
    expected: String,
    answer: Option<Answer>,
    difference: Mutex<Option<String>>,
}

impl Player {
    /// Plays a check.
    pub fn new(check: &Check) -> Self {
        // A fixed time: what a fixture says of times is counted from here.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        Self { expected: check.request().text(), answer: check.answer(now), difference: Mutex::new(None) }
    }

    /// The request that came, beside the one that should have come, when they differ.
    pub fn difference(&self) -> Option<String> {
        self.difference.lock().ok().and_then(|difference| difference.clone())
    }
}

#[async_trait]
impl Transport for Player {
    async fn send(&self, request: Request<Bytes>) -> Result<Answer, TransportError> {
        let came = Message::from(&request).text();
        if came != self.expected
            && let Ok(mut difference) = self.difference.lock()
        {
            *difference = Some(self::difference(&self.expected, &came));
        }
        let host = request.uri().host().unwrap_or_default();
        self.answer.clone().ok_or_else(|| TransportError::new(TransportErrorKind::Timeout, host))
    }
}

/// Two requests, one beside the other.
pub(crate) fn difference(wanted: &str, came: &str) -> String {
    format!("this should have been sent:\n{wanted}\n\nthis was sent:\n{came}\n")
}

/// Runs a future that never waits: the player answers at once, and core itself waits for nothing.
///
/// # Panics
/// When it waits all the same.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("core waited for something"),
    }
}
