//! Aim: a transfer that is cut again and again goes on where it stopped, arrives with its hash right, and moves little more than the file.
//!
//! `MVRX_RESUME_MIB` and `MVRX_RESUME_CUTS` make the file and the cuts as many as wanted; `MVRX_RESUME_SEED` places them elsewhere.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout
)]

mod cuts;
mod support;
mod ws_support;

use std::collections::VecDeque;
use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cuts::{Proxy, Way, make_show, moved_little, number, places};
use mvrx_discovery::FixedDiscovery;
use mvrx_message::{Commit, FilePart, Message, Reply, Request};
use mvrx_station::{
    Builder, CommitDraft, Event, Events, Fetched, HostOptions, Limits, RequestFailure, Source, Station,
    Timers,
};
use mvrx_store::{Expect, FsStore, MemStore, Store};
use support::{commit_of, loopback, message, package, peer, read_package, until};
use ws_support::content;

fn describe(name: &str, folder: &Path) -> Builder {
    Station::builder(name).any_file(true).listen(loopback()).store(FsStore::open(folder.join(name)).unwrap())
}

async fn seen(events: &mut Events, of: &Commit) {
    until(events, |e| matches!(e, Event::CommitSeen { file, .. } if *file == of.file).then_some(())).await;
}

fn came_whole(fetched: &Fetched, commit: &Commit, proxy: &Proxy, (length, cuts): (u64, u64)) {
    assert_eq!((fetched.commit.blake3, fetched.commit.file_size), (commit.blake3, length));
    moved_little(proxy, (length, cuts));
}

// proves: STA-26
#[tokio::test]
async fn a_transfer_over_tcp_that_is_cut_again_and_again_goes_on() {
    let (length, cuts) = (number("MVRX_RESUME_MIB", 48) << 20, number("MVRX_RESUME_CUTS", 20));
    let folder = tempfile::tempdir().unwrap();
    let show = make_show(folder.path(), length);
    let (desk, _) = describe("desk", folder.path()).discovery(FixedDiscovery::new([])).spawn().await.unwrap();
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    let proxy = Proxy::to(desk.address(), Way::Back, places(number("MVRX_RESUME_SEED", 1), length, cuts));
    let at = FixedDiscovery::new([proxy.address]);
    let (other, mut events) =
        describe("other", folder.path()).discovery(at).event_buffer(100_000).spawn().await.unwrap();
    seen(&mut events, &commit).await;
    let transfer = other.request(commit.file, Source::Any).await.unwrap();
    let progress = transfer.progress();
    let fetched = transfer.await.unwrap();
    assert_eq!(progress.received(), length);
    came_whole(&fetched, &commit, &proxy, (length, cuts));
    other.stop().await;
    desk.stop().await;
}

// proves: STA-26
#[tokio::test]
async fn a_transfer_over_web_socket_that_is_cut_again_and_again_goes_on() {
    let (length, cuts) = (number("MVRX_RESUME_MIB", 48) << 20, number("MVRX_RESUME_CUTS", 20));
    let folder = tempfile::tempdir().unwrap();
    let show = make_show(folder.path(), length);
    let hosting = HostOptions::default().announce(false);
    let (host, mut heard) = describe("rack", folder.path()).host(hosting).spawn().await.unwrap();
    let url = |at: SocketAddr| format!("ws://{at}/");
    let (desk, mut events) = Station::builder("desk")
        .any_file(true)
        .session(url(host.address()))
        .store(FsStore::open(folder.path().join("desk")).unwrap())
        .spawn()
        .await
        .unwrap();
    until(&mut events, |e| matches!(e, Event::JoinedGroup).then_some(())).await;
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    // The host serves it from its store, whoever else is there.
    while host.store().commit(commit.file).unwrap().is_none() {
        let _ = tokio::time::timeout(Duration::from_millis(200), heard.next()).await;
    }
    let proxy = Proxy::to(host.address(), Way::Back, places(number("MVRX_RESUME_SEED", 1), length, cuts));
    let (other, mut events) = Station::builder("other")
        .any_file(true)
        .session(url(proxy.address))
        .store(FsStore::open(folder.path().join("other")).unwrap())
        .timers(Timers { retry: vec![Duration::from_millis(50)], ..Timers::default() })
        .event_buffer(100_000)
        .spawn()
        .await
        .unwrap();
    seen(&mut events, &commit).await;
    let fetched = other.request(commit.file, Source::Any).await.unwrap().await.unwrap();
    came_whole(&fetched, &commit, &proxy, (length, cuts));
    for station in [other, desk, host] {
        station.stop().await;
    }
}

// proves: STA-26
#[tokio::test]
async fn a_part_outlives_a_restart_of_the_station() {
    let length = 6 << 20;
    let folder = tempfile::tempdir().unwrap();
    let show = make_show(folder.path(), length);
    let (desk, _) = describe("desk", folder.path()).discovery(FixedDiscovery::new([])).spawn().await.unwrap();
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    let proxy = Proxy::to(desk.address(), Way::Back, [length - 100_000]);
    for last in [false, true] {
        let mut limits = Limits::default();
        if !last {
            limits.breaks = 0;
        }
        let at = FixedDiscovery::new([proxy.address]);
        let other = describe("other", folder.path()).limits(limits).discovery(at);
        let (other, mut events) = other.spawn().await.unwrap();
        seen(&mut events, &commit).await;
        let ended = other.request(commit.file, Source::Any).await.unwrap().await;
        assert_eq!(ended.is_ok(), last, "{ended:?}");
        if let Ok(fetched) = ended {
            came_whole(&fetched, &commit, &proxy, (length, 1));
        }
        other.stop().await;
    }
    desk.stop().await;
}

