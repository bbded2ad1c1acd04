//! The bridge's store has room for so much: the oldest files make room, and are got again when somebody asks for them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::time::Duration;

use mvrx_bridge::{Bridge, News, Side};
use mvrx_discovery::MemoryBus;
use mvrx_message::FileUuid;
use mvrx_station::{RequestFailure, Source, Station};
use mvrx_store::{Clock, Limits, MemStore, Store};
use support::*;
use tokio::sync::mpsc;

const SIZE: usize = 100_000;

/// Has room for three such files, to the byte.
fn narrow() -> MemStore {
    let limits = Limits { total_bytes: 3 * SIZE as u64, oldest_go: true, ..Limits::default() };
    MemStore::with(limits, Clock::default())
}

/// A group and a session with a station each, which see each other over a bridge with a narrow store.
struct Joined {
    folder: tempfile::TempDir,
    rack: Station,
    desk: Station,
    remote: Station,
    _bridge: Bridge,
    news: mpsc::Receiver<News>,
    store: MemStore,
}

async fn joined() -> Joined {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (rack, url) = host(200, 0).await;
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    let store = narrow();
    let (bridge, news) = Bridge::start(options(&bus, 100, &url).store(store.clone())).await.unwrap();
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    Joined { folder, rack, desk, remote, _bridge: bridge, news, store }
}

fn kept(store: &MemStore) -> Vec<FileUuid> {
    store.commits().unwrap().iter().map(|stored| stored.commit.file).collect()
}

/// Commits four, one after the other; the first makes room for the last.
async fn four(
    author: &Station,
    other: &Station,
    folder: &Path,
    news: &mut mpsc::Receiver<News>,
) -> [FileUuid; 4] {
    let mut files = Vec::new();
    for name in ["1.mvr", "2.mvr", "3.mvr", "4.mvr"] {
        let made = commit(author, &show(folder, name, SIZE), name, &[]).await;
        knows(other, made.file).await;
        files.push(made.file);
    }
    hears(news, |news| *news == News::MadeRoom { file: files[0] }).await;
    files.try_into().unwrap()
}

// proves: BRG-23
#[tokio::test]
async fn the_oldest_file_makes_room_and_is_fetched_again_when_it_is_asked_for() {
    let Joined { folder, rack: _rack, desk, remote, _bridge, mut news, store } = joined().await;
    let files = four(&remote, &desk, folder.path(), &mut news).await;
    assert_eq!(kept(&store), files[1..], "three fit, to the byte");
    knows(&desk, files[0]).await;
    let bytes = std::fs::read(folder.path().join("1.mvr")).unwrap();
    assert_eq!(fetch(&desk, files[0]).await, bytes);
    hears(&mut news, |news| *news == News::MadeRoom { file: files[1] }).await;
    assert_eq!(kept(&store), [files[2], files[3], files[0]]);
    // What nobody asks for is not fetched again: they would drive each other out for ever.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(kept(&store), [files[2], files[3], files[0]]);
    while let Ok(told) = news.try_recv() {
        assert!(
            !matches!(told, News::MadeRoom { .. } | News::Withdrawn { .. } | News::NotCarried { .. }),
            "{told:?}"
        );
    }
}

// proves: BRG-23
#[tokio::test]
async fn what_made_room_is_refused_while_its_side_is_out_of_reach_and_had_again_afterwards() {
    let Joined { folder, rack, desk, remote, _bridge, mut news, store } = joined().await;
    let port = rack.address().port();
    let files = four(&remote, &desk, folder.path(), &mut news).await;
    rack.stop().await;
    hears(&mut news, |news| matches!(news, News::SessionLost { .. })).await;
    let failure = desk.request(files[0], Source::Any).await.unwrap().await.unwrap_err();
    let RequestFailure::EveryoneFailed { attempts } = failure else { panic!("{failure:?}") };
    assert!(attempts[0].1.contains("not available"), "{attempts:?}");
    let third = std::fs::read(folder.path().join("3.mvr")).unwrap();
    assert_eq!(fetch(&desk, files[2]).await, third, "what is kept is given");
    assert_eq!(kept(&store), files[1..]);

    let (_rack, _) = host(200, port).await;
    hears(&mut news, |news| matches!(news, News::SessionJoined { .. })).await;
    until("the file again", || async {
        let asked = desk.request(files[0], Source::Any).await.unwrap().await;
        asked.map(|_| ()).map_err(|failure| failure.to_string())
    })
    .await;
    assert!(kept(&store).contains(&files[0]));
}

// proves: BRG-23
#[tokio::test]
async fn what_made_room_and_nobody_gives_any_more_is_listed_no_longer() {
    let Joined { folder, rack: _rack, desk, remote, _bridge, mut news, .. } = joined().await;
    let files = four(&desk, &remote, folder.path(), &mut news).await;
    desk.stop().await;
    hears(&mut news, |news| *news == News::Withdrawn { side: Side::Host, file: files[0] }).await;
}

// proves: BRG-27
#[tokio::test]
async fn what_made_room_and_is_withdrawn_is_listed_no_longer() {
    let Joined { folder, rack: _rack, desk, remote, _bridge, mut news, .. } = joined().await;
    let files = four(&remote, &desk, folder.path(), &mut news).await;
    knows(&desk, files[0]).await;
    assert!(remote.withdraw(files[0]).await.unwrap());
    until("the commit leaves the list", || async {
        let listed = desk.commits().await.unwrap();
        let lists =
            |info: &mvrx_station::CommitInfo| info.commit.file == files[0] && !info.holders.is_empty();
        if listed.iter().any(lists) { Err(format!("{listed:#?}")) } else { Ok(()) }
    })
    .await;
    knows(&desk, files[1]).await;
}

// proves: BRG-26
#[tokio::test]
async fn a_bridge_that_starts_again_lists_what_made_room_and_fetches_it_only_when_it_is_asked_for() {
    for remembers in [true, false] {
        let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
        let (_rack, url) = host(200, 0).await;
        let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
        let store = narrow();
        let starts = || {
            let options = options(&bus, 100, &url).store(store.clone());
            if remembers { options.remember(folder.path().join("made-room")) } else { options }
        };
        let (bridge, mut news) = Bridge::start(starts()).await.unwrap();
        sees(&desk, 2).await;
        sees(&remote, 1).await;
        let files = four(&remote, &desk, folder.path(), &mut news).await;
        bridge.stop().await;

        let (_bridge, mut news) = Bridge::start(starts()).await.unwrap();
        let mut there = vec![files[1], files[2], files[3]];
        if !remembers {
            // It is new, and fetched once; what it drives out is listed on, though its author was not stood in for yet.
            hears(&mut news, |news| *news == News::MadeRoom { file: files[1] }).await;
            there = vec![files[2], files[3], files[0]];
        }
        hears(&mut news, |news| matches!(news, News::Appeared { side: Side::Lan, .. })).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(kept(&store), there, "nothing drives anything out");
        while let Ok(told) = news.try_recv() {
            assert!(!matches!(told, News::MadeRoom { .. } | News::NotCarried { .. }), "{told:?}");
        }
        let (n, name) = if remembers { (0, "1.mvr") } else { (1, "2.mvr") };
        assert_eq!(fetch(&desk, files[n]).await, std::fs::read(folder.path().join(name)).unwrap());
        assert!(kept(&store).contains(&files[n]));
    }
}
