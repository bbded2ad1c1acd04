//! What a room gave back is what the next one is kept in: the system need not clear it again. Alone in its process, whose page faults it counts.
#![cfg(all(target_os = "linux", target_env = "gnu"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::net::SocketAddr;

use mixer::{Client, ClientOptions, Server};
use mixer_proto::frame::{Frames, scan};
use mixer_proto::message::{ClientMessage, JoinRoom};
use support::{command, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const COMMANDS: usize = 400;
const TAIL: usize = 60_000;
/// Of 4 KiB each, which is the smallest that they are.
const PAGES: u64 = (COMMANDS * TAIL / 4096) as u64;

#[test]
fn a_room_is_kept_in_memory_that_an_earlier_one_gave_back() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(within(async {
        let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).spawn().unwrap();
        let address = server.local_addresses()[0];
        let mut watcher = Client::connect(address, ClientOptions::default()).await.unwrap();
        let frame = command(150, "/scene", TAIL);
        let first = fill(address, &mut watcher, &frame).await;
        let second = fill(address, &mut watcher, &frame).await;
        assert!(second < PAGES / 4, "{second} page faults after {first}, for {PAGES} pages");
        server.shutdown().await;
    }));
}

/// One client fills a room and goes. The page faults that it took until all was stored.
async fn fill(address: SocketAddr, watcher: &mut Client, frame: &[u8]) -> u64 {
    let before = page_faults();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let join = JoinRoom {
        room: "stage".to_owned(),
        blender_version: String::new(),
        mixer_version: String::new(),
        ignore_version_check: true,
        generic_protocol: false,
    };
    stream.write_all(&ClientMessage::JoinRoom(join).encode(1)).await.unwrap();
    for _ in 0..COMMANDS {
        stream.write_all(frame).await.unwrap();
    }
    stream.write_all(&ClientMessage::ListRooms.encode(2)).await.unwrap();
    let (mut heard, wanted) = (Vec::<u8>::new(), mixer_proto::code::control::LIST_ROOMS);
    let listed = |heard: &[u8]| {
        let whole = scan(heard, u64::MAX).whole;
        Frames::new(&heard[..whole]).any(|frame| frame.header.code == wanted)
    };
    while !listed(&heard) {
        assert!(stream.read_buf(&mut heard).await.unwrap() > 0);
    }
    let faults = page_faults() - before;
    assert_eq!(watcher.list_rooms().await.unwrap().len(), 1);
    drop(stream);
    while !watcher.list_rooms().await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    faults
}

/// Of this process, those that needed no disk.
fn page_faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = &stat[stat.rfind(')').unwrap() + 2..];
    behind_name.split(' ').nth(7).unwrap().parse().unwrap()
}
