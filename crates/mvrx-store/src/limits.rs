//! The limits of a store, in one place. Each is checked before the space or memory it protects is taken.

use std::time::Duration;

/// What a store will hold at most. A limit that is hit is a named error for the caller; what is stored stays.
///
/// Lowering a limit under what a store already holds removes nothing: everything is still listed and served, only
/// more is refused.
///
/// ```
/// let small = mvrx_store::Limits { commits: 100, ..mvrx_store::Limits::default() };
/// assert!(small.file_bytes > 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Commits listed at once. Default 10,000.
    pub commits: usize,
    /// Bytes of all files together: listed ones, and those arriving or being imported. Default 64 GiB.
    pub total_bytes: u64,
    /// Whether the oldest commits go, with their files, where `total_bytes` or `commits` would be passed: for a store whose files are others',
    /// who can be asked again. A file that somebody reads at the moment stays. Default false: what comes is refused instead.
    pub oldest_go: bool,
    /// Bytes of one file. Default 16 GiB.
    pub file_bytes: u64,
    /// Bytes of one index record: a commit with its comment, name and list of stations. Default 2 MiB, twice the
    /// longest JSON message that stations accept by default.
    pub record_bytes: u64,
    /// How many records and recipes are read one by one at a start, or are gone from the folder, before the index of a store in a folder is
    /// written anew ([`FsStore::open`](crate::FsStore::open)). Default 256: a store of fewer has none.
    pub unindexed: usize,
    /// Bytes of that index, beside `total_bytes`: in memory for a moment while a store is opened, and on the disk. A longer one is neither read
    /// nor written, and with 0 there is none. Default 256 MiB.
    pub index_bytes: u64,
    /// How many numbered names `put_away` tries in a folder that is full of files of the same name. Default 1,000.
    pub name_attempts: u32,
    /// Bad files kept aside; the oldest go first. Default 16.
    pub aside_files: usize,
    /// Bytes of all of them, beside `total_bytes`. A longer file is not kept. Default 4 GiB.
    pub aside_bytes: u64,
    /// Files that broke off in the middle and are kept to be gone on with; those that were written to longest ago go first. Default 16.
    pub parts: usize,
    /// Bytes of all of them, which count for `total_bytes` as well and make room for others. Default 16 GiB.
    pub part_bytes: u64,
    /// How long one is kept without being gone on with. Default 7 days.
    pub part_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            commits: 10_000,
            total_bytes: 64 * GIB,
            oldest_go: false,
            file_bytes: 16 * GIB,
            record_bytes: 2 * 1024 * 1024,
            unindexed: 256,
            index_bytes: 256 * 1024 * 1024,
            name_attempts: 1_000,
            aside_files: 16,
            aside_bytes: 4 * GIB,
            parts: 16,
            part_bytes: 16 * GIB,
            part_age: Duration::from_secs(7 * 24 * 3_600),
        }
    }
}

const GIB: u64 = 1024 * 1024 * 1024;
