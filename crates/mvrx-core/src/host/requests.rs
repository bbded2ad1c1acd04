//! REQUESTs of stations: which file, whether this one may have it, and its answer in its turn.

use mvrx_message::{FileUuid, Message, MessageType, Reply, Request, StationUuid};

use super::reads::NOBODY_TOLD;
use super::{
    Ask, AskAction, AskEvent, AskId, AskPhase, Bytes, Event, FAILED, FILES_ONLY, Host, JOIN_FIRST,
    LimitReached, Output, POLICY, Standing, StandingAction, StandingEvent, Timer, refuse,
};
use crate::ConnId;
use crate::history::is_for;
use crate::serving::WITHDRAWN;

impl Host {
    pub(super) fn on_request(&mut self, conn: ConnId, request: &Request) {
        let station = self.links.get(&conn).and_then(|link| link.station);
        let station = match (self.stand(conn, StandingEvent::Request), station) {
            (StandingAction::Serve, Some(station)) => station,
            (action, _) => {
                let why = if action == StandingAction::RefuseFilesOnly { FILES_ONLY } else { JOIN_FIRST };
                self.refused(conn, MessageType::Request, why);
                return self.send(conn, Message::RequestRet(refuse(why)));
            }
        };
        let most = self.config.limits.asks;
        if self.links.get(&conn).is_some_and(|link| link.asks.len() >= most) {
            self.limit(LimitReached::Asks);
            let why = format!("more than {most} requests on this connection wait for their answers");
            return self.close(conn, POLICY, &why);
        }
        let id = AskId(self.next_id());
        let ask = Ask {
            id,
            conn,
            station,
            file: request.file,
            relay: None,
            phase: AskPhase::Seeking,
            why: String::new(),
        };
        self.asks.insert(id, ask);
        if let Some(link) = self.links.get_mut(&conn) {
            link.asks.push_back(id);
        }
        match request.file {
            Some(file) => self.seek(id, file, &request.from),
            None => self.seek_latest(id, &request.from),
        }
    }

    /// A REQUEST that cannot be read is refused in its turn: the answers to those before it come first.
    pub(super) fn answer_unread_request(&mut self, conn: ConnId, reply: Reply) {
        let Some(link) = self.links.get(&conn) else { return };
        let (waiting, station) = (link.asks.len(), link.station);
        let Some(station) = station.filter(|_| waiting > 0) else {
            return self.send(conn, Message::RequestRet(reply));
        };
        if waiting >= self.config.limits.asks {
            let why = "more requests on this connection than allowed wait for their answers";
            return self.close(conn, POLICY, why);
        }
        let id = AskId(self.next_id());
        let ask =
            Ask { id, conn, station, file: None, relay: None, phase: AskPhase::Hopeless, why: reply.message };
        self.asks.insert(id, ask);
        if let Some(link) = self.links.get_mut(&conn) {
            link.asks.push_back(id);
        }
    }

    /// A REQUEST without FileUUID: our application's state if it is meant for us, otherwise the newest file.
    // req: HST-15
    fn seek_latest(&mut self, id: AskId, from: &[StationUuid]) {
        let us = from.is_empty() || from.contains(&self.config.station);
        if us && self.config.exporter {
            if let Some(ask) = self.asks.get_mut(&id) {
                ask.phase = AskPhase::Exporting;
            }
            self.agenda.set(Timer::Export(id), self.now + self.config.timers.export);
            return self.out.push_back(Output::Export { ask: id });
        }
        // One product takes the host for the author of everything, so naming us says nothing.
        self.seek_newest_of(id, if us { &[] } else { from });
    }

    fn seek_newest_of(&mut self, id: AskId, authors: &[StationUuid]) {
        let Some(station) = self.asks.get(&id).map(|ask| ask.station) else { return };
        let by = |author: Option<StationUuid>| {
            authors.is_empty() || author.is_some_and(|author| authors.contains(&author))
        };
        let newest = self.history.entries().rev().find(|entry| {
            entry.is_available() && is_for(&entry.commit, Some(station)) && by(entry.commit.station)
        });
        match newest.map(|entry| entry.commit.file) {
            Some(file) => self.seek(id, file, authors),
            None => self.ask(id, AskEvent::Nobody, "nothing has been committed yet"),
        }
    }

