//! Where a file ends in WebSocket Mode, whatever length was announced for it, and what a close frame says.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod raw;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::battery::unexpected;
use mvrx_transport::ws::Opcode;
use mvrx_transport::{
    BoxError, BoxFuture, Connection, FileEnding, FilePump, FileSink, FileSource, Incoming, Limits, Progress,
    ReadError, ReceiveError, SourceRead, WsTransport,
};
use raw::{client_of, masked};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PUMPS: [FilePump; 2] = [FilePump::Blocking, FilePump::Portable];

#[derive(Debug, Clone, Default)]
struct Held(Arc<Mutex<Vec<u8>>>);

impl FileSink for Held {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// A zip archive of one member of this length.
fn archive(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.resize(30 + length, seed);
    let directory = u32::try_from(bytes.len()).unwrap();
    bytes.extend_from_slice(b"PK\x01\x02");
    bytes.resize(bytes.len() + 42, 0);
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&46_u32.to_le_bytes());
    bytes.extend_from_slice(&directory.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

fn leave(seed: u8) -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([seed; 16])))
}

fn text(message: &Message) -> Vec<u8> {
    let mut json = Vec::new();
    message.append_json(&Dialect::strict(), &mut json);
    masked(Opcode::Text, true, &json)
}

/// A file in messages of this size, as a peer that is a client writes it.
fn messages(file: &[u8], most: usize) -> Vec<u8> {
    file.chunks(most).flat_map(|piece| masked(Opcode::Binary, true, piece)).collect()
}

async fn take(connection: &mut Connection, expected: Option<u64>) -> Vec<u8> {
    assert!(matches!(connection.reader.next().await, Ok(Incoming::File { .. })));
    let held = Held::default();
    let sink = Box::new(held.clone());
    let taken = connection.reader.receive_file(sink, expected, &mut unexpected, Progress::new()).await;
    let bytes = std::mem::take(&mut *held.0.lock().unwrap());
    assert_eq!(taken.unwrap(), bytes.len() as u64);
    bytes
}

async fn expect(connection: &mut Connection, message: &Message) {
    match connection.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => assert_eq!(&parsed.message, message),
        other => panic!("{other:?}"),
    }
}

async fn pair(pump: FilePump, ending: FileEnding) -> (Connection, TcpStream) {
    let limits = Limits { file_more: Duration::from_millis(500), ..Limits::default() };
    let ws = WsTransport::default().with_limits(limits).with_file_pump(pump);
    let (mut ours, peer) = client_of(&ws).await;
    ours.reader.set_file_ending(ending);
    (ours, peer)
}

// proves: WSK-20
#[tokio::test]
async fn neither_a_trickle_beyond_the_length_nor_messages_between_keep_a_file_going_for_ever() {
    let limits = Limits {
        file_more: Duration::from_secs(20),
        file_idle: Duration::from_secs(1),
        file_idle_bytes: 1000,
        ..Limits::default()
    };
    for pump in PUMPS {
        let ws = WsTransport::default().with_limits(limits).with_file_pump(pump);
        for (first, again) in
            [(masked(Opcode::Binary, true, &[9; 50_000]), masked(Opcode::Binary, true, &[9])), {
                (masked(Opcode::Binary, true, &[9; 40_000]), text(&leave(1)))
            }]
        {
            let (mut ours, mut peer) = client_of(&ws).await;
            ours.reader.set_file_ending(FileEnding::WhenQuiet);
            peer.write_all(&first).await.unwrap();
            let trickle = tokio::spawn(async move {
                while peer.write_all(&again).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            });
            assert!(matches!(ours.reader.next().await, Ok(Incoming::File { .. })));
            let mut between = |_| Box::pin(async {}) as BoxFuture<'static, ()>;
            let sink = Box::new(Held::default());
            let taking = ours.reader.receive_file(sink, Some(50_000), &mut between, Progress::new());
            let taken =
                tokio::time::timeout(Duration::from_secs(30), taking).await.expect("it goes on for ever");
            assert!(matches!(taken, Err(ReceiveError::FileStalled { .. })), "{pump:?}: {taken:?}");
            trickle.abort();
        }
    }
}

