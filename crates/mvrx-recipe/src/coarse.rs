//! Finds long common stretches of two files of any length, wherever they lie, in bounded memory.
//!
//! The base is cut into blocks and the hash of each is kept in a table; over the target the same hash is rolled byte by byte. What the
//! table knows is compared byte by byte and followed in both directions. Blocks are the longer the longer the base is, so that the table
//! takes twice the window at most.

use std::io;
use std::ops::Range;

use crate::block::Form;
use crate::delta::{common, common_back};
use crate::error::MakeError;
use crate::plan::{Like, Piece};
use crate::source::{PIECE, Source, read_vec};

/// Two stretches that are compared.
pub(crate) struct Coarse<'a> {
    base: &'a dyn Source,
    target: &'a dyn Source,
    /// The stretch of the base.
    within: Range<u64>,
    /// The stretch of the target.
    at: Range<u64>,
    window: usize,
    table: Table,
    pieces: Vec<Piece>,
    /// How far pieces go, in the target and in the base.
    done: (u64, u64),
}

/// The stretch `at` of the target as pieces: what is the same as some of `within` of the base, and what is left.
pub(crate) fn refine(
    (base, within): (&dyn Source, Range<u64>),
    (target, at): (&dyn Source, Range<u64>),
    window: usize,
) -> Result<Vec<Piece>, MakeError> {
    let table = Table::of(base, &within, window).map_err(MakeError::Base)?;
    let done = (at.start, within.start);
    let mut coarse = Coarse { base, target, within, at, window, table, pieces: Vec::new(), done };
    coarse.look()?;
    let end = coarse.at.end;
    let rest = coarse.within.end;
    coarse.leave(end, rest);
    Ok(coarse.pieces)
}

impl Coarse<'_> {
    fn look(&mut self) -> Result<(), MakeError> {
        let (block, mut at) = (self.table.block, self.at.start);
        while self.at.end - at >= block as u64 && self.pieces.len() < MOST_PIECES {
            let length =
                usize::try_from(self.at.end - at).unwrap_or(usize::MAX).min(self.window.max(2 * block));
            let buffer = read_vec(self.target, at, length).map_err(MakeError::Target)?;
            at = self.look_in(&buffer, at)?;
        }
        Ok(())
    }

    /// Looks for blocks in what stands at `at`; where to look on.
    fn look_in(&mut self, buffer: &[u8], at: u64) -> Result<u64, MakeError> {
        let block = self.table.block;
        let mut place = 0;
        let mut rolling = self.table.hash(buffer.get(..block).unwrap_or_default());
        loop {
            let here = buffer.get(place..place + block).unwrap_or_default();
            if let Some(from) = self.table.find(rolling) {
                let found = read_vec(self.base, from, block).map_err(MakeError::Base)?;
                if found == here {
                    let end = self.follow(from, at + place as u64)?;
                    place = usize::try_from(end - at).unwrap_or(usize::MAX);
                    let Some(next) = buffer.get(place..).and_then(|rest| rest.get(..block)) else {
                        return Ok(end);
                    };
                    if self.pieces.len() >= MOST_PIECES {
                        return Ok(end);
                    }
                    rolling = self.table.hash(next);
                    continue;
                }
            }
            let (Some(leaving), Some(coming)) = (buffer.get(place), buffer.get(place + block)) else {
                return Ok(at + place as u64 + 1);
            };
            rolling = self.table.roll(rolling, *leaving, *coming);
            place += 1;
        }
    }

    /// A block is the same here and there: how far does that go? Where it ends in the target.
    fn follow(&mut self, from: u64, at: u64) -> Result<u64, MakeError> {
        let (mut start, mut base) = (at, from);
        let back = (start - self.done.0).min(base - self.within.start).min(self.table.block as u64);
        let count = usize::try_from(back).unwrap_or(0);
        let one = read_vec(self.base, base - back, count).map_err(MakeError::Base)?;
        let other = read_vec(self.target, start - back, count).map_err(MakeError::Target)?;
        let same = common_back(&one, &other) as u64;
        (start, base) = (start - same, base - same);
        let mut length = same + self.table.block as u64;
        let mut piece = self.table.block;
        loop {
            let left = (self.at.end - start - length).min(self.within.end - base - length);
            let count = usize::try_from(left).unwrap_or(piece).min(piece);
            if count == 0 {
                break;
            }
            let one = read_vec(self.base, base + length, count).map_err(MakeError::Base)?;
            let other = read_vec(self.target, start + length, count).map_err(MakeError::Target)?;
            let same = common(&one, &other);
            length += same as u64;
            if same < count {
                break;
            }
            piece = (piece * 2).min(PIECE);
        }
        self.leave(start, base);
        self.pieces.push(Piece { at: start..start + length, like: Like::Same { from: base } });
        self.done = (start + length, base + length);
        Ok(self.done.0)
    }

    /// Takes what is before `end` as near what the base has there, up to `base`.
    fn leave(&mut self, end: u64, base: u64) {
        let at = self.done.0..end;
        if at.is_empty() {
            return;
        }
        let length = at.end - at.start;
        let most =
            self.done.1.saturating_add(length.saturating_mul(2)).saturating_add(self.table.block as u64);
        let until = if base >= self.done.1 { base.min(most) } else { most.min(self.within.end) };
        self.pieces.push(Piece { at, like: Like::Near { base: self.done.1..until, form: Form::Raw } });
    }
}

