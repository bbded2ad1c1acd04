//! Our requests through the host, one at a time: there are no request ids, so the next answer is the answer to what was asked last.
//!
//! The host asks whoever has the file, so it is asked once, unless the connection fails in the middle: then again, once we are back.

use mvrx_message::{Message, StationUuid};

use super::{Asked, Stay};
use crate::fetch::Fetch;
use crate::history::announced_size;
use crate::{
    ConnId, Core, Event, FetchEvent, FetchPhase, Membership, Output, RequestFailure, RequestId, Requested,
    Source, Timer,
};

impl Core {
    /// Starts what may start: called at the end of each step.
    pub(crate) fn run_session_fetches(&mut self) {
        let waiting: Vec<RequestId> =
            self.fetches.values().filter(|f| f.phase == FetchPhase::Waiting).map(|f| f.id).collect();
        for id in waiting {
            if self.can_ask_host() || self.is_out_of_patience(id) {
                self.fetch(id, FetchEvent::Turn);
            } else if !self.is_joined() {
                self.be_patient(id);
            }
        }
    }

    fn can_ask_host(&self) -> bool {
        self.session.as_ref().is_some_and(|session| {
            session.stay == Stay::Joined
                && session.asked.is_none()
                && !session.is_attaching()
                && session.asking_conn().is_some()
        })
    }

    fn is_out_of_patience(&self, id: RequestId) -> bool {
        !self.is_joined()
            && self.fetches.get(&id).and_then(|f| f.patience).is_some_and(|until| self.now >= until)
    }

    /// A request waits for the host to come back, a bounded time.
    fn be_patient(&mut self, id: RequestId) {
        let until = self.now + self.config.timers.rejoin;
        if let Some(fetch) = self.fetches.get_mut(&id).filter(|fetch| fetch.patience.is_none()) {
            fetch.patience = Some(until);
            self.agenda.set(Timer::Holder(id), until);
        }
    }

