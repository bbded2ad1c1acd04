use std::task::{Context, Poll, Waker};

use mvrx_message::GroupName;

use super::*;

fn station(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

fn advertisement(n: u8) -> Advertisement {
    Advertisement::new(GroupName::create("Default").unwrap(), station(n), format!("Desk {n}"), 42424)
}

/// The next event if there is one without waiting.
fn poll(discovery: &mut MemoryDiscovery) -> Option<DiscoveryEvent> {
    match discovery.next().as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(event) => Some(event.expect("a bus does not end")),
        Poll::Pending => None,
    }
}

fn sighted(discovery: &mut MemoryDiscovery) -> Sighting {
    match poll(discovery) {
        Some(DiscoveryEvent::Sighted(sighting)) => sighting,
        other => panic!("no sighting but {other:?}"),
    }
}

fn two() -> (MemoryBus, MemoryDiscovery, MemoryDiscovery) {
    let bus = MemoryBus::new();
    let (one, two) = (bus.attach([10, 0, 0, 1].into()), bus.attach([10, 0, 0, 2].into()));
    (bus, one, two)
}

#[test]
fn a_late_member_sees_what_is_advertised_in_its_order() {
    let (bus, mut one, mut two) = two();
    two.advertise(&advertisement(2)).unwrap();
    one.advertise(&advertisement(1)).unwrap();
    let mut late = bus.attach([10, 0, 0, 3].into());
    assert_eq!(
        [sighted(&mut late).station, sighted(&mut late).station],
        [Some(station(2)), Some(station(1))]
    );
    assert_eq!(poll(&mut late), None);
}

#[test]
fn held_events_arrive_late_but_in_order() {
    let (bus, mut one, mut two) = two();
    bus.hold();
    one.advertise(&advertisement(1)).unwrap();
    one.withdraw();
    assert_eq!(poll(&mut two), None);
    bus.release();
    assert_eq!(sighted(&mut two).station, Some(station(1)));
    assert!(matches!(poll(&mut two), Some(DiscoveryEvent::Vanished { .. })));
}

#[test]
fn repeats_and_injected_events_arrive_as_they_are() {
    let (bus, mut one, mut two) = two();
    one.advertise(&advertisement(1)).unwrap();
    let first = sighted(&mut two);
    bus.repeat();
    assert_eq!(sighted(&mut two), first);
    let stale = DiscoveryEvent::Vanished { key: SightingKey::Station(station(9)) };
    bus.inject(&stale);
    assert_eq!(poll(&mut two), Some(stale));
}

#[test]
fn a_crashed_station_stays_until_it_is_suspected() {
    let (bus, mut one, mut two) = two();
    one.advertise(&advertisement(1)).unwrap();
    let key = sighted(&mut two).key;
    two.suspect(&key);
    assert_eq!(poll(&mut two), None, "it is still there");
    assert!(bus.crash(station(1)));
    assert_eq!(poll(&mut two), None, "no goodbye");
    two.suspect(&key);
    assert_eq!(poll(&mut two), Some(DiscoveryEvent::Vanished { key }));
    assert!(!bus.crash(station(1)));
}

#[test]
fn of_two_members_with_one_uuid_the_other_stays() {
    let (bus, mut one, mut two) = two();
    let mut third = bus.attach([10, 0, 0, 3].into());
    one.advertise(&advertisement(1)).unwrap();
    two.advertise(&advertisement(1)).unwrap();
    let _ = (sighted(&mut third), sighted(&mut third));
    two.withdraw();
    assert_eq!(sighted(&mut third).addresses, [SocketAddr::from(([10, 0, 0, 1], 42424))]);
}

#[test]
fn a_member_that_becomes_another_station_takes_the_first_back() {
    let (_bus, mut one, mut two) = two();
    one.advertise(&advertisement(1)).unwrap();
    one.advertise(&advertisement(2)).unwrap();
    assert_eq!(sighted(&mut two).station, Some(station(1)));
    assert_eq!(poll(&mut two), Some(DiscoveryEvent::Vanished { key: SightingKey::Station(station(1)) }));
    assert_eq!(sighted(&mut two).station, Some(station(2)));
}

#[test]
fn keeps_no_more_events_and_sightings_than_the_limits_allow() {
    let bus = MemoryBus::with_limits(Limits { sightings: 2, queued_events: 3, ..Limits::default() });
    let mut watcher = bus.attach([10, 0, 0, 9].into());
    let mut desks: Vec<_> = (1..=3).map(|n| bus.attach([10, 0, 0, n].into())).collect();
    for (n, desk) in (1..).zip(&mut desks) {
        desk.advertise(&advertisement(n)).unwrap();
    }
    bus.repeat();
    let told: Vec<_> = std::iter::from_fn(|| poll(&mut watcher)).collect();
    let limit = DiscoveryEvent::Problem(DiscoveryProblem::TooManySightings { limit: 2 });
    assert_eq!(told[2], limit);
    assert_eq!(told[3], DiscoveryEvent::Problem(DiscoveryProblem::EventsLost { count: 2 }));
    assert_eq!(told.len(), 4);
}
