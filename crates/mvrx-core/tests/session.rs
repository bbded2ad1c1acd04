//! Aim: a station in a session, message by message: what it says to its host, and what it makes of what the host says.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mvrx_core::{
    Command, CommitSource, ConnId, Event, FilesLink, Input, Membership, Output, RequestFailure, RequestId,
    Requested, SessionConfig, Source, Stay,
};
use mvrx_message::{
    Author, Commit, FilesConnection, JoinRet, Message, NamedStation, Ours, Reply, Roster, Ticket,
};
use support::{Desk, commit, file, join_ret_from, me, ok, request_for, station};

const URL: &str = "ws://rack.example/";

fn desk() -> Desk {
    let mut desk = Desk::with(|config| config.session = Some(SessionConfig::new(URL, 7)));
    // Its start was before the first look.
    desk.command(Command::Leave).command(Command::Rejoin);
    desk
}

fn dial(desk: &mut Desk) -> ConnId {
    let at = desk.out.iter().position(|o| matches!(o, Output::DialHost { .. })).expect("nobody is dialed");
    let Output::DialHost { conn, url } = desk.out.remove(at) else { unreachable!() };
    assert_eq!(url, URL);
    conn
}

fn reach(desk: &mut Desk) -> (ConnId, mvrx_message::Join) {
    let conn = dial(desk);
    desk.step(Input::HostReached { conn, address: ([10, 0, 0, 200], 80).into() });
    match desk.take_sent(conn) {
        Some(Message::Join(join)) => (conn, join),
        other => panic!("no JOIN: {other:?}"),
    }
}

fn ret(commits: Vec<Commit>) -> JoinRet {
    let Message::JoinRet(ret) = join_ret_from(9, "ThePult", ok(), commits) else { unreachable!() };
    ret
}

fn ours(ret: JoinRet) -> JoinRet {
    JoinRet { ours: Some(Ours::CURRENT), roster: Some(Roster::default()), ..ret }
}

/// In a session of another product's host.
fn joined(commits: Vec<Commit>) -> (Desk, ConnId) {
    let mut desk = desk();
    let (conn, _) = reach(&mut desk);
    desk.receive(conn, Message::JoinRet(ret(commits)));
    desk.out.clear();
    (desk, conn)
}

fn stay(desk: &Desk) -> Stay {
    desk.core.session().unwrap().stay
}

// proves: SES-01
#[test]
fn joins_with_the_files_it_has_and_knows_what_the_host_lists() {
    let mut desk = desk();
    desk.command(Command::Restore(Commit { station: Some(me()), ..commit(1, 1) }));
    let (conn, join) = reach(&mut desk);
    assert_eq!(join.commits.len(), 1);
    assert_eq!((join.station, join.files), (me(), Some(FilesConnection::Offered)));
    desk.receive(conn, Message::JoinRet(ret(vec![commit(2, 3)])));
    assert!(desk.saw(|e| *e == Event::JoinedGroup));
    assert!(desk.saw(|e| matches!(e, Event::CommitSeen { file: f, from, source: CommitSource::Listed }
        if *f == file(2) && *from == station(3))));
    let views: Vec<_> = desk.core.stations().map(|v| (v.station, v.membership)).collect();
    assert_eq!(views, [(station(9), Membership::Member)]);
    assert_eq!(desk.core.deadline(), None, "nothing is waited for in a session");
}

// proves: SES-07
#[test]
fn a_refusal_is_told_in_words_once_and_tried_again() {
    let mut desk = desk();
    let refused = JoinRet { reply: Reply::refused("this rack is full"), ..ret(vec![]) };
    for round in 0..3 {
        let (conn, _) = reach(&mut desk);
        desk.receive(conn, Message::JoinRet(refused.clone()));
        assert!(desk.closed(conn));
        let told = desk
            .saw(|e| matches!(e, Event::SessionRefused { message, .. } if message == "this rack is full"));
        assert_eq!(told, round == 0);
        desk.out.clear();
        desk.pass(Duration::from_secs(10));
    }
}

