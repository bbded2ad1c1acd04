//! Removes what a history has beyond its limits ([`Retention`]), and lists what there is with what it takes.

use std::collections::HashSet;

use mvrx_message::FileUuid;

use super::shelf::{FsShelf, stem};
use super::tags::Tags;
use super::withdrawals::Withdrawals;
use super::{FsStore, FsView};
use crate::cancel::Cancel;
use crate::disk::DiskError;
use crate::engine::Engine;
use crate::error::RemoveError;
use crate::retention::{Going, Retention};
use crate::revision::{Form, Revision};
use crate::store::StoredCommit;

impl Engine<FsShelf> {
    fn revisions(&self) -> Vec<Revision> {
        let listed = self.list.read().unwrap_or_else(std::sync::PoisonError::into_inner).all_with_bytes();
        // Where the marks cannot be read, nothing is known of them.
        let marked = self.shelf.withdrawals().list().unwrap_or_default();
        let revision = |(stored, on_disk): (StoredCommit, u64)| {
            let withdrawn = marked.contains(&stored.commit.file);
            let form = if self.shelf.base_of(stem(&stored)).is_some() { Form::Recipe } else { Form::Whole };
            Revision { stored, on_disk, form, withdrawn }
        };
        listed.into_iter().map(revision).collect()
    }

    fn beyond(&self, retention: &Retention) -> Result<Vec<Going>, DiskError> {
        let tagged: HashSet<FileUuid> = self.shelf.tags().list()?.into_iter().map(|tag| tag.file).collect();
        Ok(retention.plan(self.revisions(), &tagged, self.now()))
    }
}

impl FsStore {
    /// Everything that is listed, in the order of arrival, with what it takes on the disk.
    #[must_use]
    pub fn revisions(&self) -> Vec<Revision> {
        self.engine.revisions()
    }

    /// What [`FsStore::retain`] would remove now.
    ///
    /// # Errors
    /// When the tags cannot be read.
    pub fn beyond(&self, retention: &Retention) -> Result<Vec<Going>, DiskError> {
        self.engine.beyond(retention)
    }

    /// Removes what is beyond the limits of `retention`, the oldest first, and tells what it was. A file that somebody reads is read on.
    ///
    /// Ends before the next commit when `cancel` is thrown. Waits while somebody gives a tag.
    ///
    /// # Errors
    /// What the disk says: when the tags cannot be read nothing is removed; when a removal fails the next ones are not tried.
    // req: STO-24
    pub fn retain(&self, retention: &Retention, cancel: &Cancel) -> Result<Vec<Going>, DiskError> {
        self.retain_if(retention, cancel, |_| true)
    }

    /// The same of those that may go.
    // req: STO-29
    pub(super) fn retain_if(
        &self,
        retention: &Retention,
        cancel: &Cancel,
        mut may_go: impl FnMut(&StoredCommit) -> bool,
    ) -> Result<Vec<Going>, DiskError> {
        if retention.is_everything() || self.beyond(retention)?.is_empty() {
            return Ok(Vec::new());
        }
        // Who tags meanwhile waits, and sees then what is left.
        let _alone = self.engine.shelf.tags().lock(self.engine.shelf.is_shared())?;
        let mut gone = Vec::new();
        for going in self.beyond(retention)? {
            if cancel.is_cancelled() {
                break;
            }
            if !may_go(&going.stored) {
                continue;
            }
            match self.engine.remove(going.stored.commit.file) {
                Ok(()) => gone.push(going),
                // Somebody else was quicker.
                Err(RemoveError::FileNotListed { .. }) => {}
                Err(RemoveError::Disk(error)) => return Err(error),
            }
        }
        Ok(gone)
    }
}

impl FsView {
    /// Everything that is listed, in the order of arrival, with what it takes on the disk.
    #[must_use]
    pub fn revisions(&self) -> Vec<Revision> {
        self.engine.revisions()
    }

    /// What [`FsStore::retain`] would remove.
    ///
    /// # Errors
    /// When the tags cannot be read.
    pub fn beyond(&self, retention: &Retention) -> Result<Vec<Going>, DiskError> {
        self.engine.beyond(retention)
    }
}

impl FsShelf {
    /// The tags of this store.
    fn tags(&self) -> Tags {
        let directory = self.folder.parent().unwrap_or(&self.folder);
        Tags::on(std::sync::Arc::clone(&self.disk), directory)
    }

    /// What of it was withdrawn.
    pub(super) fn withdrawals(&self) -> Withdrawals {
        let directory = self.folder.parent().unwrap_or(&self.folder);
        Withdrawals::on(std::sync::Arc::clone(&self.disk), directory)
    }
}
