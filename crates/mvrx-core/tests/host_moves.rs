//! Aim: a host asks the stations of its session to move when its rule agrees, tells who asked what each answered, and stays.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use std::collections::BTreeSet;
use std::time::Duration;

use host_support::{Rack, station};
use mvrx_core::host::{Command, Event, Input};
use mvrx_core::{ConnId, MoveAnswer, Moves, ProposalId};
use mvrx_message::{
    Message, MoveOutcome, NewSessionHost, NewSessionHostRet, Product, Reply, SessionTarget, StationUuid,
};

const THERE: &str = "ws://there.example/";

fn there() -> SessionTarget {
    SessionTarget::Url(THERE.to_owned())
}

fn join(rack: &mut Rack, n: u8) -> ConnId {
    let (conn, ret) = rack.join_with(n, "mvrx", vec![]);
    assert!(ret.reply.ok);
    conn
}

fn propose(rack: &mut Rack, conn: ConnId) {
    rack.receive(conn, Message::NewSessionHost(NewSessionHost::to_url(THERE)));
}

/// Who is said to propose it, if the connection's station is asked.
fn asked(rack: &mut Rack, conn: ConnId) -> Option<StationUuid> {
    match rack.take_sent(conn) {
        None => None,
        Some(Message::NewSessionHost(said)) => {
            assert_eq!(said.service_url, THERE);
            said.station
        }
        other => panic!("{other:?}"),
    }
}

fn answers(rack: &mut Rack, conn: ConnId, reply: Reply) {
    rack.receive(conn, Message::NewSessionHostRet(reply.into()));
}

fn ret(rack: &mut Rack, conn: ConnId) -> Option<NewSessionHostRet> {
    match rack.take_sent(conn) {
        None => None,
        Some(Message::NewSessionHostRet(ret)) => Some(ret),
        other => panic!("{other:?}"),
    }
}

// proves: MOV-01, MOV-02, MOV-04, MOV-05
#[test]
fn what_leads_nowhere_is_refused_and_of_a_thousand_proposals_one_is_asked_about() {
    let mut rack = Rack::new();
    let conn = join(&mut rack, 1);
    let stranger = rack.accept(2);
    propose(&mut rack, stranger);
    assert!(rack.take_reply(stranger).message.contains("MVR_JOIN"));
    for (name, url, why) in [
        ("A._mvrxchange._tcp.local.", "ws://a/", "both"),
        ("", "", "neither"),
        ("", "http://a/", "ServiceURL"),
    ] {
        let proposal = NewSessionHost { service_name: name.into(), service_url: url.into(), station: None };
        rack.receive(conn, Message::NewSessionHost(proposal));
        let reply = rack.take_reply(conn);
        assert!(!reply.ok && reply.message.contains(why), "{reply:?}");
    }
    propose(&mut rack, conn);
    assert_eq!(ret(&mut rack, conn), None, "our application is asked");
    for _ in 0..1_000 {
        propose(&mut rack, conn);
        assert!(rack.take_reply(conn).message.contains("another move"));
    }
    assert_eq!(rack.events().iter().filter(|e| matches!(e, Event::MoveProposed { .. })).count(), 1);
    rack.pass(Duration::from_secs(61));
    assert!(rack.take_reply(conn).message.contains("in time"));
    assert!(rack.saw(|e| matches!(e, Event::NotMoved { .. })));
    assert_eq!(rack.host.deadline(), None);
}

