//! Aim: a REQUEST is answered with its file by whoever can give it, in its turn, exactly once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use std::time::Duration;

use host_support::{Rack, commit, file, leave, not_here, request_for, station};
use mvrx_core::host::{Bytes, Command, Event, Input, LimitReached, Output, Take};
use mvrx_core::{ConnId, RequestId};
use mvrx_message::{Commit, Message, Request};

// proves: HST-11
#[test]
fn a_request_goes_to_who_lists_the_file_whomever_it_names() {
    let mut rack = Rack::new();
    let (one, two, asker) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]), rack.join(3, vec![]));
    // `request_for` names the host, as one product does.
    rack.receive(asker, request_for(1));
    assert_eq!(rack.asked(one), Some(file(1)));
    // Nobody lists this one, so the named station is asked.
    rack.receive(asker, Message::Request(Request::new(Some(file(7)), vec![station(2)])));
    assert_eq!(rack.asked(two), Some(file(7)));
    // Nobody lists it and nobody is named.
    let other = rack.join(4, vec![]);
    rack.receive(other, request_for(8));
    assert!(rack.take_reply(other).message.contains("not available"));
}

#[test]
fn among_those_who_list_a_file_the_named_one_is_asked_then_the_author() {
    let mut rack = Rack::new();
    let (two, one) = (rack.join(2, vec![commit(1, 1)]), rack.join(1, vec![commit(1, 1)]));
    let asker = rack.join(3, vec![]);
    rack.receive(asker, request_for(1));
    assert_eq!((rack.asked(one), rack.asked(two)), (Some(file(1)), None));
    let mut rack = Rack::new();
    let (two, one) = (rack.join(2, vec![commit(1, 1)]), rack.join(1, vec![commit(1, 1)]));
    let asker = rack.join(3, vec![]);
    rack.receive(asker, Message::Request(Request::new(Some(file(1)), vec![station(2)])));
    assert_eq!((rack.asked(one), rack.asked(two)), (None, Some(file(1))));
}

#[test]
fn the_hosts_own_file_is_served_from_its_store() {
    let mut rack = Rack::new();
    let asker = rack.join(1, vec![]);
    rack.command(Command::Publish(commit(1, 0))).receive(asker, request_for(1));
    let (ask, which, bytes, shared) = rack.take_send_file(asker).unwrap();
    assert_eq!((which, bytes, shared), (file(1), Bytes::Stored, true));
    rack.sent(ask, 1001);
    assert!(rack.saw(|e| *e == Event::Served { file: file(1), station: station(1), length: 1001 }));
    assert_eq!(rack.host.holdings().asks, 0);
}

// proves: HST-12
#[test]
fn the_owner_is_asked_once_and_everybody_gets_the_file_while_it_arrives() {
    let mut rack = Rack::new();
    let owner = rack.join(1, vec![commit(1, 1)]);
    let (two, three, four, five) =
        (rack.join(2, vec![]), rack.join(3, vec![]), rack.join(4, vec![]), rack.join(5, vec![]));
    rack.receive(two, request_for(1)).receive(three, request_for(1));
    assert_eq!((rack.asked(owner), rack.asked(owner)), (Some(file(1)), None));
    assert!(rack.take_send_file(two).is_none());
    let (Take::Keep(relay), false) = rack.begin(owner) else { panic!() };
    // One more comes while it arrives.
    rack.receive(four, request_for(1));
    for conn in [two, three, four] {
        let (_, which, bytes, _) = rack.take_send_file(conn).unwrap();
        assert_eq!((which, bytes), (file(1), Bytes::Growing(relay)));
    }
    rack.arrive(owner, 1001);
    let (kept, as_commit) = rack.take_keep().unwrap();
    assert_eq!((kept, as_commit.file_size, as_commit.blake3), (relay, 1001, Some([1; 32])));
    rack.step(Input::Kept { relay }).receive(five, request_for(1));
    assert_eq!(rack.take_send_file(five).unwrap().2, Bytes::Stored);
    assert_eq!(rack.asked(owner), None);
}

