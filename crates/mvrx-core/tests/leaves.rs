//! Aim: a LEAVE counts in the group that its sender left and in no other, however late it comes and whoever is there by then.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use mvrx_core::{Command, Event, Input, Membership, PlaceId, Presence, Sighting};
use mvrx_message::{GroupName, Join, JoinRet, Leave, Message, Ours};
use support::{Desk, address, commit, join_from, join_ret_from, leave, ok, station};

fn group(name: &str) -> GroupName {
    GroupName::create(name).unwrap()
}

fn shown(n: u8, at: u8, group: &str) -> Sighting {
    Sighting {
        place: PlaceId(n.into()),
        station: Some(station(n)),
        station_name: Some(format!("station {n}")),
        group: Some(group.to_owned()),
        addresses: vec![address(at)],
    }
}

/// Station `n`, one of ours, takes the JOIN that is on its way to it.
fn taken_by_ours(desk: &mut Desk, n: u8, name: &str) {
    let (conn, _, message) = desk.connect();
    assert!(matches!(message, Message::Join(_)), "{message:?}");
    let Message::JoinRet(ret) = join_ret_from(n, "mvrx", ok(), vec![]) else { unreachable!() };
    let said = JoinRet { ours: Some(Ours::CURRENT), group: Some(group(name)), ..ret };
    desk.receive(conn, Message::JoinRet(said));
}

/// In a group with these stations of ours.
fn among(stations: &[u8]) -> Desk {
    let mut desk = Desk::new();
    for n in stations {
        desk.sight(*n);
        taken_by_ours(&mut desk, *n, "Default");
    }
    desk.out.clear();
    desk
}

/// Begins to go to the other group, where these are seen.
fn goes(desk: &mut Desk, there: &[Sighting]) {
    desk.command(Command::ChangeGroup { to: group("Stage"), commits: vec![], sightings: there.to_vec() });
    desk.step(Input::AdvertisedAlso);
}

/// Goes there, and nobody is there.
fn gone(desk: &mut Desk) {
    goes(desk, &[]);
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.core.config().group, group("Stage"));
}

fn leave_of(n: u8, name: &str) -> Message {
    Message::Leave(Leave { group: Some(group(name)), ..Leave::new(station(n)) })
}

/// It comes on a connection of its own, and is answered with yes.
fn comes(desk: &mut Desk, n: u8, message: Message) {
    let conn = desk.accept(n);
    desk.receive(conn, message);
    assert!(matches!(desk.take_sent(conn), Some(Message::LeaveRet(reply)) if reply.ok));
}

fn membership(desk: &Desk, n: u8) -> Option<Membership> {
    desk.core.station(station(n)).map(|view| view.membership)
}

/// Where LEAVE goes to, and for which group; each answers.
fn leaves(desk: &mut Desk) -> Vec<(SocketAddr, Option<String>)> {
    let mut said = Vec::new();
    while let Some((conn, to)) = desk.take_dial() {
        desk.step(Input::Dialed { conn });
        // What was given up while it was dialed is closed.
        let Some(message) = desk.take_sent(conn) else { continue };
        let Message::Leave(leave) = message else { panic!("{to} is told {message:?}") };
        said.push((to, leave.group.map(|group| group.as_str().to_owned())));
        desk.receive(conn, Message::LeaveRet(ok()));
    }
    said.sort();
    said
}

fn of(n: u8, group: &str) -> (SocketAddr, Option<String>) {
    (address(n), Some(group.to_owned()))
}

// proves: STA-24
#[test]
fn of_two_that_move_at_once_neither_takes_the_others_leave_for_one_of_the_new_group() {
    let mut desk = among(&[1]);
    gone(&mut desk);
    desk.out.clear();
    // The other one moved a moment before us, and discovery is faster than its LEAVE.
    desk.step(Input::Sighted(shown(1, 1, "Stage")));
    comes(&mut desk, 1, leave_of(1, "Default"));
    assert_eq!(membership(&desk, 1), Some(Membership::Sighted));
    taken_by_ours(&mut desk, 1, "Stage");
    comes(&mut desk, 1, leave_of(1, "Default"));
    assert_eq!(membership(&desk, 1), Some(Membership::Member));
    assert!(!desk.saw(|event| matches!(event, Event::StationLeft { .. })));
}

// proves: STA-24
#[test]
fn a_leave_of_our_group_counts_and_so_does_one_that_says_none() {
    for message in [leave_of(1, "Default"), leave(1)] {
        let mut desk = among(&[1]);
        comes(&mut desk, 1, message);
        assert_eq!(membership(&desk, 1), Some(Membership::Left));
    }
}

