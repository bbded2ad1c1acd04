//! Aim: of a station and a bridge that stands in for it, each under the same StationUUID, it is known which of the two answers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mvrx_core::{Command, Input, Membership, Output};
use mvrx_message::{BridgeMark, GroupName, Join, JoinRet, Message, Ours};
use support::{Desk, address, join_from, join_ret_from, no, ok, station};

fn by(n: u8) -> Option<BridgeMark> {
    Some(BridgeMark::StandIn { bridge: station(n) })
}

fn says(mark: Option<BridgeMark>) -> Option<Ours> {
    Some(Ours::CURRENT.with_bridge(mark))
}

fn known(desk: &Desk, n: u8) -> (Membership, Option<BridgeMark>) {
    let view = desk.core.station(station(n)).unwrap();
    (view.membership, view.bridge)
}

/// Whoever is at the address that is dialed next answers as station `n` with this mark.
fn answers(desk: &mut Desk, n: u8, at: u8, mark: Option<BridgeMark>) {
    let (conn, to, _) = desk.connect();
    assert_eq!(to, address(at));
    let Message::JoinRet(ret) = join_ret_from(n, "mvrx", ok(), vec![]) else { unreachable!() };
    desk.receive(conn, Message::JoinRet(JoinRet { ours: says(mark), ..ret }));
}

fn joins(desk: &mut Desk, n: u8, mark: Option<BridgeMark>) -> Message {
    let conn = desk.accept(n);
    let Message::Join(join) = join_from(n, "mvrx", vec![]) else { unreachable!() };
    desk.receive(conn, Message::Join(Join { ours: says(mark), ..join }));
    desk.take_sent(conn).unwrap()
}

// proves: BRG-19
#[test]
fn beside_an_outdated_address_of_a_station_its_stand_in_is_known_for_one() {
    let mut desk = Desk::new();
    desk.sight_at(1, vec![address(1), address(9)]);
    let (conn, to) = desk.take_dial().unwrap();
    assert_eq!(to, address(1));
    desk.step(Input::DialFailed { conn });
    answers(&mut desk, 1, 9, by(50));
    assert_eq!(known(&desk, 1), (Membership::Member, by(50)));
}

// proves: BRG-19
#[test]
fn who_refuses_from_another_group_or_a_session_is_looked_for_at_its_other_addresses() {
    let refuses = |desk: &mut Desk, at: u8, group: Option<&str>| {
        let (conn, to, _) = desk.connect();
        assert_eq!(to, address(at));
        let Message::JoinRet(ret) = join_ret_from(1, "mvrx", no("not here"), vec![]) else { unreachable!() };
        let group = group.map(|group| GroupName::create(group).unwrap());
        desk.receive(conn, Message::JoinRet(JoinRet { ours: says(None), group, ..ret }));
    };
    for elsewhere in [Some("Stage"), None] {
        let mut desk = Desk::new();
        desk.sight_at(1, vec![address(1), address(9)]);
        refuses(&mut desk, 1, elsewhere);
        answers(&mut desk, 1, 9, by(50));
        assert_eq!(known(&desk, 1), (Membership::Member, by(50)), "{elsewhere:?}");
        // There is no other one.
        let mut desk = Desk::new();
        desk.sight(1);
        refuses(&mut desk, 1, elsewhere);
        assert_eq!(known(&desk, 1).0, Membership::Refused);
    }
    // Who is in this group and does not want us is not asked again at once.
    let mut desk = Desk::new();
    desk.sight_at(1, vec![address(1), address(9)]);
    refuses(&mut desk, 1, Some("Default"));
    assert_eq!((known(&desk, 1).0, desk.take_dial()), (Membership::Refused, None));
}

// proves: BRG-19
#[test]
fn of_a_station_and_its_stand_in_the_one_counts_that_spoke_last() {
    let mut desk = Desk::new();
    joins(&mut desk, 1, by(50));
    assert_eq!(known(&desk, 1), (Membership::Member, by(50)));
    joins(&mut desk, 1, None);
    assert_eq!(known(&desk, 1), (Membership::Member, None));
    desk.sight_at(1, vec![address(9)]);
    answers(&mut desk, 1, 9, by(60));
    assert_eq!(known(&desk, 1), (Membership::Member, by(60)));
}

// proves: BRG-01
#[test]
fn a_stand_in_says_in_its_answer_to_join_that_it_is_one() {
    for mark in [None, by(50)] {
        let mut desk = Desk::with(|config| config.bridge = mark);
        let Message::JoinRet(ret) = joins(&mut desk, 1, None) else { panic!("no answer") };
        assert_eq!(ret.ours, says(mark));
    }
}

// proves: BRG-20
#[test]
fn a_bridge_whose_session_has_another_host_announces_it_and_tells_everybody() {
    let to = |host: u8| BridgeMark::Bridge { host: station(host) };
    let mut desk = Desk::with(|config| config.bridge = Some(to(200)));
    desk.join(1);
    desk.command(Command::MarkAs(to(200)));
    assert_eq!(desk.out, [], "nothing is new");
    desk.command(Command::MarkAs(to(201)));
    assert!(desk.out.iter().any(|output| matches!(output, Output::Advertise { .. })), "{:?}", desk.out);
    assert_eq!(desk.core.config().bridge, Some(to(201)));
    let (_, at, Message::Join(join)) = desk.connect() else { panic!("no JOIN") };
    assert_eq!((at, join.ours), (address(1), says(Some(to(201)))));
}
