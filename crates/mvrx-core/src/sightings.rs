//! What discovery shows becomes stations to join.
//!
//! A sighting is keyed by its TXT StationUUID; several places may show one station (two networks, a fixed list beside mDNS) and its
//! addresses are those of all. A place without StationUUID is joined to learn who is there.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use mvrx_message::StationUuid;

use crate::change::Side;
use crate::peer::{Lane, Peer, Place, Target};
use crate::{
    Core, Event, LimitReached, Membership, MembershipAction, MembershipEvent, Output, PlaceId, Presence,
    Sighting, Timer,
};

impl Core {
    pub(crate) fn on_sighted(&mut self, mut sighting: Sighting) {
        if self.in_session() {
            return;
        }
        let side = self.side_of(sighting.group.as_deref());
        if side.is_some() && sighting.station == Some(self.config.station) {
            let name = sighting.station_name.as_deref().unwrap_or_default();
            self.note_own_uuid(name, sighting.addresses.first().copied());
        }
        let Some(side) = side.filter(|_| sighting.station != Some(self.config.station)) else {
            return self.on_shown_elsewhere(sighting.place, sighting.station);
        };
        sighting.addresses.truncate(self.config.limits.addresses);
        let before = self.places.get(&sighting.place).and_then(|place| place.station);
        match sighting.station {
            Some(station) => {
                if before.is_some_and(|b| b != station)
                    || self.places.get(&sighting.place).is_some_and(|p| p.station.is_none())
                {
                    self.on_vanished(sighting.place);
                }
                self.sighted_station(station, sighting, side);
            }
            None => self.sighted_place(sighting, side),
        }
    }

    /// A name that was never ours under our StationUUID is another station's. Discovery may cut a long one.
    pub(crate) fn note_own_uuid(&mut self, name: &str, address: Option<SocketAddr>) {
        let another = !name.is_empty() && !self.own_names.iter().any(|own| own.starts_with(name));
        if another && !std::mem::replace(&mut self.own_uuid_told, true) {
            self.event(Event::OwnUuidUsedByAnother { name: name.to_owned(), address });
        }
    }

    fn sighted_station(&mut self, station: StationUuid, sighting: Sighting, side: Side) {
        let Sighting { place, addresses, station_name, group, .. } = sighting;
        let group = group.unwrap_or_else(|| self.config.group.as_str().to_owned());
        let known = self.peers.contains_key(&station);
        if !self.make_peer(station, station_name.as_deref().unwrap_or_default()) {
            return;
        }
        if !self.make_place(place, Some(station), addresses.clone(), side) {
            return;
        }
        let told_anew = self.put_on(side, station);
        if !known
            && let Some(until) = self.farewells.left_until(station, &addresses, &group, self.now)
            && let Some(peer) = self.peers.get_mut(&station)
        {
            // It is seen after its LEAVE came.
            peer.membership = Membership::Left;
            self.agenda.set(Timer::Farewell(station), until);
        }
        let Some(peer) = self.peers.get_mut(&station) else { return };
        if std::mem::take(&mut peer.vanished) && peer.membership == Membership::Left {
            // Its goodbye came before its LEAVE: it has started anew all the same.
            // req: STA-02
            peer.membership = Membership::Sighted;
        }
        let moved = peer.good.is_some_and(|good| !addresses.contains(&good)) && !peer.places.is_empty();
        let before = peer.places.insert(place, addresses.clone());
        peer.wrong.retain(|address| before.as_ref().is_some_and(|b| b.contains(address)));
        if moved && peer.places.values().flatten().all(|a| Some(*a) != peer.good) {
            // It listens elsewhere now: probably a new process.
            peer.good = None;
        }
        let news = before.as_ref() != Some(&addresses) || told_anew;
        self.agenda.clear(Timer::Unseen(station));
        if news {
            peer.lane.failures = 0;
            peer.refusals = 0;
            self.membership(station, MembershipEvent::Sighted);
        }
    }

    fn sighted_place(&mut self, sighting: Sighting, side: Side) {
        let Sighting { place, addresses, .. } = sighting;
        if let Some(station) = self.places.get(&place).and_then(|p| p.station) {
            if let Some(known) = self.places.get_mut(&place) {
                known.addresses.clone_from(&addresses);
                known.side = side;
            }
            let told_anew = self.put_on(side, station);
            if let Some(peer) = self.peers.get_mut(&station) {
                peer.places.insert(place, addresses);
            }
            if told_anew {
                self.membership(station, MembershipEvent::Sighted);
            }
            return;
        }
        if self.make_place(place, None, addresses, side) {
            self.want_join(Target::Place(place));
        }
    }

