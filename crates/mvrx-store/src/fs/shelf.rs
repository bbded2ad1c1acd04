//! The folder as a shelf: where files are written, and the steps that publish and remove, in their order.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mvrx_message::FileUuid;

use crate::disk::{Disk, DiskAction, DiskError, Naming, ReadFile, WriteFile};
use crate::engine::{NotForgotten, Shelf};
use crate::error::PublishError;
use crate::fs::Aside;
use crate::fs::history::{Forgotten, History};
use crate::fs::names::{Name, Stem};
use crate::limits::Limits;
use crate::lock::DirLock;
use crate::problem::Problem;
use crate::store::{PartOf, StoredCommit};

/// The folder of a store.
#[derive(Debug)]
pub(crate) struct FsShelf {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) folder: PathBuf,
    next_temporary: AtomicU64,
    /// Commits whose publishing failed and could not be undone. Until it is, nothing else is published or removed:
    /// the next start would find them listed.
    unsettled: Mutex<Vec<Stem>>,
    /// Removed commits whose file is gone from the folder, though perhaps not yet for good.
    swept: Mutex<Vec<Stem>>,
    problems: Mutex<Vec<Problem>>,
    /// Taken by who puts a bad file aside.
    asiding: Mutex<()>,
    pub(super) history: Mutex<History>,
    /// Wakes who makes recipes.
    wake: Mutex<Option<SyncSender<()>>>,
    /// Where files are put together again that became recipes; `None`: in the folder itself.
    pub(super) scratch: Option<PathBuf>,
    lock: Option<DirLock>,
}

impl FsShelf {
    pub(super) fn new(disk: Arc<dyn Disk>, folder: PathBuf, lock: Option<DirLock>) -> Self {
        Self {
            disk,
            folder,
            next_temporary: AtomicU64::new(0),
            unsettled: Mutex::default(),
            swept: Mutex::default(),
            problems: Mutex::default(),
            asiding: Mutex::default(),
            history: Mutex::default(),
            wake: Mutex::default(),
            scratch: None,
            lock,
        }
    }

    /// Whether other processes may look into the folder, and give tags.
    pub(super) fn is_shared(&self) -> bool {
        self.lock.is_some()
    }

    pub(super) fn path(&self, name: Name) -> PathBuf {
        self.folder.join(name.to_string())
    }

    pub(super) fn path_of(&self, stored: &StoredCommit) -> PathBuf {
        self.path(Name::File(stem(stored)))
    }

    pub(super) fn rename(&self, from: Name, to: Name) -> Result<(), DiskError> {
        let (from, to) = (self.path(from), self.path(to));
        self.disk.rename_new(&from, &to).named(DiskAction::Rename, &from)
    }

    /// Removes a file; one that is not there is fine.
    pub(super) fn remove(&self, name: Name) -> Result<(), DiskError> {
        let path = self.path(name);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(DiskError::name(DiskAction::Remove, &path, &error))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn asiding(&self) -> MutexGuard<'_, ()> {
        self.asiding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn sync(&self) -> Result<(), DiskError> {
        self.disk.sync_folder(&self.folder).named(DiskAction::Sync, &self.folder)
    }

    pub(super) fn create_temporary(&self) -> Result<(Box<dyn WriteFile>, Name), DiskError> {
        loop {
            let name = Name::Temporary(self.next_temporary.fetch_add(1, Ordering::Relaxed));
            let path = self.path(name);
            match self.disk.create(&path) {
                // One that could not be cleaned away at the start.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                other => return Ok((other.named(DiskAction::Create, &path)?, name)),
            }
        }
    }

    pub(super) fn tell(&self, problem: Problem) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() < MOST_PROBLEMS {
            problems.push(problem);
        }
    }

    /// Removes what is of no more use. When it cannot, that is told and the next start tries again.
    pub(super) fn clean(&self, name: Name) -> bool {
        let removed = self.remove(name);
        if let Err(error) = &removed {
            self.tell(Problem::LeftoverKept { name: name.to_string(), error: error.clone() });
        }
        removed.is_ok()
    }

    /// Undoes what failed to be undone before.
    fn settle(&self) -> Result<(), DiskError> {
        let mut unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(stem) = unsettled.last() {
            self.undo(*stem)?;
            unsettled.pop();
        }
        Ok(())
    }

    /// Takes back a publishing, however far it came. Until the file is gone for good a name says that it has to go.
    // req: STO-15
    fn undo(&self, stem: Stem) -> Result<(), DiskError> {
        match self.rename(Name::Record(stem), Name::Publishing(stem)) {
            Err(DiskError::NotFound { .. }) => {}
            Ok(()) => self.sync()?,
            // A rename made of two steps stopped between them: both names are there.
            Err(DiskError::Failed { kind: ErrorKind::AlreadyExists, .. }) => {
                self.remove(Name::Record(stem))?;
                self.sync()?;
            }
            Err(error) => return Err(error),
        }
        self.remove(Name::File(stem))?;
        self.sync()?;
        self.remove(Name::Publishing(stem))
    }

    // req: STO-01, STO-02
    fn publish(&self, temporary: Name, stem: Stem, record: &[u8]) -> Result<(), DiskError> {
        self.write_new(Name::Publishing(stem), record)?;
        self.sync()?;
        self.rename(temporary, Name::File(stem))?;
        self.sync()?;
        self.rename(Name::Publishing(stem), Name::Record(stem))?;
        self.sync()
    }

