//! Aim: our own stations learn who the others are; other products are told nothing more than the specification has.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host_support;

use host_support::{Rack, commit, file, join_as, leave, station};
use mvrx_core::ConnId;
use mvrx_core::host::{Command, Output};
use mvrx_message::{
    Author, Candidate, FetchedFile, GroupName, Join, JoinRet, Message, NamedStation, Ours, Roster,
    StationUuid, Successor,
};

fn join_ours(rack: &mut Rack, n: u8, name: &str) -> (ConnId, JoinRet) {
    let conn = rack.accept(n);
    rejoin(rack, conn, n, name);
    match rack.take_sent(conn) {
        Some(Message::JoinRet(ret)) => (conn, ret),
        other => panic!("{other:?}"),
    }
}

fn rejoin(rack: &mut Rack, conn: ConnId, n: u8, name: &str) {
    let Message::Join(join) = join_as(n, "Desk", name, vec![]) else { unreachable!() };
    rack.receive(conn, Message::Join(Join { ours: Some(Ours::CURRENT), ..join }));
}

fn named(n: u8, name: &str, provider: &str) -> NamedStation {
    NamedStation { station: station(n), author: Author::new(name, provider), bridge: None }
}

fn news(rack: &mut Rack, conn: ConnId) -> Option<Roster> {
    match rack.take_sent(conn) {
        Some(Message::JoinRet(ret)) => {
            assert!(ret.reply.ok && ret.commits.is_empty() && !ret.answers_join());
            ret.roster
        }
        None => None,
        other => panic!("{other:?}"),
    }
}

fn came(stations: Vec<NamedStation>) -> Option<Roster> {
    Some(Roster { news: true, stations, ..Roster::default() })
}

fn gone(n: u8) -> Option<Roster> {
    Some(Roster { news: true, gone: vec![station(n)], ..Roster::default() })
}

// proves: HST-18
#[test]
fn our_stations_are_told_who_is_here_who_comes_who_is_renamed_and_who_goes() {
    let mut rack = Rack::new();
    let foreign = rack.join(1, vec![]);
    let (two, ret) = join_ours(&mut rack, 2, "FOH");
    assert_eq!(ret.roster.unwrap().stations, [named(1, "station 1", "MVRApplication")]);
    let (three, ret) = join_ours(&mut rack, 3, "Dimmer");
    assert!(ret.answers_join());
    assert_eq!(ret.roster.unwrap().stations.len(), 2);
    assert_eq!(news(&mut rack, two), came(vec![named(3, "Dimmer", "Desk")]));
    rejoin(&mut rack, three, 3, "Dimmers");
    rack.take_sent(three);
    assert_eq!(news(&mut rack, two), came(vec![named(3, "Dimmers", "Desk")]));
    rack.receive(three, leave(3));
    assert_eq!(news(&mut rack, two), gone(3));
    rack.close(foreign);
    assert_eq!(news(&mut rack, two), gone(1));
    assert!(!rack.out.iter().any(|o| matches!(o, Output::Send { conn, .. } if *conn == foreign)));
    // When all is over nobody is told of each.
    let (_, _) = join_ours(&mut rack, 4, "Last");
    rack.out.clear();
    rack.command(Command::End);
    assert!(!rack.sent_anything_on(two));
}

// proves: HST-18
#[test]
fn a_list_that_does_not_fit_one_answer_goes_on_in_others() {
    let mut rack = Rack::new();
    for n in 1..=50 {
        rack.join(n, vec![]);
    }
    let (conn, ret) = join_ours(&mut rack, 99, "FOH");
    let mut goes_on = ret.roster.as_ref().unwrap().more;
    let mut all: Vec<StationUuid> = ret.roster.unwrap().stations.iter().map(|s| s.station).collect();
    while let Some(more) = news(&mut rack, conn) {
        assert!(goes_on && more.stations.len() <= Roster::MOST);
        goes_on = more.more;
        all.extend(more.stations.iter().map(|s| s.station));
    }
    assert!(!goes_on, "the last part says that it is the last");
    assert_eq!(all, (1..=50).map(station).collect::<Vec<_>>());
}

// proves: HST-18
#[test]
fn a_commit_tells_its_authors_name_also_after_the_author_left() {
    let mut rack = Rack::new();
    let one = rack.join(1, vec![]);
    rack.receive(one, Message::Commit(commit(1, 1)));
    rack.command(Command::Restore(commit(1, 1))).command(Command::Publish(commit(2, 0)));
    rack.receive(one, leave(1));
    let (_, ret) = rack.join_with(2, "MVRApplication", vec![]);
    let authors: Vec<Author> = ret.commits.into_iter().map(|c| c.author.unwrap()).collect();
    assert_eq!(authors, [Author::new("station 1", "MVRApplication"), Author::new("Rack", "mvrx")]);
}

// proves: HST-25
#[test]
fn the_author_is_told_who_got_its_file_from_the_host() {
    let mut rack = Rack::new();
    let (author, _) = join_ours(&mut rack, 1, "A");
    let other = rack.join(2, vec![]);
    rack.receive(author, Message::Commit(commit(1, 1)));
    rack.receive(other, host_support::request_for(1));
    rack.out.clear();
    rack.deliver(author, 1001);
    let (ask, ..) = rack.take_send_file(other).unwrap();
    rack.out.clear();
    rack.sent(ask, 1001);
    let fetched = vec![FetchedFile { file: file(1), station: station(2) }];
    assert_eq!(news(&mut rack, author), Some(Roster { news: true, fetched, ..Roster::default() }));
}

fn candidate(rack: &mut Rack, n: u8, priority: u32) -> ConnId {
    candidate_at(rack, n, n, priority)
}

