//! What the machine tells of what it hears, and whom it lets wait, case by case.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::indexing_slicing, clippy::print_stderr, clippy::cast_possible_truncation)]

mod common;

use std::net::SocketAddr;

use common::{Lan, MULTICAST, PORT, address, ms, name, record, say, service_type, srv, station, watcher};
use lan_mdns::record::{Data, Question, Record, kind};
use lan_mdns::wire::Message;
use lan_mdns::{Input, Name, Output};

fn from(n: u8) -> SocketAddr {
    SocketAddr::new(address(n).into(), PORT)
}

fn group_type() -> Name {
    name("Tour._show._tcp.local")
}

fn desk() -> Name {
    name("Desk.Tour._show._tcp.local")
}

/// What a station says that knows its group's own type only.
fn of_group_only() -> Vec<Record> {
    let mut said = station(&desk(), "a", 1, "a.local", address(3).into(), true).answers;
    said[0].name = group_type();
    said
}

fn types_seen(lan: &Lan) -> Vec<String> {
    let seen = |(_, told): &(_, Output)| match told {
        Output::TypeSeen(name) => Some(name.to_string()),
        _ => None,
    };
    lan.hosts[0].told.iter().filter_map(seen).collect()
}

// proves: MDNS-SPELLING
#[test]
fn a_name_spelled_anew_is_news() {
    let mut lan = watcher(34, |_| false);
    let mut spelled = Vec::new();
    for group in ["TOUR", "Tour", "Tour", "tour"] {
        let instance = service_type().below(&["Desk", group]).unwrap();
        lan.inject(from(3), MULTICAST, &station(&instance, "a", 1, "a.local", address(3).into(), true));
        lan.run_for(ms(2000));
        let seen: Vec<String> = lan.hosts[0].seen.values().map(|seen| seen.instance.to_string()).collect();
        spelled.push(seen);
    }
    let instances =
        ["TOUR", "Tour", "Tour", "tour"].map(|group| vec![format!("Desk.{group}._show._tcp.local.")]);
    assert_eq!(spelled, instances);
    let found = lan.hosts[0].told.iter().filter(|(_, told)| matches!(told, Output::Found(_))).count();
    assert_eq!(found, 3, "and the same is none");
}

// proves: MDNS-SUBTYPES
#[test]
fn a_station_that_announces_itself_under_a_type_below_ours_is_found_and_its_type_told() {
    let mut lan = watcher(40, |_| false);
    lan.inject(from(3), MULTICAST, &say(of_group_only()));
    lan.run_for(ms(100));
    let found: Vec<_> = lan.hosts[0].seen.values().map(|seen| seen.instance.to_string()).collect();
    assert_eq!(found, ["Desk.Tour._show._tcp.local."]);
    assert_eq!(types_seen(&lan), ["Tour._show._tcp.local."]);
    // It is kept like any other: asked for before it is forgotten.
    let at = lan.now;
    lan.run_for(ms(130_000));
    let asked = lan.sent(0, at).into_iter().flat_map(|sent| sent.message.questions.clone());
    assert!(asked.into_iter().any(|q| q.name == group_type() && q.kind == kind::PTR));
    // One that is looked for is no news.
    lan.input(0, Input::Browse(group_type()));
    lan.inject(from(3), MULTICAST, &say(of_group_only()));
    lan.run_for(ms(100));
    assert_eq!(types_seen(&lan).len(), 1);
}

// proves: MDNS-SUBTYPES
#[test]
fn who_takes_back_the_types_pointer_is_gone_below_it_too_but_not_the_other_way_round() {
    for (taken_back, left) in [(service_type(), 0), (group_type(), 1)] {
        let mut lan = watcher(44, |_| false);
        let mut said = of_group_only();
        said.push(record(&service_type(), Data::Ptr(desk()), 120, false));
        lan.inject(from(3), MULTICAST, &say(said));
        lan.run_for(ms(100));
        lan.inject(from(3), MULTICAST, &say(vec![record(&taken_back, Data::Ptr(desk()), 0, false)]));
        lan.run_for(ms(2000));
        assert_eq!(lan.hosts[0].seen.len(), left, "{taken_back}");
    }
}

