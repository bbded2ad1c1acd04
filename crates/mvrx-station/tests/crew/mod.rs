//! A few stations that know each other, in either mode of operation.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use mvrx_discovery::MemoryBus;
use mvrx_message::{Commit, FileUuid};
use mvrx_station::{Builder, CommitDraft, Event, Events, Heard, HostOptions, Station};
use mvrx_store::FsStore;

/// No test here takes longer when it works.
pub const LIMIT: Duration = Duration::from_secs(60);

/// How stations reach each other.
pub enum Mode {
    Tcp(MemoryBus),
    Session(Station),
}

impl Mode {
    pub fn tcp() -> Self {
        Self::Tcp(MemoryBus::new())
    }

    pub async fn session() -> Self {
        let rack = Station::builder("Rack")
            .any_file(true)
            .listen(loopback())
            .host(HostOptions::default().announce(false));
        Self::Session(rack.spawn().await.unwrap().0)
    }

    pub fn describe(&self, name: &str) -> Builder {
        match self {
            Self::Tcp(bus) => {
                Station::builder(name).any_file(true).listen(loopback()).discovery(bus.attach(HERE.into()))
            }
            Self::Session(rack) => Station::builder(name).any_file(true).session(url(rack.address())),
        }
    }

    pub async fn start(&self, name: &str, folder: &Path) -> (Station, Events) {
        let store = FsStore::open(folder.join(name)).unwrap();
        self.describe(name).store(store).spawn().await.unwrap()
    }

    /// Who is there beside the crew itself.
    pub fn others(&self) -> usize {
        usize::from(matches!(self, Self::Session(_)))
    }

    pub async fn end(self) {
        if let Self::Session(rack) = self {
            rack.stop().await;
        }
    }
}

pub const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

pub fn loopback() -> SocketAddr {
    SocketAddr::from((HERE, 0))
}

pub fn url(address: SocketAddr) -> String {
    format!("ws://{address}/mvrxchange")
}

/// Waits for an event.
pub async fn until<T>(events: &mut Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let mut heard = Vec::new();
    loop {
        match tokio::time::timeout(LIMIT, events.next()).await {
            Ok(Some(Heard::Event(seen))) => match wanted(&seen.event) {
                Some(found) => return found,
                None => heard.push(seen.event),
            },
            Ok(Some(other)) => panic!("{other:?}; heard {heard:#?}"),
            Ok(None) => panic!("the station stopped; heard {heard:#?}"),
            Err(_) => panic!("waited too long; heard {heard:#?}"),
        }
    }
}

pub async fn until_joined(events: &mut Events, wanted: &str) {
    until(events, |e| matches!(e, Event::StationJoined { name, .. } if name == wanted).then_some(())).await;
}

/// All of them, in whatever order they come.
pub async fn until_all_joined(events: &mut Events, wanted: &[&str]) {
    let mut missing = wanted.to_vec();
    while !missing.is_empty() {
        let came = |e: &Event| match e {
            Event::StationJoined { name, .. } => missing.iter().position(|wanted| name == wanted),
            _ => None,
        };
        let came = until(events, came).await;
        missing.remove(came);
    }
}

pub async fn until_seen(events: &mut Events, file: FileUuid) {
    until(events, |e| matches!(e, Event::CommitSeen { file: f, .. } if *f == file).then_some(())).await;
}

/// Different for each seed, and without a pattern that a shift would hide.
pub fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed + 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

pub async fn commit(station: &Station, folder: &Path, seed: u64, length: usize) -> Commit {
    let path = folder.join(format!("show{seed}.mvr"));
    std::fs::write(&path, content(seed, length)).unwrap();
    station.commit(CommitDraft::from_path(path).comment(format!("revision {seed}"))).await.unwrap()
}

/// The bytes of a file that lies in a station's store.
pub fn read(station: &Station, file: FileUuid) -> Vec<u8> {
    let stored = station.store().open(file).unwrap();
    let mut bytes = vec![0; usize::try_from(stored.length().unwrap()).unwrap()];
    let mut at = 0;
    while at < bytes.len() {
        let wait = mvrx_store::Wait::idle_at_most(Duration::from_secs(5));
        let count = stored.read_at(at as u64, &mut bytes[at..], &wait).unwrap();
        assert!(count > 0, "the file ends early");
        at += count;
    }
    bytes
}
