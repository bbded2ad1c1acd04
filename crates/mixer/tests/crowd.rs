//! A thousand clients in fifty rooms, one in ten of which reads nothing once it has joined.
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
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const ROOMS: usize = 50;
const MEMBERS: usize = 20;
const PAYLOAD: usize = 3000;
const OUTBOX: usize = 1 << 20;

/// How many members of a room write.
const WRITERS: usize = 2;

/// How many commands each of them writes. In every fifth room it is so much that no buffer of a system hides who does not read.
const fn commands(room: usize) -> u32 {
    if is_busy(room) { 800 } else { 20 }
}

const fn is_busy(room: usize) -> bool {
    room.is_multiple_of(5)
}

struct Member {
    reader: OwnedReadHalf,
    /// Taken by whoever writes.
    writer: Option<OwnedWriteHalf>,
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
    // As `serve` does with a small outbox; who is waited for, and how long, is as shipped.
    limits.hold_bytes = OUTBOX / 4;
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
                    let mut member_ = Member { reader, writer: None, deaf, buffer: BytesMut::new() };
                    member_.wait(1).await;
                    if member == 0 {
                        writer.write_all(&ClientMessage::Content.encode(1)).await.unwrap();
                        loop {
                            let (code, payload) = member_.frame().await;
                            if code == 20 && String::from_utf8_lossy(&payload).contains("\"joinable\": true")
                            {
                                break;
                            }
                        }
                    }
                    member_.writer = Some(writer);
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
    assert_eq!(metrics.stored_bytes, sent * WRITERS as u64 * (14 + 8 + PAYLOAD as u64));
    within(server.shutdown()).await;
}

/// The first two members of a room write in turn; every member that reads, those two as well, checks what it gets.
async fn play(room: usize, mut members: Vec<Member>) -> Vec<Member> {
    let mut writers: Vec<OwnedWriteHalf> =
        members[..WRITERS].iter_mut().map(|member| member.writer.take().unwrap()).collect();
    let readers: Vec<_> = members
        .into_iter()
        .enumerate()
        .map(|(at, member)| {
            tokio::spawn(async move { if member.deaf { member } else { check(room, at, member).await } })
        })
        .collect();
    for number in 0..commands(room) {
        for (writer, stream) in writers.iter_mut().enumerate() {
            let mut payload = Vec::new();
            put_string(&mut payload, &writer.to_string());
            payload.extend_from_slice(&number.to_le_bytes());
            payload.resize(PAYLOAD + 8, 7);
            stream.write_all(&frame::encode(101, 1, &payload)).await.unwrap();
        }
    }
    let mut kept = Vec::new();
    for reader in readers {
        kept.push(reader.await.unwrap());
    }
    for (member, writer) in kept.iter_mut().zip(writers) {
        member.writer = Some(writer);
    }
    kept
}

/// Reads until it has every command of the others: each once, and those of one writer in order.
async fn check(room: usize, at: usize, mut member: Member) -> Member {
    let mut expected = [0; WRITERS];
    while expected.iter().enumerate().any(|(writer, number)| writer != at && *number < commands(room)) {
        let (code, payload) = member.frame().await;
        if code > 100 {
            let writer = usize::from(payload[4] - b'0');
            assert_ne!(writer, at, "room {room}: its own");
            let number = u32::from_le_bytes(payload[5..9].try_into().unwrap());
            assert_eq!((number, payload.len()), (expected[writer], PAYLOAD + 8), "room {room}, {writer}");
            expected[writer] += 1;
        }
    }
    member
}
