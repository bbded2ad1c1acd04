//! The bytes received and not yet consumed. Grows with what arrives, never on a header's word, and gives memory back
//! when a large message is gone, and when little comes at a time: most connections are idle.

#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// The room was filled to its end: more is waiting, or soon comes.
    filled_up: bool,
    /// More than [`FIRST`] was here since it was last empty.
    was_busy: bool,
}

impl ReadBuffer {
    pub(crate) fn filled(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn filled_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.end).unwrap_or_default()
    }

    /// Puts bytes behind what is there.
    pub(crate) fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.room(bytes.len());
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            if let Some(room) = room.get_mut(..now.len()) {
                room.copy_from_slice(now);
            }
            self.put(now.len());
            bytes = later;
        }
    }

    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEPT || (self.bytes.len() > FIRST && !self.was_busy) {
                self.bytes = Vec::new();
            }
            self.was_busy = false;
        }
    }

    /// Room for at least one more byte, when `missing` more are known to be needed.
    pub(crate) fn room(&mut self, missing: usize) -> &mut [u8] {
        if self.end == self.bytes.len() || (self.filled_up && self.bytes.len() < BUSY) {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            }
            let least = if self.filled_up { BUSY } else { FIRST };
            if self.end == self.bytes.len() || self.bytes.len() < least {
                let needed = self.end.saturating_add(missing.max(1));
                let grown = self.bytes.len().saturating_mul(2).min(needed).max(least).max(self.end + 1);
                self.bytes.resize(grown, 0);
            }
        }
        self.bytes.get_mut(self.end..).unwrap_or_default()
    }

    /// `count` bytes were put into the room.
    pub(crate) fn put(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
        self.filled_up = self.end == self.bytes.len();
        self.was_busy |= self.end > FIRST;
    }
}

// req: TRA-15
/// Enough for a small message; what an idle connection costs.
const FIRST: usize = 1 << 10;
/// Enough for an ordinary message, and for many small ones at a time.
const BUSY: usize = 8 << 10;
/// Larger buffers are given back when they are empty.
const KEPT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(buffer: &mut ReadBuffer, missing: usize, bytes: &[u8]) {
        for &byte in bytes {
            buffer.room(missing)[0] = byte;
            buffer.put(1);
        }
    }

    #[test]
    fn keeps_bytes_in_order_across_growth_and_compaction() {
        let mut buffer = ReadBuffer::default();
        let (mut next_in, mut next_out) = (0_u8, 0_u8);
        for round in 0..200 {
            let piece: Vec<u8> = (0..round * 7)
                .map(|_| {
                    next_in = next_in.wrapping_add(1);
                    next_in
                })
                .collect();
            fill(&mut buffer, 20_000, &piece);
            let taken = buffer.filled().len().min(round * 6);
            for &byte in &buffer.filled()[..taken] {
                next_out = next_out.wrapping_add(1);
                assert_eq!(byte, next_out);
            }
            buffer.consume(taken);
        }
    }

    #[test]
    fn a_long_announcement_reserves_nothing_until_bytes_come() {
        let mut buffer = ReadBuffer::default();
        assert_eq!(buffer.room(1 << 20).len(), FIRST);
        fill(&mut buffer, 1 << 20, &[1; FIRST]);
        assert_eq!(buffer.room(1 << 20).len(), BUSY - FIRST);
        fill(&mut buffer, 1 << 20, &[1; BUSY - FIRST]);
        assert_eq!(buffer.room(1 << 20).len(), BUSY, "doubled");
    }

    // proves: TRA-15
    #[test]
    fn who_says_little_has_a_small_buffer_and_who_says_much_a_larger_one_as_long_as_that_goes_on() {
        let mut buffer = ReadBuffer::default();
        for _ in 0..3 {
            fill(&mut buffer, 1, &[1; 300]);
            buffer.consume(300);
            assert_eq!(buffer.bytes.len(), FIRST);
        }
        // Read to the brim, and consumed but for the beginning of the next one: the next read takes more.
        fill(&mut buffer, 1, &[1; FIRST]);
        buffer.consume(FIRST - 10);
        assert_eq!((buffer.room(1).len(), buffer.filled().len()), (BUSY - 10, 10));
        for _ in 0..3 {
            fill(&mut buffer, 1, &[1; 3_000]);
            buffer.consume(3_010);
            assert_eq!(buffer.bytes.len(), BUSY);
        }
        fill(&mut buffer, 1, &[1; 300]);
        buffer.consume(300);
        assert_eq!(buffer.bytes.capacity(), 0, "given back");
        assert_eq!(buffer.room(1).len(), FIRST);
    }

    #[test]
    fn a_large_buffer_is_given_back_when_it_is_empty() {
        let mut buffer = ReadBuffer::default();
        fill(&mut buffer, 1 << 20, &[1; KEPT + 1]);
        buffer.consume(KEPT);
        assert!(buffer.bytes.len() > KEPT);
        buffer.consume(1);
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    #[test]
    fn never_grows_beyond_what_is_needed() {
        let mut buffer = ReadBuffer::default();
        fill(&mut buffer, 1, &[1; BUSY]);
        assert_eq!(buffer.room(5).len(), 5);
    }
}
