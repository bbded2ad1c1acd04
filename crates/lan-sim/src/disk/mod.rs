//! A disk in memory that fails, fills, tears and is slow on demand.
//!
//! [`Disk`] is a cheap handle (clones are the same disk) for synchronous code; it is `Send + Sync` so that a
//! store written for real disks can own it. It knows folders only as far as names need them: a path is
//! `/`-separated text, and its folder is what stands before the last `/`.
//!
//! What is durable, and what is not:
//! * a file's bytes after [`DiskFile::sync`]; a name (created, renamed, removed) after [`Disk::sync_dir`] of
//!   its folder. A loss of power undoes the rest: of the names' changes since, a beginning survives in the
//!   order they were made; of each unsynced file's bytes, nothing, all, a beginning, or a beginning and
//!   zeros.
//! * a [`DiskFile::sync`] that fails has made nothing durable, and the next one succeeds without making those
//!   bytes durable either, as on Linux.
//! * every handle on a file is dead after a crash ([`DiskError::HandleLost`]).
//!
//! Faults come from [`Condition`]s (chances, capacity, delay), from [`Disk::fail_nth`] and from
//! [`Disk::halt_at`], which lets a test die at every operation in turn. Time that operations take is summed
//! up in [`Disk::spent`]; a world charges it to the host.
//!
//! ```
//! use lan_sim::{Disk, Seed};
//! let disk = Disk::new(Seed::new(1));
//! let file = disk.create("box/a.tmp")?;
//! file.append(b"show")?;
//! file.sync()?;
//! disk.rename("box/a.tmp", "box/a.mvr")?;
//! disk.sync_dir("box")?;
//! disk.lose_power();
//! assert_eq!(disk.open("box/a.mvr")?.contents()?.to_bytes(), b"show");
//! assert_eq!(disk.list("box")?.len(), 1);
//! # Ok::<(), lan_sim::DiskError>(())
//! ```

mod crash;
mod error;
mod file;
mod state;
#[cfg(test)]
mod tests;

pub use error::{DiskError, DiskOp};
pub use file::DiskFile;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::fault::DiskTrouble;
use crate::rng::{Chance, Seed};
use crate::time::nanos;
use state::{Change, State};

/// A disk. Clones are the same disk.
#[derive(Clone)]
pub struct Disk {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Nanoseconds that operations took since the world last asked. Kept outside the lock, for it is asked at
    /// every write to a link.
    spent: AtomicU64,
}

/// How well a disk works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// How likely an operation fails with [`DiskError::Failed`].
    pub fail: Chance,
    /// How many bytes all files may have together; `None` is no limit.
    pub capacity: Option<u64>,
    /// How long every operation takes.
    pub delay: Duration,
    /// Bytes per second to read, write or sync; `None` takes no time.
    pub bytes_per_second: Option<u64>,
}

/// What is in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name without the folder.
    pub name: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Bytes, for a file.
    pub length: u64,
}

/// What operations a disk has done and what went wrong on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Operations begun, failed ones included.
    pub operations: u64,
    /// Operations that failed with [`DiskError::Failed`].
    pub failed: u64,
    /// Writes that found no room.
    pub no_room: u64,
    /// Files and names that a loss of power tore or lost.
    pub torn: u64,
}

impl Disk {
    /// An empty disk without limits or faults.
    pub fn new(seed: Seed) -> Self {
        Self::with_capacity(seed, None)
    }

    pub(crate) fn with_capacity(seed: Seed, capacity: Option<u64>) -> Self {
        let condition = Condition { capacity, ..Condition::default() };
        let state = Mutex::new(State::new(seed.rng(), condition));
        Self { shared: Arc::new(Shared { state, spent: AtomicU64::new(0) }) }
    }

    /// Creates an empty file.
    ///
    /// # Errors
    /// [`DiskError::Exists`] when there is anything of that name; faults.
    pub fn create(&self, path: &str) -> Result<DiskFile, DiskError> {
        let mut state = self.begin(DiskOp::Create)?;
        if state.exists(path) {
            return Err(DiskError::Exists { path: path.to_owned() });
        }
        let inode = state.new_inode();
        state.change(Change::Link { path: path.to_owned(), inode });
        Ok(self.handle(&state, inode))
    }

    /// Opens an existing file.
    ///
    /// # Errors
    /// [`DiskError::NotFound`]; faults.
    pub fn open(&self, path: &str) -> Result<DiskFile, DiskError> {
        let state = self.begin(DiskOp::Open)?;
        let inode = state.find(path)?;
        Ok(self.handle(&state, inode))
    }

    /// Whether there is a file or a folder of that name. Never fails and takes no time.
    pub fn exists(&self, path: &str) -> bool {
        self.lock().exists(path)
    }

