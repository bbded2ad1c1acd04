//! The messages of others: each is answered on its own connection, whoever sent it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mvrx_message::{
    Commit, Dialect, FileUuid, GroupName, Join, JoinRet, Leave, Message, Parsed, Product, Reply, Request,
    StationUuid,
};

use crate::history::is_for;
use crate::{CommitSource, ConnId, Core, LimitReached, Membership, MembershipEvent, Output, Presence, Timer};

/// A connection that somebody else made.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) peer: SocketAddr,
    /// Its place in the order in which connections came.
    pub(crate) order: u64,
    /// Messages that came on it.
    pub(crate) messages: u64,
    /// When it last gave a sign of life.
    pub(crate) touched: Duration,
    /// Who is on it, once a message has told.
    pub(crate) station: Option<StationUuid>,
    /// The file being sent on it.
    pub(crate) sending: Option<FileUuid>,
    /// The application makes a fresh file for it.
    pub(crate) exporting: bool,
    /// What waits behind a file that is on its way or being made.
    pub(crate) waiting: VecDeque<Waiting>,
    /// The peer has ended its direction; the file under way may still reach it whole.
    pub(crate) ended: bool,
    /// It is one of ours to the host of our session: pings watch it, and the host may have every file.
    pub(crate) to_host: bool,
}

/// Replies match messages by their order alone, so that whatever comes behind a request that waits is answered after it.
#[derive(Debug)]
pub(crate) enum Waiting {
    Request(Request),
    Answer(Box<Message>, Dialect),
}

impl Inbound {
    /// A file is on its way, or about to be.
    pub(crate) fn is_busy(&self) -> bool {
        self.sending.is_some() || self.exporting
    }

    /// All that came on it is answered.
    fn is_quiet(&self) -> bool {
        self.messages > 0 && !self.is_busy() && self.waiting.is_empty() && !self.to_host
    }

    fn from(peer: SocketAddr, order: u64) -> Self {
        Self {
            peer,
            order,
            messages: 0,
            touched: Duration::ZERO,
            station: None,
            sending: None,
            exporting: false,
            waiting: VecDeque::new(),
            ended: false,
            to_host: false,
        }
    }

    /// A connection that we made to the host of our session: requests come on it as on any other.
    pub(crate) fn to_host(peer: SocketAddr) -> Self {
        Self { to_host: true, ..Self::from(peer, 0) }
    }
}

impl Core {
    pub(crate) fn on_accepted(&mut self, conn: ConnId, peer: SocketAddr) {
        if self.inbound.len() >= self.config.limits.inbound {
            self.limit(LimitReached::Inbound);
            self.out.push_back(Output::Close { conn });
            return;
        }
        self.close_quiet_ones(peer.ip());
        self.accepted += 1;
        self.inbound.insert(conn, Inbound::from(peer, self.accepted));
        self.agenda.set(Timer::Inbound(conn), self.now + self.config.timers.first_message);
    }

    /// Connections that wait for nothing take no address all the places that one has.
    // req: STA-21
    fn close_quiet_ones(&mut self, ip: IpAddr) {
        let mut quiet: Vec<(Duration, u64, ConnId)> = self
            .inbound
            .iter()
            .filter(|(_, inbound)| inbound.peer.ip() == ip && inbound.is_quiet())
            .map(|(conn, inbound)| (inbound.touched, inbound.order, *conn))
            .collect();
        quiet.sort_unstable();
        let more = quiet.len().saturating_sub(self.config.limits.quiet_from_one);
        for (_, _, conn) in quiet.into_iter().take(more) {
            self.limit(LimitReached::QuietFromOne);
            self.close_inbound(conn);
        }
    }

    /// A sign of life: the connection may be silent for `Timers::idle` from now on.
    pub(crate) fn touch_inbound(&mut self, conn: ConnId) {
        if self.is_host_conn(conn) {
            return;
        }
        if let Some(inbound) = self.inbound.get_mut(&conn) {
            inbound.touched = self.now;
        }
        self.agenda.set(Timer::Inbound(conn), self.now + self.config.timers.idle);
    }

    pub(crate) fn on_inbound_deadline(&mut self, conn: ConnId) {
        let busy = self.inbound.get(&conn).is_some_and(Inbound::is_busy);
        if busy { self.touch_inbound(conn) } else { self.close_inbound(conn) }
    }

    pub(crate) fn close_inbound(&mut self, conn: ConnId) {
        if self.inbound.contains_key(&conn) {
            self.out.push_back(Output::Close { conn });
            self.inbound_closed(conn);
        }
    }

