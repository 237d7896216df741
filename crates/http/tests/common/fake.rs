//! A transport that sends nothing: a test says what comes back, and sees what would have gone out, and when.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode};
use keyway_core::{Answer, Transport, TransportError};
use tokio::time::Instant;

type Answering = dyn Fn(usize, &Request<Bytes>) -> Result<Answer, TransportError> + Send + Sync;

pub(crate) struct Fake {
    answer: Box<Answering>,
    sent: Mutex<Vec<Request<Bytes>>>,
    started: Instant,
    waited: Mutex<Vec<Duration>>,
}

impl Fake {
    /// Answers the nth request, counted from 0, by `answer`.
    pub(crate) fn new(
        answer: impl Fn(usize, &Request<Bytes>) -> Result<Answer, TransportError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(answer),
            sent: Mutex::default(),
            started: Instant::now(),
            waited: Mutex::default(),
        })
    }

    /// Answers with each of `answers` in turn, and with the last one from then on.
    pub(crate) fn saying(answers: Vec<Answer>) -> Arc<Self> {
        Self::new(move |index, _| Ok(answers[index.min(answers.len() - 1)].clone()))
    }

    pub(crate) fn sent(&self) -> Vec<Request<Bytes>> {
        self.sent.lock().unwrap().clone()
    }

    /// When each request was sent, counted from the first moment.
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.waited.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Fake {
    async fn send(&self, request: Request<Bytes>) -> Result<Answer, TransportError> {
        let index = {
            let mut sent = self.sent.lock().unwrap();
            self.waited.lock().unwrap().push(self.started.elapsed());
            sent.push(request.clone());
            sent.len() - 1
        };
        (self.answer)(index, &request)
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake").finish_non_exhaustive()
    }
}

/// An answer with these headers.
pub(crate) fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap()))
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    Answer::new(status, headers, Bytes::copy_from_slice(body.as_bytes()), SystemTime::now())
}
