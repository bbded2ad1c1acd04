//! Whole networks of machines: they find each other, lose each other, and find each other again.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::print_stderr, clippy::cast_possible_truncation)]

mod common;

use std::time::Duration;

use common::{LINK, Lan, OURS, link, ms, name, service, service_type};
use lan_mdns::{Input, Lost, Output, Role};
use lan_sim::{Chance, Seed};

fn stations(lan: &mut Lan, count: usize) -> Vec<usize> {
    (0..count).map(|n| lan.add_station(&format!("Desk {n}"), &format!("host{n}"))).collect()
}

fn all_see(lan: &Lan, count: usize) -> bool {
    lan.hosts.iter().filter(|host| host.alive && host.plugged).all(|host| host.instances().len() == count)
}

// proves: MDNS-BROWSE, MDNS-ANNOUNCE
#[test]
fn thirty_stations_find_each_other_within_three_seconds() {
    for seed in 0..3 {
        let mut lan = Lan::new(seed);
        stations(&mut lan, 30);
        assert!(lan.run_until(ms(3000), |lan| all_see(lan, 30)), "seed {seed}");
        let shown = lan.hosts[3].seen.values().find(|seen| seen.host == name("host7.local")).unwrap();
        assert_eq!((shown.port, shown.addresses[0].to_string()), (1007, "10.0.0.8".to_owned()));
        assert_eq!(shown.txt, [b"id=host7".to_vec()]);
    }
}

#[test]
fn a_late_browser_sees_all_within_a_second_even_right_after_they_spoke() {
    for seed in 0..4 {
        let mut lan = Lan::new(seed);
        stations(&mut lan, 30);
        lan.run_for(ms(8000 + seed * 537));
        let late = lan.add();
        let begun = lan.now;
        let done = lan.run_until(begun + ms(1000), |lan| lan.hosts[late].instances().len() == 30);
        assert!(done, "seed {seed}: {} of 30", lan.hosts[late].instances().len());
    }
}

#[test]
fn with_a_fifth_of_all_datagrams_lost_all_are_found_in_time() {
    for (count, seeds, within) in [(10, 10, 10_000), (30, 2, 20_000)] {
        for seed in 0..seeds {
            let mut lan = Lan::new(seed);
            lan.loss = Chance::percent(20);
            stations(&mut lan, count);
            let done = lan.run_until(ms(within), |lan| all_see(lan, count));
            let fewest = lan.hosts.iter().map(|host| host.instances().len()).min();
            assert!(done, "seed {seed}: the fewest seen are {fewest:?} of {count}");
        }
    }
}

// proves: MDNS-REFRESH
#[test]
fn who_is_there_stays_seen_for_an_hour_without_a_word_of_doubt() {
    let mut lan = Lan::new(7);
    stations(&mut lan, 6);
    lan.run_for(ms(10_000));
    lan.run_for(Duration::from_hours(1));
    assert!(all_see(&lan, 6));
    let lost = |host: &common::Host| host.told.iter().any(|(_, told)| matches!(told, Output::Lost { .. }));
    assert!(!lan.hosts.iter().any(lost));
    let per_minute = lan.sent(0, Duration::from_mins(10)).len() / 50;
    assert!(per_minute < 20, "{per_minute} messages a minute of one of six");
}

#[test]
fn who_falls_silent_is_missed_after_two_minutes_and_sooner_when_doubted() {
    let mut lan = Lan::new(8);
    stations(&mut lan, 3);
    lan.run_for(ms(5000));
    lan.hosts[2].alive = false;
    let doubted = *lan.hosts[0].seen.values().find(|seen| seen.port == 1002).map(|seen| &seen.id).unwrap();
    lan.input(0, Input::Reconfirm(doubted));
    lan.run_for(ms(10_500));
    assert_eq!((lan.hosts[0].instances().len(), lan.hosts[1].instances().len()), (2, 3));
    lan.run_for(ms(120_000));
    assert_eq!(lan.hosts[1].instances().len(), 2);
}

// proves: MDNS-RECONFIRM
#[test]
fn a_doubt_does_not_end_who_answers() {
    let mut lan = Lan::new(9);
    stations(&mut lan, 3);
    lan.run_for(ms(5000));
    let all: Vec<_> = lan.hosts[0].seen.keys().copied().collect();
    for id in all {
        lan.input(0, Input::Reconfirm(id));
    }
    lan.run_for(ms(15_000));
    assert_eq!(lan.hosts[0].instances().len(), 3);
    assert!(!lan.hosts[0].told.iter().any(|(_, told)| matches!(told, Output::Lost { .. })));
}

