//! Files over WebSocket, in turn in one run: `cargo bench --bench websocket`. From memory into nothing over loopback, ours beside
//! fastwebsockets (frames of 1 MiB) and tokio-tungstenite (one message for the whole file); then from disk to disk, through a host beside
//! straight from its owner. The ratios are what counts; absolute figures of a shared machine mean little.
//!
//! `MVRX_BENCH_MIB` sets the size (128 without it), `MVRX_BENCH_ROUNDS` the rounds (7), `MVRX_BENCH_ROW` the one row that is run, for a
//! profiler.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod relay;

use std::time::{Duration, Instant};

use fastwebsockets::{Frame, OpCode, Payload, Role as FastRole, WebSocket};
use futures_util::{SinkExt, StreamExt};
use mvrx::transport::{
    BoxError, BoxFuture, Connection, DiscardSink, FileSource, FileStyle, Incoming, Progress, SourceRead,
    TcpTransport, Transport, WsTransport,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Bytes of one frame of fastwebsockets, and of one of our messages where a file goes in many.
const FRAME: usize = 1 << 20;

/// A name, and how long it takes to move so many MiB.
type Row = (&'static str, fn(&tokio::runtime::Runtime, usize) -> Duration);

/// What is compared with what, and the goal.
const RATIOS: [(&str, &str, &str); 6] = [
    ("ours down", "fastwebsockets down", "at least 0.9"),
    ("ours up", "fastwebsockets up", "at least 0.85"),
    ("ours down", "tungstenite down", "at least 4"),
    ("ours up", "tungstenite up", "at least 4"),
    ("ours down", "ours over TCP", "near 1"),
    ("ours down in messages", "ours down", "-"),
];

const ROWS: [Row; 8] = [
    ("ours down", |runtime, mib| runtime.block_on(ours(&WsTransport::default(), mib, Way::DOWN))),
    ("ours down in messages", |runtime, mib| {
        runtime.block_on(ours(&WsTransport::default(), mib, Way { down: true, messages: true }))
    }),
    ("ours up", |runtime, mib| {
        runtime.block_on(ours(&WsTransport::default(), mib, Way { down: false, messages: false }))
    }),
    ("ours over TCP", |runtime, mib| runtime.block_on(ours(&TcpTransport::default(), mib, Way::DOWN))),
    ("fastwebsockets down", |runtime, mib| runtime.block_on(fast(mib, true))),
    ("fastwebsockets up", |runtime, mib| runtime.block_on(fast(mib, false))),
    ("tungstenite down", |runtime, mib| runtime.block_on(tungstenite(mib, true))),
    ("tungstenite up", |runtime, mib| runtime.block_on(tungstenite(mib, false))),
];

fn main() {
    let (mib, rounds) = (setting("MVRX_BENCH_MIB", 128), setting("MVRX_BENCH_ROUNDS", 7));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Ok(only) = std::env::var("MVRX_BENCH_ROW") {
        let (_, row) = ROWS.iter().find(|(name, _)| *name == only).expect("the name of a row");
        (0..rounds).for_each(|_| println!("{only} {:.2?}", row(&runtime, mib)));
        return;
    }
    println!("{mib} MiB, {rounds} rounds; down: server to client, up: client to server (masked)");
    let mut rows = vec![(Vec::new(), Vec::new()); ROWS.len()];
    for round in 0..rounds {
        for row in 0..ROWS.len() {
            // Another one is the first each time.
            let row = (row + round) % ROWS.len();
            let before = processor_time();
            rows[row].0.push(ROWS[row].1(&runtime, mib).as_secs_f64());
            rows[row].1.push(processor_time() - before);
        }
    }
    let gib = mib as f64 / 1024.0;
    for ((times, processor), (name, _)) in rows.iter().zip(ROWS) {
        let (time, processor) = (median(times.clone()), median(processor.clone()));
        println!("{name:24} {:6.2} GiB/s, {:.2} s of processor for each GiB", gib / time, processor / gib);
    }
    for (one, other, goal) in RATIOS {
        let of = |name: &str| &rows[ROWS.iter().position(|row| row.0 == name).unwrap()];
        let ratio = |one: &[f64], other: &[f64]| median(one.iter().zip(other).map(|(a, b)| b / a).collect());
        let (one_row, other_row) = (of(one), of(other));
        let (time, processor) = (ratio(&one_row.0, &other_row.0), ratio(&one_row.1, &other_row.1));
        println!(
            "{one} / {other}: {time:.2} by time (goal: {goal}), {processor:.2} by processor; medians of the rounds"
        );
    }
    relay::compare(mib, rounds);
}

/// Seconds that this process has used, of all processors, where the system tells.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<f64> = behind_name.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    ticks.iter().sum::<f64>() / 100.0
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Bytes that are in memory already.
#[derive(Debug)]
struct Memory(u64);

impl FileSource for Memory {
    fn length(&self) -> u64 {
        self.0
    }

    fn read_at(&mut self, _offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        Ok(SourceRead::Bytes(buffer.len()))
    }
}

#[derive(Clone, Copy)]
struct Way {
    down: bool,
    messages: bool,
}

impl Way {
    const DOWN: Self = Self { down: true, messages: false };
}

async fn ours(transport: &dyn Transport, mib: usize, way: Way) -> Duration {
    let mut listener = transport.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    let at = listener.local_addr().into();
    let (dialed, accepted) = tokio::join!(transport.dial(at), listener.accept());
    let (client, server) = (dialed.unwrap(), accepted.unwrap());
    let (mut from, mut to) = if way.down { (server, client) } else { (client, server) };
    let length = (mib as u64) << 20;
    if way.messages {
        from.writer.set_file_style(FileStyle::Messages { most: FRAME });
    }
    let start = Instant::now();
    let sending = tokio::spawn(async move {
        let Connection { mut writer, reader, .. } = from;
        writer.send_file(Box::new(Memory(length)), Progress::new()).await.unwrap();
        (writer, reader)
    });
    assert!(matches!(to.reader.next().await, Ok(Incoming::File { .. })));
    let mut unexpected = |_| -> BoxFuture<'static, ()> { panic!("nothing but the file is sent") };
    let received =
        to.reader.receive_file(Box::new(DiscardSink), Some(length), &mut unexpected, Progress::new()).await;
    assert_eq!(received.unwrap(), length);
    let took = start.elapsed();
    sending.await.unwrap();
    took
}

/// Both ends of a connection: the server's and the client's.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (accepted, connected) =
        tokio::join!(listener.accept(), TcpStream::connect(listener.local_addr().unwrap()));
    let (server, client) = (accepted.unwrap().0, connected.unwrap());
    server.set_nodelay(true).unwrap();
    client.set_nodelay(true).unwrap();
    (server, client)
}

async fn fast(mib: usize, down: bool) -> Duration {
    let (server, client) = sockets().await;
    let server = WebSocket::after_handshake(server, FastRole::Server);
    let client = WebSocket::after_handshake(client, FastRole::Client);
    let (mut from, mut to) = if down { (server, client) } else { (client, server) };
    let start = Instant::now();
    let sending = tokio::spawn(async move {
        let block = vec![0; FRAME];
        for n in 0..mib {
            let opcode = if n == 0 { OpCode::Binary } else { OpCode::Continuation };
            let frame = Frame::new(n + 1 == mib, opcode, None, Payload::Borrowed(&block));
            from.write_frame(frame).await.unwrap();
        }
        from
    });
    let mut left = mib << 20;
    while left > 0 {
        left -= to.read_frame().await.unwrap().payload.len();
    }
    let took = start.elapsed();
    sending.await.unwrap();
    took
}

async fn tungstenite(mib: usize, down: bool) -> Duration {
    let (server, client) = sockets().await;
    let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
    let server = WebSocketStream::from_raw_socket(server, Role::Server, Some(config)).await;
    let client = WebSocketStream::from_raw_socket(client, Role::Client, Some(config)).await;
    let (mut from, mut to) = if down { (server, client) } else { (client, server) };
    let message = Bytes::from(vec![0; mib << 20]);
    let start = Instant::now();
    let sending = tokio::spawn(async move {
        from.send(Message::Binary(message)).await.unwrap();
        from
    });
    assert_eq!(to.next().await.unwrap().unwrap().len(), mib << 20);
    let took = start.elapsed();
    sending.await.unwrap();
    took
}
