//! Sessions of WebSocket mode beside the stations: announced and browsed by the same machine, under a type of their own.

use std::collections::{BTreeMap, BTreeSet};

use lan_mdns::{Input, Mdns, Name, Seen, SeenId, Service, ServiceId};
use mvrx_message::StationUuid;

use super::{LanDiscovery, socket_address};
use crate::session::{self, SessionAdvertisement, SessionSighting};
use crate::{DiscoveryError, DiscoveryEvent};

/// The sessions seen, each as often as it is seen: on several links, say.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    all: BTreeMap<SeenId, (Name, SessionSighting)>,
    own: Option<StationUuid>,
    browsed: bool,
}

impl Sessions {
    fn of(&self, station: StationUuid) -> Option<SessionSighting> {
        let mut all = self.all.values().filter(|(_, seen)| seen.station == station);
        let (instance, last) = all.next_back()?;
        let mut whole = last.clone();
        // One host has one name on all links; another one would have been made to take another.
        let mut instances = BTreeSet::from([instance]);
        for (instance, other) in all {
            instances.insert(instance);
            whole.addresses.extend(other.addresses.iter().copied());
        }
        whole.doubles = instances.len() - 1;
        whole.addresses.sort_by_key(|address| (session::rank(address.ip()), *address));
        whole.addresses.dedup();
        whole.addresses.truncate(ADDRESSES);
        Some(whole)
    }
}

impl LanDiscovery {
    /// Whether this name is of a session.
    pub(super) fn is_session(instance: &Name) -> bool {
        session_type().is_ok_and(|kind| instance.is_within(&kind))
    }

    pub(super) fn session_found(&mut self, seen: &Seen) {
        let Some(way) = self.ways.get(&seen.link) else { return };
        let addresses = seen.addresses.iter().map(|ip| socket_address(*ip, seen.port, way.index)).collect();
        let pairs = seen.txt.iter().filter_map(|string| {
            let at = string.iter().position(|byte| *byte == b'=')?;
            Some((string.get(..at)?, string.get(at + 1..)?))
        });
        let Some(sighting) = session::read(pairs, addresses) else { return };
        let station = sighting.station;
        let full = self.sessions.all.len() >= self.options.limits.sightings;
        if Some(station) == self.sessions.own || (full && !self.sessions.all.contains_key(&seen.id)) {
            return;
        }
        let before = self.sessions.of(station);
        if let Some((_, other)) = self.sessions.all.insert(seen.id, (seen.instance.clone(), sighting))
            && other.station != station
        {
            self.tell_session(other.station, None);
        }
        self.tell_session(station, before.as_ref());
    }

    /// Whether it was a session that is no longer seen.
    pub(super) fn session_lost(&mut self, id: SeenId) -> bool {
        let Some(lost) = self.sessions.all.get(&id).map(|(_, seen)| seen.station) else { return false };
        let before = self.sessions.of(lost);
        self.sessions.all.remove(&id);
        self.tell_session(lost, before.as_ref());
        true
    }

    fn tell_session(&mut self, station: StationUuid, before: Option<&SessionSighting>) {
        match self.sessions.of(station) {
            None => self.queue.push(DiscoveryEvent::SessionVanished { station }),
            Some(now) if before != Some(&now) => self.queue.push(DiscoveryEvent::Session(now)),
            Some(_) => {}
        }
    }

    pub(super) fn browse_sessions(&mut self) -> Result<(), DiscoveryError> {
        if !self.sessions.browsed {
            self.sessions.browsed = true;
            self.step(Input::Browse(session_type().map_err(refused)?));
        }
        Ok(())
    }

    // req: DIS-SESSION
    pub(super) fn register_session(&mut self, shown: &SessionAdvertisement) -> Result<(), DiscoveryError> {
        if shown.port == 0 {
            return Err(DiscoveryError::PortIsZero);
        }
        let short: String = shown.station.to_string().chars().take(8).collect();
        let service = Service {
            instance: vec![session::label(&shown.station_name)],
            service_type: session_type().map_err(refused)?,
            also_under: Vec::new(),
            host: format!("mvrx-session-{short}"),
            port: shown.port,
            txt: session::pairs(shown).map(|(key, value)| format!("{key}={value}").into_bytes()).collect(),
        };
        Mdns::check(&service).map_err(refused)?;
        self.sessions.own = Some(shown.station);
        self.step(Input::Register(SESSION, Box::new(service)));
        Ok(())
    }
}

fn refused(error: lan_mdns::NameError) -> DiscoveryError {
    DiscoveryError::ResponderRefused { reason: error.to_string() }
}

fn session_type() -> Result<Name, lan_mdns::NameError> {
    Name::from_dotted(session::SESSION_TYPE)
}

/// There is one session of ours.
pub(super) const SESSION: ServiceId = ServiceId(1_000);

/// Addresses of one session.
const ADDRESSES: usize = 16;