// proves: STA-24
#[test]
fn a_leave_of_another_group_is_not_remembered_for_a_station_that_comes() {
    let mut desk = Desk::new();
    comes(&mut desk, 1, leave_of(1, "Stage"));
    comes(&mut desk, 2, leave_of(2, "Default"));
    desk.sight(1).sight(2);
    assert_eq!(membership(&desk, 1), Some(Membership::Sighted));
    assert_eq!(membership(&desk, 2), Some(Membership::Left));
}

// proves: STA-24
#[test]
fn while_we_are_in_both_groups_a_leave_is_of_the_one_that_it_says() {
    let mut desk = among(&[1, 2, 3, 4]);
    // The fifth does not answer, so that nothing is decided yet.
    goes(&mut desk, &[shown(3, 3, "Stage"), shown(4, 4, "Stage"), shown(5, 5, "Stage")]);
    taken_by_ours(&mut desk, 3, "Stage");
    // It took back its JOIN in the new group, and stays in the old one.
    comes(&mut desk, 1, leave_of(1, "Stage"));
    comes(&mut desk, 2, leave_of(2, "Default"));
    // It has left the old group for the new one.
    comes(&mut desk, 3, leave_of(3, "Default"));
    comes(&mut desk, 4, leave_of(4, "Stage"));
    let seen: Vec<_> = (1..=4).map(|n| membership(&desk, n).unwrap()).collect();
    use Membership::{Left, Member};
    assert_eq!(seen, [Member, Left, Member, Left]);
}

// proves: STA-24
#[test]
fn one_of_a_fixed_list_is_in_our_group_whichever_it_says() {
    let mut desk = Desk::new();
    desk.step(Input::Sighted(Sighting { group: None, ..shown(1, 1, "") }));
    taken_by_ours(&mut desk, 1, "Default");
    comes(&mut desk, 1, leave_of(1, "Stage"));
    assert_eq!(membership(&desk, 1), Some(Membership::Left));
}

// proves: STA-24
#[test]
fn leave_says_to_our_own_kind_which_group_is_left() {
    // The group itself; another product is told as before.
    let mut desk = among(&[1]);
    desk.join(2).command(Command::Leave);
    assert_eq!(leaves(&mut desk), [of(1, "Default"), (address(2), None)]);

    // The old one, after a change.
    let mut desk = among(&[1]);
    desk.join(2);
    gone(&mut desk);
    assert_eq!(leaves(&mut desk), [of(1, "Default"), (address(2), None)]);

    // The new one, where it did not want us.
    let mut desk = among(&[1]);
    goes(&mut desk, &[shown(3, 3, "Stage"), shown(4, 4, "Stage")]);
    taken_by_ours(&mut desk, 3, "Stage");
    desk.step(Input::NotAdvertisedAlso { what: "no network".to_owned() });
    assert!(desk.saw(|event| matches!(event, Event::GroupNotChanged { .. })));
    assert_eq!(leaves(&mut desk), [of(3, "Stage")]);
}

// proves: STA-24
#[test]
fn who_leaves_both_groups_at_once_says_none_to_those_who_may_count_it_in_either() {
    let mut desk = among(&[1, 2]);
    goes(&mut desk, &[shown(2, 2, "Stage"), shown(5, 5, "Stage")]);
    taken_by_ours(&mut desk, 2, "Stage");
    desk.out.clear();
    desk.command(Command::Leave);
    assert_eq!(desk.core.presence(), Presence::Leaving);
    assert_eq!(leaves(&mut desk), [of(1, "Default"), (address(2), None)]);
    assert_eq!(desk.core.presence(), Presence::Absent);
}

// proves: STA-02
#[test]
fn what_is_committed_after_leave_was_said_is_told_to_nobody() {
    let mut desk = among(&[1, 2]);
    desk.command(Command::Leave);
    let (conn, _, message) = desk.connect();
    assert!(matches!(message, Message::Leave(_)));
    desk.receive(conn, Message::LeaveRet(ok()));
    // The other one is still to be told.
    assert_eq!(desk.core.presence(), Presence::Leaving);
    desk.command(Command::Publish(commit(1, 0)));
    assert!(desk.saw(|event| matches!(event, Event::CommitPublished { stations: 0, .. })));
    assert_eq!(leaves(&mut desk), [of(2, "Default")]);
    // It is listed when we are back.
    desk.command(Command::Rejoin);
    let (_, _, message) = desk.connect();
    assert!(matches!(message, Message::Join(join) if join.commits.len() == 1));
}