// proves: MDNS-GOODBYE
#[test]
fn a_goodbye_ends_it_within_two_seconds() {
    let mut lan = Lan::new(10);
    stations(&mut lan, 3);
    lan.run_for(ms(5000));
    lan.input(1, Input::Withdraw(OURS));
    lan.run_for(ms(2000));
    assert!(lan.hosts[1].mdns.said_goodbye());
    let gone = |(_, told): &(Duration, Output)| matches!(told, Output::Lost { why: Lost::Goodbye, .. });
    assert_eq!(lan.hosts[0].instances().len(), 2);
    assert!(lan.hosts[0].told.iter().any(gone));
}

// proves: MDNS-RENAME, MDNS-CONFLICT
#[test]
fn who_comes_second_takes_another_name_and_the_first_keeps_its_own() {
    for seed in 0..10 {
        let mut lan = Lan::new(seed);
        lan.add_station("Desk", "one");
        lan.run_for(ms(5000));
        lan.add_station("Desk", "two");
        lan.run_for(ms(5000));
        let (instance, host) = lan.hosts[1].mdns.names(OURS).unwrap();
        assert_eq!(
            (instance.flat(), host.flat()),
            ("Desk (2).Default._show._tcp.local.".into(), "two.local.".into())
        );
        assert_eq!(lan.hosts[0].mdns.names(OURS).unwrap().0.flat(), "Desk.Default._show._tcp.local.");
        assert_eq!(lan.hosts[0].instances().len(), 2, "seed {seed}");
    }
}

#[test]
fn the_same_host_name_twice_is_renamed_once() {
    let mut lan = Lan::new(3);
    lan.add_station("A", "desk");
    lan.run_for(ms(5000));
    lan.add_station("B", "desk");
    lan.run_for(ms(5000));
    assert_eq!(lan.hosts[1].mdns.names(OURS).unwrap().1.flat(), "desk-2.local.");
    let renamed = |(_, told): &(Duration, Output)| matches!(told, Output::Renamed { role: Role::Host, .. });
    assert_eq!(lan.hosts[1].told.iter().filter(|told| renamed(told)).count(), 1);
    let ports: Vec<_> = lan.hosts[0].seen.values().map(|seen| (seen.port, seen.addresses.clone())).collect();
    assert_eq!(ports, [(1000, vec![lan.hosts[0].ip]), (1001, vec![lan.hosts[1].ip])]);
}

// proves: MDNS-TIE-BREAK
#[test]
fn of_many_who_want_one_name_at_once_each_ends_with_one_of_its_own() {
    for seed in 0..20 {
        let mut lan = Lan::new(seed);
        for n in 0..5 {
            lan.add_station("Desk", &format!("host{n}"));
        }
        lan.run_for(ms(20_000));
        let names: std::collections::BTreeSet<_> =
            lan.hosts.iter().map(|host| host.mdns.names(OURS).unwrap().0.flat()).collect();
        assert_eq!(names.len(), 5, "seed {seed}: {names:?}");
        assert!(all_see(&lan, 5), "seed {seed}");
    }
}

#[test]
fn a_name_is_never_announced_by_two_at_once_on_a_whole_network() {
    for seed in 0..20 {
        let mut lan = Lan::new(seed);
        lan.add_station("Desk", "one");
        lan.add_station("Desk", "two");
        lan.run_for(ms(20_000));
        let mut owners = std::collections::BTreeSet::new();
        for sent in lan.log.iter().filter(|sent| sent.message.response) {
            let speaks = |r: &lan_mdns::record::Record| {
                r.ttl > 0
                    && r.name == service_type().below(&["Desk", "Default"]).unwrap()
                    && r.data.kind() == lan_mdns::record::kind::SRV
            };
            if sent.message.answers.iter().any(speaks) {
                owners.insert(sent.by);
            }
        }
        assert_eq!(owners.len(), 1, "seed {seed}");
    }
}

#[test]
fn after_a_partition_both_sides_are_whole_again() {
    for seed in 0..10 {
        let mut lan = Lan::new(seed);
        let all = stations(&mut lan, 6);
        lan.run_for(ms(5000));
        lan.hosts[all[2]].plugged = false;
        lan.run_for(Duration::from_mins(10));
        assert_eq!(lan.hosts[0].instances().len(), 5);
        assert_eq!(lan.hosts[2].instances().len(), 1, "itself");
        lan.hosts[all[2]].plugged = true;
        // The driver sees the cable come back.
        lan.input(2, Input::LinkGone(LINK));
        lan.input(2, Input::LinkUp(LINK, link(3)));
        let begun = lan.now;
        assert!(lan.run_until(begun + ms(3000), |lan| all_see(lan, 6)), "seed {seed}");
    }
}

