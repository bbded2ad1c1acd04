//! Aim: a station that is told to move joins the new place first, leaves the old one only then, says so, and stays whole where it was when that fails;
//! whose word it follows is its application's affair.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use mvrx_core::election::ElectionInput;
use mvrx_core::{
    Command, ConnId, Event, Input, Membership, MoveAnswer, Moves, Output, PlaceId, ProposalId, SessionConfig,
    Sighting, Stay,
};
use mvrx_message::{
    BridgeMark, Candidate, Commit, GroupName, Join, JoinRet, Message, MoveAnswered, MoveOutcome,
    NewSessionHost, NewSessionHostRet, Ours, Product, Reply, Roster, SessionTarget, StationUuid,
};
use support::{Desk, address, commit, file, join_from, join_ret_from, leave, me, no, ok, station};

const HERE: &str = "ws://here.example/";
const THERE: &str = "ws://there.example/";

fn url(text: &str) -> SessionTarget {
    SessionTarget::Url(text.to_owned())
}

fn group(name: &str) -> SessionTarget {
    SessionTarget::Group(name.parse().unwrap())
}

fn proposal(to: &SessionTarget) -> NewSessionHost {
    match to {
        SessionTarget::Group(group) => NewSessionHost::to_group(group),
        SessionTarget::Url(url) => NewSessionHost::to_url(url),
        other => panic!("{other:?}"),
    }
}

/// Station `n` proposes it, on a connection of its own.
fn propose(desk: &mut Desk, n: u8, to: &SessionTarget) -> ConnId {
    let conn = desk.accept(n);
    desk.receive(conn, Message::NewSessionHost(NewSessionHost { station: Some(station(n)), ..proposal(to) }));
    conn
}

fn reply(desk: &mut Desk, conn: ConnId) -> Option<Reply> {
    match desk.take_sent(conn) {
        None => None,
        Some(Message::NewSessionHostRet(ret)) => Some(ret.reply),
        other => panic!("{other:?}"),
    }
}

fn refused(desk: &mut Desk, conn: ConnId) -> String {
    let reply = reply(desk, conn).expect("an answer");
    assert!(!reply.ok, "{reply:?}");
    reply.message
}

fn asked(desk: &Desk) -> Vec<ProposalId> {
    let proposals = desk.events().into_iter();
    proposals
        .filter_map(|e| if let Event::MoveProposed { proposal, .. } = e { Some(proposal) } else { None })
        .collect()
}

fn prepared(desk: &mut Desk, commits: Vec<Commit>, there: &[u8], name: Option<&str>) {
    let at =
        desk.out.iter().position(|o| matches!(o, Output::PrepareMove { .. })).expect("nothing is prepared");
    desk.out.remove(at);
    let sightings = there.iter().map(|n| shown(*n, name)).collect();
    desk.step(Input::MovePrepared { commits, sightings, seed: 7 });
}

fn shown(n: u8, group: Option<&str>) -> Sighting {
    Sighting {
        place: PlaceId(n.into()),
        station: Some(station(n)),
        station_name: Some(format!("station {n}")),
        group: group.map(str::to_owned),
        addresses: vec![address(n)],
    }
}

fn dialed(desk: &mut Desk) -> (ConnId, String) {
    let at = desk.out.iter().position(|o| matches!(o, Output::DialHost { .. })).expect("no host is dialed");
    let Output::DialHost { conn, url } = desk.out.remove(at) else { unreachable!() };
    (conn, url)
}

/// The host at the URL is reached; what we say to it.
fn reached(desk: &mut Desk, at: &str) -> (ConnId, Join) {
    let (conn, url) = dialed(desk);
    assert_eq!(url, at);
    desk.step(Input::HostReached { conn, address: ([10, 0, 0, 200], 80).into() });
    let Some(Message::Join(join)) = desk.take_sent(conn) else { panic!("no JOIN: {:?}", desk.out) };
    (conn, join)
}

fn host_ret(n: u8, commits: Vec<Commit>) -> Message {
    let Message::JoinRet(ret) = join_ret_from(n, "mvrx", ok(), commits) else { unreachable!() };
    Message::JoinRet(JoinRet { ours: Some(Ours::CURRENT), roster: Some(Roster::default()), ..ret })
}

/// A station of the session at `HERE`, of a host of our own kind, and its connection.
fn in_session(moves: Moves) -> (Desk, ConnId) {
    let mut desk = Desk::with(|config| {
        config.session = Some(SessionConfig::new(HERE, 7));
        config.moves = moves;
    });
    desk.command(Command::Leave).command(Command::Rejoin);
    let (conn, _) = reached(&mut desk, HERE);
    desk.receive(conn, host_ret(9, vec![]));
    desk.out.clear();
    (desk, conn)
}

fn in_group(moves: Moves) -> Desk {
    Desk::with(|config| config.moves = moves)
}

fn moved(desk: &Desk, to: &SessionTarget) -> bool {
    desk.saw(|e| matches!(e, Event::Moved { to: there, .. } if there == to))
}

fn stayed(desk: &Desk) -> Option<String> {
    desk.events().into_iter().find_map(|e| if let Event::NotMoved { why, .. } = e { Some(why) } else { None })
}

fn at_rest(desk: &mut Desk) {
    desk.pass(Duration::from_secs(600));
    let timers: Vec<_> = desk.core.timers().collect();
    assert!(timers.is_empty(), "{timers:?}");
    assert_eq!(desk.core.moving_to(), None);
}

// proves: MOV-01, MOV-02
#[test]
fn a_proposal_that_leads_nowhere_is_refused_with_the_reason() {
    let mut desk = in_group(Moves::Always);
    let conn = desk.accept(1);
    let long = "x".repeat(64);
    for (name, url, why) in [
        ("Other._mvrxchange._tcp.local.", THERE, "both"),
        ("", "", "neither"),
        ("", "http://x/", "ServiceURL"),
        ("", "rack", "ServiceURL"),
        ("a@b", "", "'@'"),
        (long.as_str(), "", "64 bytes"),
    ] {
        let proposal = NewSessionHost { service_name: name.into(), service_url: url.into(), station: None };
        desk.receive(conn, Message::NewSessionHost(proposal));
        let message = refused(&mut desk, conn);
        assert!(message.contains(why), "{message} for {name:?} {url:?}");
    }
    assert_eq!(desk.events(), []);
    at_rest(&mut desk);
}

// proves: MOV-03
#[test]
fn where_we_are_already_is_agreed_to_at_once_and_nothing_is_done() {
    let mut desk = in_group(Moves::Ask);
    let conn = propose(&mut desk, 1, &group("Default"));
    assert_eq!(reply(&mut desk, conn), Some(ok()));
    assert_eq!(desk.events(), []);
    let (mut desk, host) = in_session(Moves::Never);
    desk.receive(host, Message::NewSessionHost(NewSessionHost::to_url("WS://here.example:80")));
    assert_eq!(reply(&mut desk, host), Some(ok()));
    assert_eq!(desk.events(), []);
}

// proves: MOV-21
#[test]
fn a_group_whose_name_differs_only_in_case_is_not_gone_to() {
    let mut desk = in_group(Moves::Always);
    let conn = propose(&mut desk, 1, &group("DEFAULT"));
    let message = refused(&mut desk, conn);
    assert!(message.contains("upper and lower case"), "{message}");
    desk.command(Command::Move { to: group("default"), force: false });
    assert!(stayed(&desk).unwrap().contains("start it in the other group"));
    assert_eq!(desk.core.place(), group("Default"));
    // Other letters are other groups, and DNS knows no case but that of ASCII.
    desk.out.clear();
    desk.command(Command::Move { to: group("Dèfault"), force: false });
    assert_eq!(stayed(&desk), None);
}

// proves: MOV-04
#[test]
fn of_a_thousand_proposals_one_is_asked_about_and_each_is_answered() {
    let mut desk = in_group(Moves::Ask);
    desk.join(1);
    let first = propose(&mut desk, 1, &url(THERE));
    assert_eq!(reply(&mut desk, first), None, "it is answered when it is decided");
    let conn = desk.accept(1);
    for n in 0..1_000 {
        let to = if n % 2 == 0 { url(THERE) } else { group(&format!("G{n}")) };
        desk.receive(conn, Message::NewSessionHost(proposal(&to)));
        assert!(refused(&mut desk, conn).contains("another move"));
    }
    let proposals = asked(&desk);
    assert_eq!((proposals.len(), desk.events().len()), (1, 1));
    desk.command(Command::RefuseMove(proposals[0]));
    assert!(refused(&mut desk, first).contains("operator"));
    assert!(stayed(&desk).is_some());
    at_rest(&mut desk);
    assert_eq!(desk.core.stations().filter(|s| s.membership == Membership::Member).count(), 1);
}

// proves: MOV-05
#[test]
fn a_rule_says_whose_proposals_are_followed_and_the_operator_has_a_minute() {
    let mut desk = in_group(Moves::Never);
    for _ in 0..3 {
        let conn = propose(&mut desk, 1, &url(THERE));
        assert!(refused(&mut desk, conn).contains("follows no"));
    }
    assert_eq!(desk.events().len(), 1, "told once: {:?}", desk.events());

    let mut desk = in_group(Moves::Listed(BTreeSet::from([station(1)])));
    desk.join(1).join(2);
    let other = propose(&mut desk, 2, &url(THERE));
    assert!(refused(&mut desk, other).contains("certain others"));
    // It says that it is somebody else, and comes from another address.
    let liar = desk.accept(2);
    let lie = NewSessionHost { station: Some(station(1)), ..NewSessionHost::to_url(THERE) };
    desk.receive(liar, Message::NewSessionHost(lie));
    assert!(refused(&mut desk, liar).contains("certain others"));
    let listed = propose(&mut desk, 1, &url(THERE));
    assert_eq!(reply(&mut desk, listed), None);
    assert!(desk.out.iter().any(|o| matches!(o, Output::PrepareMove { to } if *to == url(THERE))));

    let mut desk = in_group(Moves::Ask);
    let conn = propose(&mut desk, 1, &url(THERE));
    desk.command(Command::AcceptMove(ProposalId(99)));
    desk.pass(Duration::from_secs(59));
    assert_eq!(reply(&mut desk, conn), None);
    let late = asked(&desk)[0];
    desk.pass(Duration::from_secs(2));
    assert!(refused(&mut desk, conn).contains("in time"));
    desk.out.clear();
    desk.command(Command::AcceptMove(late));
    assert_eq!(desk.out, [], "too late");
    at_rest(&mut desk);
}

