//! Turns a DEFLATE stream into its content and how it was packed, and those back into exactly the same stream.
//!
//! A small change of some content changes every byte of its packed form behind it. The content can be compared with the content of
//! another revision; how it was packed is guessed from the content ([`crate::predict`]), and only wrong guesses are told. Thus a stream
//! of a common packer takes little more than its content, one of any other packer somewhat more, and no packing library has to keep
//! giving the same bytes.
//!
//! What it gives is the length of the content, the content, the manner of guessing (its seven numbers), and for each block the words of
//! its head ([`crate::tokens`]) and the guesses: how many are right, then what is in place of the wrong one: 0 the block's end, 1 a byte,
//! or a copy's length less 1 (258 told as 284 and 31 is 258) and how far back it is.

use std::io::Read;

use crate::numbers::{Numbers, put};
use crate::predict::{Guesser, LONGEST_CHAIN, MANNERS, Manner, Step};
use crate::tokens::{self, Walker, Word};

/// The content of a stream, at most `allowed` bytes; `None` when it is none.
pub(crate) fn content(stream: &[u8], allowed: usize) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let most = (allowed as u64).saturating_add(1);
    flate2::read::DeflateDecoder::new(stream).take(most).read_to_end(&mut content).ok()?;
    (content.len() <= allowed).then_some(content)
}

/// Content and packing of a whole stream, at most `allowed` bytes.
// req: HISTORY-COST
pub(crate) fn of_stream(stream: &[u8], allowed: usize) -> Option<Vec<u8>> {
    let words = tokens::of_stream(stream, words_of(allowed))?;
    let content = unpacked(&words, allowed)?;
    let tried = MANNERS
        .into_iter()
        .map(|manner| (told(&words, &content, manner, TRIED).map_or(usize::MAX, |told| told.len()), manner));
    let (_, manner) = tried.min_by_key(|(length, _)| *length)?;
    let mut bytes = Vec::new();
    put(&mut bytes, content.len() as u64);
    bytes.extend_from_slice(&content);
    bytes.extend(told(&words, &content, manner, usize::MAX)?);
    (bytes.len() <= allowed && words.len() <= words_of(bytes.len())).then_some(bytes)
}

/// The stream of which these are content and packing, at most `allowed` bytes; `None` when they are of none.
pub(crate) fn to_stream(bytes: &[u8], allowed: usize) -> Option<Vec<u8>> {
    let mut numbers = Numbers(bytes);
    let length = numbers.at_most(bytes.len())?;
    let content = numbers.bytes(length)?;
    let manner = Manner::take(&mut numbers)?;
    let mut guessed =
        Guessed { content, at: 0, guesser: Guesser::new(content, manner), numbers, words: Vec::new() };
    while !guessed.block(words_of(bytes.len()))? {}
    let padding = u16::try_from(guessed.numbers.next()?).ok()?;
    guessed.words.extend_from_slice(&padding.to_le_bytes());
    let whole = guessed.numbers.0.is_empty() && guessed.at == content.len();
    tokens::to_stream(&guessed.words, allowed).filter(|_| whole)
}

/// The content that words give.
fn unpacked(words: &[u8], allowed: usize) -> Option<Vec<u8>> {
    let (mut walker, mut content) = (Walker::new(words), Vec::<u8>::new());
    while let Some(word) = walker.next()? {
        match word {
            Word::Head(_) | Word::End => {}
            Word::Stored(byte) | Word::Byte(byte) => content.push(byte),
            Word::Copy { length, back, .. } => {
                let start = content.len().checked_sub(back)?;
                for place in start..start + length {
                    content.push(*content.get(place)?);
                }
            }
        }
        if content.len() > allowed {
            return None;
        }
    }
    Some(content)
}

/// How the content was packed: manner, heads and wrong guesses, of about as many bytes of content as are `wanted`.
fn told(words: &[u8], content: &[u8], manner: Manner, wanted: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    manner.put(&mut bytes);
    let mut guesser = Guesser::new(content.get(..wanted).unwrap_or(content), manner);
    let (mut walker, mut at, mut right) = (Walker::new(words), 0, 0_u64);
    while let Some(word) = walker.next()?.filter(|_| at < wanted) {
        let (step, wrong) = match word {
            Word::Head(head) => {
                put(&mut bytes, head.into());
                continue;
            }
            Word::Stored(_) => {
                at += 1;
                continue;
            }
            Word::End => {
                put(&mut bytes, right);
                put(&mut bytes, END);
                right = 0;
                continue;
            }
            Word::Byte(_) => (Step::Byte, BYTE),
            Word::Copy { length, back, odd } => {
                (Step::Copy { length, back }, if odd { ODD } else { length as u64 - 1 })
            }
        };
        if guesser.guess(at) == step && wrong != ODD {
            right += 1;
        } else {
            put(&mut bytes, right);
            put(&mut bytes, wrong);
            if let Step::Copy { back, .. } = step {
                put(&mut bytes, back as u64);
            }
            right = 0;
        }
        at += took(&mut guesser, at, step);
    }
    Some(bytes)
}

