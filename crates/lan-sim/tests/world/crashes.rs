use std::time::Duration;

use lan_sim::{
    Break, Crash, DiskFate, DiskTrouble, Effect, Event, Fault, FaultKind, HostSpec, HostState, Time, World,
};

use crate::probe::{Probe, add, birth, link, pair, settings, write};

fn crash(host: lan_sim::HostId, how: Crash, disk: DiskFate) -> Fault {
    Fault::Crash { host, how, down: Some(Duration::from_secs(10)), disk }
}

#[test]
fn a_dead_process_closes_its_links_and_starts_again_with_its_disk() {
    let (mut world, a, b) = pair(settings(1));
    let (_, far) = link(&mut world, a, b);
    world.with(a, |_, net| net.disk().create("x").unwrap().append(b"kept").unwrap()).unwrap();
    assert!(world.inject(&crash(a, Crash::Process, DiskFate::Kept)));
    assert!(!world.inject(&crash(a, Crash::Process, DiskFate::Kept)), "it is dead already");
    assert_eq!(world.state(a), Some(HostState::Stopped));
    assert!(world.node(a).is_none() && world.fallen(a).is_some());
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.node(b).unwrap().ended, [far]);
    world.run_for(Duration::from_secs(10));
    assert_eq!(world.with(a, |probe, net| (probe.log.len(), net.boot())).unwrap(), (0, 2));
    let kept = world.disk(a).unwrap().open("x").unwrap().contents().unwrap();
    assert_eq!(kept.to_bytes(), b"kept", "what a process wrote survives it");
    assert_eq!(world.counts().of(FaultKind::ProcessCrash), 1);
    assert!(world.fallen(a).is_none());
}

#[test]
fn a_machine_without_power_says_nothing_and_answers_with_a_reset_once_it_runs_again() {
    let (mut world, a, b) = pair(settings(1));
    let (_, far) = link(&mut world, a, b);
    assert!(world.inject(&crash(a, Crash::Power, DiskFate::Kept)));
    write(&mut world, b, far, b"anybody?");
    world.run_for(Duration::from_secs(9));
    let broken = |world: &World<Probe>| {
        world.node(b).unwrap().happened(|event| matches!(event, Event::Broken { why: Break::Reset, .. }))
    };
    assert_eq!(broken(&world).len(), 0);
    world.run_for(Duration::from_secs(5));
    assert_eq!(broken(&world).len(), 1);
    assert_eq!(world.links(), 0);
}

#[test]
fn a_wiped_disk_is_empty_and_a_lost_power_takes_what_was_not_synced() {
    let mut lost = 0;
    for seed in 0..40 {
        let (mut world, a, _) = pair(settings(seed));
        world.with(a, |_, net| {
            let disk = net.disk();
            let file = disk.create("synced").unwrap();
            file.append(b"synced").unwrap();
            file.sync().unwrap();
            disk.sync_dir("").unwrap();
            disk.create("fresh").unwrap().append(b"fresh").unwrap();
        });
        assert!(world.inject(&crash(a, Crash::Power, DiskFate::Kept)));
        world.run_for(Duration::from_secs(20));
        let disk = world.disk(a).unwrap();
        assert_eq!(disk.open("synced").unwrap().contents().unwrap().to_bytes(), b"synced", "seed {seed}");
        let fresh = disk.open("fresh").map(|file| file.contents().unwrap().to_bytes());
        let intact = fresh.as_deref() == Ok(b"fresh");
        lost += usize::from(!intact);
        assert_eq!(world.counts().effects(Effect::DiskTorn) > 0, !intact, "seed {seed}: {fresh:?}");
        assert!(world.inject(&crash(a, Crash::Process, DiskFate::Wiped)));
        assert!(!world.disk(a).unwrap().exists("synced"));
    }
    assert!((10..40).contains(&lost), "lost in {lost} of 40");
}