// proves: WSK-20
#[tokio::test]
async fn bytes_beyond_the_announced_length_are_the_rest_of_the_file_and_not_the_next_one() {
    for pump in PUMPS {
        let (mut ours, mut peer) = pair(pump, FileEnding::WhenQuiet).await;
        let (first, second) = (archive(1, 60_000), archive(2, 30_000));
        for (file, announced) in [(&first, 16_384), (&second, 1), (&first, first.len() as u64)] {
            peer.write_all(&messages(file, 8_192)).await.unwrap();
            assert!(take(&mut ours, Some(announced)).await == *file, "{pump:?}");
        }
        // Nothing that tells where it ends but silence.
        let plain = vec![9; 50_000];
        peer.write_all(&messages(&plain, 8_192)).await.unwrap();
        assert!(take(&mut ours, Some(8_192)).await == plain);
        peer.write_all(&text(&leave(1))).await.unwrap();
        expect(&mut ours, &leave(1)).await;
    }
}

// proves: WSK-20
#[tokio::test]
async fn a_rest_that_comes_after_a_moment_and_behind_a_message_is_still_the_rest() {
    for pump in PUMPS {
        let (mut ours, mut peer) = pair(pump, FileEnding::WhenQuiet).await;
        let file = archive(3, 40_000);
        let sending = async {
            peer.write_all(&messages(&file[..16_384], 8_192)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
            peer.write_all(&text(&leave(7))).await.unwrap();
            peer.write_all(&messages(&file[16_384..], 8_192)).await.unwrap();
        };
        let heard = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&heard);
        let mut between = move |incoming| {
            noted.lock().unwrap().push(incoming);
            Box::pin(async {}) as BoxFuture<'static, ()>
        };
        let held = Held::default();
        let receiving = async {
            assert!(matches!(ours.reader.next().await, Ok(Incoming::File { .. })));
            let sink = Box::new(held.clone());
            ours.reader.receive_file(sink, Some(16_384), &mut between, Progress::new()).await
        };
        let ((), received) = tokio::join!(sending, receiving);
        assert_eq!(received.unwrap(), file.len() as u64);
        assert!(*held.0.lock().unwrap() == file);
        let heard = heard.lock().unwrap();
        assert!(
            matches!(&heard[..], [Incoming::Message { parsed, .. }] if parsed.message == leave(7)),
            "{heard:?}"
        );
    }
}

// proves: WSK-20
#[tokio::test]
async fn a_whole_archive_ends_a_file_before_the_announced_length() {
    for pump in PUMPS {
        for ending in [FileEnding::AtLength, FileEnding::WhenQuiet] {
            for most in [8_192, usize::MAX] {
                let (mut ours, mut peer) = pair(pump, ending).await;
                let file = archive(4, 100_000);
                let began = Instant::now();
                peer.write_all(&messages(&file, most.min(file.len()))).await.unwrap();
                assert!(take(&mut ours, Some(1 << 30)).await == file);
                assert!(began.elapsed() < Duration::from_secs(20), "it waited for more");
                peer.write_all(&text(&leave(1))).await.unwrap();
                expect(&mut ours, &leave(1)).await;
            }
        }
    }
}

// proves: WSK-20
#[tokio::test]
async fn where_a_product_sends_one_message_for_a_file_its_end_is_the_files_end() {
    for pump in PUMPS {
        let (mut ours, mut peer) = pair(pump, FileEnding::WithMessage).await;
        for (length, announced) in [(5_000, 9_000), (9_000, 5_000), (300_000, 1), (10, 10)] {
            let file = vec![u8::try_from(length % 251).unwrap(); length];
            peer.write_all(&masked(Opcode::Binary, true, &file)).await.unwrap();
            assert!(take(&mut ours, Some(announced)).await == file, "{length}");
        }
        peer.write_all(&text(&leave(1))).await.unwrap();
        expect(&mut ours, &leave(1)).await;
    }
}