/// How far a step goes.
fn took(guesser: &mut Guesser<'_>, at: usize, step: Step) -> usize {
    let length = match step {
        Step::Byte => 1,
        Step::Copy { length, .. } => length,
    };
    guesser.took(at, length);
    length
}

/// Words from content, guesses and what is told of wrong ones.
struct Guessed<'a> {
    content: &'a [u8],
    at: usize,
    guesser: Guesser<'a>,
    numbers: Numbers<'a>,
    words: Vec<u8>,
}

impl Guessed<'_> {
    /// One block, while all words take at most `allowed` bytes; whether it was the last.
    fn block(&mut self, allowed: usize) -> Option<bool> {
        let mut head = tokens::Head::default();
        while let Some(wanted) = head.wants() {
            let word = u16::try_from(self.numbers.next()?).ok()?;
            self.word(word);
            head.push(wanted, word)?;
        }
        if let Some(stored) = head.stored() {
            let bytes = self.content.get(self.at..self.at + stored)?;
            bytes.iter().for_each(|byte| self.words.extend_from_slice(&[*byte, 0]));
            self.at += stored;
            return (self.words.len() <= allowed).then(|| head.is_last());
        }
        loop {
            let right = self.numbers.next()?;
            for _ in 0..right {
                self.guess()?;
            }
            match self.numbers.next()? {
                END => break,
                BYTE => self.step(Step::Byte, false)?,
                wrong => {
                    let odd = wrong == ODD;
                    let length = if odd { 258 } else { usize::try_from(wrong).ok()?.checked_add(1)? };
                    let back = usize::try_from(self.numbers.next()?).ok()?;
                    // A copy that the stream cannot tell, or that the content does not have, is none.
                    if !(3..=258).contains(&length) || !(1..=self.at.min(32_768)).contains(&back) {
                        return None;
                    }
                    // The guesser is asked each time, so that it has seen the same when it was and when it is.
                    self.guesser.guess(self.at);
                    self.copy(length, back, odd)?;
                }
            }
            if self.words.len() > allowed {
                return None;
            }
        }
        self.word(256);
        Some(head.is_last())
    }

    fn guess(&mut self) -> Option<()> {
        match self.guesser.guess(self.at) {
            Step::Byte => self.byte(),
            Step::Copy { length, back } => self.copy(length, back, false),
        }
    }

    fn step(&mut self, step: Step, odd: bool) -> Option<()> {
        self.guesser.guess(self.at);
        match step {
            Step::Byte => self.byte(),
            Step::Copy { length, back } => self.copy(length, back, odd),
        }
    }

    fn byte(&mut self) -> Option<()> {
        let byte = *self.content.get(self.at)?;
        self.word(byte.into());
        self.at += took(&mut self.guesser, self.at, Step::Byte);
        Some(())
    }

    fn copy(&mut self, length: usize, back: usize, odd: bool) -> Option<()> {
        let copy = tokens::copy_word(length, odd)?;
        self.word(copy);
        self.word(u16::try_from(back.checked_sub(1)?).ok()?);
        self.at += took(&mut self.guesser, self.at, Step::Copy { length, back });
        (self.at <= self.content.len()).then_some(())
    }

    fn word(&mut self, word: u16) {
        self.words.extend_from_slice(&word.to_le_bytes());
    }
}

impl Manner {
    fn put(self, to: &mut Vec<u8>) {
        for number in [self.chain, self.good, self.lazy, self.nice, self.too_far, self.reach, self.insert] {
            put(to, number.into());
        }
    }

    fn take(from: &mut Numbers<'_>) -> Option<Self> {
        let mut number = |most: u16| u16::try_from(from.next()?).ok().filter(|number| *number <= most);
        Some(Self {
            chain: number(LONGEST_CHAIN)?,
            good: number(258)?,
            lazy: number(258)?,
            nice: number(258)?,
            too_far: number(32_768)?,
            reach: number(32_768)?,
            insert: number(258)?,
        })
    }
}

/// The most bytes that the words of a stream may take whose content and packing take so many: streams of nothing but empty blocks are
/// left alone, in both directions.
fn words_of(bytes: usize) -> usize {
    bytes.saturating_mul(4).saturating_add(64 << 10)
}

const END: u64 = 0;
const BYTE: u64 = 1;
const ODD: u64 = 258;
/// Bytes of content on which manners are tried.
const TRIED: usize = 64 << 10;

#[cfg(test)]
mod tests;
