//! Aim: a station of a session comes back by itself, has a connection for files where the host can, and lives with hosts of other products.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod crew;
mod ws_support;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crew::{Mode, commit, content, read, until, until_joined, until_seen, url};
use mvrx_message::{FilesConnection, JoinRet, Message, MvrVersion, Reply, Request};
use mvrx_station::{Event, Heard, HostEvent, HostOptions, Source, StartError, Station, Timers};
use mvrx_store::FsStore;
use mvrx_transport::{Connection, Listener, Progress, Transport, WsTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use ws_support::{Bytes, hear, loopback, say, station, take_file};

/// Pauses that a test can wait for.
fn brisk() -> Timers {
    Timers { retry: vec![Duration::from_millis(100)], ..Timers::default() }
}

// proves: SEC-02
#[tokio::test]
async fn when_the_host_comes_back_so_do_its_stations_and_nothing_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let host = |listen| {
        let store = FsStore::open(folder.path().join("rack")).unwrap();
        let options = HostOptions::default().announce(false);
        Station::builder("Rack")
            .any_file(true)
            .identity(station(9))
            .listen(listen)
            .store(store)
            .host(options)
            .spawn()
    };
    let (rack, _events) = host(loopback()).await.unwrap();
    let address = rack.address();
    let start = async |name: &str| {
        let store = FsStore::open(folder.path().join(name)).unwrap();
        Station::builder(name)
            .any_file(true)
            .timers(brisk())
            .store(store)
            .session(url(address))
            .spawn()
            .await
            .unwrap()
    };
    let (desk, mut at_desk) = start("desk").await;
    let (plan, mut at_plan) = start("plan").await;
    until_joined(&mut at_plan, "desk").await;
    let before = commit(&desk, folder.path(), 1, 100_000).await;
    until_seen(&mut at_plan, before.file).await;
    rack.stop().await;
    // The handle has the store open.
    drop(rack);
    for events in [&mut at_desk, &mut at_plan] {
        until(events, |e| matches!(e, Event::SessionUnreachable { .. }).then_some(())).await;
    }
    let meanwhile = commit(&desk, folder.path(), 2, 100_000).await;
    let (rack, _events) = host(address).await.unwrap();
    until_seen(&mut at_plan, meanwhile.file).await;
    for (n, file) in [(1, before.file), (2, meanwhile.file)] {
        plan.request(file, Source::Any).await.unwrap().await.unwrap();
        assert_eq!(read(&plan, file), content(n, 100_000));
    }
    desk.stop().await;
    plan.stop().await;
    rack.stop().await;
}

// proves: SEC-03
#[tokio::test]
async fn a_commit_passes_a_file_that_is_under_way() {
    let mode = Mode::session().await;
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut at_desk) = mode.start("desk", folder.path()).await;
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    until_joined(&mut at_plan, "desk").await;
    until_joined(&mut at_desk, "plan").await;
    let large = commit(&desk, folder.path(), 1, 200_000_000).await;
    until_seen(&mut at_plan, large.file).await;
    let transfer = plan.request(large.file, Source::Any).await.unwrap();
    let progress = transfer.progress();
    while progress.received() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let from = Instant::now();
    let small = commit(&plan, folder.path(), 2, 1_000).await;
    until_seen(&mut at_desk, small.file).await;
    let (took, moved) = (from.elapsed(), progress.received());
    transfer.await.unwrap();
    assert!(
        moved < 200_000_000 || took < Duration::from_secs(1),
        "{took:?} beside a file of which {moved} were there"
    );
    desk.stop().await;
    plan.stop().await;
    mode.end().await;
}

/// A host of another product, byte by byte.
struct Foreign {
    listener: Box<dyn Listener>,
}

impl Foreign {
    async fn listen() -> (Self, String) {
        let listener = WsTransport::default().listen(loopback()).await.unwrap();
        let at = url(listener.local_addr());
        (Self { listener }, at)
    }

