//! Which of the addresses that a station announces can mean it from here, and which to try first.
//!
//! | order | address | why |
//! |---|---|---|
//! | 1 | loopback, of a station on this host only | works without network and past firewalls |
//! | 2 | IPv4 in one of our networks | what every product listens on; several ignore IPv6 |
//! | 3 | IPv6 in one of our networks, link-local with its interface | |
//! | 4 | other IPv4 | a station with two networks announces both everywhere; the other one usually times out |
//! | 5 | other IPv6 | |
//! | - | loopback of another host, link-local without interface, unspecified, multicast | would reach nobody, or somebody else |
//!
//! It does not know who is behind an address: JOIN_RET's StationUUID tells.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// An address of this host and how many bits of it are the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalNetwork {
    pub(crate) address: IpAddr,
    pub(crate) prefix: u8,
}

impl LocalNetwork {
    fn holds(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                shift == 32 || ours.to_bits() >> shift == theirs.to_bits() >> shift
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                shift == 128 || ours.to_bits() >> shift == theirs.to_bits() >> shift
            }
            _ => false,
        }
    }
}

/// The addresses to try, best first, each once; within one rank in the order given. An empty `networks` means: not known.
// req: DIS-ADDRESSES, DIS-LOOPBACK-SAME-HOST
pub(crate) fn usable(
    addresses: impl IntoIterator<Item = SocketAddr>,
    same_host: bool,
    networks: &[LocalNetwork],
) -> Vec<SocketAddr> {
    let mut ranked: Vec<(Rank, SocketAddr)> = Vec::new();
    for address in addresses {
        let address = canonical(address);
        let Some(rank) = rank(address, same_host, networks) else { continue };
        if !ranked.iter().any(|(_, known)| *known == address) {
            ranked.push((rank, address));
        }
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, address)| address).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Loopback,
    NearV4,
    NearV6,
    FarV4,
    FarV6,
}

fn rank(address: SocketAddr, same_host: bool, networks: &[LocalNetwork]) -> Option<Rank> {
    let ip = address.ip();
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return None;
    }
    if ip.is_loopback() {
        return same_host.then_some(Rank::Loopback);
    }
    let near = networks.is_empty() || networks.iter().any(|network| network.holds(ip));
    match address {
        SocketAddr::V6(v6) if is_link_local(v6.ip()) => (v6.scope_id() != 0).then_some(Rank::NearV6),
        SocketAddr::V4(_) => Some(if near { Rank::NearV4 } else { Rank::FarV4 }),
        SocketAddr::V6(_) => Some(if near { Rank::NearV6 } else { Rank::FarV6 }),
    }
}

/// One spelling per address: an IPv4 address inside an IPv6 one is IPv4, a scope stands only where it means something.
fn canonical(address: SocketAddr) -> SocketAddr {
    let SocketAddr::V6(v6) = address else { return address };
    match v6.ip().to_ipv4_mapped() {
        Some(v4) => SocketAddr::new(v4.into(), v6.port()),
        None => {
            let scope = if is_link_local(v6.ip()) { v6.scope_id() } else { 0 };
            SocketAddrV6::new(*v6.ip(), v6.port(), 0, scope).into()
        }
    }
}

fn is_link_local(ip: &Ipv6Addr) -> bool {
    ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks() -> Vec<LocalNetwork> {
        let network = |address: &str, prefix| LocalNetwork { address: address.parse().unwrap(), prefix };
        vec![network("10.1.0.7", 16), network("fd00:1::7", 64), network("127.0.0.1", 8)]
    }

    fn order(addresses: &[&str], same_host: bool) -> Vec<String> {
        let parsed = addresses.iter().map(|a| a.parse::<SocketAddr>().unwrap());
        usable(parsed, same_host, &networks()).iter().map(ToString::to_string).collect()
    }

    // proves: DIS-ADDRESSES
    #[test]
    fn near_comes_before_far_and_ipv4_before_ipv6() {
        let given = ["[2001:db8::1]:1", "192.168.9.9:1", "[fe80::1%3]:1", "[fd00:1::9]:1", "10.1.2.3:1"];
        let expected = ["10.1.2.3:1", "[fe80::1%3]:1", "[fd00:1::9]:1", "192.168.9.9:1", "[2001:db8::1]:1"];
        assert_eq!(order(&given, false), expected);
    }

    // proves: DIS-LOOPBACK-SAME-HOST
    #[test]
    fn loopback_counts_only_for_a_station_on_this_host() {
        let given = ["10.1.2.3:1", "127.0.0.1:1", "[::1]:1"];
        assert_eq!(order(&given, false), ["10.1.2.3:1"]);
        assert_eq!(order(&given, true), ["127.0.0.1:1", "[::1]:1", "10.1.2.3:1"]);
    }

    #[test]
    fn link_local_without_an_interface_reaches_nobody() {
        assert_eq!(order(&["[fe80::1]:1"], false), Vec::<String>::new());
    }

    #[test]
    fn drops_addresses_that_mean_no_host() {
        let none = [
            "0.0.0.0:1",
            "[::]:1",
            "224.0.0.251:1",
            "255.255.255.255:1",
            "[ff02::fb]:1",
            "[::ffff:127.0.0.1]:1",
        ];
        assert_eq!(order(&none, false), Vec::<String>::new());
    }

    #[test]
    fn tells_an_address_once_whatever_its_spelling() {
        assert_eq!(order(&["10.1.2.3:1", "[::ffff:10.1.2.3]:1", "10.1.2.3:1"], false), ["10.1.2.3:1"]);
        assert_eq!(order(&["[fd00:1::9%2]:1", "[fd00:1::9]:1"], false), ["[fd00:1::9]:1"]);
    }

    #[test]
    fn an_address_on_two_interfaces_is_two_when_link_local() {
        assert_eq!(order(&["[fe80::1%2]:1", "[fe80::1%3]:1"], false), ["[fe80::1%2]:1", "[fe80::1%3]:1"]);
    }

    #[test]
    fn without_known_networks_everything_is_near() {
        let far: Vec<SocketAddr> = vec!["[2001:db8::1]:1".parse().unwrap(), "192.0.2.1:1".parse().unwrap()];
        assert_eq!(usable(far.clone(), false, &[]), [far[1], far[0]]);
    }

    #[test]
    fn prefixes_of_zero_and_all_bits_are_networks_too() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(LocalNetwork { address: ip("10.0.0.1"), prefix: 0 }.holds(ip("192.0.2.1")));
        assert!(LocalNetwork { address: ip("fd00::1"), prefix: 0 }.holds(ip("2001:db8::1")));
        assert!(LocalNetwork { address: ip("10.0.0.1"), prefix: 32 }.holds(ip("10.0.0.1")));
        assert!(!LocalNetwork { address: ip("10.0.0.1"), prefix: 32 }.holds(ip("10.0.0.2")));
        assert!(!LocalNetwork { address: ip("10.0.0.1"), prefix: 255 }.holds(ip("fd00::1")));
    }
}
