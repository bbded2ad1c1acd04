//! A thousand clients in fifty rooms, one in ten of which never reads.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::Duration;

use bytes::BytesMut;
use mixer::{Limits, Server};
use mixer_proto::frame::{self, Frames, scan};
use mixer_proto::message::{ClientMessage, JoinRoom};
use mixer_proto::primitive::put_string;
use support::within;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::net::tcp::OwnedReadHalf;

const ROOMS: usize = 50;
const MEMBERS: usize = 20;
const PAYLOAD: usize = 3000;
const OUTBOX: usize = 1 << 20;

/// In every fifth room so much is sent that no buffer of a system hides who does not read.
const fn commands(room: usize) -> u32 {
    if is_busy(room) { 1600 } else { 40 }
}

const fn is_busy(room: usize) -> bool {
    room.is_multiple_of(5)
}

struct Member {
    reader: OwnedReadHalf,
    writer: tokio::net::tcp::OwnedWriteHalf,
    deaf: bool,
    buffer: BytesMut,
}

impl Member {
    /// The next frame: its type and payload.
    async fn frame(&mut self) -> (u16, Vec<u8>) {
        loop {
            if let Some(frame) = Frames::new(&self.buffer).next() {
                let (end, found) = (frame.range.end, (frame.header.code, frame.payload.to_vec()));
                let _ = self.buffer.split_to(end);
                return found;
            }
            assert!(scan(&self.buffer, 1 << 30).whole == 0);
            assert!(self.reader.read_buf(&mut self.buffer).await.unwrap() > 0, "closed");
        }
    }

    async fn wait(&mut self, code: u16) {
        while self.frame().await.0 != code {}
    }
}

// proves: MIX-CROWD-1, MIX-BUG-4, MIX-BUG-12
#[tokio::test]
async fn every_member_gets_every_command_once_and_in_order_while_one_in_ten_does_not_read() {
    let mut limits = Limits::default();
    limits.outbox_bytes = OUTBOX;
    limits.hold_bytes = OUTBOX / 16;
    // Long enough for a machine that is busy with a thousand clients.
    limits.hold_window = Duration::from_secs(1);
    let server = Server::builder().address("127.0.0.1:0".parse().unwrap()).limits(limits).spawn().unwrap();
    let address = server.local_addresses()[0];
    let _kept = tokio::time::timeout(
        Duration::from_secs(240),
        Box::pin(async {
            let mut rooms = Vec::new();
            for room in 0..ROOMS {
                let mut members = Vec::new();
                for member in 0..MEMBERS {
                    let deaf = member > 0 && (room * MEMBERS + member) % 10 == 9;
                    let socket = TcpSocket::new_v4().unwrap();
                    if deaf {
                        socket.set_recv_buffer_size(4096).unwrap();
                    }
                    let (reader, mut writer) = socket.connect(address).await.unwrap().into_split();
                    let join = JoinRoom { room: format!("room {room}"), ..JoinRoom::default() };
                    writer.write_all(&ClientMessage::JoinRoom(join).encode(1)).await.unwrap();
                    let mut member_ = Member { reader, writer, deaf, buffer: BytesMut::new() };
                    member_.wait(1).await;
                    if member == 0 {
                        member_.writer.write_all(&ClientMessage::Content.encode(1)).await.unwrap();
                        loop {
                            let (code, payload) = member_.frame().await;
                            if code == 20 && String::from_utf8_lossy(&payload).contains("\"joinable\": true")
                            {
                                break;
                            }
                        }
                    }
                    members.push(member_);
                }
                rooms.push(members);
            }
            let work: Vec<_> = rooms
                .into_iter()
                .enumerate()
                .map(|(room, members)| tokio::spawn(play(room, members)))
                .collect();
            let mut kept = Vec::new();
            for work in work {
                kept.extend(work.await.unwrap());
            }
            kept
        }),
    )
    .await
    .expect("too slow");
    let metrics = server.metrics().await.unwrap();
    // Who does not read has been dropped where too much waited for it; elsewhere what waits stays below the limit of each, and a run more.
    let deaf_each = (MEMBERS / 10) as u64;
    let busy = (0..ROOMS).filter(|room| is_busy(*room)).count() as u64;
    assert_eq!(metrics.clients_dropped, busy * deaf_each, "{metrics:?}");
    let deaf = deaf_each * (ROOMS as u64 - busy);
    assert!(metrics.queued_bytes <= deaf * (OUTBOX as u64 + (256 << 10)), "{metrics:?}");
    let sent: u64 = (0..ROOMS).map(|room| u64::from(commands(room))).sum();
    assert_eq!(metrics.stored_bytes, sent * (14 + 8 + PAYLOAD as u64));
    within(server.shutdown()).await;
}

/// Two members of each room write in turn; every member that reads checks what it gets.
async fn play(room: usize, mut members: Vec<Member>) -> Vec<Member> {
    let mut creator = members.remove(0);
    let readers: Vec<_> = members
        .into_iter()
        .map(|member| {
            tokio::spawn(async move {
                if member.deaf {
                    return Some(member);
                }
                let mut member = member;
                let mut expected = 0;
                while expected < commands(room) {
                    let (code, payload) = member.frame().await;
                    if code > 100 {
                        let number = u32::from_le_bytes(payload[4..8].try_into().unwrap());
                        assert_eq!((number, payload.len()), (expected, PAYLOAD + 8), "room {room}");
                        expected += 1;
                    }
                }
                Some(member)
            })
        })
        .collect();
    for number in 0..commands(room) {
        let mut payload = Vec::new();
        put_string(&mut payload, "");
        payload.extend_from_slice(&number.to_le_bytes());
        payload.resize(PAYLOAD + 8, 7);
        creator.writer.write_all(&frame::encode(101, 1, &payload)).await.unwrap();
        // The creator reads what is there, so that it is not dropped for its own deafness.
        let _ = creator.reader.try_read_buf(&mut creator.buffer);
        creator.buffer.clear();
    }
    let mut kept = Vec::new();
    for reader in readers {
        kept.extend(reader.await.unwrap());
    }
    kept.push(creator);
    kept
}
