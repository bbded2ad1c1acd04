//! Aim: a station that joins after the author has gone gets the file from whoever has it.

use lan_sim::{Crash, DiskFate, Fault, HostId};
use mvrx_worlds::Act;

use crate::{act, commit, fault, held, run, seconds};

#[test]
fn late_joiner_fetches_from_second_station_after_refusal() {
    let crash = |host, down, disk| Fault::Crash {
        host: HostId(host),
        how: Crash::Power,
        down: Some(seconds(down)),
        disk,
    };
    let (world, ledger) = run(
        3,
        &[
            // The late joiner is away while the file is committed and fetched by the second station.
            fault(5, crash(2, 20, DiskFate::Wiped)),
            act(8, commit(0)),
            act(12, Act::Request { host: 1, nth: 0 }),
            // The author loses the file and comes back without it.
            fault(15, crash(0, 5, DiskFate::Wiped)),
            act(60, Act::Request { host: 2, nth: 0 }),
        ],
    );
    assert_eq!((held(&world, 0), held(&world, 1), held(&world, 2)), (0, 1, 1));
    assert_eq!(ledger.borrow().tally().fetched, 2);
}
