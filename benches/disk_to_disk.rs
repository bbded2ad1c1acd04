//! A file from disk to disk through two stations, beside a plain loop of 1 MiB reads and writes over loopback into a new file, in turn in
//! one run: `cargo bench --bench disk_to_disk`. The ratio is what counts; absolute figures of a shared machine mean little.
//!
//! `MVRX_BENCH_MIB` sets the size (1,024 without it), `MVRX_BENCH_ROUNDS` the rounds (5).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mvrx::discovery::FixedDiscovery;
use mvrx::store::disk::{Disk, Entry, Links, ReadFile, RealDisk, Stat, SystemCalls, WriteFile};
use mvrx::store::{FsOptions, FsStore};
use mvrx::{CommitDraft, Event, Events, Heard, Source, Station};

fn main() {
    let mib = setting("MVRX_BENCH_MIB", 1024);
    let rounds = setting("MVRX_BENCH_ROUNDS", 5);
    let folder =
        tempfile::tempdir_in(std::env::var("MVRX_BENCH_DIR").unwrap_or_else(|_| ".".into())).unwrap();
    let source = folder.path().join("source.mvr");
    make_file(&source, mib);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    println!("{mib} MiB, {rounds} rounds; GLIBC_TUNABLES={:?}", std::env::var("GLIBC_TUNABLES").ok());
    for sync in [false, true] {
        let mut ratios = Vec::new();
        for round in 0..rounds {
            let floor = floor(&source, &folder.path().join("floor"), sync);
            let ours = runtime.block_on(ours(&source, &folder.path().join(format!("round{round}")), sync));
            ratios.push(ours.as_secs_f64() / floor.as_secs_f64());
            println!(
                "  {}: floor {floor:.2?}, ours {ours:.2?}",
                if sync { "with fsync" } else { "without fsync" }
            );
        }
        ratios.sort_by(f64::total_cmp);
        let median = ratios[ratios.len() / 2];
        println!(
            "{}: ours takes {median:.2} times as long as the floor (median; goal at most 1.5)",
            if sync { "with fsync" } else { "without fsync" }
        );
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Bytes that no disk can compress, in one file.
fn make_file(path: &Path, mib: u64) {
    let mut file = File::create(path).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = vec![0_u8; 1 << 20];
    for _ in 0..mib {
        for bytes in block.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.copy_from_slice(&state.to_le_bytes());
        }
        file.write_all(&block).unwrap();
    }
    file.sync_all().unwrap();
}

/// Two threads, 1 MiB reads and writes, a new file.
fn floor(source: &Path, target: &Path, sync: bool) -> Duration {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut from = File::open(source).unwrap();
    settle(target.parent().unwrap(), from.metadata().unwrap().len());
    let begun = Instant::now();
    let sending = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut block = vec![0; 1 << 20];
        loop {
            let count = from.read(&mut block).unwrap();
            if count == 0 {
                return;
            }
            socket.write_all(&block[..count]).unwrap();
        }
    });
    let mut socket = TcpStream::connect(address).unwrap();
    let mut to = File::create(target).unwrap();
    let mut block = vec![0; 1 << 20];
    loop {
        let count = socket.read(&mut block).unwrap();
        if count == 0 {
            break;
        }
        to.write_all(&block[..count]).unwrap();
    }
    if sync {
        to.sync_all().unwrap();
    }
    sending.join().unwrap();
    let took = begun.elapsed();
    std::fs::remove_file(target).unwrap();
    took
}

/// The same start for both: what was written before reaches the disk, and the pages that the new file will get have been used a moment ago
/// (a virtual machine's page that its host has to find first takes several times as long to write as the whole rest of the way).
fn settle(folder: &Path, length: u64) {
    let path = folder.join("scratch");
    let mut scratch = File::create(&path).unwrap();
    let block = vec![1; 1 << 20];
    for _ in 0..length.div_ceil(1 << 20) {
        scratch.write_all(&block).unwrap();
    }
    drop(scratch);
    // Files of before, too: their writing back would go on beside what is measured.
    assert!(std::process::Command::new("sync").status().is_ok_and(|status| status.success()));
    std::fs::remove_file(path).unwrap();
}

/// The request alone: connect, REQUEST, the bytes, their hash, the file published in the store.
async fn ours(source: &Path, folder: &Path, sync: bool) -> Duration {
    let (desk, _events) = start("desk", folder, None, sync).await;
    let draft = CommitDraft::from_path(source).comment("bench");
    let commit = desk.commit(draft).await.unwrap();
    let (visualizer, mut events) = start("visualizer", folder, Some(desk.address()), sync).await;
    until_seen(&mut events).await;
    settle(folder, source.metadata().unwrap().len());
    let begun = Instant::now();
    visualizer.request(commit.file, Source::Any).await.unwrap().await.unwrap();
    let took = begun.elapsed();
    visualizer.stop().await;
    desk.stop().await;
    std::fs::remove_dir_all(folder).unwrap();
    took
}

async fn start(name: &str, folder: &Path, peer: Option<SocketAddr>, sync: bool) -> (Station, Events) {
    let real = RealDisk::new(SystemCalls::default());
    let disk: Arc<dyn Disk> = if sync { Arc::new(real) } else { Arc::new(Unsynced(real)) };
    std::fs::create_dir_all(folder.join(name)).unwrap();
    let store = FsStore::open_on(disk, &folder.join(name), FsOptions::default()).unwrap();
    Station::builder(name)
        .any_file(true)
        .listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .discovery(FixedDiscovery::new(peer))
        .store(store)
        .spawn()
        .await
        .unwrap()
}

async fn until_seen(events: &mut Events) {
    loop {
        match events.next().await.unwrap() {
            Heard::Event(seen) if matches!(seen.event, Event::CommitSeen { .. }) => return,
            _ => {}
        }
    }
}

/// The real disk without its fsync, for the row that measures the transfer alone.
#[derive(Debug)]
struct Unsynced(RealDisk);

#[derive(Debug)]
struct UnsyncedFile(Box<dyn WriteFile>);

impl Disk for Unsynced {
    fn create_folders(&self, folder: &Path) -> io::Result<()> {
        self.0.create_folders(folder)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.0.list(folder)
    }

    fn stat(&self, path: &Path, links: Links) -> io::Result<Stat> {
        self.0.stat(path, links)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(UnsyncedFile(self.0.create(path)?)))
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn WriteFile>> {
        Ok(Box::new(UnsyncedFile(self.0.append(path, length)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        self.0.open(path)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.remove(path)
    }

    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl WriteFile for UnsyncedFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn share_bytes_of(&mut self, source: &dyn ReadFile) -> io::Result<bool> {
        self.0.share_bytes_of(source)
    }

    fn std_file(&mut self) -> Option<&mut File> {
        self.0.std_file()
    }
}
