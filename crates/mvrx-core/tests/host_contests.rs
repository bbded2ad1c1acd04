//! Aim: who joins as a station that is here from another address does not throw it out as long as it lives, and is it soon when it does not.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use std::time::Duration;

use host_support::{Rack, commit, join_as, leave, request_for, station};
use mvrx_core::ConnId;
use mvrx_core::host::{Command, Event, Input, LimitReached, Output, Standing};
use mvrx_message::{BridgeMark, Join, Message, Ours};

const WAIT: Duration = Duration::from_secs(2);

fn join(n: u8) -> Message {
    join_as(n, "MVRApplication", &format!("station {n}"), vec![])
}

fn marked(n: u8, bridge: u8) -> Message {
    marked_as(n, BridgeMark::StandIn { bridge: station(bridge) })
}

fn marked_as(n: u8, mark: BridgeMark) -> Message {
    let ours = Some(Ours::CURRENT.with_bridge(Some(mark)));
    match join(n) {
        Message::Join(join) => Message::Join(Join { ours, ..join }),
        other => panic!("{other:?}"),
    }
}

/// Somebody at address `from` connects and joins as station `n`.
fn come(rack: &mut Rack, from: u8, n: u8) -> ConnId {
    let conn = rack.accept(from);
    rack.receive(conn, join(n));
    conn
}

/// The connections that were asked for a sign of life since the last look.
fn asked(rack: &mut Rack) -> Vec<ConnId> {
    let asked =
        rack.out.iter().filter_map(|o| if let Output::AskAlive { conn } = o { Some(*conn) } else { None });
    let asked = asked.collect();
    rack.out.retain(|o| !matches!(o, Output::AskAlive { .. }));
    asked
}

/// It was told no, in words, and its connection was closed.
fn is_refused(rack: &mut Rack, conn: ConnId) -> bool {
    let reply = rack.take_reply(conn);
    !reply.ok && rack.closed(conn) == Some(reply.message)
}

// proves: HST-30
#[test]
fn a_station_that_answers_keeps_its_place_and_the_newcomer_from_elsewhere_is_refused_in_words() {
    let mut rack = Rack::new();
    let (here, other) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    let new = come(&mut rack, 9, 1);
    assert_eq!(asked(&mut rack), [here]);
    assert_eq!(rack.host.standing(new), Some(Standing::Waiting));
    assert!(!rack.sent_anything_on(new) && rack.closed(here).is_none());
    rack.pass(WAIT - Duration::from_millis(1)).step(Input::Alive { conn: here });
    let reply = rack.take_reply(new);
    assert!(!reply.ok && reply.message.contains("answers there"), "{reply:?}");
    assert_eq!(rack.closed(new), Some(reply.message.clone()));
    let refused = |e: &Event| match e {
        Event::JoinRefused { station: of, address, message } => {
            *of == station(1) && address.ip().to_string() == "10.0.0.9" && *message == reply.message
        }
        _ => false,
    };
    assert!(rack.saw(refused));
    assert!(!rack.saw(|e| matches!(e, Event::StationReplaced { .. } | Event::StationLost { .. })));
    // It is what it was, and nothing is waited for.
    assert_eq!((rack.host.station(here), rack.host.deadline()), (Some(station(1)), None));
    rack.receive(other, request_for(1));
    assert_eq!(rack.asked(here), Some(host_support::file(1)));
}

// proves: HST-30
#[test]
fn without_an_answer_in_time_the_newcomer_is_the_station() {
    let mut rack = Rack::new();
    let (here, other) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    let new = come(&mut rack, 9, 1);
    rack.pass(WAIT - Duration::from_millis(1));
    assert!(rack.closed(here).is_none() && !rack.sent_anything_on(new));
    rack.pass(Duration::from_millis(1));
    assert!(rack.take_reply(new).ok);
    assert!(rack.closed(here).unwrap().contains("connected anew from 10.0.0.9"));
    assert!(rack.saw(|e| matches!(e, Event::StationReplaced { from, to, .. } if from.ip() != to.ip())));
    assert!(!rack.sent_anything_on(other), "nobody else notices");
    // An answer that comes now is nobody's.
    rack.step(Input::Alive { conn: here });
    assert_eq!((rack.host.station(new), rack.host.holdings().waiting), (Some(station(1)), 0));
    rack.receive(other, request_for(1));
    assert_eq!(rack.asked(new), Some(host_support::file(1)));
}

// proves: HST-03
#[test]
fn from_the_same_address_the_newer_connection_wins_at_once() {
    let mut rack = Rack::new();
    let here = rack.join(1, vec![]);
    let new = come(&mut rack, 1, 1);
    assert!(rack.take_reply(new).ok && rack.closed(here).is_some());
    assert_eq!(asked(&mut rack), []);
    // An IPv4 address is the same however it is written.
    let mapped = ConnId::Accepted(77);
    let peer = "[::ffff:10.0.0.1]:50000".parse().unwrap();
    rack.step(Input::Accepted { conn: mapped, peer }).receive(mapped, join(1));
    assert!(rack.take_reply(mapped).ok && asked(&mut rack).is_empty());
}

