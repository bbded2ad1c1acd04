//! Aim: a station is one of the group from our accepted JOIN or its own JOIN until its LEAVE, and is talked to accordingly.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use mvrx_core::{Command, Ending, Event, Input, LimitReached, Membership, Output, PlaceId, Sighting};
use mvrx_message::{Join, LeaveKeys, Message, Parsed, Quirk, QuirkSet};
use support::{Desk, address, commit, file, join_from, join_ret_from, leave, me, no, ok, station};

// proves: STA-01
#[test]
fn joins_every_sighted_station_of_the_group() {
    let mut desk = Desk::new();
    for n in 1..=3 {
        desk.join_with(n, "MVRApplication", vec![]);
    }
    let members: Vec<_> = desk.core.stations().map(|s| (s.station, s.membership)).collect();
    assert_eq!(members, (1..=3).map(|n| (station(n), Membership::Member)).collect::<Vec<_>>());
}

// proves: STA-01
#[test]
fn joins_also_a_station_that_joined_us() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "MVRApplication", vec![]));
    assert!(matches!(desk.take_sent(conn), Some(Message::JoinRet(ret)) if ret.reply.ok));
    assert!(desk.take_dial().is_none(), "where it listens is not known yet");
    desk.sight(1);
    let (_, to, message) = desk.connect();
    assert_eq!(to, address(1));
    assert!(matches!(message, Message::Join(_)));
}

#[test]
fn ignores_stations_of_other_groups_and_itself() {
    let mut desk = Desk::new();
    let mut sighting = Sighting {
        place: PlaceId(9),
        station: Some(station(9)),
        station_name: None,
        group: Some("default".to_owned()),
        addresses: vec![address(9)],
    };
    desk.step(Input::Sighted(sighting.clone()));
    sighting.group = Some("Default".to_owned());
    sighting.station = Some(me());
    desk.step(Input::Sighted(sighting));
    assert_eq!(desk.dials(), 0, "groups are case-sensitive, and we do not join ourselves");
}

// proves: STA-02
#[test]
fn a_station_that_left_is_neither_joined_nor_told_until_its_own_join() {
    let mut desk = Desk::new();
    desk.join(1);
    let conn = desk.accept(1);
    desk.receive(conn, leave(1));
    assert!(matches!(desk.take_sent(conn), Some(Message::LeaveRet(reply)) if reply.ok));
    assert!(desk.saw(|e| *e == Event::StationLeft { station: station(1) }));
    desk.out.clear();
    desk.sight(1)
        .command(Command::Publish(commit(1, 0)))
        .command(Command::Refresh)
        .pass(Duration::from_secs(600));
    assert_eq!(desk.dials(), 0, "{:?}", desk.out);

    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "MVRApplication", vec![]));
    assert!(matches!(desk.take_sent(conn), Some(Message::JoinRet(ret)) if ret.commits.len() == 1));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Member);
}

// proves: STA-02
#[test]
fn a_join_under_way_does_not_bring_back_who_left_meanwhile() {
    let mut desk = Desk::new();
    desk.sight(1);
    let (dialed, _, _) = desk.connect();
    let conn = desk.accept(1);
    desk.receive(conn, leave(1));
    desk.receive(dialed, join_ret_from(1, "MVRApplication", ok(), vec![]));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Left);
}

#[test]
fn who_left_and_vanished_is_joined_like_any_other_when_seen_again() {
    let mut desk = Desk::new();
    desk.join(1);
    let conn = desk.accept(1);
    desk.receive(conn, leave(1));
    desk.step(Input::Vanished { place: PlaceId(1) });
    assert!(desk.core.station(station(1)).is_none());
    desk.out.clear();
    desk.sight(1);
    assert!(matches!(desk.connect().2, Message::Join(_)));
}

#[test]
fn joins_back_once_and_not_for_ever() {
    let mut desk = Desk::new();
    desk.join(1);
    for _ in 0..3 {
        let conn = desk.accept(1);
        desk.receive(conn, join_from(1, "BlenderDMX", vec![]));
    }
    assert_eq!(desk.dials(), 0, "our JOIN was accepted a moment ago");
    desk.pass(Duration::from_secs(11));
    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "BlenderDMX", vec![]));
    assert_eq!(desk.dials(), 1, "it may have started anew");
}

