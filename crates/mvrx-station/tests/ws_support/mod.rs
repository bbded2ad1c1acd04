//! A host on loopback, and stations of a session written on the bare transport.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mvrx_message::{
    Commit, Dialect, FileUuid, Join, JoinRet, Leave, Message, MvrVersion, Reply, Request, StationUuid,
};
use mvrx_station::{Builder, Event, Events, Heard, HostEvent, HostOptions, Station};
use mvrx_transport::{
    BoxError, BoxFuture, Connection, Endpoint, FileSink, FileSource, FileStyle, Incoming, Progress,
    SourceRead, Transport, WsTransport,
};
use tokio::sync::{mpsc, oneshot};

/// No test here takes longer when it works.
pub const LIMIT: Duration = Duration::from_secs(60);

pub const VERSION: MvrVersion = MvrVersion { major: 1, minor: 6 };

pub fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub fn hosting(options: HostOptions) -> Builder {
    Station::builder("Rack").any_file(true).listen(loopback()).host(options.announce(false))
}

pub async fn host() -> (Station, Events) {
    hosting(HostOptions::default()).spawn().await.unwrap()
}

pub fn station(n: u8) -> StationUuid {
    StationUuid::from_random_bytes([n; 16])
}

pub fn file(n: u8) -> FileUuid {
    FileUuid::from_random_bytes([100 + n; 16])
}

/// Different for each seed, and without a pattern that a shift would hide.
pub fn content(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum: u32, _| (sum >> 1) ^ ((sum & 1) * 0xEDB8_8320))
    })
}

/// A zip archive with so many bytes in it, without a pattern.
pub fn archive(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0".to_vec();
    let size = u32::try_from(length).unwrap().to_le_bytes();
    let tail =
        [&crc32(&content(seed, length)).to_le_bytes()[..], &size, &size, &1_u16.to_le_bytes()].concat();
    bytes.extend_from_slice(&tail);
    bytes.extend_from_slice(b"\0\0a");
    bytes.extend_from_slice(&content(seed, length));
    let directory = u32::try_from(bytes.len()).unwrap();
    bytes.extend_from_slice(b"PK\x01\x02\x14\0\x14\0\0\0\0\0\0\0\0\0");
    bytes.extend_from_slice(&tail);
    bytes.extend_from_slice(&[0; 16]);
    bytes.extend_from_slice(b"a");
    let ends = u32::try_from(bytes.len()).unwrap() - directory;
    bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    bytes.extend_from_slice(&ends.to_le_bytes());
    bytes.extend_from_slice(&directory.to_le_bytes());
    bytes.extend_from_slice(&[0, 0]);
    bytes
}

pub fn commit(n: u8, author: u8, length: usize) -> Commit {
    Commit {
        file: file(n),
        station: Some(station(author)),
        version: VERSION,
        file_size: length as u64,
        for_stations: vec![],
        comment: format!("commit {n}"),
        file_name: format!("show{n}.mvr"),
        blake3: None,
        author: None,
        group: None,
        order: None,
        missed: false,
    }
}

pub fn join_as(n: u8, provider: &str, commits: Vec<Commit>) -> Message {
    Message::Join(Join { commits, ..Join::new(station(n), format!("station {n}"), provider, VERSION) })
}

/// Waits for something of the host.
pub async fn until<T>(events: &mut Events, wanted: impl Fn(&Heard) -> Option<T>) -> T {
    let mut all = Vec::new();
    loop {
        match tokio::time::timeout(LIMIT, events.next()).await {
            Ok(Some(heard)) => match wanted(&heard) {
                Some(found) => return found,
                None => all.push(heard),
            },
            Ok(None) => panic!("the host stopped; heard {all:#?}"),
            Err(_) => panic!("waited too long; heard {all:#?}"),
        }
    }
}

pub fn joined(heard: &Heard) -> Option<StationUuid> {
    match heard {
        Heard::Event(seen) => match &seen.event {
            Event::StationJoined { station, .. } => Some(*station),
            _ => None,
        },
        _ => None,
    }
}

pub fn kept(heard: &Heard) -> Option<FileUuid> {
    match heard {
        Heard::Session(seen) => match &seen.event {
            HostEvent::FileKept { file, .. } => Some(*file),
            _ => None,
        },
        _ => None,
    }
}

