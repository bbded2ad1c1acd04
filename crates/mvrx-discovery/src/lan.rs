//! [`LanDiscovery`]: stations found and announced by multicast DNS, by [`lan_mdns`].
//!
//! ```text
//!  network ⇄ Sockets ⇄ lan_mdns::Mdns ─ Found, Lost ─► heard ─► Sightings ─► next()
//!  interfaces, clock ─ every 2 s ─► links up, gone, woken
//!                      Mdns ◄── advertise, withdraw, suspect, confirm
//! ```
//! It announces the instance `Station.Group` as **two labels** under `_mvrxchange._tcp.local.`; the group's own type
//! `Group._mvrxchange._tcp.local.` points to the same instance. Table 65 is the TXT record. It looks for both types. What the names of others
//! mean is [`InstanceName`](crate::InstanceName)'s, who is who the table of sightings'. It deliberately does not know groups to join: it
//! shows all.
//!
//! Rules the caller keeps: those of [`Discovery`](crate::Discovery); it is started anywhere, but [`next`](crate::Discovery::next) is polled
//! within one tokio runtime with time and net enabled. It has no thread but the runtime's blocking ones, which ask the system for its
//! interfaces: while nobody waits in `next`, nothing is answered.
//!
//! Limits: [`MdnsOptions::limits`] bounds the sightings, `lan_mdns`'s limits the records behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use lan_mdns::wire::MESSAGE_BYTES;
use lan_mdns::{Asking, Config, Input, LinkId, Lost, Mdns, Name, Output, Role, SeenId, Service, ServiceId};
use mvrx_message::SERVICE_TYPE;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::instance::{Announced, check_group};
use crate::mdns::MdnsOptions;
use crate::queue::EventQueue;
use crate::sightings::Sightings;
use crate::{
    Advertisement, DiscoveryError, DiscoveryEvent, DiscoveryProblem, InstanceName, InstanceShape,
    SightingKey, UnusableReason,
};

mod discovery;
mod groups;
mod heard;
mod session;
mod sockets;
mod ways;

use groups::GroupTypes;
use heard::{Heard, Host};
use sockets::{Received, Reopened, Sockets};
use ways::Way;

/// Discovery by mDNS with this project's own responder and querier.
#[derive(Debug)]
pub struct LanDiscovery {
    options: MdnsOptions,
    mdns: Mdns,
    sockets: Sockets,
    host: Host,
    ways: BTreeMap<LinkId, Way>,
    clock: Clock,
    look_at: Instant,
    /// The system is being asked for its interfaces, on a thread of its own: it may take seconds while networks come and go.
    looking: Option<JoinHandle<Option<Vec<if_addrs::Interface>>>>,
    table: Sightings,
    sessions: session::Sessions,
    queue: EventQueue,
    heard: Heard,
    /// Who said goodbye under a name that others have as well: believed only if nobody answers for it by then.
    doubted: Vec<(SeenId, Instant)>,
    /// What is announced: nothing, or one, and a second one while the group is changed.
    own: Vec<Own>,
    groups: GroupTypes,
    /// Stations without an address that were told.
    no_address_told: BTreeSet<String>,
    /// Which families were told not to be heard, IPv4 and IPv6.
    deaf_told: [bool; 2],
    buffer: Vec<u8>,
    stopped: bool,
}

/// A service of ours.
#[derive(Debug)]
struct Own {
    id: ServiceId,
    advertisement: Advertisement,
    /// The instance name as it is now, without the type.
    instance: String,
}

/// The machine's time, and the wall clock beside it: where they part, the host slept.
#[derive(Debug)]
struct Clock {
    began: Instant,
    looked: Instant,
    wall: SystemTime,
}

enum Woken {
    Datagram(Received),
    Looked(Option<Vec<if_addrs::Interface>>),
    Broken(String),
    Due,
}

