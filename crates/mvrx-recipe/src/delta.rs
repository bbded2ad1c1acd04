//! Turns some bytes into steps over a dictionary: "these bytes are new, then go on like that place of the dictionary".
//!
//! A step is three numbers: how many new bytes, how many bytes to copy, and how far the place to copy from is from where a replacement
//! of the same length would go on. Where a few bytes changed in place the third is 0. Finding is greedy, with the places of every eight
//! bytes of the dictionary in a table; it looks at [`CANDIDATES`] places at most for each byte, so its time is bounded. What it takes:
//! four bytes for each byte of the dictionary, and up to as many again for the table; twelve for each step.

use crate::numbers::{Numbers, put, put_way};

/// Steps, and the new bytes that they take.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    pub(crate) steps: Vec<u8>,
    pub(crate) new: Vec<u8>,
}

/// The steps that make `material` of `dictionary`.
pub(crate) fn find(dictionary: &[u8], material: &[u8]) -> Delta {
    let index = Index::of(dictionary);
    let mut finder = Finder { dictionary, material, steps: Vec::new(), fresh: 0, at: 0 };
    while finder.at < material.len() {
        match finder.best(&index) {
            Some((from, length)) => finder.take(from, length),
            None => {
                finder.fresh += 1;
                finder.at += 1;
            }
        }
    }
    drop(index);
    finder.write()
}

/// Carries steps out; `None` when they do not give exactly `length` bytes.
pub(crate) fn apply(dictionary: &[u8], steps: &[u8], new: &[u8], length: usize) -> Option<Vec<u8>> {
    let (mut steps, mut new) = (Numbers(steps), Numbers(new));
    let (mut material, mut expected) = (Vec::new(), 0_u64);
    while material.len() < length {
        let left = length - material.len();
        let fresh = steps.at_most(left)?;
        let copied = steps.at_most(left - fresh)?;
        if fresh + copied == 0 {
            return None;
        }
        material.extend_from_slice(new.bytes(fresh)?);
        if copied > 0 {
            let from = steps.way_from(expected.wrapping_add(fresh as u64))?;
            let start = usize::try_from(from).ok()?;
            material.extend_from_slice(dictionary.get(start..start.checked_add(copied)?)?);
            expected = from.wrapping_add(copied as u64);
        }
    }
    (steps.0.is_empty() && new.0.is_empty()).then_some(material)
}

#[derive(Debug, Clone, Copy)]
struct Step {
    /// New bytes before the copy.
    fresh: u32,
    from: u32,
    length: u32,
}

impl Step {
    fn new(fresh: usize, from: usize, length: usize) -> Self {
        // Windows are shorter than 4 GiB, and all of these lie inside one.
        let [fresh, from, length] =
            [fresh, from, length].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        Self { fresh, from, length }
    }

    fn numbers(self) -> [usize; 3] {
        [self.fresh, self.from, self.length].map(|number| number as usize)
    }

    fn end(self) -> usize {
        let [_, from, length] = self.numbers();
        from + length
    }
}

struct Finder<'a> {
    dictionary: &'a [u8],
    material: &'a [u8],
    steps: Vec<Step>,
    /// New bytes since the last step.
    fresh: usize,
    at: usize,
}

