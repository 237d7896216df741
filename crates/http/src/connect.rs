//! What a client of ours is told about how its connections come about.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use url::Url;

use crate::{
    Error,
    guard::Permit,
    resolver::{CheckedResolver, LookUp},
};

/// As a builder was told. It may hold a proxy's password, so it has no `Debug`.
#[derive(Clone)]
pub(crate) struct ConnectOptions {
    pub(crate) permit: Permit,
    pub(crate) timeout: Duration,
    pub(crate) proxy: Option<Box<str>>,
    pub(crate) certificates: Vec<Box<[u8]>>,
    pub(crate) look_up: Option<LookUp>,
}

/// The same, read.
pub(crate) struct Connect {
    pub(crate) permit: Permit,
    pub(crate) timeout: Duration,
    pub(crate) proxy: Option<Url>,
    pub(crate) certificates: Vec<CertificateDer<'static>>,
    pub(crate) resolver: CheckedResolver,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            permit: Permit::default(),
            timeout: Duration::from_secs(5),
            proxy: None,
            certificates: Vec::new(),
            look_up: None,
        }
    }
}

impl ConnectOptions {
    pub(crate) fn read(mut self) -> Result<Connect, Error> {
        let certificates = self.private_certificates()?;
        let proxy = self.proxy.take().map(|text| read_proxy(&text)).transpose()?;
        // Before the resolver, which has to know.
        self.permit.proxy = proxy.as_ref().and_then(Url::host_str).map(Into::into);
        let permit = self.permit.clone();
        let resolver = match self.look_up {
            Some(look_up) => CheckedResolver::over(permit, look_up),
            None => CheckedResolver::new(permit),
        };
        Ok(Connect { permit: self.permit, timeout: self.timeout, proxy, certificates, resolver })
    }

    fn private_certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let problem = || Error::Setup("a root certificate is not PEM");
        let mut certificates = Vec::new();
        for pem in &self.certificates {
            let before = certificates.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                certificates.push(certificate.map_err(|_| problem())?);
            }
            if certificates.len() == before {
                return Err(problem());
            }
        }
        Ok(certificates)
    }
}

fn read_proxy(text: &str) -> Result<Url, Error> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .ok_or(Error::Setup("the proxy is not an http or https URL"))
}
