//! Turns a DEFLATE stream into the steps of its packing, and those back into exactly the same stream.
//!
//! Steps (this byte; these many bytes from so far back) are packed by the bit, with codes that are chosen anew for each block. Here each
//! is one or two words of 16 bits. Nothing is guessed about the program that packed: what a stream leaves open is in the words.
//!
//! Words, low byte first:
//!
//! | word | what |
//! |---|---|
//! | `0xF000` + 2 × type, + 1 for the last one | begins a block |
//! | 0 to 255 | a byte |
//! | 256 | the block's end |
//! | `0x1000 + length − 3`, then distance − 1 | a copy; `0x0800` more where length 258 is told as 284 and 31 |
//!
//! A stored block follows as padding, length, its bytes; a dynamic one as its three counts, its lengths of lengths and its coded lengths
//! (symbol + 256 × what is told with it). The last word is the padding of the last byte.

use self::bits::{BitReader, BitWriter};
use self::huffman::{Codes, Decoder};

mod bits;
mod huffman;

/// The words of a whole stream, at most `allowed` bytes; `None` when it is no whole stream, or something follows it.
pub(crate) fn of_stream(stream: &[u8], allowed: usize) -> Option<Vec<u8>> {
    let mut reading = Reading { bits: BitReader::new(stream), words: Vec::new(), allowed };
    while !reading.block()? {}
    let padding = reading.bits.rest_of_byte()?;
    reading.word(padding)?;
    reading.bits.is_at_end().then_some(reading.words)
}

/// The stream that these words are of, at most `allowed` bytes; `None` when they are of none.
pub(crate) fn to_stream(words: &[u8], allowed: usize) -> Option<Vec<u8>> {
    let mut writing = Writing { words: words.chunks_exact(2), bits: BitWriter::new(allowed) };
    while !writing.block()? {}
    let padding = writing.word()?;
    writing.bits.fill_byte(padding)?;
    let whole = writing.words.next().is_none() && words.len().is_multiple_of(2);
    writing.bits.finish().filter(|_| whole)
}

struct Reading<'a> {
    bits: BitReader<'a>,
    words: Vec<u8>,
    allowed: usize,
}

impl Reading<'_> {
    fn word(&mut self, word: u16) -> Option<()> {
        self.words.extend_from_slice(&word.to_le_bytes());
        (self.words.len() <= self.allowed).then_some(())
    }

    /// Reads one block; whether it was the last.
    fn block(&mut self) -> Option<bool> {
        let (last, kind) = (self.bits.take(1)?, self.bits.take(2)?);
        self.word(BLOCK | kind << 1 | last)?;
        match kind {
            STORED => self.stored()?,
            FIXED => self.symbols(&Decoder::new(&fixed_literals())?, &Decoder::new(&FIXED_DISTANCES)?)?,
            DYNAMIC => {
                let (literals, distances) = self.dynamic()?;
                self.symbols(&literals, &distances)?;
            }
            _ => return None,
        }
        Some(last == 1)
    }

    fn stored(&mut self) -> Option<()> {
        let padding = self.bits.rest_of_byte()?;
        self.word(padding)?;
        let length = self.bits.take(16)?;
        if self.bits.take(16)? != !length {
            return None;
        }
        self.word(length)?;
        for _ in 0..length {
            let byte = self.bits.take(8)?;
            self.word(byte)?;
        }
        Some(())
    }

    fn dynamic(&mut self) -> Option<(Decoder, Decoder)> {
        let (literals, distances, coded) = (self.bits.take(5)?, self.bits.take(5)?, self.bits.take(4)?);
        for count in [literals, distances, coded] {
            self.word(count)?;
        }
        let mut of_lengths = [0; 19];
        for place in ORDER.iter().take(usize::from(coded) + 4) {
            let length = self.bits.take(3)?;
            self.word(length)?;
            *of_lengths.get_mut(*place)? = u8::try_from(length).ok()?;
        }
        let codes = Decoder::new(&of_lengths)?;
        let mut lengths = Lengths::new(literals, distances);
        while !lengths.are_all() {
            let symbol = codes.read(&mut self.bits)?;
            let told = self.bits.take(told_bits(symbol))?;
            self.word(symbol | told << 8)?;
            lengths.push(symbol, told)?;
        }
        let (literals, distances) = lengths.parts()?;
        Some((Decoder::new(literals)?, Decoder::new(distances)?))
    }

    fn symbols(&mut self, literals: &Decoder, distances: &Decoder) -> Option<()> {
        loop {
            let symbol = literals.read(&mut self.bits)?;
            if symbol <= END {
                self.word(symbol)?;
                if symbol == END {
                    return Some(());
                }
                continue;
            }
            let (first, extra) = LENGTHS.get(usize::from(symbol - END - 1)).copied()?;
            let length = first + self.bits.take(extra)?;
            let odd = if symbol == 284 && length == 258 { ODD } else { 0 };
            self.word(COPY | odd | (length - 3))?;
            let symbol = distances.read(&mut self.bits)?;
            let (first, extra) = DISTANCES.get(usize::from(symbol)).copied()?;
            let far = self.bits.take(extra)?;
            self.word(first - 1 + far)?;
        }
    }
}

