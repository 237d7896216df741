//! Which addresses may be dialled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for, as far as dialling it goes.
///
/// Only [`Public`](Self::Public) addresses are dialled, and [`Loopback`](Self::Loopback) or [`Private`](Self::Private) ones
/// where a transport was told so.
/// For version 6 the rule is a list of what is allowed, not of what is refused: global unicast without its special
/// blocks, so that a block nobody has thought of is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// An address of the public internet.
    Public,
    /// The machine itself: `127.0.0.0/8` and `::1`.
    Loopback,
    /// Somebody's own network: RFC 1918, carrier-grade NAT, unique and site-local addresses.
    Private,
    /// One link only. Most clouds keep the metadata service here.
    LinkLocal,
    /// Many machines at once.
    Multicast,
    /// Anything else: unspecified, reserved, for documentation or benchmarks, or another address in disguise.
    Special,
}

use AddressClass::{LinkLocal, Loopback, Multicast, Private, Public, Special};

/// The blocks of version 4 that are not public: IANA's special-purpose registry, and what clouds keep for themselves. The
/// first that holds an address says what it is.
const V4: [([u8; 4], u32, AddressClass); 19] = [
    ([0, 0, 0, 0], 8, Special), // "this network", RFC 791; 0.0.0.0 reaches the machine itself
    ([10, 0, 0, 0], 8, Private), // RFC 1918
    ([100, 100, 100, 200], 32, Special), // Alibaba's metadata service, in the block below
    ([100, 64, 0, 0], 10, Private), // carrier-grade NAT, RFC 6598
    ([127, 0, 0, 0], 8, Loopback), // RFC 1122
    ([168, 63, 129, 16], 32, Special), // Azure's host agent: looks public, never leaves the host
    ([169, 254, 0, 0], 16, LinkLocal), // RFC 3927; the metadata services
    ([172, 16, 0, 0], 12, Private), // RFC 1918
    ([192, 0, 0, 0], 24, Special), // IETF protocol assignments, RFC 6890
    ([192, 0, 2, 0], 24, Special), // documentation, RFC 5737
    ([192, 88, 99, 0], 24, Special), // 6to4 relays, withdrawn by RFC 7526
    ([192, 168, 0, 0], 16, Private), // RFC 1918
    ([198, 18, 0, 0], 15, Special), // benchmarks, RFC 2544
    ([198, 51, 100, 0], 24, Special), // documentation, RFC 5737
    ([203, 0, 113, 0], 24, Special), // documentation, RFC 5737
    ([224, 0, 0, 0], 4, Multicast), // RFC 5771
    ([233, 252, 0, 0], 24, Multicast), // documentation, RFC 6676
    ([240, 0, 0, 0], 4, Special), // reserved, RFC 1112
    ([255, 255, 255, 255], 32, Special), // broadcast
];

/// The blocks of version 6 that are not public. What lies outside of `2000::/3` is refused without being listed;
/// it is listed where its class is worth telling.
const V6: [(Ipv6Addr, u32, AddressClass); 13] = [
    (Ipv6Addr::LOCALHOST, 128, Loopback),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0), 32, Special), // Amazon's metadata and credentials
    (Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0), 32, Special),  // Google's metadata service
    (Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0), 32, Special),  // Scaleway's metadata service
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, Private),      // unique local, RFC 4193
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, LinkLocal),   // RFC 4291
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, Private),     // site-local, withdrawn by RFC 3879
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, Multicast),    // RFC 4291
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, Special), // protocol assignments, with Teredo; RFC 2928
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, Special), // documentation, RFC 3849
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, Special), // 6to4: a version 4 address in disguise, RFC 3056
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, Special), // 6bone, returned by RFC 3701
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, Special), // documentation, RFC 9637
];

/// Tells whether `address` is one of the public internet, so that it may be dialled.
pub fn is_public(address: IpAddr) -> bool {
    AddressClass::of(address) == Public
}