    pub(super) fn on_exported(&mut self, id: AskId, commit: Option<mvrx_message::Commit>) {
        self.agenda.clear(Timer::Export(id));
        let waiting =
            self.asks.get(&id).filter(|ask| ask.phase == AskPhase::Exporting).map(|ask| ask.station);
        let exported = commit.map(|commit| {
            let file = commit.file;
            // The asker gets the file itself; the others learn that it exists.
            self.publish(commit, waiting);
            file
        });
        match (waiting, exported) {
            (Some(_), Some(file)) => self.seek(id, file, &[]),
            (Some(_), None) => self.seek_newest_of(id, &[]),
            (None, _) => {}
        }
    }

    /// Finds a file for an ask: in our store, from a read under way, or by a new read.
    // req: HST-11, HST-12
    fn seek(&mut self, id: AskId, file: FileUuid, from: &[StationUuid]) {
        let Some(ask) = self.asks.get_mut(&id) else { return };
        ask.file = Some(file);
        let station = ask.station;
        let entry = self.history.entry(file);
        let under_way = || self.relays.values().find(|relay| relay.file == file)?.announced.as_ref();
        // req: HST-08
        if entry.map(|entry| &entry.commit).or_else(under_way).is_some_and(|c| !is_for(c, Some(station))) {
            // In the same words as one that nobody told of.
            return self.ask(id, AskEvent::Nobody, &not_here(NOBODY_TOLD));
        }
        // req: HST-29
        if entry.is_some_and(|entry| entry.withdrawn) {
            return self.ask(id, AskEvent::Nobody, WITHDRAWN);
        }
        // req: HDR-12
        if let Some(what) = entry.and_then(|entry| entry.damaged.as_deref()) {
            let why = is_damaged(what);
            return self.ask(id, AskEvent::Nobody, &why);
        }
        if entry.is_some_and(|entry| entry.held) {
            return self.ask(id, AskEvent::Available, "");
        }
        match self.read_for(file, from, Some(station)) {
            Ok(relay) => {
                if let Some(ask) = self.asks.get_mut(&id) {
                    ask.relay = Some(relay);
                }
                self.start_read(relay);
                if self.relays.get(&relay).is_some_and(|relay| relay.phase.can_be_read() && !relay.doubted) {
                    self.ask(id, AskEvent::Available, "");
                }
            }
            Err(why) => self.ask(id, AskEvent::Nobody, &why),
        }
    }

    /// Moves an ask along the table of [`AskPhase`] and does what it says.
    pub(super) fn ask(&mut self, id: AskId, event: AskEvent, why: &str) {
        let Some(ask) = self.asks.get_mut(&id) else { return };
        let (next, action) = ask.phase.on(event);
        ask.phase = next;
        if event == AskEvent::Nobody {
            why.clone_into(&mut ask.why);
            ask.relay = None;
        }
        let conn = ask.conn;
        match action {
            AskAction::Ignore => {}
            AskAction::Send => self.send_file(id),
            AskAction::Refuse => self.refuse_ask(id, why),
            AskAction::Stop => self.out.push_back(Output::StopSend { ask: id }),
            AskAction::Finish => {
                self.take_ask(id);
            }
            AskAction::CutOff => {
                let why = format!("a file could not be sent whole: {why}");
                self.close(conn, FAILED, &why);
            }
            AskAction::Forget => {
                if let Some(ask) = self.take_ask(id) {
                    let (file, station) = (ask.file, ask.station);
                    self.event(Event::RequestAbandoned { file, station, why: why.to_owned() });
                }
            }
        }
    }

