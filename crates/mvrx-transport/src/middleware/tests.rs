use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mvrx_message::{Dialect, Leave, Message, StationUuid};
use tokio::time::Instant;

use super::{FaultPlan, Faulty, recorded, traced};
use crate::Endpoint;
use crate::{
    BoxError, Connection, DiscardSink, FileSource, Incoming, MemoryNetwork, MemoryTransport, Progress,
    SourceRead, Transport, WriteError,
};

const DESK: [u8; 4] = [10, 0, 0, 1];
const LAPTOP: [u8; 4] = [10, 0, 0, 2];

fn stations() -> (MemoryTransport, MemoryTransport) {
    let network = MemoryNetwork::new();
    (network.station(DESK), network.station(LAPTOP))
}

async fn pair(dialer: &dyn Transport, listener: &dyn Transport) -> (Connection, Connection) {
    let at = (DESK, 42424).into();
    let mut listener = listener.listen(at).await.unwrap();
    let dialed = dialer.dial(at.into()).await.unwrap();
    (dialed, listener.accept().await.unwrap())
}

fn leave() -> Message {
    Message::Leave(Leave::new(StationUuid::from_random_bytes([7; 16])))
}

#[derive(Debug, Clone, Copy)]
struct Zeros(u64);

impl FileSource for Zeros {
    fn length(&self) -> u64 {
        self.0
    }

