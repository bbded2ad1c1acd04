//! The traits that a store implements. All of them block and are object-safe: a caller with an event loop uses them
//! on a thread of its own.

use std::collections::HashSet;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use mvrx_message::PartOf;
use mvrx_message::{Commit, FileUuid};

use crate::cancel::Cancel;
use crate::error::{
    ImportError, ListError, PublishError, PutAsideError, PutAwayError, ReadError, RemoveError, WithdrawError,
    WriteError,
};
use crate::problem::Problem;
use crate::stored_file::StoredFile;

/// Commits and their files.
///
/// A commit is listed from the moment [`Pending::publish`] returned, after every crash as well, until [`Store::remove`].
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// Every commit whose file can be served, in the order of arrival.
    ///
    /// # Errors
    /// See [`ListError`]; the stores of this crate never fail here.
    fn commits(&self) -> Result<Vec<StoredCommit>, ListError>;

    /// One of them.
    ///
    /// # Errors
    /// As [`Store::commits`].
    fn commit(&self, file: FileUuid) -> Result<Option<StoredCommit>, ListError> {
        Ok(self.commits()?.into_iter().find(|stored| stored.commit.file == file))
    }

    /// Takes in a file of the user: shares its bytes where the disk can, else copies them. What happens to the
    /// original afterwards changes nothing. `progress` is called with the bytes done so far, at least at the end.
    ///
    /// Ends at the next piece when `cancel` is thrown.
    ///
    /// # Errors
    /// See [`ImportError`]; nothing of the file is left then.
    fn import(
        &self,
        source: &Path,
        progress: &dyn Fn(u64),
        cancel: &Cancel,
    ) -> Result<Box<dyn Pending>, ImportError>;

    /// Takes in a file that arrives piece by piece.
    ///
    /// # Errors
    /// See [`WriteError`]: a length over a limit is refused before a byte is written.
    fn begin(&self, expect: Expect) -> Result<Box<dyn Writer>, WriteError>;

    /// How many bytes are kept of a file that broke off in the middle; 0 where there is no such. Does not block for long.
    fn part(&self, of: &PartOf) -> u64 {
        let _ = of;
        0
    }

    /// Takes in a file that can be gone on with: where its writer is dropped before the end, or the process ends, its bytes are kept,
    /// as [`Limits::parts`](crate::Limits) and the others allow. Goes on behind the first `from` bytes of what is kept, which are
    /// read once for the hash; with 0 it begins anew, and what was kept goes. Of one file one writer at a time keeps what it has.
    ///
    /// # Errors
    /// As [`Store::begin`], and where `from` bytes are not there.
    fn begin_part(&self, of: &PartOf, from: u64) -> Result<Box<dyn Writer>, WriteError> {
        if from > 0 {
            return Err(WriteError::PartNotThere { wanted: from, found: 0 });
        }
        self.begin(Expect::Announced(of.length))
    }

    /// Opens a listed file for reading. It can be read to its end whatever happens to the list meanwhile.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn open(&self, file: FileUuid) -> Result<StoredFile, ReadError>;

    /// Removes a commit and its file.
    ///
    /// # Errors
    /// See [`RemoveError`].
    fn remove(&self, file: FileUuid) -> Result<(), RemoveError>;

    /// Marks a listed commit as taken back by who made it; durable when it returns. It stays listed here, for its history, and
    /// [`Store::withdrawn`] tells that nobody else is to have it. `false`: it is marked already.
    ///
    /// # Errors
    /// See [`WithdrawError`]; nothing is changed then.
    fn withdraw(&self, file: FileUuid) -> Result<bool, WithdrawError> {
        let _ = file;
        Err(WithdrawError::NotRemembered)
    }

    /// The files of the commits that were marked so. May block.
    ///
    /// # Errors
    /// See [`ListError`].
    fn withdrawn(&self) -> Result<HashSet<FileUuid>, ListError> {
        Ok(HashSet::new())
    }

    /// Saves a listed file into a folder of the user under a safe name made of `name_hint`. Never overwrites: a name
    /// that is taken by other content gets a number, and where one of these names has a file of the same bytes
    /// already, that one is the answer and no second copy is made. The saved bytes are checked against the stored
    /// hash.
    ///
    /// Ends at the next piece when `cancel` is thrown.
    ///
    /// # Errors
    /// See [`PutAwayError`]; nothing of the file is left in the folder then.
    fn put_away(
        &self,
        file: FileUuid,
        folder: &Path,
        name_hint: &str,
        cancel: &Cancel,
    ) -> Result<PutAway, PutAwayError>;

    /// What was found to be wrong with the store itself and could not be mended. Empty when all is well.
    fn problems(&self) -> Vec<Problem>;
}

