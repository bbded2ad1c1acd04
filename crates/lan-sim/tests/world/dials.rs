use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lan_sim::{
    Chance, Crash, DialFailure, Effect, Event, Fault, HostId, HostSpec, LinkTrouble, PortTaken, Time, World,
};

use crate::probe::{PORT, Probe, add, addresses, birth, dial, link, pair, settings};

fn failures(world: &World<Probe>, host: HostId) -> Vec<(Duration, DialFailure)> {
    let failed = world.node(host).unwrap().log.iter().filter_map(|(at, event)| match event {
        Event::DialFailed { why, .. } => Some((at.since_start(), *why)),
        _ => None,
    });
    failed.collect()
}

#[test]
fn a_port_without_listener_refuses_after_a_round_trip() {
    let (mut world, a, b) = pair(settings(1));
    let ip = addresses(&mut world, b)[0];
    world.with(a, |_, net| net.dial(SocketAddr::new(ip, 1))).unwrap();
    world.with(b, |_, net| net.unlisten(PORT)).unwrap();
    dial(&mut world, a, b);
    world.run_for(Duration::from_secs(1));
    assert_eq!(failures(&world, a), [(Duration::from_millis(2), DialFailure::Refused); 2]);
    assert_eq!(world.links(), 0);
}

#[test]
fn an_address_that_nobody_has_times_out_or_is_unreachable() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..20 {
        let (mut world, a, _) = pair(settings(seed));
        world.with(a, |_, net| net.dial(([192, 168, 7, 7], PORT).into())).unwrap();
        world.run_for(Duration::from_secs(30));
        let failures = failures(&world, a);
        assert_eq!(failures.len(), 1, "seed {seed}");
        let (at, why) = failures[0];
        assert!(at > Duration::from_secs(2) && at <= Duration::from_secs(21), "seed {seed}: {at:?}");
        seen.insert(why);
    }
    assert_eq!(seen, [DialFailure::TimedOut, DialFailure::Unreachable].into());
}

#[test]
fn every_address_of_a_host_works_except_the_dead_ones() {
    let mut world = World::new(settings(4));
    let a = add(&mut world, "a");
    let ips: [IpAddr; 3] =
        ["192.168.1.2".parse().unwrap(), "fd00::2".parse().unwrap(), "172.17.0.1".parse().unwrap()];
    let spec = HostSpec::new("b").address(ips[0]).address(ips[1]).dead_address(ips[2]);
    let b = world.add_host(spec, birth);
    assert_eq!(addresses(&mut world, b), ips);
    for ip in ips {
        world.with(a, |_, net| net.dial(SocketAddr::new(ip, PORT))).unwrap();
    }
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.node(b).unwrap().accepted().len(), 2);
    assert_eq!(failures(&world, a).len(), 1);
}

#[test]
fn an_address_that_is_down_can_be_dialled_again_later_and_its_links_stall() {
    let (mut world, a, b) = pair(settings(2));
    let (near, far) = link(&mut world, a, b);
    assert!(world.inject(&Fault::AddressDown { host: b, nth: 0, span: Duration::from_secs(5) }));
    dial(&mut world, a, b);
    crate::probe::write(&mut world, a, near, b"through");
    world.run_for(Duration::from_secs(4));
    assert_eq!(world.node(b).unwrap().text(far), "");
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.node(b).unwrap().text(far), "through");
}

#[test]
fn taken_ports_cannot_be_listened_to_and_the_next_one_can() {
    let mut world = World::new(settings(1));
    let a = add(&mut world, "a");
    let b = world.add_host(HostSpec::new("b").taken_port(PORT), |net| {
        assert_eq!(net.listen(PORT), Err(PortTaken { port: PORT }));
        assert_eq!(net.listen(PORT + 1), Ok(PORT + 1));
        assert_eq!(net.listen(PORT + 1), Err(PortTaken { port: PORT + 1 }));
        assert!(net.listen(0).unwrap() >= 49_152);
        Probe::default()
    });
    dial(&mut world, a, b);
    world.run_for(Duration::from_secs(1));
    assert_eq!(failures(&world, a).len(), 1, "the other program refuses");
}

#[test]
fn a_dial_that_is_closed_early_ends_without_a_word() {
    for seed in 0..20 {
        let (mut world, a, b) = pair(settings(seed));
        let conn = dial(&mut world, a, b);
        world.with(a, |_, net| net.close(conn)).unwrap();
        world.run_for(Duration::from_secs(30));
        assert!(world.node(a).unwrap().log.is_empty(), "seed {seed}");
        for far in world.node(b).unwrap().accepted() {
            assert_eq!(world.node(b).unwrap().ended, [far], "seed {seed}: who was accepted has ended");
            world.with(b, |_, net| net.close(far)).unwrap();
        }
        assert_eq!(world.links(), 0, "seed {seed}");
    }
}

#[test]
fn a_dial_reaches_a_host_that_starts_meanwhile() {
    let mut world = World::new(settings(8));
    let a = add(&mut world, "a");
    let b = world.add_host(HostSpec::new("b").boots_at(Time::from_secs(2)), birth);
    let to = SocketAddr::new([10, 0, 0, 2].into(), PORT);
    world.with(a, |_, net| net.dial(to)).unwrap();
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.node(b).unwrap().accepted().len(), 1);
}

#[test]
fn a_stopped_process_refuses_and_a_machine_without_power_does_not_answer() {
    let (mut world, a, b) = pair(settings(6));
    let to = crate::probe::address(&mut world, b);
    world.crash(b, Crash::Process);
    world.with(a, |_, net| net.dial(to)).unwrap();
    world.run_for(Duration::from_secs(1));
    assert_eq!(failures(&world, a).pop().unwrap().1, DialFailure::Refused);
    world.restart(b);
    world.crash(b, Crash::Power);
    world.with(a, |_, net| net.dial(to)).unwrap();
    world.run_for(Duration::from_secs(30));
    assert_ne!(failures(&world, a).pop().unwrap().1, DialFailure::Refused);
}

#[test]
fn troubled_dials_fail_about_as_often_as_said_and_are_counted() {
    for (trouble, effect, expected) in [
        (LinkTrouble::RefusedDials, Effect::DialRefused, DialFailure::Refused),
        (LinkTrouble::LostDials, Effect::DialLost, DialFailure::TimedOut),
    ] {
        let (mut world, a, b) = pair(settings(1));
        assert!(world.inject(&Fault::Trouble { host: a, trouble, span: Duration::from_mins(1) }));
        for _ in 0..200 {
            dial(&mut world, a, b);
        }
        world.run_for(Duration::from_secs(30));
        let failures = failures(&world, a);
        assert!((70..130).contains(&failures.len()), "{trouble:?}: {} of 200", failures.len());
        assert!(failures.iter().all(|(_, why)| *why == expected));
        assert_eq!(world.counts().effects(effect), failures.len() as u64);
        world.run_for(Duration::from_mins(1));
        dial(&mut world, a, b);
        world.run_for(Duration::from_secs(30));
        assert_eq!(crate::dials::failures(&world, a).len(), failures.len(), "{trouble:?} ends");
    }
    assert_eq!(Chance::percent(200), Chance::ALWAYS);
}
