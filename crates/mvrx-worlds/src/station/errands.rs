//! What the election of a candidate asks of its station, and hears of it.

use std::collections::BTreeSet;

use lan_sim::HostCtx;
use mvrx_core::{Command, Event as CoreEvent, Input, ProposalId};
use mvrx_message::{SessionTarget, StationUuid};

use super::Station;

impl Station {
    /// What it told since this was asked last; kept for candidates alone.
    pub(crate) fn heard(&mut self) -> Option<CoreEvent> {
        self.heard.pop_front()
    }

    /// Its election sends it somewhere; `others` are asked to come along.
    pub(crate) fn move_with(
        &mut self,
        to: SessionTarget,
        others: BTreeSet<StationUuid>,
        net: &mut HostCtx<'_>,
    ) {
        self.leads |= self.makes_its_own_way();
        self.step(Input::Command(Command::MoveWith { to, others }), net);
    }

    pub(crate) fn takes_part(&mut self, takes_part: bool, net: &mut HostCtx<'_>) {
        self.step(Input::Command(Command::TakesPart(takes_part)), net);
    }

    /// What its operator says to a proposal that the host beside it told.
    pub(crate) fn answer_for_host(&mut self, net: &mut HostCtx<'_>) -> Option<(ProposalId, bool)> {
        let (proposal, to, yes) = self.for_host.pop_front()?;
        if yes {
            self.step(Input::Command(Command::AgreeToMove(to)), net);
        }
        Some((proposal, yes))
    }

    pub(crate) fn companions(&mut self, stations: BTreeSet<StationUuid>, net: &mut HostCtx<'_>) {
        self.step(Input::Command(Command::Companions(stations)), net);
    }
}
