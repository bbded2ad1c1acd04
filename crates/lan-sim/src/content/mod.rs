//! What flows and what is stored: real bytes, and bulk, which is bytes told by a rule instead of held.
//!
//! A [`Bulk`] is a run of made-up bytes: its seed and its place in the endless stream of that seed say every
//! byte of it, so a file of 4 GiB costs 24 bytes of memory, flows over a link as lengths and lies on a disk
//! as one extent. [`Content`] is a string of real bytes and bulk, as a file has it; two contents are the same
//! when their bytes are, however each is held.
//!
//! Whoever needs the bytes gets them ([`Bulk::fill`], [`Content::read_at`]); whoever only moves them never
//! makes them.

mod digest;
#[cfg(test)]
mod tests;

pub use digest::{Digest, DigestMemo};

use std::fmt;

use crate::rng::{GAMMA, mix};

/// A run of bytes told by a rule: `length` bytes from `offset` on in the endless stream of `seed`. Seed 0 is
/// the stream of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bulk {
    /// Which stream.
    pub seed: u64,
    /// Where in it the run begins.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// Bytes to move or to store, held or told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Real bytes.
    Bytes(Vec<u8>),
    /// Made-up bytes.
    Bulk(Bulk),
}

/// The content of a file or of a transfer: any mix of real bytes and bulk.
#[derive(Clone, Default)]
pub struct Content {
    /// Each with the offset it begins at; no two neighbours that could be one, none empty.
    extents: Vec<(u64, Extent)>,
    length: u64,
}

#[derive(Clone, Debug)]
enum Extent {
    Bytes(Vec<u8>),
    Bulk(Bulk),
}

impl Bulk {
    /// The first `length` bytes of the stream of `seed`.
    pub const fn new(seed: u64, length: u64) -> Self {
        Self { seed, offset: 0, length }
    }

    /// That many zeros.
    pub const fn zeros(length: u64) -> Self {
        Self::new(0, length)
    }

    /// The run's first `at` bytes and the rest; the rest is empty when `at` is not inside.
    pub const fn split_at(self, at: u64) -> (Self, Self) {
        let first = if at < self.length { at } else { self.length };
        (
            Self { length: first, ..self },
            Self { offset: self.offset + first, length: self.length - first, ..self },
        )
    }

    /// Whether `next` goes on exactly where this run ends.
    pub const fn is_followed_by(&self, next: &Self) -> bool {
        self.seed == next.seed && (self.seed == 0 || self.offset + self.length == next.offset)
    }

    /// Makes the bytes from `from` (counted from the run's own beginning) on, as many as `out` holds.
    pub fn fill(&self, from: u64, out: &mut [u8]) {
        if self.seed == 0 {
            out.fill(0);
            return;
        }
        let start = self.offset.wrapping_add(from);
        let mut index = start / 8;
        let skipped = usize::try_from(start % 8).unwrap_or(0);
        let head = if skipped == 0 { 0 } else { out.len().min(8 - skipped) };
        let (ragged, aligned) = out.split_at_mut(head);
        if head > 0 {
            for (place, byte) in ragged.iter_mut().zip(self.word(index).into_iter().skip(skipped)) {
                *place = byte;
            }
            index += 1;
        }
        for chunk in aligned.chunks_mut(8) {
            for (place, byte) in chunk.iter_mut().zip(self.word(index)) {
                *place = byte;
            }
            index = index.wrapping_add(1);
        }
    }

    /// Whether the bytes from `from` on are `bytes`.
    fn begins_with(&self, from: u64, bytes: &[u8]) -> bool {
        let mut made = [0; 256];
        let mut at = from;
        bytes.chunks(made.len()).all(|chunk| {
            let made = made.split_at_mut(chunk.len()).0;
            self.fill(at, made);
            at += chunk.len() as u64;
            made == chunk
        })
    }

    const fn word(&self, index: u64) -> [u8; 8] {
        mix(mix(self.seed).wrapping_add(index.wrapping_mul(GAMMA))).to_le_bytes()
    }
}

impl Payload {
    /// How many bytes.
    pub const fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Bulk(bulk) => bulk.length,
        }
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Bulk> for Content {
    fn from(bulk: Bulk) -> Self {
        let mut content = Self::default();
        content.push_bulk(bulk);
        content
    }
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Self {
        let mut content = Self::default();
        content.push_bytes(bytes);
        content
    }
}

