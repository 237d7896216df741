//! A worker: accepts clients and serves them, on the runtime that it is asked from.

use std::{fmt, sync::Arc, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

use crate::{
    Error, Gateway,
    admit::Caller,
    h1::{self, Ended},
    h2,
    listener::{Listener, Stop, Tls, is_of_one_client},
    metrics::Counted,
    upstream::Pool,
    wire::{join, open, open_secure},
};

/// Accepts clients and serves them. Clones are the same worker, and share its connections to the providers.
#[derive(Clone)]
pub struct Worker {
    pub(crate) gateway: Gateway,
    pub(crate) pool: Arc<Pool>,
    /// Asks the clients of this worker alone to end: a look at it is shared with no other thread.
    ending: Stop,
}

/// How long accepting pauses when the system has no more sockets.
const PAUSE: Duration = Duration::from_millis(50);
/// How often connections that waited too long are closed.
const TIDY: Duration = Duration::from_secs(5);

impl Worker {
    pub(crate) fn new(gateway: Gateway) -> Self {
        let limits = &gateway.0.limits;
        let pool = Arc::new(Pool::new(limits.pool, limits.pool_idle));
        Self { gateway, pool, ending: Stop::new() }
    }

    /// Serves the clients of a listener until it is asked to stop, and what is in flight then, for as long as
    /// [`Limits::shutdown`](crate::Limits::shutdown) allows.
    ///
    /// # Errors
    /// [`Error::Listener`] when the listener cannot be used on this runtime.
    pub async fn serve(&self, listener: Listener, mut stop: Stop) -> Result<(), Error> {
        let tls = listener.tls;
        let socket = TcpListener::from_std(listener.socket).map_err(|error| Error::Listener(error.kind()))?;
        let room = Arc::new(Semaphore::new(self.gateway.0.limits.connections.min(Semaphore::MAX_PERMITS)));
        let mut clients = JoinSet::new();
        let mut tidy = tokio::time::interval(TIDY);
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.asked() => break,
                _ = tidy.tick() => {
                    self.pool.tidy();
                    continue;
                }
                _ = clients.join_next(), if !clients.is_empty() => continue,
                accepted = accept(&socket, &room) => accepted,
            };
            match accepted {
                Ok((stream, peer, place)) => {
                    let worker = self.clone();
                    let tls = tls.clone();
                    clients.spawn(async move {
                        let _counted = Counted::up(&worker.gateway.0.metrics.clients);
                        worker.client(stream, peer, tls).await;
                        drop(place);
                    });
                }
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no more clients can be accepted for now");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        drop(socket);
        self.ending.ask();
        let all = async { while clients.join_next().await.is_some() {} };
        if timeout(self.gateway.0.limits.shutdown, all).await.is_err() {
            tracing::warn!(clients = clients.len(), "requests that took too long to end were cut off");
        }
        Ok(())
    }

    async fn client(&self, stream: TcpStream, peer: std::net::SocketAddr, tls: Option<Tls>) {
        let limits = &self.gateway.0.limits;
        let _ = stream.set_nodelay(true);
        let caller = Caller { peer: peer.ip(), secure: tls.is_some() };
        let (source, sink) = match tls {
            None => open(stream, limits.idle),
            Some(tls) => {
                // What few clients need, and none for long, takes room of its own: a client that waits takes little.
                let handshake = Box::pin(tls.acceptor().accept(stream));
                let Ok(Ok(stream)) = timeout(limits.head_time, handshake).await else {
                    return;
                };
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    Box::pin(h2::serve(self, stream, caller, self.ending.clone())).await;
                    return;
                }
                open_secure(stream, limits.idle)
            }
        };
        match h1::serve(self, source, sink, caller, self.ending.clone()).await {
            Ended::Done => {}
            Ended::IsHttp2(source, sink) => {
                // Without TLS, a client that knows says so by its first bytes.
                let Some((stream, read)) = join(source, sink) else { return };
                let (rest, write) = stream.into_split();
                let stream = tokio::io::join(std::io::Cursor::new(read.freeze()).chain(rest), write);
                Box::pin(h2::serve(self, stream, caller, self.ending.clone())).await;
            }
        }
    }
}

type Accepted = (TcpStream, std::net::SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(socket: &TcpListener, room: &Arc<Semaphore>) -> std::io::Result<Accepted> {
    let Ok(place) = Arc::clone(room).acquire_owned().await else {
        return Err(std::io::ErrorKind::Other.into());
    };
    let (stream, peer) = socket.accept().await?;
    Ok((stream, peer, place))
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}
