//! Deadlines, with a paused clock and a peer that writes raw bytes.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_wire::{PackageHeader, PackageType, encode_json, file_header, json_header};
use tokio::time::{Instant, sleep};

use super::{Link, Origin, connection};
use crate::memory::pipe::{PipeEnd, pipe};
use crate::pump::FilePump;
use crate::{
    BoxError, Connection, DiscardSink, FileSource, Incoming, Limits, Progress, ReadError, ReceiveError,
    SendFileError, SourceRead, WriteError,
};

const SECOND: Duration = Duration::from_secs(1);

struct Peer(PipeEnd);

impl Peer {
    async fn write(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let count = poll_fn(|cx| self.0.poll_write(cx, bytes)).await.unwrap();
            bytes = &bytes[count..];
        }
    }

    async fn read(&self, buffer: &mut [u8]) -> usize {
        poll_fn(|cx| self.0.poll_read(cx, buffer)).await.unwrap()
    }
}

fn pair(limits: Limits, origin: Origin) -> (Connection, Peer) {
    let (ours, theirs) = pipe();
    let ends = (SocketAddr::from(([10, 0, 0, 1], 1)), SocketAddr::from(([10, 0, 0, 2], 2)));
    (connection(ours, ends, limits, FilePump::Portable, origin), Peer(theirs))
}

fn accepted() -> (Connection, Peer) {
    pair(Limits::default(), Origin::Accepted(None))
}

fn dialed() -> (Connection, Peer) {
    pair(Limits::default(), Origin::Dialed)
}

fn leave() -> Vec<u8> {
    let message = Message::Leave(Leave::new(StationUuid::from_random_bytes([1; 16])));
    let mut bytes = Vec::new();
    encode_json(&message.to_json(&Dialect::strict()), &mut bytes);
    bytes
}

