//! Aim: a station that is told to move a thousand times, and does each time, answers each rightly and is in the end what it was: whole, with no
//! thread, socket or memory more. A place that does not even answer costs a bounded time.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mvrx_discovery::MemoryBus;
use mvrx_message::FileUuid;
use mvrx_station::{Event, Events, Heard, Moves, SessionTarget, Source, Station, kept_place};
use socket2::{Domain, Socket, Type};
use support::places::{Client, answer_in, commit, host, proposal, propose, station, until_known, url};
use support::{LIMIT, is_well, loopback, package};

/// Threads and descriptors of this process, and what it holds in memory, in KiB.
fn held() -> (usize, usize, usize) {
    let count = |folder: &str| fs::read_dir(folder).unwrap().count();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib = line.trim().trim_end_matches("kB").trim().parse().unwrap();
    (count("/proc/self/task"), count("/proc/self/fd"), kib)
}

/// Waits until it holds no more threads and descriptors than before; what it holds in memory may grow by `room` KiB.
async fn is_as_before(before: (usize, usize, usize), room: usize, what: &str) {
    let end = Instant::now() + LIMIT;
    loop {
        let now = held();
        if now.0 <= before.0 && now.1 <= before.1 && now.2 <= before.2 + room {
            println!("{what}: threads, descriptors, KiB: {before:?} before, {now:?} after");
            return;
        }
        assert!(Instant::now() < end, "{what}: {before:?} before, {now:?} after");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Counts the moves that end, so that no event waits unread.
fn count_moves(mut events: Events) -> tokio::task::JoinHandle<(usize, usize)> {
    tokio::spawn(async move {
        let (mut moved, mut stayed) = (0, 0);
        while let Some(heard) = events.next().await {
            match heard {
                Heard::Event(seen) if matches!(seen.event, Event::Moved { .. }) => moved += 1,
                Heard::Event(seen) if matches!(seen.event, Event::NotMoved { .. }) => stayed += 1,
                Heard::Lagged { missed } => panic!("{missed} events missed"),
                _ => {}
            }
        }
        (moved, stayed)
    })
}

const MOVES: usize = 1_000;
/// Before the first look: what is made once is made.
const WARM: usize = 100;

/// Proposes the two groups in turn; each is agreed to.
fn to_and_fro(address: SocketAddr, moves: usize) {
    let mut socket = TcpStream::connect(address).unwrap();
    for n in 0..moves {
        let name =
            if n % 2 == 0 { "Stage._mvrxchange._tcp.local." } else { "Default._mvrxchange._tcp.local." };
        let (ok, why) = propose(&mut socket, name, "");
        assert!(ok, "{n}: {why}");
    }
    is_well(address);
}

async fn between_groups() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (desk, events) = station(&bus, folder.path(), "desk", Moves::Always).await;
    // Somebody is in each group, so that it need not be waited for whether somebody comes.
    let (home, at_home) = station(&bus, folder.path(), "home", Moves::Never).await;
    drop(at_home);
    let stage =
        Station::builder("stage").group("Stage").listen(loopback()).discovery(bus.attach(support::HERE));
    let (stage, _at_stage) = stage.spawn().await.unwrap();
    let counted = count_moves(events);
    let address = desk.address();
    tokio::task::spawn_blocking(move || to_and_fro(address, WARM)).await.unwrap();
    // Those that were left are told, and their connections end.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, begun) = (held(), Instant::now());
    tokio::task::spawn_blocking(move || to_and_fro(address, MOVES)).await.unwrap();
    println!("{MOVES} moves between groups in {:.2} s", begun.elapsed().as_secs_f64());
    is_as_before(before, 16 * 1_024, "between groups").await;

    // Whole: in one group, with one place kept, and its files go out.
    let kept = kept_place(&folder.path().join("desk")).unwrap().unwrap();
    assert_eq!((kept.group.as_str(), kept.session), ("Default", None));
    let (guest, mut at_guest) = station(&bus, folder.path(), "guest", Moves::Never).await;
    let file = commit(&desk, folder.path(), "whole.mvr").await;
    until_known(&guest, &mut at_guest, file).await;
    guest.request(file, Source::Any).await.unwrap().await.unwrap();
    for station in [desk, home, stage, guest] {
        station.stop().await;
    }
    assert_eq!(counted.await.unwrap(), (WARM + MOVES, 0));
}

/// A raw station of each of two sessions tells everybody else there to go to the other one, in turn.
async fn between_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let (one, at_one) = host(folder.path(), "one", Moves::Always).await;
    let (two, at_two) = host(folder.path(), "two", Moves::Always).await;
    let mut served = one.events();
    let read = [at_one, at_two].map(count_moves);
    let data = folder.path().join("fellow");
    fs::create_dir(&data).unwrap();
    let fellow = Station::builder("fellow").any_file(true).session(format!("ws://{}/", one.address()));
    let (fellow, mut events) = fellow.moves(Moves::Always).keep_place_in(&data).spawn().await.unwrap();
    support::places::until_joined(&mut events, &one).await;
    let counted = count_moves(events);
    let places = [one.address(), two.address()];
    let there_and_back = move |mut clients: [Client; 2], moves: usize| {
        for n in 0..moves {
            let to = format!("ws://{}/", places[(n + 1) % 2]);
            let (ok, why) = clients[n % 2].propose("", &to);
            assert!(ok, "{n}: {why}");
        }
        clients
    };
    let clients = tokio::task::spawn_blocking(move || {
        let clients = places.map(|at| {
            let mut client = Client::connect(at);
            client.join();
            client
        });
        there_and_back(clients, WARM)
    });
    let clients = clients.await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, begun) = (held(), Instant::now());
    let clients = tokio::task::spawn_blocking(move || there_and_back(clients, MOVES)).await.unwrap();
    println!("{MOVES} moves between sessions in {:.2} s", begun.elapsed().as_secs_f64());
    is_as_before(before, 16 * 1_024, "between sessions").await;
    let kept = kept_place(&data).unwrap().unwrap();
    assert_eq!(kept.session, Some(format!("ws://{}/", one.address())));
    assert!(one.stations().await.unwrap().iter().any(|info| info.station == fellow.uuid()));
    assert!(two.stations().await.unwrap().iter().all(|info| info.station != fellow.uuid()));
    drop(clients);
    // Its files go out.
    let file = commit(&fellow, folder.path(), "whole.mvr").await;
    is_served(&one, &mut served, file).await;
    for station in [fellow, one, two] {
        station.stop().await;
    }
    assert_eq!(counted.await.unwrap(), (WARM + MOVES, 0));
    for read in read {
        read.await.unwrap();
    }
}

