//! What one running station has heard and was ordered, as far as a rule depends on it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use mvrx_core::{ConnId, PlaceId, RequestId};
use mvrx_message::{Leave, StationUuid};

/// One start of one station.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) me: StationUuid,
    pub(crate) open: BTreeSet<RequestId>,
    pub(crate) made: BTreeSet<RequestId>,
    /// Files told to be on their way out.
    pub(crate) serving: u32,
    /// On the way to another group somebody there has answered, or said JOIN.
    pub(crate) met: bool,
    /// Who sent LEAVE and has not come back, and which group it said.
    left: BTreeSet<(StationUuid, Option<String>)>,
    /// Those of them that said none while we were on the way to another group.
    left_on_the_way: BTreeSet<StationUuid>,
    /// On which connection each one's latest JOIN came; accepted connections are numbered as they come.
    joined_on: BTreeMap<StationUuid, ConnId>,
    places: BTreeMap<PlaceId, (Option<StationUuid>, Vec<SocketAddr>)>,
    /// Every station that was ever shown at an address.
    ever_at: BTreeMap<SocketAddr, BTreeSet<StationUuid>>,
    /// How many places show each.
    shown: BTreeMap<StationUuid, u32>,
    /// In which group each was shown last.
    shown_in: BTreeMap<StationUuid, String>,
}

impl View {
    pub(crate) const fn new(me: StationUuid) -> Self {
        Self {
            me,
            open: BTreeSet::new(),
            made: BTreeSet::new(),
            serving: 0,
            met: false,
            left: BTreeSet::new(),
            left_on_the_way: BTreeSet::new(),
            joined_on: BTreeMap::new(),
            places: BTreeMap::new(),
            ever_at: BTreeMap::new(),
            shown: BTreeMap::new(),
            shown_in: BTreeMap::new(),
        }
    }

    /// A LEAVE came, as the first message of connection `first_on` or on one in use. One that a station which started anew sent before its
    /// latest JOIN does not count.
    pub(crate) fn heard_leave(&mut self, leave: &Leave, first_on: Option<ConnId>, on_the_way: bool) {
        let station = leave.station;
        let outdated = first_on.is_some_and(|conn| self.joined_on.get(&station).is_some_and(|on| *on > conn));
        let group = leave.group.as_ref().map(|group| group.as_str().to_owned());
        // Its goodbye came before its LEAVE: seen there again it has started anew.
        let elsewhere =
            self.shown_in.get(&station).zip(group.as_ref()).is_some_and(|(shown, left)| shown != left);
        if station != self.me && !outdated && !elsewhere {
            self.left.insert((station, group));
            if on_the_way && leave.group.is_none() {
                self.left_on_the_way.insert(station);
            }
        }
    }

    /// Whether it has left the group for which something is said, or one of these where it does not say for which.
    pub(crate) fn has_left(&self, station: StationUuid, said: Option<&str>, ours: &[&str]) -> bool {
        let mut groups = self.left.iter().filter(|(left, _)| *left == station).map(|(_, group)| group);
        groups.any(|left| {
            left.as_deref().is_none_or(|left| said.map_or_else(|| ours.contains(&left), |said| said == left))
        })
    }

    /// We are on the way to another group: who did not say which one it left may be in that one.
    pub(crate) fn is_on_the_way(&mut self) {
        self.left.retain(|(_, group)| group.is_some());
        self.left_on_the_way.clear();
    }

    /// Another place, other company: what became of those in the old one is no longer known.
    pub(crate) fn has_moved(&mut self, to: Option<&str>) {
        self.left.retain(|(_, group)| group.is_some() && group.as_deref() == to);
        self.left_on_the_way.clear();
    }

    /// The other group did not have us: those who did not say which one they left may have left it, and none of ours.
    pub(crate) fn stays(&mut self, to: Option<&str>) {
        self.left.retain(|(_, group)| group.is_none() || group.as_deref() != to);
        for station in std::mem::take(&mut self.left_on_the_way) {
            self.left.remove(&(station, None));
        }
    }

    /// We left ourselves, and come back: whoever is shown is joined, as by a station that starts.
    pub(crate) fn comes_back(&mut self) {
        self.left.clear();
        self.left_on_the_way.clear();
    }

    pub(crate) fn heard_join(&mut self, station: StationUuid, on: ConnId) {
        self.joined_on.insert(station, on);
        self.is_back(station);
    }

    /// It sent JOIN, or our operator wants it to be joined.
    pub(crate) fn is_back(&mut self, station: StationUuid) {
        self.left.retain(|(left, _)| *left != station);
    }

    pub(crate) fn sighted(
        &mut self,
        place: PlaceId,
        station: Option<StationUuid>,
        group: Option<&str>,
        at: &[SocketAddr],
    ) {
        if let Some(station) = station {
            // It vanished from the others.
            self.left.retain(|(left, of)| *left != station || of.is_none() || of.as_deref() == group);
            if let Some(group) = group {
                self.shown_in.insert(station, group.to_owned());
            }
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
                self.is_back(station);
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
            self.shown_in.remove(&station);
            self.is_back(station);
        }
    }

    /// Whether discovery showed somebody else than `listener` at an address, who has not left: then he is meant. Only where a host came back with
    /// another StationUUID.
    pub(crate) fn may_mean_another(&self, at: SocketAddr, listener: StationUuid) -> bool {
        let ever = self.ever_at.get(&at).into_iter().flatten();
        let has_left = |shown: &StationUuid| self.left.iter().any(|(left, _)| left == shown);
        ever.into_iter().any(|shown| *shown != listener && !has_left(shown))
    }
}
