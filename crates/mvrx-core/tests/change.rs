//! Aim: a station that changes its group joins the new one first, leaves the old one only then, and stays whole where it was when that fails.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use mvrx_core::{
    Command, Ending, Event, Input, Membership, Output, PlaceId, Presence, RequestFailure, RequestId, Sighting,
};
use mvrx_message::{Commit, GroupName, Join, Message, StationUuid};
use support::{Desk, address, commit, file, join_from, join_ret_from, leave, no, ok, request_for, station};

fn stage() -> GroupName {
    GroupName::create("Stage").unwrap()
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

/// It is asked for, with these stations there and this commit of ours kept from an earlier stay there; discovery announces us.
fn asked(desk: &mut Desk, there: &[u8], kept: Vec<Commit>) {
    let sightings = there.iter().map(|n| shown(*n, Some("Stage"))).collect();
    desk.command(Command::ChangeGroup { to: stage(), commits: kept, sightings });
}

fn announced(desk: &mut Desk) {
    let also = |output: &Output| matches!(output, Output::AdvertiseAlso { group, .. } if *group == stage());
    assert!(desk.out.iter().any(also), "{:?}", desk.out);
    desk.step(Input::AdvertisedAlso);
}

/// Nobody was shown, so nobody is there.
fn looked_around(desk: &mut Desk) {
    desk.pass(Duration::from_secs(1));
}

fn changed(desk: &Desk) -> bool {
    desk.saw(|e| matches!(e, Event::GroupChanged { to, .. } if *to == stage()))
}

fn not_changed(desk: &Desk) -> Option<String> {
    desk.events()
        .into_iter()
        .find_map(|e| if let Event::GroupNotChanged { why, .. } = e { Some(why) } else { None })
}

fn members(desk: &Desk) -> Vec<StationUuid> {
    desk.core.members().collect()
}

// proves: STA-17
#[test]
fn the_new_group_is_joined_before_the_old_one_is_left() {
    let mut desk = Desk::new();
    desk.join(1).join(2).command(Command::Publish(commit(1, 0)));
    desk.pass(Duration::from_secs(60));
    desk.out.clear();
    asked(&mut desk, &[3], vec![commit(5, 0)]);
    announced(&mut desk);
    let (conn, to, message) = desk.connect();
    assert_eq!(to, address(3));
    let Message::Join(join) = message else { panic!("{message:?}") };
    let listed: Vec<_> = join.commits.iter().map(|c| c.file).collect();
    assert_eq!(listed, [file(5)], "what belongs to the new group, and nothing else");
    assert!(!changed(&desk) && desk.dials() == 0, "nobody is left before: {:?}", desk.out);
    assert_eq!(desk.core.config().group.as_str(), "Default");

    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![commit(6, 3)]));
    assert!(changed(&desk));
    assert_eq!(desk.core.config().group, stage());
    assert_eq!(members(&desk), [station(3)]);
    let known: Vec<_> = desk.core.commits().map(|view| view.commit.file).collect();
    assert_eq!(known, [file(5), file(6)], "commits are the group's");
    let at = |wanted: &dyn Fn(&Output) -> bool| desk.out.iter().position(wanted).unwrap();
    let advertised = at(&|o| matches!(o, Output::Advertise { .. }));
    assert!(advertised < at(&|o| matches!(o, Output::Dial { .. })), "the announcement goes first");
    assert_eq!(desk.farewells(), [1, 2]);
    assert_eq!(desk.core.deadline(), None, "{:?}", desk.core.timers().collect::<Vec<_>>());
}

// proves: STA-17
#[test]
fn an_empty_group_is_begun_when_we_are_announced_there_and_have_looked_around() {
    for late in [false, true] {
        let mut desk = Desk::new();
        desk.join(1);
        asked(&mut desk, &[], vec![]);
        if late {
            looked_around(&mut desk);
            assert!(!changed(&desk), "not announced yet");
            announced(&mut desk);
        } else {
            announced(&mut desk);
            desk.pass(Duration::from_millis(999));
            assert!(!changed(&desk), "somebody may be shown still");
            looked_around(&mut desk);
        }
        assert!(changed(&desk));
        assert_eq!(desk.farewells(), [1]);
    }
}