    /// Discovery shows in another group who was in ours: it has left, whether or not its LEAVE comes. Asked whether it is still there it would
    /// say yes, since messages carry no group.
    // req: STA-02
    fn on_shown_elsewhere(&mut self, place: PlaceId, shown: Option<StationUuid>) {
        // One that was never seen here, but came by itself, and refuses us now.
        let refuses = |station: &StationUuid| {
            self.peers.get(station).is_some_and(|peer| peer.places.is_empty() && peer.refusals > 0)
        };
        let station = self.places.get(&place).and_then(|place| place.station).or(shown.filter(refuses));
        let Some(station) = station.filter(|station| self.is_only_at(*station, place)) else {
            return self.on_vanished(place);
        };
        self.drop_place(place);
        self.stop_lane(Target::Station(station));
        if let Some(peer) = self.peers.get_mut(&station) {
            peer.places.clear();
            peer.vanished = true;
        }
        self.membership(station, MembershipEvent::LeaveReceived);
        self.watch_unseen(station);
    }

    fn is_only_at(&self, station: StationUuid, place: PlaceId) -> bool {
        self.peers.get(&station).is_some_and(|peer| peer.places.keys().all(|other| *other == place))
    }

    /// Remembers a station; tells whether there was room.
    pub(crate) fn make_peer(&mut self, station: StationUuid, name: &str) -> bool {
        if self.peers.contains_key(&station) {
            return true;
        }
        if self.peers.len() >= self.config.limits.stations && !self.evict() {
            return false;
        }
        self.is_no_longer_former(station);
        let mut peer = Peer::new(Membership::Sighted, self.side_of_newcomers());
        name.clone_into(&mut peer.name);
        self.peers.insert(station, peer);
        self.event(Event::StationSighted { station, name: name.to_owned() });
        true
    }

    /// Makes room for a station by forgetting one that never answered us, of the address that has most of them: a flood of invented ones
    /// keeps no real one out and costs no other address its own.
    // req: STA-20
    fn evict(&mut self) -> bool {
        self.limit(LimitReached::Stations);
        let mut of_address: BTreeMap<Option<IpAddr>, usize> = BTreeMap::new();
        for peer in self.peers.values().filter(|peer| peer.is_unproven()) {
            *of_address.entry(peer.source()).or_default() += 1;
        }
        let rank = |peer: &Peer| {
            let of_its_address = of_address.get(&peer.source()).copied().unwrap_or(0);
            (of_its_address, peer.lane.failures > 0, peer.places.is_empty())
        };
        let unproven = self.peers.iter().filter(|(_, peer)| peer.is_unproven());
        let least = unproven.max_by_key(|(_, peer)| rank(peer)).map(|(station, _)| *station);
        if let Some(least) = least {
            self.forget(least);
        }
        least.is_some()
    }

    /// Starts or restarts the wait for a sign of a station that discovery does not show.
    pub(crate) fn watch_unseen(&mut self, station: StationUuid) {
        if self.peers.get(&station).is_some_and(|p| p.places.is_empty()) {
            self.agenda.set(Timer::Unseen(station), self.now + self.config.timers.unseen);
        }
    }

    /// A silent member is asked whether it is still there, as long as there is somewhere to ask; anybody else is forgotten.
    pub(crate) fn on_unseen(&mut self, station: StationUuid) {
        let Some(peer) = self.peers.get(&station).filter(|p| p.places.is_empty()) else { return };
        if self.presence == Presence::Present && peer.has_address() {
            self.membership(station, MembershipEvent::Vanished);
            self.watch_unseen(station);
        } else {
            self.forget(station);
        }
    }

    /// It is shown still, or again: who has left for good is not shown for so long.
    pub(crate) fn on_farewell_over(&mut self, station: StationUuid) {
        let Some(peer) = self.peers.get_mut(&station) else { return };
        if peer.membership == Membership::Left && !peer.places.is_empty() {
            peer.membership = Membership::Sighted;
            self.membership(station, MembershipEvent::Sighted);
        }
    }

