//! Aim: a requested file comes from whoever gives it, and each request ends exactly once.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mvrx_core::{
    Command, ConnId, Ending, Event, Input, Output, RequestFailure, RequestId, Requested, Source,
};
use mvrx_message::Message;
use support::{Desk, commit, file, no, ok, request_for, station};

const R: RequestId = RequestId(1);

/// The file of `n` bytes arrives on `conn` and is kept.
fn deliver(desk: &mut Desk, conn: ConnId, length: u64) {
    desk.step(Input::FileBegins { conn, length: Some(length) });
    assert!(
        desk.out.iter().any(
            |o| matches!(o, Output::ReceiveFile { conn: c, request, .. } if *c == conn && *request == R)
        )
    );
    desk.step(Input::FileArrived { request: R, length, hash: [1; 32] });
}

fn keep(desk: &mut Desk) {
    assert!(
        desk.out.iter().any(|o| matches!(o, Output::KeepFile { request, .. } if *request == R)),
        "{:?}",
        desk.out
    );
    desk.step(Input::Kept { request: R });
}

// proves: STA-11
#[test]
fn fetches_by_file_uuid_from_the_author_first() {
    let mut desk = Desk::new();
    desk.join_with(2, "MVRApplication", vec![commit(1, 1)]).join_with(
        1,
        "MVRApplication",
        vec![commit(1, 1)],
    );
    desk.request(1, 1);
    let (conn, to, said) = desk.connect();
    assert_eq!(to, support::address(1));
    let Message::Request(said) = said else { panic!("{said:?}") };
    assert_eq!((said.file, said.from.clone(), said.station), (Some(file(1)), vec![station(1)], None));
    deliver(&mut desk, conn, 1001);
    keep(&mut desk);
    assert!(desk.saw(|e| *e == Event::RequestDone { request: R, file: file(1), from: Some(station(1)) }));
    assert!(desk.core.holds(file(1)));
}

// proves: STA-12
#[test]
fn falls_through_to_the_next_station_that_lists_the_file_when_one_refuses() {
    let mut desk = Desk::new();
    for n in 1..=3 {
        desk.join_with(n, "MVRApplication", vec![commit(1, 1)]);
    }
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, Message::RequestRet(no("The MVR is not available on this client")));
    let (conn, _) = desk.take_dial().unwrap();
    desk.step(Input::DialFailed { conn });
    let (conn, _, _) = desk.connect();
    deliver(&mut desk, conn, 1001);
    keep(&mut desk);
    let done = desk
        .events()
        .into_iter()
        .filter(|e| matches!(e, Event::RequestDone { .. } | Event::RequestFailed { .. }))
        .count();
    assert_eq!(done, 1);
}

#[test]
fn fails_with_what_everybody_said_when_nobody_gives_it() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, Message::RequestRet(no("gone")));
    let failure = RequestFailure::EveryoneFailed { attempts: vec![(station(1), "it refused: gone".into())] };
    assert!(desk.saw(|e| *e == Event::RequestFailed { request: R, failure: failure.clone() }));
}

#[test]
fn a_file_nobody_lists_fails_at_once() {
    let mut desk = Desk::new();
    desk.join(1).request(1, 5);
    assert!(desk.saw(|e| *e == Event::RequestFailed { request: R, failure: RequestFailure::NobodyHasIt }));
}

#[test]
fn a_file_that_is_here_already_is_done_at_once() {
    let mut desk = Desk::new();
    desk.command(Command::Publish(commit(1, 0))).request(1, 1);
    assert!(desk.saw(|e| *e == Event::RequestDone { request: R, file: file(1), from: None }));
}

#[test]
fn latest_means_the_last_commit_and_says_its_uuid() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1), commit(2, 1)]);
    desk.command(Command::Request {
        request: R,
        requested: Requested::Latest { fresh: file(77) },
        source: Source::Any,
    });
    assert!(matches!(desk.connect().2, Message::Request(r) if r.file == Some(file(2))));
}

