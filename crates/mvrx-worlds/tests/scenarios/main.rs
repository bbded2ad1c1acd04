//! Scenarios: one file each, its aim in the first lines. All checkers run at every step, and the world must come to rest.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod a_stale_sighting_is_survived;
mod commit_during_join;
mod late_joiner_fetches_from_second_station_after_refusal;
mod leave_and_rejoin;
mod nobody_is_thrown_out_of_a_session_while_it_lives;
mod partition_heals;
mod restart_on_a_new_port;
mod shared_instance_places;

use std::time::Duration;

use lan_sim::{Fault, HostId, Outcome, Step, Time, World};
use mvrx_core::Membership;
use mvrx_worlds::{Act, Audience, Ledger, Node, Plan, Station, play};

pub(crate) fn at(seconds: u64) -> Time {
    Time::from_secs(seconds)
}

pub(crate) fn act(seconds: u64, act: Act) -> Step<Act> {
    Step::command(at(seconds), act)
}

pub(crate) fn fault(seconds: u64, fault: Fault) -> Step<Act> {
    Step::fault(at(seconds), fault)
}

pub(crate) fn commit(host: u32) -> Act {
    Act::Commit { host, length: 100_000, audience: Audience::All, hashed: true }
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Plays steps in a calm world; nothing may be found wrong.
pub(crate) fn run(
    stations: u32,
    steps: &[Step<Act>],
) -> (World<Node>, std::rc::Rc<std::cell::RefCell<Ledger>>) {
    run_in(&Plan::new(1).stations(stations).calm(), steps)
}

pub(crate) fn run_in(
    plan: &Plan,
    steps: &[Step<Act>],
) -> (World<Node>, std::rc::Rc<std::cell::RefCell<Ledger>>) {
    let (mut world, ledger) = plan.world();
    let outcome = play(&mut world, &ledger, steps);
    assert_eq!(outcome, Outcome::Passed);
    (world, ledger)
}

pub(crate) fn station(world: &World<Node>, host: u32) -> &Station {
    world.node(HostId(host)).and_then(Node::station).expect("the station runs")
}

pub(crate) fn members(world: &World<Node>, host: u32) -> usize {
    station(world, host).core().stations().filter(|view| view.membership == Membership::Member).count()
}

pub(crate) fn held(world: &World<Node>, host: u32) -> usize {
    station(world, host).core().commits().filter(|view| view.held).count()
}
