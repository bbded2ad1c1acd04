//! The operating system's own disk.
//!
//! Where a system call does better than portable code there are two ways, and [`SystemCalls`] chooses: `Native` uses
//! what this operating system has and falls back where the file system refuses; `Portable` is the twin made of
//! standard library calls alone. The battery runs on both, so the twin that other systems rely on is tested here.
//!
//! | operation | native | portable twin |
//! |---|---|---|
//! | read at a position | `pread` (unix), `seek_read` (Windows) | a mutex around seek and read |
//! | share bytes | `FICLONE` (Linux) | never: the caller copies |
//! | rename without overwriting | `renameat2(RENAME_NOREPLACE)` (Linux) | hard link and remove; without links reserve and replace |
//! | sync a folder | `fsync` of the folder (unix) | nothing: Windows has no such call |

use std::fs::{self, DirEntry, File, Metadata};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use super::{Disk, Entry, Kind, Links, ReadFile, Stamp, Stat, WriteFile};

#[cfg(target_os = "linux")]
mod linux;
mod portable;
mod positioned;

#[cfg(target_os = "linux")]
use linux as native;
#[cfg(not(target_os = "linux"))]
use portable as native;

/// Files of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk {
    calls: SystemCalls,
}

/// Which way [`RealDisk`] goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SystemCalls {
    /// What this operating system does best.
    #[default]
    Native,
    /// Standard library calls that work everywhere.
    Portable,
}

#[derive(Debug)]
struct RealWriter {
    file: File,
    calls: SystemCalls,
}

impl RealDisk {
    /// The disk, used in the given way.
    #[must_use]
    pub fn new(calls: SystemCalls) -> Self {
        Self { calls }
    }
}

impl Disk for RealDisk {
    fn create_folders(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let found = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        let threads =
            thread::available_parallelism().map_or(1, usize::from).min(found.len() / FOR_A_THREAD + 1);
        let (own, others) = found.split_at(found.len() / threads);
        let piece = others.len().div_ceil(threads.saturating_sub(1).max(1)).max(1);
        thread::scope(|scope| {
            let others: Vec<_> = others
                .chunks(piece)
                .map(|piece| (piece, thread::Builder::new().spawn_scoped(scope, || inspect(piece)).ok()))
                .collect();
            let mut entries = inspect(own)?;
            for (piece, thread) in others {
                // What has no thread, or lost it, is looked at here.
                match thread.and_then(|thread| thread.join().ok()) {
                    Some(inspected) => entries.extend(inspected?),
                    None => entries.extend(inspect(piece)?),
                }
            }
            Ok(entries)
        })
    }

    fn stat(&self, path: &Path, links: Links) -> io::Result<Stat> {
        let metadata = match links {
            Links::Follow => fs::metadata(path),
            Links::Keep => fs::symlink_metadata(path),
        }?;
        Ok(describe(&metadata))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteFile>> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        Ok(Box::new(RealWriter { file, calls: self.calls }))
    }

    fn append(&self, path: &Path, length: u64) -> io::Result<Box<dyn WriteFile>> {
        let mut file = File::options().read(true).write(true).open(path)?;
        if file.metadata()?.len() < length {
            return Err(io::ErrorKind::InvalidData.into());
        }
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        Ok(Box::new(RealWriter { file, calls: self.calls }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn ReadFile>> {
        let file = File::open(path)?;
        Ok(match self.calls {
            SystemCalls::Native => Arc::new(positioned::Positioned::new(file)),
            SystemCalls::Portable => Arc::new(portable::Seeking::new(file)),
        })
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        match self.calls {
            SystemCalls::Native => native::rename_new(from, to),
            SystemCalls::Portable => portable::rename_new(from, to),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if !cfg!(unix) {
            return Ok(());
        }
        match File::open(folder)?.sync_all() {
            // Some network mounts know no such call; they have their own idea of durable.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

impl WriteFile for RealWriter {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn share_bytes_of(&mut self, source: &dyn ReadFile) -> io::Result<bool> {
        match (self.calls, source.std_file()) {
            (SystemCalls::Native, Some(source)) => native::share_bytes(source, &mut self.file),
            _ => Ok(false),
        }
    }

    fn std_file(&mut self) -> Option<&mut File> {
        Some(&mut self.file)
    }
}

fn inspect(found: &[DirEntry]) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(found.len());
    for entry in found {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (stat, stamp) = match entry.metadata() {
            Ok(metadata) => (describe(&metadata), stamp(&metadata)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        entries.push(Entry { name, kind: stat.kind, length: stat.length, stamp });
    }
    Ok(entries)
}

fn describe(metadata: &Metadata) -> Stat {
    let kind = if metadata.is_file() {
        Kind::File
    } else if metadata.is_dir() {
        Kind::Folder
    } else {
        Kind::Other
    };
    Stat { kind, length: metadata.len(), modified: metadata.modified().ok() }
}

#[cfg(unix)]
fn stamp(metadata: &Metadata) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let nanos = |seconds: i64, nanos: i64| seconds.checked_mul(1_000_000_000)?.checked_add(nanos);
    Some(Stamp {
        modified: nanos(metadata.mtime(), metadata.mtime_nsec())?,
        changed: Some(nanos(metadata.ctime(), metadata.ctime_nsec())?),
        inode: Some(metadata.ino()),
    })
}

#[cfg(not(unix))]
fn stamp(metadata: &Metadata) -> Option<Stamp> {
    Some(Stamp { modified: super::nanos(metadata.modified().ok()?)?, changed: None, inode: None })
}

/// Files in a folder for which another thread asks the system, at the least.
const FOR_A_THREAD: usize = 2_000;

#[cfg(test)]
mod tests;
