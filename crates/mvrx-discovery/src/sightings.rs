//! The table of sightings: what one discovery heard, as one entry per station. Pure; every backend that hears announcements uses it.
//!
//! It turns [`Observation`]s (one resolved announcement each) into [`DiscoveryEvent`]s. It deliberately does not know packets, sockets or
//! time: what "since" means is a generation, a number that the backend raises when it forgets what it cached and asks anew.
//!
//! Names are not keys. libMVRgdtf, BlenderDMX and mvr-gdtf announce all stations of a group under one instance name, so:
//! * an entry is keyed by TXT StationUUID; without one by instance name, SRV host and port;
//! * an entry keeps all [`Source`]s (instance and host) it was heard under, and its addresses are those of all;
//! * a removal of a **shared** name says nothing about any of its stations: the backend asks anew, and who does not answer in that
//!   generation is gone ([`Sightings::sweep`]);
//! * a removal of a name of its own is believed;
//! * a bridge does not see whom it stands in for itself: beside an outdated announcement of the station its own stand-in would look like the
//!   station.
//!
//! Limits: [`Limits::sightings`], [`Limits::names_per_sighting`], [`Limits::addresses_per_sighting`], [`Limits::text_bytes`].

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use mvrx_message::{BridgeMark, StationUuid, Txt};

use crate::address::{self, LocalNetwork};
use crate::instance::without_service_type;
use crate::queue::EventQueue;
use crate::{
    DiscoveryEvent, DiscoveryProblem, InstanceName, InstanceNameError, InstanceShape, Limits, SightingKey,
    UnusableReason,
};

mod entry;

use entry::{Entry, Source};

/// One announcement, resolved: the records of one SRV owner.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    /// The SRV owner, labels joined by dots.
    pub(crate) owner: String,
    /// What it says of station and group.
    pub(crate) name: Result<InstanceName, InstanceNameError>,
    /// The TXT record.
    pub(crate) txt: Txt,
    /// The SRV target.
    pub(crate) host: String,
    /// The SRV port.
    pub(crate) port: u16,
    /// The target's addresses with the SRV port, link-local ones with the scope they were heard on.
    pub(crate) addresses: Vec<SocketAddr>,
    /// Whether it was heard from this host.
    pub(crate) same_host: bool,
    /// Whether the backend keeps apart what stations of one name say, so that these addresses are this station's and all it has.
    pub(crate) exact: bool,
}

/// An observation that is over.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) owner: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) station: Option<StationUuid>,
}

/// What became of an observation, where the backend has to act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observed {
    Noted,
    /// Another station announces the instance name that we announce.
    Namesake,
}

/// What a removal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Believed,
    /// Several stations have the name: ask anew.
    Shared,
    Unknown,
}

/// How to look whether a sighting is still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Suspicion {
    Unknown,
    /// These names are its own: ask for each.
    Verify(Vec<String>),
    /// Others answer to its name: ask for all.
    AskAll,
}

#[derive(Debug)]
pub(crate) struct Sightings {
    limits: Limits,
    entries: HashMap<SightingKey, Entry>,
    own: Option<Own>,
    networks: Vec<LocalNetwork>,
    /// Counts observations: the order in which things were heard.
    clock: u64,
    /// Who was never confirmed, by when it was last heard.
    unconfirmed: BTreeMap<u64, SightingKey>,
    full_told: bool,
    unusable_told: Option<String>,
}

/// What we announce and announced.
#[derive(Debug)]
struct Own {
    station: StationUuid,
    /// One, or two while the group is changed.
    instances: Vec<String>,
    /// The ports of ours, newest last.
    ports: Vec<u16>,
}

