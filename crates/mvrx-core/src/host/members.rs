//! Who is connected and who has joined.

use std::net::SocketAddr;

use mvrx_message::{
    BridgeMark, Dialect, Join, JoinRet, Leave, Message, MessageType, QuirkSet, Reply, StationUuid,
};

use super::access::NOT_LISTED;
use super::contest::{IS_ANOTHERS, TOO_MANY_WAIT};
use super::link::Member;
use super::{
    AskEvent, Event, FILES_ONLY, GOING_AWAY, Host, JOIN_FIRST, LimitReached, Link, Output, POLICY, Standing,
    StandingAction, StandingEvent, TRY_LATER, Timer, refuse,
};
use crate::{CommitSource, ConnId};

impl Host {
    pub(super) fn on_accepted(&mut self, conn: ConnId, peer: SocketAddr) {
        if self.ended || self.links.len() >= self.config.limits.connections {
            let why = if self.ended { "the session has ended" } else { "this host has too many connections" };
            if !self.ended {
                self.limit(LimitReached::Connections);
            }
            let code = if self.ended { GOING_AWAY } else { TRY_LATER };
            return self.out.push_back(Output::Close { conn, code, why: why.to_owned() });
        }
        self.links.insert(conn, Link::new(peer));
        self.agenda.set(Timer::Join(conn), self.now + self.config.timers.join);
    }

    /// Moves a connection along the table of [`Standing`] and says what follows.
    pub(super) fn stand(&mut self, conn: ConnId, event: StandingEvent) -> StandingAction {
        let Some(link) = self.links.get_mut(&conn) else { return StandingAction::Ignore };
        let (next, action) = link.standing.on(event);
        link.standing = next;
        action
    }

    pub(super) fn on_attached(&mut self, conn: ConnId, station: StationUuid) {
        let Some(member) = self.members.get(&station) else {
            return self.close(conn, POLICY, "the station that this connection is for has not joined");
        };
        let before = member.files;
        if self.stand(conn, StandingEvent::Attached) != StandingAction::Attach {
            return;
        }
        self.agenda.clear(Timer::Join(conn));
        if let Some(before) = before.filter(|before| *before != conn) {
            self.replace(before, "the same station has a newer connection for files");
        }
        let Some(member) = self.members.get_mut(&station) else { return };
        member.files = Some(conn);
        if let Some(link) = self.links.get_mut(&conn) {
            link.station = Some(station);
            link.product = member.product;
        }
        self.event(Event::FilesAttached { station });
        // What broke off with an earlier one: nothing is told again because of that.
        // req: HST-27
        for file in self.history.missing_of(station) {
            self.want_kept(file);
        }
    }

    pub(super) fn on_join(&mut self, conn: ConnId, join: &Join) {
        if self.wait_no_more(conn) {
            // What it said last counts.
            self.agenda.set(Timer::Join(conn), self.now + self.config.timers.join);
        }
        let contested = self.is_contested(conn, join);
        let crowded = (contested && self.too_many_wait(join)).then_some(TOO_MANY_WAIT);
        let why = self.unfit(conn, join).or(crowded);
        let event = match why {
            Some(_) => StandingEvent::UnfitJoin,
            None if contested => StandingEvent::ContestedJoin,
            None => StandingEvent::Join,
        };
        match self.stand(conn, event) {
            StandingAction::RefuseJoin => self.refuse_join(conn, join, why.unwrap_or(IS_ANOTHERS)),
            StandingAction::AskPresent => self.ask_present(conn, join),
            StandingAction::RefuseFilesOnly => self.refuse_join(conn, join, FILES_ONLY),
            StandingAction::Admit | StandingAction::Renew => self.admit(conn, join),
            _ => {}
        }
    }

