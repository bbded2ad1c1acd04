//! Aim: stations that all announce the bare group's name are told apart by their StationUUIDs.

use mvrx_worlds::Plan;

use crate::{act, commit, members, run_in, station};

#[test]
fn shared_instance_places() {
    let plan = Plan::new(1).stations(4).calm().shared_instances();
    let (world, _) = run_in(&plan, &[act(5, commit(0)), act(6, commit(3))]);
    for host in 0..4 {
        assert_eq!(members(&world, host), 3);
        assert_eq!(station(&world, host).core().commits().count(), 2);
    }
}
