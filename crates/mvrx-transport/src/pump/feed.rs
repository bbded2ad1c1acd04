//! A file on its way out: its source, the buffer, and where in the file both are.

use std::time::Duration;

use tokio::time::Instant;

use super::framing::{Framing, Piece};
use super::pace::Pace;
use crate::error::{BoxError, SendFileError};
use crate::file::{FileSource, SourceRead};
use crate::limits::{Limits, SMALLEST_BUFFER};

#[derive(Debug)]
pub(super) struct Feed<F> {
    source: Box<dyn FileSource>,
    framing: F,
    length: u64,
    /// File bytes taken from the source.
    offset: u64,
    /// Room for a header, then file bytes.
    buffer: Vec<u8>,
    /// Bytes of the file in the buffer.
    filled: usize,
    /// Bytes of header in front of them; `None` before they are framed.
    header: Option<usize>,
    first: bool,
    /// Since when bytes of this piece wait for more.
    since: Option<Instant>,
    /// The source gives no more, and what it gave before is still to be written.
    ended: Option<Dry>,
}

/// What the source gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// A piece is ready to be written.
    Enough,
    /// More may be there already.
    Some,
    /// Nothing, for now.
    Nothing,
}

/// Why the source gives no more.
#[derive(Debug)]
pub(super) enum Dry {
    Failed(BoxError),
    EndedEarly,
}

impl<F: Framing> Feed<F> {
    pub(super) fn new(source: Box<dyn FileSource>, framing: F, limits: &Limits) -> Self {
        let length = source.length();
        let piece = limits.buffer_to_send(length).min(framing.most().max(1));
        let buffer = vec![0; F::HEAD + piece];
        Self {
            source,
            framing,
            length,
            offset: 0,
            buffer,
            filled: 0,
            header: None,
            first: true,
            since: None,
            ended: None,
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What is to be written, the header in one piece with the bytes behind it.
    pub(super) fn bytes(&self) -> &[u8] {
        let start = F::HEAD.saturating_sub(self.header.unwrap_or(0));
        self.buffer.get(start..F::HEAD + self.filled).unwrap_or_default()
    }

    /// What others want to have written before the next piece.
    pub(super) fn interlude(&mut self) -> Vec<u8> {
        self.framing.interlude()
    }

    /// File bytes that are out when `written` of [`Feed::bytes`] are.
    pub(super) fn sent(&self, written: usize) -> u64 {
        self.meter().sent(written)
    }

    /// The same for somebody who cannot hold the feed.
    pub(super) fn meter(&self) -> Meter {
        Meter { offset: self.offset, filled: self.filled, header: self.header.unwrap_or(0) }
    }

    /// All of [`Feed::bytes`] was written. Says whether that was the end of the file.
    pub(super) fn written(&mut self) -> bool {
        (self.filled, self.header, self.first, self.since) = (0, None, false, None);
        self.offset == self.length
    }

    /// One read of the source. Where enough is here to be written it is framed: of the first piece at least [`FIRST_WRITE`] bytes, and of
    /// each as many as the framing wants, unless they waited for [`HELD`] already.
    // req: TRA-04, WSK-22
    pub(super) fn fill(&mut self, now: Instant) -> Result<Filled, Dry> {
        if self.header.is_none()
            && !self.framing.tells_length()
            && let Some(length) = self.source.settled_length()
        {
            self.length = length.max(self.offset);
        }
        if self.is_enough(now) {
            return Ok(Filled::Enough);
        }
        if let Some(dry) = self.ended.take() {
            return Err(dry);
        }
        let wanted = usize::try_from(self.length - self.offset).unwrap_or(usize::MAX);
        let from = F::HEAD + self.filled;
        let end = self.buffer.len().min(from.saturating_add(wanted));
        let room = self.buffer.get_mut(from..end).unwrap_or_default();
        let read = self.source.read_at(self.offset, room);
        match read.unwrap_or_else(|error| {
            self.ended = Some(Dry::Failed(error));
            SourceRead::End
        }) {
            SourceRead::Bytes(count) if (1..=room.len()).contains(&count) => {
                self.filled += count;
                self.offset += count as u64;
                self.since.get_or_insert(now);
                Ok(if self.is_enough(now) { Filled::Enough } else { Filled::Some })
            }
            SourceRead::Bytes(_) | SourceRead::End => {
                let dry = self.ended.take().unwrap_or(Dry::EndedEarly);
                // Of a file that nobody has a part of, nobody gets one.
                if self.first || self.filled == 0 {
                    return Err(dry);
                }
                self.ended = Some(dry);
                Ok(if self.is_enough(now) { Filled::Enough } else { Filled::Some })
            }
            SourceRead::NotYet => Ok(Filled::Nothing),
        }
    }

    fn is_enough(&mut self, now: Instant) -> bool {
        let room = (self.buffer.len() - F::HEAD) as u64;
        let large = self.filled as u64 >= room.min(self.framing.least() as u64);
        let held = self.since.is_some_and(|since| now.saturating_duration_since(since) >= HELD);
        let enough = (large || held || self.ended.is_some() || self.offset == self.length)
            && match self.first {
                true => self.offset >= self.length.min(FIRST_WRITE).min(room),
                false => self.filled > 0 || self.offset == self.length,
            };
        if enough && self.header.is_none() {
            let piece = Piece { first: self.first, last: self.offset == self.length, file: self.length };
            let (head, payload) = self.buffer.split_at_mut(F::HEAD);
            let payload = payload.get_mut(..self.filled).unwrap_or_default();
            self.header = Some(self.framing.wrap(piece, head, payload));
        }
        enough
    }

    pub(super) fn source_stalled(&self, pace: &Pace) -> SendFileError {
        let (at_least, allowed) = (pace.at_least(), pace.idle());
        SendFileError::SourceStalled { sent: self.sent(0), at_least, allowed }
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

/// Where in the file a piece is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meter {
    offset: u64,
    filled: usize,
    header: usize,
}

impl Meter {
    pub(super) fn sent(self, written: usize) -> u64 {
        let out = written.saturating_sub(self.header);
        self.offset.saturating_sub(self.filled.saturating_sub(out) as u64)
    }
}

/// Some products take the first read for the header and more: at least so many file bytes go out with it.
const FIRST_WRITE: u64 = SMALLEST_BUFFER as u64;

/// How long the bytes of a piece wait for more of them at most: some peers give up a second after the last byte.
const HELD: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
