//! Where a schedule's decisions come from: a seed, or the bytes of a fuzz target.
//!
//! Drawn from bytes, an exhausted source answers every question with its first answer (0, `false`, the first
//! item), which a generator should make the quietest one, and [`Choices::is_spent`] tells a generator to
//! stop. Fewer and smaller bytes so mean a simpler schedule, which is what a fuzzer's own minimiser needs.

use std::time::Duration;

use crate::rng::{Chance, Rng, Seed};
use crate::time::nanos;

/// A source of decisions.
///
/// ```
/// use lan_sim::Choices;
/// let mut seeded = Choices::seeded(7);
/// assert!(seeded.below(10) < 10);
/// let mut bytes = Choices::from_bytes(&[3, 200]);
/// assert_eq!((bytes.below(10), bytes.below(10), bytes.below(10)), (3, 0, 0));
/// assert!(bytes.is_spent());
/// ```
#[derive(Clone, Debug)]
pub struct Choices<'a> {
    source: Source<'a>,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Seeded(Rng),
    Bytes(&'a [u8]),
}

impl<'a> Choices<'a> {
    /// Decisions drawn from a seed; never spent.
    pub fn seeded(seed: u64) -> Self {
        Self { source: Source::Seeded(Seed::new(seed).child("choices").rng()) }
    }

    /// Decisions drawn from bytes, first byte first.
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self { source: Source::Bytes(bytes) }
    }

    /// Whether the bytes are used up. Decisions drawn from a seed never are.
    pub const fn is_spent(&self) -> bool {
        matches!(self.source, Source::Bytes([]))
    }

    /// A number below `limit`; 0 when `limit` is 0 or 1, which uses nothing. From bytes: as few of them as
    /// can reach `limit`, highest first, modulo `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit <= 1 {
            return 0;
        }
        match &mut self.source {
            Source::Seeded(rng) => rng.below(limit),
            Source::Bytes(bytes) => {
                let wanted = (u64::BITS - (limit - 1).leading_zeros()).div_ceil(8);
                let mut number = 0;
                for _ in 0..wanted {
                    if let [first, rest @ ..] = bytes {
                        number = number << 8 | u64::from(*first);
                        *bytes = rest;
                    }
                }
                number % limit
            }
        }
    }

    /// A number in `low..=high`; `low` when `high` is not above it.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low { low } else { low + self.below((high - low).saturating_add(1)) }
    }

    /// Any number: the seed of a world, for one.
    pub fn any(&mut self) -> u64 {
        match &mut self.source {
            Source::Seeded(rng) => rng.next_u64(),
            Source::Bytes(_) => self.below(1 << 32) << 32 | self.below(1 << 32),
        }
    }

    /// Whether something with that chance happens. From bytes: one byte for chances of a percent and more,
    /// never when spent.
    pub fn hits(&mut self, chance: Chance) -> bool {
        let parts = u64::from(chance.parts_per_million());
        match &mut self.source {
            Source::Seeded(rng) => rng.hits(chance),
            Source::Bytes([]) => false,
            Source::Bytes(_) if parts >= 10_000 => self.below(256) * 1_000_000 / 256 >= 1_000_000 - parts,
            Source::Bytes(_) => self.below(1_000_000) >= 1_000_000 - parts,
        }
    }

    /// A span of at most `limit`, in 256 steps when drawn from bytes.
    pub fn span(&mut self, limit: Duration) -> Duration {
        match &mut self.source {
            Source::Seeded(rng) => rng.span(limit),
            Source::Bytes(_) => Duration::from_nanos(nanos(limit) / 256 * self.below(256)),
        }
    }

    /// One of `items`, the first one when spent; `None` when there are none.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        items.get(usize::try_from(self.below(items.len() as u64)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_choices() {
        let (mut a, mut b, mut c) = (Choices::seeded(1), Choices::seeded(1), Choices::seeded(2));
        let draw = |choices: &mut Choices<'_>| (0..20).map(|_| choices.below(1_000)).collect::<Vec<_>>();
        assert_eq!(draw(&mut a), draw(&mut b));
        assert_ne!(draw(&mut a), draw(&mut c));
        assert!(!a.is_spent());
    }

    #[test]
    fn spent_bytes_choose_the_quietest() {
        let mut choices = Choices::from_bytes(&[]);
        assert!(choices.is_spent());
        assert_eq!(choices.between(5, 9), 5);
        assert!(!choices.hits(Chance::ALWAYS));
        assert_eq!(choices.span(Duration::from_secs(9)), Duration::ZERO);
        assert_eq!(choices.pick(&["first", "second"]), Some(&"first"));
    }

    #[test]
    fn a_wide_number_uses_as_many_bytes_as_it_needs() {
        let mut choices = Choices::from_bytes(&[1, 2, 3, 4]);
        assert_eq!(choices.below(256), 1);
        assert_eq!(choices.below(65_536), 0x0203);
        assert_eq!(choices.below(1), 0);
        assert_eq!(choices.below(256), 4);
    }

    #[test]
    fn chances_from_bytes_follow_the_byte() {
        assert!(Choices::from_bytes(&[255]).hits(Chance::percent(1)));
        assert!(!Choices::from_bytes(&[0]).hits(Chance::percent(50)));
        assert!(Choices::from_bytes(&[0]).hits(Chance::ALWAYS));
    }
}
