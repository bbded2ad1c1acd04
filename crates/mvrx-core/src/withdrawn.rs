//! Commits that those who made them have taken back: they leave every list, of ours and of a session's host, and are given to nobody any more.
//!
//! Only who made a commit withdraws it. He says so in each JOIN (`withdrawn` in the object of our own stations), the host of a session to its
//! clients in a JOIN_RET; other products see by the list of the next JOIN that it is gone. What a station fetched already stays in its store,
//! and is listed by it no longer. A transfer under way comes to its end.
//!
//! It is for good: the FileUUID is never listed again, whoever tells it. The same file committed again is another commit.
//! Withdrawn commits of others are remembered up to [`Limits::withdrawn`](crate::Limits::withdrawn), the latest, also before they are
//! known: lists come in any order. What we remember and what we have to say of it goes with us where we move.

use std::collections::{BTreeSet, VecDeque};

use mvrx_message::{BridgeMark, Commit, FileUuid, Join, StationUuid, WithdrawnFile};

use crate::history::History;
use crate::{Command, Core, Event};

/// What was withdrawn, and by whom.
#[derive(Debug, Clone, Default)]
pub(crate) struct Withdrawn {
    said: BTreeSet<(FileUuid, StationUuid)>,
    order: VecDeque<(FileUuid, StationUuid)>,
}

impl Withdrawn {
    /// Remembers it; with more than `most` the one that was told first is forgotten. Tells whether it is news. Of a commit that is not known
    /// anybody may say so: what one says takes nothing from what another said.
    // req: STA-34
    fn note(&mut self, file: FileUuid, by: StationUuid, most: usize) -> bool {
        let news = self.said.insert((file, by));
        if news {
            self.order.push_back((file, by));
        }
        while self.order.len() > most.max(1) {
            if let Some(oldest) = self.order.pop_front() {
                self.said.remove(&oldest);
            }
        }
        news
    }

    /// Whether who made it took it back.
    pub(crate) fn has(&self, file: FileUuid, author: Option<StationUuid>) -> bool {
        author.is_some_and(|author| self.said.contains(&(file, author)))
    }
}

/// What became of a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Withdrawal {
    /// The commit leaves the list.
    Unlisted,
    /// It is not known, and will not be listed.
    Remembered,
    /// It is known already, or somebody else made the commit.
    NoNews,
}

/// Of our own commits, or those of a session, the latest that were withdrawn: told to whoever may have missed it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ToTell(VecDeque<WithdrawnFile>);

impl ToTell {
    /// At most so many are kept. `false`: it was told already.
    pub(crate) fn add(&mut self, file: FileUuid, station: StationUuid, most: usize) -> bool {
        let withdrawn = WithdrawnFile { file, station };
        if self.0.contains(&withdrawn) {
            return false;
        }
        self.0.push_back(withdrawn);
        if self.0.len() > most.max(1) {
            self.0.pop_front();
        }
        true
    }

    /// The latest, as many as one message has.
    pub(crate) fn latest(&self) -> Vec<WithdrawnFile> {
        self.0.iter().skip(self.0.len().saturating_sub(Join::WITHDRAWN)).copied().collect()
    }

    /// Those before them.
    pub(crate) fn earlier(&self) -> Vec<WithdrawnFile> {
        self.0.iter().take(self.0.len().saturating_sub(Join::WITHDRAWN)).copied().collect()
    }

    pub(crate) fn files(&self) -> Vec<FileUuid> {
        self.0.iter().map(|withdrawn| withdrawn.file).collect()
    }
}

impl History {
    /// A commit is taken back by this station. Nobody takes back what somebody else made.
    // req: STA-31
    pub(crate) fn withdraw(&mut self, file: FileUuid, by: StationUuid, most: usize) -> Withdrawal {
        let Some(entry) = self.entry_mut(file) else {
            let news = self.withdrawn.note(file, by, most);
            return if news { Withdrawal::Remembered } else { Withdrawal::NoNews };
        };
        if entry.commit.station != Some(by) {
            return Withdrawal::NoNews;
        }
        entry.holders.clear();
        let news = !std::mem::replace(&mut entry.withdrawn, true);
        self.withdrawn.note(file, by, most);
        if news { Withdrawal::Unlisted } else { Withdrawal::NoNews }
    }

