//! A file through a host, and straight from its owner; both ends store it as a station does.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use mvrx::message::{Commit, Dialect, FileUuid, Join, Message, MvrVersion, Ours, Request, StationUuid};
use mvrx::station::{HostOptions, Station};
use mvrx::store::{Expect, FsStore, Store, Writer};
use mvrx::transport::{
    BoxError, BoxFuture, Connection, Endpoint, FileSink, FileSource, Incoming, Progress, SourceRead,
    Transport, WsTransport,
};

use super::median;

/// Prints how fast both ways are, and their ratio.
pub(super) fn compare(mib: usize, rounds: usize) {
    let length = (mib as u64) << 20;
    let folder = tempfile::tempdir().unwrap();
    let show = folder.path().join("show.mvr");
    let mut file = File::create(&show).unwrap();
    let piece: Vec<u8> = (0_u32..1 << 18).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    (0..mib).for_each(|_| file.write_all(&piece).unwrap());
    let hash = hash_of(&show, length, &folder.path().join("hashed"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut direct, mut relayed) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let folder = folder.path().join(round.to_string());
        // Each is the first every other time.
        for way in [round % 2, (round + 1) % 2] {
            if way == 0 {
                let took = runtime.block_on(go_directly(&show, length, &folder.join("direct")));
                direct.push(took.as_secs_f64());
            } else {
                let took = runtime.block_on(go_through_host(&show, length, hash, &folder.join("relayed")));
                relayed.push(took.as_secs_f64());
            }
        }
        // What was written is not written back beside the next round.
        std::fs::remove_dir_all(&folder).unwrap();
    }
    let ratio = median(direct.iter().zip(&relayed).map(|(direct, relayed)| direct / relayed).collect());
    let rate = |times: Vec<f64>| mib as f64 / 1024.0 / median(times);
    println!("disk to disk from the owner {:6.2} GiB/s", rate(direct));
    println!("disk to disk through a host {:6.2} GiB/s", rate(relayed));
    println!(
        "through a host / from the owner: {ratio:.2} by time (goal: at least 0.5); median of the rounds"
    );
}

async fn go_directly(show: &Path, length: u64, folder: &Path) -> Duration {
    let transport = WsTransport::default();
    let mut listener = transport.listen(loopback()).await.unwrap();
    let at = Endpoint::Address(listener.local_addr());
    let (from, to) = tokio::join!(transport.dial(at), listener.accept());
    let (mut from, mut to) = (from.unwrap(), to.unwrap());
    let began = Instant::now();
    let sending = from.writer.send_file(Box::new(Show::open(show, length)), Progress::new());
    let receiving = async {
        assert!(matches!(to.reader.next().await, Ok(Incoming::File { .. })));
        receive(&mut to, length, folder).await;
    };
    let (sent, ()) = tokio::join!(sending, receiving);
    sent.unwrap();
    began.elapsed()
}

async fn go_through_host(show: &Path, length: u64, hash: [u8; 32], folder: &Path) -> Duration {
    let store = FsStore::open(folder.join("host")).unwrap();
    let options = HostOptions::default().announce(false).gather(false);
    let (rack, _events) = Station::builder("Rack")
        .any_file(true)
        .listen(loopback())
        .store(store)
        .host(options)
        .spawn()
        .await
        .unwrap();
    let commit = Commit {
        file: FileUuid::from_random_bytes([9; 16]),
        station: None,
        version: MvrVersion { major: 1, minor: 6 },
        file_size: length,
        for_stations: vec![],
        comment: String::new(),
        file_name: String::new(),
        blake3: Some(hash),
        author: None,
        group: None,
        order: None,
        missed: false,
    };
    let mut owner = join(rack.address(), 1, vec![commit.clone()]).await;
    let mut asker = join(rack.address(), 2, vec![]).await;
    let began = Instant::now();
    say(&mut asker, &Message::Request(Request::new(Some(commit.file), vec![]))).await;
    let giving = async {
        loop {
            if let Message::Request(_) = hear(&mut owner).await {
                break;
            }
        }
        owner.writer.send_file(Box::new(Show::open(show, length)), Progress::new()).await.unwrap()
    };
    let receiving = async {
        while !matches!(asker.reader.next().await.unwrap(), Incoming::File { .. }) {}
        receive(&mut asker, length, &folder.join("asker")).await;
        began.elapsed()
    };
    let (_, took) = tokio::join!(giving, receiving);
    rack.stop().await;
    took
}

/// What a station of ours tells with its commit. Without it nobody knows where a file ends that is no archive, and a host waits a second.
fn hash_of(show: &Path, length: u64, folder: &Path) -> [u8; 32] {
    let mut writer = FsStore::open(folder).unwrap().begin(Expect::Announced(length)).unwrap();
    let mut file = File::open(show).unwrap();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).unwrap() {
            0 => return writer.finish().unwrap().hash(),
            count => writer.write(&piece[..count]).unwrap(),
        }
    }
}

async fn join(address: SocketAddr, n: u8, commits: Vec<Commit>) -> Connection {
    let mut conn = WsTransport::default().dial(Endpoint::Address(address)).await.unwrap();
    let (station, version) = (StationUuid::from_random_bytes([n; 16]), MvrVersion { major: 1, minor: 6 });
    let join = Join {
        commits,
        ours: Some(Ours::CURRENT),
        ..Join::new(station, format!("station {n}"), "bench", version)
    };
    say(&mut conn, &Message::Join(join)).await;
    assert!(matches!(hear(&mut conn).await, Message::JoinRet(ret) if ret.reply.ok));
    conn
}

async fn say(conn: &mut Connection, message: &Message) {
    conn.writer.send(message, &Dialect::strict()).await.unwrap();
}

async fn hear(conn: &mut Connection) -> Message {
    match conn.reader.next().await {
        Ok(Incoming::Message { parsed, .. }) => parsed.message,
        other => panic!("{other:?}"),
    }
}

async fn receive(conn: &mut Connection, length: u64, folder: &Path) {
    let store = FsStore::open(folder).unwrap();
    let sink = Box::new(Stored(Some(store.begin(Expect::Announced(length)).unwrap())));
    let mut between = |_| Box::pin(async {}) as BoxFuture<'static, ()>;
    let received = conn.reader.receive_file(sink, Some(length), &mut between, Progress::new()).await;
    assert_eq!(received.unwrap(), length);
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[derive(Debug)]
struct Show(File, u64);

impl Show {
    fn open(path: &Path, length: u64) -> Self {
        Self(File::open(path).unwrap(), length)
    }
}

impl FileSource for Show {
    fn length(&self) -> u64 {
        self.1
    }

    fn read_at(&mut self, _offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
        // It is read once, from the start.
        Ok(SourceRead::Bytes(self.0.read(buffer)?))
    }
}

/// Into a store, hashed, not published.
#[derive(Debug)]
struct Stored(Option<Box<dyn Writer>>);

impl FileSink for Stored {
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.0.as_mut().unwrap().write(bytes).map_err(Into::into)
    }

    fn finish(mut self: Box<Self>) -> Result<(), BoxError> {
        self.0.take().unwrap().finish()?;
        Ok(())
    }
}