// proves: HST-13
#[test]
fn another_holder_is_asked_when_one_refuses_stalls_or_is_lost() {
    let mut rack = Rack::new();
    let holders: Vec<_> = (1..=4).map(|n| rack.join(n, vec![commit(1, 1)])).collect();
    let asker = rack.join(9, vec![]);
    rack.receive(asker, request_for(1));
    assert_eq!(rack.asked(holders[0]), Some(file(1)));
    rack.receive(holders[0], not_here());
    let mut left: Vec<_> = holders[1..].to_vec();
    let mut next = |rack: &mut Rack| {
        let at = left.iter().position(|c| rack.asked(*c).is_some()).expect("nobody was asked");
        left.remove(at)
    };
    let _stalls = next(&mut rack);
    rack.pass(Duration::from_secs(61));
    let drops = next(&mut rack);
    rack.begin(drops);
    let (ask, ..) = rack.take_send_file(asker).unwrap();
    rack.close(drops);
    // The bytes that are there stay; whoever reads them waits for the last holder's.
    let last = next(&mut rack);
    let (take, again) = rack.begin(last);
    assert!(matches!(take, Take::Keep(_)) && again);
    assert!(rack.take_send_file(asker).is_none() && rack.closed(asker).is_none());
    rack.arrive(last, 1001);
    let (relay, _) = rack.take_keep().unwrap();
    rack.step(Input::Kept { relay }).sent(ask, 1001);
    let failed: Vec<_> =
        rack.events().into_iter().filter(|e| matches!(e, Event::AttemptFailed { .. })).collect();
    assert_eq!(failed.len(), 3, "{failed:?}");
    assert!(rack.saw(|e| matches!(e, Event::Served { .. })));
}

#[test]
fn when_nobody_gives_it_the_asker_is_told_what_the_last_one_said() {
    let mut rack = Rack::new();
    let (owner, asker) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    rack.receive(asker, request_for(1)).receive(owner, not_here());
    let reply = rack.take_reply(asker);
    assert!(!reply.ok && reply.message.contains("it refused: gone"), "{reply:?}");
    assert_eq!((rack.host.holdings().relays, rack.host.deadline()), (0, None));
}

#[test]
fn when_the_only_owner_is_lost_in_the_middle_the_asker_keeps_its_connection_if_nothing_was_sent() {
    for begun in [false, true] {
        let mut rack = Rack::new();
        let (owner, asker) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
        rack.receive(asker, request_for(1));
        let (Take::Keep(relay), _) = rack.begin(owner) else { panic!() };
        let (ask, ..) = rack.take_send_file(asker).unwrap();
        rack.step(Input::ReceiveFailed { conn: owner, what: "reset".into(), local: false });
        assert!(
            rack.out.contains(&Output::StopSend { ask }) && rack.out.contains(&Output::DropFile { relay })
        );
        assert!(rack.saw(|e| matches!(e, Event::StationLost { .. })));
        rack.step(Input::SendFailed { ask, what: "stopped".into(), begun });
        assert_eq!(rack.closed(asker).is_some(), begun);
        if !begun {
            assert!(rack.take_reply(asker).message.contains("reset"));
        }
        assert_eq!(rack.host.holdings().asks, 0);
    }
}

/// An owner that let one REQUEST go by without an answer and was asked for the next file.
fn behind(first: Commit, second: Commit) -> (Rack, ConnId, ConnId) {
    let mut rack = Rack::new();
    let owner = rack.join(1, vec![first, second]);
    let (two, three) = (rack.join(2, vec![]), rack.join(3, vec![]));
    rack.receive(two, request_for(1)).receive(three, request_for(2));
    assert_eq!((rack.asked(owner), rack.asked(owner)), (Some(file(1)), None), "one at a time");
    rack.pass(Duration::from_secs(61));
    assert!(rack.take_reply(two).message.contains("in time"));
    assert_eq!(rack.asked(owner), Some(file(2)), "one that never answers keeps nobody else waiting");
    (rack, owner, three)
}

