//! Aim: a station is one of the session from its JOIN to its LEAVE or its end, whatever its connections do.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use std::time::Duration;

use host_support::{Rack, commit, commit_for, join_as, leave, request_for, station};
use mvrx_core::host::{Command, Event, Input, LimitReached, Output, Standing};
use mvrx_message::{BridgeMark, Join, Message, MessageType, Ours};

// proves: HST-01
#[test]
fn join_brings_the_commits_of_the_whole_session_under_their_own_stations() {
    let mut rack = Rack::new();
    rack.join(1, vec![commit(1, 1)]);
    rack.join(2, vec![commit(2, 2)]);
    rack.command(Command::Publish(commit(3, 0)));
    let (_, ret) = rack.join_with(4, "MVRApplication", vec![]);
    assert!(ret.reply.ok);
    assert_eq!((ret.station, ret.station_name.as_str()), (Some(station(0)), "Rack"));
    let listed: Vec<_> = ret.commits.iter().map(|c| (c.file, c.station)).collect();
    let expected = [commit(1, 1), commit(2, 2), commit(3, 0)].map(|c| (c.file, c.station));
    assert_eq!(listed, expected);
}

// proves: HST-05
#[test]
fn join_ret_lists_only_what_the_station_may_see_and_somebody_can_give() {
    let mut rack = Rack::new();
    rack.join(1, vec![commit_for(1, 1, &[2]), commit(2, 1)]);
    let gone = rack.join(3, vec![commit(3, 3)]);
    rack.close(gone);
    let (_, ret) = rack.join_with(4, "MVRApplication", vec![]);
    assert_eq!(ret.commits.iter().map(|c| c.file).collect::<Vec<_>>(), [host_support::file(2)]);
    let (_, ret) = rack.join_with(2, "MVRApplication", vec![]);
    assert_eq!(ret.commits.len(), 2);
}

// proves: HST-02
#[test]
fn whoever_has_not_joined_is_told_to_join_first() {
    let mut rack = Rack::new();
    rack.join(2, vec![]);
    let conn = rack.accept(1);
    for message in [Message::Commit(commit(1, 1)), request_for(1), leave(1)] {
        rack.receive(conn, message);
        let reply = rack.take_reply(conn);
        assert!(!reply.ok && reply.message.contains("MVR_JOIN"), "{reply:?}");
    }
    assert_eq!(rack.host.commits().count(), 0);
    // The operator is told, and nobody else.
    assert_eq!(rack.events().len(), rack.out.len());
    assert!(rack.events().iter().all(|event| matches!(event, Event::MessageRefused { station: None, .. })));
    assert_eq!(rack.out.len(), 3, "{:?}", rack.out);
}

#[test]
fn whoever_does_not_join_in_time_or_sends_a_file_first_is_closed() {
    let mut rack = Rack::new();
    let (silent, joined, hasty) = (rack.accept(1), rack.join(2, vec![]), rack.accept(3));
    rack.step(Input::FileBegins { conn: hasty });
    assert!(rack.closed(hasty).unwrap().contains("before MVR_JOIN"));
    rack.pass(Duration::from_secs(16));
    assert!(rack.closed(silent).unwrap().contains("in time") && rack.closed(joined).is_none());
    assert_eq!(rack.host.deadline(), None);
}

// proves: HST-03
#[test]
fn a_station_that_connects_anew_takes_the_place_of_its_older_connection() {
    let mut rack = Rack::new();
    let (old, other) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    let (new, ret) = rack.join_with(1, "MVRApplication", vec![]);
    assert!(ret.reply.ok);
    assert!(rack.closed(old).unwrap().contains("connected anew from 10.0.0.1"));
    assert!(rack.saw(|e| matches!(e, Event::StationReplaced { name, .. } if name == "station 1")));
    assert!(!rack.saw(|e| matches!(e, Event::StationLost { .. } | Event::StationJoined { .. })));
    assert!(!rack.sent_anything_on(other));
    // What it has is still its own, and is asked for on the newer connection.
    rack.out.clear();
    rack.close(old).receive(other, request_for(1));
    assert_eq!(rack.asked(new), Some(host_support::file(1)));
}

