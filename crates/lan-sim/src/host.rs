//! Hosts: machines with addresses, ports, a disk and a clock, on each of which one node runs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::bus::EntryId;
use crate::disk::Disk;
use crate::event::Event;
use crate::fault::LinkTrouble;
use crate::link::Conn;
use crate::profile::{LinkProfile, Segmentation};
use crate::rng::{Chance, Rng, Seed};
use crate::time::Time;

/// A host of a world: its number in the order of adding, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

impl HostId {
    /// The number, to index with.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host {}", self.0)
    }
}

impl fmt::Debug for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a host is made of.
#[derive(Clone, Debug)]
pub struct HostSpec {
    pub(crate) name: String,
    pub(crate) addresses: Vec<(IpAddr, bool)>,
    pub(crate) profile: Option<LinkProfile>,
    pub(crate) taken_ports: Vec<u16>,
    pub(crate) disk_capacity: Option<u64>,
    pub(crate) boots_at: Option<Time>,
    pub(crate) domain: u32,
}

impl HostSpec {
    /// A host with that name, which must be its own in the world: its randomness hangs on it. Without further
    /// ado it has one address, its network is [`Settings::link`](crate::Settings::link), its disk is as large
    /// as it likes, and it starts when it is added.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            addresses: Vec::new(),
            profile: None,
            taken_ports: Vec::new(),
            disk_capacity: None,
            boots_at: None,
            domain: 0,
        }
    }

    /// Gives it an address. Several calls give several; none at all gives one in 10.0.0.0/8 by the host's
    /// number.
    #[must_use]
    pub fn address(mut self, ip: IpAddr) -> Self {
        self.addresses.push((ip, true));
        self
    }

    /// Gives it an address that nobody else can reach (a container bridge, a tunnel); several hosts may have
    /// the same one.
    #[must_use]
    pub fn dead_address(mut self, ip: IpAddr) -> Self {
        self.addresses.push((ip, false));
        self
    }

    /// Gives it a network of its own kind.
    #[must_use]
    pub fn profile(mut self, profile: LinkProfile) -> Self {
        self.profile = Some(profile);
        self
    }

    /// Lets some other program on the host have that port: it cannot be listened to, and dials of it are
    /// refused.
    #[must_use]
    pub fn taken_port(mut self, port: u16) -> Self {
        self.taken_ports.push(port);
        self
    }

    /// Limits its disk, in bytes.
    #[must_use]
    pub const fn disk_capacity(mut self, bytes: u64) -> Self {
        self.disk_capacity = Some(bytes);
        self
    }

    /// Lets it announce and browse in that domain of the discovery bus instead of domain 0, as with domains and subtypes of DNS-SD: it
    /// hears nobody of another one, nor is it heard there. Links go everywhere.
    #[must_use]
    pub const fn domain(mut self, domain: u32) -> Self {
        self.domain = domain;
        self
    }

    /// Starts it at that time.
    #[must_use]
    pub const fn boots_at(mut self, at: Time) -> Self {
        self.boots_at = Some(at);
        self
    }
}

/// Whether a host runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostState {
    /// Its node runs.
    Running,
    /// The machine runs and refuses dials; the node does not.
    Stopped,
    /// The machine has no power.
    Off,
}

/// Who has a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PortUse {
    Node,
    Other,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: Arc<str>,
    pub(crate) state: HostState,
    /// Counts its starts; what was meant for an earlier one is not delivered.
    pub(crate) boot: u32,
    pub(crate) addresses: Vec<Address>,
    pub(crate) ports: BTreeMap<u16, PortUse>,
    pub(crate) next_port: u16,
    pub(crate) conns: Vec<Conn>,
    pub(crate) busy_until: Time,
    pub(crate) inbox: VecDeque<Event>,
    /// For when the earliest wake-up in the queue is.
    pub(crate) wake_queued: Option<Time>,
    /// One bit per open partition: the side it is on.
    pub(crate) sides: u64,
    pub(crate) base_profile: LinkProfile,
    /// Troubles that last, latest last, each with the number it ends by.
    pub(crate) troubles: Vec<(u32, LinkTrouble)>,
    /// `base_profile` under all troubles.
    pub(crate) profile: LinkProfile,
    pub(crate) seed: Seed,
    pub(crate) rng: Rng,
    pub(crate) dials: u64,
    pub(crate) announcements: u64,
    /// What it announced, and what still lingers of that on the bus.
    pub(crate) on_bus: Vec<EntryId>,
    pub(crate) disk: Disk,
    /// How far its wall clock is off, in seconds.
    pub(crate) wall_offset: i64,
    /// How many faults keep it from hearing, and from being heard, on the bus.
    pub(crate) deaf: u32,
    pub(crate) mute: u32,
    pub(crate) browsing: bool,
    /// The part of the bus where it announces and browses.
    pub(crate) domain: u32,
    /// The ports at which datagrams are heard.
    pub(crate) hears: BTreeSet<u16>,
    /// How many datagrams it sent.
    pub(crate) datagrams: u64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Address {
    pub(crate) ip: IpAddr,
    /// Nobody can ever reach it.
    pub(crate) dead: bool,
    /// How many faults keep it from being reached.
    pub(crate) down: u32,
}