// proves: SES-07
#[test]
fn pauses_grow_differ_by_seed_and_the_reason_is_told_when_it_changes() {
    let pauses = |seed| {
        let mut desk = Desk::with(|config| config.session = Some(SessionConfig::new(URL, seed)));
        desk.command(Command::Leave).command(Command::Rejoin);
        let mut pauses = Vec::new();
        for what in ["refused", "refused", "no route", "no route", "no route", "no route"] {
            let conn = dial(&mut desk);
            desk.step(Input::HostUnreachable { conn, what: what.to_owned() });
            let at = desk.core.deadline().unwrap();
            pauses.push(at - desk.now);
            desk.pass(at - desk.now);
        }
        let told =
            desk.events().into_iter().filter(|e| matches!(e, Event::SessionUnreachable { .. })).count();
        assert_eq!(told, 2, "once for each reason");
        pauses
    };
    let (one, two) = (pauses(11), pauses(12_345));
    assert_ne!(one, two, "stations come back at different moments");
    for pauses in [one, two] {
        for (pause, nominal) in pauses.iter().zip([1, 3, 5, 10, 30, 30]) {
            let (least, most) =
                (Duration::from_millis(nominal * 750), Duration::from_millis(nominal * 1_250));
            assert!((least..=most).contains(pause), "{pause:?} for {nominal} s");
        }
    }
}

// proves: SES-07
#[test]
fn a_stay_in_which_a_file_moved_begins_the_pauses_anew_and_a_stay_of_moments_does_not() {
    for (moves, served, nominal) in
        [(true, false, [1, 1, 1, 1]), (true, true, [1, 1, 1, 1]), (false, false, [1, 3, 5, 10])]
    {
        let mut desk = desk();
        desk.command(Command::Publish(commit(9, 1)));
        for nominal in nominal {
            let (conn, _) = reach(&mut desk);
            desk.receive(conn, Message::JoinRet(ret(vec![commit(1, 3)])));
            if served {
                desk.receive(conn, request_for(9));
            } else {
                desk.request(1, 1);
            }
            if moves && !served {
                desk.step(Input::FileBegins { conn, length: None });
                desk.step(Input::PartKept { request: RequestId(1), bytes: 100 });
            }
            desk.pass(Duration::from_secs(5));
            desk.step(Input::HostLost { conn, what: "cut".to_owned() });
            let pause = desk.core.deadline().unwrap() - desk.now;
            let (least, most) =
                (Duration::from_millis(nominal * 750), Duration::from_millis(nominal * 1_250));
            assert!((least..=most).contains(&pause), "{pause:?} for {nominal} s, moves: {moves}");
            desk.out.clear();
            desk.pass(pause);
        }
    }
}

// proves: SES-07
#[test]
fn every_wait_for_the_host_ends() {
    let mut desk = desk();
    dial(&mut desk);
    desk.pass(Duration::from_secs(20));
    assert_eq!(stay(&desk), Stay::Away, "a dial that never ends");
    desk.pass(Duration::from_secs(2));
    let (conn, _) = reach(&mut desk);
    desk.pass(Duration::from_secs(10));
    assert!(desk.closed(conn), "a JOIN that is never answered");
    desk.pass(Duration::from_secs(4));
    let (conn, _) = reach(&mut desk);
    desk.receive(conn, Message::JoinRet(ret(vec![commit(1, 3)])));
    desk.request(1, 1);
    desk.pass(Duration::from_secs(900));
    assert!(desk.closed(conn), "a REQUEST that is never answered");
    desk.pass(Duration::from_secs(100));
    assert!(desk.saw(|e| matches!(e, Event::RequestFailed { failure: RequestFailure::HostUnreachable, .. })));
    desk.out.clear();
    desk.request(2, 1).pass(Duration::from_secs(60));
    assert!(desk.saw(|e| matches!(e, Event::RequestFailed { failure: RequestFailure::HostUnreachable, .. })));
}

// proves: SES-09
#[test]
fn leaving_says_so_and_waits_a_bounded_time() {
    let (mut desk, conn) = joined(vec![]);
    desk.command(Command::Leave);
    assert!(matches!(desk.take_sent(conn), Some(Message::Leave(leave)) if leave.station == me()));
    desk.receive(conn, Message::LeaveRet(ok()));
    assert!(desk.closed(conn) && desk.saw(|e| *e == Event::LeftGroup));
    let (mut desk, conn) = joined(vec![]);
    desk.command(Command::Leave).pass(Duration::from_secs(2));
    assert!(desk.closed(conn) && desk.saw(|e| *e == Event::LeftGroup));
    assert_eq!((desk.core.deadline(), stay(&desk)), (None, Stay::Out));
}