#[test]
fn latest_of_a_group_without_commits_asks_for_a_current_state() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![]);
    desk.command(Command::Request {
        request: R,
        requested: Requested::Latest { fresh: file(77) },
        source: Source::Any,
    });
    let (conn, _, said) = desk.connect();
    assert!(matches!(said, Message::Request(r) if r.file.is_none()));
    deliver(&mut desk, conn, 10);
    keep(&mut desk);
    assert!(desk.saw(|e| *e == Event::RequestDone { request: R, file: file(77), from: Some(station(1)) }));
}

#[test]
fn a_product_that_dies_of_an_empty_file_uuid_is_never_asked_for_its_current_state() {
    let mut desk = Desk::new();
    desk.join_with(1, "Vectorworks", vec![]);
    desk.command(Command::Request {
        request: R,
        requested: Requested::Latest { fresh: file(77) },
        source: Source::Any,
    });
    assert!(
        desk.saw(|e| *e == Event::RequestFailed { request: R, failure: RequestFailure::NothingCommitted })
    );
    let source = Source::Station(station(1));
    desk.command(Command::Request {
        request: R,
        requested: Requested::CurrentState { fresh: file(77) },
        source,
    });
    let failure = RequestFailure::StationCannotExport { station: station(1) };
    assert!(desk.saw(|e| *e == Event::RequestFailed { request: R, failure: failure.clone() }));
    assert_eq!(desk.dials(), 0);
}

#[test]
fn a_file_with_another_hash_than_announced_is_put_aside_and_the_next_station_asked() {
    let mut desk = Desk::new();
    let mut announced = commit(1, 1);
    announced.blake3 = Some([2; 32]);
    desk.join_with(1, "mvrx", vec![announced.clone()]).join_with(2, "mvrx", vec![announced]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    deliver(&mut desk, conn, 1001);
    let aside = |o: &Output| {
        matches!(o, Output::PutAside { request: R, file: f, from, what }
            if *f == file(1) && *from == station(1) && what.contains("BLAKE3"))
    };
    assert!(desk.out.iter().any(aside), "{:?}", desk.out);
    assert!(desk.take_dial().is_some());
}

// proves: STA-25
#[test]
fn a_damaged_file_is_not_listed_and_the_next_station_is_asked() {
    let mut desk = Desk::new();
    for n in 1..=2 {
        desk.join_with(n, "MVRApplication", vec![commit(1, 1)]);
    }
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    deliver(&mut desk, conn, 1001);
    desk.step(Input::Damaged { request: R, what: "member x: its checksum is 1".into() });
    assert!(!desk.core.holds(file(1)));
    let why = "the file that it sent is damaged: member x: its checksum is 1";
    assert!(desk.saw(
        |e| matches!(e, Event::RequestAttemptFailed { from, why: told, .. } if *from == station(1) && told == why)
    ));
    let (conn, to, _) = desk.connect();
    assert_eq!(to, support::address(2));
    deliver(&mut desk, conn, 1001);
    keep(&mut desk);
    assert!(desk.saw(|e| *e == Event::RequestDone { request: R, file: file(1), from: Some(station(2)) }));
    // What comes too late changes nothing.
    desk.step(Input::Damaged { request: R, what: "late".into() });
    assert!(desk.core.holds(file(1)));
}

// proves: STA-25
#[test]
fn a_damaged_file_with_the_announced_hash_is_asked_of_nobody_else() {
    let mut desk = Desk::new();
    let mut announced = commit(1, 1);
    announced.blake3 = Some([1; 32]);
    desk.join_with(1, "mvrx", vec![announced.clone()]).join_with(2, "mvrx", vec![announced]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    deliver(&mut desk, conn, 1001);
    desk.step(Input::Damaged { request: R, what: "cut".into() });
    let failed = |e: &Event| {
        matches!(e, Event::RequestFailed { request: R, failure: RequestFailure::EveryoneFailed { attempts } }
            if attempts.len() == 1 && attempts[0].1.contains("cut; whoever lists it has the same bytes"))
    };
    assert!(desk.saw(failed), "{:?}", desk.out);
    assert!(!desk.core.holds(file(1)) && desk.take_dial().is_none());
}

fn breaks(desk: &mut Desk, kept: Option<u64>) {
    let (conn, to, _) = desk.connect();
    assert_eq!(to, support::address(1), "the same station goes on");
    desk.step(Input::FileBegins { conn, length: Some(1001) });
    if let Some(bytes) = kept {
        desk.step(Input::PartKept { request: R, bytes });
    }
    desk.step(Input::FileFailed { conn, what: "cut".into(), local: false });
}

// proves: STA-26
#[test]
fn a_file_that_breaks_off_is_gone_on_with_as_often_as_it_comes_further_and_is_allowed() {
    let mut desk = Desk::with(|config| config.limits.breaks = 3);
    desk.join_with(1, "mvrx", vec![commit(1, 1)]).join_with(2, "mvrx", vec![commit(1, 1)]);
    desk.request(1, 1);
    for n in 1..=3 {
        breaks(&mut desk, Some(n * 100));
        let broke = |e: &Event| matches!(e, Event::RequestBroke { kept, from, .. } if *kept == n * 100 && *from == station(1));
        assert!(desk.saw(broke));
    }
    breaks(&mut desk, Some(400));
    assert!(desk.saw(|e| matches!(e, Event::RequestAttemptFailed { from, .. } if *from == station(1))));
    let (conn, to, _) = desk.connect();
    assert_eq!(to, support::address(2), "the limit is reached");
    deliver(&mut desk, conn, 1001);
    keep(&mut desk);
}

// proves: STA-26
#[test]
fn a_file_that_breaks_off_without_having_come_further_is_asked_of_the_next_station() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![commit(1, 1)]).join_with(2, "mvrx", vec![commit(1, 1)]);
    desk.request(1, 1);
    breaks(&mut desk, Some(5));
    breaks(&mut desk, None);
    assert_eq!(desk.connect().1, support::address(2));
}

