//! What we missed: told in order, each once, however many stations list it.
//!
//! Who comes to a group is told by several stations what was committed, each in its own JOIN_RET, and these come one after the other. So
//! what they list is noted at once, and the application is told of it when everybody who was seen has answered our first JOIN, or after
//! [`Timers::first_round`](crate::Timers::first_round). Only the telling waits: what is known can be read, listed and requested meanwhile.
//! In a session one list tells all; what its host says later of what we missed is held for the same time.
//!
//! It does not know how commits are ordered; [`History`](crate::history::History) does.

use mvrx_message::{FileUuid, StationUuid};

use crate::{CommitSource, Core, Event, Membership, Presence, Timer};

impl Core {
    /// The number of a commit of ours that is about to be made ([`mvrx_message::Commit::order`]): higher than that of each commit known, so
    /// that whoever knows ours as well has it after them. Ask before the file is kept, so that the store remembers it; each call gives
    /// another one.
    #[must_use]
    pub fn next_order(&mut self) -> u64 {
        let others = self.histories().chain(self.there().into_iter().flat_map(Self::histories));
        let highest = others.map(crate::history::History::highest).max().unwrap_or(0);
        self.history.promise(highest)
    }

    /// Whether those who are there have told what they have, so that a commit made now is later than theirs: the host of our session has let
    /// us in once, or everybody who was seen in the group has answered our first JOIN. `false` for good where nobody is; wait no longer
    /// than [`Timers::first_round`](crate::Timers::first_round).
    #[must_use]
    pub fn has_heard_the_others(&self) -> bool {
        self.has_heard || self.presence != Presence::Present || !self.in_session() && self.has_company()
    }

    fn has_company(&self) -> bool {
        self.members().next().is_some() && !self.is_in_first_round()
    }

    /// Whether anything is known of a commit.
    pub(crate) fn knows(&self, file: FileUuid) -> bool {
        self.history.entry(file).is_some()
    }

    /// A new commit is known.
    // req: STA-28
    pub(crate) fn commit_seen(&mut self, file: FileUuid, from: StationUuid, source: CommitSource) {
        match source {
            CommitSource::Announced => self.event(Event::CommitSeen { file, from, source }),
            CommitSource::Listed => {
                self.missed.entry(file).or_insert(from);
            }
        }
    }

    /// A list begins, of a station or of our session's host.
    pub(crate) fn list_begins(&mut self, of: Option<StationUuid>) {
        let history = match of {
            Some(station) => self.history_of_mut(station),
            None => Some(&mut self.history),
        };
        if let Some(history) = history {
            history.begin_list();
        }
    }

    /// More of what we missed may follow.
    pub(crate) fn wait_for_missed(&mut self) {
        if !self.agenda.timers().any(|timer| timer == Timer::Missed) {
            self.agenda.set(Timer::Missed, self.now + self.config.timers.first_round);
        }
    }

    /// Tells it once nobody is waited for; called at the end of each step.
    pub(crate) fn run_missed(&mut self) {
        if self.missed.is_empty() {
            return;
        }
        if self.is_in_first_round() {
            return self.wait_for_missed();
        }
        let more_may_follow = self.in_session() && self.agenda.timers().any(|timer| timer == Timer::Missed);
        if !more_may_follow {
            self.tell_missed();
        }
    }

    /// Tells it now, in order.
    pub(crate) fn tell_missed(&mut self) {
        self.agenda.clear(Timer::Missed);
        let missed = std::mem::take(&mut self.missed);
        let place = |file| self.histories().find_map(|history| history.place_of(file));
        let mut told: Vec<_> =
            missed.into_iter().filter_map(|(file, from)| Some((place(file)?, file, from))).collect();
        told.sort_unstable();
        for (_, file, from) in told {
            self.event(Event::CommitSeen { file, from, source: CommitSource::Listed });
        }
    }

    /// Whether somebody who was seen has still to answer our first JOIN to him.
    fn is_in_first_round(&self) -> bool {
        if self.in_session() || self.presence != Presence::Present {
            return false;
        }
        let waits = |lane: &crate::peer::Lane| (lane.join || lane.running.is_some()) && lane.failures == 0;
        let stations = self.peers.values().any(|peer| {
            let first = peer.membership == Membership::Sighted
                || peer.membership == Membership::Member && peer.join_accepted.is_none();
            first && waits(&peer.lane)
        });
        stations || self.places.values().any(|place| waits(&place.lane))
    }

    /// From now on a number of ours is right, also for what other products told: whoever of ours is there has told those that he knows.
    pub(crate) fn settle_after_first_round(&mut self) {
        let round = self.present_since.saturating_add(self.config.timers.first_round);
        if self.presence == Presence::Present && !self.in_session() && self.now >= round {
            self.settle();
        }
    }

    /// Who only looks gives no numbers: it has seen nothing of how these commits came.
    pub(crate) fn settle(&mut self) {
        if self.config.advertise {
            self.history.settle();
        }
    }
}