// proves: STA-03
#[test]
fn joining_again_renames() {
    let mut desk = Desk::new();
    desk.join(1);
    let conn = desk.accept(1);
    let Message::Join(mut join) = join_from(1, "MVRApplication", vec![]) else { unreachable!() };
    join.station_name = "FOH left".to_owned();
    desk.receive(conn, Message::Join(join));
    assert_eq!(desk.core.station(station(1)).unwrap().name, "FOH left");
    let renamed =
        Event::StationRenamed { station: station(1), from: "station 1".into(), to: "FOH left".into() };
    assert!(desk.saw(|e| *e == renamed));
}

#[test]
fn our_new_name_is_told_to_everybody() {
    let mut desk = Desk::new();
    desk.join(1).command(Command::Rename("Monitor desk".to_owned()));
    assert!(
        desk.out
            .iter()
            .any(|o| matches!(o, Output::Advertise { station_name, .. } if station_name == "Monitor desk"))
    );
    assert!(matches!(desk.connect().2, Message::Join(join) if join.station_name == "Monitor desk"));
}

#[test]
fn a_refused_join_is_told_and_tried_again_later() {
    let mut desk = Desk::new();
    desk.sight(1);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "MVRApplication", no("full"), vec![]));
    assert!(desk.saw(|e| *e == Event::JoinRefused { station: station(1), message: "full".into() }));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Refused);
    assert_eq!(desk.dials(), 0);
    desk.pass(Duration::from_secs(2));
    assert_eq!(desk.dials(), 1);
}

#[test]
fn who_refuses_again_and_again_is_asked_less_and_less_often() {
    let mut desk = Desk::new();
    desk.sight(1);
    for pause in [1, 3, 5, 10, 30, 30] {
        let (conn, _, _) = desk.connect();
        desk.receive(conn, join_ret_from(1, "MVRApplication", no("not now"), Vec::new()));
        desk.pass(Duration::from_secs(pause) - Duration::from_millis(1));
        assert_eq!(desk.dials(), 0, "before {pause} s are over");
        desk.pass(Duration::from_millis(1));
    }
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "MVRApplication", ok(), Vec::new()));
    assert!(desk.saw(|e| matches!(e, Event::StationJoined { .. })));
}

#[test]
fn a_silent_station_of_an_unknown_product_is_sent_a_short_join_every_other_time() {
    let mut desk = Desk::new();
    for n in 1..100 {
        desk.command(Command::Publish(commit(n, 0)));
    }
    desk.sight(1);
    let mut lengths = Vec::new();
    for pause in [1, 3, 5] {
        let (conn, _) = desk.take_dial().unwrap();
        desk.step(Input::Dialed { conn });
        let sent = desk.out.iter().find_map(|output| match output {
            Output::Send { conn: on, message, dialect } if *on == conn => {
                Some(message.to_json(dialect).len())
            }
            _ => None,
        });
        lengths.push(sent.unwrap());
        desk.close(conn, Ending::Broken);
        desk.pass(Duration::from_secs(pause));
    }
    assert!(lengths[0] > 10_000 && lengths[1] <= 1_000 && lengths[2] == lengths[0], "{lengths:?}");
}

#[test]
fn who_vanished_and_refuses_is_lost() {
    let mut desk = Desk::new();
    desk.join(1);
    desk.step(Input::Vanished { place: PlaceId(1) });
    for _ in 0..2 {
        let (conn, _, _) = desk.connect();
        desk.receive(conn, join_ret_from(1, "MVRApplication", no("not in the group"), Vec::new()));
        desk.pass(Duration::from_secs(1));
    }
    assert!(desk.saw(|e| *e == Event::StationLost { station: station(1) }));
    assert_eq!(desk.core.timers().count(), 0);
}

// proves: STA-02
#[test]
fn who_vanished_and_then_left_is_joined_when_seen_again() {
    let mut desk = Desk::new();
    desk.join(1);
    desk.step(Input::Vanished { place: PlaceId(1) });
    let conn = desk.accept(1);
    desk.receive(conn, leave(1));
    desk.out.clear();
    desk.sight(1);
    let (_, to, message) = desk.connect();
    assert_eq!(to, address(1));
    assert!(matches!(message, Message::Join(_)), "{message:?}");
}