// proves: STA-26
#[test]
fn what_does_not_belong_to_the_kept_part_is_asked_for_whole_of_the_same_station() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![commit(1, 1)]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    desk.step(Input::FileBegins { conn, length: Some(1) });
    desk.step(Input::PartWrong { request: R });
    assert!(desk.saw(|e| matches!(e, Event::RequestBroke { kept: 0, .. })));
    let (conn, to, _) = desk.connect();
    assert_eq!(to, support::address(1));
    deliver(&mut desk, conn, 1001);
    keep(&mut desk);
    assert!(desk.core.holds(file(1)));
    // Of a request that is over it changes nothing.
    desk.step(Input::PartKept { request: R, bytes: 1 });
    desk.step(Input::PartWrong { request: R });
}

#[test]
fn a_request_that_is_cancelled_while_its_file_is_looked_through_ends_once() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    deliver(&mut desk, conn, 1001);
    desk.command(Command::Cancel(R));
    assert!(desk.out.contains(&Output::DropFile { request: R }));
    desk.step(Input::Damaged { request: R, what: "cut".into() });
    assert_eq!(desk.events().iter().filter(|e| matches!(e, Event::RequestFailed { .. })).count(), 1);
    assert!(!desk.core.holds(file(1)));
}

#[test]
fn a_whole_file_of_another_size_is_kept_and_told_where_no_hash_was_announced() {
    let mut desk = Desk::new();
    desk.join_with(1, "BlenderDMX", vec![commit(1, 1)]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    deliver(&mut desk, conn, 5);
    keep(&mut desk);
    let told = Event::FileSizeDiffers { file: file(1), from: station(1), announced: 1001, received: 5 };
    assert!(desk.saw(|e| *e == told));
    assert_eq!(desk.core.commits().next().unwrap().commit.file_size, 5);
}

#[test]
fn a_file_of_another_size_is_refused_on_its_header_where_asked_for() {
    let mut desk = Desk::with(|config| config.refuse_size_mismatch = true);
    desk.join_with(1, "BlenderDMX", vec![commit(1, 1)]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    desk.step(Input::FileBegins { conn, length: Some(5) });
    assert!(desk.closed(conn));
    assert!(desk.saw(|e| matches!(e, Event::RequestFailed { .. })));
}

#[test]
fn two_requests_for_one_file_are_one_transfer_and_end_both() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    desk.request(1, 1).request(2, 1);
    assert_eq!(desk.dials(), 1);
    let (conn, _, _) = desk.connect();
    desk.command(Command::Cancel(R));
    assert!(!desk.closed(conn), "the other request still wants it");
    deliver(&mut desk, conn, 1001);
    keep(&mut desk);
    let ends: Vec<_> = desk
        .events()
        .into_iter()
        .filter_map(|e| match e {
            Event::RequestDone { request, .. } => Some((request.0, true)),
            Event::RequestFailed { request, .. } => Some((request.0, false)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(1, false), (2, true)]);
}

#[test]
fn cancelling_closes_the_connection_and_ends_the_request_once() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    desk.step(Input::FileBegins { conn, length: Some(9) });
    desk.command(Command::Cancel(R));
    assert!(desk.closed(conn));
    desk.step(Input::FileArrived { request: R, length: 9, hash: [0; 32] });
    assert!(desk.out.contains(&Output::DropFile { request: R }), "what came meanwhile is thrown away");
    assert_eq!(desk.events().iter().filter(|e| matches!(e, Event::RequestFailed { .. })).count(), 1);
}

#[test]
fn a_request_without_an_answer_ends_at_its_deadline() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    desk.request(1, 1);
    desk.connect();
    desk.pass(Duration::from_secs(60));
    assert!(desk.saw(|e| matches!(e, Event::RequestFailed { .. })));
}

