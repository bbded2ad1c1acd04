//! Where a file's bytes come from and go to: blocking traits that a store's files are adapted to.
//!
//! The transport calls them on a thread that may block, never on the runtime's. It knows nothing of stores, names or
//! hashes: a sink that wants a hash computes it in [`FileSink::write`].
//!
//! ```
//! use mvrx_transport::{BoxError, FileSource, SourceRead};
//!
//! #[derive(Debug)]
//! struct Text(&'static str);
//!
//! impl FileSource for Text {
//!     fn length(&self) -> u64 {
//!         self.0.len() as u64
//!     }
//!     fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError> {
//!         let rest = usize::try_from(offset).ok().and_then(|from| self.0.as_bytes().get(from..)).unwrap_or(b"");
//!         let count = rest.len().min(buffer.len());
//!         buffer[..count].copy_from_slice(&rest[..count]);
//!         Ok(if count == 0 { SourceRead::End } else { SourceRead::Bytes(count) })
//!     }
//! }
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::BoxError;

/// A file to send.
pub trait FileSource: Send + fmt::Debug {
    /// Bytes of the whole file. It is announced to the peer before the first byte goes out, so it must be known even
    /// while the file still grows.
    fn length(&self) -> u64;

    /// The length that the file turned out to have, once that is known. Asked before each read where the wire does not
    /// tell lengths; the file then ends there. Not below what was read already.
    fn settled_length(&self) -> Option<u64> {
        None
    }

    /// Reads bytes from `offset` on, as many as there are, at most as many as `buffer` holds. Offsets only ever
    /// grow. A file that still grows answers [`SourceRead::NotYet`] after a second at most, so that a transfer that
    /// nobody wants any more can end.
    ///
    /// # Errors
    /// Whatever keeps the file from being read; it ends the transfer and is handed to the caller as it is.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<SourceRead, BoxError>;
}

/// What a [`FileSource`] had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceRead {
    /// So many bytes, at least one. A source that claims more than the buffer holds is at its end.
    Bytes(usize),
    /// Nothing yet: ask again. [`crate::Limits::file_idle`] bounds how often.
    NotYet,
    /// The file ends before `offset`.
    End,
}

/// A file that arrives.
pub trait FileSink: Send + fmt::Debug {
    /// Takes the next bytes, from one to [`crate::Limits::receive_buffer`] at a time. May block, and slows the sender
    /// down if it does.
    ///
    /// # Errors
    /// Whatever keeps the file from being stored; it ends the transfer and is handed to the caller as it is.
    fn write(&mut self, bytes: &[u8]) -> Result<(), BoxError>;

    /// All bytes were there. Called once, after the last [`FileSink::write`] and never after an error: a sink that is
    /// dropped without it received only part of a file. May block, for instance to reach the disk.
    ///
    /// # Errors
    /// As [`FileSink::write`].
    fn finish(self: Box<Self>) -> Result<(), BoxError>;
}

/// A sink for a file that nobody wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiscardSink;

impl FileSink for DiscardSink {
    fn write(&mut self, _bytes: &[u8]) -> Result<(), BoxError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), BoxError> {
        Ok(())
    }
}

/// How many bytes of a file have moved. Clones count together; reading costs nothing, so a display may poll it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    moved: Arc<AtomicU64>,
}

impl Progress {
    /// Starts at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes that the sink has taken, or that the system has taken from the source.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Counts `bytes` more; for implementations of the transport traits.
    pub fn add(&self, bytes: u64) {
        self.moved.fetch_add(bytes, Ordering::Relaxed);
    }
}
