//! Files that we listed and that are in our store no more: the stations of ours that may count on us are told so, and a commit that nobody has any
//! more is one that nobody gives.
//!
//! It is a word about oneself alone (`released` in the object of our own stations): it takes one holder away, and no commit out of a
//! list. What is merely missing in a list says nothing, since a list has the newest that fit. The host of a session says by it that nobody
//! there gives a file any more; whatever became of its own copy, as long as one of its stations has the file it says nothing.
//!
//! | to whom | how |
//! |---|---|
//! | each station of ours in the group | a JOIN with the first [`Join::RELEASED`] that it was not told, another one when that is answered |
//! | the host of our session | the same |
//! | our stations in a session that we host | a JOIN_RET that is news, of what was let go within a moment |
//! | other products | nothing: they are refused in words when they ask |
//!
//! Up to [`Limits::released`](crate::Limits::released) are remembered until everybody was told. Who did not hear of it, asks and is refused.

use std::collections::VecDeque;

use mvrx_message::{FileUuid, Join, Product, StationUuid};

use crate::history::{Entry, History, is_for};
use crate::inbound::Waiting;
use crate::peer::Target;
use crate::{Command, Core, Membership};

/// The latest of them, each with a number that no later one has.
#[derive(Debug, Default)]
pub(crate) struct Released {
    files: VecDeque<(u64, FileUuid)>,
    next: u64,
}

impl Released {
    /// One more, at most so many: the number that it has.
    fn add(&mut self, file: FileUuid, most: usize) -> u64 {
        self.files.retain(|(_, other)| *other != file);
        let number = self.next;
        self.next += 1;
        self.files.push_back((number, file));
        while self.files.len() > most.max(1) {
            self.files.pop_front();
        }
        number
    }

    /// What follows for one who was told all before the number `from`, as much as a message has; and the number up to which it is all then.
    fn part(&self, from: u64, is_to_be_told: impl Fn(FileUuid) -> bool) -> (Vec<FileUuid>, u64) {
        let mut part = Vec::new();
        for (number, file) in self.files.iter().filter(|(number, _)| *number >= from) {
            if part.len() == Join::RELEASED {
                return (part, *number);
            }
            if is_to_be_told(*file) {
                part.push(*file);
            }
        }
        (part, self.next)
    }
}

/// How much of it one station was told.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReleasedTold {
    /// All before this number; `None`: nothing was let go since it is known.
    up_to: Option<u64>,
    /// What a JOIN under way has, likewise.
    saying: Option<u64>,
}

impl ReleasedTold {
    /// This was let go, and it may count on us for it.
    fn is_to_hear(&mut self, number: u64) {
        self.up_to.get_or_insert(number);
    }

    /// A JOIN was answered: whether there is more to be told than it said.
    fn answered(&mut self, released: &Released) -> bool {
        self.up_to = self.saying.take().or(self.up_to);
        self.up_to.is_some_and(|up_to| up_to < released.next)
    }
}

impl History {
    /// This station has the file no more. Whether somebody still gives it.
    // req: STA-36
    pub(crate) fn is_let_go_by(&mut self, file: FileUuid, station: StationUuid) -> bool {
        let Some(entry) = self.entry_mut(file) else { return false };
        entry.holders.remove(&station);
        entry.is_available()
    }
}

impl Entry {
    /// Gone from our store, and worth telling those it is for; `None`: whoever it is for.
    fn is_let_go(&self, of: Option<StationUuid>) -> bool {
        !self.held && !self.withdrawn && of.is_none_or(|of| is_for(&self.commit, Some(of)))
    }
}

impl Core {
    /// Whether a file has to stay in our store for now: it is being sent, somebody waits for it behind another one, it is being fetched, or we are
    /// between two places.
    // req: STA-35
    #[must_use]
    pub fn is_in_use(&self, file: FileUuid) -> bool {
        let is_wanted = |waiting: &Waiting| matches!(waiting, Waiting::Request(r) if r.file == Some(file));
        let mut inbound = self.inbound.values();
        inbound.any(|i| i.sending == Some(file) || i.waiting.iter().any(is_wanted))
            || self.fetches.values().any(|fetch| fetch.file == Some(file))
            || self.change.is_some()
            || self.is_between_places(file)
    }

