//! A small server on loopback.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use keyway_core::{Entry, Origin};
use keyway_testkit::FixturesError;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use crate::stand_in::StandIns;

/// How long a request's head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest body that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// The most connections at once; more wait for one to end.
const MAX_CONNECTIONS: usize = 256;

/// Stand-ins of providers on loopback. They are served until this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    task: AbortHandle,
}

/// The stand-ins cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The port cannot be had.
    #[error("port {port} of 127.0.0.1 cannot be had: {kind}")]
    Port {
        /// The port.
        port: u16,
        /// Why.
        kind: io::ErrorKind,
    },
    /// A provider's fixtures cannot be read.
    #[error(transparent)]
    Fixtures(#[from] FixturesError),
}

impl Sandbox {
    /// Serves stand-ins of providers on a port of `127.0.0.1`; on any free one where `port` is 0. A provider without
    /// fixtures is left out. Needs a Tokio runtime with I/O and time.
    ///
    /// # Errors
    /// When the port cannot be had, or fixtures cannot be read.
    pub async fn start(entries: &[&Entry], port: u16) -> Result<Self, SandboxError> {
        let stand_ins = StandIns::new(entries)?;
        let unavailable = |error: io::Error| SandboxError::Port { port, kind: error.kind() };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        let stand_ins = Arc::new(stand_ins.at(&origin_of(address)));
        let task = tokio::spawn(serve(listener, stand_ins)).abort_handle();
        Ok(Self { address, task })
    }

    /// Where the stand-ins are: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> Origin {
        origin_of(self.address)
    }
}

fn origin_of(address: SocketAddr) -> Origin {
    Origin::parse_loopback(&format!("http://{address}"))
        .expect("an IPv4 loopback address with a port is an origin")
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The connections' tasks belong to this one and end with it.
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, stand_ins: Arc<StandIns>) {
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(&stand_ins)))),
            // Out of file descriptors, most likely: those in use will be given back.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn connection(stream: TcpStream, stand_ins: Arc<StandIns>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&stand_ins)));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    // An error is the peer's, or the silence that a fixture asks for: either way the connection is closed.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    stand_ins: Arc<StandIns>,
) -> Result<Response<Full<Bytes>>, Silence> {
    let (head, body) = request.into_parts();
    // The body is read so that the client can finish sending it; a stand-in forgets it.
    let _ = tokio::time::timeout(HEAD_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await;
    stand_ins.answer(&head).map(|response| response.map(Full::new)).ok_or(Silence)
}

/// The provider stays silent: the connection is closed without an answer.
#[derive(Debug)]
struct Silence;

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fixture stays silent")
    }
}

impl std::error::Error for Silence {}