// proves: SES-02, SES-04
#[test]
fn a_new_name_and_new_commits_go_to_the_host() {
    let (mut desk, conn) = joined(vec![]);
    desk.command(Command::Rename("Balcony".to_owned()));
    assert!(matches!(desk.take_sent(conn), Some(Message::Join(join)) if join.station_name == "Balcony"));
    desk.command(Command::Publish(commit(1, 1)));
    assert!(matches!(desk.take_sent(conn), Some(Message::Commit(c)) if c.station == Some(me())));
    desk.receive(conn, Message::CommitRet(ok()));
    assert!(desk.saw(|e| *e == Event::CommitAcknowledged { file: file(1), station: station(9) }));
}

// proves: SES-04
#[test]
fn a_commit_made_while_join_is_answered_is_said_afterwards() {
    let mut desk = desk();
    let (conn, join) = reach(&mut desk);
    assert!(join.commits.is_empty());
    desk.command(Command::Publish(commit(1, 1)));
    assert!(desk.take_sent(conn).is_none());
    desk.receive(conn, Message::JoinRet(ret(vec![])));
    assert!(matches!(desk.take_sent(conn), Some(Message::Commit(c)) if c.file == file(1)));
}

// proves: SES-03, SES-06
#[test]
fn with_another_products_host_who_commits_is_there() {
    let (mut desk, conn) = joined(vec![]);
    desk.receive(conn, Message::Commit(commit(1, 3)));
    assert_eq!(desk.take_sent(conn), Some(Message::CommitRet(ok())));
    assert!(desk.saw(|e| matches!(e, Event::StationJoined { station: s, .. } if *s == station(3))));
    assert!(desk.saw(|e| matches!(e, Event::CommitSeen { source: CommitSource::Announced, .. })));
    assert_eq!(desk.core.session().unwrap().files, FilesLink::Single, "one connection");
    assert!(!desk.core.leaves_room(conn), "its files are one message each");
}

// proves: SES-06
#[test]
fn with_our_own_host_stations_come_and_go_by_its_word() {
    let mut desk = desk();
    let (conn, _) = reach(&mut desk);
    let named = |n: u8, name: &str| NamedStation {
        station: station(n),
        author: Author::new(name, "Desk"),
        bridge: None,
    };
    let roster = |news, more, stations| Some(Roster { news, more, stations, ..Roster::default() });
    desk.receive(
        conn,
        Message::JoinRet(JoinRet { roster: roster(false, true, vec![named(1, "A")]), ..ours(ret(vec![])) }),
    );
    desk.receive(
        conn,
        Message::JoinRet(JoinRet { roster: roster(true, false, vec![named(2, "B")]), ..ours(ret(vec![])) }),
    );
    let names = |desk: &Desk| -> Vec<String> {
        desk.core.members().map(|s| desk.core.station(s).unwrap().name.to_owned()).collect()
    };
    assert_eq!(names(&desk), ["A", "B", "station 9"]);
    // A commit of somebody who left makes nobody come back.
    desk.receive(conn, Message::Commit(commit(5, 5)));
    desk.receive(
        conn,
        Message::JoinRet(JoinRet {
            roster: Some(Roster {
                news: true,
                stations: vec![named(1, "A2")],
                gone: vec![station(2)],
                ..Roster::default()
            }),
            ..ours(ret(vec![]))
        }),
    );
    assert_eq!(names(&desk), ["A2", "station 9"]);
    assert!(desk.saw(|e| matches!(e, Event::StationRenamed { from, to, .. } if from == "A" && to == "A2")));
    // Who is not in the list of the next JOIN has gone meanwhile.
    desk.command(Command::Refresh);
    desk.receive(
        conn,
        Message::JoinRet(JoinRet { roster: roster(false, false, vec![]), ..ours(ret(vec![])) }),
    );
    assert_eq!(names(&desk), ["station 9"]);
}

