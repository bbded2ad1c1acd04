//! How a [`LanDiscovery`](crate::LanDiscovery) or an [`MdnsDiscovery`](super::MdnsDiscovery) behaves.

use std::net::IpAddr;
use std::time::Duration;

use crate::Limits;

/// Options of a [`LanDiscovery`](crate::LanDiscovery) or an [`MdnsDiscovery`](super::MdnsDiscovery). The defaults are right for a station in
/// a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MdnsOptions {
    /// Where it sends and listens.
    pub interfaces: Interfaces,
    /// The UDP port; stations with different ports do not see each other. 5353 is mDNS; another one is for tests.
    pub udp_port: u16,
    /// A suspected station that does not answer for this long has vanished (RFC 6762, 10.4: 10 seconds).
    pub verify_timeout: Duration,
    /// How often it asks who is there.
    pub requery: Requery,
    /// What it holds at most.
    pub limits: Limits,
}

/// How often it asks who is there. Some products answer only when asked, one takes seconds for its first answer.
///
/// Each time the responder asks at once and then after 1, 3, 7, 15, ... seconds until the next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requery {
    /// Every so often at first.
    pub fast_every: Duration,
    /// For so long after the start, a change of group, or a doubt.
    pub fast_for: Duration,
    /// Every so often from then on.
    pub every: Duration,
}

/// Network interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Interfaces {
    /// All there are, loopback among them, also those that come later.
    #[default]
    All,
    /// This host alone: no mDNS packet leaves by any other interface. Works where there is only `lo`.
    LoopbackOnly,
    /// Only these; loopback only if it is named.
    Only(Vec<Interface>),
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interface {
    /// By its name in the system, `eth0`.
    Name(String),
    /// By one of its addresses; IPv4 or IPv6 of it only, whichever this is.
    Address(IpAddr),
}

impl MdnsOptions {
    /// On this host alone, at a UDP port of its own: for tests and demonstrations that touch nothing.
    #[must_use]
    pub fn loopback(udp_port: u16) -> Self {
        Self { interfaces: Interfaces::LoopbackOnly, udp_port, ..Self::default() }
    }
}

impl Default for MdnsOptions {
    fn default() -> Self {
        Self {
            interfaces: Interfaces::All,
            udp_port: mdns_sd::MDNS_PORT,
            verify_timeout: mdns_sd::VERIFY_TIMEOUT_DEFAULT,
            requery: Requery::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Requery {
    fn default() -> Self {
        Self {
            fast_every: Duration::from_secs(5),
            fast_for: Duration::from_secs(30),
            every: Duration::from_secs(60),
        }
    }
}
