//! What the host says, and what we tell it.

use mvrx_message::{Commit, FileUuid, Join, JoinRet, Leave, Message, Parsed, Product, Reply};

use super::{FilesLinkEvent, Session, Stay, StayEvent};
use crate::history::is_for;
use crate::inbound::ok;
use crate::released::ReleasedTold;
use crate::{CommitSource, ConnId, Core, Event, FetchEvent, LimitReached, Presence, Timer};

impl Core {
    pub(crate) fn on_host_message(&mut self, conn: ConnId, parsed: &Parsed) {
        let Some(address) = self.host_address(conn) else { return };
        match &parsed.message {
            Message::JoinRet(ret) => self.on_host_join_ret(conn, ret),
            Message::Commit(commit) => self.on_host_commit(conn, commit),
            Message::CommitRet(reply) => self.on_host_commit_ret(reply),
            Message::Request(request) => self.on_request(conn, address, request),
            Message::RequestRet(reply) => self.on_host_request_ret(conn, reply),
            Message::LeaveRet(_) => self.stay(StayEvent::LeaveAnswered, ""),
            Message::Leave(leave) => self.on_host_leave(conn, leave),
            Message::Join(join) => self.on_host_join(conn, join),
            Message::NewSessionHost(proposal) => self.on_new_session_host(conn, address, proposal),
            Message::NewSessionHostRet(ret) => self.on_host_move_ret(conn, ret),
            other => {
                let what = format!("a message of the type {}, which has no place in a session", other.kind());
                self.peer_error(address, what);
            }
        }
        if let Some(host) = self.host() {
            self.note_quirks(host, parsed.quirks);
        }
    }

    fn on_host_join_ret(&mut self, conn: ConnId, ret: &JoinRet) {
        let main = self.session.as_ref().is_some_and(|s| s.main == Some(conn));
        if !main {
            let event = if ret.reply.ok { FilesLinkEvent::Accepted } else { FilesLinkEvent::Refused };
            return self.files_link(event);
        }
        if !ret.answers_join() {
            return self.on_roster_news(ret);
        }
        if !ret.reply.ok {
            return self.on_refused(ret);
        }
        let before = self.session.as_ref().map(|s| s.stay);
        if !matches!(before, Some(Stay::Joining | Stay::Joined)) {
            return;
        }
        self.learn_host(conn, ret);
        self.stay(StayEvent::JoinAccepted, "");
        let now = self.now;
        if let Some(session) = self.session.as_mut() {
            session.entered(now);
        }
        if before == Some(Stay::Joining) {
            self.event(Event::JoinedGroup);
        }
        self.meet_host(ret);
        self.roster_begins(ret);
        self.list_begins(None);
        self.note_host_commits(&ret.commits, CommitSource::Listed);
        // Everybody else's word comes by the host.
        self.has_heard = true;
        self.settle();
        if before == Some(Stay::Joining) {
            self.say_pending();
        }
        self.host_took_released();
        if self.session.as_ref().is_some_and(|session| session.join_again) {
            self.say_join();
        }
        // req: SES-08
        if let (Some(session), Some(ticket)) = (self.session.as_mut(), ret.ticket.clone()) {
            session.take_ticket(ticket);
            self.files_link(FilesLinkEvent::Ticket);
        }
    }

    /// The host does not want us: told in its words, tried again after a pause.
    fn on_refused(&mut self, ret: &JoinRet) {
        let message =
            if ret.reply.message.is_empty() { "without a reason" } else { ret.reply.message.as_str() };
        let why = format!("it refused: {message}");
        let Some(session) = self.session.as_mut().filter(|s| matches!(s.stay, Stay::Joining | Stay::Joined))
        else {
            return;
        };
        let news = session.away_told.as_deref() != Some(why.as_str());
        session.away_told = Some(why.clone());
        let host = ret.station.or(session.host);
        if news {
            self.event(Event::SessionRefused { host, message: ret.reply.message.clone() });
        }
        self.stay(StayEvent::JoinRefused, &why);
    }

    fn on_roster_news(&mut self, ret: &JoinRet) {
        if let Some(roster) = ret.roster.as_ref().filter(|_| self.is_joined()) {
            self.meet_host(ret);
            self.roster_goes_on(roster, ret.group.as_ref());
        }
    }

    // req: SES-03
    fn on_host_commit(&mut self, conn: ConnId, commit: &Commit) {
        self.say_to_host(conn, Message::CommitRet(ok()));
        if !self.is_joined() {
            return;
        }
        // An announced commit is of a station that is there; only a host that tells who is there knows better.
        let tells = self.session.as_ref().is_some_and(|s| s.tells_stations);
        if let Some(author) = commit.station.filter(|a| *a != self.config.station && !tells) {
            self.meet(author, commit.author.as_ref(), None);
        }
        // req: SES-14
        let source = if commit.missed { CommitSource::Listed } else { CommitSource::Announced };
        if commit.missed {
            self.wait_for_missed();
            self.list_begins(None);
        }
        self.note_host_commits(std::slice::from_ref(commit), source);
    }

