//! The ports.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
};

use keyway::Origin;
use tokio::net::TcpSocket;

use super::config::{Config, Connect};

/// How many clients may wait to be accepted. The system may allow fewer.
const WAITING: u32 = 4096;

/// What is to be known of connect pages without TLS.
const PLAIN: &str = "  They are plain HTTP on this machine: their cookies have no __Host- prefix.\n";

/// What is listened on.
pub(super) struct Sockets {
    pub(super) gateway: Vec<TcpListener>,
    pub(super) control: Option<TcpListener>,
    pub(super) connect: Vec<TcpListener>,
    /// Where browsers find the connect pages; nothing where nobody serves them.
    pub(super) connect_url: Option<Origin>,
}

impl Sockets {
    /// Opens all ports, or none.
    ///
    /// # Errors
    /// With the key of the configuration.
    pub(super) fn bind(config: &Config, scheme: &str) -> Result<Self, (&'static str, String)> {
        let bind = |key, address: &SocketAddr| bind(*address).map_err(|error| (key, why(*address, &error)));
        let gateway =
            config.listen.iter().map(|address| bind("listen", address)).collect::<Result<_, _>>()?;
        let control = config.control.iter().map(|address| bind("control", address)).next().transpose()?;
        let all = config.connect.listen.iter();
        let connect: Vec<TcpListener> =
            all.map(|address| bind("connect.listen", address)).collect::<Result<_, _>>()?;
        let connect_url = match &config.connect.public_url {
            _ if connect.is_empty() => None,
            Some(url) => Some(url.clone()),
            None => own_url(connect.iter().filter_map(|socket| socket.local_addr().ok()), scheme),
        };
        Ok(Self { gateway, control, connect, connect_url })
    }

    /// Where clients on this machine find the gateway.
    pub(super) fn url(&self, scheme: &str) -> Option<Origin> {
        own_url(self.gateway.iter().filter_map(|socket| socket.local_addr().ok()), scheme)
    }

    /// Where it listens, a line each.
    pub(super) fn told(&self, scheme: &str) -> String {
        let line = |socket: &TcpListener, before: &str| {
            socket.local_addr().map_or_else(|_| String::new(), |address| format!("{before}://{address}\n"))
        };
        let gateway = self.gateway.iter().map(|socket| line(socket, &format!("Listening on {scheme}")));
        let control = self.control.iter().map(|socket| line(socket, "Metrics and health on http"));
        // Browsers take the prefix over TLS alone.
        let cookies = |url: &Origin| if url.scheme() == "http" { PLAIN } else { "" };
        let connect = self.connect_url.iter().map(|url| format!("Connect pages on {url}\n{}", cookies(url)));
        gateway.chain(control).chain(connect).collect()
    }
}

/// Where browsers find what listens on these addresses: on the first that this machine alone reaches.
pub(super) fn own_url(mut addresses: impl Iterator<Item = SocketAddr>, scheme: &str) -> Option<Origin> {
    let address = addresses.find(Connect::is_own)?;
    Origin::parse_loopback(&format!("{scheme}://{address}")).ok()
}

/// Opens a port. It is called within a runtime.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of a process before this one may still be ending. Elsewhere this would share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)?.into_std()
}

fn why(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => format!("port {port} is in use"),
        ErrorKind::PermissionDenied => format!("port {port} may not be listened on by this user"),
        ErrorKind::AddrNotAvailable => format!("{} is no address of this machine", address.ip()),
        _ => format!("{address} cannot be listened on"),
    }
}