#[test]
fn with_no_time_to_answer_nobody_is_asked() {
    let mut rack = Rack::with(|c| c.timers.sign_of_life = Duration::ZERO);
    let here = rack.join(1, vec![]);
    let new = come(&mut rack, 9, 1);
    assert!(rack.take_reply(new).ok && rack.closed(here).is_some() && asked(&mut rack).is_empty());
}

// proves: HST-30
#[test]
fn many_newcomers_cost_one_question_at_a_time_and_the_newest_waits() {
    let mut rack = Rack::new();
    let here = rack.join(1, vec![]);
    let mut before: Option<ConnId> = None;
    for n in 10..60 {
        let new = come(&mut rack, n, 1);
        if let Some(before) = before {
            assert!(is_refused(&mut rack, before));
        }
        before = Some(new);
        assert_eq!(rack.host.holdings().waiting, 1);
    }
    assert_eq!(asked(&mut rack), [here]);
    // Who goes again does not end the question, so the next one asks none anew, and waits for what is left of the time.
    let last = before.unwrap();
    rack.pass(WAIT / 2).close(last);
    assert_eq!(rack.host.holdings().waiting, 0);
    let new = come(&mut rack, 70, 1);
    assert_eq!(asked(&mut rack), []);
    rack.pass(WAIT / 2);
    assert!(rack.take_reply(new).ok);
}

#[test]
fn an_answer_when_nobody_waits_ends_the_question_and_the_next_newcomer_asks_again() {
    let mut rack = Rack::new();
    let here = rack.join(1, vec![]);
    let gone = come(&mut rack, 9, 1);
    rack.close(gone).step(Input::Alive { conn: here });
    assert_eq!(rack.host.deadline(), None);
    asked(&mut rack);
    come(&mut rack, 9, 1);
    assert_eq!(asked(&mut rack), [here]);
    // A question that nobody waits for ends with its time, too.
    rack.step(Input::Alive { conn: here });
    let gone = come(&mut rack, 9, 1);
    rack.close(gone).pass(WAIT);
    assert_eq!((rack.host.deadline(), rack.host.station(here)), (None, Some(station(1))));
}

#[test]
fn when_the_present_one_goes_the_newcomer_is_let_in_at_once() {
    for leaves in [true, false] {
        let mut rack = Rack::new();
        let here = rack.join(1, vec![]);
        let new = come(&mut rack, 9, 1);
        if leaves {
            rack.receive(here, leave(1))
        } else {
            rack.close(here)
        };
        assert!(rack.take_reply(new).ok);
        assert_eq!(rack.host.station(new), Some(station(1)));
        assert_eq!(rack.host.holdings().waiting, 0);
    }
}

#[test]
fn when_the_present_one_comes_anew_from_where_it_was_the_newcomer_is_refused() {
    let mut rack = Rack::new();
    let here = rack.join(1, vec![]);
    let new = come(&mut rack, 9, 1);
    let anew = come(&mut rack, 1, 1);
    assert!(rack.closed(here).is_some() && is_refused(&mut rack, new));
    assert_eq!((rack.host.station(anew), rack.host.deadline()), (Some(station(1)), None));
}

#[test]
fn what_keeps_a_newcomer_out_when_its_turn_comes_counts_then() {
    let mut rack = Rack::new();
    let here = rack.accept(5);
    rack.receive(here, marked(1, 50));
    assert!(rack.take_reply(here).ok);
    let new = rack.accept(9);
    rack.receive(new, marked(1, 50));
    // It says that it is the station itself now, for which nobody stands in.
    rack.receive(here, join(1));
    assert!(rack.take_reply(here).ok);
    rack.pass(WAIT);
    assert!(is_refused(&mut rack, new));
    assert_eq!(rack.host.station(here), Some(station(1)));
}

