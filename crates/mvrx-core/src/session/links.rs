//! The connections to the host: made, joined, lost, made again.

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_message::{Dialect, FileUuid, FilesConnection, Join, Leave, Message};

use super::{FilesLinkAction, FilesLinkEvent, Session, Stay, StayAction, StayEvent};
use crate::inbound::Inbound;
use crate::{ConnId, Core, Event, FetchEvent, Output, Presence, Timer};

impl Core {
    pub(crate) fn start_session(&mut self) {
        self.presence = Presence::Present;
        self.agenda.clear(Timer::Departure);
        self.stay(StayEvent::Start, "");
    }

    pub(crate) fn leave_session(&mut self) {
        if self.presence == Presence::Present {
            self.presence = Presence::Leaving;
            self.fail_all_fetches();
        }
        self.stay(StayEvent::Leave, "");
    }

    /// JOIN once more on the same connection, or try at once where we are away.
    pub(crate) fn refresh_session(&mut self) {
        if self.is_joined() {
            self.say_join();
        } else if self.presence == Presence::Present {
            self.stay(StayEvent::Start, "");
        }
    }

    pub(crate) fn on_host_reached(&mut self, conn: ConnId, address: SocketAddr) {
        let Some(session) = self.session.as_mut().filter(|s| s.is_ours(conn)) else {
            // It was given up while it was being made.
            return self.out.push_back(Output::Close { conn });
        };
        let main = session.main == Some(conn);
        self.inbound.insert(conn, Inbound::to_host(address));
        if main {
            self.stay(StayEvent::Dialed, "");
        } else {
            self.files_link(FilesLinkEvent::Dialed);
        }
    }

    pub(crate) fn on_host_unreachable(&mut self, conn: ConnId, what: &str) {
        self.host_conn_over(conn, what, true);
    }

    pub(crate) fn on_host_lost(&mut self, conn: ConnId, what: &str) {
        self.host_conn_over(conn, what, false);
    }

    fn host_conn_over(&mut self, conn: ConnId, what: &str, dialing: bool) {
        let Some(session) = self.session.as_ref().filter(|s| s.is_ours(conn)) else { return };
        let main = session.main == Some(conn);
        self.forget_host_conn(conn, what);
        match (main, dialing) {
            (true, true) => self.stay(StayEvent::DialFailed, what),
            (true, false) => self.stay(StayEvent::Closed, what),
            (false, true) => self.files_link(FilesLinkEvent::DialFailed),
            (false, false) => self.files_link(FilesLinkEvent::Closed),
        }
    }

    /// Something on a connection to the host is not as it can be: that connection ends, the stay goes on as after a loss.
    pub(super) fn drop_host_conn(&mut self, conn: ConnId, what: &str) {
        if self.is_host_conn(conn) {
            self.out.push_back(Output::Close { conn });
            self.host_conn_over(conn, what, false);
        }
    }

    pub(crate) fn on_host_deadline(&mut self) {
        self.stay(StayEvent::Deadline, "it did not answer in time");
    }

    pub(crate) fn on_files_deadline(&mut self) {
        self.files_link(FilesLinkEvent::Deadline);
    }

    /// Moves our stay along its table and does what it says.
    pub(super) fn stay(&mut self, event: StayEvent, why: &str) {
        let Some(session) = self.session.as_mut() else { return };
        let before = session.stay;
        let (next, action) = before.on(event);
        session.stay = next;
        match action {
            StayAction::Dial => self.dial_host(),
            StayAction::CloseAndDial => {
                self.close_main();
                self.stay_over();
                self.dial_host();
            }
            StayAction::Join => self.say_join(),
            StayAction::Enter | StayAction::Renew => {
                self.agenda.clear(Timer::Host);
            }
            StayAction::Pause | StayAction::CloseAndPause => {
                if action == StayAction::CloseAndPause {
                    self.close_main();
                }
                if before == Stay::Joined {
                    self.stay_over();
                }
                self.pause_session(why, event);
            }
            StayAction::SayLeave => self.say_leave(),
            StayAction::Depart | StayAction::CloseAndDepart => {
                if action == StayAction::CloseAndDepart {
                    self.close_main();
                }
                self.depart_session();
            }
            StayAction::Ignore => {}
        }
    }

    /// The host is somewhere else now.
    // req: SES-13
    pub(crate) fn session_at(&mut self, url: &str) {
        let Some(session) = self.session.as_mut() else { return };
        if session.config.url == url {
            return;
        }
        url.clone_into(&mut session.config.url);
        session.failures = 0;
        if session.stay == Stay::Away {
            self.stay(StayEvent::Start, "");
        }
    }