    async fn accept(&mut self) -> (Connection, mvrx_message::Join) {
        let mut conn =
            tokio::time::timeout(ws_support::LIMIT, self.listener.accept()).await.unwrap().unwrap();
        match hear(&mut conn).await {
            Message::Join(join) => (conn, join),
            other => panic!("no JOIN: {other:?}"),
        }
    }
}

fn ret(reply: Reply) -> Message {
    Message::JoinRet(JoinRet {
        reply,
        provider: "ThePult".to_owned(),
        station_name: "Pult".to_owned(),
        version: MvrVersion { major: 1, minor: 6 },
        station: Some(station(9)),
        commits: vec![ws_support::commit(1, 3, 70_000)],
        ours: None,
        group: None,
        ticket: None,
        roster: None,
    })
}

// proves: SEC-04
#[tokio::test]
async fn a_host_of_another_product_has_one_connection_and_files_both_ways() {
    let (mut foreign, at) = Foreign::listen().await;
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut events) =
        Station::builder("desk").any_file(true).timers(brisk()).session(&at).spawn().await.unwrap();
    let (mut conn, join) = foreign.accept().await;
    assert_eq!(join.files, Some(FilesConnection::Offered));
    say(&mut conn, &ret(Reply::ok())).await;
    until_seen(&mut events, ws_support::file(1)).await;
    // One file to us.
    let transfer = desk.request(ws_support::file(1), Source::Any).await.unwrap();
    assert!(matches!(hear(&mut conn).await, Message::Request(r) if r.file == Some(ws_support::file(1))));
    let bytes = ws_support::content(1, 70_000);
    conn.writer.send_file(Bytes::whole(bytes.clone()), Progress::new()).await.unwrap();
    transfer.await.unwrap();
    assert_eq!(read(&desk, ws_support::file(1)), bytes);
    // And one from us.
    let made = commit(&desk, folder.path(), 4, 300_000).await;
    assert!(matches!(hear(&mut conn).await, Message::Commit(c) if c.file == made.file));
    say(&mut conn, &Message::CommitRet(Reply::ok())).await;
    say(&mut conn, &Message::Request(Request::new(Some(made.file), vec![desk.uuid()]))).await;
    assert_eq!(take_file(&mut conn, Some(300_000)).await.unwrap(), content(4, 300_000));
    // The connection breaks: it comes back, and lists what it has.
    drop(conn);
    let (mut conn, join) = foreign.accept().await;
    assert_eq!(join.commits.len(), 2);
    say(&mut conn, &ret(Reply::refused("the show has begun"))).await;
    let told = until(&mut events, |e| match e {
        Event::SessionRefused { message, .. } => Some(message.clone()),
        _ => None,
    });
    assert_eq!(told.await, "the show has begun");
    desk.stop().await;
}

// proves: SEC-05
#[tokio::test]
async fn what_is_no_host_is_told_in_words() {
    let failed =
        Station::builder("desk").any_file(true).session("http://rack.example/").spawn().await.unwrap_err();
    assert!(matches!(failed, StartError::SessionUrl { .. }), "{failed}");
    // Somebody who speaks something else.
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let at = url(listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            AsyncWriteExt::write_all(&mut socket, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                .await
                .ok();
        }
    });
    let (desk, mut events) =
        Station::builder("desk").any_file(true).timers(brisk()).session(at).spawn().await.unwrap();
    let why = until(&mut events, |e| match e {
        Event::SessionUnreachable { why, .. } => Some(why.clone()),
        _ => None,
    });
    let why = why.await;
    assert!(why.contains("404"), "{why}");
    desk.stop().await;
}

// proves: SEC-02
#[tokio::test]
async fn two_stations_with_one_identity_do_not_push_each_other_out_without_pause() {
    let mode = Mode::session().await;
    let Mode::Session(rack) = &mode else { unreachable!() };
    let twin =
        || Station::builder("twin").any_file(true).identity(station(5)).session(url(rack.address())).spawn();
    let (one, mut events) = twin().await.unwrap();
    until(&mut events, |e| matches!(e, Event::JoinedGroup).then_some(())).await;
    let (two, _events) = twin().await.unwrap();
    let (why, pause) = until(&mut events, |e| match e {
        Event::SessionUnreachable { why, next_try, .. } => Some((why.clone(), *next_try)),
        _ => None,
    })
    .await;
    assert!(pause >= Duration::from_millis(750), "{pause:?} after {why}");
    one.stop().await;
    two.stop().await;
    mode.end().await;
}

