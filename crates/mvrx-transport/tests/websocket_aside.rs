//! A message does not wait for a long file on its own connection: how much of the file it lets pass.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use mvrx_transport::{
    BoxError, BoxFuture, Connection, FileSink, FileSource, FileStyle, Incoming, Progress, SourceRead,
    Transport, WsTransport,
};
use tokio::sync::mpsc;

/// Bytes in a second.
const PACE: u64 = 10_000_000;
const LENGTH: u64 = 50_000_000;
/// What a second lets pass.
const MOST: u64 = PACE;

#[derive(Debug)]
struct Zeros;

impl FileSource for Zeros {
    fn length(&self) -> u64 {
        LENGTH
    }

    fn read_at(&mut self, _offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        Ok(SourceRead::Bytes(buffer.len()))
    }
}

/// A sink that takes no more than [`PACE`], as a slow disk or a slow network does.
#[derive(Debug)]
struct Held {
    begun: Instant,
    taken: u64,
}

impl FileSink for Held {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.taken += bytes.len() as u64;
        let due = self.begun + Duration::from_micros(self.taken * 1_000_000 / PACE);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        Ok(())
    }
}

fn leave(seed: u8) -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([seed; 16])))
}

#[tokio::test]
// proves: WSK-17
async fn a_message_lets_less_of_a_file_pass_than_moves_in_a_second() {
    let ws = WsTransport::default();
    let mut listener = ws.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let (near, far) = tokio::join!(ws.dial(listener.local_addr().into()), listener.accept());
    let (near, far) = (near.unwrap(), far.unwrap());
    let Connection { mut writer, .. } = near;
    writer.set_file_style(FileStyle::Messages { most: 1 << 20 });
    let aside = writer.aside().unwrap();
    let Connection { mut reader, .. } = far;
    let arrived = Progress::new();

    let sending = writer.send_file(Box::new(Zeros), Progress::new());
    let (heard, mut hears) = mpsc::unbounded_channel();
    let counts = arrived.clone();
    let mut between = move |incoming: Incoming| -> BoxFuture<'static, ()> {
        let Incoming::Message { parsed, .. } = incoming else { panic!("{incoming:?}") };
        heard.send((parsed.message, counts.moved())).unwrap();
        Box::pin(std::future::ready(()))
    };
    let receiving = async {
        assert!(matches!(reader.next().await, Ok(Incoming::File { .. })));
        let sink = Box::new(Held { begun: Instant::now(), taken: 0 });
        reader.receive_file(sink, Some(LENGTH), &mut between, arrived.clone()).await
    };
    let speaking = async {
        let mut passed = Vec::new();
        for seed in 0..5 {
            // Somewhere in the file, later each time.
            while arrived.moved() < LENGTH / 8 * (u64::from(seed) + 1) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let before = arrived.moved();
            let sent = Instant::now();
            aside.send(&leave(seed), &Dialect::strict()).unwrap();
            let (message, after) = hears.recv().await.unwrap();
            assert_eq!(message, leave(seed));
            passed.push((after - before, sent.elapsed()));
        }
        passed
    };
    let (sent, received, passed) = tokio::join!(sending, receiving, speaking);
    assert_eq!((sent.unwrap(), received.unwrap()), (LENGTH, LENGTH));
    println!("bytes that passed, and how long it took: {passed:?}");
    assert!(passed.iter().all(|(bytes, _)| *bytes < MOST), "{passed:?}");
}