impl Content {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { extents: Vec::new(), length: 0 }
    }

    /// How many bytes.
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends real bytes. Bytes that go on with the bulk before them become part of it, so a piece that was
    /// materialised on its way costs nothing here.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let added = bytes.len() as u64;
        match self.extents.last_mut() {
            Some((_, Extent::Bytes(last))) => last.extend_from_slice(bytes),
            Some((_, Extent::Bulk(last))) if last.begins_with(last.length, bytes) => last.length += added,
            _ => self.extents.push((self.length, Extent::Bytes(bytes.to_vec()))),
        }
        self.length += added;
    }

    /// Appends bulk; made one with what is before it where the bytes allow.
    pub fn push_bulk(&mut self, bulk: Bulk) {
        if bulk.length == 0 {
            return;
        }
        match self.extents.last_mut() {
            Some((_, Extent::Bulk(last))) if last.is_followed_by(&bulk) => last.length += bulk.length,
            Some((_, extent)) => match extent.as_part_of(&bulk) {
                Some(whole) => *extent = Extent::Bulk(whole),
                None => self.extents.push((self.length, Extent::Bulk(bulk))),
            },
            None => self.extents.push((self.length, Extent::Bulk(bulk))),
        }
        self.length += bulk.length;
    }

    /// Appends a payload.
    pub fn push(&mut self, payload: &Payload) {
        match payload {
            Payload::Bytes(bytes) => self.push_bytes(bytes),
            Payload::Bulk(bulk) => self.push_bulk(*bulk),
        }
    }

    /// Appends another content.
    pub fn push_content(&mut self, other: &Self) {
        for (_, extent) in &other.extents {
            match extent {
                Extent::Bytes(bytes) => self.push_bytes(bytes),
                Extent::Bulk(bulk) => self.push_bulk(*bulk),
            }
        }
    }

    /// The runs it is made of, in order.
    pub fn payloads(&self) -> impl Iterator<Item = Payload> + '_ {
        self.extents.iter().map(|(_, extent)| match extent {
            Extent::Bytes(bytes) => Payload::Bytes(bytes.clone()),
            Extent::Bulk(bulk) => Payload::Bulk(*bulk),
        })
    }

    /// Copies the bytes from `offset` on into `out`; returns how many there were, fewer than `out` holds only
    /// at the end.
    pub fn read_at(&self, offset: u64, out: &mut [u8]) -> usize {
        let mut done = 0;
        for (start, extent) in self.extents_from(offset) {
            let Some(rest) = out.get_mut(done..).filter(|rest| !rest.is_empty()) else { break };
            let inside = (offset + done as u64).saturating_sub(*start);
            done += extent.copy(inside, rest);
        }
        done
    }

    /// All the bytes. Meant for small contents: bulk is made.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0; usize::try_from(self.length).unwrap_or(usize::MAX)];
        self.read_at(0, &mut out);
        out
    }

    /// The part from `offset` on, at most `length` bytes long.
    pub fn part(&self, offset: u64, length: u64) -> Self {
        let mut part = Self::new();
        let end = offset.saturating_add(length).min(self.length);
        for (start, extent) in self.extents_from(offset) {
            if *start >= end {
                break;
            }
            let from = offset.saturating_sub(*start);
            part.push_extent(extent, from, (end - start).min(extent.len()));
        }
        part
    }

    /// Keeps the first `length` bytes.
    pub fn truncate(&mut self, length: u64) {
        if length >= self.length {
            return;
        }
        self.extents.retain(|(start, _)| *start < length);
        if let Some((start, last)) = self.extents.last_mut() {
            match last {
                Extent::Bytes(bytes) => {
                    bytes.truncate(usize::try_from(length - *start).unwrap_or(usize::MAX));
                }
                Extent::Bulk(bulk) => bulk.length = bulk.length.min(length - *start),
            }
        }
        self.length = length;
    }

    /// Replaces what is at `offset` by `payload`, growing the content where it reaches further; a gap before
    /// it becomes zeros.
    pub fn write_at(&mut self, offset: u64, payload: &Payload) {
        if offset >= self.length {
            self.push_bulk(Bulk::zeros(offset - self.length));
            self.push(payload);
            return;
        }
        let tail = self.part(offset.saturating_add(payload.len()), u64::MAX);
        self.truncate(offset);
        self.push(payload);
        self.push_content(&tail);
    }

    /// Whether both have the same bytes, however they hold them. Costs as much as the bytes that one holds
    /// and the other tells.
    pub fn same_as(&self, other: &Self) -> bool {
        self.length == other.length && self.first_difference(other).is_none()
    }

    /// The first offset at which the two differ, the shorter one's length if it is where the longer one
    /// begins; `None` when they are the same.
    pub fn first_difference(&self, other: &Self) -> Option<u64> {
        let both = self.length.min(other.length);
        let mut at = 0;
        let (mut mine, mut theirs) = ([0; CHUNK], [0; CHUNK]);
        while at < both {
            if let Some(shared) = self.shared_bulk(other, at) {
                at += shared;
                continue;
            }
            let wanted = usize::try_from(both - at).unwrap_or(CHUNK).min(CHUNK);
            let (mine, theirs) = (mine.split_at_mut(wanted).0, theirs.split_at_mut(wanted).0);
            self.read_at(at, mine);
            other.read_at(at, theirs);
            if let Some(place) = mine.iter().zip(theirs.iter()).position(|(a, b)| a != b) {
                return Some(at + place as u64);
            }
            at += wanted as u64;
        }
        (self.length != other.length).then_some(both)
    }

    /// The one run of bulk this content is, if it is one.
    pub fn as_bulk(&self) -> Option<Bulk> {
        match self.extents.as_slice() {
            [(_, Extent::Bulk(bulk))] => Some(*bulk),
            _ => None,
        }
    }

    /// How many bytes from `at` on both tell by the same rule.
    fn shared_bulk(&self, other: &Self, at: u64) -> Option<u64> {
        let (mine, theirs) = (self.bulk_at(at)?, other.bulk_at(at)?);
        (mine.seed == theirs.seed && (mine.seed == 0 || mine.offset == theirs.offset))
            .then_some(mine.length.min(theirs.length))
    }

    /// The bulk from `at` to the end of its extent.
    fn bulk_at(&self, at: u64) -> Option<Bulk> {
        match self.extents_from(at).first()? {
            (start, Extent::Bulk(bulk)) => Some(bulk.split_at(at - start).1),
            _ => None,
        }
    }

    /// The extents from the one that holds `offset` on.
    fn extents_from(&self, offset: u64) -> &[(u64, Extent)] {
        if offset >= self.length {
            return &[];
        }
        let after = self.extents.partition_point(|(start, _)| *start <= offset);
        self.extents.get(after.saturating_sub(1)..).unwrap_or(&[])
    }

    /// Appends the bytes `from..to` of `extent`.
    fn push_extent(&mut self, extent: &Extent, from: u64, to: u64) {
        match extent {
            Extent::Bytes(bytes) => {
                let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
                self.push_bytes(bytes.get(place(from)..place(to)).unwrap_or(&[]));
            }
            Extent::Bulk(bulk) => self.push_bulk(bulk.split_at(to).0.split_at(from).1),
        }
    }
}

