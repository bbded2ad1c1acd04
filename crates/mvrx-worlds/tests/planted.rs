//! Aim: the checkers find what they are there to find. Bugs are planted into the nodes around the core; each must be found within a
//! thousand seeds and come down to fewer than twenty steps.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::Duration;

use mvrx_worlds::{Plan, Planted};

fn is_found(bug: Planted, check: &str) {
    is_found_in(|seed| Plan::new(seed).stations(6).span(Duration::from_secs(60)).planted(bug), check);
}

fn is_found_in(plan: impl Fn(u64) -> Plan, check: &str) {
    let (seed, steps) = (0..1_000)
        .find_map(|seed| {
            let steps = plan(seed).steps();
            (plan(seed).play(&steps).outcome.check() == Some(check)).then_some((seed, steps))
        })
        .expect("the planted bug is found within a thousand seeds");
    let shrunk = plan(seed).shrink(&steps, 500).expect("it fails again");
    assert_eq!(shrunk.outcome.check(), Some(check), "seed {seed}");
    assert!(shrunk.steps.len() < 20, "seed {seed}: {} steps are left", shrunk.steps.len());
}

#[test]
fn a_commit_to_who_left_is_found() {
    is_found(Planted::CommitToWhoLeft, "left-is-not-sent-to");
}

#[test]
fn a_request_that_never_ends_is_found() {
    is_found(Planted::RequestNeverEnds, "request-ends-once");
}

#[test]
fn a_file_one_byte_short_is_found() {
    is_found(Planted::ShortFile, "bytes-are-the-source's");
}

#[test]
fn a_withdrawal_that_is_not_told_is_found() {
    let bug = Planted::WithdrawalNotTold;
    let plan = |seed| Plan::new(seed).stations(3).span(Duration::from_secs(60)).letting_go().planted(bug);
    is_found_in(plan, "withdrawn-leaves-every-list");
}

#[test]
fn a_file_that_is_gone_and_listed_on_is_found() {
    let bug = Planted::LetGoNotNoticed;
    let plan = |seed| Plan::new(seed).stations(3).span(Duration::from_secs(60)).letting_go().planted(bug);
    is_found_in(plan, "let-go-is-not-offered");
}

#[test]
fn a_host_that_keeps_a_commit_back_is_found() {
    let bug = Planted::CommitNotRelayed;
    let plan = |seed| Plan::new(seed).stations(3).span(Duration::from_secs(30)).session().planted(bug);
    is_found_in(plan, "everybody-knows-every-commit");
}

#[test]
fn a_file_one_byte_short_is_found_in_a_session() {
    let bug = Planted::ShortFile;
    let plan = |seed| Plan::new(seed).stations(3).span(Duration::from_secs(30)).session().planted(bug);
    is_found_in(plan, "bytes-are-the-source's");
}

#[test]
fn a_host_that_echoes_commits_is_found() {
    let bug = Planted::CommitEchoed;
    let plan = |seed| Plan::new(seed).stations(3).span(Duration::from_secs(30)).session().planted(bug);
    is_found_in(plan, "host-never-echoes");
}

#[test]
fn a_host_that_reads_a_file_again_that_it_has_is_found() {
    let bug = Planted::KeptForgotten;
    let plan = |seed| Plan::new(seed).stations(3).span(Duration::from_secs(30)).session().planted(bug);
    is_found_in(plan, "one-owner-read");
}

#[test]
fn a_station_that_goes_where_nobody_is_is_found() {
    let bug = Planted::ProposalsAreWishes;
    is_found_in(|seed| Plan::new(seed).stations(6).moving().planted(bug), "follows-to-somebody");
}

#[test]
fn a_station_that_forgets_which_files_came_along_is_found() {
    let bug = Planted::AlongForgotten;
    is_found_in(|seed| Plan::new(seed).stations(6).crashing().planted(bug), "own-commits-come-along");
}

/// Bugs around elections are found in a few seeds: what finds them is tried in each.
fn is_found_in_an_election(bug: Planted, check: &str) {
    let plan =
        |seed| Plan::new(seed).stations(4).span(Duration::from_secs(40)).calm().electing().planted(bug);
    is_found_in(plan, check);
}

#[test]
fn hosts_that_do_not_hear_what_others_say_of_themselves_are_found() {
    is_found_in_an_election(Planted::HostsDoNotAsk, "two-hosts-become-one");
}

#[test]
fn an_election_that_is_not_told_of_a_loss_is_found() {
    is_found_in_an_election(Planted::LossNotTold, "a-successor-acts-in-time");
}

#[test]
fn a_host_that_gives_way_to_a_higher_newcomer_is_found() {
    is_found_in_an_election(Planted::GivesWayToPriority, "the-incumbent-stays");
}

#[test]
fn a_station_that_takes_no_part_where_a_person_moved_it_is_found() {
    is_found_in_an_election(Planted::NoPartThere, "one-host-for-all");
}