impl Sightings {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: HashMap::new(),
            own: None,
            networks: Vec::new(),
            clock: 0,
            unconfirmed: BTreeMap::new(),
            full_told: false,
            unusable_told: None,
        }
    }

    pub(crate) fn set_networks(&mut self, networks: Vec<LocalNetwork>) {
        self.networks = networks;
    }

    /// From now on this is us: not a sighting, and whoever else has this instance name is a namesake.
    // req: DIS-NOT-OURSELVES
    pub(crate) fn set_own(
        &mut self,
        station: StationUuid,
        instances: &[&str],
        port: u16,
        out: &mut EventQueue,
    ) {
        let instances = instances.iter().map(|instance| instance.to_lowercase()).collect();
        let mut ports = match self.own.take() {
            Some(own) if own.station == station => own.ports,
            _ => Vec::new(),
        };
        ports.retain(|known| *known != port);
        ports.push(port);
        let surplus = ports.len().saturating_sub(OWN_PORTS);
        ports.drain(..surplus);
        self.own = Some(Own { station, instances, ports });
        self.vanish(&SightingKey::Station(station), out);
    }

    /// Nothing of ours is announced any more; stragglers are still ours.
    pub(crate) fn withdraw_own(&mut self) {
        if let Some(own) = &mut self.own {
            own.instances.clear();
        }
    }

    /// Whether it is our StationUUID.
    pub(crate) fn is_own(&self, station: Option<StationUuid>) -> bool {
        station.is_some() && self.own.as_ref().map(|own| own.station) == station
    }

    /// Whether we are a bridge, and stand in for this one.
    // req: BRG-19
    fn is_brought_by_us(&self, txt: &Txt) -> bool {
        match txt.ours.and_then(|ours| ours.bridge) {
            Some(BridgeMark::StandIn { bridge }) => self.is_own(Some(bridge)),
            _ => false,
        }
    }

    // req: DIS-KEY
    pub(crate) fn observe(
        &mut self,
        observation: &Observation,
        generation: u64,
        out: &mut EventQueue,
    ) -> Observed {
        self.clock += 1;
        let source = match self.source(observation, generation) {
            Ok(source) => source,
            Err(reason) => {
                self.unusable(&observation.owner, reason, out);
                return Observed::Noted;
            }
        };
        if self.is_own(observation.txt.station) {
            self.check_own(observation, &source, out);
            return Observed::Noted;
        }
        let place = place_key(&source, observation.port);
        let key = match observation.txt.station {
            Some(station) => {
                // The same announcement was heard before its TXT record was.
                self.vanish(&place, out);
                if self.is_brought_by_us(&observation.txt) {
                    return Observed::Noted;
                }
                SightingKey::Station(station)
            }
            None if self.is_known_in_part(observation, &source, generation) => return Observed::Noted,
            None => place,
        };
        let namesake = self.is_namesake(observation, &source);
        self.note(&key, source, out);
        if namesake { Observed::Namesake } else { Observed::Noted }
    }

    /// The announcement of this SRV owner is gone, says the backend.
    // req: DIS-SHARED-REMOVAL
    pub(crate) fn removed(&mut self, owner: &str, out: &mut EventQueue) -> Removal {
        let having: Vec<SightingKey> = self.having(owner).cloned().collect();
        let Some(key) = having.first() else { return Removal::Unknown };
        if self.is_shared(owner) {
            return Removal::Shared;
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.sources.retain(|source| !same_name(&source.owner, owner));
        }
        self.tell(key, out);
        Removal::Believed
    }

    /// This observation, of one station for sure, is over.
    pub(crate) fn lost(&mut self, gone: &Gone, out: &mut EventQueue) {
        let Gone { owner, host, port, station } = gone;
        let host = host.to_lowercase();
        let key = match station {
            Some(station) => SightingKey::Station(*station),
            None => SightingKey::Place { instance: lower_instance(owner), host: host.clone(), port: *port },
        };
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.sources.retain(|source| !source.is_of(owner, &host));
        }
        self.tell(&key, out);
    }

    /// What was not heard in `generation` or later is gone.
    pub(crate) fn sweep(&mut self, generation: u64, out: &mut EventQueue) {
        let mut touched = Vec::new();
        for (key, entry) in &mut self.entries {
            let before = entry.sources.len();
            entry.sources.retain(|source| source.generation >= generation);
            if entry.sources.len() < before {
                touched.push(key.clone());
            }
        }
        touched.sort_unstable();
        for key in touched {
            self.tell(&key, out);
        }
    }

    /// Whether there is a station whose goodbye would not be noticed, as others answer to its name.
    pub(crate) fn has_shared(&self) -> bool {
        let mut whose: HashMap<String, &SightingKey> = HashMap::new();
        let all = self
            .entries
            .iter()
            .flat_map(|(key, entry)| entry.sources.iter().map(move |source| (key, source)));
        for (key, source) in all {
            let bare = source.name.shape == InstanceShape::GroupOnly;
            if bare || *whose.entry(source.owner.to_ascii_lowercase()).or_insert(key) != key {
                return true;
            }
        }
        false
    }

    pub(crate) fn suspect(&mut self, key: &SightingKey) -> Suspicion {
        let Some(entry) = self.entries.get_mut(key) else { return Suspicion::Unknown };
        entry.confirmed = false;
        self.unconfirmed.insert(entry.heard, key.clone());
        let owners: Vec<String> = entry.sources.iter().map(|source| source.owner.clone()).collect();
        if owners.iter().any(|owner| self.is_shared(owner)) {
            Suspicion::AskAll
        } else {
            Suspicion::Verify(owners)
        }
    }

    pub(crate) fn confirm(&mut self, key: &SightingKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.confirmed = true;
            self.unconfirmed.remove(&entry.heard);
        }
    }

    fn source(&self, observation: &Observation, generation: u64) -> Result<Source, UnusableReason> {
        let Observation { owner, name, txt, host, port, addresses, same_host, exact } = observation;
        let called = txt.station_name.as_deref().unwrap_or_default();
        if [owner.as_str(), host, called].iter().any(|text| text.len() > self.limits.text_bytes) {
            return Err(UnusableReason::TooLong);
        }
        let name = name.clone().map_err(|error| match error {
            InstanceNameError::OtherServiceType => UnusableReason::OtherService,
            _ => UnusableReason::NoGroup,
        })?;
        if *port == 0 {
            return Err(UnusableReason::NoPort);
        }
        let mut addresses = address::usable(addresses.iter().copied(), *same_host, &self.networks);
        addresses.truncate(self.limits.addresses_per_sighting);
        if addresses.is_empty() {
            return Err(UnusableReason::NoReachableAddress);
        }
        let (owner, host) = (owner.clone(), host.to_lowercase());
        let (txt, exact) = (txt.clone(), *exact);
        Ok(Source { owner, host, name, txt, addresses, exact, changed: self.clock, generation })
    }

    fn note(&mut self, key: &SightingKey, source: Source, out: &mut EventQueue) {
        if !self.entries.contains_key(key) && !self.make_room(out) {
            return;
        }
        let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry::new(key.clone()));
        self.unconfirmed.remove(&entry.heard);
        entry.heard = self.clock;
        if !entry.confirmed {
            self.unconfirmed.insert(entry.heard, key.clone());
        }
        entry.merge(source, &self.limits);
        self.tell(key, out);
    }

    /// Tells the entry if what is known of it changed; ends it if nothing is.
    fn tell(&mut self, key: &SightingKey, out: &mut EventQueue) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if entry.sources.is_empty() {
            return self.vanish(key, out);
        }
        let now = entry.sighting(key, &self.limits, &self.networks);
        if now != entry.told {
            entry.told = now.clone();
            out.push(DiscoveryEvent::Sighted(now));
        }
    }

    fn vanish(&mut self, key: &SightingKey, out: &mut EventQueue) {
        if let Some(entry) = self.entries.remove(key) {
            self.unconfirmed.remove(&entry.heard);
            self.full_told &= self.entries.len() >= self.limits.sightings;
            out.push(DiscoveryEvent::Vanished { key: key.clone() });
        }
    }

    // req: DIS-FLOOD
    fn make_room(&mut self, out: &mut EventQueue) -> bool {
        if self.entries.len() < self.limits.sightings {
            return true;
        }
        if !std::mem::replace(&mut self.full_told, true) {
            out.problem(DiscoveryProblem::TooManySightings { limit: self.limits.sightings });
        }
        let Some(key) = self.unconfirmed.first_key_value().map(|(_, key)| key.clone()) else { return false };
        self.vanish(&key, out);
        self.full_told = true;
        true
    }

    /// Our own announcements come back to us, some under names that the responder made of ours. On another host or port they are
    /// somebody else's.
    fn check_own(&mut self, observation: &Observation, source: &Source, out: &mut EventQueue) {
        let ours = self.own.as_ref().is_some_and(|own| own.ports.contains(&observation.port));
        if ours && observation.same_host {
            return;
        }
        // A bridge stood in for us elsewhere until now: it goes when it sees us.
        // req: BRG-04
        if observation.txt.ours.is_some_and(|ours| matches!(ours.bridge, Some(BridgeMark::StandIn { .. }))) {
            return;
        }
        let instance = instance_of(&source.owner).to_owned();
        if self.unusable_told.as_ref() != Some(&instance) {
            self.unusable_told = Some(instance.clone());
            out.problem(DiscoveryProblem::OwnUuidElsewhere { instance, addresses: source.addresses.clone() });
        }
    }

    /// Whether it is an announcement already known, ours or another's, heard without its TXT record this time.
    fn is_known_in_part(&mut self, observation: &Observation, source: &Source, generation: u64) -> bool {
        let own = self.own.as_ref().is_some_and(|own| {
            own.ports.contains(&observation.port) && own.instances.contains(&lower_instance(&source.owner))
        });
        if own && observation.same_host {
            return true;
        }
        if self.is_shared(&source.owner) {
            return false;
        }
        let all = self.entries.values_mut().flat_map(|entry| &mut entry.sources);
        let mut known = all.filter(|s| s.is_of(&source.owner, &source.host) && s.txt.station.is_some());
        let Some(known) = known.next() else { return false };
        known.generation = known.generation.max(generation);
        true
    }

    fn is_namesake(&self, observation: &Observation, source: &Source) -> bool {
        let instance = lower_instance(&source.owner);
        let ours = self.own.as_ref().is_some_and(|own| own.instances.contains(&instance));
        // Without a TXT record it may be our own announcement, heard in part.
        observation.txt.station.is_some() && ours
    }

    fn having<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a SightingKey> + 'a {
        let has = move |entry: &Entry| entry.sources.iter().any(|source| same_name(&source.owner, owner));
        self.entries.iter().filter(move |(_, entry)| has(entry)).map(|(key, _)| key)
    }

    fn is_shared(&self, owner: &str) -> bool {
        let bare = InstanceName::read(owner).is_ok_and(|name| name.shape == InstanceShape::GroupOnly);
        bare || self.having(owner).nth(1).is_some()
    }

    /// Tells an announcement of no use, each only once in a row: some are repeated every few seconds.
    fn unusable(&mut self, owner: &str, reason: UnusableReason, out: &mut EventQueue) {
        let instance = cut(instance_of(owner), self.limits.text_bytes).to_owned();
        if self.unusable_told.as_ref() != Some(&instance) {
            self.unusable_told = Some(instance.clone());
            out.problem(DiscoveryProblem::AnnouncementUnusable { instance, reason });
        }
    }
}

fn place_key(source: &Source, port: u16) -> SightingKey {
    SightingKey::Place {
        instance: instance_of(&source.owner).to_lowercase(),
        host: source.host.clone(),
        port,
    }
}

fn lower_instance(owner: &str) -> String {
    instance_of(owner).to_lowercase()
}

fn instance_of(owner: &str) -> &str {
    without_service_type(owner).unwrap_or(owner)
}

fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// So many ports of our own are remembered; a straggler with an older one would be taken for another station with our StationUUID.
const OWN_PORTS: usize = 16;

#[cfg(test)]
mod tests;