pub fn lost(heard: &Heard) -> Option<(StationUuid, String)> {
    match heard {
        Heard::Session(seen) => match &seen.event {
            HostEvent::StationLost { station, why, .. } => Some((*station, why.clone())),
            _ => None,
        },
        _ => None,
    }
}

pub async fn dial(address: SocketAddr) -> Connection {
    WsTransport::default().dial(Endpoint::Address(address)).await.unwrap()
}

pub async fn say(conn: &mut Connection, message: &Message) {
    conn.writer.send(message, &Dialect::strict()).await.unwrap();
}

/// The next message; nothing else may come.
pub async fn hear(conn: &mut Connection) -> Message {
    match tokio::time::timeout(LIMIT, conn.reader.next()).await.expect("nothing came") {
        Ok(Incoming::Message { parsed, .. }) => parsed.message,
        other => panic!("no message: {other:?}"),
    }
}

/// Joins on a bare connection.
pub async fn join(address: SocketAddr, n: u8, provider: &str, commits: Vec<Commit>) -> (Connection, JoinRet) {
    let mut conn = dial(address).await;
    say(&mut conn, &join_as(n, provider, commits)).await;
    match hear(&mut conn).await {
        Message::JoinRet(ret) => (conn, ret),
        other => panic!("no JOIN_RET: {other:?}"),
    }
}

/// A file in memory, whole or as far as it is let out.
#[derive(Debug)]
pub struct Bytes {
    pub bytes: Arc<Vec<u8>>,
    pub until: Arc<std::sync::atomic::AtomicUsize>,
}

impl Bytes {
    pub fn whole(bytes: Vec<u8>) -> Box<Self> {
        let until = Arc::new(bytes.len().into());
        Box::new(Self { bytes: Arc::new(bytes), until })
    }
}

impl FileSource for Bytes {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        let until = self.until.load(std::sync::atomic::Ordering::SeqCst);
        let rest = &self.bytes[usize::try_from(offset)?.min(until)..until];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(if count == 0 { SourceRead::NotYet } else { SourceRead::Bytes(count) })
    }
}

/// Keeps what comes.
#[derive(Debug, Clone, Default)]
pub struct Taken(pub Arc<Mutex<Vec<u8>>>);

