//! Numbers in as few bytes as they need: seven bits a byte, the lowest first.

/// Appends a number.
pub(crate) fn put(to: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        to.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    to.push((number & 0x7F) as u8);
}

/// Appends the way from `from` to `to_number`, near ones in one byte, both directions.
pub(crate) fn put_way(to: &mut Vec<u8>, from: u64, to_number: u64) {
    let way = to_number.wrapping_sub(from);
    put(to, (way << 1) ^ ((way >> 63).wrapping_neg()));
}

/// Takes numbers off the front of some bytes.
#[derive(Debug)]
pub(crate) struct Numbers<'a>(pub(crate) &'a [u8]);

impl<'a> Numbers<'a> {
    /// The next number; `None` when the bytes end or it does not fit.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7F);
            if place == 9 && bits > 1 {
                return None;
            }
            number |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// The next number, when it is at most `allowed`.
    pub(crate) fn at_most(&mut self, allowed: usize) -> Option<usize> {
        usize::try_from(self.next()?).ok().filter(|number| *number <= allowed)
    }

    /// What [`put_way`] wrote.
    pub(crate) fn way_from(&mut self, from: u64) -> Option<u64> {
        let coded = self.next()?;
        Some(from.wrapping_add((coded >> 1) ^ (coded & 1).wrapping_neg()))
    }

    /// The next so many numbers, to be taken by themselves.
    pub(crate) fn several(&mut self, count: usize) -> Option<Self> {
        let all = self.0;
        for _ in 0..count {
            self.next()?;
        }
        all.get(..all.len() - self.0.len()).map(Numbers)
    }

    /// The next bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (now, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::{Numbers, put, put_way};

    #[test]
    fn numbers_come_back() {
        let mut bytes = Vec::new();
        let all = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX];
        for number in all {
            put(&mut bytes, number);
        }
        for (from, to) in [(0, 0), (5, 3), (3, 5), (u64::MAX, 0), (0, u64::MAX), (1 << 63, 0)] {
            put_way(&mut bytes, from, to);
        }
        let mut numbers = Numbers(&bytes);
        for number in all {
            assert_eq!(numbers.next(), Some(number));
        }
        for (from, to) in [(0, 0), (5, 3), (3, 5), (u64::MAX, 0), (0, u64::MAX), (1 << 63, 0)] {
            assert_eq!(numbers.way_from(from), Some(to));
        }
        assert_eq!(numbers.next(), None);
    }

    #[test]
    fn near_ways_take_one_byte() {
        for (from, to) in [(100, 40), (40, 100)] {
            let mut bytes = Vec::new();
            put_way(&mut bytes, from, to);
            assert_eq!(bytes.len(), 1);
        }
    }

    #[test]
    fn refuses_numbers_of_more_than_64_bits() {
        assert_eq!(Numbers(&[0xFF; 11]).next(), None);
        assert_eq!(Numbers(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2]).next(), None);
    }
}
