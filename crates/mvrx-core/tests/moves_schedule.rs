//! Aim: whatever is proposed, refused, cut, parted and crashed meanwhile, once it is quiet every station is in exactly one place, in which
//! everybody counts it, and every move has ended.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod moves_support;

use std::time::Duration;

use moves_support::{World, group, id, url};
use mvrx_core::{MoveAnswer, Moves};

/// One thing that people or fate do.
fn happens(world: &mut World) {
    let count = world.stations.len();
    let n = world.pick(count);
    match world.below(24) {
        0..=5 => {
            let to = world.any_place();
            world.lead(n, to);
        }
        6..=9 => world.commit(n),
        10..=12 => world.cut_something(),
        13 => world.crash(n),
        14..=15 => world.restart(n),
        16 => {
            let h = world.pick(2);
            world.restart_host(h);
        }
        17 => {
            let other = world.pick(count + 2);
            let other = if other >= count { 100 + other - count } else { other };
            world.part(n, other);
        }
        18 => world.heal(),
        _ => {
            let time = [10, 500, 2_000, 11_000, 61_000][world.pick(5)];
            world.pass(Duration::from_millis(time));
        }
    }
}

fn run(seed: u64) -> usize {
    let mut world = World::new(seed);
    for _ in 0..120 {
        happens(&mut world);
        for _ in 0..world.below(40) {
            world.deliver();
        }
    }
    world.settle();
    world.check();
    let moved = world.stations.iter().map(|station| station.moved).sum();
    // The last word: on a good network everybody who follows goes along, and only they do.
    let leader = world.pick(world.stations.len());
    let from = world.stations[leader].core.place();
    let to = [group("A"), group("B"), url(0), url(1)].into_iter().find(|to| *to != from).unwrap();
    let company: Vec<usize> =
        (0..world.stations.len()).filter(|n| world.stations[*n].core.place() == from).collect();
    world.lead(leader, to.clone());
    world.settle();
    world.check();
    for n in company {
        let station = &world.stations[n];
        let answers = &world.stations[leader].answers;
        let answer = answers.iter().find(|(s, _)| *s == id(n)).map(|(_, answer)| answer.clone());
        let there = station.core.place() == to;
        match station.core.config().moves {
            _ if n == leader => {}
            Moves::Always if world.stations[leader].core.place() == to => {
                // What the driver could not prepare is the only reason left.
                let excused =
                    matches!(&answer, Some(MoveAnswer::Refused { message }) if message.contains("disk"));
                assert!(there || excused, "seed {seed}: station {n} stayed: {answer:?}");
            }
            Moves::Never => assert!(!there, "seed {seed}: station {n} went along"),
            _ => {}
        }
        match answer.filter(|_| n != leader) {
            Some(MoveAnswer::Moved) => assert!(there, "seed {seed}: station {n} says that it moved"),
            Some(MoveAnswer::Refused { message }) => {
                assert!(!there, "seed {seed}: station {n} went, and says {message}");
            }
            _ => {}
        }
    }
    moved
}

// proves: MOV-04, MOV-06, MOV-07, MOV-08, MOV-09
#[test]
fn every_station_is_in_exactly_one_place_once_it_is_quiet() {
    let seeds = std::env::var("MOVES_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let from: u64 = std::env::var("MOVES_FROM").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let moved: usize = (from..from + seeds).map(run).sum();
    assert!(moved > 0 || seeds < 10, "nobody ever moved");
}
