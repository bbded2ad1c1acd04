//! Aim: what a session's host keeps: the files of the newest commits, whatever order they came in, and also those that failed at first.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use std::time::Duration;

use host_support::{Rack, commit, file, join_as, leave, not_here, request_for, station};
use mvrx_core::host::{Command, Event, Input, LimitReached, Output, Take};
use mvrx_core::{ConnId, RequestId};
use mvrx_message::{Commit, FileUuid, Message, Reply};

fn gathering(kept_bytes: u64) -> Rack {
    Rack::with(|c| {
        c.gather = true;
        c.limits.kept_bytes = kept_bytes;
    })
}

// proves: HST-16
#[test]
fn a_file_whose_first_read_failed_is_read_when_its_owner_joins_again() {
    let mut rack = gathering(1 << 20);
    let author = rack.join(1, vec![]);
    rack.receive(author, Message::Commit(commit(1, 1)));
    rack.take_reply(author);
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.close(author);
    assert!(rack.saw(|e| matches!(e, Event::ReadFailed { .. })));
    let (again, _) = rack.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    assert_eq!(rack.asked(again), Some(file(1)), "as if it were new");
    rack.deliver(again, 1001);
    rack.receive(again, leave(1)).close(again);
    assert!(rack.host.holds(file(1)));
}

// proves: HST-16
#[test]
fn a_file_that_its_owner_refused_is_asked_for_when_it_tells_the_commit_again() {
    let mut rack = gathering(1 << 20);
    let author = rack.join(1, vec![]);
    rack.receive(author, Message::Commit(commit(1, 1)));
    rack.take_reply(author);
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.receive(author, not_here());
    assert_eq!(rack.asked(author), None, "not again and again");
    rack.receive(author, Message::Commit(commit(1, 1)));
    assert!(rack.take_reply(author).ok);
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.deliver(author, 1001);
    rack.receive(author, Message::Commit(commit(1, 1)));
    assert!(rack.take_reply(author).ok);
    assert_eq!(rack.asked(author), None, "it is here");
}

// proves: HST-26
#[test]
fn who_joined_between_the_authors_leaving_and_the_keeping_of_its_file_is_told_of_it() {
    let mut rack = gathering(1 << 20);
    let (author, early) = (rack.join(1, vec![]), rack.join(3, vec![]));
    rack.receive(author, Message::Commit(commit(1, 1)));
    assert!(matches!(rack.take_sent(early), Some(Message::Commit(told)) if told.file == file(1)));
    assert!(matches!(rack.begin(author).0, Take::Keep(_)));
    rack.receive(author, leave(1));
    let (late, ret) = rack.join_with(2, "MVRApplication", vec![]);
    assert_eq!(ret.commits, [], "nobody could give it");
    rack.out.clear();
    rack.arrive(author, 1001);
    let (relay, _) = rack.take_keep().unwrap();
    rack.step(Input::Kept { relay });
    assert!(matches!(rack.take_sent(late), Some(Message::Commit(told)) if told.file == file(1)));

    // One that somebody could give all the time is told once.
    rack.receive(late, Message::Commit(commit(2, 2)));
    assert!(matches!(rack.take_sent(early), Some(Message::Commit(_))));
    rack.take_reply(late);
    assert_eq!(rack.asked(late), Some(file(2)));
    rack.out.clear();
    rack.deliver(late, 1002);
    assert!(!rack.sent_anything_on(early) && !rack.sent_anything_on(late));
}