impl Extent {
    const fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Bulk(bulk) => bulk.length,
        }
    }

    fn copy(&self, from: u64, out: &mut [u8]) -> usize {
        let there = usize::try_from(self.len() - from).unwrap_or(usize::MAX).min(out.len());
        let out = out.split_at_mut(there).0;
        match self {
            Self::Bytes(bytes) => {
                let held = bytes.get(usize::try_from(from).unwrap_or(usize::MAX)..).unwrap_or(&[]);
                for (place, byte) in out.iter_mut().zip(held) {
                    *place = *byte;
                }
            }
            Self::Bulk(bulk) => bulk.fill(from, out),
        }
        there
    }

    /// The bulk that begins with these real bytes and goes on with `next`, if its bytes are these.
    fn as_part_of(&self, next: &Bulk) -> Option<Bulk> {
        let Self::Bytes(bytes) = self else { return None };
        let length = bytes.len() as u64;
        let offset = next.offset.checked_sub(length)?;
        let whole = Bulk { seed: next.seed, offset, length: length + next.length };
        whole.begins_with(0, bytes).then_some(whole)
    }
}

impl PartialEq for Content {
    /// As [`Content::same_as`].
    fn eq(&self, other: &Self) -> bool {
        self.same_as(other)
    }
}

impl Eq for Content {}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes in {} extents)", self.length, self.extents.len())
    }
}

/// How many bytes are compared at a time.
const CHUNK: usize = 4096;
