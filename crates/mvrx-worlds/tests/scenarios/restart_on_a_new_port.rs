//! Aim: a station that died without a word and came back on another port is found there, with its identity and files.

use lan_sim::{Crash, DiskFate, Fault, HostId};
use mvrx_worlds::Plan;

use crate::{act, commit, fault, held, members, run_in, seconds, station};

#[test]
fn restart_on_a_new_port() {
    let plan = Plan::new(1).stations(3).calm().moving_ports();
    let crash =
        Fault::Crash { host: HostId(0), how: Crash::Power, down: Some(seconds(3)), disk: DiskFate::Kept };
    let (before, _) = plan.world();
    let (id, port) = (station(&before, 0).id(), station(&before, 0).port());
    let (world, _) = run_in(&plan, &[act(5, commit(0)), fault(10, crash), act(30, commit(1))]);
    assert_eq!(station(&world, 0).id(), id);
    assert_ne!(station(&world, 0).port(), port);
    assert_eq!((members(&world, 0), members(&world, 1), held(&world, 0)), (2, 2, 1));
    assert_eq!(station(&world, 2).core().commits().count(), 2);
}