// proves: HDR-08
#[tokio::test]
async fn files_have_a_connection_of_their_own_with_our_own_host() {
    let mode = Mode::session().await;
    let Mode::Session(rack) = &mode else { unreachable!() };
    let mut at_rack = rack.events();
    let folder = tempfile::tempdir().unwrap();
    let (desk, _events) = mode.start("desk", folder.path()).await;
    let id = desk.uuid();
    ws_support::until(&mut at_rack, |heard| match heard {
        Heard::Session(seen) => {
            matches!(seen.event, HostEvent::FilesAttached { station } if station == id).then_some(())
        }
        _ => None,
    })
    .await;
    desk.stop().await;
    mode.end().await;
}

// proves: SEC-01
#[tokio::test]
async fn ten_stations_commit_all_fetch_all_and_a_late_one_gets_what_the_authors_left() {
    const STATIONS: u64 = 10;
    let length = |n: u64| 40_000 + 77_777 * usize::try_from(n).unwrap();
    let mode = Mode::session().await;
    let Mode::Session(rack) = &mode else { unreachable!() };
    let mut at_rack = rack.events();
    let folder = tempfile::tempdir().unwrap();
    let mut crew = Vec::new();
    for n in 0..STATIONS {
        crew.push(mode.start(&format!("station {n}"), folder.path()).await);
    }
    let mut made = Vec::new();
    for (n, (station, _)) in (0..).zip(&crew) {
        made.push(commit(station, folder.path(), n, length(n)).await.file);
    }
    let fetching = crew.into_iter().enumerate().map(|(own, (station, mut events))| {
        let made = made.clone();
        tokio::spawn(async move {
            for (n, file) in made.into_iter().enumerate().filter(|(n, _)| *n != own) {
                if station.commits().await.unwrap().iter().all(|known| known.commit.file != file) {
                    until_seen(&mut events, file).await;
                }
                station.request(file, Source::Any).await.unwrap().await.unwrap();
                assert!(
                    read(&station, file) == content(n as u64, length(n as u64)),
                    "{own} got file {n} wrong"
                );
            }
            station
        })
    });
    let mut crew = Vec::new();
    for fetched in fetching.collect::<Vec<_>>() {
        crew.push(fetched.await.unwrap());
    }
    let (mut kept, mut reads) = (0, 0);
    while kept < made.len() {
        let told = ws_support::until(&mut at_rack, |heard| match heard {
            Heard::Session(seen) => match seen.event {
                HostEvent::ReadStarted { .. } => Some(false),
                HostEvent::FileKept { .. } => Some(true),
                _ => None,
            },
            _ => None,
        });
        if told.await { kept += 1 } else { reads += 1 }
    }
    assert_eq!(reads, made.len(), "one read of its owner for each file");
    for station in crew {
        station.stop().await;
    }
    let (late, mut events) = mode.start("late", folder.path()).await;
    for (n, file) in (0..).zip(made) {
        // Who made one did not always know of the one before: they are told in any order.
        if late.commits().await.unwrap().iter().all(|known| known.commit.file != file) {
            until_seen(&mut events, file).await;
        }
        late.request(file, Source::Any).await.unwrap().await.unwrap();
        assert!(read(&late, file) == content(n, length(n)), "file {n}");
    }
    late.stop().await;
    mode.end().await;
}

