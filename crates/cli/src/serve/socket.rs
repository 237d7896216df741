//! The ports.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
};

use tokio::net::TcpSocket;

use super::config::Config;

/// How many clients may wait to be accepted. The system may allow fewer.
const WAITING: u32 = 4096;

/// What is listened on.
pub(super) struct Sockets {
    pub(super) gateway: Vec<TcpListener>,
    pub(super) control: Option<TcpListener>,
}

impl Sockets {
    /// Opens all ports, or none.
    ///
    /// # Errors
    /// With the key of the configuration.
    pub(super) fn bind(config: &Config) -> Result<Self, (&'static str, String)> {
        let bind = |key, address: &SocketAddr| bind(*address).map_err(|error| (key, why(*address, &error)));
        let gateway =
            config.listen.iter().map(|address| bind("listen", address)).collect::<Result<_, _>>()?;
        let control = config.control.iter().map(|address| bind("control", address)).next().transpose()?;
        Ok(Self { gateway, control })
    }

    /// Where it listens, a line each.
    pub(super) fn told(&self, scheme: &str) -> String {
        let line = |socket: &TcpListener, before: &str| {
            socket.local_addr().map_or_else(|_| String::new(), |address| format!("{before}://{address}\n"))
        };
        let gateway = self.gateway.iter().map(|socket| line(socket, &format!("Listening on {scheme}")));
        let control = self.control.iter().map(|socket| line(socket, "Metrics and health on http"));
        gateway.chain(control).collect()
    }
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