/// A whole file that is not listed yet. Dropping it gives the file up.
pub trait Pending: Send + fmt::Debug {
    /// Its length in bytes, counted and not as announced.
    fn length(&self) -> u64;

    /// BLAKE3 of its bytes.
    fn hash(&self) -> [u8; 32];

    /// The announced length where it was another one ([`Expect::Announced`]): the caller decides whether to go on.
    fn announced_otherwise(&self) -> Option<u64>;

    /// Reads the file before it is listed.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read(&self) -> Result<StoredFile, ReadError>;

    /// Keeps the file aside for a person to look at, under a name that says why, and tells where: it is never listed, opened or counted.
    /// The oldest of such files make room for it; `None` where it is not kept, and nothing of it is left then.
    ///
    /// # Errors
    /// See [`PutAsideError`]; the file is given up then.
    fn put_aside(self: Box<Self>, file: FileUuid, why: Bad) -> Result<Option<PathBuf>, PutAsideError> {
        let _ = (file, why);
        Ok(None)
    }

    /// Lists the file as `commit` of `group`. When this returns, both survive a crash.
    ///
    /// A file that is listed already with the same bytes is left as it is, and its first commit returned. The commit
    /// is kept as given, also where its `file_size` is not the real length: see [`StoredCommit::length`].
    ///
    /// # Errors
    /// See [`PublishError`]; the file is given up then.
    fn publish(self: Box<Self>, commit: &Commit, group: &str) -> Result<StoredCommit, PublishError>;
}

/// A file that arrives. Dropping it gives the file up and tells its readers.
pub trait Writer: Send + fmt::Debug {
    /// Appends `bytes`. Large pieces (256 KiB and more) are best: each is one write to the disk.
    ///
    /// # Errors
    /// See [`WriteError`]; the writer takes nothing more then.
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError>;

    /// The file on the disk, cursor at its end, for those who move bytes from a socket into it in the kernel. After
    /// each such move they tell [`Writer::moved`]. `None` where there is no such file: use [`Writer::write`].
    fn as_file(&mut self) -> Option<&mut File>;

    /// `count` bytes were appended to [`Writer::as_file`]. Readers see them from now on; the hash is computed by
    /// reading them back.
    ///
    /// # Errors
    /// As [`Writer::write`]. To be refused before the bytes are moved, ask [`Writer::room`].
    fn moved(&mut self, count: u64) -> Result<(), WriteError>;

    /// How many more bytes are allowed: up to the required length or the limit of one file.
    fn room(&self) -> u64;

    /// Bytes that arrived.
    fn received(&self) -> u64;

    /// The file as it grows. May be called often; every reader is on its own.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn reader(&self) -> Result<StoredFile, ReadError>;

    /// The file has arrived.
    ///
    /// # Errors
    /// See [`WriteError`]: too short or long where an exact length was required, and what the disk says.
    fn finish(self: Box<Self>) -> Result<Box<dyn Pending>, WriteError>;
}

/// What is wrong with a file that is put aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bad {
    /// It is no whole archive.
    Damaged,
    /// It is not the file that was announced.
    OtherFile,
}

impl Bad {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Damaged, Self::OtherFile];

    /// The word for it in the name of a file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::OtherFile => "other-file",
        }
    }
}

/// What is known of the length of an incoming file, and what follows when it is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing is known.
    Unknown,
    /// The file has this length or is refused: a package's own length, or an agreed one. One byte more fails the
    /// write that brings it, one less fails [`Writer::finish`].
    Exactly(u64),
    /// Somebody said so (`FileSize` of foreign products is often wrong). Any length is taken, and
    /// [`Pending::announced_otherwise`] reports the difference.
    Announced(u64),
}

/// A listed commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCommit {
    /// The commit as it was published.
    pub commit: Commit,
    /// Its place in the order of arrival. Grows, is never used twice.
    pub sequence: u64,
    /// When it was published, to the millisecond.
    pub seen: SystemTime,
    /// BLAKE3 of the file.
    pub hash: [u8; 32],
    /// Bytes of the file, counted.
    pub length: u64,
    /// The group it belongs to.
    pub group: String,
}

/// Where [`Store::put_away`] put a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutAway {
    /// The file in the user's folder.
    pub path: PathBuf,
    /// Whether it was there before, with the same bytes, so that nothing was written.
    pub already_there: bool,
}
