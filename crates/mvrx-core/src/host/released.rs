//! Files that nobody in the session has any more: our stations are told by a JOIN_RET that is news, of all that went within a moment. Whoever
//! joins later is not told of their commits at all; when somebody has one again, all are told of it as of one that they missed.

use mvrx_message::{FileUuid, Join, Roster, StationUuid};

use super::{Host, Timer};
use crate::history::is_for;

impl Host {
    /// Whether a file has to stay in our store for now: it is being sent or will be, or one with its name is on its way.
    // req: HST-31
    #[must_use]
    pub fn is_needed(&self, file: FileUuid) -> bool {
        let waits = |ask: &super::Ask| ask.file == Some(file);
        self.asks.values().any(waits) || self.relays.values().any(|relay| relay.file == file)
    }

    /// Our store drops a file, by limits of its own: it is not fetched to be kept again.
    // req: HST-31
    pub(super) fn release(&mut self, file: FileUuid) {
        if let Some(at) = self.kept.find(file) {
            self.kept.remove(at);
        }
        self.history.release(file);
        if let Some(entry) = self.history.entry_mut(file) {
            entry.let_go = true;
        }
        self.may_be_given_no_more(file);
    }

    /// A station says what it has no more.
    // req: HST-31
    pub(super) fn note_released(&mut self, from: StationUuid, files: &[FileUuid]) {
        for file in files.iter().take(Join::RELEASED) {
            if !self.history.is_let_go_by(*file, from) {
                self.may_be_given_no_more(*file);
            }
        }
    }

    /// Where that is so, it is told in a moment.
    pub(super) fn may_be_given_no_more(&mut self, file: FileUuid) {
        if self.is_missing(file) {
            // Not put off by the next one.
            if self.released.insert(file) && self.released.len() == 1 {
                self.agenda.set(Timer::Released, self.now + self.config.timers.announce);
            }
        }
    }

    pub(super) fn tell_released(&mut self) {
        let gone: Vec<FileUuid> = std::mem::take(&mut self.released).into_iter().collect();
        let ours: Vec<StationUuid> =
            self.members.iter().filter(|(_, member)| member.ours).map(|(station, _)| *station).collect();
        for to in ours {
            let is_for_it = |file: &&FileUuid| {
                // Somebody may have it again.
                let missing = self.is_missing(**file);
                let entry = self.history.entry(**file);
                missing && entry.is_some_and(|entry| is_for(&entry.commit, Some(to)))
            };
            let told: Vec<FileUuid> = gone.iter().filter(is_for_it).copied().collect();
            for released in told.chunks(Join::RELEASED) {
                let released = released.to_vec();
                self.tell_news(&[to], &Roster { news: true, released, ..Roster::default() });
            }
        }
    }
}