impl Finder<'_> {
    /// The place of the dictionary that goes on like the material here, if one is worth a step.
    fn best(&self, index: &Index) -> Option<(usize, usize)> {
        let ahead = self.material.get(self.at..)?;
        let expected = self.expected();
        let in_place = self.length_at(expected, ahead);
        if in_place >= SURE {
            return Some((expected, in_place));
        }
        let mut best = (expected, in_place);
        for place in index.places(self.dictionary, ahead) {
            let length = self.length_at(place, ahead);
            if length > best.1 && (length >= WORTH || best.0 != expected) && length > in_place + NEARER {
                best = (place, length);
            }
        }
        let worth = if best.0 == expected { WORTH_IN_PLACE } else { WORTH };
        (best.1 >= worth).then_some(best)
    }

    /// Where the dictionary would go on if what is new since the last step replaced as many bytes.
    fn expected(&self) -> usize {
        self.steps.last().map_or(0, |step| step.end()) + self.fresh
    }

    fn length_at(&self, place: usize, ahead: &[u8]) -> usize {
        common(self.dictionary.get(place..).unwrap_or_default(), ahead)
    }

    /// Takes a step, and whatever before it the same place gives as well: new bytes, and whole steps.
    fn take(&mut self, mut from: usize, mut length: usize) {
        self.at += length;
        let mut start = self.at - length;
        loop {
            let before = self.dictionary.get(..from).unwrap_or_default();
            let fresh = self.material.get(start - self.fresh..start).unwrap_or_default();
            let back = common_back(before, fresh);
            (from, length, start) = (from - back, length + back, start - back);
            self.fresh -= back;
            let Some(last) = self.steps.last().filter(|_| self.fresh == 0) else { break };
            let [fresh, _, copied_length] = last.numbers();
            let copied = self.material.get(start - copied_length..start).unwrap_or_default();
            if !self.dictionary.get(..from).unwrap_or_default().ends_with(copied) {
                break;
            }
            (from, length, start) = (from - copied_length, length + copied_length, start - copied_length);
            self.fresh = fresh;
            self.steps.pop();
        }
        self.steps.push(Step::new(self.fresh, from, length));
        self.fresh = 0;
    }

    fn write(self) -> Delta {
        let mut delta = Delta::default();
        let (mut at, mut expected) = (0, 0_u64);
        for step in self.steps {
            let [fresh, from, length] = step.numbers();
            put(&mut delta.steps, fresh as u64);
            put(&mut delta.steps, length as u64);
            put_way(&mut delta.steps, expected.wrapping_add(fresh as u64), from as u64);
            expected = step.end() as u64;
            delta.new.extend_from_slice(self.material.get(at..at + fresh).unwrap_or_default());
            at += fresh + length;
        }
        let rest = self.material.get(at..).unwrap_or_default();
        if !rest.is_empty() {
            put(&mut delta.steps, rest.len() as u64);
            put(&mut delta.steps, 0);
            delta.new.extend_from_slice(rest);
        }
        delta
    }
}

/// Where every eight bytes of a dictionary occur, the latest first.
struct Index {
    /// For each hash the latest place, plus one.
    latest: Vec<u32>,
    /// For each place the one before it with the same hash, plus one.
    before: Vec<u32>,
    bits: u32,
}

impl Index {
    fn of(dictionary: &[u8]) -> Self {
        let bits = dictionary.len().checked_ilog2().unwrap_or(0).clamp(8, MOST_BITS);
        let mut index = Self { latest: vec![0; 1 << bits], before: Vec::new(), bits };
        index.before.reserve_exact(dictionary.len());
        for (place, eight) in (1_u32..).zip(dictionary.windows(8)) {
            let latest = index.slot(eight).and_then(|slot| index.latest.get_mut(slot));
            index.before.push(latest.map_or(0, |latest| std::mem::replace(latest, place)));
        }
        index
    }

    fn slot(&self, bytes: &[u8]) -> Option<usize> {
        let eight = u64::from_le_bytes(*bytes.first_chunk()?);
        usize::try_from(eight.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - self.bits)).ok()
    }

    /// Places whose eight bytes are those of `ahead`, the latest first.
    fn places<'a>(&'a self, dictionary: &'a [u8], ahead: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let first = self.slot(ahead).and_then(|slot| self.latest.get(slot)).copied().unwrap_or(0);
        let numbered = |number: u32| (number as usize).checked_sub(1);
        std::iter::successors(numbered(first), move |place| numbered(self.before.get(*place).copied()?))
            .take(CANDIDATES)
            .filter(move |place| dictionary.get(*place..*place + 8) == ahead.get(..8))
    }
}

/// How many bytes both begin with.
pub(crate) fn common(one: &[u8], other: &[u8]) -> usize {
    let eights =
        one.chunks_exact(8).zip(other.chunks_exact(8)).take_while(|(one, other)| one == other).count() * 8;
    let rest = one.iter().skip(eights).zip(other.iter().skip(eights));
    eights + rest.take_while(|(one, other)| one == other).count()
}

