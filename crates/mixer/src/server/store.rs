//! Rooms on disk: one log file per room in one directory, written by one thread of its own.
//!
//! The hub pushes what is to be kept, in order, and gets [`Report`]s. With [`Fsync::Always`] everything that has gathered is written and forced
//! to the disk together, then reported durable. A log that has grown far beyond what the room stored when it was last written is written anew
//! beside the old one and takes its place. [`DiskLimits`] bounds what may wait for the disk: the hub stops reading above it.
//!
//! ```text
//!  Keeping ──the disk fails──► Failing ──every room written anew──► Keeping
//!                               ▲   │
//!                               └───┘ tried every so often; the disk fails again
//! ```
//! While `Failing`, nothing is written and nobody waits: what is pushed is reported as if it were durable, since a crew in the middle of its work is better
//! off with rooms in memory than with none. The files hold what they held, perhaps with a torn tail.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mixer_proto::server::{RestoreError, RoomContent, RoomKey, RoomServer, StoreOp};
use thiserror::Error;
use tokio::sync::mpsc;

use super::disk::{Disk, LogFile, Open, Syncer};
use super::{Fsync, log};

mod back;
mod rewrite;

use rewrite::{Beside, on_a_thread};

/// What bounds how rooms are kept on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskLimits {
    /// Bytes that may wait to be written under [`Fsync::Interval`]. While more do, nothing is read from clients.
    pub backlog_bytes: usize,
    /// Bytes that may wait for the disk under [`Fsync::Always`]: members wait for it, and what waits takes memory for each of them.
    pub backlog_bytes_always: usize,
    /// A log is written anew when it is twice as long as the room it holds, and by so many bytes longer.
    pub rewrite_from_bytes: u64,
    /// How long a disk that failed is left alone before it is tried again.
    pub retry_after: Duration,
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self {
            backlog_bytes: 64 << 20,
            backlog_bytes_always: 8 << 20,
            rewrite_from_bytes: 16 << 20,
            retry_after: Duration::from_secs(5),
        }
    }
}

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
    Durable {
        ticket: u64,
    },
    WantsRewrite {
        room: RoomKey,
    },
    Progress,
    /// Nothing is kept until further notice.
    Failed {
        error: io::Error,
    },
    /// The disk may work again: [`Store::resume`].
    WantsEverything,
    /// Everything is kept again.
    Resumed,
}

/// The hub's end.
#[derive(Debug)]
pub(super) struct Store {
    gathered: Vec<Task>,
    tasks: Sender<Vec<Task>>,
    backlog: Arc<AtomicUsize>,
    /// How much backlog is not too much.
    allowed: usize,
    reports: Option<mpsc::UnboundedReceiver<Report>>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
enum Task {
    Keep(StoreOp),
    Rewrite { room: RoomKey, content: RoomContent },
    Resume { rooms: Vec<(RoomKey, RoomContent)> },
}

impl Store {
    /// Opens the directory, takes its rooms back into the server, and starts the writing thread.
    pub(super) fn open(
        directory: &Path,
        fsync: Fsync,
        limits: DiskLimits,
        disk: Arc<dyn Disk>,
        rooms: &mut RoomServer,
    ) -> Result<Self, OpenStoreError> {
        let refuses = |path: &Path| {
            let path = path.to_owned();
            move |error| OpenStoreError::SystemRefuses { path, error }
        };
        let mut folder = fs::DirBuilder::new();
        // Rooms and their passwords are their owner's alone.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder.recursive(true).create(directory).map_err(refuses(directory))?;
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
            disk,
            failing_since: None,
            logs: HashMap::new(),
            next_number: 0,
            fsync,
            limits,
            last_sync: Instant::now(),
            ticket: 0,
            syncing: None,
            unsynced: 0,
            report,
            backlog: Arc::clone(&backlog),
            _lock: lock,
        };
        writer.take_rooms_back(rooms)?;
        let (tasks, receiver) = channel();
        let thread = thread::Builder::new().name("mixer-rooms".into()).spawn(move || writer.run(&receiver));
        let thread = thread.map_err(refuses(directory))?;
        let allowed = if fsync == Fsync::Always { limits.backlog_bytes_always } else { limits.backlog_bytes };
        Ok(Self { gathered: Vec::new(), tasks, backlog, allowed, reports: Some(reports), thread })
    }

