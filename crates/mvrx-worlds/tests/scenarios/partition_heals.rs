//! Aim: two halves that go on without each other are one group again afterwards, with the commits of both.

use lan_sim::{Fault, HostId};

use crate::{act, commit, fault, members, run, seconds, station};

#[test]
fn partition_heals() {
    for breaks in [true, false] {
        let split = Fault::Partition { hosts: vec![HostId(0), HostId(1)], span: seconds(300), breaks };
        let (world, _) =
            run(4, &[fault(5, split), act(20, commit(0)), act(30, commit(2)), act(310, commit(3))]);
        for host in 0..4 {
            assert_eq!(members(&world, host), 3);
            assert_eq!(station(&world, host).core().commits().count(), 3);
        }
    }
}