impl FileSink for Taken {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Takes the file that is to come, and gives it; or the words of the refusal.
pub async fn take_file(conn: &mut Connection, expected: Option<u64>) -> Result<Vec<u8>, String> {
    loop {
        match tokio::time::timeout(LIMIT, conn.reader.next()).await.expect("nothing came") {
            Ok(Incoming::File { .. }) => return receive(conn, expected).await,
            Ok(Incoming::Message { parsed, .. }) => {
                if let Message::RequestRet(Reply { message, .. }) = parsed.message {
                    return Err(message);
                }
            }
            Ok(other) => panic!("no file: {other:?}"),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Takes the file that begins.
pub async fn receive(conn: &mut Connection, expected: Option<u64>) -> Result<Vec<u8>, String> {
    let taken = Taken::default();
    let mut between = |_| Box::pin(async {}) as BoxFuture<'static, ()>;
    let sink = Box::new(taken.clone());
    let received = conn.reader.receive_file(sink, expected, &mut between, Progress::new()).await;
    received.map(|_| std::mem::take(&mut *taken.0.lock().unwrap())).map_err(|error| error.to_string())
}

/// A station of a session that runs by itself: it serves what it committed, and does what it is told.
#[derive(Debug, Clone)]
pub struct Client {
    pub n: u8,
    orders: mpsc::UnboundedSender<Order>,
    pub told: Arc<Mutex<Told>>,
}

/// What a client heard.
#[derive(Debug, Default)]
pub struct Told {
    pub commits: Vec<Commit>,
    /// REQUESTs that came from the host.
    pub asked: Vec<FileUuid>,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a few, in a test")]
enum Order {
    Commit(Commit, Vec<u8>),
    Fetch(FileUuid, u64, oneshot::Sender<Result<Vec<u8>, String>>),
    Leave,
}

impl Client {
    pub async fn join(address: SocketAddr, n: u8, provider: &str, style: FileStyle) -> Self {
        let (mut conn, ret) = join(address, n, provider, vec![]).await;
        assert!(ret.reply.ok, "{ret:?}");
        conn.writer.set_file_style(style);
        let (orders, orders_in) = mpsc::unbounded_channel();
        let told = Arc::new(Mutex::new(Told { commits: ret.commits, ..Told::default() }));
        let running = Running { conn, n, told: Arc::clone(&told), files: HashMap::new() };
        tokio::spawn(running.run(orders_in));
        Self { n, orders, told }
    }

    pub fn commit(&self, commit: Commit, bytes: Vec<u8>) {
        self.orders.send(Order::Commit(commit, bytes)).unwrap();
    }

    pub async fn fetch(&self, file: FileUuid, size: u64) -> Result<Vec<u8>, String> {
        let (done, told) = oneshot::channel();
        self.orders.send(Order::Fetch(file, size, done)).unwrap();
        told.await.unwrap_or_else(|_| Err("the connection ended".to_owned()))
    }

    pub fn leave(&self) {
        self.orders.send(Order::Leave).unwrap();
    }

    pub async fn knows(&self, count: usize) {
        let knows = async {
            while self.told.lock().unwrap().commits.len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, knows).await.expect("a commit did not come");
    }
}

struct Running {
    conn: Connection,
    n: u8,
    told: Arc<Mutex<Told>>,
    files: HashMap<FileUuid, Vec<u8>>,
}

impl Running {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut waiting: Option<(u64, oneshot::Sender<_>)> = None;
        loop {
            tokio::select! {
                incoming = self.conn.reader.next() => match incoming {
                    Ok(Incoming::Message { parsed, .. }) => {
                        if let Message::RequestRet(reply) = &parsed.message
                            && let Some((_, done)) = waiting.take()
                        {
                            done.send(Err(reply.message.clone())).ok();
                        }
                        self.answer(parsed.message).await;
                    }
                    Ok(Incoming::File { .. }) => {
                        let (size, done) = waiting.take().expect("a file that was not asked for");
                        let got = self.take(size).await;
                        done.send(got).ok();
                    }
                    _ => return,
                },
                order = orders.recv(), if waiting.is_none() => match order {
                    Some(Order::Commit(commit, bytes)) => {
                        self.files.insert(commit.file, bytes);
                        say(&mut self.conn, &Message::Commit(commit)).await;
                    }
                    Some(Order::Fetch(file, size, done)) => {
                        // As one product does: the host is taken for the author.
                        let from = vec![station(0)];
                        say(&mut self.conn, &Message::Request(Request::new(Some(file), from))).await;
                        waiting = Some((size, done));
                    }
                    Some(Order::Leave) => {
                        let leave = Message::Leave(Leave::new(station(self.n)));
                        say(&mut self.conn, &leave).await;
                    }
                    None => return,
                },
            }
        }
    }

    /// Messages may come between the pieces of a file.
    async fn take(&mut self, size: u64) -> Result<Vec<u8>, String> {
        let taken = Taken::default();
        let between_them = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&between_them);
        let mut between = move |incoming| {
            heard.lock().unwrap().push(incoming);
            Box::pin(async {}) as BoxFuture<'static, ()>
        };
        let sink = Box::new(taken.clone());
        let received = self.conn.reader.receive_file(sink, Some(size), &mut between, Progress::new()).await;
        let later: Vec<Incoming> = std::mem::take(&mut *between_them.lock().unwrap());
        for incoming in later {
            if let Incoming::Message { parsed, .. } = incoming {
                self.answer(parsed.message).await;
            }
        }
        received.map(|_| std::mem::take(&mut *taken.0.lock().unwrap())).map_err(|error| error.to_string())
    }

    async fn answer(&mut self, message: Message) {
        match message {
            Message::Commit(commit) => {
                self.told.lock().unwrap().commits.push(commit);
                say(&mut self.conn, &Message::CommitRet(Reply::ok())).await;
            }
            Message::Request(request) => {
                let file = request.file.unwrap();
                self.told.lock().unwrap().asked.push(file);
                let bytes = self.files.get(&file).cloned();
                match bytes {
                    Some(bytes) => {
                        // The connection may end in the middle: then the loop ends, too.
                        let _ = self.conn.writer.send_file(Bytes::whole(bytes), Progress::new()).await;
                    }
                    None => say(&mut self.conn, &Message::RequestRet(Reply::refused("not here"))).await,
                }
            }
            _ => {}
        }
    }
}