    /// Whether a commit was taken back, as far as that is known here.
    pub(crate) fn is_withdrawn(&self, file: FileUuid) -> bool {
        self.entry(file).is_some_and(|entry| entry.withdrawn)
    }
}

impl Core {
    /// A commit of ours was a mistake.
    pub(crate) fn withdraw(&mut self, file: FileUuid) {
        let (us, most) = (self.config.station, self.config.limits.withdrawn);
        let is_another =
            |history: &History| history.entry(file).is_some_and(|entry| entry.commit.station != Some(us));
        if self.histories().any(is_another) {
            return;
        }
        let mut news = false;
        for history in self.histories_mut() {
            news |= history.withdraw(file, us, most) == Withdrawal::Unlisted;
        }
        self.tell_there(&Command::Withdraw(file));
        if !self.withdrawn.add(file, us, Join::WITHDRAWN) && !news {
            return;
        }
        self.drop_announcements(file);
        self.withdraws_in_session(file);
        if news {
            self.event(Event::CommitWithdrawn { file, station: us });
        }
        // req: STA-32
        self.refresh();
    }

    /// What lies in our store and was withdrawn before this start.
    pub(crate) fn restore_withdrawn(&mut self, commit: Commit) {
        let (file, us, most) = (commit.file, self.config.station, self.config.limits.withdrawn);
        let by = commit.station.unwrap_or(us);
        self.history.hold(Commit { station: Some(by), ..commit });
        self.history.withdraw(file, by, most);
        if by == us {
            self.withdrawn.add(file, us, Join::WITHDRAWN);
        }
    }

    /// A station says what it has taken back.
    pub(crate) fn note_withdrawn(&mut self, from: StationUuid, files: &[FileUuid]) {
        let most = self.config.limits.withdrawn;
        for file in files.iter().take(Join::WITHDRAWN) {
            let Some(history) = self.history_of_mut(from) else { return };
            let what = history.withdraw(*file, from, most);
            self.tell_withdrawn(what, *file, from);
        }
    }

    /// The host of our session says what its stations have taken back.
    // req: SES-15
    pub(crate) fn note_withdrawn_in_session(&mut self, withdrawn: &[WithdrawnFile]) {
        let (us, most) = (self.config.station, self.config.limits.withdrawn);
        for WithdrawnFile { file, station } in withdrawn.iter().copied().take(Join::WITHDRAWN) {
            // Of ours we say it ourselves.
            if station != us {
                let what = self.history.withdraw(file, station, most);
                self.tell_withdrawn(what, file, station);
            }
        }
    }

    /// A bridge is told also of what is not known here: it may have carried it, by another station of its or before its last start.
    // req: BRG-27
    fn tell_withdrawn(&mut self, what: Withdrawal, file: FileUuid, station: StationUuid) {
        let is_bridge = matches!(self.config.bridge, Some(BridgeMark::Bridge { .. }));
        match what {
            Withdrawal::Unlisted => self.withdrawn_by(file, station),
            Withdrawal::Remembered if is_bridge => self.event(Event::CommitWithdrawn { file, station }),
            Withdrawal::Remembered | Withdrawal::NoNews => {}
        }
    }

    /// What was taken back in the place that we have left is listed in this one by nobody, either.
    // req: STA-31
    pub(crate) fn bring_withdrawn(&mut self, left: &History) {
        let most = self.config.limits.withdrawn;
        for (file, by) in left.withdrawn.order.iter().copied() {
            if self.history.withdraw(file, by, most) == Withdrawal::Unlisted {
                self.withdrawn_by(file, by);
            }
        }
    }

    fn withdrawn_by(&mut self, file: FileUuid, station: StationUuid) {
        self.drop_announcements(file);
        // Nobody has been told that it is there: so nobody is told that it is gone.
        self.missed.remove(&file);
        self.event(Event::CommitWithdrawn { file, station });
    }

    /// What still waits to be announced is not announced any more.
    pub(crate) fn drop_announcements(&mut self, file: FileUuid) {
        for peer in self.peers.values_mut() {
            // One that is under way goes its way; the JOIN follows it.
            let running = peer.lane.running.is_some();
            let mut at = 0;
            peer.lane.commits.retain(|(waiting, _)| {
                at += 1;
                *waiting != file || running && at == 1
            });
        }
    }
}
