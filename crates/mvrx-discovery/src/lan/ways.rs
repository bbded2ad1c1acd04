//! Which interfaces are used, as ways: one interface in one address family each. Pure; the interfaces come from outside.
//!
//! | chosen | ways |
//! |---|---|
//! | all | IPv4 and IPv6 of every interface that is up; IPv4 of loopback |
//! | loopback only | IPv4 of loopback, announced with its address alone |
//! | by name | as all, of that interface |
//! | by address | the family of that address |

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use if_addrs::{IfAddr, Interface as Found};
use lan_mdns::{Link, LinkId};

use crate::mdns::{Interface, Interfaces};

/// One interface in one address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) index: u32,
    pub(super) v6: bool,
    pub(super) loopback: bool,
    /// The IPv4 address that stands for the interface; of IPv6 the index does.
    pub(super) v4: Ipv4Addr,
    pub(super) link: Link,
}

/// The number of a way.
pub(super) fn link_id(index: u32, v6: bool) -> LinkId {
    LinkId(index.wrapping_mul(2) | u32::from(v6))
}

/// All ways there are for this choice.
// req: DIS-INTERFACES
pub(super) fn ways(found: &[Found], chosen: &Interfaces) -> BTreeMap<LinkId, Way> {
    let mut ways = BTreeMap::new();
    let mut indices: Vec<u32> = found.iter().filter_map(|one| one.index).collect();
    indices.sort_unstable();
    indices.dedup();
    for index in indices {
        let of =
            found.iter().filter(|one| one.index == Some(index) && (one.is_oper_up() || one.is_loopback()));
        let of: Vec<&Found> = of.collect();
        let loopback = of.iter().any(|one| one.is_loopback());
        let v4 = of.iter().find_map(|one| if let IpAddr::V4(v4) = one.ip() { Some(v4) } else { None });
        for v6 in [false, true] {
            let has_family = of.iter().any(|one| one.ip().is_ipv6() == v6);
            // Both families of loopback reach the same ears.
            let twice = loopback && v6 && v4.is_some();
            if has_family && !twice && is_chosen(&of, v6, loopback, chosen) {
                let link = Link { addresses: addresses(&of, v6, loopback, chosen) };
                let v4 = v4.unwrap_or(Ipv4Addr::UNSPECIFIED);
                ways.insert(link_id(index, v6), Way { index, v6, loopback, v4, link });
            }
        }
    }
    ways
}

fn is_chosen(of: &[&Found], v6: bool, loopback: bool, chosen: &Interfaces) -> bool {
    match chosen {
        Interfaces::All => true,
        Interfaces::LoopbackOnly => loopback,
        Interfaces::Only(all) => all.iter().any(|one| match one {
            Interface::Name(name) => of.iter().any(|found| found.name == *name),
            Interface::Address(ip) => ip.is_ipv6() == v6 && of.iter().any(|found| found.ip() == *ip),
        }),
    }
}

/// What is announced there: all that the interface has, or the family that was chosen.
fn addresses(of: &[&Found], v6: bool, loopback: bool, chosen: &Interfaces) -> Vec<(IpAddr, u8)> {
    let one_family = loopback
        || match chosen {
            Interfaces::Only(all) => !all.iter().any(
                |one| matches!(one, Interface::Name(name) if of.iter().any(|found| found.name == *name)),
            ),
            _ => false,
        };
    let wanted = of.iter().filter(|one| !one_family || one.ip().is_ipv6() == v6);
    let mut addresses: Vec<(IpAddr, u8)> = wanted
        .map(|one| match &one.addr {
            IfAddr::V4(v4) => (v4.ip.into(), v4.prefixlen),
            IfAddr::V6(v6) => (v6.ip.into(), v6.prefixlen),
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES);
    addresses
}

/// An interface with more addresses announces the first ones: they have to fit one message.
const ADDRESSES: usize = 16;

#[cfg(test)]
mod tests {
    use if_addrs::{IfOperStatus, Ifv4Addr, Ifv6Addr};

    use super::*;

    fn interface(name: &str, index: u32, ip: &str, up: bool) -> Found {
        let addr = match ip.parse::<IpAddr>().unwrap() {
            IpAddr::V4(ip) => {
                IfAddr::V4(Ifv4Addr { ip, netmask: Ipv4Addr::UNSPECIFIED, prefixlen: 24, broadcast: None })
            }
            IpAddr::V6(ip) => IfAddr::V6(Ifv6Addr {
                ip,
                netmask: std::net::Ipv6Addr::UNSPECIFIED,
                prefixlen: 64,
                broadcast: None,
            }),
        };
        let oper_status = if up { IfOperStatus::Up } else { IfOperStatus::Down };
        Found {
            name: name.into(),
            addr,
            index: Some(index),
            oper_status,
            is_p2p: false,
            #[cfg(windows)]
            adapter_name: String::new(),
        }
    }

    fn host() -> Vec<Found> {
        vec![
            interface("lo", 1, "127.0.0.1", true),
            interface("lo", 1, "::1", true),
            interface("eth0", 2, "10.0.0.1", true),
            interface("eth0", 2, "fe80::1", true),
            interface("wlan0", 3, "10.1.0.1", true),
            interface("pulled", 4, "10.2.0.1", false),
        ]
    }

    fn shown(chosen: &Interfaces) -> Vec<(u32, bool, Vec<String>)> {
        let addresses = |way: &Way| way.link.addresses.iter().map(|(ip, _)| ip.to_string()).collect();
        ways(&host(), chosen).values().map(|way| (way.index, way.v6, addresses(way))).collect()
    }

    fn strings(all: &[&str]) -> Vec<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }

    // proves: DIS-SAME-ADDRESS
    #[test]
    fn two_interfaces_of_one_address_are_two_ways() {
        let mut host = host();
        host.push(interface("eth1", 5, "10.0.0.1", true));
        let by_address = Interfaces::Only(vec![Interface::Address("10.0.0.1".parse().unwrap())]);
        let indices: Vec<u32> = ways(&host, &by_address).values().map(|way| way.index).collect();
        assert_eq!(indices, [2, 5]);
    }

    // proves: DIS-INTERFACES
    #[test]
    fn all_are_those_that_are_up_in_both_families_and_loopback_in_one() {
        let both = strings(&["10.0.0.1", "fe80::1"]);
        let expected = vec![
            (1, false, strings(&["127.0.0.1"])),
            (2, false, both.clone()),
            (2, true, both),
            (3, false, strings(&["10.1.0.1"])),
        ];
        assert_eq!(shown(&Interfaces::All), expected);
    }

    #[test]
    fn some_are_chosen_by_name_or_address() {
        let by_name = Interfaces::Only(vec![Interface::Name("wlan0".into())]);
        assert_eq!(shown(&by_name), [(3, false, strings(&["10.1.0.1"]))]);
        let by_address = Interfaces::Only(vec![Interface::Address("fe80::1".parse().unwrap())]);
        assert_eq!(shown(&by_address), [(2, true, strings(&["fe80::1"]))]);
        assert_eq!(shown(&Interfaces::LoopbackOnly), [(1, false, strings(&["127.0.0.1"]))]);
        assert_eq!(shown(&Interfaces::Only(Vec::new())), []);
    }
}
