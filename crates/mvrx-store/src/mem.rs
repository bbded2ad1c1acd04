//! A store in memory: for tests, and for stations that keep nothing. It ends with the process.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use mvrx_message::FileUuid;

use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::disk::{DiskAction, DiskError, Kind, ReadFile, RealDisk, Stat, WriteFile};
use crate::engine::{Engine, Inventory, NotForgotten, Shelf, store_by_engine};
use crate::error::PublishError;
use crate::limits::Limits;
use crate::problem::Problem;
use crate::store::{Expect, PartOf, Pending, PutAway, StoredCommit, Writer};
use crate::stored_file::StoredFile;

/// Commits and files in memory. Clones are the same store.
///
/// ```
/// use mvrx_store::{Expect, MemStore, Store};
/// let store = MemStore::default();
/// let mut writer = store.begin(Expect::Exactly(3))?;
/// writer.write(b"rig")?;
/// assert_eq!(writer.finish()?.length(), 3);
/// assert!(store.commits()?.is_empty(), "nothing was published");
/// # Ok::<(), mvrx_store::StoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MemStore {
    engine: Arc<Engine<MemShelf>>,
}

#[derive(Debug, Default)]
struct MemShelf {
    files: Mutex<HashMap<FileUuid, Arc<MemFile>>>,
    withdrawn: Mutex<HashSet<FileUuid>>,
}

/// A growing file in blocks, so that growing copies nothing.
#[derive(Default)]
struct MemFile {
    blocks: RwLock<Vec<Vec<u8>>>,
}

#[derive(Debug)]
struct MemWriter(Arc<MemFile>);

impl MemStore {
    /// An empty store that holds up to 1 GiB.
    #[must_use]
    pub fn new() -> Self {
        let limits = Limits { total_bytes: MEMORY_BYTES, file_bytes: MEMORY_BYTES, ..Limits::default() };
        Self::with(limits, Clock::default())
    }

    /// An empty store with other limits and another clock.
    #[must_use]
    pub fn with(limits: Limits, clock: Clock) -> Self {
        let outside = Arc::new(RealDisk::default());
        let engine = Engine::new(MemShelf::default(), Inventory::default(), limits, clock, outside);
        Self { engine: Arc::new(engine) }
    }
}

impl Default for MemStore {
    fn default() -> Self {
        Self::new()
    }
}

store_by_engine!(MemStore);

impl Shelf for MemShelf {
    type Place = Arc<MemFile>;

    fn create(&self) -> Result<(Box<dyn WriteFile>, Self::Place), DiskError> {
        let file = Arc::new(MemFile::default());
        Ok((Box::new(MemWriter(Arc::clone(&file))), file))
    }

    fn create_part(&self, _of: &PartOf) -> Result<(Box<dyn WriteFile>, Self::Place), DiskError> {
        self.create()
    }

    fn go_on(&self, place: &Self::Place, length: u64) -> Result<Box<dyn WriteFile>, DiskError> {
        place.cut(length);
        Ok(Box::new(MemWriter(Arc::clone(place))))
    }

    fn open_unlisted(&self, place: &Self::Place) -> Result<Arc<dyn ReadFile>, DiskError> {
        Ok(Arc::<MemFile>::clone(place))
    }

    fn discard(&self, place: Self::Place) {
        drop(place);
    }

    fn keep(&self, place: &Self::Place, stored: &StoredCommit, limits: &Limits) -> Result<(), PublishError> {
        let length = crate::record::encode(stored).len() as u64;
        if length > limits.record_bytes {
            return Err(PublishError::CommitRecordOverLimit { length, allowed: limits.record_bytes });
        }
        self.files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(stored.commit.file, Arc::clone(place));
        Ok(())
    }

    fn open(&self, stored: &StoredCommit) -> Result<Arc<dyn ReadFile>, DiskError> {
        match self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&stored.commit.file) {
            Some(file) => Ok(Arc::<MemFile>::clone(file)),
            // Removed between the look at the list and here.
            None => Err(DiskError::NotFound {
                action: DiskAction::Open,
                path: stored.commit.file.to_string().into(),
            }),
        }
    }

    fn forget(&self, stored: &StoredCommit) -> Result<(), NotForgotten> {
        self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).remove(&stored.commit.file);
        self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(&stored.commit.file);
        Ok(())
    }

    fn withdraw(&self, file: FileUuid) -> Result<bool, DiskError> {
        Ok(self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).insert(file))
    }

    fn withdrawn(&self) -> Result<HashSet<FileUuid>, DiskError> {
        Ok(self.withdrawn.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn problems(&self) -> Vec<Problem> {
        Vec::new()
    }
}

impl WriteFile for MemWriter {
    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut blocks = self.0.blocks.write().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            if blocks.last().is_none_or(|block| block.len() == BLOCK_BYTES) {
                blocks.push(Vec::new());
            }
            if let Some(block) = blocks.last_mut() {
                let (now, later) = bytes.split_at(bytes.len().min(BLOCK_BYTES.saturating_sub(block.len())));
                block.extend_from_slice(now);
                bytes = later;
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.length())
    }
}

impl MemFile {
    fn cut(&self, length: u64) {
        let mut blocks = self.blocks.write().unwrap_or_else(PoisonError::into_inner);
        let Ok(length) = usize::try_from(length) else { return };
        blocks.truncate(length.div_ceil(BLOCK_BYTES));
        let last = length - length.saturating_sub(1) / BLOCK_BYTES * BLOCK_BYTES;
        if let Some(block) = blocks.last_mut() {
            block.truncate(last);
        }
    }

    fn length(&self) -> u64 {
        let blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let full = blocks.len().saturating_sub(1).saturating_mul(BLOCK_BYTES);
        full.saturating_add(blocks.last().map_or(0, Vec::len)) as u64
    }
}

impl ReadFile for MemFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let blocks = self.blocks.read().unwrap_or_else(PoisonError::into_inner);
        let Ok(offset) = usize::try_from(offset) else { return Ok(0) };
        let part = blocks.get(offset / BLOCK_BYTES).and_then(|block| block.get(offset % BLOCK_BYTES..));
        let part = part.unwrap_or_default();
        let count = part.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), part.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn stat(&self) -> io::Result<Stat> {
        Ok(Stat { kind: Kind::File, length: self.length(), modified: None })
    }
}

impl fmt::Debug for MemFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "MemFile({} bytes)", self.length())
    }
}

/// Enough for what a crew passes around in a day, and little for a desk.
const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
/// Bytes in one allocation.
const BLOCK_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests;
