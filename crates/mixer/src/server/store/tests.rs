//! Disks that fill up and fail under a running server.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mixer_proto::frame::{self, Frames};
use mixer_proto::json::Object;
use mixer_proto::primitive::put_string;
use mixer_proto::server::{Limits, RoomContent, RoomKey, RoomServer, StoreOp};

use super::Store;

use crate::server::disk::{Disk, LogFile, Open, RealDisk, Syncer};
use crate::{Client, ClientEvent, ClientOptions, DiskLimits, Fsync, SavedRoom, Server, StartError};

const PLENTY: u64 = 1 << 40;

/// A disk that does what the test wants, on top of the real one.
#[derive(Clone, Debug)]
struct Moody(Arc<Moods>);

#[derive(Debug)]
struct Moods {
    /// Bytes that still fit.
    left: AtomicU64,
    syncs_fail: AtomicBool,
    /// Syncs wait for as long as this is so.
    syncs_wait: AtomicBool,
    /// And those of these files.
    syncs_wait_for: Mutex<Vec<PathBuf>>,
    renames_fail: AtomicBool,
    /// Attempts that failed.
    failed: AtomicU64,
}

struct MoodyFile {
    path: PathBuf,
    file: Box<dyn LogFile>,
    disk: Moody,
}

impl Moody {
    fn new() -> Self {
        Self(Arc::new(Moods {
            left: AtomicU64::new(PLENTY),
            syncs_fail: AtomicBool::new(false),
            syncs_wait: AtomicBool::new(false),
            syncs_wait_for: Mutex::default(),
            renames_fail: AtomicBool::new(false),
            failed: AtomicU64::new(0),
        }))
    }

    fn before_sync(&self, path: &PathBuf) -> io::Result<()> {
        while self.0.syncs_wait.load(Ordering::SeqCst) || self.0.syncs_wait_for.lock().unwrap().contains(path)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
        if self.0.syncs_fail.load(Ordering::SeqCst) { self.error(ErrorKind::Other) } else { Ok(()) }
    }

    fn error<T>(&self, kind: ErrorKind) -> io::Result<T> {
        self.0.failed.fetch_add(1, Ordering::SeqCst);
        Err(kind.into())
    }
}

impl Disk for Moody {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(MoodyFile { path: path.to_owned(), file: RealDisk.open(path, how)?, disk: self.clone() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.0.renames_fail.load(Ordering::SeqCst) {
            return self.error(ErrorKind::PermissionDenied);
        }
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        RealDisk.sync_directory(directory)
    }
}

impl LogFile for MoodyFile {
    fn append(&mut self, first: &[u8], second: &[u8]) -> io::Result<()> {
        let bytes = [first, second].concat();
        let left = self.disk.0.left.load(Ordering::SeqCst);
        if left < bytes.len() as u64 {
            // As real disks do: what fits is written.
            self.disk.0.left.store(0, Ordering::SeqCst);
            self.file.append(&bytes[..usize::try_from(left).unwrap()], &[])?;
            return self.disk.error(ErrorKind::StorageFull);
        }
        self.disk.0.left.fetch_sub(bytes.len() as u64, Ordering::SeqCst);
        self.file.append(first, second)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.before_sync(&self.path)?;
        self.file.sync()
    }

    fn syncer(&self) -> io::Result<Syncer> {
        let (disk, path, syncer) = (self.disk.clone(), self.path.clone(), self.file.syncer()?);
        Ok(Box::new(move || {
            disk.before_sync(&path)?;
            syncer()
        }))
    }
}

fn serve(directory: &Path, fsync: Fsync, disk: &Moody) -> Server {
    serve_with(directory, fsync, disk, limits())
}

fn serve_with(directory: &Path, fsync: Fsync, disk: &Moody, limits: DiskLimits) -> Server {
    let builder = Server::builder().address("127.0.0.1:0".parse().unwrap());
    builder.data(directory, fsync).disk(Arc::new(disk.clone())).disk_limits(limits).spawn().unwrap()
}

fn limits() -> DiskLimits {
    DiskLimits { retry_after: Duration::from_millis(20), ..DiskLimits::default() }
}

async fn client(server: &Server) -> Client {
    Client::connect(server.local_addresses()[0], ClientOptions::default()).await.unwrap()
}

fn room(commands: u32) -> SavedRoom {
    let commands: Vec<Bytes> = (0..commands)
        .map(|number| frame::encode(101, 1, &[&number.to_le_bytes()[..], &[7; 100]].concat()))
        .collect();
    SavedRoom { attributes: Object::new(), commands: commands.concat().into() }
}

/// The numbers of a room's commands.
async fn numbers(client: &mut Client, room: &str) -> Vec<u32> {
    let saved = client.save_room(room).await.unwrap();
    Frames::new(&saved.commands).map(|f| u32::from_le_bytes(f.payload[..4].try_into().unwrap())).collect()
}

async fn until_failing(server: &Server, failing: bool) {
    while server.metrics().await.unwrap().disk_failing != failing {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn within(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), Box::pin(test)).await.expect("the test takes too long");
    });
}

