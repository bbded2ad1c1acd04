//! What goes over the wire in WebSocket Mode, and what may come over it, beside RFC 6455 itself.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod raw;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::battery::{Sink, Source, unexpected};
use mvrx_transport::ws::{FrameDecoder, FrameError, FrameLimits, Opcode, Role, Step};
use mvrx_transport::{
    Blame, BoxError, BoxFuture, Connection, Deviation, Endpoint, FilePump, FileSource, FileStyle, Incoming,
    Limits, Progress, ReadError, ReceiveError, SourceRead, Transport, WsTransport,
};
use mvrx_wire::{file_header, json_header};
use raw::{client_of, masked, server_of, with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PUMPS: [FilePump; 2] = [FilePump::Blocking, FilePump::Portable];

fn leave(seed: u8) -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([seed; 16])))
}

fn json(message: &Message) -> Vec<u8> {
    let mut json = Vec::new();
    message.append_json(&Dialect::strict(), &mut json);
    json
}

async fn expect(connection: &mut Connection, message: &Message) {
    match connection.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(&parsed.message, message),
        other => panic!("{other:?}"),
    }
}

/// The bytes of a file as a [`Source`] of this length has them.
fn file(length: u64) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(length).unwrap()];
    Source::new(length).pattern.fill(0, &mut bytes);
    bytes
}

/// Receives a file of `length` bytes and checks it.
async fn receive(connection: &mut Connection, length: u64, expected: Option<u64>) {
    assert!(matches!(connection.reader.next().await, Ok(Incoming::File { .. })));
    take(connection, length, expected).await;
}

async fn take(connection: &mut Connection, length: u64, expected: Option<u64>) {
    let (sink, seen) = Sink::of(length);
    let taken =
        connection.reader.receive_file(Box::new(sink), expected, &mut unexpected, Progress::new()).await;
    assert_eq!(taken.unwrap(), length);
    assert!(seen.finished());
    assert_eq!(seen.bytes(), length);
}

#[tokio::test]
// proves: WSK-13
async fn a_message_is_one_text_of_one_frame_in_one_write() {
    for masked in [false, true] {
        let ws = WsTransport::default();
        let (mut ours, mut peer) = if masked { server_of(&ws).await } else { client_of(&ws).await };
        ours.writer.send(&leave(1), &Dialect::strict()).await.unwrap();
        let mut bytes = vec![0; 4096];
        let count = peer.read(&mut bytes).await.unwrap();
        let mut decoder = reading_ours(masked);
        let (consumed, step) = decoder.decode(&mut bytes[..count]).unwrap();
        assert_eq!(step, Step::Text(std::str::from_utf8(&json(&leave(1))).unwrap()));
        assert_eq!(consumed, count);
    }
}

fn reading_ours(masked: bool) -> FrameDecoder {
    FrameDecoder::new(if masked { Role::Server } else { Role::Client }, FrameLimits::default())
}