// proves: MOV-05
#[test]
fn who_is_there_by_a_bridge_says_so_where_it_stays() {
    let host = station(9);
    let bridge = station(8);
    for (mark, why) in
        [(BridgeMark::Bridge { host }, "it is a bridge"), (BridgeMark::StandIn { bridge }, "by a bridge")]
    {
        let mut desk = Desk::with(|config| {
            config.moves = Moves::Never;
            config.bridge = Some(mark);
        });
        desk.command(Command::Rejoin);
        let conn = propose(&mut desk, 1, &url(THERE));
        let said = refused(&mut desk, conn);
        assert!(said.contains(why), "{said}");
    }
}

/// A station at `at` sends a JOIN as station `n`, and proposes as that station, on the same connection or on one of its own.
fn propose_as(
    desk: &mut Desk,
    n: u8,
    at: u8,
    to: &SessionTarget,
    one_connection: bool,
    named: bool,
) -> ConnId {
    let first = desk.accept(at);
    desk.receive(first, join_from(n, "mvrx", vec![]));
    assert!(matches!(desk.take_sent(first), Some(Message::JoinRet(ret)) if ret.reply.ok));
    let conn = if one_connection { first } else { desk.accept(at) };
    let said = NewSessionHost { station: named.then(|| station(n)), ..proposal(to) };
    desk.receive(conn, Message::NewSessionHost(said));
    conn
}

// proves: MOV-13
#[test]
fn a_join_under_a_listed_stations_name_is_no_consent_wherever_it_comes_from() {
    for known in [false, true] {
        for (one_connection, named) in [(true, true), (true, false), (false, true), (false, false)] {
            let mut desk = in_group(Moves::Listed(BTreeSet::from([station(1)])));
            if known {
                desk.join(1);
            }
            let conn = propose_as(&mut desk, 1, 66, &url(THERE), one_connection, named);
            assert!(refused(&mut desk, conn).contains("certain others"), "{known} {one_connection} {named}");
            let told = |e: &Event| matches!(e, Event::MoveDeclined { station: None, .. });
            assert!(desk.saw(told), "it is named as nobody: {:?}", desk.events());
            assert_eq!(desk.core.moving_to(), None);
        }
    }
    // A COMMIT in its name from elsewhere is none either.
    let mut desk = in_group(Moves::Listed(BTreeSet::from([station(1)])));
    desk.join(1);
    let conn = desk.accept(66);
    desk.receive(conn, Message::Commit(commit(4, 1)));
    desk.take_sent(conn);
    desk.receive(
        conn,
        Message::NewSessionHost(NewSessionHost { station: Some(station(1)), ..proposal(&url(THERE)) }),
    );
    assert!(refused(&mut desk, conn).contains("certain others"));
}

// proves: MOV-13
#[test]
fn a_listed_station_counts_at_each_address_where_discovery_shows_it_or_where_it_answered_us() {
    let listed = || in_group(Moves::Listed(BTreeSet::from([station(1)])));
    let follows = |desk: &mut Desk, at: u8| {
        let conn = desk.accept(at);
        desk.receive(
            conn,
            Message::NewSessionHost(NewSessionHost { station: Some(station(1)), ..proposal(&url(THERE)) }),
        );
        let follows = desk.core.moving_to().is_some();
        assert_eq!(reply(desk, conn).is_some(), !follows);
        follows
    };
    // Several addresses: it speaks from any of them.
    for at in [1, 11] {
        let mut desk = listed();
        desk.sight_at(1, vec![address(1), address(11)]);
        let (conn, _, _) = desk.connect();
        desk.receive(conn, join_ret_from(1, "mvrx", ok(), vec![]));
        assert!(follows(&mut desk, at), "{at}");
    }
    // A socket for both families tells an IPv4 address in the form of IPv6.
    let mut desk = listed();
    desk.join(1);
    let conn = ConnId::Accepted(77);
    desk.step(Input::Accepted { conn, peer: "[::ffff:10.0.0.1]:50000".parse().unwrap() });
    desk.receive(
        conn,
        Message::NewSessionHost(NewSessionHost { station: Some(station(1)), ..proposal(&url(THERE)) }),
    );
    assert!(desk.core.moving_to().is_some());
    // One of the fixed list, which names nobody: who answered there.
    let mut desk = listed();
    desk.step(Input::Sighted(Sighting { station: None, group: None, ..shown(1, None) }));
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "mvrx", ok(), vec![]));
    assert!(follows(&mut desk, 1));
    // A bridge shows it at its own address, and answers for it there.
    let mut desk = listed();
    desk.sight_at(1, vec![address(99)]);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "mvrx", ok(), vec![]));
    assert!(!follows(&mut desk, 1), "its real address is not shown here");
    assert!(follows(&mut desk, 99));
    // Shown, and nothing more: it is no member yet.
    let mut desk = listed();
    desk.sight(1);
    assert!(!follows(&mut desk, 1));
    // Whoever makes discovery show it elsewhere, too, is taken for it: TCP mode proves nobody's name.
    let mut desk = listed();
    desk.join(1);
    desk.step(Input::Sighted(Sighting {
        place: PlaceId(66),
        addresses: vec![address(66)],
        ..shown(1, Some("Default"))
    }));
    assert!(follows(&mut desk, 66));
}

// proves: MOV-13
#[test]
fn in_a_session_whom_the_host_names_is_who_proposes_and_a_stranger_cannot_connect() {
    for (by, follows) in [(1, true), (2, false)] {
        let (mut desk, host) = in_session(Moves::Listed(BTreeSet::from([station(1)])));
        let said = NewSessionHost { station: Some(station(by)), ..proposal(&url(THERE)) };
        desk.receive(host, Message::NewSessionHost(said));
        assert_eq!(desk.core.moving_to().is_some(), follows, "{by}");
        let stranger = desk.accept(66);
        assert!(desk.closed(stranger));
    }
}

// proves: MOV-06, MOV-07
#[test]
fn from_a_group_to_a_session_the_host_has_us_before_anybody_is_left() {
    let mut desk = in_group(Moves::Ask);
    desk.join(1).join(2).command(Command::Publish(commit(1, 0)));
    desk.pass(Duration::from_secs(60));
    desk.out.clear();
    let asker = propose(&mut desk, 1, &url(THERE));
    let agreed = asked(&desk)[0];
    desk.command(Command::AcceptMove(agreed));
    assert!(desk.saw(|e| matches!(e, Event::MoveBegun { to, .. } if *to == url(THERE))));
    prepared(&mut desk, vec![], &[], None);
    let (host, join) = reached(&mut desk, THERE);
    assert_eq!(join.commits.iter().map(|c| c.file).collect::<Vec<_>>(), [file(1)], "our files come along");
    // Committed while we are on the way: told here, and there.
    desk.command(Command::Publish(commit(2, 0)));
    assert!(reply(&mut desk, asker).is_none() && !moved(&desk, &url(THERE)));
    desk.out.clear();
    desk.receive(host, host_ret(9, vec![commit(5, 3)]));
    assert!(moved(&desk, &url(THERE)), "{:?}", desk.out);
    assert_eq!(desk.core.place(), url(THERE));
    assert_eq!(desk.core.session().unwrap().stay, Stay::Joined);
    let Some(Message::Commit(told)) = desk.take_sent(host) else { panic!("{:?}", desk.out) };
    assert_eq!(told.file, file(2));
    let at = |wanted: &dyn Fn(&Output) -> bool| desk.out.iter().position(wanted).unwrap();
    let told = at(&|o| matches!(o, Output::Event(Event::Moved { .. })));
    assert!(told < at(&|o| matches!(o, Output::Event(Event::CommitSeen { file: f, .. }) if *f == file(5))));
    assert!(desk.out.contains(&Output::Withdraw));
    assert_eq!(reply(&mut desk, asker), Some(ok()));
    assert_eq!(desk.farewells(), [1, 2]);
    desk.pass(Duration::from_secs(5));
    assert!(desk.closed(asker), "nothing of the old place is left");
    let known: Vec<_> = desk.core.commits().map(|view| view.commit.file).collect();
    assert_eq!(known, [file(1), file(2), file(5)]);
    assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(9)]);
    at_rest(&mut desk);
    // Nobody is to connect to us any more.
    let stranger = desk.accept(3);
    assert!(desk.closed(stranger));
}

/// A JOIN of station `n`, which has taken this back.
fn takes_back(desk: &mut Desk, n: u8, what: u8) {
    let conn = desk.accept(n);
    let Message::Join(join) = join_from(n, "mvrx", vec![]) else { unreachable!() };
    desk.receive(
        conn,
        Message::Join(Join { ours: Some(Ours::CURRENT), withdrawn: vec![file(what)], ..join }),
    );
}

// proves: STA-31
#[test]
fn what_was_taken_back_before_a_move_is_said_in_the_new_place_and_listed_there_by_nobody() {
    let mut desk = in_group(Moves::Ask);
    desk.join(1).command(Command::Publish(commit(1, 0)));
    desk.pass(Duration::from_secs(60));
    desk.command(Command::Withdraw(file(1)));
    takes_back(&mut desk, 1, 5);
    desk.out.clear();
    propose(&mut desk, 1, &url(THERE));
    let agreed = asked(&desk)[0];
    desk.command(Command::AcceptMove(agreed));
    prepared(&mut desk, vec![], &[], None);
    let (host, join) = reached(&mut desk, THERE);
    assert_eq!(join.withdrawn, [file(1)], "who is there may not have heard of it");
    // Heard in the old place while the new one is joined.
    takes_back(&mut desk, 1, 6);
    desk.receive(host, host_ret(9, vec![commit(1, 0), commit(5, 1), commit(6, 1), commit(7, 1)]));
    assert!(moved(&desk, &url(THERE)), "{:?}", desk.out);
    let known: Vec<_> = desk.core.commits().map(|view| view.commit.file).collect();
    assert_eq!(known, [file(7)]);
}

