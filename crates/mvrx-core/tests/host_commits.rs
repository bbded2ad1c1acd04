//! Aim: a commit reaches everybody it is for, once, and never its sender.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use std::time::Duration;

use host_support::{Rack, commit, commit_for, file, join_as, station};
use mvrx_core::CommitSource;
use mvrx_core::host::{Command, Event, LimitReached, Output};
use mvrx_message::{Commit, FileUuid, Message, Reply, StationUuid};

// proves: HST-07
#[test]
fn a_commit_is_acknowledged_and_goes_to_all_but_its_sender() {
    let mut rack = Rack::new();
    let conns: Vec<_> = (1..=4).map(|n| rack.join(n, vec![])).collect();
    rack.receive(conns[0], Message::Commit(Commit { station: None, ..commit(1, 1) }));
    assert!(rack.take_reply(conns[0]).ok);
    assert!(!rack.sent_anything_on(conns[0]));
    for conn in &conns[1..] {
        // The author is told, though the sender left it out.
        assert_eq!(rack.take_sent(*conn), Some(Message::Commit(commit(1, 1))));
        assert!(!rack.sent_anything_on(*conn));
    }
    assert!(rack.saw(|e| *e == Event::CommitRelayed { file: file(1), from: station(1), stations: 3 }));
}

#[test]
fn a_commit_passed_on_by_another_station_does_not_go_back_to_its_author() {
    let mut rack = Rack::new();
    let (one, two, three) = (rack.join(1, vec![]), rack.join(2, vec![]), rack.join(3, vec![]));
    rack.receive(two, Message::Commit(commit(1, 1)));
    assert!(!rack.sent_anything_on(one));
    assert_eq!(rack.take_sent(three), Some(Message::Commit(commit(1, 1))));
}

// proves: HST-08
#[test]
fn a_commit_for_some_stations_goes_to_them_alone_and_is_given_to_them_alone() {
    let mut rack = Rack::new();
    let (one, two, three) = (rack.join(1, vec![]), rack.join(2, vec![]), rack.join(3, vec![]));
    rack.receive(one, Message::Commit(commit_for(1, 1, &[2])));
    assert!(rack.take_reply(one).ok);
    assert!(rack.take_sent(two).is_some());
    assert!(!rack.sent_anything_on(three));
    // It is not for the host either, which only passes it on.
    assert!(!rack.saw(|e| matches!(e, Event::CommitSeen { .. })));
    rack.receive(three, host_support::request_for(1));
    let reply = rack.take_reply(three);
    assert!(!reply.ok && reply.message.contains("not available"), "{reply:?}");
    rack.receive(two, host_support::request_for(1));
    assert_eq!(rack.asked(one), Some(file(1)));
}

// proves: HST-09
#[test]
fn a_commit_told_again_is_acknowledged_and_not_passed_on_again() {
    let mut rack = Rack::new();
    let (one, two) = (rack.join(1, vec![]), rack.join(2, vec![]));
    rack.receive(one, Message::Commit(commit(1, 1))).receive(one, Message::Commit(commit(1, 1)));
    assert!(rack.take_reply(one).ok && rack.take_reply(one).ok);
    assert!(rack.take_sent(two).is_some() && rack.take_sent(two).is_none());
    rack.receive(two, Message::Commit(Commit { file_size: 7, ..commit(1, 1) }));
    let reply = rack.take_reply(two);
    assert!(!reply.ok && reply.message.contains("FileSize"), "{reply:?}");
}

// proves: HST-10
#[test]
fn the_host_commits_to_every_station_that_it_is_for() {
    let mut rack = Rack::new();
    let (one, two) = (rack.join(1, vec![]), rack.join(2, vec![]));
    rack.command(Command::Publish(commit(1, 0))).command(Command::Publish(commit_for(2, 0, &[2])));
    assert_eq!(rack.take_sent(one), Some(Message::Commit(commit(1, 0))));
    assert!(!rack.sent_anything_on(one));
    assert_eq!(rack.take_sent(two), Some(Message::Commit(commit(1, 0))));
    assert_eq!(rack.take_sent(two), Some(Message::Commit(commit_for(2, 0, &[2]))));
    rack.receive(one, Message::CommitRet(Reply::refused("no disk")));
    assert!(rack.saw(|e| matches!(e, Event::CommitRefused { message, .. } if message == "no disk")));
}

