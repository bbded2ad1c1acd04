//! What comes in on connections: replies to our exchanges, wherever they come, and the messages of others.

use std::net::SocketAddr;

use mvrx_message::{
    Commit, GroupName, JoinRet, Message, Ours, Parsed, Product, QuirkSet, Reply, StationUuid,
};

use crate::exchange::Purpose;
use crate::history::{Noted, is_for};
use crate::input::is_reply;
use crate::peer::Target;
use crate::{
    CommitSource, ConnId, Core, Ending, Event, ExchangeEvent, ExchangeFailure, ExchangePhase, FetchEvent,
    LimitReached, MembershipEvent,
};

impl Core {
    pub(crate) fn on_received(&mut self, conn: ConnId, parsed: &Parsed) {
        if self.is_host_conn(conn) {
            return self.on_host_message(conn, parsed);
        }
        if self.exchanges.contains_key(&conn) {
            return self.on_reply(conn, parsed, true);
        }
        let Some(address) = self.inbound.get(&conn).map(|i| i.peer) else { return };
        self.touch_inbound(conn);
        if is_reply(&parsed.message) {
            // One product answers on a connection of its own.
            // req: STA-05
            match self.exchange_waiting_for(&parsed.message, address) {
                Some(asking) => {
                    let open =
                        self.exchanges.get(&asking).is_some_and(|e| e.phase != ExchangePhase::ReplyElsewhere);
                    self.on_reply(asking, parsed, open);
                }
                None => self.peer_error(
                    address,
                    format!("a {} that answers nothing we asked", parsed.message.kind()),
                ),
            }
            return;
        }
        self.serve(conn, parsed);
    }

    /// The exchange that a reply on a connection of its own answers: JOIN_RET by its StationUUID, others by their source address.
    fn exchange_waiting_for(&self, message: &Message, address: SocketAddr) -> Option<ConnId> {
        let ip = address.ip();
        let wanted = |purpose: Purpose| {
            matches!(
                (purpose, message),
                (Purpose::Join, Message::JoinRet(_))
                    | (Purpose::Leave, Message::LeaveRet(_))
                    | (Purpose::Commit(_), Message::CommitRet(_))
                    | (Purpose::Request(_), Message::RequestRet(_))
                    | (Purpose::Propose, Message::NewSessionHostRet(_))
            )
        };
        let said = match message {
            Message::JoinRet(ret) => ret.station,
            _ => None,
        };
        let fits = |target: Target, dialed: SocketAddr| match (said, target) {
            (Some(said), Target::Station(station)) => said == station,
            (None, Target::Station(station)) => self.peers.get(&station).is_some_and(|p| p.may_be_at(ip)),
            (_, Target::Place(_) | Target::Former(_)) => dialed.ip() == ip,
        };
        self.exchanges
            .iter()
            .filter(|(_, e)| {
                // Before it was asked, and once the file arrives, no reply is due.
                matches!(e.phase, ExchangePhase::AwaitingReply | ExchangePhase::ReplyElsewhere)
                    && wanted(e.purpose)
                    && fits(e.target, e.address)
            })
            // The one whose asking connection is closed already waits most surely.
            .max_by_key(|(_, e)| e.phase == ExchangePhase::ReplyElsewhere)
            .map(|(conn, _)| *conn)
    }

    fn on_reply(&mut self, conn: ConnId, parsed: &Parsed, open: bool) {
        let Some(exchange) = self.exchanges.get(&conn) else { return };
        let (target, purpose, address) = (exchange.target, exchange.purpose, exchange.address);
        if let Target::Station(station) = target {
            self.note_quirks(station, parsed.quirks);
        }
        match (purpose, &parsed.message) {
            (Purpose::Join, Message::JoinRet(ret)) => self.on_join_ret(conn, target, address, ret, open),
            (Purpose::Leave, Message::LeaveRet(_)) => self.exchange(conn, ExchangeEvent::Reply, open),
            (Purpose::Commit(file), Message::CommitRet(reply)) => {
                if let Target::Station(station) = target {
                    self.event(if reply.ok {
                        Event::CommitAcknowledged { file, station }
                    } else {
                        Event::CommitRefused { file, station, message: reply.message.clone() }
                    });
                }
                self.exchange(conn, ExchangeEvent::Reply, open);
            }
            (Purpose::Request(request), Message::RequestRet(reply)) => {
                self.exchange(conn, ExchangeEvent::Reply, open);
                self.attempt_failed(request, FetchEvent::Refused, refusal(reply));
            }
            (Purpose::Propose, Message::NewSessionHostRet(ret)) => {
                if let Target::Station(station) = target {
                    self.proposal_answered(conn, station, ret);
                }
                self.exchange(conn, ExchangeEvent::Reply, open);
            }
            (_, other) => {
                let what = format!("a {} where a reply was due", other.kind());
                self.peer_error(address, what);
                self.exchange(conn, ExchangeEvent::Broken, open);
            }
        }
    }