struct Writing<'a> {
    words: std::slice::ChunksExact<'a, u8>,
    bits: BitWriter,
}

impl Writing<'_> {
    fn word(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.words.next()?.try_into().ok()?))
    }

    fn block(&mut self) -> Option<bool> {
        let word = self.word()?;
        let (last, kind) = (word & 1, word >> 1 & 3);
        if word & !7 != BLOCK {
            return None;
        }
        self.bits.put(last, 1)?;
        self.bits.put(kind, 2)?;
        match kind {
            STORED => self.stored()?,
            FIXED => self.symbols(&Codes::new(&fixed_literals())?, &Codes::new(&FIXED_DISTANCES)?)?,
            DYNAMIC => {
                let (literals, distances) = self.dynamic()?;
                self.symbols(&literals, &distances)?;
            }
            _ => return None,
        }
        Some(last == 1)
    }

    fn stored(&mut self) -> Option<()> {
        let padding = self.word()?;
        self.bits.fill_byte(padding)?;
        let length = self.word()?;
        self.bits.put(length, 16)?;
        self.bits.put(!length, 16)?;
        for _ in 0..length {
            let byte = self.word().filter(|byte| *byte < 256)?;
            self.bits.put(byte, 8)?;
        }
        Some(())
    }

    fn dynamic(&mut self) -> Option<(Codes, Codes)> {
        let mut counts = [0; 3];
        for (count, bits) in counts.iter_mut().zip([5, 5, 4]) {
            *count = self.word()?;
            self.bits.put(*count, bits)?;
        }
        let [literals, distances, coded] = counts;
        let mut of_lengths = [0; 19];
        for place in ORDER.iter().take(usize::from(coded) + 4) {
            let length = self.word()?;
            self.bits.put(length, 3)?;
            *of_lengths.get_mut(*place)? = u8::try_from(length).ok()?;
        }
        let codes = Codes::new(&of_lengths)?;
        let mut lengths = Lengths::new(literals, distances);
        while !lengths.are_all() {
            let word = self.word()?;
            let (symbol, told) = (word & 0xFF, word >> 8);
            codes.write(symbol, &mut self.bits)?;
            self.bits.put(told, told_bits(symbol))?;
            lengths.push(symbol, told)?;
        }
        let (literals, distances) = lengths.parts()?;
        Some((Codes::new(literals)?, Codes::new(distances)?))
    }

    fn symbols(&mut self, literals: &Codes, distances: &Codes) -> Option<()> {
        loop {
            let word = self.word()?;
            if word <= END {
                literals.write(word, &mut self.bits)?;
                if word == END {
                    return Some(());
                }
                continue;
            }
            if word & !(ODD | 0xFF) != COPY {
                return None;
            }
            let length = (word & 0xFF) + 3;
            let place = if word & ODD != 0 { 27 } else { last_not_above(&LENGTHS, length)? };
            let (first, extra) = LENGTHS.get(place).copied()?;
            literals.write(u16::try_from(place).ok()? + END + 1, &mut self.bits)?;
            self.bits.put(length.checked_sub(first)?, extra)?;
            let far = self.word()?.checked_add(1)?;
            let place = last_not_above(&DISTANCES, far)?;
            let (first, extra) = DISTANCES.get(place).copied()?;
            distances.write(u16::try_from(place).ok()?, &mut self.bits)?;
            self.bits.put(far - first, extra)?;
        }
    }
}

