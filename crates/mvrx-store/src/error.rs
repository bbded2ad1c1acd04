//! What can go wrong, one enum per operation. Variants are whole claims; fields are what was seen and what was
//! allowed, never a byte of a file. After any of them the store goes on: what it listed before it still lists.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mvrx_message::{Blame, FileUuid};

use crate::disk::DiskError;

/// Why a directory cannot be used as a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// Another running station holds the directory.
    #[error("the directory {} is in use{}", path.display(), by_process(*process))]
    DirectoryInUse {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, where it could be read.
        process: Option<u32>,
    },
    /// The given lock is of a directory that does not contain this one.
    #[error("the lock on {} does not cover {}", locked.display(), wanted.display())]
    LockCoversOtherDirectory {
        /// What is locked.
        locked: PathBuf,
        /// What was to be opened.
        wanted: PathBuf,
    },
    /// A newer version wrote this store. Nothing was changed in it.
    #[error("{} has schema {found}, and this version reads up to {supported}", path.display())]
    SchemaNewerThanSupported {
        /// The file that says so.
        path: PathBuf,
        /// The schema that it names.
        found: u64,
        /// The newest that is read here.
        supported: u64,
    },
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why the list of commits cannot be told. The stores of this crate have it in memory and never fail; a store over
/// a database may.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a bad file was not kept aside. It was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutAsideError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a file of the user was not taken in. Nothing of it is left in the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// There is nothing at this path.
    #[error("{} does not exist", path.display())]
    SourceMissing {
        /// The path as given.
        path: PathBuf,
    },
    /// The path is a folder's.
    #[error("{} is a folder, not a file", path.display())]
    SourceIsFolder {
        /// The path as given.
        path: PathBuf,
    },
    /// The path is a pipe's or a device's.
    #[error("{} is not a regular file", path.display())]
    SourceIsNoRegularFile {
        /// The path as given.
        path: PathBuf,
    },
    /// The file has no bytes.
    #[error("{} is empty", path.display())]
    SourceEmpty {
        /// The path as given.
        path: PathBuf,
    },
    /// Somebody wrote to the file while it was copied, so the copy may be half old and half new.
    #[error("{} changed while it was copied ({before} bytes before, {after} after)", path.display())]
    SourceChangedWhileCopied {
        /// The path as given.
        path: PathBuf,
        /// Its length when the copy began.
        before: u64,
        /// Its length when the copy ended; equal when only its times changed.
        after: u64,
    },
    /// The file cannot be opened or read.
    #[error("the source cannot be read: {0}")]
    SourceUnreadable(#[source] DiskError),
    /// The cancel switch was thrown.
    #[error("the import was cancelled")]
    ImportCancelled,
    /// A limit or the store's own disk refused.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why bytes of an incoming file were not taken. The writer is of no more use; its temporary file goes with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Of the file that was to be gone on with there is not so much.
    #[error("{wanted} bytes of it were to be here, and {found} are")]
    PartNotThere {
        /// Bytes behind which it was to go on.
        wanted: u64,
        /// Bytes that are kept.
        found: u64,
    },
    /// The file ended before the length that was required of it.
    #[error("the file ended after {received} bytes of {expected}")]
    FileShorterThanExpected {
        /// Bytes that arrived.
        received: u64,
        /// Bytes that were to arrive.
        expected: u64,
    },
    /// The file went on after the length that was required of it.
    #[error("the file has at least {received} bytes instead of {expected}")]
    FileLongerThanExpected {
        /// Bytes that arrived, with the piece that was refused.
        received: u64,
        /// Bytes that were to arrive.
        expected: u64,
    },
    /// The file is, or is announced, longer than one file may be.
    #[error("a file of {length} bytes is over the limit of {allowed}")]
    FileOverLimit {
        /// Its length, as announced or as far as it arrived.
        length: u64,
        /// [`Limits::file_bytes`](crate::Limits::file_bytes).
        allowed: u64,
    },
    /// The store is full.
    #[error("the store holds {used} bytes of {allowed} and has no room for {wanted} more")]
    StoreQuotaReached {
        /// Bytes held and arriving.
        used: u64,
        /// Bytes that were to be added.
        wanted: u64,
        /// [`Limits::total_bytes`](crate::Limits::total_bytes).
        allowed: u64,
    },
    /// The length on the disk is not what was told to have been written there.
    #[error("{told} bytes were told to be written and the disk has {found}")]
    DiskHasOtherLengthThanTold {
        /// The sum of what was written and told by `moved`.
        told: u64,
        /// The length of the file.
        found: u64,
    },
    /// The writer was dropped before the file was whole: the connection ended.
    #[error("the file was given up after {received} bytes")]
    WriterDropped {
        /// Bytes that arrived.
        received: u64,
    },
    /// An earlier call failed; nothing more is taken.
    #[error("an earlier write failed")]
    WriterFailedBefore,
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a whole file was not added to the list. Its bytes are gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The list has this file already, with other bytes.
    #[error("{file} is listed already, with other content")]
    FileListedWithOtherContent {
        /// The file.
        file: FileUuid,
        /// BLAKE3 of the listed bytes.
        listed: [u8; 32],
        /// BLAKE3 of the refused bytes.
        offered: [u8; 32],
    },
    /// The commit tells the BLAKE3 of other bytes than these.
    #[error("{file} does not have the content that its commit tells of")]
    ContentIsNotTheCommits {
        /// The file.
        file: FileUuid,
        /// The BLAKE3 in the commit.
        told: [u8; 32],
        /// BLAKE3 of the bytes.
        found: [u8; 32],
    },
    /// The list is full.
    #[error("the list has {listed} commits and the limit is {allowed}")]
    CommitListFull {
        /// Commits listed.
        listed: usize,
        /// [`Limits::commits`](crate::Limits::commits).
        allowed: usize,
    },
    /// The commit's texts and lists make an index record that is too long.
    #[error("the commit makes a record of {length} bytes and the limit is {allowed}")]
    CommitRecordOverLimit {
        /// Bytes of the record.
        length: u64,
        /// [`Limits::record_bytes`](crate::Limits::record_bytes).
        allowed: u64,
    },
    /// No number is left for the order of arrival. Only a forged record can bring a store here.
    #[error("no sequence number is left")]
    SequenceExhausted,
    /// The disk refused. The commit is not listed now; only after a disk that failed to undo the attempt as well can
    /// it be listed after the next start.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why bytes of a stored or arriving file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No such file is listed.
    #[error("{file} is not in the store")]
    FileNotListed {
        /// The file.
        file: FileUuid,
    },
    /// The file on the disk ends before its length: somebody else shortened it.
    #[error("the stored file of {length} bytes ends at {end}")]
    StoredFileCutShort {
        /// Its length by the index.
        length: u64,
        /// Where the disk has no more.
        end: u64,
    },
    /// The file did not arrive whole. What did arrive can be read.
    #[error("the file stopped arriving after {arrived} bytes: {cause}")]
    ArrivalFailed {
        /// Bytes that arrived.
        arrived: u64,
        /// What the writer met.
        cause: Arc<WriteError>,
    },
    /// No byte arrived within the time to wait.
    #[error("nothing arrived for {waited:?} after {arrived} bytes, byte {offset} is wanted")]
    NothingArrivedInTime {
        /// The idle time.
        waited: Duration,
        /// Bytes there are.
        arrived: u64,
        /// The byte that is waited for.
        offset: u64,
    },
    /// The cancel switch was thrown.
    #[error("the reading was cancelled")]
    ReadCancelled,
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a commit was not removed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoveError {
    /// No such file is listed.
    #[error("{file} is not in the store")]
    FileNotListed {
        /// The file.
        file: FileUuid,
    },
    /// The disk refused. Whether the commit is still listed, the list tells for now and the next start for good.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a commit was not marked as withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WithdrawError {
    /// No such file is listed.
    #[error("{file} is not in the store")]
    FileNotListed {
        /// The file.
        file: FileUuid,
    },
    /// The store has no place for it.
    #[error("this store cannot remember what was withdrawn")]
    NotRemembered,
    /// The store cannot be looked at.
    #[error(transparent)]
    Store(#[from] OpenStoreError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Why a stored file was not saved into a folder. Nothing of it is left there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutAwayError {
    /// There is no such folder. It is not created.
    #[error("the folder {} does not exist", path.display())]
    FolderMissing {
        /// The folder as given.
        path: PathBuf,
    },
    /// All numbered names are taken by other files.
    #[error("all {attempts} numbered names for {name} are taken")]
    AllNamesTaken {
        /// The name without a number, made safe.
        name: String,
        /// [`Limits::name_attempts`](crate::Limits::name_attempts).
        attempts: u32,
    },
    /// There is another file, or something that is no file, at the very path that was asked for.
    #[error("{} is there already; nothing is overwritten", path.display())]
    NameTaken {
        /// The path.
        path: PathBuf,
    },
    /// The bytes read from the store are not those that were stored: its disk rotted.
    #[error("the stored bytes of {file} are no longer those that were stored")]
    StoredContentDamaged {
        /// The file.
        file: FileUuid,
    },
    /// The cancel switch was thrown.
    #[error("the saving was cancelled")]
    PutAwayCancelled,
    /// The stored file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The folder's disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Any of them, for callers that need not tell them apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant is the operation it is named after")]
pub enum StoreError {
    OpenStore(#[from] OpenStoreError),
    List(#[from] ListError),
    Import(#[from] ImportError),
    Write(#[from] WriteError),
    Publish(#[from] PublishError),
    Read(#[from] ReadError),
    Remove(#[from] RemoveError),
    PutAway(#[from] PutAwayError),
}

impl ImportError {
    /// Who is to blame: an import is between the user and this machine.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Write(error) => error.blame(),
            _ => Blame::Local,
        }
    }
}

impl WriteError {
    /// Who is to blame. Another station may do better where it is the peer or the network.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::FileShorterThanExpected { .. } | Self::FileLongerThanExpected { .. } => Blame::Peer,
            Self::FileOverLimit { .. } | Self::StoreQuotaReached { .. } => Blame::Limit,
            Self::WriterDropped { .. } => Blame::Network,
            Self::DiskHasOtherLengthThanTold { .. }
            | Self::WriterFailedBefore
            | Self::PartNotThere { .. }
            | Self::Disk(_) => Blame::Local,
        }
    }
}

impl PublishError {
    /// Who is to blame. Another station may do better where it is the peer.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::FileListedWithOtherContent { .. } | Self::ContentIsNotTheCommits { .. } => Blame::Peer,
            Self::CommitListFull { .. } | Self::CommitRecordOverLimit { .. } => Blame::Limit,
            Self::SequenceExhausted | Self::Disk(_) => Blame::Local,
        }
    }
}

fn by_process(process: Option<u32>) -> String {
    process.map(|process| format!(" by process {process}")).unwrap_or_default()
}
