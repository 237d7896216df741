//! What an operator asks: metrics, health, readiness.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, task::JoinSet};

use crate::{Error, Gateway, Listener, Stop};

/// How long a request's head may take.
const HEAD_TIME: Duration = Duration::from_secs(5);
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
                let service = service_fn(|request| {
                    let answer = gateway.answer(&request);
                    async move { Ok::<_, Infallible>(answer) }
                });
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

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
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
            "/readyz" if self.is_ready() => text(StatusCode::OK, "it serves\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "the vault cannot be asked\n"),
            _ => text(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n"),
        }
    }
}

fn answer(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