impl LanDiscovery {
    /// Begins to look for stations.
    ///
    /// # Errors
    /// When no UDP socket can be opened. What the network does not allow comes later, as silence.
    pub fn start(options: MdnsOptions) -> Result<Self, DiscoveryError> {
        let refused = |reason: String| DiscoveryError::ResponderRefused { reason };
        let sockets = Sockets::open(options.udp_port).map_err(|error| refused(error.to_string()))?;
        let mut config = Config::default();
        config.seed = RandomState::new().build_hasher().finish();
        config.port = options.udp_port;
        config.asking = Asking {
            fast_every: options.requery.fast_every,
            fast_for: options.requery.fast_for,
            every: options.requery.every,
        };
        config.unicast_first = sockets.came_alone();
        config.identity_key = Some(IDENTITY);
        config.shared = is_shared_by_design;
        config.doubt = options.verify_timeout;
        let now = Instant::now();
        let mut this = Self {
            mdns: Mdns::new(config),
            sockets,
            host: Host::default(),
            ways: BTreeMap::new(),
            clock: Clock { began: now, looked: now, wall: SystemTime::now() },
            look_at: now,
            looking: None,
            table: Sightings::new(options.limits.clone()),
            sessions: session::Sessions::default(),
            queue: EventQueue::new(options.limits.queued_events),
            heard: Heard::default(),
            doubted: Vec::new(),
            own: Vec::new(),
            groups: GroupTypes::default(),
            no_address_told: BTreeSet::new(),
            deaf_told: [false; 2],
            buffer: vec![0; MESSAGE_BYTES + 1],
            stopped: false,
            options,
        };
        this.look_around(if_addrs::get_if_addrs().unwrap_or_default());
        let base = base_type().map_err(|error| refused(error.to_string()))?;
        this.step(Input::Browse(base));
        Ok(this)
    }

    fn now(&self) -> Duration {
        self.clock.began.elapsed()
    }

    /// Interfaces that came, went or changed, and whether the host slept.
    // req: DIS-INTERFACES, DIS-WAKE
    fn look_around(&mut self, found: Vec<if_addrs::Interface>) {
        let now = Instant::now();
        self.look_at = now + LOOK_EVERY;
        if self.clock.slept(now) {
            self.step(Input::Woke);
            self.queue.push(DiscoveryEvent::Woke);
        }
        let ways = ways::ways(&found, &self.options.interfaces);
        self.host = Host::new(found);
        self.table.set_networks(self.host.networks());
        for v6 in [false, true] {
            self.listen_again(v6, ways.values().any(|way| way.v6 == v6));
        }
        self.mdns.ask_unicast_first(self.sockets.are_alone());
        if ways == self.ways {
            return;
        }
        let before = std::mem::replace(&mut self.ways, ways);
        for (link, way) in &before {
            let now = self.ways.get(link);
            if now.is_none_or(|now| now.v4 != way.v4) {
                self.sockets.leave(way);
            }
            if now.is_none() {
                self.step(Input::LinkGone(*link));
            }
        }
        for (link, way) in self.ways.clone() {
            let known = before.get(&link);
            if known.is_none_or(|known| known.v4 != way.v4) {
                self.sockets.join(&way);
            }
            if known.is_none_or(|known| known.link != way.link) {
                self.step(Input::LinkUp(link, way.link));
            }
        }
    }

    /// A family that is not heard is tried again, and told if there is a way that needs it.
    // req: DIS-PORT-TAKEN
    fn listen_again(&mut self, v6: bool, needed: bool) {
        let family = if v6 { "IPv6" } else { "IPv4" };
        let Some(told) = self.deaf_told.get_mut(usize::from(v6)) else { return };
        match self.sockets.reopen(v6) {
            None => {}
            Some(Reopened::Heard) => {
                *told = false;
                for (link, way) in self.ways.clone().into_iter().filter(|(_, way)| way.v6 == v6) {
                    self.sockets.join(&way);
                    // As if it came now: nothing was heard of what was said there, nor was anything said.
                    self.step(Input::LinkGone(link));
                    self.step(Input::LinkUp(link, way.link));
                }
            }
            Some(Reopened::Deaf(error)) if needed && !std::mem::replace(told, true) => {
                let (port, reason) = (self.options.udp_port, error.to_string());
                self.queue.problem(DiscoveryProblem::PortTaken { port, family, reason });
            }
            Some(Reopened::Deaf(_)) => {}
        }
    }

