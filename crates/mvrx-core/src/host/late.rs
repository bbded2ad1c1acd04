//! Answers that a connection still owes: of which files they may be, how many of them may come, and whose a file is that comes.
//!
//! There are no request ids on the wire: an answer belongs to the oldest REQUEST of its connection that is not answered. One that did not
//! come in time may still come, joined without a pause to the next one, or never.
//!
//! It knows no connection and no time. What is remembered is bounded by [`super::Limits::late`].

use std::collections::VecDeque;
use std::ops::Range;

use mvrx_message::Commit;

use crate::history::announced_size;

/// A file that somebody was asked for, and how it would be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Late {
    pub(super) expected: Option<u64>,
    pub(super) hash: Option<[u8; 32]>,
}

/// What came, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrived {
    pub(super) length: u64,
    /// `None`: nobody looked.
    pub(super) hash: Option<[u8; 32]>,
    /// It is one whole archive for sure.
    pub(super) archive: bool,
}

/// Whose a file is that came while more than one was owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    /// The answer to the newest REQUEST. Unless `proven`, its length alone says so.
    Own { proven: bool },
    /// These late ones.
    Late(Range<usize>),
    /// These late ones and the newest REQUEST's behind them, with nothing that shows where one ends.
    Joined(Range<usize>),
}

impl Late {
    /// The file of a commit; nothing is known of one that no commit tells of.
    pub(super) fn of(commit: Option<&Commit>) -> Self {
        Self { expected: commit.and_then(announced_size), hash: commit.and_then(|commit| commit.blake3) }
    }

    /// Whether what came could be this one.
    fn may_be(&self, arrived: &Arrived) -> bool {
        match (self.hash, arrived.hash) {
            (Some(known), Some(hash)) => known == hash,
            _ => self.expected.is_none_or(|expected| expected == arrived.length),
        }
    }
}

/// What a connection owes beside its answer to the newest REQUEST.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Of which files the answers may be, oldest first.
    files: VecDeque<Late>,
    /// How many answers may still come: fewer than files, where one was refused and nobody knows which.
    answers: usize,
}

impl Owed {
    pub(super) fn is_nothing(&self) -> bool {
        self.answers == 0
    }

    /// One more answer may come, and it is this one's. At most `most` are remembered.
    pub(super) fn add(&mut self, late: Late, most: usize) {
        self.files.push_back(late);
        self.answers += 1;
        self.shrink(most);
    }

    /// The newest REQUEST or one of these was refused: as many answers may come as before, and each of any.
    pub(super) fn add_instead(&mut self, late: Late, most: usize) {
        self.files.push_back(late);
        self.shrink(most);
    }

    /// One of them was refused.
    pub(super) fn refused(&mut self) {
        self.count_down(1);
    }

    /// What is read away came, whichever it was.
    pub(super) fn read_away(&mut self, arrived: &Arrived) {
        match self.late_one(arrived).unwrap_or(0..1) {
            late if late.end <= self.files.len() => self.came(late),
            _ => {}
        }
    }

    /// These came.
    pub(super) fn came(&mut self, late: Range<usize>) {
        let count = late.len();
        self.files.drain(late);
        self.count_down(count);
    }

    /// Whose a file is that came as the answer to `own`, or as one of these.
    pub(super) fn whose(&self, own: &Late, arrived: &Arrived) -> Whose {
        let is_told = own.hash.is_some() && arrived.hash.is_some();
        let late = self.late_one(arrived);
        if own.may_be(arrived) && (is_told || late.is_none()) {
            return Whose::Own { proven: is_told || arrived.archive };
        }
        if let Some(late) = late {
            return Whose::Late(late);
        }
        let joined = own
            .expected
            .and_then(|own| arrived.length.checked_sub(own))
            .filter(|rest| *rest > 0 && !arrived.archive)
            .and_then(|rest| self.run_of(rest));
        // Nothing fits: answers come in order.
        joined.map_or(Whose::Late(0..1.min(self.files.len())), Whose::Joined)
    }

    /// The late one that this is, or the run of them.
    fn late_one(&self, arrived: &Arrived) -> Option<Range<usize>> {
        match self.files.iter().position(|late| late.may_be(arrived)) {
            Some(at) => Some(at..at + 1),
            None if arrived.archive => None,
            None => self.run_of(arrived.length),
        }
    }

    /// Late ones that follow each other and have this length together.
    fn run_of(&self, length: u64) -> Option<Range<usize>> {
        (0..self.files.len()).find_map(|from| {
            let mut sum = 0_u64;
            for (at, late) in self.files.iter().enumerate().skip(from) {
                sum = sum.checked_add(late.expected?)?;
                if sum >= length {
                    return (sum == length).then_some(from..at + 1);
                }
            }
            None
        })
    }

    /// The length of the shortest file that may come, `own` among them; `None`: one of them may have any.
    pub(super) fn shortest(&self, own: Option<Late>) -> Option<u64> {
        let mut lengths = self.files.iter().chain(&own).map(|late| late.expected);
        let first = lengths.next()?;
        lengths.fold(first, |least, other| Some(least?.min(other?)))
    }

    /// The file that comes, if it can be no other one.
    pub(super) fn only(&self, own: Option<Late>) -> Option<Late> {
        let mut all = self.files.iter().copied().chain(own);
        all.next().filter(|_| all.next().is_none())
    }

    fn count_down(&mut self, count: usize) {
        self.answers = self.answers.saturating_sub(count).min(self.files.len());
        if self.answers == 0 {
            self.files.clear();
        }
    }

    fn shrink(&mut self, most: usize) {
        while self.files.len() > most.max(1) {
            self.files.pop_front();
        }
        self.answers = self.answers.min(self.files.len());
    }
}

#[cfg(test)]
mod tests;
