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
