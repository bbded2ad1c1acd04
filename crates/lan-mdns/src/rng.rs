//! Random delays from a seed given from outside (SplitMix64, Steele, Lea and Flood 2014): the same seed, the same delays.

use std::time::Duration;

#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A span from `low` to `high` milliseconds, microsecond by microsecond.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> Duration {
        let span = (high - low) * 1000 + 1;
        Duration::from_micros(low * 1000 + self.next() % span)
    }
}
