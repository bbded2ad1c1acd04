//! The network interfaces and their addresses.

use std::net::{IpAddr, Ipv4Addr};

use if_addrs::Interface as Found;
use serde_json::json;

use super::report::Report;

/// An interface with all its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) name: String,
    pub(super) index: Option<u32>,
    pub(super) up: bool,
    pub(super) loopback: bool,
    /// Part of a bridge, or a tunnel: its own addresses say nothing of whether it works.
    pub(super) attached: bool,
    pub(super) addresses: Vec<IpAddr>,
    /// Whether discovery uses it in IPv4, and in IPv6.
    pub(super) chosen: (bool, bool),
}

impl Card {
    /// Whether discovery uses it, as far as it is up.
    fn is_chosen(&self) -> bool {
        self.chosen.0 || self.chosen.1
    }

    /// The IPv4 address that multicast goes out from, and whether it goes out by IPv6 as well; as discovery does it.
    pub(super) fn ways(&self) -> (Option<Ipv4Addr>, bool) {
        if !self.up {
            return (None, false);
        }
        let first =
            self.addresses.iter().find_map(|ip| if let IpAddr::V4(v4) = ip { Some(*v4) } else { None });
        let v6 = self.addresses.iter().any(IpAddr::is_ipv6) && !(self.loopback && first.is_some());
        (first.filter(|_| self.chosen.0), v6 && self.chosen.1)
    }

    /// Whether all its addresses are such that it gave itself.
    fn only_link_local(&self) -> bool {
        self.addresses.iter().all(|ip| match ip {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        })
    }

    fn words(&self) -> String {
        let state = if self.up { "up" } else { "down" };
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let what = if self.loopback { ", this machine only" } else { "" };
        format!("interface {}: {state}{what}, {}", self.name, addresses.join(", "))
    }
}

/// Says what there is, and returns it.
pub(super) fn check(wished: &[String], report: &mut Report) -> Vec<Card> {
    let found = match if_addrs::get_if_addrs() {
        Ok(found) => found,
        Err(error) => {
            report.note(format!("the system does not list its interfaces: {error}"));
            return Vec::new();
        }
    };
    let cards = cards(&found, wished, is_attached);
    judge(&cards, wished, report);
    let facts: Vec<_> = cards
        .iter()
        .map(|card| {
            let addresses: Vec<String> = card.addresses.iter().map(ToString::to_string).collect();
            json!({ "name": card.name, "up": card.up, "loopback": card.loopback, "addresses": addresses, "used": card.is_chosen() && card.up })
        })
        .collect();
    report.fact("interfaces", json!(facts));
    cards
}

fn cards(found: &[Found], wished: &[String], attached: impl Fn(&Found) -> bool) -> Vec<Card> {
    let mut cards: Vec<Card> = Vec::new();
    for one in found {
        let known = cards.iter().position(|card| card.name == one.name);
        let at = known.unwrap_or_else(|| {
            cards.push(Card {
                name: one.name.clone(),
                index: one.index,
                up: one.is_oper_up(),
                loopback: one.is_loopback(),
                attached: attached(one),
                addresses: Vec::new(),
                chosen: (wished.is_empty(), wished.is_empty()),
            });
            cards.len() - 1
        });
        let Some(card) = cards.get_mut(at) else { continue };
        card.addresses.push(one.ip());
        for text in wished {
            if *text == one.name || (text == LOOPBACK && one.is_loopback()) {
                card.chosen = (true, true);
            } else if text.parse() == Ok(one.ip()) {
                let family = if one.ip().is_ipv4() { &mut card.chosen.0 } else { &mut card.chosen.1 };
                *family = true;
            }
        }
    }
    cards
}

fn judge(cards: &[Card], wished: &[String], report: &mut Report) {
    for text in wished {
        let there = cards.iter().any(|card| {
            card.name == *text
                || (text == LOOPBACK && card.loopback)
                || card.addresses.iter().any(|ip| text.parse() == Ok(*ip))
        });
        if !there {
            let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
            report.problem(
                "interface-not-there",
                format!("no interface has the name or address {text}"),
                format!("take one of {}", names.join(", ")),
            );
        }
    }
    for card in cards {
        let words = card.words();
        if !card.is_chosen() {
            report.note(format!("{words}; not used, as --interface names others"));
        } else if !card.up && card.loopback {
            // Told below.
        } else if !card.up && wished.is_empty() {
            report.note(format!("{words}; not used"));
        } else if !card.up {
            report.problem("interface-down", words, "plug the cable in, or switch the interface on");
        } else if !card.loopback && !card.attached && card.only_link_local() {
            report.warning(
                "link-local-only",
                format!("{words}: only addresses that it gave itself"),
                "if the others have addresses of a router, give this one an address of the same network (DHCP, or by hand)",
            );
        } else {
            report.well(words);
        }
    }
    let loopback_wanted = wished.is_empty() || wished.iter().any(|text| is_loopback(text, cards));
    if loopback_wanted && !cards.iter().any(|card| card.loopback && card.up) {
        report.problem(
            "loopback-down",
            "the loopback interface is down or has no address: programs of this machine do not reach each other",
            "switch it on (on Linux, as root: ip link set lo up); every system has it on unless somebody switched it off",
        );
    }
    let outside = cards.iter().any(|card| card.up && card.is_chosen() && !card.loopback);
    if !outside && wished.iter().any(|text| is_loopback(text, cards)) {
        report.note("only stations of this machine can be found, as --interface wishes");
    } else if !outside {
        report.problem(
            "no-network",
            "no interface with an address is up but loopback: only stations of this machine can be found",
            "plug the network cable in or join the Wi-Fi, and see that the machine gets an address",
        );
    }
}