    /// Writes a small file under its name, synced. The folder is not.
    pub(super) fn write_new(&self, name: Name, bytes: &[u8]) -> Result<(), DiskError> {
        let path = self.path(name);
        let mut file = self.disk.create(&path).named(DiskAction::Create, &path)?;
        file.write_all(bytes).named(DiskAction::Write, &path)?;
        file.sync().named(DiskAction::Sync, &path)
    }

    /// The folder was synced: the marks of commits whose file had been removed before have done their work. The one
    /// with the highest number stays, so that the number is not used again.
    fn drop_old_marks(&self, newest: Stem) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        let highest = swept.iter().copied().max().unwrap_or(newest).max(newest);
        for stem in swept.extract_if(.., |stem| *stem != highest) {
            self.clean(Name::Removed(stem));
        }
    }

    pub(super) fn wake_with(&self, wake: SyncSender<()>) {
        *self.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(wake);
    }

    /// Removes what a removed commit has: its file, its recipe, or what is left of one where the other took its place.
    fn sweep(&self, stem: Stem) {
        if self.clean(Name::Recipe(stem)) && self.clean(Name::File(stem)) {
            self.note_swept(stem);
        }
    }

    /// The file of a removed commit is gone from the folder.
    pub(super) fn note_swept(&self, stem: Stem) {
        self.swept.lock().unwrap_or_else(PoisonError::into_inner).push(stem);
    }
}

impl Shelf for FsShelf {
    type Place = Name;

    fn create(&self) -> Result<(Box<dyn WriteFile>, Name), DiskError> {
        self.create_temporary()
    }

    fn create_part(&self, of: &PartOf) -> Result<(Box<dyn WriteFile>, Name), DiskError> {
        let name = Name::Part(*of);
        let path = self.path(name);
        match self.disk.create(&path) {
            // A whole one that is not listed yet has the name: this one goes without.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.create_temporary(),
            created => Ok((created.named(DiskAction::Create, &path)?, name)),
        }
    }

    fn go_on(&self, place: &Name, length: u64) -> Result<Box<dyn WriteFile>, DiskError> {
        let path = self.path(*place);
        self.disk.append(&path, length).named(DiskAction::Open, &path)
    }

    fn open_unlisted(&self, place: &Name) -> Result<Arc<dyn ReadFile>, DiskError> {
        let path = self.path(*place);
        self.disk.open(&path).named(DiskAction::Open, &path)
    }

    fn discard(&self, place: Name) {
        self.clean(place);
    }

    fn put_aside(&self, place: &Name, aside: &Aside, limits: &Limits) -> Result<Option<PathBuf>, DiskError> {
        self.move_aside(&self.path(*place), aside, limits)
    }

    fn keep(&self, place: &Name, stored: &StoredCommit, limits: &Limits) -> Result<(), PublishError> {
        self.settle()?;
        let stem = stem(stored);
        let record = crate::record::encode(stored);
        let (length, allowed) = (record.len() as u64, limits.record_bytes);
        if length > allowed {
            return Err(PublishError::CommitRecordOverLimit { length, allowed });
        }
        if let Err(error) = self.publish(*place, stem, &record) {
            if self.undo(stem).is_err() {
                self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).push(stem);
            }
            return Err(error.into());
        }
        Ok(())
    }

    fn listed(&self) {
        if let Some(wake) = &*self.wake.lock().unwrap_or_else(PoisonError::into_inner) {
            // Full: it is woken already, and has yet to look.
            let _ = wake.try_send(());
        }
    }

    fn open(&self, stored: &StoredCommit) -> Result<Arc<dyn ReadFile>, DiskError> {
        if let Some(base) = self.base_of(stem(stored)) {
            return self.put_together(stored, base);
        }
        let path = self.path_of(stored);
        match self.disk.open(&path).named(DiskAction::Open, &path) {
            // It became a recipe between the look and the opening.
            Err(error @ DiskError::NotFound { .. }) => match self.base_of(stem(stored)) {
                Some(base) => self.put_together(stored, base),
                None => Err(error),
            },
            opened => opened,
        }
    }

    // req: STO-11
    fn forget(&self, stored: &StoredCommit) -> Result<(), NotForgotten> {
        let stem = stem(stored);
        let removed = self.settle().and_then(|()| self.rename(Name::Record(stem), Name::Removed(stem)));
        removed.map_err(|error| NotForgotten { error, still_there: true })?;
        self.sync().map_err(|error| NotForgotten { error, still_there: false })?;
        // The commit is gone for good. Its file goes now or at the next start.
        self.drop_old_marks(stem);
        match self.forget_history(stem) {
            Forgotten::Needed => {}
            Forgotten::Unneeded { idle } => {
                self.sweep(stem);
                if let Some(base) = idle {
                    self.sweep(base);
                }
            }
        }
        Ok(())
    }

    fn needs_others(&self) -> HashMap<u64, u64> {
        self.made_over()
    }

    fn withdraw(&self, file: FileUuid) -> Result<bool, DiskError> {
        self.withdrawals().mark(file)
    }

    fn withdrawn(&self) -> Result<HashSet<FileUuid>, DiskError> {
        self.withdrawals().list()
    }

    fn problems(&self) -> Vec<Problem> {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) fn stem(stored: &StoredCommit) -> Stem {
    Stem { sequence: stored.sequence, file: stored.commit.file }
}

/// Problems told at most; each is a file in the folder, so there could be any number.
const MOST_PROBLEMS: usize = 1_000;
