//! Aim: an application sees the same station, whether it is one of a group of TCP mode or of a session of WebSocket mode.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod crew;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crew::{Mode, commit, content, read, until, until_all_joined, until_joined, until_seen};
use mvrx_message::{FileUuid, StationUuid};
use mvrx_station::{CommitDraft, Event, Membership, RequestFailure, Source};
use mvrx_store::FsStore;

/// Runs one test in each mode.
macro_rules! in_both_modes {
    ($($name:ident)*) => {
        mod tcp_mode {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Mode::tcp()).await;
            })*
        }
        mod websocket_mode {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::Mode::session().await).await;
            })*
        }
    };
}

// proves: SEC-01
in_both_modes! {
    a_committed_file_is_seen_fetched_and_whole
    stations_know_each_other_by_name_and_learn_of_leaving
    a_late_joiner_knows_what_was_committed_before_and_its_author
    a_file_nobody_has_and_a_station_nobody_is_are_told_as_such
    a_commit_for_one_station_reaches_that_one_alone
    a_new_name_is_told
    the_newest_is_fetched_by_that_word
    whoever_left_and_joins_again_hears_again
    many_files_at_once_arrive_whole
    a_cancelled_request_ends_and_the_next_one_is_served
    a_station_that_starts_again_still_shares_its_files
}

async fn a_committed_file_is_seen_fetched_and_whole(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut at_desk) = mode.start("desk", folder.path()).await;
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    until_joined(&mut at_plan, "desk").await;
    until_joined(&mut at_desk, "plan").await;
    let made = commit(&desk, folder.path(), 1, 12_000_000).await;
    until_seen(&mut at_plan, made.file).await;
    let transfer = plan.request(made.file, Source::Any).await.unwrap();
    let progress = transfer.progress();
    let fetched = transfer.await.unwrap();
    assert_eq!((progress.received(), progress.total()), (12_000_000, Some(12_000_000)));
    assert_eq!((fetched.from, fetched.commit.comment.as_str()), (Some(desk.uuid()), "revision 1"));
    assert_eq!(read(&plan, made.file), content(1, 12_000_000));
    let known = plan.commits().await.unwrap();
    assert_eq!((known.len(), known[0].held, known[0].commit.station), (1, true, Some(desk.uuid())));
    assert!(known[0].seen.is_some());
    // Asked for again, it is there already.
    assert_eq!(plan.request(made.file, Source::Any).await.unwrap().await.unwrap().from, None);
    plan.stop().await;
    desk.stop().await;
    mode.end().await;
}

async fn stations_know_each_other_by_name_and_learn_of_leaving(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut at_desk) = mode.start("desk", folder.path()).await;
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    until_joined(&mut at_desk, "plan").await;
    until_joined(&mut at_plan, "desk").await;
    let there = desk.stations().await.unwrap();
    assert_eq!(there.len(), 1 + mode.others());
    let seen = there.iter().find(|s| s.station == plan.uuid()).unwrap();
    assert_eq!((seen.name.as_str(), seen.provider.as_str()), ("plan", "mvrx"));
    assert_eq!((seen.membership, seen.reachable), (Membership::Member, true));
    let id = plan.uuid();
    plan.stop().await;
    until(&mut at_desk, |e| matches!(e, Event::StationLeft { station } if *station == id).then_some(()))
        .await;
    desk.stop().await;
    mode.end().await;
}

async fn a_late_joiner_knows_what_was_committed_before_and_its_author(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _events) = mode.start("desk", folder.path()).await;
    let mut made = Vec::new();
    for n in 0..3 {
        made.push(commit(&desk, folder.path(), n, 50_000).await.file);
    }
    let (late, mut events) = mode.start("late", folder.path()).await;
    for file in &made {
        until_seen(&mut events, *file).await;
    }
    let known: Vec<FileUuid> = late.commits().await.unwrap().iter().map(|c| c.commit.file).collect();
    assert_eq!(known, made, "in the order in which they were made");
    assert!(late.commits().await.unwrap().iter().all(|c| c.holders.contains(&desk.uuid())));
    late.request(made[1], Source::Station(desk.uuid())).await.unwrap().await.unwrap();
    assert_eq!(read(&late, made[1]), content(1, 50_000));
    late.stop().await;
    desk.stop().await;
    mode.end().await;
}

