//! Aim: a commit made while the stations are joining each other reaches all of them, told by JOIN, JOIN_RET or COMMIT.

use lan_sim::{Step, Time};

use crate::{commit, run, station};

#[test]
fn commit_during_join() {
    // From before the first sighting until after the last JOIN_RET, a commit every 500 us.
    let steps: Vec<_> = (0..300)
        .map(|n| Step::command(Time::from_nanos(n * 500_000), commit(u32::try_from(n % 3).unwrap())))
        .collect();
    for steps in steps.chunks(50) {
        let (world, _) = run(3, steps);
        for host in 0..3 {
            assert_eq!(station(&world, host).core().commits().count(), steps.len());
        }
    }
}
