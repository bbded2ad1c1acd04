//! Who is seen that an ordinary look does not show: stations of a group's own type alone, names of odd forms, many in one datagram; and what
//! is said when nobody can be heard.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use common::dns::{Data, Labels, PTR, Packet, Record, host, service};
use common::peer::{Announcement, Wire};
use common::start_lan as start;
use mvrx_discovery::battery::{advertisement, station};
use mvrx_discovery::{Discovery, DiscoveryEvent, DiscoveryProblem, LanDiscovery, Sighting, UnusableReason};
use mvrx_message::GroupName;
use tokio::time::timeout;

async fn next(discovery: &mut LanDiscovery) -> DiscoveryEvent {
    timeout(Duration::from_secs(60), discovery.next()).await.expect("an event").expect("no end")
}

async fn sighted(discovery: &mut LanDiscovery, wanted: impl Fn(&Sighting) -> bool) -> Sighting {
    loop {
        if let DiscoveryEvent::Sighted(sighting) = next(discovery).await
            && wanted(&sighting)
        {
            return sighting;
        }
    }
}

fn of(n: u8, types: &[Labels], instance: &[&str]) -> Announcement {
    Announcement {
        types: types.to_vec(),
        instance: service(instance),
        target: host(&format!("h{n}")),
        port: u16::from(n),
        txt: vec![format!("StationName=Desk {n}"), format!("StationUUID={}", station(n))],
        addresses: vec![Ipv4Addr::new(10, 77, 0, n)],
        ttl: 120,
        flush: true,
    }
}

/// Says this again and again until the test ends: a datagram may come before anybody listens.
fn repeat(wire: Wire, packets: Vec<Vec<u8>>) {
    std::thread::spawn(move || {
        for _ in 0..600 {
            packets.iter().for_each(|packet| wire.send(packet));
            std::thread::sleep(Duration::from_millis(100));
        }
    });
}

/// Answers whoever asks for this name, and nothing else.
fn answer(wire: Wire, name: Labels, packet: Vec<u8>) {
    std::thread::spawn(move || {
        loop {
            let Some(heard) = wire.receive() else { continue };
            let asked = heard.questions.iter().any(|(of, kind)| *kind == PTR && *of == name);
            if !heard.response && asked {
                wire.send(&packet);
            }
        }
    });
}

// proves: DIS-GROUP-TYPES
#[tokio::test]
async fn a_station_of_its_groups_own_type_alone_is_seen_when_it_speaks() {
    let udp_port = common::free_port();
    let mut discovery = start(udp_port);
    repeat(Wire::new(udp_port), vec![of(3, &[service(&["Tour"])], &["Desk", "Tour"]).packet()]);
    let seen = sighted(&mut discovery, |s| s.station == Some(station(3))).await;
    assert_eq!(
        (seen.group.as_deref(), seen.addresses[0].to_string().as_str()),
        (Some("Tour"), "10.77.0.3:3")
    );
}

// proves: DIS-GROUP-TYPES
#[tokio::test]
async fn a_silent_station_of_its_groups_own_type_alone_is_asked_for_where_its_group_is_looked_in() {
    let udp_port = common::free_port();
    let group = service(&["Tour"]);
    answer(Wire::new(udp_port), group.clone(), of(3, &[group], &["Desk", "Tour"]).packet());
    let mut discovery = start(udp_port);
    discovery.look_in(&GroupName::join("Tour").unwrap());
    sighted(&mut discovery, |s| s.station == Some(station(3)) && s.group.as_deref() == Some("Tour")).await;
}

// proves: DIS-GROUP-TYPES
#[tokio::test]
async fn a_silent_station_of_a_group_that_nobody_named_is_found_by_the_list_of_types() {
    let udp_port = common::free_port();
    let (group, list) =
        (service(&["Tour"]), ["_services", "_dns-sd", "_udp", "local"].map(str::to_owned).to_vec());
    answer(
        Wire::new(udp_port),
        group.clone(),
        of(3, std::slice::from_ref(&group), &["Desk", "Tour"]).packet(),
    );
    let types = Record { name: list.clone(), class: 1, ttl: 4500, data: Data::Ptr(group) };
    let types = Packet { response: true, records: vec![types], ..Packet::default() };
    answer(Wire::new(udp_port), list, types.encode());
    let mut discovery = start(udp_port);
    discovery.look_for_groups();
    sighted(&mut discovery, |s| s.station == Some(station(3)) && s.group.as_deref() == Some("Tour")).await;
}

