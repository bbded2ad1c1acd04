use std::time::Duration;

use lan_sim::{Announcement, Break, Effect, Event, Fault, HostId, World};

use crate::probe::{Probe, add, dial, link, settings, write};

fn split(hosts: Vec<HostId>, seconds: u64, breaks: bool) -> Fault {
    Fault::Partition { hosts, span: Duration::from_secs(seconds), breaks }
}

fn three(seed: u64) -> (World<Probe>, [HostId; 3]) {
    let mut world = World::new(settings(seed));
    let hosts = ["a", "b", "c"].map(|name| add(&mut world, name));
    (world, hosts)
}

#[test]
fn links_across_stall_and_go_on_and_links_inside_do_not_notice() {
    let (mut world, [a, b, c]) = three(1);
    let (across, across_far) = link(&mut world, a, b);
    let (inside, inside_far) = link(&mut world, b, c);
    assert!(world.inject(&split(vec![a], 20, false)));
    write(&mut world, a, across, b"across");
    write(&mut world, b, inside, b"inside");
    world.run_for(Duration::from_secs(19));
    assert_eq!(world.node(c).unwrap().text(inside_far), "inside");
    assert_eq!(world.node(b).unwrap().text(across_far), "");
    assert_eq!(world.counts().effects(Effect::LinkStuck), 1);
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.node(b).unwrap().text(across_far), "across");
}

#[test]
fn a_long_partition_times_writers_out_and_leaves_readers_open() {
    let (mut world, [a, b, _]) = three(1);
    let (across, far) = link(&mut world, a, b);
    assert!(world.inject(&split(vec![a], 600, false)));
    write(&mut world, a, across, b"across");
    world.run_for(Duration::from_secs(100));
    let broken = |host| {
        world
            .node(host)
            .unwrap()
            .happened(|event| matches!(event, Event::Broken { why: Break::TimedOut, .. }))
    };
    assert_eq!((broken(a).len(), broken(b).len()), (1, 0));
    assert_eq!(world.conns(b), [far]);
}

#[test]
fn a_breaking_partition_resets_what_is_across_only() {
    let (mut world, [a, b, c]) = three(1);
    link(&mut world, a, b);
    let (inside, _) = link(&mut world, b, c);
    assert!(world.inject(&split(vec![a], 5, true)));
    world.run_for(Duration::from_secs(1));
    assert_eq!((world.conns(a).len(), world.conns(b), world.links()), (0, &[inside][..], 1));
}

#[test]
fn dials_across_wait_for_the_heal_or_time_out() {
    let (mut world, [a, b, _]) = three(1);
    assert!(world.inject(&split(vec![a], 4, false)));
    dial(&mut world, a, b);
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.node(b).unwrap().accepted().len(), 1, "a later attempt gets through");
    assert!(world.inject(&split(vec![b], 100, false)));
    dial(&mut world, a, b);
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.node(a).unwrap().happened(|event| matches!(event, Event::DialFailed { .. })).len(), 1);
}

#[test]
fn overlapping_partitions_each_hold_until_their_own_end() {
    let (mut world, [a, b, c]) = three(1);
    let (near, far) = link(&mut world, a, b);
    assert!(world.inject(&split(vec![a], 5, false)));
    assert!(world.inject(&split(vec![a, c], 10, false)));
    write(&mut world, a, near, b"x");
    world.run_for(Duration::from_secs(8));
    assert_eq!(world.node(b).unwrap().text(far), "");
    world.run_for(Duration::from_secs(4));
    assert_eq!(world.node(b).unwrap().text(far), "x");
}

#[test]
fn sixty_four_partitions_at_once_are_the_most() {
    let (mut world, [a, ..]) = three(1);
    for _ in 0..64 {
        assert!(world.inject(&split(vec![a], 5, false)));
    }
    assert!(!world.inject(&split(vec![a], 5, false)));
    world.run_for(Duration::from_secs(6));
    assert!(world.inject(&split(vec![a], 5, false)));
}

#[test]
fn the_bus_forgets_the_other_side_after_the_time_to_live_and_finds_it_again() {
    let (mut world, [a, b, c]) = three(1);
    world.with(a, |_, net| net.announce(Announcement::new("a", 1))).unwrap();
    world.run_for(Duration::from_secs(5));
    let count = |world: &World<Probe>, host, sighted: bool| {
        let matches = |event: &Event| {
            matches!((event, sighted), (Event::Sighted(_), true) | (Event::Vanished(_), false))
        };
        world.node(host).unwrap().happened(matches).len()
    };
    assert_eq!((count(&world, b, true), count(&world, c, true)), (1, 1));
    assert!(world.inject(&split(vec![b], 200, false)));
    world.run_for(Duration::from_secs(110));
    assert_eq!(count(&world, b, false), 0, "still believed");
    world.run_for(Duration::from_secs(20));
    assert_eq!((count(&world, b, false), count(&world, c, false)), (1, 0));
    world.run_for(Duration::from_secs(100));
    assert_eq!((count(&world, b, true), count(&world, c, true)), (2, 1));
}

#[test]
fn heal_ends_everything_at_once() {
    let (mut world, [a, b, c]) = three(1);
    let (near, far) = link(&mut world, a, b);
    assert!(world.inject(&split(vec![a], 1_000, false)));
    assert!(world.inject(&Fault::Pause { host: b, span: Duration::from_secs(1_000) }));
    world.crash(c, lan_sim::Crash::Power);
    write(&mut world, a, near, b"x");
    world.run_for(Duration::from_secs(5));
    world.heal();
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.node(b).unwrap().text(far), "x");
    assert!(world.node(c).is_some());
}
