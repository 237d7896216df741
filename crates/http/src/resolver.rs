//! Looking a name up, and answering only with addresses that may be dialled.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use keyway_core::TransportErrorKind;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{
    AddressClass,
    guard::{Permit, is_loopback_name},
};

type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks a name up. A parameter, so that tests can answer what no name server on a test machine would.
pub(crate) type LookUp = Arc<dyn Fn(String) -> Looking + Send + Sync>;

/// A resolver that hands out checked addresses only. reqwest dials what it hands out and does not ask again, so a name
/// that changes its addresses after the check (rebinding) gains nothing.
#[derive(Clone)]
pub(crate) struct CheckedResolver {
    permit: Permit,
    look_up: LookUp,
}

impl CheckedResolver {
    pub(crate) fn new(permit: Permit) -> Self {
        Self::over(permit, Arc::new(|name| Box::pin(ask_the_system(name))))
    }

    pub(crate) fn over(permit: Permit, look_up: LookUp) -> Self {
        Self { permit, look_up }
    }

    /// The addresses of `name`, each of which may be dialled.
    pub(crate) async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let found = async || match (self.look_up)(name.to_owned()).await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            _ => Err(Unresolved::NotFound),
        };
        if self.permit.proxy.as_deref().is_some_and(|proxy| proxy.eq_ignore_ascii_case(name)) {
            return found().await;
        }
        if is_loopback_name(name) {
            // RFC 6761: such a name is loopback whatever a name server says, so none is asked.
            return if self.permit.loopback {
                Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
            } else {
                Err(Unresolved::Refused)
            };
        }
        // One bad address spoils the name: picking the good ones would let its owner choose when to hand out which.
        let addresses = found().await?;
        let allowed = |address: &IpAddr| self.permit.admits(AddressClass::of(*address));
        if addresses.iter().all(allowed) { Ok(addresses) } else { Err(Unresolved::Refused) }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            // Port 0 stands for the port of the URL.
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

impl fmt::Debug for CheckedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedResolver").field("permit", &self.permit).finish_non_exhaustive()
    }
}

/// Why a name has no address to dial.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unresolved {
    #[error("the name could not be looked up")]
    NotFound,
    #[error("the name resolves to an address that must not be dialled")]
    Refused,
}

impl From<Unresolved> for TransportErrorKind {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::NotFound => Self::Dns,
            Unresolved::Refused => Self::Address,
        }
    }
}

async fn ask_the_system(name: String) -> io::Result<Vec<IpAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn answering(permit: Permit, addresses: &'static str) -> (CheckedResolver, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let look_up: LookUp = Arc::new(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { Ok(parse(addresses)) })
        });
        (CheckedResolver::over(permit, look_up), asked)
    }

    fn parse(addresses: &str) -> Vec<IpAddr> {
        addresses.split_whitespace().map(|address| address.parse().unwrap()).collect()
    }

    async fn resolve(resolver: &CheckedResolver, name: &str) -> Option<Vec<IpAddr>> {
        let addresses = resolver.resolve(name.parse().unwrap()).await.ok()?;
        Some(addresses.map(|address| address.ip()).collect())
    }

    #[tokio::test]
    async fn n22_one_bad_address_refuses_the_name() {
        for (addresses, ok) in [
            ("", false),
            ("8.8.8.8", true),
            ("8.8.8.8 1.1.1.1 2606:4700::1111", true),
            ("64:ff9b::8.8.8.8", true),
            ("10.0.0.1", false),
            ("8.8.8.8 10.0.0.1", false),
            ("10.0.0.1 8.8.8.8", false),
            ("8.8.8.8 1.1.1.1 ::1", false),
            ("2606:4700::1111 fe80::1", false),
            ("::ffff:127.0.0.1", false),
            ("127.0.0.1", false),
            ("0.0.0.0", false),
            ("169.254.169.254", false),
        ] {
            // Loopback on request is for loopback names, not for whoever points a name there.
            for loopback in [false, true] {
                let (resolver, asked) = answering(Permit { loopback, ..Permit::default() }, addresses);
                let expected = ok.then(|| parse(addresses));
                assert_eq!(resolve(&resolver, "api.example.com").await, expected, "{addresses}");
                assert_eq!(asked.load(Ordering::Relaxed), 1, "what is checked is what is dialled");
            }
        }
    }

    #[tokio::test]
    async fn n22_names_of_private_networks_where_they_are_allowed() {
        for (addresses, ok) in [
            ("10.0.0.1", true),
            ("192.168.1.1 fd12::1", true),
            ("10.0.0.1 8.8.8.8", true),
            ("10.0.0.1 169.254.169.254", false),
            ("fd00:ec2::254", false),
            ("127.0.0.1", false),
            ("::1 10.0.0.1", false),
            ("::ffff:10.0.0.1", false),
        ] {
            let permit = Permit { private: true, ..Permit::default() };
            let (resolver, _) = answering(permit, addresses);
            let expected = ok.then(|| parse(addresses));
            assert_eq!(resolve(&resolver, "vault.example.internal").await, expected, "{addresses}");
        }
    }

    #[tokio::test]
    async fn n23_loopback_names_are_not_looked_up() {
        for name in ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.LocalHost."] {
            let (refusing, asked) = answering(Permit::default(), "8.8.8.8");
            assert_eq!(resolve(&refusing, name).await, None, "{name}");
            assert_eq!(asked.load(Ordering::Relaxed), 0);

            let (allowing, asked) = answering(Permit { loopback: true, ..Permit::default() }, "8.8.8.8");
            assert_eq!(resolve(&allowing, name).await, Some(parse("127.0.0.1 ::1")), "{name}");
            assert_eq!(asked.load(Ordering::Relaxed), 0);
        }
    }

    #[tokio::test]
    async fn n22_a_name_that_changes_its_mind_gains_nothing() {
        for (first, second) in [("8.8.8.8", "127.0.0.1"), ("8.8.8.8", "8.8.8.8 169.254.169.254")] {
            let asked = Arc::new(AtomicUsize::new(0));
            let counter = Arc::clone(&asked);
            let look_up: LookUp = Arc::new(move |_| {
                let turn = counter.fetch_add(1, Ordering::Relaxed);
                let addresses = parse(if turn == 0 { first } else { second });
                Box::pin(async move { Ok(addresses) })
            });
            let resolver = CheckedResolver::over(Permit::default(), look_up);
            // What is handed out is what was checked: nobody is asked in between.
            assert_eq!(resolve(&resolver, "rebind.example.com").await, Some(parse(first)));
            assert_eq!(asked.load(Ordering::Relaxed), 1);
            // The next connection asks again, and what it is told is checked again.
            assert_eq!(resolve(&resolver, "rebind.example.com").await, None, "{second}");
            assert_eq!(asked.load(Ordering::Relaxed), 2);
        }
    }

    #[tokio::test]
    async fn the_proxy_may_be_anywhere() {
        let permit = Permit { proxy: Some("proxy.internal".into()), ..Permit::default() };
        let (resolver, _) = answering(permit, "10.0.0.1");
        assert_eq!(resolve(&resolver, "proxy.internal").await, Some(parse("10.0.0.1")));
        assert_eq!(resolve(&resolver, "other.internal").await, None);
    }
}
