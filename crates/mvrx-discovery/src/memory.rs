//! [`MemoryBus`]: stations of one process that see each other without a network, for tests and simulations.
//!
//! What one member advertises the others see at once, in the order in which it happened, and a late member sees what is advertised in
//! the order in which it was. Nothing here reads a clock or a random number, so a test that polls in a fixed order sees the same every
//! time. The bus can be as unreliable as a network: it holds events back ([`hold`](MemoryBus::hold)), repeats them
//! ([`repeat`](MemoryBus::repeat)), lets a station die without a goodbye ([`crash`](MemoryBus::crash)) and says what was never true
//! ([`inject`](MemoryBus::inject)).
//!
//! A member's address is made of the IP address it is attached with and its advertised port; who listens there is the transport's affair.
//!
//! ```
//! use mvrx_discovery::{Advertisement, Discovery, DiscoveryEvent, MemoryBus};
//! use mvrx_message::{GroupName, StationUuid};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let bus = MemoryBus::new();
//! let (mut desk, mut hub) = (bus.attach([10, 0, 0, 1].into()), bus.attach([10, 0, 0, 2].into()));
//! let station = StationUuid::from_random_bytes([7; 16]);
//! desk.advertise(&Advertisement::new(GroupName::create("Default").unwrap(), station, "Desk", 42424)).unwrap();
//! let Some(DiscoveryEvent::Sighted(sighting)) = hub.next().await else { panic!() };
//! assert_eq!(sighting.addresses, [([10, 0, 0, 1], 42424).into()]);
//! # }
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mvrx_message::{BridgeMark, Ours, StationUuid};
use tokio::sync::Notify;

use crate::instance::Announced;
use crate::queue::EventQueue;
use crate::{
    Advertisement, BoxFuture, Discovery, DiscoveryError, DiscoveryEvent, DiscoveryProblem, Limits, Sighting,
    SightingKey,
};

/// The network of some [`MemoryDiscovery`]s. Cheap to clone; all clones are one bus.
#[derive(Debug, Clone, Default)]
pub struct MemoryBus {
    bus: Arc<Mutex<Bus>>,
}

#[derive(Debug, Default)]
struct Bus {
    limits: Limits,
    members: BTreeMap<u64, Member>,
    /// Who advertises what, in the order in which it was said.
    present: Vec<(u64, Sighting)>,
    attached: u64,
    /// What [`MemoryBus::hold`] holds back, and for whom.
    held: Option<VecDeque<(u64, DiscoveryEvent)>>,
}

#[derive(Debug)]
struct Member {
    host: IpAddr,
    /// What it advertises: the first, and perhaps a second group.
    own: Vec<Advertisement>,
    events: EventQueue,
    /// There is one who waits: the owner of the [`MemoryDiscovery`].
    news: Arc<Notify>,
}

impl MemoryBus {
    /// An empty bus.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty bus with these limits.
    #[must_use]
    pub fn with_limits(limits: Limits) -> Self {
        Self { bus: Arc::new(Mutex::new(Bus { limits, ..Bus::default() })) }
    }

    /// Another member, on the host of this address. It sees what is advertised already.
    #[must_use]
    pub fn attach(&self, host: IpAddr) -> MemoryDiscovery {
        let mut bus = self.lock();
        bus.attached += 1;
        let member = bus.attached;
        let news = Arc::new(Notify::new());
        let events = EventQueue::new(bus.limits.queued_events);
        bus.members.insert(member, Member { host, own: Vec::new(), events, news: Arc::clone(&news) });
        let present: Vec<Sighting> = bus.present.iter().map(|(_, sighting)| sighting.clone()).collect();
        for sighting in present {
            bus.deliver(member, DiscoveryEvent::Sighted(sighting));
        }
        MemoryDiscovery { bus: self.clone(), member, news }
    }

