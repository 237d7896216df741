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

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[test]
    fn both_versions_in_turn() {
        for (addresses, expected) in [
            ("", ""),
            ("1.1.1.1 2.2.2.2", "1.1.1.1 2.2.2.2"),
            ("1.1.1.1 2.2.2.2 2::1 2::2", "1.1.1.1 2::1 2.2.2.2 2::2"),
            ("2::1 2::2 2::3 1.1.1.1", "2::1 1.1.1.1 2::2 2::3"),
            ("2::1 1.1.1.1 2.2.2.2 3.3.3.3", "2::1 1.1.1.1 2.2.2.2 3.3.3.3"),
        ] {
            let parsed = addresses.split_whitespace().map(|address| address.parse().unwrap()).collect();
            let turns: Vec<String> = interleaved(parsed).map(|address| address.to_string()).collect();
            assert_eq!(turns.join(" "), expected, "{addresses}");
        }
    }

    /// Every address of 127.0.0.0/8 is this machine there.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_address_that_refuses_or_is_silent_is_passed_over() {
        let [refusing, silent, good] =
            ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map(|text| text.parse::<IpAddr>().unwrap());
        let listener = TcpListener::bind((good, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let queue = TcpSocket::new_v4().unwrap();
        queue.bind((silent, port).into()).unwrap();
        let _queue = queue.listen(1).unwrap();
        // Nobody accepts. Once its queue is full, whoever comes is not answered.
        let mut waiting = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(100), TcpStream::connect((silent, port))).await {
            waiting.push(stream);
        }
        for (addresses, expected) in [
            (vec![good], Some(good)),
            (vec![refusing, good], Some(good)),
            (vec![refusing], None),
            (vec![silent, good], Some(good)),
            (vec![refusing, silent, refusing, good], Some(good)),
            (vec![silent, good, refusing], Some(good)),
            (vec![], None),
        ] {
            let link = timeout(Duration::from_secs(5), connect(addresses.clone(), port)).await.unwrap();
            let reached = link.map(|link| link.peer_addr().unwrap().ip());
            assert_eq!(reached, expected, "{addresses:?}");
        }
        // It is left to whoever waits to give up.
        assert!(timeout(Duration::from_millis(50), connect(vec![silent, refusing], port)).await.is_err());
    }
}
