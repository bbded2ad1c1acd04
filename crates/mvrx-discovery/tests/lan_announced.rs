//! What others hear of a station announced by this project's own responder, and what it makes of stations that share a name.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use common::dns::{Data, Labels, PTR, Packet, Record, host, service};
use common::peer::{Announcement, Peer, Wire};
use common::{heard, start_lan as start};
use mvrx_discovery::battery::{advertisement, station};
use mvrx_discovery::{
    Discovery, DiscoveryEvent, DiscoveryProblem, LanDiscovery, Limits, MdnsOptions, Sighting, SightingKey,
};
use tokio::time::timeout;

async fn next(discovery: &mut LanDiscovery) -> DiscoveryEvent {
    timeout(Duration::from_secs(30), discovery.next()).await.expect("an event").expect("no end")
}

async fn problem(discovery: &mut LanDiscovery) -> DiscoveryProblem {
    loop {
        if let DiscoveryEvent::Problem(problem) = next(discovery).await {
            return problem;
        }
    }
}

/// The records of an announcement that points to this instance.
fn announces(packet: &Packet, instance: &Labels) -> Option<Vec<Record>> {
    let said = &packet.records[..packet.answers];
    let points = said.iter().any(|r| r.ttl > 0 && matches!(&r.data, Data::Ptr(to) if to == instance));
    let unasked = said.iter().any(|r| matches!(r.data, Data::Srv { .. }));
    (packet.response && points && unasked).then(|| packet.records.clone())
}

fn says_goodbye(packet: &Packet, instance: &Labels) -> Option<()> {
    let gone = |r: &Record| r.ttl == 0 && matches!(&r.data, Data::Ptr(to) if to == instance);
    packet.records.iter().any(gone).then_some(())
}

fn foreign(instance: &[&str], uuid: &str, port: u16) -> Announcement {
    Announcement {
        types: Vec::new(),
        instance: service(instance),
        target: host("foreign"),
        port,
        txt: vec!["StationName=Foreign".into(), format!("StationUUID={uuid}")],
        addresses: vec![[10, 77, 0, 3].into()],
        ttl: 120,
        flush: true,
    }
}

const FOREIGN: &str = "ffffffff-2222-4333-8444-555555555555";

// proves: DIS-SERVICE, DIS-RECORDS, DIS-TXT, DIS-HOST, DIS-TWO-LABELS, DIS-SUBSERVICE, DIS-JOIN-GROUP, DIS-LOOPBACK-ONLY
#[tokio::test]
async fn announces_two_labels_with_every_record_in_one_message() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = start(udp_port);
    discovery.advertise(&advertisement(1, "Desk 1.5", "Default")).unwrap();
    let (instance, target) = (service(&["Desk 1-5", "Default"]), host(&station(1).to_string()));
    let of = instance.clone();
    let (_, records) = heard(&mut discovery, peer, "announcement", move |p| announces(p, &of)).await;
    let has = |name: &Labels, data: &Data| {
        assert!(
            records.iter().any(|r| r.name == *name && r.data == *data),
            "no {data:?} of {name:?} in {records:?}"
        );
    };
    has(&service(&[]), &Data::Ptr(instance.clone()));
    has(&service(&["Default"]), &Data::Ptr(instance.clone()));
    has(&instance, &Data::Srv { port: 40_001, target: target.clone() });
    has(&target, &Data::A(Ipv4Addr::LOCALHOST));
    let text =
        records.iter().find_map(|r| if let Data::Txt(pairs) = &r.data { Some(pairs) } else { None }).unwrap();
    for pair in
        ["StationName=Desk 1.5".to_owned(), format!("StationUUID={}", station(1)), "mvrx=1".to_owned()]
    {
        assert!(text.contains(&pair), "{pair} in {text:?}");
    }
}

// proves: DIS-TWO-LABELS
#[tokio::test]
async fn names_and_groups_of_63_bytes_are_announced_whole() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = start(udp_port);
    let (name, group) = ("n".repeat(80), "g".repeat(63));
    discovery.advertise(&advertisement(1, &name, &group)).unwrap();
    let instance = service(&[&"n".repeat(63), &group]);
    heard(&mut discovery, peer, "announcement", move |p| announces(p, &instance)).await;
}

