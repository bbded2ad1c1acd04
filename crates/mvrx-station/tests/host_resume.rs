//! Aim: what a session's host reads of an owner and is cut goes on where it stopped, from whoever has it, and is never another file.
//!
//! `MVRX_RESUME_MIB`, `MVRX_RESUME_CUTS` and `MVRX_RESUME_SEED` as in `resume.rs`; over TLS `MVRX_RESUME_TLS_MIB` and `MVRX_RESUME_TLS_CUTS`.
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
mod ws_support;

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use cuts::{Proxy, Way, make_show, moved_little, number, places};
use futures_util::{SinkExt, StreamExt};
use mvrx_message::{Commit, Dialect, FilePart, FileUuid, Message, Reply};
use mvrx_station::tls::{ClientTls, SelfSigned, ServerTls};
use mvrx_station::{Builder, CommitDraft, Events, Heard, HostEvent, HostOptions, Source, Station, Timers};
use mvrx_store::{
    Cancel, Expect, FsStore, ImportError, ListError, MemStore, PartOf, Pending, Problem, PutAway,
    PutAwayError, ReadError, RemoveError, Store, StoredCommit, StoredFile, WriteError, Writer,
};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use ws_support::{Client, LIMIT, archive, commit, file, hosting, join_as, kept, until};

fn hash_of(bytes: &[u8]) -> [u8; 32] {
    let mut writer = MemStore::new().begin(Expect::Unknown).unwrap();
    writer.write(bytes).unwrap();
    writer.finish().unwrap().hash()
}

/// A station of a session, message by message.
struct Raw(WebSocketStream<TcpStream>);