#[test]
fn tries_every_address_then_pauses_longer_and_longer() {
    let mut desk = Desk::new();
    desk.sight_at(1, vec![address(1), address(2)]);
    let mut tried = Vec::new();
    for _ in 0..2 {
        let (conn, to) = desk.take_dial().unwrap();
        tried.push(to);
        desk.step(Input::DialFailed { conn });
    }
    assert_eq!(tried, [address(1), address(2)]);
    assert!(desk.take_dial().is_none());
    assert!(desk.out.contains(&Output::Suspect { place: PlaceId(1) }));
    desk.pass(Duration::from_millis(999));
    assert!(desk.take_dial().is_none());
    desk.pass(Duration::from_millis(1));
    assert!(desk.take_dial().is_some());
}

#[test]
fn an_address_that_does_not_answer_in_time_is_given_up_for_the_next() {
    let mut desk = Desk::new();
    desk.sight_at(1, vec![address(1), address(2)]);
    let (first, _) = desk.take_dial().unwrap();
    desk.pass(Duration::from_secs(3));
    assert!(desk.closed(first));
    let (second, to) = desk.take_dial().unwrap();
    assert_eq!(to, address(2));
    // The first one succeeds after all: it is not taken for the second.
    desk.out.clear();
    desk.step(Input::Dialed { conn: first });
    assert!(desk.closed(first) && desk.take_sent(first).is_none());
    desk.step(Input::Dialed { conn: second });
    assert!(matches!(desk.take_sent(second), Some(Message::Join(_))));
}

// proves: STA-04
#[test]
fn another_station_at_the_address_is_told_and_both_are_joined_in_the_end() {
    let mut desk = Desk::new();
    desk.sight_at(1, vec![address(2), address(1)]);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(2, "Vectorworks", ok(), vec![]));
    assert!(desk.saw(|e| matches!(e, Event::StationMismatch { expected, found, .. } if *expected == station(1) && *found == station(2))));
    let (conn, to, _) = desk.connect();
    assert_eq!(to, address(1));
    desk.receive(conn, join_ret_from(1, "Vectorworks", ok(), vec![]));
    for n in 1..=2 {
        let view = desk.core.station(station(n)).unwrap();
        assert_eq!((view.membership, view.addresses[0]), (Membership::Member, address(n)));
    }
}

#[test]
fn a_station_known_from_an_address_alone_is_asked_and_dropped_when_another_answers_there() {
    let mut desk = Desk::new();
    desk.sight(1);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(2, "Vectorworks", ok(), vec![]));
    assert_eq!(desk.core.station(station(2)).unwrap().membership, Membership::Member);
    desk.step(Input::Vanished { place: PlaceId(1) });
    desk.out.clear();
    // It started anew with another StationUUID, and discovery never showed the second one.
    let unseen = desk.core.config().timers.unseen;
    desk.pass(unseen);
    let (conn, to, _) = desk.connect();
    assert_eq!(to, address(1));
    desk.receive(conn, join_ret_from(3, "Vectorworks", ok(), vec![]));
    assert_eq!(desk.core.station(station(2)), None);
    assert!(desk.saw(|e| matches!(e, Event::StationLost { station: lost } if *lost == station(2))));
    assert_eq!(desk.core.station(station(3)).unwrap().membership, Membership::Member);
}

#[test]
fn a_silent_member_that_discovery_does_not_show_is_asked_again_and_again() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "Perastage", vec![]));
    desk.sight(1);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "Perastage", ok(), vec![]));
    desk.step(Input::Vanished { place: PlaceId(1) });
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "Perastage", ok(), vec![]));
    let unseen = desk.core.config().timers.unseen;
    for _ in 0..3 {
        desk.pass(unseen);
        let (conn, to, message) = desk.connect();
        assert_eq!(to, address(1));
        assert!(matches!(message, Message::Join(_)), "{message:?}");
        desk.receive(conn, join_ret_from(1, "Perastage", ok(), vec![]));
        assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Member);
    }
    desk.pass(unseen * 2);
    assert_eq!(desk.core.station(station(1)), None, "it no longer answers");
}

