//! The bridge's store as its stations see it: all of them share its files, and each lists its own.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use mvrx_message::{Commit, FileUuid, StationUuid};
use mvrx_store::{
    Cancel, Expect, ImportError, ListError, PartOf, Pending, Problem, PutAway, PutAwayError, ReadError,
    RemoveError, Store, StoredCommit, StoredFile, WithdrawError, WriteError, Writer,
};

use crate::again::Again;
use crate::gone::Gone;

/// The files of one author, for the stand-in that lists them from its first JOIN on; `None`: of nobody, for the bridge itself.
#[derive(Debug)]
pub(crate) struct KeptOf {
    pub(crate) all: Arc<dyn Store>,
    pub(crate) author: Option<StationUuid>,
    /// How a file that made room is got again.
    pub(crate) again: Option<Again>,
    /// What made room, and is listed all the same.
    pub(crate) gone: Gone,
}

impl Store for KeptOf {
    fn commits(&self) -> Result<Vec<StoredCommit>, ListError> {
        let Some(author) = self.author else { return Ok(Vec::new()) };
        let mut commits = self.all.commits()?;
        commits.retain(|stored| stored.commit.station == Some(author));
        // req: BRG-26
        let mut gone = self.gone.of(author);
        gone.retain(|gone| commits.iter().all(|stored| stored.commit.file != gone.commit.file));
        Ok(gone.into_iter().chain(commits.into_iter().filter_map(as_it_is)).collect())
    }

    fn commit(&self, file: FileUuid) -> Result<Option<StoredCommit>, ListError> {
        self.all.commit(file)
    }

    fn import(
        &self,
        source: &Path,
        progress: &dyn Fn(u64),
        cancel: &Cancel,
    ) -> Result<Box<dyn Pending>, ImportError> {
        self.all.import(source, progress, cancel)
    }

    fn begin(&self, expect: Expect) -> Result<Box<dyn Writer>, WriteError> {
        self.all.begin(expect)
    }

    fn part(&self, of: &PartOf) -> u64 {
        self.all.part(of)
    }

    fn begin_part(&self, of: &PartOf, from: u64) -> Result<Box<dyn Writer>, WriteError> {
        self.all.begin_part(of, from)
    }

    fn open(&self, file: FileUuid) -> Result<StoredFile, ReadError> {
        match (self.all.open(file), &self.again) {
            (Err(ReadError::FileNotListed { .. }), Some(again)) if again.fetch(file) => self.all.open(file),
            (other, _) => other,
        }
    }

    fn remove(&self, file: FileUuid) -> Result<(), RemoveError> {
        self.all.remove(file)
    }

    fn withdraw(&self, file: FileUuid) -> Result<bool, WithdrawError> {
        self.all.withdraw(file)
    }

    fn withdrawn(&self) -> Result<HashSet<FileUuid>, ListError> {
        self.all.withdrawn()
    }

    fn put_away(
        &self,
        file: FileUuid,
        folder: &Path,
        name_hint: &str,
        cancel: &Cancel,
    ) -> Result<PutAway, PutAwayError> {
        self.all.put_away(file, folder, name_hint, cancel)
    }

    fn problems(&self) -> Vec<Problem> {
        self.all.problems()
    }
}

/// The commit with the length and the hash that its file has; `None`: it is not the file that was announced.
// req: BRG-12
pub(crate) fn as_it_is(stored: StoredCommit) -> Option<StoredCommit> {
    let StoredCommit { commit, length, hash, .. } = &stored;
    let sound = match commit.blake3 {
        Some(announced) => announced == *hash,
        None => commit.file_size == 0 || commit.file_size == *length,
    };
    let commit = Commit { file_size: *length, blake3: Some(*hash), ..commit.clone() };
    sound.then_some(StoredCommit { commit, ..stored })
}

#[cfg(test)]
mod tests {
    use mvrx_store::MemStore;

    use super::*;

    #[test]
    fn a_file_that_broke_off_on_its_way_to_the_bridge_is_gone_on_with_by_whichever_station_of_it() {
        let all: Arc<dyn Store> = Arc::new(MemStore::new());
        let view = |author| KeptOf { all: Arc::clone(&all), author, again: None, gone: Gone::default() };
        let (bridge, stand_in) = (view(None), view(Some(StationUuid::from_random_bytes([1; 16]))));
        let of = PartOf { file: FileUuid::from_random_bytes([9; 16]), length: 10, hash: [0; 32] };
        assert_eq!(bridge.part(&of), 0);
        let mut writer = bridge.begin_part(&of, 0).unwrap();
        writer.write(b"begun").unwrap();
        drop(writer);
        assert_eq!(stand_in.part(&of), 5);
        assert_eq!(stand_in.begin_part(&of, 5).unwrap().received(), 5);
    }
}
