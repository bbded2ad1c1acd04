//! The list of a room's commands: an append-only run of shared pieces of which only the last command can be replaced.
//!
//! Commands that fill the buffer they were read into stay there and are shared; others are copied together into segments, so that memory stays close
//! to the bytes stored. A joiner gets clones of the pieces, never copies, and follows with a position counted in bytes. Pieces consist of whole
//! commands. The room's byte limit protects it; its owner applies it.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::commands::slice_to_keep;
use crate::code::{self, Fate};
use crate::frame::{Frame, Frames};
use crate::primitive::Reader;

#[derive(Debug, Default)]
pub(super) struct History {
    pieces: Vec<Piece>,
    /// Where copied commands are gathered; comes after all pieces.
    open: BytesMut,
    sealed_bytes: u64,
    command_count: u64,
    /// Commands of unknown types among them; those never merge.
    unknown_count: u64,
    last: Option<Last>,
}

#[derive(Debug)]
struct Piece {
    start: u64,
    bytes: Bytes,
    /// Bytes it was made of: what it keeps in memory.
    held: usize,
}

/// The last stored command, when another one may replace it.
#[derive(Debug)]
struct Last {
    code: u16,
    path: Bytes,
    length: usize,
}

/// The last command stored from the run at hand.
struct LastInRun {
    code: u16,
    path: Range<usize>,
    range: Range<usize>,
}

impl History {
    /// Bytes stored, headers included.
    pub(super) fn byte_size(&self) -> u64 {
        self.sealed_bytes + self.open.len() as u64
    }

    pub(super) fn command_count(&self) -> u64 {
        self.command_count
    }

    /// Whether some commands are of types that are forwarded only where the room wants them.
    pub(super) fn has_unknown(&self) -> bool {
        self.unknown_count > 0
    }

    /// Stores the commands of a run that are to be stored, merging where the rule says so. `dense` says that the run fills its
    /// allocation. `stored` is shown every slice that was appended.
    // req: MIX-CMD-2, MIX-CMD-3
    pub(super) fn append(&mut self, run: &Bytes, dense: bool, mut stored: impl FnMut(Bytes)) {
        let mut pending = 0;
        let mut last: Option<LastInRun> = None;
        for frame in Frames::new(run) {
            let known = code::fate(frame.header.code);
            self.unknown_count += u64::from(known.is_none());
            let fate = known.unwrap_or(Fate::Stored);
            if fate == Fate::Transient {
                self.keep(run, pending..frame.range.start, dense, &mut stored);
                pending = frame.range.end;
                continue;
            }
            let path = if fate == Fate::Merged { path_range(&frame) } else { 0..0 };
            if fate == Fate::Merged {
                pending = self.make_room_for(run, pending, &frame, &path, last.as_ref(), dense, &mut stored);
            }
            self.command_count += 1;
            last = Some(LastInRun { code: frame.header.code, path, range: frame.range });
        }
        self.keep(run, pending..run.len(), dense, &mut stored);
        if let Some(last) = last {
            let mergeable = code::fate(last.code) == Some(Fate::Merged);
            self.last = mergeable.then(|| Last {
                code: last.code,
                // Copied, lest a short path keeps a whole read buffer.
                path: run.get(last.path).map_or_else(Bytes::new, Bytes::copy_from_slice),
                length: last.range.len(),
            });
        }
    }

    /// Drops the last command if `frame` replaces it. Returns where the pending slice of the run begins then.
    #[allow(clippy::too_many_arguments)]
    fn make_room_for(
        &mut self,
        run: &Bytes,
        pending: usize,
        frame: &Frame<'_>,
        path: &Range<usize>,
        last: Option<&LastInRun>,
        dense: bool,
        stored: &mut impl FnMut(Bytes),
    ) -> usize {
        let path = run.get(path.clone()).unwrap_or_default();
        match last {
            Some(last) if last.code == frame.header.code && run.get(last.path.clone()) == Some(path) => {
                self.command_count -= 1;
                if last.range.start >= pending {
                    self.keep(run, pending..last.range.start, dense, stored);
                    return frame.range.start;
                }
                self.drop_tail(last.range.len());
            }
            None => {
                if let Some(last) =
                    self.last.take_if(|last| last.code == frame.header.code && last.path == path)
                {
                    self.command_count -= 1;
                    self.drop_tail(last.length);
                }
            }
            Some(_) => {}
        }
        pending
    }

