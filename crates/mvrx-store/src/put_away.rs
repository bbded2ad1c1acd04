//! Saves a stored file into a folder of the user: copy under a temporary name, check, sync, rename without overwriting.
//!
//! The name is a hint from the network made safe; what is in the folder is never overwritten and no link in it is
//! followed. Names are tried in order, `rig.mvr`, `rig (2).mvr`, `rig (3).mvr`: the first that has the very same
//! bytes already is the answer, the first that is free is taken. So saving twice gives one file, and a file that the
//! user changed stays beside the new one. Other programs may write to the folder at the same time.
//!
//! A store that is about to be thrown away gives its file up instead: the first step is then the rename, and no second
//! copy lies on the disk at any time. A name that the user typed is taken as it is, or not at all.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use mvrx_message::{FileUuid, numbered, safe_file_name};

use crate::buffers::Buffers;
use crate::cancel::{Cancel, Wait};
use crate::disk::{Disk, DiskAction, DiskError, Kind, Links, Naming, WriteFile};
use crate::error::PutAwayError;
use crate::store::PutAway;
use crate::stored_file::StoredFile;

pub(crate) mod leftovers;

/// Everything a save needs to know but the file's name and bytes.
pub(crate) struct Saving<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) buffers: &'a Buffers,
    pub(crate) folder: &'a Path,
    pub(crate) file: FileUuid,
    pub(crate) hash: [u8; 32],
    pub(crate) length: u64,
    pub(crate) attempts: u32,
    pub(crate) cancel: &'a Cancel,
    /// The stored file itself, when it may be moved away.
    pub(crate) give_up: Option<&'a Path>,
}

/// How the file is to be called.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wish<'a> {
    /// Made safe, with a number where it is taken.
    Hint(&'a str),
    /// This path and no other.
    Exactly(&'a Path),
}

/// What a name in the folder is to us.
enum Taken {
    Free,
    /// By a file of the same bytes.
    BySame,
    ByOther,
}

/// A file in the user's folder that goes unless it gets its name.
struct Temporary<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    renamed: bool,
}