// proves: STA-17
#[test]
fn one_that_is_shown_in_the_new_group_only_after_we_asked_is_joined_before_the_old_one_is_left() {
    let mut desk = Desk::new();
    desk.join(1);
    asked(&mut desk, &[], vec![]);
    announced(&mut desk);
    desk.pass(Duration::from_millis(500));
    desk.step(Input::Sighted(shown(3, Some("Stage"))));
    let (three, _, _) = desk.connect();
    desk.pass(Duration::from_secs(3));
    assert!(!changed(&desk), "it has not answered");
    desk.receive(three, join_ret_from(3, "MVRApplication", ok(), vec![]));
    assert!(changed(&desk));
    assert_eq!((members(&desk), desk.farewells()), (vec![station(3)], vec![1]));
}

// proves: STA-17
#[test]
fn what_one_that_moves_with_us_still_lists_of_the_old_group_is_not_taken_for_the_new_ones() {
    for (provider, taken) in [("mvrx", vec![file(8)]), ("MVRApplication", vec![file(7), file(8)])] {
        let mut desk = Desk::new();
        desk.join_with(1, provider, vec![commit(7, 1)]);
        desk.out.clear();
        asked(&mut desk, &[1], vec![]);
        announced(&mut desk);
        let (conn, _, _) = desk.connect();
        desk.receive(conn, join_ret_from(1, provider, ok(), vec![commit(7, 1), commit(8, 1)]));
        assert!(changed(&desk));
        let known: Vec<_> = desk.core.commits().map(|view| view.commit.file).collect();
        assert_eq!(known, taken, "{provider}: other products do not keep their groups apart");
    }
}

#[test]
fn looking_around_takes_no_longer_than_the_whole_change_may() {
    let mut desk = Desk::with(|config| config.timers.look_around = Duration::from_secs(60));
    desk.join(1);
    asked(&mut desk, &[], vec![]);
    announced(&mut desk);
    desk.pass(Duration::from_millis(9_999));
    assert!(!changed(&desk));
    desk.pass(Duration::from_millis(1));
    assert!(changed(&desk));
}

// proves: STA-17
#[test]
fn the_station_stays_whole_where_it_was_when_it_cannot_be_announced() {
    let mut desk = Desk::new();
    desk.join(1);
    asked(&mut desk, &[3], vec![]);
    let (conn, _, _) = desk.connect();
    desk.step(Input::NotAdvertisedAlso { what: "no room".into() });
    assert_eq!(not_changed(&desk).as_deref(), Some("it cannot be announced there: no room"));
    assert!(desk.closed(conn));
    assert!(desk.out.iter().any(|o| matches!(o, Output::Advertise { .. })), "in the old group alone");
    assert_eq!((members(&desk), desk.core.config().group.as_str()), (vec![station(1)], "Default"));
    assert_eq!(desk.farewells(), [3], "it has our JOIN, and may count us");
}

// proves: STA-17
#[test]
fn the_station_stays_whole_where_it_was_when_nobody_there_takes_it() {
    let mut desk = Desk::new();
    desk.join(1).command(Command::Restore(commit(1, 0)));
    asked(&mut desk, &[3, 4], vec![]);
    announced(&mut desk);
    let (three, _, _) = desk.connect();
    desk.receive(three, join_ret_from(3, "MVRApplication", no("go away"), vec![]));
    assert_eq!(not_changed(&desk), None, "another one may still take us");
    let (four, _) = desk.take_dial().unwrap();
    desk.step(Input::DialFailed { conn: four });
    assert!(not_changed(&desk).is_some());
    assert_eq!(members(&desk), [station(1)]);
    assert!(desk.core.commits().any(|view| view.commit.file == file(1)));
    desk.out.clear();
    desk.pass(Duration::from_secs(60));
    assert_eq!(desk.dials(), 0, "nobody there is tried again: {:?}", desk.out);
}

// proves: STA-17
#[test]
fn it_is_decided_in_time_whoever_has_not_answered() {
    for (accepted, group) in [(true, "Stage"), (false, "Default")] {
        let mut desk = Desk::new();
        desk.join(1);
        asked(&mut desk, &[3, 4], vec![]);
        announced(&mut desk);
        let (three, _, _) = desk.connect();
        desk.connect();
        let reply = if accepted { ok() } else { no("go away") };
        desk.receive(three, join_ret_from(3, "MVRApplication", reply, vec![]));
        desk.pass(Duration::from_secs(9));
        assert_eq!(desk.core.config().group.as_str(), "Default");
        desk.pass(Duration::from_secs(2));
        assert_eq!(desk.core.config().group.as_str(), group);
        assert_eq!(not_changed(&desk).is_some(), !accepted);
    }
}