    /// Whom to name in the REQUEST, if the host is to be asked.
    // req: SES-10
    pub(crate) fn choose_by_host(&mut self, id: RequestId) {
        let latest = match self.fetches.get(&id).map(|f| (f.requested, f.file, f.source)) {
            Some((Requested::Latest { .. }, None, source)) => self.latest_of(source),
            _ => None,
        };
        let Some(fetch) = self.fetches.get_mut(&id) else { return };
        // It may have been asked for before JOIN_RET told what there is.
        fetch.file = fetch.file.or(latest);
        (fetch.asking, fetch.conn) = (None, None);
        if let Some(file) = fetch.file.filter(|file| self.holds(*file)) {
            return self.found_at_home(id, file);
        }
        let refused = self.session.as_mut().and_then(|s| s.refused.take()) == Some(id);
        let Some(fetch) = self.fetches.get(&id) else { return };
        if refused || fetch.tried.len() >= TRIES {
            return self.fetch(id, FetchEvent::NoneLeft);
        }
        if !self.can_ask_host() {
            let over = self.is_out_of_patience(id);
            return self.fetch(id, if over { FetchEvent::NoneLeft } else { FetchEvent::NotYet });
        }
        let Some(from) = self.whom_to_name(id) else { return self.fetch(id, FetchEvent::NoneLeft) };
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.asking = Some(from);
            fetch.patience = None;
        }
        self.agenda.clear(Timer::Holder(id));
        self.fetch(id, FetchEvent::Found);
    }

    fn found_at_home(&mut self, id: RequestId, file: mvrx_message::FileUuid) {
        self.agenda.clear(Timer::Holder(id));
        let Some(fetch) = self.fetches.remove(&id) else { return };
        for request in fetch.waiting() {
            self.event(Event::RequestDone { request, file, from: None });
        }
    }

    fn whom_to_name(&self, id: RequestId) -> Option<StationUuid> {
        let Fetch { file, source, .. } = self.fetches.get(&id)?;
        let session = self.session.as_ref()?;
        let there = |station: StationUuid| {
            self.peers.get(&station).is_some_and(|peer| peer.membership == Membership::Member)
        };
        let author = file.and_then(|file| self.history.entry(file)).and_then(|e| e.commit.station);
        match (*source, file) {
            // A host answers for itself only what a station would export now.
            (Source::Station(station), None) => (session.host == Some(station)
                && session.product.answers_request_for_current_state())
            .then_some(station),
            (Source::Any, None) => {
                session.host.filter(|_| session.product.answers_request_for_current_state())
            }
            (Source::Station(station), Some(_)) => {
                (there(station) || author == Some(station) && !session.tells_stations).then_some(station)
            }
            (Source::Any, Some(_)) => author.filter(|author| there(*author)).or(session.host).or(author),
        }
    }

    pub(crate) fn ask_host(&mut self, id: RequestId) {
        let Some((from, file)) = self.fetches.get(&id).and_then(|f| Some((f.asking?, f.file))) else {
            return;
        };
        let Some(conn) = self.session.as_ref().and_then(super::Session::asking_conn) else { return };
        let expected = file.and_then(|f| self.history.entry(f)).and_then(|e| announced_size(&e.commit));
        self.event(Event::RequestStarted { request: id, file, from });
        if let Some(fetch) = self.fetches.get_mut(&id) {
            fetch.conn = Some(conn);
        }
        if let Some(session) = self.session.as_mut() {
            session.asked = Some(Asked { conn, request: id, begun: false, expected });
        }
        self.agenda.set(Timer::HostAnswer, self.now + self.config.timers.host_answer);
        if let Some(message @ Message::Request(_)) = self.request_message(id) {
            self.say_to_host(conn, message);
        }
    }

    pub(crate) fn on_host_file_begins(&mut self, conn: ConnId) {
        let Some(session) = self.session.as_mut() else { return };
        let Some(asked) = session.asked.as_mut().filter(|asked| asked.conn == conn && !asked.begun) else {
            if let Some(address) = self.host_address(conn) {
                self.peer_error(address, "a file that nobody asked for".to_owned());
            }
            return self.drop_host_conn(conn, "it sent a file that nobody asked for");
        };
        asked.begun = true;
        let Asked { request, expected, .. } = *asked;
        session.moves_files();
        // From here on the transport's idle timeout watches.
        self.agenda.clear(Timer::HostAnswer);
        if self.fetches.contains_key(&request) {
            self.fetch(request, FetchEvent::FileBegins);
        } else {
            // Cancelled meanwhile; it is read, so that the connection can go on, and dropped when it has arrived.
            self.out.push_back(Output::ReceiveFile { conn, request, expected });
        }
    }

    /// The file that was asked for is here, or thrown away: the next one may be asked for.
    pub(crate) fn host_answered(&mut self, request: RequestId) {
        if let Some(session) = self.session.as_mut() {
            session.asked.take_if(|asked| asked.request == request);
        }
    }

    pub(crate) fn on_host_answer_deadline(&mut self) {
        // A late answer would be taken for the next one's, so the connection ends with the wait.
        if let Some(conn) = self.session.as_ref().and_then(|s| s.asked).map(|asked| asked.conn) {
            self.drop_host_conn(conn, "it did not answer MVR_REQUEST in time");
        }
    }

    /// Nobody waits for what was asked any more. On a connection of their own a file is cut off; on the one that carries messages the answer
    /// is still taken, and forgotten.
    pub(crate) fn abandon_at_host(&mut self, request: RequestId) {
        let asked = self.session.as_ref().and_then(|s| s.asked.filter(|asked| asked.request == request));
        if let Some(asked) = asked
            && self.session.as_ref().is_some_and(|s| s.files_conn == Some(asked.conn))
        {
            if let Some(session) = self.session.as_mut() {
                session.asked = None;
            }
            self.agenda.clear(Timer::HostAnswer);
            self.drop_host_conn(asked.conn, "a request was cancelled");
        }
    }

    /// Something came that cannot be read. An answer may have been lost with it, so what was asked there ends with the connection.
    pub(crate) fn on_host_malformed(&mut self, conn: ConnId, what: &str) {
        if let Some(address) = self.host_address(conn) {
            self.peer_error(address, what.to_owned());
        }
        let waits = self
            .session
            .as_ref()
            .is_some_and(|s| s.asked.is_some_and(|asked| asked.conn == conn) || s.stay != Stay::Joined);
        if waits {
            self.drop_host_conn(conn, what);
        }
    }

    /// A file on a connection to the host failed in the middle, and with it the connection.
    pub(crate) fn on_host_file_failed(&mut self, conn: ConnId, what: &str, local: bool) {
        let receiving = self.session.as_ref().and_then(|s| s.asked).filter(|a| a.conn == conn && a.begun);
        if let Some(asked) = receiving.filter(|_| local) {
            if let Some(session) = self.session.as_mut() {
                session.asked = None;
            }
            self.fail_locally(asked.request, what.to_owned());
        }
        self.on_host_lost(conn, what);
    }

    /// Why nobody could be asked.
    pub(crate) fn why_not_by_host(&self, source: Source, file: bool) -> RequestFailure {
        let host = self.session.as_ref().and_then(|s| s.host);
        let member =
            |station| self.peers.get(&station).is_some_and(|peer| peer.membership == Membership::Member);
        match source {
            _ if !self.is_joined() => RequestFailure::HostUnreachable,
            Source::Station(station) if !member(station) && host != Some(station) => {
                RequestFailure::StationNotJoined { station }
            }
            Source::Station(station) if !file => RequestFailure::StationCannotExport { station },
            Source::Any if !file => RequestFailure::NothingCommitted,
            Source::Station(_) | Source::Any => RequestFailure::NobodyHasIt,
        }
    }
}

/// Times that the host is asked for one file: it is asked again only when a connection failed.
const TRIES: usize = 3;