// proves: STA-31
#[test]
fn what_was_taken_back_is_listed_by_nobody_in_the_next_group_either() {
    let mut desk = in_group(Moves::Ask);
    desk.join(1);
    takes_back(&mut desk, 1, 5);
    desk.out.clear();
    propose(&mut desk, 1, &group("Side"));
    let agreed = asked(&desk)[0];
    desk.command(Command::AcceptMove(agreed));
    prepared(&mut desk, vec![], &[2], Some("Side"));
    desk.step(Input::AdvertisedAlso);
    let (conn, _, said) = desk.connect();
    let Message::Join(_) = said else { panic!("{said:?}") };
    let Message::JoinRet(ret) = join_ret_from(2, "mvrx", ok(), vec![commit(5, 1), commit(7, 1)]) else {
        unreachable!()
    };
    desk.receive(conn, Message::JoinRet(JoinRet { group: Some("Side".parse().unwrap()), ..ret }));
    desk.pass(Duration::from_secs(60));
    assert!(moved(&desk, &group("Side")), "{:?}", desk.out);
    let known: Vec<_> = desk.core.commits().map(|view| view.commit.file).collect();
    assert_eq!(known, [file(7)]);
}

// proves: MOV-08
#[test]
fn a_session_that_cannot_be_had_leaves_us_where_we_were() {
    for how in ["unreachable", "refuses", "silent", "not prepared"] {
        let mut desk = in_group(Moves::Always);
        desk.join(1);
        let asker = propose(&mut desk, 1, &url(THERE));
        match how {
            "not prepared" => {
                desk.step(Input::MoveNotPrepared { what: "no such thing".to_owned() });
            }
            "unreachable" => {
                prepared(&mut desk, vec![], &[], None);
                let (conn, _) = dialed(&mut desk);
                desk.step(Input::HostUnreachable { conn, what: "no such thing".to_owned() });
            }
            "refuses" => {
                prepared(&mut desk, vec![], &[], None);
                let (conn, _) = reached(&mut desk, THERE);
                desk.receive(conn, join_ret_from(9, "mvrx", no("no such thing"), vec![]));
                assert!(desk.closed(conn));
            }
            _ => {
                prepared(&mut desk, vec![], &[], None);
                dialed(&mut desk);
                desk.pass(Duration::from_secs(41));
            }
        }
        let why = refused(&mut desk, asker);
        assert!(why.contains("no such thing") || how == "silent", "{why}");
        assert_eq!(stayed(&desk), Some(why));
        assert_eq!(desk.core.place(), group("Default"));
        assert!(!desk.out.contains(&Output::Withdraw));
        desk.pass(Duration::from_secs(5));
        desk.out.clear();
        desk.command(Command::Publish(commit(2, 0)));
        let (_, to, message) = desk.connect();
        assert!(to == address(1) && matches!(message, Message::Commit(_)), "whole as before");
    }
}

// proves: MOV-06, MOV-07, MOV-08
#[test]
fn from_group_to_group_the_answer_comes_when_the_new_group_has_us() {
    for taken in [true, false] {
        let mut desk = in_group(Moves::Always);
        desk.join(1);
        let asker = propose(&mut desk, 1, &group("Stage"));
        prepared(&mut desk, vec![commit(5, 0)], &[3], Some("Stage"));
        desk.step(Input::AdvertisedAlso);
        let (conn, to, message) = desk.connect();
        let Message::Join(join) = message else { panic!("{message:?}") };
        assert_eq!((to, join.commits.len()), (address(3), 1));
        assert_eq!(reply(&mut desk, asker), None);
        if taken {
            desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
            assert_eq!(reply(&mut desk, asker), Some(ok()));
            assert!(moved(&desk, &group("Stage")));
            assert!(desk.saw(|e| matches!(e, Event::Moved { from, .. } if *from == group("Default"))));
            assert!(desk.saw(|e| matches!(e, Event::GroupChanged { .. })));
            // It is moved once, as its election is told.
            let told: Vec<_> = desk.events().iter().filter_map(ElectionInput::of).collect();
            assert_eq!(told, [ElectionInput::MovedTo("Stage".parse().unwrap())]);
            assert_eq!(desk.farewells(), [1]);
        } else {
            desk.receive(conn, join_ret_from(3, "MVRApplication", no("full"), vec![]));
            desk.pass(Duration::from_secs(11));
            assert!(refused(&mut desk, asker).contains("full"));
            assert!(stayed(&desk).is_some() && !moved(&desk, &group("Stage")));
            assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(1)]);
        }
        let place = if taken { group("Stage") } else { group("Default") };
        assert_eq!((desk.core.place(), desk.core.moving_to()), (place, None));
    }
}

// proves: MOV-06, MOV-07, MOV-08
#[test]
fn from_a_session_to_a_group_everybody_there_is_joined_before_the_host_is_left() {
    for taken in [true, false] {
        let (mut desk, host) = in_session(Moves::Always);
        desk.receive(host, Message::NewSessionHost(proposal(&group("Stage"))));
        prepared(&mut desk, vec![commit(5, 0)], &[3], Some("Stage"));
        let shown = |o: &Output| matches!(o, Output::Advertise { group, .. } if group.as_str() == "Stage");
        assert!(desk.out.iter().any(shown), "{:?}", desk.out);
        let (conn, to, message) = desk.connect();
        let Message::Join(join) = message else { panic!("{message:?}") };
        assert_eq!((to, join.commits.len()), (address(3), 1));
        // Somebody else is there, too, and was quicker.
        let other = desk.accept(4);
        desk.receive(other, join_from(4, "MVRApplication", vec![]));
        assert!(matches!(desk.take_sent(other), Some(Message::JoinRet(ret)) if ret.reply.ok));
        let back = desk.take_dial();
        assert_eq!(back, None, "it is not seen, so it cannot be joined back");
        if !taken {
            desk.step(Input::Closed { conn: other, ending: mvrx_core::Ending::Clean });
            let conn = desk.accept(4);
            desk.receive(conn, leave(4));
            desk.out.clear();
        }
        let answer = if taken { ok() } else { no("full") };
        desk.receive(conn, join_ret_from(3, "MVRApplication", answer, vec![commit(6, 3)]));
        if taken {
            assert!(moved(&desk, &group("Stage")), "{:?}", desk.out);
            let said: Vec<_> =
                desk.out.iter().filter(|o| matches!(o, Output::Send { conn, .. } if *conn == host)).collect();
            assert!(
                matches!(said[..], [Output::Send { message: one, .. }, Output::Send { message: two, .. }]
                if matches!(**one, Message::NewSessionHostRet(_)) && matches!(**two, Message::Leave(_))),
                "{said:?}"
            );
            assert_eq!(reply(&mut desk, host), Some(ok()));
            desk.receive(host, Message::LeaveRet(ok()));
            assert!(desk.closed(host));
            let known: Vec<_> = desk.core.commits().map(|view| view.commit.file).collect();
            assert_eq!(known, [file(5), file(6)]);
            assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(3), station(4)]);
            assert_eq!(desk.core.session(), None);
        } else {
            assert!(refused(&mut desk, host).contains("took our JOIN"));
            assert!(desk.out.contains(&Output::Withdraw), "{:?}", desk.out);
            assert_eq!(desk.core.session().unwrap().stay, Stay::Joined);
        }
    }
}

// proves: ELE-14
#[test]
fn who_is_nowhere_goes_back_to_the_group_though_nobody_who_is_shown_there_answers() {
    // By an election's errand or a person's word; whose session is whole stays there instead.
    for (errand, lost) in [(true, true), (true, false), (false, true), (false, false)] {
        let (mut desk, host) = in_session(Moves::Ask);
        if lost {
            desk.step(Input::HostLost { conn: host, what: "reset".to_owned() });
        }
        desk.command(if errand {
            Command::MoveWith { to: group("Default"), others: BTreeSet::new() }
        } else {
            Command::Move { to: group("Default"), force: false }
        });
        prepared(&mut desk, vec![], &[3, 4], Some("Default"));
        while let Some((conn, _)) = desk.take_dial() {
            desk.step(Input::DialFailed { conn });
        }
        let anyway = errand || lost;
        assert_eq!(stayed(&desk).is_none(), anyway, "{errand} {lost}: {:?}", desk.events());
        desk.pass(Duration::from_secs(1));
        assert_eq!(moved(&desk, &group("Default")), anyway, "{errand} {lost}: {:?}", desk.events());
        assert_eq!(desk.core.session().is_none(), anyway);
    }
}

// proves: MOV-08, MOV-15
#[test]
fn who_follows_into_a_group_where_nobody_is_seen_stays_whole_where_it_was() {
    let mut desk = in_group(Moves::Always);
    desk.join(1);
    let asker = propose(&mut desk, 1, &group("NobodyIsThere"));
    prepared(&mut desk, vec![], &[], None);
    desk.step(Input::AdvertisedAlso);
    desk.pass(Duration::from_millis(4_999));
    assert_eq!(reply(&mut desk, asker), None, "discovery may not have shown yet who is there");
    desk.pass(Duration::from_millis(1));
    let why = refused(&mut desk, asker);
    assert!(why.contains("\"NobodyIsThere\" cannot be reached") && why.contains("5s"), "{why}");
    assert!(
        !desk.saw(|e| matches!(e, Event::GroupNotChanged { .. })),
        "it is told once: {:?}",
        desk.events()
    );
    assert!(stayed(&desk).is_some() && !kept_anything(&desk));
    assert_eq!((desk.core.place(), desk.farewells()), (group("Default"), vec![]));
    assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(1)]);
    let shown = desk.out.iter().rev().find_map(|o| match o {
        Output::Advertise { group, .. } => Some(group.as_str()),
        _ => None,
    });
    assert_eq!(shown, Some("Default"));
    at_rest(&mut desk);
}

fn kept_anything(desk: &Desk) -> bool {
    desk.out.iter().any(|o| matches!(o, Output::SavePlace { .. }))
        || desk.saw(|e| matches!(e, Event::Moved { .. } | Event::GroupChanged { .. }))
}

// proves: MOV-06, MOV-15
#[test]
fn a_member_of_the_old_group_is_in_the_new_one_when_it_takes_our_join_there() {
    for takes in [true, false] {
        let mut desk = in_group(Moves::Always);
        desk.join(1);
        let asker = propose(&mut desk, 1, &group("Stage"));
        prepared(&mut desk, vec![], &[1], Some("Stage"));
        desk.step(Input::AdvertisedAlso);
        assert_eq!(reply(&mut desk, asker), None, "it may be shown there by mistake");
        let (conn, to, message) = desk.connect();
        assert!(to == address(1) && matches!(message, Message::Join(_)), "{message:?}");
        if takes {
            desk.receive(conn, join_ret_from(1, "MVRApplication", ok(), vec![]));
            assert_eq!(reply(&mut desk, asker), Some(ok()));
        } else {
            desk.receive(conn, join_ret_from(1, "MVRApplication", no("not there"), vec![]));
            desk.pass(Duration::from_secs(10));
            assert!(!refused(&mut desk, asker).is_empty());
        }
    }
}

