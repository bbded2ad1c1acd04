//! Aim: files of others outlive their author's stay, up to a quota; wrong ones are not passed as right; files keep to their connection.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use host_support::{Rack, commit, file, join_as, leave, request_for, station};
use mvrx_core::RequestId;
use mvrx_core::host::{Bytes, Command, Event, Input, LimitReached, Output, Standing, Take};
use mvrx_message::{Commit, Message};

// proves: HST-16
#[test]
fn a_file_is_fetched_when_announced_and_served_after_its_author_has_left() {
    let mut rack = Rack::with(|c| c.gather = true);
    let author = rack.join(1, vec![]);
    rack.receive(author, Message::Commit(commit(1, 1)));
    assert!(rack.take_reply(author).ok);
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.deliver(author, 1001);
    assert!(rack.saw(|e| *e == Event::FileKept { file: file(1), length: 1001 }));
    rack.receive(author, leave(1)).close(author);
    let (late, ret) = rack.join_with(2, "MVRApplication", vec![]);
    assert_eq!(
        ret.commits.iter().map(|c| (c.file, c.station)).collect::<Vec<_>>(),
        [(file(1), Some(station(1)))]
    );
    rack.receive(late, request_for(1));
    assert_eq!(rack.take_send_file(late).unwrap().2, Bytes::Stored);
}

#[test]
fn what_stations_ask_for_goes_before_what_is_only_to_be_kept() {
    let mut rack = Rack::with(|c| c.gather = true);
    let author = rack.accept(1);
    rack.receive(author, join_as(1, "MVRApplication", "one", (1..=3).map(|n| commit(n, 1)).collect()));
    rack.take_sent(author);
    // The newest first; the other two wait.
    assert_eq!(rack.asked(author), Some(file(3)));
    let asker = rack.join(2, vec![]);
    rack.receive(asker, request_for(1));
    rack.deliver(author, 1003);
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.deliver(author, 1001);
    assert_eq!(rack.asked(author), Some(file(2)));
    rack.deliver(author, 1002);
    assert_eq!((rack.host.holdings().kept_files, rack.host.holdings().relays), (3, 0));
}

#[test]
fn the_oldest_kept_files_make_room_but_not_while_they_are_sent() {
    let mut rack = Rack::with(|c| {
        c.gather = true;
        c.limits.kept_bytes = 2_500;
    });
    let (author, asker) = (rack.join(1, vec![]), rack.join(2, vec![]));
    let commit_and_deliver = |rack: &mut Rack, n: u8| {
        rack.receive(author, Message::Commit(commit(n, 1)));
        rack.deliver(author, 1000 + u64::from(n));
    };
    commit_and_deliver(&mut rack, 1);
    commit_and_deliver(&mut rack, 2);
    rack.receive(asker, request_for(1));
    let (ask, ..) = rack.take_send_file(asker).unwrap();
    commit_and_deliver(&mut rack, 3);
    assert_eq!(rack.events().iter().filter(|e| matches!(e, Event::FileDropped { .. })).count(), 1);
    assert!(rack.host.holds(file(1)) && !rack.host.holds(file(2)));
    assert!(rack.out.contains(&Output::ForgetFile { file: file(2) }));
    assert!(rack.saw(|e| *e == Event::LimitReached(LimitReached::Kept)));
    rack.sent(ask, 1001);
    commit_and_deliver(&mut rack, 4);
    assert!(!rack.host.holds(file(1)) && rack.host.holdings().kept_bytes <= 2_500);
    // Its author is still here, so it is still listed and can be asked for.
    rack.out.clear();
    rack.receive(asker, request_for(2));
    assert_eq!(rack.asked(author), Some(file(2)));
}

#[test]
fn a_file_above_the_quota_is_passed_on_and_not_kept() {
    let mut rack = Rack::with(|c| {
        c.gather = true;
        c.limits.kept_bytes = 100;
    });
    let (author, two, three) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]), rack.join(3, vec![]));
    assert_eq!(rack.asked(author), None);
    rack.receive(two, request_for(1));
    let (Take::Relay(relay), _) = rack.begin(author) else { panic!() };
    rack.arrive(author, 1001).receive(three, request_for(1));
    assert!(rack.take_keep().is_none());
    let (first, ..) = rack.take_send_file(two).unwrap();
    let (second, _, bytes, _) = rack.take_send_file(three).unwrap();
    assert_eq!(bytes, Bytes::Growing(relay));
    rack.sent(first, 1001);
    assert!(!rack.out.contains(&Output::DropFile { relay }));
    rack.sent(second, 1001);
    assert!(rack.out.contains(&Output::DropFile { relay }));
    assert_eq!(rack.host.holdings().relays, 0);
}

