//! Whose election it is: the group of TCP mode in which the station started, until a person moves it into another one.
//!
//! It turns where people move the station, and what a host says of whose session it is, into an election that goes on, begins anew in another group, or
//! rests. It knows nothing of who is there.

use std::collections::BTreeSet;
use std::time::Duration;

use mvrx_message::{GroupName, StationUuid};

use super::{Election, ElectionConfig, ElectionEvent, ElectionOutput, ElectionPhase};

impl Election {
    /// A person moved our station into a group: it takes part there as who has just started. But who was moved out of the session into the group
    /// whose session that is is to be in the group.
    // req: ELE-16
    pub(super) fn moved_to(&mut self, group: GroupName) {
        let is_left = group == self.config.group && self.phase != ElectionPhase::Elsewhere;
        self.on(ElectionEvent::MovedAway);
        if !is_left {
            self.begin_in(group);
            self.on(ElectionEvent::MovedIn);
        }
    }

    /// Nothing that was seen or told in the group before counts here.
    // req: ELE-16
    fn begin_in(&mut self, group: GroupName) {
        let config = ElectionConfig { group: group.clone(), ..self.config.clone() };
        let (now, phase, session_moves) = (self.now, self.phase, self.session_moves);
        let out = std::mem::take(&mut self.out);
        *self = Self { now, phase, session_moves, out, ..Self::new(config) };
        self.out.extend([ElectionOutput::Companions(BTreeSet::new()), ElectionOutput::Group(group)]);
    }

    /// Whether a session of that group is one of this election. Where a person moved us into another group's it is that one's from now on; whoever came there
    /// otherwise looked for a host of ours, which was at that address before.
    // req: ELE-16
    pub(super) fn is_of_this(&mut self, host: StationUuid, group: GroupName) -> bool {
        if group == self.config.group {
            return true;
        }
        if self.phase == ElectionPhase::Elsewhere {
            self.begin_in(group);
            return true;
        }
        self.hosts.remove(&host);
        false
    }

    /// When our turn comes. To begin one host of ours ends the one before it, through which whoever moved its session waits for answers.
    // req: ELE-16
    pub(super) fn turn(&self) -> Option<Duration> {
        let put_off = self.phase == ElectionPhase::Looking && self.session_moves;
        self.turn_at.filter(|_| !put_off)
    }
}