    fn on_join_ret(&mut self, conn: ConnId, target: Target, address: SocketAddr, ret: &JoinRet, open: bool) {
        let expected = match target {
            Target::Station(station) | Target::Former(station) => Some(station),
            Target::Place(_) => None,
        };
        let Some(found) = ret.station.or(expected) else {
            self.peer_error(
                address,
                "a JOIN_RET without StationUUID from an address of the fixed list".to_owned(),
            );
            return self.exchange(conn, ExchangeEvent::Broken, open);
        };
        if let Some(expected) = expected
            // req: STA-04
            && expected != found
        {
            return self.on_mismatch(conn, expected, found, address, ret, open);
        }
        // req: BRG-19
        let elsewhere = self.answers_from_elsewhere(ret);
        if elsewhere
            && let Some(exchange) =
                self.exchanges.get_mut(&conn).filter(|exchange| !exchange.untried.is_empty())
        {
            exchange.phase = ExchangePhase::Dialing;
            return self.next_address(conn, open);
        }
        if let Target::Place(place) = target {
            if let Some(known) = self.places.get_mut(&place) {
                known.station = Some(found);
                let (addresses, side) = (known.addresses.clone(), known.side);
                if found != self.config.station && self.make_peer(found, &ret.station_name) {
                    self.put_on(side, found);
                    if let Some(peer) = self.peers.get_mut(&found) {
                        peer.places.insert(place, addresses);
                    }
                }
            }
            self.answered(found, address);
        }
        self.exchange(conn, ExchangeEvent::Reply, open);
        if elsewhere {
            self.is_not_at(found, address);
        }
        self.join_answered(found, ret);
    }

    /// It refuses from another group, or from a session, where discovery shows it no longer: it is not asked there again.
    // req: BRG-19
    fn is_not_at(&mut self, station: StationUuid, address: SocketAddr) {
        let Some(peer) = self.peers.get_mut(&station) else { return };
        if !peer.places.values().flatten().any(|shown| *shown == address) {
            peer.good = peer.good.filter(|good| *good != address);
        }
    }

    /// Whether a station of ours refuses since it is in another group or in a session by now: at another address that is shown under its name a
    /// bridge may stand in for it. Or a stand-in refuses, which is about to end: the station itself may be there, or another bridge.
    fn answers_from_elsewhere(&self, ret: &JoinRet) -> bool {
        let group = ret.group.as_ref().map(GroupName::as_str);
        let elsewhere = group.is_none_or(|group| self.side_of(Some(group)).is_none());
        let stands_in = |ours: Ours| elsewhere || ours.bridge.is_some_and(|mark| mark.is_stand_in());
        !ret.reply.ok && ret.ours.is_some_and(stands_in)
    }

    /// The address belongs to somebody else: he has our JOIN now, the one we looked for may be at another address.
    fn on_mismatch(
        &mut self,
        conn: ConnId,
        expected: StationUuid,
        found: StationUuid,
        address: SocketAddr,
        ret: &JoinRet,
        open: bool,
    ) {
        self.event(Event::StationMismatch { expected, found, address });
        if let Some(peer) = self.peers.get_mut(&expected) {
            peer.wrong.insert(address);
            if peer.good == Some(address) {
                peer.good = None;
            }
        }
        if found != self.config.station && self.make_peer(found, &ret.station_name) {
            self.answered(found, address);
            self.watch_unseen(found);
            self.join_answered(found, ret);
        }
        if let Some(exchange) = self.exchanges.get_mut(&conn) {
            exchange.phase = ExchangePhase::Dialing;
        }
        self.next_address(conn, open);
    }