// proves: SES-08
#[test]
fn with_a_ticket_files_have_a_connection_of_their_own() {
    let mut desk = desk();
    let (main, _) = reach(&mut desk);
    let ticket = Ticket::from_random_bytes([5; 16]);
    let list = vec![commit(1, 3), commit(2, 3)];
    desk.receive(main, Message::JoinRet(JoinRet { ticket: Some(ticket.clone()), ..ours(ret(list)) }));
    desk.request(1, 1);
    assert!(!desk.saw(|e| matches!(e, Event::RequestStarted { .. })), "it waits for the second connection");
    let (files, join) = reach(&mut desk);
    assert_eq!((join.files, join.commits.len()), (Some(FilesConnection::Of(ticket)), 0));
    desk.receive(files, Message::JoinRet(ret(vec![])));
    assert!(matches!(desk.take_sent(files), Some(Message::Request(r)) if r.file == Some(file(1))));
    // It breaks: the file goes with the messages, until the next one stands.
    desk.step(Input::HostLost { conn: files, what: "reset".to_owned() });
    assert!(matches!(desk.take_sent(main), Some(Message::Request(r)) if r.file == Some(file(1))));
    assert!(desk.core.leaves_room(main));
    desk.pass(Duration::from_secs(2));
    let (again, _) = reach(&mut desk);
    desk.receive(again, Message::JoinRet(JoinRet { reply: Reply::refused("no such ticket"), ..ret(vec![]) }));
    assert!(desk.closed(again));
    assert_eq!((desk.core.session().unwrap().files, stay(&desk)), (FilesLink::Single, Stay::Joined));
}

// proves: SES-10
#[test]
fn one_file_is_asked_for_at_a_time_and_an_answer_belongs_to_it() {
    let (mut desk, conn) = joined(vec![commit(1, 3), commit(2, 3)]);
    desk.request(1, 1).request(2, 2);
    assert!(matches!(desk.take_sent(conn), Some(Message::Request(r)) if r.file == Some(file(1))));
    assert!(desk.take_sent(conn).is_none());
    desk.receive(conn, Message::RequestRet(Reply::refused("gone")));
    assert!(desk.saw(|e| matches!(e, Event::RequestFailed { request, .. } if *request == RequestId(1))));
    assert!(matches!(desk.take_sent(conn), Some(Message::Request(r)) if r.file == Some(file(2))));
    desk.step(Input::FileBegins { conn, length: None });
    assert!(desk.out.contains(&Output::ReceiveFile {
        conn,
        request: RequestId(2),
        expected: Some(commit(2, 3).file_size)
    }));
    // A COMMIT comes and goes meanwhile.
    desk.receive(conn, Message::Commit(commit(4, 3)));
    assert_eq!(desk.take_sent(conn), Some(Message::CommitRet(ok())));
    desk.step(Input::FileArrived { request: RequestId(2), length: commit(2, 3).file_size, hash: [1; 32] });
    desk.step(Input::Kept { request: RequestId(2) });
    assert!(desk.saw(|e| matches!(e, Event::RequestDone { request, .. } if *request == RequestId(2))));
}

// proves: SES-10
#[test]
fn a_cancelled_file_on_a_shared_connection_is_read_away_before_the_next_is_asked_for() {
    let (mut desk, conn) = joined(vec![commit(1, 3), commit(2, 3)]);
    desk.request(1, 1).request(2, 2);
    desk.command(Command::Cancel(RequestId(1)));
    assert!(desk.saw(|e| matches!(e, Event::RequestFailed { failure: RequestFailure::Cancelled, .. })));
    desk.out.clear();
    desk.step(Input::FileBegins { conn, length: None });
    assert!(desk.take_sent(conn).is_none(), "the answer to the first one is not over");
    assert!(
        desk.out.iter().any(|o| matches!(o, Output::ReceiveFile { request, .. } if *request == RequestId(1)))
    );
    desk.step(Input::FileArrived { request: RequestId(1), length: 1, hash: [1; 32] });
    assert!(desk.out.contains(&Output::DropFile { request: RequestId(1) }));
    assert!(matches!(desk.take_sent(conn), Some(Message::Request(r)) if r.file == Some(file(2))));
}