#[test]
fn a_place_without_uuid_becomes_the_station_that_answers() {
    let mut desk = Desk::new();
    desk.step(Input::Sighted(Sighting {
        place: PlaceId(7),
        station: None,
        station_name: None,
        group: None,
        addresses: vec![address(5)],
    }));
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(5, "MVRApplication", ok(), vec![commit(1, 5)]));
    assert_eq!(desk.core.station(station(5)).unwrap().membership, Membership::Member);
    assert_eq!(desk.core.commits().count(), 1);
}

// proves: STA-05
#[test]
fn a_reply_on_a_new_connection_counts() {
    let mut desk = Desk::new();
    desk.sight(1);
    let (asking, _, _) = desk.connect();
    desk.close(asking, Ending::Clean);
    let conn = desk.accept(1);
    desk.receive(conn, join_ret_from(1, "MVR4J", ok(), vec![]));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Member);

    desk.command(Command::Publish(commit(1, 0)));
    let (asking, _, _) = desk.connect();
    desk.close(asking, Ending::Clean);
    let conn = desk.accept(1);
    desk.receive(conn, Message::CommitRet(ok()));
    assert!(desk.saw(|e| *e == Event::CommitAcknowledged { file: file(1), station: station(1) }));
}

#[test]
fn a_member_that_vanished_is_asked_once_more_and_lost_when_silent() {
    let mut desk = Desk::new();
    desk.join(1);
    desk.step(Input::Vanished { place: PlaceId(1) });
    while let Some((conn, _)) = desk.take_dial() {
        desk.step(Input::DialFailed { conn }).pass(Duration::from_secs(30));
    }
    assert!(desk.saw(|e| *e == Event::StationLost { station: station(1) }));
    assert!(desk.core.station(station(1)).is_none());
    assert_eq!(desk.core.timers().count(), 0);
}

#[test]
fn a_member_that_vanished_by_mistake_stays_when_it_answers() {
    let mut desk = Desk::new();
    desk.join(1);
    desk.step(Input::Vanished { place: PlaceId(1) });
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "MVRApplication", ok(), vec![]));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Member);
}

#[test]
fn a_station_that_joined_and_was_never_seen_is_forgotten_after_a_while() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "mvrx", vec![]));
    desk.pass(Duration::from_secs(599));
    assert!(desk.core.station(station(1)).is_some());
    desk.pass(Duration::from_secs(2));
    assert!(desk.core.station(station(1)).is_none());
}

// proves: STA-19
#[test]
fn who_writes_as_the_next_edition_does_gets_leave_with_both_keys() {
    for (provider, quirk, wanted) in [
        ("somebody", Some(Quirk::SenderStationUuid), LeaveKeys::Both),
        ("somebody", Some(Quirk::LeaveStationUuidKey), LeaveKeys::Both),
        ("somebody", None, LeaveKeys::FromStationUuid),
        ("GrandMA3", None, LeaveKeys::Both),
    ] {
        let mut desk = Desk::new();
        desk.join_with(1, provider, vec![]);
        let conn = desk.accept(1);
        let mut quirks = QuirkSet::default();
        quirk.into_iter().for_each(|quirk| {
            quirks.insert(quirk);
        });
        let join = join_from(1, provider, vec![]);
        desk.step(Input::Received { conn, parsed: Arc::new(Parsed { message: join, quirks }) });
        desk.command(Command::Leave);
        let (conn, _) = desk.take_dial().unwrap();
        desk.step(Input::Dialed { conn });
        let keys = desk.out.iter().find_map(|output| match output {
            Output::Send { message, dialect, .. } if matches!(**message, Message::Leave(_)) => {
                Some(dialect.leave_keys())
            }
            _ => None,
        });
        assert_eq!(keys, Some(wanted), "{provider} {quirk:?}");
    }
}

// proves: STA-06
#[test]
fn leaving_tells_every_member_and_ends_even_when_one_is_silent() {
    let mut desk = Desk::new();
    desk.join(1).join(2);
    desk.command(Command::Leave);
    assert!(desk.out.contains(&Output::Withdraw));
    let (one, _, said) = desk.connect();
    assert!(matches!(said, Message::Leave(_)));
    let (_silent, _, said) = desk.connect();
    assert!(matches!(said, Message::Leave(_)));
    desk.receive(one, Message::LeaveRet(ok()));
    assert!(!desk.saw(|e| *e == Event::LeftGroup));
    desk.pass(Duration::from_secs(2));
    assert!(desk.saw(|e| *e == Event::LeftGroup));
    assert_eq!(desk.core.connections().0, 0);

    desk.out.clear();
    desk.command(Command::Rejoin);
    assert_eq!(desk.dials(), 2);
}