const POLICIES: [Fsync; 2] = [Fsync::Always, Fsync::Interval(Duration::from_millis(5))];

// proves: MIX-KEEP-1
#[test]
fn no_member_has_a_command_before_the_disk_under_always() {
    for fsync in POLICIES {
        within(async {
            let directory = tempfile::tempdir().unwrap();
            let disk = Moody::new();
            let server = serve(directory.path(), fsync, &disk);
            let (mut writer, mut watcher) = (client(&server).await, client(&server).await);
            writer.load_room("r", &room(1)).await.unwrap();
            for member in [&mut writer, &mut watcher] {
                let mut tail = member.tail("r").await.unwrap();
                while !matches!(tail.next().await.unwrap(), ClientEvent::Joined { .. }) {}
            }
            disk.0.syncs_wait.store(true, Ordering::SeqCst);
            writer.command(101, b"second").unwrap();
            writer.flush().await.unwrap();
            // Somebody else sees that the room has it.
            let mut observer = client(&server).await;
            while !observer.list_rooms().await.unwrap()[0].to_string().contains("2 commands") {}
            if fsync == Fsync::Always {
                while let Ok(event) = tokio::time::timeout(Duration::from_millis(50), watcher.next()).await {
                    assert!(!matches!(event.unwrap(), ClientEvent::Command { .. }));
                }
                disk.0.syncs_wait.store(false, Ordering::SeqCst);
            }
            while !matches!(watcher.next().await.unwrap(), ClientEvent::Command { .. }) {}
            disk.0.syncs_wait.store(false, Ordering::SeqCst);
            server.shutdown().await;
        });
    }
}

// proves: MIX-KEEP-6
#[test]
fn slow_sync_keeps_no_command_from_being_written_under_interval() {
    within(async {
        let directory = tempfile::tempdir().unwrap();
        let disk = Moody::new();
        let server = serve(directory.path(), Fsync::Interval(Duration::from_millis(5)), &disk);
        let mut writer = client(&server).await;
        disk.0.syncs_wait.store(true, Ordering::SeqCst);
        writer.load_room("r", &room(100)).await.unwrap();
        // A sync has begun by now, or begins soon, and does not end; what comes is written all the same.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let before = disk.0.left.load(Ordering::SeqCst);
        writer.load_room("s", &room(100)).await.unwrap();
        while before - disk.0.left.load(Ordering::SeqCst) < room(100).commands.len() as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        disk.0.syncs_wait.store(false, Ordering::SeqCst);
        server.shutdown().await;
    });
}