#[test]
fn a_connection_that_breaks_in_the_middle_of_a_file_moves_on_to_the_next_holder() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]).join_with(
        2,
        "MVRApplication",
        vec![commit(1, 1)],
    );
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    desk.step(Input::FileBegins { conn, length: Some(1001) });
    desk.step(Input::FileFailed {
        conn,
        what: "the connection broke after 7 of 1001 bytes".into(),
        local: false,
    });
    assert!(desk.take_dial().is_some());
}

#[test]
fn a_full_disk_here_asks_nobody_else() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]).join_with(
        2,
        "MVRApplication",
        vec![commit(1, 1)],
    );
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    desk.step(Input::FileBegins { conn, length: Some(1001) });
    desk.step(Input::FileFailed { conn, what: "no space left".into(), local: true });
    assert!(desk.take_dial().is_none());
    assert!(desk.saw(|e| matches!(e, Event::RequestFailed { failure: RequestFailure::NotKept { .. }, .. })));
}

#[test]
fn no_more_files_at_once_than_the_limit_and_the_others_follow() {
    let mut desk = Desk::with(|config| config.limits.fetches = 1);
    desk.join_with(1, "MVRApplication", vec![commit(1, 1), commit(2, 1)]);
    desk.request(1, 1).request(2, 2);
    assert_eq!(desk.dials(), 1);
    let (conn, _, _) = desk.connect();
    desk.close(conn, Ending::Broken);
    assert_eq!(desk.dials(), 1, "the second has its turn");
}

#[test]
fn more_requests_than_the_limit_fail_by_name() {
    let mut desk = Desk::with(|config| config.limits.requests = 1);
    desk.join_with(1, "MVRApplication", vec![commit(1, 1), commit(2, 1)]);
    desk.request(1, 1).request(2, 2);
    assert!(desk.saw(|e| matches!(
        e,
        Event::RequestFailed { failure: RequestFailure::TooManyRequests { limit: 1 }, .. }
    )));
}

