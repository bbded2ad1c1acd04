use std::time::Duration;

use lan_sim::{
    Announcement, BusProfile, Chance, Crash, Effect, Event, Fault, HostId, HostSpec, Settings, World,
};

use crate::probe::{Probe, add, birth, settings};

/// What a host was told of the bus: `+instance:port` and `-instance:port`.
fn told(world: &World<Probe>, host: HostId) -> Vec<String> {
    let told = world.node(host).unwrap().log.iter().filter_map(|(_, event)| match event {
        Event::Sighted(what) => Some(format!("+{}:{}", what.instance, what.port)),
        Event::Vanished(what) => Some(format!("-{}:{}", what.instance, what.port)),
        _ => None,
    });
    told.collect()
}

fn hosts(settings: Settings, count: usize) -> (World<Probe>, Vec<HostId>) {
    let mut world = World::new(settings);
    let hosts = (0..count).map(|n| add(&mut world, &format!("h{n}"))).collect();
    (world, hosts)
}

fn announce(world: &mut World<Probe>, host: HostId, instance: &str, port: u16) {
    world
        .with(host, |_, net| net.announce(Announcement::new(instance, port).text("key", *b"value")))
        .unwrap();
}

#[test]
fn an_announcement_is_heard_once_by_everybody_and_by_those_who_come_later() {
    let (mut world, all) = hosts(settings(1), 5);
    announce(&mut world, all[0], "x", 7);
    world.run_for(Duration::from_secs(1));
    let late = add(&mut world, "late");
    world.run_for(Duration::from_secs(1));
    for host in all.iter().chain([&late]) {
        assert_eq!(told(&world, *host), ["+x:7"]);
    }
    let sighted = world.node(late).unwrap().log.iter().find_map(|(_, event)| match event {
        Event::Sighted(what) => Some(what.clone()),
        _ => None,
    });
    let sighted = sighted.unwrap();
    assert_eq!((sighted.value("key"), sighted.addresses.len()), (Some(&b"value"[..]), 1));
}

#[test]
fn receivers_hear_at_several_moments() {
    let (mut world, all) = hosts(settings(1), 50);
    world.run_for(Duration::from_secs(1));
    announce(&mut world, all[0], "x", 7);
    world.run_for(Duration::from_secs(1));
    let heard =
        |host: &HostId| world.node(*host).unwrap().happened(|event| matches!(event, Event::Sighted(_)))[0];
    let moments: std::collections::BTreeSet<_> = all.iter().map(heard).collect();
    assert_eq!(moments.len(), 4);
}

#[test]
fn a_change_replaces_without_a_word_about_the_old_and_a_withdrawal_is_told() {
    let (mut world, all) = hosts(settings(1), 2);
    announce(&mut world, all[0], "x", 7);
    world.run_for(Duration::from_secs(1));
    announce(&mut world, all[0], "x", 8);
    announce(&mut world, all[0], "y", 9);
    world.run_for(Duration::from_secs(1));
    world.with(all[0], |_, net| net.withdraw("x"));
    world.run_for(Duration::from_mins(10));
    let mut told = told(&world, all[1]);
    told.sort_unstable();
    assert_eq!(told, ["+x:7", "+x:8", "+y:9", "-x:8"]);
}

#[test]
fn two_hosts_may_use_one_instance_name() {
    let (mut world, all) = hosts(settings(1), 3);
    announce(&mut world, all[0], "shared", 1);
    announce(&mut world, all[1], "shared", 2);
    world.run_for(Duration::from_secs(1));
    world.with(all[0], |_, net| net.withdraw("shared"));
    world.run_for(Duration::from_mins(5));
    let mut told = told(&world, all[2]);
    told.sort_unstable();
    assert_eq!(told, ["+shared:1", "+shared:2", "-shared:1"]);
}

#[test]
fn a_silent_death_is_believed_in_until_the_time_to_live_is_over_or_somebody_doubts() {
    let (mut world, all) = hosts(settings(1), 3);
    announce(&mut world, all[0], "x", 7);
    world.run_for(Duration::from_secs(1));
    world.crash(all[0], Crash::Process);
    world.run_for(Duration::from_secs(20));
    world.with(all[1], |_, net| net.suspect("x"));
    world.run_for(Duration::from_secs(3));
    assert_eq!(told(&world, all[1]), ["+x:7", "-x:7"]);
    assert_eq!(told(&world, all[2]), ["+x:7"]);
    world.run_for(Duration::from_mins(2));
    assert_eq!(told(&world, all[1]), ["+x:7", "-x:7"]);
    assert_eq!(told(&world, all[2]), ["+x:7", "-x:7"]);
}

#[test]
fn a_doubt_about_a_living_one_is_answered_by_another_sighting() {
    let (mut world, all) = hosts(settings(1), 2);
    announce(&mut world, all[0], "x", 7);
    world.run_for(Duration::from_secs(1));
    world.with(all[1], |_, net| net.suspect("x"));
    world.run_for(Duration::from_secs(3));
    assert_eq!(told(&world, all[1]), ["+x:7", "+x:7"]);
}

#[test]
fn a_restart_on_another_port_replaces_what_lingered() {
    let mut world = World::new(settings(1));
    let mut starts = 0;
    let a = world.add_host(HostSpec::new("a"), move |net| {
        starts += 1;
        net.announce(Announcement::new("x", starts));
        birth(net)
    });
    let b = add(&mut world, "b");
    world.run_for(Duration::from_secs(1));
    world.crash(a, Crash::Power);
    world.run_for(Duration::from_secs(5));
    world.restart(a);
    world.run_for(Duration::from_mins(10));
    assert_eq!(told(&world, b), ["+x:1", "+x:2"]);
}

