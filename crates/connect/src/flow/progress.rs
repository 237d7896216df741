//! What is shown while a provider is asked.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use keyway_vault::Error;
use tokio::{sync::oneshot, time::timeout};

use super::{answer::onward, visit::Visit};
use crate::{page, web::headers};

/// How long nobody has to be shown that something is going on.
const UNNOTICED: Duration = Duration::from_millis(400);

/// Does something that ends with where to go on, or goes back to `again` where the vault does not do it. When it takes a while, a
/// page says so until then. It is done even when nobody waits for it any more.
pub(super) async fn progress(
    visit: &Visit,
    name: &str,
    work: impl Future<Output = Result<String, Error>> + Send + 'static,
    again: String,
) -> Response {
    let (done, mut waits) = oneshot::channel();
    tokio::spawn(async move {
        let _ = done.send(work.await);
    });
    match timeout(UNNOTICED, &mut waits).await {
        Ok(Ok(Ok(next))) => onward(&next),
        Ok(Ok(Err(error))) => visit.failed(&error).into_response(),
        // It panicked: what it had to say is in the log.
        Ok(Err(_)) => onward(&again),
        Err(_) => {
            let first = page::checking(&visit.chrome(), name);
            let body = Body::new(Progress { first: Some(first), waits: Some(waits), again });
            let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            // A proxy such as nginx keeps the first part back otherwise until the second is there.
            let at_once = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
            let mut answer = (StatusCode::OK, [kind, at_once], body).into_response();
            headers(&mut answer, visit.frame());
            answer
        }
    }
}

/// A page in two parts: the second comes when it is known.
struct Progress {
    first: Option<String>,
    waits: Option<oneshot::Receiver<Result<String, Error>>>,
    again: String,
}

impl HttpBody for Progress {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = |text: String| Poll::Ready(Some(Ok(Frame::data(text.into()))));
        if let Some(first) = self.first.take() {
            return part(first);
        }
        let Some(waits) = &mut self.waits else { return Poll::Ready(None) };
        let Poll::Ready(done) = Pin::new(waits).poll(context) else { return Poll::Pending };
        self.waits = None;
        let next = match &done {
            Ok(Ok(next)) => next,
            Ok(Err(error)) => {
                tracing::error!(%error, "the vault did not keep what a check said");
                &self.again
            }
            Err(_) => &self.again,
        };
        part(page::checking_end(next))
    }
}
