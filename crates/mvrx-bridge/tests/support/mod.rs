//! Groups, sessions and bridges on loopback.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mvrx_bridge::{Bridge, Limits, News, Options};
use mvrx_discovery::MemoryBus;
use mvrx_message::{Commit, FileUuid, StationUuid};
use mvrx_station::{CommitDraft, HostOptions, Membership, Source, Station, Timers};
use tokio::sync::mpsc;

pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// No test here takes longer when it works.
pub const LIMIT: Duration = Duration::from_secs(60);

pub fn id(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

/// Tries again sooner than on a real network.
pub fn quick() -> Timers {
    Timers { retry: vec![Duration::from_millis(300)], ..Timers::default() }
}

/// A station of a group.
pub async fn in_group(bus: &MemoryBus, n: u8, name: &str, provider: &str) -> Station {
    let station = Station::builder(name).any_file(true).provider(provider).identity(id(n)).timers(quick());
    let station = station.listen(SocketAddr::new(HERE, 0)).discovery(bus.attach(HERE));
    station.spawn().await.unwrap().0
}

/// A session, and its URL.
pub async fn host(n: u8, at: u16) -> (Station, String) {
    let hosting = HostOptions::default().announce(false);
    let host = Station::builder("Rack")
        .any_file(true)
        .identity(id(n))
        .host(hosting)
        .listen(SocketAddr::new(HERE, at));
    let (host, _) = host.discovery(MemoryBus::new().attach(HERE)).spawn().await.unwrap();
    let url = format!("ws://{}/", host.address());
    (host, url)
}

/// A station of a session.
pub async fn in_session(url: &str, n: u8, name: &str, provider: &str) -> Station {
    let station = Station::builder(name).any_file(true).provider(provider).identity(id(n)).timers(quick());
    station.session(url).spawn().await.unwrap().0
}

pub fn limits() -> Limits {
    Limits {
        turn: Duration::from_millis(300),
        each_before_us: Duration::from_millis(700),
        patience: Duration::from_secs(30),
        again: Duration::from_millis(200),
        ..Limits::default()
    }
}

pub fn options(bus: &MemoryBus, n: u8, url: &str) -> Options {
    let bus = bus.clone();
    Options::new(format!("Bridge {n}"), "Default", url)
        .any_file(true)
        .identity(id(n))
        .listen(HERE)
        .timers(quick())
        .limits(limits())
        .pace(Duration::from_millis(100), Duration::from_millis(300))
        .discovery(move || Ok(Box::new(bus.attach(HERE))))
}

pub async fn bridge(bus: &MemoryBus, n: u8, url: &str) -> (Bridge, mpsc::Receiver<News>) {
    Bridge::start(options(bus, n, url)).await.unwrap()
}

/// Waits until something is so; what is looked at is shown where it never is.
pub async fn until<F, T>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let end = tokio::time::Instant::now() + LIMIT;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if tokio::time::Instant::now() > end => panic!("never: {what}; seen: {seen}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Waits until `who` counts a station among those that are there.
pub async fn sees(who: &Station, n: u8) {
    until(&format!("station {n} is seen"), || async {
        let all = who.stations().await.unwrap();
        let there = all.iter().any(|s| s.station == id(n) && s.membership == Membership::Member);
        if there { Ok(()) } else { Err(format!("{all:#?}")) }
    })
    .await;
}

/// Waits until `who` no longer does.
pub async fn misses(who: &Station, n: u8) {
    until(&format!("station {n} is gone"), || async {
        let all = who.stations().await.unwrap();
        let there =
            all.iter().any(|s| s.station == id(n) && s.membership == Membership::Member && s.reachable);
        if there { Err(format!("{all:#?}")) } else { Ok(()) }
    })
    .await;
}

pub async fn knows(who: &Station, file: FileUuid) -> Commit {
    until("a commit is known", || async {
        let all = who.commits().await.unwrap();
        let found =
            all.iter().find(|info| info.commit.file == file && (info.held || !info.holders.is_empty()));
        found.map(|info| info.commit.clone()).ok_or_else(|| format!("{all:#?}"))
    })
    .await
}

pub fn show(folder: &Path, name: &str, bytes: usize) -> PathBuf {
    let path = folder.join(name);
    let content: Vec<u8> = (0..bytes).map(|n| u8::try_from((n / 7 + n % 251) % 256).unwrap()).collect();
    std::fs::write(&path, content).unwrap();
    path
}

/// A zip archive with so many bytes in it, without a pattern.
pub fn archive(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut content = Vec::with_capacity(length + 8);
    while content.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        content.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    content.truncate(length);
    let checksum = !content.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum: u32, _| (sum >> 1) ^ ((sum & 1) * 0xEDB8_8320))
    });
    let size = u32::try_from(length).unwrap().to_le_bytes();
    let sizes = [&checksum.to_le_bytes()[..], &size, &size, &[1, 0]].concat();
    let mut bytes = [b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0", &sizes[..], b"\0\0a", &content].concat();
    let directory = bytes.len();
    bytes.extend([b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0", &sizes[..], &[0; 16], b"a"].concat());
    let ends = [bytes.len() - directory, directory].map(|n| u32::try_from(n).unwrap().to_le_bytes());
    bytes.extend([b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &ends[0][..], &ends[1], &[0, 0]].concat());
    bytes
}

pub async fn commit(who: &Station, path: &Path, comment: &str, for_stations: &[u8]) -> Commit {
    let draft = CommitDraft::from_path(path).comment(comment);
    let draft = draft.for_stations(for_stations.iter().map(|n| id(*n)));
    who.commit(draft).await.unwrap()
}

/// Fetches a file and gives its bytes.
pub async fn fetch(who: &Station, file: FileUuid) -> Vec<u8> {
    let transfer = who.request(file, Source::Any).await.unwrap();
    tokio::time::timeout(LIMIT, transfer).await.unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let put = who.store().put_away(file, folder.path(), "fetched.mvr", &mvrx_store::Cancel::new()).unwrap();
    std::fs::read(put.path).unwrap()
}

pub async fn hears(news: &mut mpsc::Receiver<News>, wanted: impl Fn(&News) -> bool) -> News {
    let mut heard = Vec::new();
    loop {
        match tokio::time::timeout(LIMIT, news.recv()).await {
            Ok(Some(told)) if wanted(&told) => return told,
            Ok(Some(told)) => heard.push(told),
            other => panic!("{other:?}; heard {heard:#?}"),
        }
    }
}
