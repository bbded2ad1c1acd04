//! Aim: whatever a peer sends gets its named error or limit, the station goes on, and nothing half-written is ever visible.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use mvrx_station::{Event, LimitReached, RequestFailure, Source, Station};
use mvrx_store::Cancel;
use support::{LIMIT, commit_of, header, is_well, package, peer, start, until};

const MAGIC: u32 = 778_682;

/// The station has a thread of its own, so a test may block.
fn blocking(work: impl FnOnce()) {
    work();
}

/// Sends these bytes and waits until the station has closed the connection.
fn is_closed_after(station: &Station, bytes: &[u8]) {
    let mut socket = TcpStream::connect(station.address()).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    // The station may close before all is written.
    let _ = socket.write_all(bytes);
    let mut rest = Vec::new();
    match socket.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
    }
}

#[tokio::test]
async fn bytes_that_are_no_package_close_their_connection_only() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut events) = start("desk", folder.path(), &[]).await;
    let cases: [(&str, &str, Vec<u8>); 8] = [
        ("wrong magic", "not a package", header(1, 1, 0, 1, 0, 2)),
        ("length 2^63", "9223372036854775808", header(MAGIC, 1, 0, 1, 0, 1 << 63)),
        ("a file of 2^63", "9223372036854775808", header(MAGIC, 1, 0, 1, 1, 1 << 63)),
        ("NUMBER not below COUNT", "3", header(MAGIC, 1, 3, 3, 0, 2)),
        ("JSON of 100 MiB", "104857600", header(MAGIC, 1, 0, 1, 0, 100 << 20)),
        ("an unknown type", "7", header(MAGIC, 1, 0, 1, 7, 2)),
        ("deep nesting", "nest", package(0, "[".repeat(500_000).as_bytes())),
        ("invalid UTF-8", "UTF-8", package(0, b"{\"Type\":\"\xff\xfe\"}")),
    ];
    for (name, says, bytes) in cases {
        println!("{name}");
        blocking(|| {
            is_closed_after(&desk, &bytes);
            is_well(desk.address());
        });
        let told = until(&mut events, |e| match e {
            Event::PeerError { what, .. } => Some(what.clone()),
            _ => None,
        })
        .await;
        println!("    {told}");
        assert!(told.contains(says), "{name}: {told}");
    }
}

#[tokio::test]
async fn count_zero_reads_as_one_and_any_version_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _events) = start("desk", folder.path(), &[]).await;
    let json = support::join().to_json(&mvrx_message::Dialect::strict());
    let mut bytes = header(MAGIC, 0x0100_4d0a, 0, 0, 0, json.len() as u64);
    bytes.extend_from_slice(&json);
    blocking(|| {
        let mut socket = TcpStream::connect(desk.address()).unwrap();
        socket.write_all(&bytes).unwrap();
        assert_eq!(support::read_package(&mut socket).unwrap().0, 0);
    });
}

#[tokio::test]
async fn a_thousand_idle_connections_keep_nobody_out_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, mut events) = start("desk", folder.path(), &[]).await;
    blocking(|| {
        let idle: Vec<_> = (0..1000).filter_map(|_| TcpStream::connect(desk.address()).ok()).collect();
        println!("{} connections stand", idle.len());
        // What is over the limit was closed at once; a slot is free again at the latest when the silent ones are closed.
        let begun = std::time::Instant::now();
        while !joins(desk.address()) {
            assert!(begun.elapsed() < LIMIT, "idle connections keep everybody out");
        }
        drop(idle);
        while !joins(desk.address()) {
            assert!(begun.elapsed() < LIMIT, "connections that ended keep everybody out");
        }
    });
    let told = |event: &Event| *event == Event::LimitReached(LimitReached::InboundFromOne);
    until(&mut events, |event| told(event).then_some(())).await;
}

// proves: STA-21
#[tokio::test]
async fn connections_that_are_kept_open_leave_room_for_more_from_their_address() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _events) = start("desk", folder.path(), &[]).await;
    blocking(|| {
        let mut kept = Vec::new();
        for n in 0..100 {
            let mut socket = TcpStream::connect(desk.address()).unwrap();
            socket.write_all(&support::message(&support::join())).unwrap();
            let answer = support::read_package(&mut socket).map(|package| package.0);
            assert_eq!(answer.map_err(|error| error.to_string()), Ok(0), "connection {n}");
            kept.push(socket);
        }
    });
}

#[tokio::test]
async fn a_thousand_messages_at_once_on_one_connection_are_all_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _events) = start("desk", folder.path(), &[]).await;
    let messages = support::message(&support::join()).repeat(1000);
    blocking(|| {
        let mut socket = TcpStream::connect(desk.address()).unwrap();
        let mut writing = socket.try_clone().unwrap();
        let writer = std::thread::spawn(move || writing.write_all(&messages));
        for n in 0..1000 {
            assert_eq!(support::read_package(&mut socket).map_err(|e| format!("{n}: {e}")).unwrap().0, 0);
        }
        writer.join().unwrap().unwrap();
    });
}