#[test]
fn a_join_from_ourselves_is_answered_and_ignored() {
    let mut desk = Desk::new();
    let conn = desk.accept(9);
    desk.receive(conn, join_from(0, "mvrx", vec![]));
    assert!(matches!(desk.take_sent(conn), Some(Message::JoinRet(ret)) if ret.reply.ok));
    assert_eq!(desk.core.stations().count(), 0);
}

#[test]
fn a_flood_of_invented_stations_keeps_no_real_one_out() {
    let mut desk = Desk::with(|config| config.limits.stations = 10);
    for n in 1..=10 {
        desk.sight(n);
    }
    while let Some((conn, _)) = desk.take_dial() {
        desk.step(Input::DialFailed { conn });
    }
    desk.out.clear();
    desk.join_with(99, "MVRApplication", vec![]);
    assert_eq!(desk.core.station(station(99)).unwrap().membership, Membership::Member);
    assert_eq!(desk.core.stations().count(), 10);
}

// proves: STA-22
#[test]
fn nobody_leaves_by_the_word_of_a_stranger() {
    let mut desk = Desk::new();
    desk.join(1);
    desk.out.clear();
    let stranger = desk.accept(9);
    desk.receive(stranger, leave(1));
    assert!(matches!(desk.take_sent(stranger), Some(Message::LeaveRet(reply)) if reply.ok));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Member);
    assert!(desk.saw(|e| matches!(e, Event::PeerError { .. })));
    // From any port of its own address, and from where it spoke before, it may.
    let own = desk.accept(1);
    desk.receive(own, leave(1));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Left);
    let behind = desk.accept(7);
    desk.receive(behind, join_from(1, "MVRApplication", vec![]));
    let again = desk.accept(7);
    desk.receive(again, leave(1));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Left);
}

// proves: STA-02, STA-23
#[test]
fn one_that_left_before_it_was_seen_is_left_alone_until_it_joins_or_is_seen_anew() {
    let mut desk = Desk::new();
    for n in [1, 2, 3] {
        let conn = desk.accept(n);
        desk.receive(conn, leave(n));
        assert!(matches!(desk.take_sent(conn), Some(Message::LeaveRet(reply)) if reply.ok));
    }
    assert_eq!(desk.core.station_count(), 0);
    // Seen late, with what it showed before it left.
    desk.sight(1);
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Left);
    desk.sight(2);
    desk.pass(Duration::from_secs(119));
    let (place, dials) = (PlaceId(1), desk.dials());
    assert_eq!(dials, 0);
    desk.step(Input::Vanished { place });
    desk.sight(1);
    assert_eq!(desk.dials(), 1, "it was away, and is here again");
    let conn = desk.accept(2);
    desk.receive(conn, join_from(2, "MVRApplication", vec![]));
    assert_eq!(desk.core.station(station(2)).unwrap().membership, Membership::Member);
    // Left long ago it is like any other.
    desk.pass(Duration::from_secs(2));
    desk.sight(3);
    assert_eq!(desk.core.station(station(3)).unwrap().membership, Membership::Sighted);
}

// proves: STA-23
#[test]
fn one_that_is_still_shown_two_minutes_after_its_leave_is_there() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, leave(1)).sight(1);
    desk.pass(Duration::from_secs(119));
    assert_eq!(desk.dials(), 0);
    desk.pass(Duration::from_secs(2));
    assert_eq!(desk.dials(), 1);
}

// proves: STA-22, STA-23
#[test]
fn a_strangers_leave_keeps_no_station_out_that_is_seen_later() {
    let mut desk = Desk::new();
    let stranger = desk.accept(9);
    desk.receive(stranger, leave(1));
    desk.sight(1);
    assert_eq!(desk.dials(), 1);
}

