//! Aim: an outdated record of a station that moved misleads nobody for long.

use lan_sim::{Crash, DiskFate, Fault, HostId};
use mvrx_worlds::Plan;

use crate::{act, commit, fault, members, run_in, seconds, station};

#[test]
fn a_stale_sighting_is_survived() {
    let plan = Plan::new(1).stations(3).calm().moving_ports();
    let crash =
        Fault::Crash { host: HostId(0), how: Crash::Process, down: Some(seconds(3)), disk: DiskFate::Kept };
    let stale = |host| Fault::StaleSighting { host: HostId(host), nth: 0 };
    let (world, _) = run_in(
        &plan,
        &[fault(10, crash), fault(20, stale(1)), fault(21, stale(2)), act(22, commit(0)), act(23, commit(1))],
    );
    assert!(world.counts().total() >= 3, "the stale records were heard");
    assert_eq!((members(&world, 0), members(&world, 1), members(&world, 2)), (2, 2, 2));
    assert_eq!(station(&world, 2).core().commits().count(), 2);
}