// proves: SES-11
#[test]
fn the_host_may_have_every_file_that_is_here_and_no_other() {
    let (mut desk, conn) = joined(vec![]);
    let narrow = Commit { for_stations: vec![station(3)], ..commit(1, 1) };
    desk.command(Command::Publish(narrow));
    desk.out.clear();
    desk.receive(conn, request_for(1));
    assert!(desk.out.contains(&Output::SendFile { conn, file: file(1) }));
    desk.step(Input::FileSent { conn, length: 5 });
    desk.receive(conn, request_for(2));
    assert!(matches!(desk.take_sent(conn), Some(Message::RequestRet(reply)) if !reply.ok));
    // A file that the store lost is refused, and the connection stands.
    desk.receive(conn, request_for(1));
    desk.step(Input::FileUnreadable { conn, what: "gone".to_owned() });
    assert!(matches!(desk.take_sent(conn), Some(Message::RequestRet(reply)) if !reply.ok));
    assert_eq!(stay(&desk), Stay::Joined);
}

#[test]
fn the_host_answers_for_its_own_current_state_only() {
    let (mut desk, conn) = joined(vec![commit(1, 3)]);
    desk.receive(conn, Message::Commit(commit(2, 3)));
    desk.out.clear();
    let current = |n: u64, s: u8| Command::Request {
        request: RequestId(n),
        requested: Requested::CurrentState { fresh: file(90) },
        source: Source::Station(station(s)),
    };
    desk.command(current(1, 3));
    assert!(desk.saw(|e| matches!(
        e, Event::RequestFailed { failure: RequestFailure::StationCannotExport { station: s }, .. } if *s == station(3))));
    desk.command(current(2, 8));
    assert!(desk.saw(|e| matches!(
        e, Event::RequestFailed { failure: RequestFailure::StationNotJoined { station: s }, .. } if *s == station(8))));
    desk.command(current(3, 9));
    assert!(matches!(desk.take_sent(conn), Some(Message::Request(r)) if r.file.is_none()));
}

// proves: SES-13
#[test]
fn a_host_that_is_somewhere_else_now_is_dialed_there_at_once_when_we_are_away() {
    let (mut desk, conn) = joined(vec![]);
    desk.command(Command::SessionAt("ws://elsewhere/".to_owned()));
    assert!(
        !desk.out.iter().any(|o| matches!(o, Output::DialHost { .. })),
        "we are joined: nothing is amiss"
    );
    desk.step(Input::HostLost { conn, what: "reset".to_owned() });
    let later = |desk: &Desk| {
        desk.out.iter().find_map(|o| match o {
            Output::DialHost { conn, url } => Some((*conn, url.clone())),
            _ => None,
        })
    };
    desk.out.clear();
    desk.command(Command::SessionAt("ws://third/".to_owned()));
    let (conn, url) = later(&desk).unwrap();
    assert_eq!(url, "ws://third/");
    desk.step(Input::HostUnreachable { conn, what: "refused".to_owned() });
    desk.out.clear();
    desk.command(Command::SessionAt("ws://third/".to_owned()));
    assert!(later(&desk).is_none(), "that is no news");
}

#[test]
fn when_the_host_is_lost_in_the_middle_no_station_is_to_blame() {
    let (mut desk, conn) = joined(vec![commit(1, 3)]);
    desk.command(Command::Request {
        request: RequestId(1),
        requested: Requested::File(file(1)),
        source: Source::Any,
    });
    desk.step(Input::HostLost { conn, what: "reset".to_owned() });
    assert!(
        !desk.saw(|e| matches!(e, Event::RequestAttemptFailed { from, .. } if *from == station(3))),
        "{:?}",
        desk.out
    );
    desk.pass(Duration::from_secs(3_600));
    assert!(desk.saw(|e| matches!(e, Event::RequestFailed { failure: RequestFailure::HostUnreachable, .. })));
}

// proves: SES-12
#[test]
fn who_took_our_file_from_the_host_is_told() {
    let (mut desk, conn) = joined(vec![]);
    desk.command(Command::Publish(commit(1, 0)));
    let fetched = |n| mvrx_message::FetchedFile { file: file(n), station: station(4) };
    let roster = Roster { news: true, fetched: vec![fetched(1), fetched(2)], ..Roster::default() };
    desk.receive(conn, Message::JoinRet(JoinRet { roster: Some(roster), ..ours(ret(vec![])) }));
    let told: Vec<_> =
        desk.out.iter().filter(|o| matches!(o, Output::Event(Event::FetchedFromHost { .. }))).collect();
    assert_eq!(told, [&Output::Event(Event::FetchedFromHost { file: file(1), station: station(4) })]);
}