    /// Waits for anything to happen. Cancel-safe: a datagram is taken only as the result.
    async fn wait(&mut self) -> Woken {
        let due = self.due();
        tokio::select! {
            received = self.sockets.receive(&mut self.buffer) => match received {
                Ok(received) => Woken::Datagram(received),
                Err(error) => Woken::Broken(error.to_string()),
            },
            found = answer(self.looking.as_mut()) => {
                self.looking = None;
                Woken::Looked(found)
            }
            () = sleep_until(due) => Woken::Due,
        }
    }

    fn due(&self) -> Instant {
        let machine = self.mdns.deadline().map(|at| self.clock.began + at);
        let doubted = self.doubted.iter().map(|(_, at)| *at).min();
        let look = self.looking.is_none().then_some(self.look_at);
        // There is nearly always something due; a wait too long is ended by the interfaces.
        [machine, doubted, look].into_iter().flatten().min().unwrap_or_else(|| Instant::now() + LOOK_EVERY)
    }

    fn handle(&mut self, woken: Woken) {
        match woken {
            Woken::Datagram(Received { index, v6, source, unicast, length }) => {
                let bytes = std::mem::take(&mut self.buffer);
                let link = ways::link_id(index, v6);
                let datagram = bytes.get(..length).unwrap_or_default();
                self.step(Input::Datagram { link, source, unicast, bytes: datagram });
                self.buffer = bytes;
            }
            Woken::Broken(text) => {
                self.queue.problem(DiscoveryProblem::ResponderError { text });
                self.stop();
            }
            Woken::Looked(Some(found)) => self.look_around(found),
            Woken::Looked(None) => self.look_at = Instant::now() + LOOK_EVERY,
            Woken::Due => self.on_time(),
        }
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self.look_at <= now && self.looking.is_none() {
            self.looking = Some(tokio::task::spawn_blocking(|| if_addrs::get_if_addrs().ok()));
        }
        if self.now() < LOOK_EVERY && self.sockets.came_alone() {
            // Another discovery of the same program begins at the same time, often.
            self.mdns.ask_unicast_first(self.sockets.are_alone());
        }
        self.step(Input::Time);
        let (due, later): (Vec<_>, Vec<_>) = self.doubted.drain(..).partition(|(_, at)| *at <= now);
        self.doubted = later;
        for (id, _) in due {
            self.forget(id);
        }
    }

    fn step(&mut self, input: Input<'_>) {
        let now = self.now();
        let outputs: Vec<Output> = self.mdns.step(now, input).collect();
        for output in outputs {
            match output {
                Output::Send { link, to, bytes } => {
                    if let Some(way) = self.ways.get(&link) {
                        self.sockets.send(way, to, &bytes);
                    }
                }
                Output::Found(seen) if Self::is_session(&seen.instance) => self.session_found(&seen),
                Output::Found(seen) => {
                    self.doubted.retain(|(id, _)| *id != seen.id);
                    let Some(way) = self.ways.get(&seen.link) else { continue };
                    let (observation, before) = self.heard.note(&seen, way, &self.host);
                    self.left(before);
                    self.table.observe(&observation, 0, &mut self.queue);
                    self.settle_doubts(seen.id);
                }
                // req: DIS-NO-ADDRESS
                Output::NoAddress(seen) if !Self::is_session(&seen.instance) => {
                    let (instance, reason) = (without_type(&seen.instance), UnusableReason::NoAddress);
                    // Invented ones are without number; real ones are few.
                    if self.no_address_told.len() < NO_ADDRESS
                        && self.no_address_told.insert(instance.clone())
                    {
                        self.queue.problem(DiscoveryProblem::AnnouncementUnusable { instance, reason });
                    }
                }
                Output::TypeSeen(name) => self.group_type_seen(name),
                Output::Lost { id, .. } if self.session_lost(id) => {}
                Output::Lost { id, why } => self.lost(id, why),
                Output::Renamed { service, role, from, to } => self.renamed(service, role, &from, &to),
                _ => {}
            }
        }
    }