/// Station `n`, at the address of station `at`.
fn candidate_at(rack: &mut Rack, n: u8, at: u8, priority: u32) -> ConnId {
    let conn = rack.accept(at);
    let Message::Join(join) = join_as(n, "Desk", "FOH", vec![]) else { unreachable!() };
    let ours = Ours::CURRENT.with_candidate(Some(Candidate { priority, port: 42_480 }));
    rack.receive(conn, Message::Join(Join { ours: Some(ours), ..join }));
    conn
}

/// The succession that a connection was told last: stations and URLs.
fn succession(rack: &mut Rack, conn: ConnId) -> Option<Vec<StationUuid>> {
    let mut last = None;
    while let Some(message) = rack.take_sent(conn) {
        if let Message::JoinRet(JoinRet { roster: Some(Roster { succession: Some(all), .. }), .. }) = message
        {
            assert!(all.iter().all(|next| next.url.starts_with("ws://") && next.url.ends_with(":42480/")));
            last = Some(all.into_iter().map(|next| next.station).collect());
        }
    }
    last
}

// proves: ELE-05
#[test]
fn an_elected_host_tells_its_kind_who_succeeds_it_and_each_change() {
    let mut rack = Rack::with(|config| config.elected = Some(station(9)));
    let low = candidate(&mut rack, 1, 5);
    assert_eq!(succession(&mut rack, low), Some(vec![station(1)]));
    let beside = candidate(&mut rack, 9, 99);
    assert_eq!(succession(&mut rack, beside), Some(vec![station(1)]), "its own station goes with it");
    let high = candidate(&mut rack, 2, 7);
    assert_eq!(succession(&mut rack, high), Some(vec![station(2), station(1)]));
    assert_eq!(succession(&mut rack, low), Some(vec![station(2), station(1)]));
    let foreign = rack.join(3, vec![]);
    assert_eq!(succession(&mut rack, foreign), None);
    rack.receive(high, leave(2));
    assert_eq!(succession(&mut rack, low), Some(vec![station(1)]));
    let next = Successor { station: station(77), priority: 1, url: "ws://10.9.9.9:42480/".to_owned() };
    rack.command(Command::EndFor(next));
    assert_eq!(succession(&mut rack, low), Some(vec![station(77), station(1)]));

    let mut plain = Rack::new();
    let conn = candidate(&mut plain, 1, 5);
    assert_eq!(succession(&mut plain, conn), None, "a person's host has no successors");
}

// proves: ELE-16
#[test]
fn an_elected_host_says_for_which_group_in_its_answer_and_in_news() {
    let tour = GroupName::create("Tour").ok();
    let elected = |config: &mut mvrx_core::host::Config| {
        (config.elected, config.group) = (Some(station(9)), GroupName::create("Tour").ok());
    };
    let mut rack = Rack::with(elected);
    let first = candidate(&mut rack, 1, 5);
    candidate(&mut rack, 2, 7);
    let mut told = Vec::new();
    while let Some(message) = rack.take_sent(first) {
        if let Message::JoinRet(ret) = message {
            told.push((ret.roster.is_some_and(|roster| roster.news), ret.group));
        }
    }
    assert!(told.contains(&(false, tour.clone())) && told.contains(&(true, tour.clone())), "{told:?}");
    assert!(told.iter().all(|(_, group)| *group == tour), "{told:?}");
}

// proves: ELE-05
#[test]
fn five_successors_are_told_also_where_the_host_gives_way() {
    let mut rack = Rack::with(|config| config.elected = Some(station(9)));
    let conns: Vec<ConnId> = (1..=7).map(|n| candidate(&mut rack, n, n.into())).collect();
    let five = |all: [u8; 5]| Some(all.map(station).to_vec());
    assert_eq!(succession(&mut rack, conns[0]), five([7, 6, 5, 4, 3]));
    let next = Successor { station: station(77), priority: 1, url: "ws://10.9.9.9:42480/".to_owned() };
    rack.command(Command::EndFor(next));
    assert_eq!(succession(&mut rack, conns[0]), five([77, 7, 6, 5, 4]));
}

// proves: ELE-05
#[test]
fn one_program_that_joins_under_many_names_keeps_nobody_out_of_the_succession() {
    let mut rack = Rack::with(|config| config.elected = Some(station(9)));
    let real = [candidate(&mut rack, 1, 10), candidate(&mut rack, 2, 20), candidate(&mut rack, 3, 30)];
    for n in 50..60 {
        candidate_at(&mut rack, n, 66, u32::MAX);
    }
    // One of them goes first, as far as anybody knows; the others after everybody else.
    assert_eq!(succession(&mut rack, real[0]), Some([59, 3, 2, 1, 58].map(station).to_vec()));

    // On one connection it is one station at a time.
    let mut rack = Rack::with(|config| config.elected = Some(station(9)));
    let real = candidate(&mut rack, 1, 10);
    let conn = candidate_at(&mut rack, 50, 66, u32::MAX);
    for n in 51..60 {
        let Message::Join(join) = join_as(n, "Desk", "FOH", vec![]) else { unreachable!() };
        let ours = Ours::CURRENT.with_candidate(Some(Candidate { priority: u32::MAX, port: 42_480 }));
        rack.receive(conn, Message::Join(Join { ours: Some(ours), ..join }));
    }
    assert_eq!(succession(&mut rack, real), Some([59, 1].map(station).to_vec()));

    // Candidates of one machine are in order among themselves.
    let mut rack = Rack::with(|config| config.elected = Some(station(9)));
    let conns: Vec<ConnId> = (1..=4).map(|n| candidate_at(&mut rack, n, 1, n.into())).collect();
    assert_eq!(succession(&mut rack, conns[0]), Some([4, 3, 2, 1].map(station).to_vec()));
}
