//! Crowds: many stations of one name, one host, one source; in many datagrams and in one. What is counted is work, not time.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::print_stderr, clippy::cast_possible_truncation)]

mod common;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use common::{LINK, Lan, PORT, address, ms, name, record, say, service_type, shown, srv, station, watcher};
use lan_mdns::record::{Data, Question, kind};
use lan_mdns::wire::Message;
use lan_mdns::{Input, Link, Lost, Name, Output};

fn from(n: u8) -> SocketAddr {
    SocketAddr::new(address(n).into(), PORT)
}

fn bare() -> Name {
    name("Default._show._tcp.local")
}

/// An address of ten thousands, all on the link.
fn one_of_many(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + 256 + n).into()
}

/// Who says what: the n-th member of a crowd.
type Member = fn(u32) -> (IpAddr, Message);

const LOUD: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 99));

/// Each way in which a crowd can be alike.
const CROWDS: [(&str, Member); 7] = [
    ("one source, one name", |n| {
        (LOUD, station(&bare(), &n.to_string(), 1, &format!("h{n}.local"), one_of_many(n), true))
    }),
    ("one source, one name, one host", |n| {
        (LOUD, station(&bare(), &n.to_string(), n as u16, "h.local", one_of_many(n), n % 2 == 0))
    }),
    ("one source, many names, one host", |n| {
        (LOUD, station(&called(n), &n.to_string(), 1, "h.local", one_of_many(n), false))
    }),
    ("many sources, one name", |n| {
        let ip = one_of_many(n);
        (ip, station(&bare(), &n.to_string(), 1, &format!("h{n}.local"), ip, false))
    }),
    ("many sources, one name, one host", |n| {
        let ip = one_of_many(n);
        (ip, station(&bare(), &n.to_string(), 1, "h.local", ip, true))
    }),
    ("many sources, one name, no identity and no address", |n| {
        let data = Data::Ptr(bare());
        let answers =
            vec![record(&service_type(), data, 120, false), record(&bare(), srv(1, "h.local"), 120, false)];
        (one_of_many(n), say(answers))
    }),
    ("one source, texts without services", |n| {
        let answers = vec![record(&bare(), Data::Txt(vec![format!("id={n}").into_bytes()]), 120, false)];
        (LOUD, say(answers))
    }),
];

fn called(n: u32) -> Name {
    service_type().below(&[format!("Liar {n}"), "Default".to_owned()]).unwrap()
}

/// A machine on a network of many addresses.
fn wide(seed: u64) -> Lan {
    let mut lan = watcher(seed, |_| false);
    let link = Link { addresses: vec![(address(1).into(), 8)] };
    lan.input(0, Input::LinkUp(LINK, link));
    lan
}

fn hear(lan: &mut Lan, source: IpAddr, message: &Message) -> usize {
    let bytes = message.encode();
    let source = SocketAddr::new(source, PORT);
    let before = lan.hosts[0].told.len();
    lan.input(0, Input::Datagram { link: LINK, source, unicast: false, bytes: &bytes });
    lan.hosts[0].told.len() - before
}

// proves: MDNS-CROWD
#[test]
fn the_work_that_a_datagram_causes_does_not_grow_with_what_is_held() {
    for (what, member) in CROWDS {
        let mut lan = wide(30);
        let mut known = 0;
        let mut work = Vec::new();
        for size in [100, 400, 1200] {
            for n in known..size {
                let (source, said) = member(n);
                hear(&mut lan, source, &said);
            }
            known = size;
            let before = lan.hosts[0].mdns.counts().visited;
            let mut outputs = 0;
            for n in 0..64 {
                // Ever new ones, and known ones again.
                let (source, said) = member(if n % 2 == 0 { size + n } else { size - 1 - n });
                outputs += hear(&mut lan, source, &said);
                let ask = Question { name: service_type(), kind: kind::PTR, unicast: false };
                let (_, known) = member(n);
                let question = Message { questions: vec![ask], answers: known.answers, ..Message::default() };
                outputs += hear(&mut lan, address(7).into(), &question);
            }
            work.push(((lan.hosts[0].mdns.counts().visited - before) / 64, outputs / 64));
        }
        // What room is made for counts as well: a sixteenth at once, so that it is seldom.
        let bound = (2 * work[0].0).max(1200);
        assert!(work.iter().all(|(visited, told)| *visited <= bound && *told <= 2), "{what}: {work:?}");
    }
}

