//! The network and its clock: everything of a world but its nodes.
//!
//! One queue of [`Action`]s; working one off changes links, hosts and the bus and puts [`Letter`]s for nodes
//! into `pending`, which the world delivers one by one before the next action. Nothing here calls a node, so
//! nothing here can be entered twice.

mod dial;
mod ends;
mod flow;
mod orders;
mod ways;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::bus::{Bus, BusAction};
use crate::datagrams::Datagrams;
use crate::event::{Break, DialFailure, Event};
use crate::fault::{Effect, FaultCounts};
use crate::host::{Host, HostId, HostSpec};
use crate::link::{Conn, Links};
use crate::profile::{BusProfile, DatagramProfile, LinkProfile};
use crate::queue::Queue;
use crate::rng::Seed;
use crate::time::Time;
use crate::trace::{Keep, Trace, What};

pub(crate) use flow::Load;
pub(crate) use orders::Undo;

/// What a world is made of, apart from its hosts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Everything random follows from it.
    pub seed: u64,
    /// The network of hosts that have none of their own.
    pub link: LinkProfile,
    /// The discovery bus.
    pub bus: BusProfile,
    /// What becomes of datagrams.
    pub datagrams: DatagramProfile,
    /// How long a dial without an answer lasts.
    pub dial_timeout: Duration,
    /// How long undeliverable bytes are kept trying before the sender's end breaks. There are no keep-alives:
    /// a silent link on which nobody writes stays open for ever.
    pub give_up: Duration,
    /// How much of the trace is kept as text.
    pub keep: Keep,
    /// What wall clocks show at the beginning.
    pub epoch: SystemTime,
}

impl Settings {
    /// A calm wired network; dials time out after 21 s, undeliverable bytes after 60 s.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            link: LinkProfile::lan(),
            bus: BusProfile::calm(),
            datagrams: DatagramProfile::calm(),
            dial_timeout: Duration::from_secs(21),
            give_up: Duration::from_secs(60),
            keep: Keep::Nothing,
            epoch: SystemTime::UNIX_EPOCH + Duration::from_hours(490_896),
        }
    }
}

/// Something to do at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    /// A dial reaches, or does not reach, the other machine.
    Syn {
        conn: Conn,
        attempt: u32,
    },
    /// The dialler hears that it is open.
    SynAck {
        conn: Conn,
    },
    DialFails {
        conn: Conn,
        why: DialFailure,
    },
    /// The front segments on the way to this end arrive.
    Arrive {
        to: Conn,
    },
    Writable {
        conn: Conn,
    },
    /// A machine answers that it knows no such link; lost where the way is cut.
    Rst {
        conn: Conn,
    },
    /// An end breaks whatever the way is.
    Break {
        conn: Conn,
        why: Break,
    },
    GiveUp {
        to: Conn,
        stamp: u32,
    },
    Wake {
        host: HostId,
    },
    /// A host that was busy looks at what waits.
    Drain {
        host: HostId,
    },
    Deferred {
        host: HostId,
        boot: u32,
        token: u64,
    },
    Boot {
        host: HostId,
        boot: u32,
    },
    Bus(BusAction),
    Datagram {
        slot: u32,
    },
    Undo {
        id: u32,
    },
}

/// An event for a node.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) host: HostId,
    pub(crate) boot: u32,
    pub(crate) event: Event,
}

#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) now: Time,
    pub(crate) queue: Queue<Action>,
    pub(crate) hosts: Vec<Host>,
    pub(crate) links: Links,
    pub(crate) bus: Bus,
    pub(crate) datagrams: Datagrams,
    pub(crate) trace: Trace,
    pub(crate) counts: FaultCounts,
    pub(crate) settings: Settings,
    pub(crate) seed: Seed,
    pub(crate) pending: VecDeque<Letter>,
    pub(crate) undo: BTreeMap<u32, Undo>,
    routes: HashMap<IpAddr, HostId>,
    /// Receiving ends whose segments stand still.
    stuck: Vec<Conn>,
    /// One bit per open partition.
    open_partitions: u64,
    orders: u32,
}