    /// The connection is over, but for a file on its way: how that ends is still told.
    pub(crate) fn inbound_closed(&mut self, conn: ConnId) {
        match self.inbound.get_mut(&conn).filter(|inbound| inbound.sending.is_some()) {
            Some(inbound) => {
                inbound.ended = true;
                inbound.waiting.clear();
            }
            None => self.forget_inbound(conn),
        }
    }

    pub(crate) fn forget_inbound(&mut self, conn: ConnId) {
        self.agenda.clear(Timer::Inbound(conn));
        self.inbound.remove(&conn);
    }

    pub(crate) fn serve(&mut self, conn: ConnId, parsed: &Parsed) {
        let Some(inbound) = self.inbound.get_mut(&conn) else { return };
        inbound.messages += 1;
        let address = inbound.peer;
        match &parsed.message {
            Message::Join(join) => self.on_join(conn, address, join),
            Message::Leave(leave) => self.on_leave(conn, address, leave),
            Message::Commit(commit) => self.on_commit(conn, address, commit),
            Message::Request(request) => self.on_request(conn, address, request),
            Message::NewSessionHost(proposal) => self.on_new_session_host(conn, address, proposal),
            other => {
                let what = format!("a message of the unknown type {}", other.kind());
                self.peer_error(address, what);
            }
        }
        if let Some(station) = self.inbound.get(&conn).and_then(|i| i.station) {
            self.note_quirks(station, parsed.quirks);
        }
    }

    fn on_join(&mut self, conn: ConnId, address: SocketAddr, join: &Join) {
        let station = join.station;
        if station == self.config.station {
            // One product JOINs itself; others do when two of our addresses lead back to us.
            self.note_own_uuid(&join.station_name, Some(address));
            return self.answer_join(conn, Some(station), join.product(), ok());
        }
        if self.presence != Presence::Present {
            return self.answer_join(
                conn,
                None,
                Product::Other,
                refuse("this station is not in the group at the moment"),
            );
        }
        if let Some(group) = self.in_another_group(station, join.group.as_ref()) {
            let why = format!("this station is in another group than {group}");
            return self.answer_join(conn, None, Product::Other, refuse(&why));
        }
        if !self.make_peer(station, &join.station_name) {
            return self.answer_join(
                conn,
                None,
                Product::Other,
                refuse("this station knows too many stations already"),
            );
        }
        self.farewells.is_back(station, join.group.as_ref().map(GroupName::as_str));
        self.agenda.clear(Timer::Farewell(station));
        if let Some(inbound) = self.inbound.get_mut(&conn) {
            inbound.station = Some(station);
        }
        let order = self.inbound.get(&conn).map(|inbound| inbound.order);
        if let Some(peer) = self.peers.get_mut(&station) {
            peer.heard_from(address.ip());
            peer.joined_on = order;
        }
        if let Some(side) = join.group.as_ref().and_then(|group| self.side_of(Some(group.as_str()))) {
            self.put_on(side, station);
        }
        self.peers.get_mut(&station).into_iter().for_each(|peer| peer.met = true);
        let product = join.product();
        self.learn(station, (&join.provider, product), &join.station_name, join.version);
        self.note_mark(station, join.ours);
        self.peers.get_mut(&station).into_iter().for_each(|peer| peer.voices.spoke(peer.bridge));
        self.note_withdrawn(station, &join.withdrawn);
        self.note_released(station, &join.released);
        self.answer_join(conn, Some(station), product, ok());
        self.membership(station, MembershipEvent::JoinReceived);
        self.watch_unseen(station);
        self.list_begins(Some(station));
        self.note_told(station, &join.commits, (CommitSource::Listed, join.group.is_some()));
        // req: STA-10
        if product.wants_commit_after_join() {
            let history = self.history_of(Some(station));
            let newest = history.and_then(|h| h.visible_to(Some(station)).next_back()).map(|c| c.file);
            if let Some(newest) = newest {
                self.announce(station, newest);
            }
        }
    }

    pub(crate) fn answer_join(
        &mut self,
        conn: ConnId,
        to: Option<StationUuid>,
        product: Product,
        reply: Reply,
    ) {
        let most = Dialect::towards(product).most_commits();
        let history = self.history_of(to).filter(|_| reply.ok);
        let commits = history.map(|history| history.newest_visible_to(to, most)).unwrap_or_default();
        let group = self.group_said_to(to);
        let ret = JoinRet {
            reply,
            provider: self.config.provider.clone(),
            station_name: self.config.station_name.clone(),
            version: self.config.version,
            station: Some(self.config.station),
            commits,
            // req: BRG-01
            ours: Some(mvrx_message::Ours::CURRENT.with_bridge(self.config.bridge)),
            group,
            ticket: None,
            roster: None,
        };
        self.answer(conn, Message::JoinRet(ret), product);
    }