// proves: MOV-06, MOV-15
#[test]
fn who_is_seen_at_the_last_moment_is_joined_and_who_has_gone_by_then_is_nobody() {
    for stays in [true, false] {
        let mut desk = in_group(Moves::Always);
        desk.join(1);
        let asker = propose(&mut desk, 1, &group("Stage"));
        prepared(&mut desk, vec![], &[], None);
        desk.step(Input::AdvertisedAlso);
        desk.pass(Duration::from_millis(4_990));
        desk.step(Input::Sighted(shown(3, Some("Stage"))));
        let (conn, to, _) = desk.connect();
        assert_eq!(to, address(3));
        desk.pass(Duration::from_secs(2));
        assert_eq!(reply(&mut desk, asker), None, "its answer is waited for");
        if stays {
            desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
            assert_eq!(reply(&mut desk, asker), Some(ok()));
        } else {
            desk.step(Input::Vanished { place: PlaceId(3) });
            desk.close(conn, mvrx_core::Ending::Broken);
            desk.pass(Duration::from_secs(10));
            assert!(!refused(&mut desk, asker).is_empty());
        }
        let place = desk.core.place();
        assert_eq!(place, group(if stays { "Stage" } else { "Default" }));
    }
}

// proves: MOV-15
#[test]
fn how_long_somebody_is_looked_for_is_a_setting() {
    let mut desk = Desk::with(|config| {
        config.moves = Moves::Always;
        config.timers.somebody_there = Duration::from_secs(8);
    });
    desk.join(1);
    let asker = propose(&mut desk, 1, &group("Stage"));
    prepared(&mut desk, vec![], &[], None);
    desk.step(Input::AdvertisedAlso);
    desk.pass(Duration::from_millis(7_999));
    assert_eq!(reply(&mut desk, asker), None);
    desk.pass(Duration::from_millis(1));
    assert!(refused(&mut desk, asker).contains("8s"));
}

// proves: MOV-08, MOV-15
#[test]
fn from_a_session_a_group_where_nobody_is_seen_cannot_be_reached() {
    let (mut desk, host) = in_session(Moves::Always);
    let by = Some(station(5));
    desk.receive(host, Message::NewSessionHost(NewSessionHost { station: by, ..proposal(&group("Stage")) }));
    prepared(&mut desk, vec![], &[], None);
    desk.pass(Duration::from_millis(4_999));
    assert_eq!(reply(&mut desk, host), None);
    desk.pass(Duration::from_millis(1));
    assert!(refused(&mut desk, host).contains("cannot be reached"));
    assert!(desk.out.contains(&Output::Withdraw) && !kept_anything(&desk), "{:?}", desk.out);
    assert_eq!(desk.core.session().unwrap().stay, Stay::Joined);
    at_rest(&mut desk);
}

// proves: MOV-15
#[test]
fn a_station_of_a_fixed_list_leads_to_any_group_since_it_is_reached_by_its_address() {
    let mut desk = in_group(Moves::Always);
    desk.step(Input::Sighted(shown(1, None)));
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "MVRApplication", ok(), vec![]));
    let asker = propose(&mut desk, 1, &group("Stage"));
    prepared(&mut desk, vec![], &[], None);
    desk.step(Input::AdvertisedAlso);
    desk.pass(Duration::from_secs(1));
    assert_eq!(reply(&mut desk, asker), Some(ok()));
    assert_eq!(desk.core.place(), group("Stage"));
    assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(1)]);
}

// proves: MOV-15
#[test]
fn a_host_of_another_product_leads_only_where_somebody_is() {
    let mut desk = Desk::with(|config| {
        config.session = Some(SessionConfig::new(HERE, 7));
        config.moves = Moves::Always;
    });
    desk.command(Command::Leave).command(Command::Rejoin);
    let (host, _) = reached(&mut desk, HERE);
    desk.receive(host, join_ret_from(9, "Somebody", ok(), vec![]));
    desk.out.clear();
    desk.receive(host, Message::NewSessionHost(proposal(&group("Stage"))));
    prepared(&mut desk, vec![], &[], None);
    desk.pass(Duration::from_secs(5));
    assert!(refused(&mut desk, host).contains("cannot be reached"));
}

// proves: MOV-06, MOV-15
#[test]
fn where_our_own_hosts_operator_leads_a_group_in_which_nobody_is_seen_is_begun_after_a_look_around() {
    let (mut desk, host) = in_session(Moves::Always);
    let by = Some(station(9));
    desk.receive(host, Message::NewSessionHost(NewSessionHost { station: by, ..proposal(&group("Stage")) }));
    prepared(&mut desk, vec![], &[], None);
    desk.pass(Duration::from_millis(999));
    assert_eq!(reply(&mut desk, host), None);
    desk.pass(Duration::from_secs(1));
    assert_eq!(reply(&mut desk, host), Some(ok()));
    assert_eq!(desk.core.place(), group("Stage"));
    desk.receive(host, Message::LeaveRet(ok()));
    at_rest(&mut desk);
}

// proves: MOV-06, MOV-07
#[test]
fn from_session_to_session_the_new_host_has_us_before_the_old_one_is_left() {
    let (mut desk, host) = in_session(Moves::Always);
    desk.command(Command::Restore(Commit { station: Some(me()), ..commit(1, 0) }));
    desk.receive(host, Message::NewSessionHost(proposal(&url(THERE))));
    prepared(&mut desk, vec![], &[], None);
    let (next, join) = reached(&mut desk, THERE);
    assert_eq!(join.commits.len(), 1);
    assert_ne!(next, host);
    desk.receive(next, host_ret(8, vec![]));
    assert_eq!(reply(&mut desk, host), Some(ok()));
    assert!(matches!(desk.take_sent(host), Some(Message::Leave(_))));
    desk.receive(host, Message::LeaveRet(ok()));
    assert!(desk.closed(host) && !desk.closed(next));
    assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(8)]);
    // What the old host says now is nobody's.
    desk.receive(host, Message::Commit(commit(7, 9)));
    assert_eq!(desk.core.commits().count(), 1);
    at_rest(&mut desk);
}

// proves: MOV-20
#[test]
fn another_way_to_the_host_of_our_session_is_no_other_place() {
    let (mut desk, host) = in_session(Moves::Always);
    desk.receive(host, Message::NewSessionHost(proposal(&url(THERE))));
    prepared(&mut desk, vec![], &[], None);
    let (again, _) = reached(&mut desk, THERE);
    // Our second connection goes before the first one.
    desk.step(Input::Closed { conn: host, ending: mvrx_core::Ending::Clean });
    desk.receive(again, host_ret(9, vec![]));
    let why = stayed(&desk).unwrap();
    assert!(why.contains("there already"), "{why}");
    assert!(desk.closed(again) || matches!(desk.take_sent(again), Some(Message::Leave(_))));
    assert_eq!(desk.core.place(), url(HERE));
    desk.pass(Duration::from_secs(10));
    let (back, _) = reached(&mut desk, HERE);
    desk.receive(back, host_ret(9, vec![]));
    assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(9)]);
}

// proves: MOV-14
#[test]
fn from_group_to_group_what_we_have_comes_along() {
    let mut desk = in_group(Moves::Always);
    desk.join(1);
    desk.command(Command::Restore(Commit { station: Some(me()), ..commit(1, 0) }));
    desk.command(Command::Restore(commit(2, 1)));
    let asker = propose(&mut desk, 1, &group("Stage"));
    prepared(&mut desk, vec![commit(5, 0)], &[3], Some("Stage"));
    desk.step(Input::AdvertisedAlso);
    let (conn, _, message) = desk.connect();
    let Message::Join(join) = message else { panic!("{message:?}") };
    let told: Vec<_> = join.commits.iter().map(|commit| commit.file).collect();
    assert_eq!(told, [file(5), file(1), file(2)]);
    desk.keeps_places = false;
    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
    let along = desk.out.iter().find_map(|o| match o {
        Output::SavePlace { along, .. } => Some(along.clone()),
        _ => None,
    });
    assert_eq!(along, Some(vec![file(1), file(2)]), "kept with the place");
    // One more came into our hands before the old group was left.
    desk.command(Command::Restore(Commit { station: Some(me()), ..commit(4, 0) }));
    desk.step(Input::PlaceSaved);
    assert_eq!(reply(&mut desk, asker), Some(ok()));
    let files = vec![file(4)];
    let late = Output::KeepAlong { group: "Stage".parse().unwrap(), files };
    assert!(desk.out.contains(&late), "{:?}", desk.out);
    let told: Vec<Vec<_>> = std::iter::from_fn(|| desk.take_dial())
        .collect::<Vec<_>>()
        .into_iter()
        .filter_map(|(conn, _)| {
            desk.step(Input::Dialed { conn });
            match desk.take_sent(conn) {
                Some(Message::Join(join)) => Some(join.commits.iter().map(|c| c.file).collect()),
                _ => None,
            }
        })
        .collect();
    assert_eq!(told, [vec![file(5), file(1), file(2), file(4)]], "those there are told of it");
    let known: Vec<_> = desk.core.commits().filter(|view| view.held).map(|view| view.commit.file).collect();
    assert_eq!(known, [file(5), file(1), file(2), file(4)]);
}

// proves: MOV-14
#[test]
fn from_a_session_to_a_group_what_we_have_comes_along() {
    let (mut desk, host) = in_session(Moves::Always);
    desk.command(Command::Restore(Commit { station: Some(me()), ..commit(1, 0) }));
    desk.receive(host, Message::NewSessionHost(proposal(&group("Stage"))));
    prepared(&mut desk, vec![], &[3], Some("Stage"));
    let (conn, _, message) = desk.connect();
    assert!(matches!(&message, Message::Join(join) if join.commits.len() == 1), "{message:?}");
    desk.keeps_places = false;
    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
    let along = |o: &Output| matches!(o, Output::SavePlace { along, .. } if *along == [file(1)]);
    assert!(desk.out.iter().any(along), "{:?}", desk.out);
}