    fn make_place(
        &mut self,
        place: PlaceId,
        station: Option<StationUuid>,
        addresses: Vec<SocketAddr>,
        side: Side,
    ) -> bool {
        if let Some(known) = self.places.get_mut(&place) {
            known.side = side;
            known.addresses = addresses;
            known.station = station.or(known.station);
            return true;
        }
        let nameless = || self.places.values().filter(|p| p.station.is_none()).count();
        if station.is_none() && nameless() >= self.config.limits.places {
            self.limit(LimitReached::Places);
            return false;
        }
        self.places.insert(place, Place { side, station, addresses, lane: Lane::default() });
        true
    }

    pub(crate) fn on_vanished(&mut self, place: PlaceId) {
        let Some(gone) = self.places.remove(&place) else { return };
        self.agenda.clear(Timer::RetryPlace(place));
        if let Some(conn) = gone.lane.running {
            self.drop_exchange(conn);
        }
        let Some(station) = gone.station else { return };
        let Some(peer) = self.peers.get_mut(&station) else { return };
        peer.places.remove(&place);
        if peer.places.is_empty() {
            peer.vanished = true;
            // One that never answered us is asked where it was seen last.
            peer.good = peer.good.or(gone.addresses.first().copied());
            self.membership(station, MembershipEvent::Vanished);
            // Should it have no address to be asked at, its silence ends it.
            self.watch_unseen(station);
        }
    }

    pub(crate) fn join_asked(&mut self, station: StationUuid) {
        if self.in_session() {
            self.refresh_session();
        } else if self.peers.contains_key(&station) {
            self.membership(station, MembershipEvent::Asked);
        }
    }

    /// Moves a station along the table of [`Membership`] and does what it says.
    pub(crate) fn membership(&mut self, station: StationUuid, event: MembershipEvent) {
        let Some(peer) = self.peers.get_mut(&station) else { return };
        let before = peer.membership;
        let (next, action) = before.on(event);
        peer.membership = next;
        let last_join = peer.join_accepted;
        match next {
            Membership::Member => peer.told_as_left = false,
            Membership::Left if before != Membership::Left => peer.told_as_left = true,
            _ => {}
        }
        match (before, next) {
            (Membership::Member, Membership::Member) => {}
            (_, Membership::Member) => {
                let (name, provider, product) = (peer.name.clone(), peer.provider.clone(), peer.product);
                self.event(Event::StationJoined { station, name, provider, product });
                self.member_came();
                self.confirm(station);
            }
            (_, Membership::Left) if before != Membership::Left => self.event(Event::StationLeft { station }),
            _ => {}
        }
        match action {
            MembershipAction::Nothing => {}
            // req: STA-01
            MembershipAction::Join | MembershipAction::Verify => self.want_join(Target::Station(station)),
            MembershipAction::JoinBack => {
                let recent = last_join.is_some_and(|at| self.now < at + self.config.timers.join_back);
                if !recent {
                    self.want_join(Target::Station(station));
                }
            }
            MembershipAction::JoinLater => self.pause_lane(Target::Station(station)),
            MembershipAction::Forget => self.forget(station),
        }
    }

    pub(crate) fn confirm(&mut self, station: StationUuid) {
        let places: Vec<PlaceId> =
            self.peers.get(&station).map(|p| p.places.keys().copied().collect()).unwrap_or_default();
        self.out.extend(places.into_iter().map(|place| Output::Confirm { place }));
    }

    fn forget(&mut self, station: StationUuid) {
        self.stop_lane(Target::Station(station));
        let Some(peer) = self.peers.remove(&station) else { return };
        for place in peer.places.keys() {
            self.places.remove(place);
            self.agenda.clear(Timer::RetryPlace(*place));
        }
        self.agenda.clear(Timer::Unseen(station));
        self.agenda.clear(Timer::Farewell(station));
        self.history.forget_holder(station);
        if let Some(next) = self.next_history() {
            next.forget_holder(station);
        }
        // One departure is told once, though who left is shown a while longer.
        if !peer.told_as_left {
            self.event(Event::StationLost { station });
        }
    }

    pub(crate) fn all_targets(&self) -> Vec<Target> {
        let stations = self
            .peers
            .iter()
            .filter(|(_, p)| p.membership != Membership::Left)
            .map(|(s, _)| Target::Station(*s));
        let places = self.places.iter().filter(|(_, p)| p.station.is_none()).map(|(p, _)| Target::Place(*p));
        if self.presence == Presence::Present { stations.chain(places).collect() } else { Vec::new() }
    }
}
