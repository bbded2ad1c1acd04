//! Aim: what our store has no more is in no list of ours and is asked of nobody who said so; what is being sent, or promised, stays.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mvrx_core::{Command, ConnId, Ending, Input, Output, SessionConfig};
use mvrx_message::{Commit, FileUuid, Join, JoinRet, Message, Ours, Roster};
use support::{Desk, commit, file, join_from, next_join, ok, request_for, station};

/// A JOIN of one of ours that lists these and has those no more.
fn hears(desk: &mut Desk, n: u8, commits: Vec<Commit>, released: &[FileUuid]) -> Message {
    let Message::Join(join) = join_from(n, "mvrx", commits) else { unreachable!() };
    let conn = desk.accept(n);
    let join = Join { ours: Some(Ours::CURRENT), released: released.to_vec(), ..join };
    desk.receive(conn, Message::Join(join));
    desk.take_sent(conn).unwrap()
}

fn listed(commits: &[Commit]) -> Vec<FileUuid> {
    commits.iter().map(|commit| commit.file).collect()
}

fn holders(desk: &Desk, n: u8) -> Vec<mvrx_message::StationUuid> {
    desk.core.commit(file(n)).unwrap().holders.keys().copied().collect()
}

// proves: STA-35
#[test]
fn a_file_that_is_let_go_leaves_our_list_and_a_join_tells_each_station_of_ours_once() {
    let mut desk = Desk::new();
    for n in 1..=3 {
        desk.command(Command::Restore(commit(n, 9)));
    }
    desk.join_with(1, "mvrx", vec![]).join_with(2, "mvrx", vec![]).join_with(3, "Vectorworks", vec![]);
    desk.out.clear();
    desk.command(Command::Release(file(1)));
    let mut told = Vec::new();
    for _ in 0..2 {
        let (n, join) = next_join(&mut desk);
        assert_eq!((join.released, listed(&join.commits)), (vec![file(1)], vec![file(2), file(3)]));
        told.push(n);
    }
    told.sort_unstable();
    assert_eq!((told, desk.dials()), (vec![1, 2], 0), "other products make nothing of it");
    let conn = desk.accept(1);
    desk.receive(conn, request_for(1));
    let Some(Message::RequestRet(reply)) = desk.take_sent(conn) else { panic!("{:?}", desk.out) };
    assert!(!reply.ok && !desk.core.holds(file(1)));
    // Who was told is not told again, nor by the next one.
    desk.command(Command::Release(file(1))).command(Command::Release(file(77)));
    assert_eq!(desk.dials(), 0);
    desk.command(Command::Refresh);
    assert_eq!(next_join(&mut desk).1.released, []);
}

#[test]
fn what_is_here_again_before_it_was_told_is_listed_and_nothing_else_said() {
    let mut desk = Desk::new();
    desk.command(Command::Restore(commit(1, 9)));
    desk.join_with(1, "mvrx", vec![]);
    desk.out.clear();
    desk.command(Command::Release(file(1))).command(Command::Restore(commit(1, 9)));
    let (_, join) = next_join(&mut desk);
    assert_eq!((join.released, listed(&join.commits)), (vec![], vec![file(1)]));
    assert_eq!(desk.dials(), 0);
}

// proves: STA-35
#[test]
fn more_than_one_message_has_follows_when_it_is_answered() {
    let mut desk = Desk::new();
    let count = u8::try_from(Join::RELEASED).unwrap() + 1;
    for n in 0..=count {
        desk.command(Command::Restore(commit(n, 9)));
    }
    desk.join_with(200, "mvrx", vec![]);
    desk.out.clear();
    // The first is on its way when the others go.
    for n in 0..count {
        desk.command(Command::Release(file(n)));
    }
    let mut all = Vec::new();
    for expected in [Join::RELEASED, 1] {
        let (_, join) = next_join(&mut desk);
        assert_eq!(join.released.len(), expected);
        all.extend(join.released);
    }
    assert_eq!((all, desk.dials()), ((0..count).map(file).collect(), 0));
}

#[test]
fn a_join_that_failed_is_said_again_with_all_of_it() {
    let mut desk = Desk::new();
    desk.command(Command::Restore(commit(1, 9))).command(Command::Restore(commit(2, 9)));
    desk.join_with(1, "mvrx", vec![]);
    desk.out.clear();
    desk.command(Command::Release(file(1)));
    let (conn, _, said) = desk.connect();
    assert!(matches!(said, Message::Join(join) if join.released == [file(1)]));
    desk.close(conn, Ending::Broken);
    desk.command(Command::Release(file(2)));
    let (_, join) = next_join(&mut desk);
    assert_eq!(join.released, [file(1), file(2)]);
}

#[test]
fn nobody_is_told_of_a_commit_that_was_not_for_him() {
    let mut desk = Desk::new();
    let secret = Commit { for_stations: vec![station(2)], ..commit(1, 9) };
    desk.command(Command::Restore(secret));
    desk.join_with(1, "mvrx", vec![]).join_with(2, "mvrx", vec![]);
    desk.out.clear();
    desk.command(Command::Release(file(1)));
    for _ in 0..2 {
        let (n, join) = next_join(&mut desk);
        assert_eq!(join.released.len(), usize::from(n == 2), "{n}");
    }
}