// proves: HST-14
#[test]
fn a_late_answer_is_not_taken_for_the_next_one() {
    let (mut rack, owner, three) = behind(commit(1, 1), commit(2, 1));
    assert!(!rack.begin(owner).1);
    assert!(rack.take_send_file(three).is_none(), "it may be the other file");
    rack.out.clear();
    rack.arrive(owner, 1001);
    assert!(rack.out.iter().any(|o| matches!(o, Output::DropFile { .. })), "{:?}", rack.out);
    assert!(rack.take_keep().is_none() && rack.take_send_file(three).is_none());
    rack.deliver(owner, 1002);
    assert_eq!(rack.take_send_file(three).unwrap().1, file(2));
    assert!(!rack.host.holds(file(1)));
}

// proves: HST-14
#[test]
fn what_may_be_of_another_file_is_not_gone_on_with_by_the_next_owner() {
    let (mut rack, owner, three) = behind(commit(1, 1), commit(2, 1));
    let (other, _) = rack.join_with(4, "MVRApplication", vec![commit(2, 1)]);
    assert!(!rack.begin(owner).1);
    rack.out.clear();
    rack.close(owner);
    assert!(rack.out.iter().any(|o| matches!(o, Output::DropFile { .. })), "{:?}", rack.out);
    assert_eq!(rack.asked(other), Some(file(2)));
    assert!(!rack.begin(other).1, "it begins anew");
    assert_eq!(rack.take_send_file(three).unwrap().1, file(2));
}

// proves: HST-14
#[test]
fn an_answer_that_never_comes_is_not_waited_for_when_the_next_one_is_known_by_its_length_or_hash() {
    let (mut rack, owner, three) = behind(commit(1, 1), commit(2, 1));
    rack.deliver(owner, 1002);
    assert_eq!(rack.take_send_file(three).unwrap().1, file(2));
    let hashed = Commit { file_size: 1001, blake3: Some([1; 32]), ..commit(2, 1) };
    let (mut rack, owner, three) = behind(commit(1, 1), hashed);
    rack.deliver(owner, 1001);
    assert_eq!(rack.take_send_file(three).unwrap().1, file(2));
}

// proves: HST-14
#[test]
fn of_two_files_that_nothing_tells_apart_the_first_is_the_late_one() {
    let same = Commit { file_size: 1001, ..commit(2, 1) };
    let (mut rack, owner, three) = behind(commit(1, 1), same);
    rack.begin(owner);
    rack.arrive(owner, 1001);
    assert!(rack.take_keep().is_none() && rack.take_send_file(three).is_none());
    rack.deliver(owner, 1001);
    assert_eq!(rack.take_send_file(three).unwrap().1, file(2));
}

// proves: HST-14
#[test]
fn a_refusal_of_who_is_behind_ends_the_request_and_a_file_that_follows_is_nobodys() {
    let (mut rack, owner, three) = behind(commit(1, 1), commit(2, 1));
    rack.receive(owner, not_here());
    assert!(!rack.take_reply(three).ok);
    // Of two answers one has come, so one more may come, of either file.
    assert_eq!(rack.begin(owner).0, Take::Discard);
    rack.arrive(owner, 1002);
    assert!(!rack.saw(|e| matches!(e, Event::PeerError { .. })), "{:?}", rack.events());
    // From here on nothing is owed.
    rack.begin(owner);
    assert!(rack.saw(|e| matches!(e, Event::PeerError { .. })));
}

// proves: HST-14
#[test]
fn once_as_many_answers_came_as_were_asked_for_a_file_is_passed_on_while_it_arrives() {
    let (mut rack, owner, three) = behind(commit(1, 1), commit(2, 1));
    rack.receive(owner, not_here());
    rack.begin(owner);
    rack.step(Input::FileArrived { conn: owner, length: 1001, hash: None, archive: false });
    rack.out.clear();
    rack.receive(three, request_for(2));
    rack.begin(owner);
    assert_eq!(rack.take_send_file(three).unwrap().1, file(2), "a refused file is not waited for");
}

