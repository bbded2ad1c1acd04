//! A UDP port and options for mDNS that stay on this host.
#![allow(dead_code, reason = "each test binary uses what it needs")]

pub(crate) mod dns;
pub(crate) mod peer;

use std::net::UdpSocket;
use std::time::Duration;

use mvrx_discovery::{Discovery, LanDiscovery, MdnsDiscovery, MdnsOptions, Requery};

use peer::Peer;

/// How long a suspected station has to answer in tests.
pub(crate) const VERIFY: Duration = Duration::from_millis(1500);

/// A UDP port that was free a moment ago: each test has a network of its own there.
pub(crate) fn free_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// Loopback alone, and quicker to verify than in a real network.
pub(crate) fn options(udp_port: u16) -> MdnsOptions {
    let requery = Requery {
        fast_every: Duration::from_millis(500),
        fast_for: Duration::from_secs(2),
        every: Duration::from_secs(1),
    };
    MdnsOptions { verify_timeout: VERIFY, requery, ..MdnsOptions::loopback(udp_port) }
}

pub(crate) fn start(udp_port: u16) -> MdnsDiscovery {
    MdnsDiscovery::start(options(udp_port)).unwrap()
}

pub(crate) fn start_lan(udp_port: u16) -> LanDiscovery {
    LanDiscovery::start(options(udp_port)).unwrap()
}

/// Lets the discovery work until the peer has heard what it waits for; the peer comes back.
pub(crate) async fn heard<T: Send + 'static>(
    discovery: &mut impl Discovery,
    peer: Peer,
    what: &'static str,
    take: impl Fn(&dns::Packet) -> Option<T> + Send + 'static,
) -> (Peer, T) {
    let mut waiting = tokio::task::spawn_blocking(move || {
        let taken = peer.hear(what, take);
        (peer, taken)
    });
    loop {
        tokio::select! {
            done = &mut waiting => return done.unwrap(),
            event = discovery.next() => assert!(event.is_some(), "it has not ended"),
        }
    }
}
