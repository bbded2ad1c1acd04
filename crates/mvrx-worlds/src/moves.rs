//! A machine that crashes at a step of a move.

use std::cell::RefCell;
use std::time::Duration;

use lan_sim::{Crash, DiskFate, Fault, HostId, World};
use mvrx_core::MovePhase;

use crate::plan::act_in;
use crate::{Act, Casualty, Ledger, MoveStep, Node};

/// Has somebody move, waits until the move is at the step, and lets the machine crash. Nothing crashes where the step is not reached.
pub(crate) fn and_crash(world: &mut World<Node>, ledger: &RefCell<Ledger>, act: &Act) {
    let Act::MoveAndCrash { host, to, step, who, after, power, down } = *act else { return };
    act_in(world, ledger, &Act::Move { host, to });
    let count = u32::try_from(world.hosts().count()).unwrap_or(1).max(1);
    let leader = HostId(host % count);
    let at_it = match step {
        MoveStep::In(phase) => {
            world.run_until_true(LONGEST, |world| first_in(world, phase).is_some());
            first_in(world, phase)
        }
        MoveStep::Over => {
            let begun = world.run_until_true(LONGEST, |world| is_moving(world, leader));
            (begun && world.run_until_true(LONGEST, |world| !is_moving(world, leader))).then_some(leader)
        }
    };
    let Some(at_it) = at_it else { return };
    world.run_for(after);
    let casualty = match who {
        Casualty::AtTheStep => at_it,
        Casualty::Leader => leader,
        Casualty::Host => {
            let racks: Vec<HostId> =
                world.nodes().filter(|(_, node)| node.rack().is_some()).map(|(rack, _)| rack).collect();
            let Some(rack) = racks.get(to as usize % racks.len().max(1)) else { return };
            *rack
        }
    };
    let how = if power { Crash::Power } else { Crash::Process };
    let struck = world.inject(&Fault::Crash { host: casualty, how, down: Some(down), disk: DiskFate::Kept });
    let place = MoveStep::ALL.iter().position(|one| *one == step).unwrap_or(0);
    if let Some(count) = ledger.borrow_mut().tally.struck.get_mut(place) {
        *count += u64::from(struck);
    }
}

fn first_in(world: &World<Node>, phase: MovePhase) -> Option<HostId> {
    world.nodes().find(|(_, node)| phase_of(node) == Some(phase)).map(|(host, _)| host)
}

fn is_moving(world: &World<Node>, host: HostId) -> bool {
    world.nodes().any(|(at, node)| at == host && phase_of(node).is_some())
}

fn phase_of(node: &Node) -> Option<MovePhase> {
    node.station()?.core().moving_to().map(|(_, phase)| phase)
}

/// A step that is not reached by then is not waited for.
const LONGEST: Duration = Duration::from_secs(10);
