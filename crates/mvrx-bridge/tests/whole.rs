//! What an author gives that is not the file it announced, or no whole file: kept aside by the bridge, told in words, never offered on the other
//! side.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};

use mvrx_bridge::{Bridge, News, Side};
use mvrx_discovery::MemoryBus;
use mvrx_message::{Commit, FileUuid, MvrVersion};
use mvrx_station::Station;
use mvrx_store::{Expect, FsStore};
use support::*;
use tokio::sync::mpsc;

/// A station on each side of a bridge, which see each other.
struct Place {
    bus: MemoryBus,
    /// The bridge's data directory.
    folder: tempfile::TempDir,
    rack: Station,
    desk: Station,
    remote: Station,
    bridge: Bridge,
    news: mpsc::Receiver<News>,
}

async fn place() -> Place {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (rack, url) = host(200, 0).await;
    let (desk, remote) = (in_group(&bus, 1, "Desk", "A").await, in_session(&url, 2, "Remote", "B").await);
    // As bridges are by default: they look through what they carry.
    let options = options(&bus, 100, &url).any_file(false).store(FsStore::open(folder.path()).unwrap());
    let (bridge, news) = Bridge::start(options).await.unwrap();
    sees(&desk, 2).await;
    sees(&remote, 1).await;
    Place { bus, folder, rack, desk, remote, bridge, news }
}

/// Commits these bytes under whatever is said of them.
async fn says(author: &Station, n: u8, bytes: &[u8], length: u64, blake3: Option<[u8; 32]>) -> FileUuid {
    let file = FileUuid::from_random_bytes([n; 16]);
    let store = author.store();
    let mut writer = store.begin(Expect::Unknown).unwrap();
    writer.write(bytes).unwrap();
    let pending = writer.finish().unwrap();
    let real = pending.hash();
    let commit = Commit {
        file,
        station: Some(author.uuid()),
        version: MvrVersion { major: 1, minor: 6 },
        file_size: bytes.len() as u64,
        for_stations: Vec::new(),
        comment: String::new(),
        file_name: "rig.mvr".to_owned(),
        blake3: Some(real),
        author: None,
        group: None,
        order: None,
        missed: false,
    };
    pending.publish(&commit, "Default").unwrap();
    author.announce(Commit { file_size: length, blake3, ..commit }).await.unwrap();
    file
}

/// Waits until so many files are kept aside, and one of them has these bytes, for a person to look at.
async fn kept_aside(data: &Path, count: usize, bytes: &[u8]) {
    until("the file aside", || async {
        let found = std::fs::read_dir(data.join("aside"));
        let found: Vec<PathBuf> =
            found.map(|all| all.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default();
        let is_it = |path: &PathBuf| std::fs::read(path).is_ok_and(|read| read == bytes);
        if found.len() == count && found.iter().any(is_it) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

async fn refused(news: &mut mpsc::Receiver<News>, from: Side, bad: FileUuid, words: &str) {
    let is_it = |news: &News| matches!(news, News::NotCarried { file, .. } if *file == bad);
    let News::NotCarried { side, why, .. } = hears(news, is_it).await else { unreachable!() };
    assert_eq!(side, from);
    assert!(why.contains(words), "{why}");
}

/// What is committed after it crosses, and nothing is known of the bad one there.
async fn only_the_next_crosses(author: &Station, other: &Station, n: u8, bad: FileUuid) {
    let good = archive(n, 60_000);
    let hash = None;
    let file = says(author, n, &good, good.len() as u64, hash).await;
    knows(other, file).await;
    assert_eq!(fetch(other, file).await, good);
    assert!(other.commits().await.unwrap().iter().all(|info| info.commit.file != bad));
}

// proves: BRG-12
#[tokio::test]
async fn a_damaged_file_of_either_side_is_kept_aside_and_never_offered_on_the_other() {
    let Place { bus: _, folder, rack: _rack, desk, remote, bridge: _bridge, mut news } = place().await;
    let ways = [(10, Side::Lan, &desk, &remote), (20, Side::Host, &remote, &desk)];
    for (count, (n, side, author, other)) in (1..).zip(ways) {
        let mut bytes = archive(n, 200_000);
        bytes[100_000] ^= 1;
        let bad = says(author, n, &bytes, bytes.len() as u64, None).await;
        refused(&mut news, side, bad, "damaged: member \"a\": its checksum is").await;
        kept_aside(folder.path(), count, &bytes).await;
        only_the_next_crosses(author, other, n + 1, bad).await;
    }
}

// proves: BRG-12
#[tokio::test]
async fn a_file_of_another_hash_or_length_than_announced_is_not_offered_on_either() {
    let Place { bus: _, folder, rack: _rack, desk, remote, bridge: _bridge, mut news } = place().await;
    let bytes = archive(10, 100_000);
    let length = bytes.len() as u64;

    let bad = says(&desk, 10, &bytes, length, Some([7; 32])).await;
    refused(&mut news, Side::Lan, bad, "not the announced file (BLAKE3 differs)").await;
    kept_aside(folder.path(), 1, &bytes).await;
    only_the_next_crosses(&desk, &remote, 11, bad).await;

    let bad = says(&desk, 12, &bytes, length + 1, None).await;
    refused(&mut news, Side::Lan, bad, &format!("it announced {} bytes and sends {length}", length + 1))
        .await;
    only_the_next_crosses(&desk, &remote, 13, bad).await;
}

// proves: BRG-25
#[tokio::test]
async fn a_damaged_file_is_given_up_and_said_once_and_fetched_again_when_its_author_has_been_away() {
    let Place { bus, folder: _folder, rack: _rack, desk, remote, bridge: _bridge, mut news } = place().await;
    let good = archive(10, 200_000);
    let mut bytes = good.clone();
    bytes[100_000] ^= 1;
    let bad = says(&desk, 10, &bytes, bytes.len() as u64, None).await;
    let of_it = |news: &News| match news {
        News::NotCarried { file, .. } | News::GivenUp { file, .. } => *file == bad,
        _ => false,
    };
    for tried in 1..=3 {
        let told = hears(&mut news, of_it).await;
        assert_eq!(matches!(told, News::GivenUp { side: Side::Lan, .. }), tried == 3, "{tried}: {told:?}");
    }
    // The next one crosses, and by then nothing more was said of the bad one.
    only_the_next_crosses(&desk, &remote, 11, bad).await;
    while let Ok(told) = news.try_recv() {
        assert!(!of_it(&told), "{told:?}");
    }
    desk.stop().await;
    hears(&mut news, |news| matches!(news, News::Disappeared { side: Side::Host, .. })).await;
    let desk = in_group(&bus, 1, "Desk", "A").await;
    let again = says(&desk, 10, &good, good.len() as u64, None).await;
    assert_eq!(again, bad);
    knows(&remote, bad).await;
    assert_eq!(fetch(&remote, bad).await, good);
}