    fn keep(&mut self, run: &Bytes, range: Range<usize>, dense: bool, stored: &mut impl FnMut(Bytes)) {
        if range.is_empty() {
            return;
        }
        let (slice, dense) = slice_to_keep(run, range, dense);
        stored(slice.clone());
        if dense && slice.len() >= SHARED_FROM {
            self.seal();
            self.push_piece(slice);
            return;
        }
        self.gather(&slice);
    }

    fn gather(&mut self, slice: &[u8]) {
        if self.open.capacity() - self.open.len() < slice.len() {
            self.seal();
            let stored = usize::try_from(self.sealed_bytes / 4).unwrap_or(usize::MAX);
            self.open = BytesMut::with_capacity(slice.len().max(stored.clamp(SEGMENT_MIN, SEGMENT_MAX)));
        }
        self.open.extend_from_slice(slice);
    }

    fn drop_tail(&mut self, length: usize) {
        if self.open.len() >= length {
            self.open.truncate(self.open.len() - length);
        } else if let Some(mut piece) = self.pieces.pop() {
            // Commands never straddle pieces, so the open segment is empty here.
            piece.bytes.truncate(piece.bytes.len().saturating_sub(length));
            self.sealed_bytes = piece.start;
            if piece.bytes.len() > piece.held / 2 {
                self.sealed_bytes += piece.bytes.len() as u64;
                self.pieces.push(piece);
            } else {
                // Copied, lest the rest keeps what was dropped.
                self.gather(&piece.bytes);
            }
        }
    }

    fn seal(&mut self) {
        if !self.open.is_empty() {
            let bytes = self.open.split().freeze();
            self.push_piece(bytes);
        }
    }

    fn push_piece(&mut self, bytes: Bytes) {
        let start = self.sealed_bytes;
        self.sealed_bytes += bytes.len() as u64;
        let held = bytes.len();
        self.pieces.push(Piece { start, bytes, held });
    }

    /// Shares the pieces from `position` on, at least one and then as long as they stay within `budget` bytes. `position` moves behind them.
    /// Nothing is left when `position` reaches [`History::byte_size`].
    pub(super) fn share_from(&mut self, position: &mut u64, budget: usize, mut piece: impl FnMut(Bytes)) {
        self.seal();
        let first = self.pieces.partition_point(|piece| piece.start + piece.bytes.len() as u64 <= *position);
        let mut shared = 0;
        for Piece { start, bytes, .. } in self.pieces.get(first..).unwrap_or_default() {
            if shared > 0 && shared + bytes.len() > budget {
                return;
            }
            let skipped = usize::try_from(position.saturating_sub(*start)).unwrap_or(0).min(bytes.len());
            let bytes = bytes.slice(skipped..);
            shared += bytes.len();
            *position += bytes.len() as u64;
            piece(bytes);
        }
    }

    /// All pieces, shared.
    pub(super) fn pieces(&mut self) -> Vec<Bytes> {
        let mut pieces = Vec::new();
        self.share_from(&mut 0, usize::MAX, |piece| pieces.push(piece));
        pieces
    }
}

/// The commands of known types in a piece, each run of them shared as one.
// req: MIX-INV-6
pub(super) fn known_in(piece: &Bytes, mut run: impl FnMut(Bytes)) {
    let mut begun = 0;
    for frame in Frames::new(piece).filter(|frame| code::fate(frame.header.code).is_none()) {
        if begun < frame.range.start {
            run(piece.slice(begun..frame.range.start));
        }
        begun = frame.range.end;
    }
    if begun < piece.len() {
        run(piece.slice(begun..));
    }
}

/// Where the path of an optimised command lies in its run: the first string of its payload, clamped, as bytes.
// req: MIX-CMD-6
fn path_range(frame: &Frame<'_>) -> Range<usize> {
    let path = Reader::new(frame.payload).string_bytes();
    let start = frame.range.end - frame.payload.len() + frame.payload.len().min(4);
    start..start + path.len()
}

/// Shorter slices are copied: sharing would keep too much around them.
const SHARED_FROM: usize = 16 << 10;
const SEGMENT_MIN: usize = 256;
const SEGMENT_MAX: usize = 256 << 10;

#[cfg(test)]
mod tests;