// proves: MOV-10, MOV-11
#[test]
fn every_station_but_the_asker_is_asked_and_the_asker_is_told_each_answer() {
    let mut rack = Rack::with(|config| config.moves = Moves::Always);
    let (asker, one, two) = (join(&mut rack, 1), join(&mut rack, 2), join(&mut rack, 3));
    let (gone, other) = (join(&mut rack, 4), rack.join_with(5, "GrandMA3", vec![]).0);
    propose(&mut rack, asker);
    assert_eq!(asked(&mut rack, one), Some(station(1)), "who wants it is told");
    assert_eq!(asked(&mut rack, two), Some(station(1)));
    assert_eq!(asked(&mut rack, gone), Some(station(1)));
    assert_eq!(rack.take_sent(other), None, "it is not asked");
    assert_eq!(rack.take_sent(asker), None);
    answers(&mut rack, one, Reply::ok());
    answers(&mut rack, two, Reply::refused("not now"));
    assert_eq!(ret(&mut rack, asker), None);
    rack.step(Input::Closed { conn: gone, what: "cut".to_owned() });
    let ret = ret(&mut rack, asker).unwrap();
    assert!(ret.reply.ok);
    let mut outcomes: Vec<_> =
        ret.answers.iter().map(|a| (a.station, a.outcome, a.message.as_str())).collect();
    outcomes.sort_by_key(|(station, ..)| *station);
    let host = rack.host.config().station;
    assert_eq!(
        outcomes.iter().filter(|(s, ..)| *s != host && *s != station(4)).copied().collect::<Vec<_>>(),
        [
            (station(2), MoveOutcome::Moved, ""),
            (station(3), MoveOutcome::Refused, "not now"),
            (station(5), MoveOutcome::NotAsked, "grandma3"),
        ]
    );
    assert!(outcomes.iter().any(|(s, outcome, _)| *s == station(4) && *outcome == MoveOutcome::Unanswered));
    assert!(
        outcomes.iter().any(|(s, outcome, why)| *s == host
            && *outcome == MoveOutcome::Refused
            && why.contains("goes on"))
    );
    assert!(rack.saw(|e| *e == Event::MoveEnded { to: there(), by: station(1), moved: 1, stayed: 3 }));
    let product = Product::GrandMa3;
    assert!(
        rack.saw(
            |e| *e == Event::MoveAnswered { station: station(5), answer: MoveAnswer::NotAsked { product } }
        )
    );
    assert_eq!(rack.host.deadline(), None);
}

// proves: MOV-05
#[test]
fn the_operator_agrees_or_a_rule_does() {
    let mut rack = Rack::new();
    let (asker, one) = (join(&mut rack, 1), join(&mut rack, 2));
    for accepted in [true, false] {
        propose(&mut rack, asker);
        assert_eq!(asked(&mut rack, one), None);
        let proposals = rack.events().into_iter();
        let proposal: ProposalId = proposals
            .filter_map(|e| if let Event::MoveProposed { proposal, .. } = e { Some(proposal) } else { None })
            .next_back()
            .unwrap();
        if accepted {
            rack.command(Command::AcceptMove(proposal));
            assert_eq!(asked(&mut rack, one), Some(station(1)));
            rack.pass(Duration::from_secs(121));
            let ret = ret(&mut rack, asker).unwrap();
            assert!(!ret.reply.ok && ret.reply.message.contains("no answer came in time"), "nobody moved");
            assert!(ret.answers.iter().any(|a| a.outcome == MoveOutcome::Unanswered));
        } else {
            rack.command(Command::RefuseMove(proposal));
            assert!(rack.take_reply(asker).message.contains("operator"));
        }
    }
    for rule in [Moves::Never, Moves::Listed(BTreeSet::from([station(2)]))] {
        let mut rack = Rack::with(|config| config.moves = rule.clone());
        let (one, two) = (join(&mut rack, 1), join(&mut rack, 2));
        for _ in 0..3 {
            propose(&mut rack, one);
            assert!(rack.take_reply(one).message.contains("follows"));
        }
        assert_eq!(rack.events().iter().filter(|e| matches!(e, Event::MoveDeclined { .. })).count(), 1);
        propose(&mut rack, two);
        assert_eq!(asked(&mut rack, one).is_some(), rule != Moves::Never);
    }
}

// proves: MOV-13
#[test]
fn at_the_host_a_name_is_what_its_connection_joined_as() {
    let listed = BTreeSet::from([station(2)]);
    let mut rack = Rack::with(|config| config.moves = Moves::Listed(listed));
    let (one, two) = (join(&mut rack, 1), join(&mut rack, 2));
    // What a proposal says of itself does not count.
    let lie = NewSessionHost { station: Some(station(2)), ..NewSessionHost::to_url(THERE) };
    rack.receive(one, Message::NewSessionHost(lie));
    assert!(rack.take_reply(one).message.contains("follows"));
    assert_eq!(asked(&mut rack, two), None);
    // Who is let in under a listed name is taken for that station: nothing in a session proves a name.
    let forger = join(&mut rack, 2);
    propose(&mut rack, forger);
    assert_eq!(asked(&mut rack, one), Some(station(2)));
}

