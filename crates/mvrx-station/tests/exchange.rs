//! Aim: two stations in one process, over real loopback sockets and real folders, exchange files as an application sees it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mvrx_discovery::{DiscoveryEvent, MemoryBus};
use mvrx_station::{
    CommitDraft, Event, Exporter, Heard, Membership, RequestFailure, Source, Station, load_or_create,
};
use mvrx_store::{Cancel, FsStore, Wait};
use support::{HERE, loopback, start, until};

fn joined(event: &Event) -> Option<()> {
    matches!(event, Event::StationJoined { .. }).then_some(())
}

#[tokio::test]
async fn a_committed_file_is_seen_fetched_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("show.mvr");
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.to_le_bytes()).collect();
    fs::write(&show, &bytes).unwrap();

    let (desk, mut unread) = start("desk", folder.path(), &[]).await;
    let (visualizer, mut events) = start("visualizer", folder.path(), &[desk.address()]).await;
    until(&mut events, joined).await;
    let draft = CommitDraft::from_path(&show).comment("re-hung LX2");
    let commit = desk.commit(draft).await.unwrap();
    fs::write(&show, b"edited afterwards").unwrap();

    // The desk was not shown the visualizer by discovery: the commit is listed when it is joined again.
    visualizer.refresh().await.unwrap();
    until(&mut events, |e| matches!(e, Event::CommitSeen { file, .. } if *file == commit.file).then_some(()))
        .await;
    let transfer = visualizer.request(commit.file, Source::Any).await.unwrap();
    let progress = transfer.progress();
    let fetched = transfer.await.unwrap();
    assert_eq!((progress.received(), progress.total()), (12_000_000, Some(12_000_000)));
    assert_eq!((fetched.from, fetched.commit.comment.as_str()), (Some(desk.uuid()), "re-hung LX2"));

    let mut heard = desk.events();
    while desk.commits().await.unwrap()[0].fetched == 0 {
        let _ = tokio::time::timeout(support::LIMIT, heard.next()).await.unwrap();
    }
    let served = |heard| matches!(heard, Heard::Event(seen) if matches!(seen.event, Event::Served { .. }));
    assert!(std::iter::from_fn(|| unread.next_at_once()).any(served), "what is counted can be read at once");

    let received = folder.path().join("received");
    fs::create_dir(&received).unwrap();
    let saved = visualizer
        .store()
        .put_away(commit.file, &received, &fetched.commit.file_name, &Cancel::new())
        .unwrap();
    assert_eq!(saved.path, received.join("show.mvr"));
    assert_eq!(fs::read(saved.path).unwrap(), bytes);
    visualizer.stop().await;
    desk.stop().await;
}

#[tokio::test]
async fn how_often_a_file_was_fetched_is_counted_also_if_nobody_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("show.mvr");
    fs::write(&show, vec![7; 100_000]).unwrap();
    let store = FsStore::open(folder.path().join("desk")).unwrap();
    let (desk, mut deaf) = {
        let nowhere = mvrx_discovery::FixedDiscovery::new([]);
        let desk = Station::builder("desk").any_file(true).listen(loopback()).discovery(nowhere).store(store);
        desk.event_buffer(1).spawn().await.unwrap()
    };
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    for n in 0..3_u64 {
        let (asks, mut events) = start(&format!("station {n}"), folder.path(), &[desk.address()]).await;
        until(&mut events, |e| matches!(e, Event::CommitSeen { .. }).then_some(())).await;
        let mut heard = desk.events();
        asks.request(commit.file, Source::Any).await.unwrap().await.unwrap();
        let counted = async {
            while desk.commits().await.unwrap()[0].fetched <= n {
                let _ = heard.next().await;
            }
        };
        tokio::time::timeout(support::LIMIT, counted).await.unwrap();
        assert_eq!(desk.commits().await.unwrap()[0].fetched, n + 1);
        asks.stop().await;
    }
    assert!(matches!(deaf.next().await, Some(Heard::Lagged { .. })));
}

#[tokio::test]
async fn commits_reach_stations_that_discovery_shows_to_each_other_and_leaving_ends_it() {
    let bus = MemoryBus::new();
    let folder = tempfile::tempdir().unwrap();
    let spawn = |name: &'static str| {
        let discovery = bus.attach(HERE);
        async move {
            Station::builder(name)
                .any_file(true)
                .listen(loopback())
                .discovery(discovery)
                .spawn()
                .await
                .unwrap()
        }
    };
    let (a, mut a_events) = spawn("A").await;
    let (b, mut b_events) = spawn("B").await;
    until(&mut a_events, joined).await;
    until(&mut b_events, joined).await;

    let show = folder.path().join("show.mvr");
    fs::write(&show, b"first").unwrap();
    let commit = a.commit(CommitDraft::from_path(&show)).await.unwrap();
    until(&mut b_events, |e| {
        matches!(e, Event::CommitSeen { file, .. } if *file == commit.file).then_some(())
    })
    .await;
    until(&mut a_events, |e| matches!(e, Event::CommitAcknowledged { .. }).then_some(())).await;

    b.leave().await.unwrap();
    until(&mut a_events, |e| {
        matches!(e, Event::StationLeft { .. } | Event::StationLost { .. }).then_some(())
    })
    .await;
    fs::write(&show, b"second").unwrap();
    a.commit(CommitDraft::from_path(&show)).await.unwrap();
    let told = until(&mut a_events, |e| {
        if let Event::CommitPublished { stations, .. } = e { Some(*stations) } else { None }
    })
    .await;
    assert_eq!(told, 0, "who left is not told");
    b.rejoin().await.unwrap();
    until(&mut b_events, |e| matches!(e, Event::CommitSeen { .. }).then_some(())).await;
    assert_eq!(b.commits().await.unwrap().len(), 2);
}