// proves: DIS-GROUP-UNREADABLE
#[tokio::test]
async fn a_group_that_others_would_read_as_another_is_announced_under_its_own_type_alone() {
    for group in ["Hall 1.2", "a@b"] {
        let udp_port = common::free_port();
        let peer = Peer::new(udp_port, &[]);
        let mut discovery = start(udp_port);
        discovery.advertise(&advertisement(1, "Desk", group)).unwrap();
        let instance = service(&["Desk", group]);
        let (_, records) =
            heard(&mut discovery, peer, "announcement", move |p| announces(p, &instance)).await;
        let pointers: Vec<_> =
            records.iter().filter(|r| matches!(r.data, Data::Ptr(_))).map(|r| r.name.clone()).collect();
        assert_eq!(pointers, [service(&[group])], "{records:?}");
    }
}

// proves: DIS-GROUP-UNREADABLE
#[tokio::test]
async fn stations_of_ours_find_each_other_in_a_group_with_a_separator_in_it() {
    for group in ["Hall 1.2", "a@b", "..", "Grüppe.ß@舞台"] {
        let udp_port = common::free_port();
        let (mut one, mut other) = (start(udp_port), start(udp_port));
        one.advertise(&advertisement(1, "Desk 1.5", group)).unwrap();
        other.advertise(&advertisement(2, "Hub", group)).unwrap();
        let (mut there, mut here) = (None, None);
        while there.is_none() || here.is_none() {
            tokio::select! {
                event = next(&mut one) => note(event, 2, &mut there),
                event = next(&mut other) => note(event, 1, &mut here),
            }
        }
        assert_eq!((there.as_deref(), here.as_deref()), (Some(group), Some(group)));
        // One that takes part in nothing finds it by the list of types.
        let mut looking = start(udp_port);
        looking.look_for_groups();
        let mut seen = None;
        while seen.is_none() {
            tokio::select! {
                event = next(&mut looking) => note(event, 2, &mut seen),
                _ = next(&mut one) => {}
                _ = next(&mut other) => {}
            }
        }
        assert_eq!(seen.as_deref(), Some(group));
    }
}

fn note(event: DiscoveryEvent, n: u8, group: &mut Option<String>) {
    if let DiscoveryEvent::Sighted(sighting) = event
        && sighting.station == Some(station(n))
    {
        *group = sighting.group;
    }
}

#[tokio::test]
async fn answers_a_question_for_the_group_with_all_that_belongs_to_it() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = start(udp_port);
    discovery.advertise(&advertisement(1, "Desk", "Default")).unwrap();
    let instance = service(&["Desk", "Default"]);
    let of = instance.clone();
    let (peer, _) = heard(&mut discovery, peer, "announcement", move |p| announces(p, &of)).await;
    let question = Packet { questions: vec![(service(&["Default"]), PTR)], ..Packet::default() };
    peer.wire.send(&question.encode());
    // It may go with a repeated announcement; in one message it is in any case.
    let answers = move |p: &Packet| {
        let points = |r: &Record| r.data == Data::Ptr(instance.clone()) && r.name == service(&["Default"]);
        let kinds =
            p.records.iter().filter(|r| matches!(r.data, Data::Srv { .. } | Data::Txt(_) | Data::A(_)));
        (p.response && p.records.iter().any(points) && kinds.count() == 3).then_some(())
    };
    heard(&mut discovery, peer, "answer with SRV, TXT and A", answers).await;
}

// proves: DIS-GOODBYE
#[tokio::test]
async fn the_goodbye_is_out_when_shutdown_is_done_or_the_discovery_dropped() {
    for dropped in [false, true] {
        let udp_port = common::free_port();
        let peer = Peer::new(udp_port, &[]);
        let mut discovery = Box::new(start(udp_port));
        discovery.advertise(&advertisement(1, "Desk", "Default")).unwrap();
        let instance = service(&["Desk", "Default"]);
        let of = instance.clone();
        let (peer, _) = heard(&mut *discovery, peer, "announcement", move |p| announces(p, &of)).await;
        if dropped {
            drop(discovery);
        } else {
            discovery.shutdown().await;
        }
        peer.hear("goodbye", |p| says_goodbye(p, &instance));
    }
}