#[test]
fn what_the_hosts_application_wants_is_kept_beside_the_quota() {
    let mut rack = Rack::with(|c| c.limits.kept_bytes = 100);
    let author = rack.join(1, vec![commit(1, 1)]);
    rack.command(Command::Request { request: RequestId(1), file: file(1) });
    rack.deliver(author, 1001);
    assert!(rack.host.holds(file(1)) && rack.host.holdings().kept_files == 0);
}

#[test]
fn a_store_that_cannot_keep_a_file_does_not_take_it_from_those_who_read_it() {
    let mut rack = Rack::new();
    let (author, two) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    rack.receive(two, request_for(1));
    rack.begin(author);
    rack.arrive(author, 1001);
    let (relay, _) = rack.take_keep().unwrap();
    rack.step(Input::KeepFailed { relay, what: "disk full".into() });
    assert!(rack.saw(|e| *e == Event::FileNotKept { file: file(1), why: "disk full".into() }));
    let (ask, ..) = rack.take_send_file(two).unwrap();
    rack.sent(ask, 1001);
    assert!(rack.out.contains(&Output::DropFile { relay }));
    assert!(!rack.host.holds(file(1)));
}

// proves: HST-22
#[test]
fn a_disk_of_ours_that_fails_is_told_to_who_asks_and_costs_the_owner_nothing() {
    let mut rack = Rack::new();
    let author = rack.join(1, vec![commit(1, 1), commit(2, 1)]);
    let (holder, asker) = (rack.join(2, vec![commit(1, 1)]), rack.join(3, vec![]));
    rack.receive(asker, request_for(1)).receive(asker, request_for(2));
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.begin(author);
    let (ask, ..) = rack.take_send_file(asker).unwrap();
    rack.out.clear();
    rack.step(Input::NotStored { conn: author, what: "no space".into() });
    assert!(rack.out.contains(&Output::StopSend { ask }));
    rack.step(Input::SendFailed { ask, what: "stopped".into(), begun: false });
    assert!(rack.take_reply(asker).message.contains("no space"));
    assert!(rack.closed(author).is_none() && rack.asked(holder).is_none());
    // The rest of it is read away before it is asked for the next one.
    assert_eq!(rack.asked(author), None);
    rack.arrive(author, 1001);
    assert!(!rack.saw(|e| matches!(e, Event::PeerError { .. })));
    assert_eq!(rack.asked(author), Some(file(2)));
    rack.deliver(author, 1002);
    assert_eq!(rack.take_send_file(asker).unwrap().1, file(2));
}

// proves: HST-21
#[test]
fn a_file_of_another_length_that_is_no_whole_archive_is_not_given_to_anybody() {
    let mut rack = Rack::new();
    let author = rack.join(1, vec![commit(1, 1)]);
    let (holder, two) = (rack.join(2, vec![commit(1, 1)]), rack.join(3, vec![]));
    rack.receive(two, request_for(1));
    rack.command(Command::Request { request: RequestId(1), file: file(1) });
    rack.begin(author);
    let (ask, ..) = rack.take_send_file(two).unwrap();
    rack.out.clear();
    rack.step(Input::FileArrived { conn: author, length: 900, hash: Some([1; 32]), archive: false });
    assert!(rack.out.contains(&Output::StopSend { ask }) && rack.take_keep().is_none());
    assert!(rack.saw(|e| matches!(e, Event::AttemptFailed { why, .. } if why.contains("no whole file"))));
    assert!(rack.closed(author).is_none());
    assert_eq!(rack.asked(holder), Some(file(1)));
}

#[test]
fn a_full_disk_while_receiving_is_told_and_nobody_else_is_asked() {
    let mut rack = Rack::new();
    let author = rack.join(1, vec![commit(1, 1)]);
    let (holder, asker) = (rack.join(2, vec![commit(1, 1)]), rack.join(3, vec![]));
    rack.receive(asker, request_for(1));
    rack.begin(author);
    let (ask, ..) = rack.take_send_file(asker).unwrap();
    rack.step(Input::ReceiveFailed { conn: author, what: "no space".into(), local: true });
    assert_eq!(rack.asked(holder), None);
    rack.step(Input::SendFailed { ask, what: "stopped".into(), begun: false });
    assert!(rack.take_reply(asker).message.contains("no space"));
}

