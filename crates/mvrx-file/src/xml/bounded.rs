//! A buffered reader that counts lines and bounds the length of one token.
//!
//! A tag that is longer is refused. A text, a CDATA section or a comment that is longer is cut: what is left of it is stepped over and
//! only digested, so that the rest of the file is read and a comparison still notices what changed behind the cut.
//!
//! ```text
//!  Begin ─┬─ any byte but < ─────────► Text ──────╮
//!         ├─ <![CDATA[ ──────────────► Section ───┼─ allowance used up ─► stepping over ─► its end, delivered
//!         ├─ <!-- ───────────────────► Comment ───╯
//!         ╰─ < and anything else ────► Tag ───────── allowance used up ─► refused
//! ```

use std::hash::{DefaultHasher, Hasher};
use std::io::{self, BufRead, Read};

pub(super) struct Bounded<R> {
    source: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    line: u32,
    /// Bytes of this token that were delivered.
    token: usize,
    /// The first of them.
    opening: [u8; OPENING],
    /// The last two that were delivered.
    last: [u8; 2],
    allowed: usize,
    too_long: bool,
    /// Digest of what was stepped over in this token.
    cut: Option<DefaultHasher>,
    /// How many bytes of the end of a section are to be delivered before anything else.
    closing: &'static [u8],
}

impl<R: Read> Bounded<R> {
    pub(super) fn new(source: R, allowed: usize) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
            line: 1,
            token: 0,
            opening: [0; OPENING],
            last: [0; 2],
            allowed,
            too_long: false,
            cut: None,
            closing: &[],
        }
    }

    /// From here on the allowance counts anew.
    pub(super) fn begin_token(&mut self) {
        self.token = 0;
        self.opening = [0; OPENING];
        self.last = [0; 2];
        self.cut = None;
    }

    /// The line of the next byte, from 1.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// Whether the allowance was the reason for the last error.
    pub(super) fn token_too_long(&self) -> bool {
        self.too_long
    }

    /// Digest of the part of this token that was stepped over.
    pub(super) fn cut(&self) -> Option<u64> {
        self.cut.as_ref().map(Hasher::finish)
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads on when nothing is held.
    fn refill(&mut self) -> io::Result<()> {
        while self.start == self.end {
            match self.source.read(&mut self.buffer) {
                Ok(count) => {
                    self.start = 0;
                    self.end = count;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What the token may end with, when it may be cut; a text ends before the next mark.
    fn ending(&self) -> Option<&'static [u8]> {
        if self.opening.starts_with(b"<![CDATA[") {
            Some(b"]]>")
        } else if self.opening.starts_with(b"<!--") {
            Some(b"-->")
        } else if self.opening.starts_with(b"<") || self.opening.starts_with(b"&") {
            None
        } else {
            Some(b"")
        }
    }

    /// Steps over what is left of a text, up to a mark, or of a section, including its end.
    fn step_over(&mut self, ending: &'static [u8]) -> io::Result<()> {
        // The end may have begun before the cut.
        let mark = ending.first().copied();
        let mut matched = self.last.iter().rev().take_while(|byte| Some(**byte) == mark).count();
        loop {
            self.refill()?;
            let Some(byte) = self.held().first().copied() else { return Ok(()) };
            let stops = |byte: u8| match mark {
                None => matches!(byte, b'<' | b'&'),
                Some(mark) => byte == mark,
            };
            // The digest is the same wherever the buffer ends.
            let run = self.held().iter().position(|byte| stops(*byte)).unwrap_or(self.end - self.start);
            if matched == 0 && run > 0 {
                self.skip(run);
                continue;
            }
            if mark.is_none() {
                return Ok(());
            }
            self.skip(1);
            // The end marks repeat their first character and nothing else: ]]]> ends as well as ]]>.
            matched = match ending.get(matched) {
                Some(wanted) if *wanted == byte => matched + 1,
                _ if mark == Some(byte) => matched,
                _ => 0,
            };
            if matched == ending.len() {
                self.closing = ending;
                return Ok(());
            }
        }
    }
}

impl<R> Bounded<R> {
    /// Steps over bytes that are held.
    fn skip(&mut self, count: usize) {
        let bytes = self.buffer.get(self.start..self.start + count).unwrap_or_default();
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.cut.get_or_insert_default().write(bytes);
        self.start += count;
    }
}

impl<R: Read> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.closing.is_empty() {
            return Ok(self.closing);
        }
        if self.token >= self.allowed && self.cut.is_none() {
            self.refill()?;
            // Not between the bytes of one character.
            let inside = self.held().first().is_some_and(|byte| byte & 0xC0 == 0x80);
            match self.ending() {
                Some(_) if inside => {
                    let more = self.held().iter().take_while(|byte| **byte & 0xC0 == 0x80).count();
                    return Ok(self.held().get(..more).unwrap_or_default());
                }
                Some(ending) => {
                    self.step_over(ending)?;
                    if !self.closing.is_empty() {
                        return Ok(self.closing);
                    }
                }
                None if self.token > self.allowed => {
                    self.too_long = true;
                    return Err(io::Error::from(io::ErrorKind::FileTooLarge));
                }
                None => {}
            }
        }
        self.refill()?;
        let room = if self.token < self.allowed { self.allowed - self.token } else { usize::MAX };
        let held = self.held();
        Ok(held.get(..room.min(held.len())).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        if !self.closing.is_empty() {
            self.closing = self.closing.get(amount..).unwrap_or_default();
            return;
        }
        let amount = amount.min(self.end - self.start);
        let taken = self.buffer.get(self.start..self.start + amount).unwrap_or_default();
        let lines = taken.iter().filter(|byte| **byte == b'\n').count();
        for (slot, byte) in self.opening.iter_mut().skip(self.token).zip(taken) {
            *slot = *byte;
        }
        for byte in taken.get(taken.len().saturating_sub(2)..).unwrap_or_default() {
            self.last = [self.last[1], *byte];
        }
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.token += amount;
        self.start += amount;
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut held = self.fill_buf()?;
        let count = held.read(buf)?;
        self.consume(count);
        Ok(count)
    }
}

/// How far a tag may exceed its allowance.
const BUFFER: usize = 32 * 1024;
/// Bytes that tell what a token is.
const OPENING: usize = 9;