    fn join_answered(&mut self, station: StationUuid, ret: &JoinRet) {
        if station == self.config.station || !self.peers.contains_key(&station) {
            return;
        }
        self.learn(station, (&ret.provider, ret.product()), &ret.station_name, ret.version);
        self.note_mark(station, ret.ours);
        if !ret.reply.ok {
            self.event(Event::JoinRefused { station, message: ret.reply.message.clone() });
            self.note_refusal(station, refusal(&ret.reply));
            if let Some(peer) = self.peers.get_mut(&station) {
                // The exchange itself succeeded, so its own count of failures began anew; the pauses still grow.
                peer.refusals = peer.refusals.saturating_add(1);
                peer.lane.failures = peer.refusals;
            }
            self.membership(station, MembershipEvent::JoinRefused);
            // One that discovery no longer shows and that does not want us has left; it sends JOIN when it comes back.
            return self.give_up_if_gone(Target::Station(station));
        }
        if let Some(peer) = self.peers.get_mut(&station) {
            peer.refusals = 0;
            peer.join_accepted = Some(self.now);
            peer.met = true;
            peer.voices.spoke(peer.bridge);
        }
        if let Some(side) = ret.group.as_ref().and_then(|group| self.side_of(Some(group.as_str()))) {
            self.put_on(side, station);
        }
        self.membership(station, MembershipEvent::JoinAccepted);
        self.list_begins(Some(station));
        self.note_told(station, &ret.commits, (CommitSource::Listed, ret.group.is_some()));
        self.released_was_told(station);
    }

    /// Takes over what JOIN or JOIN_RET tells of a station.
    pub(crate) fn learn(
        &mut self,
        station: StationUuid,
        (provider, product): (&str, Product),
        name: &str,
        version: mvrx_message::MvrVersion,
    ) {
        let Some(peer) = self.peers.get_mut(&station) else { return };
        // req: STA-03
        let known_as = std::mem::replace(&mut peer.name, name.to_owned());
        peer.version = version;
        peer.product = product;
        let first = peer.provider.is_empty();
        provider.clone_into(&mut peer.provider);
        if known_as != name && !first && !known_as.is_empty() {
            self.event(Event::StationRenamed { station, from: known_as, to: name.to_owned() });
        }
    }

    /// Whether who speaks as a station is that station, or a bridge that stands in for it: of the two the one counts that spoke last.
    // req: BRG-19
    pub(crate) fn note_mark(&mut self, station: StationUuid, ours: Option<Ours>) {
        if let Some(peer) = self.peers.get_mut(&station) {
            peer.bridge = ours.and_then(|ours| ours.bridge);
        }
    }

    /// Remembers the commits a station lists or announces, if they are for us.
    pub(crate) fn note_commits(&mut self, from: StationUuid, commits: &[Commit], source: CommitSource) {
        self.note_told(from, commits, (source, false));
    }

    /// The same. `in_group`: the station said for which group it lists them.
    pub(crate) fn note_told(
        &mut self,
        from: StationUuid,
        commits: &[Commit],
        (source, in_group): (CommitSource, bool),
    ) {
        for commit in commits {
            let ours = commit.station == Some(self.config.station);
            let of_old_group = !in_group && self.lists_of_old_group(from, commit.file);
            if of_old_group
                || !is_for(commit, Some(self.config.station))
                || (ours && self.history_of(Some(from)).is_none_or(|h| h.entry(commit.file).is_none()))
            {
                continue;
            }
            let reach = self.config.limits.order_reach;
            let Some(history) = self.history_of_mut(from) else { return };
            match history.note(commit, from, source, reach) {
                Noted::New => self.commit_seen(commit.file, from, source),
                Noted::Known | Noted::Contradicts => {}
            }
        }
        self.bound_commits(Some(from));
    }

