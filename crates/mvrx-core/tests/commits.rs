//! Aim: a commit reaches everybody it is for, once, in order, and nobody else.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mvrx_core::{Command, CommitSource, Event, Input, LimitReached, Output};
use mvrx_message::{Commit, Message};
use support::{Desk, commit, commit_for, file, join_from, join_ret_from, no, ok, request_for, station};

// proves: STA-07
#[test]
fn a_commit_goes_to_every_station_one_exchange_at_a_time_and_in_order() {
    let mut desk = Desk::new();
    desk.join(1).join(2);
    desk.command(Command::Publish(commit(1, 0))).command(Command::Publish(commit(2, 0)));
    assert_eq!(desk.dials(), 2, "one exchange with each");
    for _ in 0..2 {
        for n in 1..=2 {
            let (conn, _, said) = desk.connect();
            let Message::Commit(said) = said else { panic!("{said:?}") };
            assert_eq!(said.station, Some(support::me()));
            desk.receive(conn, Message::CommitRet(ok()));
            assert!(desk.closed(conn));
            let acknowledged = Event::CommitAcknowledged { file: said.file, station: station(n) };
            assert!(desk.saw(|e| *e == acknowledged), "{:?}", desk.events());
        }
    }
    assert_eq!(desk.dials(), 0);
}

// proves: STA-08
#[test]
fn a_commit_for_some_stations_is_announced_listed_and_served_to_those_alone() {
    let mut desk = Desk::new();
    desk.join(1).join(2);
    desk.command(Command::Publish(commit_for(1, 0, &[2])));
    assert_eq!(desk.dials(), 1);
    let (conn, to, _) = desk.connect();
    assert_eq!(to, support::address(2));
    desk.receive(conn, Message::CommitRet(ok()));

    for (n, listed) in [(1, 0), (2, 1)] {
        let conn = desk.accept(n);
        desk.receive(conn, join_from(n, "MVRApplication", vec![]));
        let Some(Message::JoinRet(ret)) = desk.take_sent(conn) else { panic!() };
        assert_eq!(ret.commits.len(), listed, "station {n}");
        desk.receive(conn, request_for(1));
        let refused = matches!(desk.take_sent(conn), Some(Message::RequestRet(reply)) if !reply.ok);
        assert_eq!(refused, listed == 0, "station {n}");
    }
}

#[test]
fn what_the_store_has_no_more_is_neither_listed_nor_given_and_can_be_asked_for_again() {
    let mut desk = Desk::new();
    desk.command(Command::Restore(Commit { station: Some(station(1)), ..commit(1, 0) }));
    desk.command(Command::Release(file(1)));
    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "MVRApplication", vec![commit(1, 0)]));
    let Some(Message::JoinRet(ret)) = desk.take_sent(conn) else { panic!() };
    assert!(ret.commits.is_empty());
    desk.receive(conn, request_for(1));
    assert!(matches!(desk.take_sent(conn), Some(Message::RequestRet(reply)) if !reply.ok));
    // Released again, or never held: nothing happens.
    desk.command(Command::Release(file(1))).command(Command::Release(file(9)));
    desk.command(Command::Restore(Commit { station: Some(station(1)), ..commit(1, 0) }));
    desk.receive(conn, request_for(1));
    assert!(desk.out.iter().any(|out| matches!(out, Output::SendFile { .. })), "it is back");
}

#[test]
fn a_request_on_a_connection_of_its_own_is_known_by_its_address() {
    let mut desk = Desk::new();
    desk.join(1).join(2);
    desk.command(Command::Publish(commit_for(1, 0, &[2])));
    for (n, served) in [(1, false), (2, true)] {
        let conn = desk.accept(n);
        desk.receive(conn, request_for(1));
        assert_eq!(desk.take_sent(conn).is_none(), served, "station {n}");
    }
}

#[test]
fn a_commit_made_while_our_join_is_under_way_is_told_afterwards() {
    let mut desk = Desk::new();
    desk.sight(1);
    let (conn, _, _) = desk.connect();
    desk.command(Command::Publish(commit(1, 0)));
    desk.receive(conn, join_ret_from(1, "MVRApplication", ok(), vec![]));
    assert!(matches!(desk.connect().2, Message::Commit(c) if c.file == file(1)));
}

#[test]
fn a_commit_that_was_not_taken_is_tried_again_after_a_join_that_lists_it() {
    let mut desk = Desk::new();
    desk.join(1);
    desk.command(Command::Publish(commit(1, 0)));
    let (conn, _) = desk.take_dial().unwrap();
    desk.step(Input::DialFailed { conn });
    assert!(desk.saw(|e| matches!(e, Event::StationUnreachable { .. })));
    desk.pass(Duration::from_secs(1));
    let (conn, _, said) = desk.connect();
    assert!(matches!(said, Message::Join(join) if join.commits.len() == 1));
    desk.receive(conn, join_ret_from(1, "MVRApplication", ok(), vec![]));
    assert!(desk.saw(|e| matches!(e, Event::StationReachable { .. })));
    assert!(matches!(desk.connect().2, Message::Commit(c) if c.file == file(1)));
}

#[test]
fn a_refused_commit_is_told_and_not_sent_again() {
    let mut desk = Desk::new();
    desk.join(1);
    desk.command(Command::Publish(commit(1, 0)));
    let (conn, _, _) = desk.connect();
    desk.receive(conn, Message::CommitRet(no("not for me")));
    assert!(desk.saw(|e| matches!(e, Event::CommitRefused { message, .. } if message == "not for me")));
    desk.pass(Duration::from_secs(60));
    assert_eq!(desk.dials(), 0);
}

