//! Checking a credential, and sending requests with it.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use keyway_core::{Answer, Credential, Hop, MAX_HOPS, Reason, ReasonCode, Transport, Verdict};
use tokio::time::{Instant, timeout_at};

use crate::{Error, HttpTransport, Retry, head, retry::Budget};

/// The longest check, with its hops, attempts and waits: somebody is looking at it.
const LONGEST_CHECK: Duration = Duration::from_secs(30);

/// Asks providers: whether a credential works, and whatever a caller wants to know with one.
///
/// A client holds nobody's credential: one serves all of them. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    checks: Arc<dyn Transport>,
    retry: Retry,
}

impl Client {
    /// Makes a client over an [`HttpTransport`] with the defaults.
    ///
    /// # Errors
    /// [`Error::Setup`] when the TLS library cannot be set up.
    pub fn new() -> Result<Self, Error> {
        Ok(HttpTransport::builder().build()?.into())
    }

    /// Makes a client over any transport: one of a test, or one with bounds of its own.
    pub fn over(transport: Arc<dyn Transport>) -> Self {
        Self { checks: Arc::clone(&transport), transport, retry: Retry::new() }
    }

    /// The same client, repeating requests as `retry` says.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Asks the provider whether `credential` works.
    ///
    /// A provider that is busy (429) or out of order (5xx) is asked again, within the bounds of [`Retry`]. A longer wait
    /// is not begun: the verdict comes at once and says how long it would be. A provider that cannot be reached is
    /// asked once.
    pub async fn check(&self, credential: &Credential) -> Verdict {
        let deadline = Instant::now() + LONGEST_CHECK;
        let mut budget = self.retry.budget();
        let mut last = None;
        loop {
            let asked = credential.provider().validate(credential, &*self.checks);
            let Ok(verdict) = timeout_at(deadline, asked).await else {
                // What was said before time ran out is worth more than that it did.
                return last.unwrap_or_else(|| Verdict::Unavailable {
                    retry_after: None,
                    reason: Reason::new(ReasonCode::NoAnswer, "the check took too long"),
                });
            };
            let passes = match &verdict {
                Verdict::RateLimited { .. } => true,
                Verdict::Unavailable { reason, .. } => reason.code() == ReasonCode::ServerError,
                _ => false,
            };
            let wait = if passes { budget.wait(verdict.retry_after()) } else { None };
            // No wait is begun that nothing can come after.
            let Some(wait) = wait.filter(|wait| Instant::now() + *wait < deadline) else { return verdict };
            tokio::time::sleep(wait).await;
            last = Some(verdict);
        }
    }

    /// Sends `request` with `credential`, and gives back the answer, whatever its status.
    ///
    /// The request is a plain one with an absolute URI: what belongs to the connection (`Host`, `Content-Length`,
    /// `Connection` and the headers it names, …) is dropped from it, and what belongs to the credential is replaced.
    ///
    /// | the answer is | then |
    /// |---|---|
    /// | a redirect inside the credential's origins | it is followed, authorised anew; at most [`MAX_HOPS`] times |
    /// | any other redirect | it is the answer |
    /// | 429 or 5xx, to `GET`, `HEAD` or `OPTIONS` | it is asked again, within the bounds of [`Retry`] |
    /// | anything else | it is the answer, without `Set-Cookie` unless the provider needs it |
    ///
    /// # Errors
    /// [`Error::Authorize`] when the credential may not go into this request: another origin, a body it cannot sign.
    /// [`Error::Transport`] when no answer came.
    pub async fn send(&self, credential: &Credential, mut request: Request<Bytes>) -> Result<Answer, Error> {
        head::strip(request.headers_mut());
        let mut budget = self.retry.budget();
        loop {
            // From the caller's head each time: a signature may hold the time, and must not be signed twice.
            let answer = self.follow(credential, request.clone()).await?;
            let again = is_safe(request.method()) && is_passing(answer.status());
            if !again || !pause(&mut budget, credential.retry_after(&answer)).await {
                return Ok(if credential.keeps_cookies() { answer } else { answer.without_cookies() });
            }
        }
    }

    async fn follow(&self, credential: &Credential, request: Request<Bytes>) -> Result<Answer, Error> {
        let mut request = credential.authorize_request(request)?;
        for _ in 0..MAX_HOPS {
            let answer = self.transport.send(request.clone()).await?;
            match credential.next_hop(&request, &answer) {
                Hop::Follow(next) => request = *next,
                _ => return Ok(answer),
            }
        }
        Ok(self.transport.send(request).await?)
    }
}

/// Checks get at most 15 seconds and 1 MiB each; requests get what the transport says.
impl From<HttpTransport> for Client {
    fn from(transport: HttpTransport) -> Self {
        Self { checks: Arc::new(transport.for_checks()), ..Self::over(Arc::new(transport)) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("retry", &self.retry).finish_non_exhaustive()
    }
}

/// Waits before the next attempt; `false` when there is to be none.
async fn pause(budget: &mut Budget, asked: Option<Duration>) -> bool {
    let Some(wait) = budget.wait(asked) else { return false };
    tokio::time::sleep(wait).await;
    true
}

/// Tells whether a method changes nothing, so that a request may be repeated.
fn is_safe(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Tells whether a status is one that may pass by itself.
fn is_passing(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}
