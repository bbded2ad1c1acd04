//! Stations on loopback, and peers written byte by byte.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

pub mod places;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use mvrx_discovery::FixedDiscovery;
use mvrx_message::{Commit, Dialect, FileUuid, Join, JoinRet, Message, MvrVersion, Reply, StationUuid};
use mvrx_station::{Event, Events, Heard, Station};
use mvrx_store::FsStore;

/// No test here takes longer when it works.
pub const LIMIT: Duration = Duration::from_secs(30);

pub const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub async fn start(name: &str, folder: &Path, peers: &[SocketAddr]) -> (Station, Events) {
    let store = FsStore::open(folder.join(name)).unwrap();
    Station::builder(name)
        .any_file(true)
        .listen(loopback())
        .discovery(FixedDiscovery::new(peers.iter().copied()))
        .store(store)
        .spawn()
        .await
        .unwrap()
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
            Ok(Some(Heard::DiscoveryProblem { what })) => panic!("finding others: {what}"),
            Ok(Some(Heard::Session(seen))) => panic!("this is no host: {seen:?}"),
            Ok(Some(Heard::Lagged { missed })) => panic!("{missed} events missed"),
            Ok(None) => panic!("the station stopped; heard {heard:#?}"),
            Err(_) => panic!("waited too long; heard {heard:#?}"),
        }
    }
}

pub fn package(kind: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(778_682, 1, 0, 1, kind, payload.len() as u64);
    bytes.extend_from_slice(payload);
    bytes
}

pub fn header(magic: u32, version: u32, number: u32, count: u32, kind: u32, length: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in [magic, version, number, count, kind] {
        bytes.extend_from_slice(&field.to_be_bytes());
    }
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes
}

pub fn message(message: &Message) -> Vec<u8> {
    package(0, &message.to_json(&Dialect::strict()))
}

pub fn stranger() -> StationUuid {
    StationUuid::from_random_bytes([9; 16])
}

pub fn join() -> Message {
    Message::Join(Join::new(stranger(), "stranger", "MVRApplication", MvrVersion { major: 1, minor: 6 }))
}

pub fn commit_of(size: u64, file_name: &str) -> Commit {
    Commit {
        file: FileUuid::from_random_bytes([7; 16]),
        station: Some(stranger()),
        version: MvrVersion { major: 1, minor: 6 },
        file_size: size,
        for_stations: vec![],
        comment: "from a stranger".into(),
        file_name: file_name.into(),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

/// Reads one package: its type and payload.
pub fn read_package(socket: &mut TcpStream) -> std::io::Result<(u32, Vec<u8>)> {
    socket.set_read_timeout(Some(LIMIT))?;
    let mut head = [0; 28];
    socket.read_exact(&mut head)?;
    let kind = u32::from_be_bytes(head[16..20].try_into().unwrap());
    let length = u64::from_be_bytes(head[20..28].try_into().unwrap());
    let mut payload = vec![0; length as usize];
    socket.read_exact(&mut payload)?;
    Ok((kind, payload))
}

/// The station still takes a JOIN.
pub fn is_well(address: SocketAddr) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(&message(&join())).unwrap();
    let (kind, payload) = read_package(&mut socket).expect("no answer to JOIN");
    assert_eq!(kind, 0);
    let parsed = Message::parse(&payload).unwrap();
    assert!(matches!(parsed.message, Message::JoinRet(ret) if ret.reply.ok));
}

/// A peer that answers JOIN with one commit, and each REQUEST with what `answer` writes.
pub fn peer(commit: Commit, answer: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(loopback()).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let Ok((_, payload)) = read_package(&mut socket) else { continue };
            match Message::parse(&payload).unwrap().message {
                Message::Join(_) => {
                    let ret = JoinRet {
                        reply: Reply { ok: true, message: String::new(), from: None },
                        provider: "MVRApplication".into(),
                        station_name: "stranger".into(),
                        version: MvrVersion { major: 1, minor: 6 },
                        station: Some(stranger()),
                        commits: vec![commit.clone()],
                        ours: None,
                        group: None,
                        ticket: None,
                        roster: None,
                    };
                    socket.write_all(&message(&Message::JoinRet(ret))).unwrap();
                }
                Message::Request(_) => answer(socket),
                _ => socket
                    .write_all(&message(&Message::LeaveRet(Reply {
                        ok: true,
                        message: String::new(),
                        from: None,
                    })))
                    .unwrap(),
            }
        }
    });
    address
}