/// A file of somebody in this session is listed by its host, which gets it.
async fn is_served(host: &Station, events: &mut Events, file: FileUuid) {
    while !host.commits().await.unwrap().iter().any(|info| info.commit.file == file) {
        tokio::time::timeout(LIMIT, events.next()).await.expect("the host is told of it").unwrap();
    }
    host.request(file, Source::Any).await.unwrap().await.unwrap();
}

/// By its URL from the group into the session, and back by the group's name: each time the mode is another one, and so is whoever tells it to go.
async fn between_modes() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (desk, events) = station(&bus, folder.path(), "desk", Moves::Always).await;
    // Somebody is in the group, so that it is there for who is led to it.
    let (home, at_home) = station(&bus, folder.path(), "home", Moves::Never).await;
    drop(at_home);
    let (rack, at_rack) = host(folder.path(), "rack", Moves::Always).await;
    let mut served = rack.events();
    let counted = count_moves(events);
    let read = count_moves(at_rack);
    let first = commit(&desk, folder.path(), "first.mvr").await;
    let there = rack.address();
    let client = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(there);
        client.join();
        client
    });
    let there_and_back = |mut client: Client, moves: usize| {
        let desk = desk.clone();
        tokio::task::spawn_blocking(move || {
            for n in 0..moves / 2 {
                // It listens anew each time that it is in a group again.
                let mut socket = TcpStream::connect(desk.address()).unwrap();
                let (ok, why) = propose(&mut socket, "", &format!("ws://{there}/"));
                assert!(ok, "{n}, into the session: {why}");
                let (ok, why) = client.propose("Default._mvrxchange._tcp.local.", "");
                assert!(ok, "{n}, back to the group: {why}");
            }
            is_well(desk.address());
            client
        })
    };
    let client = there_and_back(client.await.unwrap(), WARM).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, begun) = (held(), Instant::now());
    let client = there_and_back(client, MOVES).await.unwrap();
    println!("{MOVES} moves between modes in {:.2} s", begun.elapsed().as_secs_f64());
    is_as_before(before, 16 * 1_024, "between modes").await;

    // Whole: in the group, with one place kept, and what it had from the first goes out there, with what comes now.
    let kept = kept_place(&folder.path().join("desk")).unwrap().unwrap();
    assert_eq!((kept.group.as_str(), kept.session), ("Default", None));
    assert!(rack.stations().await.unwrap().iter().all(|info| info.station != desk.uuid()));
    let (guest, mut at_guest) = station(&bus, folder.path(), "guest", Moves::Never).await;
    let file = commit(&desk, folder.path(), "whole.mvr").await;
    for file in [first, file] {
        until_known(&guest, &mut at_guest, file).await;
        guest.request(file, Source::Any).await.unwrap().await.unwrap();
    }
    // And once more in the session.
    let SessionTarget::Url(to) = url(there) else { unreachable!() };
    let address = desk.address();
    let last =
        tokio::task::spawn_blocking(move || propose(&mut TcpStream::connect(address).unwrap(), "", &to));
    assert!(last.await.unwrap().0);
    is_served(&rack, &mut served, file).await;
    drop(client);
    for station in [desk, home, guest, rack] {
        station.stop().await;
    }
    assert_eq!(counted.await.unwrap(), (WARM + MOVES + 1, 0));
    read.await.unwrap();
}

