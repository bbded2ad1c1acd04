//! The list of commits in memory: by order of arrival and by file.

use std::collections::{BTreeMap, HashMap};

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
    _bytes: Reservation,
}

impl Catalogue {
    pub(crate) fn all(&self) -> Vec<StoredCommit> {
        self.by_sequence.values().map(|listed| listed.stored.clone()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_sequence.len()
    }

    pub(crate) fn find(&self, file: FileUuid) -> Option<&StoredCommit> {
        let sequence = self.by_file.get(&file)?;
        self.by_sequence.get(sequence).map(|listed| &listed.stored)
    }

    /// Lists `stored`. The caller made sure that its file is not listed yet.
    pub(crate) fn insert(&mut self, stored: StoredCommit, bytes: Reservation) {
        self.by_file.insert(stored.commit.file, stored.sequence);
        self.by_sequence.insert(stored.sequence, Listed { stored, _bytes: bytes });
    }

    pub(crate) fn remove(&mut self, file: FileUuid) {
        if let Some(sequence) = self.by_file.remove(&file) {
            self.by_sequence.remove(&sequence);
        }
    }
}