impl Host {
    pub(crate) fn new(id: HostId, spec: HostSpec, default: &LinkProfile, root: Seed) -> Self {
        let seed = root.child("host").child(&spec.name);
        let base_profile = spec.profile.unwrap_or_else(|| default.clone());
        let mut addresses: Vec<_> =
            spec.addresses.iter().map(|(ip, live)| Address { ip: *ip, dead: !live, down: 0 }).collect();
        if addresses.is_empty() {
            let [_, a, b, c] = (id.0 + 1).to_be_bytes();
            addresses.push(Address { ip: Ipv4Addr::new(10, a, b, c).into(), dead: false, down: 0 });
        }
        Self {
            name: spec.name.into(),
            state: HostState::Off,
            boot: 0,
            addresses,
            ports: spec.taken_ports.into_iter().map(|port| (port, PortUse::Other)).collect(),
            next_port: FIRST_OWN_PORT,
            conns: Vec::new(),
            busy_until: Time::ZERO,
            inbox: VecDeque::new(),
            wake_queued: None,
            sides: 0,
            profile: base_profile.clone(),
            base_profile,
            troubles: Vec::new(),
            seed,
            rng: seed.child("node").rng(),
            dials: 0,
            announcements: 0,
            on_bus: Vec::new(),
            disk: Disk::with_capacity(seed.child("disk"), spec.disk_capacity),
            wall_offset: 0,
            deaf: 0,
            mute: 0,
            browsing: false,
            domain: spec.domain,
            hears: BTreeSet::new(),
            datagrams: 0,
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state == HostState::Running
    }

    pub(crate) fn reaches(&self, other: &Self) -> bool {
        self.sides == other.sides
    }

    /// A port that nobody has, for the near end of a dial or a listener that asked for any. Ports come back
    /// after some 16,000 others.
    pub(crate) fn own_port(&mut self) -> u16 {
        loop {
            let port = self.next_port;
            self.next_port = if port == u16::MAX { FIRST_OWN_PORT } else { port + 1 };
            if !self.ports.contains_key(&port) || self.ports.len() > usize::from(u16::MAX - FIRST_OWN_PORT) {
                return port;
            }
        }
    }

    pub(crate) fn address_is_up(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.ip == ip && !address.dead && address.down == 0)
    }

    pub(crate) fn has_address_down(&self) -> bool {
        self.addresses.iter().any(|address| address.down > 0)
    }

    /// The address that a dial of `ip` comes from.
    pub(crate) fn near_ip(&self, ip: IpAddr) -> IpAddr {
        if ip.is_loopback() {
            return ip;
        }
        let live = || self.addresses.iter().filter(|address| !address.dead).map(|address| address.ip);
        live().find(|own| own.is_ipv4() == ip.is_ipv4()).or_else(|| live().next()).unwrap_or(ip)
    }

    /// Works the present troubles into the profile.
    pub(crate) fn apply_troubles(&mut self) {
        let mut profile = self.base_profile.clone();
        for (_, trouble) in &self.troubles {
            trouble.spoil(&mut profile);
        }
        self.profile = profile;
    }
}

impl LinkTrouble {
    fn spoil(self, profile: &mut LinkProfile) {
        match self {
            Self::Slow => profile.bytes_per_second = Some(16 * 1024),
            Self::Laggy => {
                profile.delay = Duration::from_secs(1);
                profile.jitter = Duration::from_secs(2);
            }
            Self::Bytewise => profile.segmentation = Segmentation::Bytewise,
            Self::TinyWindow => {
                profile.window = 16;
                profile.bulk_window = 1024;
            }
            Self::Breaking => profile.reset = Chance::percent(2),
            Self::Silencing => profile.silence = Chance::percent(2),
            Self::RefusedDials => profile.refuse = Chance::percent(50),
            Self::LostDials => profile.lose_dial = Chance::percent(50),
        }
    }
}

/// The first of the ports that systems give to those who ask for none in particular.
const FIRST_OWN_PORT: u16 = 49_152;