// proves: MOV-16
#[test]
fn whoever_joins_the_old_place_while_the_answers_are_waited_for_is_asked_too() {
    let (mut desk, host, first) = leading_out_of_a_group();
    desk.pass(Duration::from_secs(30));
    // Two come: one of ours, and one that may die of the question.
    desk.sight(2);
    let (conn, _, message) = desk.connect();
    assert!(matches!(message, Message::Join(_)), "{message:?}");
    // Everybody else has answered by now.
    desk.receive(first, Message::NewSessionHostRet(ok().into()));
    assert!(!moved(&desk, &url(THERE)), "it is about to be asked");
    desk.receive(conn, join_ret_from(2, "mvrx", ok(), vec![]));
    let (second, to, message) = desk.connect();
    assert!(matches!(message, Message::NewSessionHost(_)), "{message:?}");
    assert_eq!(to, address(2));
    desk.join_with(3, "Somebody", vec![]);
    // A last one has no time left to answer our JOIN.
    desk.pass(Duration::from_secs(80));
    desk.sight(4);
    desk.pass(Duration::from_secs(9));
    assert!(!moved(&desk, &url(THERE)));
    desk.pass(Duration::from_secs(1));
    assert!(moved(&desk, &url(THERE)));
    let mut all = answers(&desk);
    all.sort_by_key(|(station, _)| *station);
    let unanswered = |a: &MoveAnswer| matches!(a, MoveAnswer::Unanswered { .. });
    assert!(
        matches!(&all[..], [(_, MoveAnswer::Moved), (s2, two), (_, MoveAnswer::NotAsked { .. }), (s4, four)]
            if *s2 == station(2) && *s4 == station(4) && unanswered(two) && unanswered(four)),
        "{all:?}"
    );
    assert!(!desk.closed(host) && desk.closed(second));
}

// proves: MOV-16
#[test]
fn whoever_joins_before_discovery_shows_it_is_asked_as_soon_as_it_is_shown() {
    let (mut desk, host, first) = leading_out_of_a_group();
    // Its JOIN comes first; then another's, which is never shown, and one of a product that is not asked.
    for (n, provider) in [(2, "mvrx"), (3, "mvrx"), (4, "Somebody")] {
        let conn = desk.accept(n);
        desk.receive(conn, join_from(n, provider, vec![]));
    }
    assert_eq!(answers(&desk), [(station(4), MoveAnswer::NotAsked { product: Product::Other })]);
    desk.receive(first, Message::NewSessionHostRet(ok().into()));
    assert!(!moved(&desk, &url(THERE)), "two are about to be asked");
    desk.out.clear();
    desk.sight(2);
    let mut asked = None;
    while let Some((conn, to)) = desk.take_dial() {
        assert_eq!(to, address(2));
        desk.step(Input::Dialed { conn });
        if let Some(Message::NewSessionHost(_)) = desk.take_sent(conn) {
            asked = Some(conn);
        }
    }
    desk.receive(asked.unwrap(), Message::NewSessionHostRet(ok().into()));
    assert_eq!(answers(&desk), [(station(2), MoveAnswer::Moved)]);
    desk.pass(Duration::from_secs(119));
    assert!(!moved(&desk, &url(THERE)), "one may be shown yet");
    desk.pass(Duration::from_secs(1));
    assert!(moved(&desk, &url(THERE)));
    assert!(!desk.closed(host));
    let told = answers(&desk);
    assert!(
        matches!(&told[..], [_, (who, MoveAnswer::Unanswered { why })]
            if *who == station(3) && why.contains("discovery")),
        "{told:?}"
    );
}

/// On the way from a group with station 1 to the session at [`THERE`]; station 1 is being asked on the connection given last.
fn leading_out_of_a_group() -> (Desk, ConnId, ConnId) {
    let mut desk = in_group(Moves::Ask);
    desk.join_with(1, "mvrx", vec![]);
    desk.out.clear();
    desk.command(Command::Move { to: url(THERE), force: false });
    prepared(&mut desk, vec![], &[], None);
    let (host, _) = reached(&mut desk, THERE);
    desk.receive(host, host_ret(9, vec![]));
    let (first, _, _) = desk.connect();
    (desk, host, first)
}

// proves: MOV-16
#[test]
fn who_had_moved_already_when_the_host_was_lost_is_in_the_report() {
    let (mut desk, host) = with_company();
    desk.receive(host, roster(9, &[6, 7], &[]));
    desk.command(Command::Move { to: url(THERE), force: false });
    prepared(&mut desk, vec![], &[], None);
    let (there, _) = reached(&mut desk, THERE);
    desk.receive(there, host_ret(8, vec![]));
    // Station 5 is there by now, and has left; of 6 it is not seen where it went.
    desk.receive(there, roster(8, &[5], &[])).receive(host, roster(9, &[], &[5, 6]));
    desk.step(Input::HostLost { conn: host, what: "gone".to_owned() });
    let all: std::collections::BTreeMap<_, _> = answers(&desk).into_iter().collect();
    let whose: Vec<_> = all.keys().copied().collect();
    assert_eq!(whose, [5, 6, 7, 9].map(station), "{all:?}");
    assert_eq!(all[&station(5)], MoveAnswer::Moved);
    let rest = [6, 7, 9].map(|n| &all[&station(n)]);
    assert!(rest.iter().all(|answer| matches!(answer, MoveAnswer::Unanswered { .. })), "{all:?}");
}

// proves: MOV-10
#[test]
fn why_a_product_is_not_asked_is_told_as_it_is() {
    for (product, words) in [
        (Product::Perastage, "perastage does not act on the question"),
        (Product::BlenderDmx, "blenderdmx does not act on the question"),
        (Product::LibMvrGdtf, "may end a product with the library libMVRgdtf, as Vectorworks"),
        (Product::GrandMa3, "grandma3 is not known to outlive the question"),
        (Product::Other, "of an unknown product nobody knows"),
    ] {
        let told = MoveAnswer::NotAsked { product }.to_string();
        assert!(told.starts_with("it was not asked: ") && told.contains(words), "{told}");
    }
}

/// What host `n` tells of who came and who went.
fn roster(n: u8, came: &[u8], gone: &[u8]) -> Message {
    let named = |n: &u8| mvrx_message::NamedStation {
        station: station(*n),
        author: mvrx_message::Author { name: format!("station {n}"), provider: "mvrx".to_owned() },
        bridge: None,
    };
    let Message::JoinRet(ret) = host_ret(n, vec![]) else { unreachable!() };
    let (stations, gone) = (came.iter().map(named).collect(), gone.iter().map(|n| station(*n)).collect());
    let roster = Roster { news: true, stations, gone, ..Roster::default() };
    Message::JoinRet(JoinRet { roster: Some(roster), ..ret })
}

/// In a session with station 5, its host of ours.
fn with_company() -> (Desk, ConnId) {
    let (mut desk, host) = in_session(Moves::Ask);
    desk.receive(host, roster(9, &[5], &[]));
    assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(5), station(9)]);
    desk.out.clear();
    (desk, host)
}

// proves: MOV-16
#[test]
fn where_the_host_refuses_or_is_lost_everybody_of_its_session_is_listed() {
    for ending in ["refuses", "is lost", "was lost before", "is silent"] {
        let (mut desk, host) = with_company();
        desk.command(Command::Move { to: url(THERE), force: false });
        prepared(&mut desk, vec![], &[], None);
        let (there, _) = reached(&mut desk, THERE);
        if ending == "was lost before" {
            desk.step(Input::HostLost { conn: host, what: "gone".to_owned() });
        }
        desk.receive(there, host_ret(8, vec![]));
        match ending {
            "refuses" => {
                desk.receive(host, Message::NewSessionHostRet(no("not now").into()));
            }
            "is lost" => {
                desk.step(Input::HostLost { conn: host, what: "gone".to_owned() });
            }
            "is silent" => {
                desk.pass(Duration::from_secs(200));
            }
            _ => {}
        }
        assert!(moved(&desk, &url(THERE)), "{ending}");
        let mut all = answers(&desk);
        all.sort_by_key(|(station, _)| *station);
        let listed: Vec<_> = all.iter().map(|(station, _)| *station).collect();
        assert_eq!(listed, [station(5), station(9)], "{ending}: {all:?}");
        assert!(all.iter().all(|(_, answer)| *answer != MoveAnswer::Moved), "{ending}: {all:?}");
    }
}

/// A desk with two stations of ours, one that dies of the question, and one that is not known.
fn crew() -> Desk {
    crew_with(Moves::Ask)
}

fn crew_with(moves: Moves) -> Desk {
    let mut desk = in_group(moves);
    for n in [1, 2] {
        desk.join_with(n, "mvrx", vec![]);
    }
    desk.join_with(3, "libMVRgdtf", vec![]).join_with(4, "Somebody", vec![]);
    desk.out.clear();
    desk
}

fn answers(desk: &Desk) -> Vec<(StationUuid, MoveAnswer)> {
    let told = desk.events().into_iter();
    told.filter_map(|e| {
        if let Event::MoveAnswered { station, answer } = e { Some((station, answer)) } else { None }
    })
    .collect()
}

// proves: MOV-09, MOV-10
#[test]
fn who_leads_stands_in_the_new_place_first_and_lists_who_stays_behind() {
    let mut desk = crew();
    desk.command(Command::Move { to: url(THERE), force: false });
    prepared(&mut desk, vec![], &[], None);
    let (host, _) = reached(&mut desk, THERE);
    assert_eq!(desk.dials(), 0, "nobody is asked before we stand there");
    desk.receive(host, host_ret(9, vec![]));
    assert!(!moved(&desk, &url(THERE)), "in both, until all have answered");
    let not: Vec<_> = [(3, Product::LibMvrGdtf), (4, Product::Other)]
        .map(|(n, product)| (station(n), MoveAnswer::NotAsked { product }))
        .into();
    assert_eq!(answers(&desk), not);
    let (one, to, message) = desk.connect();
    let Message::NewSessionHost(said) = message else { panic!("{message:?}") };
    assert_eq!((to, said.service_url.as_str(), said.station), (address(1), THERE, Some(me())));
    let (two, _, _) = desk.connect();
    assert_eq!(desk.dials(), 0);
    desk.receive(two, Message::NewSessionHostRet(no("not now").into()));
    desk.receive(one, Message::NewSessionHostRet(ok().into()));
    let all = answers(&desk);
    assert_eq!(
        all[2..],
        [
            (station(2), MoveAnswer::Refused { message: "not now".to_owned() }),
            (station(1), MoveAnswer::Moved)
        ]
    );
    assert!(moved(&desk, &url(THERE)));
    assert_eq!(desk.farewells(), [1, 2, 3, 4]);
    at_rest(&mut desk);
}