impl Saving<'_> {
    // req: STO-13
    pub(crate) fn save(&self, stored: &StoredFile, wish: Wish<'_>) -> Result<PutAway, PutAwayError> {
        self.check_folder()?;
        let mut number = 1;
        let (mut target, free) = self.first_name(wish, &mut number)?;
        if !free {
            return Ok(PutAway { path: target, already_there: true });
        }
        let mut copy = match self.give_up {
            Some(_) => None,
            None => Some(self.copy_of(stored)?),
        };
        loop {
            let from = copy.as_ref().map(|copy| copy.path.as_path()).or(self.give_up).unwrap_or(&target);
            match self.disk.rename_new(from, &target) {
                Ok(()) => break,
                // Somebody took the name meanwhile.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    let (next, free) = self.first_name(wish, &mut number)?;
                    if !free {
                        return Ok(PutAway { path: next, already_there: true });
                    }
                    target = next;
                }
                // The folder is on another disk.
                Err(error) if error.kind() == ErrorKind::CrossesDevices && copy.is_none() => {
                    copy = Some(self.copy_of(stored)?);
                }
                Err(error) => return Err(DiskError::name(DiskAction::Rename, &target, &error).into()),
            }
        }
        if let Some(copy) = &mut copy {
            copy.renamed = true;
        }
        self.disk.sync_folder(self.folder).named(DiskAction::Sync, self.folder).inspect_err(|_| {
            // The file is whole, yet the answer is an error: then it must not stay.
            let _ = self.disk.remove(&target);
        })?;
        Ok(PutAway { path: target, already_there: false })
    }

    /// A checked and synced copy of the stored bytes under a temporary name in the folder.
    fn copy_of(&self, stored: &StoredFile) -> Result<Temporary<'_>, PutAwayError> {
        let (mut file, temporary) = self.create_temporary()?;
        self.fill(&mut *file, stored, &temporary.path)?;
        file.sync().named(DiskAction::Sync, &temporary.path)?;
        // Some systems do not rename what is open for writing.
        drop(file);
        Ok(temporary)
    }

    fn check_folder(&self) -> Result<(), PutAwayError> {
        match self.disk.stat(self.folder, Links::Follow) {
            Ok(stat) if stat.kind == Kind::Folder => Ok(()),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(DiskError::name(DiskAction::Inspect, self.folder, &error).into())
            }
            _ => Err(PutAwayError::FolderMissing { path: self.folder.to_path_buf() }),
        }
    }

    /// The first name, from `number` on, that is free (`true`) or has our bytes already (`false`).
    fn first_name(&self, wish: Wish<'_>, number: &mut u32) -> Result<(PathBuf, bool), PutAwayError> {
        let name = match wish {
            Wish::Hint(hint) => safe_file_name(hint),
            Wish::Exactly(path) => {
                let path = path.to_path_buf();
                return match self.look(&path)? {
                    Taken::Free => Ok((path, true)),
                    Taken::BySame => Ok((path, false)),
                    Taken::ByOther => Err(PutAwayError::NameTaken { path }),
                };
            }
        };
        while *number <= self.attempts {
            let candidate = if *number == 1 { name.clone() } else { numbered(&name, *number) };
            let path = self.folder.join(candidate);
            match self.look(&path)? {
                Taken::Free => return Ok((path, true)),
                Taken::BySame => return Ok((path, false)),
                Taken::ByOther => *number = number.saturating_add(1),
            }
        }
        Err(PutAwayError::AllNamesTaken { name, attempts: self.attempts })
    }

    fn look(&self, path: &Path) -> Result<Taken, PutAwayError> {
        match self.disk.stat(path, Links::Keep) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Taken::Free),
            Err(error) => Err(DiskError::name(DiskAction::Inspect, path, &error).into()),
            Ok(stat) if stat.kind == Kind::File && stat.length == self.length => {
                // What cannot be read is somebody else's business, and its name is taken.
                let Ok(file) = self.disk.open(path) else { return Ok(Taken::ByOther) };
                match self.hash_of(&StoredFile::complete(file, stat.length)) {
                    Ok(hash) if hash == self.hash => Ok(Taken::BySame),
                    Err(PutAwayError::PutAwayCancelled) => Err(PutAwayError::PutAwayCancelled),
                    _ => Ok(Taken::ByOther),
                }
            }
            Ok(_) => Ok(Taken::ByOther),
        }
    }

    fn create_temporary(&self) -> Result<(Box<dyn WriteFile>, Temporary<'_>), DiskError> {
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = self.folder.join(leftovers::name(process::id(), number));
            match self.disk.create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(DiskError::name(DiskAction::Create, &path, &error)),
                Ok(mut file) => {
                    if let Some(file) = file.std_file() {
                        // Tells others that it is in use; a disk without locks has its age for that.
                        let _ = file.try_lock();
                    }
                    return Ok((file, Temporary { disk: self.disk, path, renamed: false }));
                }
            }
        }
    }

    /// Puts the stored bytes into `file`, by sharing or by copying, and checks them.
    fn fill(&self, file: &mut dyn WriteFile, stored: &StoredFile, path: &Path) -> Result<(), PutAwayError> {
        let shared = file.share_bytes_of(stored.file()).named(DiskAction::Write, path)?;
        let found = if shared {
            let copy = self.disk.open(path).named(DiskAction::Open, path)?;
            let length = file.length().named(DiskAction::Inspect, path)?;
            self.hash_of(&StoredFile::complete(copy, length))?
        } else {
            self.pieces(stored, &mut |piece| Ok(file.write_all(piece).named(DiskAction::Write, path)?))?
        };
        if found == self.hash { Ok(()) } else { Err(PutAwayError::StoredContentDamaged { file: self.file }) }
    }

    fn hash_of(&self, file: &StoredFile) -> Result<[u8; 32], PutAwayError> {
        self.pieces(file, &mut |_| Ok(()))
    }

    /// Reads `file` piece by piece and gives its hash.
    fn pieces(
        &self,
        file: &StoredFile,
        each: &mut dyn FnMut(&[u8]) -> Result<(), PutAwayError>,
    ) -> Result<[u8; 32], PutAwayError> {
        let mut buffer = self.buffers.take();
        let mut hasher = blake3::Hasher::new();
        let mut offset: u64 = 0;
        loop {
            if self.cancel.is_cancelled() {
                return Err(PutAwayError::PutAwayCancelled);
            }
            let count = file.read_at(offset, &mut buffer, &Wait::until_settled())?;
            match buffer.get(..count) {
                Some(piece) if !piece.is_empty() => {
                    hasher.update(piece);
                    each(piece)?;
                    offset = offset.saturating_add(piece.len() as u64);
                }
                _ => return Ok(*hasher.finalize().as_bytes()),
            }
        }
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            // A hidden file that cannot be removed is not worth hiding the real error.
            let _ = self.disk.remove(&self.path);
        }
    }
}

/// Tells apart the temporary files of one process: each below it is or was ours.
static NEXT: AtomicU64 = AtomicU64::new(1);

#[cfg(test)]
mod tests;
