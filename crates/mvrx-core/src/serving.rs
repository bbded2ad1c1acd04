//! Answering REQUEST: which file, whether this asker may have it, and what became of it.

use std::net::SocketAddr;

use mvrx_message::{Commit, FileUuid, Message, Product, Request, StationUuid};

use crate::history::is_for;
use crate::inbound::{Waiting, refuse};
use crate::{ConnId, Core, Event, LimitReached, Membership, Output, Presence};

impl Core {
    pub(crate) fn on_request(&mut self, conn: ConnId, address: SocketAddr, request: &Request) {
        if self.presence == Presence::Absent {
            return self.refuse_request(
                conn,
                request.file,
                address,
                "this station is not in the group at the moment",
            );
        }
        if let Some(station) = request.station
            && let Some(inbound) = self.inbound.get_mut(&conn)
        {
            inbound.station.get_or_insert(station);
        }
        if let Some(inbound) = self.inbound.get(&conn).filter(|i| i.is_busy()) {
            // Replies match requests by their order, so this one waits for the file under way.
            let requests = inbound.waiting.iter().filter(|w| matches!(w, Waiting::Request(_))).count();
            if requests >= self.config.limits.waiting_requests {
                return self.refuse_request(
                    conn,
                    request.file,
                    address,
                    "too many requests wait on this connection already",
                );
            }
            return self.wait(conn, Waiting::Request(request.clone()));
        }
        let sending = self.inbound.values().filter(|i| i.is_busy()).count();
        if sending >= self.config.limits.served {
            self.limit(LimitReached::Served);
            return self.refuse_request(
                conn,
                request.file,
                address,
                "this station is sending too many files already, try again",
            );
        }
        // req: STA-13
        match request.file {
            Some(file) if self.may_have(conn, address, file) => self.send_file(conn, file),
            Some(file) if self.is_withdrawn(file) => {
                self.refuse_request(conn, request.file, address, WITHDRAWN);
            }
            Some(_) => self.refuse_request(conn, request.file, address, NOT_HERE),
            None if self.config.exporter => {
                if let Some(inbound) = self.inbound.get_mut(&conn) {
                    inbound.exporting = true;
                }
                self.out.push_back(Output::Export { conn });
            }
            None => self.send_newest(conn, address),
        }
    }

    pub(crate) fn on_exported(&mut self, conn: ConnId, commit: Option<Commit>) {
        let asker =
            self.inbound.get(&conn).map(|i| (i.station.or(self.only_station_at(i.peer.ip())), i.peer));
        let exported = commit.map(|commit| {
            let file = commit.file;
            // The asker gets the file itself; the others learn that it exists.
            // req: STA-14
            self.publish(commit, asker.and_then(|(station, _)| station));
            file
        });
        let Some((_, address)) = asker else { return };
        if let Some(inbound) = self.inbound.get_mut(&conn) {
            inbound.exporting = false;
        }
        match exported {
            Some(file) => self.send_file(conn, file),
            None => self.send_newest(conn, address),
        }
        self.go_on(conn, address);
    }

    /// Does what waited, up to the next file.
    fn go_on(&mut self, conn: ConnId, address: SocketAddr) {
        while let Some(inbound) = self.inbound.get_mut(&conn).filter(|i| !i.is_busy()) {
            match inbound.waiting.pop_front() {
                Some(Waiting::Request(next)) => self.on_request(conn, address, &next),
                Some(Waiting::Answer(message, dialect)) => {
                    self.out.push_back(Output::Send { conn, message, dialect });
                }
                None => break,
            }
        }
    }

    fn send_newest(&mut self, conn: ConnId, address: SocketAddr) {
        let asker = self.inbound.get(&conn).and_then(|i| i.station).or(self.only_station_at(address.ip()));
        let newest = self.history_of(asker).and_then(|h| h.visible_to(asker).next_back()).map(|c| c.file);
        match newest {
            Some(file) => self.send_file(conn, file),
            None => self.refuse_request(conn, None, address, "this station has committed nothing yet"),
        }
    }

