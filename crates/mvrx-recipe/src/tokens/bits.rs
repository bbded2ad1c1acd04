//! Bits of a byte stream, the lowest first (RFC 1951, 3.1.1).

/// Takes bits off a stream.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    held: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, held: 0, count: 0 }
    }

    /// The next bits, at most 16; `None` when the stream ends.
    pub(super) fn take(&mut self, count: u32) -> Option<u16> {
        while self.count < count {
            let (byte, rest) = self.bytes.split_first()?;
            self.held |= u64::from(*byte) << self.count;
            self.count += 8;
            self.bytes = rest;
        }
        let taken = u16::try_from(self.held & ((1 << count) - 1)).ok()?;
        self.held >>= count;
        self.count -= count;
        Some(taken)
    }

    /// What is left of the byte that was begun.
    pub(super) fn rest_of_byte(&mut self) -> Option<u16> {
        self.take(self.count % 8)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.count == 0 && self.bytes.is_empty()
    }
}

/// Makes a stream of bits.
#[derive(Debug)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    held: u64,
    count: u32,
    allowed: usize,
}

impl BitWriter {
    pub(super) fn new(allowed: usize) -> Self {
        Self { bytes: Vec::new(), held: 0, count: 0, allowed }
    }

    /// Appends bits, at most 16; `None` when they are more than `count` or the stream gets too long.
    pub(super) fn put(&mut self, bits: u16, count: u32) -> Option<()> {
        if u32::from(bits) >> count != 0 {
            return None;
        }
        self.held |= u64::from(bits) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push((self.held & 0xFF) as u8);
            self.held >>= 8;
            self.count -= 8;
        }
        (self.bytes.len() <= self.allowed).then_some(())
    }

    /// Appends what [`BitReader::rest_of_byte`] took.
    pub(super) fn fill_byte(&mut self, bits: u16) -> Option<()> {
        self.put(bits, (8 - self.count % 8) % 8)
    }

    /// The stream, when its last byte is full.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        (self.count == 0).then_some(self.bytes)
    }
}
