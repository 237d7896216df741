//! Which certificates are trusted, and TLS with them.

use std::sync::Arc;

use keyway_core::TransportErrorKind;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::OnceCell,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{Error, failure::of_connecting};

/// The certificates of the system and private ones, read when TLS is first needed: that takes longer than all else that a
/// gateway does to start.
pub(crate) struct Trust {
    private: RootCertStore,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Trust {
    /// Trusts these certificates besides the system's.
    pub(crate) fn new(private: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for certificate in private {
            store.add(certificate).map_err(|_| Error::Setup("the TLS library refuses a certificate"))?;
        }
        Ok(Self { private: store, config: OnceCell::new() })
    }

    /// Speaks TLS over `stream` with the server of this name, to which a connection has just come about.
    pub(crate) async fn handshake<S>(
        &self,
        name: ServerName<'static>,
        stream: S,
    ) -> Result<TlsStream<S>, TransportErrorKind>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.config.get_or_try_init(|| self.load()).await?;
        let connector = TlsConnector::from(Arc::clone(config));
        connector.connect(name, stream).await.map_err(|error| of_connecting(error.kind()))
    }

    async fn load(&self) -> Result<Arc<ClientConfig>, TransportErrorKind> {
        let private = self.private.clone();
        // Files are read, and hundreds of certificates.
        let loading = tokio::task::spawn_blocking(move || configure(private));
        let config = loading.await.ok().and_then(Result::ok).ok_or(TransportErrorKind::Tls)?;
        Ok(Arc::new(config))
    }
}

/// The name that a server's certificate has to be for; `host` as an [`Origin`](keyway_core::Origin) or a URL has it.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, TransportErrorKind> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    // No name server knows a name that is none.
    ServerName::try_from(bare.to_owned()).map_err(|_| TransportErrorKind::Dns)
}

fn configure(mut roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let (of_the_system, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if of_the_system == 0 {
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    }
    // Named, since somebody else in the same build may bring another provider.
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