/// The words of a stream one by one, each as what it means.
pub(crate) struct Walker<'a> {
    words: std::slice::ChunksExact<'a, u8>,
    state: State,
}

enum State {
    Head(Head),
    Steps { last: bool },
    Stored { left: usize, last: bool },
    Padding,
    Ended,
}

/// What a word means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// It belongs to the head of a block, or is the padding of the last byte.
    Head(u16),
    /// A byte of a stored block.
    Stored(u8),
    /// A byte.
    Byte(u8),
    /// Bytes from before; `odd`: length 258 told as 284 and 31.
    Copy { length: usize, back: usize, odd: bool },
    /// The end of a block.
    End,
}

impl<'a> Walker<'a> {
    pub(crate) fn new(words: &'a [u8]) -> Self {
        Self { words: words.chunks_exact(2), state: State::Head(Head::default()) }
    }

    /// The next word; `Some(None)` behind the last one, `None` when there is something else.
    pub(crate) fn next(&mut self) -> Option<Option<Word>> {
        if matches!(self.state, State::Ended) {
            return self.words.next().is_none().then_some(None);
        }
        let word = u16::from_le_bytes(self.words.next()?.try_into().ok()?);
        let (meant, state) = match &mut self.state {
            State::Head(head) => {
                head.push(head.wants()?, word)?;
                let last = head.is_last();
                let state = match (head.wants(), head.stored()) {
                    (Some(_), _) => None,
                    (None, Some(0)) => Some(State::after(last)),
                    (None, Some(left)) => Some(State::Stored { left, last }),
                    (None, None) => Some(State::Steps { last }),
                };
                (Word::Head(word), state)
            }
            State::Stored { left, last } => {
                *left -= 1;
                (Word::Stored(u8::try_from(word).ok()?), (*left == 0).then(|| State::after(*last)))
            }
            State::Steps { last } if word == END => (Word::End, Some(State::after(*last))),
            State::Steps { .. } if word < END => (Word::Byte(u8::try_from(word).ok()?), None),
            State::Steps { .. } => {
                let back = u16::from_le_bytes(self.words.next()?.try_into().ok()?);
                let (length, odd) = (usize::from(word & 0xFF) + 3, word & ODD != 0);
                (Word::Copy { length, back: usize::from(back) + 1, odd }, None)
            }
            State::Padding => (Word::Head(word), Some(State::Ended)),
            State::Ended => return None,
        };
        if let Some(state) = state {
            self.state = state;
        }
        Some(Some(meant))
    }
}

impl State {
    fn after(last: bool) -> Self {
        if last { Self::Padding } else { Self::Head(Head::default()) }
    }
}

/// The head of a block while its words come: it knows when it is whole.
#[derive(Default)]
pub(crate) struct Head {
    words: Vec<u16>,
    lengths: Option<Lengths>,
}

/// That a head is not whole; given by [`Head::wants`].
pub(crate) struct Wanted(());

impl Head {
    /// Whether another word belongs to it.
    pub(crate) fn wants(&self) -> Option<Wanted> {
        let whole = match (self.kind(), self.words.len()) {
            (_, 0) => false,
            (STORED, count) => count >= 3,
            (DYNAMIC, _) => self.lengths.as_ref().is_some_and(Lengths::are_all),
            _ => true,
        };
        (!whole).then_some(Wanted(()))
    }