    /// A goodbye for a name that several stations have, or may have, ends none of them by itself: all are asked anew, and who is not
    /// heard again in time is gone.
    // req: DIS-SHARED-REMOVAL
    fn lost(&mut self, id: SeenId, why: Lost) {
        if why == Lost::Goodbye && self.heard.is_shared(id) {
            let first = self.doubted.is_empty();
            self.doubted.push((id, Instant::now() + self.options.verify_timeout));
            self.step(Input::Reconfirm(id));
            if first {
                self.step(Input::Ask);
            }
        } else {
            self.forget(id);
        }
    }

    /// A doubted station that was heard again, under another number of the machine's, is not gone.
    fn settle_doubts(&mut self, id: SeenId) {
        let same: Vec<SeenId> = self.heard.same_station(id).collect();
        let settled: Vec<SeenId> =
            self.doubted.iter().map(|(d, _)| *d).filter(|d| same.contains(d)).collect();
        self.doubted.retain(|(doubted, _)| !settled.contains(doubted));
        for old in settled {
            self.forget(old);
        }
    }

    fn forget(&mut self, id: SeenId) {
        let left = self.heard.remove(id);
        self.left(left);
    }

    fn left(&mut self, left: heard::Left) {
        match left {
            heard::Left::Nothing(gone) => self.table.lost(&gone, &mut self.queue),
            heard::Left::Other(observation) => {
                self.table.observe(&observation, 0, &mut self.queue);
            }
            heard::Left::Unknown => {}
        }
    }

    fn renamed(&mut self, id: ServiceId, role: Role, from: &Name, to: &Name) {
        let Some(own) = self.own.iter_mut().find(|own| own.id == id) else { return };
        match role {
            Role::Instance => {
                let (taken, now) = (without_type(from), without_type(to));
                own.instance.clone_from(&now);
                self.note_own();
                self.queue.problem(DiscoveryProblem::InstanceNameTaken { taken, now });
            }
            Role::Host => {
                let (from, to) = (from.flat(), to.flat());
                self.queue.problem(DiscoveryProblem::HostRenamed { from, to });
            }
        }
    }

    /// Announces this in place of what `own` had, and `own` is what remains of it.
    // req: DIS-TWO-LABELS, DIS-SUBSERVICE
    fn register(&mut self, id: ServiceId, advertisement: &Advertisement, service: Service) {
        self.step(Input::Register(id, Box::new(service)));
        // The name may be another one than asked for: taken in a conflict before.
        let instance = self.mdns.names(id).map(|(instance, _)| without_type(instance)).unwrap_or_default();
        self.own.retain(|own| own.id != id);
        self.own.push(Own { id, advertisement: advertisement.clone(), instance });
        self.note_own();
        self.browse_groups();
    }

    fn take_back(&mut self, id: ServiceId) {
        self.own.retain(|own| own.id != id);
        self.step(Input::Withdraw(id));
    }

    fn note_own(&mut self) {
        let Some(Own { advertisement: Advertisement { station, port, .. }, .. }) = self.own.last() else {
            return;
        };
        let instances: Vec<&str> = self.own.iter().map(|own| own.instance.as_str()).collect();
        self.table.set_own(*station, &instances, *port, &mut self.queue);
    }

    fn of_key(&self, key: &SightingKey) -> Vec<SeenId> {
        self.heard.of_key(key).collect()
    }

    fn stop(&mut self) {
        if !std::mem::replace(&mut self.stopped, true) {
            self.queue.problem(DiscoveryProblem::ResponderStopped);
        }
    }
}

