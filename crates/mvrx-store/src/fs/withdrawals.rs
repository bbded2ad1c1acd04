//! Commits that those who made them have taken back. They stay in the store and in its history, and are listed to others and given to them by
//! nobody any more.
//!
//! ```text
//! <directory>/withdrawn/<file>.withdrawn   an empty file: its name tells all
//! ```
//! As with tags this can be done beside the running station, under the lock of the tags, and whether the commit is still there is seen under it.
//! Who opens the store clears what is left of commits that are gone.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mvrx_message::FileUuid;

use super::tags::Tags;
use super::{FsOptions, FsView, create_durably};
use crate::disk::{Disk, DiskAction, DiskError, Kind, Naming, RealDisk};
use crate::error::WithdrawError;

/// The withdrawn commits of the store in a directory, whether a station runs in it or not.
///
/// ```
/// use mvrx_store::Withdrawals;
/// let directory = std::env::temp_dir().join(format!("withdrawals-{}", std::process::id()));
/// assert!(Withdrawals::of(&directory).list()?.is_empty());
/// # std::fs::remove_dir_all(directory).ok();
/// # Ok::<(), mvrx_store::disk::DiskError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Withdrawals {
    directory: PathBuf,
    folder: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Withdrawals {
    /// Those of the store in `directory`.
    #[must_use]
    pub fn of(directory: impl AsRef<Path>) -> Self {
        Self::on(Arc::new(RealDisk::default()), directory.as_ref())
    }

    pub(super) fn on(disk: Arc<dyn Disk>, directory: &Path) -> Self {
        Self { directory: directory.to_path_buf(), folder: directory.join(FOLDER), disk }
    }

    /// The files of the withdrawn commits.
    ///
    /// # Errors
    /// What the disk says; where there are none, that is no error.
    pub fn list(&self) -> Result<HashSet<FileUuid>, DiskError> {
        let entries = match self.disk.list(&self.folder).named(DiskAction::List, &self.folder) {
            Err(DiskError::NotFound { .. }) => return Ok(HashSet::new()),
            listed => listed?,
        };
        let files = entries.iter().filter(|entry| entry.kind == Kind::File);
        Ok(files.filter_map(|entry| parse(&entry.name)).collect())
    }

    /// Marks the listed commit of `file`; durable when it returns. `false`: it is marked already. Whether it is the caller's to withdraw
    /// is his to know. A station that runs there is to be told, or looks by itself.
    ///
    /// Waits while another process gives a tag, or removes commits.
    ///
    /// # Errors
    /// See [`WithdrawError`]; nothing is changed then.
    // req: STO-28
    pub fn add(&self, file: FileUuid) -> Result<bool, WithdrawError> {
        let _alone = Tags::on(Arc::clone(&self.disk), &self.directory).lock(true)?;
        let view = FsView::open(&self.directory, FsOptions::default())?;
        if !view.commits().iter().any(|stored| stored.commit.file == file) {
            return Err(WithdrawError::FileNotListed { file });
        }
        Ok(self.mark(file)?)
    }

    /// The same where the caller knows that it is listed.
    pub(super) fn mark(&self, file: FileUuid) -> Result<bool, DiskError> {
        if self.list()?.contains(&file) {
            return Ok(false);
        }
        create_durably(&*self.disk, &self.folder)?;
        let path = self.path(file);
        match self.disk.create(&path).named(DiskAction::Create, &path) {
            // Another process was quicker.
            Err(_) if self.list()?.contains(&file) => return Ok(false),
            created => drop(created?),
        }
        self.disk.sync_folder(&self.folder).named(DiskAction::Sync, &self.folder)?;
        Ok(true)
    }

    /// Clears the marks of what is gone. One that cannot be cleared says nothing of anything.
    pub(super) fn keep(&self, is_there: impl Fn(FileUuid) -> bool) {
        for file in self.list().unwrap_or_default() {
            if !is_there(file) {
                let _ = self.disk.remove(&self.path(file));
            }
        }
    }

    fn path(&self, file: FileUuid) -> PathBuf {
        self.folder.join(format!("{file}{MARK}"))
    }
}

fn parse(name: &str) -> Option<FileUuid> {
    let file: FileUuid = name.strip_suffix(MARK)?.parse().ok()?;
    // Other spellings of it are not ours.
    (format!("{file}{MARK}") == name).then_some(file)
}

const FOLDER: &str = "withdrawn";
const MARK: &str = ".withdrawn";

#[cfg(test)]
mod tests;