impl AddressClass {
    /// The class of an address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    let address = u32::from(address);
    V4.into_iter()
        .find(|(block, length, _)| (address ^ u32::from_be_bytes(*block)) >> (32 - length) == 0)
        .map_or(Public, |(_, _, class)| class)
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    let bits = u128::from(address);
    let listed = V6.into_iter().find(|(block, length, _)| (bits ^ u128::from(*block)) >> (128 - length) == 0);
    if let Some((_, _, class)) = listed {
        return class;
    }
    match address.octets() {
        // Networks without version 4 reach it through these addresses, and their DNS hands them out for every host (RFC
        // 6052, 6147): public is what is public behind them. In the local block `64:ff9b:1::/48` only its network
        // knows where the address sits, so that block is refused with the rest.
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, embedded @ ..] if of_v4(embedded.into()) == Public => {
            Public
        }
        // ISATAP (RFC 5214) tunnels to the version 4 address at the end of any prefix.
        [.., 0 | 2, 0, 0x5e, 0xfe, a, b, c, d] if of_v4(Ipv4Addr::new(a, b, c, d)) != Public => Special,
        [0x20..=0x3f, ..] => Public,
        _ => Special,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: AddressClass) {
        let parsed: IpAddr = address.parse().expect("the table holds addresses");
        assert_eq!(AddressClass::of(parsed), expected, "{address}");
        assert_eq!(is_public(parsed), expected == Public, "{address}");
    }

    #[test]
    fn n19_n21_version_4() {
        for (addresses, expected) in [
            ("0.0.0.0 0.0.0.1 0.255.255.255", Special),
            ("1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255", Public),
            ("10.0.0.0 10.0.0.1 10.255.255.255", Private),
            ("11.0.0.0 100.63.255.255 100.128.0.0", Public),
            ("100.64.0.0 100.100.100.199 100.100.100.201 100.127.255.255", Private),
            ("100.100.100.200", Special),
            ("126.255.255.255 128.0.0.0", Public),
            ("127.0.0.0 127.0.0.1 127.1.2.3 127.255.255.255", Loopback),
            ("168.63.129.16", Special),
            ("168.63.129.15 168.63.129.17", Public),
            ("169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255", LinkLocal),
            ("169.253.255.255 169.255.0.0", Public),
            ("172.16.0.0 172.17.0.1 172.31.255.255", Private),
            ("172.15.255.255 172.32.0.0", Public),
            ("192.0.0.0 192.0.0.8 192.0.0.170 192.0.0.255 192.0.2.0 192.0.2.255", Special),
            ("192.0.1.0 192.0.3.0", Public),
            ("192.88.99.0 192.88.99.1 192.88.99.255", Special),
            ("192.168.0.0 192.168.1.1 192.168.255.255", Private),
            ("192.167.255.255 192.169.0.0", Public),
            ("198.18.0.0 198.19.255.255 198.51.100.0 198.51.100.255 203.0.113.0 203.0.113.255", Special),
            ("198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0", Public),
            ("223.255.255.255", Public),
            ("224.0.0.0 224.0.0.1 233.252.0.1 239.255.255.255", Multicast),
            ("240.0.0.0 250.1.2.3 255.255.255.254 255.255.255.255", Special),
        ] {
            addresses.split(' ').for_each(|address| check(address, expected));
        }
    }

    #[test]
    fn n20_n21_version_6() {
        for (addresses, expected) in [
            (":: ::2 ::ffff", Special),
            ("::1", Loopback),
            // Version 4 in disguise: mapped, compatible, translated, even where what is inside is public.
            ("::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8", Special),
            ("::127.0.0.1 ::10.0.0.1 ::8.8.8.8 ::ffff:0:127.0.0.1 ::ffff:0:8.8.8.8", Special),
            // NAT64.
            ("64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:: 64:ff9b::255.255.255.255", Special),
            ("64:ff9b::8.8.8.8 64:ff9b::808:808", Public),
            (
                "64:ff9b:0:0:0:1:808:808 64:ff9b:1:: 64:ff9b:1::808:808 64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
                Special,
            ),
            // 6to4 and Teredo.
            ("2002:7f00:1:: 2002:a00:1::1 2002:a9fe:a9fe:: 2002:808:808::1", Special),
            ("2001:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:0:7f00:1::", Special),
            ("2001:2::1 2001:10::1 2001:20::1 2001:1ff:ffff::", Special),
            ("2001:200:: 2001:4860:4860::8888 2003::1", Public),
            // ISATAP.
            ("2a00:1::5efe:10.0.0.1 2a00:1::200:5efe:127.0.0.1", Special),
            ("2a00:1::5efe:8.8.8.8", Public),
            ("2001:db8:: 2001:db8::1 2001:db8:ffff::1 3fff::1 3fff:fff::1 3ffe::1", Special),
            ("2001:db7::1 2001:db9::1 3fff:1000::1", Public),
            ("fe80:: fe80::1 fe80::a9fe:a9fe febf:ffff::1", LinkLocal),
            ("fec0:: fec0::1 feff::1 fc00:: fc00::1 fd00:ec1::254 fd00:ec3::1 fdff::1", Private),
            ("fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:42::42", Special),
            ("ff00:: ff01::1 ff02::1 ff0e::1 ffff::", Multicast),
            ("100:: 100::1 100:0:0:1::1 5f00::1 1fff:: 4000::1 fe00::1", Special),
            ("2000::1 2606:4700::1111 2a00:1450:4001::1 3ffd::1 3fff:ffff::", Public),
        ] {
            addresses.split(' ').for_each(|address| check(address, expected));
        }
    }
}
