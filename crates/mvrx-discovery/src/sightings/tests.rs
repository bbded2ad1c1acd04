use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::Sighting;

/// A table and its events, with shorthands.
struct Bench {
    table: Sightings,
    queue: EventQueue,
    generation: u64,
}

fn bench() -> Bench {
    with_limits(Limits::default())
}

fn with_limits(limits: Limits) -> Bench {
    let queue = EventQueue::new(usize::MAX);
    Bench { table: Sightings::new(limits), queue, generation: 0 }
}

impl Bench {
    fn hear(&mut self, observation: &Observation) -> Vec<DiscoveryEvent> {
        self.table.observe(observation, self.generation, &mut self.queue);
        self.events()
    }

    fn sighted(&mut self, observation: &Observation) -> Sighting {
        match self.hear(observation).as_slice() {
            [DiscoveryEvent::Sighted(sighting)] => sighting.clone(),
            other => panic!("no sighting but {other:?}"),
        }
    }

    fn remove(&mut self, instance: &str) -> (Removal, Vec<DiscoveryEvent>) {
        let removal = self.table.removed(&owner(instance), &mut self.queue);
        (removal, self.events())
    }

    fn events(&mut self) -> Vec<DiscoveryEvent> {
        std::iter::from_fn(|| self.queue.pop()).collect()
    }
}

fn owner(instance: &str) -> String {
    format!("{instance}._mvrxchange._tcp.local.")
}