/// Station 1 has these files and is late with the first one; what the host expects of the second when it begins.
fn begins(provider: &str, first: Commit, second: Commit) -> (Option<u64>, bool) {
    let mut rack = Rack::new();
    let (owner, _) = rack.join_with(1, provider, vec![first, second]);
    let (two, three) = (rack.join(2, vec![]), rack.join(3, vec![]));
    rack.receive(two, request_for(1)).receive(three, request_for(2));
    rack.pass(Duration::from_secs(61));
    rack.out.clear();
    rack.step(Input::FileBegins { conn: owner });
    let taken = rack.out.iter().find_map(|o| match o {
        Output::ReceiveFile { expected, doubted, .. } => Some((*expected, *doubted)),
        _ => None,
    });
    taken.expect("nothing is received")
}

// proves: HST-14
#[test]
fn nobodys_word_on_lengths_ends_a_file_that_may_be_another_one() {
    let told = |n| Commit { blake3: Some([n; 32]), ..commit(n, 1) };
    for provider in ["mvrx", "MVRApplication"] {
        assert_eq!(begins(provider, commit(2, 1), commit(1, 1)), (Some(1001), true));
        assert_eq!(begins(provider, told(2), told(1)), (Some(1001), true));
        assert_eq!(begins(provider, Commit { file_size: 0, ..commit(1, 1) }, told(2)), (None, true));
    }
}

#[test]
fn the_word_on_lengths_of_our_own_stations_holds_where_a_hash_was_told_with_it() {
    let told = Commit { blake3: Some([1; 32]), ..commit(1, 1) };
    for (provider, commit, doubted) in
        [("mvrx", told.clone(), false), ("mvrx", commit(1, 1), true), ("MVRApplication", told, true)]
    {
        let mut rack = Rack::new();
        let (owner, _) = rack.join_with(1, provider, vec![commit]);
        let asker = rack.join(2, vec![]);
        rack.receive(asker, request_for(1));
        rack.step(Input::FileBegins { conn: owner });
        let is = |o: &Output| matches!(o, Output::ReceiveFile { doubted: is, .. } if *is == doubted);
        assert!(rack.out.iter().any(is), "{provider}: {:?}", rack.out);
    }
}

// proves: HST-14
#[test]
fn a_late_answer_and_the_next_without_a_pause_are_both_thrown_away_and_the_next_is_asked_for_again() {
    let (mut rack, owner, three) = behind(commit(1, 1), commit(2, 1));
    rack.begin(owner);
    rack.out.clear();
    rack.step(Input::FileArrived { conn: owner, length: 2003, hash: Some([9; 32]), archive: false });
    assert!(rack.out.iter().any(|o| matches!(o, Output::DropFile { .. })), "{:?}", rack.out);
    assert_eq!(rack.asked(owner), Some(file(2)), "now nothing else is owed");
    rack.begin(owner);
    assert_eq!(rack.take_send_file(three).unwrap().1, file(2));
    rack.arrive(owner, 1002);
    assert_eq!(rack.take_keep().unwrap().1.file, file(2));
}

// proves: HST-14
#[test]
fn a_file_that_only_its_length_shows_to_be_the_one_requested_is_told() {
    for (archive, doubts) in [(false, true), (true, false)] {
        let (mut rack, owner, three) = behind(commit(1, 1), commit(2, 1));
        rack.begin(owner);
        rack.step(Input::FileArrived { conn: owner, length: 1002, hash: Some([9; 32]), archive });
        assert_eq!(rack.take_send_file(three).unwrap().1, file(2));
        let told = rack.saw(|e| *e == Event::FileUnproven { file: file(2), from: station(1) });
        assert_eq!(told, doubts);
    }
}

