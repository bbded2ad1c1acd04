//! Commits that those who made them have taken back: out of the session's list, and our stations are told by a JOIN_RET that is news. Stations of
//! other products see it by the list of their next JOIN.
//!
//! A file that somebody is being sent is sent to its end. What we keep of one stays in the store until it makes room there.

use mvrx_message::{Commit, FileUuid, Join, Roster, StationUuid, WithdrawnFile};

use super::{Event, Host};
use crate::withdrawn::Withdrawal;

impl Host {
    /// A station says what it has taken back.
    // req: HST-29
    pub(super) fn note_withdrawn(&mut self, from: StationUuid, files: &[FileUuid]) {
        let most = self.config.limits.withdrawn;
        let mut news = Vec::new();
        for file in files.iter().take(Join::WITHDRAWN) {
            let withdrawal = self.history.withdraw(*file, from, most);
            if withdrawal == Withdrawal::Unlisted {
                self.event(Event::CommitWithdrawn { file: *file, station: from });
            }
            // Others may know what we do not: who made it is told with it.
            if withdrawal != Withdrawal::NoNews {
                self.withdrawn.add(*file, from, most);
                news.push(WithdrawnFile { file: *file, station: from });
            }
        }
        if !news.is_empty() {
            self.tell_all_but(from, &Roster { news: true, withdrawn: news, ..Roster::default() });
        }
    }

    /// A commit of ours was a mistake.
    pub(super) fn withdraw(&mut self, file: FileUuid) {
        let us = self.config.station;
        self.note_withdrawn(us, &[file]);
    }

    pub(super) fn restore_withdrawn(&mut self, commit: Commit) {
        let (file, by) = (commit.file, commit.station.unwrap_or(self.config.station));
        self.restore(Commit { station: Some(by), ..commit });
        let most = self.config.limits.withdrawn;
        self.history.withdraw(file, by, most);
        self.withdrawn.add(file, by, most);
    }
}
