//! Aim: a station changes its group while others look on, over real discovery on loopback: nobody loses sight of it, commits stay in their group.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::sync::{Arc, Mutex, mpsc};
use std::time::SystemTime;

use mvrx_discovery::{
    Advertisement, BoxFuture, Discovery, DiscoveryError, DiscoveryEvent, LanDiscovery, MdnsOptions,
    MemoryBus, MemoryDiscovery, SightingKey,
};
use mvrx_message::{Commit, FileUuid, GroupName, StationUuid};
use mvrx_station::{ChangeGroupError, CommitDraft, Event, Events, Heard, Source, Station, Timers};
use mvrx_store::{
    Cancel, Expect, FsStore, ImportError, ListError, Pending, Problem, PublishError, PutAway, PutAwayError,
    ReadError, RemoveError, Store, StoredCommit, StoredFile, WriteError, Writer,
};
use socket2::SockRef;
use support::{HERE, LIMIT, loopback, until};

/// A UDP port that nobody else had, held for those alone who share it as mDNS does.
fn network() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    SockRef::from(&socket).set_reuse_address(true).unwrap();
    socket.connect("127.0.0.1:9").unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Looks for others as long as a busy machine may need to show them.
async fn station(name: &str, group: &str, folder: &Path, port: u16) -> (Station, Events) {
    let timers = Timers { look_around: LIMIT, change: 2 * LIMIT, ..Timers::default() };
    station_with(timers, name, group, folder, port).await
}

async fn station_with(
    timers: Timers,
    name: &str,
    group: &str,
    folder: &Path,
    port: u16,
) -> (Station, Events) {
    let store = FsStore::open(folder.join(name)).unwrap();
    let discovery = LanDiscovery::start(MdnsOptions::loopback(port)).unwrap();
    let builder = Station::builder(name).any_file(true).group(group).listen(loopback()).timers(timers);
    builder.discovery(discovery).store(store).spawn().await.unwrap()
}

/// When this happened.
async fn when(events: &mut Events, wanted: impl Fn(&Event) -> bool) -> SystemTime {
    loop {
        match tokio::time::timeout(LIMIT, events.next()).await.expect("it happens") {
            Some(Heard::Event(seen)) if wanted(&seen.event) => return seen.at,
            Some(_) => {}
            None => panic!("the station stopped"),
        }
    }
}

async fn commit(station: &Station, folder: &Path, name: &str) -> FileUuid {
    let path = folder.join(name);
    fs::write(&path, name).unwrap();
    station.commit(CommitDraft::from_path(&path)).await.unwrap().file
}

fn is_seen(event: &Event, wanted: FileUuid) -> bool {
    matches!(event, Event::CommitSeen { file, .. } if *file == wanted)
}

fn joined(event: &Event, other: &Station) -> bool {
    matches!(event, Event::StationJoined { station, .. } if *station == other.uuid())
}

fn left(event: &Event, other: &Station) -> bool {
    matches!(event, Event::StationLeft { station } if *station == other.uuid())
}

async fn commits(station: &Station) -> Vec<FileUuid> {
    station.commits().await.unwrap().iter().map(|info| info.commit.file).collect()
}