    fn on_leave(&mut self, conn: ConnId, address: SocketAddr, leave: &Leave) {
        let inbound = self.inbound.get(&conn);
        let said = inbound.and_then(|inbound| inbound.station);
        let first_on = inbound.filter(|inbound| inbound.messages == 1).map(|inbound| inbound.order);
        let counts = self.leave_came(leave, address, said, first_on);
        if counts && let Some(inbound) = self.inbound.get_mut(&conn) {
            inbound.station = Some(leave.station);
        }
        self.answer(conn, Message::LeaveRet(ok()), Product::Other);
    }

    fn on_commit(&mut self, conn: ConnId, address: SocketAddr, commit: &Commit) {
        let from = commit
            .station
            .or(self.inbound.get(&conn).and_then(|i| i.station))
            .or(self.only_station_at(address.ip()));
        let reply = match from {
            None => refuse("the commit has no StationUUID and its sender is not known"),
            Some(from) if from == self.config.station => ok(),
            Some(from) => self.take_commit(conn, address, from, commit),
        };
        self.answer(conn, Message::CommitRet(reply), Product::Other);
    }

    fn take_commit(
        &mut self,
        conn: ConnId,
        address: SocketAddr,
        from: StationUuid,
        commit: &Commit,
    ) -> Reply {
        if self.presence != Presence::Present {
            return refuse("this station is not in the group at the moment");
        }
        if let Some(group) = self.in_another_group(from, commit.group.as_ref()) {
            return refuse(&format!("this station is in another group than {group}"));
        }
        let Some(peer) = self.peers.get_mut(&from) else {
            return refuse("this station does not know you: send MVR_JOIN first");
        };
        if peer.membership == Membership::Left {
            // Some products go on after their LEAVE; it changes nothing.
            return ok();
        }
        peer.heard_from(address.ip());
        if let Some(inbound) = self.inbound.get_mut(&conn) {
            inbound.station = Some(from);
        }
        self.watch_unseen(from);
        let said_in = commit.group.as_ref().and_then(|group| self.side_of(Some(group.as_str())));
        if let Some(side) = said_in {
            self.put_on(side, from);
        }
        if is_for(commit, Some(self.config.station)) {
            // Where it was said is no part of what is known of it.
            let commit = Commit { group: None, ..commit.clone() };
            self.note_told(from, &[commit], (CommitSource::Announced, said_in.is_some()));
        }
        ok()
    }

    pub(crate) fn answer(&mut self, conn: ConnId, message: Message, product: Product) {
        let dialect =
            if self.in_session() { Dialect::in_session(product) } else { Dialect::towards(product) };
        // To the host of a session replies go beside the file: a COMMIT never waits behind one.
        let behind =
            |i: &&mut Inbound| !i.to_host && (i.exporting || i.sending.is_some() && !i.waiting.is_empty());
        let message = Box::new(message);
        if self.inbound.get_mut(&conn).filter(behind).is_some() {
            self.wait(conn, Waiting::Answer(message, dialect));
        } else {
            self.out.push_back(Output::Send { conn, message, dialect });
        }
    }

    /// What waits behind a file is bounded; left out it cannot be.
    pub(crate) fn wait(&mut self, conn: ConnId, what: Waiting) {
        let Some(inbound) = self.inbound.get_mut(&conn) else { return };
        if inbound.waiting.len() < self.config.limits.waiting_answers {
            return inbound.waiting.push_back(what);
        }
        let address = inbound.peer;
        self.peer_error(address, "more messages than allowed wait behind a file".to_owned());
        self.close_inbound(conn);
    }

    /// The one station that may be at an address; `None` when there are none or several.
    pub(crate) fn only_station_at(&self, ip: IpAddr) -> Option<StationUuid> {
        let mut at = self.peers.iter().filter(|(_, p)| p.membership == Membership::Member && p.may_be_at(ip));
        match (at.next(), at.next()) {
            (Some((station, _)), None) => Some(*station),
            _ => None,
        }
    }
}

pub(crate) fn ok() -> Reply {
    Reply { ok: true, message: String::new(), from: None }
}

pub(crate) fn refuse(message: &str) -> Reply {
    Reply { ok: false, message: message.to_owned(), from: None }
}