impl Clock {
    /// Whether the host slept since it was asked last: the wall clock went on and ours did not, or nobody asked for long.
    fn slept(&mut self, now: Instant) -> bool {
        let wall = SystemTime::now();
        let passed = now.saturating_duration_since(self.looked);
        let passed_on_wall = wall.duration_since(self.wall).unwrap_or_default();
        (self.looked, self.wall) = (now, wall);
        passed > SLEPT || passed_on_wall > passed + SLEPT
    }
}

/// The answer of the system; never, if it was not asked.
async fn answer(
    looking: Option<&mut JoinHandle<Option<Vec<if_addrs::Interface>>>>,
) -> Option<Vec<if_addrs::Interface>> {
    match looking {
        Some(looking) => looking.await.ok().flatten(),
        None => std::future::pending().await,
    }
}

/// Groups' names alone belong to all their stations.
fn is_shared_by_design(instance: &Name) -> bool {
    InstanceName::from_labels(instance.labels()).is_ok_and(|name| name.shape == InstanceShape::GroupOnly)
}

fn without_type(name: &Name) -> String {
    let flat = name.flat();
    flat.strip_suffix(&format!(".{SERVICE_TYPE}")).unwrap_or(&flat).to_owned()
}

/// The records of an advertisement.
// req: DIS-GROUP-UNREADABLE
fn service_of(advertisement: &Advertisement) -> Result<Service, DiscoveryError> {
    let announced = Announced::two_labels(advertisement)?;
    let refused = |error: lan_mdns::NameError| DiscoveryError::ResponderRefused { reason: error.to_string() };
    let (base, of_group) = (base_type().map_err(refused)?, group_type(advertisement).map_err(refused)?);
    let group = advertisement.group.as_str().to_owned();
    // Who would read the group as another one does not hear of it: he looks under the base type. Both are the same name.
    let (instance, service_type, also_under) = match check_group(&advertisement.group) {
        Ok(()) => (vec![announced.station_label, group], base, vec![of_group]),
        Err(_) => (vec![announced.station_label], of_group, Vec::new()),
    };
    let service = Service {
        instance,
        service_type,
        also_under,
        host: announced.host,
        port: announced.port,
        txt: announced.txt.iter().map(|(key, value)| format!("{key}={value}").into_bytes()).collect(),
    };
    Mdns::check(&service).map_err(refused)?;
    Ok(service)
}

fn group_type(advertisement: &Advertisement) -> Result<Name, lan_mdns::NameError> {
    groups::type_of(&advertisement.group)
}

fn base_type() -> Result<Name, lan_mdns::NameError> {
    Name::from_dotted(SERVICE_TYPE)
}

/// The socket address of an announced one, with the interface where it means nothing without.
fn socket_address(ip: std::net::IpAddr, port: u16, index: u32) -> SocketAddr {
    match ip {
        std::net::IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            std::net::SocketAddrV6::new(v6, port, 0, index).into()
        }
        ip => SocketAddr::new(ip, port),
    }
}

/// The services of ours: one, and another while the group is changed.
const OURS: [ServiceId; 2] = [ServiceId(1), ServiceId(2)];

/// What tells stations of one name apart.
const IDENTITY: &str = "StationUUID";

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A pause as long as this is sleep, not a slow machine.
const SLEPT: Duration = Duration::from_secs(20);

/// Stations without an address that are told of.
const NO_ADDRESS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: DIS-WAKE
    #[test]
    fn a_wall_clock_that_went_on_alone_or_a_long_pause_is_sleep() {
        let now = Instant::now();
        let clock = |wall| Clock { began: now, looked: now, wall };
        let ago = |seconds| SystemTime::now() - Duration::from_secs(seconds);
        assert!(!clock(SystemTime::now()).slept(now + Duration::from_secs(2)));
        assert!(clock(SystemTime::now()).slept(now + Duration::from_secs(3600)));
        assert!(clock(ago(3600)).slept(now + Duration::from_secs(2)));
        assert!(
            !clock(SystemTime::now() + Duration::from_secs(60)).slept(now),
            "a clock set back is no sleep"
        );
        let mut clock = clock(ago(3600));
        assert!(clock.slept(now));
        assert!(!clock.slept(now), "told once");
    }
}
