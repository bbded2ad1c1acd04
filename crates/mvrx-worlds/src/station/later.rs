//! What a move asks of people and of the machine, done a while later: meanwhile anything may happen, and it may not be wanted any more.

use std::time::Duration;

use lan_sim::{HostCtx, Time};
use mvrx_core::{Command, Input, ProposalId};
use mvrx_message::{FileUuid, GroupName, SessionTarget};

use super::Station;

/// What is still to be done, and when.
#[derive(Debug, Default)]
pub(super) struct Later {
    waiting: Vec<(Time, Errand)>,
}

#[derive(Debug)]
enum Errand {
    Prepare,
    Save { group: GroupName, along: Vec<FileUuid> },
    Answer { proposal: ProposalId, yes: bool },
    AnswerForHost { proposal: ProposalId, to: SessionTarget, yes: bool },
}

impl Later {
    pub(super) fn deadline(&self) -> Option<Time> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    pub(super) fn forget_saving(&mut self) {
        self.waiting.retain(|(_, errand)| !matches!(errand, Errand::Save { .. }));
    }

    fn due(&mut self, now: Time) -> Option<Errand> {
        let place = self.waiting.iter().position(|(at, _)| *at <= now)?;
        Some(self.waiting.remove(place).1)
    }
}

impl Station {
    /// A disk takes up to a third of a second to say what it has.
    pub(super) fn prepare_later(&mut self, net: &mut HostCtx<'_>) {
        let at = net.now() + Duration::from_millis(net.random() % 300);
        self.later.waiting.push((at, Errand::Prepare));
    }

    /// And as long to keep something.
    pub(super) fn save_later(&mut self, group: GroupName, along: Vec<FileUuid>, net: &mut HostCtx<'_>) {
        let at = net.now() + Duration::from_millis(net.random() % 300);
        self.later.waiting.push((at, Errand::Save { group, along }));
    }

    /// Somebody reads it within a while and says yes or no, or nobody does.
    pub(super) fn answer_later(&mut self, proposal: ProposalId, net: &mut HostCtx<'_>) {
        let at = net.now() + Duration::from_millis(net.random() % 8_000);
        match net.random() % 8 {
            0 => {}
            draw => self.later.waiting.push((at, Errand::Answer { proposal, yes: draw > 1 })),
        }
    }

    /// The same where the host beside it asks.
    pub(crate) fn answer_for_host_later(
        &mut self,
        proposal: ProposalId,
        to: SessionTarget,
        net: &mut HostCtx<'_>,
    ) {
        let at = net.now() + Duration::from_millis(net.random() % 8_000);
        match net.random() % 8 {
            0 => {}
            draw => self.later.waiting.push((at, Errand::AnswerForHost { proposal, to, yes: draw > 1 })),
        }
    }

    pub(super) fn do_what_is_due(&mut self, net: &mut HostCtx<'_>) {
        while let Some(errand) = self.later.due(net.now()) {
            match errand {
                Errand::Prepare => {
                    // As the driver does: for where it goes now, if it still goes anywhere.
                    if let Some(to) = self.core.moving_to().map(|(to, _)| to.clone()) {
                        self.prepare_move(&to, net);
                    }
                }
                Errand::Save { group, along } => {
                    if let Some(to) = self.core.moving_to().map(|(to, _)| to.clone()) {
                        self.save_place(&to, &group, &along, net);
                    }
                }
                Errand::AnswerForHost { proposal, to, yes } => self.for_host.push_back((proposal, to, yes)),
                Errand::Answer { proposal, yes: true } => {
                    self.step(Input::Command(Command::AcceptMove(proposal)), net);
                }
                Errand::Answer { proposal, yes: false } => {
                    self.step(Input::Command(Command::RefuseMove(proposal)), net);
                }
            }
        }
    }
}