// proves: HST-04
#[test]
fn a_repeated_join_renames_and_brings_the_list_of_now() {
    let mut rack = Rack::new();
    let (one, two) = (rack.join(1, vec![]), rack.join(2, vec![]));
    rack.receive(two, Message::Commit(commit(1, 2)));
    rack.out.clear();
    rack.receive(one, join_as(1, "MVRApplication", "FOH", vec![]));
    let Some(Message::JoinRet(ret)) = rack.take_sent(one) else { panic!() };
    assert_eq!(ret.commits.iter().map(|c| c.file).collect::<Vec<_>>(), [host_support::file(1)]);
    assert!(
        rack.saw(
            |e| matches!(e, Event::StationRenamed { from, to, .. } if from == "station 1" && to == "FOH")
        )
    );
    assert_eq!(rack.host.stations().filter(|s| s.name == "FOH").count(), 1);
}

#[test]
fn a_connection_that_joins_as_another_station_is_that_station_from_then_on() {
    let mut rack = Rack::new();
    let conn = rack.join(1, vec![commit(1, 1)]);
    rack.receive(conn, join_as(2, "MVRApplication", "two", vec![]));
    assert!(rack.saw(|e| *e == Event::StationLeft { station: station(1) }));
    assert_eq!(rack.host.stations().map(|s| s.station).collect::<Vec<_>>(), [station(2)]);
}

// proves: HST-06
#[test]
fn whoever_left_is_told_of_nothing_until_it_joins_again() {
    let mut rack = Rack::new();
    let (one, two) = (rack.join(1, vec![commit(9, 1)]), rack.join(2, vec![]));
    rack.receive(one, leave(1));
    assert!(rack.take_reply(one).ok);
    assert_eq!(rack.host.standing(one), Some(Standing::Left));
    rack.receive(two, Message::Commit(commit(1, 2))).receive(two, request_for(9));
    assert!(!rack.sent_anything_on(one));
    rack.receive(one, Message::Commit(commit(2, 1)));
    assert!(!rack.take_reply(one).ok);
    // Leaving twice is no mistake.
    rack.receive(one, leave(1));
    assert!(rack.take_reply(one).ok);
    rack.receive(one, join_as(1, "MVRApplication", "one", vec![]));
    let Some(Message::JoinRet(ret)) = rack.take_sent(one) else { panic!() };
    assert_eq!(ret.commits.iter().map(|c| c.file).collect::<Vec<_>>(), [host_support::file(1)]);
    rack.receive(two, Message::Commit(commit(3, 2)));
    assert_eq!(rack.take_sent(one), Some(Message::Commit(commit(3, 2))));
}

#[test]
fn a_left_connection_that_stays_silent_is_closed_and_a_leave_may_close_it_itself() {
    let mut rack = Rack::new();
    let (stays, closes) = (rack.join(1, vec![]), rack.join(2, vec![]));
    rack.receive(stays, leave(1)).receive(closes, leave(2)).close(closes);
    assert!(!rack.saw(|e| matches!(e, Event::StationLost { .. })));
    rack.pass(Duration::from_secs(601));
    assert!(rack.closed(stays).is_some());
    assert_eq!(rack.host.holdings().connections, 0);
}

#[test]
fn leave_in_the_name_of_another_station_is_refused() {
    let mut rack = Rack::new();
    let (one, _two) = (rack.join(1, vec![]), rack.join(2, vec![]));
    rack.receive(one, leave(2));
    assert!(!rack.take_reply(one).ok);
    assert_eq!(rack.host.stations().count(), 2);
}

#[test]
fn a_station_whose_connection_ends_is_lost_by_name() {
    let mut rack = Rack::new();
    let conn = rack.join(1, vec![]);
    rack.close(conn);
    assert!(rack.saw(
        |e| matches!(e, Event::StationLost { name, why, .. } if name == "station 1" && why == "reset by peer")
    ));
    assert_eq!(rack.host.stations().count(), 0);
}

