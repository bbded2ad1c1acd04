//! Randomness: one seed becomes as many independent streams as there are things that need one.
//!
//! A [`Seed`] is a place in a tree of seeds: [`Seed::child`] goes down by a name, [`Seed::nth`] by a number.
//! Every host, link direction, announcement and disk draws from a stream of its own place, so that adding a
//! host, or a host drawing once more, shifts nobody else's numbers. Never hand one [`Rng`] to two things.
//!
//! The generator is SplitMix64 (Steele, Lea, Flood 2014): a counter stepped by the golden-ratio constant and
//! mixed by the `mix13` finaliser of Stafford. Eight bytes of state, the same numbers on every machine, good
//! enough for tests and for nothing else.

use std::time::Duration;

use crate::hash;
use crate::time::nanos;

/// A place in the tree of seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(u64);

impl Seed {
    /// The root of a tree.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The number this place stands for.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The place below this one with that name.
    pub fn child(self, name: &str) -> Self {
        Self(hash::bytes(mix(self.0), name.as_bytes()))
    }

    /// The `n`th place below this one.
    pub const fn nth(self, n: u64) -> Self {
        Self(mix(mix(self.0).wrapping_add(n.wrapping_mul(GAMMA)).wrapping_add(1)))
    }

    /// The stream of numbers that belongs to this place.
    pub const fn rng(self) -> Rng {
        Rng { state: mix(self.0) }
    }
}

/// A stream of random numbers (SplitMix64).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The next 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A number below `limit`, or 0 when `limit` is 0. Multiply-and-shift, biased by less than `limit /
    /// 2^64`.
    pub const fn below(&mut self, limit: u64) -> u64 {
        ((self.next_u64() as u128 * limit as u128) >> 64) as u64
    }

    /// A number in `low..=high`; `low` when `high` is not above it.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        low + self.below((high - low).saturating_add(1))
    }

    /// Whether something with that chance happens this time. [`Chance::NEVER`] draws nothing.
    pub const fn hits(&mut self, chance: Chance) -> bool {
        chance.0 != 0 && self.below(1_000_000) < chance.0 as u64
    }

    /// A span below `limit`; zero when `limit` is zero, which draws nothing.
    pub fn span(&mut self, limit: Duration) -> Duration {
        if limit.is_zero() { Duration::ZERO } else { Duration::from_nanos(self.below(nanos(limit))) }
    }

    /// One of `items`, or `None` when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(usize::try_from(self.below(items.len() as u64)).ok()?)
    }

    /// Puts `items` into a random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            items.swap(last, other);
        }
    }

    /// Random bytes, for identifiers.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        for chunk in out.chunks_mut(8) {
            for (place, byte) in chunk.iter_mut().zip(self.next_u64().to_le_bytes()) {
                *place = byte;
            }
        }
        out
    }
}

/// How likely something is each time it could happen, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chance(u32);

impl Chance {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It happens every time.
    pub const ALWAYS: Self = Self(1_000_000);

    /// So many times in a million; more than a million is always.
    pub const fn per_million(parts: u32) -> Self {
        Self(if parts > 1_000_000 { 1_000_000 } else { parts })
    }

    /// So many times in a hundred; more than a hundred is always.
    pub const fn percent(parts: u32) -> Self {
        Self::per_million(parts.saturating_mul(10_000))
    }

    /// The chance in millionths.
    pub const fn parts_per_million(self) -> u32 {
        self.0
    }
}

/// Stafford's `mix13`: every bit of the input changes every bit of the output.
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 2^64 divided by the golden ratio, made odd.
pub(crate) const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_numbers_of_splitmix64() {
        // The first outputs for the state 1234567, as in the reference implementation's test.
        let mut rng = Rng { state: 1_234_567 };
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn streams_of_different_places_differ_and_of_equal_places_agree() {
        let root = Seed::new(7);
        assert_eq!(root.child("a").nth(3).rng(), root.child("a").nth(3).rng());
        let mut seen = std::collections::HashSet::new();
        for n in 0..1_000 {
            assert!(seen.insert(root.nth(n)), "the {n}th place is an earlier one");
            assert!(seen.insert(root.child(&n.to_string())), "the place named {n} is an earlier one");
        }
    }

    #[test]
    fn stays_within_bounds_and_reaches_them() {
        let mut rng = Seed::new(1).rng();
        let mut seen = [false; 5];
        for _ in 0..500 {
            let n = usize::try_from(rng.between(3, 7)).unwrap();
            seen[n - 3] = true;
        }
        assert_eq!(seen, [true; 5]);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.between(9, 2), 9);
        assert_eq!(rng.pick::<u8>(&[]), None);
    }

    #[test]
    fn chances_are_about_right() {
        let mut rng = Seed::new(5).rng();
        let hits = (0..100_000).filter(|_| rng.hits(Chance::percent(10))).count();
        assert!((9_000..11_000).contains(&hits), "10 % hit {hits} times in 100,000");
        assert!((0..1_000).all(|_| rng.hits(Chance::ALWAYS)));
        assert!(!(0..1_000).any(|_| rng.hits(Chance::NEVER)));
    }

    #[test]
    fn shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..50).collect();
        Seed::new(2).rng().shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
