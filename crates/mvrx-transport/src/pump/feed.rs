//! A file on its way out: its source, the buffer, and where in the file both are.

use std::io;

use mvrx_wire::{HEADER_LEN, file_header};

use super::pace::Pace;
use crate::error::{BoxError, SendFileError};
use crate::file::{FileSource, SourceRead};
use crate::limits::{Limits, SMALLEST_BUFFER};

#[derive(Debug)]
pub(super) struct Feed {
    source: Box<dyn FileSource>,
    length: u64,
    /// File bytes taken from the source.
    offset: u64,
    /// The header at first, then file bytes only.
    buffer: Vec<u8>,
    filled: usize,
    /// Bytes of the buffer that are header.
    header: usize,
}

/// Why the source gives no more.
#[derive(Debug)]
pub(super) enum Dry {
    Failed(BoxError),
    EndedEarly,
}

impl Feed {
    /// Begins with the header, so that it goes out in one write with the first bytes of the file.
    pub(super) fn new(source: Box<dyn FileSource>, limits: &Limits) -> Self {
        let length = source.length();
        let mut buffer = vec![0; HEADER_LEN + limits.buffer_for(Some(length))];
        if let Some(header) = buffer.first_chunk_mut() {
            *header = file_header(length);
        }
        Self { source, length, offset: 0, buffer, filled: HEADER_LEN, header: HEADER_LEN }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What is to be written.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.filled).unwrap_or_default()
    }

    /// File bytes that are out when `written` of [`Feed::bytes`] are.
    pub(super) fn sent(&self, written: usize) -> u64 {
        self.offset.saturating_sub(self.filled.saturating_sub(written.max(self.header)) as u64)
    }

    /// All of [`Feed::bytes`] was written. Says whether that was the end of the file.
    pub(super) fn written(&mut self) -> bool {
        (self.filled, self.header) = (0, 0);
        self.offset == self.length
    }

    /// One read of the source. Says whether enough is here to be written: with the header at least
    /// [`FIRST_WRITE`] bytes of the file, later anything.
    // req: TRA-04
    pub(super) fn fill(&mut self) -> Result<bool, Dry> {
        if self.is_enough() {
            return Ok(true);
        }
        let wanted = usize::try_from(self.length - self.offset).unwrap_or(usize::MAX);
        // The same piece of file in every write, whether there is a header in front of it or not.
        let most = self.buffer.len().saturating_sub(HEADER_LEN - self.header);
        let end = most.min(self.filled.saturating_add(wanted));
        let room = self.buffer.get_mut(self.filled..end).unwrap_or_default();
        match self.source.read_at(self.offset, room).map_err(Dry::Failed)? {
            SourceRead::Bytes(count) if (1..=room.len()).contains(&count) => {
                self.filled += count;
                self.offset += count as u64;
                Ok(self.is_enough())
            }
            SourceRead::Bytes(_) | SourceRead::End => Err(Dry::EndedEarly),
            SourceRead::NotYet => Ok(false),
        }
    }

    fn is_enough(&self) -> bool {
        match self.header {
            0 => self.filled > 0,
            _ => self.offset >= self.length.min(FIRST_WRITE),
        }
    }

    pub(super) fn source_stalled(&self, pace: &Pace) -> SendFileError {
        let (at_least, allowed) = (pace.at_least(), pace.idle());
        SendFileError::SourceStalled { sent: self.sent(0), at_least, allowed }
    }

    pub(super) fn peer_not_reading(&self, written: usize, pace: &Pace) -> SendFileError {
        let (at_least, allowed) = (pace.at_least(), pace.idle());
        SendFileError::PeerNotReading { sent: self.sent(written), at_least, allowed }
    }

    pub(super) fn network(&self, written: usize, error: io::Error) -> SendFileError {
        SendFileError::Network { sent: self.sent(written), error }
    }

    /// The error for a source that gives no more; nothing of the buffer is written then.
    // req: TRA-10
    pub(super) fn dried_up(&self, dry: Dry) -> SendFileError {
        let sent = self.sent(0);
        match dry {
            Dry::Failed(error) => SendFileError::SourceFailed { sent, error },
            Dry::EndedEarly => {
                SendFileError::SourceEndedEarly { found: self.offset, announced: self.length, sent }
            }
        }
    }
}

/// Some products take the first read for the header and more: at least so many file bytes go out with it.
const FIRST_WRITE: u64 = SMALLEST_BUFFER as u64;

#[cfg(test)]
mod tests;
