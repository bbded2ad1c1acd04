//! What goes wrong on a disk.

use std::fmt;
use std::io;

/// Why an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskError {
    /// An input/output error (EIO), by chance or on demand.
    Failed {
        /// Which operation.
        op: DiskOp,
    },
    /// No room (ENOSPC); what fits was written.
    NoRoom {
        /// How many bytes were to be added.
        wanted: u64,
        /// How many were.
        fitted: u64,
    },
    /// Nothing has that name.
    NotFound {
        /// The name.
        path: String,
    },
    /// Something has that name.
    Exists {
        /// The name.
        path: String,
    },
    /// The handle was opened before the last crash.
    HandleLost,
    /// The process is taken to be dead since [`Disk::halt_at`](crate::Disk::halt_at).
    Halted,
}

/// The operations of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the operation of its name")]
pub enum DiskOp {
    Create,
    Open,
    Read,
    Write,
    Truncate,
    Sync,
    Rename,
    Remove,
    List,
    SyncDir,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { op } => write!(f, "input/output error while doing {op:?}"),
            Self::NoRoom { wanted, fitted } => write!(f, "room for {fitted} of {wanted} bytes"),
            Self::NotFound { path } => write!(f, "there is no {path:?}"),
            Self::Exists { path } => write!(f, "there is a {path:?} already"),
            Self::HandleLost => f.write_str("the file was opened before the crash"),
            Self::Halted => f.write_str("the process is dead"),
        }
    }
}

impl std::error::Error for DiskError {}

impl From<DiskError> for io::Error {
    /// `StorageFull`, `NotFound`, `AlreadyExists`, otherwise `Other`; the error itself is inside.
    fn from(error: DiskError) -> Self {
        let kind = match error {
            DiskError::NoRoom { .. } => io::ErrorKind::StorageFull,
            DiskError::NotFound { .. } => io::ErrorKind::NotFound,
            DiskError::Exists { .. } => io::ErrorKind::AlreadyExists,
            DiskError::Failed { .. } | DiskError::HandleLost | DiskError::Halted => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
