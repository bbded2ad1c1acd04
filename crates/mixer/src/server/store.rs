//! Rooms on disk: one log file per room in one directory, written by one thread of its own.
//!
//! The hub pushes what is to be kept, in order, and gets [`Report`]s. With [`Fsync::Always`] everything that has gathered is written and forced
//! to the disk together, then reported durable. A log that has grown far beyond what the room stored when it was last written is written anew
//! beside the old one and takes its place. [`BACKLOG`] bounds what may wait for the disk: the hub stops reading above it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mixer_proto::json::Json;
use mixer_proto::server::{RestoreError, RoomContent, RoomKey, RoomServer, StoreOp};
use thiserror::Error;
use tokio::sync::mpsc;

use super::{Fsync, log};

/// Why the rooms on disk cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// Another server uses the directory.
    #[error("another server keeps its rooms in {}", directory.display())]
    DirectoryInUse {
        /// The directory.
        directory: PathBuf,
    },
    /// The system refuses.
    #[error("cannot keep rooms at {}: {error}", path.display())]
    SystemRefuses {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// A room has no place in the server.
    #[error("a room on disk cannot come back: {0}")]
    RoomHasNoPlace(#[from] RestoreError),
}

/// What the disk reports.
#[derive(Debug)]
pub(super) enum Report {
    Durable { ticket: u64 },
    WantsRewrite { room: RoomKey },
    Progress,
    Failed { error: io::Error },
}

/// The hub's end.
#[derive(Debug)]
pub(super) struct Store {
    gathered: Vec<Task>,
    tasks: Sender<Vec<Task>>,
    backlog: Arc<AtomicUsize>,
    reports: Option<mpsc::UnboundedReceiver<Report>>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Task {
    Keep(StoreOp),
    Rewrite { room: RoomKey, content: RoomContent },
}

impl Store {
    /// Opens the directory, takes its rooms back into the server, and starts the writing thread.
    pub(super) fn open(
        directory: &Path,
        fsync: Fsync,
        rooms: &mut RoomServer,
    ) -> Result<Self, OpenStoreError> {
        let refuses = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenStoreError::SystemRefuses { path, error }
        };
        fs::create_dir_all(directory).map_err(refuses(directory))?;
        let lock_path = directory.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        let lock = lock.map_err(refuses(&lock_path))?;
        // req: MIX-KEEP-4
        if lock.try_lock().is_err() {
            return Err(OpenStoreError::DirectoryInUse { directory: directory.to_owned() });
        }
        let (report, reports) = mpsc::unbounded_channel();
        let backlog = Arc::new(AtomicUsize::new(0));
        let mut writer = Writer {
            directory: directory.to_owned(),
            logs: HashMap::new(),
            next_number: 0,
            fsync,
            last_sync: Instant::now(),
            ticket: 0,
            report,
            backlog: Arc::clone(&backlog),
            _lock: lock,
        };
        writer.take_rooms_back(rooms)?;
        let (tasks, receiver) = channel();
        let thread = thread::Builder::new().name("mixer-rooms".into()).spawn(move || writer.run(&receiver));
        let thread = thread.map_err(refuses(directory))?;
        Ok(Self { gathered: Vec::new(), tasks, backlog, reports: Some(reports), thread })
    }

    pub(super) fn take_reports(&mut self) -> Option<mpsc::UnboundedReceiver<Report>> {
        self.reports.take()
    }

    pub(super) fn push(&mut self, operation: StoreOp) {
        if let StoreOp::Commands { frames, .. } = &operation {
            self.backlog.fetch_add(frames.len(), Ordering::Relaxed);
        }
        self.gathered.push(Task::Keep(operation));
    }

    /// Writes the room anew; what was pushed before is part of its content.
    pub(super) fn rewrite(&mut self, room: RoomKey, content: RoomContent) {
        self.gathered.push(Task::Rewrite { room, content });
        self.submit();
    }

    /// Hands over what was pushed.
    pub(super) fn submit(&mut self) {
        if !self.gathered.is_empty() {
            let _ = self.tasks.send(std::mem::take(&mut self.gathered));
        }
    }

    pub(super) fn is_behind(&self) -> bool {
        self.backlog.load(Ordering::Relaxed) > BACKLOG
    }

    /// Waits until everything is on the disk.
    pub(super) fn close(mut self) {
        self.submit();
        drop(self.tasks);
        let _ = self.thread.join();
    }
}

/// The thread's end.
struct Writer {
    directory: PathBuf,
    logs: HashMap<RoomKey, Log>,
    next_number: u64,
    fsync: Fsync,
    last_sync: Instant,
    ticket: u64,
    report: mpsc::UnboundedSender<Report>,
    backlog: Arc<AtomicUsize>,
    /// Held as long as the thread lives.
    _lock: File,
}

struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    /// Length when the file was last written as a whole.
    base: u64,
    dirty: bool,
    rewriting: bool,
}

