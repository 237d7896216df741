//! What an operator asks: metrics, health, readiness.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use keyway_vault::Error as VaultError;
use tokio::{net::TcpListener, task::JoinSet, time::timeout};

use crate::{Error, Gateway, Listener, Stop, gateway::Shared};

/// How long a request's head may take.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long it may take to write to the vault, and how long what came of it counts.
const TRIAL: Duration = Duration::from_secs(1);
/// The most connections at once. Each is for one request.
const MOST: usize = 512;

impl Gateway {
    /// Serves `/metrics` (`OpenMetrics`), `/healthz` (it runs) and `/readyz` (it can serve) until it is asked to stop. It is for
    /// operators alone: nothing in it is secret, but it is nobody else's business.
    ///
    /// # Errors
    /// [`Error::Listener`] when the listener cannot be used on this runtime.
    pub async fn control(&self, listener: Listener, mut stop: Stop) -> Result<(), Error> {
        let socket = TcpListener::from_std(listener.socket).map_err(|error| Error::Listener(error.kind()))?;
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.asked() => return Ok(()),
                _ = connections.join_next(), if !connections.is_empty() => continue,
                accepted = socket.accept(), if connections.len() < MOST => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(HEAD_TIME / 100).await;
                continue;
            };
            let gateway = self.clone();
            connections.spawn(async move {
                let service = service_fn(async |request| Ok::<_, Infallible>(gateway.answer(&request).await));
                let mut builder = http1::Builder::new();
                builder
                    .timer(TokioTimer::new())
                    .keep_alive(false)
                    .header_read_timeout(HEAD_TIME)
                    .max_buf_size(16 * 1024);
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let text = |status, body: &'static str| answer(status, "text/plain; charset=utf-8", body.into());
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "GET alone\n");
        }
        match request.uri().path() {
            "/metrics" => {
                let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
                answer(StatusCode::OK, kind, self.metrics().into())
            }
            "/healthz" => text(StatusCode::OK, "it runs\n"),
            "/readyz" => match self.hindrance().await {
                None => text(StatusCode::OK, "it serves\n"),
                Some(why) => answer(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", why.into()),
            },
            _ => text(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n"),
        }
    }
}

impl Gateway {
    /// Why it cannot serve, as a line. Nobody may have written for a while: it is tried.
    async fn hindrance(&self) -> Option<String> {
        let unwritten = |error: &VaultError| Some(format!("the vault cannot be written: {error}\n"));
        if let Some(error) = &*self.0.unwritten.borrow() {
            return unwritten(error);
        }
        if !self.is_ready() {
            return Some("the vault cannot be asked\n".to_owned());
        }
        // Not ended where nobody waits for it any more: whoever asks next learns what came of it.
        match timeout(TRIAL, tokio::spawn(tried(Arc::clone(&self.0)))).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => unwritten(&error),
            _ => Some("the vault cannot be written: it did not answer in time\n".to_owned()),
        }
    }
}

/// Tries to write to the vault, once for all who ask at the same time.
async fn tried(shared: Arc<Shared>) -> Result<(), VaultError> {
    let mut last = shared.tried.lock().await;
    if let Some((at, came)) = &*last
        && at.elapsed() < TRIAL
    {
        return came.clone();
    }
    let came = shared.vault.try_write().await;
    *last = Some((Instant::now(), came.clone()));
    came
}

fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