// proves: SEC-02
#[tokio::test]
async fn a_commit_that_was_away_with_its_author_is_told_to_who_joined_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    // It keeps nothing: with the author goes the file.
    let options = HostOptions::default().announce(false).gather(false);
    let (rack, _events) =
        Station::builder("Rack").any_file(true).listen(loopback()).host(options).spawn().await.unwrap();
    let mode = Mode::Session(rack);
    let start = || {
        let store = FsStore::open(folder.path().join("desk")).unwrap();
        mode.describe("desk").identity(station(1)).store(store).spawn()
    };
    let (desk, mut events) = start().await.unwrap();
    until(&mut events, |e| matches!(e, Event::JoinedGroup).then_some(())).await;
    let made = commit(&desk, folder.path(), 1, 70_000).await;
    until(&mut events, |e| matches!(e, Event::CommitAcknowledged { .. }).then_some(())).await;
    desk.stop().await;
    drop((desk, events));
    let (plan, mut at_plan) = mode.start("plan", folder.path()).await;
    until(&mut at_plan, |e| matches!(e, Event::JoinedGroup).then_some(())).await;
    assert!(plan.commits().await.unwrap().is_empty(), "nobody can give it");
    let (desk, _events) = start().await.unwrap();
    until_seen(&mut at_plan, made.file).await;
    plan.request(made.file, Source::Any).await.unwrap().await.unwrap();
    assert!(read(&plan, made.file) == content(1, 70_000));
    desk.stop().await;
    plan.stop().await;
    mode.end().await;
}

/// Passes bytes on to `host`, each connection's to its client at 10 MB/s at most; gives where it listens.
async fn held_to_10_megabytes(host: SocketAddr) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(loopback()).await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let host = tokio::net::TcpStream::connect(host).await.unwrap();
            let ((from_client, to_client), (from_host, to_host)) = (client.into_split(), host.into_split());
            tokio::spawn(hold(from_client, to_host));
            tokio::spawn(hold(from_host, to_client));
        }
    });
    at
}

async fn hold(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = vec![0; 64 << 10];
    let mut due = tokio::time::Instant::now();
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        due = due.max(tokio::time::Instant::now()) + Duration::from_nanos(100 * count as u64);
        tokio::time::sleep_until(due).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// While a file goes from one station to the other at 10 MB/s each way, both commit; the longest that a commit took.
async fn commits_beside_a_held_file(up: bool) -> Duration {
    let mode = Mode::session().await;
    let Mode::Session(rack) = &mode else { unreachable!() };
    let held = held_to_10_megabytes(rack.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = FsStore::open(folder.path().join("far")).unwrap();
    let (far, mut at_far) =
        Station::builder("far").any_file(true).store(store).session(url(held)).spawn().await.unwrap();
    let (near, mut at_near) = mode.start("near", folder.path()).await;
    until_joined(&mut at_far, "near").await;
    until_joined(&mut at_near, "far").await;
    let (giver, taker, at_taker) = if up { (&far, &near, &mut at_near) } else { (&near, &far, &mut at_far) };
    let large = commit(giver, folder.path(), 1, 300_000_000).await;
    until_seen(at_taker, large.file).await;
    let transfer = taker.request(large.file, Source::Any).await.unwrap();
    let progress = transfer.progress();
    while progress.received() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut longest = Duration::ZERO;
    for n in 2..6 {
        for (from, events) in [(&near, &mut at_far), (&far, &mut at_near)] {
            let began = Instant::now();
            let small = commit(from, folder.path(), n, 1_000).await;
            until_seen(events, small.file).await;
            longest = longest.max(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let moved = progress.received();
    assert!(0 < moved && moved < 290_000_000, "the file did not go beside them: {moved}");
    transfer.cancel().await;
    println!("up {up}: the longest of 8 commits took {longest:?}");
    near.stop().await;
    far.stop().await;
    mode.end().await;
    longest
}

// proves: SEC-03
#[tokio::test]
async fn commits_do_not_wait_behind_a_file_on_its_way_to_us() {
    let longest = commits_beside_a_held_file(false).await;
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

// proves: SEC-03
#[tokio::test]
async fn commits_do_not_wait_behind_a_file_on_its_way_from_us() {
    let longest = commits_beside_a_held_file(true).await;
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}