    pub(super) fn take_reports(&mut self) -> Option<mpsc::UnboundedReceiver<Report>> {
        self.reports.take()
    }

    pub(super) fn push(&mut self, operation: StoreOp) {
        let task = Task::Keep(operation);
        self.backlog.fetch_add(task.bytes(), Ordering::Relaxed);
        self.gathered.push(task);
    }

    /// Writes the room anew; what was pushed before is part of its content.
    pub(super) fn rewrite(&mut self, room: RoomKey, content: RoomContent) {
        self.gathered.push(Task::Rewrite { room, content });
        self.submit();
    }

    /// Writes all rooms there are anew; what was pushed before is part of their content.
    pub(super) fn resume(&mut self, rooms: Vec<(RoomKey, RoomContent)>) {
        self.gathered.push(Task::Resume { rooms });
        self.submit();
    }

    /// Hands over what was pushed.
    pub(super) fn submit(&mut self) {
        if !self.gathered.is_empty() {
            let _ = self.tasks.send(std::mem::take(&mut self.gathered));
        }
    }

    pub(super) fn is_behind(&self) -> bool {
        self.backlog.load(Ordering::Relaxed) > self.allowed
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
    disk: Arc<dyn Disk>,
    /// When the disk failed or was tried last; `None` while everything is kept.
    failing_since: Option<Instant>,
    logs: HashMap<RoomKey, Log>,
    next_number: u64,
    fsync: Fsync,
    limits: DiskLimits,
    last_sync: Instant,
    ticket: u64,
    /// How the sync ended that goes on beside, once it has.
    syncing: Option<Receiver<io::Result<()>>>,
    /// Bytes taken that still count as backlog.
    unsynced: usize,
    report: mpsc::UnboundedSender<Report>,
    backlog: Arc<AtomicUsize>,
    /// Held as long as the thread lives.
    _lock: File,
}

struct Log {
    path: PathBuf,
    file: Box<dyn LogFile>,
    length: u64,
    /// Bytes of the room when it was last written as a whole, or looked at for that.
    base: u64,
    dirty: bool,
    rewriting: bool,
    /// What will take its place.
    beside: Option<Beside>,
}

impl Log {
    fn new(path: PathBuf, file: Box<dyn LogFile>, length: u64) -> Self {
        Self { path, file, length, base: length, dirty: true, rewriting: false, beside: None }
    }
}

impl Writer {
    fn run(mut self, tasks: &Receiver<Vec<Task>>) {
        loop {
            let received = match self.until_due() {
                Some(wait) => tasks.recv_timeout(wait),
                None => tasks.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let result = match received {
                Ok(first) => self.perform_some(first, tasks),
                Err(RecvTimeoutError::Timeout) => Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(Ok(Err(error))) = self.syncing.take().map(|syncing| syncing.recv()) {
                        tracing::error!("the end of what is kept may be missing: {error}");
                    }
                    if let Err(error) = self.sync() {
                        tracing::error!("the end of what is kept may be missing: {error}");
                    }
                    self.give_up_rewrites();
                    return;
                }
            };
            if let Err(error) = result.and_then(|()| self.sync_if_due()) {
                self.fail(error);
            }
            self.ask_for_everything_if_due();
        }
    }

    /// Does what has gathered, but not so much that those who wait for the disk wait for ever, and no longer than until it is forced to the disk again.
    // req: MIX-KEEP-6
    fn perform_some(&mut self, first: Vec<Task>, further: &Receiver<Vec<Task>>) -> io::Result<()> {
        let mut next = Some(first);
        while let Some(tasks) = next {
            self.perform(tasks)?;
            let sync_first = self.unsynced > self.limits.backlog_bytes_always || self.is_sync_due();
            next = if sync_first { None } else { further.try_recv().ok() };
        }
        Ok(())
    }

    // req: MIX-KEEP-7
    fn fail(&mut self, error: io::Error) {
        if self.failing_since.replace(Instant::now()).is_none() {
            let _ = self.report.send(Report::Failed { error });
        } else {
            tracing::debug!("rooms are still not kept on disk: {error}");
        }
        self.settle();
    }

    fn ask_for_everything_if_due(&mut self) {
        if let Some(since) = &mut self.failing_since
            && since.elapsed() >= self.limits.retry_after
        {
            *since = Instant::now();
            let _ = self.report.send(Report::WantsEverything);
        }
    }