// proves: MOV-09, MOV-10
#[test]
fn by_force_everybody_is_asked_and_who_does_not_answer_is_waited_for_two_minutes() {
    let mut desk = crew();
    desk.command(Command::Move { to: group("Stage"), force: true });
    prepared(&mut desk, vec![], &[], None);
    desk.step(Input::AdvertisedAlso);
    desk.pass(Duration::from_secs(1));
    let mut conns = Vec::new();
    for _ in 0..4 {
        let (conn, _, message) = desk.connect();
        assert!(matches!(message, Message::NewSessionHost(_)));
        conns.push(conn);
    }
    desk.receive(conns[0], Message::NewSessionHostRet(ok().into()));
    desk.close(conns[1], mvrx_core::Ending::Broken);
    // Somebody new is on the new side meanwhile, and is joined.
    desk.step(Input::Sighted(shown(6, Some("Stage"))));
    let (there, to, _) = desk.connect();
    assert_eq!(to, address(6));
    desk.receive(there, join_ret_from(6, "mvrx", ok(), vec![]));
    desk.pass(Duration::from_secs(110));
    assert!(!moved(&desk, &group("Stage")));
    desk.pass(Duration::from_secs(20));
    assert!(moved(&desk, &group("Stage")));
    let unanswered = |a: &MoveAnswer| matches!(a, MoveAnswer::Unanswered { .. });
    let all = answers(&desk);
    assert_eq!(all.len(), 4, "{all:?}");
    assert_eq!(all.iter().filter(|(_, a)| unanswered(a)).count(), 3);
    assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(6)]);
    let place = desk.core.place();
    assert_eq!(place, group("Stage"));
}

// proves: MOV-11
#[test]
fn in_a_session_the_host_asks_and_tells_what_each_answered() {
    let (mut desk, host) = in_session(Moves::Ask);
    desk.command(Command::Move { to: url(THERE), force: false });
    prepared(&mut desk, vec![], &[], None);
    let (next, _) = reached(&mut desk, THERE);
    desk.receive(next, host_ret(8, vec![]));
    let Some(Message::NewSessionHost(said)) = desk.take_sent(host) else { panic!("{:?}", desk.out) };
    assert_eq!((said.service_url.as_str(), said.station), (THERE, Some(me())));
    let answers_told = vec![
        MoveAnswered { station: station(1), outcome: MoveOutcome::Moved, message: String::new() },
        MoveAnswered { station: station(2), outcome: MoveOutcome::NotAsked, message: "grandma3".to_owned() },
        MoveAnswered { station: station(9), outcome: MoveOutcome::Refused, message: "I host".to_owned() },
    ];
    desk.receive(host, Message::NewSessionHostRet(NewSessionHostRet { reply: ok(), answers: answers_told }));
    assert_eq!(
        answers(&desk),
        [
            (station(1), MoveAnswer::Moved),
            (station(2), MoveAnswer::NotAsked { product: Product::GrandMa3 }),
            (station(9), MoveAnswer::Refused { message: "I host".to_owned() }),
        ]
    );
    assert!(moved(&desk, &url(THERE)));
}

// proves: MOV-11, ELE-11
#[test]
fn a_host_that_ends_with_the_move_is_not_counted_among_those_who_came_along() {
    let (mut desk, host) = in_session(Moves::Ask);
    desk.command(Command::Move { to: url(THERE), force: false });
    prepared(&mut desk, vec![], &[], None);
    let (next, _) = reached(&mut desk, THERE);
    desk.receive(next, host_ret(8, vec![]));
    let told = MoveAnswered { station: station(1), outcome: MoveOutcome::Moved, message: String::new() };
    desk.receive(host, Message::NewSessionHostRet(NewSessionHostRet { reply: ok(), answers: vec![told] }));
    assert_eq!(answers(&desk), [(station(1), MoveAnswer::Moved)]);
    assert!(moved(&desk, &url(THERE)));
}

// proves: MOV-11
#[test]
fn a_host_that_does_not_know_the_question_is_not_asked_and_a_lost_one_is_not_waited_for() {
    let mut desk = Desk::with(|config| config.session = Some(SessionConfig::new(HERE, 7)));
    desk.command(Command::Leave).command(Command::Rejoin);
    let (conn, _) = reached(&mut desk, HERE);
    desk.receive(conn, join_ret_from(9, "BlenderDMX", ok(), vec![]));
    desk.out.clear();
    desk.command(Command::Move { to: url(THERE), force: false });
    prepared(&mut desk, vec![], &[], None);
    let (next, _) = reached(&mut desk, THERE);
    desk.receive(next, host_ret(8, vec![]));
    assert_eq!(answers(&desk), [(station(9), MoveAnswer::NotAsked { product: Product::BlenderDmx })]);
    assert!(moved(&desk, &url(THERE)));

    let (mut desk, host) = in_session(Moves::Ask);
    desk.command(Command::Move { to: url(THERE), force: false });
    prepared(&mut desk, vec![], &[], None);
    let (next, _) = reached(&mut desk, THERE);
    desk.receive(next, host_ret(8, vec![]));
    desk.step(Input::HostLost { conn: host, what: "cut".to_owned() });
    assert!(matches!(answers(&desk)[..], [(_, MoveAnswer::Unanswered { .. })]));
    assert!(moved(&desk, &url(THERE)));
}

// proves: MOV-08
#[test]
fn leaving_in_the_middle_of_a_move_leaves_both_places() {
    let mut desk = in_group(Moves::Always);
    desk.join(1);
    let asker = propose(&mut desk, 1, &url(THERE));
    prepared(&mut desk, vec![], &[], None);
    let (host, _) = reached(&mut desk, THERE);
    desk.out.clear();
    desk.command(Command::Leave);
    assert!(refused(&mut desk, asker).contains("leaves"));
    assert!(desk.closed(host));
    assert_eq!(desk.farewells(), [1]);
    assert!(desk.saw(|e| *e == Event::LeftGroup));
    at_rest(&mut desk);

    // What is left after a move is told of the move first.
    let mut desk = in_group(Moves::Always);
    desk.join(1);
    propose(&mut desk, 1, &url(THERE));
    prepared(&mut desk, vec![], &[], None);
    let (host, _) = reached(&mut desk, THERE);
    desk.receive(host, host_ret(9, vec![]));
    desk.command(Command::Leave);
    desk.receive(host, Message::LeaveRet(ok()));
    assert!(!desk.saw(|e| *e == Event::LeftGroup), "station 1 does not know yet");
    assert_eq!(desk.farewells(), [1]);
    assert_eq!(desk.events().iter().filter(|e| **e == Event::LeftGroup).count(), 1);
    at_rest(&mut desk);
}

#[test]
fn a_second_move_of_our_own_and_one_to_where_we_are_are_not_begun() {
    let mut desk = in_group(Moves::Ask);
    desk.command(Command::Move { to: group("Default"), force: false });
    assert!(stayed(&desk).unwrap().contains("already"));
    desk.out.clear();
    desk.command(Command::Move { to: url("nowhere"), force: false });
    assert!(stayed(&desk).unwrap().contains("URL"));
    desk.out.clear();
    desk.command(Command::Move { to: url(THERE), force: false });
    assert_eq!(stayed(&desk), None);
    desk.command(Command::Move { to: url(HERE), force: false });
    assert!(stayed(&desk).unwrap().contains("another move"));
    desk.out.clear();
    let conn = propose(&mut desk, 1, &group("Stage"));
    assert!(refused(&mut desk, conn).contains("another move"));
}

// proves: ELE-07
#[test]
fn a_candidate_follows_another_one_into_its_own_session_and_nobody_elsewhere() {
    let own = url(&format!("ws://{}:42480/", address(1).ip()));
    let candidates = |desk: &mut Desk| {
        desk.command(Command::Companions(BTreeSet::from([station(1)])));
    };
    let crew = |candidate: bool| {
        let mut desk = Desk::with(|config| {
            config.moves = Moves::Never;
            config.candidate = candidate.then_some(Candidate { priority: 1, port: 42_480 });
        });
        desk.command(Command::Rejoin);
        for n in [1, 2] {
            desk.join_with(n, "mvrx", vec![]);
        }
        desk.out.clear();
        desk
    };
    let begun = |desk: &Desk| desk.saw(|event| matches!(event, Event::MoveBegun { .. }));

    let mut desk = crew(true);
    let conn = propose(&mut desk, 1, &own);
    assert!(reply(&mut desk, conn).is_some_and(|reply| !reply.ok), "it is no companion");
    candidates(&mut desk);
    for (n, to) in [
        (1, url("ws://10.99.99.99:42480/")),
        (1, url("ws://host.example/")),
        (1, group("B")),
        (2, own.clone()),
    ] {
        let conn = propose(&mut desk, n, &to);
        assert!(reply(&mut desk, conn).is_some_and(|reply| !reply.ok), "{n} {to:?}");
    }
    assert!(!begun(&desk) && asked(&desk).is_empty());
    // A JOIN in its name does not make another address its own.
    for one_connection in [true, false] {
        for to in [url("ws://10.0.0.66:42480/"), own.clone()] {
            let conn = propose_as(&mut desk, 1, 66, &to, one_connection, true);
            assert!(reply(&mut desk, conn).is_some_and(|reply| !reply.ok), "{to:?}");
        }
    }
    let conn = propose(&mut desk, 1, &url("ws://10.0.0.66:42480/"));
    assert!(reply(&mut desk, conn).is_some_and(|reply| !reply.ok));
    assert!(!begun(&desk) && asked(&desk).is_empty());
    propose(&mut desk, 1, &own);
    assert!(begun(&desk) && asked(&desk).is_empty(), "nobody is asked");

    let mut other = crew(false);
    candidates(&mut other);
    let conn = propose(&mut other, 1, &own);
    assert!(reply(&mut other, conn).is_some_and(|reply| !reply.ok), "it takes no part");
}

// proves: ELE-03
#[test]
fn who_was_elected_asks_the_other_candidates_and_nobody_else() {
    let mut desk = crew();
    desk.command(Command::MoveWith { to: url(THERE), others: BTreeSet::from([station(2)]) });
    prepared(&mut desk, vec![], &[], None);
    let (host, _) = reached(&mut desk, THERE);
    desk.receive(host, host_ret(9, vec![]));
    let (two, to, message) = desk.connect();
    assert_eq!((to, matches!(message, Message::NewSessionHost(_))), (address(2), true));
    assert_eq!(desk.dials(), 0);
    desk.receive(two, Message::NewSessionHostRet(ok().into()));
    assert_eq!(answers(&desk), [(station(2), MoveAnswer::Moved)]);
    assert!(moved(&desk, &url(THERE)));
}