#[test]
fn who_is_not_told_of_the_cable_is_found_within_a_minute_and_a_half() {
    let mut lan = Lan::new(4);
    let all = stations(&mut lan, 4);
    lan.run_for(ms(5000));
    lan.hosts[all[2]].plugged = false;
    lan.run_for(Duration::from_mins(10));
    lan.hosts[all[2]].plugged = true;
    let begun = lan.now;
    assert!(lan.run_until(begun + ms(90_000), |lan| all_see(lan, 4)));
}

// proves: MDNS-UPDATE
#[test]
fn another_port_is_seen_at_once_and_the_former_one_forgotten() {
    let mut lan = Lan::new(5);
    stations(&mut lan, 3);
    lan.run_for(ms(8000));
    lan.input(0, Input::Register(OURS, Box::new(service("Desk 0", "host0", 9))));
    lan.run_for(ms(100));
    assert!(lan.hosts[1].seen.values().any(|seen| seen.port == 9));
    lan.run_for(ms(3000));
    assert_eq!(lan.hosts[1].seen.values().filter(|seen| seen.host == name("host0.local")).count(), 1);
}

// proves: MDNS-HOT-PLUG
#[test]
fn another_address_is_seen_at_once() {
    let mut lan = Lan::new(6);
    stations(&mut lan, 2);
    lan.run_for(ms(8000));
    lan.input(0, Input::LinkUp(LINK, link(77)));
    lan.run_for(ms(2500));
    let shown: Vec<_> = lan.hosts[1].seen.values().filter(|seen| seen.port == 1000).collect();
    assert_eq!(
        shown.iter().map(|s| s.addresses.clone()).collect::<Vec<_>>(),
        [vec![std::net::IpAddr::from(common::address(77))]]
    );
}

#[test]
fn after_a_sleep_all_is_announced_and_asked_anew() {
    let mut lan = Lan::new(11);
    stations(&mut lan, 3);
    lan.run_for(ms(8000));
    lan.hosts[0].alive = false;
    lan.run_for(Duration::from_hours(2));
    assert_eq!(lan.hosts[1].instances().len(), 2);
    lan.hosts[0].alive = true;
    lan.input(0, Input::Woke);
    let begun = lan.now;
    assert!(lan.run_until(begun + ms(3000), |lan| all_see(lan, 3)));
}

#[test]
fn the_same_seed_gives_the_same_packets() {
    let run = |seed| {
        let mut lan = Lan::new(seed);
        lan.loss = Chance::percent(10);
        stations(&mut lan, 8);
        lan.run_for(ms(20_000));
        lan.log.iter().map(|sent| (sent.at, sent.by, sent.bytes.clone())).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn random_cables_and_ends_leave_everybody_with_the_truth() {
    for seed in 0..30 {
        let mut lan = Lan::new(seed);
        lan.loss = Chance::percent(20);
        let mut rng = Seed::new(seed).child("faults").rng();
        let all = stations(&mut lan, 8);
        for _ in 0..20 {
            lan.run_for(rng.span(ms(5000)));
            let host = *rng.pick(&all).unwrap();
            match rng.below(4) {
                0 => lan.hosts[host].plugged = !lan.hosts[host].plugged,
                1 => lan.input(host, Input::Withdraw(OURS)),
                2 => lan.input(host, Input::Woke),
                _ => {
                    let again =
                        service(&format!("Desk {host}"), &format!("host{host}"), 2000 + rng.below(99) as u16);
                    lan.input(host, Input::Register(OURS, Box::new(again)));
                }
            }
        }
        let mut expected = std::collections::BTreeSet::new();
        for host in all {
            lan.hosts[host].plugged = true;
            let again = service(&format!("Desk {host}"), &format!("host{host}"), 3000);
            lan.input(host, Input::Register(OURS, Box::new(again)));
            expected.insert(format!("Desk {host}.Default._show._tcp.local."));
        }
        lan.loss = Chance::NEVER;
        lan.run_for(Duration::from_mins(4));
        for host in &lan.hosts {
            assert_eq!(host.instances(), expected, "seed {seed}");
            assert!(host.seen.values().all(|seen| seen.port == 3000), "seed {seed}: {:?}", host.seen);
        }
    }
}