// proves: DIS-GROUP, DIS-GROUP-UNREADABLE
#[tokio::test]
async fn groups_with_a_separator_in_them_are_whole_in_a_label_of_their_own_and_their_last_part_in_one() {
    let udp_port = common::free_port();
    let shapes: [(&[&str], &str); 7] = [
        (&["my.group"], "group"),
        (&["Desk", "my.group"], "my.group"),
        (&["Desk 3.my.group"], "group"),
        (&["Desk 4\\.my\\.group"], "group"),
        (&["Desk 5@my.group"], "group"),
        (&["Desk 6", "a@b"], "a@b"),
        (&["a@b"], "b"),
    ];
    let mut discovery = start(udp_port);
    let packets = (1..).zip(shapes).map(|(n, (labels, _))| of(n, &[], labels).packet()).collect();
    repeat(Wire::new(udp_port), packets);
    for (n, (labels, group)) in (1..).zip(shapes) {
        // One after the other, each told anew until it was taken.
        let mut one = start(udp_port);
        let seen = sighted(&mut one, |s| s.station == Some(station(n))).await;
        assert_eq!(seen.group.as_deref(), Some(group), "{labels:?}");
    }
    sighted(&mut discovery, |s| s.group.as_deref() == Some("b")).await;
}

// proves: DIS-TOGETHER
#[tokio::test]
async fn stations_of_one_instance_name_in_one_datagram_are_all_seen_at_their_own_addresses() {
    let udp_port = common::free_port();
    let mut discovery = start(udp_port);
    let all: Vec<Vec<u8>> = (3..7).map(|n| of(n, &[], &["Default"]).packet()).collect();
    repeat(Wire::new(udp_port), vec![common::dns::joined(&all)]);
    let mut seen = BTreeSet::new();
    while seen.len() < 4 {
        let one = sighted(&mut discovery, |_| true).await;
        let ports: Vec<String> = one.addresses.iter().map(ToString::to_string).collect();
        let n = one.addresses[0].port();
        assert_eq!(one.station, Some(station(u8::try_from(n).unwrap())));
        assert_eq!(ports, [format!("10.77.0.{n}:{n}")]);
        seen.insert(n);
    }
}

// proves: DIS-GROUP
#[tokio::test]
async fn a_group_that_changes_its_case_alone_is_seen_as_changed() {
    let udp_port = common::free_port();
    let mut discovery = start(udp_port);
    let wire = Wire::new(udp_port);
    for group in ["TOUR", "Tour", "tour"] {
        // A datagram is kept for who listens at its port already.
        wire.send(&of(3, &[], &["Desk", group]).packet());
        let seen = sighted(&mut discovery, |s| s.station == Some(station(3))).await;
        assert_eq!((seen.group.as_deref(), seen.also_in.len()), (Some(group), 0));
    }
}

// proves: DIS-NO-ADDRESS
#[tokio::test]
async fn a_station_that_announces_no_address_is_told_as_a_problem() {
    let udp_port = common::free_port();
    let mut discovery = start(udp_port);
    let mut nowhere = of(3, &[], &["Desk", "Tour"]);
    nowhere.addresses.clear();
    repeat(Wire::new(udp_port), vec![nowhere.packet()]);
    match next(&mut discovery).await {
        DiscoveryEvent::Problem(DiscoveryProblem::AnnouncementUnusable { instance, reason }) => {
            assert_eq!((instance.as_str(), reason), ("Desk.Tour", UnusableReason::NoAddress));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_of_blanks_is_none() {
    let udp_port = common::free_port();
    let mut discovery = start(udp_port);
    let mut nameless = of(3, &[], &["Desk", "Tour"]);
    nameless.txt[0] = "StationName= ".to_owned();
    repeat(Wire::new(udp_port), vec![nameless.packet()]);
    let seen = sighted(&mut discovery, |s| s.station == Some(station(3))).await;
    assert_eq!(seen.station_name.as_deref(), Some("Desk"), "the name has one");
}

// proves: DIS-PORT-TAKEN
#[tokio::test]
async fn a_port_that_another_program_has_for_itself_is_told_and_taken_once_it_is_free() {
    let holder = UdpSocket::bind("0.0.0.0:0").unwrap();
    let udp_port = holder.local_addr().unwrap().port();
    let mut deaf = start(udp_port);
    let DiscoveryEvent::Problem(problem) = next(&mut deaf).await else { panic!() };
    let DiscoveryProblem::PortTaken { port, family, .. } = &problem else { panic!("{problem}") };
    assert_eq!((*port, *family), (udp_port, "IPv4"));
    assert!(problem.to_string().contains("does not share it"), "{problem}");
    drop(holder);
    deaf.advertise(&advertisement(1, "Desk", "Default")).unwrap();
    let mut other = start(udp_port);
    other.advertise(&advertisement(2, "Hub", "Default")).unwrap();
    let work = async { while other.next().await.is_some() {} };
    tokio::select! {
        seen = sighted(&mut deaf, |s| s.station == Some(station(2))) => assert_eq!(seen.addresses[0].port(), 40_002),
        () = work => panic!("it has not ended"),
    }
}
