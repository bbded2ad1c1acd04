//! Commits: from each station to all others (Figure 7), and from us to all (Figure 8).

use std::ops::Bound;

use mvrx_message::{Author, Commit, FileUuid, Message, MessageType, Reply, StationUuid};

use super::{
    Event, FILES_ONLY, Host, JOIN_FIRST, LimitReached, StandingAction, StandingEvent, Timer, refuse,
};
use crate::history::{Entry, Noted, announced_size, is_for};
use crate::{CommitSource, ConnId};

impl Host {
    pub(super) fn on_commit(&mut self, conn: ConnId, commit: &Commit) {
        let station = self.links.get(&conn).and_then(|link| link.station);
        let (reply, news) = match (self.stand(conn, StandingEvent::Commit), station) {
            (StandingAction::Serve, Some(station)) => self.take_commit(station, commit),
            (action, _) => {
                let why = if action == StandingAction::RefuseFilesOnly { FILES_ONLY } else { JOIN_FIRST };
                self.refused(conn, MessageType::Commit, why);
                (refuse(why), None)
            }
        };
        // The sender's answer first: it may wait for it.
        self.send(conn, Message::CommitRet(reply));
        if let (Some((news, missed)), Some(from)) = (news, station) {
            self.queue_to_announce(from, news, missed);
            self.announce_more();
            self.bound_commits();
        }
    }

    /// What is to be passed on, too, and whether it was missed.
    fn take_commit(&mut self, from: StationUuid, commit: &Commit) -> (Reply, Option<(FileUuid, bool)>) {
        let unwelcome = self.unwelcome(from, commit);
        let missing = self.is_missing(commit.file);
        if let Some(what) = self.told_otherwise(from, commit).filter(|_| unwelcome.is_none()) {
            self.event(Event::CommitToldOtherwise {
                file: commit.file,
                station: from,
                author: commit.station,
                what,
            });
        }
        let noted = match &unwelcome {
            Some(_) => Noted::Contradicts,
            None => self.note(from, commit, CommitSource::Announced),
        };
        match noted {
            Noted::New => (Reply::ok(), Some((commit.file, false))),
            // req: HST-09, HST-26
            Noted::Known => (Reply::ok(), missing.then_some((commit.file, true))),
            Noted::Contradicts => {
                let message = unwelcome.unwrap_or_else(|| CONTRADICTS.to_owned());
                let reply = refuse(&message);
                self.event(Event::CommitNotTaken {
                    file: commit.file,
                    station: from,
                    author: commit.station,
                    message,
                });
                (reply, None)
            }
        }
    }

    /// What is another than in the commit that is known.
    // req: AUD-01
    fn told_otherwise(&self, from: StationUuid, commit: &Commit) -> Option<String> {
        let known = &self.history.entry(commit.file)?.commit;
        let author = commit.station.unwrap_or(from);
        let size = announced_size(known).zip(announced_size(commit)).filter(|(known, told)| known != told);
        if known.file_name != commit.file_name {
            Some(format!("its name is {} and not {}", known.file_name, commit.file_name))
        } else if known.station.is_some_and(|known| known != author) {
            Some(format!("its author is another one than {author}"))
        } else {
            size.map(|(known, told)| format!("its size is {known} and not {told}"))
        }
    }

    /// Takes what a JOIN lists, and tells the others of what is new to the session.
    pub(super) fn note_commits(&mut self, from: StationUuid, commits: &[Commit], source: CommitSource) {
        self.history.begin_list();
        let news: Vec<FileUuid> = self
            .welcome(from, commits)
            .into_iter()
            .filter(|commit| {
                let missing = self.is_missing(commit.file);
                match self.note(from, commit, source) {
                    Noted::New => true,
                    Noted::Known => missing,
                    Noted::Contradicts => false,
                }
            })
            .map(|commit| commit.file)
            .collect();
        for file in news {
            self.queue_to_announce(from, file, source == CommitSource::Listed);
        }
        self.bound_commits();
        // What is forgotten is told to nobody, so that this is bounded as the commits are.
        self.to_announce.retain(|_, commits| {
            commits.retain(|(_, file), _| self.history.entry(*file).is_some());
            !commits.is_empty()
        });
        self.announce_more();
    }

    /// A commit that is known, and nobody can give: who joined meanwhile was not told of it.
    // req: HST-26
    pub(super) fn is_missing(&self, file: FileUuid) -> bool {
        self.history.entry(file).is_some_and(|entry| !entry.is_available() && !entry.withdrawn)
    }

    /// `missed`: it was made while those who are told now were not there to be told, or nobody could give it.
    // req: HST-28
    pub(super) fn queue_to_announce(&mut self, from: StationUuid, file: FileUuid, missed: bool) {
        if let Some(place) = self.history.place_of(file) {
            self.to_announce.entry(from).or_default().insert(place, missed);
        }
    }

    /// Tells the others of what is new, at most so many within a moment, of each station the newest last: a long list all at once, or somebody
    /// who commits without pause, would fill the outboxes of those who read slowly. Those who brought them take turns, so that nobody's few
    /// wait behind another's many.
    // req: HST-24
    pub(super) fn announce_more(&mut self) {
        if self.now >= self.announced.0 + self.config.timers.announce {
            self.announced = (self.now, 0);
        }
        while self.announced.1 < self.config.limits.announced_at_join.max(1) {
            let Some((file, from, missed)) = self.next_to_announce() else { return };
            // Who told it may be gone, and its file with it.
            if self.history.entry(file).is_some_and(Entry::is_available) {
                let stations = self.relay_commit(file, from, missed);
                self.announced.1 += stations.min(1);
            }
        }
        if !self.to_announce.is_empty() {
            self.agenda.set(Timer::Announce, self.announced.0 + self.config.timers.announce);
        }
    }