#[test]
fn an_elected_host_that_goes_on_where_its_own_station_was_moved_away_is_found() {
    is_found_in_an_election(Planted::HostStays, "whoever-is-willing-is-moved");
}

#[test]
fn a_former_host_that_does_not_see_its_successor_is_found() {
    is_found_in_an_election(Planted::HostsNotSeen, "the-returning-host-joins");
}

#[test]
fn a_station_that_brings_its_own_commits_alone_is_found() {
    is_found_in_an_election(Planted::BringsOwnAlone, "no-commit-is-lost");
}

#[test]
fn a_station_that_does_not_go_where_it_was_elected_to_go_is_found() {
    is_found_in_an_election(Planted::JoinsNobody, "one-host-for-all");
}

#[test]
fn an_election_that_is_woken_for_nothing_is_found() {
    is_found_in_an_election(Planted::WokenForNothing, "nobody-spins");
}

fn is_found_among_bridges(bug: Planted, check: &str) {
    let plan =
        |seed| Plan::new(seed).stations(4).span(Duration::from_secs(40)).calm().bridging().planted(bug);
    let found = (0..12).find(|seed| plan(*seed).play(&plan(*seed).steps()).outcome.check() == Some(check));
    assert!(found.is_some(), "the planted bug is found within a dozen seeds");
}

#[test]
fn a_bridge_that_brings_files_back_is_found() {
    is_found_among_bridges(Planted::BroughtBack, "no-echo");
}

#[test]
fn a_bridge_that_forgets_what_it_fetched_is_found() {
    is_found_among_bridges(Planted::FetchedForgotten, "nothing-goes-around");
}

#[test]
fn a_bridge_that_does_not_read_who_is_marked_is_found() {
    is_found_among_bridges(Planted::MarksNotRead, "nobody-is-there-twice");
}

#[test]
fn stand_ins_that_stay_beside_their_stations_are_found() {
    is_found_among_bridges(Planted::StandInStays, "nobody-is-there-twice");
}

#[test]
fn bridges_that_do_not_see_each_other_are_found() {
    is_found_among_bridges(Planted::OtherBridgesNotSeen, "one-bridge-works");
}

#[test]
fn a_bridge_that_waits_for_a_dead_one_is_found() {
    is_found_among_bridges(Planted::DeadBridgesCount, "one-bridge-works");
}

#[test]
fn a_bridge_that_does_not_offer_everything_is_found() {
    is_found_among_bridges(Planted::OfferForgotten, "all-is-available");
}

#[test]
fn a_stand_in_that_takes_its_station_with_it_is_found() {
    is_found_among_bridges(Planted::LeaveOfAnother, "everybody-is-seen");
}

/// Only where a host has lost its disk.
#[test]
fn a_bridge_that_goes_on_to_say_the_host_of_before_is_found() {
    let plan = Plan::new(89).stations(6).bridging().planted(Planted::OldHostMarked);
    assert_eq!(plan.play(&plan.steps()).outcome.check(), Some("one-bridge-works"));
}

#[test]
fn a_station_that_counts_its_own_commits_alone_is_found() {
    is_found(Planted::OthersNotCounted, "order-is-one");
}

/// In a world of many crews, as in one of its own: the crews that have what the bug is in come among the first.
fn is_found_among_everything(bug: Planted, check: &str) {
    let plan =
        |seed| Plan::new(seed).stations(60).span(Duration::from_secs(60)).calm().planted(bug).everything();
    let found = (1..5).find(|seed| plan(*seed).play(&plan(*seed).steps()).outcome.check() == Some(check));
    assert!(found.is_some(), "the planted bug is found within four seeds");
}

#[test]
fn a_bridge_that_brings_files_back_is_found_among_everything() {
    is_found_among_everything(Planted::BroughtBack, "no-echo");
}

#[test]
fn an_election_that_is_not_told_of_a_loss_is_found_among_everything() {
    is_found_among_everything(Planted::LossNotTold, "a-successor-acts-in-time");
}

#[test]
fn a_host_that_echoes_commits_is_found_among_everything() {
    is_found_among_everything(Planted::CommitEchoed, "host-never-echoes");
}

#[test]
fn a_file_one_byte_short_is_found_among_everything() {
    is_found_among_everything(Planted::ShortFile, "bytes-are-the-source's");
}

#[test]
fn a_room_that_loses_commands_is_found_among_everything() {
    is_found_among_everything(Planted::RoomCommandLost, "members-have-everything");
}

#[test]
fn a_room_that_loses_a_command_is_found() {
    let bug = Planted::RoomCommandLost;
    is_found_in(|seed| Plan::new(seed).stations(4).mixing().planted(bug), "rooms-are-the-model's");
}

#[test]
fn a_room_that_is_told_of_before_it_is_on_the_disk_is_found() {
    let bug = Planted::RoomNotSaved;
    is_found_in(|seed| Plan::new(seed).stations(4).mixing().planted(bug), "kept-rooms-come-back");
}