    fn read_at(&mut self, _offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        buffer.fill(0);
        Ok(SourceRead::Bytes(buffer.len()))
    }
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A message each way, a file, and the end.
async fn talk(mut near: Connection, mut far: Connection) {
    near.writer.send(&leave(), &Dialect::strict()).await.unwrap();
    far.reader.next().await.unwrap();
    let sending = near.writer.send_file(Box::new(Zeros(5)), Progress::new());
    let receiving = async {
        far.reader.next().await.unwrap();
        far.reader
            .receive_file(Box::new(DiscardSink), None, &mut crate::battery::unexpected, Progress::new())
            .await
    };
    let (sent, received) = tokio::join!(sending, receiving);
    assert_eq!((sent.unwrap(), received.unwrap()), (5, 5));
    near.writer.close().await.unwrap();
    assert!(matches!(far.reader.next().await, Ok(Incoming::Closed)));
    assert!(matches!(far.reader.next().await, Ok(Incoming::Closed)));
}

#[tokio::test]
async fn the_log_tells_direction_peer_kind_and_size_of_everything() {
    let (desk, laptop) = stations();
    let told = Arc::<Mutex<Vec<String>>>::default();
    let log = Arc::clone(&told);
    let desk = traced(desk, move |record| {
        let peer = record.peer.unwrap().ip();
        let line = format!("{} {} {peer} {:?}", record.connection, record.direction.name(), record.what);
        log.lock().unwrap().push(line);
    });
    let (near, far) = pair(&laptop, &desk).await;
    talk(near, far).await;
    assert!(laptop.dial(Endpoint::Address((DESK, 1).into())).await.is_err());
    let expected = [
        "1 in 10.0.0.2 connected",
        "1 in 10.0.0.2 MVR_LEAVE (77 bytes)",
        "1 in 10.0.0.2 file begins (Some(5) bytes)",
        "1 in 10.0.0.2 file moved (5 bytes)",
        "1 in 10.0.0.2 closed",
    ];
    assert_eq!(*told.lock().unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_recording_has_a_line_of_json_for_everything() {
    let (desk, laptop) = stations();
    let lines = Lines::default();
    let laptop = recorded(laptop, lines.clone());
    let (near, far) = pair(&laptop, &desk).await;
    talk(near, far).await;
    assert!(laptop.dial(Endpoint::Address((DESK, 1).into())).await.is_err());
    let recording = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let expected = r#"
{"ms":0,"connection":1,"direction":"out","peer":"10.0.0.1:42424","what":"connected"}
{"ms":0,"connection":1,"direction":"out","peer":"10.0.0.1:42424","what":"message","bytes":77,"message":{"Type":"MVR_LEAVE","FromStationUUID":"07070707-0707-4707-8707-070707070707"}}
{"ms":0,"connection":1,"direction":"out","peer":"10.0.0.1:42424","what":"file-begins","length":5}
{"ms":0,"connection":1,"direction":"out","peer":"10.0.0.1:42424","what":"file-moved","length":5}
{"ms":0,"connection":1,"direction":"out","peer":"10.0.0.1:42424","what":"closed"}
{"ms":0,"connection":0,"direction":"out","peer":"10.0.0.1:1","what":"failed","error":"10.0.0.1:1 refused the connection"}
"#;
    assert_eq!(recording, expected.trim_start());
}

#[tokio::test]
async fn a_recording_that_cannot_be_written_ends_alone() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (desk, laptop) = stations();
    let laptop = recorded(laptop, Full);
    let (near, far) = pair(&laptop, &desk).await;
    talk(near, far).await;
}

/// What becomes of 200 messages on 10 connections under this plan: `.` came, `-` vanished, `x` cut.
async fn fate(plan: FaultPlan) -> String {
    let (desk, laptop) = stations();
    let laptop = Faulty::new(laptop, plan);
    let mut fate = String::new();
    for _ in 0..10 {
        let (mut near, mut far) = pair(&laptop, &desk).await;
        for _ in 0..20 {
            match near.writer.send(&leave(), &Dialect::strict()).await {
                Ok(_) => {}
                Err(WriteError::Network(_)) => {
                    fate.push('x');
                    assert!(matches!(far.reader.next().await, Ok(Incoming::Closed)), "the peer sees the cut");
                    assert!(near.reader.next().await.is_err(), "and so do we");
                    break;
                }
                Err(other) => panic!("seed {}: {other:?}", plan.seed),
            }
            tokio::select! {
                biased;
                read = far.reader.next() => {
                    assert!(matches!(read, Ok(Incoming::Message { .. })), "{read:?}");
                    fate.push('.');
                }
                () = std::future::ready(()) => fate.push('-'),
            }
        }
    }
    fate
}

#[tokio::test]
async fn the_same_seed_brings_the_same_faults_and_another_seed_others() {
    let plan = FaultPlan { seed: 1, lose_message: 200, cut: 50, ..FaultPlan::default() };
    let first = fate(plan).await;
    assert_eq!(first, fate(plan).await);
    assert_ne!(first, fate(FaultPlan { seed: 2, ..plan }).await);
    for kind in ['.', '-', 'x'] {
        assert!(first.contains(kind), "{kind} never happens: {first}");
    }
    assert_eq!(fate(FaultPlan::default()).await, ".".repeat(200), "no plan, no faults");
}

#[tokio::test(start_paused = true)]
async fn messages_are_delayed_up_to_the_longest_delay() {
    let (desk, laptop) = stations();
    let longest_delay = Duration::from_secs(4);
    let laptop = Faulty::new(laptop, FaultPlan { seed: 3, longest_delay, ..FaultPlan::default() });
    let (mut near, _far) = pair(&laptop, &desk).await;
    let mut total = Duration::ZERO;
    for _ in 0..50 {
        let start = Instant::now();
        near.writer.send(&leave(), &Dialect::strict()).await.unwrap();
        let took = start.elapsed();
        assert!(took <= longest_delay + Duration::from_millis(1));
        total += took;
    }
    assert!(total > longest_delay * 10, "{total:?} for 50 messages");
}

#[tokio::test]
async fn a_file_is_cut_and_never_looks_whole() {
    for seed in 0..20 {
        let (desk, laptop) = stations();
        let laptop = Faulty::new(laptop, FaultPlan { seed, cut_file: 1000, ..FaultPlan::default() });
        let (mut near, mut far) = pair(&laptop, &desk).await;
        let sending = near.writer.send_file(Box::new(Zeros(200_000)), Progress::new());
        let receiving = async {
            match far.reader.next().await {
                Ok(Incoming::File { .. }) => {
                    far.reader
                        .receive_file(
                            Box::new(DiscardSink),
                            None,
                            &mut crate::battery::unexpected,
                            Progress::new(),
                        )
                        .await
                        .unwrap_err();
                }
                // Cut before the first byte.
                Ok(Incoming::Closed) | Err(_) => {}
                other => panic!("seed {seed}: {other:?}"),
            }
        };
        let (sent, ()) = tokio::join!(sending, receiving);
        sent.unwrap_err();
        let again = near.writer.send(&leave(), &Dialect::strict()).await;
        assert!(matches!(again, Err(WriteError::ConnectionBroken)), "seed {seed}: {again:?}");
    }
}

#[tokio::test]
async fn a_plan_can_refuse_every_connection() {
    let (desk, laptop) = stations();
    let _listener = desk.listen((DESK, 42424).into()).await.unwrap();
    let laptop = Faulty::new(laptop, FaultPlan { refuse: 1000, ..FaultPlan::default() });
    assert!(laptop.dial(Endpoint::Address((DESK, 42424).into())).await.is_err());
}
