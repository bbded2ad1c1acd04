//! What mDNS makes of the announcements of every known product: golden packets, and each product's form.
//! A test binary that has this module names the discovery as `Tested` and starts it with `start`.

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_discovery::{Discovery, DiscoveryEvent, Sighting, SightingKey};
use tokio::time::timeout;

use crate::common::dns::{PTR, Packet, host, service};
use crate::common::heard;
use crate::common::peer::{Announcement, Peer};
use crate::{Tested, common, start};

fn announcement(instance: &[&str], target: &str, uuid: &str) -> Announcement {
    Announcement {
        types: Vec::new(),
        instance: service(instance),
        target: host(target),
        port: 42424,
        txt: vec!["StationName=Desk".into(), format!("StationUUID={uuid}")],
        addresses: vec![[10, 77, 0, 3].into()],
        ttl: 120,
        flush: true,
    }
}

const UUID: &str = "11111111-2222-4333-8444-555555555555";
const OTHER_UUID: &str = "21111111-2222-4333-8444-555555555555";

async fn event(discovery: &mut Tested) -> DiscoveryEvent {
    timeout(Duration::from_secs(30), discovery.next()).await.expect("an event").expect("no end")
}

async fn sighting(discovery: &mut Tested) -> Sighting {
    match event(discovery).await {
        DiscoveryEvent::Sighted(sighting) => sighting,
        other => panic!("no sighting but {other:?}"),
    }
}

fn key(uuid: &str) -> SightingKey {
    SightingKey::Station(uuid.parse().unwrap())
}

fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    let hex = std::fs::read_to_string(path).unwrap();
    let hex = hex.trim();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// What a discovery makes of one packet.
async fn seen(packet: &[u8]) -> Sighting {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = start(udp_port);
    let question = |packet: &Packet| (!packet.response).then_some(());
    // It has asked, so it listens.
    let (peer, ()) = heard(&mut discovery, peer, "question", question).await;
    peer.wire.send(packet);
    sighting(&mut discovery).await
}

fn shown(sighting: &Sighting) -> (Option<&str>, Option<&str>, Vec<String>) {
    let addresses = sighting.addresses.iter().map(SocketAddr::to_string).collect();
    (sighting.group.as_deref(), sighting.station_name.as_deref(), addresses)
}

#[tokio::test]
async fn reads_the_packets_of_blenderdmx() {
    for packet in ["mdns_blenderdmx_announcement.hex", "mdns_blenderdmx_response_to_query.hex"] {
        let sighting = seen(&golden(packet)).await;
        let expected = (Some("Default"), Some("BlenderDMX_station_hostA"), vec!["10.77.0.1:41899".into()]);
        assert_eq!(shown(&sighting), expected, "{packet}");
        assert_eq!(sighting.key, key("4AA291A1-1A62-45FE-AABC-E90E5E2399A8"));
        assert_eq!(sighting.ours, None);
    }
}

#[tokio::test]
async fn reads_the_packet_of_libmvrgdtf_with_the_scope_of_its_ipv6_address() {
    let sighting = seen(&golden("mdns_libmvrgdtf_response.hex")).await;
    let (group, name, addresses) = shown(&sighting);
    assert_eq!((group, name), (Some("Default"), Some("VwStation")));
    assert_eq!(sighting.key, key("FECAAD0B-2222-1111-4444-3333AAAA5555"));
    assert_eq!(addresses.len(), 2);
    assert!(addresses.contains(&"10.77.0.3:40851".to_owned()), "{addresses:?}");
    assert!(addresses.iter().any(|a| a.starts_with("[fe80::188a:14ff:fe30:b18%")), "{addresses:?}");
}

