//! A listed commit with what its file is on the disk.

use crate::store::StoredCommit;

/// A listed commit, and how its file is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// The commit.
    pub stored: StoredCommit,
    /// Bytes that its file, or the recipe for it, takes on the disk.
    pub on_disk: u64,
    /// What lies there.
    pub form: Form,
    /// Who made it has taken it back: it is kept as a part of the history, and nobody is offered it.
    pub withdrawn: bool,
}

/// What a file is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// The file itself.
    Whole,
    /// A recipe over another file that is whole ([`FsStore::compact`](crate::FsStore::compact)).
    Recipe,
}