// proves: ELE-11
#[test]
fn a_persons_move_does_not_wait_for_whom_an_election_has_asked() {
    let elsewhere = url("ws://10.0.0.88:8/");
    let gathering = || {
        let mut desk = crew_with(Moves::Always);
        desk.command(Command::MoveWith { to: url(THERE), others: BTreeSet::from([station(2)]) });
        prepared(&mut desk, vec![], &[], None);
        let (host, _) = reached(&mut desk, THERE);
        desk.receive(host, host_ret(9, vec![]));
        let (_, _, message) = desk.connect();
        assert!(matches!(message, Message::NewSessionHost(_)), "{message:?}");
        (desk, host)
    };
    let begun =
        |desk: &Desk| desk.saw(|event| matches!(event, Event::MoveBegun { to, .. } if *to == elsewhere));
    let stands = |desk: &Desk| {
        assert!(moved(desk, &url(THERE)), "{:?}", desk.events());
        let [(two, MoveAnswer::Unanswered { why })] = &answers(desk)[..] else { panic!() };
        assert!(*two == station(2) && why.contains("person"), "{why}");
    };

    // The host asks for somebody of its session.
    let (mut desk, host) = gathering();
    desk.receive(host, Message::NewSessionHost(proposal(&elsewhere)));
    stands(&desk);
    assert!(begun(&desk), "{:?}", desk.events());

    // Our own person wants it.
    let (mut desk, _) = gathering();
    desk.command(Command::Move { to: elsewhere.clone(), force: false });
    stands(&desk);
    assert!(begun(&desk), "{:?}", desk.events());

    // Another errand waits, as ever; and so does whatever comes while a person's move is under way.
    let (mut desk, _) = gathering();
    desk.command(Command::MoveWith { to: elsewhere.clone(), others: BTreeSet::new() });
    assert!(stayed(&desk).unwrap().contains("another move") && !begun(&desk));
}

fn saving(desk: &Desk) -> bool {
    desk.out.iter().any(|o| matches!(o, Output::SavePlace { .. }))
}

fn forgotten(desk: &Desk) -> bool {
    desk.out.contains(&Output::ForgetSavedPlace)
}

/// The host at `THERE` has us, and the new place is being kept.
fn joined_there(desk: &mut Desk) -> ConnId {
    prepared(desk, vec![], &[], None);
    let (host, _) = reached(desk, THERE);
    assert!(!saving(desk), "nothing is kept before we are there");
    desk.receive(host, host_ret(9, vec![]));
    host
}

// proves: MOV-07, MOV-08
#[test]
fn nothing_is_left_and_nothing_answered_before_the_new_place_is_kept_and_a_disk_that_refuses_keeps_us_here() {
    for how in ["kept", "refused", "silent", "left"] {
        let mut desk = in_group(Moves::Always);
        desk.join(1);
        desk.keeps_places = false;
        let asker = propose(&mut desk, 1, &url(THERE));
        let host = joined_there(&mut desk);
        let group_of = |o: &Output| match o {
            Output::SavePlace { to, group, .. } => Some((to.clone(), group.as_str().to_owned())),
            _ => None,
        };
        let saves: Vec<_> = desk.out.iter().filter_map(group_of).collect();
        assert_eq!(saves, [(url(THERE), "Default".to_owned())]);
        desk.pass(Duration::from_secs(9));
        assert_eq!(reply(&mut desk, asker), None, "the answer waits for the disk");
        assert!(!moved(&desk, &url(THERE)) && desk.dials() == 0 && !desk.out.contains(&Output::Withdraw));
        desk.out.clear();
        match how {
            "kept" => desk.step(Input::PlaceSaved),
            "refused" => desk.step(Input::PlaceNotSaved { what: "the disk is full".to_owned() }),
            "silent" => desk.pass(Duration::from_secs(2)),
            _ => desk.command(Command::Leave),
        };
        assert_eq!(moved(&desk, &url(THERE)), how == "kept", "{how}");
        assert_eq!(forgotten(&desk), how != "kept", "{how}: what was kept may be on the disk");
        if how == "kept" {
            assert_eq!(reply(&mut desk, asker), Some(ok()));
            continue;
        }
        let why = refused(&mut desk, asker);
        let told = if how == "left" { "leaves" } else { "kept for the next start" };
        assert!(why.contains(told) && (how != "refused" || why.contains("the disk is full")), "{why}");
        assert_eq!(stayed(&desk), Some(why));
        assert!(matches!(desk.take_sent(host), Some(Message::Leave(_))), "it is not there after all");
        assert_eq!(desk.core.place(), group("Default"));
        if how != "left" {
            desk.pass(Duration::from_secs(5));
            desk.out.clear();
            desk.step(Input::PlaceSaved);
            assert_eq!(desk.out, [], "too late");
            desk.command(Command::Publish(commit(2, 0)));
            let (_, to, message) = desk.connect();
            assert!(to == address(1) && matches!(message, Message::Commit(_)), "whole as before");
        }
    }
}

// proves: MOV-07, MOV-08
#[test]
fn from_group_to_group_and_from_a_session_the_disk_has_its_say_too() {
    let mut desk = in_group(Moves::Always);
    desk.join(1);
    desk.keeps_places = false;
    let asker = propose(&mut desk, 1, &group("Stage"));
    prepared(&mut desk, vec![], &[3], Some("Stage"));
    desk.step(Input::AdvertisedAlso);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
    let kept = |o: &Output| matches!(o, Output::SavePlace { to, group: label, .. } if *to == group("Stage") && label.as_str() == "Stage");
    assert!(desk.out.iter().any(kept), "{:?}", desk.out);
    desk.step(Input::PlaceNotSaved { what: "no room".to_owned() });
    assert!(refused(&mut desk, asker).contains("no room"));
    assert_eq!((desk.core.place(), desk.core.moving_to()), (group("Default"), None));
    assert_eq!(desk.core.members().collect::<Vec<_>>(), [station(1)]);

    let (mut desk, host) = in_session(Moves::Always);
    desk.keeps_places = false;
    desk.receive(host, Message::NewSessionHost(proposal(&group("Stage"))));
    prepared(&mut desk, vec![], &[3], Some("Stage"));
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
    assert!(desk.out.iter().any(kept), "{:?}", desk.out);
    desk.step(Input::PlaceNotSaved { what: "no room".to_owned() });
    assert!(refused(&mut desk, host).contains("no room"));
    assert_eq!(desk.core.session().unwrap().stay, Stay::Joined);
}

// proves: MOV-08, MOV-09
#[test]
fn who_leads_keeps_the_place_before_it_asks_anybody_and_forgets_it_where_it_stays_after_all() {
    let mut desk = crew();
    desk.keeps_places = false;
    desk.command(Command::Move { to: url(THERE), force: false });
    joined_there(&mut desk);
    assert_eq!((desk.dials(), answers(&desk).len()), (0, 0), "nobody is asked yet");
    desk.step(Input::PlaceNotSaved { what: "no room".to_owned() });
    assert!(stayed(&desk).unwrap().contains("no room"));
    assert_eq!((desk.dials(), answers(&desk).len()), (0, 0), "and nobody is");
    desk.pass(Duration::from_secs(5));
    desk.out.clear();

    desk.command(Command::Move { to: url(THERE), force: false });
    joined_there(&mut desk);
    desk.step(Input::PlaceSaved);
    assert_eq!(desk.dials(), 2);
    desk.command(Command::Leave);
    assert!(forgotten(&desk) && stayed(&desk).is_some(), "{:?}", desk.out);
}

fn ends(desk: &Desk) -> Vec<(SessionTarget, bool)> {
    let events = desk.events().into_iter();
    events
        .filter_map(|e| if let Event::Moved { to, errand, .. } = e { Some((to, errand)) } else { None })
        .collect()
}

// proves: ELE-10
#[test]
fn an_errand_is_known_at_its_end_however_many_were_refused_meanwhile() {
    let (mut desk, _) = in_session(Moves::Always);
    desk.command(Command::MoveWith { to: group("Default"), others: BTreeSet::new() });
    for n in 0..20 {
        let to = url(&format!("ws://10.0.0.{n}:42480/"));
        desk.command(Command::MoveWith { to, others: BTreeSet::new() });
    }
    assert_eq!(
        desk.events().iter().filter(|e| matches!(e, Event::NotMoved { errand: true, .. })).count(),
        20
    );
    prepared(&mut desk, vec![], &[], None);
    desk.pass(Duration::from_secs(15));
    assert_eq!(ends(&desk), [(group("Default"), true)]);
    let back = desk.events().into_iter().find(|e| matches!(e, Event::Moved { .. })).unwrap();
    assert_eq!(ElectionInput::of(&back), Some(ElectionInput::Back));
}

// proves: ELE-10
#[test]
fn what_a_person_or_a_proposal_wants_is_no_errand_also_where_an_errand_led_before() {
    let mut desk = in_group(Moves::Always);
    let go = |desk: &mut Desk, at: &str| {
        prepared(desk, vec![], &[], None);
        let (host, _) = reached(desk, at);
        desk.receive(host, host_ret(if at == HERE { 9 } else { 8 }, vec![]));
    };
    desk.command(Command::MoveWith { to: url(THERE), others: BTreeSet::new() });
    go(&mut desk, THERE);
    desk.command(Command::Move { to: url(HERE), force: false });
    go(&mut desk, HERE);
    // The host is asked, and is silent.
    desk.pass(Duration::from_secs(600));
    desk.command(Command::Move { to: url(THERE), force: false });
    go(&mut desk, THERE);
    desk.pass(Duration::from_secs(600));
    assert_eq!(ends(&desk), [(url(THERE), true), (url(HERE), false), (url(THERE), false)]);

    let mut follows = in_group(Moves::Always);
    follows.sight(1);
    propose(&mut follows, 1, &url(THERE));
    go(&mut follows, THERE);
    assert_eq!(ends(&follows), [(url(THERE), false)]);
    let away = follows.events().into_iter().find(|e| matches!(e, Event::Moved { .. })).unwrap();
    assert_eq!(ElectionInput::of(&away), Some(ElectionInput::MovedAway));
    let tour = GroupName::create("Tour").unwrap();
    let to = SessionTarget::Group(tour.clone());
    let moved = |errand| ElectionInput::of(&Event::Moved { from: url(HERE), to: to.clone(), errand });
    let told = Some(ElectionInput::MovedTo(tour.clone()));
    assert_eq!((moved(false), moved(true)), (told, Some(ElectionInput::Back)));
    let same = Event::GroupChanged { from: tour.clone(), to: tour };
    assert_eq!(ElectionInput::of(&same), None);
}