    /// Answers what can be answered now: the first REQUEST of each connection, the oldest first.
    pub(super) fn run_turns(&mut self) {
        let mut first: Vec<AskId> = self.links.values().filter_map(|l| l.asks.front().copied()).collect();
        first.sort_unstable();
        let is_out = |ask: &&Ask| matches!(ask.phase, AskPhase::Sending | AskPhase::Stopping);
        let mut sending = self.asks.values().filter(is_out).count();
        for id in first {
            let mut next = Some(id);
            while let Some(ask) = next.and_then(|id| self.asks.get(&id)) {
                let (id, conn, phase) = (ask.id, ask.conn, ask.phase);
                match phase {
                    AskPhase::Hopeless => {
                        self.ask(id, AskEvent::Turn, "");
                        next = self.links.get(&conn).and_then(|link| link.asks.front().copied());
                        continue;
                    }
                    AskPhase::Found if sending < self.config.limits.sending => {
                        sending += 1;
                        self.ask(id, AskEvent::Turn, "");
                    }
                    _ => {}
                }
                next = None;
            }
        }
    }

    fn send_file(&mut self, id: AskId) {
        let Some(ask) = self.asks.get(&id) else { return };
        let (conn, station, Some(file)) = (ask.conn, ask.station, ask.file) else { return };
        let bytes = ask.relay.map_or(Bytes::Stored, Bytes::Growing);
        // req: HST-17
        let shared = self.members.get(&station).is_some_and(|member| member.conn == conn);
        self.event(Event::Serving { file, station });
        self.out.push_back(Output::SendFile { conn, ask: id, file, bytes, shared });
    }

    fn refuse_ask(&mut self, id: AskId, why: &str) {
        let Some(ask) = self.take_ask(id) else { return };
        let message = if ask.why.is_empty() { why.to_owned() } else { ask.why };
        if self
            .links
            .get(&ask.conn)
            .is_none_or(|link| matches!(link.standing, Standing::Left | Standing::Waiting))
        {
            // Who left is not sent to.
            let Ask { file, station, .. } = ask;
            return self.event(Event::RequestAbandoned { file, station, why: message });
        }
        self.send(ask.conn, Message::RequestRet(Reply::refused(&message)));
        self.event(Event::RequestRefused { file: ask.file, station: ask.station, message });
    }

    pub(super) fn on_file_sent(&mut self, id: AskId, length: u64) {
        let Some(ask) = self.asks.get(&id) else { return };
        let out = matches!(ask.phase, AskPhase::Sending | AskPhase::Stopping);
        if let (true, Some(file)) = (out, ask.file) {
            let station = ask.station;
            self.event(Event::Served { file, station, length });
            self.tell_fetched(file, station);
        }
        self.ask(id, AskEvent::Sent, "");
    }

    pub(super) fn on_send_failed(&mut self, id: AskId, what: &str, begun: bool) {
        let event = if begun { AskEvent::Broken } else { AskEvent::NotBegun };
        self.ask(id, event, what);
    }

    fn take_ask(&mut self, id: AskId) -> Option<Ask> {
        let ask = self.asks.remove(&id)?;
        self.agenda.clear(Timer::Export(id));
        if let Some(link) = self.links.get_mut(&ask.conn) {
            link.asks.retain(|other| *other != id);
        }
        Some(ask)
    }

    /// Ends the asks of a connection that nothing was sent for yet: who left is not sent to. A file under way goes on.
    pub(super) fn end_waiting_asks(&mut self, conn: ConnId, why: &str) {
        let asks = self.links.get(&conn).map(|link| link.asks.clone()).unwrap_or_default();
        for id in asks {
            let out = self
                .asks
                .get(&id)
                .is_some_and(|ask| matches!(ask.phase, AskPhase::Sending | AskPhase::Stopping));
            if !out {
                self.ask(id, AskEvent::Gone, why);
            }
        }
    }

    /// Whether somebody is being sent a file or will be.
    pub(super) fn is_in_use(&self, file: FileUuid) -> bool {
        let uses = |ask: &Ask| {
            ask.file == Some(file)
                && matches!(ask.phase, AskPhase::Found | AskPhase::Sending | AskPhase::Stopping)
        };
        self.asks.values().any(uses)
    }
}

/// Why nobody is given a file of which damaged bytes came.
pub(super) fn is_damaged(what: &str) -> String {
    format!("what came of this file is damaged: {what}")
}

/// The specification's own words for it, and why.
pub(super) fn not_here(why: &str) -> String {
    format!("The MVR is not available on this client: {why}")
}
