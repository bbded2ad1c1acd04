//! What one running station has heard and was ordered, as far as a rule depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use mvrx_core::{ConnId, PlaceId, RequestId};
use mvrx_message::StationUuid;

/// One start of one station.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) me: StationUuid,
    pub(crate) open: BTreeSet<RequestId>,
    pub(crate) made: BTreeSet<RequestId>,
    /// Files told to be on their way out.
    pub(crate) serving: u32,
    /// Who sent LEAVE and has not come back.
    pub(crate) left: BTreeSet<StationUuid>,
    /// Those of them that said so while we were on the way to another group: of which one they did not say.
    pub(crate) left_on_the_way: BTreeSet<StationUuid>,
    /// On which connection each one's latest JOIN came; accepted connections are numbered as they come.
    joined_on: BTreeMap<StationUuid, ConnId>,
    places: BTreeMap<PlaceId, (Option<StationUuid>, Vec<SocketAddr>)>,
    /// Every station that was ever shown at an address.
    ever_at: BTreeMap<SocketAddr, BTreeSet<StationUuid>>,
    /// How many places show each.
    shown: BTreeMap<StationUuid, u32>,
}

impl View {
    pub(crate) const fn new(me: StationUuid) -> Self {
        Self {
            me,
            open: BTreeSet::new(),
            made: BTreeSet::new(),
            serving: 0,
            left: BTreeSet::new(),
            left_on_the_way: BTreeSet::new(),
            joined_on: BTreeMap::new(),
            places: BTreeMap::new(),
            ever_at: BTreeMap::new(),
            shown: BTreeMap::new(),
        }
    }

    /// A LEAVE came, as the first message of connection `first_on` or on one in use. One that a station which started anew sent before its
    /// latest JOIN does not count.
    pub(crate) fn heard_leave(&mut self, station: StationUuid, first_on: Option<ConnId>) {
        let outdated = first_on.is_some_and(|conn| self.joined_on.get(&station).is_some_and(|on| *on > conn));
        if station != self.me && !outdated {
            self.left.insert(station);
        }
    }

    /// The other group did not have us: those may have left it, and none of ours.
    pub(crate) fn stays(&mut self) {
        for station in std::mem::take(&mut self.left_on_the_way) {
            self.left.remove(&station);
        }
    }

    pub(crate) fn heard_join(&mut self, station: StationUuid, on: ConnId) {
        self.joined_on.insert(station, on);
        self.is_back(station);
    }

    /// It sent JOIN, or our operator wants it to be joined.
    pub(crate) fn is_back(&mut self, station: StationUuid) {
        self.left.remove(&station);
    }

    pub(crate) fn sighted(&mut self, place: PlaceId, station: Option<StationUuid>, at: &[SocketAddr]) {
        if let Some(station) = station {
            for address in at {
                self.ever_at.entry(*address).or_default().insert(station);
            }
        }
        if let Some(known) = self.places.get_mut(&place).filter(|known| known.0 == station) {
            known.1 = at.to_vec();
            return;
        }
        self.vanished(place);
        if let Some(station) = station {
            let times = self.shown.entry(station).or_default();
            *times += 1;
            if *times == 1 {
                // It had vanished and is seen again.
                self.left.remove(&station);
            }
        }
        self.places.insert(place, (station, at.to_vec()));
    }

    pub(crate) fn vanished(&mut self, place: PlaceId) {
        let Some((Some(station), _)) = self.places.remove(&place) else { return };
        let Some(times) = self.shown.get_mut(&station) else { return };
        *times -= 1;
        if *times == 0 {
            self.shown.remove(&station);
            self.left.remove(&station);
        }
    }

    /// Whether discovery showed somebody else than `listener` at an address, who has not left: then he is meant. Only where a host came back with
    /// another StationUUID.
    pub(crate) fn may_mean_another(&self, at: SocketAddr, listener: StationUuid) -> bool {
        let ever = self.ever_at.get(&at).into_iter().flatten();
        ever.into_iter().any(|shown| *shown != listener && !self.left.contains(shown))
    }
}