// proves: DIS-WAKE
#[tokio::test]
async fn after_a_sleep_a_station_joins_again_and_hears_what_it_missed() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let spawn = |name: &'static str, shown: bool| {
        let station = Station::builder(name)
            .any_file(true)
            .listen(loopback())
            .discovery(bus.attach(HERE))
            .advertise(shown);
        async move { station.spawn().await.unwrap() }
    };
    let (desk, _desk_events) = spawn("desk", true).await;
    // The desk is not shown where it listens, as if the desk had forgotten it: nothing can be announced to it.
    let (laptop, mut events) = spawn("laptop", false).await;
    until(&mut events, joined).await;
    let show = folder.path().join("show.mvr");
    fs::write(&show, b"committed while the laptop slept").unwrap();
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    bus.inject(&DiscoveryEvent::Woke);
    until(&mut events, |e| matches!(e, Event::CommitSeen { file, .. } if *file == commit.file).then_some(()))
        .await;
    laptop.stop().await;
    desk.stop().await;
}

#[tokio::test]
async fn what_was_committed_and_fetched_is_listed_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("show.mvr");
    fs::write(&show, b"bytes").unwrap();
    let data = folder.path().join("desk");
    let uuid = load_or_create(&data).unwrap();
    let start_desk = || async {
        Station::builder("desk")
            .any_file(true)
            .identity(load_or_create(&data).unwrap())
            .listen(loopback())
            .discovery(MemoryBus::new().attach(HERE))
            .store(FsStore::open(&data).unwrap())
            .spawn()
            .await
            .unwrap()
            .0
    };
    let desk = start_desk().await;
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    desk.stop().await;
    drop(desk);
    let desk = start_desk().await;
    assert_eq!(desk.uuid(), uuid);
    let commits = desk.commits().await.unwrap();
    assert_eq!(commits.iter().map(|c| (c.commit.file, c.held)).collect::<Vec<_>>(), [(commit.file, true)]);
    assert!(commits[0].seen.is_some());
}

#[derive(Debug)]
struct Planner {
    path: std::path::PathBuf,
    asked: Arc<AtomicUsize>,
}

impl Exporter for Planner {
    fn export(&self) -> Result<CommitDraft, String> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        fs::write(&self.path, format!("state {number}")).map_err(|e| e.to_string())?;
        Ok(CommitDraft::from_path(&self.path).comment("exported"))
    }
}

#[tokio::test]
async fn asking_for_the_current_state_has_the_application_export_it() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let planner = Planner { path: folder.path().join("state.mvr"), asked: Arc::clone(&asked) };
    let (planning, _) = Station::builder("planner")
        .any_file(true)
        .listen(loopback())
        .discovery(MemoryBus::new().attach(HERE))
        .exporter(planner)
        .spawn()
        .await
        .unwrap();
    let (desk, mut events) = start("desk", folder.path(), &[planning.address()]).await;
    until(&mut events, joined).await;
    let fetched = desk.request_current_state(planning.uuid()).await.unwrap().await.unwrap();
    let mut bytes = vec![0; 7];
    desk.store().open(fetched.file).unwrap().read_at(0, &mut bytes, &Wait::until_settled()).unwrap();
    assert_eq!(bytes, b"state 0");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let commits = planning.commits().await.unwrap();
    assert_eq!(commits.last().unwrap().commit.comment, "exported");
}

#[tokio::test]
async fn a_station_without_peers_says_so_and_one_that_stopped_too() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut events) = start("desk", folder.path(), &[]).await;
    let failed = desk.request_latest(Source::Any).await.unwrap().await;
    assert_eq!(failed, Err(RequestFailure::NothingCommitted));
    desk.stop().await;
    until(&mut events, |e| matches!(e, Event::LeftGroup).then_some(())).await;
    assert!(desk.stations().await.is_err());
    assert!(desk.commit(CommitDraft::from_path("x")).await.is_err());
}

#[tokio::test]
async fn a_peer_that_is_not_there_yet_is_joined_when_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let reserved = std::net::TcpListener::bind(loopback()).unwrap();
    let address: SocketAddr = reserved.local_addr().unwrap();
    drop(reserved);
    let (_desk, mut events) = start("desk", folder.path(), &[address]).await;
    let late = Station::builder("late")
        .any_file(true)
        .listen(address)
        .discovery(MemoryBus::new().attach(HERE))
        .spawn()
        .await;
    let (_late, _late_events) = late.unwrap();
    until(&mut events, joined).await;
}