// proves: STA-13
#[test]
fn serves_a_file_by_uuid_the_newest_without_one_and_says_so_when_there_is_none() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, support::request_for_current_state());
    assert!(matches!(desk.take_sent(conn), Some(Message::RequestRet(reply)) if !reply.ok));
    desk.command(Command::Publish(commit(1, 0))).command(Command::Publish(commit(2, 0)));
    desk.receive(conn, request_for(1));
    assert!(desk.out.contains(&Output::SendFile { conn, file: file(1) }));
    desk.step(Input::FileSent { conn, length: 1001 });
    assert!(desk.saw(|e| matches!(e, Event::Served { length: 1001, .. })));
    desk.receive(conn, support::request_for_current_state());
    assert!(desk.out.contains(&Output::SendFile { conn, file: file(2) }));
}

// proves: STA-14
#[test]
fn a_request_for_the_current_state_exports_answers_and_tells_the_others() {
    let mut desk = Desk::with(|config| config.exporter = true);
    desk.join(1).join(2);
    let conn = desk.accept(1);
    desk.receive(conn, support::request_for_current_state());
    assert!(desk.out.contains(&Output::Export { conn }));
    desk.step(Input::Exported { conn, commit: Some(commit(1, 0)) });
    assert!(desk.out.contains(&Output::SendFile { conn, file: file(1) }));
    let (told, to, said) = desk.connect();
    assert!(matches!(said, Message::Commit(_)));
    assert_eq!(to, support::address(2), "who asked has the file itself");
    desk.receive(told, Message::CommitRet(ok()));
    assert_eq!(desk.dials(), 0);
}

#[test]
fn more_files_at_once_than_the_limit_are_refused_by_name() {
    let mut desk = Desk::with(|config| config.limits.served = 1);
    desk.command(Command::Publish(commit(1, 0)));
    let (one, two) = (desk.accept(1), desk.accept(2));
    desk.receive(one, request_for(1)).receive(two, request_for(1));
    assert!(
        matches!(desk.take_sent(two), Some(Message::RequestRet(reply)) if reply.message.contains("too many"))
    );
    desk.step(Input::FileFailed { conn: one, what: "reset".into(), local: false });
    desk.receive(two, request_for(1));
    assert!(desk.out.contains(&Output::SendFile { conn: two, file: file(1) }));
}

#[test]
fn requests_behind_each_other_on_one_connection_are_served_in_order() {
    let mut desk = Desk::with(|config| config.limits.waiting_requests = 1);
    for n in 1..=3 {
        desk.command(Command::Publish(commit(n, 0)));
    }
    let conn = desk.accept(1);
    desk.receive(conn, request_for(1)).receive(conn, request_for(2)).receive(conn, request_for(3));
    desk.step(Input::FileSent { conn, length: 1001 });
    assert!(desk.take_sent(conn).is_none(), "the refusal of the third comes behind the second");
    desk.step(Input::FileSent { conn, length: 1002 });
    assert!(
        matches!(desk.take_sent(conn), Some(Message::RequestRet(reply)) if !reply.ok),
        "one waits at most"
    );
    let sent: Vec<_> = desk.out.iter().filter(|o| matches!(o, Output::SendFile { .. })).cloned().collect();
    assert_eq!(sent, [1, 2].map(|n| Output::SendFile { conn, file: file(n) }));
}