// proves: HST-14
#[test]
fn a_file_that_could_not_be_stored_may_have_been_the_late_one() {
    let (mut rack, owner, three) = behind(commit(1, 1), commit(2, 1));
    rack.begin(owner);
    rack.step(Input::NotStored { conn: owner, what: "the disk is full".to_owned() });
    assert!(!rack.take_reply(three).ok);
    rack.step(Input::FileArrived { conn: owner, length: 1001, hash: None, archive: false });
    assert_eq!(rack.begin(owner).0, Take::Discard);
    assert!(!rack.saw(|e| matches!(e, Event::PeerError { .. })), "{:?}", rack.events());
}

// proves: HST-19
#[test]
fn a_file_that_nobody_told_of_is_refused_at_once_with_the_reason() {
    let mut rack = Rack::new();
    let (one, asker) = (rack.join(1, vec![]), rack.join(2, vec![]));
    for from in [vec![], vec![station(0)], vec![station(2)], vec![station(77)]] {
        rack.receive(asker, Message::Request(Request::new(Some(file(7)), from)));
        let reply = rack.take_reply(asker);
        assert!(
            !reply.ok && reply.message.contains("no station of this session has told of it"),
            "{reply:?}"
        );
    }
    assert!(!rack.sent_anything_on(one));
    // Who is named may have it, as long as it answers.
    let named = |n| Message::Request(Request::new(Some(file(n)), vec![station(1)]));
    rack.receive(asker, named(7));
    assert_eq!(rack.asked(one), Some(file(7)));
    rack.pass(Duration::from_secs(61));
    assert!(!rack.take_reply(asker).ok);
    rack.receive(asker, named(8));
    assert!(rack.take_reply(asker).message.contains("told of it"));
    assert!(!rack.sent_anything_on(one));
    // A file whose stations are gone is another matter.
    let gone = rack.join(3, vec![commit(3, 3)]);
    rack.close(gone);
    rack.receive(asker, request_for(3));
    assert!(rack.take_reply(asker).message.contains("no station that has it is here now"));
}

// proves: HST-20
#[test]
fn one_request_too_many_for_an_owner_is_told_that_it_is_busy() {
    for most in [1, 3] {
        let mut rack = Rack::with(|c| c.limits.queued = most);
        let count = u8::try_from(most).unwrap() + 2;
        let owner = rack.join(1, (1..=count).map(|n| commit(n, 1)).collect());
        let askers: Vec<_> = (1..=count).map(|n| rack.join(10 + n, vec![])).collect();
        for (n, asker) in (1..count).zip(&askers) {
            rack.receive(*asker, request_for(n));
            assert!(n == 1 || !rack.sent_anything_on(*asker), "{n} waits");
        }
        assert_eq!(rack.asked(owner), Some(file(1)));
        let last = *askers.last().unwrap();
        rack.receive(last, request_for(count));
        let reply = rack.take_reply(last);
        assert!(
            !reply.ok && reply.message.contains("busy") && reply.message.contains("try again"),
            "{reply:?}"
        );
        assert!(rack.saw(|e| *e == Event::LimitReached(LimitReached::Queued)));
        // One place is free again.
        rack.receive(owner, not_here()).receive(last, request_for(count));
        assert!(rack.take_sent(last).is_none());
    }
}

#[test]
fn a_request_that_waits_too_long_for_its_owner_ends() {
    let mut rack = Rack::with(|c| c.timers.queue = Duration::from_secs(100));
    let owner = rack.join(1, vec![commit(1, 1), commit(2, 1)]);
    let (two, three) = (rack.join(2, vec![]), rack.join(3, vec![]));
    rack.receive(two, request_for(1));
    rack.begin(owner);
    rack.receive(three, request_for(2)).pass(Duration::from_secs(101));
    assert!(rack.take_reply(three).message.contains("its turn"));
    assert_eq!((rack.host.deadline(), rack.host.holdings().relays), (None, 1));
}

