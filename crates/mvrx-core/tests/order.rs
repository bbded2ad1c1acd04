//! Aim: all stations of ours have their commits in one order, whoever tells them and whatever somebody makes up.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mvrx_core::host::{self, Host};
use mvrx_core::{Command, CommitSource, ConnId, Ending, Event, Input, Limits, Output, Timers};
use mvrx_message::{Commit, FileUuid, Message};
use support::{Desk, commit, file, join_from, join_ret_from, ok, station};

/// Commit `n` of station `author` with the number that it was made with.
fn placed(n: u8, author: u8, order: u64) -> Commit {
    Commit { order: Some(order), ..commit(n, author) }
}

fn order(desk: &Desk) -> Vec<FileUuid> {
    desk.core.commits().map(|view| view.commit.file).collect()
}

fn number(desk: &Desk, n: u8) -> Option<u64> {
    desk.core.commits().find(|view| view.commit.file == file(n)).and_then(|view| view.commit.order)
}

fn files(all: impl IntoIterator<Item = u8>) -> Vec<FileUuid> {
    all.into_iter().map(file).collect()
}

/// Station `n` joins us and lists these.
fn joins(desk: &mut Desk, n: u8, provider: &str, commits: Vec<Commit>) {
    let conn = desk.accept(n);
    desk.receive(conn, join_from(n, provider, commits));
}

/// What the application is told of commits, in this order.
fn told(desk: &mut Desk) -> Vec<(FileUuid, CommitSource)> {
    let seen = desk.events().into_iter().filter_map(|event| match event {
        Event::CommitSeen { file, source, .. } => Some((file, source)),
        _ => None,
    });
    let seen = seen.collect();
    desk.out.clear();
    seen
}

fn missed(all: impl IntoIterator<Item = u8>) -> Vec<(FileUuid, CommitSource)> {
    all.into_iter().map(|n| (file(n), CommitSource::Listed)).collect()
}

/// Stations 1 to `count` are seen at once; the connections of our JOINs.
fn sighted(desk: &mut Desk, count: u8) -> Vec<ConnId> {
    (1..=count).for_each(|n| {
        desk.sight(n);
    });
    (1..=count).map(|_| desk.connect().0).collect()
}

// proves: STA-27, STA-28
#[test]
fn what_several_stations_list_is_told_in_the_order_in_which_it_was_made_each_once() {
    // The FileUUIDs go the other way, and so do the answers.
    let lists = |to: &mut Desk, conns: &[ConnId], who: &[u8]| {
        for n in who {
            let all = (1..=4).map(|c| placed(10 - c, c, u64::from(c)));
            let list = all.filter(|c| *n == 3 || c.station == Some(station(*n))).collect();
            to.receive(conns[usize::from(*n) - 1], join_ret_from(*n, "mvrx", ok(), list));
        }
    };
    for who in [[4, 3, 2, 1], [1, 2, 3, 4], [2, 4, 1, 3]] {
        let mut desk = Desk::new();
        let conns = sighted(&mut desk, 4);
        lists(&mut desk, &conns, &who[..3]);
        assert_eq!(told(&mut desk), [], "one may list earlier ones");
        lists(&mut desk, &conns, &who[3..]);
        assert_eq!(told(&mut desk), missed([9, 8, 7, 6]), "{who:?}");
        assert_eq!(order(&desk), files([9, 8, 7, 6]));
        lists(&mut desk, &conns, &who);
        assert_eq!(told(&mut desk), []);
    }
}

// proves: STA-28
#[test]
fn who_does_not_answer_holds_up_what_was_missed_for_the_first_round_and_nothing_else() {
    let mut desk = Desk::with(|c| c.timers.first_round = Duration::from_millis(700));
    let conns = sighted(&mut desk, 3);
    desk.pass(Duration::from_millis(100));
    desk.receive(conns[0], join_ret_from(1, "mvrx", ok(), vec![placed(2, 1, 2)]));
    desk.pass(Duration::from_millis(600));
    desk.receive(conns[1], join_ret_from(2, "mvrx", ok(), vec![placed(1, 2, 1)]));
    // What is announced is new: it waits for nobody, and what is known can be fetched.
    let conn = desk.accept(1);
    desk.receive(conn, Message::Commit(placed(3, 1, 3)));
    assert_eq!(told(&mut desk), [(file(3), CommitSource::Announced)]);
    desk.request(1, 2);
    assert_eq!(desk.dials(), 1);
    desk.pass(Duration::from_millis(99));
    assert_eq!(told(&mut desk), []);
    desk.pass(Duration::from_millis(1));
    assert_eq!(told(&mut desk), missed([1, 2]));
    desk.receive(conns[2], join_ret_from(3, "mvrx", ok(), vec![placed(4, 3, 1)]));
    assert_eq!(told(&mut desk), missed([4]), "who comes late is told late");
}