/// Hashes of the base's blocks.
struct Table {
    block: usize,
    /// Hash and number of a block plus one, by hash; the first one of each.
    slots: Vec<(u32, u32)>,
    start: u64,
    /// What the byte that leaves a block counts.
    leaving: u64,
}

impl Table {
    fn of(base: &dyn Source, within: &Range<u64>, window: usize) -> io::Result<Self> {
        let length = within.end - within.start;
        let most = (window / 16) as u64;
        let block =
            usize::try_from(length.div_ceil(most)).unwrap_or(usize::MAX).max((window / 32).clamp(32, 256));
        let leaving = (1..block).fold(1_u64, |power, _| power.wrapping_mul(FACTOR));
        let count = usize::try_from(length / block as u64).unwrap_or(0);
        let mut table = Self {
            block,
            slots: vec![(0, 0); (count * 2).next_power_of_two()],
            start: within.start,
            leaving,
        };
        let several = (PIECE / block).max(1);
        let mut numbers = (0..count).peekable();
        while let Some(first) = numbers.peek().copied() {
            let bytes = read_vec(base, table.at(first), several.min(count - first) * block)?;
            for (block, number) in bytes.chunks_exact(block).zip(numbers.by_ref()) {
                table.keep(table.hash(block), number);
            }
        }
        Ok(table)
    }

    fn keep(&mut self, hash: u64, number: usize) {
        let Ok(number) = u32::try_from(number + 1) else { return };
        let (tag, probes) = self.probes(hash);
        for probe in probes {
            let Some(slot) = self.slots.get_mut(probe) else { return };
            if slot.1 == 0 {
                *slot = (tag, number);
                return;
            }
            if slot.0 == tag {
                return;
            }
        }
    }

    /// Where the block begins that probably has this hash.
    fn find(&self, hash: u64) -> Option<u64> {
        let (tag, probes) = self.probes(hash);
        for probe in probes {
            let (kept, number) = self.slots.get(probe)?;
            let number = number.checked_sub(1)?;
            if *kept == tag {
                return Some(self.at(number as usize));
            }
        }
        None
    }

    fn probes(&self, hash: u64) -> (u32, impl Iterator<Item = usize> + use<>) {
        let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mask = self.slots.len() - 1;
        let first = (mixed >> 32) as usize;
        ((mixed & 0xFFFF_FFFF) as u32, (0..PROBES).map(move |step| first.wrapping_add(step) & mask))
    }

    fn at(&self, number: usize) -> u64 {
        self.start + number as u64 * self.block as u64
    }

    fn hash(&self, block: &[u8]) -> u64 {
        block.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(FACTOR).wrapping_add(u64::from(*byte) + 1))
    }

    fn roll(&self, hash: u64, leaving: u8, coming: u8) -> u64 {
        hash.wrapping_sub((u64::from(leaving) + 1).wrapping_mul(self.leaving))
            .wrapping_mul(FACTOR)
            .wrapping_add(u64::from(coming) + 1)
    }
}

const FACTOR: u64 = 0x0100_0000_01B3;
/// Slots that are looked at for one hash.
const PROBES: usize = 16;
/// Pieces after which no more are looked for.
const MOST_PIECES: usize = 1 << 20;