#[tokio::test]
async fn takes_another_name_beside_a_namesake_of_two_labels() {
    let udp_port = common::free_port();
    // It speaks before we come; a name that is asked for in vain is ours.
    let peer = Peer::new(udp_port, &[foreign(&["Desk", "Default"], FOREIGN, 1)]);
    let mut discovery = start(udp_port);
    discovery.advertise(&advertisement(1, "Desk", "Default")).unwrap();
    let told = problem(&mut discovery).await;
    let expected =
        DiscoveryProblem::InstanceNameTaken { taken: "Desk.Default".into(), now: "Desk (2).Default".into() };
    assert_eq!(told, expected);
    let instance = service(&["Desk (2)", "Default"]);
    heard(&mut discovery, peer, "announcement under another name", move |p| announces(p, &instance)).await;
}

#[tokio::test]
async fn tells_when_another_station_has_its_uuid() {
    let udp_port = common::free_port();
    let own = advertisement(1, "Desk", "Default");
    let _peer = Peer::new(udp_port, &[foreign(&["Other", "Default"], &own.station.to_string(), 1)]);
    let mut discovery = start(udp_port);
    discovery.advertise(&own).unwrap();
    let addresses = vec!["10.77.0.3:1".parse().unwrap()];
    let elsewhere = DiscoveryProblem::OwnUuidElsewhere { instance: "Other.Default".into(), addresses };
    assert_eq!(problem(&mut discovery).await, elsewhere);
}

fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let hex = std::fs::read_to_string(path).unwrap();
    let hex = hex.trim();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// The packet of a second station of the same product: another StationUUID, another address.
fn second(packet: &[u8], uuid: &[u8], other: &[u8], ip: [u8; 4], other_ip: [u8; 4]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let replace = |packet: &mut Vec<u8>, from: &[u8], to: &[u8]| {
        let at = packet.windows(from.len()).position(|w| w == from).expect("it is in the packet");
        packet[at..at + from.len()].copy_from_slice(to);
    };
    replace(&mut packet, uuid, other);
    replace(&mut packet, &ip, &other_ip);
    packet
}

/// Both are said from machines of their own, again and again; what is shown of each in the end.
async fn two_shown(one: Vec<u8>, two: Vec<u8>) -> BTreeMap<SightingKey, Sighting> {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = start(udp_port);
    let (_peer, ()) = heard(&mut discovery, peer, "question", |p| (!p.response).then_some(())).await;
    let wires = [3, 4].map(|n| Wire::at(udp_port, Ipv4Addr::new(127, 0, 0, n)));
    let mut shown = BTreeMap::new();
    // Longer than the second that a cache-flush bit leaves to what was said before.
    for round in 0..4 {
        for (wire, packet) in wires.iter().zip([&one, &two]) {
            wire.send(packet);
        }
        let end = tokio::time::Instant::now() + Duration::from_millis(700);
        while let Ok(Some(event)) = tokio::time::timeout_at(end, discovery.next()).await {
            match event {
                DiscoveryEvent::Sighted(sighting) => drop(shown.insert(sighting.key.clone(), sighting)),
                DiscoveryEvent::Vanished { key } => panic!("{key} vanished in round {round}"),
                DiscoveryEvent::Problem(problem) => panic!("{problem}"),
                _ => {}
            }
        }
    }
    shown
}

fn v4(sighting: &Sighting) -> Vec<String> {
    sighting.addresses.iter().filter(|a| a.is_ipv4()).map(ToString::to_string).collect()
}

