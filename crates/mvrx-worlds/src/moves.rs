//! A machine that crashes at a step of a move.

use std::cell::RefCell;
use std::ops::Range;
use std::time::Duration;

use lan_sim::{Crash, DiskFate, Fault, HostId, Time, World};
use mvrx_core::MovePhase;

use crate::crew::{Among, hosts_of};
use crate::plan::{act_among, nth_of};
use crate::{Act, Casualty, Ledger, MoveStep, Node};

/// A crash that waits for a move of a crew to come to a step.
#[derive(Debug, Clone)]
pub(crate) struct Strike {
    crew: Range<u32>,
    leader: HostId,
    to: u32,
    step: MoveStep,
    who: Casualty,
    after: Duration,
    how: Crash,
    down: Duration,
    /// The move has begun: its end may be waited for.
    begun: bool,
    until: Time,
}

impl Strike {
    /// Has somebody of a crew move. `None` where that is all.
    pub(crate) fn order(
        world: &mut World<Node>,
        ledger: &RefCell<Ledger>,
        crew: &Range<u32>,
        act: &Act,
    ) -> Option<Self> {
        let Act::MoveAndCrash { host, to, step, who, after, power, down } = *act else { return None };
        act_among(world, ledger, crew, &Act::Move { host, to });
        let how = if power { Crash::Power } else { Crash::Process };
        let (leader, until) = (nth_of(crew, host), world.now() + LONGEST);
        Some(Self { crew: crew.clone(), leader, to, step, who, after, how, down, begun: false, until })
    }

    /// Looks whether the move is at the step: at which machine it is. An error where that was waited for long enough.
    pub(crate) fn look(&mut self, world: &World<Node>) -> Result<Option<HostId>, TooLate> {
        let at_it = match self.step {
            MoveStep::In(phase) => first_in(Among::new(world, &self.crew), phase),
            MoveStep::Over => {
                let moves = world.node(self.leader).and_then(phase_of).is_some();
                if moves && !self.begun {
                    (self.begun, self.until) = (true, world.now() + LONGEST);
                }
                (self.begun && !moves).then_some(self.leader)
            }
        };
        if at_it.is_none() && world.now() >= self.until { Err(TooLate) } else { Ok(at_it) }
    }

    /// How long after the step the machine crashes.
    pub(crate) const fn after(&self) -> Duration {
        self.after
    }

    /// Whether what happens there is looked at.
    pub(crate) fn concerns(&self, host: HostId) -> bool {
        self.crew.contains(&host.0)
    }

    /// The machine crashes. Nothing does where a session has no host.
    pub(crate) fn falls(&self, at_it: HostId, world: &mut World<Node>, ledger: &RefCell<Ledger>) {
        let casualty = match self.who {
            Casualty::AtTheStep => at_it,
            Casualty::Leader => self.leader,
            Casualty::Host => {
                let nodes = Among::new(world, &self.crew).nodes();
                let racks: Vec<HostId> =
                    nodes.filter(|(_, node)| node.rack().is_some()).map(|(rack, _)| rack).collect();
                let Some(rack) = racks.get(self.to as usize % racks.len().max(1)) else { return };
                *rack
            }
        };
        let Self { how, down, .. } = *self;
        let struck =
            world.inject(&Fault::Crash { host: casualty, how, down: Some(down), disk: DiskFate::Kept });
        let place = MoveStep::ALL.iter().position(|one| *one == self.step).unwrap_or(0);
        if let Some(count) = ledger.borrow_mut().tally.struck.get_mut(place) {
            *count += u64::from(struck);
        }
    }
}

/// The move never was at the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLate;

/// Has somebody move, waits until the move is at the step, and lets the machine crash. Nothing crashes where the step is not reached.
pub(crate) fn and_crash(world: &mut World<Node>, ledger: &RefCell<Ledger>, act: &Act) {
    let crew = 0..hosts_of(world);
    let Some(mut strike) = Strike::order(world, ledger, &crew, act) else { return };
    let mut at_it = Ok(None);
    let mut until = Time::ZERO;
    // The beginning of a move, and its end.
    while at_it == Ok(None) && until != strike.until {
        until = strike.until;
        let left = until.since_start().saturating_sub(world.now().since_start());
        world.run_until_true(left, |world| {
            at_it = strike.look(world);
            at_it != Ok(None) || strike.until != until
        });
    }
    if let Ok(Some(at_it)) = at_it {
        world.run_for(strike.after());
        strike.falls(at_it, world, ledger);
    }
}

fn first_in(among: Among<'_>, phase: MovePhase) -> Option<HostId> {
    among.nodes().find(|(_, node)| phase_of(node) == Some(phase)).map(|(host, _)| host)
}

fn phase_of(node: &Node) -> Option<MovePhase> {
    node.station()?.core().moving_to().map(|(_, phase)| phase)
}

/// A step that is not reached by then is not waited for.
const LONGEST: Duration = Duration::from_secs(10);