// proves: STA-17, DIS-TWO-GROUPS
#[tokio::test]
async fn three_stations_see_one_of_them_change_its_group_and_come_back() {
    let (_held, port) = network();
    let folder = tempfile::tempdir().unwrap();
    let (mover, mut told) = station("Mover", "Default", folder.path(), port).await;
    let (home, mut at_home) = station("Home", "Default", folder.path(), port).await;
    let (stage, mut on_stage) = station("Stage", "Stage", folder.path(), port).await;
    when(&mut at_home, |e| joined(e, &mover)).await;
    when(&mut told, |e| joined(e, &home)).await;
    let first = commit(&mover, folder.path(), "first.mvr").await;
    when(&mut at_home, |e| is_seen(e, first)).await;
    let other = commit(&stage, folder.path(), "other.mvr").await;

    mover.change_group("Stage").await.unwrap();
    let arrived = when(&mut on_stage, |e| joined(e, &mover)).await;
    let gone = when(&mut at_home, |e| left(e, &mover)).await;
    assert!(arrived <= gone, "it was in the new group before it left the old one");
    when(&mut told, |e| matches!(e, Event::GroupChanged { to, .. } if to.as_str() == "Stage")).await;
    if !commits(&mover).await.contains(&other) {
        when(&mut told, |e| is_seen(e, other)).await;
    }
    assert!(!commits(&mover).await.contains(&first), "it belongs to the other group");
    assert!(!commits(&stage).await.contains(&first));
    let fetched = mover.request(other, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(fetched.from, Some(stage.uuid()));
    let second = commit(&mover, folder.path(), "second.mvr").await;
    when(&mut on_stage, |e| is_seen(e, second)).await;

    mover.change_group("Default").await.unwrap();
    when(&mut at_home, |e| joined(e, &mover)).await;
    when(&mut on_stage, |e| left(e, &mover)).await;
    assert_eq!(commits(&mover).await, [first], "what it committed there before");
    assert_eq!(commits(&home).await, [first]);
    assert_eq!(commits(&stage).await, [other, second]);
    let info = home.stations().await.unwrap();
    assert_eq!(info.len(), 1, "{info:?}");
    for station in [mover, home, stage] {
        station.stop().await;
    }
}

#[tokio::test]
async fn two_stations_that_change_together_stay_together() {
    let (_held, port) = network();
    let folder = tempfile::tempdir().unwrap();
    let (one, mut one_told) = station("One", "Default", folder.path(), port).await;
    let (two, mut two_told) = station("Two", "Default", folder.path(), port).await;
    when(&mut one_told, |e| joined(e, &two)).await;
    when(&mut two_told, |e| joined(e, &one)).await;
    let (first, second) = tokio::join!(one.change_group("Stage"), two.change_group("Stage"));
    first.unwrap();
    second.unwrap();
    let show = commit(&one, folder.path(), "show.mvr").await;
    when(&mut two_told, |e| is_seen(e, show)).await;
    let back = commit(&two, folder.path(), "back.mvr").await;
    when(&mut one_told, |e| is_seen(e, back)).await;
}

#[tokio::test]
async fn a_group_with_nobody_in_it_is_begun_and_a_name_that_cannot_be_one_is_refused() {
    let (_held, port) = network();
    let folder = tempfile::tempdir().unwrap();
    let (one, _) = station_with(Timers::default(), "One", "Default", folder.path(), port).await;
    one.change_group("Tour 2026").await.unwrap();
    let (two, mut told) = station("Two", "Tour 2026", folder.path(), port).await;
    when(&mut told, |e| joined(e, &one)).await;
    let unfit = two.change_group("x".repeat(64)).await;
    assert!(matches!(unfit, Err(ChangeGroupError::GroupName { .. })), "{unfit:?}");
    // With a dot in it it is a group like any other, for stations of ours.
    two.change_group("a.b").await.unwrap();
    one.change_group("a.b").await.unwrap();
    when(&mut told, |e| joined(e, &one)).await;
    two.stop().await;
    assert!(matches!(two.change_group("Other").await, Err(ChangeGroupError::Stopped)));
}

/// In which group a file lies in the store of a station that has stopped.
fn kept_in(folder: &Path, file: FileUuid) -> String {
    FsStore::open(folder).unwrap().commit(file).unwrap().expect("it is kept").group
}

// proves: STA-17
#[tokio::test]
async fn what_is_committed_meanwhile_is_of_the_group_in_which_the_station_is_then() {
    let bus = MemoryBus::new();
    let folder = tempfile::tempdir().unwrap();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut there = bus.attach(HERE);
    let somebody = StationUuid::from_random_bytes([7; 16]);
    let group = GroupName::create("Stage").unwrap();
    let port = silent.local_addr().unwrap().port();
    there.advertise(&Advertisement::new(group, somebody, "Silent", port)).unwrap();
    for (group, joins) in [("Stage", false), ("Empty", true)] {
        let data = folder.path().join(format!("data for {group}"));
        let timers = Timers { change: std::time::Duration::from_secs(2), ..Timers::default() };
        let builder = Station::builder("One")
            .any_file(true)
            .listen(loopback())
            .discovery(bus.attach(HERE))
            .timers(timers);
        let (one, told) = builder.store(FsStore::open(&data).unwrap()).spawn().await.unwrap();
        let name = format!("{group}.mvr");
        let (changed, file) = tokio::join!(one.change_group(group), commit(&one, folder.path(), &name));
        assert_eq!(changed.is_ok(), joins, "{changed:?}");
        assert_eq!(commits(&one).await, [file]);
        one.stop().await;
        drop((one, told));
        assert_eq!(kept_in(&data, file), if joins { group } else { "Default" });
    }
}

/// A store in which listing a file takes until it is let go.
#[derive(Debug)]
struct Slow {
    store: FsStore,
    begun: mpsc::Sender<()>,
    go: Arc<Mutex<mpsc::Receiver<()>>>,
}

#[derive(Debug)]
struct SlowPending {
    pending: Box<dyn Pending>,
    begun: mpsc::Sender<()>,
    go: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Store for Slow {
    fn commits(&self) -> Result<Vec<StoredCommit>, ListError> {
        self.store.commits()
    }

    fn import(
        &self,
        source: &Path,
        progress: &dyn Fn(u64),
        cancel: &Cancel,
    ) -> Result<Box<dyn Pending>, ImportError> {
        let pending = self.store.import(source, progress, cancel)?;
        Ok(Box::new(SlowPending { pending, begun: self.begun.clone(), go: Arc::clone(&self.go) }))
    }

    fn begin(&self, expect: Expect) -> Result<Box<dyn Writer>, WriteError> {
        self.store.begin(expect)
    }

    fn open(&self, file: FileUuid) -> Result<StoredFile, ReadError> {
        self.store.open(file)
    }

    fn remove(&self, file: FileUuid) -> Result<(), RemoveError> {
        self.store.remove(file)
    }

    fn put_away(
        &self,
        file: FileUuid,
        folder: &Path,
        hint: &str,
        cancel: &Cancel,
    ) -> Result<PutAway, PutAwayError> {
        self.store.put_away(file, folder, hint, cancel)
    }

    fn problems(&self) -> Vec<Problem> {
        self.store.problems()
    }
}

impl Pending for SlowPending {
    fn length(&self) -> u64 {
        self.pending.length()
    }

    fn hash(&self) -> [u8; 32] {
        self.pending.hash()
    }

    fn announced_otherwise(&self) -> Option<u64> {
        self.pending.announced_otherwise()
    }

    fn read(&self) -> Result<StoredFile, ReadError> {
        self.pending.read()
    }

    fn publish(self: Box<Self>, commit: &Commit, group: &str) -> Result<StoredCommit, PublishError> {
        let Self { pending, begun, go } = *self;
        begun.send(()).unwrap();
        go.lock().unwrap().recv().unwrap();
        pending.publish(commit, group)
    }
}

// proves: STA-17
#[tokio::test]
async fn what_is_being_listed_when_a_change_begins_is_of_the_old_group_and_told_there_alone() {
    let bus = MemoryBus::new();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("One");
    let ((begun, has_begun), (release, go)) = (mpsc::channel(), mpsc::channel());
    let store = Slow { store: FsStore::open(&data).unwrap(), begun, go: Arc::new(Mutex::new(go)) };
    let there =
        Station::builder("Two").any_file(true).group("Stage").listen(loopback()).discovery(bus.attach(HERE));
    let (two, mut on_stage) = there.spawn().await.unwrap();
    let here = Station::builder("One").any_file(true).listen(loopback()).discovery(bus.attach(HERE));
    let (one, told) = here.store(store).spawn().await.unwrap();

    let path = folder.path().join("show.mvr");
    fs::write(&path, "show").unwrap();
    let committing = tokio::spawn({
        let one = one.clone();
        async move { one.commit(CommitDraft::from_path(&path)).await.unwrap().file }
    });
    tokio::task::spawn_blocking(move || has_begun.recv().unwrap()).await.unwrap();
    let mut changing = tokio::spawn({
        let one = one.clone();
        async move { one.change_group("Stage").await }
    });
    // It waits for what is being listed; were it not so, it would end now.
    let early = tokio::time::timeout(std::time::Duration::from_secs(3), &mut changing).await;
    release.send(()).unwrap();
    let file = committing.await.unwrap();
    let changed = match early {
        Ok(changed) => changed,
        Err(_) => changing.await,
    };
    changed.unwrap().unwrap();
    until(&mut on_stage, |e| joined(e, &one).then_some(())).await;
    assert_eq!((commits(&one).await, commits(&two).await), (vec![], vec![]));
    one.stop().await;
    drop((one, told));
    assert_eq!(kept_in(&data, file), "Default");
}

/// A network on which one group is enough.
#[derive(Debug)]
struct OneGroup(MemoryDiscovery);

impl Discovery for OneGroup {
    fn advertise(&mut self, advertisement: &Advertisement) -> Result<(), DiscoveryError> {
        self.0.advertise(advertisement)
    }

    fn advertise_also(&mut self, _: &Advertisement) -> Result<(), DiscoveryError> {
        Err(DiscoveryError::ResponderBusy)
    }

    fn withdraw(&mut self) {
        self.0.withdraw();
    }

    fn next(&mut self) -> BoxFuture<'_, Option<DiscoveryEvent>> {
        self.0.next()
    }

    fn suspect(&mut self, key: &SightingKey) {
        self.0.suspect(key);
    }

    fn shutdown(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::new(self.0).shutdown()
    }
}

// proves: STA-17
#[tokio::test]
async fn a_station_that_cannot_be_announced_in_the_new_group_stays_whole_in_the_old_one() {
    let bus = MemoryBus::new();
    let folder = tempfile::tempdir().unwrap();
    let begin = |name: &'static str, discovery: Box<dyn Fn() -> OneGroup>| async move {
        Station::builder(name).any_file(true).listen(loopback()).discovery(discovery()).spawn().await.unwrap()
    };
    let attach = || -> Box<dyn Fn() -> OneGroup> {
        let bus = bus.clone();
        Box::new(move || OneGroup(bus.attach(HERE)))
    };
    let (one, mut told) = begin("One", attach()).await;
    let (two, mut two_told) = begin("Two", attach()).await;
    until(&mut told, |e| joined(e, &two).then_some(())).await;
    until(&mut two_told, |e| joined(e, &one).then_some(())).await;
    let refused = one.change_group("Stage").await;
    let Err(ChangeGroupError::NotJoined { group, why }) = refused else { panic!("{refused:?}") };
    assert!(group == "Stage" && why.contains("busy"), "{why}");
    let show = commit(&one, folder.path(), "show.mvr").await;
    until(&mut two_told, |e| is_seen(e, show).then_some(())).await;
    let gone = two_told.next();
    let nothing = tokio::time::timeout(std::time::Duration::from_millis(100), gone).await;
    assert!(!matches!(nothing, Ok(Some(Heard::Event(seen))) if left(&seen.event, &one)));
}
