//! Turns a store's folder into a list to look at, beside whoever holds the store.
//!
//! It takes no lock, writes nothing and cleans nothing up, so it may be used while a station runs in the directory. What it lists is
//! what was listed when it was opened; a commit that is removed meanwhile can no longer be opened, and says so.
//! It does not follow what is committed later: open another. A file that became a recipe is put together in the system's folder for
//! temporary files, and is gone from there when nobody reads it any more.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mvrx_message::FileUuid;

use super::shelf::FsShelf;
use super::{COMMITS, FsOptions, TakeOutName, recover};
use crate::cancel::Cancel;
use crate::disk::{DiskError, RealDisk};
use crate::engine::{Engine, Inventory};
use crate::error::{OpenStoreError, PutAwayError, ReadError};
use crate::problem::Problem;
use crate::put_away::Wish;
use crate::store::{PutAway, StoredCommit};
use crate::stored_file::StoredFile;

/// The commits of an [`FsStore`](crate::FsStore) as they were when it was opened, to read only. Clones are the same view.
///
/// ```
/// use mvrx_store::{FsOptions, FsStore, FsView};
/// # let directory = std::env::temp_dir().join(format!("fs-view-{}", std::process::id()));
/// let running = FsStore::open(&directory)?;
/// let view = FsView::open(&directory, FsOptions::default())?;
/// assert!(view.commits().is_empty());
/// # drop(running);
/// # std::fs::remove_dir_all(directory).ok();
/// # Ok::<(), mvrx_store::OpenStoreError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FsView {
    pub(super) engine: Arc<Engine<FsShelf>>,
    directory: PathBuf,
    options: FsOptions,
}

impl FsView {
    /// Looks at the store in `directory`; where there is none, nothing is listed. Of the options, the lock is not used.
    ///
    /// # Errors
    /// When the folder cannot be read, or a newer version wrote it.
    // req: STO-16
    pub fn open(directory: impl AsRef<Path>, options: FsOptions) -> Result<Self, OpenStoreError> {
        let disk = Arc::new(RealDisk::new(options.system_calls));
        let folder = directory.as_ref().join(COMMITS);
        let mut shelf = FsShelf::new(Arc::clone(&disk) as _, folder, None);
        shelf.scratch = Some(std::env::temp_dir());
        let inventory = match recover::look(&shelf, &options.limits) {
            Err(OpenStoreError::Disk(DiskError::NotFound { .. })) => Inventory::default(),
            looked => looked?,
        };
        let clock = options.clock.clone();
        let engine = Arc::new(Engine::new(shelf, inventory, options.limits, clock, disk));
        Ok(Self { engine, directory: directory.as_ref().to_path_buf(), options })
    }

    /// What is listed, in order of arrival.
    #[must_use]
    pub fn commits(&self) -> Vec<StoredCommit> {
        self.engine.commits()
    }

    /// Opens the file of a listed commit.
    ///
    /// # Errors
    /// [`ReadError::FileNotListed`], also for one that was removed since; a disk that fails.
    pub fn open_file(&self, file: FileUuid) -> Result<StoredFile, ReadError> {
        match self.engine.open(file) {
            // It was removed, or became a recipe: another look tells.
            Err(ReadError::Disk(DiskError::NotFound { .. })) => {
                let again = Self::open(&self.directory, self.options.clone());
                match again.map(|view| view.engine.open(file)) {
                    Ok(Err(ReadError::Disk(DiskError::NotFound { .. }))) | Err(_) => {
                        Err(ReadError::FileNotListed { file })
                    }
                    Ok(opened) => opened,
                }
            }
            opened => opened,
        }
    }

    /// Saves the file of a listed commit into a folder of the user, as [`Store::put_away`](crate::Store::put_away) does.
    ///
    /// # Errors
    /// See [`PutAwayError`]; nothing of the file is left in the folder then.
    pub fn put_away(
        &self,
        file: FileUuid,
        folder: &Path,
        name: TakeOutName<'_>,
        cancel: &Cancel,
    ) -> Result<PutAway, PutAwayError> {
        let save = |view: &Self| match name {
            TakeOutName::Hint(hint) => view.engine.put_away(file, folder, Wish::Hint(hint), None, cancel),
            TakeOutName::Exactly(name) => {
                view.engine.put_away(file, folder, Wish::Exactly(&folder.join(name)), None, cancel)
            }
        };
        match save(self) {
            // It was removed, or became a recipe: another look tells.
            Err(PutAwayError::Read(ReadError::Disk(error @ DiskError::NotFound { .. }))) => {
                match Self::open(&self.directory, self.options.clone()) {
                    Ok(again) => save(&again),
                    Err(_) => Err(ReadError::Disk(error).into()),
                }
            }
            saved => saved,
        }
    }

    /// What is wrong with single commits; they are not listed.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        self.engine.problems()
    }
}