fn hash_of(bytes: &[u8]) -> [u8; 32] {
    let mut writer = MemStore::new().begin(Expect::Unknown).unwrap();
    writer.write(bytes).unwrap();
    writer.finish().unwrap().hash()
}

/// A station whose answers to REQUEST are these, one after the other; each closes the connection.
fn answers(commit: Commit, each: Vec<Vec<u8>>) -> (SocketAddr, Arc<Mutex<VecDeque<Vec<u8>>>>) {
    let left = Arc::new(Mutex::new(VecDeque::from(each)));
    let taken = Arc::clone(&left);
    let address = peer(commit, move |mut socket| {
        let answer = taken.lock().unwrap().pop_front();
        let refused = message(&Message::RequestRet(Reply::refused("no more")));
        // Whoever asked may have gone.
        let _ = socket.write_all(&answer.unwrap_or(refused));
    });
    (address, left)
}

fn from(at: usize) -> Vec<u8> {
    message(&Message::RequestRet(Reply { from: Some(at as u64), ..Reply::ok() }))
}

/// What becomes of a file that breaks off in its middle, and then is answered so.
async fn goes_on(then: impl Fn(&[u8], usize) -> Vec<Vec<u8>>) -> (Result<Fetched, RequestFailure>, usize) {
    let folder = tempfile::tempdir().unwrap();
    let bytes = content(1, 900_000);
    let half = 400_000;
    let commit = Commit { blake3: Some(hash_of(&bytes)), ..commit_of(bytes.len() as u64, "rig.mvr") };
    let mut broken = package(1, &bytes);
    broken.truncate(28 + half);
    let (address, left) = answers(commit.clone(), [vec![broken], then(&bytes, half)].concat());
    let at = FixedDiscovery::new([address]);
    let (other, mut events) = describe("other", folder.path()).discovery(at).spawn().await.unwrap();
    seen(&mut events, &commit).await;
    let ended = other.request(commit.file, Source::Any).await.unwrap().await;
    other.stop().await;
    let left = left.lock().unwrap().len();
    (ended, left)
}

// proves: STA-26
#[tokio::test]
async fn a_foreign_station_that_sends_all_of_it_again_is_fine() {
    let (ended, left) = goes_on(|bytes, _| vec![package(1, bytes)]).await;
    assert_eq!((ended.unwrap().commit.file_size, left), (900_000, 0));
}

// proves: STA-26
#[tokio::test]
async fn what_does_not_go_on_from_the_kept_part_is_asked_for_whole_once() {
    let wrong = |bytes: &[u8], half: usize| [from(half), package(1, &vec![7; bytes.len() - half])].concat();
    let (ended, left) = goes_on(|bytes, half| vec![wrong(bytes, half), package(1, bytes)]).await;
    assert_eq!((ended.unwrap().commit.file_size, left), (900_000, 0));
    // Whole and wrong: it is another file, and nobody is left to ask.
    let (ended, left) =
        goes_on(|bytes, half| vec![wrong(bytes, half), package(1, &vec![7; bytes.len()])]).await;
    assert!(ended.unwrap_err().to_string().contains("BLAKE3 differs"));
    assert_eq!(left, 0);
}

// proves: STA-26
#[tokio::test]
async fn an_answer_that_makes_no_sense_gives_no_file() {
    for at in [0, 1, 399_999, 400_001, 899_999, 900_000, usize::MAX] {
        let (ended, _) = goes_on(|bytes, half| vec![[from(at), package(1, &bytes[half..])].concat()]).await;
        assert!(ended.is_err(), "from {at}");
    }
    for wrong in [499_999, 500_001] {
        let (ended, _) = goes_on(|_, half| vec![[from(half), package(1, &vec![7; wrong])].concat()]).await;
        let why = ended.unwrap_err().to_string();
        assert!(why.contains("from byte 400000 on, and 500000 are missing"), "{why}");
    }
}

// proves: STA-26, MSG-MVRX-PART
#[tokio::test]
async fn a_file_is_given_from_where_it_is_asked_for_and_whole_where_that_makes_no_sense() {
    let folder = tempfile::tempdir().unwrap();
    let show = make_show(folder.path(), 1_000);
    let bytes = fs::read(&show).unwrap();
    let (desk, _) = describe("desk", folder.path()).discovery(FixedDiscovery::new([])).spawn().await.unwrap();
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    let hash = commit.blake3.unwrap();
    let ask = |from: u64, blake3: [u8; 32]| {
        let mut socket = TcpStream::connect(desk.address()).unwrap();
        let request = Request::new(Some(commit.file), vec![]);
        let part = Some(FilePart { from, blake3 });
        socket.write_all(&message(&Message::Request(Request { part, ..request }))).unwrap();
        let (kind, payload) = read_package(&mut socket).unwrap();
        if kind == 1 {
            return (0, payload);
        }
        let Message::RequestRet(reply) = Message::parse(&payload).unwrap().message else { panic!() };
        assert!(reply.ok);
        (reply.from.unwrap(), read_package(&mut socket).unwrap().1)
    };
    for at in [1, 500, 999] {
        let rest = bytes[at as usize..].to_vec();
        assert_eq!(ask(at, hash), (at, rest));
    }
    for at in [0, 1_000, 1_001, u64::MAX] {
        assert_eq!(ask(at, hash), (0, bytes.clone()), "from {at}");
    }
    assert_eq!(ask(500, [0; 32]), (0, bytes.clone()), "another file");
    desk.stop().await;
}
