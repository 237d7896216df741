//! Connecting to one of several addresses.

use std::{
    iter, mem,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{net::TcpStream, task::JoinSet, time::timeout};

/// How long an address may be silent before the next one is tried as well (RFC 8305, 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Connects to the first of `addresses` that answers. The next one is tried when one fails or is silent for a while; those
/// still under way are given up when one has answered.
pub(crate) async fn connect(addresses: Vec<IpAddr>, port: u16) -> Option<TcpStream> {
    let mut next = interleaved(addresses).map(|address| SocketAddr::new(address, port));
    let mut attempts = JoinSet::new();
    loop {
        let ended = if let Some(address) = next.next() {
            attempts.spawn(TcpStream::connect(address));
            timeout(STAGGER, attempts.join_next()).await
        } else {
            Ok(attempts.join_next().await)
        };
        match ended {
            Ok(Some(Ok(Ok(stream)))) => return Some(stream),
            // None is under way, and none is left.
            Ok(None) => return None,
            Ok(Some(_)) | Err(_) => {}
        }
    }
}

/// The addresses in their order, but with both versions in turn (RFC 8305, 4): where one version leads nowhere, the second
/// attempt already takes the other.
fn interleaved(addresses: Vec<IpAddr>) -> impl Iterator<Item = IpAddr> {
    let first = addresses.first().map(IpAddr::is_ipv6);
    let (same, other): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| Some(address.is_ipv6()) == first);
    let (mut this, mut that) = (same.into_iter(), other.into_iter());
    iter::from_fn(move || {
        let address = this.next().or_else(|| that.next());
        mem::swap(&mut this, &mut that);
        address
    })
}
