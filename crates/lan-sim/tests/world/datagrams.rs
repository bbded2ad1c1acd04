//! Datagrams: who hears them, how often and when.

use std::time::Duration;

use lan_sim::{
    Chance, Crash, DatagramProfile, Effect, Event, Fault, HostCtx, HostId, HostSpec, Node, Settings, World,
};

/// Keeps what it hears: when, from whom, to it alone or not, and what.
#[derive(Default)]
struct Ear(Vec<(Duration, String, bool, Vec<u8>)>);

impl Node for Ear {
    fn handle(&mut self, event: Event, net: &mut HostCtx<'_>) {
        if let Event::Datagram(heard) = event {
            let at = net.now().since_start();
            self.0.push((at, heard.from.to_string(), heard.unicast, heard.bytes.to_vec()));
        }
    }
}

fn ears(seed: u64, count: usize, datagrams: DatagramProfile) -> (World<Ear>, Vec<HostId>) {
    let mut world = World::new(Settings { datagrams, ..Settings::new(seed) });
    let ear = |net: &mut HostCtx<'_>| {
        net.hear_datagrams(5353);
        Ear::default()
    };
    let hosts = (0..count).map(|n| world.add_host(HostSpec::new(format!("h{n}")), ear)).collect();
    (world, hosts)
}

fn said(world: &World<Ear>, host: HostId) -> Vec<&[u8]> {
    world.node(host).unwrap().0.iter().map(|(_, _, _, bytes)| bytes.as_slice()).collect()
}

#[test]
fn all_that_hear_the_port_hear_what_is_said_to_all_and_one_what_is_said_to_it() {
    let (mut world, hosts) = ears(1, 3, DatagramProfile::calm());
    world.with(hosts[0], |_, net| {
        net.multicast(5353, 5353, b"all");
        net.multicast(5353, 5354, b"another port");
        net.send_datagram(9, ([10, 0, 0, 2], 5353).into(), b"one");
        net.send_datagram(9, ([10, 0, 0, 200], 5353).into(), b"nobody");
    });
    world.run_for(Duration::from_secs(1));
    assert_eq!((said(&world, hosts[0]), said(&world, hosts[2])), (vec![&b"all"[..]], vec![&b"all"[..]]));
    let mut heard = world.node(hosts[1]).unwrap().0.clone();
    heard.sort_by_key(|(_, _, unicast, _)| *unicast);
    assert_eq!((heard[0].1.as_str(), heard[0].2), ("10.0.0.1:5353", false));
    assert_eq!((heard[1].1.as_str(), heard[1].2, heard[1].3.as_slice()), ("10.0.0.1:9", true, &b"one"[..]));
    assert!(heard.iter().all(|(at, ..)| *at <= Duration::from_millis(2)));
}

#[test]
fn each_receiver_loses_delays_and_doubles_by_itself_and_a_seed_says_which() {
    let run = |seed| {
        let (mut world, hosts) = ears(seed, 3, DatagramProfile::rough());
        for n in 0..1000_u16 {
            world.with(hosts[0], |_, net| net.multicast(5353, 5353, &n.to_be_bytes()));
            world.run_for(Duration::from_millis(10));
        }
        world.run_for(Duration::from_secs(1));
        let counts = [Effect::DatagramLost, Effect::DatagramDoubled, Effect::DatagramLate]
            .map(|effect| world.counts().effects(effect));
        assert!(
            counts[0].abs_diff(400) < 100 && counts[1].abs_diff(200) < 70 && counts[2] > 100,
            "{counts:?}"
        );
        assert_eq!(said(&world, hosts[0]).len(), 1000, "one hears oneself once, in order");
        let (one, two) = (said(&world, hosts[1]).concat(), said(&world, hosts[2]).concat());
        assert_ne!(one, two);
        assert!(!said(&world, hosts[1]).is_sorted(), "they overtake each other");
        (one, two, world.trace().hash())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn partitions_deaf_and_mute_hosts_keep_them_away_until_they_end() {
    let span = Duration::from_secs(5);
    for (n, fault) in [
        Fault::Partition { hosts: vec![HostId(1)], span, breaks: false },
        Fault::Deaf { host: HostId(1), span },
        Fault::Mute { host: HostId(0), span },
        Fault::AddressDown { host: HostId(1), nth: 0, span },
    ]
    .into_iter()
    .enumerate()
    {
        let (mut world, hosts) = ears(n as u64, 2, DatagramProfile::calm());
        assert!(world.inject(&fault), "{fault:?}");
        world.with(hosts[0], |_, net| net.multicast(5353, 5353, b"before"));
        world.run_for(Duration::from_secs(6));
        world.with(hosts[0], |_, net| net.multicast(5353, 5353, b"after"));
        world.run_for(Duration::from_secs(1));
        assert_eq!(said(&world, hosts[1]), [b"after"], "{fault:?}");
        assert_eq!(said(&world, hosts[0]).len(), 2, "{fault:?}: one hears oneself");
    }
}

#[test]
fn who_does_not_run_when_it_arrives_has_not_heard_it_and_losses_can_be_set_anew() {
    let (mut world, hosts) = ears(3, 2, DatagramProfile::calm());
    world.with(hosts[0], |_, net| net.multicast(5353, 5353, b"1"));
    assert!(world.crash(hosts[1], Crash::Process));
    world.run_for(Duration::from_secs(1));
    assert!(world.restart(hosts[1]));
    world.set_datagrams(DatagramProfile { lost: Chance::percent(100), ..DatagramProfile::calm() });
    world.with(hosts[0], |_, net| net.multicast(5353, 5353, b"2"));
    world.run_for(Duration::from_secs(1));
    world.set_datagrams(DatagramProfile::calm());
    world.with(hosts[0], |_, net| net.multicast(5353, 5353, b"3"));
    world.run_for(Duration::from_secs(1));
    assert_eq!(said(&world, hosts[1]), [b"3"]);
}