    fn dial_host(&mut self) {
        let conn = self.fresh_conn();
        let wait = self.config.timers.host_dial;
        let Some(session) = self.session.as_mut() else { return };
        session.main = Some(conn);
        let url = session.config.url.clone();
        self.agenda.set(Timer::Host, self.now + wait);
        self.out.push_back(Output::DialHost { conn, url });
    }

    fn fresh_conn(&mut self) -> ConnId {
        let conn = ConnId::Dialed(self.next_dial);
        self.next_dial += 1;
        conn
    }

    // req: SES-01, SES-02
    pub(super) fn say_join(&mut self) {
        let told = self.session.as_ref().map(|session| session.released_told).unwrap_or_default();
        let (released, told) = self.released_to_host(told);
        let join = self.join_of_session(None, released);
        let reply = self.config.timers.reply;
        let Some(session) = self.session.as_mut() else { return };
        let Some(conn) = session.main else { return };
        if session.stay == Stay::Joining {
            session.pending.clear();
            self.agenda.set(Timer::Host, self.now + reply);
        }
        (session.join_again, session.released_told) = (false, told);
        self.say_to_host(conn, join);
    }

    fn join_of_session(&self, ticket: Option<FilesConnection>, released: Vec<FileUuid>) -> Message {
        let second = ticket.is_some();
        let product = self.session.as_ref().map(|s| s.product).unwrap_or_default();
        let most = Dialect::in_session(product).most_commits();
        let offers = self.session.as_ref().is_some_and(|s| s.config.files_connection);
        let offered = offers.then_some(FilesConnection::Offered);
        Message::Join(Join {
            provider: self.config.provider.clone(),
            station_name: self.config.station_name.clone(),
            version: self.config.version,
            station: self.config.station,
            commits: if second { Vec::new() } else { self.history.newest_held(most) },
            ours: Some(self.config.ours()),
            group: None,
            files: ticket.or(offered),
            // The connection's: the host that it leads to may be told it or not.
            password: None,
            withdrawn: self.withdrawn.files(),
            released,
        })
    }

    pub(crate) fn say_to_host(&mut self, conn: ConnId, message: Message) {
        let product = self.session.as_ref().map(|s| s.product).unwrap_or_default();
        self.answer(conn, message, product);
    }

    // req: SES-09
    fn say_leave(&mut self) {
        let station = self.config.station;
        self.agenda.set(Timer::Host, self.now + self.config.timers.departure);
        if let Some(conn) = self.session.as_ref().and_then(|s| s.main) {
            self.say_to_host(conn, Message::Leave(Leave::new(station)));
        }
    }

    fn close_main(&mut self) {
        if let Some(conn) = self.session.as_mut().and_then(|s| s.main) {
            self.out.push_back(Output::Close { conn });
            self.forget_host_conn(conn, "the connection was closed");
        }
    }

    /// A connection is gone: what was asked on it has failed, and so has what was being sent.
    fn forget_host_conn(&mut self, conn: ConnId, what: &str) {
        let Some(session) = self.session.as_mut() else { return };
        if session.main == Some(conn) {
            session.main = None;
        }
        if session.files_conn == Some(conn) {
            session.files_conn = None;
        }
        let asked = session.asked.take_if(|asked| asked.conn == conn);
        if let Some(inbound) = self.inbound.remove(&conn)
            && let Some(file) = inbound.sending
        {
            self.event(Event::ServeFailed { file, station: inbound.station, why: what.to_owned() });
        }
        if let Some(asked) = asked {
            self.agenda.clear(Timer::HostAnswer);
            let host = self.session.as_ref().and_then(|session| session.host);
            if let (Some(fetch), Some(host)) = (self.fetches.get_mut(&asked.request), host) {
                // The host's connection failed; the station that was named knows nothing of it.
                fetch.asking = Some(host);
            }
            self.attempt_failed(asked.request, FetchEvent::Failed, what.to_owned());
        }
    }

    /// We are no longer one of the session.
    fn stay_over(&mut self) {
        self.files_link(FilesLinkEvent::StayOver);
        let now = self.now;
        let settled = self.config.timers.settled;
        if let Some(session) = self.session.as_mut() {
            session.ticket = None;
            session.unacknowledged.clear();
            // A stay of moments, as of two stations with one StationUUID that push each other out, does not begin the pauses anew. One that
            // brought a file further does: its tries are counted by themselves.
            let moved = std::mem::take(&mut session.moves_files);
            if session.joined_at.take().is_some_and(|at| moved || now >= at + settled) {
                session.failures = 0;
            }
        }
        for peer in self.peers.values_mut() {
            peer.reachable = false;
        }
    }