/// A file whose length turns out to be another one when half of it is out.
#[derive(Debug)]
struct Corrected {
    bytes: Vec<u8>,
    told: u64,
    settled: Option<u64>,
}

impl FileSource for Corrected {
    fn length(&self) -> u64 {
        self.told
    }

    fn settled_length(&self) -> Option<u64> {
        self.settled
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        let at = usize::try_from(offset)?;
        // The last byte of the length that was told waits until it is sure.
        let sure = (self.bytes.len() / 2).min(usize::try_from(self.told)? - 1);
        if at >= sure && self.settled.is_none() {
            self.settled = Some(self.bytes.len() as u64);
            return Ok(SourceRead::NotYet);
        }
        let end = if self.settled.is_some() { self.bytes.len() } else { sure };
        let count = (end - at).min(buffer.len());
        buffer[..count].copy_from_slice(&self.bytes[at..at + count]);
        Ok(if count == 0 { SourceRead::End } else { SourceRead::Bytes(count) })
    }
}

// proves: WSK-20
#[tokio::test]
async fn a_file_that_goes_in_one_message_has_the_length_that_turned_out() {
    for pump in PUMPS {
        let ws = WsTransport::default().with_file_pump(pump);
        for (length, told) in [(700_000, 900_000), (700_000, 350_001), (700_000, 700_000), (3, 2)] {
            let mut listener =
                mvrx_transport::Transport::listen(&ws, ([127, 0, 0, 1], 0).into()).await.unwrap();
            let dial = mvrx_transport::Transport::dial(&ws, listener.local_addr().into());
            let (near, far) = tokio::join!(dial, listener.accept());
            let (mut near, mut far) = (near.unwrap(), far.unwrap());
            far.reader.set_file_ending(FileEnding::WithMessage);
            let bytes = archive(5, length);
            let source = Corrected { bytes: bytes.clone(), told, settled: None };
            let sending = near.writer.send_file(Box::new(source), Progress::new());
            let (sent, got) = tokio::join!(sending, take(&mut far, Some(told)));
            assert_eq!(sent.unwrap(), bytes.len() as u64);
            assert!(got == bytes);
        }
    }
}

// proves: WSK-21
#[tokio::test]
async fn a_close_frame_carries_its_code_and_as_much_of_the_reason_as_fits() {
    let ws = WsTransport::default();
    let long = "é".repeat(99);
    for (code, reason, read) in [
        (1008, "too much noise", "too much noise"),
        (1008, &long, &long[..122]),
        (1001, "the session has ended", "the session has ended"),
        (1013, "no room", "no room"),
    ] {
        let mut listener = mvrx_transport::Transport::listen(&ws, ([127, 0, 0, 1], 0).into()).await.unwrap();
        let dial = mvrx_transport::Transport::dial(&ws, listener.local_addr().into());
        let (near, far) = tokio::join!(dial, listener.accept());
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        far.writer.close_with(code, reason).await.unwrap();
        match near.reader.next().await {
            Err(error @ ReadError::ClosedByPeer { .. }) => {
                assert!(error.to_string().ends_with(&format!("code {code}: {read}")), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

// proves: WSK-21
#[tokio::test]
async fn what_breaks_a_rule_is_told_in_words() {
    let (mut ours, mut peer) = client_of(&WsTransport::default()).await;
    // A client must mask what it sends.
    peer.write_all(&[0x82, 1, 7]).await.unwrap();
    let why = ours.reader.next().await.unwrap_err().to_string();
    let mut bytes = Vec::new();
    drop(ours);
    peer.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes[..4], [0x88, u8::try_from(why.len() + 2).unwrap(), 0x03, 0xea], "{why}");
    assert_eq!(&bytes[4..4 + why.len()], why.as_bytes());
}