    /// Gives every member this event as it is: a stale sighting, a station that never was, a problem.
    pub fn inject(&self, event: &DiscoveryEvent) {
        let mut bus = self.lock();
        let members: Vec<u64> = bus.members.keys().copied().collect();
        for member in members {
            bus.deliver(member, event.clone());
        }
    }

    /// Shows everybody again what is advertised now.
    pub fn repeat(&self) {
        let mut bus = self.lock();
        for (from, sighting) in bus.present.clone() {
            bus.show_others(from, &sighting);
        }
    }

    /// From now on nothing reaches anybody, until [`release`](Self::release).
    pub fn hold(&self) {
        self.lock().held.get_or_insert_default();
    }

    /// What was held back arrives now, late but in order.
    pub fn release(&self) {
        let mut bus = self.lock();
        for (member, event) in bus.held.take().unwrap_or_default() {
            bus.deliver(member, event);
        }
    }

    /// This station no longer answers, and said no goodbye: others keep its sighting until they suspect it. Tells whether it was there.
    pub fn crash(&self, station: StationUuid) -> bool {
        let mut bus = self.lock();
        let before = bus.present.len();
        bus.present.retain(|(_, sighting)| sighting.station != Some(station));
        bus.present.len() < before
    }

    fn lock(&self) -> MutexGuard<'_, Bus> {
        // Every change is whole before anything in it could panic.
        self.bus.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bus {
    fn advertise(&mut self, member: u64, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        Announced::of(advertisement)?;
        let Some(of) = self.members.get(&member) else { return Err(DiscoveryError::ResponderStopped) };
        if of.own.iter().any(|own| own.station != advertisement.station) {
            self.withdraw(member);
        }
        if let Some(of) = self.members.get_mut(&member) {
            of.own = vec![advertisement.clone()];
        }
        self.show(member)
    }

    fn advertise_also(&mut self, member: u64, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        Announced::of(advertisement)?;
        let present = self.present.iter().any(|(from, _)| *from == member);
        let own = self.members.get_mut(&member).filter(|_| present).map(|member| &mut member.own);
        let Some(own) = own.filter(|own| !own.is_empty()) else {
            return Err(DiscoveryError::NothingAdvertised);
        };
        own.truncate(1);
        own.push(advertisement.clone());
        self.show(member)
    }

    /// Shows everybody what a member advertises now, the newest of it first.
    fn show(&mut self, member: u64) -> Result<(), DiscoveryError> {
        let Some(of) = self.members.get(&member) else { return Err(DiscoveryError::ResponderStopped) };
        let Some(newest) = of.own.last() else { return Ok(()) };
        let announced = Announced::of(newest)?;
        let others =
            of.own.iter().map(|own| own.group.as_str()).filter(|group| *group != newest.group.as_str());
        let sighting = Sighting {
            key: SightingKey::Station(newest.station),
            station: Some(newest.station),
            station_name: Some(newest.station_name.clone()),
            group: Some(newest.group.as_str().to_owned()),
            also_in: others.map(str::to_owned).collect(),
            addresses: vec![SocketAddr::new(of.host, announced.port)],
            instance: Some(announced.instance),
            ours: Some(Ours::CURRENT.with_bridge(newest.bridge)),
        };
        self.present.retain(|(from, _)| *from != member);
        if self.present.len() >= self.limits.sightings {
            let limit = self.limits.sightings;
            self.tell_others(member, &DiscoveryEvent::Problem(DiscoveryProblem::TooManySightings { limit }));
            return Ok(());
        }
        self.present.push((member, sighting.clone()));
        self.show_others(member, &sighting);
        Ok(())
    }

    fn show_others(&mut self, from: u64, sighting: &Sighting) {
        let best = self.with_best_mark(sighting.clone());
        for member in self.others(from) {
            if !self.is_brought_by(member, sighting) {
                self.deliver(member, DiscoveryEvent::Sighted(best.clone()));
            }
        }
    }

    /// Whether a member is a bridge, and stands in for this one.
    // req: BRG-19
    fn is_brought_by(&self, member: u64, sighting: &Sighting) -> bool {
        let own = self.members.get(&member).and_then(|member| member.own.first());
        let by = |own: &Advertisement| Some(BridgeMark::StandIn { bridge: own.station });
        own.is_some_and(|own| sighting.ours.and_then(|ours| ours.bridge) == by(own))
    }

    /// What a station itself says, and not what a bridge says that stands in for it; of several bridges, the lowest.
    fn with_best_mark(&self, sighting: Sighting) -> Sighting {
        let same = self.present.iter().filter(|(_, other)| other.key == sighting.key);
        let ours = same.filter_map(|(_, other)| other.ours).min_by_key(|ours| ours.bridge);
        Sighting { ours: ours.or(sighting.ours), ..sighting }
    }

    fn withdraw(&mut self, member: u64) {
        if let Some(of) = self.members.get_mut(&member) {
            of.own.clear();
        }
        let Some(at) = self.present.iter().position(|(from, _)| *from == member) else { return };
        let (_, gone) = self.present.remove(at);
        for other in self.others(member) {
            // Two members with one StationUUID: the other one is what is left to see.
            let same =
                |sighting: &&Sighting| sighting.key == gone.key && !self.is_brought_by(other, sighting);
            let left = self.present.iter().map(|(_, sighting)| sighting).find(same);
            let left = left.map(|left| DiscoveryEvent::Sighted(self.with_best_mark(left.clone())));
            self.deliver(other, left.unwrap_or(DiscoveryEvent::Vanished { key: gone.key.clone() }));
        }
    }

    fn suspect(&mut self, member: u64, key: &SightingKey) {
        if !self.present.iter().any(|(_, sighting)| sighting.key == *key) {
            self.deliver(member, DiscoveryEvent::Vanished { key: key.clone() });
        }
    }

    fn detach(&mut self, member: u64) {
        self.withdraw(member);
        self.members.remove(&member);
    }

    fn others(&self, from: u64) -> Vec<u64> {
        self.members.keys().copied().filter(|member| *member != from).collect()
    }

    fn tell_others(&mut self, from: u64, event: &DiscoveryEvent) {
        for member in self.others(from) {
            self.deliver(member, event.clone());
        }
    }

    fn deliver(&mut self, member: u64, event: DiscoveryEvent) {
        if let Some(held) = &mut self.held {
            // The queue it comes from is bounded as well, so more than that would be lost there.
            if held.len() < self.limits.queued_events.saturating_mul(self.members.len()) {
                held.push_back((member, event));
            }
            return;
        }
        if let Some(member) = self.members.get_mut(&member) {
            member.events.push(event);
            member.news.notify_one();
        }
    }
}

/// One member of a [`MemoryBus`]. Dropped, it says goodbye.
#[derive(Debug)]
pub struct MemoryDiscovery {
    bus: MemoryBus,
    member: u64,
    news: Arc<Notify>,
}

impl Discovery for MemoryDiscovery {
    fn advertise(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        self.bus.lock().advertise(self.member, advertisement)
    }

    fn advertise_also(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        self.bus.lock().advertise_also(self.member, advertisement)
    }

    fn withdraw(&mut self) {
        self.bus.lock().withdraw(self.member);
    }

    fn next(&mut self) -> BoxFuture<'_, Option<DiscoveryEvent>> {
        Box::pin(async {
            loop {
                let event =
                    self.bus.lock().members.get_mut(&self.member).and_then(|member| member.events.pop());
                if event.is_some() {
                    return event;
                }
                // A permit is kept when the news came before we wait.
                self.news.notified().await;
            }
        })
    }

    fn suspect(&mut self, key: &SightingKey) {
        self.bus.lock().suspect(self.member, key);
    }

    fn shutdown(self: Box<Self>) -> BoxFuture<'static, ()> {
        drop(self);
        Box::pin(future::ready(()))
    }
}

impl Drop for MemoryDiscovery {
    fn drop(&mut self) {
        self.bus.lock().detach(self.member);
    }
}

#[cfg(test)]
mod tests;
