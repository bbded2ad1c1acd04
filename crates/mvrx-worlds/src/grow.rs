//! What a join, a commit and a leave cost as the number of stations grows, on a calm network.

use std::time::{Duration, Instant};

use lan_sim::HostId;

use crate::{Act, Audience, Node, Plan, act_in};

/// What it took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Messages until everybody knew everybody.
    pub join_messages: u64,
    /// Real time for that.
    pub join_time: Duration,
    /// Virtual time for that.
    pub converged_after: Duration,
    /// Messages of one commit.
    pub commit_messages: u64,
    /// Real time for that.
    pub commit_time: Duration,
    /// Messages of one leave.
    pub leave_messages: u64,
    /// Real time for that.
    pub leave_time: Duration,
}

/// Starts `count` stations of one group at once, then one commits, then one leaves.
///
/// # Panics
/// When they do not come to know each other: that is a failure of ours.
pub fn grow(seed: u64, count: u32) -> Cost {
    let (mut world, ledger) = Plan::new(seed).stations(count).calm().world();
    let messages = || ledger.borrow().tally().messages;
    let mut cost = Cost::default();
    let begun = Instant::now();
    let mut done = false;
    while !done && world.now().since_start() < Duration::from_mins(10) {
        world.run_for(Duration::from_millis(500));
        done = world
            .nodes()
            .filter_map(|(_, node)| node.station())
            .all(|station| station.core().members().count() + 1 == count as usize);
    }
    assert!(done, "{count} stations know each other within ten minutes");
    cost.converged_after = world.now().since_start();
    world.run_for(Duration::from_secs(30));
    (cost.join_messages, cost.join_time) = (messages(), begun.elapsed());

    let begun = Instant::now();
    let act = Act::Commit { host: 0, length: 1_000, audience: Audience::All, hashed: true };
    act_in(&mut world, &ledger, &act);
    world.run_for(Duration::from_secs(30));
    cost.commit_messages = messages() - cost.join_messages;
    cost.commit_time = begun.elapsed();
    let known = world.nodes().filter_map(|(_, node)| node.station());
    let known = known.filter(|station| station.core().commits().count() == 1).count();
    assert_eq!(known, count as usize, "every station knows the commit");

    let begun = Instant::now();
    act_in(&mut world, &ledger, &Act::Leave { host: 1 });
    world.run_for(Duration::from_secs(30));
    cost.leave_messages = messages() - cost.join_messages - cost.commit_messages;
    cost.leave_time = begun.elapsed();
    let first = world.node(HostId(0)).and_then(Node::station);
    let members = first.map_or(0, |station| station.core().members().count());
    assert_eq!(members + 2, count as usize, "who left is no member");
    assert_eq!(ledger.borrow().violation(), None);
    cost
}
