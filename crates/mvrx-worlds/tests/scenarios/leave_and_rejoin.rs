//! Aim: who left is left alone, hears of nothing, and is told everything when it joins again.

use mvrx_worlds::Act;

use crate::{act, commit, members, run, station};

#[test]
fn leave_and_rejoin() {
    let away = [act(5, Act::Leave { host: 1 }), act(10, commit(0)), act(12, Act::Refresh { host: 0 })];
    let (world, _) = run(3, &away);
    assert_eq!((members(&world, 0), members(&world, 1), members(&world, 2)), (1, 0, 1));
    assert_eq!(station(&world, 1).core().commits().count(), 0);

    let mut back = away.to_vec();
    back.push(act(20, Act::Rejoin { host: 1 }));
    let (world, _) = run(3, &back);
    assert_eq!((members(&world, 0), members(&world, 1), members(&world, 2)), (2, 2, 2));
    assert_eq!(station(&world, 1).core().commits().count(), 1);
}