    /// Makes room in the list that a station's commits go to, ours without one: the oldest go that we do not hold.
    pub(crate) fn bound_commits(&mut self, from: Option<StationUuid>) {
        let (most, bytes) = (self.config.limits.commits, self.config.limits.commit_bytes);
        let history = match from {
            Some(from) => self.history_of_mut(from),
            None => Some(&mut self.history),
        };
        let Some(history) = history else { return };
        let limit = match history.len() > most {
            true => LimitReached::Commits,
            false => LimitReached::CommitBytes,
        };
        if history.shrink_within(most, bytes) {
            self.limit(limit);
        }
    }

    /// Tells each deviation of a station once.
    pub(crate) fn note_quirks(&mut self, station: StationUuid, quirks: QuirkSet) {
        let Some(peer) = self.peers.get_mut(&station) else { return };
        let news: Vec<_> = quirks.iter().filter(|q| !peer.quirks.contains(*q)).collect();
        for quirk in news {
            if let Some(peer) = self.peers.get_mut(&station) {
                peer.quirks.insert(quirk);
            }
            self.event(Event::Quirk { station, quirk });
        }
    }

    pub(crate) fn on_malformed(&mut self, conn: ConnId, what: String) {
        if self.is_host_conn(conn) {
            return self.on_host_malformed(conn, &what);
        }
        let address =
            self.exchanges.get(&conn).map(|e| e.address).or(self.inbound.get(&conn).map(|i| i.peer));
        let Some(address) = address else { return };
        self.peer_error(address, what.clone());
        if let Some(Purpose::Request(request)) = self.exchanges.get(&conn).map(|e| e.purpose) {
            self.drop_exchange(conn);
            self.attempt_failed(request, FetchEvent::Failed, what);
        } else if self.exchanges.contains_key(&conn) {
            self.exchange(conn, ExchangeEvent::Broken, true);
        } else {
            // Which reply it waits for cannot be told; it learns sooner from a closed connection than from its own timeout.
            self.close_inbound(conn);
        }
    }

    pub(crate) fn on_file_begins(&mut self, conn: ConnId, length: Option<u64>) {
        if self.is_host_conn(conn) {
            return self.on_host_file_begins(conn);
        }
        let purpose = self.exchanges.get(&conn).map(|e| (e.purpose, e.address));
        match purpose {
            Some((Purpose::Request(request), _)) => self.file_begins(conn, request, length),
            Some((_, address)) => {
                self.peer_error(address, "a file where a reply was due".to_owned());
                self.exchange(conn, ExchangeEvent::Broken, true);
            }
            None => {
                if let Some(inbound) = self.inbound.get(&conn) {
                    self.peer_error(
                        inbound.peer,
                        "a file that nobody asked for on this connection".to_owned(),
                    );
                    self.close_inbound(conn);
                }
            }
        }
    }

    pub(crate) fn on_file_failed(&mut self, conn: ConnId, what: String, local: bool) {
        if self.is_host_conn(conn) {
            return self.on_host_file_failed(conn, &what, local);
        }
        let Some(exchange) = self.exchanges.get(&conn) else { return self.serve_failed(conn, what) };
        if let Purpose::Request(request) = exchange.purpose {
            self.drop_exchange_closed(conn);
            if local {
                self.fail_locally(request, what);
            } else {
                self.attempt_failed(request, FetchEvent::Failed, what);
            }
        } else {
            self.fail_exchange(conn, ExchangeFailure::ConnectionBroke, false);
        }
    }

    pub(crate) fn on_closed(&mut self, conn: ConnId, ending: Ending) {
        if self.is_host_conn(conn) {
            return self.on_host_lost(conn, "the connection ended");
        }
        if self.exchanges.contains_key(&conn) {
            self.exchange(conn, ExchangeEvent::of_ending(ending), false);
        } else {
            self.inbound_closed(conn);
        }
    }

    pub(crate) fn peer_error(&mut self, address: SocketAddr, what: String) {
        self.event(Event::PeerError { address, what });
    }
}

pub(crate) fn refusal(reply: &Reply) -> String {
    if reply.ok {
        "it answered that all is well, without a file".to_owned()
    } else if reply.message.is_empty() {
        "it refused without a reason".to_owned()
    } else {
        format!("it refused: {}", reply.message)
    }
}