/// How many bytes both end with.
pub(crate) fn common_back(one: &[u8], other: &[u8]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

/// Bytes at a new place of the dictionary that are worth a step.
const WORTH: usize = 12;
/// Bytes that are worth a step where a replacement goes on: it costs two bytes fewer.
const WORTH_IN_PLACE: usize = 5;
/// How much longer another place has to be than the one in place.
const NEARER: usize = 4;
/// So long a stretch in place is taken without a look at other ones.
const SURE: usize = 32;
/// Places that are looked at for one byte.
const CANDIDATES: usize = 48;
/// Bits of the largest table.
const MOST_BITS: u32 = 22;

#[cfg(test)]
mod tests {
    use super::{apply, find};
    use proptest::prelude::*;

    fn size(dictionary: &[u8], material: &[u8]) -> usize {
        let delta = find(dictionary, material);
        assert_eq!(apply(dictionary, &delta.steps, &delta.new, material.len()).as_deref(), Some(material));
        delta.steps.len() + delta.new.len()
    }

    fn text() -> Vec<u8> {
        (0..2000_u32)
            .flat_map(|n| format!("<Fixture n='{n}' at='{}'/>\n", n.wrapping_mul(2_654_435_761)).into_bytes())
            .collect()
    }

    #[test]
    fn a_replaced_byte_costs_few_bytes() {
        let text = text();
        let mut other = text.clone();
        other[20_000] ^= 1;
        assert!(size(&text, &other) <= 12);
    }

    #[test]
    fn what_was_taken_out_or_moved_costs_few_bytes() {
        let text = text();
        let mut other = text.clone();
        let moved: Vec<u8> = other.drain(10_000..12_000).collect();
        assert!(size(&text, &other) <= 12);
        other.splice(30_000..30_000, moved);
        assert!(size(&text, &other) <= 24);
    }

    #[test]
    fn nothing_and_all_of_it_work() {
        assert_eq!(size(b"", b""), 0);
        assert_eq!(size(b"abc", b""), 0);
        assert_eq!(size(b"", b"abc"), 5);
        assert!(size(&text(), &text()) <= 5);
        assert!(size(&[0; 100_000], &[0; 70_000]) <= 8);
    }

    #[test]
    fn steps_that_do_not_fit_are_refused() {
        let whole = |steps: &[u8], new: &[u8], length| apply(b"0123456789", steps, new, length);
        assert_eq!(whole(&[2, 3, 2], b"ab", 5).as_deref(), Some(b"ab345".as_slice()));
        for (steps, new, length, why) in [
            (&[2_u8, 3, 2][..], &b"ab"[..], 4, "longer than told"),
            (&[2, 3, 2], b"ab", 6, "shorter than told"),
            (&[2, 3, 2], b"a", 5, "a new byte is missing"),
            (&[2, 3, 2], b"abc", 5, "a new byte is left"),
            (&[2, 3, 2, 0], b"ab", 5, "a step is left"),
            (&[2, 3], b"ab", 5, "a number is missing"),
            (&[0, 0], b"", 1, "a step that gives nothing"),
            (&[2, 3, 12], b"ab", 5, "behind the dictionary's end"),
            (&[2, 3, 5], b"ab", 5, "before its beginning"),
        ] {
            assert_eq!(whole(steps, new, length), None, "{why}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_found_gives_the_material_back(
            dictionary in prop::collection::vec(0_u8..4, 0..400), material in prop::collection::vec(0_u8..4, 0..400)
        ) {
            size(&dictionary, &material);
        }

        #[test]
        fn any_steps_are_carried_out_or_refused(
            dictionary in prop::collection::vec(any::<u8>(), 0..40),
            steps in prop::collection::vec(0_u8..20, 0..40),
            new in prop::collection::vec(any::<u8>(), 0..40),
            length in 0_usize..100,
        ) {
            if let Some(material) = apply(&dictionary, &steps, &new, length) {
                prop_assert_eq!(material.len(), length);
            }
        }
    }
}
