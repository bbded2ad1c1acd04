//! A handle on an open file.

use std::io;

use super::{Disk, DiskError, DiskOp};
use crate::content::{Bulk, Content, Payload};

/// An open file. Clones are handles on the same file; none has a cursor. Renaming and removing do not disturb
/// it, a crash kills it.
#[derive(Clone, Debug)]
pub struct DiskFile {
    disk: Disk,
    inode: u64,
    epoch: u64,
}

impl DiskFile {
    pub(super) const fn new(disk: Disk, inode: u64, epoch: u64) -> Self {
        Self { disk, inode, epoch }
    }

    /// Appends bytes, all or, without room, as many as fit.
    ///
    /// # Errors [`DiskError::NoRoom`]; [`DiskError::HandleLost`]; faults, which leave nothing or a beginning
    /// of the bytes in the file.
    pub fn append(&self, bytes: &[u8]) -> Result<(), DiskError> {
        self.write(None, Payload::Bytes(bytes.to_vec()))
    }

    /// Appends bulk.
    ///
    /// # Errors
    /// As [`DiskFile::append`].
    pub fn append_bulk(&self, bulk: Bulk) -> Result<(), DiskError> {
        self.write(None, Payload::Bulk(bulk))
    }

    /// Appends a content: the copy of another file, for one.
    ///
    /// # Errors
    /// As [`DiskFile::append`].
    pub fn append_content(&self, content: &Content) -> Result<(), DiskError> {
        content.payloads().try_for_each(|payload| self.write(None, payload))
    }

    /// Writes at `offset`, growing the file where it reaches further; a gap before it becomes zeros.
    ///
    /// # Errors
    /// As [`DiskFile::append`].
    pub fn write_at(&self, offset: u64, payload: &Payload) -> Result<(), DiskError> {
        self.write(Some(offset), payload.clone())
    }

    /// Reads from `offset` on; returns how many bytes, fewer than `out` holds only at the end of the file as
    /// it is now.
    ///
    /// # Errors
    /// [`DiskError::HandleLost`]; faults.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<usize, DiskError> {
        let state = self.disk.begin(DiskOp::Read)?;
        let read = state.inode(self.inode, self.epoch)?.content.read_at(offset, out);
        self.disk.charge_bytes(&state, read as u64);
        Ok(read)
    }

    /// Everything in the file as it is now, bulk untouched.
    ///
    /// # Errors
    /// [`DiskError::HandleLost`]; faults.
    pub fn contents(&self) -> Result<Content, DiskError> {
        self.part(0, u64::MAX)
    }

    /// The part from `offset` on, at most `length` bytes long, bulk untouched.
    ///
    /// # Errors
    /// [`DiskError::HandleLost`]; faults.
    pub fn part(&self, offset: u64, length: u64) -> Result<Content, DiskError> {
        let state = self.disk.begin(DiskOp::Read)?;
        let part = state.inode(self.inode, self.epoch)?.content.part(offset, length);
        self.disk.charge_bytes(&state, part.len());
        Ok(part)
    }

    /// Bytes in the file. Takes no time.
    ///
    /// # Errors
    /// [`DiskError::HandleLost`].
    pub fn length(&self) -> Result<u64, DiskError> {
        Ok(self.disk.lock().inode(self.inode, self.epoch)?.content.len())
    }

    /// How often the file was changed since it was made: equal numbers of one file mean that nobody wrote
    /// between. Takes no time.
    ///
    /// # Errors
    /// [`DiskError::HandleLost`].
    pub fn version(&self) -> Result<u64, DiskError> {
        Ok(self.disk.lock().inode(self.inode, self.epoch)?.version)
    }

    /// Keeps the first `length` bytes.
    ///
    /// # Errors
    /// [`DiskError::HandleLost`]; faults.
    pub fn truncate(&self, length: u64) -> Result<(), DiskError> {
        let mut state = self.disk.begin(DiskOp::Truncate)?;
        state.inode_mut(self.inode, self.epoch)?.truncate(length);
        Ok(())
    }

    /// Makes the bytes durable, not the name.
    ///
    /// # Errors [`DiskError::HandleLost`]; faults: then nothing became durable, and a later sync will not
    /// change that for these bytes.
    pub fn sync(&self) -> Result<(), DiskError> {
        match self.disk.begin(DiskOp::Sync) {
            Ok(mut state) => {
                let length = state.inode_mut(self.inode, self.epoch)?.sync();
                self.disk.charge_bytes(&state, length);
                Ok(())
            }
            Err(error) => {
                if let Ok(inode) = self.disk.lock().inode_mut(self.inode, self.epoch) {
                    inode.forget_dirt();
                }
                Err(error)
            }
        }
    }

    fn write(&self, offset: Option<u64>, payload: Payload) -> Result<(), DiskError> {
        let (mut state, failed) = match self.disk.begin(DiskOp::Write) {
            Ok(state) => (state, None),
            Err(error @ DiskError::Failed { .. }) => (self.disk.lock(), Some(error)),
            Err(error) => return Err(error),
        };
        let before = state.inode(self.inode, self.epoch)?.content.len();
        let offset = offset.unwrap_or(before);
        let growth = offset.saturating_add(payload.len()).saturating_sub(before);
        // A failed write may have written a beginning.
        let wanted = if failed.is_some() { state.rng.between(0, growth) } else { growth };
        let fitting = wanted.min(state.room());
        let kept = payload.len() - (growth - fitting).min(payload.len());
        let written = payload.cut(kept);
        self.disk.charge_bytes(&state, written.len());
        state.inode_mut(self.inode, self.epoch)?.write_at(offset, &written);
        match failed {
            Some(error) => Err(error),
            None if fitting < growth => {
                state.counts.no_room += 1;
                Err(DiskError::NoRoom { wanted: growth, fitted: fitting })
            }
            None => Ok(()),
        }
    }
}

impl Payload {
    /// Its first `length` bytes.
    fn cut(mut self, length: u64) -> Self {
        match &mut self {
            Self::Bytes(bytes) => bytes.truncate(usize::try_from(length).unwrap_or(usize::MAX)),
            Self::Bulk(bulk) => *bulk = bulk.split_at(length).0,
        }
        self
    }
}

impl io::Write for DiskFile {
    /// As [`DiskFile::append`].
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes)?;
        Ok(bytes.len())
    }

    /// Does nothing: nothing is buffered. See [`DiskFile::sync`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