// proves: STA-23
#[test]
fn who_left_the_old_place_after_we_did_is_not_joined_there_when_we_come_back_and_it_is_still_shown() {
    for it_left in [true, false] {
        let mut desk = in_group(Moves::Always);
        desk.join(1);
        propose(&mut desk, 1, &url(THERE));
        let conn = desk.accept(1);
        let host = joined_there(&mut desk);
        assert!(moved(&desk, &url(THERE)));
        if it_left {
            desk.receive(conn, leave(1));
            assert!(matches!(desk.take_sent(conn), Some(Message::LeaveRet(_))));
        } else {
            assert_eq!(desk.farewells(), [1]);
        }
        desk.out.clear();
        // At once back, before discovery knows.
        desk.receive(host, Message::NewSessionHost(proposal(&group("Default"))));
        prepared(&mut desk, vec![], &[1], Some("Default"));
        assert_eq!(desk.dials(), usize::from(!it_left), "{:?}", desk.out);
    }
}

// proves: ELE-11
#[test]
fn who_agreed_for_its_host_is_not_asked_again_once_and_for_that_place_alone() {
    let from_host = |desk: &mut Desk, host: ConnId, to: &SessionTarget| {
        desk.receive(
            host,
            Message::NewSessionHost(NewSessionHost { station: Some(station(3)), ..proposal(to) }),
        );
    };
    let begun = |desk: &Desk| desk.saw(|e| matches!(e, Event::MoveBegun { .. }));
    let agreed = || {
        let (mut desk, host) = in_session(Moves::Ask);
        desk.command(Command::AgreeToMove(url(THERE)));
        (desk, host)
    };

    let (mut desk, host) = agreed();
    from_host(&mut desk, host, &url(THERE));
    assert!(begun(&desk) && asked(&desk).is_empty(), "{:?}", desk.events());
    prepared(&mut desk, vec![], &[], None);
    // It is not reached, and the same is proposed once more: that is another question.
    desk.pass(Duration::from_secs(41));
    assert!(stayed(&desk).is_some());
    from_host(&mut desk, host, &url(THERE));
    assert_eq!(asked(&desk).len(), 1);

    let (mut desk, host) = agreed();
    from_host(&mut desk, host, &group("Stage"));
    assert!(!begun(&desk));
    assert_eq!(asked(&desk).len(), 1, "another place");

    for (seconds, questions) in [(59, 0), (60, 1)] {
        let (mut desk, host) = agreed();
        desk.pass(Duration::from_secs(seconds));
        from_host(&mut desk, host, &url(THERE));
        assert_eq!(asked(&desk).len(), questions, "after {seconds} s");
    }

    // Stations of a group are not the host; and who follows nobody does not by that.
    let mut desk = in_group(Moves::Ask);
    desk.join(1);
    desk.command(Command::AgreeToMove(url(THERE)));
    propose(&mut desk, 1, &url(THERE));
    assert_eq!(asked(&desk).len(), 1);
    let (mut desk, host) = in_session(Moves::Never);
    desk.command(Command::AgreeToMove(url(THERE)));
    from_host(&mut desk, host, &url(THERE));
    assert!(!begun(&desk));
}

// proves: ELE-12
#[test]
fn a_place_to_which_an_election_sends_us_is_none_for_the_next_start() {
    let passing = |desk: &Desk| {
        let saves = desk.out.iter().filter_map(|o| match o {
            Output::SavePlace { passing, .. } => Some(*passing),
            _ => None,
        });
        saves.collect::<Vec<_>>()
    };
    for errand in [true, false] {
        let mut desk = in_group(Moves::Always);
        desk.keeps_places = false;
        desk.command(if errand {
            Command::MoveWith { to: url(THERE), others: BTreeSet::new() }
        } else {
            Command::Move { to: url(THERE), force: false }
        });
        joined_there(&mut desk);
        assert_eq!(passing(&desk), [errand]);
    }
}

/// Moved from a group with stations 1 and 2 to a session, and back at once, where station 1 is shown, and one that does not answer yet. Whom JOIN
/// is said to then, and LEAVE.
fn there_and_back(meanwhile: impl Fn(&mut Desk, ConnId)) -> [Vec<SocketAddr>; 2] {
    let mut desk = in_group(Moves::Always);
    desk.join(1).join(2);
    let conn = desk.accept(1);
    let asker = propose(&mut desk, 2, &url(THERE));
    let host = joined_there(&mut desk);
    assert!(reply(&mut desk, asker).is_some_and(|reply| reply.ok));
    desk.receive(host, Message::NewSessionHost(proposal(&group("Default"))));
    prepared(&mut desk, vec![], &[1, 3], Some("Default"));
    meanwhile(&mut desk, conn);
    let (mut joins, mut leaves) = (Vec::new(), Vec::new());
    while let Some((conn, to)) = desk.take_dial() {
        desk.step(Input::Dialed { conn });
        match desk.take_sent(conn) {
            Some(Message::Join(_)) => joins.push(to),
            Some(Message::Leave(_)) => leaves.push(to),
            None => assert!(desk.closed(conn)),
            other => panic!("{other:?}"),
        }
    }
    joins.sort_unstable();
    [joins, leaves]
}

// proves: MOV-07
#[test]
fn whom_we_meet_again_in_the_group_that_we_have_just_left_is_not_told_that_we_left() {
    let said = there_and_back(|_, _| {});
    assert_eq!(said, [vec![address(1), address(3)], vec![address(2)]]);
}

// proves: STA-23
#[test]
fn a_leave_that_comes_to_the_place_that_was_left_counts_where_we_are_just_coming_back() {
    let said = there_and_back(|desk, conn| {
        desk.receive(conn, leave(1));
        assert!(matches!(desk.take_sent(conn), Some(Message::LeaveRet(_))));
    });
    assert_eq!(said, [vec![address(3)], vec![address(2)]]);
    // Not one that was said before it came back itself.
    let said = there_and_back(|desk, conn| {
        let newer = desk.accept(1);
        desk.receive(newer, join_from(1, "MVRApplication", vec![]));
        desk.receive(conn, leave(1));
    });
    assert_eq!(said, [vec![address(1), address(3)], vec![address(2)]]);
}

// proves: MOV-19
#[test]
fn an_open_question_gives_way_to_an_election_and_to_our_own_operator() {
    let own = url(&format!("ws://{}:42480/", address(1).ip()));
    let asking = || {
        let mut desk = Desk::with(|config| config.candidate = Some(Candidate { priority: 1, port: 42_480 }));
        desk.command(Command::Rejoin);
        for n in [1, 2] {
            desk.join_with(n, "mvrx", vec![]);
        }
        desk.command(Command::Companions(BTreeSet::from([station(1)])));
        desk.out.clear();
        let stranger = desk.accept(77);
        desk.receive(stranger, Message::NewSessionHost(proposal(&url(THERE))));
        assert_eq!((asked(&desk).len(), reply(&mut desk, stranger)), (1, None));
        (desk, stranger)
    };
    let begun = |desk: &Desk, to: &SessionTarget| {
        desk.saw(|e| matches!(e, Event::MoveBegun { to: at, .. } if at == to))
    };
    let declined = |desk: &mut Desk, stranger, by: &str| {
        assert!(stayed(desk).is_some_and(|why| why.contains(by)), "{:?}", desk.events());
        assert!(refused(desk, stranger).contains(by));
    };

    // Another candidate leads.
    let (mut desk, stranger) = asking();
    propose(&mut desk, 1, &own);
    declined(&mut desk, stranger, "election");
    assert!(begun(&desk, &own), "{:?}", desk.events());
    joined_own(&mut desk, &own);

    // Our own election does.
    let (mut desk, stranger) = asking();
    desk.command(Command::MoveWith { to: own.clone(), others: BTreeSet::new() });
    declined(&mut desk, stranger, "election");
    assert!(begun(&desk, &own));

    // Our own operator does; also to the same place.
    for to in [own.clone(), url(THERE)] {
        let (mut desk, stranger) = asking();
        desk.command(Command::Move { to: to.clone(), force: false });
        declined(&mut desk, stranger, "own operator");
        assert!(begun(&desk, &to));
    }

    // Nobody else does: one whom a person moved away follows no candidate, and the question stands.
    let (mut desk, stranger) = asking();
    desk.command(Command::TakesPart(false));
    let conn = propose(&mut desk, 1, &own);
    assert!(reply(&mut desk, conn).is_some_and(|reply| !reply.ok));
    assert_eq!((stayed(&desk), reply(&mut desk, stranger)), (None, None));
    desk.command(Command::AcceptMove(asked(&desk)[0]));
    assert!(begun(&desk, &url(THERE)));
}

fn joined_own(desk: &mut Desk, own: &SessionTarget) {
    let SessionTarget::Url(at) = own else { panic!() };
    prepared(desk, vec![], &[], None);
    let (host, _) = reached(desk, at);
    desk.receive(host, host_ret(9, vec![]));
    assert!(moved(desk, own));
}

// proves: MOV-19
#[test]
fn nobody_is_asked_for_one_that_is_gone() {
    let mut desk = in_group(Moves::Ask);
    let conn = propose(&mut desk, 1, &url(THERE));
    let question = asked(&desk)[0];
    desk.step(Input::Closed { conn, ending: mvrx_core::Ending::Clean });
    assert!(stayed(&desk).is_some_and(|why| why.contains("lost")), "{:?}", desk.events());
    desk.out.clear();
    desk.command(Command::AcceptMove(question));
    assert_eq!(desk.out, [], "too late");
    // The next one is asked about.
    propose(&mut desk, 2, &url(THERE));
    assert_eq!(asked(&desk).len(), 1);

    // The host of the session asked, and is gone.
    let (mut desk, host) = in_session(Moves::Ask);
    desk.receive(host, Message::NewSessionHost(proposal(&url(THERE))));
    assert_eq!(asked(&desk).len(), 1);
    desk.step(Input::HostLost { conn: host, what: "reset".to_owned() });
    assert!(stayed(&desk).is_some_and(|why| why.contains("lost")), "{:?}", desk.events());
    desk.command(Command::MoveWith { to: url("ws://10.0.0.88:8/"), others: BTreeSet::new() });
    assert!(desk.saw(|event| matches!(event, Event::MoveBegun { .. })));
}
