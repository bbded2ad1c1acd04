//! Codes of varying length from their lengths alone (RFC 1951, 3.2.2).

use super::bits::{BitReader, BitWriter};

/// Reads symbols. Codes that leave some bits without a meaning are fine; codes that claim more bits than there are, are not.
#[derive(Debug)]
pub(super) struct Decoder {
    /// How many codes have each length.
    counts: [u16; 16],
    /// All symbols that have a code, shorter codes first.
    symbols: Vec<u16>,
}

impl Decoder {
    pub(super) fn new(lengths: &[u8]) -> Option<Self> {
        let counts = counts(lengths)?;
        let mut symbols = Vec::with_capacity(lengths.len());
        for wanted in 1..=15 {
            symbols.extend(
                (0..).zip(lengths).filter(|(_, length)| **length == wanted).map(|(symbol, _)| symbol),
            );
        }
        Some(Self { counts, symbols })
    }

    pub(super) fn read(&self, bits: &mut BitReader<'_>) -> Option<u16> {
        let (mut code, mut first, mut before) = (0_usize, 0_usize, 0_usize);
        for count in self.counts.iter().skip(1) {
            let count = usize::from(*count);
            code |= usize::from(bits.take(1)?);
            if let Some(place) = code.checked_sub(first).filter(|place| *place < count) {
                return self.symbols.get(before + place).copied();
            }
            before += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// Writes symbols.
#[derive(Debug)]
pub(super) struct Codes {
    /// For each symbol its code, the first bit lowest, and its length; 0 when it has none.
    codes: Vec<(u16, u32)>,
}

impl Codes {
    pub(super) fn new(lengths: &[u8]) -> Option<Self> {
        let counts = counts(lengths)?;
        let (mut next, mut code) = ([0_u32; 16], 0);
        for (next, count) in next.iter_mut().skip(1).zip(counts.iter().skip(1)) {
            *next = code;
            code = (code + u32::from(*count)) << 1;
        }
        let codes = lengths.iter().map(|length| {
            let next = next.get_mut(usize::from(*length))?;
            let code = u16::try_from(*next).ok()?;
            *next += u32::from(*length != 0);
            let length = u32::from(*length);
            Some((if length == 0 { 0 } else { code.reverse_bits() >> (16 - length) }, length))
        });
        Some(Self { codes: codes.collect::<Option<_>>()? })
    }

    pub(super) fn write(&self, symbol: u16, bits: &mut BitWriter) -> Option<()> {
        let (code, length) = self.codes.get(usize::from(symbol)).filter(|(_, length)| *length > 0)?;
        bits.put(*code, *length)
    }
}

/// How many codes have each length, when there are bits for all of them.
fn counts(lengths: &[u8]) -> Option<[u16; 16]> {
    let mut counts = [0_u16; 16];
    for length in lengths {
        *counts.get_mut(usize::from(*length))? += 1;
    }
    let mut left = 1_i32;
    for count in counts.iter().skip(1) {
        left = (left << 1) - i32::from(*count);
        if left < 0 {
            return None;
        }
    }
    Some(counts)
}
