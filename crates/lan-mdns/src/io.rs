//! What goes into the machine and what comes out.

use std::net::{IpAddr, SocketAddr};

use crate::Name;

/// One way to reach a network: an interface, in one address family. Numbered by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// One announced service. Numbered by the driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(pub u64);

/// One service of somebody else, as heard from one source on one link. Each number means one thing for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeenId(pub u64);

/// What a link is made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Link {
    /// The addresses of this host there, of both families, with how many bits are the network's. They are announced, and whoever sends
    /// from within one of the networks is on this link.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// A service to announce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The instance's labels, one or more; in a conflict the first one gets a number.
    pub instance: Vec<String>,
    /// The type, `_http._tcp.local.`, under which the instance stands.
    pub service_type: Name,
    /// Further names whose PTR record points to the instance.
    pub also_under: Vec<Name>,
    /// The first label of the host's name under `local.`; in a conflict it gets a number.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The strings of the TXT record; what is beyond 255 bytes of one is cut.
    pub txt: Vec<Vec<u8>>,
}

/// One thing that happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Input<'a> {
    /// Nothing but time.
    Time,
    /// A datagram came in.
    Datagram {
        /// Where.
        link: LinkId,
        /// Who sent it.
        source: SocketAddr,
        /// Whether it was sent to this host alone.
        unicast: bool,
        /// What it says.
        bytes: &'a [u8],
    },
    /// A link is there, or its addresses are others now.
    LinkUp(LinkId, Link),
    /// A link is gone, and with it all that was heard there.
    LinkGone(LinkId),
    /// The host slept, or a link was cut and came back: claim, announce and ask everything anew.
    Woke,
    /// Announce this, in place of what had this number.
    Register(ServiceId, Box<Service>),
    /// Say goodbye.
    Withdraw(ServiceId),
    /// Look for instances of this type from now on.
    Browse(Name),
    /// No longer.
    StopBrowse(Name),
    /// Ask from now on which types there are (RFC 6763, 9): those below one that is looked for are told, [`Output::TypeSeen`].
    BrowseTypes,
    /// Ask for all types now and quickly again, as after [`Input::Browse`].
    Ask,
    /// A connection to this service failed: it is gone unless it answers (RFC 6762, 10.4). Services of the same instance name are asked
    /// too, but only this one is doubted.
    Reconfirm(SeenId),
    /// This service is real: it makes room for others last of all.
    Pin(SeenId),
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// 224.0.0.251 or ff02::fb, at the port of [`Config::port`](crate::Config::port).
    Multicast,
    /// One asker.
    Unicast(SocketAddr),
}

/// One thing to do or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Output {
    /// Send this.
    Send {
        /// On this link.
        link: LinkId,
        /// To these.
        to: To,
        /// At most [`wire::MESSAGE_BYTES`](crate::wire::MESSAGE_BYTES).
        bytes: Vec<u8>,
    },
    /// A service is there, or what is known of it changed.
    Found(Box<Seen>),
    /// It is not there any more.
    Lost {
        /// Which.
        id: SeenId,
        /// Why.
        why: Lost,
    },
    /// A service is announced whose host has no address, as far as anybody tells who is asked. Told once, and found if one is told later.
    NoAddress(Box<Seen>),
    /// Somebody announces this type, which is below one that is looked for, or an instance of it. Told each time it is heard, unless it is
    /// looked for itself.
    TypeSeen(Name),
    /// The service's names are ours on this link, and were announced there.
    Announced(ServiceId, LinkId),
    /// Somebody else has the name; another one is claimed in its place.
    Renamed {
        /// Whose name it was.
        service: ServiceId,
        /// Which of its names.
        role: Role,
        /// The name that is taken.
        from: Name,
        /// The name now.
        to: Name,
    },
    /// Somebody else speaks for a name that was ours: it is claimed anew, and renamed if that fails.
    Conflict {
        /// Whose name it is.
        service: ServiceId,
        /// Which of its names.
        role: Role,
    },
}

/// Which name of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The instance's.
    Instance,
    /// The host's.
    Host,
}

/// Why a service is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// It said so.
    Goodbye,
    /// It did not answer, or was not heard for the time its records are believed.
    Silent,
    /// It is another one now: another port or host at the same place.
    Replaced,
    /// It made room for others.
    Evicted,
    /// Its link is gone, or its type is no longer looked for.
    NotWatched,
}

/// A service of somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it is known by.
    pub id: SeenId,
    /// Where it was heard.
    pub link: LinkId,
    /// Who said so.
    pub source: IpAddr,
    /// Its instance name.
    pub instance: Name,
    /// Its host.
    pub host: Name,
    /// Its port.
    pub port: u16,
    /// The strings of its TXT record.
    pub txt: Vec<Vec<u8>>,
    /// The host's addresses as this source tells them, in order; not empty when it is [found](Output::Found).
    pub addresses: Vec<IpAddr>,
}

impl Seen {
    /// Whether they are equal to the letter: names that differ in case are the same for DNS, but not for people.
    // req: MDNS-SPELLING
    pub(crate) fn is_exactly(&self, other: &Self) -> bool {
        let spelled =
            self.instance.is_spelled_like(&other.instance) && self.host.is_spelled_like(&other.host);
        spelled && self == other
    }
}

impl Link {
    /// Whether this address is one of this link's networks, and so not beyond a router (RFC 6762, 11).
    pub(crate) fn holds(&self, source: IpAddr) -> bool {
        let near = match source {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        near || self.addresses.iter().any(|(address, bits)| same_network(*address, source, *bits))
    }
}

fn same_network(a: IpAddr, b: IpAddr, bits: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let shift = 32 - u32::from(bits.min(32));
            shift == 32 || a.to_bits() >> shift == b.to_bits() >> shift
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let shift = 128 - u32::from(bits.min(128));
            shift == 128 || a.to_bits() >> shift == b.to_bits() >> shift
        }
        _ => false,
    }
}