async fn a_file_nobody_has_and_a_station_nobody_is_are_told_as_such(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _at_desk) = mode.start("desk", folder.path()).await;
    let (plan, mut events) = mode.start("plan", folder.path()).await;
    until_joined(&mut events, "desk").await;
    let nothing = FileUuid::from_random_bytes([1; 16]);
    let failure = plan.request(nothing, Source::Any).await.unwrap().await.unwrap_err();
    assert!(
        matches!(failure, RequestFailure::NobodyHasIt | RequestFailure::EveryoneFailed { .. }),
        "{failure:?}"
    );
    let nobody = StationUuid::from_random_bytes([2; 16]);
    let failure = plan.request(nothing, Source::Station(nobody)).await.unwrap().await.unwrap_err();
    assert_eq!(failure, RequestFailure::StationNotJoined { station: nobody });
    let given = plan.request(nothing, Source::Station(desk.uuid())).await.unwrap().await;
    assert!(given.is_err());
    plan.stop().await;
    desk.stop().await;
    mode.end().await;
}

async fn a_commit_for_one_station_reaches_that_one_alone(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut at_desk) = mode.start("desk", folder.path()).await;
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    let (balcony, mut at_balcony) = mode.start("balcony", folder.path()).await;
    for events in [&mut at_plan, &mut at_balcony] {
        until_joined(events, "desk").await;
    }
    until_all_joined(&mut at_desk, &["plan", "balcony"]).await;
    let path = folder.path().join("secret.mvr");
    std::fs::write(&path, content(7, 10_000)).unwrap();
    let secret = desk.commit(CommitDraft::from_path(&path).for_stations([plan.uuid()])).await.unwrap();
    let open = commit(&desk, folder.path(), 8, 10_000).await;
    until_seen(&mut at_plan, secret.file).await;
    until_seen(&mut at_balcony, open.file).await;
    plan.request(secret.file, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(read(&plan, secret.file), content(7, 10_000));
    assert!(balcony.commits().await.unwrap().iter().all(|c| c.commit.file != secret.file));
    assert!(balcony.request(secret.file, Source::Any).await.unwrap().await.is_err());
    for station in [plan, balcony, desk] {
        station.stop().await;
    }
    mode.end().await;
}

async fn a_new_name_is_told(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut at_desk) = mode.start("desk", folder.path()).await;
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    until_joined(&mut at_desk, "plan").await;
    until_joined(&mut at_plan, "desk").await;
    plan.rename("Balcony").await.unwrap();
    until(&mut at_desk, |e| matches!(e, Event::StationRenamed { to, .. } if to == "Balcony").then_some(()))
        .await;
    plan.stop().await;
    desk.stop().await;
    mode.end().await;
}

async fn the_newest_is_fetched_by_that_word(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _at_desk) = mode.start("desk", folder.path()).await;
    commit(&desk, folder.path(), 1, 5_000).await;
    let newest = commit(&desk, folder.path(), 2, 5_000).await;
    let (plan, mut events) = mode.start("plan", folder.path()).await;
    until_seen(&mut events, newest.file).await;
    let fetched = plan.request_latest(Source::Any).await.unwrap().await.unwrap();
    assert_eq!(fetched.file, newest.file);
    plan.stop().await;
    desk.stop().await;
    mode.end().await;
}

