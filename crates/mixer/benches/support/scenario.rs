//! The load: the same code against every server. One thread drives all clients, so that it costs every server the same.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mixer_proto::frame::{self, FrameHeader, HEADER_LEN};
use mixer_proto::message::{ClientMessage, JoinRoom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Speaks {
    Mixer,
    Bytes,
}

pub(crate) struct Join {
    pub(crate) seconds: f64,
    pub(crate) resident_per_stored: f64,
}

/// Delivered messages per second.
pub(crate) fn fan_out(
    address: SocketAddr,
    speaks: Speaks,
    receivers: usize,
    bytes: usize,
    messages: usize,
) -> f64 {
    block_on(async {
        let mut sender = connect(address).await;
        if speaks == Speaks::Mixer {
            create(&mut sender).await;
        }
        let mut readers = Vec::new();
        for _ in 0..receivers {
            let mut stream = connect(address).await;
            match speaks {
                Speaks::Mixer => join(&mut stream).await,
                Speaks::Bytes => drop(stream.read_u8().await.unwrap()),
            }
            readers.push(stream);
        }
        let (mut sent_back, mut sending) = sender.into_split();
        // Updates of counts come back to the sender; they must be read.
        let echo =
            tokio::spawn(async move { while sent_back.read(&mut [0; 65536]).await.unwrap_or(0) > 0 {} });
        let started = Instant::now();
        let reading: Vec<_> = readers
            .into_iter()
            .map(|mut stream| {
                tokio::spawn(async move {
                    let mut counter = Counter::default();
                    let mut buffer = vec![0; 256 << 10];
                    while counter.commands < messages {
                        let count = stream.read(&mut buffer).await.unwrap();
                        assert!(count > 0, "closed after {} commands", counter.commands);
                        counter.take(&buffer[..count]);
                    }
                    stream
                })
            })
            .collect();
        let batch = (256 << 10) / (bytes + HEADER_LEN) + 1;
        let frames = frame::encode(101, 7, &vec![7; bytes]).repeat(batch);
        let mut left = messages;
        while left > 0 {
            let now = left.min(batch);
            sending.write_all(&frames[..now * (bytes + HEADER_LEN)]).await.unwrap();
            left -= now;
        }
        let mut streams = Vec::new();
        for reading in reading {
            streams.push(reading.await.unwrap());
        }
        let seconds = started.elapsed().as_secs_f64();
        echo.abort();
        (messages * receivers) as f64 / seconds
    })
}

/// Time from the request to the echo, and resident memory per byte stored.
pub(crate) fn late_join(address: SocketAddr, messages: usize, bytes: usize) -> Join {
    block_on(async {
        let mut sender = connect(address).await;
        create(&mut sender).await;
        // It stays until memory has been looked at: given back, it would be what the room is kept in.
        let frames = frame::encode(101, 7, &vec![7; bytes]).repeat(messages);
        let before = resident();
        let stored = frames.len();
        let (mut sent_back, mut sending) = sender.into_split();
        let echo =
            tokio::spawn(async move { while sent_back.read(&mut [0; 65536]).await.unwrap_or(0) > 0 {} });
        sending.write_all(&frames).await.unwrap();
        // The listing is answered when everything before it has been stored.
        let mut observer = connect(address).await;
        loop {
            observer.write_all(&ClientMessage::ListRooms.encode(1)).await.unwrap();
            let listing = wait(&mut observer, 4).await;
            if String::from_utf8_lossy(&listing).contains(&format!("\"byte_size\": {stored}")) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let resident_per_stored = (resident().saturating_sub(before)) as f64 / stored as f64;
        drop(frames);
        let mut joiner = connect(address).await;
        let started = Instant::now();
        join(&mut joiner).await;
        let seconds = started.elapsed().as_secs_f64();
        echo.abort();
        drop(sending);
        Join { seconds, resident_per_stored }
    })
}

/// The 99th percentile of the time from sending to each receiver's having it, in seconds.
pub(crate) fn latency(address: SocketAddr, receivers: usize, rate: u64) -> f64 {
    block_on(async {
        let mut sender = connect(address).await;
        create(&mut sender).await;
        let epoch = Instant::now();
        let mut reading = Vec::new();
        for _ in 0..receivers {
            let mut stream = connect(address).await;
            join(&mut stream).await;
            reading.push(tokio::spawn(async move {
                let mut times = Vec::new();
                while times.len() < LATENCIES as usize {
                    let payload = wait(&mut stream, 101).await;
                    let sent = u64::from_le_bytes(payload[..8].try_into().unwrap());
                    times.push(epoch.elapsed().as_nanos() as u64 - sent);
                }
                times
            }));
        }
        let (mut sent_back, mut sending) = sender.into_split();
        let echo =
            tokio::spawn(async move { while sent_back.read(&mut [0; 65536]).await.unwrap_or(0) > 0 {} });
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / rate));
        for _ in 0..LATENCIES {
            ticks.tick().await;
            let mut payload = [7; 256];
            payload[..8].copy_from_slice(&(epoch.elapsed().as_nanos() as u64).to_le_bytes());
            sending.write_all(&frame::encode(101, 7, &payload)).await.unwrap();
        }
        let mut times = Vec::new();
        for reading in reading {
            times.extend(reading.await.unwrap());
        }
        echo.abort();
        times.sort_unstable();
        times[times.len() * 99 / 100] as f64 / 1e9
    })
}

