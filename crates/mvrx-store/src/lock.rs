//! Turns a directory into one that a single running station uses.
//!
//! The lock is the operating system's, on a file in the directory, so it ends with the process however that ends.
//! The file itself stays: removing it would let two stations lock two files of the same name.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{DiskAction, Naming};
use crate::error::OpenStoreError;

/// A directory that this process alone uses. All clones hold the same lock; it ends with the last of them.
///
/// ```
/// use mvrx_store::{DirLock, OpenStoreError};
/// let directory = std::env::temp_dir().join(format!("dir-lock-{}", std::process::id()));
/// let lock = DirLock::acquire(&directory)?;
/// assert!(matches!(DirLock::acquire(&directory), Err(OpenStoreError::DirectoryInUse { .. })));
/// drop(lock);
/// DirLock::acquire(&directory)?;
/// # std::fs::remove_dir_all(directory).ok();
/// # Ok::<(), OpenStoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct DirLock {
    directory: PathBuf,
    _file: Arc<Locked>,
}

/// The file with the lock on it. Closing would end the lock, too, but not while a process that another thread is just starting has the file as
/// well: between its fork and its exec it has all that we have.
#[derive(Debug)]
struct Locked(File);

impl Drop for Locked {
    fn drop(&mut self) {
        // It is closed next.
        let _ = self.0.unlock();
    }
}

impl DirLock {
    /// Locks `directory`, which is created where it is missing. Does not wait.
    ///
    /// # Errors
    /// [`OpenStoreError::DirectoryInUse`] when a running process has it, also this one; else what the disk says.
    // req: STO-12
    pub fn acquire(directory: &Path) -> Result<Self, OpenStoreError> {
        fs::create_dir_all(directory).named(DiskAction::Create, directory)?;
        let path = directory.join(LOCK_NAME);
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .named(DiskAction::Open, &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let process = holder(&mut file);
                return Err(OpenStoreError::DirectoryInUse { path: directory.to_path_buf(), process });
            }
            Err(TryLockError::Error(error)) => Err(error).named(DiskAction::Lock, &path)?,
        }
        sign(&mut file);
        // The true path, so that `covers` compares like with like.
        let directory = directory.canonicalize().named(DiskAction::Inspect, directory)?;
        Ok(Self { directory, _file: Arc::new(Locked(file)) })
    }

    /// The locked directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether `directory` is the locked one or lies in it.
    #[must_use]
    pub fn covers(&self, directory: &Path) -> bool {
        directory.canonicalize().is_ok_and(|directory| directory.starts_with(&self.directory))
    }
}

/// Leaves our process id for those who meet the lock. It helps a person and decides nothing, so failing is fine.
fn sign(file: &mut File) {
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()));
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(LOCK_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// The file that carries the lock.
const LOCK_NAME: &str = "mvrx.lock";
/// More than any process id has.
const LOCK_BYTES: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    // proves: STO-12
    #[test]
    fn a_directory_is_one_stations_until_its_last_handle_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let lock = DirLock::acquire(folder.path()).unwrap();
        let clone = lock.clone();
        drop(lock);
        let expected = OpenStoreError::DirectoryInUse {
            path: folder.path().to_path_buf(),
            process: Some(std::process::id()),
        };
        let error = DirLock::acquire(folder.path()).unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().contains("is in use by process"));
        drop(clone);
        DirLock::acquire(folder.path()).unwrap();
    }

    #[test]
    fn it_ends_with_the_last_handle_also_while_a_process_that_is_being_started_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let lock = DirLock::acquire(folder.path()).unwrap();
        // What a process has between fork and exec: the same open file.
        let inherited = lock._file.0.try_clone().unwrap();
        drop(lock);
        DirLock::acquire(folder.path()).unwrap();
        drop(inherited);
    }

    #[test]
    fn covers_itself_and_what_lies_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("data").join("store");
        fs::create_dir_all(&inner).unwrap();
        let lock = DirLock::acquire(&folder.path().join("data")).unwrap();
        assert!(lock.covers(&inner));
        assert!(lock.covers(&folder.path().join("data")));
        assert!(!lock.covers(folder.path()));
        assert!(!lock.covers(&folder.path().join("data-2")));
    }
}