#[test]
fn deaf_hosts_hear_nothing_and_mute_ones_are_not_heard_until_it_ends() {
    let (mut world, all) = hosts(settings(1), 3);
    let span = Duration::from_secs(30);
    assert!(world.inject(&Fault::Deaf { host: all[0], span }));
    assert!(world.inject(&Fault::Mute { host: all[1], span }));
    for (host, name) in all.iter().zip(["x", "y", "z"]) {
        announce(&mut world, *host, name, 1);
    }
    world.run_for(Duration::from_secs(20));
    assert_eq!(told(&world, all[0]), ["+x:1"], "only itself");
    assert_eq!(told(&world, all[2]).len(), 2, "not the mute one");
    world.run_for(Duration::from_secs(20));
    for host in all {
        assert_eq!(told(&world, host).len(), 3);
    }
}

#[test]
fn without_echo_nobody_hears_itself() {
    let mut settings = settings(1);
    settings.bus.echo = false;
    let (mut world, all) = hosts(settings, 2);
    announce(&mut world, all[0], "x", 7);
    world.run_for(Duration::from_secs(1));
    assert_eq!((told(&world, all[0]).len(), told(&world, all[1]).len()), (0, 1));
}

#[test]
fn a_rough_bus_loses_delays_doubles_and_repeats_but_everybody_hears_in_the_end() {
    let mut settings = settings(5);
    settings.bus = BusProfile::rough();
    let (mut world, all) = hosts(settings, 40);
    for port in 1..=5 {
        for host in &all[..10] {
            announce(&mut world, *host, &format!("{host}"), port);
        }
        world.run_for(Duration::from_secs(7));
    }
    world.run_for(Duration::from_mins(1));
    let counts = world.counts();
    for effect in [Effect::SightingLost, Effect::SightingLate, Effect::SightingDoubled, Effect::SightingStale]
    {
        assert!(counts.effects(effect) > 20, "{effect:?}: {}", counts.effects(effect));
    }
    for host in &all {
        let told = told(&world, *host);
        for announcer in &all[..10] {
            assert!(told.contains(&format!("+{announcer}:5")), "{host} never heard of {announcer}");
        }
    }
    world.run_for(Duration::from_mins(9));
    let vanished =
        all.iter().flat_map(|host| told(&world, *host)).filter(|told| told.starts_with('-')).count();
    assert_eq!(vanished, 0, "nothing was withdrawn");
}

#[test]
fn a_lost_goodbye_ends_with_the_time_to_live() {
    let mut settings = settings(1);
    settings.bus.lost = Chance::ALWAYS;
    settings.bus.refresh = Duration::from_secs(1);
    let (mut world, all) = hosts(settings, 2);
    announce(&mut world, all[0], "x", 7);
    world.run_for(Duration::from_secs(5));
    assert_eq!(told(&world, all[1]), ["+x:7"], "heard at the refresh");
    world.with(all[0], |_, net| net.withdraw("x"));
    world.run_for(Duration::from_secs(100));
    assert_eq!(told(&world, all[1]).len(), 1);
    world.run_for(Duration::from_secs(30));
    assert_eq!(told(&world, all[1]), ["+x:7", "-x:7"]);
}

#[test]
fn a_stale_sighting_on_order_tells_what_was_true_before() {
    let (mut world, all) = hosts(settings(1), 2);
    let stale = Fault::StaleSighting { host: all[1], nth: 3 };
    assert!(!world.inject(&stale), "nothing was ever announced and replaced");
    announce(&mut world, all[0], "x", 7);
    world.run_for(Duration::from_secs(1));
    announce(&mut world, all[0], "x", 8);
    world.run_for(Duration::from_secs(1));
    assert!(world.inject(&stale));
    world.run_for(Duration::from_secs(1));
    assert_eq!(told(&world, all[1]), ["+x:7", "+x:8", "+x:7"]);
}

#[test]
fn who_is_in_another_domain_hears_nothing_of_it_old_or_new() {
    let mut world = World::new(settings(1));
    let [a, b] = [1, 2].map(|domain| {
        ["x", "y"].map(|name| world.add_host(HostSpec::new(format!("{name}{domain}")).domain(domain), birth))
    });
    world.run_for(Duration::from_secs(1));
    announce(&mut world, a[0], "x", 7);
    announce(&mut world, a[0], "x", 8);
    world.run_for(Duration::from_secs(1));
    assert_eq!(told(&world, a[1]), ["+x:8"]);
    let stale = Fault::StaleSighting { host: b[1], nth: 0 };
    assert!(!world.inject(&stale), "nothing was announced there");
    assert!(world.inject(&Fault::StaleSighting { host: a[1], nth: 0 }));
    let span = Duration::from_secs(1);
    world.inject(&Fault::Partition { hosts: vec![a[0], b[0]], span, breaks: false });
    world.run_for(Duration::from_mins(10));
    assert_eq!(told(&world, a[1]), ["+x:8", "+x:7"]);
    assert!(told(&world, b[0]).is_empty() && told(&world, b[1]).is_empty());
    world.crash(a[0], Crash::Power);
    world.run_for(Duration::from_mins(10));
    assert_eq!(told(&world, a[1]).last().map(String::as_str), Some("-x:8"));
    assert!(told(&world, b[1]).is_empty());
}
