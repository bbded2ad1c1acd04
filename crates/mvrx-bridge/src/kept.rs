//! The bridge's store as its stations see it: all of them share its files, and each lists its own.

use std::path::Path;
use std::sync::Arc;

use mvrx_message::{Commit, FileUuid, StationUuid};
use mvrx_store::{
    Cancel, Expect, ImportError, ListError, Pending, Problem, PutAway, PutAwayError, ReadError, RemoveError,
    Store, StoredCommit, StoredFile, WriteError, Writer,
};

/// The files of one author, for the stand-in that lists them from its first JOIN on; `None`: of nobody, for the bridge itself.
#[derive(Debug)]
pub(crate) struct KeptOf {
    pub(crate) all: Arc<dyn Store>,
    pub(crate) author: Option<StationUuid>,
}

impl Store for KeptOf {
    fn commits(&self) -> Result<Vec<StoredCommit>, ListError> {
        let Some(author) = self.author else { return Ok(Vec::new()) };
        let mut commits = self.all.commits()?;
        commits.retain(|stored| stored.commit.station == Some(author));
        Ok(commits.into_iter().filter_map(as_it_is).collect())
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

    fn open(&self, file: FileUuid) -> Result<StoredFile, ReadError> {
        self.all.open(file)
    }

    fn remove(&self, file: FileUuid) -> Result<(), RemoveError> {
        self.all.remove(file)
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