// proves: HST-13
#[test]
fn another_file_than_the_announced_one_is_dropped_and_another_holder_asked() {
    let mut rack = Rack::new();
    let told = Commit { blake3: Some([1; 32]), ..commit(1, 1) };
    let author = rack.join(1, vec![told.clone()]);
    let (holder, two, three) = (rack.join(2, vec![told]), rack.join(3, vec![]), rack.join(4, vec![]));
    rack.command(Command::Publish(commit(9, 0)));
    rack.out.clear();
    rack.receive(three, request_for(9));
    let (before, ..) = rack.take_send_file(three).unwrap();
    rack.receive(two, request_for(1)).receive(three, request_for(1));
    assert_eq!(rack.asked(author), Some(file(1)));
    let (Take::Keep(relay), _) = rack.begin(author) else { panic!() };
    let (ask, ..) = rack.take_send_file(two).unwrap();
    rack.out.clear();
    rack.step(Input::FileArrived { conn: author, length: 1001, hash: Some([2; 32]), archive: true });
    assert!(rack.out.contains(&Output::DropFile { relay }) && rack.out.contains(&Output::StopSend { ask }));
    assert!(rack.saw(|e| matches!(e, Event::AttemptFailed { why, .. } if why.contains("BLAKE3"))));
    // Whoever was being sent the wrong bytes is cut off; whoever was not gets the right ones.
    rack.step(Input::SendFailed { ask, what: "stopped".into(), begun: true });
    assert!(rack.closed(two).unwrap().contains("not be sent whole"));
    assert_eq!(rack.asked(holder), Some(file(1)));
    rack.out.clear();
    rack.sent(before, 1009).deliver(holder, 1001);
    assert_eq!(rack.take_send_file(three).unwrap().1, file(1));
}

#[test]
fn a_whole_file_of_another_length_is_kept_and_told() {
    let mut rack = Rack::new();
    let (author, two) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    rack.receive(two, request_for(1));
    rack.deliver(author, 5);
    assert!(rack.saw(|e| matches!(e, Event::FileSizeDiffers { announced: 1001, received: 5, .. })));
    let (_, ret) = rack.join_with(3, "MVRApplication", vec![]);
    assert_eq!(ret.commits[0].file_size, 5);
}

#[test]
fn a_file_that_nobody_requested_is_read_away_and_told() {
    let mut rack = Rack::new();
    let conn = rack.join(1, vec![commit(1, 1)]);
    assert_eq!(rack.begin(conn), (Take::Discard, false));
    assert!(rack.saw(|e| matches!(e, Event::PeerError { .. })));
    let asker = rack.join(2, vec![]);
    rack.receive(asker, request_for(1));
    // Not while that file comes: its end and the next one's beginning could not be told apart.
    assert_eq!(rack.asked(conn), None);
    rack.arrive(conn, 3);
    assert_eq!(rack.asked(conn), Some(file(1)));
}

#[test]
fn files_of_the_store_are_listed_again_after_a_restart_and_count_for_the_quota() {
    let mut rack = Rack::new();
    rack.command(Command::Restore(commit(1, 1))).command(Command::Restore(commit(2, 0)));
    assert_eq!(rack.host.holdings().kept_files, 1);
    let (_, ret) = rack.join_with(3, "MVRApplication", vec![]);
    assert_eq!(ret.commits.len(), 2);
}

// proves: HST-17
#[test]
fn files_of_a_station_with_a_second_connection_never_meet_its_messages() {
    let mut rack = Rack::new();
    let (one, two) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    let (files_one, files_two) = (rack.accept(1), rack.accept(2));
    rack.step(Input::Attached { conn: files_one, station: station(1) });
    rack.step(Input::Attached { conn: files_two, station: station(2) });
    assert_eq!(rack.host.standing(files_two), Some(Standing::Files));
    rack.receive(files_two, request_for(1));
    assert_eq!((rack.asked(one), rack.asked(files_one)), (None, Some(file(1))));
    rack.begin(files_one);
    let (_, _, _, shared) = rack.take_send_file(files_two).unwrap();
    assert!(!shared);
    // A COMMIT goes to the other connection of each, while the file moves.
    rack.receive(one, Message::Commit(commit(2, 1)));
    assert!(rack.take_reply(one).ok);
    assert_eq!(rack.take_sent(two), Some(Message::Commit(commit(2, 1))));
    for message in [Message::Commit(commit(3, 2)), leave(2), join_as(2, "X", "two", vec![])] {
        rack.receive(files_two, message);
        assert!(!rack.take_reply(files_two).ok);
    }
    // On a shared connection the file is told to leave room.
    rack.receive(two, request_for(1));
    assert!(rack.take_send_file(two).unwrap().3);
}