// proves: HST-30
#[test]
fn who_waits_is_one_of_the_session_in_nothing_and_may_change_its_mind() {
    let mut rack = Rack::new();
    let (here, other) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    let new = come(&mut rack, 9, 1);
    for message in [Message::Commit(commit(5, 1)), request_for(1)] {
        rack.receive(new, message);
        assert!(!rack.take_reply(new).ok);
    }
    assert!(!rack.sent_anything_on(other));
    // It says its JOIN again: one answer, to the last.
    rack.receive(new, join(1));
    assert_eq!((asked(&mut rack), rack.host.holdings().waiting), (vec![here], 1));
    // It would rather be somebody else.
    rack.receive(new, join(3));
    assert!(rack.take_reply(new).ok);
    assert_eq!((rack.host.station(new), rack.host.holdings().waiting), (Some(station(3)), 0));
    rack.pass(WAIT);
    assert_eq!(rack.host.station(here), Some(station(1)));
    // It leaves before it was let in, and is one that has not joined.
    let new = come(&mut rack, 9, 1);
    rack.receive(new, leave(1));
    assert!(rack.take_reply(new).ok);
    assert_eq!(rack.host.standing(new), Some(Standing::Unjoined));
    rack.pass(Duration::from_secs(15));
    assert!(rack.closed(new).unwrap().contains("in time"));
    // A file before the answer is one before JOIN.
    let new = come(&mut rack, 9, 1);
    rack.step(Input::FileBegins { conn: new });
    assert!(rack.closed(new).unwrap().contains("before MVR_JOIN"));
    rack.pass(WAIT);
    assert_eq!((rack.host.station(here), rack.host.deadline()), (Some(station(1)), None));
}

#[test]
fn a_connection_that_is_one_station_cannot_wait_for_the_place_of_another() {
    let mut rack = Rack::new();
    let (here, other) = (rack.join(1, vec![]), rack.join(2, vec![]));
    rack.receive(other, join(1));
    let reply = rack.take_reply(other);
    assert!(!reply.ok && reply.message.contains("has joined as another one"), "{reply:?}");
    assert!(rack.closed(other).is_none() && asked(&mut rack).is_empty());
    assert_eq!((rack.host.station(here), rack.host.station(other)), (Some(station(1)), Some(station(2))));
    // Once it has left, it can.
    rack.receive(other, leave(2));
    rack.out.clear();
    rack.receive(other, join(1));
    assert_eq!(asked(&mut rack), [here]);
    rack.pass(WAIT);
    assert!(rack.take_reply(other).ok);
}

// proves: HST-30
#[test]
fn so_many_may_wait_and_one_more_is_refused_at_once() {
    let mut rack = Rack::with(|c| c.limits.waiting = 2);
    let here: Vec<_> = (1..=3).map(|n| rack.join(n, vec![])).collect();
    let (one, two) = (come(&mut rack, 9, 1), come(&mut rack, 9, 2));
    assert!(!rack.saw(|e| matches!(e, Event::LimitReached(_))));
    let three = come(&mut rack, 9, 3);
    let reply = rack.take_reply(three);
    assert!(!reply.ok && reply.message.contains("too many wait"), "{reply:?}");
    assert!(rack.saw(|e| *e == Event::LimitReached(LimitReached::Waiting)));
    assert_eq!((rack.host.holdings().waiting, asked(&mut rack)), (2, here[..2].to_vec()));
    // One that takes the place of another one that waits is no more than before.
    let again = come(&mut rack, 8, 1);
    assert!(is_refused(&mut rack, one));
    rack.step(Input::Alive { conn: here[0] });
    assert!(is_refused(&mut rack, again));
    rack.receive(three, join(3));
    assert_eq!(asked(&mut rack), [here[2]]);
    rack.pass(WAIT);
    assert!(rack.take_reply(two).ok && rack.take_reply(three).ok);
    assert_eq!(rack.host.holdings().waiting, 0);
}

// proves: HST-30
#[test]
fn a_bridge_and_who_it_stands_in_for_keep_their_places_too() {
    let mut rack = Rack::new();
    let stand_in = rack.accept(5);
    rack.receive(stand_in, marked(1, 50));
    assert!(rack.take_reply(stand_in).ok);
    // Who says that it is the same bridge, from elsewhere.
    let forged = rack.accept(9);
    rack.receive(forged, marked(1, 50));
    assert_eq!(asked(&mut rack), [stand_in]);
    rack.step(Input::Alive { conn: stand_in });
    assert!(is_refused(&mut rack, forged) && rack.closed(stand_in).is_none());
    // The bridge's own place.
    let bridge = rack.accept(5);
    let mark = BridgeMark::Bridge { host: station(0) };
    rack.receive(bridge, marked_as(50, mark));
    assert!(rack.take_reply(bridge).ok);
    for forged in [marked_as(50, mark), join(50)] {
        let from = rack.accept(9);
        rack.receive(from, forged);
        assert_eq!(asked(&mut rack), [bridge]);
        rack.step(Input::Alive { conn: bridge });
        assert!(is_refused(&mut rack, from) && rack.closed(bridge).is_none());
    }
    // The station itself goes before its stand-in, which could only answer for itself.
    let itself = come(&mut rack, 9, 1);
    assert!(rack.take_reply(itself).ok && rack.closed(stand_in).is_some());
}

#[test]
fn the_end_of_the_session_ends_the_waiting() {
    let mut rack = Rack::new();
    rack.join(1, vec![]);
    let new = come(&mut rack, 9, 1);
    rack.command(Command::End);
    assert!(rack.closed(new).is_some());
    assert_eq!((rack.host.deadline(), rack.host.holdings().waiting), (None, 0));
}
