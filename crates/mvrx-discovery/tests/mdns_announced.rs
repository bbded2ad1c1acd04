//! What others hear of a station announced by mDNS, and what it does about others.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::dns::{Data, Labels, PTR, Packet, Record, host, service};
use common::heard;
use common::peer::{Announcement, Peer};
use mvrx_discovery::battery::{advertisement, station};
use mvrx_discovery::{
    Discovery, DiscoveryEvent, DiscoveryProblem, Interface, Interfaces, Limits, MdnsDiscovery, MdnsOptions,
    SightingKey,
};
use tokio::time::timeout;

async fn problem(discovery: &mut MdnsDiscovery) -> DiscoveryProblem {
    loop {
        match timeout(Duration::from_secs(30), discovery.next()).await.expect("an event") {
            Some(DiscoveryEvent::Problem(problem)) => return problem,
            Some(_) => {}
            None => panic!("it has ended"),
        }
    }
}

/// The records of an announcement that points to this instance. Unlike in an answer to a question, SRV is among what is said first.
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

fn foreign(instance: &[&str], station: &str, port: u16) -> Announcement {
    Announcement {
        types: Vec::new(),
        instance: service(instance),
        target: host("foreign"),
        port,
        txt: vec!["StationName=Foreign".into(), format!("StationUUID={station}")],
        addresses: vec![[10, 77, 0, 3].into()],
        ttl: 120,
        flush: true,
    }
}

const FOREIGN: &str = "ffffffff-2222-4333-8444-555555555555";

// proves: DIS-SERVICE, DIS-RECORDS, DIS-TXT, DIS-HOST, DIS-ONE-LABEL, DIS-LOOPBACK-ONLY
#[tokio::test]
async fn announces_every_record_of_one_label_on_loopback() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = common::start(udp_port);
    discovery.advertise(&advertisement(1, "Desk 1", "Default")).unwrap();
    let (instance, target) = (service(&["Desk 1.Default"]), host(&station(1).to_string()));
    let ours = [service(&[]), instance.clone(), target.clone()];
    // What was in another packet within a second is left out of the next one.
    let records = std::sync::Mutex::new(Vec::new());
    let all = move |packet: &Packet| {
        let mut records = records.lock().unwrap();
        let said = packet.records.iter().filter(|r| packet.response && ours.contains(&r.name));
        records.extend(said.filter(|r| !matches!(r.data, Data::Other(_))).cloned());
        let kinds: HashSet<_> = records.iter().map(|r| std::mem::discriminant(&r.data)).collect();
        (kinds.len() == 4).then(|| records.clone())
    };
    let (_, records) = heard(&mut discovery, peer, "PTR, SRV, TXT and A", all).await;
    for record in &records {
        match &record.data {
            Data::Ptr(to) => assert_eq!((&record.name, to), (&service(&[]), &instance)),
            Data::Srv { port, target: to } => {
                assert_eq!((&record.name, *port, to), (&instance, 40_001, &target));
            }
            Data::Txt(pairs) => {
                assert!(pairs.contains(&"StationName=Desk 1".to_owned()), "{pairs:?}");
                assert!(pairs.contains(&format!("StationUUID={}", station(1))), "{pairs:?}");
            }
            Data::A(ip) => assert_eq!((&record.name, ip.is_loopback()), (&target, true)),
            Data::Other(kind) => panic!("a record of type {kind}"),
        }
    }
}

// proves: DIS-SUBSERVICE, DIS-JOIN-GROUP
#[tokio::test]
async fn announces_and_answers_for_the_groups_own_type() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = common::start(udp_port);
    discovery.advertise(&advertisement(1, "Desk", "Default")).unwrap();
    let pointed = move |p: &Packet| {
        let points = |r: &Record| {
            r.name == service(&["Default"]) && r.data == Data::Ptr(service(&["Desk", "Default"]))
        };
        p.records.iter().any(points).then_some(())
    };
    let (peer, ()) = heard(&mut discovery, peer, "group pointer", pointed).await;
    let question = Packet { questions: vec![(service(&["Default"]), PTR)], ..Packet::default() };
    // A record is not sent twice within a second, so it is asked until it is answered.
    let until = std::time::Instant::now() + Duration::from_secs(30);
    let answered = loop {
        assert!(std::time::Instant::now() < until, "no answer");
        peer.wire.send(&question.encode());
        let packet = peer.heard.recv_timeout(Duration::from_millis(300));
        if packet.is_ok_and(|p| pointed(&p).is_some()) {
            break true;
        }
    };
    assert!(answered);
}

// proves: DIS-GOODBYE
#[tokio::test]
async fn the_goodbye_is_out_when_shutdown_is_done() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = Box::new(common::start(udp_port));
    discovery.advertise(&advertisement(1, "Desk", "Default")).unwrap();
    let instance = service(&["Desk.Default"]);
    let of = instance.clone();
    let (peer, _) = heard(&mut *discovery, peer, "announcement", move |p| announces(p, &of)).await;
    discovery.shutdown().await;
    // Nothing is waited for any more but the peer's own thread.
    peer.hear("goodbye", |p| says_goodbye(p, &instance));
}

#[tokio::test]
async fn a_dropped_discovery_says_goodbye_too() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = common::start(udp_port);
    discovery.advertise(&advertisement(1, "Desk", "Default")).unwrap();
    let instance = service(&["Desk.Default"]);
    let of = instance.clone();
    let (peer, _) = heard(&mut discovery, peer, "announcement", move |p| announces(p, &of)).await;
    drop(discovery);
    peer.hear("goodbye", |p| says_goodbye(p, &instance));
}