    /// Gives a file another name, replacing what has it. The file is never without a name and never has both.
    ///
    /// # Errors
    /// [`DiskError::NotFound`]; faults.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut state = self.begin(DiskOp::Rename)?;
        state.find(from)?;
        state.change(Change::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    /// As [`Disk::rename`], never replacing anything.
    ///
    /// # Errors
    /// [`DiskError::NotFound`], [`DiskError::Exists`]; faults.
    pub fn rename_new(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let mut state = self.begin(DiskOp::Rename)?;
        state.find(from)?;
        if state.exists(to) {
            return Err(DiskError::Exists { path: to.to_owned() });
        }
        state.change(Change::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    /// Removes a file's name; those who have it open go on.
    ///
    /// # Errors
    /// [`DiskError::NotFound`]; faults.
    pub fn remove(&self, path: &str) -> Result<(), DiskError> {
        let mut state = self.begin(DiskOp::Remove)?;
        state.find(path)?;
        state.change(Change::Unlink { path: path.to_owned() });
        Ok(())
    }

    /// Creates a folder and those above it; existing ones are fine. Folders survive everything but
    /// [`Disk::wipe`].
    ///
    /// # Errors
    /// Faults.
    pub fn create_dirs(&self, path: &str) -> Result<(), DiskError> {
        let mut state = self.begin(DiskOp::Create)?;
        state.create_dirs(path);
        Ok(())
    }

    /// What is in a folder, by name. An unknown folder is an empty one.
    ///
    /// # Errors
    /// Faults.
    pub fn list(&self, dir: &str) -> Result<Vec<DirEntry>, DiskError> {
        Ok(self.begin(DiskOp::List)?.list(dir))
    }

    /// What has that name.
    ///
    /// # Errors
    /// [`DiskError::NotFound`]; faults.
    pub fn metadata(&self, path: &str) -> Result<DirEntry, DiskError> {
        self.begin(DiskOp::List)?.metadata(path)
    }

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// Faults: then nothing became durable.
    pub fn sync_dir(&self, dir: &str) -> Result<(), DiskError> {
        self.begin(DiskOp::SyncDir)?.sync_dir(dir);
        Ok(())
    }

    /// Bytes in all files that have a name.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// Sets how well it works from now on, apart from troubles ordered by a world.
    pub fn set_condition(&self, condition: Condition) {
        self.lock().condition = condition;
    }

    /// How well it works, troubles included.
    pub fn condition(&self) -> Condition {
        self.lock().effective()
    }

    /// Fails the `nth` operation from now (1 is the next one) with [`DiskError::Failed`].
    pub fn fail_nth(&self, nth: u64) {
        let mut state = self.lock();
        let at = state.counts.operations.saturating_add(nth);
        state.fail_at.insert(at);
    }

    /// From the `nth` operation from now on (1 is the next one) every operation fails with
    /// [`DiskError::Halted`], as if the process had died there, until [`Disk::kill`] or [`Disk::lose_power`].
    pub fn halt_at(&self, nth: u64) {
        let mut state = self.lock();
        state.halt_at = Some(state.counts.operations.saturating_add(nth));
    }

    /// The process that used the disk dies: its handles do, what it wrote stays.
    pub fn kill(&self) {
        self.lock().kill();
    }

    /// The power is lost: handles die, and what was not synced is lost or torn.
    pub fn lose_power(&self) {
        self.lock().lose_power();
    }

    /// Everything is gone, durable or not.
    pub fn wipe(&self) {
        self.lock().wipe();
    }

    /// What it has done.
    pub fn counts(&self) -> DiskCounts {
        self.lock().counts
    }

    /// Time that operations took since [`Disk::take_spent`].
    pub fn spent(&self) -> Duration {
        Duration::from_nanos(self.shared.spent.load(Ordering::Relaxed))
    }

    /// As [`Disk::spent`], and begins again at zero.
    pub fn take_spent(&self) -> Duration {
        if self.shared.spent.load(Ordering::Relaxed) == 0 {
            return Duration::ZERO;
        }
        Duration::from_nanos(self.shared.spent.swap(0, Ordering::Relaxed))
    }

    pub(crate) fn add_trouble(&self, id: u32, trouble: DiskTrouble) {
        self.lock().troubles.push((id, trouble));
    }

    pub(crate) fn end_trouble(&self, id: u32) {
        self.lock().troubles.retain(|(other, _)| *other != id);
    }

    /// Begins an operation: counts it, lets it fail if it must, and charges its time.
    fn begin(&self, op: DiskOp) -> Result<MutexGuard<'_, State>, DiskError> {
        let mut state = self.lock();
        self.charge(state.effective().delay);
        state.begin(op)?;
        Ok(state)
    }

    /// Charges the time that moving `bytes` takes.
    fn charge_bytes(&self, state: &State, bytes: u64) {
        if let Some(rate) = state.effective().bytes_per_second {
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.max(1));
            self.charge(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
        }
    }

    /// Adds to the time that was spent.
    pub(crate) fn charge(&self, span: Duration) {
        if !span.is_zero() {
            self.shared.spent.fetch_add(nanos(span), Ordering::Relaxed);
        }
    }

    fn handle(&self, state: &State, inode: u64) -> DiskFile {
        DiskFile::new(self.clone(), inode, state.epoch())
    }

    /// A panic elsewhere while the lock was held leaves the state as it was between two fields at worst;
    /// tests want to see it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Disk")
            .field("used", &state.used())
            .field("counts", &state.counts)
            .finish_non_exhaustive()
    }
}