#[test]
fn answers_keep_the_order_of_their_requests_and_reads_do_not_wait_for_it() {
    let mut rack = Rack::new();
    let (one, two) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![commit(2, 2)]));
    let asker = rack.join(3, vec![]);
    rack.receive(asker, request_for(1)).receive(asker, request_for(2)).receive(asker, request_for(8));
    assert!(rack.asked(one).is_some() && rack.asked(two).is_some());
    rack.deliver(two, 1002);
    assert!(!rack.sent_anything_on(asker));
    rack.deliver(one, 1001);
    let (first, which, ..) = rack.take_send_file(asker).unwrap();
    assert_eq!(which, file(1));
    assert!(!rack.sent_anything_on(asker));
    rack.sent(first, 1001);
    let (second, which, ..) = rack.take_send_file(asker).unwrap();
    assert_eq!(which, file(2));
    rack.sent(second, 1002);
    assert!(!rack.take_reply(asker).ok);
}

// proves: HST-15
#[test]
fn without_a_file_uuid_it_is_the_newest_file_or_the_applications_state() {
    let latest = |from: Vec<u8>| {
        let from = from.into_iter().map(station).collect();
        Message::Request(Request::new(None, from))
    };
    let mut rack = Rack::new();
    let asker = rack.join(9, vec![]);
    rack.receive(asker, latest(vec![]));
    assert!(rack.take_reply(asker).message.contains("nothing has been committed"));
    let one = rack.join(1, vec![commit(1, 1)]);
    let two = rack.join(2, vec![commit(2, 2)]);
    rack.receive(asker, latest(vec![0]));
    assert_eq!(rack.asked(two), Some(file(2)));
    rack.receive(asker, latest(vec![1]));
    assert_eq!(rack.asked(one), Some(file(1)));

    let mut rack = Rack::with(|c| c.exporter = true);
    let (asker, other) = (rack.join(1, vec![]), rack.join(2, vec![]));
    rack.receive(asker, latest(vec![]));
    let Some(Output::Export { ask }) = rack.out.pop() else { panic!() };
    rack.step(Input::Exported { ask, commit: Some(commit(5, 0)) });
    assert_eq!(rack.take_sent(other), Some(Message::Commit(commit(5, 0))));
    assert_eq!(rack.take_sent(asker), None);
    assert_eq!(rack.take_send_file(asker).unwrap().1, file(5));
    assert_eq!(rack.host.deadline(), None);
}

#[test]
fn an_exporter_that_does_not_answer_is_not_waited_for() {
    let mut rack = Rack::with(|c| c.exporter = true);
    let asker = rack.join(1, vec![]);
    rack.receive(asker, Message::Request(Request::new(None, vec![]))).pass(Duration::from_secs(61));
    assert!(!rack.take_reply(asker).ok);
    assert_eq!(rack.host.deadline(), None);
}

#[test]
fn who_asks_for_a_whole_list_without_waiting_gets_all_of_it_in_order() {
    let mut rack = Rack::new();
    let (owner, asker) = (rack.join(1, (1..=60).map(|n| commit(n, 1)).collect()), rack.join(2, vec![]));
    for n in 1..=60 {
        rack.command(Command::Restore(commit(n, 1)));
        rack.receive(asker, request_for(n));
    }
    for n in 1..=60 {
        let (ask, sent, ..) = rack.take_send_file(asker).expect("the next one is sent");
        assert_eq!(sent, file(n));
        rack.sent(ask, 1000 + u64::from(n));
    }
    assert!(rack.closed(asker).is_none() && rack.asked(owner).is_none());
}

#[test]
fn who_asks_too_much_is_closed_since_an_early_answer_would_be_a_wrong_one() {
    let mut rack = Rack::with(|c| c.limits.asks = 2);
    let (owner, asker) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![]));
    for _ in 0..2 {
        rack.receive(asker, request_for(1));
    }
    assert!(rack.closed(asker).is_none());
    rack.receive(asker, request_for(1));
    assert!(rack.closed(asker).unwrap().contains("more than 2"));
    // What is asked of the owner comes anyway, and is kept.
    assert!(rack.asked(owner).is_some());
    rack.deliver(owner, 1001);
    assert!(rack.host.holds(file(1)) && rack.host.holdings().asks == 0);
}

