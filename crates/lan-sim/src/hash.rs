//! The hash of traces and contents: multiply two 64-bit words and fold the halves of the product together
//! (the idea of wyhash).
//!
//! Fast, the same on every machine, and not cryptographic: it tells accidents apart, never an attacker's
//! work.

/// Folds `word` into `state`.
pub(crate) const fn word(state: u64, word: u64) -> u64 {
    let product = (state ^ word) as u128 * MULTIPLIER as u128;
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is wanted, the upper one follows")]
    let lower = product as u64;
    (lower ^ (product >> 64) as u64).wrapping_add(INCREMENT)
}

/// Folds `bytes` and their number into `state`.
pub(crate) fn bytes(state: u64, bytes: &[u8]) -> u64 {
    let mut state = word(state, bytes.len() as u64);
    let (words, rest) = bytes.as_chunks::<8>();
    for eight in words {
        state = word(state, u64::from_le_bytes(*eight));
    }
    let mut last = [0; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    word(state, u64::from_le_bytes(last))
}

const MULTIPLIER: u64 = 0xa076_1d64_78bd_642f;
const INCREMENT: u64 = 0xe703_7ed1_a0b4_28db;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_apart_what_differs_by_one_bit_or_by_length() {
        assert_ne!(bytes(0, b"abc"), bytes(0, b"abb"));
        assert_ne!(bytes(0, b"abc"), bytes(0, b"abc\0"));
        assert_ne!(bytes(0, b""), bytes(1, b""));
    }
}