/// Whether the station answers a JOIN now; above its limits it closes at once.
fn joins(address: std::net::SocketAddr) -> bool {
    let Ok(mut socket) = TcpStream::connect(address) else { return false };
    socket.write_all(&support::message(&support::join())).is_ok()
        && support::read_package(&mut socket).is_ok()
}

/// Fetches what the peer offers, and gives the end of the request and the station.
async fn fetch(
    folder: &std::path::Path,
    address: std::net::SocketAddr,
) -> (Result<mvrx_station::Fetched, RequestFailure>, Station) {
    let (desk, mut events) = start("desk", folder, &[address]).await;
    let file =
        until(&mut events, |e| if let Event::CommitSeen { file, .. } = e { Some(*file) } else { None }).await;
    let end = desk.request(file, Source::Any).await.unwrap().await;
    (end, desk)
}

#[tokio::test]
async fn a_file_name_that_climbs_out_stays_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let address =
        peer(commit_of(5, "../../x"), |mut socket| socket.write_all(&package(1, b"bytes")).unwrap());
    let (end, desk) = fetch(folder.path(), address).await;
    let fetched = end.unwrap();
    let received = folder.path().join("a").join("b");
    std::fs::create_dir_all(&received).unwrap();
    let saved =
        desk.store().put_away(fetched.file, &received, &fetched.commit.file_name, &Cancel::new()).unwrap();
    assert_eq!(saved.path.parent().unwrap(), received);
    assert_eq!(std::fs::read(saved.path).unwrap(), b"bytes");
}

#[tokio::test]
async fn a_whole_file_of_another_length_than_announced_is_told_and_kept() {
    for announced in [3, 9] {
        let folder = tempfile::tempdir().unwrap();
        let address = peer(commit_of(announced, "x.mvr"), |mut socket| {
            socket.write_all(&package(1, b"bytes")).unwrap();
        });
        let (desk, mut events) = start("desk", folder.path(), &[address]).await;
        let file =
            until(&mut events, |e| if let Event::CommitSeen { file, .. } = e { Some(*file) } else { None })
                .await;
        let fetched = desk.request(file, Source::Any).await.unwrap().await.unwrap();
        assert_eq!(fetched.commit.file_size, 5);
        let told = until(&mut events, |e| {
            if let Event::FileSizeDiffers { announced, received, .. } = e {
                Some((*announced, *received))
            } else {
                None
            }
        });
        assert_eq!(told.await, (announced, 5));
    }
}

#[tokio::test]
async fn a_file_of_another_length_is_refused_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let address = peer(commit_of(9, "x.mvr"), |mut socket| socket.write_all(&package(1, b"bytes")).unwrap());
    let (desk, mut events) = Station::builder("desk")
        .any_file(true)
        .listen(support::loopback())
        .discovery(mvrx_discovery::FixedDiscovery::new([address]))
        .refuse_size_mismatch(true)
        .spawn()
        .await
        .unwrap();
    let _ = &folder;
    let file =
        until(&mut events, |e| if let Event::CommitSeen { file, .. } = e { Some(*file) } else { None }).await;
    let end = desk.request(file, Source::Any).await.unwrap().await;
    let Err(RequestFailure::EveryoneFailed { attempts }) = end else { panic!("{end:?}") };
    assert!(attempts[0].1.contains("announced 9 bytes and sends 5"), "{attempts:?}");
}

#[tokio::test]
async fn a_peer_that_stops_in_the_middle_of_a_file_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let address = peer(commit_of(1000, "x.mvr"), |mut socket| {
        let mut bytes = header(MAGIC, 1, 0, 1, 1, 1000);
        bytes.extend_from_slice(&[1; 500]);
        socket.write_all(&bytes).unwrap();
    });
    let (end, desk) = fetch(folder.path(), address).await;
    let Err(RequestFailure::EveryoneFailed { attempts }) = end else { panic!("{end:?}") };
    assert_eq!(attempts.len(), 1);
    println!("{}", attempts[0].1);
    assert!(desk.store().commits().unwrap().is_empty());
    desk.stop().await;
    let visible: Vec<_> =
        walk(folder.path()).into_iter().filter(|p| p.extension().is_some_and(|e| e == "mvr")).collect();
    assert!(visible.is_empty(), "{visible:?}");
}

#[tokio::test]
async fn an_answer_that_is_no_package_fails_the_request_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let address = peer(commit_of(5, "x.mvr"), |mut socket| {
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let (end, _desk) = fetch(folder.path(), address).await;
    let Err(RequestFailure::EveryoneFailed { attempts }) = end else { panic!("{end:?}") };
    assert!(attempts[0].1.contains("not a package"), "{attempts:?}");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}
