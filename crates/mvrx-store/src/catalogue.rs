//! The list of commits in memory: by order of arrival and by file.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use mvrx_message::FileUuid;

use crate::budget::Reservation;
use crate::store::StoredCommit;

/// What is listed. Each entry holds the bytes of its file in the quota.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    by_sequence: BTreeMap<u64, Listed>,
    by_file: HashMap<FileUuid, u64>,
}

#[derive(Debug)]
struct Listed {
    stored: StoredCommit,
    /// Each open reader of the file has one more of it.
    readers: Readers,
    bytes: Reservation,
}

/// Counts the open readers of a listed file by its clones.
pub(crate) type Readers = Arc<()>;

impl Catalogue {
    pub(crate) fn all(&self) -> Vec<StoredCommit> {
        self.by_sequence.values().map(|listed| listed.stored.clone()).collect()
    }

    /// With the bytes that each takes.
    pub(crate) fn all_with_bytes(&self) -> Vec<(StoredCommit, u64)> {
        self.by_sequence.values().map(|listed| (listed.stored.clone(), listed.bytes.bytes())).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_sequence.len()
    }

    pub(crate) fn find(&self, file: FileUuid) -> Option<&StoredCommit> {
        let sequence = self.by_file.get(&file)?;
        self.by_sequence.get(sequence).map(|listed| &listed.stored)
    }

    /// One of them, for a reader of its file.
    pub(crate) fn to_read(&self, file: FileUuid) -> Option<(StoredCommit, Readers)> {
        let listed = self.by_sequence.get(self.by_file.get(&file)?)?;
        Some((listed.stored.clone(), Arc::clone(&listed.readers)))
    }

    /// The oldest whose file nobody reads or needs, and the bytes of all that may go, one after the other. `needs`: the file of which commit that
    /// of another is put together from, each by its place in the order of arrival.
    pub(crate) fn unread(&self, needs: &HashMap<u64, u64>) -> Option<(FileUuid, u64)> {
        let is_read = |listed: &Listed| Arc::strong_count(&listed.readers) > 1;
        let (mut needed, mut stay) = (HashSet::new(), HashSet::new());
        for (sequence, listed) in &self.by_sequence {
            if let Some(other) = needs.get(sequence) {
                needed.insert(*other);
                if is_read(listed) {
                    stay.insert(*other);
                }
            }
        }
        let goes = |(sequence, listed): &(&u64, &Listed)| !is_read(listed) && !stay.contains(*sequence);
        let may_go = || self.by_sequence.iter().filter(goes);
        let (_, oldest) = may_go().find(|(sequence, _)| !needed.contains(*sequence))?;
        let bytes = may_go().fold(0_u64, |sum, (_, listed)| sum.saturating_add(listed.bytes.bytes()));
        Some((oldest.stored.commit.file, bytes))
    }

    /// Lists `stored`. The caller made sure that its file is not listed yet.
    pub(crate) fn insert(&mut self, stored: StoredCommit, bytes: Reservation) {
        self.by_file.insert(stored.commit.file, stored.sequence);
        self.by_sequence.insert(stored.sequence, Listed { stored, readers: Readers::default(), bytes });
    }

    /// The file takes less on the disk now.
    pub(crate) fn shrink(&mut self, file: FileUuid, bytes: u64) {
        let listed = self.by_file.get(&file).and_then(|sequence| self.by_sequence.get_mut(sequence));
        if let Some(listed) = listed {
            listed.bytes.shrink_to(bytes);
        }
    }

    pub(crate) fn remove(&mut self, file: FileUuid) {
        if let Some(sequence) = self.by_file.remove(&file) {
            self.by_sequence.remove(&sequence);
        }
    }
}
