//! A file on its way in: its sink, the bytes that the sink has not taken yet, and the counts.

use tokio::time::Instant;

use super::framing::Unframing;
use super::pace::Pace;
use crate::error::ReceiveError;
use crate::file::{FileSink, Progress};
use crate::limits::Limits;

#[derive(Debug)]
pub(crate) struct Transfer {
    sink: Box<dyn FileSink>,
    buffer: Vec<u8>,
    /// File bytes at the front of the buffer.
    filled: usize,
    /// Where the bytes end that came behind them and are not unframed yet.
    end: usize,
    /// Bytes that the sink has taken.
    taken: u64,
    progress: Progress,
    pub(super) pace: Pace,
}

/// How a payload's bytes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    Everything,
    StreamEnded,
}

impl Transfer {
    pub(crate) fn new(
        sink: Box<dyn FileSink>,
        length: Option<u64>,
        progress: Progress,
        limits: &Limits,
    ) -> Self {
        let buffer = vec![0; limits.buffer_to_receive(length)];
        let pace = Pace::new(limits, Instant::now());
        Self { sink, buffer, filled: 0, end: 0, taken: 0, progress, pace }
    }

    /// File bytes that came.
    pub(crate) fn arrived(&self) -> u64 {
        self.taken.saturating_add(self.filled as u64)
    }

    /// When the peer has to have sent enough.
    pub(crate) fn overdue_at(&self) -> Option<Instant> {
        self.pace.until()
    }

    /// Whether the peer should have sent more by now.
    pub(crate) fn is_overdue(&self) -> bool {
        self.pace.is_over(Instant::now())
    }

    /// The time since then was not the peer's.
    pub(crate) fn excuse_since(&mut self, from: Instant) {
        self.pace.excuse(from, Instant::now());
    }

    pub(crate) fn stalled(&self) -> ReceiveError {
        ReceiveError::FileStalled {
            received: self.arrived(),
            at_least: self.pace.at_least(),
            allowed: self.pace.idle(),
        }
    }

    /// Copies file bytes that fit, and returns the rest. Not while bytes wait to be unframed.
    pub(super) fn take_from<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = self.room(u64::MAX);
        let (now, later) = bytes.split_at_checked(room.len()).unwrap_or((bytes, &[]));
        if let Some(room) = room.get_mut(..now.len()) {
            room.copy_from_slice(now);
        }
        self.end += now.len();
        self.filled = self.end;
        later
    }

    /// Takes bytes that came before this transfer and are not unframed.
    pub(crate) fn put_back(&mut self, raw: &[u8]) {
        let end = self.end.saturating_add(raw.len());
        if end > self.buffer.len() {
            self.buffer.resize(end, 0);
        }
        if let Some(room) = self.buffer.get_mut(self.end..end) {
            room.copy_from_slice(raw);
        }
        self.end = end;
    }

    /// Bytes that came and are not unframed.
    pub(crate) fn unframed(&self) -> &[u8] {
        self.buffer.get(self.filled..self.end).unwrap_or_default()
    }

    /// Gives those bytes back.
    pub(crate) fn take_unframed(&mut self) -> Vec<u8> {
        let unframed = self.unframed().to_vec();
        self.end = self.filled;
        unframed
    }

    /// Room for bytes, at most `most`.
    pub(super) fn room(&mut self, most: u64) -> &mut [u8] {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let end = self.buffer.len().min(self.end.saturating_add(most));
        self.buffer.get_mut(self.end..end).unwrap_or_default()
    }

    pub(super) fn has_room(&self) -> bool {
        self.end < self.buffer.len()
    }

    #[cfg(unix)]
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// `count` bytes were put into the room.
    pub(super) fn put(&mut self, count: usize, unframing: &mut impl Unframing, now: Instant) {
        self.end = self.end.saturating_add(count).min(self.buffer.len());
        self.unframe(unframing, now);
    }

    /// Takes the file's bytes out of what came.
    pub(super) fn unframe(&mut self, unframing: &mut impl Unframing, now: Instant) {
        let raw = self.buffer.get_mut(self.filled..self.end).unwrap_or_default();
        let (file, consumed) = unframing.unwrap(raw);
        raw.copy_within(consumed.min(raw.len()).., file.min(consumed));
        self.end -= consumed.saturating_sub(file);
        self.filled += file;
        self.pace.moved(file as u64, now);
    }

    /// Hands the sink what is here; blocks. It stays counted once.
    pub(super) fn write_out(&mut self) -> Result<(), ReceiveError> {
        let bytes = self.buffer.get(..self.filled).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.sink.write(bytes) {
            return Err(ReceiveError::SinkFailed { received: self.taken, error });
        }
        self.progress.add(self.filled as u64);
        self.taken = self.arrived();
        self.buffer.copy_within(self.filled..self.end, 0);
        (self.filled, self.end) = (0, self.end - self.filled);
        Ok(())
    }

    /// The last bytes, and the word that they were the last; blocks.
    pub(super) fn finish(mut self) -> Result<(), ReceiveError> {
        self.write_out()?;
        let received = self.taken;
        self.sink.finish().map_err(|error| ReceiveError::SinkFailed { received, error })
    }
}