#[tokio::test]
async fn dropping_the_last_handle_leaves_the_group() {
    let bus = MemoryBus::new();
    let (a, mut a_events) = Station::builder("A")
        .any_file(true)
        .listen(loopback())
        .discovery(bus.attach(HERE))
        .spawn()
        .await
        .unwrap();
    let (b, _) = Station::builder("B")
        .any_file(true)
        .listen(loopback())
        .discovery(bus.attach(HERE))
        .spawn()
        .await
        .unwrap();
    until(&mut a_events, joined).await;
    drop(b);
    until(&mut a_events, |e| {
        matches!(e, Event::StationLeft { .. } | Event::StationLost { .. }).then_some(())
    })
    .await;
    assert!(a.stations().await.unwrap().iter().all(|s| s.membership != Membership::Member));
}

#[tokio::test]
async fn what_was_committed_in_another_group_is_not_offered_in_this_one_and_comes_back_with_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("show.mvr");
    fs::write(&file, b"a show of the first group").unwrap();
    for (group, listed) in [("One", 0), ("Two", 0), ("One", 1)] {
        let (desk, _events) = Station::builder("desk")
            .any_file(true)
            .group(group)
            .listen(loopback())
            .discovery(MemoryBus::new().attach(HERE))
            .store(FsStore::open(folder.path().join("store")).unwrap())
            .spawn()
            .await
            .unwrap();
        assert_eq!(desk.commits().await.unwrap().len(), listed, "{group}");
        if listed == 0 && group == "One" {
            desk.commit(CommitDraft::from_path(&file)).await.unwrap();
        }
        desk.stop().await;
        drop(desk);
    }
}

#[tokio::test]
async fn an_asker_that_ends_its_direction_gets_its_file_and_it_is_told_as_sent() {
    use std::io::{Read, Write};
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut events) = start("desk", folder.path(), &[]).await;
    let file = folder.path().join("show.mvr");
    let content: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).take(3_000_000).collect();
    fs::write(&file, &content).unwrap();
    let commit = desk.commit(CommitDraft::from_path(&file)).await.unwrap();
    let address = desk.address();
    let asking = tokio::task::spawn_blocking(move || {
        let request =
            format!(r#"{{"Type":"MVR_REQUEST","FileUUID":"{}","FromStationUUID":[]}}"#, commit.file);
        let mut bytes = support::header(778_682, 1, 0, 1, 0, request.len() as u64);
        bytes.extend_from_slice(request.as_bytes());
        let mut socket =
            std::net::TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, address.port())).unwrap();
        socket.write_all(&bytes).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let mut got = Vec::new();
        socket.read_to_end(&mut got).unwrap();
        got
    });
    let length = until(&mut events, |e| match e {
        Event::Served { length, .. } => Some(*length),
        _ => None,
    })
    .await;
    assert_eq!(length, 3_000_000);
    let got = asking.await.unwrap();
    assert!(got.get(28..) == Some(content.as_slice()), "{} bytes", got.len());
}

#[tokio::test]
async fn events_end_with_the_station_also_for_who_holds_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut first) = start("desk", folder.path(), &[]).await;
    let handle = desk.clone();
    let mut second = desk.events();
    desk.stop().await;
    let mut third = handle.events();
    for events in [&mut first, &mut second, &mut third] {
        let all = async { while events.next().await.is_some() {} };
        tokio::time::timeout(support::LIMIT, all).await.expect("the station has stopped");
    }
}

// proves: STO-30
#[tokio::test]
async fn who_made_a_commit_is_kept_with_it_and_the_others_of_a_group_are_not_told_it() {
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("show.mvr");
    fs::write(&show, b"show").unwrap();
    let (desk, _unread) = start("desk", folder.path(), &[]).await;
    let (viz, mut events) = start("visualizer", folder.path(), &[desk.address()]).await;
    until(&mut events, joined).await;
    let commit = desk.commit(CommitDraft::from_path(&show)).await.unwrap();
    assert_eq!(commit.author, None);
    viz.refresh().await.unwrap();
    let seen = |e: &Event| matches!(e, Event::CommitSeen { file, .. } if *file == commit.file).then_some(());
    until(&mut events, seen).await;
    assert_eq!(viz.commits().await.unwrap()[0].commit.author, None);
    viz.request(commit.file, Source::Any).await.unwrap().await.unwrap();
    for station in [&desk, &viz] {
        let stored = station.store().commits().unwrap();
        let author = stored[0].commit.author.as_ref().unwrap();
        assert_eq!((author.name.as_str(), author.provider.is_empty()), ("desk", false), "{author:?}");
    }
    // Nor after a start with what is stored.
    viz.stop().await;
    desk.stop().await;
    drop((viz, events));
    let (again, _unread) = start("visualizer", folder.path(), &[]).await;
    assert_eq!(again.commits().await.unwrap()[0].commit.author, None);
    assert!(again.store().commits().unwrap()[0].commit.author.is_some());
}