// proves: DIS-SHAPES
#[tokio::test]
async fn reads_the_form_of_every_product() {
    let table: [(&str, &[&str], &str); 5] = [
        ("MVR4J", &["JavaStation", "Default"], "10-77-0-2"),
        ("Perastage", &["Desk", "Default"], "d7f0c1"),
        ("mdns-sd", &["Desk.Default"], "desk"),
        ("Peraviz", &["Desk@Default"], "Peraviz-01234567"),
        ("libMVRgdtf, BlenderDMX", &["Default"], "Default"),
    ];
    for (product, instance, target) in table {
        let sighting = seen(&announcement(instance, target, UUID).packet()).await;
        assert_eq!(
            shown(&sighting),
            (Some("Default"), Some("Desk"), vec!["10.77.0.3:42424".into()]),
            "{product}"
        );
        assert_eq!(sighting.key, key(UUID), "{product}");
    }
}

#[tokio::test]
async fn reads_the_txt_record_of_mvr_gdtf() {
    let mut stub = announcement(&["Default"], "desk", UUID);
    stub.txt = ["Provider=x", "VersionMajor=1", "VersionMinor=6"].map(str::to_owned).to_vec();
    stub.txt.push(format!("StationUUID={UUID}"));
    let sighting = seen(&stub.packet()).await;
    assert_eq!(
        (sighting.key.clone(), shown(&sighting).0, shown(&sighting).1),
        (key(UUID), Some("Default"), None)
    );
}

#[tokio::test]
async fn a_station_without_a_uuid_is_known_by_its_place() {
    let mut nameless = announcement(&["Desk", "Default"], "desk", UUID);
    nameless.txt.clear();
    let sighting = seen(&nameless.packet()).await;
    let place =
        SightingKey::Place { instance: "desk.default".into(), host: "desk.local.".into(), port: 42424 };
    assert_eq!((sighting.key.clone(), sighting.station), (place, None));
    assert_eq!(shown(&sighting).1, Some("Desk"), "its name stands in the instance");
}

// proves: DIS-SUBSERVICE
#[tokio::test]
async fn finds_a_station_that_registers_its_group_alone() {
    let mut literal = announcement(&["Pult", "Default"], "pult", UUID);
    literal.types = vec![service(&["Default"])];
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = start(udp_port);
    discovery.advertise(&mvrx_discovery::battery::advertisement(1, "Hub", "Default")).unwrap();
    let asks_for_group =
        |packet: &Packet| packet.questions.contains(&(service(&["Default"]), PTR)).then_some(());
    // The first question goes out while somebody waits for events.
    let heard = tokio::task::spawn_blocking(move || {
        peer.hear("question for the group", asks_for_group);
        peer.wire.send(&literal.packet());
        peer
    });
    let sighting = sighting(&mut discovery).await;
    assert_eq!((sighting.key.clone(), shown(&sighting).0), (key(UUID), Some("Default")));
    heard.await.unwrap();
}

#[tokio::test]
async fn a_station_name_registered_beside_its_group_is_not_taken_for_a_group() {
    // One product registers `Name` under the base type and `Name` under its group's.
    let udp_port = common::free_port();
    let mut base = announcement(&["Desk"], "pult", UUID);
    base.txt[0] = "StationName=Desk".into();
    let mut group = announcement(&["Desk", "Default"], "pult", UUID);
    group.types = vec![service(&[]), service(&["Default"])];
    let peer = Peer::new(udp_port, &[group, base]);
    let mut discovery = start(udp_port);
    let mut last = sighting(&mut discovery).await;
    while last.group.as_deref() != Some("Default") {
        last = sighting(&mut discovery).await;
    }
    let asked_again = |packet: &Packet| (!packet.response).then_some(());
    let mut peer = peer;
    for _ in 0..3 {
        (peer, ()) = heard(&mut discovery, peer, "question", asked_again).await;
    }
    if let Ok(Some(DiscoveryEvent::Sighted(more))) =
        timeout(Duration::from_millis(10), discovery.next()).await
    {
        assert_eq!(more.group.as_deref(), Some("Default"));
    }
}

