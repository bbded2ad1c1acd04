//! The seam under [`FsStore`](crate::FsStore): what a store asks of a disk, so that tests can supply one that fails.
//!
//! [`Disk`] turns a dozen file operations into results; it knows nothing of commits, names or limits. [`RealDisk`]
//! is the operating system's; `battery::SimDisk` keeps everything in memory, fails on demand and forgets what was
//! not synced. Rules a caller keeps: nothing is durable before `sync` (bytes of a file) and `sync_folder` (names in
//! a folder) returned, and bytes are read at positions, never through a cursor that readers would share.
//!
//! On the real disk every file is a `std::fs::File` underneath and says so ([`WriteFile::std_file`],
//! [`ReadFile::std_file`]), so moving bytes between sockets and files in the kernel stays possible.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

mod error;
mod real;

pub(crate) use error::Naming;
pub use error::{DiskAction, DiskError};
pub use real::{RealDisk, SystemCalls};

/// What a store asks of a disk. All calls block.
pub trait Disk: Send + Sync + fmt::Debug + 'static {
    /// Creates `folder` and what is missing above it. Existing ones are fine.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn create_folders(&self, folder: &Path) -> io::Result<()>;

    /// What lies in `folder`, in any order. Names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// What is at `path`. Symbolic links are followed as `links` says.
    ///
    /// # Errors
    /// Whatever the disk says; `NotFound` when there is nothing.
    fn stat(&self, path: &Path, links: Links) -> io::Result<Stat>;

    /// Creates a file to write to.
    ///
    /// # Errors
    /// `AlreadyExists` when there is anything at `path`, and whatever the disk says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>>;

    /// Opens a file to write on at its end, first cut to `length` bytes.
    ///
    /// # Errors
    /// `InvalidData` where it is shorter, and whatever the disk says.
    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn WriteFile>>;

    /// Opens a file to read from, independently of every other handle on it.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>>;

    /// Gives a file another name on the same disk, never overwriting, in one step as far as others can see.
    ///
    /// # Errors
    /// `AlreadyExists` when there is anything at `to`, and whatever the disk says.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Those who have it open read on.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns once the names in `folder` are as durable as the disk can make them.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

/// A file that is being written, from its start to its end.
pub trait WriteFile: Send + fmt::Debug {
    /// Appends all of `bytes`.
    ///
    /// # Errors
    /// Whatever the disk says; how many bytes arrived is then unknown.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once the bytes are as durable as the disk can make them.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn sync(&mut self) -> io::Result<()>;

    /// How long the file is now.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn length(&self) -> io::Result<u64>;

    /// Makes this still empty file share the bytes of `source`, copying none. `false` when the disk cannot, and
    /// then nothing happened.
    ///
    /// # Errors
    /// Whatever the disk says other than that it cannot.
    fn share_bytes_of(&mut self, source: &dyn ReadFile) -> io::Result<bool> {
        let _ = source;
        Ok(false)
    }

    /// The file itself, its cursor at the end, for those who move bytes into it in the kernel.
    fn std_file(&mut self) -> Option<&mut File> {
        None
    }
}

/// An open file that many read at once, each at positions of its own.
pub trait ReadFile: Send + Sync + fmt::Debug {
    /// Reads up to `buffer.len()` bytes from `offset` on; 0 is the end of the file as it is now.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// What the disk says about this open file.
    ///
    /// # Errors
    /// Whatever the disk says.
    fn stat(&self) -> io::Result<Stat>;

    /// The file itself, for those who move bytes out of it in the kernel. They must give positions.
    fn std_file(&self) -> Option<&Arc<File>> {
        None
    }
}

/// Whether [`Disk::stat`] tells of a symbolic link or of what it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Of what it points to.
    Follow,
    /// Of the link, which is [`Kind::Other`].
    Keep,
}

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name without the folder.
    pub name: String,
    /// What it is; links are not followed.
    pub kind: Kind,
    /// Bytes, for a file.
    pub length: u64,
    /// What tells whether it is still the same file and was not written to, where the disk has such.
    pub stamp: Option<Stamp>,
}

/// What tells a file from another one that got its name, and from itself before somebody wrote to it. Two different ones mean that it has to
/// be read again; two equal ones mean that it need not only where both times lie well behind the moment of the reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When its bytes were last written, in nanoseconds since 1970 by the disk's clock.
    pub modified: i64,
    /// When anything of it was last changed, also its name or the time above, likewise; where the system has such a time.
    pub changed: Option<i64>,
    /// Its number on the disk, where the system has such.
    pub inode: Option<u64>,
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, a pipe, a device: nothing that a store reads.
    Other,
}

/// What is known of a file without reading it. Two equal ones of the same open file mean that nobody wrote between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub length: u64,
    /// When it was last written, where the disk says.
    pub modified: Option<SystemTime>,
}

/// As in a [`Stamp`]; `None` for times that are centuries away.
pub(crate) fn nanos(time: SystemTime) -> Option<i64> {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).ok(),
        Err(before) => i64::try_from(before.duration().as_nanos()).ok().map(|nanos| -nanos),
    }
}
