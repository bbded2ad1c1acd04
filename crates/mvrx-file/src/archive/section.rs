//! A part of a seekable reader that can be read at any offset, shared by an archive and the archives stored inside it.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use rawzip::ReaderAt;

/// Bytes `base .. base + length` of a reader.
#[derive(Debug)]
pub(super) struct Section<R> {
    reader: Arc<Mutex<R>>,
    base: u64,
    length: u64,
}

impl<R> Section<R> {
    pub(super) fn whole(reader: R, length: u64) -> Self {
        Self { reader: Arc::new(Mutex::new(reader)), base: 0, length }
    }

    /// The bytes from `start` to `end` of this section.
    pub(super) fn part(&self, start: u64, end: u64) -> Option<Self> {
        let length = end.min(self.length).checked_sub(start)?;
        let base = self.base.checked_add(start)?;
        Some(Self { reader: Arc::clone(&self.reader), base, length })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

impl<R: Read + Seek> ReaderAt for Section<R> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = left.min(buf.len());
        let (buf, _) = buf.split_at_mut(length);
        if buf.is_empty() {
            return Ok(0);
        }
        // A poisoned lock only says that another reader panicked; the position is set anew on every read.
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.seek(SeekFrom::Start(self.base + offset))?;
        reader.read(buf)
    }
}