#[test]
fn the_hosts_own_station_uuid_and_one_station_too_many_are_refused() {
    let mut rack = Rack::with(|c| c.limits.stations = 1);
    let one = rack.join(1, vec![]);
    let (_, ret) = rack.join_with(0, "MVRApplication", vec![]);
    assert!(!ret.reply.ok && ret.reply.message.contains("own"), "{ret:?}");
    assert!(!rack.saw(|e| matches!(e, Event::LimitReached(_))));
    let (_, ret) = rack.join_with(2, "MVRApplication", vec![]);
    assert!(!ret.reply.ok && ret.commits.is_empty(), "{ret:?}");
    assert!(rack.saw(|e| *e == Event::LimitReached(LimitReached::Stations)));
    // Who is in may say so again.
    rack.receive(one, join_as(1, "MVRApplication", "one", vec![]));
    assert!(rack.take_reply(one).ok);
}

#[test]
fn more_connections_than_the_limit_are_closed_and_told_once() {
    let mut rack = Rack::with(|c| c.limits.connections = 2);
    let conns: Vec<_> = (1..=4).map(|n| rack.accept(n)).collect();
    assert_eq!(conns.iter().filter(|c| rack.closed(**c).is_some()).count(), 2);
    assert_eq!(rack.events(), [Event::LimitReached(LimitReached::Connections)]);
}

#[test]
fn senseless_messages_are_told_and_too_many_close_the_connection() {
    let mut rack = Rack::with(|c| c.limits.errors = 2);
    let conn = rack.join(1, vec![]);
    rack.step(Input::Malformed { conn, kind: None, what: "the message is not JSON".into() });
    rack.receive(conn, Message::Unknown { kind: "MVR_DANCE".into() });
    assert!(rack.closed(conn).is_none());
    assert!(rack.saw(|e| matches!(e, Event::PeerError { what, .. } if what.contains("MVR_DANCE"))));
    rack.receive(conn, host_support::not_here());
    assert!(rack.closed(conn).unwrap().contains("without sense"));
}

#[test]
fn senseless_messages_are_forgiven_with_time() {
    let mut rack = Rack::with(|c| {
        c.limits.errors = 2;
        c.timers.forgiven = Duration::from_secs(5);
    });
    let conn = rack.join(1, vec![]);
    for _ in 0..100 {
        rack.receive(conn, Message::Unknown { kind: "MVR_EXTENSION".into() });
        rack.pass(Duration::from_secs(5));
    }
    assert!(rack.closed(conn).is_none(), "one each while can go on for ever");
    for _ in 0..3 {
        rack.receive(conn, Message::Unknown { kind: "MVR_EXTENSION".into() });
    }
    assert!(rack.closed(conn).unwrap().contains("MVR_EXTENSION"));
}

// proves: HST-23
#[test]
fn a_message_that_cannot_be_read_is_refused_in_its_own_kind() {
    let mut rack = Rack::new();
    let conn = rack.join(1, vec![]);
    let malformed = |kind| Input::Malformed { conn, kind, what: "the message is not JSON".into() };
    for (kind, what) in [
        (MessageType::Join, "MVR_JOIN_RET"),
        (MessageType::Leave, "MVR_LEAVE_RET"),
        (MessageType::Commit, "MVR_COMMIT_RET"),
        (MessageType::Request, "MVR_REQUEST_RET"),
        (MessageType::NewSessionHost, "MVR_NEW_SESSION_HOST_RET"),
    ] {
        rack.step(malformed(Some(kind)));
        let sent = rack.out.iter().find_map(|o| match o {
            Output::Send { conn: on, message, .. } if *on == conn => Some(message.kind().to_owned()),
            _ => None,
        });
        assert_eq!(sent.as_deref(), Some(what));
        let reply = rack.take_reply(conn);
        assert!(!reply.ok && reply.message.contains("not JSON"), "{reply:?}");
    }
    for kind in [None, Some(MessageType::CommitRet)] {
        rack.out.clear();
        rack.step(malformed(kind));
        assert!(!rack.sent_anything_on(conn));
    }
    assert_eq!(rack.host.stations().count(), 1, "it is joined as before");
}