#[test]
fn what_was_meant_for_an_earlier_start_is_not_delivered_to_a_later_one() {
    let (mut world, a, b) = pair(settings(1));
    link(&mut world, a, b);
    world.with(a, |probe, net| {
        net.defer(Duration::from_secs(3), 7);
        probe.wake_at = Some(Time::from_secs(3));
    });
    world.crash(a, Crash::Power);
    world.restart(a);
    world.run_for(Duration::from_secs(10));
    assert!(world.node(a).unwrap().log.is_empty());
}

#[test]
fn a_paused_host_gets_everything_later_in_order() {
    let (mut world, a, b) = pair(settings(1));
    let (near, far) = link(&mut world, a, b);
    assert!(world.inject(&Fault::Pause { host: b, span: Duration::from_secs(10) }));
    for text in ["one ", "two ", "three"] {
        write(&mut world, a, near, text.as_bytes());
        world.run_for(Duration::from_secs(1));
    }
    assert_eq!(world.node(b).unwrap().text(far), "");
    world.run_for(Duration::from_secs(10));
    let probe = world.node(b).unwrap();
    assert_eq!(probe.text(far), "one two three");
    let late = probe.happened(|event| matches!(event, Event::Readable { .. }));
    assert_eq!(late, [Time::from_secs(11); 3]);
}

#[test]
fn what_a_disk_takes_passes_for_its_node_alone() {
    let (mut world, a, b) = pair(settings(1));
    let (near, _) = link(&mut world, a, b);
    let (near_b, _) = link(&mut world, b, a);
    let start = world.now();
    assert!(world.inject(&Fault::Disk { host: a, trouble: DiskTrouble::Slow, span: Duration::from_secs(9) }));
    world.with(a, |_, net| {
        net.disk().create("x").unwrap().append(b"x").unwrap();
        assert_eq!(net.now(), start + Duration::from_millis(100));
        net.write(near, b"after the disk").unwrap();
    });
    write(&mut world, b, near_b, b"meanwhile");
    world.run_for(Duration::from_secs(1));
    let readable = |event: &Event| matches!(event, Event::Readable { .. });
    assert_eq!(world.node(b).unwrap().happened(readable), [start + Duration::from_millis(101)]);
    assert_eq!(world.node(a).unwrap().happened(readable), [start + Duration::from_millis(100)]);
}

#[test]
fn disk_troubles_begin_and_end() {
    let mut world: World<Probe> = World::new(settings(1));
    let a = world.add_host(HostSpec::new("a").disk_capacity(1_000), birth);
    let disk = world.disk(a).unwrap().clone();
    let file = disk.create("x").unwrap();
    file.append(&[0; 900]).unwrap();
    let trouble = |world: &mut World<Probe>, trouble| {
        assert!(world.inject(&Fault::Disk { host: a, trouble, span: Duration::from_secs(5) }));
    };
    assert!(file.append(&[0; 200]).is_err(), "the disk has a thousand bytes");
    assert_eq!(file.length(), Ok(1_000));
    file.truncate(0).unwrap();
    trouble(&mut world, DiskTrouble::Full);
    assert!(file.append(&[0; 1]).is_err());
    world.run_for(Duration::from_secs(6));
    file.append(&[0; 1]).unwrap();
    trouble(&mut world, DiskTrouble::Failing);
    assert!((0..200).any(|_| file.sync().is_err()));
    world.run_for(Duration::from_secs(6));
    assert!((0..200).all(|_| file.sync().is_ok()));
    let counts = world.counts();
    assert_eq!(counts.effects(Effect::DiskNoRoom), 2);
    assert!((1..60).contains(&counts.effects(Effect::DiskFailed)));
}

#[test]
fn a_host_that_never_ran_is_not_started_by_heal() {
    let mut world = World::new(settings(1));
    add(&mut world, "a");
    let late = world.add_host(HostSpec::new("late").boots_at(Time::from_secs(100)), birth);
    world.heal();
    assert_eq!(world.state(late), Some(HostState::Off));
    world.run_until(Time::from_secs(101));
    assert_eq!(world.state(late), Some(HostState::Running));
}
