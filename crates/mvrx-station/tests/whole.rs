//! Aim: what came damaged is put aside, told and never offered on; what is whole is said to be.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;
mod ws_support;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use mvrx_discovery::FixedDiscovery;
use mvrx_message::{Commit, Message, Request};
use mvrx_station::{
    ArchiveLimits, Builder, CommitDraft, CommitError, Condition, Event, Events, Heard, HostOptions,
    RequestFailure, Source, Station,
};
use mvrx_store::FsStore;
use support::{commit_of, loopback, package, peer, until};
use ws_support::{archive, content};

fn describe(name: &str, folder: &Path, peers: &[SocketAddr]) -> Builder {
    Station::builder(name)
        .listen(loopback())
        .discovery(FixedDiscovery::new(peers.iter().copied()))
        .store(FsStore::open(folder.join(name)).unwrap())
}

/// A foreign station that gives these bytes, whatever it announced.
fn gives(commit: Commit, bytes: Vec<u8>) -> SocketAddr {
    peer(commit, move |mut socket| {
        // Whoever asked may have gone.
        let _ = socket.write_all(&package(1, &bytes));
    })
}

fn of_length(bytes: &[u8]) -> Commit {
    commit_of(bytes.len() as u64, "rig.mvr")
}

fn damaged() -> Vec<u8> {
    let mut bytes = archive(1, 200_000);
    bytes[100_000] ^= 1;
    bytes
}

async fn seen(events: &mut Events, of: &Commit) {
    until(events, |e| matches!(e, Event::CommitSeen { file, .. } if *file == of.file).then_some(())).await;
}

fn aside(event: &Event) -> Option<(String, Option<PathBuf>)> {
    match event {
        Event::FilePutAside { what, path, .. } => Some((what.clone(), path.clone())),
        _ => None,
    }
}

// proves: STA-25
#[tokio::test]
async fn a_damaged_file_is_put_aside_and_not_offered_on() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = damaged();
    let commit = of_length(&bytes);
    let (desk, mut events) =
        describe("desk", folder.path(), &[gives(commit.clone(), bytes.clone())]).spawn().await.unwrap();
    seen(&mut events, &commit).await;
    let failure = desk.request(commit.file, Source::Any).await.unwrap().await.unwrap_err();
    let RequestFailure::EveryoneFailed { attempts } = failure else { panic!("{failure:?}") };
    assert!(attempts[0].1.starts_with("the file that it sent is damaged: member \"a\": its checksum is "));
    let (what, path) = until(&mut events, aside).await;
    assert!(what.starts_with("damaged: member \"a\""), "{what}");
    let path = path.unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes, "for a person to look at");
    assert!(path.to_str().unwrap().ends_with("-damaged.bad"), "{}", path.display());
    assert!(desk.store().commits().unwrap().is_empty());
    assert!(!desk.commits().await.unwrap()[0].held);

    // Nobody learns of it from us.
    let (other, mut heard) = describe("other", folder.path(), &[desk.address()]).spawn().await.unwrap();
    until(&mut heard, |e| matches!(e, Event::StationJoined { .. }).then_some(())).await;
    other.refresh().await.unwrap();
    assert!(other.commits().await.unwrap().iter().all(|info| !info.holders.contains(&desk.uuid())));
    desk.stop().await;
    other.stop().await;
}

// proves: STA-25
#[tokio::test]
async fn the_next_station_is_asked_for_what_came_damaged_and_gives_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let good = archive(1, 200_000);
    let commit = of_length(&good);
    let (first, mut first_events) =
        describe("first", folder.path(), &[gives(commit.clone(), good.clone())]).spawn().await.unwrap();
    seen(&mut first_events, &commit).await;
    first.request(commit.file, Source::Any).await.unwrap().await.unwrap();
    // The author is asked first.
    let peers = [gives(commit.clone(), damaged()), first.address()];
    let (desk, mut events) = describe("desk", folder.path(), &peers).spawn().await.unwrap();
    let listed = || async {
        let commits = desk.commits().await.unwrap();
        commits.first().is_some_and(|info| info.holders.len() == 2)
    };
    while !listed().await {
        until(&mut events, |e| {
            matches!(e, Event::StationJoined { .. } | Event::CommitSeen { .. }).then_some(())
        })
        .await;
    }
    let fetched = desk.request(commit.file, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(fetched.from, Some(first.uuid()));
    let checked = fetched.checked.unwrap();
    assert_eq!(checked.condition, Condition::Whole { members: 1, unread: 0 });
    assert!(until(&mut events, aside).await.1.is_some());
    desk.stop().await;
    first.stop().await;
}

