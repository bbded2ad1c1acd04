//! Aim: of a station and a bridge that stands in for it, each under the same StationUUID, it is known which of the two answers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use mvrx_core::{Command, Event, Input, Membership, Output, PlaceId};
use mvrx_message::{BridgeMark, GroupName, Join, JoinRet, Leave, Message, Ours};
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
fn who_refuses_from_elsewhere_where_it_is_shown_no_longer_is_not_asked_there_again() {
    // It took its JOIN in this group back while ours was on the way to it; now a stand-in is shown.
    let refused = |desk: &mut Desk| {
        let (conn, _, _) = desk.connect();
        (conn, {
            let Message::JoinRet(ret) = join_ret_from(1, "mvrx", no("not here"), vec![]) else {
                unreachable!()
            };
            Message::JoinRet(JoinRet { ours: says(None), group: GroupName::create("Stage").ok(), ..ret })
        })
    };
    let mut desk = Desk::new();
    desk.sight(1);
    let (conn, answer) = refused(&mut desk);
    desk.sight_at(1, vec![address(9)]);
    desk.receive(conn, answer);
    assert_eq!(known(&desk, 1).0, Membership::Refused);
    desk.pass(std::time::Duration::from_secs(1));
    answers(&mut desk, 1, 9, by(50));
    assert_eq!(known(&desk, 1), (Membership::Member, by(50)));
    // Nothing is shown any more: it was a member, and is gone.
    let mut desk = Desk::new();
    desk.join(1);
    desk.step(Input::Vanished { place: PlaceId(1) });
    let (conn, answer) = refused(&mut desk);
    desk.receive(conn, answer);
    assert!(desk.saw(|event| matches!(event, Event::StationLost { .. })));
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

fn leaves(desk: &mut Desk, n: u8, mark: Option<BridgeMark>) {
    let conn = desk.accept(n);
    desk.receive(conn, Message::Leave(Leave { bridge: mark, ..Leave::new(station(n)) }));
    assert!(matches!(desk.take_sent(conn), Some(Message::LeaveRet(reply)) if reply.ok));
}

/// Whoever is at the address that is dialed next refuses as station `n` of this group with this mark.
fn refuses(desk: &mut Desk, n: u8, at: u8, mark: Option<BridgeMark>) {
    let (conn, to, _) = desk.connect();
    assert_eq!(to, address(at));
    let Message::JoinRet(ret) = join_ret_from(n, "mvrx", no("not here"), vec![]) else { unreachable!() };
    let group = Some(GroupName::create("Default").unwrap());
    desk.receive(conn, Message::JoinRet(JoinRet { ours: says(mark), group, ..ret }));
}

// proves: BRG-24
#[test]
fn who_is_there_itself_or_by_another_bridge_is_not_put_out_by_the_leave_of_a_stand_in() {
    for (first, then) in [(None, by(50)), (by(50), None), (by(60), by(50)), (by(50), by(60))] {
        let mut desk = Desk::new();
        let stays = if first == by(50) { then } else { first };
        joins(&mut desk, 1, first);
        joins(&mut desk, 1, then);
        desk.out.clear();
        leaves(&mut desk, 1, by(50));
        assert_eq!(known(&desk, 1), (Membership::Member, stays), "{first:?}, {then:?}");
        assert!(!desk.saw(|event| matches!(event, Event::StationLeft { .. })));
        // Nobody else is it any more.
        leaves(&mut desk, 1, stays);
        assert_eq!(known(&desk, 1).0, Membership::Left, "{first:?}, {then:?}");
    }
}

// proves: BRG-24
#[test]
fn after_the_leave_of_a_stand_in_whoever_is_the_station_still_is_asked() {
    let mut desk = Desk::new();
    desk.sight_at(1, vec![address(8), address(9)]);
    answers(&mut desk, 1, 8, by(50));
    joins(&mut desk, 1, by(60));
    leaves(&mut desk, 1, by(50));
    // The one that ends is looked past.
    refuses(&mut desk, 1, 8, by(50));
    answers(&mut desk, 1, 9, by(60));
    assert_eq!(known(&desk, 1), (Membership::Member, by(60)));
    // Nobody else is it: it has left, and is not asked.
    leaves(&mut desk, 1, by(60));
    assert_eq!((known(&desk, 1).0, desk.take_dial()), (Membership::Left, None));
}

// proves: BRG-24
#[test]
fn the_leave_of_a_station_itself_counts_whoever_stands_in_for_it() {
    let mut desk = Desk::new();
    joins(&mut desk, 1, None);
    joins(&mut desk, 1, by(50));
    leaves(&mut desk, 1, None);
    assert_eq!(known(&desk, 1).0, Membership::Left);
    // What was heard before it left is over.
    joins(&mut desk, 1, by(60));
    leaves(&mut desk, 1, by(60));
    assert_eq!(known(&desk, 1).0, Membership::Left);
}

// proves: BRG-24
#[test]
fn of_many_who_speak_under_one_name_the_latest_four_are_remembered() {
    for (bridges, stays) in [(4_u8, Membership::Member), (5, Membership::Left)] {
        let mut desk = Desk::new();
        for n in 0..bridges {
            joins(&mut desk, 1, by(50 + n));
        }
        for n in 1..bridges {
            leaves(&mut desk, 1, by(50 + n));
        }
        assert_eq!(known(&desk, 1).0, stays, "{bridges} of them, the first said no LEAVE");
    }
}

// proves: BRG-24
#[test]
fn the_leave_of_a_stand_in_is_not_remembered_for_a_station_that_comes() {
    for (mark, then) in [(by(50), Membership::Sighted), (None, Membership::Left)] {
        let mut desk = Desk::new();
        leaves(&mut desk, 1, mark);
        desk.sight(1);
        assert_eq!(desk.core.station(station(1)).unwrap().membership, then, "{mark:?}");
    }
}

// proves: BRG-24
#[test]
fn a_stand_in_says_in_its_leave_who_says_it_to_those_who_read_it() {
    for (mark, provider, said) in [
        (by(50), "mvrx", by(50)),
        (by(50), "Other", None),
        (None, "mvrx", None),
        (Some(BridgeMark::Bridge { host: station(200) }), "mvrx", None),
    ] {
        let mut desk = Desk::with(|config| config.bridge = mark);
        let conn = desk.accept(1);
        let Message::Join(join) = join_from(1, provider, vec![]) else { unreachable!() };
        let ours = says(None).filter(|_| provider == "mvrx");
        desk.receive(conn, Message::Join(Join { ours, ..join }));
        desk.sight(1);
        while let Some((conn, _)) = desk.take_dial() {
            desk.step(Input::DialFailed { conn });
        }
        desk.command(Command::Leave);
        let (_, _, Message::Leave(leave)) = desk.connect() else { panic!("no LEAVE") };
        assert_eq!(leave.bridge, said, "{mark:?} {provider}");
    }
}
