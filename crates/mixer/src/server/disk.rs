//! What the thread that keeps rooms needs of a disk; a seam, so that tests have disks that fill up and fail.
//!
//! Deliberately knows nothing of rooms and records. Every call either does all it says or returns an error; after an error of a file nothing is known of
//! what of the last write is in it.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::Path;

/// The disk.
pub(super) trait Disk: Debug + Send + Sync {
    /// Opens a file to append to.
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn LogFile>>;
    /// Gives a file another name, in the place of one that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes new names and removals durable.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// A file that only grows.
pub(super) trait LogFile: Send {
    /// Appends both, one after the other.
    fn append(&mut self, first: &[u8], second: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
    /// What makes durable what was appended so far, to be called on another thread while appending goes on here.
    fn syncer(&self) -> io::Result<Syncer>;
}

pub(super) type Syncer = Box<dyn FnOnce() -> io::Result<()> + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// There must be none of this name yet.
    New,
    /// Whatever is there goes away.
    Anew,
    /// It is there, and its first so many bytes stay.
    Kept { length: u64 },
}

/// The disk of this machine.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn LogFile>> {
        let mut options = OpenOptions::new();
        options.append(true);
        // A room's password is among its attributes.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = match how {
            Open::New => options.create_new(true).open(path)?,
            Open::Anew => {
                let file = options.create(true).open(path)?;
                file.set_len(0)?;
                file
            }
            Open::Kept { length } => {
                let file = options.open(path)?;
                file.set_len(length)?;
                file
            }
        };
        Ok(Box::new(RealFile(file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        // Elsewhere directories cannot be opened like this, and need not be.
        if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
    }
}

struct RealFile(File);

impl LogFile for RealFile {
    fn append(&mut self, first: &[u8], second: &[u8]) -> io::Result<()> {
        let written = self.0.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])?;
        if let Some(rest) = first.get(written..) {
            self.0.write_all(rest)?;
        }
        self.0.write_all(second.get(written.saturating_sub(first.len())..).unwrap_or_default())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn syncer(&self) -> io::Result<Syncer> {
        let file = self.0.try_clone()?;
        Ok(Box::new(move || file.sync_data()))
    }
}
