//! How often stations got our files, for those who were not there to hear of it.
//!
//! It knows no rule of the exchange. Events are dropped where nobody reads them; what is counted here is not.

use std::collections::HashMap;

use mvrx_message::FileUuid;

/// How often each file was sent whole.
#[derive(Debug, Default)]
pub(crate) struct Fetches {
    counts: HashMap<FileUuid, u64>,
}

impl Fetches {
    /// Once more. Of files that are not `known` any more nothing is kept when there are too many.
    pub(crate) fn note(&mut self, file: FileUuid, known: impl Fn(FileUuid) -> bool) {
        if self.counts.len() >= MOST && !self.counts.contains_key(&file) {
            self.counts.retain(|file, _| known(*file));
        }
        *self.counts.entry(file).or_default() += 1;
    }

    pub(crate) fn of(&self, file: FileUuid) -> u64 {
        self.counts.get(&file).copied().unwrap_or(0)
    }
}

/// Files counted before it is looked which of them are gone.
const MOST: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_gone_make_room_and_others_keep_their_count() {
        let file = |n: usize| FileUuid::from_random_bytes(u128::try_from(n).unwrap().to_be_bytes());
        let mut fetches = Fetches::default();
        for n in 0..MOST + 10 {
            fetches.note(file(n), |known| known == file(7));
        }
        fetches.note(file(7), |_| false);
        assert_eq!((fetches.of(file(7)), fetches.of(file(8)), fetches.of(file(MOST + 9))), (2, 0, 1));
        assert!(fetches.counts.len() <= MOST);
    }
}