fn is_loopback(text: &str, cards: &[Card]) -> bool {
    let by_address = text.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    text == LOOPBACK || by_address || cards.iter().any(|card| card.loopback && card.name == text)
}

/// Linux tells which interfaces are ports of a bridge, as those of containers are.
fn is_attached(one: &Found) -> bool {
    one.is_p2p() || std::path::Path::new("/sys/class/net").join(&one.name).join("master").exists()
}

/// What `--interface` calls this machine alone, on all systems.
const LOOPBACK: &str = "lo";

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &str, up: bool, addresses: &[&str], chosen: bool) -> Card {
        Card {
            name: name.to_owned(),
            index: Some(1),
            up,
            loopback: name == LOOPBACK,
            attached: false,
            addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
            chosen: (chosen, chosen),
        }
    }

    fn findings(cards: &[Card], wished: &[&str]) -> Vec<String> {
        let mut report = Report::default();
        let wished: Vec<String> = wished.iter().map(|text| (*text).to_owned()).collect();
        judge(cards, &wished, &mut report);
        report.finding_ids()
    }

    #[test]
    fn an_interface_with_an_address_is_all_that_is_needed() {
        let lo = card("lo", true, &["127.0.0.1", "::1"], true);
        let docker = card("docker0", false, &["172.17.0.1"], true);
        let eth = card("eth0", true, &["10.0.0.1", "fe80::1"], true);
        assert_eq!(findings(&[lo.clone(), docker, eth], &[]), Vec::<String>::new());
        assert_eq!(findings(std::slice::from_ref(&lo), &[]), ["no-network"]);
        assert_eq!(findings(&[lo], &["lo"]), Vec::<String>::new());
    }

    #[test]
    fn a_cable_without_dhcp_and_a_wrong_choice_are_told() {
        let lo = card("lo", true, &["127.0.0.1"], true);
        for own in [&["169.254.3.4", "fe80::1"][..], &["fe80::1"]] {
            assert_eq!(findings(&[lo.clone(), card("eth0", true, own, true)], &[]), ["link-local-only"]);
        }
        let pulled = card("eth0", false, &["10.0.0.1"], true);
        assert_eq!(findings(&[pulled], &["eth0"]), ["interface-down", "no-network"]);
        assert_eq!(
            findings(&[card("lo", true, &["127.0.0.1"], false)], &["eth7"]),
            ["interface-not-there", "no-network"]
        );
    }

    #[test]
    fn a_machine_without_loopback_is_told_unless_nobody_asked_for_it() {
        let down = card("lo", false, &["127.0.0.1"], true);
        let eth = card("eth0", true, &["10.0.0.1"], true);
        assert_eq!(findings(&[down.clone(), eth.clone()], &[]), ["loopback-down"]);
        assert_eq!(findings(std::slice::from_ref(&eth), &[]), ["loopback-down"]);
        assert_eq!(findings(std::slice::from_ref(&down), &["lo"]), ["loopback-down"]);
        assert_eq!(findings(&[down, eth], &["eth0"]), Vec::<String>::new());
    }

    #[test]
    fn ports_of_a_bridge_need_no_address() {
        let mut veth = card("veth1", true, &["fe80::1"], true);
        veth.attached = true;
        assert_eq!(findings(&[card("lo", true, &["127.0.0.1"], true), veth], &[]), Vec::<String>::new());
    }

    #[test]
    fn multicast_takes_the_ways_that_discovery_takes() {
        let v4 = Some(Ipv4Addr::LOCALHOST);
        assert_eq!(card("lo", true, &["127.0.0.1", "::1"], true).ways(), (v4, false));
        assert_eq!(card("lo", true, &["::1"], true).ways(), (None, true));
        assert_eq!(card("eth0", true, &["127.0.0.1", "fe80::1"], true).ways(), (v4, true));
        assert_eq!(card("eth0", false, &["127.0.0.1"], true).ways(), (None, false));
        assert_eq!(card("eth0", true, &["127.0.0.1"], false).ways(), (None, false));
    }
}
