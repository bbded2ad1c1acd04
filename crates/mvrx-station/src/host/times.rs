//! When this machine saw each commit first, for as long as the host remembers it.
//!
//! It knows nothing of what a commit says. A host that runs for months hears of more commits than it remembers: what it forgot is thrown
//! out now and then, so that the cost for each commit stays the same and the memory stays below [`SPARE`] beyond twice what is known.

use std::collections::HashMap;
use std::time::SystemTime;

use mvrx_message::FileUuid;

#[derive(Debug, Default)]
pub(super) struct Times {
    seen: HashMap<FileUuid, SystemTime>,
}

impl Times {
    pub(super) fn of(&self, file: FileUuid) -> Option<SystemTime> {
        self.seen.get(&file).copied()
    }

    /// The first time counts.
    pub(super) fn note(&mut self, file: FileUuid, at: SystemTime) {
        self.seen.entry(file).or_insert(at);
    }

    /// Throws out what is forgotten; `known` commits are remembered.
    pub(super) fn shrink(&mut self, known: usize, is_known: impl Fn(FileUuid) -> bool) {
        if self.seen.len() > known.saturating_mul(2).saturating_add(SPARE) {
            self.seen.retain(|file, _| is_known(*file));
        }
    }
}

/// So many more times than commits are kept before they are looked through.
const SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_forgotten_commits_go_and_those_of_known_ones_stay() {
        let file = |n: u64| {
            FileUuid::from_random_bytes([n.to_be_bytes(), n.to_be_bytes()].concat().try_into().unwrap())
        };
        let (mut times, first) = (Times::default(), SystemTime::UNIX_EPOCH);
        times.note(file(0), first);
        for n in 0..10_000 {
            times.note(file(n), SystemTime::now());
            // The first and the newest ten are remembered.
            times.shrink(11, |known| known == file(0) || (n.saturating_sub(9)..=n).any(|n| known == file(n)));
            assert!(times.seen.len() <= 2 * 11 + SPARE + 1, "{}", times.seen.len());
        }
        assert_eq!(times.of(file(0)), Some(first));
        assert!(times.of(file(9_999)).is_some() && times.of(file(5)).is_none());
    }
}