    /// What was taken is no backlog any more.
    fn catch_up(&mut self) {
        self.backlog.fetch_sub(std::mem::take(&mut self.unsynced), Ordering::Relaxed);
    }

    /// Nobody waits any more for what was pushed so far.
    fn settle(&mut self) {
        self.catch_up();
        let _ = self.report.send(Report::Durable { ticket: self.ticket });
    }

    /// Does what was pushed. While the disk fails that is nothing, except beginning anew.
    fn perform(&mut self, tasks: Vec<Task>) -> io::Result<()> {
        let taken: usize = tasks.iter().map(Task::bytes).sum();
        let last = tasks.iter().rev().find_map(Task::ticket);
        self.ticket = last.unwrap_or(self.ticket);
        let result = tasks.into_iter().try_for_each(|task| match task {
            Task::Resume { rooms } => self.resume(&rooms),
            _ if self.failing_since.is_some() => Ok(()),
            Task::Keep(operation) => self.keep(&operation),
            Task::Rewrite { room, content } => self.rewrite(room, &content),
        });
        self.unsynced += taken;
        if self.failing_since.is_some() {
            self.settle();
        } else if self.fsync != Fsync::Always {
            self.catch_up();
            let _ = self.report.send(Report::Progress);
        }
        result
    }

    fn keep(&mut self, operation: &StoreOp) -> io::Result<()> {
        match operation {
            StoreOp::Create { room, name, attributes } => self.create(*room, name, attributes),
            StoreOp::Commands { room, frames, .. } => self.append(*room, |file| write_commands(file, frames)),
            StoreOp::Attributes { room, attributes, .. } => {
                let record = log::attributes_record(attributes);
                self.append(*room, |file| file.append(&record, &[]).map(|()| record.len()))
            }
            StoreOp::Delete { room } => self.delete(*room),
            _ => Ok(()),
        }
    }

    fn create(&mut self, room: RoomKey, name: &str, attributes: &str) -> io::Result<()> {
        self.delete(room)?;
        let path = self.new_path();
        let mut file = self.disk.open(&path, Open::New)?;
        let record = log::name_record(name, attributes);
        if let Err(error) = file.append(&record, &[]) {
            // It holds no room, and never will.
            let _ = self.disk.remove(&path);
            return Err(error);
        }
        let length = record.len() as u64;
        self.logs.insert(room, Log::new(path, file, length));
        self.sync_directory()
    }

    fn new_path(&mut self) -> PathBuf {
        let path = self.directory.join(format!("room-{}.log", self.next_number));
        self.next_number += 1;
        path
    }

    /// What is written tells how many bytes it was.
    fn append(
        &mut self,
        room: RoomKey,
        write: impl Fn(&mut dyn LogFile) -> io::Result<usize>,
    ) -> io::Result<()> {
        let Some(log) = self.logs.get_mut(&room) else { return Ok(()) };
        log.length += write(log.file.as_mut())? as u64;
        if let Some(beside) = &mut log.beside {
            beside.append(&write)?;
        }
        log.dirty = true;
        if log.length > log.base.saturating_mul(2).saturating_add(self.limits.rewrite_from_bytes)
            && !log.rewriting
        {
            log.rewriting = true;
            let _ = self.report.send(Report::WantsRewrite { room });
        }
        Ok(())
    }