fn uuid(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

fn key(n: u8) -> SightingKey {
    SightingKey::Station(uuid(n))
}

fn gone(n: u8) -> DiscoveryEvent {
    DiscoveryEvent::Vanished { key: key(n) }
}

/// Station `n` under this name, on a host of its own.
fn heard(n: u8, instance: &str) -> Observation {
    let mut observation = nameless(n, instance);
    observation.txt = Txt::new(&format!("Desk {n}"), uuid(n));
    observation
}

fn nameless(n: u8, instance: &str) -> Observation {
    let addresses = vec![SocketAddr::from(([10, 0, 0, n], 42424))];
    let host = format!("Host{n}.local.");
    Observation {
        owner: owner(instance),
        name: InstanceName::read(&owner(instance)),
        txt: Txt::default(),
        host,
        port: 42424,
        addresses,
        same_host: false,
        exact: false,
    }
}

fn ports(sighting: &Sighting) -> Vec<u16> {
    sighting.addresses.iter().map(SocketAddr::port).collect()
}

fn with_port(mut observation: Observation, port: u16) -> Observation {
    observation.port = port;
    observation.addresses.iter_mut().for_each(|a| a.set_port(port));
    observation
}

#[test]
fn tells_a_station_once_and_again_only_when_something_changed() {
    let mut bench = bench();
    let desk = heard(1, "Desk.Default");
    let sighting = bench.sighted(&desk);
    assert_eq!((sighting.key, sighting.group.as_deref()), (key(1), Some("Default")));
    assert_eq!(bench.hear(&desk), []);
    assert_eq!(ports(&bench.sighted(&with_port(desk, 50000))), [50000], "the port of before is gone");
}

// proves: DIS-KEY
#[test]
fn one_name_and_host_with_two_uuids_is_two_stations() {
    let mut bench = bench();
    let (one, mut two) = (heard(1, "Default"), heard(2, "Default"));
    two.host.clone_from(&one.host);
    assert_eq!([bench.sighted(&one).key, bench.sighted(&two).key], [key(1), key(2)]);
}

#[test]
fn one_station_under_two_names_is_one_with_the_addresses_of_both() {
    let mut bench = bench();
    bench.sighted(&heard(1, "Desk.Default"));
    let mut other = heard(1, "Desk@Default");
    other.addresses = vec![SocketAddr::from(([10, 0, 0, 99], 42424))];
    assert_eq!(bench.sighted(&other).addresses.len(), 2);
    let (removal, events) = bench.remove("Desk@Default");
    assert_eq!(removal, Removal::Believed);
    assert!(matches!(&events[..], [DiscoveryEvent::Sighted(s)] if s.addresses.len() == 1), "{events:?}");
    assert_eq!(bench.remove("Desk.Default"), (Removal::Believed, vec![gone(1)]));
    assert_eq!(bench.remove("Desk.Default"), (Removal::Unknown, vec![]));
}

// proves: DIS-SHARED-REMOVAL
#[test]
fn a_removal_of_a_shared_name_is_not_believed() {
    for instance in ["Default", "Desk.Default"] {
        let mut bench = bench();
        bench.sighted(&heard(1, instance));
        bench.sighted(&heard(2, instance));
        assert!(bench.table.has_shared());
        assert_eq!(bench.remove(instance), (Removal::Shared, vec![]), "{instance}");
        assert_eq!(bench.table.suspect(&key(1)), Suspicion::AskAll);
    }
}

#[test]
fn a_bare_group_counts_as_shared_even_while_one_station_is_seen() {
    let mut bench = bench();
    bench.sighted(&heard(1, "Default"));
    assert!(bench.table.has_shared());
    assert_eq!(bench.remove("Default"), (Removal::Shared, vec![]));
}

#[test]
fn who_is_not_heard_in_the_new_generation_is_gone() {
    let mut bench = bench();
    let (one, two) = (heard(1, "Default"), heard(2, "Default"));
    bench.sighted(&one);
    bench.sighted(&two);
    // A straggler of before proves nothing.
    assert_eq!(bench.hear(&one), []);
    bench.generation = 1;
    assert_eq!(bench.hear(&two), []);
    bench.table.sweep(1, &mut bench.queue);
    assert_eq!(bench.events(), [gone(1)]);
}

#[test]
fn a_name_of_its_own_is_verified_by_that_name() {
    let mut bench = bench();
    bench.sighted(&heard(1, "Desk.Default"));
    assert!(!bench.table.has_shared());
    assert_eq!(bench.table.suspect(&key(1)), Suspicion::Verify(vec![owner("Desk.Default")]));
    assert_eq!(bench.table.suspect(&key(2)), Suspicion::Unknown);
}

#[test]
fn what_a_cache_mixed_up_is_kept_as_second_choice() {
    // Station 2's TXT with station 1's SRV: the right port stays, behind the new one.
    let mut bench = bench();
    let right = with_port(heard(2, "Default"), 2);
    bench.sighted(&right);
    let mixed = with_port(right.clone(), 1);
    assert_eq!(ports(&bench.sighted(&mixed)), [1, 2]);
    assert_eq!(ports(&bench.sighted(&right)), [2, 1]);
}

#[test]
fn addresses_heard_anew_one_after_the_other_do_not_flap() {
    let mut bench = bench();
    let mut desk = heard(1, "Desk.Default");
    desk.addresses.push(SocketAddr::from(([10, 0, 1, 1], 42424)));
    assert_eq!(bench.sighted(&desk).addresses.len(), 2);
    bench.generation = 1;
    let first = Observation { addresses: desk.addresses[..1].to_vec(), ..desk.clone() };
    assert_eq!(bench.hear(&first), []);
    assert_eq!(bench.sighted(&first).addresses.len(), 1, "heard once more without it, it is gone");
}

#[test]
fn an_announcement_without_txt_is_replaced_by_the_same_with_it() {
    let mut bench = bench();
    let place = bench.sighted(&nameless(1, "Desk.Default"));
    assert_eq!(place.station_name.as_deref(), Some("Desk"));
    let events = bench.hear(&heard(1, "Desk.Default"));
    assert_eq!(events[0], DiscoveryEvent::Vanished { key: place.key });
    assert!(matches!(&events[1..], [DiscoveryEvent::Sighted(s)] if s.key == key(1)), "{events:?}");
    assert_eq!(bench.hear(&nameless(1, "Desk.Default")), [], "and the other way round it is still the same");
}

#[test]
fn the_newest_of_two_groups_counts_even_when_the_old_name_is_heard_again() {
    let mut bench = bench();
    let (before, now) = (heard(1, "Desk.Default"), heard(1, "Desk.Stage"));
    bench.sighted(&before);
    assert_eq!(bench.sighted(&now).group.as_deref(), Some("Stage"));
    assert_eq!(bench.hear(&before), []);
    assert_eq!(bench.hear(&now), []);
}

#[test]
fn a_station_name_alone_does_not_outdo_a_name_with_a_group() {
    let mut bench = bench();
    let mut alone = heard(1, "Desk 1");
    bench.sighted(&alone);
    assert_eq!(bench.sighted(&heard(1, "Desk 1.Stage")).group.as_deref(), Some("Stage"));
    alone = with_port(alone, 7);
    assert_eq!(bench.sighted(&alone).group.as_deref(), Some("Stage"));
}

// proves: DIS-NOT-OURSELVES
#[test]
fn our_own_announcements_are_no_sightings() {
    let mut bench = bench();
    let mut own = heard(1, "Desk.Default");
    own.same_host = true;
    bench.sighted(&own);
    bench.table.set_own(uuid(1), &["Desk.Default"], 42424, &mut bench.queue);
    assert_eq!(bench.events(), [gone(1)], "seen before we knew that it is us");
    assert_eq!(bench.hear(&own), []);
    let mut in_part = nameless(1, "Desk.Default");
    in_part.same_host = true;
    assert_eq!(bench.hear(&in_part), []);
    let renamed = Observation { owner: owner("Desk (2).Default"), ..own.clone() };
    assert_eq!(bench.hear(&renamed), [], "by the responder, in a conflict");
    // A straggler of the name before this one.
    bench.table.set_own(uuid(1), &["Desk.Stage"], 42424, &mut bench.queue);
    assert_eq!(bench.hear(&own), []);
    bench.table.withdraw_own();
    assert_eq!(bench.hear(&own), []);
}

#[test]
fn our_uuid_on_another_host_or_port_is_told_once() {
    let another_host = heard(1, "Desk.Default");
    let here = Observation { same_host: true, ..another_host.clone() };
    for clone in [another_host, with_port(here, 1)] {
        let mut bench = bench();
        bench.table.set_own(uuid(1), &["Desk.Default"], 42424, &mut bench.queue);
        let told = bench.hear(&clone);
        let is_told = |p: &DiscoveryEvent| {
            matches!(p, DiscoveryEvent::Problem(DiscoveryProblem::OwnUuidElsewhere { .. }))
        };
        assert!(told.len() == 1 && is_told(&told[0]), "{told:?}");
        assert_eq!(bench.hear(&clone), []);
    }
}

// proves: DIS-NAMESAKE
#[test]
fn another_station_under_our_name_is_a_namesake() {
    let mut bench = bench();
    bench.table.set_own(uuid(1), &["Desk.Default"], 42424, &mut bench.queue);
    let other = heard(2, "DESK.Default");
    assert_eq!(bench.table.observe(&other, 0, &mut bench.queue), Observed::Namesake);
    bench.table.withdraw_own();
    assert_eq!(bench.table.observe(&other, 0, &mut bench.queue), Observed::Noted);
    assert_eq!(bench.events().len(), 1, "it is a station like any other");
}

#[test]
fn loopback_of_another_host_is_no_address() {
    let mut bench = bench();
    let mut other = heard(1, "Desk.Default");
    other.addresses = vec![SocketAddr::from(([127, 0, 0, 1], 42424))];
    let unusable = |reason| {
        let instance = "Desk.Default".to_owned();
        vec![DiscoveryEvent::Problem(DiscoveryProblem::AnnouncementUnusable { instance, reason })]
    };
    assert_eq!(bench.hear(&other), unusable(UnusableReason::NoReachableAddress));
    other.same_host = true;
    bench.sighted(&other);
}

#[test]
fn tells_why_an_announcement_is_of_no_use_and_only_once_in_a_row() {
    let long = "x".repeat(256);
    let mut no_host = heard(1, "a.Default");
    no_host.host = long.clone();
    let mut other_service = heard(1, "a.Default");
    other_service.owner = "x._osc._udp.local.".into();
    other_service.name = InstanceName::read(&other_service.owner);
    let table = [
        (no_host, UnusableReason::TooLong),
        (heard(1, &long), UnusableReason::TooLong),
        (heard(1, "Desk."), UnusableReason::NoGroup),
        (with_port(heard(1, "a.Default"), 0), UnusableReason::NoPort),
        (other_service, UnusableReason::OtherService),
    ];
    for (observation, expected) in table {
        let mut bench = bench();
        match bench.hear(&observation).as_slice() {
            [DiscoveryEvent::Problem(DiscoveryProblem::AnnouncementUnusable { reason, instance })] => {
                assert_eq!(*reason, expected);
                assert!(instance.len() <= 255);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(bench.hear(&observation), []);
    }
}

#[test]
fn names_at_the_limit_are_taken() {
    let mut bench = bench();
    let mut desk = heard(1, "Desk.Default");
    desk.host = "h".repeat(255);
    bench.sighted(&desk);
}

// proves: DIS-FLOOD
#[test]
fn the_unconfirmed_one_heard_longest_ago_makes_room() {
    let mut bench = with_limits(Limits { sightings: 3, ..Limits::default() });
    let full = DiscoveryEvent::Problem(DiscoveryProblem::TooManySightings { limit: 3 });
    for n in 1..=3 {
        bench.sighted(&heard(n, &format!("Desk {n}.Default")));
    }
    bench.table.confirm(&key(1));
    bench.hear(&heard(2, "Desk 2.Default"));
    let events = bench.hear(&heard(4, "Desk 4.Default"));
    assert_eq!(events[..2], [full, gone(3)]);
    assert_eq!(bench.hear(&heard(5, "Desk 5.Default"))[0], gone(2), "and it is not told again");
    for n in [4, 5] {
        bench.table.confirm(&key(n));
    }
    assert_eq!(bench.hear(&heard(6, "Desk 6.Default")), [], "all are confirmed");
    bench.table.suspect(&key(4));
    assert_eq!(bench.hear(&heard(6, "Desk 6.Default"))[0], gone(4), "a doubt takes the confirmation back");
}

#[test]
fn keeps_no_more_addresses_and_names_than_the_limits_allow() {
    let limits = Limits { addresses_per_sighting: 3, names_per_sighting: 2, ..Limits::default() };
    let mut bench = with_limits(limits);
    let mut last = None;
    for n in 0..9 {
        let mut desk = heard(1, &format!("Desk {n}.Default"));
        desk.addresses = (0..9).map(|a| SocketAddr::from(([10, 0, n, a], 42424))).collect();
        last = Some(bench.sighted(&desk));
    }
    assert_eq!(last.unwrap().addresses.len(), 3);
    assert_eq!(bench.table.entries[&key(1)].sources.len(), 2);
    assert!(bench.table.entries[&key(1)].sources.iter().all(|s| s.addresses.len() <= 3));
}

proptest! {
    /// Whoever follows the events knows what the table holds, whatever is heard.
    #[test]
    fn the_events_tell_exactly_what_is_held(steps in proptest::collection::vec((0u8..6, 0u8..6, 0u8..5), 1..60)) {
        let limits = Limits { sightings: 4, ..Limits::default() };
        let mut bench = with_limits(limits);
        let instances = ["Default", "Desk.Default", "Desk.Stage", "Desk 1", "X@Default"];
        let mut known: HashMap<SightingKey, Sighting> = HashMap::new();
        for (what, n, instance) in steps {
            let instance = instances[usize::from(instance)];
            match what {
                0 | 1 => drop(bench.table.observe(&heard(n, instance), bench.generation, &mut bench.queue)),
                2 => drop(bench.table.observe(&nameless(n, instance), bench.generation, &mut bench.queue)),
                3 => drop(bench.table.removed(&owner(instance), &mut bench.queue)),
                4 => {
                    bench.generation += 1;
                    let before = bench.generation - u64::from(n % 2);
                    bench.table.sweep(before, &mut bench.queue);
                }
                _ => bench.table.set_own(uuid(n), &[instance], 42424, &mut bench.queue),
            }
            for event in bench.events() {
                match event {
                    DiscoveryEvent::Sighted(sighting) => {
                        prop_assert!(!sighting.addresses.is_empty());
                        prop_assert_ne!(known.get(&sighting.key), Some(&sighting), "nothing new");
                        known.insert(sighting.key.clone(), sighting);
                    }
                    DiscoveryEvent::Vanished { key } => prop_assert!(known.remove(&key).is_some(), "{} was not there", key),
                    _ => {}
                }
            }
            prop_assert!(known.len() <= 4);
            let held: HashMap<_, _> = bench.table.entries.iter().map(|(k, e)| (k.clone(), e.told.clone())).collect();
            prop_assert_eq!(&held, &known);
        }
    }
}

// proves: BRG-03, BRG-04
#[test]
fn a_station_itself_is_believed_before_its_stand_ins_and_of_those_the_lowest() {
    let stand_in = |host: u8, bridge: u8| {
        let mark = Some(BridgeMark::StandIn { bridge: uuid(bridge) });
        let txt = Txt::new("Desk 1", uuid(1)).with_bridge(mark);
        Observation { txt, ..Observation { host: format!("Host{host}.local."), ..heard(1, "Desk.Default") } }
    };
    let bridge = |sighting: Sighting| sighting.ours.and_then(|ours| ours.bridge);
    let by = |bridge| Some(BridgeMark::StandIn { bridge: uuid(bridge) });
    let mut bench = bench();
    assert_eq!(bridge(bench.sighted(&stand_in(7, 50))), by(50));
    assert_eq!(bridge(bench.sighted(&stand_in(8, 40))), by(40));
    assert_eq!(bench.hear(&stand_in(9, 60)), []);
    assert_eq!(bridge(bench.sighted(&heard(1, "Desk.Default"))), None);
    // And nobody takes a stand-in for another station with our StationUUID.
    bench.table.set_own(uuid(1), &["Desk.Default"], 42424, &mut bench.queue);
    bench.events();
    assert_eq!(bench.hear(&stand_in(7, 50)), []);
}

// proves: BRG-19
#[test]
fn a_bridge_sees_its_stand_ins_neither_alone_nor_beside_an_outdated_announcement() {
    let brought = |bridge: u8| {
        let mark = Some(BridgeMark::StandIn { bridge: uuid(bridge) });
        let txt = Txt::new("Desk 1", uuid(1)).with_bridge(mark);
        let addresses = vec![SocketAddr::from(([10, 0, 0, bridge], 50_000))];
        let host = format!("Host{bridge}.local.");
        Observation { txt, host, addresses, ..heard(1, "Desk.Default") }
    };
    let mut bench = bench();
    bench.table.set_own(uuid(50), &["Bridge.Default"], 42424, &mut bench.queue);
    assert_eq!(bench.hear(&brought(50)), []);
    let itself = bench.sighted(&heard(1, "Desk.Default"));
    assert_eq!(bench.hear(&brought(50)), [], "it shows the station at an address of ours");
    assert_eq!(itself.addresses, [SocketAddr::from(([10, 0, 0, 1], 42424))]);
    let both = bench.sighted(&brought(40));
    assert_eq!(both.addresses.len(), 2, "another bridge's is seen: {both:?}");
    // Heard in part first, it is a place that is known no longer once it is heard whole.
    let part = Observation { txt: Txt::default(), ..brought(50) };
    let part = Observation {
        owner: owner("Other.Default"),
        name: InstanceName::read(&owner("Other.Default")),
        ..part
    };
    let place = bench.sighted(&part);
    let whole = Observation { owner: part.owner.clone(), name: part.name.clone(), ..brought(50) };
    assert_eq!(bench.hear(&whole), [DiscoveryEvent::Vanished { key: place.key }]);
}