/// Reads until the connection fails, and says after how many seconds.
async fn failure(connection: &mut Connection) -> (u64, ReadError) {
    let start = Instant::now();
    loop {
        match connection.reader.next().await {
            Ok(_) => {}
            Err(error) => {
                assert!(matches!(connection.reader.next().await, Err(ReadError::ConnectionBroken)));
                return (start.elapsed().as_secs(), error);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
// proves: TRA-07
async fn an_accepted_connection_that_says_nothing_is_ended() {
    let (mut connection, _peer) = accepted();
    let (after, error) = failure(&mut connection).await;
    assert!(matches!(error, ReadError::NothingAfterConnecting { .. }), "{error:?}");
    assert_eq!(after, 10);
}

#[tokio::test(start_paused = true)]
// proves: TRA-08
async fn a_quiet_connection_is_ended_after_minutes() {
    let (mut connection, _peer) = dialed();
    let (after, error) = failure(&mut connection).await;
    assert!(matches!(error, ReadError::Idle { .. }), "{error:?}");
    assert_eq!(after, 600);

    let (mut connection, peer) = accepted();
    sleep(SECOND * 9).await;
    peer.write(&leave()).await;
    let (after, error) = failure(&mut connection).await;
    assert!(matches!(error, ReadError::Idle { .. }), "{error:?}");
    assert_eq!(after, 600);
}

#[tokio::test(start_paused = true)]
// proves: TRA-08
async fn what_we_write_keeps_a_connection_from_being_idle() {
    let (mut connection, _peer) = dialed();
    let Connection { reader, writer, .. } = &mut connection;
    let message = Message::Leave(Leave::new(StationUuid::from_random_bytes([1; 16])));
    let start = Instant::now();
    let writing = async {
        sleep(SECOND * 400).await;
        writer.send(&message, &Dialect::strict()).await.unwrap();
    };
    let (read, ()) = tokio::join!(reader.next(), writing);
    assert!(matches!(read, Err(ReadError::Idle { .. })), "{read:?}");
    assert_eq!(start.elapsed().as_secs(), 1000);
}

#[tokio::test(start_paused = true)]
// proves: TRA-08
async fn a_file_that_goes_out_keeps_a_connection_from_being_idle() {
    let limits = Limits { file_idle: SECOND * 5000, ..Limits::default() };
    let (mut connection, peer) = pair(limits, Origin::Dialed);
    let Connection { reader, writer, .. } = &mut connection;
    let start = Instant::now();
    let sending = writer.send_file(Box::new(Zeros { length: 200_000, stops_at: u64::MAX }), Progress::new());
    let taking = async {
        sleep(SECOND * 2000).await;
        let mut taken = 0;
        while taken < 200_028 {
            taken += peer.read(&mut [0; 4096]).await;
        }
    };
    let (read, sent, ()) = tokio::join!(reader.next(), sending, taking);
    assert_eq!(sent.unwrap(), 200_000);
    assert!(matches!(read, Err(ReadError::Idle { .. })), "{read:?}");
    assert_eq!(start.elapsed().as_secs(), 2600);
}

#[tokio::test(start_paused = true)]
// proves: TRA-07
async fn a_header_must_be_complete_five_seconds_after_its_first_byte() {
    let (mut connection, peer) = accepted();
    let trickling = tokio::spawn(async move {
        for byte in leave() {
            sleep(SECOND).await;
            peer.write(&[byte]).await;
        }
    });
    let (after, error) = failure(&mut connection).await;
    assert!(matches!(error, ReadError::HeaderTooSlow { received: 5 | 6, .. }), "{error:?}");
    assert_eq!(after, 6);
    trickling.abort();
}

#[tokio::test(start_paused = true)]
// proves: TRA-08
async fn a_json_payload_may_not_stop() {
    let (mut connection, peer) = accepted();
    peer.write(&json_header(100)).await;
    peer.write(b"{").await;
    let (after, error) = failure(&mut connection).await;
    assert!(matches!(error, ReadError::JsonStalled { missing: 99, .. }), "{error:?}");
    assert_eq!(after, 10);
}

#[tokio::test(start_paused = true)]
// proves: TRA-08
async fn a_json_payload_may_not_trickle() {
    let (mut connection, peer) = accepted();
    let trickling = tokio::spawn(async move {
        peer.write(&json_header(100)).await;
        loop {
            peer.write(b" ").await;
            sleep(SECOND * 9).await;
        }
    });
    let (after, error) = failure(&mut connection).await;
    assert!(matches!(error, ReadError::JsonTooSlow { .. }), "{error:?}");
    assert_eq!(after, 60);
    trickling.abort();
}

#[tokio::test(start_paused = true)]
// proves: TRA-08
async fn a_slow_message_in_time_is_read_and_the_next_one_has_its_own_time() {
    let (mut connection, peer) = accepted();
    let trickling = tokio::spawn(async move {
        for _ in 0..3 {
            let bytes = leave();
            let (header, payload) = bytes.split_at(28);
            peer.write(&header[..14]).await;
            sleep(SECOND * 4).await;
            peer.write(&header[14..]).await;
            for part in payload.chunks(payload.len() / 4) {
                sleep(SECOND * 9).await;
                peer.write(part).await;
            }
        }
        peer
    });
    for _ in 0..3 {
        assert!(matches!(connection.reader.next().await, Ok(Incoming::Message { .. })));
    }
    drop(trickling.await.unwrap());
    assert!(matches!(connection.reader.next().await, Ok(Incoming::Closed)));
}

#[tokio::test(start_paused = true)]
// proves: TRA-09
async fn a_file_that_stops_is_ended_and_one_that_goes_on_slowly_is_not() {
    let (mut connection, peer) = accepted();
    let sending = tokio::spawn(async move {
        peer.write(&file_header(10_000_000)).await;
        for _ in 0..20 {
            peer.write(&[0; 31_000]).await;
            sleep(SECOND * 29).await;
        }
        peer
    });
    assert!(matches!(connection.reader.next().await, Ok(Incoming::File { length: Some(10_000_000) })));
    let start = Instant::now();
    let progress = Progress::new();
    let received = connection
        .reader
        .receive_file(Box::new(DiscardSink), None, &mut crate::battery::unexpected, progress.clone())
        .await;
    let named = matches!(received, Err(ReceiveError::FileStalled { received: 620_000, .. }));
    assert!(named, "{received:?}");
    assert_eq!(start.elapsed().as_secs(), 19 * 29 + 30);
    assert_eq!(progress.moved(), 620_000, "what came was handed on while it came");
    drop(sending);
}

#[tokio::test(start_paused = true)]
// proves: TRA-09
async fn a_file_in_many_packages_may_not_trickle_either() {
    let (mut connection, peer) = accepted();
    let trickling = tokio::spawn(async move {
        for number in 0..60_000 {
            let header = PackageHeader {
                version: 1,
                number,
                count: 60_000,
                package_type: PackageType::File,
                payload_length: 1,
            };
            peer.write(&header.to_bytes()).await;
            peer.write(b"x").await;
            sleep(SECOND * 4).await;
        }
    });
    assert!(matches!(connection.reader.next().await, Ok(Incoming::File { length: None })));
    let start = Instant::now();
    let received = connection
        .reader
        .receive_file(Box::new(DiscardSink), None, &mut crate::battery::unexpected, Progress::new())
        .await;
    assert!(matches!(received, Err(ReceiveError::FileStalled { .. })), "{received:?}");
    assert_eq!(start.elapsed().as_secs(), 30);
    trickling.abort();
}

#[tokio::test(start_paused = true)]
// proves: TRA-09
async fn a_peer_that_does_not_take_a_file_is_named() {
    let (mut connection, peer) = dialed();
    let start = Instant::now();
    let source = Zeros { length: 10_000_000, stops_at: u64::MAX };
    let sent = connection.writer.send_file(Box::new(source), Progress::new()).await;
    let named = matches!(sent, Err(SendFileError::PeerNotReading { sent: 65_508, .. }));
    assert!(named, "{sent:?}");
    assert_eq!(start.elapsed().as_secs(), 30);
    drop(peer);
}

#[tokio::test(start_paused = true)]
// proves: TRA-09
async fn a_source_that_does_not_grow_is_named() {
    let (mut connection, peer) = dialed();
    let start = Instant::now();
    let source = Zeros { length: 10_000_000, stops_at: 20_000 };
    let sent = connection.writer.send_file(Box::new(source), Progress::new()).await;
    let named = matches!(sent, Err(SendFileError::SourceStalled { sent: 20_000, .. }));
    assert!(named, "{sent:?}");
    assert_eq!(start.elapsed().as_secs(), 30);
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_take_a_message_is_named() {
    let (mut connection, peer) = dialed();
    let message = Message::Unknown { kind: "x".repeat(900) };
    let start = Instant::now();
    let error = loop {
        if let Err(error) = connection.writer.send(&message, &Dialect::strict()).await {
            break error;
        }
    };
    assert!(matches!(error, WriteError::PeerNotReading { written: 1.., .. }), "{error:?}");
    assert_eq!(start.elapsed().as_secs(), 30);
    let again = connection.writer.send(&message, &Dialect::strict()).await;
    assert!(matches!(again, Err(WriteError::ConnectionBroken)), "{again:?}");
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_message_dropped_while_it_is_written_leaves_the_side_unusable() {
    let (mut connection, peer) = dialed();
    let message = Message::Unknown { kind: "x".repeat(900) };
    while let Ok(written) =
        tokio::time::timeout(SECOND, connection.writer.send(&message, &Dialect::strict())).await
    {
        written.unwrap();
    }
    let again = connection.writer.send(&message, &Dialect::strict()).await;
    assert!(matches!(again, Err(WriteError::ConnectionBroken)), "{again:?}");
    drop(peer);
}

/// Takes everything, and remembers how long each write was.
#[derive(Debug, Default)]
struct Writes {
    lengths: Arc<Mutex<Vec<usize>>>,
}

impl Link for Writes {
    fn poll_read(&self, _cx: &mut Context<'_>, _buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_write(&self, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.lengths.lock().unwrap().push(bytes.len());
        Poll::Ready(Ok(bytes.len()))
    }

    fn finish_writing(&self) -> io::Result<()> {
        Ok(())
    }

    fn abort(&self) {}
}

#[tokio::test]
// proves: TRA-03, TRA-04, TRA-06
async fn header_and_what_follows_are_one_write() {
    let link = Writes::default();
    let lengths = Arc::clone(&link.lengths);
    let taken = || std::mem::take(&mut *lengths.lock().unwrap());
    let ends = (SocketAddr::from(([10, 0, 0, 1], 1)), SocketAddr::from(([10, 0, 0, 2], 2)));
    let mut connection = connection(link, ends, Limits::default(), FilePump::Portable, Origin::Dialed);

    let message = Message::Unknown { kind: "x".repeat(500) };
    let json = connection.writer.send(&message, &Dialect::strict()).await.unwrap();
    assert_eq!(taken(), [28 + json]);

    for (length, writes) in
        [(0, vec![28]), (5, vec![33]), (600_000, vec![28 + PIECE, PIECE, 600_000 - 2 * PIECE])]
    {
        let source = Zeros { length, stops_at: u64::MAX };
        connection.writer.send_file(Box::new(source), Progress::new()).await.unwrap();
        assert_eq!(taken(), writes);
    }
}

/// As large as [`Limits::file_buffer`] without a setting.
const PIECE: usize = 256 << 10;

/// A source of nothing but zeros, which stops growing somewhere.
#[derive(Debug)]
struct Zeros {
    length: u64,
    stops_at: u64,
}

impl FileSource for Zeros {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        let there = usize::try_from(self.stops_at.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = there.min(buffer.len());
        buffer[..count].fill(0);
        Ok(if count == 0 { SourceRead::NotYet } else { SourceRead::Bytes(count) })
    }
}