// proves: STA-27
#[test]
fn a_commit_of_ours_has_a_higher_number_than_all_that_we_know() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![placed(1, 1, 40)]);
    desk.command(Command::Publish(commit(2, 0)));
    assert_eq!(number(&desk, 2), Some(41));
    let conn = desk.connect().0;
    desk.receive(conn, Message::CommitRet(ok()));
    // Two that are being copied at the same time have two numbers, whichever is ready first.
    let (first, second) = (desk.core.next_order(), desk.core.next_order());
    assert_eq!((first, second), (42, 43));
    desk.command(Command::Publish(placed(4, 0, second))).command(Command::Publish(placed(3, 0, first)));
    desk.command(Command::Publish(commit(5, 0)));
    assert_eq!(order(&desk), files([1, 2, 3, 4, 5]));
    assert_eq!(number(&desk, 5), Some(44));
    let conn = desk.accept(2);
    desk.receive(conn, join_from(2, "mvrx", vec![]));
    let Some(Message::JoinRet(ret)) = desk.take_sent(conn) else { panic!() };
    let listed: Vec<_> = ret.commits.iter().map(|c| (c.file, c.order.unwrap())).collect();
    assert_eq!(listed, [(file(2), 41), (file(3), 42), (file(4), 43), (file(5), 44)]);
}

// proves: STA-27
#[test]
fn of_several_numbers_the_smallest_counts_whoever_tells_it_first() {
    for numbers in [[7, 5, 6], [5, 6, 7], [6, 7, 5]] {
        let mut desk = Desk::new();
        desk.join_with(9, "mvrx", vec![placed(8, 9, 6)]);
        for (n, number) in (1..).zip(numbers) {
            desk.join_with(n, "mvrx", vec![placed(1, 1, number)]);
        }
        assert_eq!((number(&desk, 1), order(&desk)), (Some(5), files([1, 8])), "{numbers:?}");
    }
}

// proves: STA-27
#[test]
fn what_another_product_committed_gets_a_number_once_the_first_round_is_over() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1), commit(2, 1)]);
    // Who has just come does not number them: others may have, after commits that it does not know yet.
    assert_eq!((number(&desk, 1), number(&desk, 2)), (None, None));
    desk.join_with(2, "mvrx", vec![placed(7, 2, 30), placed(1, 1, 31)]);
    assert_eq!(number(&desk, 1), Some(31));
    joins(&mut desk, 1, "MVRApplication", vec![commit(1, 1), commit(2, 1)]);
    assert_eq!(order(&desk), files([7, 1, 2]), "its list keeps its own order");
    desk.pass(Timers::default().first_round);
    let conn = desk.accept(1);
    desk.receive(conn, Message::Commit(commit(3, 1)));
    assert_eq!((number(&desk, 2), number(&desk, 3)), (Some(32), Some(33)));
    assert_eq!(order(&desk), files([7, 1, 2, 3]));
}

// proves: STA-27
#[test]
fn lists_of_other_products_are_merged_each_in_its_own_order() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(9, 1), commit(5, 1)]);
    desk.join_with(2, "MVRApplication", vec![commit(5, 1), commit(3, 2), commit(1, 2)]);
    assert_eq!(order(&desk), files([9, 5, 3, 1]));
    assert_eq!(told(&mut desk).last(), Some(&(file(1), CommitSource::Listed)));
}

// proves: STA-27
#[test]
fn a_number_out_of_reach_is_as_good_as_none_exactly_at_the_limit() {
    let reach = Limits::default().order_reach;
    for (told, stands) in [(10 + reach, Some(10 + reach)), (11 + reach, None), (Commit::LAST, None)] {
        let mut desk = Desk::new();
        desk.join_with(1, "mvrx", vec![placed(1, 1, 10)]);
        desk.pass(Timers::default().first_round);
        let conn = desk.accept(1);
        desk.receive(conn, Message::Commit(placed(2, 1, told)));
        assert_eq!(number(&desk, 2), stands.or(Some(11)));
        desk.command(Command::Publish(commit(3, 0)));
        assert_eq!(order(&desk), files([1, 2, 3]), "whatever was told, what comes after it is later");
        // Told again by whoever believed it, it changes nothing.
        joins(&mut desk, 2, "mvrx", vec![placed(2, 1, told)]);
        assert_eq!(order(&desk), files([1, 2, 3]));
    }
}

// proves: STA-27
#[test]
fn who_knows_nothing_and_meets_the_highest_number_is_put_right_by_the_others() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![placed(1, 1, Commit::LAST)]);
    assert_eq!(desk.core.next_order(), Commit::LAST, "there is none above it");
    desk.command(Command::Publish(commit(2, 0)));
    assert_eq!(number(&desk, 2), Some(Commit::LAST));
    // For those who were there it had no number, and neither has ours.
    joins(&mut desk, 2, "mvrx", vec![placed(3, 2, 50), placed(1, 1, 51), placed(2, 0, 52)]);
    assert_eq!(order(&desk), files([3, 1, 2]));
    desk.command(Command::Publish(commit(4, 0)));
    assert_eq!((number(&desk, 4), order(&desk)), (Some(53), files([3, 1, 2, 4])));
}