// proves: MDNS-CROWD
#[test]
fn one_source_holds_so_many_services_of_one_name_and_no_more() {
    for limit in [1, 16, 17] {
        let mut lan = Lan::new(31);
        let mut config = common::config(31);
        config.limits.records_per_name = limit;
        lan.add_with(config);
        let say = |lan: &mut Lan, n: u32| {
            let said =
                station(&bare(), &n.to_string(), n as u16, &format!("h{n}.local"), one_of_many(n), false);
            lan.inject(from(3), common::MULTICAST, &said);
            lan.run_for(ms(5));
        };
        (1..=limit).for_each(|n| say(&mut lan, n as u32));
        assert_eq!(lan.hosts[0].seen.len(), limit, "all that there may be");
        assert_eq!(lan.hosts[0].mdns.counts().evicted, 0);
        say(&mut lan, limit as u32 + 1);
        let lost =
            lan.hosts[0].told.iter().filter(|(_, t)| matches!(t, Output::Lost { why: Lost::Evicted, .. }));
        assert_eq!(lost.count(), limit.div_ceil(16), "the oldest make room");
        let ports: Vec<u16> = lan.hosts[0].seen.values().map(|seen| seen.port).collect();
        assert!(ports.contains(&(limit as u16 + 1)) && !ports.contains(&1), "{ports:?}");
        // Another source has room of its own.
        let other = station(&bare(), "other", 999, "other.local", address(4).into(), false);
        lan.inject(from(4), common::MULTICAST, &other);
        lan.run_for(ms(5));
        assert!(lan.hosts[0].seen.values().any(|seen| seen.port == 999));
    }
}

// proves: MDNS-CROWD
#[test]
fn a_real_station_in_a_crowd_of_its_name_is_found_and_its_pin_holds_against_its_own_source() {
    let mut lan = wide(32);
    for n in 0..600 {
        let (source, said) = CROWDS[n as usize % 2].1(n);
        hear(&mut lan, source, &said);
    }
    let real = station(&bare(), "real", 4242, "default.local", address(3).into(), false);
    lan.inject(from(3), common::MULTICAST, &real);
    lan.run_for(ms(10));
    let found = lan.hosts[0].seen.values().find(|seen| seen.port == 4242).cloned().unwrap();
    assert_eq!(found.addresses, [IpAddr::from(address(3))]);
    lan.input(0, Input::Pin(found.id));
    // Somebody borrows its address.
    for n in 0..600 {
        let said = station(&bare(), &n.to_string(), 9, &format!("h{n}.local"), one_of_many(n), false);
        hear(&mut lan, address(3).into(), &said);
    }
    lan.inject(from(3), common::MULTICAST, &real);
    lan.run_for(ms(10));
    let lost = |(_, t): &(Duration, Output)| matches!(t, Output::Lost { id, .. } if *id == found.id);
    assert!(!lan.hosts[0].told.iter().any(lost));
}

// proves: MDNS-SEVERAL-IN-ONE
#[test]
fn of_several_stations_of_one_name_in_one_datagram_none_is_lost() {
    for identities in [true, false] {
        for order in ["station by station", "kind by kind", "answers and additionals"] {
            let mut lan = watcher(33, |_| true);
            let of = |n: u8| {
                let text = if identities { format!("id={n}") } else { format!("name={n}") };
                let host = format!("h{n}.local");
                vec![
                    record(&service_type(), Data::Ptr(bare()), 120, false),
                    record(&bare(), srv(n.into(), &host), 120, true),
                    record(&bare(), Data::Txt(vec![text.into_bytes()]), 120, true),
                    record(&name(&host), Data::address(address(n).into()), 120, true),
                ]
            };
            let mut all: Vec<_> = [3, 4, 5].into_iter().flat_map(of).collect();
            if order == "kind by kind" {
                all.sort_by_key(|r| r.data.kind());
            }
            let mut message = say(all);
            if order == "answers and additionals" {
                message.additionals = message.answers.split_off(1);
            }
            for _ in 0..3 {
                lan.inject(from(9), common::MULTICAST, &message);
                lan.run_for(ms(3000));
            }
            let key = if identities { "id" } else { "name" };
            let expected = [3, 4, 5].map(|n| (format!("{key}={n}"), n, vec![format!("10.0.0.{n}")]));
            assert_eq!(shown(&lan), expected, "identities {identities}, {order}");
        }
    }
}

#[test]
fn a_query_with_many_questions_and_answers_costs_no_more_than_its_answers() {
    let mut lan = wide(1);
    let member = station(&called(1), "1", 1, "h1.local", one_of_many(1), false);
    hear(&mut lan, one_of_many(1), &member);
    let pointer = record(&service_type(), Data::Ptr(called(1)), 120, false);
    let mut visits = |questions: usize, answers: usize| {
        let before = lan.hosts[0].mdns.counts().visited;
        let question = Question { name: service_type(), kind: kind::PTR, unicast: false };
        let query = Message {
            questions: vec![question; questions],
            answers: vec![pointer.clone(); answers],
            ..Message::default()
        };
        hear(&mut lan, one_of_many(2), &query);
        lan.hosts[0].mdns.counts().visited - before
    };
    let (few, many) = (visits(1, 300), visits(500, 300));
    assert!(few > 0 && many <= few + 500, "{few} {many}");
}

