use std::net::SocketAddr;

use mvrx_message::{GroupName, StationUuid};

use super::*;
use crate::{DiscoveryProblem, FixedDiscovery, MemoryBus, MemoryDiscovery};

fn advertisement(station: u8) -> Advertisement {
    let station = StationUuid::from_random_bytes([station; 16]);
    Advertisement::new(GroupName::create("Default").unwrap(), station, "Desk", 42424)
}

fn key(station: u8) -> SightingKey {
    SightingKey::Station(StationUuid::from_random_bytes([station; 16]))
}

/// The next event if there is one without waiting.
fn poll(discovery: &mut Merged) -> Option<DiscoveryEvent> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match discovery.next().as_mut().poll(&mut cx) {
        Poll::Ready(event) => Some(event.expect("it has not ended")),
        Poll::Pending => None,
    }
}

fn addresses(event: Option<DiscoveryEvent>) -> Vec<String> {
    match event {
        Some(DiscoveryEvent::Sighted(sighting)) => {
            sighting.addresses.iter().map(ToString::to_string).collect()
        }
        other => panic!("no sighting but {other:?}"),
    }
}

/// Two buses as two networks, one station on both.
struct Both {
    buses: [MemoryBus; 2],
    desk: [MemoryDiscovery; 2],
    merged: Merged,
}

fn both() -> Both {
    let buses = [MemoryBus::new(), MemoryBus::new()];
    let [one, two] = &buses;
    let desk = [one.attach([10, 0, 0, 1].into()), two.attach([10, 1, 0, 1].into())];
    let here: [Box<dyn Discovery>; 2] =
        [Box::new(one.attach([10, 0, 0, 2].into())), Box::new(two.attach([10, 1, 0, 2].into()))];
    Both { merged: Merged::new(here), desk, buses }
}

#[test]
fn a_station_on_two_networks_is_one_sighting_with_the_addresses_of_both() {
    let Both { mut merged, mut desk, buses } = both();
    desk[1].advertise(&advertisement(1)).unwrap();
    assert_eq!(addresses(poll(&mut merged)), ["10.1.0.1:42424"]);
    desk[0].advertise(&advertisement(1)).unwrap();
    assert_eq!(addresses(poll(&mut merged)), ["10.0.0.1:42424", "10.1.0.1:42424"]);
    buses[0].repeat();
    assert_eq!(poll(&mut merged), None, "nothing new");
}

#[test]
fn a_station_vanishes_when_no_network_shows_it_any_more() {
    let Both { mut merged, mut desk, buses: _buses } = both();
    desk.iter_mut().for_each(|d| d.advertise(&advertisement(1)).unwrap());
    let _ = (poll(&mut merged), poll(&mut merged));
    desk[0].withdraw();
    assert_eq!(addresses(poll(&mut merged)), ["10.1.0.1:42424"]);
    desk[1].withdraw();
    assert_eq!(poll(&mut merged), Some(DiscoveryEvent::Vanished { key: key(1) }));
}

#[test]
fn a_fixed_list_stands_beside_what_is_seen() {
    let bus = MemoryBus::new();
    let mut desk = bus.attach([10, 0, 0, 1].into());
    desk.advertise(&advertisement(1)).unwrap();
    let fixed: SocketAddr = "192.0.2.1:42424".parse().unwrap();
    let parts: [Box<dyn Discovery>; 2] =
        [Box::new(bus.attach([10, 0, 0, 2].into())), Box::new(FixedDiscovery::new([fixed]))];
    let mut merged = Merged::new(parts);
    let seen = [addresses(poll(&mut merged)), addresses(poll(&mut merged))];
    assert_eq!(seen, [["10.0.0.1:42424"], ["192.0.2.1:42424"]]);
}

#[test]
fn a_busy_part_does_not_silence_the_others() {
    let Both { mut merged, mut desk, buses } = both();
    desk[1].advertise(&advertisement(1)).unwrap();
    for count in 0..10 {
        buses[0].inject(&DiscoveryEvent::Problem(DiscoveryProblem::EventsLost { count }));
    }
    let told = [poll(&mut merged), poll(&mut merged)];
    assert!(told.iter().any(|event| matches!(event, Some(DiscoveryEvent::Sighted(_)))), "{told:?}");
}

#[test]
fn passes_sightings_beyond_the_limit_on_unmerged() {
    let bus = MemoryBus::new();
    let part: Box<dyn Discovery> = Box::new(bus.attach([10, 0, 0, 9].into()));
    let mut merged = Merged::with_limits([part], Limits { sightings: 1, ..Limits::default() });
    let mut desks: Vec<_> = (1..=2).map(|n| bus.attach([10, 0, 0, n].into())).collect();
    for (n, desk) in (1..).zip(&mut desks) {
        desk.advertise(&advertisement(n)).unwrap();
        assert!(matches!(poll(&mut merged), Some(DiscoveryEvent::Sighted(s)) if s.key == key(n)));
    }
    drop(desks);
    for n in 1..=2 {
        assert_eq!(poll(&mut merged), Some(DiscoveryEvent::Vanished { key: key(n) }));
    }
}

#[test]
fn ends_when_there_is_no_part_left() {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(Merged::new([]).next().as_mut().poll(&mut cx), Poll::Ready(None));
}

#[test]
fn advertises_in_every_part_also_when_one_cannot() {
    let Both { mut merged, mut desk, buses: _buses } = both();
    let mut wrong = advertisement(2);
    wrong.port = 0;
    assert_eq!(merged.advertise(&wrong), Err(DiscoveryError::PortIsZero));
    merged.advertise(&advertisement(2)).unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    for desk in &mut desk {
        assert!(desk.next().as_mut().poll(&mut cx).is_ready(), "seen in each network");
    }
}
