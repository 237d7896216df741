//! What is said of the connect pages and the REST API.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use keyway::Origin;
use keyway_connect::{Limits, Look};

/// The connect pages and the REST API.
#[derive(Clone, PartialEq)]
pub(crate) struct Connect {
    /// Nothing: they are not served.
    pub(crate) listen: Vec<SocketAddr>,
    /// Where browsers find them; nothing: the first address on loopback.
    pub(crate) public_url: Option<Origin>,
    /// How they look, but for the logo.
    pub(crate) look: Look,
    pub(crate) logo: Option<PathBuf>,
    /// How often an idle connection is checked; nothing: never.
    pub(crate) check_every: Option<Duration>,
    /// How many idle connections are checked in a minute.
    pub(crate) checks_per_minute: u32,
    /// How long a session lasts, and its link.
    pub(crate) session: Duration,
    pub(crate) link: Duration,
}

impl Default for Connect {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            listen: vec![(Ipv4Addr::LOCALHOST, 8081).into()],
            public_url: None,
            look: Look::default(),
            logo: None,
            check_every: Some(Duration::from_secs(24 * 60 * 60)),
            checks_per_minute: limits.checks_per_minute,
            session: limits.session,
            link: limits.link,
        }
    }
}

impl Connect {
    /// What it says of the limits of the pages.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        (limits.session, limits.link) = (self.session, self.link);
        limits.checks_per_minute = self.checks_per_minute;
        limits
    }

    /// Whether an address is where browsers find the pages when nothing is said: one that only this machine reaches.
    pub(crate) fn is_own(address: &SocketAddr) -> bool {
        address.ip().is_loopback()
    }

    /// What is wrong with where browsers are to find the pages: the key, and why.
    pub(super) fn problem(&self, has_tls: bool) -> Option<(&'static str, &'static str)> {
        match &self.public_url {
            _ if self.listen.is_empty() => None,
            None if self.listen.iter().any(Self::is_own) => None,
            None => Some((
                "connect.public_url",
                "has to say where browsers find the connect pages, such as https://connect.example: no address of \
                 `connect.listen` is loopback",
            )),
            Some(url) if has_tls && url.scheme() == "http" => {
                Some(("connect.public_url", "is http, and with `tls` the connect pages speak https alone"))
            }
            Some(_) => None,
        }
    }
}
