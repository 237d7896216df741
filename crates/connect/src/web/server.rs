//! The server: hyper with numbers for everything, and axum's router behind it.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, response::Response};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use keyway_hub::{Listener, Stop};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    time::timeout,
};
use tower::ServiceExt as _;

use super::stream::{Busy, Watched};
use crate::{Connect, Error, shared::Shared};

/// Who asks: the client's address, from a trusted proxy's header where there is one. Requests have it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// How often a client of HTTP/2 is asked whether it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

impl Connect {
    /// Serves pages and API until it is asked to stop; what is in flight is finished then, for
    /// [`Limits::shutdown`](crate::Limits::shutdown) at most. What is left after that goes on in tasks of its own, until the
    /// runtime ends.
    ///
    /// # Errors
    /// [`Error::Listener`] when the listener cannot be used on this runtime.
    pub async fn serve(&self, listener: Listener, mut stop: Stop) -> Result<(), Error> {
        let (socket, tls) = listener.into_parts();
        let socket = TcpListener::from_std(socket).map_err(|error| Error::Listener(error.kind()))?;
        let router = self.whole_router();
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                () = stop.asked() => break,
                accepted = socket.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                // Out of file descriptors, most likely: those in use will be given back.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            // After that, so that a listener to which nobody comes takes no place from another.
            let place = tokio::select! {
                () = stop.asked() => break,
                place = Arc::clone(&self.0.room).acquire_owned() => place,
            };
            let Ok(place) = place else { break };
            let _ = stream.set_nodelay(true);
            let (shared, router, tls) = (Arc::clone(&self.0), router.clone(), tls.clone());
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                let _place = place;
                match tls {
                    None => connection(shared, router, stream, false, peer, watcher).await,
                    Some(tls) => {
                        let time = shared.limits.head_time;
                        if let Ok(Ok(stream)) = timeout(time, tls.acceptor().accept(stream)).await {
                            let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                            connection(shared, router, stream, is_h2, peer, watcher).await;
                        }
                    }
                }
            });
        }
        drop(socket);
        let _ = timeout(self.0.limits.shutdown, graceful.shutdown()).await;
        Ok(())
    }
}

/// Serves a connection. HTTP/2 is agreed on in TLS: a library that waits for what a client begins with waits for ever.
async fn connection<S>(
    shared: Arc<Shared>,
    router: Router,
    stream: S,
    is_h2: bool,
    peer: SocketAddr,
    watcher: Watcher,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = Builder::new(TokioExecutor::new());
    let mut builder = if is_h2 { builder.http2_only() } else { builder.http1_only() };
    builder
        .http1()
        .timer(TokioTimer::new())
        // Before the head begins is time, too: `Busy` knows which it is.
        .header_read_timeout(shared.limits.head_time.max(shared.limits.keep_alive) * 2)
        .max_buf_size(shared.limits.head.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_streams(64)
        .max_header_list_size(u32::try_from(shared.limits.head).unwrap_or(u32::MAX));
    let (busy, limits) = (Busy::new(), shared.limits.clone());
    let seen = Arc::clone(&busy);
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, router, mut begun) = (Arc::clone(&shared), router.clone(), seen.begin());
        async move {
            begun.work();
            let answer = answer(&shared, router, request, peer).await;
            Ok::<_, Infallible>(answer.map(|body| begun.until(body)))
        }
    });
    let over = busy.over(&limits);
    if is_h2 {
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        tokio::select! {
            _ = watcher.watch(connection) => {}
            () = over => {}
        }
    } else {
        let stream = Watched { stream, busy: Arc::clone(&busy) };
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        tokio::select! {
            _ = watcher.watch(connection) => {}
            () = over => {}
        }
    }
}

async fn answer(shared: &Shared, router: Router, request: Request<Incoming>, peer: SocketAddr) -> Response {
    if let Err(status) = plain(&request) {
        let detail = match status {
            StatusCode::LENGTH_REQUIRED => {
                "Say how long the body is, with Content-Length: chunked bodies are not taken."
            }
            StatusCode::METHOD_NOT_ALLOWED => "This is no proxy.",
            _ => "The request's head can be read in two ways: send one Host, one Content-Length, and a path.",
        };
        let problem = serde_json::json!({
            "type": "urn:keyway:problem:head",
            "title": "The request cannot be taken",
            "status": status.as_u16(),
            "detail": detail,
        });
        let mut answer = Response::new(Body::from(problem.to_string()));
        *answer.status_mut() = status;
        let kind = HeaderValue::from_static("application/problem+json");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        // What follows on the connection may be read otherwise by whoever is in front.
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        super::headers(&mut answer, super::Frame::Nobody);
        return answer;
    }
    let mut request = request.map(Body::new);
    let peer = client(shared, request.headers(), peer.ip());
    request.extensions_mut().insert(Peer(peer));
    router.oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// Whether a request can be read in one way alone (N52, N54, N55). hyper sees to the rest, but for one thing: of `Content-Length`
/// beside `Transfer-Encoding` it shows the second alone, so that is not taken at all. Browsers and backends know how long what they
/// send is.
fn plain(request: &Request<Incoming>) -> Result<(), StatusCode> {
    let headers = request.headers();
    let count = |name| headers.get_all(name).iter().count();
    let hosts = count(header::HOST);
    let is_h2 = request.version() == Version::HTTP_2;
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(StatusCode::LENGTH_REQUIRED);
    }
    if request.method() == Method::CONNECT {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let has_host = if is_h2 { hosts <= 1 } else { hosts == 1 };
    let is_ours = is_h2 || request.uri().authority().is_none();
    let is_plain = has_host
        && is_ours
        && count(header::CONTENT_LENGTH) <= 1
        && !headers.contains_key("x-http-method-override");
    if is_plain { Ok(()) } else { Err(StatusCode::BAD_REQUEST) }
}

/// The client's address. What a proxy says counts where it is trusted: the last address that is no trusted proxy's.
fn client(shared: &Shared, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    if !shared.trusts(peer) {
        return peer;
    }
    let lines: Vec<_> =
        headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    let mut client = peer;
    for hop in hops {
        let Ok(address) = hop.trim().parse() else { break };
        client = address;
        if !shared.trusts(address) {
            break;
        }
    }
    client
}