    pub(crate) fn push(&mut self, _: Wanted, word: u16) -> Option<()> {
        if self.words.is_empty() && word & !7 != BLOCK {
            return None;
        }
        // The block's word, three counts, and the lengths of lengths come before the coded lengths.
        if self.kind() == DYNAMIC && !self.words.is_empty() {
            let coded = self.words.get(3).map_or(usize::MAX, |coded| usize::from(*coded) + 4 + 4);
            if self.words.len() == 3 && word > 15 {
                return None;
            }
            if self.words.len() >= coded {
                let (Some(literals), Some(distances)) = (self.words.get(1), self.words.get(2)) else {
                    return None;
                };
                let (literals, distances) = (*literals, *distances);
                if literals > 31 || distances > 31 {
                    return None;
                }
                let lengths = self.lengths.get_or_insert_with(|| Lengths::new(literals, distances));
                return lengths.push(word & 0xFF, word >> 8);
            }
        }
        self.words.push(word);
        Some(())
    }

    pub(crate) fn is_last(&self) -> bool {
        self.words.first().is_some_and(|word| word & 1 == 1)
    }

    /// How many bytes follow, for a stored block.
    pub(crate) fn stored(&self) -> Option<usize> {
        (self.kind() == STORED).then(|| self.words.get(2).copied().map_or(0, usize::from))
    }

    fn kind(&self) -> u16 {
        self.words.first().map_or(FIXED, |word| word >> 1 & 3)
    }
}

/// The word of a copy.
pub(crate) fn copy_word(length: usize, odd: bool) -> Option<u16> {
    let length = u16::try_from(length.checked_sub(3)?).ok().filter(|length| *length < 256)?;
    Some(COPY | if odd { ODD } else { 0 } | length)
}

/// The lengths of a dynamic block's codes while they are read.
struct Lengths {
    lengths: Vec<u8>,
    literals: usize,
    all: usize,
}

impl Lengths {
    fn new(literals: u16, distances: u16) -> Self {
        let literals = usize::from(literals) + 257;
        Self { lengths: Vec::with_capacity(320), literals, all: literals + usize::from(distances) + 1 }
    }

    fn are_all(&self) -> bool {
        self.lengths.len() >= self.all
    }

    fn push(&mut self, symbol: u16, told: u16) -> Option<()> {
        let (length, count) = match symbol {
            0..=15 => (u8::try_from(symbol).ok()?, 1),
            16 => (*self.lengths.last()?, 3 + told),
            17 => (0, 3 + told),
            18 => (0, 11 + told),
            _ => return None,
        };
        let end = self.lengths.len() + usize::from(count);
        self.lengths.resize(end, length);
        (end <= self.all).then_some(())
    }

    fn parts(&self) -> Option<(&[u8], &[u8])> {
        self.lengths.split_at_checked(self.literals)
    }
}

/// Bits that are told with a symbol of coded lengths.
fn told_bits(symbol: u16) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

fn last_not_above(table: &[(u16, u32)], number: u16) -> Option<usize> {
    table.partition_point(|(first, _)| *first <= number).checked_sub(1)
}

const BLOCK: u16 = 0xF000;
const COPY: u16 = 0x1000;
const ODD: u16 = 0x0800;
const END: u16 = 256;
const STORED: u16 = 0;
const FIXED: u16 = 1;
const DYNAMIC: u16 = 2;

/// RFC 1951, 3.2.5: the first length of each code from 257 on, and the bits told with it.
const LENGTHS: [(u16, u32); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
/// The same for distances.
const DISTANCES: [(u16, u32); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12289, 12),
    (16385, 13),
    (24577, 13),
];
/// RFC 1951, 3.2.7: the order of the lengths of lengths.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// RFC 1951, 3.2.6.
fn fixed_literals() -> [u8; 288] {
    std::array::from_fn(|symbol| match symbol {
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    })
}
const FIXED_DISTANCES: [u8; 30] = [5; 30];

#[cfg(test)]
mod tests;