// proves: DIS-KEY
#[tokio::test]
async fn two_stations_of_one_name_are_two_sightings() {
    // libMVRgdtf: instance, host name and all are the group's.
    let mut one = announcement(&["Default"], "Default", UUID);
    let mut two = announcement(&["Default"], "Default", OTHER_UUID);
    (one.flush, two.flush) = (false, false);
    two.port = 42425;
    two.addresses = vec![[10, 77, 0, 4].into()];
    let udp_port = common::free_port();
    let _peer = Peer::new(udp_port, &[one, two]);
    let mut discovery = start(udp_port);
    let mut last = std::collections::HashMap::new();
    while last.len() < 2 {
        let sighting = sighting(&mut discovery).await;
        last.insert(sighting.key.clone(), sighting);
    }
    let (one, two) = (&last[&key(UUID)], &last[&key(OTHER_UUID)]);
    assert!(shown(one).2.contains(&"10.77.0.3:42424".to_owned()), "{one:?}");
    assert!(shown(two).2.contains(&"10.77.0.4:42425".to_owned()), "{two:?}");
}

// proves: DIS-SHARED-REMOVAL
#[tokio::test]
async fn the_goodbye_of_one_station_does_not_end_the_others_of_its_name() {
    let (one, mut two) = (announcement(&["Default"], "a", UUID), announcement(&["Default"], "b", OTHER_UUID));
    two.addresses = vec![[10, 77, 0, 4].into()];
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[one.clone(), two.clone()]);
    let mut discovery = start(udp_port);
    let mut seen = std::collections::HashSet::new();
    while seen.len() < 2 {
        seen.insert(sighting(&mut discovery).await.key);
    }
    peer.answer(&[two]);
    peer.wire.send(&one.goodbye());
    loop {
        if let DiscoveryEvent::Vanished { key: gone } = event(&mut discovery).await {
            assert_eq!(gone, key(UUID), "who still answers stays");
            break;
        }
    }
}

// proves: DIS-VERIFY
#[tokio::test]
async fn a_suspected_station_that_does_not_answer_vanishes() {
    for instance in [&["Desk", "Default"][..], &["Default"]] {
        let udp_port = common::free_port();
        let peer = Peer::new(udp_port, &[announcement(instance, "desk", UUID)]);
        let mut discovery = start(udp_port);
        let sighting = sighting(&mut discovery).await;
        peer.answer(&[]);
        discovery.suspect(&sighting.key);
        discovery.suspect(&sighting.key);
        let gone = event(&mut discovery).await;
        assert_eq!(gone, DiscoveryEvent::Vanished { key: sighting.key }, "{instance:?}");
    }
}

// proves: DIS-REQUERY
#[tokio::test]
async fn finds_a_station_that_says_nothing_until_it_is_asked_again() {
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, &[]);
    let mut discovery = start(udp_port);
    let question = |packet: &Packet| (!packet.response && packet.questions.len() == 1).then_some(());
    let answering = tokio::task::spawn_blocking(move || {
        (0..5).for_each(|_| peer.hear("question", question));
        peer.answer(&[announcement(&["Default"], "Default", UUID)]);
        peer
    });
    assert_eq!(sighting(&mut discovery).await.key, key(UUID));
    answering.await.unwrap();
}

#[tokio::test]
async fn a_station_that_comes_back_on_another_port_is_shown_there() {
    let mut desk = announcement(&["Desk", "Default"], "desk", UUID);
    let udp_port = common::free_port();
    let peer = Peer::new(udp_port, std::slice::from_ref(&desk));
    let mut discovery = start(udp_port);
    sighting(&mut discovery).await;
    desk.port = 42425;
    peer.answer(std::slice::from_ref(&desk));
    peer.wire.send(&desk.packet());
    assert_eq!(shown(&sighting(&mut discovery).await).2, ["10.77.0.3:42425"]);
}