    fn next_to_announce(&mut self) -> Option<(FileUuid, StationUuid, bool)> {
        let after = self.announced_last.map_or(Bound::Unbounded, Bound::Excluded);
        let next =
            self.to_announce.range((after, Bound::Unbounded)).next().or(self.to_announce.iter().next());
        let from = *next?.0;
        let commits = self.to_announce.get_mut(&from)?;
        let ((_, file), missed) = commits.pop_first()?;
        if commits.is_empty() {
            self.to_announce.remove(&from);
        }
        self.announced_last = Some(from);
        Some((file, from, missed))
    }

    fn note(&mut self, from: StationUuid, commit: &Commit, source: CommitSource) -> Noted {
        let reach = self.config.limits.order_reach;
        let noted = self.history.note(&self.with_author(commit, from), from, source, reach);
        if noted == Noted::New && is_for(commit, Some(self.config.station)) {
            self.event(Event::CommitSeen { file: commit.file, from, source });
        }
        let wanted = |entry: &Entry| !entry.held && !entry.withdrawn && !entry.let_go;
        let missing = self.history.entry(commit.file).is_some_and(wanted);
        if missing && noted != Noted::Contradicts {
            // Also one that is known: an earlier read of it may have failed.
            self.want_kept(commit.file);
        }
        noted
    }

    /// COMMIT to every joined station that it is for, but the one that told and the one that made it; how many they are.
    // req: HST-07, HST-08
    fn relay_commit(&mut self, file: FileUuid, from: StationUuid, missed: bool) -> usize {
        let stations = self.announce(file, Some(from), missed);
        self.event(Event::CommitRelayed { file, from, stations });
        stations
    }

    /// A commit of ours goes to everybody it is for; `but`: who gets the file anyway.
    // req: HST-10
    pub(super) fn publish(&mut self, mut commit: Commit, but: Option<StationUuid>) {
        commit.station = Some(self.config.station);
        commit.author = Some(Author::new(&self.config.station_name, &self.config.provider));
        commit.order = commit.order.or_else(|| Some(self.next_order()));
        let file = commit.file;
        if self.history.is_withdrawn(file) {
            return;
        }
        self.history.hold(commit);
        let stations = self.announce(file, but, false);
        self.event(Event::CommitPublished { file, stations });
        self.bound_commits();
    }

    pub(super) fn restore(&mut self, commit: Commit) {
        let (file, length) = (commit.file, commit.file_size);
        let own = commit.station.is_none_or(|station| station == self.config.station);
        let counts = !self.holds(file) && !own;
        self.history.hold(commit);
        if counts {
            self.count_as_kept(file, length);
        }
        self.bound_commits();
    }

    fn announce(&mut self, file: FileUuid, but: Option<StationUuid>, missed: bool) -> usize {
        let Some(known) = self.history.entry(file) else { return 0 };
        let commit = Commit { missed, ..known.commit.clone() };
        let to: Vec<ConnId> = self
            .members
            .iter()
            .filter(|(station, _)| {
                Some(**station) != but
                    && Some(**station) != commit.station
                    && is_for(&commit, Some(**station))
            })
            .map(|(_, member)| member.conn)
            .collect();
        for conn in &to {
            self.send(*conn, Message::Commit(commit.clone()));
        }
        to.len()
    }

    /// Some products show only what is pushed.
    pub(super) fn push_newest(&mut self, conn: ConnId, station: StationUuid) {
        let wants = self.members.get(&station).is_some_and(|m| m.product.wants_commit_after_join());
        if !wants {
            return;
        }
        let newest = self.history.newest_listed_to(station, 1).pop();
        if let Some(commit) = newest.filter(|commit| commit.station != Some(station)) {
            self.send(conn, Message::Commit(commit));
        }
    }

    pub(super) fn on_commit_ret(&mut self, conn: ConnId, reply: &Reply) {
        // Nobody waits for it: one product never sends it.
        let station = self.links.get(&conn).and_then(|link| link.station);
        if let Some(station) = station.filter(|_| !reply.ok) {
            self.event(Event::CommitRefused { station, message: reply.message.clone() });
        }
    }

    /// Makes room: first goes what we do not hold, then what was relayed and nobody is being sent.
    fn bound_commits(&mut self) {
        self.bound_commits_of_each();
        let (most, bytes) = (self.config.limits.commits, self.config.limits.commit_bytes);
        if self.history.len() > most {
            self.limit(LimitReached::Commits);
        } else if self.history.bytes() > bytes {
            self.limit(LimitReached::CommitBytes);
        } else {
            return;
        }
        self.history.shrink_within(most, bytes);
        let mut at = 0;
        while self.history.len() > most || self.history.bytes() > bytes {
            let Some(kept) = self.kept.nth(at) else { return };
            if self.is_in_use(kept.file) {
                at += 1;
                continue;
            }
            self.let_go(at);
            self.history.forget(kept.file);
        }
    }

    /// A station's own oldest commits make room for its newer ones.
    // req: QUO-04
    fn bound_commits_of_each(&mut self) {
        let most = self.config.limits.commits_each;
        let us = self.config.station;
        for station in self.history.who_brought_more_than(most).into_iter().filter(|station| *station != us) {
            self.limit(LimitReached::CommitsEach);
            for file in self.history.oldest_of(station, most) {
                match self.kept.find(file) {
                    Some(_) if self.is_in_use(file) => continue,
                    Some(at) => self.let_go(at),
                    // What our own application wanted to have stays.
                    None if self.holds(file) => continue,
                    None => {}
                }
                self.history.forget(file);
            }
        }
    }
}

const CONTRADICTS: &str = "this FileUUID is known with another FileSize";
