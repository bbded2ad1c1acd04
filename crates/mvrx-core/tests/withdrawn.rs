//! Aim: a commit that was a mistake leaves our list and everybody's who understands us, and comes back into none; what somebody has of it is
//! his.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mvrx_core::{
    Command, ConnId, Event, Input, Output, RequestFailure, RequestId, Requested, Source, Timers,
};
use mvrx_message::{BridgeMark, Commit, FileUuid, Join, Message, Ours};
use support::{Desk, commit, file, join_from, me, next_join, ok, request_for, station};

/// A JOIN of one of ours that lists these and has taken those back.
fn join_of_ours(n: u8, commits: Vec<Commit>, withdrawn: &[FileUuid]) -> Message {
    let Message::Join(join) = join_from(n, "mvrx", commits) else { unreachable!() };
    Message::Join(Join { ours: Some(Ours::CURRENT), withdrawn: withdrawn.to_vec(), ..join })
}

fn hears(desk: &mut Desk, n: u8, commits: Vec<Commit>, withdrawn: &[FileUuid]) -> Message {
    let conn = desk.accept(n);
    desk.receive(conn, join_of_ours(n, commits, withdrawn));
    desk.take_sent(conn).unwrap()
}

fn listed(desk: &Desk) -> Vec<FileUuid> {
    desk.core.commits().map(|view| view.commit.file).collect()
}

fn refusal(desk: &mut Desk, from: u8, what: u8) -> String {
    let conn = desk.accept(from);
    desk.receive(conn, request_for(what));
    let Some(Message::RequestRet(reply)) = desk.take_sent(conn) else { panic!("{:?}", desk.out) };
    assert!(!reply.ok);
    reply.message
}

fn is_told(desk: &Desk, which: u8, by: u8) -> usize {
    let wanted = Event::CommitWithdrawn { file: file(which), station: station(by) };
    desk.events().into_iter().filter(|event| *event == wanted).count()
}

// proves: STA-31, STA-32
#[test]
fn a_withdrawn_commit_leaves_our_list_and_a_join_tells_each_station() {
    let mut desk = Desk::new();
    desk.join(1).join(2);
    for n in 1..=2 {
        desk.command(Command::Publish(commit(n, 0)));
        for _ in 0..2 {
            let (conn, _, _) = desk.connect();
            desk.receive(conn, Message::CommitRet(ok()));
        }
    }
    desk.out.clear();
    desk.command(Command::Withdraw(file(1)));
    assert_eq!((listed(&desk), is_told(&desk, 1, 0)), (vec![file(2)], 1));
    let mut told = Vec::new();
    for _ in 0..2 {
        let (n, join) = next_join(&mut desk);
        assert_eq!(join.withdrawn, [file(1)]);
        assert_eq!(join.commits.iter().map(|c| c.file).collect::<Vec<_>>(), [file(2)]);
        told.push(n);
    }
    told.sort_unstable();
    assert_eq!((told, desk.dials()), (vec![1, 2], 0));
    assert!(refusal(&mut desk, 1, 1).contains("withdrawn"));
    assert!(desk.core.is_withdrawn(file(1)) && desk.core.holds(file(1)), "it stays in our store");

    // Said again it is no news, and what is withdrawn is not announced any more.
    desk.out.clear();
    desk.command(Command::Withdraw(file(1))).command(Command::Publish(commit(1, 0)));
    assert_eq!((desk.dials(), desk.events()), (0, vec![]));
    assert_eq!(listed(&desk), [file(2)]);
}

#[test]
fn nobody_withdraws_what_somebody_else_made() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![commit(1, 1)]).join(2);
    desk.command(Command::Restore(commit(2, 1)));
    desk.command(Command::Withdraw(file(1))).command(Command::Withdraw(file(2)));
    assert_eq!(desk.dials(), 0);
    hears(&mut desk, 2, vec![], &[file(1), file(2)]);
    assert_eq!(listed(&desk), [file(1), file(2)]);
    assert_eq!(is_told(&desk, 1, 2) + is_told(&desk, 1, 1), 0);
    // We are not told by others what we have withdrawn ourselves.
    desk.command(Command::Publish(commit(3, 0)));
    hears(&mut desk, 2, vec![], &[file(3)]);
    assert!(listed(&desk).contains(&file(3)));
}

