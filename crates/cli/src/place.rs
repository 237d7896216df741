//! Where requests go: to the provider, to its stand-in, or to a test server.

use bytes::Bytes;
use http::Request;
use keyway::{
    Credential, Entry, Method, Origin,
    http::{Client, HttpTransport},
};
use keyway_sandbox::Sandbox;
use keyway_testkit::MethodFixtures;

use crate::{args::With, exit::Failure, keys, system};

/// Where requests go, as it was asked for.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Provider,
    Sandbox,
    Other(Origin),
}

/// The way to where a credential goes.
pub(crate) struct Road {
    /// What the stand-in knows, where there is one.
    pub(crate) fixtures: Option<MethodFixtures>,
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
            Some(origin) => Origin::parse_loopback(origin).map(Self::Other).map_err(|error| {
                Failure::Because(format!(
                    "--origin: {error}; a test server on this machine is http://127.0.0.1:PORT"
                ))
            }),
        }
    }

    /// Where a kept credential goes.
    pub(crate) fn of_kept(credential: &Credential) -> Self {
        match credential.origins().first() {
            Some(origin) if credential.keep().is_elsewhere() => Self::Other(origin.clone()),
            _ => Self::Provider,
        }
    }

    /// Opens the way to it; starts the stand-in, where it is one.
    ///
    /// # Errors
    /// When there is to be a stand-in and the provider comes without one, among others.
    pub(crate) async fn open(&self, entry: &Entry, method: &Method) -> Result<Road, Failure> {
        let (fixtures, sandbox) = match self {
            Self::Sandbox => (Some(keys::needed(entry, method)?), Some(start(&[entry], 0).await?)),
            _ => (None, None),
        };
        let origin = match self {
            Self::Other(origin) => Some(origin.clone()),
            _ => sandbox.as_ref().map(Sandbox::origin),
        };
        Ok(Road { fixtures, origin, _sandbox: sandbox })
    }
}

impl Road {
    /// A client, without connections yet: in one that was kept while a person was typing, nobody would have noticed that
    /// the other side closed it.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let mut transport = HttpTransport::builder();
        if self.origin.as_ref().is_some_and(Origin::is_loopback) {
            transport = transport.allow_loopback();
        }
        let transport = transport.build().map_err(|error| Failure::because(error.to_string()))?;
        Ok(transport.into())
    }

    /// The credential, bound to where it goes.
    pub(crate) fn bind(&self, credential: Credential) -> Credential {
        match &self.origin {
            Some(origin) => credential.at_origin(origin.clone()),
            None => credential,
        }
    }

    /// The keys that the stand-in knows, where there is one.
    pub(crate) fn keys_to_try(&self, method: &Method) -> Option<String> {
        self.fixtures.as_ref().map(|fixtures| keys::to_try(method, fixtures))
    }

    /// Tells whether a request goes to a stand-in that does not know its key.
    pub(crate) fn knows_not(&self, credential: &Credential, request: &Request<Bytes>) -> bool {
        let Some(fixtures) = &self.fixtures else { return false };
        let sent = credential.authorize_request(request.clone());
        sent.is_ok_and(|sent| fixtures.check_of(&sent.into_parts().0).is_none())
    }
}

/// Starts stand-ins on loopback.
pub(crate) async fn start(entries: &[&Entry], port: u16) -> Result<Sandbox, Failure> {
    Sandbox::start(entries, port).await.map_err(|error| Failure::Because(system::of_sandbox(&error)))
}