// proves: STA-09
#[test]
fn a_commit_told_twice_is_one_commit() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    for _ in 0..2 {
        let conn = desk.accept(1);
        desk.receive(conn, Message::Commit(commit(1, 1)));
        assert!(matches!(desk.take_sent(conn), Some(Message::CommitRet(reply)) if reply.ok));
    }
    let seen = desk.events().into_iter().filter(|e| matches!(e, Event::CommitSeen { .. })).count();
    assert_eq!((seen, desk.core.commits().count()), (1, 1));
}

#[test]
fn a_commit_of_another_size_under_a_known_uuid_changes_nothing() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]).join(2);
    let mut forged = commit(1, 1);
    forged.file_size = 7;
    let conn = desk.accept(2);
    let mut join = join_from(2, "MVRApplication", vec![forged]);
    if let Message::Join(join) = &mut join {
        join.station_name = "station 2".into();
    }
    desk.receive(conn, join);
    let view = desk.core.commits().next().unwrap();
    assert_eq!(view.commit.file_size, commit(1, 1).file_size);
    assert!(!view.holders.contains_key(&station(2)));
}

#[test]
fn the_latest_is_the_last_to_arrive() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(3, 1), commit(1, 1)]);
    let conn = desk.accept(1);
    desk.receive(conn, Message::Commit(commit(2, 1)));
    let order: Vec<_> = desk.core.commits().map(|c| c.commit.file).collect();
    assert_eq!(order, [file(3), file(1), file(2)]);
    assert!(desk.saw(
        |e| *e == Event::CommitSeen { file: file(2), from: station(1), source: CommitSource::Announced }
    ));
}

// proves: STA-09
#[test]
fn the_order_of_each_station_is_known_whoever_told_first() {
    let mut desk = Desk::new();
    desk.join_with(2, "MVRApplication", vec![commit(2, 1), commit(1, 1)]);
    desk.join_with(1, "MVRApplication", vec![commit(1, 1), commit(2, 1)]);
    let order = |desk: &Desk, of: u8| {
        let mut listed: Vec<_> =
            desk.core.commits().map(|c| (c.holders[&station(of)], c.commit.file)).collect();
        listed.sort();
        listed.into_iter().map(|(_, file)| file).collect::<Vec<_>>()
    };
    assert_eq!(order(&desk, 2), [file(2), file(1)]);
    assert_eq!(order(&desk, 1), [file(1), file(2)]);
    // The older one is announced once more, since somebody had not taken it: that makes it no newer.
    let conn = desk.accept(1);
    desk.receive(conn, Message::Commit(commit(1, 1)));
    assert_eq!(order(&desk, 1), [file(1), file(2)]);
}

// proves: STA-10
#[test]
fn grandma3_is_pushed_the_newest_commit_after_its_join() {
    let mut desk = Desk::new();
    desk.command(Command::Publish(commit(1, 0))).command(Command::Publish(commit(2, 0)));
    desk.join(1);
    let conn = desk.accept(1);
    desk.receive(conn, join_from(1, "GrandMA3", vec![]));
    let (pushed, _, said) = desk.connect();
    assert!(matches!(said, Message::Commit(c) if c.file == file(2)));
    desk.receive(pushed, Message::CommitRet(ok()));
    assert_eq!(desk.dials(), 0);
}

#[test]
fn a_commit_from_nobody_known_is_refused_and_one_from_a_leaver_ignored() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, Message::Commit(commit(1, 1)));
    assert!(matches!(desk.take_sent(conn), Some(Message::CommitRet(reply)) if !reply.ok));

    desk.join(2);
    let conn = desk.accept(2);
    desk.receive(conn, support::leave(2)).receive(conn, Message::Commit(commit(2, 2)));
    desk.take_sent(conn);
    assert!(matches!(desk.take_sent(conn), Some(Message::CommitRet(reply)) if reply.ok));
    assert_eq!(desk.core.commits().count(), 0);
}

#[test]
fn the_oldest_commits_of_others_go_when_there_are_too_many() {
    let mut desk = Desk::with(|config| config.limits.commits = 3);
    desk.command(Command::Publish(commit(1, 0)));
    desk.join_with(1, "MVRApplication", (2..=6).map(|n| commit(n, 1)).collect());
    let left: Vec<_> = desk.core.commits().map(|c| c.commit.file).collect();
    assert_eq!(left, [file(1), file(5), file(6)], "what we hold ourselves stays");
}

#[test]
fn commits_wait_for_a_station_up_to_the_limit() {
    let mut desk = Desk::with(|config| config.limits.pending_commits = 2);
    desk.join(1);
    for n in 1..=4 {
        desk.command(Command::Publish(commit(n, 0)));
    }
    assert!(desk.saw(|e| matches!(e, Event::LimitReached(_))));
}

#[test]
fn long_names_and_comments_take_no_more_room_than_allowed() {
    let long = |n: u8| Commit { comment: "c".repeat(4_000), ..commit(n, 1) };
    let known = |bytes: usize| {
        let mut desk = Desk::with(|config| config.limits.commit_bytes = bytes);
        desk.join_with(1, "MVRApplication", (1..=20).map(long).collect());
        let files: Vec<_> = desk.core.commits().map(|view| view.commit.file).collect();
        let told = desk.saw(|e| *e == Event::LimitReached(LimitReached::CommitBytes));
        (files, told)
    };
    let (all, told) = known(20 * 5_000);
    assert!(all.len() == 20 && !told);
    let (newest, told) = known(5 * 5_000);
    assert!(told && (5..=6).contains(&newest.len()), "{}", newest.len());
    assert_eq!(newest.last(), Some(&file(20)), "the oldest went");
}