    /// The file of a commit is no longer in our store.
    pub(crate) fn release(&mut self, file: FileUuid) {
        let was_held = self.histories().any(|h| h.entry(file).is_some_and(|entry| entry.held));
        self.histories_mut().for_each(|history| history.release(file));
        self.tell_there(&Command::Release(file));
        if !was_held {
            return;
        }
        self.drop_announcements(file);
        let number = self.released.add(file, self.config.limits.released);
        if self.in_session() {
            return self.release_in_session(file, number);
        }
        self.peers.values_mut().for_each(|peer| peer.released_told.is_to_hear(number));
        let ours = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.membership == Membership::Member && peer.product == Product::Mvrx);
        let ours: Vec<StationUuid> = ours.map(|(station, _)| *station).collect();
        ours.into_iter().for_each(|station| self.want_join(Target::Station(station)));
    }

    /// What a JOIN to this station says of it.
    pub(crate) fn released_to(&mut self, station: StationUuid) -> Vec<FileUuid> {
        let Some(from) = self.peers.get(&station).and_then(|peer| peer.released_told.up_to) else {
            return Vec::new();
        };
        let history = self.history_of(Some(station));
        let told = |file| {
            let entry = history.and_then(|history| history.entry(file));
            entry.is_some_and(|entry| entry.is_let_go(Some(station)))
        };
        let (part, up_to) = self.released.part(from, told);
        if let Some(peer) = self.peers.get_mut(&station) {
            peer.released_told.saying = Some(up_to);
        }
        part
    }

    /// A station has taken our JOIN.
    pub(crate) fn released_was_told(&mut self, station: StationUuid) {
        let Some(peer) = self.peers.get_mut(&station) else { return };
        if peer.released_told.answered(&self.released) {
            self.want_join(Target::Station(station));
        }
    }

    /// What a JOIN to the host says of it: the host knows every commit of its session.
    pub(crate) fn released_to_host(&self, told: ReleasedTold) -> (Vec<FileUuid>, ReleasedTold) {
        let Some(from) = told.up_to else { return (Vec::new(), told) };
        let is_let_go = |file| self.history.entry(file).is_some_and(|entry| entry.is_let_go(None));
        let (part, up_to) = self.released.part(from, is_let_go);
        (part, ReleasedTold { saying: Some(up_to), ..told })
    }

    fn release_in_session(&mut self, file: FileUuid, number: u64) {
        let Some(told) = self.session_lets_go(file) else { return };
        told.is_to_hear(number);
        // What is let go meanwhile follows when that JOIN is answered.
        if told.saying.is_none() {
            self.refresh_session_of_ours();
        }
    }

    /// The host has taken our JOIN: whether another one has to follow.
    pub(crate) fn released_was_told_to(&self, told: &mut ReleasedTold) -> bool {
        told.answered(&self.released)
    }

    /// A station says what it has no more.
    // req: STA-36
    pub(crate) fn note_released(&mut self, from: StationUuid, files: &[FileUuid]) {
        for file in files.iter().take(Join::RELEASED) {
            let Some(history) = self.history_of_mut(from) else { return };
            history.is_let_go_by(*file, from);
        }
    }

    /// The host of our session says what nobody there gives any more: every holder there is one by its word.
    // req: SES-16
    pub(crate) fn note_released_in_session(&mut self, files: &[FileUuid]) {
        for file in files.iter().take(Join::RELEASED) {
            if let Some(entry) = self.history.entry_mut(*file) {
                entry.holders.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(n: u16) -> FileUuid {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&n.to_be_bytes());
        FileUuid::from_random_bytes(id)
    }

    // proves: STA-35
    #[test]
    fn a_part_has_as_many_as_a_message_and_the_next_begins_behind_it() {
        let mut released = Released::default();
        let most = u16::try_from(Join::RELEASED).unwrap();
        for n in 0..most {
            released.add(file(n), 1_000);
        }
        assert_eq!(released.part(0, |_| true), ((0..most).map(file).collect(), u64::from(most)));
        released.add(file(most), 1_000);
        assert_eq!(released.part(0, |_| true), ((0..most).map(file).collect(), u64::from(most)));
        assert_eq!(released.part(u64::from(most), |_| true), (vec![file(most)], u64::from(most) + 1));
        let (odd, up_to) = released.part(0, |of| of != file(0));
        assert_eq!((odd.first(), odd.len(), up_to), (Some(&file(1)), Join::RELEASED, u64::from(most) + 1));
    }

    #[test]
    fn so_many_are_remembered_and_each_once() {
        let mut released = Released::default();
        for n in [1, 2, 1, 3] {
            released.add(file(n), 3);
        }
        assert_eq!(released.part(0, |_| true).0, [2, 1, 3].map(file));
        released.add(file(4), 3);
        assert_eq!(released.part(0, |_| true).0, [1, 3, 4].map(file));
    }

    #[test]
    fn an_answer_without_a_question_tells_nothing_and_a_lost_one_is_said_again() {
        let mut released = Released::default();
        let mut told = ReleasedTold::default();
        assert!(!told.answered(&released));
        told.is_to_hear(released.add(file(1), 9));
        told.saying = Some(released.part(0, |_| true).1);
        released.add(file(2), 9);
        assert!(told.answered(&released), "more came meanwhile");
        assert_eq!(told.up_to, Some(1));
        // No answer came to this one.
        told.saying = None;
        assert!(told.answered(&released));
        told.saying = Some(2);
        assert!(!told.answered(&released));
    }
}
