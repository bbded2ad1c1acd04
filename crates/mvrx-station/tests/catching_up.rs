//! Aim: a station that was away is told in order what it missed, and gets it, though no author is there any more.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;

use mvrx_discovery::MemoryBus;
use mvrx_message::FileUuid;
use mvrx_station::{CommitSource, Event, Events, Moves, Source, Station};
use mvrx_store::FsStore;
use support::places::{commit, host, station, until_known};
use support::{HERE, loopback, until};

const AUTHORS: usize = 4;

/// What a station hears of commits, in this order, until it has heard of so many.
async fn hears(events: &mut Events, count: usize) -> Vec<(FileUuid, CommitSource)> {
    let mut heard = Vec::new();
    while heard.len() < count {
        heard.push(
            until(events, |e| match e {
                Event::CommitSeen { file, source, .. } => Some((*file, *source)),
                _ => None,
            })
            .await,
        );
    }
    heard
}

/// Asks for all of these, whoever has them, and checks the bytes; nobody of `gone` gives anything.
async fn gets(station: &Station, files: &[(FileUuid, String)], keeper: &Station) {
    for (file, name) in files {
        let fetched = station.request(*file, Source::Any).await.unwrap().await.unwrap();
        assert_eq!(fetched.from, Some(keeper.uuid()), "{name}");
        assert_eq!(fetched.commit.file_size, name.len() as u64);
    }
}

fn missed(files: &[(FileUuid, String)]) -> Vec<(FileUuid, CommitSource)> {
    files.iter().map(|(file, _)| (*file, CommitSource::Listed)).collect()
}

#[tokio::test]
async fn in_a_group_who_was_away_gets_in_order_what_it_missed_from_whoever_has_it() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let (keeper, mut at_keeper) = station(&bus, at, "keeper", Moves::Ask).await;
    let (away, mut at_away) = station(&bus, at, "away", Moves::Ask).await;
    let known = commit(&keeper, at, "known.mvr").await;
    until_known(&away, &mut at_away, known).await;
    let me = away.uuid();
    away.stop().await;
    drop(away);

    let mut files = Vec::new();
    for n in 0..AUTHORS {
        let (author, _events) = station(&bus, at, &format!("author {n}"), Moves::Ask).await;
        let name = format!("missed {n}.mvr");
        let file = commit(&author, at, &name).await;
        until_known(&keeper, &mut at_keeper, file).await;
        keeper.request(file, Source::Any).await.unwrap().await.unwrap();
        author.stop().await;
        files.push((file, name));
    }

    let store = FsStore::open(at.join("away")).unwrap();
    let back = Station::builder("away")
        .any_file(true)
        .identity(me)
        .listen(loopback())
        .discovery(bus.attach(HERE))
        .store(store);
    let (back, mut at_back) = back.spawn().await.unwrap();
    let heard = hears(&mut at_back, AUTHORS + 1).await;
    assert_eq!((heard[0].0, &heard[1..]), (known, &missed(&files)[..]));
    gets(&back, &files, &keeper).await;
    let listed: Vec<_> = back.commits().await.unwrap().iter().map(|info| info.commit.file).collect();
    assert_eq!(listed[1..], files.iter().map(|(file, _)| *file).collect::<Vec<_>>());
    back.stop().await;
    keeper.stop().await;
}

async fn guest(folder: &Path, name: &str, url: &str) -> (Station, Events) {
    let store = FsStore::open(folder.join(name)).unwrap();
    Station::builder(name).any_file(true).session(url).store(store).spawn().await.unwrap()
}

// proves: SES-05
#[tokio::test]
async fn in_a_session_who_was_away_gets_in_order_what_it_missed_from_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (rack, mut at_rack) = host(at, "rack", Moves::Ask).await;
    let url = format!("ws://{}/", rack.address());
    let (away, mut at_away) = guest(at, "away", &url).await;
    support::places::until_joined(&mut at_away, &rack).await;
    away.stop().await;
    drop(away);
    let mut files = Vec::new();
    for n in 0..AUTHORS {
        let (author, _events) = guest(at, &format!("author {n}"), &url).await;
        let name = format!("missed {n}.mvr");
        let file = commit(&author, at, &name).await;
        let knows = async || rack.commits().await.unwrap().iter().any(|info| info.commit.file == file);
        while !knows().await {
            tokio::time::timeout(support::LIMIT, at_rack.next()).await.expect("it is told").unwrap();
        }
        rack.request(file, Source::Any).await.unwrap().await.unwrap();
        author.stop().await;
        files.push((file, name));
    }
    let (back, mut at_back) = guest(at, "away", &url).await;
    assert_eq!(hears(&mut at_back, AUTHORS).await, missed(&files));
    gets(&back, &files, &rack).await;
    back.stop().await;
    rack.stop().await;
}