impl Writer {
    // req: MIX-KEEP-2, MIX-KEEP-3
    fn take_rooms_back(&mut self, rooms: &mut RoomServer) -> Result<(), OpenStoreError> {
        let directory = self.directory.clone();
        let refuses = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenStoreError::SystemRefuses { path, error }
        };
        let mut numbered: Vec<(u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&directory).map_err(refuses(&directory))? {
            let path = entry.map_err(refuses(&directory))?.path();
            match path.file_name().and_then(|name| name.to_str()).and_then(number_in) {
                Some(number) => numbered.push((number, path)),
                // A rewrite that was cut off; the old file is whole.
                None if path.extension().is_some_and(|extension| extension == "new") => {
                    fs::remove_file(&path).map_err(refuses(&path))?;
                }
                None => {}
            }
        }
        numbered.sort();
        for (number, path) in numbered {
            self.next_number = self.next_number.max(number + 1);
            let bytes = Bytes::from(fs::read(&path).map_err(refuses(&path))?);
            let Some((content, whole)) = log::read(&bytes) else {
                tracing::warn!("{} holds no room", path.display());
                continue;
            };
            let file = OpenOptions::new().append(true).open(&path).map_err(refuses(&path))?;
            if whole < bytes.len() {
                tracing::warn!("cut {} torn bytes off {}", bytes.len() - whole, path.display());
                file.set_len(whole as u64).map_err(refuses(&path))?;
            }
            let key = match rooms.restore(content) {
                Ok(key) => key,
                // Its deletion was cut off when a room of the same name had come; the first is the older one.
                Err(error @ RestoreError::RoomExists { .. }) => {
                    tracing::warn!("{}: {error}", path.display());
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let length = whole as u64;
            self.logs.insert(key, Log { path, file, length, base: length, dirty: false, rewriting: false });
        }
        Ok(())
    }

    fn run(mut self, tasks: &Receiver<Vec<Task>>) {
        loop {
            let received = match self.until_sync() {
                Some(wait) => tasks.recv_timeout(wait),
                None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let result = match received {
                Ok(first) => {
                    std::iter::once(first).chain(tasks.try_iter()).try_for_each(|tasks| self.perform(tasks))
                }
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.sync();
                    return;
                }
            };
            if let Err(error) = result.and_then(|()| self.sync_if_due()) {
                // The hub goes on without us.
                let _ = self.report.send(Report::Failed { error });
                return;
            }
        }
    }

    fn perform(&mut self, tasks: Vec<Task>) -> io::Result<()> {
        let mut taken = 0;
        for task in tasks {
            match task {
                Task::Keep(StoreOp::Create { room, name, attributes }) => {
                    self.create(room, &name, &attributes)?;
                }
                Task::Keep(StoreOp::Commands { room, frames, ticket }) => {
                    taken += frames.len();
                    self.append(room, &log::commands_header(&frames), &frames)?;
                    self.ticket = ticket;
                }
                Task::Keep(StoreOp::Attributes { room, attributes }) => {
                    self.append(room, &log::attributes_record(&attributes), &[])?;
                }
                Task::Keep(StoreOp::Delete { room }) => self.delete(room)?,
                Task::Keep(_) => {}
                Task::Rewrite { room, content } => self.rewrite(room, &content)?,
            }
        }
        self.backlog.fetch_sub(taken, Ordering::Relaxed);
        let _ = self.report.send(Report::Progress);
        Ok(())
    }

    fn create(&mut self, room: RoomKey, name: &str, attributes: &str) -> io::Result<()> {
        self.delete(room)?;
        let path = self.directory.join(format!("room-{}.log", self.next_number));
        self.next_number += 1;
        let mut file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        let record = log::name_record(name, attributes);
        file.write_all(&record)?;
        let length = record.len() as u64;
        self.logs.insert(room, Log { path, file, length, base: length, dirty: true, rewriting: false });
        self.sync_directory()
    }

    fn append(&mut self, room: RoomKey, first: &[u8], second: &[u8]) -> io::Result<()> {
        let Some(log) = self.logs.get_mut(&room) else { return Ok(()) };
        write_both(&mut log.file, first, second)?;
        log.length += (first.len() + second.len()) as u64;
        log.dirty = true;
        if log.length > 2 * log.base + REWRITE_FROM && !log.rewriting {
            log.rewriting = true;
            let _ = self.report.send(Report::WantsRewrite { room });
        }
        Ok(())
    }

    fn delete(&mut self, room: RoomKey) -> io::Result<()> {
        let Some(log) = self.logs.remove(&room) else { return Ok(()) };
        fs::remove_file(&log.path)?;
        self.sync_directory()
    }

    // req: MIX-KEEP-5
    fn rewrite(&mut self, room: RoomKey, content: &RoomContent) -> io::Result<()> {
        let Some(log) = self.logs.get_mut(&room) else { return Ok(()) };
        let beside = log.path.with_extension("new");
        let mut file = OpenOptions::new().append(true).create(true).open(&beside)?;
        file.set_len(0)?;
        let attributes = Json::Object(content.attributes.clone()).to_string();
        let name = log::name_record(&content.name, &attributes);
        file.write_all(&name)?;
        let mut length = name.len();
        for commands in &content.commands {
            let header = log::commands_header(commands);
            write_both(&mut file, &header, commands)?;
            length += header.len() + commands.len();
        }
        file.sync_data()?;
        fs::rename(&beside, &log.path)?;
        let length = length as u64;
        let path = std::mem::take(&mut log.path);
        *log = Log { path, file, length, base: length, dirty: false, rewriting: false };
        self.sync_directory()
    }

    /// How long until the next forced write; `None` when nothing waits for one.
    fn until_sync(&self) -> Option<Duration> {
        match self.fsync {
            Fsync::Interval(interval) if self.logs.values().any(|log| log.dirty) => {
                Some(interval.saturating_sub(self.last_sync.elapsed()))
            }
            _ => None,
        }
    }

    // req: MIX-KEEP-6
    fn sync_if_due(&mut self) -> io::Result<()> {
        match self.fsync {
            Fsync::Interval(interval) if self.last_sync.elapsed() < interval => Ok(()),
            _ => self.sync(),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.last_sync = Instant::now();
        for log in self.logs.values_mut().filter(|log| log.dirty) {
            log.file.sync_data()?;
            log.dirty = false;
        }
        let _ = self.report.send(Report::Durable { ticket: self.ticket });
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        if cfg!(unix) && self.fsync == Fsync::Always {
            File::open(&self.directory)?.sync_all()
        } else {
            Ok(())
        }
    }
}

fn number_in(name: &str) -> Option<u64> {
    name.strip_prefix("room-")?.strip_suffix(".log")?.parse().ok()
}

fn write_both(file: &mut File, first: &[u8], second: &[u8]) -> io::Result<()> {
    let written = file.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])?;
    if let Some(rest) = first.get(written..) {
        file.write_all(rest)?;
    }
    file.write_all(second.get(written.saturating_sub(first.len())..).unwrap_or_default())
}

const BACKLOG: usize = 64 << 20;
const REWRITE_FROM: u64 = 16 << 20;