// proves: STA-17
#[test]
fn a_station_that_moves_with_us_is_not_left() {
    let mut desk = Desk::new();
    desk.join(1).join(2);
    asked(&mut desk, &[2], vec![]);
    let (conn, to, _) = desk.connect();
    assert_eq!(to, address(2), "it is told the new group's commits");
    desk.receive(conn, join_ret_from(2, "MVRApplication", ok(), vec![]));
    announced(&mut desk);
    assert!(changed(&desk));
    assert_eq!((members(&desk), desk.farewells()), (vec![station(2)], vec![1]));
}

#[test]
fn one_that_had_left_the_old_group_for_the_new_one_is_joined_there() {
    let mut desk = Desk::new();
    desk.join(2);
    let conn = desk.accept(2);
    desk.receive(conn, leave(2));
    assert_eq!(desk.core.station(station(2)).unwrap().membership, Membership::Left);
    asked(&mut desk, &[2], vec![]);
    announced(&mut desk);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(2, "MVRApplication", ok(), vec![]));
    assert_eq!((changed(&desk), members(&desk)), (true, vec![station(2)]));
}

#[test]
fn one_that_comes_back_before_it_was_told_is_not_told() {
    let mut desk = Desk::new();
    desk.join(1);
    asked(&mut desk, &[], vec![]);
    announced(&mut desk);
    looked_around(&mut desk);
    let (conn, _) = desk.take_dial().unwrap();
    desk.step(Input::Sighted(shown(1, Some("Stage"))));
    assert!(desk.closed(conn));
    assert!(matches!(desk.connect().2, Message::Join(_)));
}

#[test]
fn who_is_told_nothing_by_discovery_is_told_nothing_of_either_group_until_it_is_seen() {
    let mut desk = Desk::new();
    desk.join(1).command(Command::Publish(commit(1, 0)));
    asked(&mut desk, &[], vec![commit(5, 0)]);
    let conn = desk.accept(7);
    desk.receive(conn, join_from(7, "MVRApplication", vec![commit(8, 7)]));
    let said = desk.take_sent(conn);
    assert!(
        matches!(&said, Some(Message::JoinRet(ret)) if ret.reply.ok && ret.commits.is_empty()),
        "{said:?}"
    );
    assert!(!desk.saw(|e| matches!(e, Event::CommitSeen { .. })));
    desk.pass(Duration::from_secs(1));
    desk.out.clear();
    desk.step(Input::Sighted(shown(7, Some("Stage"))));
    let (conn, _, message) = desk.connect();
    assert!(matches!(message, Message::Join(join) if join.commits[0].file == file(5)));
    desk.receive(conn, join_ret_from(7, "MVRApplication", ok(), vec![commit(8, 7)]));
    assert!(desk.saw(|e| matches!(e, Event::CommitSeen { .. })));
}

#[test]
fn what_is_committed_meanwhile_belongs_to_both() {
    let mut desk = Desk::new();
    desk.join(1);
    asked(&mut desk, &[3], vec![]);
    let (conn, _, _) = desk.connect();
    desk.command(Command::Publish(commit(1, 0)));
    let (one, to, message) = desk.connect();
    assert!(matches!(message, Message::Commit(_)) && to == address(1));
    desk.receive(one, Message::CommitRet(ok()));
    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
    announced(&mut desk);
    assert!(desk.core.holds(file(1)));
    // Its JOIN was written before.
    let told = std::iter::from_fn(|| {
        desk.take_dial().map(|(conn, to)| (desk.step(Input::Dialed { conn }).take_sent(conn), to))
    });
    let told: Vec<_> = told.collect();
    assert!(
        told.iter().any(|(m, to)| *to == address(3) && matches!(m, Some(Message::Commit(_)))),
        "{told:?}"
    );
}

#[test]
fn files_of_both_groups_are_given_while_we_are_in_both_and_of_the_new_one_afterwards() {
    let mut desk = Desk::new();
    desk.join(1).command(Command::Restore(commit(1, 0)));
    asked(&mut desk, &[3], vec![commit(5, 0)]);
    let given = |desk: &mut Desk, who: u8, n: u8| {
        let conn = desk.accept(who);
        desk.receive(conn, request_for(n));
        let given = desk.out.contains(&Output::SendFile { conn, file: file(n) });
        desk.close(conn, Ending::Clean);
        given
    };
    assert!(given(&mut desk, 1, 1) && given(&mut desk, 3, 5));
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
    announced(&mut desk);
    assert!(changed(&desk));
    assert!(given(&mut desk, 3, 5));
    assert!(!given(&mut desk, 1, 1));
}