#[tokio::test]
async fn a_group_of_19_bytes_has_a_type_of_its_own_and_a_longer_one_is_reported() {
    for (length, own_type) in [(19, true), (20, false)] {
        let group = "g".repeat(length);
        let udp_port = common::free_port();
        let peer = Peer::new(udp_port, &[]);
        let mut discovery = common::start(udp_port);
        discovery.advertise(&advertisement(1, "Desk", &group)).unwrap();
        if own_type {
            let instance = service(&["Desk", &group]);
            heard(&mut discovery, peer, "announcement of the group", move |p| announces(p, &instance)).await;
        } else {
            let too_long = DiscoveryProblem::GroupTypeNotAnnounced { bytes: 20, max: 19 };
            assert_eq!(problem(&mut discovery).await, too_long);
            let instance = service(&[&format!("Desk.{group}")]);
            heard(&mut discovery, peer, "announcement", move |p| announces(p, &instance)).await;
        }
    }
}

// proves: DIS-NAMESAKE
#[tokio::test]
async fn gives_way_to_a_namesake() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[foreign(&["Desk", "Default"], FOREIGN, 1)]);
    let mut discovery = common::start(udp_port);
    let own = advertisement(1, "Desk", "Default");
    discovery.advertise(&own).unwrap();
    let told = problem(&mut discovery).await;
    let DiscoveryProblem::InstanceNameTaken { taken, now } = told else { panic!("{told:?}") };
    assert_eq!(
        (taken.as_str(), now.starts_with("Desk-"), now.ends_with(".Default")),
        ("Desk.Default", true, true)
    );
    let instance = service(&[&now]);
    heard(&mut discovery, peer, "announcement under another name", move |p| announces(p, &instance)).await;
}

#[tokio::test]
async fn tells_when_another_station_has_its_uuid() {
    let udp_port = common::free_port();
    let own = advertisement(1, "Desk", "Default");
    let clone = foreign(&["Other", "Default"], &own.station.to_string(), 1);
    let _peer = Peer::new(udp_port, &[clone]);
    let mut discovery = common::start(udp_port);
    discovery.advertise(&own).unwrap();
    let addresses = vec!["10.77.0.3:1".parse().unwrap()];
    let elsewhere = DiscoveryProblem::OwnUuidElsewhere { instance: "Other.Default".into(), addresses };
    assert_eq!(problem(&mut discovery).await, elsewhere);
}

#[tokio::test]
async fn works_on_chosen_interfaces() {
    let udp_port = common::free_port();
    let _peer = Peer::new(udp_port, &[foreign(&["Other", "Default"], FOREIGN, 1)]);
    let chosen = Interfaces::Only(vec![Interface::Address([127, 0, 0, 1].into())]);
    let options = MdnsOptions { interfaces: chosen, ..common::options(udp_port) };
    let mut discovery = MdnsDiscovery::start(options).unwrap();
    let event = timeout(Duration::from_secs(30), discovery.next()).await.expect("an event");
    assert!(matches!(event, Some(DiscoveryEvent::Sighted(_))), "{event:?}");
}

#[tokio::test]
async fn tells_announcements_that_nobody_can_use() {
    use mvrx_discovery::UnusableReason::NoPort;
    let udp_port = common::free_port();
    let _peer = Peer::new(udp_port, &[foreign(&["Other", "Default"], FOREIGN, 0)]);
    let mut discovery = common::start(udp_port);
    let unusable =
        DiscoveryProblem::AnnouncementUnusable { instance: "Other.Default".into(), reason: NoPort };
    assert_eq!(problem(&mut discovery).await, unusable);
}

// proves: DIS-FLOOD
#[tokio::test]
async fn a_flood_of_invented_stations_keeps_a_confirmed_one() {
    let udp_port = common::free_port();
    let real = foreign(&["Desk", "Default"], FOREIGN, 1);
    let peer = Peer::new(udp_port, std::slice::from_ref(&real));
    let limits = Limits { sightings: 4, ..Limits::default() };
    let options = MdnsOptions { limits, ..common::options(udp_port) };
    let mut discovery = MdnsDiscovery::start(options).unwrap();
    let Some(DiscoveryEvent::Sighted(sighting)) = discovery.next().await else { panic!() };
    discovery.confirm(&sighting.key);
    for n in 0..50 {
        let uuid = format!("{n:08}-2222-4333-8444-555555555555");
        peer.wire.send(&foreign(&[&format!("Flood {n}"), "Default"], &uuid, 1).packet());
    }
    let last: SightingKey = SightingKey::Station("00000049-2222-4333-8444-555555555555".parse().unwrap());
    let (mut shown, mut told) = (1, 0);
    loop {
        match timeout(Duration::from_secs(30), discovery.next()).await.expect("an event").unwrap() {
            DiscoveryEvent::Sighted(s) if s.key == last => break,
            DiscoveryEvent::Sighted(_) => shown += 1,
            DiscoveryEvent::Vanished { key } => {
                assert_ne!(key, sighting.key);
                shown -= 1;
            }
            DiscoveryEvent::Problem(problem) => {
                assert_eq!(problem, DiscoveryProblem::TooManySightings { limit: 4 });
                told += 1;
            }
            other => panic!("{other:?}"),
        }
        assert!(shown <= 4, "more than the limit");
    }
    assert_eq!(told, 1, "told once");
}