// proves: STA-27, STA-28
#[tokio::test]
async fn in_a_group_where_each_has_his_own_who_was_away_is_told_all_in_order() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let mut authors = Vec::new();
    for n in 0..AUTHORS {
        authors.push(station(&bus, at, &format!("author {n}"), Moves::Ask).await);
    }
    let mut files = Vec::new();
    for (n, (author, events)) in authors.iter_mut().enumerate() {
        // Each knows of those before.
        for (file, _) in &files {
            until_known(author, events, *file).await;
        }
        let name = format!("missed {n}.mvr");
        files.push((commit(author, at, &name).await, name));
    }
    // However often somebody comes, and whoever answers first.
    for n in 0..5 {
        let (away, mut at_away) = station(&bus, at, &format!("away {n}"), Moves::Ask).await;
        assert_eq!(hears(&mut at_away, AUTHORS).await, missed(&files));
        let listed: Vec<_> = away.commits().await.unwrap().iter().map(|info| info.commit.file).collect();
        assert_eq!(listed, files.iter().map(|(file, _)| *file).collect::<Vec<_>>());
        let latest = away.request_latest(Source::Any).await.unwrap().await.unwrap();
        assert_eq!(latest.commit.file, files[AUTHORS - 1].0);
        away.stop().await;
    }
    for (author, _) in authors {
        author.stop().await;
    }
}

// proves: HST-28
#[tokio::test]
async fn who_takes_a_session_over_lists_in_order_what_it_got_in_any() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (rack, mut at_rack) = host(at, "rack", Moves::Ask).await;
    let url = format!("ws://{}/", rack.address());
    let mut files = Vec::new();
    let mut authors = Vec::new();
    for n in 0..AUTHORS {
        let (author, mut events) = guest(at, &format!("author {n}"), &url).await;
        support::places::until_joined(&mut events, &rack).await;
        for (file, _) in &files {
            until_known(&author, &mut events, *file).await;
        }
        let name = format!("missed {n}.mvr");
        let file = commit(&author, at, &name).await;
        let knows = async || rack.commits().await.unwrap().iter().any(|info| info.commit.file == file);
        while !knows().await {
            tokio::time::timeout(support::LIMIT, at_rack.next()).await.expect("it is told").unwrap();
        }
        files.push((file, name));
        authors.push(author);
    }
    let (heir, mut at_heir) = guest(at, "heir", &url).await;
    for n in [2, 0, 3, 1] {
        until_known(&heir, &mut at_heir, files[n].0).await;
        heir.request(files[n].0, Source::Any).await.unwrap().await.unwrap();
    }
    for station in [heir, rack].into_iter().chain(authors) {
        station.stop().await;
    }

    let (heir, _events) = host(at, "heir", Moves::Ask).await;
    let url = format!("ws://{}/", heir.address());
    let (away, mut at_away) = guest(at, "away", &url).await;
    assert_eq!(hears(&mut at_away, AUTHORS).await, missed(&files));
    let latest = away.request_latest(Source::Any).await.unwrap().await.unwrap();
    assert_eq!(latest.commit.file, files[AUTHORS - 1].0);
    away.stop().await;
    heir.stop().await;
}

// proves: HST-28, SES-14
#[tokio::test]
async fn what_somebody_brings_late_to_a_session_is_told_as_missed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (rack, _events) = host(at, "rack", Moves::Ask).await;
    let url = format!("ws://{}/", rack.address());
    let (late, _events) = guest(at, "late", "ws://127.0.0.1:9/").await;
    let file = commit(&late, at, "late.mvr").await;
    late.stop().await;
    drop(late);
    let (present, mut at_present) = guest(at, "present", &url).await;
    support::places::until_joined(&mut at_present, &rack).await;
    let (late, _events) = guest(at, "late", &url).await;
    assert_eq!(hears(&mut at_present, 1).await, [(file, CommitSource::Listed)]);
    let new = commit(&late, at, "new.mvr").await;
    assert_eq!(hears(&mut at_present, 1).await, [(new, CommitSource::Announced)]);
    for station in [present, late, rack] {
        station.stop().await;
    }
}

// proves: STA-29
#[tokio::test]
async fn who_commits_as_soon_as_he_begins_commits_the_latest() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let at = folder.path();
    let (keeper, mut at_keeper) = station(&bus, at, "keeper", Moves::Ask).await;
    for n in 0..3 {
        commit(&keeper, at, &format!("old {n}.mvr")).await;
    }
    let (quick, _events) = station(&bus, at, "quick", Moves::Ask).await;
    let newest = commit(&quick, at, "newest.mvr").await;
    until_known(&keeper, &mut at_keeper, newest).await;
    for station in [&keeper, &quick] {
        let all = station.commits().await.unwrap();
        let orders: Vec<_> = all.iter().map(|info| info.commit.order).collect();
        assert_eq!(all.last().map(|info| info.commit.file), Some(newest), "{orders:?}");
        assert_eq!(orders, [Some(1), Some(2), Some(3), Some(4)]);
    }
    quick.stop().await;
    keeper.stop().await;
}