// proves: STA-27
#[test]
fn the_order_of_a_store_is_the_numbers_and_without_them_the_order_in_which_it_was_filled() {
    let mut desk = Desk::new();
    for old in [9, 8] {
        desk.command(Command::Restore(commit(old, 0)));
    }
    for (n, order) in [(6, 12), (7, 11), (5, 3)] {
        desk.command(Command::Restore(placed(n, 0, order)));
    }
    assert_eq!(order(&desk), files([9, 8, 5, 7, 6]));
    assert_eq!(number(&desk, 9), None, "others may know its number");
}

// proves: HST-28
#[test]
fn a_host_lists_in_order_what_it_took_over_in_any() {
    let mut host = Host::new(host::Config::new(station(0), "Rack", "mvrx"));
    for n in [3, 1, 4, 2] {
        let _ =
            host.step(Duration::ZERO, host::Input::Command(host::Command::Restore(placed(n, n, n.into()))));
    }
    let conn = ConnId::Accepted(1);
    let _ = host.step(Duration::ZERO, host::Input::Accepted { conn, peer: ([10, 0, 0, 9], 50_000).into() });
    let parsed = mvrx_message::Parsed { message: join_from(9, "mvrx", vec![]), quirks: Default::default() };
    let out: Vec<_> = host
        .step(Duration::ZERO, host::Input::Received { conn, parsed: std::sync::Arc::new(parsed) })
        .collect();
    let listed = out.iter().find_map(|output| match output {
        host::Output::Send { message, .. } => match message.as_ref() {
            Message::JoinRet(ret) => Some(ret.commits.iter().map(|c| c.file).collect::<Vec<_>>()),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(listed, Some(files([1, 2, 3, 4])));
    assert_eq!(host.next_order(), 5);
}

// proves: STA-28
#[test]
fn who_goes_from_a_group_to_a_session_is_not_told_twice_what_both_list() {
    let mut desk = Desk::new();
    desk.keeps_places = true;
    desk.join_with(1, "mvrx", vec![placed(1, 1, 1)]);
    assert_eq!(told(&mut desk), missed([1]));
    let to = mvrx_message::SessionTarget::Url("ws://rack/".to_owned());
    desk.command(Command::MoveWith { to: to.clone(), others: Default::default() });
    desk.step(Input::MovePrepared { commits: Vec::new(), sightings: Vec::new(), seed: 7 });
    let at = desk.out.iter().position(|o| matches!(o, Output::DialHost { .. })).expect("the host is dialed");
    let Output::DialHost { conn, .. } = desk.out.remove(at) else { unreachable!() };
    desk.step(Input::HostReached { conn, address: ([10, 0, 0, 200], 80).into() });
    // The group goes on telling meanwhile.
    let inbound = desk.accept(1);
    desk.receive(inbound, Message::Commit(placed(2, 1, 2)));
    let list = (1..=3).map(|n| placed(n, 1, n.into())).collect();
    desk.receive(conn, join_ret_from(9, "mvrx", ok(), list));
    assert!(desk.saw(|e| matches!(e, Event::Moved { to: there, .. } if *there == to)), "{:?}", desk.events());
    desk.pass(Timers::default().first_round);
    assert_eq!(told(&mut desk), [vec![(file(2), CommitSource::Announced)], missed([3])].concat());
    assert_eq!(order(&desk), files([1, 2, 3]));
}

// proves: STA-27
#[test]
fn who_may_be_one_of_ours_is_told_the_places_of_commits_also_in_a_join_for_short_readers() {
    let mut desk = Desk::new();
    for n in 1..100 {
        desk.command(Command::Publish(placed(n, 0, u64::from(n))));
    }
    desk.sight(1);
    let (conn, _) = desk.take_dial().unwrap();
    desk.step(Input::Dialed { conn });
    desk.close(conn, Ending::Broken);
    desk.pass(Duration::from_secs(1));
    let (conn, _) = desk.take_dial().unwrap();
    desk.step(Input::Dialed { conn });
    let sent = desk.out.iter().find_map(|output| match output {
        Output::Send { conn: on, message, dialect } if *on == conn => Some(message.to_json(dialect)),
        _ => None,
    });
    let sent = sent.unwrap();
    assert!(sent.len() <= 1_000, "{}", sent.len());
    let Message::Join(join) = Message::parse(&sent).unwrap().message else { panic!() };
    let last = join.commits.last().map(|commit| (commit.file, commit.order));
    assert_eq!(last, Some((file(99), Some(99))));
    assert!(join.commits.iter().all(|commit| commit.order.is_some()), "{:?}", join.commits);
}