// proves: HST-24
#[test]
fn what_a_join_brings_that_is_new_to_the_session_is_told_to_the_others() {
    let mut rack = Rack::with(|c| c.limits.announced_at_join = 2);
    let one = rack.join(1, vec![commit(1, 1)]);
    let listed = (1..=4).map(|n| commit(n, if n == 1 { 1 } else { 2 })).collect();
    rack.join_with(2, "MVRApplication", listed);
    // Of three new ones two at once, and the last a little later: all of them in time.
    assert_eq!(rack.take_sent(one), Some(Message::Commit(commit(2, 2))));
    assert_eq!(rack.take_sent(one), Some(Message::Commit(commit(3, 2))));
    assert!(!rack.sent_anything_on(one));
    rack.pass(Duration::from_secs(1));
    assert_eq!(rack.take_sent(one), Some(Message::Commit(commit(4, 2))));
    assert!(!rack.sent_anything_on(one) && rack.host.deadline().is_none());
    let seen = Event::CommitSeen { file: file(2), from: station(2), source: CommitSource::Listed };
    assert!(rack.saw(|e| *e == seen));
}

#[test]
fn grandma3_is_pushed_the_newest_commit_after_its_join() {
    let mut rack = Rack::new();
    rack.join(1, vec![commit(1, 1), commit(2, 1)]);
    let (ma, _) = rack.join_with(2, "GrandMA3", vec![]);
    assert_eq!(rack.take_sent(ma), Some(Message::Commit(commit(2, 1))));
}