    // req: SES-07
    fn pause_session(&mut self, why: &str, event: StayEvent) {
        let timers = self.config.timers.clone();
        let Some(session) = self.session.as_mut() else { return };
        session.failures = session.failures.saturating_add(1);
        let pause = timers.retry_after(session.failures);
        let pause = session.spread(pause);
        let news = session.away_told.as_deref() != Some(why) && event != StayEvent::JoinRefused;
        if news {
            session.away_told = Some(why.to_owned());
        }
        let host = session.host;
        self.agenda.set(Timer::Host, self.now + pause);
        if news {
            self.event(Event::SessionUnreachable { host, why: why.to_owned(), next_try: pause });
        }
    }

    fn depart_session(&mut self) {
        self.stay_over();
        self.agenda.clear(Timer::Host);
        self.presence = Presence::Absent;
        if let Some(session) = self.session.as_mut() {
            session.failures = 0;
            session.away_told = None;
            session.pending.clear();
        }
        self.peers.clear();
        self.tell_left();
    }

    /// Moves the second connection along its table and does what it says.
    // req: SES-08
    pub(super) fn files_link(&mut self, event: FilesLinkEvent) {
        let Some(session) = self.session.as_mut() else { return };
        let (next, action) = session.files.on(event);
        session.files = next;
        match action {
            FilesLinkAction::Dial => self.dial_files(),
            FilesLinkAction::Join => self.join_files(),
            FilesLinkAction::Attach => {
                self.agenda.clear(Timer::HostFiles);
                if let Some(session) = self.session.as_mut() {
                    session.files_failures = 0;
                }
            }
            FilesLinkAction::Pause => self.pause_files(),
            FilesLinkAction::CloseAndPause => {
                self.close_files("it did not answer in time");
                self.pause_files();
            }
            FilesLinkAction::Close => {
                self.agenda.clear(Timer::HostFiles);
                self.close_files("the stay in the session is over");
            }
            FilesLinkAction::Ignore => {}
        }
    }

    fn dial_files(&mut self) {
        let conn = self.fresh_conn();
        self.agenda.set(Timer::HostFiles, self.now + self.config.timers.host_dial);
        let Some(session) = self.session.as_mut() else { return };
        session.files_conn = Some(conn);
        let url = session.config.url.clone();
        self.out.push_back(Output::DialHost { conn, url });
    }

    fn join_files(&mut self) {
        let Some((conn, ticket)) =
            self.session.as_ref().and_then(|s| Some((s.files_conn?, s.ticket.clone()?)))
        else {
            return;
        };
        self.agenda.set(Timer::HostFiles, self.now + self.config.timers.reply);
        let join = self.join_of_session(Some(FilesConnection::Of(ticket)), Vec::new());
        self.say_to_host(conn, join);
    }

    fn close_files(&mut self, why: &str) {
        // Nobody tells how far a file came that we cut off ourselves; what is kept of it is asked for again.
        // req: STA-26
        let asked =
            self.session.as_ref().and_then(|s| s.asked.filter(|asked| Some(asked.conn) == s.files_conn));
        if let Some(asked) = asked.filter(|asked| asked.begun) {
            let file = self.fetches.get(&asked.request).and_then(|fetch| fetch.file);
            let commit = file.and_then(|file| self.history.entry(file)).map(|entry| &entry.commit);
            if commit.is_some_and(|commit| commit.blake3.is_some()) {
                self.on_part_kept(asked.request, 0);
            }
        }
        if let Some(conn) = self.session.as_ref().and_then(|s| s.files_conn) {
            self.out.push_back(Output::Close { conn });
            self.forget_host_conn(conn, why);
        }
    }

    fn pause_files(&mut self) {
        let timers = self.config.timers.clone();
        let Some(session) = self.session.as_mut() else { return };
        session.files_failures = session.files_failures.saturating_add(1);
        let pause = timers.retry_after(session.files_failures);
        let pause = session.spread(pause);
        self.agenda.set(Timer::HostFiles, self.now + pause);
    }
}

impl Session {
    /// What the second connection is about to be used with; a new ticket takes the place of an older one.
    pub(super) fn take_ticket(&mut self, ticket: mvrx_message::Ticket) {
        self.ticket = Some(ticket);
    }

    pub(crate) fn moves_files(&mut self) {
        self.moves_files = true;
    }

    pub(super) fn entered(&mut self, now: Duration) {
        self.joined_at.get_or_insert(now);
        self.away_told = None;
    }
}
