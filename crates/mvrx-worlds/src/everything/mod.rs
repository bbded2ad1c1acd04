//! Everything at once: many crews in one world, each of a kind, on one network with one clock, one discovery and one set of faults.
//!
//! A crew is what another kind of world is as a whole: it has groups and sessions of its own names and addresses, and its machines are next to each
//! other. What its people do is drawn as for that world. What goes wrong is drawn for all: a partition goes through any of them, and so does a fault of
//! each other kind, as often as the number of machines makes it. In one of four worlds of few stations everybody sees the announcements of
//! everybody, else those of the own crew, as machines in one place do which look for their group alone.
//!
//! Nothing is checked in another way than in the worlds of one crew; what that takes is shared with them.

mod trial;

use std::ops::Range;
use std::time::Duration;

use lan_sim::{Choices, FaultKind, FaultPlan, Rng, Seed, Step, Time, interleave};

use crate::doubles::Quirky;
use crate::{Act, Plan, draw};

pub(crate) use trial::play;

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Crew {
    pub(crate) plan: Plan,
    /// Its machines.
    pub(crate) hosts: Range<u32>,
}

/// The crews of a world, drawn from its seed.
pub(crate) fn crews(plan: &Plan) -> Vec<Crew> {
    let mut rng = Seed::new(plan.seed).child("crews").rng();
    let all_see_all = plan.stations <= ALL_SEE_ALL && plan.seed.is_multiple_of(4);
    let mut crews: Vec<Crew> = Vec::new();
    let (mut left, mut first) = (plan.stations, 0);
    for number in 1..=u16::MAX {
        if left == 0 {
            break;
        }
        let mut one = plan.clone();
        one.everything = false;
        (one.seed, one.crew) = (rng.next_u64(), number);
        one.domain = if all_see_all { 0 } else { number.into() };
        one = of_a_kind(one, number, plan.stations, &mut rng);
        if all_see_all {
            // Doubles join whomever they see.
            one.quirky.clear();
        }
        one.stations = one.stations.min(left);
        left -= one.stations;
        let hosts = first..first + one.hosts();
        first = hosts.end;
        crews.push(Crew { plan: one, hosts });
    }
    crews
}

/// The first one is the large group.
fn of_a_kind(plan: Plan, number: u16, all: u32, rng: &mut Rng) -> Plan {
    let size = |from: u64, to: u64, rng: &mut Rng| u32::try_from(rng.between(from, to + 1)).unwrap_or(1);
    let letting_go = rng.below(2) == 0;
    let quirky: &[Quirky] = if rng.below(2) == 0 { &Quirky::ALL } else { &[] };
    let plan = match number % 8 {
        1 if number == 1 => plan.stations((all / 8).clamp(12, LARGEST)),
        1 => plan.stations(size(8, 40, rng)).quirky(quirky),
        2 => plan.stations(size(4, 6, rng)).electing(),
        3 => return plan.stations(size(4, 8, rng)).bridging(),
        4 => plan.stations(size(5, 12, rng)).moving(),
        5 => plan.stations(size(5, 12, rng)).crashing(),
        6 => plan.stations(size(6, 30, rng)).session(),
        7 => return plan.stations(size(3, 12, rng)).mixing(),
        _ => plan.stations(size(8, 30, rng)).quirky(quirky),
    };
    if letting_go { plan.letting_go() } else { plan }
}

/// What happens in all of them.
pub(crate) fn steps(plan: &Plan, choices: &mut Choices<'_>) -> Vec<Step<Act>> {
    let mut acts: Vec<(Time, Act)> = Vec::new();
    for (number, crew) in (0..).zip(crews(plan)) {
        let own = draw::acts(&crew.plan, choices).into_iter();
        acts.extend(own.map(|(at, act)| (at, Act::Of { crew: number, act: Box::new(act) })));
    }
    let faults = plan.faults.draw(choices, plan.hosts(), Time::ZERO, plan.span);
    interleave(acts, faults)
}

/// Each kind of fault once in `interval` for every twenty machines, and a partition, which is of all of them, once in `interval`.
pub(crate) fn faults(interval: Duration, hosts: u32) -> FaultPlan {
    let each = interval * 20 / hosts.max(20);
    FaultPlan::everything(each).every(FaultKind::Partition, interval)
}

/// A group of more is nobody's rig.
const LARGEST: u32 = 150;
/// Where everybody sees everybody, what that costs grows with the square of their number.
const ALL_SEE_ALL: u32 = 300;