#[test]
fn a_second_connection_lives_no_longer_than_its_station_and_its_loss_is_not_the_stations() {
    let mut rack = Rack::new();
    let stranger = rack.accept(9);
    rack.step(Input::Attached { conn: stranger, station: station(9) });
    assert!(rack.closed(stranger).is_some());
    let (one, asker) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    let (first, second) = (rack.accept(1), rack.accept(1));
    rack.step(Input::Attached { conn: first, station: station(1) });
    rack.step(Input::Attached { conn: second, station: station(1) });
    assert!(rack.closed(first).unwrap().contains("newer"));
    rack.receive(asker, request_for(1));
    assert!(rack.asked(second).is_some());
    rack.close(second);
    // It is asked again on the connection that is left.
    assert_eq!(rack.asked(one), Some(file(1)));
    assert!(!rack.saw(|e| matches!(e, Event::StationLost { .. })));
    let third = rack.accept(1);
    rack.step(Input::Attached { conn: third, station: station(1) }).close(one);
    assert!(rack.closed(third).is_some() && rack.saw(|e| matches!(e, Event::StationLost { .. })));
}

// proves: HDR-12
#[test]
fn a_file_that_came_damaged_is_neither_listed_nor_passed_on_until_it_comes_whole() {
    let mut rack = Rack::with(|c| c.gather = true);
    let (author, two) = (rack.join(1, vec![]), rack.join(2, vec![]));
    rack.receive(author, Message::Commit(commit(1, 1)));
    assert!(rack.take_reply(author).ok);
    assert_eq!(rack.asked(author), Some(file(1)));
    rack.begin(author);
    rack.receive(two, request_for(1));
    let (under_way, ..) = rack.take_send_file(two).unwrap();
    rack.receive(two, request_for(1));
    rack.arrive(author, 1001);
    let (relay, _) = rack.take_keep().unwrap();
    rack.out.clear();
    rack.step(Input::Damaged { relay, what: "member a".into() });
    assert!(rack.saw(|e| matches!(e, Event::FileNotKept { why, .. } if why == "damaged: member a")));
    // Who reads it has its bytes already; who waits for its turn gets none.
    rack.sent(under_way, 1001);
    assert!(rack.take_send_file(two).is_none());
    assert!(rack.take_reply(two).message.contains("is damaged: member a"));
    let (late, ret) = rack.join_with(3, "MVRApplication", vec![]);
    assert_eq!(ret.commits, []);
    rack.receive(late, request_for(1));
    assert!(rack.take_reply(late).message.contains("is damaged: member a"));
    assert_eq!(rack.asked(author), None);

    // Its author tells of it again, and gives it whole: then those are told that were not.
    rack.out.clear();
    rack.receive(author, Message::Commit(commit(1, 1)));
    assert!(rack.take_reply(author).ok);
    assert_eq!(rack.asked(author), Some(file(1)));
    assert!(!rack.sent_anything_on(late), "not before it is whole");
    rack.deliver(author, 1001);
    assert!(matches!(rack.take_sent(late), Some(Message::Commit(told)) if told.file == file(1)));
    rack.receive(late, request_for(1));
    assert_eq!(rack.take_send_file(late).unwrap().2, Bytes::Stored);
}

// proves: HDR-12
#[test]
fn what_came_damaged_of_one_station_is_read_of_the_next_one_that_lists_it() {
    let mut rack = Rack::with(|c| c.gather = true);
    let (author, other) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![commit(1, 1)]));
    rack.begin(author);
    rack.arrive(author, 1001);
    let (relay, _) = rack.take_keep().unwrap();
    rack.step(Input::Damaged { relay, what: "member a".into() });
    assert_eq!(rack.asked(other), Some(file(1)));
    rack.deliver(other, 1001);
    assert!(rack.host.holds(file(1)));
}