// proves: HST-24
#[test]
fn a_long_list_is_told_in_parts_and_what_is_gone_by_then_is_not() {
    let mut rack = Rack::with(|c| c.limits.announced_at_join = 64);
    let one = rack.join(1, vec![]);
    let listed = |author: u8| -> Vec<Commit> {
        (0..200)
            .map(|n| Commit {
                file: FileUuid::from_random_bytes([author, n, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
                ..commit(1, author)
            })
            .collect()
    };
    rack.join_with(2, "MVRApplication", listed(2));
    let (three, _) = rack.join_with(3, "MVRApplication", listed(3));
    let told = |rack: &mut Rack| {
        let told = rack.out.iter().filter(|o| matches!(o, Output::Send { conn, message, .. } if *conn == one && matches!(**message, Message::Commit(_)))).count();
        rack.out.clear();
        told
    };
    assert_eq!(told(&mut rack), 64);
    rack.close(three);
    rack.pass(Duration::from_secs(5));
    assert_eq!(told(&mut rack), 136, "all of the second station, none of the third");
    assert_eq!(rack.host.deadline(), None);
}

// proves: HST-24
#[test]
fn who_commits_without_pause_floods_nobody_and_delays_nobodys_commit_for_long() {
    let mut rack = Rack::with(|c| c.limits.announced_at_join = 64);
    let (flood, one) = (rack.join(1, vec![]), rack.join(2, vec![]));
    let told = |rack: &mut Rack| -> Vec<FileUuid> {
        let sent = std::iter::from_fn(|| rack.take_sent(one));
        let files =
            sent.filter_map(|m| if let Message::Commit(commit) = m { Some(commit.file) } else { None });
        files.collect()
    };
    let made = |n: u16| {
        let mut bytes = [1; 16];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        Commit { file: FileUuid::from_random_bytes(bytes), ..commit(1, 1) }
    };
    for n in 0..400 {
        if n % 2 == 0 {
            rack.receive(flood, Message::Commit(made(n)));
        } else {
            rack.receive(flood, join_as(1, "MVRApplication", "one", vec![made(n)]));
        }
    }
    assert_eq!(told(&mut rack), (0..64).map(|n| made(n).file).collect::<Vec<_>>());
    let honest = rack.join(3, vec![]);
    rack.receive(honest, Message::Commit(commit(9, 3)));
    assert!(rack.take_reply(honest).ok);
    rack.pass(Duration::from_millis(200));
    let next = told(&mut rack);
    assert!(next.len() == 64 && next.contains(&file(9)), "{}", next.len());
    rack.pass(Duration::from_secs(10));
    assert_eq!(told(&mut rack).len(), 400 - 64 - 63, "all are told in the end");
}

// proves: HST-24
#[test]
fn nobodys_few_commits_wait_behind_anothers_many_and_forgotten_ones_wait_no_longer() {
    let many = |author: u8, last: u8| -> Vec<Commit> {
        (0..last)
            .map(|n| Commit {
                file: FileUuid::from_random_bytes([author, n, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
                ..commit(1, author)
            })
            .collect()
    };
    let mut rack = Rack::with(|c| (c.limits.announced_at_join, c.limits.commits) = (4, 250));
    let one = rack.join(1, vec![]);
    rack.join_with(2, "MVRApplication", many(2, 200));
    rack.join_with(3, "MVRApplication", vec![commit(9, 3)]);
    rack.out.clear();
    rack.pass(Duration::from_millis(250));
    let told: Vec<_> = std::iter::from_fn(|| rack.take_sent(one)).collect();
    assert!(told.contains(&Message::Commit(commit(9, 3))), "{}", told.len());
    rack.join_with(4, "MVRApplication", many(4, 249));
    let holds = rack.host.holdings();
    assert!(holds.commits <= 250 && holds.commits_to_announce <= holds.commits, "{holds:?}");
}

#[test]
fn commits_whose_words_take_too_much_room_push_out_the_oldest() {
    let wordy = |n: u8| Commit { comment: "x".repeat(10_000), ..commit(n, 1) };
    let fits = {
        let mut rack = Rack::new();
        let one = rack.join(1, vec![]);
        for n in 1..=3 {
            rack.receive(one, Message::Commit(wordy(n)));
        }
        rack.host.holdings().commit_bytes
    };
    assert!(fits > 30_000, "{fits}");
    for (room, left) in [(fits, vec![file(1), file(2), file(3)]), (fits - 1, vec![file(2), file(3)])] {
        let mut rack = Rack::with(|c| c.limits.commit_bytes = room);
        let one = rack.join(1, vec![]);
        for n in 1..=3 {
            rack.receive(one, Message::Commit(wordy(n)));
        }
        let known: Vec<_> = rack.host.commits().map(|c| c.commit.file).collect();
        assert_eq!(known, left);
        let told = rack.saw(|e| *e == Event::LimitReached(LimitReached::CommitBytes));
        assert_eq!(told, left.len() < 3);
        // Names and lists of stations count as well, and the same commit told in other words is counted once.
        let stations = (0..2_000_u16)
            .map(|n| StationUuid::from_random_bytes([n.to_be_bytes(); 8].concat().try_into().unwrap()));
        rack.receive(one, Message::Commit(Commit { for_stations: stations.collect(), ..commit(9, 1) }));
        rack.receive(one, Message::Commit(Commit { file_name: "y".repeat(20_000), ..commit(10, 1) }));
        assert!(rack.host.holdings().commit_bytes <= room);
    }
}

#[test]
fn commits_above_the_limit_push_out_the_oldest_that_nobody_keeps_here() {
    let mut rack = Rack::with(|c| c.limits.commits = 3);
    let one = rack.join(1, vec![]);
    rack.command(Command::Publish(commit(0, 0)));
    for n in 1..=5 {
        rack.receive(one, Message::Commit(commit(n, 1)));
    }
    let known: Vec<_> = rack.host.commits().map(|c| c.commit.file).collect();
    assert_eq!(known, [file(0), file(4), file(5)]);
    assert!(rack.saw(|e| *e == Event::LimitReached(LimitReached::Commits)));
}