// proves: MDNS-SUBTYPES
#[test]
fn types_are_asked_for_where_that_is_wanted_and_those_below_ours_are_told() {
    let mut lan = watcher(41, |_| false);
    let list = name("_services._dns-sd._udp.local");
    let asks = |lan: &Lan| {
        lan.sent(0, ms(0)).iter().any(|sent| sent.message.questions.iter().any(|q| q.name == list))
    };
    lan.run_for(ms(5000));
    assert!(!asks(&lan), "nobody wished it");
    lan.input(0, Input::BrowseTypes);
    lan.run_for(ms(500));
    assert!(asks(&lan));
    let types = [group_type(), service_type(), name("_ipp._tcp.local"), name("x_show._tcp.local")];
    let said = types.map(|kind| record(&list, Data::Ptr(kind), 4500, false));
    let held = lan.hosts[0].mdns.records_held();
    lan.inject(from(3), MULTICAST, &say(said.to_vec()));
    lan.run_for(ms(20));
    assert_eq!(types_seen(&lan), ["Tour._show._tcp.local."]);
    assert_eq!(lan.hosts[0].mdns.records_held(), held, "a type is no service");
}

// proves: MDNS-NO-ADDRESS
#[test]
fn a_station_whose_host_has_no_address_is_told_once_and_found_when_it_has_one() {
    let mut lan = watcher(42, |_| false);
    let mut said = station(&desk(), "a", 1, "a.local", address(3).into(), true).answers;
    let host = said.pop().unwrap();
    said[0].name = service_type();
    let unreachable = |lan: &Lan| {
        let all = lan.hosts[0].told.iter().filter_map(|(at, told)| match told {
            Output::NoAddress(seen) => Some((*at, seen.instance.to_string(), seen.addresses.len())),
            _ => None,
        });
        all.collect::<Vec<_>>()
    };
    let at = lan.now;
    for _ in 0..4 {
        lan.inject(from(3), MULTICAST, &say(said.clone()));
        lan.run_for(ms(5000));
    }
    let told = unreachable(&lan);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].1.as_str(), told[0].2), ("Desk.Tour._show._tcp.local.", 0));
    assert!(told[0].0 - at > ms(2000) && told[0].0 - at < ms(4000), "{told:?}");
    assert!(lan.hosts[0].seen.is_empty());
    lan.inject(from(3), MULTICAST, &say(vec![host]));
    lan.run_for(ms(10));
    assert_eq!(lan.hosts[0].seen.len(), 1);
}

// proves: MDNS-PROBE-DEFENCE, MDNS-TC-RECEIVED
#[test]
fn a_probe_is_answered_at_once_though_its_asker_has_more_to_tell() {
    for truncated_too in [false, true] {
        let mut lan = Lan::new(43);
        lan.add_station("Desk", "host");
        lan.run_for(ms(20_000));
        let ours = name("Desk.Default._show._tcp.local");
        let ask = |name: &Name, kind, unicast| Message {
            questions: vec![Question { name: name.clone(), kind, unicast }],
            ..Message::default()
        };
        let at = lan.now;
        let open = Message { truncated: true, ..ask(&service_type(), kind::PTR, false) };
        lan.inject(from(9), MULTICAST, &open);
        lan.run_for(ms(20));
        let claimed = record(&ours, srv(9, "other.local"), 120, false);
        let truncated = truncated_too;
        let probe = Message { authorities: vec![claimed], truncated, ..ask(&ours, kind::ANY, true) };
        let probed = lan.now;
        lan.inject(from(9), MULTICAST, &probe);
        lan.run_for(ms(2000));
        let said: Vec<_> = lan.sent(0, at).into_iter().filter(|sent| sent.message.response).collect();
        let defended = said.iter().find(|sent| sent.message.answers.iter().any(|r| r.name == ours)).unwrap();
        assert!(defended.at - probed < ms(20), "{:?}", defended.at - probed);
        let answered = said.iter().find(|sent| sent.message.answers.iter().any(|r| r.name == service_type()));
        assert!(
            answered.unwrap().at - at > ms(390),
            "the open question still waits for what its asker knows"
        );
    }
}
