//! A UDP port and options for mDNS that stay on this host.
#![allow(dead_code, reason = "each test binary uses what it needs")]

pub(crate) mod dns;
pub(crate) mod peer;

use std::net::UdpSocket;
use std::sync::Mutex;
use std::time::Duration;

use mvrx_discovery::{Discovery, LanDiscovery, MdnsDiscovery, MdnsOptions, Requery};
use socket2::SockRef;

use peer::Peer;

/// How long a suspected station has to answer in tests.
pub(crate) const VERIFY: Duration = Duration::from_millis(1500);

/// A UDP port for one test alone: each has a network of its own there.
///
/// Nobody else had it, and as long as this process lives nobody gets it who does not share it as mDNS does: it is held by a socket that
/// shares it only from now on, and hears nobody, as it is connected to nobody.
pub(crate) fn free_port() -> u16 {
    static HELD: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    SockRef::from(&socket).set_reuse_address(true).unwrap();
    socket.connect("127.0.0.1:9").unwrap();
    let port = socket.local_addr().unwrap().port();
    HELD.lock().unwrap().push(socket);
    port
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