// proves: HST-23
#[test]
fn a_request_that_cannot_be_read_is_refused_in_its_turn() {
    let mut rack = Rack::new();
    let (owner, asker) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    rack.receive(asker, request_for(1));
    rack.step(Input::Malformed { conn: asker, kind: Some(MessageType::Request), what: "not JSON".into() });
    assert!(!rack.sent_anything_on(asker), "it would be taken for the answer to the first one");
    rack.deliver(owner, 1001);
    let (ask, ..) = rack.take_send_file(asker).unwrap();
    rack.sent(ask, 1001);
    assert!(rack.take_reply(asker).message.contains("not JSON"));
    assert_eq!(rack.host.holdings().asks, 0);
}

#[test]
fn a_close_frame_tells_why_by_code_and_in_words() {
    let mut rack = Rack::with(|c| c.limits.connections = 2);
    let close = |rack: &mut Rack| {
        let found = rack.out.iter().find_map(|o| match o {
            Output::Close { code, why, .. } => Some((*code, why.clone())),
            _ => None,
        });
        rack.out.clear();
        found
    };
    rack.accept(1);
    rack.pass(Duration::from_secs(16));
    assert!(matches!(close(&mut rack), Some((1008, why)) if why.contains("in time")));
    let _both = (rack.accept(1), rack.accept(2), rack.accept(3));
    assert!(matches!(close(&mut rack), Some((1013, why)) if why.contains("too many")));
    rack.command(Command::End);
    assert!(matches!(close(&mut rack), Some((1001, why)) if why.contains("ended")));
}

#[test]
fn the_end_closes_every_connection_and_takes_no_new_one() {
    let mut rack = Rack::new();
    let (one, two) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    rack.receive(two, request_for(1)).command(Command::End);
    assert!(rack.closed(one).is_some() && rack.closed(two).is_some());
    assert!(rack.saw(|e| *e == Event::Ended));
    let late = rack.accept(3);
    assert!(rack.closed(late).is_some());
    assert_eq!((rack.host.deadline(), rack.host.holdings().relays), (None, 0));
}

// proves: BRG-02
#[test]
fn a_stand_in_does_not_take_the_place_of_its_station_and_the_station_takes_that_of_its_stand_in() {
    let mark =
        |bridge| Some(Ours::CURRENT.with_bridge(Some(BridgeMark::StandIn { bridge: station(bridge) })));
    let join = |ours| match join_as(1, "MVRApplication", "Desk", vec![]) {
        Message::Join(join) => Message::Join(Join { ours, ..join }),
        other => panic!("{other:?}"),
    };
    let answer = |rack: &mut Rack, conn| {
        let reply = rack.take_reply(conn);
        (reply.ok, reply.message.contains("is here already"))
    };
    let mut rack = Rack::new();
    let (first, anew, other) = (rack.accept(1), rack.accept(1), rack.accept(3));
    rack.receive(first, join(mark(50)));
    assert!(answer(&mut rack, first).0);
    // The same bridge comes anew, another one does not come in.
    rack.receive(anew, join(mark(50)));
    assert!(answer(&mut rack, anew).0 && rack.closed(first).is_some());
    rack.receive(other, join(mark(51)));
    assert_eq!(answer(&mut rack, other), (false, true));
    let itself = rack.accept(4);
    rack.receive(itself, join(None));
    assert!(answer(&mut rack, itself).0 && rack.closed(anew).is_some());
    let late = rack.accept(5);
    rack.receive(late, join(mark(50)));
    assert_eq!(answer(&mut rack, late), (false, true));
    assert!(rack.closed(itself).is_none());
}