impl Net {
    pub(crate) fn new(settings: Settings) -> Self {
        let seed = Seed::new(settings.seed);
        Self {
            now: Time::ZERO,
            queue: Queue::new(),
            hosts: Vec::new(),
            links: Links::default(),
            bus: Bus::default(),
            datagrams: Datagrams::default(),
            trace: Trace::new(settings.keep),
            counts: FaultCounts::default(),
            seed,
            settings,
            pending: VecDeque::new(),
            undo: BTreeMap::new(),
            routes: HashMap::new(),
            stuck: Vec::new(),
            open_partitions: 0,
            orders: 0,
        }
    }

    pub(crate) fn add_host(&mut self, spec: HostSpec) -> HostId {
        let id = HostId(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX));
        let host = Host::new(id, spec, &self.settings.link, self.seed);
        for address in host.addresses.iter().filter(|address| !address.dead) {
            self.routes.entry(address.ip).or_insert(id);
        }
        self.trace.name_host(host.name.clone());
        self.bus.add_host(host.domain, id);
        self.hosts.push(host);
        id
    }

    /// Which host has an address.
    pub(crate) fn host_at(&self, ip: IpAddr) -> Option<HostId> {
        self.routes.get(&ip).copied()
    }

    pub(crate) fn host(&self, id: HostId) -> Option<&Host> {
        self.hosts.get(id.index())
    }

    pub(crate) fn host_mut(&mut self, id: HostId) -> Option<&mut Host> {
        self.hosts.get_mut(id.index())
    }

    /// The time as the host's node sees it: later than the world's by what its disk took since the event.
    pub(crate) fn local_now(&self, host: HostId) -> Time {
        self.now + self.host(host).map_or(Duration::ZERO, |host| host.disk.spent())
    }

    /// Puts an event into the host's letters, if its node runs.
    pub(crate) fn tell(&mut self, host: HostId, event: Event) {
        if let Some(there) = self.host(host).filter(|there| there.is_running()) {
            let boot = there.boot;
            self.pending.push_back(Letter { host, boot, event });
        }
    }

    pub(crate) fn record(&mut self, host: Option<HostId>, what: What) {
        self.trace.record(self.now, host, what);
    }

    pub(crate) fn count(&mut self, effect: Effect) {
        self.counts.count(effect, 1);
    }

    /// Works off an action. Wake-ups, drains and boots need the nodes and are the world's.
    pub(crate) fn process(&mut self, action: Action) {
        match action {
            Action::Syn { conn, attempt } => self.syn(conn, attempt),
            Action::SynAck { conn } => self.syn_ack(conn),
            Action::DialFails { conn, why } => self.dial_fails(conn, why),
            Action::Arrive { to } => self.arrive(to),
            Action::Writable { conn } => self.writable(conn),
            Action::Rst { conn } => self.rst(conn),
            Action::Break { conn, why } => self.break_end(conn, why),
            Action::GiveUp { to, stamp } => self.give_up(to, stamp),
            Action::Deferred { host, boot, token } => {
                if self.host(host).is_some_and(|there| there.boot == boot) {
                    self.record(Some(host), What::Deferred { token });
                    self.tell(host, Event::Deferred { token });
                }
            }
            Action::Bus(action) => self.bus_action(action),
            Action::Datagram { slot } => self.datagram_arrives(slot),
            Action::Undo { id } => self.end_fault(id),
            Action::Wake { .. } | Action::Drain { .. } | Action::Boot { .. } => {}
        }
    }

    /// Adds an end to its host's list.
    fn list_conn(&mut self, host: HostId, conn: Conn) {
        let Some(there) = self.hosts.get_mut(host.index()) else { return };
        let place = u32::try_from(there.conns.len()).unwrap_or(u32::MAX);
        there.conns.push(conn);
        if let Some(link) = self.links.get_mut(conn) {
            link.ends_mut(conn).0.place = place;
        }
    }

    /// Takes an end off its host's list.
    fn unlist_conn(&mut self, conn: Conn) {
        let Some((host, place)) =
            self.links.get(conn).map(|link| link.ends(conn).0).map(|end| (end.host, end.place))
        else {
            return;
        };
        let Some(there) = host.and_then(|host| self.hosts.get_mut(host.index())) else { return };
        if there.conns.get(place as usize) != Some(&conn) {
            return;
        }
        there.conns.swap_remove(place as usize);
        if let Some(moved) = there.conns.get(place as usize).copied()
            && let Some(link) = self.links.get_mut(moved)
        {
            link.ends_mut(moved).0.place = place;
        }
    }
}