// proves: STA-24
#[test]
fn a_farewell_to_one_that_is_gone_is_not_said_to_who_answers_there_now() {
    let mut desk = among(&[]);
    desk.join(1).join(2);
    // Station 1's machine was made anew: another station is there, in the other group.
    goes(&mut desk, &[shown(3, 1, "Stage")]);
    let (conn, to, _) = desk.connect();
    assert_eq!(to, address(1));
    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
    assert_eq!(desk.core.config().group, group("Stage"));
    assert_eq!(leaves(&mut desk), [(address(2), None)]);
}

// proves: STA-24
#[test]
fn who_left_a_group_while_we_were_in_another_is_not_asked_to_join_when_we_come_back_and_still_see_it_there() {
    let mut desk = among(&[2]);
    gone(&mut desk);
    leaves(&mut desk);
    comes(&mut desk, 2, leave_of(2, "Default"));
    desk.out.clear();
    let seen = [shown(2, 2, "Default")];
    desk.command(Command::ChangeGroup { to: group("Default"), commits: vec![], sightings: seen.to_vec() });
    desk.step(Input::AdvertisedAlso);
    desk.pass(Duration::from_secs(1));
    assert!(desk.take_dial().is_none(), "it said that it left");
    assert_eq!(desk.core.config().group, group("Default"), "nobody is there");
    assert_eq!(membership(&desk, 2), Some(Membership::Left));
}

// proves: STA-02
#[test]
fn of_two_that_left_each_other_at_once_the_one_that_comes_back_joins_the_other() {
    // The other one's LEAVE comes while ours is on its way, or when we have left; nobody's goodbye is heard.
    for has_left in [false, true] {
        let mut desk = among(&[1]);
        desk.command(Command::Leave);
        if has_left {
            assert_eq!(leaves(&mut desk), [of(1, "Default")]);
            assert_eq!(desk.core.presence(), Presence::Absent);
        }
        comes(&mut desk, 1, leave_of(1, "Default"));
        assert_eq!(membership(&desk, 1), Some(Membership::Left));
        desk.out.clear();
        // It counts us as one that left, too, and will not ask.
        desk.command(Command::Rejoin);
        taken_by_ours(&mut desk, 1, "Default");
        assert_eq!(membership(&desk, 1), Some(Membership::Member));
    }
}

// proves: STA-02, STA-24
#[test]
fn one_of_ours_that_says_no_group_has_left_every_one_and_is_not_asked_where_it_is_still_shown() {
    let mut desk = among(&[1, 2]);
    comes(&mut desk, 1, leave(1));
    goes(&mut desk, &[shown(1, 1, "Stage")]);
    assert!(desk.take_dial().is_none(), "it said that it left");
    assert_eq!(membership(&desk, 1), Some(Membership::Left));
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.core.config().group, group("Stage"), "nobody is there");
    // Until it joins by itself.
    let conn = desk.accept(1);
    let Message::Join(join) = join_from(1, "mvrx", vec![]) else { unreachable!() };
    desk.receive(
        conn,
        Message::Join(Join { ours: Some(Ours::CURRENT), group: Some(group("Stage")), ..join }),
    );
    assert_eq!(membership(&desk, 1), Some(Membership::Member));
}

// proves: STA-24
#[test]
fn one_of_ours_that_left_the_group_that_it_says_is_joined_in_the_other() {
    let mut desk = among(&[1]);
    comes(&mut desk, 1, leave_of(1, "Default"));
    goes(&mut desk, &[shown(1, 1, "Stage")]);
    taken_by_ours(&mut desk, 1, "Stage");
    assert_eq!(membership(&desk, 1), Some(Membership::Member));
}

// proves: STA-02
#[test]
fn one_departure_is_told_once_though_who_left_is_shown_for_a_while_longer() {
    let told = |desk: &Desk| {
        let gone = |e: &&Event| matches!(e, Event::StationLeft { .. } | Event::StationLost { .. });
        desk.events().iter().filter(gone).count()
    };
    let mut desk = Desk::new();
    desk.join(1);
    let conn = desk.accept(1);
    desk.receive(conn, leave(1));
    desk.step(Input::Vanished { place: PlaceId(1) });
    desk.pass(Duration::from_secs(600));
    assert_eq!((told(&desk), desk.core.stations().count()), (1, 0), "{:?}", desk.events());
    assert!(desk.saw(|e| *e == Event::StationLeft { station: station(1) }));
    // It comes back, and is gone without a word: that is told.
    desk.out.clear();
    desk.join(1);
    desk.step(Input::Vanished { place: PlaceId(1) });
    for _ in 0..8 {
        while let Some((conn, _)) = desk.take_dial() {
            desk.step(Input::DialFailed { conn });
        }
        desk.pass(Duration::from_secs(30));
    }
    assert!(desk.saw(|e| *e == Event::StationLost { station: station(1) }), "{:?}", desk.events());
}