impl Raw {
    async fn join(to: SocketAddr, n: u8, commits: Vec<Commit>) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        let mut raw = Self(tokio_tungstenite::client_async(format!("ws://{to}/"), stream).await.unwrap().0);
        raw.say(&join_as(n, "MVR App", commits)).await;
        raw
    }

    async fn say(&mut self, message: &Message) {
        let json = String::from_utf8(message.to_json(&Dialect::strict())).unwrap();
        self.0.send(tungstenite::Message::text(json)).await.unwrap();
    }

    /// Waits for the answer to the JOIN; a REQUEST before it is none.
    async fn joined(&mut self) {
        match tokio::time::timeout(LIMIT, self.0.next()).await.expect("nothing came") {
            Some(Ok(tungstenite::Message::Text(text))) => {
                let message = Message::parse(text.as_bytes()).unwrap().message;
                assert!(matches!(message, Message::JoinRet(_)), "{message:?}");
            }
            other => panic!("no JOIN_RET: {other:?}"),
        }
    }

    /// The rest of a file, with the words before it that say so, or all of it.
    async fn give(&mut self, from: Option<u64>, bytes: &[u8]) {
        if from.is_some() {
            self.say(&Message::RequestRet(Reply { from, ..Reply::ok() })).await;
        }
        self.0.send(tungstenite::Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// What the next REQUEST wants of its file; `None`: the connection was closed.
    async fn asked(&mut self) -> Option<Option<FilePart>> {
        loop {
            match tokio::time::timeout(LIMIT, self.0.next()).await.expect("nothing came")? {
                Ok(tungstenite::Message::Text(text)) => {
                    if let Message::Request(request) = Message::parse(text.as_bytes()).unwrap().message {
                        assert_eq!(request.file, Some(file(1)));
                        return Some(request.part);
                    }
                }
                Ok(tungstenite::Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}

fn lost(heard: &Heard) -> Option<String> {
    match heard {
        Heard::Session(seen) => match &seen.event {
            HostEvent::StationLost { why, .. } => Some(why.clone()),
            _ => None,
        },
        _ => None,
    }
}

struct Broken {
    rack: Station,
    events: Events,
    bytes: Vec<u8>,
    commit: Commit,
    half: usize,
}

/// A host that has half of a file, whose author is gone.
async fn broken() -> Broken {
    broken_at(hosting(HostOptions::default())).await
}

async fn broken_at(rack: Builder) -> Broken {
    let (rack, mut events) = rack.spawn().await.unwrap();
    let bytes = archive(1, 900_000);
    let commit = Commit { blake3: Some(hash_of(&bytes)), ..commit(1, 1, bytes.len()) };
    let half = 400_000;
    let mut author = Raw::join(rack.address(), 1, vec![commit.clone()]).await;
    assert_eq!(author.asked().await, Some(None), "all of it");
    author.give(None, &bytes[..half]).await;
    drop(author);
    until(&mut events, lost).await;
    Broken { rack, events, bytes, commit, half }
}

// proves: HDR-13
#[tokio::test]
async fn a_file_whose_author_was_cut_goes_on_when_it_comes_again() {
    let Broken { rack, mut events, bytes, commit, half } = broken().await;
    let mut author = Raw::join(rack.address(), 1, vec![commit.clone()]).await;
    let part = FilePart { from: half as u64, blake3: commit.blake3.unwrap() };
    assert_eq!(author.asked().await, Some(Some(part)));
    author.give(Some(half as u64), &bytes[half..]).await;
    assert_eq!(until(&mut events, kept).await, file(1));
    drop(author);
    let asker = Client::join(rack.address(), 3, "MVR App", mvrx_transport::FileStyle::OneMessage).await;
    assert_eq!(asker.fetch(file(1), bytes.len() as u64).await.unwrap(), bytes);
    rack.stop().await;
}

/// A store whose writers, dropped before the end, hold up their thread until they are let go.
#[derive(Debug)]
struct Slow(MemStore, Arc<Mutex<mpsc::Receiver<()>>>);

#[derive(Debug)]
struct SlowWriter(Option<Box<dyn Writer>>, Arc<Mutex<mpsc::Receiver<()>>>);

impl SlowWriter {
    fn writer(&mut self) -> &mut dyn Writer {
        self.0.as_deref_mut().unwrap()
    }
}

impl Drop for SlowWriter {
    fn drop(&mut self) {
        if let Some(writer) = self.0.take() {
            self.1.lock().unwrap().recv().unwrap();
            drop(writer);
        }
    }
}

impl Store for Slow {
    fn commits(&self) -> Result<Vec<StoredCommit>, ListError> {
        self.0.commits()
    }

    fn import(
        &self,
        from: &Path,
        so_far: &dyn Fn(u64),
        cancel: &Cancel,
    ) -> Result<Box<dyn Pending>, ImportError> {
        self.0.import(from, so_far, cancel)
    }

    fn begin(&self, expect: Expect) -> Result<Box<dyn Writer>, WriteError> {
        self.0.begin(expect)
    }

    fn part(&self, of: &PartOf) -> u64 {
        self.0.part(of)
    }

    fn begin_part(&self, of: &PartOf, from: u64) -> Result<Box<dyn Writer>, WriteError> {
        let writer = self.0.begin_part(of, from)?;
        Ok(Box::new(SlowWriter(Some(writer), Arc::clone(&self.1))))
    }

    fn open(&self, file: FileUuid) -> Result<StoredFile, ReadError> {
        self.0.open(file)
    }

    fn remove(&self, file: FileUuid) -> Result<(), RemoveError> {
        self.0.remove(file)
    }

    fn put_away(
        &self,
        file: FileUuid,
        into: &Path,
        hint: &str,
        cancel: &Cancel,
    ) -> Result<PutAway, PutAwayError> {
        self.0.put_away(file, into, hint, cancel)
    }

    fn problems(&self) -> Vec<Problem> {
        self.0.problems()
    }
}

impl Writer for SlowWriter {
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.writer().write(bytes)
    }

    fn as_file(&mut self) -> Option<&mut File> {
        self.writer().as_file()
    }

    fn moved(&mut self, count: u64) -> Result<(), WriteError> {
        self.writer().moved(count)
    }

    fn room(&self) -> u64 {
        self.0.as_ref().unwrap().room()
    }

    fn received(&self) -> u64 {
        self.0.as_ref().unwrap().received()
    }

    fn reader(&self) -> Result<StoredFile, ReadError> {
        self.0.as_ref().unwrap().reader()
    }

    fn finish(mut self: Box<Self>) -> Result<Box<dyn Pending>, WriteError> {
        self.0.take().unwrap().finish()
    }
}

// proves: HDR-13
#[tokio::test]
async fn who_comes_back_before_the_store_has_the_part_is_asked_for_the_rest_when_it_has() {
    let (release, go) = mpsc::channel();
    let slow = Slow(MemStore::new(), Arc::new(Mutex::new(go)));
    let Broken { rack, mut events, bytes, commit, half } =
        broken_at(hosting(HostOptions::default()).store(slow)).await;
    let mut author = Raw::join(rack.address(), 1, vec![commit.clone()]).await;
    let other = Client::join(rack.address(), 3, "MVR App", mvrx_transport::FileStyle::OneMessage).await;
    author.joined().await;
    release.send(()).unwrap();
    let part = FilePart { from: half as u64, blake3: commit.blake3.unwrap() };
    assert_eq!(author.asked().await, Some(Some(part)));
    author.give(Some(half as u64), &bytes[half..]).await;
    assert_eq!(until(&mut events, kept).await, file(1));
    assert_eq!(other.fetch(file(1), bytes.len() as u64).await.unwrap(), bytes);
    rack.stop().await;
}

// proves: HDR-13
#[tokio::test]
async fn a_part_outlives_a_restart_of_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let describe = || hosting(HostOptions::default()).store(FsStore::open(folder.path()).unwrap());
    let Broken { rack, events, bytes, commit, half } = broken_at(describe()).await;
    rack.stop().await;
    drop((rack, events));
    let (rack, mut events) = describe().spawn().await.unwrap();
    let mut author = Raw::join(rack.address(), 1, vec![commit]).await;
    let part = author.asked().await.unwrap().expect("all of it is asked for");
    assert_eq!(part.from, half as u64);
    author.give(Some(part.from), &bytes[half..]).await;
    assert_eq!(until(&mut events, kept).await, file(1));
    rack.stop().await;
}

// proves: HDR-13
#[tokio::test]
async fn an_owner_that_sends_all_of_it_again_is_fine() {
    let Broken { rack, mut events, bytes, commit, .. } = broken().await;
    let mut author = Raw::join(rack.address(), 1, vec![commit]).await;
    assert!(matches!(author.asked().await, Some(Some(_))));
    author.give(None, &bytes).await;
    assert_eq!(until(&mut events, kept).await, file(1));
    rack.stop().await;
}

// proves: HDR-13, HST-27
#[tokio::test]
async fn a_rest_that_does_not_fit_is_asked_for_whole_once_and_never_delivered() {
    let Broken { rack, mut events, bytes, commit, half } = broken().await;
    let mut author = Raw::join(rack.address(), 1, vec![commit]).await;
    assert!(matches!(author.asked().await, Some(Some(_))));
    let asker = Client::join(rack.address(), 3, "MVR App", mvrx_transport::FileStyle::OneMessage).await;
    let length = bytes.len() as u64;
    let asking = {
        let asker = asker.clone();
        tokio::spawn(async move { asker.fetch(file(1), length).await })
    };
    let serving = |heard: &Heard| match heard {
        Heard::Event(seen) => matches!(seen.event, mvrx_station::Event::Serving { .. }).then_some(()),
        _ => None,
    };
    author.give(Some(half as u64), &vec![7; 1_000]).await;
    until(&mut events, serving).await;
    author.0.send(tungstenite::Message::binary(vec![7; bytes.len() - half - 1_000])).await.unwrap();
    assert_eq!(author.asked().await, Some(None), "on the same connection, with no part to blame");
    asking.await.unwrap().expect_err("it was being sent what is no file");
    author.give(None, &bytes).await;
    assert_eq!(until(&mut events, kept).await, file(1));
    rack.stop().await;
}

// proves: HDR-13
#[tokio::test]
async fn an_answer_that_was_not_asked_for_ends_its_connection() {
    let Broken { rack, mut events, bytes, commit, half } = broken().await;
    for wrong in [1, half as u64 - 1, half as u64 + 1, u64::MAX] {
        let mut author = Raw::join(rack.address(), 1, vec![commit.clone()]).await;
        assert!(matches!(author.asked().await, Some(Some(_))), "what is here stays");
        author.say(&Message::RequestRet(Reply { from: Some(wrong), ..Reply::ok() })).await;
        assert_eq!(author.asked().await, None);
        let why = until(&mut events, lost).await;
        assert!(why.contains("was not asked for"), "{why}");
    }
    let mut author = Raw::join(rack.address(), 1, vec![commit]).await;
    author.asked().await;
    author.give(Some(half as u64), &bytes[half..]).await;
    assert_eq!(until(&mut events, kept).await, file(1));
    rack.stop().await;
}

// proves: HDR-03, HDR-13
#[tokio::test]
async fn the_next_owner_is_asked_for_the_rest_and_who_reads_notices_nothing() {
    let (rack, mut events) = hosting(HostOptions::default()).spawn().await.unwrap();
    let bytes = archive(1, 900_000);
    let commit = Commit { blake3: Some(hash_of(&bytes)), ..commit(1, 1, bytes.len()) };
    let mut first = Raw::join(rack.address(), 1, vec![commit.clone()]).await;
    assert_eq!(first.asked().await, Some(None));
    let mut next = Raw::join(rack.address(), 2, vec![commit]).await;
    let asker = Client::join(rack.address(), 3, "MVR App", mvrx_transport::FileStyle::OneMessage).await;
    let length = bytes.len() as u64;
    let asking = tokio::spawn(async move { asker.fetch(file(1), length).await });
    first.give(None, &bytes[..500_000]).await;
    drop(first);
    let Some(Some(part)) = next.asked().await else { panic!("all of it is asked for") };
    let from = usize::try_from(part.from).unwrap();
    assert!((1..=500_000).contains(&from));
    next.give(Some(part.from), &bytes[from..]).await;
    assert_eq!(asking.await.unwrap().unwrap(), bytes);
    until(&mut events, kept).await;
    rack.stop().await;
}

// proves: HDR-13
#[tokio::test]
async fn a_file_that_a_host_fetches_and_that_is_cut_again_and_again_goes_on() {
    let (length, cuts) = (number("MVRX_RESUME_MIB", 48) << 20, number("MVRX_RESUME_CUTS", 20));
    let folder = tempfile::tempdir().unwrap();
    let show = make_show(folder.path(), length);
    let describe = |name: &str| {
        Station::builder(name).any_file(true).store(FsStore::open(folder.path().join(name)).unwrap())
    };
    let hosting = HostOptions::default().announce(false);
    let (host, mut heard) = describe("rack")
        .listen(ws_support::loopback())
        .host(hosting)
        .event_buffer(100_000)
        .spawn()
        .await
        .unwrap();
    let proxy = Proxy::to(host.address(), Way::Forth, places(number("MVRX_RESUME_SEED", 1), length, cuts));
    let (desk, _events) = describe("desk")
        .session(format!("ws://{}/", proxy.address))
        .timers(Timers { retry: vec![Duration::from_millis(50)], ..Timers::default() })
        .spawn()
        .await
        .unwrap();
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    let whole = async { while until(&mut heard, kept).await != commit.file {} };
    tokio::time::timeout(Duration::from_secs(600), whole).await.unwrap();
    let stored = host.store().commit(commit.file).unwrap().unwrap();
    assert_eq!((Some(stored.hash), stored.length), (commit.blake3, length));
    moved_little(&proxy, (length, cuts));
    // And it is given on.
    let (other, _events) =
        describe("other").session(format!("ws://{}/", host.address())).spawn().await.unwrap();
    let listed = async {
        while !other.commits().await.unwrap().iter().any(|info| info.commit.file == commit.file) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, listed).await.unwrap();
    let fetched = other.request(commit.file, Source::Any).await.unwrap().await.unwrap();
    assert_eq!((fetched.commit.blake3, fetched.commit.file_size), (commit.blake3, length));
    for station in [other, desk, host] {
        station.stop().await;
    }
}

/// To the host and from it, with the pauses of a program that runs, which is what takes the time here.
// proves: HDR-13
#[tokio::test]
async fn over_tls_a_file_that_is_cut_on_both_its_ways_goes_on_with_the_timers_of_a_program() {
    let (length, cuts) = (number("MVRX_RESUME_TLS_MIB", 8) << 20, number("MVRX_RESUME_TLS_CUTS", 4));
    let folder = tempfile::tempdir().unwrap();
    let show = make_show(folder.path(), length);
    let made = SelfSigned::make(&["127.0.0.1".to_owned()]).unwrap();
    let tls = ServerTls::from_pem(made.certificate.as_bytes(), made.key.as_bytes()).unwrap();
    let trust = ClientTls::pinned(tls.fingerprint()).unwrap();
    let describe = |name: &str| {
        Station::builder(name).any_file(true).store(FsStore::open(folder.path().join(name)).unwrap())
    };
    let hosting = HostOptions::default().announce(false).tls(Some(tls));
    let rack = describe("rack").listen(ws_support::loopback()).host(hosting).event_buffer(100_000);
    let (host, mut heard) = rack.spawn().await.unwrap();
    let through = |proxy: &Proxy, name| {
        let url = format!("wss://{}/", proxy.address);
        describe(name).session(url).trust(trust.clone())
    };
    let seed = number("MVRX_RESUME_SEED", 1);
    let forth = Proxy::to(host.address(), Way::Forth, places(seed, length, cuts));
    let (desk, _events) = through(&forth, "desk").spawn().await.unwrap();
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    let long = Duration::from_secs(600);
    let whole = async { while until(&mut heard, kept).await != commit.file {} };
    tokio::time::timeout(long, whole).await.unwrap();
    let stored = host.store().commit(commit.file).unwrap().unwrap();
    assert_eq!((Some(stored.hash), stored.length), (commit.blake3, length));
    moved_little(&forth, (length, cuts));
    desk.stop().await;
    let back = Proxy::to(host.address(), Way::Back, places(seed + 1, length, cuts));
    let (other, _events) = through(&back, "other").spawn().await.unwrap();
    let listed = async {
        while !other.commits().await.unwrap().iter().any(|info| info.commit.file == commit.file) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, listed).await.unwrap();
    let fetching = async { other.request(commit.file, Source::Any).await.unwrap().await };
    let fetched = tokio::time::timeout(long, fetching).await.unwrap().unwrap();
    assert_eq!((fetched.commit.blake3, fetched.commit.file_size), (commit.blake3, length));
    moved_little(&back, (length, cuts));
    for station in [other, host] {
        station.stop().await;
    }
}