#[test]
fn whatever_comes_on_one_connection_is_answered_in_its_order() {
    let mut desk = Desk::new();
    for n in 1..=3 {
        desk.command(Command::Publish(commit(n, 0)));
    }
    let conn = desk.accept(1);
    desk.receive(conn, support::join_from(1, "MVRApplication", vec![]));
    desk.receive(conn, request_for(1)).receive(conn, request_for(2)).receive(conn, request_for(9));
    desk.receive(conn, Message::Commit(commit(7, 1)))
        .receive(conn, request_for(8))
        .receive(conn, request_for(3));
    desk.step(Input::FileSent { conn, length: 1001 }).step(Input::FileSent { conn, length: 1002 });
    desk.step(Input::FileSent { conn, length: 1003 });
    let replies: Vec<_> = desk
        .out
        .iter()
        .filter_map(|output| match output {
            Output::SendFile { conn: on, file: sent } if *on == conn => {
                (1..=3).find(|n| *sent == file(*n)).map(|n| n.to_string())
            }
            Output::Send { conn: on, message, .. } if *on == conn => Some(message.kind().to_owned()),
            _ => None,
        })
        .collect();
    let wanted = ["MVR_JOIN_RET", "1", "2", "MVR_REQUEST_RET", "MVR_COMMIT_RET", "MVR_REQUEST_RET", "3"];
    assert_eq!(replies, wanted);
}

#[test]
fn more_messages_behind_a_file_than_allowed_end_their_connection_by_name() {
    let mut desk = Desk::with(|config| config.limits.waiting_answers = 3);
    desk.command(Command::Publish(commit(1, 0))).command(Command::Publish(commit(2, 0)));
    let conn = desk.accept(1);
    desk.receive(conn, request_for(1)).receive(conn, request_for(2));
    desk.receive(conn, request_for(8)).receive(conn, request_for(9));
    assert!(!desk.out.contains(&Output::Close { conn }), "three wait");
    desk.receive(conn, request_for(7));
    assert!(desk.out.contains(&Output::Close { conn }));
    assert!(desk.saw(|e| matches!(e, Event::PeerError { what, .. } if what.contains("wait behind a file"))));
}

#[test]
fn a_station_with_many_files_keeps_none_of_another_waiting() {
    let mut desk = Desk::with(|config| config.limits.fetches_from_one = 2);
    desk.join_with(1, "MVRApplication", (1..=9).map(|n| commit(n, 1)).collect());
    desk.join_with(2, "MVRApplication", vec![commit(10, 2)]);
    for n in 1..=10 {
        desk.request(u64::from(n), n);
    }
    let asked = |desk: &Desk, n: u8| {
        let started = |e: &&Event| matches!(e, Event::RequestStarted { from, .. } if *from == station(n));
        desk.events().iter().filter(started).count()
    };
    assert_eq!((asked(&desk, 1), asked(&desk, 2)), (2, 1));
    // The next has its turn when one has ended.
    let (conn, _, _) = desk.connect();
    desk.step(Input::FileBegins { conn, length: Some(1001) });
    desk.step(Input::FileArrived { request: R, length: 1001, hash: [1; 32] });
    keep(&mut desk);
    assert_eq!(asked(&desk, 1), 3);
    assert!(!desk.saw(|e| matches!(e, Event::RequestFailed { .. })));
}

#[test]
fn a_refusal_on_another_connection_while_the_file_arrives_ends_nothing() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    desk.request(1, 1);
    let (conn, _, _) = desk.connect();
    desk.step(Input::FileBegins { conn, length: Some(1001) });
    let other = desk.accept(1);
    desk.receive(other, Message::RequestRet(no("gotcha")));
    assert!(!desk.out.contains(&Output::Close { conn }), "the file goes on");
    assert!(desk.saw(|e| matches!(e, Event::PeerError { what, .. } if what.contains("answers nothing"))));
}

#[test]
fn a_holder_that_is_not_sighted_yet_is_asked_as_soon_as_it_is() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, support::join_from(1, "MVRApplication", vec![commit(1, 1)]));
    desk.request(1, 1);
    assert!(!desk.saw(|e| matches!(e, Event::RequestFailed { .. })));
    desk.sight(1);
    let asked =
        (0..desk.dials()).any(|_| matches!(desk.connect().2, Message::Request(r) if r.file == Some(file(1))));
    assert!(asked);
}

