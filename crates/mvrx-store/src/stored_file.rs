//! Turns a listed or still arriving file into bytes for many readers at once.
//!
//! A [`StoredFile`] has no cursor: every read names its position, so clones are read side by side. It holds no
//! bytes, only an open file. A complete file never waits; an arriving one waits as [`Wait`] says.
//!
//! ```
//! use mvrx_store::{Expect, MemStore, Store, Wait};
//! let store = MemStore::default();
//! let mut writer = store.begin(Expect::Unknown)?;
//! let reader = writer.reader()?;
//! writer.write(b"rig")?;
//! let mut buffer = [0; 8];
//! assert_eq!(reader.read_at(0, &mut buffer, &Wait::until_settled())?, 3);
//! # Ok::<(), mvrx_store::StoreError>(())
//! ```

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use crate::cancel::Wait;
use crate::catalogue::Readers;
use crate::disk::{DiskAction, DiskError, ReadFile};
use crate::error::ReadError;
use crate::growing::Growth;

/// A file of a store, open for reading. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoredFile {
    file: Arc<dyn ReadFile>,
    body: Body,
    /// As long as it is there the store does not drop the file to make room.
    _readers: Option<Readers>,
}

/// A part of an open file, for those who move bytes in the kernel (`sendfile`). They give positions and leave the
/// file's cursor alone.
#[derive(Debug, Clone)]
pub struct Extent {
    /// The open file.
    pub file: Arc<File>,
    /// Where the part begins in it.
    pub offset: u64,
    /// Bytes of the part.
    pub length: u64,
}

#[derive(Debug, Clone)]
enum Body {
    Complete { length: u64 },
    Arriving { growth: Arc<Growth>, required: Option<u64> },
}

impl StoredFile {
    /// A file that is whole. For stores of other kinds.
    #[must_use]
    pub fn complete(file: Arc<dyn ReadFile>, length: u64) -> Self {
        Self { file, body: Body::Complete { length }, _readers: None }
    }

    pub(crate) fn counted(self, readers: Readers) -> Self {
        Self { _readers: Some(readers), ..self }
    }

    pub(crate) fn arriving(file: Arc<dyn ReadFile>, growth: Arc<Growth>, required: Option<u64>) -> Self {
        Self { file, body: Body::Arriving { growth, required }, _readers: None }
    }

    /// The length: of a complete file, or the only one that an arriving file can end with
    /// ([`Expect::Exactly`](crate::Expect)). `None` while it can still be any.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        match &self.body {
            Body::Complete { length } => Some(*length),
            Body::Arriving { growth, required } => required.or_else(|| growth.complete_length()),
        }
    }

    /// How many bytes there are from the start on, now.
    #[must_use]
    pub fn so_far(&self) -> u64 {
        match &self.body {
            Body::Complete { length } => *length,
            Body::Arriving { growth, .. } => growth.so_far(),
        }
    }

    /// How many bytes can be read from `offset` on; waits until there is one. 0 is the end of the file.
    ///
    /// # Errors
    /// [`ReadError`]: the time to wait is over, the wait was cancelled, or the file failed to arrive.
    pub fn available(&self, offset: u64, wait: &Wait) -> Result<u64, ReadError> {
        match &self.body {
            Body::Complete { length } => Ok(length.saturating_sub(offset)),
            Body::Arriving { growth, .. } => growth.wait_past(offset, wait),
        }
    }

    /// Reads bytes from `offset` on into `buffer` and says how many, at least one unless the file ends there or
    /// `buffer` is empty. Waits until there is one.
    ///
    /// # Errors
    /// As [`StoredFile::available`], and what the disk says.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8], wait: &Wait) -> Result<usize, ReadError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let available = self.available(offset, wait)?;
        let wanted = usize::try_from(available).unwrap_or(usize::MAX).min(buffer.len());
        let Some(part) = buffer.get_mut(..wanted).filter(|part| !part.is_empty()) else { return Ok(0) };
        let count = self
            .file
            .read_at(offset, part)
            .map_err(|error| DiskError::name(DiskAction::Read, Path::new(STORED), &error))?;
        if count == 0 {
            return Err(ReadError::StoredFileCutShort { length: self.so_far(), end: offset });
        }
        Ok(count)
    }

    /// The parts of open files that make up what is there now, in order; today always one. Empty where no
    /// descriptor can be given out: use [`StoredFile::read_at`].
    #[must_use]
    pub fn extents(&self) -> Vec<Extent> {
        let length = self.so_far();
        self.file
            .std_file()
            .map(|file| Extent { file: Arc::clone(file), offset: 0, length })
            .into_iter()
            .collect()
    }

    pub(crate) fn file(&self) -> &dyn ReadFile {
        &*self.file
    }
}

/// An open file knows no path.
const STORED: &str = "a stored file";