#[test]
fn who_hears_that_its_author_withdrew_it_lists_it_no_more_whoever_else_has_it() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![commit(1, 1), commit(2, 1)]).join_with(2, "mvrx", vec![commit(1, 1)]);
    assert_eq!(listed(&desk).len(), 2);
    hears(&mut desk, 1, vec![commit(2, 1)], &[file(1)]);
    assert_eq!((listed(&desk), is_told(&desk, 1, 1)), (vec![file(2)], 1));
    // Once is enough, and others that have it bring it back as little as a late COMMIT.
    hears(&mut desk, 1, vec![commit(2, 1)], &[file(1)]);
    hears(&mut desk, 2, vec![commit(1, 1)], &[]);
    let conn = desk.accept(2);
    desk.receive(conn, Message::Commit(commit(1, 1)));
    assert_eq!((listed(&desk), is_told(&desk, 1, 1)), (vec![file(2)], 1));
    let request = RequestId(7);
    desk.command(Command::Request { request, requested: Requested::File(file(1)), source: Source::Any });
    let failure = RequestFailure::Withdrawn;
    assert!(desk.saw(|e| *e == Event::RequestFailed { request, failure: failure.clone() }));
    assert!(failure.to_string().contains("withdrawn"));
    // The latest is the one before.
    desk.command(Command::Request {
        request: RequestId(8),
        requested: Requested::Latest { fresh: file(99) },
        source: Source::Any,
    });
    let (_, _, said) = desk.connect();
    assert!(matches!(&said, Message::Request(asked) if asked.file == Some(file(2))), "{said:?}");
}

#[test]
fn a_withdrawal_that_comes_before_the_commit_counts_as_well() {
    let mut desk = Desk::new();
    desk.join(1).join(2);
    hears(&mut desk, 1, vec![], &[file(1)]);
    // What somebody else says of it takes nothing from that.
    hears(&mut desk, 2, vec![], &[file(1)]);
    hears(&mut desk, 2, vec![commit(1, 1), commit(2, 1)], &[]);
    assert_eq!(listed(&desk), [file(2)]);
    // Of another's file it says nothing.
    hears(&mut desk, 2, vec![commit(3, 2)], &[file(2)]);
    assert_eq!(listed(&desk), [file(2), file(3)]);
}

// proves: STA-33
#[test]
fn what_was_fetched_stays_in_the_store_and_is_listed_and_given_no_more() {
    let mut desk = Desk::new();
    desk.join(1).join(2);
    desk.command(Command::Restore(commit(1, 1)));
    let Message::JoinRet(ret) = hears(&mut desk, 2, vec![], &[]) else { panic!() };
    assert_eq!(ret.commits.len(), 1);
    hears(&mut desk, 1, vec![], &[file(1)]);
    let Message::JoinRet(ret) = hears(&mut desk, 2, vec![], &[]) else { panic!() };
    assert_eq!(ret.commits, []);
    assert!(refusal(&mut desk, 2, 1).contains("withdrawn"));
    assert!(desk.core.holds(file(1)) && desk.core.commit(file(1)).unwrap().held);
    // Our own JOIN withdraws nothing of others.
    desk.out.clear();
    desk.command(Command::Refresh);
    assert_eq!(next_join(&mut desk).1.withdrawn, []);
}

#[test]
fn a_file_that_is_on_its_way_arrives_all_the_same() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![commit(1, 1)]);
    let request = RequestId(1);
    desk.command(Command::Request { request, requested: Requested::File(file(1)), source: Source::Any });
    let (conn, _, _) = desk.connect();
    desk.step(Input::FileBegins { conn, length: Some(1001) });
    hears(&mut desk, 1, vec![], &[file(1)]);
    desk.step(Input::FileArrived { request, length: 1001, hash: [0; 32] });
    desk.step(Input::Kept { request });
    assert!(
        desk.saw(|e| matches!(e, Event::RequestDone { request: RequestId(1), .. })),
        "{:?}",
        desk.events()
    );
    assert!(desk.core.commit(file(1)).unwrap().held && listed(&desk).is_empty());
}

#[test]
fn a_transfer_that_was_promised_comes_to_its_end() {
    let mut desk = Desk::new();
    desk.join(1);
    desk.command(Command::Restore(commit(1, 0)));
    let conn = desk.accept(1);
    desk.receive(conn, request_for(1));
    let sends = |o: &Output| matches!(o, Output::SendFile { file: f, .. } if *f == file(1));
    assert!(desk.out.iter().any(sends));
    desk.command(Command::Withdraw(file(1)));
    assert!(!desk.closed(conn));
    desk.step(Input::FileSent { conn, length: 1001 });
    assert!(desk.saw(|e| matches!(e, Event::Served { length: 1001, .. })), "{:?}", desk.events());
}