// proves: MDNS-CROWD
#[test]
fn eighty_stations_of_one_name_behind_one_source_are_all_seen_and_none_is_lost() {
    let mut lan = wide(35);
    for round in 0..5 {
        for n in 0..80 {
            hear(&mut lan, LOUD, &(CROWDS[0].1)(n).1);
        }
        assert_eq!(lan.hosts[0].seen.len(), 80, "round {round}");
        lan.run_for(ms(20_000));
    }
    let lost = |(_, t): &(Duration, Output)| matches!(t, Output::Lost { .. });
    assert!(!lan.hosts[0].told.iter().any(lost));
}

// proves: MDNS-CROWD
#[test]
fn of_more_stations_of_one_name_than_there_may_be_those_that_answered_stay() {
    let mut lan = wide(36);
    let mut config = common::config(36);
    config.limits.records_per_name = 16;
    lan.hosts[0].mdns = lan_mdns::Mdns::new(config);
    lan.input(0, Input::LinkUp(LINK, Link { addresses: vec![(address(1).into(), 8)] }));
    lan.input(0, Input::Browse(service_type()));
    for round in 0..5 {
        for n in 0..24 {
            hear(&mut lan, LOUD, &(CROWDS[0].1)(n).1);
            // Who is found is joined, and found to be real.
            let all: Vec<_> = lan.hosts[0].seen.keys().copied().collect();
            all.into_iter().for_each(|id| lan.input(0, Input::Pin(id)));
        }
        let ids: Vec<String> = shown(&lan).into_iter().map(|(id, ..)| id).collect();
        let expected: std::collections::BTreeSet<String> = (0..16).map(|n| format!("id={n}")).collect();
        assert_eq!(ids.into_iter().collect::<std::collections::BTreeSet<_>>(), expected, "round {round}");
        lan.run_for(ms(5_000));
    }
    let lost = |(_, t): &(Duration, Output)| matches!(t, Output::Lost { .. });
    assert!(!lan.hosts[0].told.iter().any(lost));
}

/// Datagrams of as many records as are looked at of one, all alike in some way.
fn big(n: u32, what: &str) -> Message {
    let host = name("h.local");
    let each = |k: u32| match what {
        "addresses of one host" => record(&host, Data::address(one_of_many(n * 512 + k)), 120, false),
        "texts of one name" => {
            record(&bare(), Data::Txt(vec![format!("id={n}-{k}").into_bytes()]), 120, false)
        }
        "services of one name" => record(&bare(), srv((n * 512 + k) as u16, "h.local"), 120, false),
        "pointers to one name" => {
            let of = service_type().below(&[format!("g{n}-{k}")]).unwrap();
            record(&of, Data::Ptr(bare()), 120, false)
        }
        _ => record(&service_type(), Data::Ptr(called(n * 512 + k)), 120, false),
    };
    say((0..512).map(each).collect())
}

// proves: MDNS-CROWD
#[test]
fn the_work_of_a_datagram_grows_as_its_records_do_and_not_as_their_square() {
    let kinds = [
        "addresses of one host",
        "texts of one name",
        "services of one name",
        "pointers to one name",
        "pointers of one type",
    ];
    for pinned in [false, true] {
        for what in kinds {
            let mut lan = wide(34);
            for n in 0..64 {
                let data = one_of_many(n);
                hear(&mut lan, LOUD, &station(&bare(), &n.to_string(), n as u16, "h.local", data, false));
            }
            let all: Vec<_> = lan.hosts[0].seen.keys().copied().collect();
            for id in all.iter().filter(|_| pinned) {
                lan.input(0, Input::Pin(*id));
            }
            let mut outputs = 0;
            let before = lan.hosts[0].mdns.counts().visited;
            for n in 1..5 {
                outputs += hear(&mut lan, LOUD, &big(n, what));
            }
            let visited = (lan.hosts[0].mdns.counts().visited - before) / 4;
            // Each is compared with those of its name, at most 64, a few times.
            assert!(visited < 512 * 128 * 6, "{what}, pinned {pinned}: {visited}");
            assert!(outputs / 4 < 2048, "{what}, pinned {pinned}: {outputs} outputs");
        }
    }
}