// proves: HST-26
#[test]
fn who_joined_between_the_authors_leaving_and_its_telling_it_again_is_told_of_it() {
    let mut rack = gathering(1 << 20);
    let (author, early) = (rack.join(1, vec![]), rack.join(3, vec![]));
    rack.receive(author, Message::Commit(commit(1, 1)));
    assert!(matches!(rack.take_sent(early), Some(Message::Commit(told)) if told.file == file(1)));
    rack.receive(author, leave(1)).close(author);
    let (late, ret) = rack.join_with(2, "MVRApplication", vec![]);
    assert_eq!(ret.commits, [], "nobody can give it");
    let back = rack.join(1, vec![]);
    rack.out.clear();
    rack.receive(back, Message::Commit(commit(1, 1)));
    assert!(rack.take_reply(back).ok);
    let is_told =
        |message: &Message| matches!(message, Message::Commit(told) if told.file == file(1) && told.missed);
    let told = rack.out.iter().filter_map(|output| match output {
        Output::Send { conn, message, .. } if is_told(message) => Some(*conn),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [late, early], "whoever made it knows it");
    assert!(!rack.saw(|e| matches!(e, Event::CommitSeen { .. })), "it is none that is new");

    // From now on somebody can give it: told again it is passed on no more.
    rack.out.clear();
    rack.receive(back, Message::Commit(commit(1, 1)));
    assert!(rack.take_reply(back).ok);
    assert!(!rack.sent_anything_on(late) && !rack.sent_anything_on(early));
}

// proves: HST-16
#[test]
fn the_newest_of_a_list_stay_and_what_would_not_stay_is_not_read() {
    let mut rack = gathering(3_500);
    let author = rack.accept(1);
    rack.receive(author, join_as(1, "MVRApplication", "one", (0..10).map(|n| commit(n, 1)).collect()));
    rack.take_sent(author);
    for n in [9, 8, 7] {
        assert_eq!(rack.asked(author), Some(file(n)));
        rack.deliver(author, 1000 + u64::from(n));
    }
    assert_eq!(rack.asked(author), None, "the next one would be dropped at once");
    let held: Vec<_> = (0..10).filter(|n| rack.host.holds(file(*n))).collect();
    assert_eq!(held, [7, 8, 9]);
    let next = rack.join(2, vec![]);
    rack.receive(next, Message::Commit(commit(20, 2)));
    rack.take_reply(next);
    assert_eq!(rack.asked(next), Some(file(20)));
    rack.deliver(next, 1020);
    assert!(!rack.host.holds(file(7)) && rack.host.holds(file(20)), "the oldest commit makes room");
}

// proves: HST-16
#[test]
fn a_slow_station_with_many_files_does_not_keep_anothers_waiting() {
    let mut rack = gathering(1 << 20);
    let slow = rack.join(1, (1..=40).map(|n| commit(n, 1)).collect());
    assert!(matches!(rack.begin(slow).0, Take::Keep(_)), "and it takes its time");
    let quick = rack.join(2, vec![]);
    rack.receive(quick, Message::Commit(commit(50, 2)));
    rack.take_reply(quick);
    assert_eq!(rack.asked(quick), Some(file(50)));
    rack.deliver(quick, 1050);
    rack.receive(quick, leave(2)).close(quick);
    assert!(rack.host.holds(file(50)));
    rack.out.clear();
    rack.arrive(slow, 1040);
    assert_eq!(rack.asked(slow), Some(file(39)), "it is asked for the next one as soon as the first is here");
}

#[test]
fn where_everything_is_kept_the_applications_own_wish_makes_no_room() {
    let mut rack = gathering(2_500);
    let author = rack.join(1, vec![]);
    for n in 1..=4 {
        rack.receive(author, Message::Commit(commit(n, 1)));
        rack.command(Command::Request { request: RequestId(u64::from(n)), file: file(n) });
        rack.deliver(author, 1000 + u64::from(n));
        assert!(rack.saw(|e| *e == Event::RequestDone { request: RequestId(u64::from(n)), file: file(n) }));
    }
    assert_eq!(rack.host.holdings().kept_files, 2);
    assert!(rack.host.holds(file(3)) && rack.host.holds(file(4)));
}

// proves: HST-14
#[test]
fn a_file_that_comes_too_late_is_read_away_as_far_as_it_was_announced() {
    let mut rack = Rack::new();
    let (owner, asker) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    rack.receive(asker, request_for(1));
    assert_eq!(rack.asked(owner), Some(file(1)));
    rack.pass(Duration::from_secs(61));
    rack.out.clear();
    rack.step(Input::FileBegins { conn: owner });
    let received = rack.out.iter().find_map(|o| match o {
        Output::ReceiveFile { take, expected, .. } => Some((*take, *expected)),
        _ => None,
    });
    assert_eq!(received, Some((Take::Discard, Some(commit(1, 1).file_size))), "or its rest is the next file");
}

#[test]
fn a_yes_before_the_file_is_no_refusal() {
    let mut rack = Rack::new();
    let (owner, asker) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    rack.receive(asker, request_for(1));
    assert_eq!(rack.asked(owner), Some(file(1)));
    rack.receive(owner, Message::RequestRet(Reply::ok()));
    assert!(!rack.saw(|e| matches!(e, Event::AttemptFailed { .. })), "{:?}", rack.events());
    assert!(matches!(rack.begin(owner).0, Take::Relay(_) | Take::Keep(_)));
}

#[test]
fn who_is_named_or_made_a_file_without_a_hash_is_asked_before_one_that_is_free() {
    let mut rack = Rack::new();
    let author = rack.join(1, vec![commit(1, 1), commit(2, 1)]);
    let other = rack.join(3, vec![commit(1, 1)]);
    let asker = rack.join(2, vec![]);
    rack.receive(asker, request_for(2));
    assert_eq!(rack.asked(author), Some(file(2)), "now it is busy");
    rack.receive(asker, request_for(1));
    assert_eq!(rack.asked(other), None, "nothing would show that its bytes are others");
}

// proves: HST-05
#[test]
fn a_late_joiner_is_told_of_every_commit_of_a_large_group() {
    for (product, least) in [("MVRApplication", 1_000), ("MVR4J", 100)] {
        let mut rack = Rack::new();
        let commits: Vec<_> = (0..1_000_u16)
            .map(|n| {
                let mut bytes = [7; 16];
                bytes[..2].copy_from_slice(&n.to_be_bytes());
                Commit { file: FileUuid::from_random_bytes(bytes), ..commit(1, 1) }
            })
            .collect();
        let author = rack.join(1, commits[..500].to_vec());
        rack.receive(author, join_as(1, "mvrx", "one", commits[500..].to_vec()));
        rack.out.clear();
        let late = rack.accept(2);
        rack.receive(late, join_as(2, product, "late", vec![]));
        let sent = rack.out.iter().find_map(|o| match o {
            Output::Send { conn, message, dialect } if *conn == late => Some(message.to_json(dialect)),
            _ => None,
        });
        let json = sent.expect("it is answered");
        let Message::JoinRet(ret) = Message::parse(&json).unwrap().message else { panic!() };
        assert!(
            ret.commits.len() >= least,
            "{product}: {} of 1,000 in {} bytes",
            ret.commits.len(),
            json.len()
        );
        assert!(json.len() <= if product == "MVR4J" { 64 << 10 } else { 512 << 10 });
    }
}

/// Has the file of a commit that a station tells read and kept.
fn bring(rack: &mut Rack, conn: ConnId, commit: Commit) {
    let (file, length) = (commit.file, commit.file_size);
    while rack.take_sent(conn).is_some() {}
    rack.receive(conn, Message::Commit(commit));
    assert!(rack.take_reply(conn).ok);
    assert_eq!(rack.asked(conn), Some(file));
    rack.deliver(conn, length);
}

/// What tells that the file of this commit of station 2 made room: by name and size, also when the commit is forgotten with it.
fn dropped(commit: &Commit) -> Event {
    let (name, announced) = (commit.file_name.clone(), Some(commit.file_size));
    Event::FileDropped { file: commit.file, of: station(2), name, announced }
}

fn held(rack: &Rack, files: std::ops::RangeInclusive<u8>) -> Vec<u8> {
    files.filter(|n| rack.host.holds(file(*n))).collect()
}

// proves: QUO-03
#[test]
fn a_stations_own_oldest_files_make_room_above_what_is_kept_of_each() {
    let mut rack = Rack::with(|c| {
        c.gather = true;
        c.limits.kept_bytes_each = 1_001 + 1_002;
    });
    let (other, greedy) = (rack.join(1, vec![]), rack.join(2, vec![]));
    bring(&mut rack, other, commit(50, 1));
    for n in 1..=2 {
        bring(&mut rack, greedy, commit(n, 2));
    }
    assert_eq!(held(&rack, 1..=2), [1, 2], "exactly as much as is allowed");
    assert!(!rack.saw(|e| matches!(e, Event::LimitReached(_))));
    bring(&mut rack, greedy, Commit { file_size: 2_000, ..commit(3, 2) });
    assert_eq!(held(&rack, 1..=3), [3], "one byte more needs the room of both");
    assert!(rack.host.holds(file(50)), "the others' files are no part of it");
    assert!(rack.saw(|e| *e == Event::LimitReached(LimitReached::KeptEach)));
    for n in 1..=2 {
        assert!(rack.saw(|e| *e == dropped(&commit(n, 2))));
    }
    // One that is too large by itself is not read ahead, and passed on to who asks.
    rack.receive(greedy, Message::Commit(Commit { file_size: 2_004, ..commit(4, 2) }));
    assert!(rack.take_reply(greedy).ok);
    assert_eq!(rack.asked(greedy), None);
    rack.receive(other, request_for(4));
    assert!(matches!(rack.begin(greedy).0, Take::Relay(_)));
}

// proves: QUO-03
#[test]
fn who_commits_in_anothers_name_pushes_out_its_own_files_and_not_that_ones() {
    let mut rack = Rack::with(|c| {
        c.gather = true;
        c.limits.kept_bytes_each = 2_100;
    });
    let (author, forger) = (rack.join(1, vec![]), rack.join(2, vec![]));
    for n in 1..=2 {
        bring(&mut rack, author, commit(n, 1));
    }
    for n in 11..=14 {
        bring(&mut rack, forger, commit(n, 1));
    }
    assert_eq!((held(&rack, 1..=2), held(&rack, 11..=14)), (vec![1, 2], vec![13, 14]));
}

// proves: QUO-04
#[test]
fn a_stations_own_oldest_commits_make_room_above_what_is_remembered_of_each() {
    let mut rack = Rack::with(|c| {
        c.gather = true;
        c.limits.commits_each = 3;
    });
    let (other, greedy) = (rack.join(1, vec![]), rack.join(2, vec![]));
    bring(&mut rack, other, commit(50, 1));
    for n in 1..=3 {
        bring(&mut rack, greedy, commit(n, 2));
    }
    assert!(!rack.saw(|e| matches!(e, Event::LimitReached(_))), "so many are allowed");
    // Also as another one's, and by a list: what counts is who tells.
    bring(&mut rack, greedy, commit(4, 1));
    let known = |rack: &Rack| (1..=9).chain([50]).filter(|n| rack.host.knows(file(*n))).collect::<Vec<_>>();
    assert_eq!(known(&rack), [2, 3, 4, 50]);
    assert!(rack.saw(|e| *e == Event::LimitReached(LimitReached::CommitsEach)));
    assert!(rack.saw(|e| *e == dropped(&commit(1, 2))));
    let (_, ret) = rack.join_with(2, "MVRApplication", (5..=9).map(|n| commit(n, 2)).collect());
    assert!(ret.reply.ok);
    assert_eq!(known(&rack), [7, 8, 9, 50]);
    assert_eq!(rack.host.holdings().kept_files, 1, "the other one's alone, until the new ones are here");
    // Our own application's commits are no station's.
    for n in 60..=70 {
        rack.step(Input::Command(Command::Publish(commit(n, 9))));
    }
    assert!((60..=70).all(|n| rack.host.knows(file(n))));
}

// proves: HST-27
#[test]
fn a_file_that_broke_off_with_its_owners_second_connection_is_read_on_its_next_one() {
    let mut rack = gathering(1 << 20);
    let author = rack.join(1, vec![]);
    let attach = |rack: &mut Rack| {
        let files = rack.accept(1);
        rack.step(Input::Attached { conn: files, station: station(1) });
        files
    };
    let files = attach(&mut rack);
    rack.receive(author, Message::Commit(commit(1, 1)));
    assert_eq!(rack.asked(files), Some(file(1)));
    assert!(matches!(rack.begin(files).0, Take::Keep(_)));
    rack.step(Input::ReceiveFailed { conn: files, what: "reset by peer".to_owned(), local: false });
    rack.out.clear();
    let again = attach(&mut rack);
    assert_eq!(rack.asked(again), Some(file(1)));
    rack.deliver(again, 1001);
    assert!(rack.host.holds(file(1)));
    // Where a new one takes the place of one that is not known to be over, it is not lost either.
    rack.receive(author, Message::Commit(commit(2, 1)));
    assert_eq!(rack.asked(again), Some(file(2)));
    assert!(matches!(rack.begin(again).0, Take::Keep(_)));
    rack.out.clear();
    attach(&mut rack);
    assert_eq!(rack.asked(author), Some(file(2)), "at once, on what is left");
    rack.deliver(author, 1002);
    // What is here is not asked for again.
    let last = attach(&mut rack);
    assert_eq!(rack.asked(last), None);
}

// proves: HST-27
#[test]
fn a_file_that_is_not_what_its_parts_should_be_is_asked_for_again_of_the_same_station() {
    let mut rack = gathering(1 << 20);
    let author = rack.join(1, vec![]);
    let reader = rack.join(2, vec![]);
    rack.receive(author, Message::Commit(Commit { blake3: Some([1; 32]), ..commit(1, 1) }));
    rack.take_reply(author);
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.begin(author);
    rack.receive(reader, request_for(1));
    assert!(rack.take_send_file(reader).is_some());
    rack.out.clear();
    rack.step(Input::PartWrong { conn: author });
    assert!(rack.out.iter().any(|o| matches!(o, Output::DropFile { .. })));
    assert!(rack.out.iter().any(|o| matches!(o, Output::StopSend { .. })), "who reads it is cut off");
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.deliver(author, 1001);
    // Where nothing is taken it is nothing.
    rack.out.clear();
    rack.step(Input::PartWrong { conn: author });
    assert!(rack.out.is_empty());
}