// proves: MOV-04, MOV-06, MOV-07, MOV-14
/// One test, since each counts what the whole process holds.
#[tokio::test]
async fn a_thousand_moves_that_are_made_leave_nothing_behind() {
    between_groups().await;
    between_sessions().await;
    between_modes().await;
}

/// A listener whose queue is full: the system drops whoever asks to connect, so that nothing is ever answered.
fn deaf() -> (SocketAddr, Socket, Vec<Socket>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&loopback().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    loop {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        match socket.connect_timeout(&address.into(), Duration::from_millis(500)) {
            Ok(()) => waiting.push(socket),
            Err(_) => return (address, listener, waiting),
        }
        assert!(waiting.len() < 100, "its queue does not fill up");
    }
}

// proves: MOV-08
#[tokio::test]
async fn a_place_that_answers_nothing_is_refused_in_time_and_the_station_is_whole_meanwhile() {
    let (bus, folder) = (MemoryBus::new(), tempfile::tempdir().unwrap());
    let (desk, events) = station(&bus, folder.path(), "desk", Moves::Always).await;
    let (home, mut at_home) = station(&bus, folder.path(), "home", Moves::Never).await;
    let counted = count_moves(events);
    let address = desk.address();
    let asked = tokio::task::spawn_blocking(move || {
        let (nobody, _listener, _waiting) = deaf();
        let mut socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(50))).unwrap();
        let begun = Instant::now();
        let SessionTarget::Url(to) = url(nobody) else { unreachable!() };
        socket.write_all(&package(0, proposal("", &to).as_bytes())).unwrap();
        // While it waits it takes JOINs as ever, and no second proposal.
        let other = propose(&mut TcpStream::connect(address).unwrap(), "Stage._mvrxchange._tcp.local.", "");
        assert!(!other.0 && other.1.contains("another move"), "{other:?}");
        is_well(address);
        let mut head = [0; 28];
        socket.read_exact(&mut head).expect("an answer in time");
        let length = u64::from_be_bytes(head[20..28].try_into().unwrap());
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        socket.read_exact(&mut payload).unwrap();
        (answer_in(&payload), begun.elapsed())
    });
    let file = commit(&desk, folder.path(), "meanwhile.mvr").await;
    let ((ok, why), took) = asked.await.unwrap();
    println!("refused after {:.1} s: {why}", took.as_secs_f64());
    assert!(!ok && took < Duration::from_secs(42), "{took:?}: {why}");
    until_known(&home, &mut at_home, file).await;
    home.request(file, Source::Any).await.unwrap().await.unwrap();
    assert_eq!(kept_place(&folder.path().join("desk")).unwrap(), None);
    for station in [desk, home] {
        station.stop().await;
    }
    // The stream ends with its station's last handle.
    assert_eq!(counted.await.unwrap(), (0, 1));
}
