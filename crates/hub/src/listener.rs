//! Where clients come in: sockets, TLS, and the end of it.

use std::{
    fmt,
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::sync::{Notify, futures::OwnedNotified};
use tokio_rustls::TlsAcceptor;

use crate::Error;

/// A socket that clients connect to. Clones share it: each worker takes one.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: std::net::TcpListener,
    pub(crate) tls: Option<Tls>,
}

impl Listener {
    /// Takes a socket that listens already; with `tls`, every client has to speak TLS.
    ///
    /// # Errors
    /// [`Error::Listener`] when it cannot be used without blocking.
    pub fn new(socket: std::net::TcpListener, tls: Option<Tls>) -> Result<Self, Error> {
        socket.set_nonblocking(true).map_err(|error| Error::Listener(error.kind()))?;
        Ok(Self { socket, tls })
    }

    /// Another one of the same socket.
    ///
    /// # Errors
    /// [`Error::Listener`] when there are too many open files.
    pub fn try_clone(&self) -> Result<Self, Error> {
        let socket = self.socket.try_clone().map_err(|error| Error::Listener(error.kind()))?;
        Ok(Self { socket, tls: self.tls.clone() })
    }

    /// The socket, and what clients speak TLS with.
    pub fn into_parts(self) -> (std::net::TcpListener, Option<Tls>) {
        (self.socket, self.tls)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// [`Error::Listener`] when the system does not say.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.socket.local_addr().map_err(|error| Error::Listener(error.kind()))
    }
}

/// A certificate and its key, which can be replaced while clients are served. Clones are the same.
#[derive(Clone)]
pub struct Tls(Arc<ArcSwap<ServerConfig>>);

/// A certificate and its key cannot be used together. Nothing of either is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is no certificate.
    #[error("there is no certificate in PEM (`-----BEGIN CERTIFICATE-----`)")]
    Certificate,
    /// There is no key.
    #[error("there is no private key in PEM (`-----BEGIN PRIVATE KEY-----`)")]
    Key,
    /// The key is another one's.
    #[error("the key is not that of the certificate, or of a kind that is not known")]
    Pair,
}

impl Tls {
    /// Reads a certificate, with those between it and its authority, and its key, both in PEM.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(configuration(certificate, key)?))))
    }

    /// Replaces both, for clients that connect from now on.
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem). The old ones stay then.
    pub fn reload(&self, certificate: &[u8], key: &[u8]) -> Result<(), TlsError> {
        self.0.store(Arc::new(configuration(certificate, key)?));
        Ok(())
    }

    /// What takes a client's handshake, with what was loaded last.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.0.load_full())
    }
}

fn configuration(certificate: &[u8], key: &[u8]) -> Result<ServerConfig, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(TlsError::Certificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key)?;
    // Named, so that another library's choice in the same program changes nothing here.
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| TlsError::Pair)?;
    let mut configuration =
        builder.with_no_client_auth().with_single_cert(chain, key).map_err(|_| TlsError::Pair)?;
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if let Ok(tickets) = aws_lc_rs::Ticketer::new() {
        configuration.ticketer = tickets;
    }
    Ok(configuration)
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Asks whoever holds its clones to stop.
pub struct Stop {
    shared: Arc<StopShared>,
    waiting: Pin<Box<OwnedNotified>>,
}

#[derive(Debug, Default)]
struct StopShared {
    asked: AtomicBool,
    notify: Arc<Notify>,
}

impl Stop {
    /// Nobody is asked yet.
    pub fn new() -> Self {
        Self::of(Arc::default())
    }

    fn of(shared: Arc<StopShared>) -> Self {
        let waiting = Box::pin(Arc::clone(&shared.notify).notified_owned());
        Self { shared, waiting }
    }

    /// Asks all of them to stop.
    pub fn ask(&self) {
        self.shared.asked.store(true, Ordering::SeqCst);
        self.shared.notify.notify_waiters();
    }

    /// Whether somebody asked.
    pub fn is_asked(&self) -> bool {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Waits until somebody asks.
    pub async fn asked(&mut self) {
        std::future::poll_fn(|context| self.poll_asked(context)).await;
    }

    pub(crate) fn poll_asked(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // A waiter counts from when it was made, so nothing is missed between the two looks.
        if self.is_asked() || self.waiting.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        if self.is_asked() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for Stop {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.shared))
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").field("asked", &self.is_asked()).finish_non_exhaustive()
    }
}

/// Whether an error of accepting is of one client, and the next may be accepted at once.
pub(crate) fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
