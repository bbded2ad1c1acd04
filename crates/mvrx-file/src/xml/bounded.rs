//! A buffered reader that counts lines and refuses to deliver more than so many bytes for one token.

use std::io::{self, BufRead, Read};

pub(super) struct Bounded<R> {
    source: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    line: u32,
    token: usize,
    allowed: usize,
    too_long: bool,
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
            allowed,
            too_long: false,
        }
    }

    /// From here on the allowance counts anew.
    pub(super) fn begin_token(&mut self) {
        self.token = 0;
    }

    /// The line of the next byte, from 1.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// Whether the allowance was the reason for the last error.
    pub(super) fn token_too_long(&self) -> bool {
        self.too_long
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

impl<R: Read> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.token > self.allowed {
            self.too_long = true;
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
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
        Ok(self.held())
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.end - self.start);
        let taken = self.held().get(..amount).unwrap_or_default();
        let lines = taken.iter().filter(|byte| **byte == b'\n').count();
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

/// How far a token may exceed its allowance.
const BUFFER: usize = 32 * 1024;
