//! Where requests go: to the provider, to its stand-in, or to a test server.

use keyway::{
    Credential, Entry, Origin,
    http::{Client, HttpTransport},
};
use keyway_sandbox::Sandbox;

use crate::{args::With, exit::Failure};

/// Where requests go, as it was asked for.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Provider,
    Sandbox,
    Other(Origin),
}

/// A client, and where it sends a credential.
pub(crate) struct Road {
    pub(crate) client: Client,
    origin: Option<Origin>,
    /// Serves for as long as it lives.
    _sandbox: Option<Sandbox>,
}

impl Place {
    pub(crate) fn of(with: &With) -> Result<Self, Failure> {
        match &with.origin {
            _ if with.sandbox => Ok(Self::Sandbox),
            None => Ok(Self::Provider),
            // It is not repeated: a user's name and a password may stand in it.
            Some(origin) => Origin::parse_loopback(origin)
                .map(Self::Other)
                .map_err(|error| Failure::Because(format!("--origin: {error}"))),
        }
    }

    /// Opens the way to it; starts the stand-in, where it is one.
    pub(crate) async fn open(&self, entry: &Entry) -> Result<Road, Failure> {
        let sandbox = match self {
            Self::Sandbox => Some(start(&[entry], 0).await?),
            _ => None,
        };
        let origin = match self {
            Self::Other(origin) => Some(origin.clone()),
            _ => sandbox.as_ref().map(Sandbox::origin),
        };
        let mut transport = HttpTransport::builder();
        if origin.as_ref().is_some_and(Origin::is_loopback) {
            transport = transport.allow_loopback();
        }
        let transport = transport.build().map_err(|error| Failure::because(error.to_string()))?;
        Ok(Road { client: transport.into(), origin, _sandbox: sandbox })
    }
}

impl Road {
    /// The credential, bound to where it goes.
    pub(crate) fn bind(&self, credential: Credential) -> Credential {
        match &self.origin {
            Some(origin) => credential.at_origin(origin.clone()),
            None => credential,
        }
    }
}

/// Starts stand-ins on loopback.
pub(crate) async fn start(entries: &[&Entry], port: u16) -> Result<Sandbox, Failure> {
    Sandbox::start(entries, port).await.map_err(|error| Failure::because(error.to_string()))
}