// proves: STA-36
#[test]
fn who_lets_go_is_no_holder_and_what_the_last_one_lets_go_is_given_by_nobody() {
    let mut desk = Desk::new();
    let both = || vec![commit(1, 1), commit(2, 1)];
    desk.join_with(1, "mvrx", both()).join_with(2, "mvrx", both());
    hears(&mut desk, 1, vec![commit(2, 1)], &[file(1)]);
    assert_eq!(holders(&desk, 1), [station(2)]);
    assert_eq!(holders(&desk, 2), [station(1), station(2)]);
    // A station says it of itself and of nobody else.
    hears(&mut desk, 1, vec![commit(2, 1)], &[file(1)]);
    assert_eq!(holders(&desk, 1), [station(2)]);
    hears(&mut desk, 2, vec![commit(2, 1)], &[file(1), file(99)]);
    assert_eq!(holders(&desk, 1), []);
    let view = desk.core.commit(file(1)).unwrap();
    assert!(!view.held && desk.core.commits().count() == 2, "it is known on");
    // Its list is the later word of the two in one message, and whoever has it again brings it back.
    hears(&mut desk, 2, both(), &[file(1)]);
    assert_eq!(holders(&desk, 1), [station(2)]);
    // What we hold stays ours.
    desk.command(Command::Restore(commit(5, 1)));
    hears(&mut desk, 2, vec![], &[file(5)]);
    assert!(desk.core.holds(file(5)));
}

// proves: STA-35
#[test]
fn what_is_being_sent_or_promised_is_in_use_until_it_is_out() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![]);
    for n in 1..=3 {
        desk.command(Command::Restore(commit(n, 0)));
    }
    let in_use = |desk: &Desk| [1, 2, 3].map(|n| desk.core.is_in_use(file(n)));
    assert_eq!(in_use(&desk), [false; 3]);
    let conn = desk.accept(1);
    desk.receive(conn, request_for(1)).receive(conn, request_for(2));
    assert_eq!(in_use(&desk), [true, true, false]);
    desk.step(Input::FileSent { conn, length: 1001 });
    assert_eq!(in_use(&desk), [false, true, false]);
    // Who closes may still read what is on its way.
    desk.close(conn, Ending::Clean);
    assert_eq!(in_use(&desk), [false, true, false]);
    desk.step(Input::FileSent { conn, length: 1001 });
    assert_eq!(in_use(&desk), [false; 3]);
}

/// In a session whose host is one of ours, or another product's.
fn in_session(is_ours: bool, commits: Vec<Commit>, own: u8) -> (Desk, ConnId) {
    let mut desk = Desk::with(|config| config.session = Some(SessionConfig::new("ws://rack.example/", 7)));
    desk.command(Command::Leave).command(Command::Rejoin);
    for n in 0..own {
        desk.command(Command::Restore(commit(n, 0)));
    }
    let at = desk.out.iter().position(|o| matches!(o, Output::DialHost { .. })).unwrap();
    let Output::DialHost { conn, .. } = desk.out.remove(at) else { unreachable!() };
    desk.step(Input::HostReached { conn, address: ([10, 0, 0, 200], 80).into() });
    assert!(matches!(desk.take_sent(conn), Some(Message::Join(join)) if join.released.is_empty()));
    desk.receive(conn, answer(is_ours, commits));
    desk.out.clear();
    (desk, conn)
}

fn answer(is_ours: bool, commits: Vec<Commit>) -> Message {
    let provider = if is_ours { "mvrx" } else { "ThePult" };
    let Message::JoinRet(ret) = support::join_ret_from(9, provider, ok(), commits) else { unreachable!() };
    Message::JoinRet(JoinRet {
        ours: is_ours.then_some(Ours::CURRENT),
        roster: is_ours.then(Roster::default),
        ..ret
    })
}

fn joins_said(desk: &mut Desk, conn: ConnId) -> Vec<Vec<FileUuid>> {
    std::iter::from_fn(|| desk.take_sent(conn))
        .map(|said| match said {
            Message::Join(join) => join.released,
            other => panic!("{other:?}"),
        })
        .collect()
}

// proves: SES-16
#[test]
fn a_host_of_ours_is_told_what_our_store_has_no_more_one_join_at_a_time() {
    let count = u8::try_from(Join::RELEASED).unwrap() + 2;
    let (mut desk, conn) = in_session(true, vec![], count + 1);
    for n in 0..count {
        desk.command(Command::Release(file(n)));
    }
    // The first is on its way when the others go.
    assert_eq!(joins_said(&mut desk, conn), [vec![file(0)]]);
    desk.receive(conn, answer(true, vec![]));
    assert_eq!(joins_said(&mut desk, conn), [(1..count - 1).map(file).collect::<Vec<_>>()]);
    desk.receive(conn, answer(true, vec![]));
    assert_eq!(joins_said(&mut desk, conn), [vec![file(count - 1)]]);
    desk.receive(conn, answer(true, vec![]));
    assert_eq!(joins_said(&mut desk, conn), Vec::<Vec<FileUuid>>::new());
    // To a host of another product it would be a word that it does not know.
    let (mut desk, conn) = in_session(false, vec![], 2);
    desk.command(Command::Release(file(0)));
    assert_eq!(joins_said(&mut desk, conn), Vec::<Vec<FileUuid>>::new());
}

// proves: SES-16
#[test]
fn what_the_host_says_that_nobody_gives_has_no_holder_until_it_is_told_again() {
    let (mut desk, conn) = in_session(true, vec![commit(1, 3), commit(2, 3)], 0);
    assert_eq!(holders(&desk, 1), [station(3), station(9)]);
    let news = Roster { news: true, released: vec![file(1), file(77)], ..Roster::default() };
    let Message::JoinRet(ret) = answer(true, vec![]) else { unreachable!() };
    desk.receive(conn, Message::JoinRet(JoinRet { roster: Some(news), ..ret }));
    assert_eq!((holders(&desk, 1), holders(&desk, 2)), (vec![], vec![station(3), station(9)]));
    desk.receive(conn, Message::Commit(Commit { missed: true, ..commit(1, 3) }));
    assert_eq!(holders(&desk, 1), [station(3), station(9)]);
}
