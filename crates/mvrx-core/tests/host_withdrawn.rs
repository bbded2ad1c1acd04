//! Aim: what a station of a session takes back is in nobody's list any more, and given to nobody who did not have it begun.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use host_support::{Rack, commit, file, join_as, request_for, station};
use mvrx_core::ConnId;
use mvrx_core::host::{Command, Event};
use mvrx_message::{Commit, FileUuid, Join, JoinRet, Message, Ours, WithdrawnFile};

fn say_join(rack: &mut Rack, conn: ConnId, n: u8, commits: Vec<Commit>, withdrawn: &[FileUuid]) -> JoinRet {
    let Message::Join(join) = join_as(n, "mvrx", "desk", commits) else { unreachable!() };
    rack.receive(
        conn,
        Message::Join(Join { ours: Some(Ours::CURRENT), withdrawn: withdrawn.to_vec(), ..join }),
    );
    match rack.take_sent(conn) {
        Some(Message::JoinRet(ret)) if ret.answers_join() => ret,
        other => panic!("{other:?}"),
    }
}

fn ours(rack: &mut Rack, n: u8, commits: Vec<Commit>) -> ConnId {
    let conn = rack.accept(n);
    say_join(rack, conn, n, commits, &[]);
    rack.out.clear();
    conn
}

/// What a client is told by itself of commits that were withdrawn.
fn news(rack: &mut Rack, conn: ConnId) -> Vec<FileUuid> {
    let mut all = Vec::new();
    while let Some(message) = rack.take_sent(conn) {
        match message {
            Message::JoinRet(ret) if !ret.answers_join() => {
                all.extend(ret.roster.unwrap().withdrawn.into_iter().map(|withdrawn| withdrawn.file));
            }
            other => panic!("{other:?}"),
        }
    }
    all
}

fn listed(rack: &Rack) -> Vec<FileUuid> {
    rack.host.commits().map(|view| view.commit.file).collect()
}

// proves: HST-29
#[test]
fn a_withdrawn_commit_leaves_the_sessions_list_and_our_stations_are_told() {
    let mut rack = Rack::new();
    let author = ours(&mut rack, 1, vec![commit(1, 1), commit(2, 1)]);
    let reader = ours(&mut rack, 2, vec![]);
    let foreign = rack.join(3, vec![]);
    rack.out.clear();
    let ret = say_join(&mut rack, author, 1, vec![commit(2, 1)], &[file(1)]);
    assert_eq!(ret.commits.iter().map(|c| c.file).collect::<Vec<_>>(), [file(2)]);
    assert_eq!(news(&mut rack, reader), [file(1)]);
    assert!(rack.take_sent(foreign).is_none() && news(&mut rack, author).is_empty());
    assert!(rack.saw(|e| *e == Event::CommitWithdrawn { file: file(1), station: station(1) }));
    assert_eq!(listed(&rack), [file(2)]);
    for conn in [reader, foreign] {
        rack.receive(conn, request_for(1));
        let reply = rack.take_reply(conn);
        assert!(!reply.ok && reply.message.contains("withdrawn"), "{reply:?}");
    }
    // Who comes later is told, and what he has of it is not listed on.
    let late = rack.accept(4);
    let ret = say_join(&mut rack, late, 4, vec![commit(1, 1)], &[]);
    assert_eq!(ret.roster.unwrap().withdrawn, [WithdrawnFile { file: file(1), station: station(1) }]);
    assert_eq!(listed(&rack), [file(2)]);
    // Once is enough.
    rack.out.clear();
    say_join(&mut rack, author, 1, vec![], &[file(1)]);
    assert_eq!((news(&mut rack, reader), rack.events()), (vec![], vec![]));
}

#[test]
fn a_client_withdraws_nothing_of_others() {
    let mut rack = Rack::new();
    let author = ours(&mut rack, 1, vec![commit(1, 1)]);
    let other = ours(&mut rack, 2, vec![]);
    say_join(&mut rack, other, 2, vec![], &[file(1)]);
    assert_eq!(listed(&rack), [file(1)]);
    // Nor of what comes later: it is passed on with the name of who says so, and who made it counts.
    say_join(&mut rack, other, 2, vec![], &[file(3)]);
    assert_eq!(news(&mut rack, author), [file(3)]);
    let third = ours(&mut rack, 3, vec![commit(3, 3)]);
    assert_eq!((listed(&rack), news(&mut rack, third)), (vec![file(1), file(3)], vec![]));
}

#[test]
fn what_we_keep_of_it_stays_in_the_store_and_who_is_being_sent_it_gets_all_of_it() {
    let mut rack = Rack::new();
    rack.command(Command::Restore(commit(1, 1)));
    let author = ours(&mut rack, 1, vec![]);
    let reader = ours(&mut rack, 2, vec![]);
    rack.receive(reader, request_for(1));
    let (ask, given, ..) = rack.take_send_file(reader).unwrap();
    assert_eq!(given, file(1));
    say_join(&mut rack, author, 1, vec![], &[file(1)]);
    assert!(rack.closed(reader).is_none() && rack.host.holdings().kept_files == 1);
    rack.sent(ask, 1001);
    assert_eq!(news(&mut rack, reader), [file(1)]);
    rack.receive(reader, request_for(1));
    assert!(!rack.take_reply(reader).ok);
}

#[test]
fn our_own_commit_is_withdrawn_by_us_and_stays_so_after_a_restart() {
    let mut rack = Rack::new();
    let reader = ours(&mut rack, 2, vec![]);
    rack.command(Command::Publish(commit(1, 0)));
    rack.out.clear();
    rack.command(Command::Withdraw(file(1)));
    assert_eq!((news(&mut rack, reader), listed(&rack)), (vec![file(1)], vec![]));
    let us = rack.host.config().station;

    let mut rack = Rack::new();
    rack.command(Command::RestoreWithdrawn(Commit { station: Some(us), ..commit(1, 0) }));
    let conn = rack.accept(2);
    let ret = say_join(&mut rack, conn, 2, vec![], &[]);
    let told = ret.roster.unwrap().withdrawn;
    assert_eq!((ret.commits, told), (vec![], vec![WithdrawnFile { file: file(1), station: us }]));
    rack.command(Command::Publish(commit(1, 0)));
    assert_eq!((listed(&rack), news(&mut rack, conn)), (vec![], vec![]));
}

#[test]
fn who_comes_late_is_told_of_all_that_was_withdrawn() {
    let mut rack = Rack::new();
    let author = ours(&mut rack, 1, vec![]);
    let count = u8::try_from(Join::WITHDRAWN).unwrap() + 1;
    for n in 0..count {
        say_join(&mut rack, author, 1, vec![], &[file(n)]);
    }
    let late = rack.accept(2);
    let latest = say_join(&mut rack, late, 2, vec![], &[]).roster.unwrap().withdrawn;
    assert_eq!((latest.len(), latest[0].file), (Join::WITHDRAWN, file(1)));
    assert_eq!(news(&mut rack, late), [file(0)]);
}
