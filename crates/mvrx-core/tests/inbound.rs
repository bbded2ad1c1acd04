//! Aim: whatever comes in is answered or closed, is bounded in number and time.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mvrx_core::{Ending, Event, Input, LimitReached};
use mvrx_message::Message;
use support::{Desk, join_from, leave, ok};

#[test]
fn a_silent_connection_is_closed_and_one_that_spoke_may_stay_longer() {
    let mut desk = Desk::new();
    let (silent, spoke) = (desk.accept(1), desk.accept(2));
    desk.receive(spoke, join_from(2, "GrandMA3", vec![]));
    desk.pass(Duration::from_secs(16));
    assert!(desk.closed(silent) && !desk.closed(spoke));
    desk.pass(Duration::from_secs(300));
    assert!(desk.closed(spoke));
}

#[test]
fn more_connections_than_the_limit_are_closed_and_told_once() {
    let mut desk = Desk::with(|config| config.limits.inbound = 2);
    let conns: Vec<_> = (1..=5).map(|n| desk.accept(n)).collect();
    assert_eq!(conns.iter().filter(|c| desk.closed(**c)).count(), 3);
    assert_eq!(desk.events(), [Event::LimitReached(LimitReached::Inbound)]);
    desk.close(conns[0], Ending::Clean);
    let next = desk.accept(9);
    assert!(!desk.closed(next));
}

#[test]
fn what_cannot_be_read_is_told_and_closes_its_connection_only() {
    let mut desk = Desk::new();
    let (bad, good) = (desk.accept(1), desk.accept(2));
    desk.step(Input::Malformed { conn: bad, what: "the message is not JSON".into() });
    assert!(desk.closed(bad) && !desk.closed(good));
    assert!(desk.saw(|e| matches!(e, Event::PeerError { what, .. } if what.contains("not JSON"))));
    desk.receive(good, join_from(2, "MVRApplication", vec![]));
    assert!(matches!(desk.take_sent(good), Some(Message::JoinRet(ret)) if ret.reply.ok));
}

#[test]
fn a_reply_to_nothing_and_a_file_nobody_asked_for_are_told() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, Message::CommitRet(ok()));
    assert!(desk.saw(|e| matches!(e, Event::PeerError { .. })));
    desk.step(Input::FileBegins { conn, length: Some(1) });
    assert!(desk.closed(conn));
}

// proves: STA-21
#[test]
fn connections_that_nothing_comes_on_take_no_address_all_its_places() {
    let mut desk = Desk::with(|config| config.limits.quiet_from_one = 2);
    let mut conns = Vec::new();
    for n in 1..=4 {
        let conn = desk.accept(9);
        desk.receive(conn, join_from(n, "grandMA3", vec![]));
        desk.pass(Duration::from_secs(1));
        conns.push(conn);
    }
    // The first one is in use again: the second was silent longest.
    let other = desk.accept(8);
    desk.receive(other, join_from(8, "grandMA3", vec![]));
    assert!(
        desk.closed(conns[0]) && !desk.closed(conns[1]),
        "one more than two was quiet when the fourth came"
    );
    desk.receive(conns[1], leave(2));
    desk.accept(9);
    assert!(desk.closed(conns[2]) && !desk.closed(conns[1]) && !desk.closed(conns[3]) && !desk.closed(other));
    assert!(desk.saw(|e| *e == Event::LimitReached(LimitReached::QuietFromOne)));
}
