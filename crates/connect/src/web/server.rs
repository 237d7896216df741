//! The server: hyper with numbers for everything, and axum's router behind it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{Router, body::Body, response::Response};
use http::{HeaderMap, Request, StatusCode, Version, header};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
};
use keyway_hub::{Listener, Stop};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tower::ServiceExt as _;

use crate::{Connect, Error, shared::Shared};

/// Who asks: the client's address, from a trusted proxy's header where there is one. Requests have it as an extension.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl Connect {
    /// Serves pages and API until it is asked to stop; what is in flight is finished then.
    ///
    /// # Errors
    /// [`Error::Listener`] when the listener cannot be used on this runtime.
    pub async fn serve(&self, listener: Listener, mut stop: Stop) -> Result<(), Error> {
        let (socket, tls) = listener.into_parts();
        let socket = TcpListener::from_std(socket).map_err(|error| Error::Listener(error.kind()))?;
        let router = self.router();
        let room = Arc::new(Semaphore::new(self.0.limits.connections));
        let graceful = GracefulShutdown::new();
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { break };
            let accepted = tokio::select! {
                () = stop.asked() => break,
                accepted = socket.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (shared, router, tls) = (Arc::clone(&self.0), router.clone(), tls.clone());
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                let _place = place;
                match tls {
                    None => connection(shared, router, stream, peer, watcher).await,
                    Some(tls) => {
                        let time = shared.limits.head_time;
                        if let Ok(Ok(stream)) = timeout(time, tls.acceptor().accept(stream)).await {
                            connection(shared, router, stream, peer, watcher).await;
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

async fn connection<S>(
    shared: Arc<Shared>,
    router: Router,
    stream: S,
    peer: SocketAddr,
    watcher: hyper_util::server::graceful::Watcher,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.head_time)
        .max_buf_size(shared.limits.head.max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(std::time::Duration::from_secs(20))
        .max_concurrent_streams(64)
        .max_header_list_size(u32::try_from(shared.limits.head).unwrap_or(u32::MAX));
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, router) = (Arc::clone(&shared), router.clone());
        async move { Ok::<_, std::convert::Infallible>(answer(&shared, router, request, peer).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    let _ = watcher.watch(connection).await;
}

async fn answer(shared: &Shared, router: Router, request: Request<Incoming>, peer: SocketAddr) -> Response {
    if !is_plain(&request) {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        super::headers(&mut answer, super::Frame::Nobody);
        return answer;
    }
    let mut request = request.map(Body::new);
    let peer = client(shared, request.headers(), peer.ip());
    request.extensions_mut().insert(Peer(peer));
    router.oneshot(request).await.unwrap_or_else(|never| match never {})
}

/// Whether a request can be read in one way alone (N52, N55). hyper sees to the rest.
fn is_plain(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    let count = |name| headers.get_all(name).iter().count();
    let hosts = count(header::HOST);
    let has_host = match request.version() {
        Version::HTTP_2 => hosts <= 1,
        _ => hosts == 1,
    };
    has_host && count(header::CONTENT_LENGTH) <= 1 && !headers.contains_key("x-http-method-override")
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
