//! Who is one of the session: told by hosts of our own kind, guessed from commits with others.

use mvrx_message::{Author, GroupName, JoinRet, MvrVersion, Product, Roster, StationUuid};

use crate::change::Side;
use crate::peer::Peer;
use crate::{ConnId, Core, Event, LimitReached, Membership};

impl Core {
    /// Takes over what JOIN_RET tells of the host, before anything else is done with it.
    pub(super) fn learn_host(&mut self, conn: ConnId, ret: &JoinRet) {
        let host = ret.station.filter(|station| *station != self.config.station);
        if ret.station == Some(self.config.station) {
            let address = self.host_address(conn);
            self.note_own_uuid(&ret.station_name, address);
        }
        let Some(session) = self.session.as_mut() else { return };
        session.product = ret.product();
        session.tells_stations = ret.roster.is_some();
        let before = std::mem::replace(&mut session.host, host);
        if let Some(inbound) = self.inbound.get_mut(&conn) {
            inbound.station = host;
        }
        // Another host stands at the same place now.
        if let Some(before) = before.filter(|before| Some(*before) != host) {
            self.station_gone(before);
        }
    }

    pub(super) fn meet_host(&mut self, ret: &JoinRet) {
        let Some(host) = self.host() else { return };
        let author = Author::new(&ret.station_name, &ret.provider);
        self.meet(host, Some(&author), Some((ret.product(), ret.version)));
        let address = self.session.as_ref().and_then(|s| s.main).and_then(|conn| self.host_address(conn));
        if let Some(peer) = self.peers.get_mut(&host) {
            peer.good = address;
        }
    }

    /// A list begins: whoever is not in it is no longer there.
    // req: SES-06
    pub(super) fn roster_begins(&mut self, ret: &JoinRet) {
        let roster = ret.roster.as_ref();
        let host = self.host();
        let tells = roster.is_some();
        if let Some(session) = self.session.as_mut() {
            session.listing = tells;
        }
        // A host that does not tell who is there may still have those it told of before.
        for (station, peer) in &mut self.peers {
            peer.reachable = !tells || Some(*station) == host;
        }
        if let Some(roster) = roster {
            self.roster_goes_on(roster, ret.group.as_ref());
        }
    }

    pub(super) fn roster_goes_on(&mut self, roster: &Roster, group: Option<&GroupName>) {
        let us = self.config.station;
        for named in roster.stations.iter().filter(|named| named.station != us) {
            self.meet(named.station, Some(&named.author), None);
            if let Some(peer) = self.peers.get_mut(&named.station) {
                peer.bridge = named.bridge;
            }
        }
        // req: SES-12
        for fetched in roster.fetched.iter().filter(|fetched| fetched.station != us) {
            if self.holds(fetched.file) {
                self.event(Event::FetchedFromHost { file: fetched.file, station: fetched.station });
            }
        }
        self.note_withdrawn_in_session(&roster.withdrawn);
        self.note_released_in_session(&roster.released);
        let host = self.host();
        // req: ELE-05
        if let (Some(host), Some(stations)) = (host, roster.succession.clone()) {
            self.event(Event::Succession { host, stations, group: group.cloned() });
        }
        for station in roster.gone.iter().filter(|station| Some(**station) != host) {
            self.station_gone(*station);
        }
        if let Some(session) = self.session.as_mut().filter(|session| session.listing && !roster.more) {
            session.listing = false;
            let unlisted = self.peers.iter().filter(|(_, peer)| !peer.reachable).map(|(station, _)| *station);
            let unlisted: Vec<StationUuid> = unlisted.collect();
            for station in unlisted {
                self.station_gone(station);
            }
        }
    }

    /// A station is one of the session.
    pub(super) fn meet(
        &mut self,
        station: StationUuid,
        author: Option<&Author>,
        more: Option<(Product, MvrVersion)>,
    ) {
        if station == self.config.station || !self.room_for(station) {
            return;
        }
        let peer = self.peers.entry(station).or_insert_with(|| Peer::new(Membership::Sighted, Side::Ours));
        peer.reachable = true;
        let mut renamed = None;
        if let Some(author) = author.filter(|author| !author.is_empty()) {
            let before = std::mem::replace(&mut peer.name, author.name.clone());
            renamed = Some(before).filter(|before| !before.is_empty() && *before != author.name);
            peer.provider.clone_from(&author.provider);
            peer.product = Product::detect(&author.provider, &author.name);
        }
        if let Some((product, version)) = more {
            peer.product = product;
            peer.version = version;
        }
        let joined = std::mem::replace(&mut peer.membership, Membership::Member) != Membership::Member;
        let (name, provider, product) = (peer.name.clone(), peer.provider.clone(), peer.product);
        if joined {
            self.event(Event::StationJoined { station, name, provider, product });
        } else if let Some(from) = renamed {
            self.event(Event::StationRenamed { station, from, to: name });
        }
    }

    /// A station is no longer one of the session; the host may still have its files.
    pub(super) fn station_gone(&mut self, station: StationUuid) {
        let Some(peer) = self.peers.get_mut(&station) else { return };
        let was = std::mem::replace(&mut peer.membership, Membership::Left);
        self.history.forget_holder(station);
        if was != Membership::Left {
            self.member_went(station);
            self.event(Event::StationLeft { station });
        }
    }

    fn room_for(&mut self, station: StationUuid) -> bool {
        if self.peers.contains_key(&station) || self.peers.len() < self.config.limits.stations {
            return true;
        }
        self.limit(LimitReached::Stations);
        let left = self.peers.iter().find(|(_, peer)| peer.membership == Membership::Left);
        let left = left.map(|(station, _)| *station);
        left.is_some_and(|left| self.peers.remove(&left).is_some())
    }
}