const LATENCIES: u64 = 500;

/// The part of a core that this process takes for 1,000 clients without traffic, generator included.
pub(crate) fn idle_cost(address: SocketAddr) -> f64 {
    block_on(async {
        let mut clients = Vec::new();
        for _ in 0..1000 {
            clients.push(connect(address).await);
        }
        // Everybody has been told of everybody before the clock starts.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let before = cpu_seconds();
        tokio::time::sleep(Duration::from_secs(2)).await;
        (cpu_seconds() - before) / 2.0
    })
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(Box::pin(future))
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn create(stream: &mut TcpStream) {
    join_request(stream).await;
    wait(stream, 5).await;
    stream.write_all(&ClientMessage::Content.encode(1)).await.unwrap();
    while !String::from_utf8_lossy(&wait(stream, 20).await).contains("\"joinable\": true") {}
}

async fn join(stream: &mut TcpStream) {
    join_request(stream).await;
    let mut counter = Counter { watched: 1, ..Counter::default() };
    let mut buffer = vec![0; 256 << 10];
    while counter.seen == 0 {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed");
        counter.take(&buffer[..count]);
    }
}

async fn join_request(stream: &mut TcpStream) {
    let join = JoinRoom { room: "bench".into(), ..JoinRoom::default() };
    stream.write_all(&ClientMessage::JoinRoom(join).encode(1)).await.unwrap();
}

/// The payload of the next message of a type.
async fn wait(stream: &mut TcpStream, wanted: u16) -> Vec<u8> {
    loop {
        let mut header = [0; HEADER_LEN];
        stream.read_exact(&mut header).await.unwrap();
        let header = FrameHeader::parse(&header);
        let mut payload = vec![0; header.size as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if header.code == wanted {
            return payload;
        }
    }
}

/// Counts messages in a stream without keeping it.
#[derive(Default)]
struct Counter {
    header: Vec<u8>,
    skip: usize,
    commands: usize,
    watched: u16,
    seen: usize,
}

impl Counter {
    fn take(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let wanted = (HEADER_LEN - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if let Ok(header) = self.header.as_slice().try_into() {
                let header = FrameHeader::parse(header);
                self.header.clear();
                self.skip = header.size as usize;
                self.commands += usize::from(header.code > 100);
                self.seen += usize::from(header.code == self.watched);
            }
        }
    }
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}