async fn whoever_left_and_joins_again_hears_again(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut at_desk) = mode.start("desk", folder.path()).await;
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    until_joined(&mut at_desk, "plan").await;
    until_joined(&mut at_plan, "desk").await;
    plan.leave().await.unwrap();
    until(&mut at_plan, |e| matches!(e, Event::LeftGroup).then_some(())).await;
    until(&mut at_desk, |e| matches!(e, Event::StationLeft { .. }).then_some(())).await;
    let missed = commit(&desk, folder.path(), 3, 5_000).await;
    plan.rejoin().await.unwrap();
    until_seen(&mut at_plan, missed.file).await;
    plan.request(missed.file, Source::Any).await.unwrap().await.unwrap();
    plan.stop().await;
    desk.stop().await;
    mode.end().await;
}

async fn many_files_at_once_arrive_whole(mode: Mode) {
    const FILES: u64 = 12;
    let folder = tempfile::tempdir().unwrap();
    let (desk, _at_desk) = mode.start("desk", folder.path()).await;
    let (plan, mut events) = mode.start("plan", folder.path()).await;
    until_joined(&mut events, "desk").await;
    let whole = Arc::new(AtomicUsize::new(0));
    let mut made = Vec::new();
    for n in 0..FILES {
        made.push(commit(&desk, folder.path(), n, 300_000 + usize::try_from(n).unwrap()).await.file);
    }
    plan.refresh().await.unwrap();
    until_seen(&mut events, made[made.len() - 1]).await;
    let mut transfers = Vec::new();
    for file in &made {
        transfers.push(plan.request(*file, Source::Any).await.unwrap());
    }
    for (n, transfer) in transfers.into_iter().enumerate() {
        let fetched = transfer.await.unwrap();
        assert_eq!(read(&plan, fetched.file), content(n as u64, 300_000 + n));
        whole.fetch_add(1, Ordering::Relaxed);
    }
    assert_eq!(whole.load(Ordering::Relaxed), made.len());
    plan.stop().await;
    desk.stop().await;
    mode.end().await;
}

async fn a_cancelled_request_ends_and_the_next_one_is_served(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _at_desk) = mode.start("desk", folder.path()).await;
    let large = commit(&desk, folder.path(), 1, 80_000_000).await;
    let small = commit(&desk, folder.path(), 2, 80_000).await;
    let (plan, mut events) = mode.start("plan", folder.path()).await;
    until_seen(&mut events, large.file).await;
    until_seen(&mut events, small.file).await;
    let transfer = plan.request(large.file, Source::Any).await.unwrap();
    transfer.cancel().await;
    assert_eq!(transfer.await.unwrap_err(), RequestFailure::Cancelled);
    plan.request(small.file, Source::Any).await.unwrap().await.unwrap();
    assert!(read(&plan, small.file) == content(2, 80_000));
    plan.request(large.file, Source::Any).await.unwrap().await.unwrap();
    assert!(read(&plan, large.file) == content(1, 80_000_000));
    plan.stop().await;
    desk.stop().await;
    mode.end().await;
}

async fn a_station_that_starts_again_still_shares_its_files(mode: Mode) {
    let folder = tempfile::tempdir().unwrap();
    let identity = StationUuid::from_random_bytes([1; 16]);
    let start = || {
        let store = FsStore::open(folder.path().join("desk")).unwrap();
        mode.describe("desk").identity(identity).store(store).spawn()
    };
    let (desk, events) = start().await.unwrap();
    let made = commit(&desk, folder.path(), 1, 90_000).await;
    desk.stop().await;
    // The handle has the store open.
    drop((desk, events));
    let (plan, mut events) = mode.start("plan", folder.path()).await;
    let (desk, _at_desk) = start().await.unwrap();
    until_joined(&mut events, "desk").await;
    // A host may have told of it before.
    while !plan.commits().await.unwrap().iter().any(|known| known.holders.contains(&identity)) {
        until(&mut events, |_| Some(())).await;
    }
    let known = plan.commits().await.unwrap();
    assert_eq!((known[0].commit.file, known[0].commit.station), (made.file, Some(identity)));
    plan.request(made.file, Source::Station(identity)).await.unwrap().await.unwrap();
    assert!(read(&plan, made.file) == content(1, 90_000));
    plan.stop().await;
    desk.stop().await;
    mode.end().await;
}