    pub(super) fn unfit(&self, conn: ConnId, join: &Join) -> Option<&'static str> {
        if join.station == self.config.station {
            return Some("this StationUUID is the host's own");
        }
        // req: ACC-01
        if !self.config.access.lists(join.station) {
            return Some(NOT_LISTED);
        }
        // req: BRG-02
        if matches!(join.ours.and_then(|ours| ours.bridge), Some(BridgeMark::StandIn { .. })) {
            let here = self.members.get(&join.station).filter(|member| member.conn != conn);
            if here.is_some_and(|member| member.bridge != join.ours.and_then(|ours| ours.bridge)) {
                return Some(IS_HERE);
            }
        }
        let full = self.members.len() >= self.config.limits.stations;
        (full && !self.members.contains_key(&join.station)).then_some(FULL)
    }

    pub(super) fn admit(&mut self, conn: ConnId, join: &Join) {
        let station = join.station;
        self.agenda.clear(Timer::Join(conn));
        self.agenda.clear(Timer::Left(conn));
        let Some(link) = self.links.get_mut(&conn) else { return };
        let before = link.station.replace(station).filter(|before| *before != station);
        link.product = join.product();
        let to = link.peer;
        if let Some(before) = before.filter(|b| self.members.get(b).is_some_and(|m| m.conn == conn)) {
            // The same connection is another station from now on.
            self.depart(before);
            self.event(Event::StationLeft { station: before });
        }
        // req: HST-03
        let older = self.members.get(&station).map(|m| m.conn).filter(|older| *older != conn);
        if let Some(older) = older {
            let from = self.links.get(&older).map_or(to, |link| link.peer);
            let name = join.station_name.clone();
            let why = format!("the same station connected anew from {to}");
            let files = self.members.get_mut(&station).and_then(|member| {
                member.conn = conn;
                member.files.take()
            });
            self.event(Event::StationReplaced { station, name, from, to });
            for old in [Some(older), files].into_iter().flatten() {
                self.replace(old, &why);
            }
        }
        self.learn(conn, join, to);
        self.note_withdrawn(station, &join.withdrawn);
        self.note_released(station, &join.released);
        self.answer_join(conn, station, Reply::ok());
        self.tell_rest_of_roster(station);
        self.tell_succession();
        self.note_commits(station, &join.commits, CommitSource::Listed);
        self.push_newest(conn, station);
        self.ask_station(station);
    }

    fn learn(&mut self, conn: ConnId, join: &Join, address: SocketAddr) {
        let (station, product) = (join.station, join.product());
        let (name, provider) = (join.station_name.clone(), join.provider.clone());
        let candidate = join.ours.and_then(|ours| ours.candidate);
        let candidate = candidate.filter(|_| !self.config.access.only_reads(station));
        if let Some(member) = self.members.get_mut(&station) {
            let from = std::mem::replace(&mut member.name, name.clone());
            member.provider = provider;
            member.product = product;
            member.version = join.version;
            member.ours = join.ours.is_some();
            member.candidate = candidate;
            let mark = join.ours.and_then(|ours| ours.bridge);
            let remarked = std::mem::replace(&mut member.bridge, mark) != mark;
            // req: HST-04
            if from != name {
                self.event(Event::StationRenamed { station, from, to: name });
                self.tell_of(station);
            } else if remarked {
                self.tell_of(station);
            }
            return;
        }
        let member = Member {
            conn,
            files: None,
            name: name.clone(),
            provider: provider.clone(),
            product,
            version: join.version,
            quirks: QuirkSet::EMPTY,
            ours: join.ours.is_some(),
            candidate,
            bridge: join.ours.and_then(|ours| ours.bridge),
        };
        self.members.insert(station, member);
        self.event(Event::StationJoined { station, name, provider, product, address });
        self.tell_of(station);
    }

    pub(super) fn refuse_join(&mut self, conn: ConnId, join: &Join, why: &str) {
        let Some(address) = self.links.get(&conn).map(|link| link.peer) else { return };
        match why {
            FULL => self.limit(LimitReached::Stations),
            TOO_MANY_WAIT => self.limit(LimitReached::Waiting),
            _ => {}
        }
        self.event(Event::JoinRefused { station: join.station, address, message: why.to_owned() });
        self.answer_join(conn, join.station, refuse(why));
        if why == NOT_LISTED {
            self.close(conn, POLICY, why);
        }
    }

    /// A JOIN that cannot be read names nobody; who is joined stays joined.
    pub(super) fn answer_unread_join(&mut self, conn: ConnId, reply: Reply) {
        self.answer_join(conn, self.config.station, reply);
    }

    // req: HST-01, HST-05
    fn answer_join(&mut self, conn: ConnId, to: StationUuid, reply: Reply) {
        let product = self.links.get(&conn).map(|link| link.product).unwrap_or_default();
        let most = Dialect::in_session(product).most_commits();
        let commits = if reply.ok { self.history.newest_listed_to(to, most) } else { Vec::new() };
        let roster = self.roster_for(to).filter(|_| reply.ok);
        let ret = JoinRet { commits, roster, ..self.config.join_ret(reply) };
        self.send(conn, Message::JoinRet(ret));
    }

    pub(super) fn on_leave(&mut self, conn: ConnId, leave: &Leave) {
        let station = self.links.get(&conn).and_then(|link| link.station);
        if station.is_some_and(|station| station != leave.station) {
            let why = "this connection has joined as another station";
            self.refused(conn, MessageType::Leave, why);
            return self.send(conn, Message::LeaveRet(refuse(why)));
        }
        let reply = match self.stand(conn, StandingEvent::Leave) {
            StandingAction::RefuseUnjoined => {
                self.refused(conn, MessageType::Leave, JOIN_FIRST);
                refuse(JOIN_FIRST)
            }
            StandingAction::RefuseFilesOnly => {
                self.refused(conn, MessageType::Leave, FILES_ONLY);
                refuse(FILES_ONLY)
            }
            StandingAction::GiveUp => {
                self.wait_no_more(conn);
                self.agenda.set(Timer::Join(conn), self.now + self.config.timers.join);
                Reply::ok()
            }
            StandingAction::Depart => {
                // req: HST-06
                self.depart(leave.station);
                self.event(Event::StationLeft { station: leave.station });
                self.retire(conn);
                Reply::ok()
            }
            _ => Reply::ok(),
        };
        self.send(conn, Message::LeaveRet(reply));
    }

    /// A station is no longer one of the session. Its connection for messages is the caller's matter.
    fn depart(&mut self, station: StationUuid) {
        let Some(member) = self.members.remove(&station) else { return };
        self.history.forget_holder(station);
        self.tell_gone(station);
        self.tell_succession();
        self.end_waiting_asks(member.conn, "the station that asked has left");
        self.leave_queue(member.conn);
        if let Some(files) = member.files
            && self.stand(files, StandingEvent::StationGone) == StandingAction::Retire
        {
            self.end_waiting_asks(files, "the station that asked has left");
            self.leave_queue(files);
            self.retire(files);
        }
    }

    fn retire(&mut self, conn: ConnId) {
        self.agenda.set(Timer::Left(conn), self.now + self.config.timers.left);
    }

    pub(super) fn on_silence(&mut self, conn: ConnId) {
        let Some(link) = self.links.get(&conn) else { return };
        if link.standing == Standing::Left && (link.taking.is_some() || !link.asks.is_empty()) {
            // A file under way is not silence.
            return self.retire(conn);
        }
        if self.stand(conn, StandingEvent::Silence) == StandingAction::Close {
            self.close(conn, POLICY, "nobody joined on this connection in time");
        }
    }

    fn replace(&mut self, conn: ConnId, why: &str) {
        if self.stand(conn, StandingEvent::Replaced) == StandingAction::Close {
            self.close(conn, POLICY, why);
        }
    }

    /// Closes a connection by name.
    pub(super) fn close(&mut self, conn: ConnId, code: u16, why: &str) {
        if self.links.contains_key(&conn) {
            self.out.push_back(Output::Close { conn, code, why: why.to_owned() });
            self.on_closed(conn, why);
        }
    }

    /// A connection is over: what was asked on it, what it was asked for, and the stay of its station.
    pub(super) fn on_closed(&mut self, conn: ConnId, why: &str) {
        let Some(link) = self.links.remove(&conn) else { return };
        self.wait_no_more(conn);
        self.agenda.clear(Timer::Join(conn));
        self.agenda.clear(Timer::Left(conn));
        self.move_lost(conn, why);
        for ask in link.asks {
            self.ask(ask, AskEvent::Gone, why);
        }
        let Some(station) = link.station else { return };
        let is = self.members.get_mut(&station).map(|member| {
            if member.files == Some(conn) {
                member.files = None;
            }
            member.conn == conn
        });
        if is == Some(true) {
            let name = self.members.get(&station).map(|m| m.name.clone()).unwrap_or_default();
            let files = self.members.get(&station).and_then(|m| m.files);
            self.depart(station);
            self.event(Event::StationLost { station, name, why: why.to_owned() });
            if let Some(files) = files {
                self.close(files, GOING_AWAY, "the station's other connection is gone");
            }
        }
        self.owner_gone(conn, why);
    }

    pub(super) fn note_quirks(&mut self, conn: ConnId, quirks: QuirkSet) {
        let Some(station) = self.links.get(&conn).and_then(|link| link.station) else { return };
        let Some(member) = self.members.get_mut(&station) else { return };
        let news: Vec<_> = quirks.iter().filter(|quirk| member.quirks.insert(*quirk)).collect();
        for quirk in news {
            self.event(Event::Quirk { station, quirk });
        }
    }

    pub(super) fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.to_gather.clear();
        self.to_announce.clear();
        self.agenda.clear(Timer::Announce);
        self.agenda.clear(Timer::Released);
        self.drop_proposal();
        let conns: Vec<ConnId> = self.links.keys().copied().collect();
        for conn in conns {
            self.close(conn, GOING_AWAY, "the session has ended");
        }
        self.fail_all_reads("the session has ended");
        self.event(Event::Ended);
    }
}

/// To a bridge: nobody stands in for a station that is here, by itself or by another bridge.
const IS_HERE: &str = "the station is here already";
const FULL: &str = "this session has too many stations";