// proves: DIS-KEY, DIS-TOGETHER
#[tokio::test]
async fn two_stations_of_one_product_and_one_name_are_found_at_their_own_addresses() {
    let blender = golden("mdns_blenderdmx_announcement.hex");
    let other = second(
        &blender,
        b"4AA291A1-1A62-45FE-AABC-E90E5E2399A8",
        b"5AA291A1-1A62-45FE-AABC-E90E5E2399A8",
        [10, 77, 0, 1],
        [10, 77, 0, 9],
    );
    let vision = golden("mdns_libmvrgdtf_response.hex");
    let other_vision = second(
        &vision,
        b"FECAAD0B-2222-1111-4444-3333AAAA5555",
        b"AECAAD0B-2222-1111-4444-3333AAAA5555",
        [10, 77, 0, 3],
        [10, 77, 0, 4],
    );
    let table = [
        (blender, other, ["10.77.0.1:41899", "10.77.0.9:41899"]),
        (vision, other_vision, ["10.77.0.3:40851", "10.77.0.4:40851"]),
    ];
    for (one, two, expected) in table {
        let shown = two_shown(one, two).await;
        let mut addresses: Vec<_> = shown.values().map(v4).collect();
        addresses.sort();
        assert_eq!(addresses, expected.map(|a| vec![a.to_owned()]), "{shown:#?}");
        assert!(shown.values().all(|s| s.group.as_deref() == Some("Default")));
    }
}

// proves: DIS-TOGETHER
#[tokio::test]
async fn stations_of_mvr_gdtf_and_of_one_label_are_found_at_their_own_addresses_too() {
    let table: [(&str, &[&str], bool); 4] = [
        ("mvr-gdtf", &["Default"], true),
        ("MVR4J", &["JavaStation", "Default"], true),
        ("Perastage", &["Desk", "Default"], true),
        ("Peraviz", &["Desk@Default"], true),
    ];
    for (product, instance, flush) in table {
        let mut one = foreign(instance, FOREIGN, 1);
        one.flush = flush;
        let mut two = foreign(instance, "efffffff-2222-4333-8444-555555555555", 2);
        two.addresses = vec![[10, 77, 0, 4].into()];
        let shown = two_shown(one.packet(), two.packet()).await;
        let mut addresses: Vec<_> = shown.values().map(v4).collect();
        addresses.sort();
        assert_eq!(
            addresses,
            [vec!["10.77.0.3:1".to_owned()], vec!["10.77.0.4:2".to_owned()]],
            "{product}: {shown:#?}"
        );
    }
}

// proves: DIS-FLOOD
#[tokio::test]
async fn a_flood_of_ten_thousand_invented_stations_keeps_a_confirmed_one_and_shows_a_new_one() {
    let udp_port = common::free_port();
    let real = foreign(&["Desk", "Default"], FOREIGN, 1);
    let _peer = Peer::new(udp_port, std::slice::from_ref(&real));
    let limits = Limits { sightings: 64, ..Limits::default() };
    let mut discovery = LanDiscovery::start(MdnsOptions { limits, ..common::options(udp_port) }).unwrap();
    let DiscoveryEvent::Sighted(sighting) = next(&mut discovery).await else { panic!() };
    discovery.confirm(&sighting.key);
    let flood = Wire::at(udp_port, Ipv4Addr::new(127, 0, 0, 66));
    let mut shown = 1_usize;
    let mut take = |event: DiscoveryEvent| match event {
        DiscoveryEvent::Sighted(_) => shown += 1,
        DiscoveryEvent::Vanished { key } => {
            assert_ne!(key, sighting.key, "the real one was given up");
            shown -= 1;
            assert!(shown <= 64);
        }
        _ => {}
    };
    for n in 0..10_000 {
        let uuid = format!("{n:08}-2222-4333-8444-555555555555");
        flood.send(&foreign(&[&format!("Flood {n}"), "Default"], &uuid, 1).packet());
        if n % 20 == 0 {
            while let Ok(Some(event)) = timeout(Duration::from_millis(1), discovery.next()).await {
                take(event);
            }
        }
    }
    let late = foreign(&["Late", "Default"], "00000000-0000-4333-8444-555555555555", 2);
    Wire::at(udp_port, Ipv4Addr::new(127, 0, 0, 7)).send(&late.packet());
    loop {
        match next(&mut discovery).await {
            DiscoveryEvent::Sighted(found) if found.instance.as_deref() == Some("Late.Default") => break,
            event => take(event),
        }
    }
}