// proves: STA-25
#[tokio::test]
async fn what_was_found_is_told_with_size_and_hash() {
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("rig.mvr");
    fs::write(&show, archive(2, 50_000)).unwrap();
    let (desk, _) = describe("desk", folder.path(), &[]).spawn().await.unwrap();
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    let (other, mut events) = describe("other", folder.path(), &[desk.address()]).spawn().await.unwrap();
    seen(&mut events, &commit).await;
    let transfer = other.request(commit.file, Source::Any).await.unwrap();
    let progress = transfer.progress();
    let fetched = transfer.await.unwrap();
    assert_eq!(
        fetched.checked.unwrap().to_string(),
        "whole: 1 member, checksum right, size and hash as told"
    );
    assert_eq!(progress.checked(), 50_000);
    let told = |e: &Event| match e {
        Event::FileWhole { members, size_as_told, hash_as_told, from, .. } => {
            Some((*members, *size_as_told, *hash_as_told, *from))
        }
        Event::RequestDone { .. } => panic!("it is told before"),
        _ => None,
    };
    assert_eq!(until(&mut events, told).await, (1, Some(true), true, Some(desk.uuid())));
    desk.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn any_bytes_are_taken_where_that_is_wanted_and_what_a_limit_hides_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, two) = (content(3, 10_000), archive(4, 10_000));
    let (one, other) = (of_length(&bytes), of_length(&two));
    let peers = [gives(one.clone(), bytes)];
    let (any, mut events) = describe("any", folder.path(), &peers).any_file(true).spawn().await.unwrap();
    seen(&mut events, &one).await;
    let fetched = any.request(one.file, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(fetched.checked, None);
    any.stop().await;

    let limits = ArchiveLimits { members: 0, ..ArchiveLimits::default() };
    let peers = [gives(other.clone(), two)];
    let (hidden, mut events) =
        describe("hidden", folder.path(), &peers).check_limits(limits).spawn().await.unwrap();
    seen(&mut events, &other).await;
    hidden.request(other.file, Source::Any).await.unwrap().await.unwrap();
    until(&mut events, |e| matches!(e, Event::FileNotJudged { .. }).then_some(())).await;
    hidden.stop().await;
}

// proves: STA-25
#[tokio::test]
async fn a_damaged_file_of_our_own_is_not_committed_unless_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("rig.mvr");
    fs::write(&show, damaged()).unwrap();
    let (desk, _) = describe("desk", folder.path(), &[]).spawn().await.unwrap();
    let refused = desk.commit(CommitDraft::from_path(&show)).await.unwrap_err();
    assert!(
        matches!(&refused, CommitError::Damaged { what } if what.contains("its checksum is")),
        "{refused}"
    );
    assert!(desk.store().commits().unwrap().is_empty());
    desk.commit(CommitDraft::from_path(&show).any_file(true)).await.unwrap();
    assert_eq!(desk.store().commits().unwrap().len(), 1);
    desk.stop().await;
}

// proves: HDR-12
#[tokio::test]
async fn a_host_keeps_no_damaged_file_and_tells_nobody_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("rig.mvr");
    fs::write(&show, damaged()).unwrap();
    let (host, mut heard) = Station::builder("rack")
        .listen(loopback())
        .store(FsStore::open(folder.path().join("rack")).unwrap())
        .host(HostOptions::default().announce(false))
        .spawn()
        .await
        .unwrap();
    let url = format!("ws://{}/", host.address());
    let (desk, mut events) = Station::builder("desk").session(&url).spawn().await.unwrap();
    until(&mut events, |e| matches!(e, Event::JoinedGroup).then_some(())).await;
    let commit = desk.commit(CommitDraft::from_path(&show).any_file(true)).await.unwrap();
    let path = loop {
        match tokio::time::timeout(support::LIMIT, heard.next()).await.unwrap().unwrap() {
            Heard::Event(seen) => {
                if let Some((what, path)) = aside(&seen.event) {
                    assert!(what.starts_with("damaged: "), "{what}");
                    break path.unwrap();
                }
            }
            _ => continue,
        }
    };
    assert_eq!(fs::read(path).unwrap(), damaged());
    assert!(host.store().commits().unwrap().is_empty());

    // Whoever comes now is not told of it, and who asks all the same gets words.
    let (other, mut others) = Station::builder("other").session(&url).spawn().await.unwrap();
    until(&mut others, |e| matches!(e, Event::JoinedGroup).then_some(())).await;
    assert!(other.commits().await.unwrap().is_empty());
    other.stop().await;
    let (mut asker, ret) = ws_support::join(host.address(), 7, "MVRApplication", vec![]).await;
    assert_eq!(ret.commits, []);
    ws_support::say(&mut asker, &Message::Request(Request::new(Some(commit.file), vec![]))).await;
    let Message::RequestRet(reply) = ws_support::hear(&mut asker).await else { panic!() };
    assert!(!reply.ok && reply.message.contains("is damaged: member"), "{reply:?}");

    // What its author commits instead is kept and listed.
    let good = folder.path().join("again.mvr");
    fs::write(&good, archive(5, 20_000)).unwrap();
    let good = desk.commit(CommitDraft::from_path(&good)).await.unwrap();
    let told = loop {
        if let Message::Commit(told) = ws_support::hear(&mut asker).await {
            break told.file;
        }
    };
    assert_eq!(told, good.file);
    desk.stop().await;
    host.stop().await;
}