// proves: MIX-KEEP-5, MIX-KEEP-6
#[test]
fn commands_are_written_while_a_log_is_written_anew_on_a_slow_disk() {
    for fsync in POLICIES {
        within(async {
            let directory = tempfile::tempdir().unwrap();
            let (disk, small) = (Moody::new(), DiskLimits { rewrite_from_bytes: 64 << 10, ..limits() });
            let server = serve_with(directory.path(), fsync, &disk, small);
            let mut writer = client(&server).await;
            writer.load_room("r", &room(1)).await.unwrap();
            writer.keep_open("r", true).await.unwrap();
            let mut tail = writer.tail("r").await.unwrap();
            while !matches!(tail.next().await.unwrap(), ClientEvent::Joined { .. }) {}
            let (log, beside) = (directory.path().join("room-0.log"), directory.path().join("room-0.new"));
            disk.0.syncs_wait_for.lock().unwrap().push(beside.clone());
            // Each takes the place of the one before it.
            let mut moved = Vec::new();
            put_string(&mut moved, "/scene/lamp");
            moved.resize(1000, 7);
            while !beside.exists() {
                writer.command(201, &moved).unwrap();
                writer.flush().await.unwrap();
            }
            writer.command(101, b"written meanwhile").unwrap();
            writer.flush().await.unwrap();
            while !holds(&log, b"written meanwhile") {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            assert!(beside.exists(), "it is in no place before it is on the disk");
            let length = || std::fs::metadata(&log).unwrap().len();
            let long = length();
            disk.0.syncs_wait_for.lock().unwrap().clear();
            while beside.exists() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // What came meanwhile is in both.
            assert!(length() < long - (60 << 10), "{} of {long}", length());
            let mut observer = client(&server).await;
            let before = observer.save_room("r").await.unwrap();
            drop((writer, observer));
            server.shutdown().await;
            let server = serve(directory.path(), fsync, &disk);
            assert_eq!(client(&server).await.save_room("r").await.unwrap().commands, before.commands);
            assert!(before.commands.windows(17).any(|bytes| bytes == b"written meanwhile"));
            server.shutdown().await;
        });
    }
}

fn holds(file: &Path, wanted: &[u8]) -> bool {
    std::fs::read(file).unwrap().windows(wanted.len()).any(|bytes| bytes == wanted)
}

// proves: MIX-KEEP-5
#[test]
fn a_log_that_has_grown_with_its_room_is_not_written_anew() {
    within(async {
        let directory = tempfile::tempdir().unwrap();
        let (disk, small) = (Moody::new(), DiskLimits { rewrite_from_bytes: 1 << 10, ..limits() });
        let server = serve_with(directory.path(), POLICIES[1], &disk, small);
        let mut writer = client(&server).await;
        writer.load_room("r", &room(2000)).await.unwrap();
        server.shutdown().await;
        // What is written anew is written once more.
        let written = PLENTY - disk.0.left.load(Ordering::SeqCst);
        assert!(written < room(2000).commands.len() as u64 * 3 / 2, "{written} bytes");
    });
}

// proves: MIX-KEEP-6
#[test]
fn what_is_due_is_forced_to_the_disk_however_much_comes() {
    let directory = tempfile::tempdir().unwrap();
    let (report, _reports) = tokio::sync::mpsc::unbounded_channel();
    let mut writer = super::Writer {
        directory: directory.path().to_owned(),
        disk: Arc::new(Moody::new()),
        failing_since: None,
        logs: super::HashMap::new(),
        next_number: 0,
        fsync: Fsync::Interval(Duration::ZERO),
        limits: limits(),
        last_sync: std::time::Instant::now(),
        ticket: 0,
        syncing: None,
        unsynced: 0,
        report,
        backlog: Arc::default(),
        _lock: std::fs::File::create(directory.path().join("lock")).unwrap(),
    };
    let (more, further) = std::sync::mpsc::channel();
    more.send(Vec::new()).unwrap();
    writer.perform_some(Vec::new(), &further).unwrap();
    assert!(further.try_recv().is_ok(), "what gathered meanwhile comes behind the sync");
}

// proves: MIX-KEEP-16
#[test]
fn a_joiner_gets_the_history_while_the_disk_is_behind() {
    within(async {
        let directory = tempfile::tempdir().unwrap();
        let (disk, small) = (Moody::new(), DiskLimits { backlog_bytes_always: 1 << 20, ..limits() });
        let server = serve_with(directory.path(), Fsync::Always, &disk, small);
        let (mut writer, mut joiner) = (client(&server).await, client(&server).await);
        // More than the system takes for a client that does not read.
        let large = SavedRoom {
            attributes: Object::new(),
            commands: frame::encode(101, 1, &[7; 60_000]).repeat(500).into(),
        };
        writer.load_room("large", &large).await.unwrap();
        writer.keep_open("large", true).await.unwrap();
        writer.load_room("other", &room(1)).await.unwrap();
        writer.keep_open("other", true).await.unwrap();
        let mut tail = writer.tail("other").await.unwrap();
        while !matches!(tail.next().await.unwrap(), ClientEvent::Joined { .. }) {}
        let mut tail = joiner.tail("large").await.unwrap();
        while !matches!(tail.next().await.unwrap(), ClientEvent::Command { .. }) {}
        disk.0.syncs_wait.store(true, Ordering::SeqCst);
        assert!(!server.metrics().await.unwrap().disk_behind);
        for _ in 0..40 {
            writer.command(101, &[7; 60_000]).unwrap();
        }
        writer.flush().await.unwrap();
        while !server.metrics().await.unwrap().disk_behind {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        while !matches!(tail.next().await.unwrap(), ClientEvent::Joined { .. }) {}
        assert!(server.metrics().await.unwrap().disk_behind);
        disk.0.syncs_wait.store(false, Ordering::SeqCst);
        server.shutdown().await;
    });
}

// proves: MIX-KEEP-7
#[test]
fn full_disk_stops_nobody_and_keeps_a_prefix() {
    for fsync in POLICIES {
        within(async {
            let directory = tempfile::tempdir().unwrap();
            let disk = Moody::new();
            let server = serve(directory.path(), fsync, &disk);
            let mut writer = client(&server).await;
            writer.load_room("r", &room(100)).await.unwrap();
            let stored = room(100).commands.len() as u64;
            while PLENTY - disk.0.left.load(Ordering::SeqCst) < stored {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            disk.0.left.store(1234, Ordering::SeqCst);
            let mut watcher = client(&server).await;
            let mut tail = watcher.tail("r").await.unwrap();
            let mut inside = writer.tail("r").await.unwrap();
            while !matches!(inside.next().await.unwrap(), ClientEvent::Joined { .. }) {}
            for number in 100..200_u32 {
                writer.command(101, &[&number.to_le_bytes()[..], &[7; 100]].concat()).unwrap();
                writer.flush().await.unwrap();
            }
            let mut seen = 0;
            while seen < 200 {
                seen += usize::from(matches!(tail.next().await.unwrap(), ClientEvent::Command { .. }));
            }
            until_failing(&server, true).await;
            drop((writer, watcher));
            server.shutdown().await;

            let again = serve(directory.path(), fsync, &Moody::new());
            let kept = numbers(&mut client(&again).await, "r").await;
            assert!(kept.len() >= 100 && kept.len() < 200, "{}", kept.len());
            assert!(kept.iter().copied().eq((0..).take(kept.len())), "not a prefix");
            again.shutdown().await;
        });
    }
}

// proves: MIX-KEEP-8
#[test]
fn rooms_are_kept_again_once_the_disk_works_again() {
    for fsync in POLICIES {
        for mood in ["full", "syncs fail"] {
            within(async {
                let directory = tempfile::tempdir().unwrap();
                let disk = Moody::new();
                let server = serve(directory.path(), fsync, &disk);
                let mut writer = client(&server).await;
                writer.load_room("stays", &room(10)).await.unwrap();
                writer.load_room("goes", &room(10)).await.unwrap();
                match mood {
                    "full" => disk.0.left.store(200, Ordering::SeqCst),
                    _ => disk.0.syncs_fail.store(true, Ordering::SeqCst),
                }
                writer.load_room("comes", &room(20)).await.unwrap();
                writer.delete_room("goes").await.unwrap();
                until_failing(&server, true).await;
                // It is tried again and fails again, and nothing half is left of that.
                let failed = disk.0.failed.load(Ordering::SeqCst);
                while disk.0.failed.load(Ordering::SeqCst) < failed + 3 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                disk.0.left.store(PLENTY, Ordering::SeqCst);
                disk.0.syncs_fail.store(false, Ordering::SeqCst);
                disk.0.renames_fail.store(true, Ordering::SeqCst);
                let failed = disk.0.failed.load(Ordering::SeqCst);
                while disk.0.failed.load(Ordering::SeqCst) < failed + 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                disk.0.renames_fail.store(false, Ordering::SeqCst);
                until_failing(&server, false).await;
                let metrics = server.metrics().await.unwrap();
                assert_eq!(metrics.disk_failures, 1);
                writer.load_room("later", &room(5)).await.unwrap();
                server.shutdown().await;
                let mut files: Vec<_> = std::fs::read_dir(directory.path())
                    .unwrap()
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                files.sort();
                assert!(files.len() == 4 && files.iter().all(|name| !name.ends_with("new")), "{files:?}");

                let again = serve(directory.path(), fsync, &Moody::new());
                let mut reader = client(&again).await;
                let rooms = reader.list_rooms().await.unwrap();
                let mut names: Vec<_> = rooms.iter().map(|room| room.name.as_str()).collect();
                names.sort_unstable();
                assert_eq!(names, ["comes", "later", "stays"]);
                for (name, count) in [("stays", 10), ("comes", 20), ("later", 5)] {
                    assert!(numbers(&mut reader, name).await.into_iter().eq(0..count), "{name}");
                }
                again.shutdown().await;
            });
        }
    }
}

// proves: MIX-KEEP-8
#[test]
fn stopping_tries_a_disk_once_more_that_had_failed() {
    within(async {
        let directory = tempfile::tempdir().unwrap();
        let disk = Moody::new();
        let server = serve(directory.path(), Fsync::Always, &disk);
        disk.0.left.store(10, Ordering::SeqCst);
        client(&server).await.load_room("r", &room(10)).await.unwrap();
        until_failing(&server, true).await;
        disk.0.left.store(PLENTY, Ordering::SeqCst);
        server.shutdown().await;
        let again = serve(directory.path(), Fsync::Always, &disk);
        assert!(numbers(&mut client(&again).await, "r").await.into_iter().eq(0..10));
        again.shutdown().await;
    });
}

#[cfg(unix)]
#[test]
fn room_that_cannot_be_read_keeps_the_server_from_starting_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    // On a disk that is not there now, perhaps.
    std::os::unix::fs::symlink("elsewhere", directory.path().join("room-3.log")).unwrap();
    let builder = Server::builder().address("127.0.0.1:0".parse().unwrap());
    let Err(StartError::RoomsUnreadable(error)) = builder.data(directory.path(), Fsync::Always).spawn()
    else {
        panic!("started");
    };
    assert!(error.to_string().contains("room-3.log"), "{error}");
}

// proves: MIX-KEEP-11
#[test]
fn clients_are_read_from_while_the_limit_waits_for_the_disk_and_not_while_a_byte_more_does() {
    let everywhere = [Fsync::Always, Fsync::Interval(Duration::from_secs(3600))];
    for (fsync, length, behind) in everywhere.into_iter().flat_map(|f| [(f, 100, false), (f, 101, true)]) {
        let directory = tempfile::tempdir().unwrap();
        let mut rooms = RoomServer::new(Limits::default());
        let limits = DiskLimits { backlog_bytes: 300, backlog_bytes_always: 300, ..limits() };
        let disk = Arc::new(Moody::new());
        let mut store = Store::open(directory.path(), fsync, limits, disk, &mut rooms).unwrap();
        // Each counts 100 bytes besides what it keeps; nothing is handed over yet.
        for length in [0, length] {
            let (name, attributes) = (String::new(), "x".repeat(length));
            store.push(StoreOp::Create { room: some_room(), name, attributes });
        }
        assert_eq!(store.is_behind(), behind, "{length}");
    }
}

/// The key of some room.
fn some_room() -> RoomKey {
    let content = RoomContent { name: "r".into(), attributes: Object::new(), commands: Vec::new() };
    RoomServer::new(Limits::default()).restore(content).unwrap()
}

// proves: MIX-KEEP-14
#[test]
fn folder_with_the_name_of_a_room_is_left_alone_and_the_other_rooms_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let load = |name: &'static str| {
        within(async {
            let server = serve(directory.path(), Fsync::Always, &Moody::new());
            client(&server).await.load_room(name, &room(3)).await.unwrap();
            server.shutdown().await;
        });
    };
    load("one");
    // One in the way of the next number, one of which no number would be the next.
    let folders = ["room-1.log", "room-18446744073709551615.log"];
    for folder in folders {
        std::fs::create_dir(at(folder)).unwrap();
        std::fs::write(at(folder).join("mine"), "mine").unwrap();
    }
    load("two");
    within(async {
        let server = serve(directory.path(), Fsync::Always, &Moody::new());
        let rooms = client(&server).await.list_rooms().await.unwrap();
        let names: Vec<&str> = rooms.iter().map(|room| room.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        server.shutdown().await;
    });
    assert!(folders.iter().all(|folder| at(folder).join("mine").is_file()));
    assert!(at("room-2.log").is_file());
}

// proves: MIX-KEEP-12
#[test]
fn files_of_others_stay_and_folders_named_like_ours_keep_nobody_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for file in ["notes.new", "room-x.new", "room-1.new.new", "room-7.new"] {
        std::fs::write(at(file), "mine").unwrap();
    }
    for folder in ["folder.new", "room-3.new"] {
        std::fs::create_dir(at(folder)).unwrap();
    }
    within(async {
        let server = serve(directory.path(), Fsync::Always, &Moody::new());
        let mut client = client(&server).await;
        client.load_room("r", &room(3)).await.unwrap();
        server.shutdown().await;
    });
    for kept in ["notes.new", "room-x.new", "room-1.new.new", "folder.new", "room-3.new"] {
        assert!(at(kept).exists(), "{kept}");
    }
    assert!(!at("room-7.new").exists(), "a rewrite of ours that was cut off");
    assert!(at("room-8.log").is_file(), "a number that nothing else has");
}