    /// Remembers commits that the host tells: their authors have them, and so has the host.
    // req: SES-05
    fn note_host_commits(&mut self, commits: &[Commit], source: CommitSource) {
        let (us, host) = (self.config.station, self.host());
        for commit in commits {
            let from = commit.station.filter(|author| *author != us).or(host);
            let Some(from) = from else { continue };
            self.note_commits(from, std::slice::from_ref(commit), source);
            let known = self.history.entry(commit.file).is_some();
            if let Some(host) = host.filter(|host| known && *host != from && is_for(commit, Some(us))) {
                let reach = self.config.limits.order_reach;
                self.history.note(commit, host, source, reach);
            }
        }
    }

    /// A commit of ours goes to the host, which passes it on. A JOIN that is to come lists it.
    // req: SES-04
    pub(crate) fn announce_to_host(&mut self, file: FileUuid) -> usize {
        let most = self.config.limits.pending_commits;
        let Some(session) = self.session.as_mut() else { return 0 };
        match session.stay {
            Stay::Joined => {
                self.say_commit(file);
                self.members().count()
            }
            Stay::Joining => {
                session.pending.push_back(file);
                if session.pending.len() > most {
                    session.pending.pop_front();
                    self.limit(LimitReached::PendingCommits);
                }
                0
            }
            Stay::Out | Stay::Dialing | Stay::Away | Stay::Leaving => 0,
        }
    }

    /// A commit of ours was a mistake: where a JOIN under way lists it still, another one follows.
    pub(crate) fn withdraws_in_session(&mut self, file: FileUuid) {
        if let Some(session) = self.session.as_mut() {
            session.pending.retain(|waiting| *waiting != file);
            session.join_again |= session.stay == Stay::Joining;
        }
    }

    /// Our store has a file no more: what the host was told of those.
    pub(crate) fn session_lets_go(&mut self, file: FileUuid) -> Option<&mut ReleasedTold> {
        let session = self.session.as_mut()?;
        session.pending.retain(|waiting| *waiting != file);
        Some(&mut session.released_told)
    }

    /// To a host of ours; others would make nothing of it. While a JOIN is under way, its answer brings the next one.
    pub(crate) fn refresh_session_of_ours(&mut self) {
        let is_ours = |session: &Session| session.stay == Stay::Joined && session.product == Product::Mvrx;
        if self.session.as_ref().is_some_and(is_ours) {
            self.say_join();
        }
    }

    fn host_took_released(&mut self) {
        let Some(mut told) = self.session.as_ref().map(|session| session.released_told) else { return };
        let more = self.released_was_told_to(&mut told);
        if let Some(session) = self.session.as_mut() {
            session.released_told = told;
            session.join_again |= more && session.product == Product::Mvrx;
        }
    }

    fn say_pending(&mut self) {
        let pending = self.session.as_mut().map(|s| std::mem::take(&mut s.pending)).unwrap_or_default();
        for file in pending {
            self.say_commit(file);
        }
    }

    fn say_commit(&mut self, file: FileUuid) {
        let most = self.config.limits.pending_commits;
        let Some(commit) = self.history.entry(file).map(|entry| entry.commit.clone()) else { return };
        let Some(session) = self.session.as_mut() else { return };
        let Some(conn) = session.main else { return };
        // One product never acknowledges: the oldest is taken for confirmed then.
        session.unacknowledged.push_back(file);
        if session.unacknowledged.len() > most {
            session.unacknowledged.pop_front();
        }
        self.say_to_host(conn, Message::Commit(commit));
    }

    fn on_host_commit_ret(&mut self, reply: &Reply) {
        let Some(session) = self.session.as_mut() else { return };
        let (Some(file), Some(station)) = (session.unacknowledged.pop_front(), session.host) else { return };
        self.event(if reply.ok {
            Event::CommitAcknowledged { file, station }
        } else {
            Event::CommitRefused { file, station, message: reply.message.clone() }
        });
    }

    fn on_host_request_ret(&mut self, conn: ConnId, reply: &Reply) {
        let Some(session) = self.session.as_mut() else { return };
        let Some(asked) = session.asked.take_if(|asked| asked.conn == conn && !asked.begun) else {
            if let Some(address) = self.host_address(conn) {
                self.peer_error(address, "an MVR_REQUEST_RET that answers nothing we asked".to_owned());
            }
            return;
        };
        session.refused = Some(asked.request);
        self.agenda.clear(Timer::HostAnswer);
        self.attempt_failed(asked.request, FetchEvent::Refused, crate::receive::refusal(reply));
    }

    /// Hosts of other products may pass on that a station left.
    fn on_host_leave(&mut self, conn: ConnId, leave: &Leave) {
        self.say_to_host(conn, Message::LeaveRet(ok()));
        if Some(leave.station) != self.host() {
            self.station_gone(leave.station);
        }
    }

    /// Hosts of other products may pass on that a station joined, or JOIN us back.
    fn on_host_join(&mut self, conn: ConnId, join: &Join) {
        if self.presence == Presence::Present && join.station != self.config.station {
            let author = mvrx_message::Author::new(&join.station_name, &join.provider);
            self.meet(join.station, Some(&author), Some((join.product(), join.version)));
            self.note_withdrawn(join.station, &join.withdrawn);
            self.note_released(join.station, &join.released);
            self.list_begins(None);
            self.note_commits(join.station, &join.commits, CommitSource::Listed);
        }
        let product = self.session.as_ref().map(|s| s.product).unwrap_or_default();
        self.answer_join(conn, Some(join.station), product, ok());
    }
}