    /// Whether whoever asks may have a file.
    ///
    /// A REQUEST does not say who asks. Where no other message on the connection told, every station that may be at the source address
    /// counts: a file for one of them is given, since its FileUUID is random and was told to nobody else.
    fn may_have(&self, conn: ConnId, address: SocketAddr, file: FileUuid) -> bool {
        // A FileUUID is told to nobody but those of its group, so who names it is one of them.
        let entry = self.histories().filter_map(|history| history.entry(file)).find(|e| e.is_given());
        let Some(entry) = entry else { return false };
        // The host asks for others, and for itself in order to serve them later.
        // req: SES-11
        if self.inbound.get(&conn).is_some_and(|i| i.to_host) {
            return true;
        }
        if let Some(station) = self.inbound.get(&conn).and_then(|i| i.station) {
            return is_for(&entry.commit, Some(station));
        }
        let at = |(station, peer): (&StationUuid, &crate::peer::Peer)| {
            peer.membership == Membership::Member
                && peer.may_be_at(address.ip())
                && is_for(&entry.commit, Some(*station))
        };
        is_for(&entry.commit, None) || self.peers.iter().any(at)
    }

    fn send_file(&mut self, conn: ConnId, file: FileUuid) {
        let Some(inbound) = self.inbound.get_mut(&conn) else { return };
        inbound.sending = Some(file);
        let (station, address) = (inbound.station, inbound.peer);
        if let Some(session) = self.session.as_mut().filter(|session| session.is_ours(conn)) {
            session.moves_files();
        }
        let station = station.or(self.only_station_at(address.ip()));
        self.touch_inbound(conn);
        self.event(Event::Serving { file, station, address });
        self.out.push_back(Output::SendFile { conn, file });
    }

    pub(crate) fn on_file_sent(&mut self, conn: ConnId, length: u64) {
        let Some(inbound) = self.inbound.get_mut(&conn) else { return };
        let Some(file) = inbound.sending.take() else { return };
        let (station, address, ended) = (inbound.station, inbound.peer, inbound.ended);
        let station = station.or(self.only_station_at(address.ip()));
        self.event(Event::Served { file, station, length });
        if ended {
            self.forget_inbound(conn);
            return;
        }
        self.touch_inbound(conn);
        self.go_on(conn, address);
    }

    pub(crate) fn serve_failed(&mut self, conn: ConnId, why: String) {
        let Some(inbound) = self.inbound.get_mut(&conn) else { return };
        let (file, station, address) = (inbound.sending.take(), inbound.station, inbound.peer);
        let station = station.or(self.only_station_at(address.ip()));
        self.forget_inbound(conn);
        if let Some(file) = file {
            self.event(Event::ServeFailed { file, station, why });
        }
    }

    /// Our store does not give a file that it should have.
    pub(crate) fn on_file_unreadable(&mut self, conn: ConnId, why: String) {
        let Some(inbound) = self.inbound.get_mut(&conn) else { return };
        let (file, station, address) = (inbound.sending.take(), inbound.station, inbound.peer);
        let Some(file) = file else { return };
        self.event(Event::ServeFailed { file, station, why });
        if self.inbound.get(&conn).is_some_and(|i| i.ended) {
            return self.forget_inbound(conn);
        }
        self.refuse_request(conn, Some(file), address, NOT_HERE);
        self.go_on(conn, address);
    }

    fn refuse_request(&mut self, conn: ConnId, file: Option<FileUuid>, address: SocketAddr, why: &str) {
        self.event(Event::RequestRefused { file, address, message: why.to_owned() });
        self.answer(conn, Message::RequestRet(refuse(why)), Product::Other);
    }
}

/// Of a commit that was a mistake.
pub(crate) const WITHDRAWN: &str = "its author has withdrawn this commit";

/// The specification's own words for it.
const NOT_HERE: &str = "The MVR is not available on this client";