/// The frames of each binary message: bytes of the first, whether it is the whole, bytes of all.
fn messages(bytes: &mut [u8], mut decoder: FrameDecoder) -> Vec<(u64, bool, usize)> {
    let (mut at, mut messages) = (0, Vec::<(u64, bool, usize)>::new());
    loop {
        let (consumed, step) = decoder.decode(&mut bytes[at..]).unwrap();
        at += consumed;
        match step {
            Step::BinaryBegins { frame, fin } => messages.push((frame, fin, 0)),
            Step::Payload(count) => messages.last_mut().unwrap().2 += count,
            Step::BinaryEnds => {}
            Step::Close { .. } => return messages,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
// proves: WSK-14
async fn a_file_is_one_message_in_large_frames_or_many_of_the_size_asked_for() {
    let one = vec![(256 << 10, false, 3_000_000)];
    let many: Vec<_> = (0..46).map(|n| if n < 45 { 65_536 } else { 3_000_000 - 45 * 65_536 }).collect();
    let many: Vec<_> = many.into_iter().map(|n| (n, true, usize::try_from(n).unwrap())).collect();
    for (style, expected) in [(FileStyle::OneMessage, one), (FileStyle::Messages { most: 65_536 }, many)] {
        for pump in PUMPS {
            for masked in [false, true] {
                let ws = WsTransport::default().with_file_pump(pump);
                let (mut ours, mut peer) = if masked { server_of(&ws).await } else { client_of(&ws).await };
                let sending = async {
                    ours.writer.set_file_style(style);
                    let sent = ours.writer.send_file(Box::new(Source::new(3_000_000)), Progress::new()).await;
                    drop(ours);
                    sent.unwrap()
                };
                let mut bytes = Vec::new();
                let (sent, read) = tokio::join!(sending, peer.read_to_end(&mut bytes));
                read.unwrap();
                assert_eq!(sent, 3_000_000);
                assert_eq!(messages(&mut bytes, reading_ours(masked)), expected, "{style:?} {pump:?}");
            }
        }
    }
}

#[tokio::test]
// proves: WSK-10, WSK-15
async fn a_file_is_read_from_as_many_messages_as_it_takes() {
    for pump in PUMPS {
        for piece in [1, 100, 8192, 65_536, 300_000] {
            let length = if piece == 1 { 5000 } else { 300_000 };
            let (mut ours, mut peer) = client_of(&WsTransport::default().with_file_pump(pump)).await;
            let mut bytes = Vec::new();
            for (number, piece) in file(length).chunks(piece).enumerate() {
                bytes.extend_from_slice(&masked(Opcode::Binary, true, piece));
                if number % 3 == 0 {
                    bytes.extend_from_slice(&masked(Opcode::Ping, true, b"still there"));
                }
            }
            bytes.extend_from_slice(&masked(Opcode::Text, true, &json(&leave(1))));
            let writing = async { peer.write_all(&bytes).await.unwrap() };
            let reading = async {
                receive(&mut ours, length, Some(length)).await;
                expect(&mut ours, &leave(1)).await;
            };
            tokio::join!(writing, reading);
            let mut pong = vec![0; 2 + b"still there".len()];
            let answering = async { peer.read_exact(&mut pong).await.unwrap() };
            tokio::select! {
                _ = answering => {}
                heard = ours.reader.next() => panic!("{heard:?}"),
            }
            assert_eq!(pong, raw::plain(Opcode::Pong, true, b"still there"));
        }
    }
}

#[tokio::test]
// proves: WSK-15
async fn a_file_of_unknown_size_is_one_message_however_fragmented() {
    let length = 200_000;
    for pump in PUMPS {
        for piece in [1000, 70_000] {
            let (mut ours, mut peer) = client_of(&WsTransport::default().with_file_pump(pump)).await;
            let mut bytes = masked(Opcode::Binary, false, &[]);
            for piece in file(length).chunks(piece) {
                bytes.extend_from_slice(&masked(Opcode::Continuation, false, piece));
            }
            bytes.extend_from_slice(&masked(Opcode::Continuation, true, &[]));
            bytes.extend_from_slice(&masked(Opcode::Binary, true, &file(10)));
            bytes.extend_from_slice(&masked(Opcode::Binary, true, &[]));
            let writing = async { peer.write_all(&bytes).await.unwrap() };
            let reading = async {
                receive(&mut ours, length, None).await;
                receive(&mut ours, 10, None).await;
                receive(&mut ours, 0, None).await;
            };
            tokio::join!(writing, reading);
        }
    }
}

#[tokio::test]
async fn a_message_longer_than_the_size_told_is_read_to_its_end() {
    let (mut ours, mut peer) = client_of(&WsTransport::default()).await;
    peer.write_all(&masked(Opcode::Binary, true, &file(1000))).await.unwrap();
    peer.write_all(&masked(Opcode::Text, true, &json(&leave(1)))).await.unwrap();
    receive(&mut ours, 1000, Some(400)).await;
    expect(&mut ours, &leave(1)).await;
}

#[tokio::test]
async fn a_file_above_the_limit_ends_the_connection_with_1009() {
    for pump in PUMPS {
        let limits = Limits { file_bytes: 100_000, ..Limits::default() };
        let (mut ours, mut peer) = client_of(&with(limits).with_file_pump(pump)).await;
        peer.write_all(&masked(Opcode::Binary, true, &file(100_001))).await.unwrap();
        assert!(matches!(ours.reader.next().await, Ok(Incoming::File { .. })));
        let (sink, seen) = Sink::of(100_001);
        let error = ours
            .reader
            .receive_file(Box::new(sink), None, &mut unexpected, Progress::new())
            .await
            .unwrap_err();
        let named = matches!(error, ReceiveError::FileLongerThanLimit { allowed: 100_000, .. });
        assert!(named && error.blame() == Blame::Limit, "{error:?}");
        assert!(!seen.finished());
        let mut all = Vec::new();
        peer.read_to_end(&mut all).await.unwrap();
        assert_eq!((all[0], &all[2..4]), (0x88, &[0x03, 0xf1][..]));
        assert!(String::from_utf8_lossy(&all[4..]).contains("longer than"), "{all:?}");
    }
}

#[tokio::test]
async fn frames_without_a_byte_of_the_file_are_no_progress() {
    for pump in PUMPS {
        let limits = Limits { file_idle: Duration::from_millis(50), ..Limits::default() };
        let (mut ours, peer) = client_of(&with(limits).with_file_pump(pump)).await;
        let (_from, mut to) = peer.into_split();
        let flooding = tokio::spawn(async move {
            to.write_all(&masked(Opcode::Binary, false, b"a")).await.unwrap();
            let empty = masked(Opcode::Continuation, false, b"").repeat(10_000);
            while to.write_all(&empty).await.is_ok() {}
        });
        assert!(matches!(ours.reader.next().await, Ok(Incoming::File { .. })));
        let (sink, seen) = Sink::of(0);
        let error = ours
            .reader
            .receive_file(Box::new(sink), None, &mut unexpected, Progress::new())
            .await
            .unwrap_err();
        assert!(matches!(error, ReceiveError::FileStalled { .. }), "{error:?}");
        assert!(!seen.finished());
        flooding.await.unwrap();
    }
}

#[tokio::test]
// proves: WSK-16
async fn a_package_header_in_front_of_a_file_or_of_json_is_told_and_left_out() {
    let behind = |header: [u8; 28], payload: &[u8]| [&header[..], payload].concat();
    let a_file = behind(file_header(50_000), &file(50_000));
    let a_message = behind(json_header(json(&leave(2)).len() as u64), &json(&leave(2)));
    for piece in [3, 28, 1000, 60_000] {
        let (mut ours, mut peer) = client_of(&WsTransport::default()).await;
        let mut bytes = Vec::new();
        for message in [&a_file, &a_message] {
            let pieces = message.chunks(piece).count();
            for (number, piece) in message.chunks(piece).enumerate() {
                let opcode = if number == 0 { Opcode::Binary } else { Opcode::Continuation };
                bytes.extend_from_slice(&masked(opcode, number + 1 == pieces, piece));
            }
        }
        bytes.extend_from_slice(&masked(Opcode::Text, true, &json(&leave(3))));
        let writing = async { peer.write_all(&bytes).await.unwrap() };
        let reading = async {
            expect_tolerated(&mut ours).await;
            receive(&mut ours, 50_000, Some(50_000)).await;
            expect_tolerated(&mut ours).await;
            expect(&mut ours, &leave(2)).await;
            expect(&mut ours, &leave(3)).await;
        };
        tokio::join!(writing, reading);
    }
}

async fn expect_tolerated(ours: &mut Connection) {
    let incoming = ours.reader.next().await;
    assert!(matches!(incoming, Ok(Incoming::Tolerated(Deviation::PackageHeaderInWebSocket))), "{incoming:?}");
}

#[tokio::test]
async fn a_short_file_that_begins_like_a_package_header_is_a_file() {
    for bytes in [&[0, 0x0b, 0xe1, 0xba][..], &[0, 0x0b], &[0; 40]] {
        let (mut ours, mut peer) = client_of(&WsTransport::default()).await;
        peer.write_all(&masked(Opcode::Binary, true, bytes)).await.unwrap();
        assert!(matches!(ours.reader.next().await, Ok(Incoming::File { length: None })));
        let sink = Box::new(mvrx_transport::DiscardSink);
        let taken = ours.reader.receive_file(sink, None, &mut unexpected, Progress::new()).await;
        assert_eq!(taken.unwrap(), bytes.len() as u64);
    }
}

/// A source that has its second half only once it is told.
#[derive(Debug)]
struct Gated {
    inner: Source,
    half: u64,
    open: Arc<AtomicBool>,
}

impl FileSource for Gated {
    fn length(&self) -> u64 {
        self.inner.length()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        if self.open.load(Ordering::SeqCst) {
            return self.inner.read_at(offset, buffer);
        }
        let left = usize::try_from(self.half.saturating_sub(offset)).unwrap();
        let most = left.min(buffer.len());
        if most == 0 { Ok(SourceRead::NotYet) } else { self.inner.read_at(offset, &mut buffer[..most]) }
    }
}

#[tokio::test]
// proves: WSK-17
async fn a_message_passes_a_file_that_goes_in_many_messages() {
    for pump in PUMPS {
        let ws = WsTransport::default().with_file_pump(pump);
        let mut listener = ws.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (near, far) = tokio::join!(ws.dial(listener.local_addr().into()), listener.accept());
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        near.writer.set_file_style(FileStyle::Messages { most: 1 << 16 });
        let aside = near.writer.aside().unwrap();
        let (length, open) = (1_000_000, Arc::new(AtomicBool::new(false)));
        let source = Gated { inner: Source::new(length), half: 500_000, open: Arc::clone(&open) };
        let (sink, seen) = Sink::of(length);
        let sending = near.writer.send_file(Box::new(source), Progress::new());
        // The second half of the file exists only after the message came: it can not have waited for the end.
        let mut between = |incoming: Incoming| -> BoxFuture<'static, ()> {
            let Incoming::Message { parsed, .. } = incoming else { panic!("{incoming:?}") };
            assert_eq!(parsed.message, leave(7));
            open.store(true, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        };
        let receiving = async {
            assert!(matches!(far.reader.next().await, Ok(Incoming::File { .. })));
            aside.send(&leave(7), &Dialect::strict()).unwrap();
            far.reader.receive_file(Box::new(sink), Some(length), &mut between, Progress::new()).await
        };
        let (sent, received) = tokio::join!(sending, receiving);
        assert_eq!((sent.unwrap(), received.unwrap()), (length, length));
        assert!(seen.finished());
        // Without a file it is a message like any other.
        aside.send(&leave(8), &Dialect::strict()).unwrap();
        expect(&mut far, &leave(8)).await;
    }
}

#[tokio::test]
// proves: WSK-10
async fn a_ping_is_answered_in_the_middle_of_a_file() {
    for pump in PUMPS {
        for style in [FileStyle::OneMessage, FileStyle::Messages { most: 1 << 16 }] {
            let (mut ours, mut peer) = client_of(&WsTransport::default().with_file_pump(pump)).await;
            ours.writer.set_file_style(style);
            let open = Arc::new(AtomicBool::new(false));
            let source = Gated { inner: Source::new(1_000_000), half: 500_000, open: Arc::clone(&open) };
            let Connection { mut reader, mut writer, .. } = ours;
            let asking = async {
                peer.write_all(&masked(Opcode::Ping, true, b"now")).await.unwrap();
                let mut decoder = reading_ours(false);
                let mut held = Vec::new();
                while !has_pong(&mut decoder, &mut held) {
                    assert!(peer.read_buf(&mut held).await.unwrap() > 0);
                }
                open.store(true, Ordering::SeqCst);
                let mut rest = Vec::new();
                peer.write_all(&masked(Opcode::Close, true, &[])).await.unwrap();
                peer.read_to_end(&mut rest).await.unwrap();
            };
            let sending = async {
                let sending = writer.send_file(Box::new(source), Progress::new());
                tokio::join!(sending, reader.next()).0.unwrap();
                drop((reader, writer));
            };
            tokio::join!(sending, asking);
        }
    }
}

fn has_pong(decoder: &mut FrameDecoder, held: &mut Vec<u8>) -> bool {
    loop {
        let (consumed, step) = decoder.decode(held).unwrap();
        let (pong, over) = (step == Step::Pong(b"now"), step == Step::Incomplete);
        held.drain(..consumed);
        if pong || over {
            return pong;
        }
    }
}

#[tokio::test]
// proves: WSK-10
async fn who_pings_without_reading_gets_the_latest_answered() {
    let (mut ours, peer) = client_of(&WsTransport::default()).await;
    let pings: Vec<u8> =
        (0..200_000_u32).flat_map(|n| masked(Opcode::Ping, true, &n.to_be_bytes())).collect();
    let (mut from, mut to) = peer.into_split();
    let writing = async {
        to.write_all(&pings).await.unwrap();
        to.write_all(&masked(Opcode::Text, true, &json(&leave(1)))).await.unwrap();
    };
    let message = leave(1);
    tokio::join!(writing, expect(&mut ours, &message));
    // Only now the peer reads.
    let mut bytes = Vec::new();
    let closing = async {
        let _ = ours.writer.close().await;
        drop(ours);
    };
    let (read, ()) = tokio::join!(from.read_to_end(&mut bytes), closing);
    read.unwrap();
    let (mut decoder, mut at, mut last) = (reading_ours(false), 0, Vec::new());
    loop {
        let (consumed, step) = decoder.decode(&mut bytes[at..]).unwrap();
        at += consumed;
        match step {
            Step::Pong(payload) => last = payload.to_vec(),
            Step::Close { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(last, 199_999_u32.to_be_bytes());
}

#[tokio::test]
async fn a_peer_that_leaves_without_a_close_frame_is_an_error() {
    for (bytes, error) in [
        (vec![], FrameError::StreamEndedUnclosed),
        (vec![0x81], FrameError::StreamEndedInFrame),
        (masked(Opcode::Text, false, b"a"), FrameError::StreamEndedInMessage),
    ] {
        let (mut ours, mut peer) = client_of(&WsTransport::default()).await;
        peer.write_all(&bytes).await.unwrap();
        drop(peer);
        match ours.reader.next().await {
            Err(ReadError::Frame(found)) => assert_eq!((found, found.blame()), (error, Blame::Network)),
            other => panic!("{other:?}"),
        }
        assert!(matches!(ours.reader.next().await, Err(ReadError::ConnectionBroken)));
    }
}

#[tokio::test]
async fn a_dropped_end_says_that_it_goes_away() {
    let (ours, mut peer) = client_of(&WsTransport::default()).await;
    drop(ours);
    let mut all = Vec::new();
    peer.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, [0x88, 2, 0x03, 0xe9]);
}

#[tokio::test]
// proves: WSK-11
async fn a_dropped_end_lets_a_peer_that_still_speaks_read_why() {
    let (ours, peer) = client_of(&WsTransport::default()).await;
    let (mut from, mut to) = peer.into_split();
    // Bytes that nobody reads: a socket that is closed over them takes back what it said.
    to.write_all(&masked(Opcode::Text, true, &json(&leave(1)))).await.unwrap();
    drop(ours);
    to.write_all(&masked(Opcode::Text, true, &json(&leave(2)))).await.unwrap();
    let mut all = Vec::new();
    from.read_to_end(&mut all).await.unwrap();
    assert_eq!(all, [0x88, 2, 0x03, 0xe9]);
    to.write_all(&masked(Opcode::Close, true, &[0x03, 0xe9])).await.unwrap();
}

#[tokio::test]
async fn tcp_mode_reaches_no_url_and_websocket_mode_an_address() {
    let url: Endpoint = Endpoint::Url("ws://127.0.0.1:1/".parse().unwrap());
    let error = mvrx_transport::TcpTransport::default().dial(url).await.unwrap_err();
    assert!(matches!(error, mvrx_transport::DialError::NotThisMode { .. }), "{error:?}");
    let peer = TcpStream::connect("127.0.0.1:1").await;
    assert!(peer.is_err(), "nobody listens there");
}