#[test]
fn our_own_application_moves_the_stations_and_the_host_stays() {
    let mut rack = Rack::new();
    let one = join(&mut rack, 1);
    rack.command(Command::Move { to: there(), force: false });
    assert_eq!(asked(&mut rack, one), Some(rack.host.config().station));
    rack.command(Command::Move { to: there(), force: false });
    assert!(rack.saw(|e| matches!(e, Event::NotMoved { why, .. } if why.contains("another"))));
    answers(&mut rack, one, Reply::ok());
    let by = rack.host.config().station;
    assert!(rack.saw(|e| *e == Event::MoveEnded { to: there(), by, moved: 1, stayed: 0 }));
    answers(&mut rack, one, Reply::ok());
    assert!(rack.saw(|e| matches!(e, Event::PeerError { .. })), "nobody asked twice");
}

/// Whether MVR_NEW_SESSION_HOST is among what was said to it.
fn is_asked(rack: &mut Rack, conn: ConnId) -> bool {
    std::iter::from_fn(|| rack.take_sent(conn)).any(|said| matches!(said, Message::NewSessionHost(_)))
}

// proves: MOV-16
#[test]
fn whoever_joins_while_the_others_are_asked_is_asked_too() {
    let mut rack = Rack::new();
    let one = join(&mut rack, 1);
    rack.command(Command::Move { to: there(), force: false });
    assert!(asked(&mut rack, one).is_some());
    let two = join(&mut rack, 2);
    assert!(is_asked(&mut rack, two));
    let (_, ret) = rack.join_with(3, "Somebody", vec![]);
    assert!(ret.reply.ok);
    // JOIN again is no newcomer.
    rack.receive(two, host_support::join_as(2, "mvrx", "again", vec![]));
    assert!(!is_asked(&mut rack, two));
    answers(&mut rack, one, Reply::ok());
    rack.receive(one, host_support::join_as(1, "mvrx", "again", vec![]));
    assert!(!is_asked(&mut rack, one), "it has answered");
    assert!(!rack.events().iter().any(|e| matches!(e, Event::MoveEnded { .. })));
    answers(&mut rack, two, Reply::ok());
    let ended = |e: &Event| matches!(e, Event::MoveEnded { moved: 2, stayed: 1, .. });
    assert!(rack.events().iter().any(ended), "{:?}", rack.events());
}

// proves: MOV-03
#[test]
fn nobody_is_asked_to_move_to_where_the_host_is() {
    let mut rack = Rack::with(|config| {
        config.moves = Moves::Always;
        config.own_urls = vec!["ws://rack:80/".to_owned(), "ws://[::1]:42480/".to_owned()];
    });
    let (boss, other) = (join(&mut rack, 1), join(&mut rack, 2));
    for conn in [boss, other] {
        // What was told of who joined.
        while rack.take_sent(conn).is_some() {}
    }
    for url in ["ws://RACK/", "ws://rack/show", "ws://[::1]:42480"] {
        rack.receive(boss, Message::NewSessionHost(NewSessionHost::to_url(url)));
        let told = ret(&mut rack, boss).unwrap();
        assert!(told.reply.ok, "as a station says where it is already: {told:?}");
        rack.command(Command::Move { to: SessionTarget::Url(url.to_owned()), force: false });
        assert!(rack.events().iter().any(|e| matches!(e, Event::NotMoved { .. })));
    }
    assert_eq!(rack.take_sent(other), None);
    for url in ["wss://rack:80/", "ws://rack:81/", "ws://rack2/"] {
        rack.receive(boss, Message::NewSessionHost(NewSessionHost::to_url(url)));
        assert!(is_asked(&mut rack, other), "{url}");
        answers(&mut rack, other, Reply::ok());
        assert!(ret(&mut rack, boss).unwrap().reply.ok);
    }
}