// proves: STA-20
#[test]
fn invented_stations_that_join_from_one_address_cost_no_other_address_its_own() {
    let mut desk = Desk::with(|config| config.limits.stations = 10);
    desk.join(1);
    let waits = desk.accept(2);
    desk.receive(waits, join_from(2, "grandMA3", vec![]));
    for n in 100..200 {
        let conn = desk.accept(9);
        desk.receive(conn, join_from(n, "invented", vec![]));
        assert!(matches!(desk.take_sent(conn), Some(Message::JoinRet(ret)) if ret.reply.ok));
        desk.step(Input::Closed { conn, ending: Ending::Clean });
    }
    assert_eq!(desk.core.stations().count(), 10);
    // Who answered us stays, and so does who never could from another address; and a newcomer gets in.
    let late = desk.accept(3);
    desk.receive(late, join_from(3, "MVRApplication", vec![]));
    for n in [1, 2, 3] {
        let membership = desk.core.station(station(n)).map(|view| view.membership);
        assert_eq!(membership, Some(Membership::Member), "station {n}");
    }
    assert!(desk.saw(|e| *e == Event::LimitReached(LimitReached::Stations)));
}

#[test]
fn leaving_tells_also_a_station_that_has_our_join_to_answer() {
    let mut desk = Desk::new();
    desk.sight(1);
    desk.connect();
    desk.command(Command::Leave);
    assert!(matches!(desk.connect().2, Message::Leave(_)));
}

#[test]
fn a_station_that_joined_us_and_vanished_before_we_reached_it_is_asked_where_it_was_and_lost() {
    let mut desk = Desk::new();
    desk.sight(1);
    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "mvrx", vec![]));
    let (dialed, _) = desk.take_dial().unwrap();
    desk.step(Input::Vanished { place: PlaceId(1) });
    desk.step(Input::DialFailed { conn: dialed });
    for _ in 0..4 {
        desk.pass(Duration::from_secs(30));
        while let Some((conn, _)) = desk.take_dial() {
            desk.step(Input::DialFailed { conn });
        }
    }
    assert!(desk.saw(|e| *e == Event::StationLost { station: station(1) }));
}

#[test]
fn another_station_with_our_uuid_is_told_once_and_an_echo_of_ourselves_is_not() {
    let told = |desk: &Desk| {
        desk.events().iter().filter(|e| matches!(e, Event::OwnUuidUsedByAnother { .. })).count()
    };
    let ours = |name: &str| match join_from(0, "mvrx", vec![]) {
        Message::Join(join) => Message::Join(Join { station_name: name.to_owned(), ..join }),
        other => other,
    };
    let mut desk = Desk::new();
    desk.command(Command::Rename("Monitor desk".to_owned()));
    for name in ["FOH desk", "Monitor desk"] {
        let conn = desk.accept(9);
        desk.receive(conn, ours(name));
    }
    assert_eq!(told(&desk), 0);
    for _ in 0..2 {
        let conn = desk.accept(9);
        desk.receive(conn, ours("a copy"));
        assert!(matches!(desk.take_sent(conn), Some(Message::JoinRet(_))));
    }
    assert_eq!(told(&desk), 1);
    assert_eq!(desk.core.stations().count(), 0);
}

// proves: STA-02
#[test]
fn a_leave_that_was_late_does_not_end_what_a_newer_join_began() {
    let mut desk = Desk::new();
    desk.join(1);
    let late = desk.accept(1);
    // It started anew while its LEAVE was on the way.
    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "Vectorworks", vec![]));
    desk.receive(late, leave(1));
    assert!(matches!(desk.take_sent(late), Some(Message::LeaveRet(_))));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Member);
    assert!(!desk.saw(|e| matches!(e, Event::StationLeft { .. })));
    // One that comes on a connection made after the JOIN counts, and one on a connection that is in use.
    let conn = desk.accept(1);
    desk.receive(conn, leave(1));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Left);
}

#[test]
fn a_leave_on_a_connection_in_use_counts_whatever_came_on_newer_ones() {
    let mut desk = Desk::new();
    let kept = desk.accept(1);
    desk.receive(kept, join_from(1, "GrandMA3", vec![]));
    let other = desk.accept(1);
    desk.receive(other, join_from(1, "GrandMA3", vec![]));
    desk.receive(kept, leave(1));
    assert_eq!(desk.core.station(station(1)).unwrap().membership, Membership::Left);
}
