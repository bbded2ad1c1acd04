//! The relayed files in our store, in the order of their commits, and how much they are of each station.
//!
//! It counts, and decides nothing: [`super::keep`] says what goes. Whose a file is: whoever brought its commit first, not whom that names as
//! its author, or somebody could push out the files of others by committing in their name.

use std::collections::{BTreeMap, VecDeque};

use mvrx_message::{FileUuid, StationUuid};

/// A relayed file in our store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeptFile {
    pub(super) file: FileUuid,
    pub(super) length: u64,
    /// Who brought its commit.
    pub(super) of: StationUuid,
}

/// All of them, oldest commit first.
#[derive(Debug, Default)]
pub(super) struct Kept {
    files: VecDeque<KeptFile>,
    bytes: u64,
    /// Bytes of each station that has any.
    each: BTreeMap<StationUuid, u64>,
}

impl Kept {
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn nth(&self, at: usize) -> Option<KeptFile> {
        self.files.get(at).copied()
    }

    /// Those from this place on.
    pub(super) fn from(&self, at: usize) -> impl Iterator<Item = KeptFile> + '_ {
        self.files.iter().skip(at).copied()
    }

    /// The place before which all files are that `is_older` holds for.
    pub(super) fn place(&self, is_older: impl Fn(FileUuid) -> bool) -> usize {
        self.files.partition_point(|kept| is_older(kept.file))
    }

    /// Those stations that have more than so many bytes.
    pub(super) fn above(&self, most: u64) -> Vec<StationUuid> {
        self.each.iter().filter(|(_, bytes)| **bytes > most).map(|(station, _)| *station).collect()
    }

    pub(super) fn bytes_of(&self, station: StationUuid) -> u64 {
        self.each.get(&station).copied().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, at: usize, kept: KeptFile) {
        self.bytes = self.bytes.saturating_add(kept.length);
        let each = self.each.entry(kept.of).or_default();
        *each = each.saturating_add(kept.length);
        self.files.insert(at.min(self.files.len()), kept);
    }

    pub(super) fn remove(&mut self, at: usize) -> Option<KeptFile> {
        let gone = self.files.remove(at)?;
        self.bytes = self.bytes.saturating_sub(gone.length);
        if let Some(each) = self.each.get_mut(&gone.of) {
            *each = each.saturating_sub(gone.length);
            if *each == 0 {
                self.each.remove(&gone.of);
            }
        }
        Some(gone)
    }

    /// Where a file is among them.
    pub(super) fn find(&self, file: FileUuid) -> Option<usize> {
        self.files.iter().position(|kept| kept.file == file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_of_each_and_of_all_is_what_is_there() {
        let station = |n: u8| StationUuid::from_random_bytes([n; 16]);
        let file = |n: u8| FileUuid::from_random_bytes([n; 16]);
        let mut kept = Kept::default();
        for n in 0..6 {
            kept.insert(0, KeptFile { file: file(n), length: 10, of: station(n % 2) });
        }
        assert_eq!((kept.len(), kept.bytes(), kept.bytes_of(station(0))), (6, 60, 30));
        assert_eq!(kept.above(29), [station(0), station(1)]);
        assert_eq!(kept.above(30), []);
        assert_eq!(kept.find(file(5)), Some(0));
        for _ in 0..3 {
            let at = (0..6).find(|at| kept.nth(*at).is_some_and(|kept| kept.of == station(0))).unwrap();
            kept.remove(at).unwrap();
        }
        assert_eq!((kept.len(), kept.bytes(), kept.bytes_of(station(0))), (3, 30, 0));
        assert_eq!(kept.remove(7), None);
    }
}