#[test]
fn more_files_at_once_than_the_limits_are_refused_or_wait() {
    let mut rack = Rack::with(|c| {
        c.limits.relays = 1;
        c.limits.sending = 1;
    });
    let owner = rack.join(1, vec![commit(1, 1), commit(2, 1)]);
    let (two, three) = (rack.join(2, vec![]), rack.join(3, vec![]));
    rack.receive(two, request_for(1)).receive(three, request_for(2));
    assert!(rack.take_reply(three).message.contains("too many files"));
    assert!(rack.saw(|e| *e == Event::LimitReached(LimitReached::Relays)));
    rack.receive(three, request_for(1));
    rack.deliver(owner, 1001);
    let (ask, ..) = rack.take_send_file(two).unwrap();
    assert!(rack.take_send_file(three).is_none());
    rack.sent(ask, 1001);
    assert!(rack.take_send_file(three).is_some());
}

#[test]
fn an_asker_that_leaves_or_is_lost_costs_the_others_nothing() {
    let mut rack = Rack::new();
    let owner = rack.join(1, vec![commit(1, 1)]);
    let askers: Vec<_> = (2..=4).map(|n| rack.join(n, vec![])).collect();
    for asker in &askers {
        rack.receive(*asker, request_for(1));
    }
    rack.close(askers[0]).receive(askers[1], leave(3));
    assert_eq!(rack.events().iter().filter(|e| matches!(e, Event::RequestAbandoned { .. })).count(), 2);
    assert!(rack.take_reply(askers[1]).ok);
    rack.deliver(owner, 1001);
    assert!(!rack.sent_anything_on(askers[1]));
    assert!(rack.take_send_file(askers[2]).is_some());
}

#[test]
fn who_leaves_without_closing_gets_the_rest_of_its_file_and_gives_the_rest_of_another() {
    let mut rack = Rack::new();
    let (one, two) = (rack.join(1, vec![commit(1, 1)]), rack.join(2, vec![commit(2, 2)]));
    rack.receive(one, request_for(2)).receive(two, request_for(1));
    rack.begin(one);
    rack.begin(two);
    let ((first, ..), (second, ..)) = (rack.take_send_file(one).unwrap(), rack.take_send_file(two).unwrap());
    rack.receive(one, leave(1)).pass(Duration::from_secs(1_000));
    assert!(rack.closed(one).is_none());
    rack.arrive(one, 1001).arrive(two, 1002).sent(first, 1002).sent(second, 1001);
    assert_eq!(rack.events().iter().filter(|e| matches!(e, Event::Served { .. })).count(), 2);
    rack.pass(Duration::from_secs(1_000));
    assert!(rack.closed(one).is_some());
}

#[test]
fn the_hosts_application_requests_and_cancels_too() {
    let mut rack = Rack::new();
    let owner = rack.join(1, vec![commit(1, 1), commit(2, 1)]);
    rack.command(Command::Request { request: RequestId(1), file: file(1) });
    rack.command(Command::Request { request: RequestId(2), file: file(2) });
    rack.command(Command::Cancel(RequestId(2)));
    assert!(rack.saw(|e| matches!(e, Event::RequestFailed { request: RequestId(2), .. })));
    assert_eq!(rack.asked(owner), Some(file(1)));
    rack.deliver(owner, 1001);
    assert!(rack.saw(|e| *e == Event::RequestDone { request: RequestId(1), file: file(1) }));
    // It was cancelled before its turn came.
    assert_eq!((rack.asked(owner), rack.host.holdings().relays), (None, 0));
    rack.command(Command::Request { request: RequestId(3), file: file(9) });
    assert!(rack.saw(|e| matches!(e, Event::RequestFailed { request: RequestId(3), .. })));
}