#[test]
fn requests_in_the_old_group_end_with_it() {
    let mut desk = Desk::new();
    desk.join_with(1, "MVRApplication", vec![commit(1, 1)]);
    desk.request(1, 1);
    asked(&mut desk, &[], vec![]);
    announced(&mut desk);
    looked_around(&mut desk);
    let ended = Event::RequestFailed { request: RequestId(1), failure: RequestFailure::LeftGroup };
    assert!(desk.saw(|e| *e == ended));
}

#[test]
fn one_of_a_fixed_list_is_of_our_group_whichever_that_is() {
    let mut desk = Desk::new();
    desk.step(Input::Sighted(Sighting { station: None, ..shown(1, None) }));
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(1, "MVRApplication", ok(), vec![]));
    asked(&mut desk, &[], vec![commit(5, 0)]);
    announced(&mut desk);
    looked_around(&mut desk);
    assert!(changed(&desk));
    let (_, to, message) = desk.connect();
    assert!(matches!(message, Message::Join(join) if join.commits.len() == 1) && to == address(1));
    assert_eq!(members(&desk), [station(1)]);
}

#[test]
fn a_second_change_is_refused_and_the_same_group_is_no_change() {
    let mut desk = Desk::new();
    let default = GroupName::create("Default").unwrap();
    desk.command(Command::ChangeGroup { to: default.clone(), commits: vec![], sightings: vec![] });
    assert!(desk.saw(|e| *e == Event::GroupChanged { from: default.clone(), to: default.clone() }));
    asked(&mut desk, &[], vec![]);
    let other = GroupName::create("Other").unwrap();
    desk.command(Command::ChangeGroup { to: other, commits: vec![], sightings: vec![] });
    assert_eq!(not_changed(&desk).as_deref(), Some("another move is under way"));
    announced(&mut desk);
    looked_around(&mut desk);
    assert!(changed(&desk), "the first one goes on");
}

#[test]
fn leaving_meanwhile_leaves_both() {
    let mut desk = Desk::new();
    desk.join(1);
    asked(&mut desk, &[3], vec![]);
    let (conn, _, _) = desk.connect();
    desk.receive(conn, join_ret_from(3, "MVRApplication", ok(), vec![]));
    desk.command(Command::Leave);
    assert!(not_changed(&desk).is_some());
    assert_eq!(desk.farewells(), [1, 3]);
    assert_eq!(desk.core.presence(), Presence::Absent);
}

#[test]
fn leaving_waits_for_those_of_the_former_group_to_be_told() {
    let mut desk = Desk::new();
    desk.join(1);
    asked(&mut desk, &[], vec![]);
    announced(&mut desk);
    desk.command(Command::Leave);
    assert_eq!(desk.core.presence(), Presence::Leaving);
    assert_eq!(desk.farewells(), [1]);
    assert_eq!(desk.core.presence(), Presence::Absent);
}

#[test]
fn outside_of_any_group_it_is_a_word_alone() {
    let mut desk = Desk::new();
    desk.command(Command::Leave);
    desk.out.clear();
    asked(&mut desk, &[3], vec![commit(5, 0)]);
    assert!(changed(&desk));
    assert_eq!((desk.out.len(), desk.core.presence()), (1, Presence::Absent), "{:?}", desk.out);
    desk.command(Command::Rejoin);
    assert_eq!(desk.core.config().group, stage());
}

#[test]
fn a_name_taken_meanwhile_is_announced_in_both() {
    let mut desk = Desk::new();
    asked(&mut desk, &[], vec![]);
    desk.out.clear();
    desk.command(Command::Rename("Monitor".into()));
    let told: Vec<_> = desk
        .out
        .iter()
        .filter(|o| matches!(o, Output::Advertise { .. } | Output::AdvertiseAlso { .. }))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
}

// proves: STA-17
#[test]
fn back_in_the_group_that_was_left_its_files_are_taken_again() {
    let mut desk = Desk::new();
    desk.join_with(1, "mvrx", vec![commit(1, 1)]);
    asked(&mut desk, &[], vec![]);
    announced(&mut desk);
    looked_around(&mut desk);
    assert!(changed(&desk));
    desk.pass(Duration::from_secs(60));
    desk.out.clear();
    let to = GroupName::create("Default").unwrap();
    desk.command(Command::ChangeGroup { to, commits: vec![], sightings: vec![shown(1, Some("Default"))] });
    desk.step(Input::AdvertisedAlso);
    let (conn, _, message) = desk.connect();
    assert!(matches!(message, Message::Join(_)), "{message:?}");
    desk.receive(conn, join_ret_from(1, "mvrx", ok(), vec![commit(1, 1)]));
    assert_eq!(desk.core.config().group.as_str(), "Default");
    assert_eq!(desk.core.commits().map(|view| view.commit.file).collect::<Vec<_>>(), [file(1)]);
}