#[test]
fn what_still_waits_to_be_announced_is_not_and_a_join_follows_what_is_under_way() {
    let mut desk = Desk::new();
    desk.join(1);
    for n in 1..=2 {
        desk.command(Command::Publish(commit(n, 0)));
    }
    let (conn, _, said) = desk.connect();
    assert!(matches!(&said, Message::Commit(said) if said.file == file(1)));
    desk.command(Command::Withdraw(file(2))).command(Command::Withdraw(file(1)));
    desk.receive(conn, Message::CommitRet(ok()));
    let (_, join) = next_join(&mut desk);
    assert_eq!((join.commits, join.withdrawn), (vec![], vec![file(2), file(1)]));
    assert_eq!(desk.dials(), 0);
}

#[test]
fn who_was_away_is_told_when_he_comes_as_long_as_it_is_among_the_latest() {
    let mut desk = Desk::new();
    let most = u8::try_from(Join::WITHDRAWN).unwrap();
    for n in 0..=most {
        desk.command(Command::RestoreWithdrawn(commit(n, 0)));
    }
    desk.sight(1);
    let (_, join) = next_join(&mut desk);
    assert_eq!(join.withdrawn, (1..=most).map(file).collect::<Vec<_>>());
    assert!(join.commits.is_empty() && listed(&desk).is_empty());
    assert!(refusal(&mut desk, 1, 0).contains("withdrawn"));
    // The next commit is a commit as any, later than those.
    desk.command(Command::Publish(commit(90, 0)));
    assert_eq!(listed(&desk), [file(90)]);
}

// proves: STA-34
#[test]
fn exactly_so_many_withdrawals_of_what_is_not_known_are_remembered() {
    for (most, forgotten) in [(1, vec![file(1)]), (2, vec![])] {
        let mut desk = Desk::with(|config| config.limits.withdrawn = most);
        desk.join(1).join(2);
        hears(&mut desk, 1, vec![], &[file(1), file(2)]);
        hears(&mut desk, 2, vec![commit(1, 1), commit(2, 1)], &[]);
        assert_eq!(listed(&desk), forgotten, "{most} are remembered");
    }
}

#[test]
fn what_was_missed_and_withdrawn_before_it_was_told_is_not_told() {
    let mut desk = Desk::new();
    desk.sight(1).sight(2);
    let (first, to, _) = desk.connect();
    assert_eq!(to, support::address(1));
    desk.receive(first, support::join_ret_from(1, "mvrx", ok(), vec![commit(1, 1), commit(2, 1)]));
    hears(&mut desk, 1, vec![commit(2, 1)], &[file(1)]);
    desk.pass(Timers::default().first_round);
    assert!(desk.saw(|e| matches!(e, Event::CommitSeen { file: seen, .. } if *seen == file(2))));
    assert!(!desk.saw(|e| matches!(e, Event::CommitSeen { file: seen, .. } if *seen == file(1))));
    assert_eq!(me(), station(0));
}

#[test]
fn a_connection_of_nobody_withdraws_nothing() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![commit(1, 1)]);
    let conn = ConnId::Accepted(900);
    desk.step(Input::Accepted { conn, peer: support::address(9) });
    desk.receive(conn, join_of_ours(9, vec![], &[file(1)]));
    assert_eq!(listed(&desk), [file(1)]);
}

// proves: BRG-27
#[test]
fn a_bridge_is_told_also_of_what_it_does_not_know_once_and_nobody_else_is() {
    for (bridge, times) in [
        (None, 0),
        (Some(BridgeMark::StandIn { bridge: station(9) }), 0),
        (Some(BridgeMark::Bridge { host: station(9) }), 1),
    ] {
        let mut desk = Desk::with(|config| config.bridge = bridge);
        desk.join(1);
        for _ in 0..2 {
            hears(&mut desk, 1, vec![], &[file(1)]);
        }
        assert_eq!(is_told(&desk, 1, 1), times, "{bridge:?}");
        // Of what it knows only its author.
        hears(&mut desk, 1, vec![commit(2, 1)], &[]);
        desk.join(2);
        hears(&mut desk, 2, vec![], &[file(2)]);
        assert_eq!((is_told(&desk, 2, 2), listed(&desk)), (0, vec![file(2)]), "{bridge:?}");
    }
}