    fn delete(&mut self, room: RoomKey) -> io::Result<()> {
        let Some(log) = self.logs.get(&room) else { return Ok(()) };
        match self.disk.remove(&log.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(beside) = self.logs.remove(&room).and_then(|log| log.beside) {
            // What stays is removed at the next start.
            let _ = self.disk.remove(beside.path());
        }
        self.sync_directory()
    }

    /// Begins anew after a failure: what a file holds that failed is not known, so every room is written as it stands now.
    // req: MIX-KEEP-8
    fn resume(&mut self, rooms: &[(RoomKey, RoomContent)]) -> io::Result<()> {
        let gone: Vec<RoomKey> =
            self.logs.keys().filter(|known| !rooms.iter().any(|(room, _)| room == *known)).copied().collect();
        for room in gone {
            self.delete(room)?;
        }
        for (room, content) in rooms {
            let path = self.logs.get(room).map(|log| log.path.clone());
            let path = path.unwrap_or_else(|| self.new_path());
            if let Err(error) = self.write_anew(*room, content, path.clone()) {
                // A full disk is not to be kept full by a copy that is of no use.
                let _ = self.disk.remove(&path.with_extension("new"));
                return Err(error);
            }
        }
        self.failing_since = None;
        let _ = self.report.send(Report::Resumed);
        Ok(())
    }

    /// How long until the next forced write or attempt; `None` when nothing waits for one.
    fn until_due(&self) -> Option<Duration> {
        if let Some(since) = self.failing_since {
            return Some(self.limits.retry_after.saturating_sub(since.elapsed()));
        }
        if self.syncing.is_some() || self.is_rewriting() {
            return Some(LOOK);
        }
        match self.fsync {
            Fsync::Interval(interval) if self.logs.values().any(|log| log.dirty) => {
                Some(interval.saturating_sub(self.last_sync.elapsed()))
            }
            _ => None,
        }
    }

    // req: MIX-KEEP-6
    fn sync_if_due(&mut self) -> io::Result<()> {
        self.finish_rewrites()?;
        match self.fsync {
            Fsync::Always => self.sync(),
            Fsync::Interval(_) => {
                if let Some(ended) = self.syncing.as_ref().and_then(|syncing| syncing.try_recv().ok()) {
                    self.syncing = None;
                    ended?;
                }
                if self.is_sync_due() && self.syncing.is_none() { self.sync_beside() } else { Ok(()) }
            }
        }
    }

    fn is_sync_due(&self) -> bool {
        let Fsync::Interval(interval) = self.fsync else { return false };
        self.last_sync.elapsed() >= interval && self.failing_since.is_none()
    }

    /// Forces to the disk what was written, on a thread of its own: a slow disk must not keep what comes meanwhile from being handed to the system.
    fn sync_beside(&mut self) -> io::Result<()> {
        self.last_sync = Instant::now();
        let mut syncers: Vec<Syncer> = Vec::new();
        for log in self.logs.values_mut().filter(|log| log.dirty) {
            syncers.push(log.file.syncer()?);
            log.dirty = false;
        }
        if syncers.is_empty() {
            return Ok(());
        }
        self.syncing = Some(on_a_thread(move || syncers.into_iter().try_for_each(|sync| sync()))?);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.failing_since.is_some() {
            return Ok(());
        }
        self.last_sync = Instant::now();
        for log in self.logs.values_mut().filter(|log| log.dirty) {
            log.file.sync()?;
            log.dirty = false;
        }
        self.catch_up();
        let _ = self.report.send(Report::Durable { ticket: self.ticket });
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        if self.fsync == Fsync::Always { self.disk.sync_directory(&self.directory) } else { Ok(()) }
    }
}

/// Writes frames of commands as records, small ones gathered and large ones as they lie in memory.
fn write_commands(file: &mut dyn LogFile, frames: &Bytes) -> io::Result<usize> {
    let mut gathered = Vec::new();
    let mut written = 0;
    for payload in log::commands_payloads(frames) {
        gathered.extend_from_slice(&log::commands_header(&payload));
        if payload.len() < COPIED_BELOW {
            gathered.extend_from_slice(&payload);
            continue;
        }
        file.append(&gathered, &payload)?;
        written += gathered.len() + payload.len();
        gathered.clear();
    }
    if !gathered.is_empty() {
        file.append(&gathered, &[])?;
    }
    Ok(written + gathered.len())
}

impl Task {
    /// What it adds to the backlog.
    // req: MIX-KEEP-11
    fn bytes(&self) -> usize {
        match self {
            Self::Keep(operation) => {
                TASK + match operation {
                    StoreOp::Commands { frames, .. } => frames.len(),
                    StoreOp::Create { name, attributes, .. } => name.len() + attributes.len(),
                    StoreOp::Attributes { attributes, .. } => attributes.len(),
                    _ => 0,
                }
            }
            // Shared with the rooms.
            Self::Rewrite { .. } | Self::Resume { .. } => 0,
        }
    }

    fn ticket(&self) -> Option<u64> {
        match self {
            Self::Keep(StoreOp::Commands { ticket, .. } | StoreOp::Attributes { ticket, .. }) => {
                Some(*ticket)
            }
            _ => None,
        }
    }
}

/// How often the writer looks whether a sync beside has ended.
const LOOK: Duration = Duration::from_millis(5);
/// What a task takes besides what it keeps.
const TASK: usize = 100;
const COPIED_BELOW: usize = 16 << 10;

#[cfg(test)]
mod tests;