// proves: STA-18
#[test]
fn a_join_meant_for_another_group_is_refused_and_a_list_is_taken_for_the_group_it_is_told_for() {
    let mut desk = Desk::new();
    let said = |group: &str, commits| match join_from(3, "mvrx", commits) {
        Message::Join(join) => Message::Join(Join { group: Some(GroupName::create(group).unwrap()), ..join }),
        other => other,
    };
    let conn = desk.accept(3);
    desk.receive(conn, said("Stage", vec![]));
    assert!(matches!(desk.take_sent(conn), Some(Message::JoinRet(ret)) if !ret.reply.ok));
    assert!(members(&desk).is_empty());

    asked(&mut desk, &[], vec![commit(5, 0)]);
    announced(&mut desk);
    // It is not seen there yet.
    desk.receive(conn, said("Stage", vec![commit(6, 3)]));
    let Some(Message::JoinRet(ret)) = desk.take_sent(conn) else { panic!() };
    assert_eq!((ret.reply.ok, ret.group, ret.commits.len()), (true, Some(stage()), 1));
    looked_around(&mut desk);
    assert!(changed(&desk));
    assert_eq!(desk.core.commits().map(|view| view.commit.file).collect::<Vec<_>>(), [file(5), file(6)]);
    assert_eq!(members(&desk), [station(3)]);
}

// proves: STA-18
#[test]
fn a_commit_meant_for_another_group_is_refused_and_not_listed() {
    let mut desk = Desk::new();
    let said = |n: u8, group: Option<&str>| {
        let group = group.map(|name| GroupName::create(name).unwrap());
        Message::Commit(Commit { group, ..commit(n, 3) })
    };
    let listed = |desk: &Desk| desk.core.commits().map(|view| view.commit.file).collect::<Vec<_>>();
    let conn = desk.accept(3);
    desk.receive(conn, join_from(3, "mvrx", vec![]));
    assert!(matches!(desk.take_sent(conn), Some(Message::JoinRet(ret)) if ret.reply.ok));
    desk.receive(conn, said(5, Some("Stage")));
    let Some(Message::CommitRet(ret)) = desk.take_sent(conn) else { panic!() };
    assert_eq!((ret.ok, ret.message.as_str()), (false, "this station is in another group than Stage"));
    assert!(listed(&desk).is_empty());
    // In ours, and without a word of it, it is taken; where it was said is not kept.
    desk.receive(conn, said(6, Some("Default")));
    assert!(matches!(desk.take_sent(conn), Some(Message::CommitRet(ret)) if ret.ok));
    desk.receive(conn, said(7, None));
    assert!(matches!(desk.take_sent(conn), Some(Message::CommitRet(ret)) if ret.ok));
    assert_eq!(listed(&desk), [file(6), file(7)]);
    assert!(desk.core.commits().all(|view| view.commit.group.is_none()));
}

// proves: STA-17
#[test]
fn who_came_along_and_moved_on_before_it_was_shown_there_is_given_up() {
    let mut desk = Desk::new();
    desk.join(1);
    asked(&mut desk, &[], vec![]);
    announced(&mut desk);
    let conn = desk.accept(1);
    let Message::Join(join) = join_from(1, "mvrx", vec![]) else { panic!() };
    desk.receive(conn, Message::Join(Join { group: Some(stage()), ..join }));
    looked_around(&mut desk);
    assert!(changed(&desk));
    desk.step(Input::Vanished { place: PlaceId(1) });
    desk.command(Command::Publish(commit(1, 0)));
    let mut asked = 0;
    for _ in 0..40 {
        while let Some((conn, _)) = desk.take_dial() {
            asked += 1;
            desk.step(Input::Dialed { conn });
            let answer = match desk.take_sent(conn) {
                Some(Message::Join(_)) => join_ret_from(1, "mvrx", no("in another group"), vec![]),
                // It does not answer a COMMIT: it is asked whether it is still there.
                _ => {
                    desk.step(Input::Closed { conn, ending: Ending::Clean });
                    continue;
                }
            };
            desk.receive(conn, answer);
        }
        desk.pass(Duration::from_secs(30));
    }
    assert!(asked > 2, "{asked}");
    assert_eq!((members(&desk), desk.core.deadline()), (vec![], None), "asked {asked} times");
}
