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