#[test]
fn a_holder_that_is_never_sighted_is_given_up_in_time() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, support::join_from(1, "MVRApplication", vec![commit(1, 1)]));
    desk.request(1, 1).pass(Duration::from_secs(10));
    assert!(desk.saw(|e| *e == Event::RequestFailed { request: R, failure: RequestFailure::NobodyHasIt }));
}

#[test]
fn a_holder_whose_only_address_is_another_stations_is_not_asked_there_and_the_request_ends() {
    let mut desk = Desk::new();
    let conn = desk.accept(1);
    desk.receive(conn, support::join_from(1, "MVRApplication", vec![commit(1, 1)]));
    desk.sight_at(1, vec![support::address(2)]);
    let (dialed, _, _) = desk.connect();
    desk.receive(dialed, support::join_ret_from(2, "MVRApplication", ok(), vec![]));
    desk.step(Input::Vanished { place: mvrx_core::PlaceId(1) });
    desk.request(1, 1).pass(Duration::from_secs(10));
    assert!(desk.saw(|e| *e == Event::RequestFailed { request: R, failure: RequestFailure::NobodyHasIt }));
}

#[test]
fn a_file_that_goes_out_after_its_asker_ended_its_direction_is_told_as_sent() {
    let mut desk = Desk::new();
    desk.command(Command::Publish(commit(1, 0)));
    let conn = desk.accept(1);
    desk.receive(conn, request_for(1));
    desk.close(conn, Ending::Clean);
    assert!(!desk.saw(|e| matches!(e, Event::Served { .. } | Event::ServeFailed { .. })));
    desk.step(Input::FileSent { conn, length: 1001 });
    assert!(desk.saw(|e| matches!(e, Event::Served { file: sent, length: 1001, .. } if *sent == file(1))));
    assert_eq!(desk.core.connections(), (0, 0));
    assert_eq!(desk.core.timers().count(), 0);
}

#[test]
fn a_file_whose_connection_breaks_is_told_as_not_sent() {
    for broken_by in [Ending::Clean, Ending::Broken] {
        let mut desk = Desk::new();
        desk.command(Command::Publish(commit(1, 0)));
        let conn = desk.accept(1);
        desk.receive(conn, request_for(1));
        desk.close(conn, broken_by);
        desk.step(Input::FileFailed { conn, what: "the peer is gone".to_owned(), local: false });
        assert!(
            desk.saw(|e| matches!(e, Event::ServeFailed { why, .. } if why == "the peer is gone")),
            "{broken_by:?}"
        );
        assert_eq!(desk.core.connections(), (0, 0));
    }
}

#[test]
fn a_file_on_a_connection_that_goes_wrong_is_told_how_it_ended() {
    let mut desk = Desk::new();
    desk.command(Command::Publish(commit(1, 0)));
    let conn = desk.accept(1);
    desk.receive(conn, request_for(1));
    desk.step(Input::Malformed { conn, what: "not a package".to_owned() });
    assert!(desk.closed(conn));
    desk.step(Input::FileSent { conn, length: 1001 });
    assert!(desk.saw(|e| matches!(e, Event::Served { .. })));
    assert_eq!(desk.core.connections(), (0, 0));
}

#[test]
fn a_request_answered_by_what_is_no_package_says_so() {
    let mut desk = Desk::new();
    desk.join_with(1, "Vectorworks", vec![commit(1, 1)]);
    desk.request(7, 1);
    let (conn, _, _) = desk.connect();
    desk.step(Input::Malformed { conn, what: "wrong magic number 1213486160".to_owned() });
    assert!(desk.closed(conn));
    let told = desk.events().into_iter().find_map(|e| match e {
        Event::RequestFailed { failure, .. } => Some(failure.to_string()),
        _ => None,
    });
    assert!(told.as_deref().is_some_and(|text| text.contains("wrong magic number")), "{told:?}");
    assert!(desk.core.station(station(1)).unwrap().reachable, "it answers, only not well");
}
