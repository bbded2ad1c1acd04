use std::time::{Duration, SystemTime};

use lan_sim::{Event, Fault, HostCtx, HostSpec, Node, Settings, Time, World};

use crate::probe::{Probe, pair, settings};

#[test]
fn a_deadline_is_kept_to_the_nanosecond_and_follows_changes() {
    let (mut world, a, _) = pair(settings(1));
    let wakes = |world: &World<Probe>| world.node(a).unwrap().happened(|event| matches!(event, Event::Wake));
    world.with(a, |probe, _| probe.wake_at = Some(Time::from_secs(5)));
    world.with(a, |probe, _| probe.wake_at = Some(Time::from_nanos(2_000_000_001)));
    world.run_for(Duration::from_secs(3));
    assert_eq!(wakes(&world), [Time::from_nanos(2_000_000_001)]);
    world.with(a, |probe, _| probe.wake_at = Some(Time::from_secs(4)));
    world.with(a, |probe, _| probe.wake_at = Some(Time::from_secs(9)));
    world.run_for(Duration::from_secs(5));
    assert_eq!(wakes(&world).len(), 1, "a later deadline replaces an earlier one");
    world.run_for(Duration::from_secs(5));
    assert_eq!(wakes(&world)[1..], [Time::from_secs(9)]);
    world.with(a, |probe, _| probe.wake_at = Some(Time::from_secs(1)));
    world.run_for(Duration::ZERO);
    assert_eq!(wakes(&world).len(), 3, "a deadline that is past is due at once");
}

/// Never gets done.
struct Spinner {
    wakes: u32,
}

impl Node for Spinner {
    fn handle(&mut self, event: Event, _: &mut HostCtx<'_>) {
        assert!(matches!(event, Event::Wake));
        self.wakes += 1;
    }

    fn deadline(&self) -> Option<Time> {
        Some(Time::ZERO)
    }
}

#[test]
fn a_node_that_never_gets_done_makes_time_pass_and_is_counted() {
    let mut world = World::new(Settings::new(1));
    let host = world.add_host(HostSpec::new("spinner"), |_| Spinner { wakes: 0 });
    world.run_for(Duration::from_millis(1));
    let wakes = world.node(host).unwrap().wakes;
    assert!((900..=1_001).contains(&wakes), "{wakes}");
    assert_eq!(world.spins(), u64::from(wakes));
}

#[test]
fn wall_clocks_jump_and_time_does_not() {
    let (mut world, a, b) = pair(settings(1));
    let clock = |world: &mut World<Probe>, host| -> SystemTime {
        world.with(host, |_, net| net.wall_clock()).unwrap()
    };
    let before = clock(&mut world, a);
    assert!(world.inject(&Fault::ClockJump { host: a, seconds: -3_600 }));
    world.run_for(Duration::from_secs(1));
    assert_eq!(clock(&mut world, a), before - Duration::from_secs(3_599));
    assert_eq!(clock(&mut world, b), before + Duration::from_secs(1));
    assert_eq!(world.now(), Time::from_secs(1));
}

#[test]
fn a_deferred_event_comes_once_at_its_time() {
    let (mut world, a, _) = pair(settings(1));
    world.with(a, |_, net| net.defer(Duration::from_secs(2), 42));
    world.run_for(Duration::from_mins(1));
    let log = &world.node(a).unwrap().log;
    assert!(matches!(log[..], [(at, Event::Deferred { token: 42 })] if at == Time::from_secs(2)), "{log:?}");
}

#[test]
fn a_host_that_spends_time_acts_later() {
    let (mut world, a, _) = pair(settings(1));
    world.with(a, |_, net| {
        net.spend(Duration::from_millis(5));
        assert_eq!(net.now(), Time::from_millis(5));
        net.defer(Duration::from_millis(1), 0);
    });
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.node(a).unwrap().log[0].0, Time::from_millis(6));
}
