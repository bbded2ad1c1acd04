//! Aim: a session's list has what somebody gives: what the last one let go of is told to all that understand it, and nothing that is needed goes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use std::time::Duration;

use host_support::{Rack, commit, file, join_as, request_for, station};
use mvrx_core::ConnId;
use mvrx_core::host::{Command, Timers};
use mvrx_message::{Commit, FileUuid, Join, Message, Ours};

fn say_join(rack: &mut Rack, conn: ConnId, n: u8, commits: Vec<Commit>, released: &[FileUuid]) {
    let Message::Join(join) = join_as(n, "mvrx", "desk", commits) else { unreachable!() };
    let join = Join { ours: Some(Ours::CURRENT), released: released.to_vec(), ..join };
    rack.receive(conn, Message::Join(join));
    let answer = rack.take_sent(conn);
    assert!(matches!(&answer, Some(Message::JoinRet(ret)) if ret.answers_join()), "{answer:?}");
}

fn ours(rack: &mut Rack, n: u8, commits: Vec<Commit>) -> ConnId {
    let conn = rack.accept(n);
    say_join(rack, conn, n, commits, &[]);
    rack.out.clear();
    conn
}

/// What a client is told by itself, after a moment, that nobody gives any more; by how many messages.
fn news(rack: &mut Rack, conn: ConnId) -> (Vec<FileUuid>, usize) {
    rack.pass(Timers::default().announce);
    let (mut all, mut messages) = (Vec::new(), 0);
    while let Some(message) = rack.take_sent(conn) {
        if let Message::JoinRet(ret) = &message
            && let Some(roster) = ret.roster.as_ref().filter(|roster| !roster.released.is_empty())
        {
            assert!(!ret.answers_join());
            all.extend(roster.released.iter().copied());
            messages += 1;
        }
    }
    (all, messages)
}

fn is_given(rack: &Rack, n: u8) -> bool {
    let view = rack.host.commits().find(|view| view.commit.file == file(n)).unwrap();
    view.held || !view.holders.is_empty()
}

// proves: HST-31
#[test]
fn what_our_store_drops_is_given_by_its_author_and_told_when_he_has_it_no_more() {
    let mut rack = Rack::new();
    rack.command(Command::Restore(commit(1, 1)));
    let author = ours(&mut rack, 1, vec![commit(1, 1)]);
    let reader = ours(&mut rack, 2, vec![]);
    let foreign = rack.join(3, vec![]);
    rack.out.clear();
    rack.command(Command::Release(file(1)));
    assert!(is_given(&rack, 1) && rack.host.holdings().kept_files == 0);
    assert_eq!(news(&mut rack, reader), (vec![], 0));
    say_join(&mut rack, author, 1, vec![], &[file(1)]);
    assert!(!is_given(&rack, 1));
    assert_eq!(news(&mut rack, reader), (vec![file(1)], 1));
    assert!(rack.take_sent(foreign).is_none());
    rack.receive(reader, request_for(1));
    assert!(!rack.take_reply(reader).ok);
    // Whoever has it again brings it back to all.
    rack.out.clear();
    say_join(&mut rack, author, 1, vec![commit(1, 1)], &[]);
    let back = rack.take_sent(reader);
    assert!(matches!(&back, Some(Message::Commit(told)) if told.file == file(1)), "{back:?}");
    assert!(is_given(&rack, 1));
}

// proves: HST-31
#[test]
fn what_is_here_again_within_the_moment_is_not_told() {
    let mut rack = Rack::new();
    let author = ours(&mut rack, 1, vec![commit(1, 1), commit(2, 1)]);
    let reader = ours(&mut rack, 2, vec![]);
    say_join(&mut rack, author, 1, vec![], &[file(1), file(2)]);
    rack.pass(Duration::from_millis(1));
    say_join(&mut rack, author, 1, vec![commit(2, 1)], &[]);
    assert_eq!(news(&mut rack, reader), (vec![file(1)], 1));
}

#[test]
fn many_that_go_at_once_are_told_by_few_messages() {
    let mut rack = Rack::new();
    let count = u8::try_from(Join::RELEASED).unwrap() + 1;
    let us = rack.host.config().station;
    for n in 0..count {
        rack.command(Command::Restore(Commit { station: Some(us), ..commit(n, 0) }));
    }
    let reader = ours(&mut rack, 2, vec![]);
    for n in 0..count {
        rack.command(Command::Release(file(n)));
    }
    let (told, messages) = news(&mut rack, reader);
    assert_eq!((told.len(), messages), (usize::from(count), 2));
    // Who comes now is told of none of it.
    let late = rack.accept(3);
    say_join(&mut rack, late, 3, vec![], &[]);
    assert_eq!(news(&mut rack, late), (vec![], 0));
}

#[test]
fn a_station_lets_go_of_nothing_but_its_own_hold() {
    let mut rack = Rack::new();
    let author = ours(&mut rack, 1, vec![commit(1, 1)]);
    let other = ours(&mut rack, 2, vec![]);
    say_join(&mut rack, other, 2, vec![], &[file(1), file(9)]);
    assert!(is_given(&rack, 1));
    assert_eq!(news(&mut rack, author), (vec![], 0));
}

#[test]
fn nobody_is_told_of_a_commit_that_was_not_for_him() {
    let mut rack = Rack::new();
    let secret = Commit { for_stations: vec![station(2)], ..commit(1, 1) };
    let author = ours(&mut rack, 1, vec![secret]);
    let (to, other) = (ours(&mut rack, 2, vec![]), ours(&mut rack, 3, vec![]));
    say_join(&mut rack, author, 1, vec![], &[file(1)]);
    assert_eq!((news(&mut rack, other).0, news(&mut rack, to).0), (vec![], vec![file(1)]));
}

// proves: HST-31
#[test]
fn a_file_that_somebody_waits_for_is_needed_until_he_has_it() {
    let mut rack = Rack::new();
    rack.command(Command::Restore(commit(1, 9)));
    let reader = ours(&mut rack, 2, vec![]);
    assert!(!rack.host.is_needed(file(1)));
    rack.receive(reader, request_for(1));
    let (ask, ..) = rack.take_send_file(reader).unwrap();
    assert!(rack.host.is_needed(file(1)));
    rack.sent(ask, 1001);
    assert!(!rack.host.is_needed(file(1)));
}

#[test]
fn what_was_let_go_is_not_gathered_again_and_is_fetched_when_somebody_wants_it() {
    let mut rack = Rack::with(|config| config.gather = true);
    rack.command(Command::Restore(commit(1, 1)));
    rack.command(Command::Release(file(1)));
    let author = rack.accept(1);
    say_join(&mut rack, author, 1, vec![commit(1, 1)], &[]);
    let asked = |rack: &mut Rack, conn| {
        std::iter::from_fn(|| rack.take_sent(conn)).any(|said| matches!(said, Message::Request(_)))
    };
    assert!(!asked(&mut rack, author), "it would be dropped again");
    let reader = ours(&mut rack, 2, vec![]);
    rack.receive(reader, request_for(1));
    assert!(asked(&mut rack, author));
}
